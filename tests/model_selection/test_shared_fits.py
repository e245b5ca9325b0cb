"""How a stacked search shares trainings and preprocessing."""

import pickle
import tempfile

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from searches import (
    ALPHAS,
    Classifier,
    assert_same_networks,
    assert_same_results,
    assert_same_search,
    scaled,
)
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skl2.model_selection import StackedGridSearchCV, _shared_fits

pytestmark = pytest.mark.usefixtures("one_thread")


rng = np.random.RandomState(0)


ROWS = rng.permutation(150)[:60]


X_iris, y_iris = (a[ROWS] for a in load_iris(return_X_y=True))


class CountingScaler(StandardScaler):
    """Notes the rows of every fit."""

    fits = []

    def fit(self, X, y=None, sample_weight=None):
        CountingScaler.fits.append(len(X))
        return super().fit(X, y, sample_weight)


@pytest.fixture
def counted():
    CountingScaler.fits.clear()
    return CountingScaler.fits


def counting(**mlp):
    return Pipeline([("scale", CountingScaler()), ("mlp", Classifier(**mlp))])


@pytest.mark.parametrize(
    "grid, n_settings",
    [
        ({"mlp__alpha": ALPHAS}, 1),
        ({"mlp__alpha": ALPHAS[::2], "scale__with_mean": [True, False]}, 2),
        ([{"mlp__alpha": ALPHAS[::2]}, {"mlp__hidden_layer_sizes": [(3,), ()]}], 1),
        ({"mlp__solver": ["lbfgs", "sgd"], "mlp__alpha": [1.0, -1.0]}, 1),
    ],
)
def test_preprocessing_is_fitted_once_per_fold(
    grid, n_settings, counted, monkeypatch, tmp_path
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    StackedGridSearchCV(counting(), grid, cv=3).fit(X_iris, y_iris)
    assert counted == [40] * 3 * n_settings + [60]
    assert list(tmp_path.iterdir()) == []


def test_preprocessing_of_equal_folds_is_not_shared_with_other_labels(counted):
    # The same rows, other targets: a supervised transformer would differ.
    splits = [(np.arange(40), np.arange(40, 60))] * 2
    search = StackedGridSearchCV(counting(), {"mlp__alpha": ALPHAS}, cv=splits)
    search.fit(X_iris, y_iris)
    assert counted == [40, 60]
    search.fit(X_iris, y_iris == 1)
    assert counted == [40, 60] * 2


@pytest.mark.parametrize("kind", ["memory", "path"])
def test_memory_set_by_the_user_is_respected(kind, tmp_path, counted):
    memory = joblib.Memory(tmp_path, verbose=0) if kind == "memory" else str(tmp_path)
    model = counting().set_params(memory=memory)
    grid = {"mlp__alpha": ALPHAS[::2]}
    search = StackedGridSearchCV(model, grid, cv=3).fit(X_iris, y_iris)
    assert counted == [40] * 3 + [60]
    assert search.estimator.memory is memory
    assert str(tmp_path) in str(search.best_estimator_.memory)
    assert list(tmp_path.iterdir())
    # What it keeps outlives the search.
    search.fit(X_iris, y_iris)
    assert len(counted) == 4
    theirs = GridSearchCV(model, grid, cv=3).fit(X_iris, y_iris)
    assert_same_results(search.cv_results_, theirs.cv_results_)


def test_without_a_seed_nothing_is_trained_twice(trainings):
    def search(seed):
        # The stream that random_state=None stands for.
        np.random.seed(seed)  # noqa: NPY002
        trainings.clear()
        search = StackedGridSearchCV(
            scaled(random_state=None),
            {"mlp__alpha": ALPHAS},
            cv=3,
            scoring="neg_log_loss",
        )
        found = search.fit(X_iris, y_iris).cv_results_["mean_test_score"]
        assert sum(trainings.stacks) + trainings.alone == 4 * 3 + 1
        return found

    scores = search(0)
    assert_array_equal(search(0), scores)
    assert (search(1) != scores).all()


def test_what_leaves_the_process_trains_on_its_own(trainings):
    copies = []

    def score_a_copy(estimator, X, y):
        copies.append(pickle.loads(pickle.dumps(estimator)))
        assert isinstance(estimator["mlp"]._location, _shared_fits.Location)
        assert copies[-1]["mlp"]._location is None
        assert copies[-1].memory is None
        return copies[-1].score(X, y)

    options = {"cv": 3, "scoring": score_a_copy, "error_score": "raise"}
    search = StackedGridSearchCV(scaled(), {"mlp__alpha": ALPHAS}, **options)
    search.fit(X_iris, y_iris)
    trainings.clear()
    copies[0].fit(X_iris, y_iris)
    assert (trainings.stacks, trainings.alone) == ([], 1)
    alone = scaled(alpha=ALPHAS[0]).fit(X_iris, y_iris)
    assert_same_networks(copies[0], alone)


def test_a_network_fitted_in_the_scorer_is_not_mixed_up():
    # While fits are shared: other rows, then other weights, targets, parameters.
    def refit_and_score(estimator, X, y):
        for params, y_other, weight in [
            ({}, y, None),
            ({}, y, np.linspace(0.5, 2.0, len(y))),
            ({}, y, np.linspace(2.0, 0.5, len(y))),
            ({}, 2 - y, None),
            ({"max_iter": 2}, y, None),
        ]:
            fit_params = {} if weight is None else {"mlp__sample_weight": weight}
            other = clone(estimator)
            other["mlp"].set_params(**params)
            other.fit(X, y_other, **fit_params)
            alone = scaled(alpha=other["mlp"].alpha, **params)
            assert_same_networks(other, alone.fit(X, y_other, **fit_params))
        return estimator.score(X, y)

    grid = {"mlp__alpha": ALPHAS[:2]}
    options = {"cv": 2, "error_score": "raise"}
    ours = StackedGridSearchCV(scaled(), grid, scoring=refit_and_score, **options)
    theirs = GridSearchCV(scaled(), grid, **options)
    assert_same_search(ours.fit(X_iris, y_iris), theirs.fit(X_iris, y_iris))
