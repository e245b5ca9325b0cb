"""Prediction intervals and sets: their definition, their coverage, their errors."""

import pickle
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import covering
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.datasets import load_iris, make_friedman1
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, RepeatedKFold, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl2 import MLPClassifier, MLPRegressor
from skl2.inspection import _intervals, prediction_interval, prediction_set
from skl2.model_selection import AlphaSearchCV, MLPClassifierCV, MLPRegressorCV

pytestmark = pytest.mark.filterwarnings("ignore:.*enclosed")

QUICK = {"learning_rate": "cosine", "learning_rate_init": 0.03, "max_iter": 15}
ALPHAS = [0.1, 1.0]
HOLDOUT = ShuffleSplit(1, test_size=0.3, random_state=0)
X, Y = make_friedman1(320, noise=1.0, random_state=0)
TRAIN, TEST = slice(0, 200), slice(200, None)


def searched(loss="squared_error", y=Y, cv=5, sample_weight=None, **params):
    mlp = MLPRegressor(loss, (10,), random_state=0, **QUICK | params)
    search = AlphaSearchCV(
        make_pipeline(StandardScaler(), mlp), alphas=ALPHAS, cv=cv, random_state=0
    )
    return search.fit(X[TRAIN], y[TRAIN])


def brute_force(search, x, coverage):
    """Lower and upper bound at one row, by the definition, value by value."""
    below, above = [], []
    for split in search.held_out_:
        low, *_, high = np.repeat(split.model.predict(x), 2)
        for y, predicted in zip(split.y, split.prediction, strict=True):
            a, *_, b = np.repeat(predicted, 2)
            score = max(a - y, y - b)
            below.append(low - score)
            above.append(high + score)
    n = len(above)
    rank = int(np.ceil(round(coverage * (n + 1), 6)))
    # The ⌊(1 - coverage)(n + 1)⌋-th smallest is that many from the other end.
    return sorted(below)[n - rank], sorted(above)[rank - 1]


@pytest.mark.parametrize(
    "quantile, cv",
    covering([None, 0.5, [0.1, 0.5, 0.9]], [4, HOLDOUT], strength=1),
)
def test_an_interval_is_its_definition(quantile, cv, monkeypatch):
    params = {} if quantile is None else {"loss": "quantile", "quantile": quantile}
    search = searched(cv=cv, **params)
    # The rows of X come in several chunks.
    monkeypatch.setattr(_intervals, "CHUNK_ELEMENTS", 900)
    for coverage in (0.5, 0.9):
        lower, upper = prediction_interval(search, X[TEST], coverage=coverage)
        assert lower.shape == upper.shape == (120,)
        expected = [brute_force(search, X[[i]], coverage) for i in range(200, 320, 10)]
        assert_allclose(np.c_[lower, upper][::10], expected, rtol=1e-12)


def deviation(coverage, n_held_out, n_test):
    """Of the share of test rows covered: that of the rank, and that of the rows."""
    return np.sqrt(coverage * (1 - coverage) * (1 / n_held_out + 1 / n_test))


@pytest.mark.parametrize("cv", [5, HOLDOUT], ids=["folds", "holdout"])
@pytest.mark.parametrize("quantiles", [None, [0.05, 0.95], [0.4, 0.6]], ids=str)
def test_intervals_cover_and_grow_with_the_coverage(quantiles, cv):
    params = {} if quantiles is None else {"loss": "quantile", "quantile": quantiles}
    search = searched(cv=cv, **params)
    widths = []
    for coverage in (0.5, 0.8, 0.9):
        lower, upper = prediction_interval(search, X[TEST], coverage=coverage)
        share = np.mean((lower <= Y[TEST]) & (Y[TEST] <= upper))
        n_held_out = 200 if cv == 5 else 60
        assert abs(share - coverage) < 3 * deviation(coverage, n_held_out, 120)
        widths.append(np.mean(upper - lower))
    assert widths == sorted(widths)


def test_several_targets_have_an_interval_each():
    both = np.column_stack([Y, 10.0 * Y[::-1]])
    search = searched(y=both, cv=HOLDOUT)
    lower, upper = prediction_interval(search, X[TEST])
    assert lower.shape == upper.shape == (120, 2)
    (split,) = search.held_out_
    scores = np.sort(abs(split.y - split.prediction), axis=0)
    rank = int(np.ceil(0.9 * (len(scores) + 1)))
    middle = split.model.predict(X[TEST])
    assert_allclose(upper - middle, np.tile(scores[rank - 1], (120, 1)))
    assert_allclose(middle - lower, np.tile(scores[rank - 1], (120, 1)))


