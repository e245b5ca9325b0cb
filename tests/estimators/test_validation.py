"""Early stopping: own validation rows, any score, both curves, the best weights."""

import numpy as np
import pytest
from helpers import covering, fit_quietly
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from sklearn import config_context
from sklearn.metrics import get_scorer, log_loss, mean_squared_error
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skl2 import MLPClassifier, MLPRegressor
from skl2.augmentation import GaussianNoise
from skl2.model_selection import StackedGridSearchCV

RNG = np.random.RandomState(0)
X, X_VAL = RNG.standard_normal((80, 4)), RNG.standard_normal((40, 4))


def target(kind, X, seed):
    rng = np.random.RandomState(seed)
    score = X[:, 0] + X[:, 1] ** 2 + 0.5 * rng.standard_normal(len(X))
    if kind == "regression":
        return score
    if kind == "multioutput":
        return np.column_stack([score, X[:, 2]])
    if kind == "binary":
        return np.where(score > 1, "yes", "no")
    if kind == "multiclass":
        return np.array(["a", "b", "c"])[np.digitize(score, [0, 1.5])]
    return (np.column_stack([score, X[:, 2], X[:, 3]]) > 0.5).astype(int)


KINDS = ["regression", "multioutput", "binary", "multiclass", "multilabel"]
kinds = pytest.mark.parametrize("kind", KINDS)
SCORINGS = {
    "regression": [None, "loss", "neg_mean_absolute_error"],
    "multioutput": [None, "loss", "r2"],
    "binary": [None, "loss", "roc_auc", "neg_log_loss"],
    "multiclass": [None, "loss", "balanced_accuracy", "neg_log_loss"],
    "multilabel": [None, "loss", "f1_macro"],
}
FEATURES = {
    "plain": {},
    "dropout": {"dropout": 0.3},
    "batch norm": {"batch_norm": True},
    "augmentation": {"augmentation": GaussianNoise(0.1)},
    "max norm": {"max_norm": 2.0},
    "l1": {"penalty": "l1", "solver": "sgd", "alpha": 0.1},
}


def make(kind, **params):
    kind_of = MLPRegressor if kind in KINDS[:2] else MLPClassifier
    defaults = {
        "hidden_layer_sizes": 8,
        "early_stopping": True,
        "learning_rate_init": 0.02,
        "max_iter": 30,
        "random_state": 0,
    }
    return kind_of(**(defaults | params))


def fitted(kind, container=np.asarray, dtype=np.float64, weighted=False, **params):
    data, held_out = (container(a.astype(dtype)) for a in (X, X_VAL))
    y, y_val = target(kind, X, 1), target(kind, X_VAL, 2)
    weights = {}
    if weighted:
        weights["sample_weight"] = np.arange(80) % 3
        weights["sample_weight_val"] = np.arange(40) % 4 + 0.5
    model = make(kind, **params)
    fit_quietly(model, data, y, X_val=held_out, y_val=y_val, **weights)
    return model, held_out, y_val, weights.get("sample_weight_val")


def mean_loss(model, X, y, weight):
    if isinstance(model, MLPRegressor):
        outputs = 1 if y.ndim == 1 else y.shape[1]
        error = mean_squared_error(y, model.predict(X), sample_weight=weight)
        return 0.5 * outputs * error
    p = model.predict_proba(X)
    if y.ndim == 1:
        return log_loss(y, p, sample_weight=weight)
    each = -np.log(np.where(y == 1, p, 1 - p)).sum(axis=1)
    return np.average(each, weights=weight)


