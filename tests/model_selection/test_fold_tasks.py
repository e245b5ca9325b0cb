"""Folds as tasks of processes: the numbers of a search are those of one process."""

import os
import signal
import threading
import time
import warnings
from contextlib import nullcontext

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csr_matrix
from searches import (
    ALPHAS,
    Classifier,
    Recorder,
    assert_same_networks,
    assert_same_results,
    same,
    scaled,
)
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.metrics import make_scorer, r2_score
from sklearn.model_selection import KFold, ShuffleSplit
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skl2 import MLPRegressor
from skl2.model_selection import (
    AlphaSearchCV,
    MLPClassifierCV,
    StackedGridSearchCV,
    StackedHalvingGridSearchCV,
    StackedRandomizedSearchCV,
)
from skl2.model_selection._processes import woken_pool

pytestmark = [
    pytest.mark.usefixtures("one_pool", "processes"),
    pytest.mark.filterwarnings("ignore:.*enclosed"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning"),
    pytest.mark.filterwarnings("ignore:One or more of the test scores"),
]


def regressor():
    return MLPRegressor(
        hidden_layer_sizes=(4,),
        batch_size=16,
        max_iter=4,
        learning_rate_init=0.05,
        random_state=0,
    )


X_iris, y_iris = (a[::3][:60] for a in load_iris(return_X_y=True))
X_diabetes, y_diabetes = (a[:60] for a in load_diabetes(return_X_y=True))
GRID = {"mlp__alpha": ALPHAS[::2]}
SHAPES = [
    {"mlp__alpha": ALPHAS[:2], "mlp__hidden_layer_sizes": [(3,), (), (4, 3)]},
    {"mlp__solver": ["lbfgs"], "mlp__alpha": [1.0]},
]
WEIGHTS = {"mlp__sample_weight": np.arange(len(y_iris)) % 3}
IRIS = (X_iris, y_iris)
SPARSE = (csr_matrix(X_iris), y_iris)
DIABETES = (X_diabetes, y_diabetes)


def grid(estimator, candidates, **options):
    return StackedGridSearchCV(estimator, candidates, **{"cv": 3} | options)


def of_targets():
    return TransformedTargetRegressor(scaled(regressor()), transformer=StandardScaler())


def alpha_search(estimator, **options):
    return AlphaSearchCV(estimator, **{"cv": 3, "random_state": 0} | options)


# Search, data, parameters of fit.
SEARCHES = {
    "pipeline": (lambda: grid(scaled(), GRID), IRIS, {}),
    "bare, five folds": (
        lambda: grid(Classifier(), {"alpha": ALPHAS}, cv=5, scoring="neg_log_loss"),
        IRIS,
        {},
    ),
    "several shapes": (
        lambda: grid(scaled(), SHAPES, return_train_score=True, verbose=0),
        IRIS,
        {},
    ),
    "one split": (
        lambda: grid(scaled(), GRID, cv=ShuffleSplit(1, random_state=0)),
        IRIS,
        {},
    ),
    "random_state=None": (
        lambda: grid(
            scaled(random_state=None), GRID, cv=KFold(3, shuffle=True), refit=False
        ),
        IRIS,
        {},
    ),
    "random_state in the grid": (
        lambda: grid(scaled(), {"mlp__random_state": [None, 3]}),
        IRIS,
        {},
    ),
    "failing candidates": (
        lambda: grid(scaled(), {"mlp__alpha": [1.0, -1.0, 2.0]}, error_score=-9.0),
        IRIS,
        {},
    ),
    "sample_weight": (lambda: grid(scaled(), GRID), IRIS, WEIGHTS),
    "sparse": (
        lambda: grid(Classifier(early_stopping=True), {"alpha": ALPHAS}),
        SPARSE,
        {},
    ),
    "regressor, several scorers": (
        lambda: grid(
            of_targets(),
            {"regressor__mlp__alpha": ALPHAS[::2]},
            scoring={"r2": "r2", "other": make_scorer(r2_score)},
            refit="r2",
        ),
        DIABETES,
        {},
    ),
    "a local scorer": (
        lambda: grid(scaled(), GRID, scoring=lambda e, X, y: e.score(X, y) - 1),
        IRIS,
        {},
    ),
    "ensemble": (lambda: grid(scaled(n_estimators=2), GRID), IRIS, {}),
    "randomized": (
        lambda: StackedRandomizedSearchCV(
            scaled(), {"mlp__alpha": ALPHAS}, n_iter=3, random_state=0, cv=3
        ),
        IRIS,
        {},
    ),
    "halving": (
        lambda: StackedHalvingGridSearchCV(
            scaled(), {"mlp__alpha": ALPHAS}, factor=2, cv=2, random_state=0
        ),
        IRIS,
        {},
    ),
    "alpha search": (
        lambda: alpha_search(
            scaled(), n_refine=1, return_path=True, return_train_score=True
        ),
        IRIS,
        {},
    ),
    "alpha search, weights, targets": (
        lambda: alpha_search(
            scaled(regressor()),
            alphas=[1.0, 10.0],
            param_grid={"mlp__hidden_layer_sizes": [(), (3,)]},
        ),
        DIABETES,
        {"mlp__sample_weight": np.arange(len(y_diabetes)) % 2 + 0.5},
    ),
    "alpha search, a callable refit": (
        lambda: alpha_search(
            scaled(),
            alphas=[1.0, 10.0],
            scoring="accuracy",
            refit=lambda results: 1,
            return_path=True,
        ),
        IRIS,
        {},
    ),
}


def fitted(make, data, params, n_jobs, config=None):
    """The search, its warnings, and what the global stream draws next."""
    np.random.seed(7)  # noqa: NPY002
    search = make().set_params(n_jobs=n_jobs)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with joblib.parallel_config(**config) if config else nullcontext():
            search.fit(*data, **params)
    said = sorted({str(w.message) for w in caught if "max_iter" in str(w.message)})
    return search, said, np.random.randint(1000)  # noqa: NPY002


def assert_same(ours, theirs):
    (ours, *rest), (theirs, *other) = ours, theirs
    assert rest == other
    assert sorted(vars(ours)) == sorted(vars(theirs))
    assert_same_results(ours.cv_results_, theirs.cv_results_)
    for name in ("best_index_", "best_params_", "best_score_"):
        assert same(getattr(ours, name, None), getattr(theirs, name, None)), name
    if hasattr(theirs, "best_estimator_"):
        assert_same_networks(ours.best_estimator_, theirs.best_estimator_)
    pairs = zip(
        getattr(ours, "held_out_", None) or [],
        getattr(theirs, "held_out_", None) or [],
        strict=True,
    )
    for a, b in pairs:
        assert_same_networks(a.model, b.model)
        assert_array_equal(a.prediction, b.prediction)
        assert_array_equal(a.rows, b.rows)


@pytest.mark.parametrize("make, data, params", SEARCHES.values(), ids=SEARCHES)
def test_same_numbers_in_processes(make, data, params, processes):
    alone = fitted(make, data, params, 1)
    assert processes == []
    assert_same(fitted(make, data, params, 2), alone)
    assert min(processes) > 1


@pytest.mark.parametrize(
    "config",
    [{"backend": "threading", "n_jobs": 2}, {"n_jobs": 2}],
    ids=["threads", "a number alone"],
)
def test_same_numbers_on_a_configured_backend(config):
    make, data, params = SEARCHES["several shapes"]
    alone = fitted(make, data, params, 1)
    assert_same(fitted(make, data, params, None, config), alone)


def test_a_backend_that_was_chosen_trains_the_stacks(processes):
    with joblib.parallel_config(backend="threading", n_jobs=2):
        grid(scaled(), GRID).fit(*IRIS)
    assert processes == []


def test_same_model_of_a_table():
    X, y = load_breast_cancer(return_X_y=True)
    quick = {"cv": 2, "hidden_layer_sizes": (4,), "n_bins": 0, "alphas": [0.1, 1.0]}
    alone, two = (
        MLPClassifierCV(**quick, n_estimators=1, random_state=0, n_jobs=n).fit(
            X[:80], y[:80]
        )
        for n in (1, 2)
    )
    assert_array_equal(alone.predict_proba(X), two.predict_proba(X))
    assert alone.best_score_ == two.best_score_


def test_large_arrays_are_mapped(monkeypatch):
    monkeypatch.setattr("skl2.model_selection._processes.MAPPED_BYTES", 1)
    make, data, params = SEARCHES["sparse"]
    assert_same(fitted(make, data, params, 2), fitted(make, data, params, 1))


def warn_of_process(X):
    warnings.warn(f"in process {os.getpid()}", UserWarning, stacklevel=1)
    return X


def test_warnings_and_prints_of_workers_reach_the_user(capsys):
    estimator = scaled().set_params(scale=FunctionTransformer(warn_of_process))
    woken_pool(1)
    with pytest.warns(UserWarning, match="in process") as caught:
        grid(estimator, GRID, cv=5, n_jobs=2, verbose=2, refit=False).fit(*IRIS)
    assert capsys.readouterr().out.count("END") == 10
    seen = {str(w.message) for w in caught if "in process" in str(w.message)}
    assert len(seen) == 2


def test_what_does_not_pickle_is_searched_here():
    lock = threading.Lock()

    def scorer(estimator, X, y):
        with lock:
            return estimator.score(X, y)

    ours = fitted(lambda: grid(scaled(), GRID, scoring=scorer), IRIS, {}, 2)
    theirs = fitted(lambda: grid(scaled(), GRID, scoring="accuracy"), IRIS, {}, 1)
    assert_same_results(ours[0].cv_results_, theirs[0].cv_results_)


class Locked(StandardScaler):
    """Cannot be pickled once it is fitted."""

    def fit(self, X, y=None, sample_weight=None):
        self.lock = threading.Lock()
        return super().fit(X, y, sample_weight)


def test_a_model_that_does_not_pickle_is_kept():
    def make():
        pipeline = scaled()
        pipeline.set_params(scale=Locked())
        return alpha_search(pipeline, alphas=[1.0, 10.0], refit=False)

    ours, theirs = (fitted(make, IRIS, {}, n)[0] for n in (2, 1))
    assert len(ours.held_out_) == 3
    for a, b in zip(ours.held_out_, theirs.held_out_, strict=True):
        assert_array_equal(a.prediction, b.prediction)


def test_callbacks_see_all_tasks_in_this_process(processes):
    pytest.importorskip("sklearn.callback")
    events = []
    for n_jobs in (1, 2):
        recorder = Recorder()
        search = grid(Classifier(), {"alpha": ALPHAS}, n_jobs=n_jobs)
        search.set_callbacks(recorder).fit(*IRIS)
        events.append(recorder.events)
    assert events[0] == events[1]
    assert processes == []


def fit_grid(n_jobs):
    return grid(scaled(), GRID, n_jobs=n_jobs).fit(*IRIS).cv_results_


@pytest.mark.parametrize("backend", ["sequential", "threading"])
def test_a_search_in_a_task_uses_one_process(backend, processes):
    """joblib runs what is inside of a task on one of these."""
    with joblib.parallel_config(backend=backend, n_jobs=1):
        inside = fit_grid(2)
    assert processes == []
    assert_same_results(inside, fit_grid(1))


def test_leaves_no_files(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    grid(scaled(), GRID, n_jobs=2).fit(*IRIS)
    assert list(tmp_path.iterdir()) == []


# The last tests end the workers; new ones take two seconds.


def test_ctrl_c_ends_the_workers():
    parent = os.getpid()

    def press(estimator, X, y):
        """A scorer in a worker, during which the user presses Ctrl-C."""
        if os.getpid() != parent:
            os.kill(parent, signal.SIGINT)
            time.sleep(60)
        time.sleep(0.1)
        return 0.0

    woken_pool(1)
    search = grid(Classifier(), {"alpha": ALPHAS}, scoring=press, cv=4, n_jobs=2)
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        search.fit(*IRIS)
    assert time.monotonic() < start + 30
    assert not hasattr(search, "cv_results_")
    # The next search gets new workers.
    make, data, params = SEARCHES["pipeline"]
    assert_same(fitted(make, data, params, 2), fitted(make, data, params, 1))


def test_an_error_of_a_candidate_is_raised():
    search = grid(scaled(), {"mlp__alpha": [1.0, -1.0]}, error_score="raise", n_jobs=2)
    with pytest.raises(ValueError, match="alpha must be a finite number >= 0"):
        search.fit(*IRIS)
    assert not hasattr(search, "cv_results_")