@pytest.mark.filterwarnings("ignore:A column-vector")
def test_a_column_of_targets_is_one_target():
    params = {"loss": "quantile", "quantile": [0.1, 0.9], "cv": HOLDOUT}
    expected = prediction_interval(searched(**params), X[TEST])
    column = searched(y=Y[:, np.newaxis], **params)
    assert_array_equal(prediction_interval(column, X[TEST]), expected)


class Constant(RegressorMixin, BaseEstimator):
    """Predicts a number."""

    def __init__(self, value=0.0):
        self.value = value

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.full(len(X), self.value)


def of_scores(*scores, weights=None):
    """A search whose splits have held out rows of these scores."""
    search = AlphaSearchCV(Constant())
    start = np.cumsum([0, *map(len, scores)])
    search.held_out_ = [
        SimpleNamespace(
            model=Constant(float(k)).fit(None, None),
            rows=np.arange(len(own)) + start[k],
            y=k + np.array(own, dtype=float),
            prediction=np.full(len(own), float(k)),
            weight=None if weights is None else np.array(weights[k], dtype=float),
        )
        for k, own in enumerate(scores)
    ]
    return search


def test_the_rank_is_of_one_more_than_there_are():
    nine = of_scores(range(1, 10))
    assert prediction_interval(nine, [[0]], coverage=0.9)[1] == 9.0
    assert prediction_interval(nine, [[0]], coverage=0.8)[1] == 8.0
    assert prediction_interval(nine, [[0]], coverage=0.81)[1] == 9.0
    with pytest.raises(ValueError, match=r"coverage=0.91 needs 11 rows.*held out 9"):
        prediction_interval(nine, [[0]], coverage=0.91)


def test_weights_count_as_repetitions():
    weighted = of_scores([1, 2, 3, 4], [5, 6, 7], weights=[[2, 1, 0, 3], [1, 2, 2]])
    repeated = of_scores([1, 1, 2, 4, 4, 4], [5, 6, 6, 7, 7])
    for coverage in (0.3, 0.5, 0.7, 0.9):
        assert prediction_interval(
            weighted, [[0]], coverage=coverage
        ) == prediction_interval(repeated, [[0]], coverage=coverage)


def test_an_interval_is_never_turned_around():
    wide = searched("quantile", quantile=[0.001, 0.999], cv=5)
    lower, upper = prediction_interval(wide, X, coverage=0.05)
    assert (lower <= upper).all()


def classifier(labels, cv=5, rows=slice(None)):
    X, _ = load_iris(return_X_y=True)
    mlp = MLPClassifier((10,), random_state=0, **QUICK)
    search = AlphaSearchCV(mlp, alphas=ALPHAS, cv=cv, random_state=0)
    return search.fit(X[rows], labels[rows]), X


@pytest.mark.parametrize("cv", [4, HOLDOUT], ids=["folds", "holdout"])
@pytest.mark.parametrize("names", ["abc", (0, 1)], ids=["three", "two"])
def test_a_set_is_its_definition(names, cv):
    labels = np.array(list(names))[load_iris(return_X_y=True)[1] % len(names)]
    order = np.random.RandomState(0).permutation(150)
    search, X = classifier(labels[order], cv)
    classes = list(search.classes_)
    for coverage in (0.6, 0.95):
        sets = prediction_set(search, X[:40], coverage=coverage)
        assert sets.shape == (40, len(classes)) and sets.dtype == bool
        expected = np.empty_like(sets)
        for i, c in product(range(0, 40), range(len(classes))):
            n, n_below = 0, 0
            for split in search.held_out_:
                p = split.model.predict_proba(X[[i]])[0, c]
                for y, own in zip(split.y, split.prediction, strict=True):
                    n += 1
                    n_below += 1 - own[classes.index(y)] < 1 - p
            expected[i, c] = n_below < coverage * (n + 1)
        assert_array_equal(sets, expected)