@pytest.mark.parametrize("kind, feature", covering(KINDS, FEATURES, strength=1))
def test_the_weights_are_those_of_the_best_epoch(kind, feature):
    for scoring in SCORINGS[kind]:
        model, held_out, y_val, _ = fitted(
            kind, scoring=scoring, max_iter=12, **FEATURES[feature]
        )
        scores = model.validation_scores_
        assert len(scores) == len(model.loss_curve_) == model.n_iter_
        assert model.best_validation_score_ == max(scores)
        assert len(model.validation_loss_curve_) == len(scores)
        loss = mean_loss(model, held_out, y_val, None)
        best = int(np.argmax(scores))
        assert_allclose(loss, model.validation_loss_curve_[best], rtol=1e-9)
        if scoring == "loss":
            assert_allclose(scores, -np.array(model.validation_loss_curve_), rtol=0)
        elif scoring is None:
            assert_allclose(model.score(held_out, y_val), max(scores), rtol=1e-12)
        else:
            again = get_scorer(scoring)(model, held_out, y_val)
            assert_allclose(again, max(scores), rtol=1e-9)


@pytest.mark.parametrize(
    "kind, container, dtype, weighted",
    covering(KINDS, [np.asarray, csr_matrix], [np.float32, np.float64], [False, True]),
)
def test_data_of_all_kinds(kind, container, dtype, weighted):
    model, held_out, y_val, weight = fitted(
        kind, container, dtype, weighted, scoring="loss"
    )
    assert model.coefs_[0].dtype == dtype
    loss = mean_loss(model, held_out, y_val, weight)
    rtol = 1e-9 if dtype == np.float64 else 1e-4
    assert_allclose(loss, min(model.validation_loss_curve_), rtol=rtol)


def test_own_rows_leave_all_of_X_to_training():
    model, *_ = fitted("regression", n_iter_no_change=np.inf, max_iter=4)
    assert model.t_ == 4 * 80
    # Until it stops the trajectory is that of a fit without.
    plain = make("regression", early_stopping=False, max_iter=4)
    fit_quietly(plain, X, target("regression", X, 1))
    assert_array_equal(model.loss_curve_, plain.loss_curve_)


def test_a_callable_scorer_gets_a_fitted_estimator():
    seen = []

    def scorer(estimator, X, y):
        seen.append(estimator)
        assert y.dtype == target("binary", X_VAL, 2).dtype
        return float((estimator.predict(X) == y).mean())

    model, *_ = fitted("binary", scoring=scorer)
    default, *_ = fitted("binary")
    assert model.validation_scores_ == default.validation_scores_
    assert all(e is not model and hasattr(e, "coefs_") for e in seen)


class Accident:
    """A scorer that does something else in its fifth call."""

    def __init__(self, accident):
        self.accident, self.n = accident, 0

    def __call__(self, estimator, X, y):
        self.n += 1
        if self.n == 5:
            return self.accident()
        return -abs(self.n - 3)


def interrupt():
    raise KeyboardInterrupt


@pytest.mark.filterwarnings("ignore:Training interrupted")
@pytest.mark.parametrize("accident", [interrupt, lambda: np.nan])
def test_best_weights_after_ctrl_c_and_nan_scores(accident):
    scorer = Accident(accident)
    model, *_ = fitted("regression", scoring=scorer, max_iter=7, random_state=3)
    assert model.best_validation_score_ == 0.0
    until_best, *_ = fitted("regression", scoring=Accident(None), max_iter=3)
    until_best, *_ = fitted(
        "regression", scoring=Accident(None), max_iter=3, random_state=3
    )
    assert_array_equal(model.coefs_[0], until_best.coefs_[0])


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_splits_are_stratified(kind):
    rows = []

    class Watched(MLPClassifier):
        def _validation(self, data):
            score, stratify = super()._validation(data)

            def watched(raw, data, held_out, theta):
                rows.append(held_out)
                return score(raw, data, held_out, theta)

            return watched, stratify

    # Rare labels: 12 of 120 rows.
    label = np.repeat([0, 1, 2, 3, 4, 5, 6, 7, 8, 8], 12)
    y = {
        "binary": (label == 0).astype(int),
        "multiclass": label,
        "multilabel": np.column_stack([label == 0, label < 3]).astype(int),
    }[kind]
    data = np.random.RandomState(0).standard_normal((120, 3))
    for seed in range(5):
        model = Watched(
            4,
            early_stopping=True,
            validation_fraction=0.25,
            max_iter=1,
            random_state=seed,
        )
        fit_quietly(model, data, y)
        assert (label[rows[-1]] == 0).sum() == 3