def test_sets_cover():
    labels = load_iris(return_X_y=True)[1]
    order = np.random.RandomState(0).permutation(150)
    # The sepals alone leave doubts.
    X, y = load_iris(return_X_y=True)[0][order, :2], labels[order]
    mlp = MLPClassifier((10,), random_state=0, **QUICK)
    search = AlphaSearchCV(mlp, alphas=ALPHAS, cv=5, random_state=0)
    search.fit(X[:100], y[:100])
    sizes = []
    for coverage in (0.5, 0.8, 0.95):
        sets = prediction_set(search, X[100:], coverage=coverage)
        share = sets[np.arange(50), y[100:]].mean()
        assert abs(share - coverage) < 3 * deviation(coverage, 100, 50)
        sizes.append(sets.sum())
    assert sizes == sorted(sizes)


class Shares(ClassifierMixin, BaseEstimator):
    """Predicts the shares of the training rows."""

    def fit(self, X, y):
        self.classes_, counts = np.unique(y, return_counts=True)
        self.shares = counts / counts.sum()
        return self

    def predict_proba(self, X):
        return np.tile(self.shares, (len(X), 1))


def test_a_class_that_the_model_of_a_split_does_not_know():
    model = Shares().fit(None, ["a", "a", "c", "c"])
    search = AlphaSearchCV(model)
    rows = np.arange(9)
    y = np.array(list("aaaaccccb"))
    search.held_out_ = [
        SimpleNamespace(
            model=model, rows=rows, y=y, prediction=model.predict_proba(y), weight=None
        )
    ]
    # The score of the last row is 1, those of the others are 1/2.
    assert prediction_set(search, [[0]], coverage=0.8).tolist() == [[True, False, True]]
    assert prediction_set(search, [[0]], coverage=0.9).all()


def test_the_table_estimators_hand_on_their_search():
    quick = {"hidden_layer_sizes": (4,), "n_bins": 4, "n_estimators": 1}
    quick |= {"alphas": ALPHAS, "cv": 3, "random_state": 0}
    y = 100.0 * Y
    reg = MLPRegressorCV("quantile", quantile=[0.1, 0.9], **quick)
    reg.fit(X[TRAIN], y[TRAIN])
    lower, upper = prediction_interval(reg, X[TEST])
    assert abs(np.mean((lower <= y[TEST]) & (y[TEST] <= upper)) - 0.9) < 0.1
    again = prediction_interval(pickle.loads(pickle.dumps(reg)), X[TEST])
    assert_array_equal(again, [lower, upper])
    clf = MLPClassifierCV(**quick).fit(X[TRAIN], Y[TRAIN] > 14)
    sets = prediction_set(clf, X[TEST])
    right = sets[np.arange(120), (Y[TEST] > 14).astype(int)]
    assert abs(right.mean() - 0.9) < 0.1
    with pytest.raises(ValueError, match="features"):
        prediction_interval(reg, X[:, :5])


def test_errors_say_what_to_do():
    search = searched(cv=KFold(3))
    for coverage in (0, 1, -0.1, 1.5, np.nan, None, "most", True):
        with pytest.raises(ValueError, match=r"coverage must be a number in \(0, 1\)"):
            prediction_interval(search, X, coverage=coverage)
    with pytest.raises(TypeError, match="use prediction_interval"):
        prediction_set(search, X)
    labels, iris = classifier(load_iris(return_X_y=True)[1])
    with pytest.raises(TypeError, match="use prediction_set"):
        prediction_interval(labels, iris)
    grid = GridSearchCV(Constant(), {"value": [1.0]}).fit(X, Y)
    for other in (grid, MLPRegressor()):
        with pytest.raises(TypeError, match=f"AlphaSearchCV.*{type(other).__name__}"):
            prediction_interval(other, X)
    for unfitted in (AlphaSearchCV(MLPRegressor()), MLPRegressorCV()):
        with pytest.raises(NotFittedError):
            prediction_interval(unfitted, X)
    repeated = searched(cv=RepeatedKFold(n_splits=2, n_repeats=2, random_state=0))
    with pytest.raises(ValueError, match="several times: give folds or one holdout"):
        prediction_interval(repeated, X)
    search.held_out_ = None
    with pytest.raises(ValueError, match="not kept"):
        prediction_interval(search, X)
    indicator = np.eye(3, dtype=int)[load_iris(return_X_y=True)[1]]
    multilabel, _ = classifier(indicator, cv=KFold(3, shuffle=True))
    with pytest.raises(ValueError, match="one label a row"):
        prediction_set(multilabel, iris)