RARE = {
    "one row of a class": np.r_[np.arange(119) % 3, 7],
    "many classes of 3 rows": np.repeat(np.arange(40), 3),
    "a row each": np.arange(120),
}


@pytest.mark.parametrize("name", RARE)
def test_rare_classes_can_be_held_out(name):
    model = MLPClassifier(4, early_stopping=True, max_iter=3, random_state=0)
    fit_quietly(model, np.random.RandomState(0).randn(120, 3), RARE[name])
    assert len(model.validation_scores_) == 3


def test_rows_of_weight_zero_are_in_no_stratum():
    # Class 7 has one row that counts: with the others it could be a stratum.
    data, y = np.random.RandomState(0).randn(126, 3), np.arange(126) % 3
    y[119:] = 7
    weight = np.repeat([1.0, 0.0], [120, 6])
    weighted, alone = (
        MLPClassifier(4, early_stopping=True, max_iter=3, random_state=0)
        for _ in range(2)
    )
    fit_quietly(weighted, data, y, sample_weight=weight)
    fit_quietly(alone, data[:120], y[:120], sample_weight=weight[:120])
    assert weighted.validation_scores_ == alone.validation_scores_
    assert_array_equal(weighted.coefs_[0], alone.coefs_[0])


def test_through_a_pipeline():
    y, y_val = target("regression", X, 1), target("regression", X_VAL, 2)
    with config_context(enable_metadata_routing=True):
        mlp = make("regression").set_fit_request(X_val=True, y_val=True)
        pipe = Pipeline(
            [("scale", StandardScaler()), ("mlp", mlp)], transform_input=["X_val"]
        )
        fit_quietly(pipe, 10 * X, y, X_val=10 * X_VAL, y_val=y_val)
    scaler = StandardScaler().fit(10 * X)
    alone = make("regression")
    fit_quietly(
        alone,
        scaler.transform(10 * X),
        y,
        X_val=scaler.transform(10 * X_VAL),
        y_val=y_val,
    )
    assert_array_equal(pipe["mlp"].coefs_[0], alone.coefs_[0])


@pytest.mark.parametrize("scoring", [None, "loss", "neg_mean_absolute_error"])
def test_in_a_stacked_search(scoring):
    y = target("regression", X, 1)
    grid = {"alpha": [0.1, 10.0], "dropout": [0.0, 0.4], "scoring": [scoring]}
    search = StackedGridSearchCV(make("regression", max_iter=8), grid, cv=2)
    fit_quietly(search, X, y)
    from sklearn.model_selection import GridSearchCV

    plain = fit_quietly(GridSearchCV(search.estimator, grid, cv=2), X, y)
    for name, column in plain.cv_results_.items():
        if "time" not in name:
            assert_array_equal(search.cv_results_[name], column)


def test_bad_input():
    y, y_val = target("binary", X, 1), target("binary", X_VAL, 2)
    model = make("binary")
    cases = [
        ({"X_val": X_VAL}, "y_val was not given"),
        ({"y_val": y_val}, "X_val was not given"),
        ({"sample_weight_val": np.ones(40)}, "without X_val and y_val"),
        ({"X_val": X_VAL[:, :3], "y_val": y_val}, "3 features"),
        ({"X_val": X_VAL, "y_val": y_val[:-1]}, "inconsistent numbers of samples"),
        ({"X_val": X_VAL, "y_val": np.full(40, "maybe")}, "classes not in"),
        (
            {"X_val": X_VAL, "y_val": y_val, "sample_weight_val": -np.ones(40)},
            "sample_weight_val",
        ),
    ]
    for arguments, message in cases:
        with pytest.raises(ValueError, match=message):
            model.fit(X, y, **arguments)
        assert not hasattr(model, "coefs_") and not hasattr(model, "classes_")
    with pytest.raises(ValueError, match="early_stopping=True, which is False"):
        make("binary", early_stopping=False).fit(X, y, X_val=X_VAL, y_val=y_val)
