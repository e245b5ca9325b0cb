"""Stacked searches: scikit-learn's results, from networks trained together."""

import os
import pickle
import re
import signal
import tempfile
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
from helpers import blas_threads, covering
from numpy.testing import assert_array_equal
from scipy.stats import loguniform
from searches import (
    ALPHAS,
    Classifier,
    Recorder,
    assert_same_networks,
    assert_same_search,
    fitted_networks,
    inside,
    scaled,
)
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    ShuffleSplit,
    StratifiedKFold,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    StandardScaler,
)
from threadpoolctl import threadpool_limits

from skl2 import MLPClassifier, MLPRegressor
from skl2.model_selection import (
    AlphaSearchCV,
    StackedGridSearchCV,
    StackedHalvingGridSearchCV,
    StackedRandomizedSearchCV,
    _shared_fits,
)

pytestmark = pytest.mark.usefixtures("one_thread")


rng = np.random.RandomState(0)


TWO = [0.1, 10.0]


ROWS = rng.permutation(150)[:60]


X_iris, y_iris = (a[ROWS] for a in load_iris(return_X_y=True))


X_cancer, y_cancer = (a[:90] for a in load_breast_cancer(return_X_y=True))


X_diabetes, y_diabetes = (a[:60] for a in load_diabetes(return_X_y=True))


WEIGHTS = rng.uniform(0.2, 3.0, 60)


GROUPS = rng.randint(0, 6, 60)


Regressor = partial(
    MLPRegressor,
    hidden_layer_sizes=(4,),
    batch_size=16,
    learning_rate_init=0.05,
    max_iter=4,
    random_state=0,
)


def essence(message):
    """A message, less the lines of the tracebacks and the name of the search in it."""
    message = re.sub(r"(?m)^(Traceback.*|[ \t].*)\n", "", str(message))
    return re.sub(r"\bStacked(\w+SearchCV)", r"\1", message)


def complaints(caught):
    """Warnings in their order, and how many fits did not converge.

    A stacked search has one warning for all of them.
    """
    found, n_unfinished = [], 0
    for warning in caught:
        message = essence(warning.message)
        all_fits = re.match(r"(\d+) of \d+ fits of the search reached", message)
        if all_fits:
            n_unfinished += int(all_fits[1])
        elif re.search("hasn't converged yet|lbfgs failed to converge", message):
            n_unfinished += 1
        else:
            found.append((warning.category, message))
    return found, n_unfinished


def run(search, X, y, fit_params):
    """Warnings, number of fits that did not converge and error of a search."""
    error = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            search.fit(X, y, **fit_params)
        except Exception as e:
            error = type(e), essence(e)
    found, n_unfinished = complaints(caught)
    # A search that fails does not come to sum them up.
    return found, None if error else n_unfinished, error


def log_likelihood(estimator, X, y):
    """Mean log probability of the labels, in a fifth of the time of "neg_log_loss"."""
    own = np.searchsorted(estimator.classes_, y)
    return np.log(estimator.predict_proba(X)[np.arange(len(y)), own]).mean()


@dataclass
class Scenario:
    """A search, and what it is to train.

    `stacks` are the sizes of the stacks of each fold, `extra` those of a refit, `alone`
    is the number of fits on their own, `retried` that of fits after their stack has
    failed. None where scikit-learn's versions or the data decide.
    """

    estimator: BaseEstimator
    grid: dict | list
    stacks: list | None
    alone: int | None = 1
    X: np.ndarray = field(default_factory=lambda: X_iris)
    y: np.ndarray = field(default_factory=lambda: y_iris)
    fit_params: dict = field(default_factory=dict)
    options: dict = field(default_factory=dict)
    extra: list = field(default_factory=list)
    retried: int = 0
    fails: bool = False
    warns_in_preprocessing: bool = False
    classes: tuple = (StackedGridSearchCV, GridSearchCV)

    def searches(self, **more):
        options = {
            "cv": 2,
            "scoring": log_likelihood,
            **self.options,
            **more,
        }
        return [
            cls(clone(self.estimator), self.grid, **options) for cls in self.classes
        ]


SCENARIOS = {}


def scenario(function):
    SCENARIOS[function.__name__] = function
    return function


@scenario
def bare():
    options = {"scoring": "neg_log_loss"}
    return Scenario(Classifier(), {"alpha": TWO}, [2], options=options)


@scenario
def defaults():
    return Scenario(
        Classifier(), {"alpha": TWO}, [2], options={"scoring": None, "cv": None}
    )


@scenario
def scores_of_the_training_rows():
    options = {"return_train_score": True}
    grid = {"mlp__alpha": TWO, "mlp__hidden_layer_sizes": [(4,), ()]}
    return Scenario(scaled(), grid, [2, 2], options=options)


@scenario
def in_a_pipeline():
    return Scenario(scaled(), {"mlp__alpha": TWO}, [2])


@scenario
def nested_pipelines():
    columns = ColumnTransformer(
        [("scaled", scaled("passthrough"), [0, 1]), ("raw", "passthrough", [2, 3])]
    )
    model = Pipeline([("pca", PCA(2)), ("mlp", Classifier())])
    return Scenario(
        Pipeline([("columns", columns), ("model", model)]),
        {"model__mlp__alpha": TWO, "model__pca__n_components": [1, 2]},
        [2, 2],
    )


@scenario
def architectures_and_solvers():
    return Scenario(
        Classifier(),
        [
            {"hidden_layer_sizes": [(3,), (3, 2), ()], "alpha": [0.1, 1.0]},
            {"solver": ["sgd", "lbfgs"], "alpha": [1.0, 10.0]},
            {"activation": ["tanh"], "batch_size": [8, 10], "alpha": [1.0]},
            {"solver": ["adamw"], "max_iter": [2, 3]},
        ],
        # L-BFGS is run for each on its own.
        [2, 2, 2, 2, 1, 1, 1, 1, 1, 1],
    )


@scenario
def all_that_may_differ():
    grids = [
        {"penalty": ["l2", "l1", None], "alpha": [0.5]},
        {"alpha": [5.0], "random_state": [0, 1]},
        {
            "penalty": ["elasticnet"],
            "l1_ratio": [0.2, 0.7],
            "learning_rate_init": [0.01, 0.1],
        },
    ]
    return Scenario(Classifier(), grids, [9])


@scenario
def all_that_may_differ_in_adam():
    grids = [
        {"beta_1": [0.5, 0.8], "alpha": [10.0]},
        {"beta_2": [0.9], "epsilon": [1e-6, 1e-2]},
    ]
    return Scenario(Classifier(), grids, [4])


@scenario
def all_that_may_differ_in_sgd():
    sgd = {"solver": ["sgd"], "momentum": [0.0, 0.9]}
    grids = [
        sgd | {"learning_rate": ["constant", "invscaling", "adaptive"]},
        sgd | {"nesterovs_momentum": [False]},
    ]
    # Schedule and kind of momentum belong to the stack.
    return Scenario(Classifier(), grids, [2] * 4)


@scenario
def alpha_of_each_layer():
    grid = {"alpha": [[0.1, 1.0], [1.0, 0.1], 2.0, np.array([0.0, 3.0]), "scale"]}
    return Scenario(Classifier(), grid, [5])


@scenario
def members_that_stop_at_different_epochs():
    grid = {"alpha": [0.0, 400.0], "learning_rate_init": [0.01, 0.3]}
    return Scenario(Classifier(max_iter=60, tol=0.03, n_iter_no_change=3), grid, [4])


@scenario
def lbfgs():
    grid = {"penalty": ["l2", "l1"], "alpha": TWO}
    return Scenario(Classifier(solver="lbfgs", max_iter=15), grid, [1] * 4)


@scenario
def early_stopping():
    return Scenario(
        Classifier(
            early_stopping=True,
            validation_fraction=0.2,
            n_iter_no_change=2,
            max_iter=20,
        ),
        {"alpha": TWO, "random_state": [0, 1]},
        [4],
    )


@scenario
def same_candidate_twice():
    return Scenario(Classifier(), {"alpha": [1.0, 1.0, 2.0, 1.0]}, [2])


@scenario
def string_labels():
    y = np.array(["b", "a", "c"], dtype=object)[y_iris]
    return Scenario(Classifier(), {"alpha": TWO}, [2], y=y)


@scenario
def two_classes():
    return Scenario(
        scaled(penalty="l1"),
        {"mlp__alpha": TWO},
        [2],
        X=X_cancer,
        y=y_cancer,
        options={"scoring": "roc_auc"},
    )


@scenario
def regressor():
    return Scenario(
        Regressor(),
        [
            {"loss": ["squared_error", "absolute_error"], "alpha": TWO},
            {"loss": ["huber"], "huber_delta": [1.0, 2.0], "alpha": [1.0, 10.0]},
        ],
        [2, 2, 2, 2],
        X=X_diabetes,
        y=y_diabetes,
        options={"scoring": "neg_mean_squared_error"},
    )


@scenario
def outputs_beside_the_targets():
    return Scenario(
        Regressor(),
        [
            {"loss": ["squared_error", "gaussian"], "alpha": [1.0, 10.0]},
            {"loss": ["quantile"], "quantile": [0.2, [0.1, 0.9], [0.2, 0.5, 0.8]]},
        ],
        [2, 2, 1, 1, 1],
        X=X_diabetes,
        y=y_diabetes,
        options={"scoring": None},
    )


@scenario
def multi_output():
    return Scenario(
        Regressor(),
        {"alpha": TWO},
        [2],
        X=X_diabetes[:, :5],
        y=X_diabetes[:, 5:7] * 10,
        options={"scoring": None},
    )


@scenario
def multilabel():
    y = np.stack([y_iris == 0, y_iris > 0, X_iris[:, 0] > 6], axis=1).astype(int)
    return Scenario(
        Classifier(), {"alpha": TWO}, [2], y=y, options={"scoring": "f1_micro"}
    )


@scenario
def sparse():
    X = sp.csr_matrix(np.where(X_iris > 2.0, X_iris, 0.0))
    return Scenario(Classifier(), {"alpha": TWO}, [2], X=X)


@scenario
def float32():
    X = X_iris.astype(np.float32)
    return Scenario(scaled(), {"mlp__alpha": TWO}, [2], X=X)


@scenario
def data_frame():
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(X_iris, columns=["data", "b", "c", "d"])
    columns = ColumnTransformer(
        [("s", StandardScaler(), ["data", "c"])], remainder="passthrough"
    ).set_output(transform="pandas")
    model = Pipeline([("columns", columns), ("mlp", Classifier())])
    return Scenario(
        model, {"mlp__alpha": TWO}, [2], X=X, y=pandas.Series(y_iris, index=X.index)
    )


@scenario
def sample_weight():
    weights = {"sample_weight": WEIGHTS}
    options = {"scoring": "neg_log_loss"}
    return Scenario(
        Classifier(), {"alpha": TWO}, [2], fit_params=weights, options=options
    )


@scenario
def sample_weight_in_a_pipeline():
    weights = {"mlp__sample_weight": WEIGHTS, "scale__sample_weight": WEIGHTS[::-1]}
    return Scenario(scaled(), {"mlp__alpha": TWO}, [2], fit_params=weights)


@scenario
def routing_of_sample_weight_and_groups():
    mlp = Classifier().set_fit_request(sample_weight=True)
    scale = StandardScaler().set_fit_request(sample_weight=True)
    scorer = make_scorer(accuracy_score).set_score_request(sample_weight=True)
    return Scenario(
        Pipeline([("scale", scale), ("mlp", mlp)]),
        {"mlp__alpha": TWO},
        [2],
        fit_params={"sample_weight": WEIGHTS, "groups": GROUPS},
        options={"cv": GroupKFold(2), "scoring": scorer},
    )


@scenario
def routing_that_nobody_asked_for():
    return Scenario(
        scaled(),
        {"mlp__alpha": TWO},
        [],
        0,
        fit_params={"sample_weight": WEIGHTS},
        fails=True,
    )


@scenario
def groups():
    return Scenario(
        Classifier(),
        {"alpha": TWO},
        [2],
        fit_params={"groups": GROUPS},
        options={"cv": GroupKFold(2)},
    )


@scenario
def several_metrics():
    return Scenario(
        scaled(),
        {"mlp__alpha": TWO},
        [2],
        options={"scoring": ["accuracy", "neg_log_loss"], "refit": "accuracy"},
    )


def largest_alpha(cv_results):
    return int(np.argmax([params["alpha"] for params in cv_results["params"]]))


@scenario
def refit_callable():
    return Scenario(Classifier(), {"alpha": TWO}, [2], options={"refit": largest_alpha})


@scenario
def no_refit():
    return Scenario(Classifier(), {"alpha": TWO}, [2], 0, options={"refit": False})


INVALID = [
    {"alpha": [-1.0, "much", None, [1.0, 2.0, 3.0], np.nan, np.inf]},
    {"activation": ["foo", ["relu"], None]},
    {"solver": [["adam"], "newton"], "penalty": ["l2", "l3"]},
    {"random_state": ["zero", -1, 0.5]},
    {"hidden_layer_sizes": [(0,), "wide", 2.5, -3]},
    {"max_iter": [0, None, np.inf], "batch_size": [0, "auto"]},
    {"learning_rate_init": [0.0, -1.0, np.nan]},
    {"early_stopping": [True], "solver": ["lbfgs"]},
]


@scenario
def invalid_candidates():
    return Scenario(
        Classifier(),
        [{"alpha": [1.0, 2.0]}, *INVALID, {"alpha": [3.0]}],
        [3],
        options={"error_score": np.nan},
    )


@scenario
def invalid_candidate_raises():
    return Scenario(
        Classifier(),
        {"alpha": [1.0, -1.0]},
        None,
        0,
        options={"error_score": "raise"},
        fails=True,
    )


@scenario
def invalid_candidate_scores_a_number():
    return Scenario(
        scaled(),
        {"mlp__alpha": [-1.0, 1.0, 2.0]},
        [2],
        options={"error_score": -7.0},
    )


@scenario
def invalid_candidates_only():
    return Scenario(Classifier(), {"alpha": [-1.0, -2.0]}, [], 0, fails=True)


@scenario
def diverging_candidates():
    return Scenario(
        Classifier(solver="sgd", activation="identity", hidden_layer_sizes=(4, 4)),
        {"learning_rate_init": [0.01, 1e40, 0.02, 1e200]},
        [4],
        options={"error_score": np.nan},
    )


@scenario
def decay_that_overshoots():
    grid = {"alpha": [1.0, 1e6], "penalty": ["l2", "l1", "elasticnet"]}
    return Scenario(Classifier(), grid, [6])


@scenario
def failures_of_the_training_itself():
    # 2 % of 40 rows are one row, too few to validate with.
    return Scenario(
        Classifier(early_stopping=True, validation_fraction=0.02),
        {"alpha": TWO, "early_stopping": [True, False]},
        [2, 2, *[1] * 2],
        # The error of a stack is found out member by member.
        retried=2 * 3,
        options={"error_score": np.nan},
    )


@scenario
def folds_with_other_classes():
    by_class = [np.flatnonzero(y_iris == k) for k in range(3)]
    splits = [
        (np.r_[by_class[0], by_class[1]], by_class[1]),
        (np.r_[by_class[1], by_class[2]], by_class[2]),
        (by_class[0], by_class[1]),
    ]
    return Scenario(
        Classifier(),
        {"alpha": TWO},
        None,
        options={"cv": splits, "scoring": "accuracy", "error_score": np.nan},
    )


@scenario
def replaced_steps():
    return Scenario(
        scaled(),
        [
            {
                "mlp": [Classifier(), LogisticRegression()],
                "scale": [StandardScaler(), "passthrough"],
            },
            {"mlp__alpha": TWO, "scale": [MinMaxScaler(), None, StandardScaler()]},
            {"mlp": [Classifier()], "mlp__alpha": [0.5, 5.0]},
        ],
        [2, 2, 2],
        None,
    )


@scenario
def in_place_transformers():
    steps = [
        ("copies", StandardScaler()),
        ("range", MinMaxScaler(copy=False)),
        ("pca", PCA(3, copy=False)),
        ("mlp", Classifier()),
    ]
    return Scenario(Pipeline(steps), {"mlp__alpha": TWO}, [2])


@scenario
def functions_that_cannot_be_pickled():
    steps = [
        ("log", FunctionTransformer(lambda X: np.log1p(X))),
        ("scale", StandardScaler()),
        ("mlp", Classifier()),
    ]
    other = FunctionTransformer(lambda X: np.sqrt(X))
    grid = [{"mlp__alpha": TWO}, {"log": [other], "mlp__alpha": TWO}]
    return Scenario(Pipeline(steps), grid, [2, 2])


@scenario
def selection_by_a_network():
    steps = [
        ("scale", StandardScaler()),
        ("select", SelectFromModel(Classifier(penalty="l1"))),
        ("mlp", Classifier()),
    ]
    grid = {"select__estimator__alpha": [1.0, 3.0], "mlp__alpha": [0.1, 10.0]}
    # One stack chooses inputs; then one for each choice, or one where they agree.
    return Scenario(Pipeline(steps), grid, None, 2, warns_in_preprocessing=True)


@scenario
def transformed_target():
    return Scenario(
        TransformedTargetRegressor(
            scaled(Regressor()), transformer=StandardScaler(), check_inverse=False
        ),
        {"regressor__mlp__alpha": TWO},
        [2],
        X=X_diabetes,
        y=y_diabetes,
        options={"scoring": "r2"},
    )


@scenario
def calibrated():
    halves = StratifiedKFold(2, shuffle=True, random_state=0)
    model = CalibratedClassifierCV(scaled(), cv=halves)
    # Two inner folds and, in the refit, two again.
    return Scenario(model, {"estimator__mlp__alpha": TWO}, [2, 2], 2)


@scenario
def bagging():
    model = BaggingClassifier(Classifier(), n_estimators=2, random_state=0)
    return Scenario(model, {"estimator__alpha": TWO}, None, None)


@scenario
def voting():
    members = [("a", scaled()), ("b", Classifier(random_state=1))]
    return Scenario(
        VotingClassifier(members, voting="soft"),
        {"a__mlp__alpha": [0.1, 10.0], "b__alpha": [0.1, 10.0]},
        None,
        2,
    )


@scenario
def one_versus_rest():
    model = OneVsRestClassifier(Classifier())
    return Scenario(model, {"estimator__alpha": TWO}, [2] * 3, 3)


@scenario
def search_in_a_search():
    inner = StackedGridSearchCV(scaled(), {"mlp__alpha": [0.1, 10.0]}, cv=2)
    grid = {"estimator__mlp__hidden_layer_sizes": [(2,), (3,)]}
    # Each of the two inner searches: a stack for each of two folds, a refit.
    return Scenario(inner, grid, [2] * 4, None, extra=[2, 2])


@scenario
def no_network_at_all():
    model = scaled(LogisticRegression())
    return Scenario(model, {"mlp__C": [0.1, 1.0, 10.0]}, [], 0)


@scenario
def random_state_instance():
    stream = np.random.RandomState(3)
    return Scenario(Classifier(random_state=stream), {"alpha": TWO}, [2])


@scenario
def random_state_instances_as_candidates():
    streams = [np.random.RandomState(k) for k in range(3)]
    return Scenario(Classifier(), {"random_state": streams, "alpha": [0.1, 10.0]}, [6])


@scenario
def randomized():
    return Scenario(
        scaled(),
        {"mlp__alpha": loguniform(1e-3, 1e3), "mlp__learning_rate_init": [0.01, 0.1]},
        [6],
        options={"n_iter": 6, "random_state": 0},
        classes=(StackedRandomizedSearchCV, RandomizedSearchCV),
    )


HALVING = (StackedHalvingGridSearchCV, HalvingGridSearchCV)


@scenario
def halving_over_rows():
    return Scenario(
        scaled(),
        {"mlp__alpha": ALPHAS},
        [4, 2, 1],
        options={"factor": 2, "min_resources": 15, "random_state": 0},
        classes=HALVING,
    )


@scenario
def halving_over_epochs():
    return Scenario(
        scaled(),
        {"mlp__alpha": ALPHAS},
        [4, 2, 1],
        options={"factor": 2, "resource": "mlp__max_iter", "max_resources": 8},
        classes=HALVING,
    )


def prepare(name):
    """The scenario, in the configuration it is for."""
    routing = name.startswith("routing")
    return sklearn.config_context(enable_metadata_routing=routing), SCENARIOS[name]


@pytest.mark.parametrize("name", SCENARIOS)
def test_same_as_scikit_learn(name, trainings):
    context, make = prepare(name)
    with context:
        case = make()
        ours, theirs = case.searches()
        expected = run(theirs, case.X, case.y, case.fit_params)
        assert (expected[-1] is not None) == case.fails
        n_fits = sum(trainings.stacks) + trainings.alone
        trainings.clear()
        found = run(ours, case.X, case.y, case.fit_params)
        assert found[-1] == expected[-1]
        if case.warns_in_preprocessing:
            # What is fitted once warns once, as with a Pipeline's memory.
            assert set(found[0]) == set(expected[0])
        else:
            assert found == expected
        assert_same_search(ours, theirs)
        # Nothing is trained that the other search does not train.
        n_fits += case.retried
        assert sum(trainings.stacks) + trainings.alone <= n_fits
        if case.stacks is not None:
            stacks = case.stacks * ours.n_splits_ + case.extra if case.stacks else []
            assert sorted(trainings.stacks) == sorted(stacks)
        if case.alone is not None:
            assert trainings.alone == case.alone
        if "best_estimator_" in vars(theirs):
            assert_array_equal(ours.predict(case.X), theirs.predict(case.X))


BAD_CALLS = {
    "no estimator": {"estimator": None},
    "a class": {"estimator": MLPClassifier},
    "a string": {"estimator": "mlp"},
    "unknown parameter": {"param_grid": {"lambda": [1.0]}},
    "empty values": {"param_grid": {"alpha": []}},
    "not a sequence": {"param_grid": {"alpha": 1.0}},
    "scoring": {"scoring": "goodness"},
    "scorer that raises": {"scoring": lambda estimator, X, y: 1 / 0},
    "one fold": {"cv": 1},
    "n_jobs=0": {"n_jobs": 0},
    "n_jobs of a wrong type": {"n_jobs": "two"},
    "refit": {"scoring": ["accuracy", "f1_macro"], "refit": "recall"},
    "error_score": {"error_score": "ignore"},
}


@pytest.mark.parametrize("changes", BAD_CALLS.values(), ids=BAD_CALLS)
def test_same_complaints(changes):
    options = {"estimator": Classifier(), "param_grid": {"alpha": TWO}, **changes}
    ours, theirs = (
        run(cls(**options), X_iris, y_iris, {})
        for cls in (StackedGridSearchCV, GridSearchCV)
    )
    assert ours == theirs
    assert theirs[0] or theirs[-1]


@pytest.mark.parametrize("estimator", [Classifier(), scaled()], ids=["bare", "pipe"])
@pytest.mark.parametrize("bad", ["NaN", "short y", "no y", "3-d X"])
def test_same_complaints_about_data(estimator, bad):
    X, y = X_iris.copy(), y_iris
    if bad == "NaN":
        X[3, 2] = np.nan
    elif bad == "short y":
        y = y[:-1]
    elif bad == "no y":
        y = None
    else:
        X = X[:, np.newaxis]
    alpha = "mlp__alpha" if isinstance(estimator, Pipeline) else "alpha"
    ours, theirs = (
        run(cls(estimator, {alpha: TWO}, cv=2), X, y, {})
        for cls in (StackedGridSearchCV, GridSearchCV)
    )
    assert theirs[-1] is not None
    assert ours == theirs


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


BACKENDS = {
    "n_jobs=1": ({"n_jobs": 1}, {}),
    "n_jobs=2": ({"n_jobs": 2}, {}),
    "n_jobs=-1": ({"n_jobs": -1}, {}),
    "configured": ({}, {"n_jobs": 2}),
    "threading": ({}, {"backend": "threading", "n_jobs": 2}),
    "loky": ({}, {"backend": "loky", "n_jobs": 2}),
    "loky, n_jobs=2": ({"n_jobs": 2}, {"backend": "loky"}),
}


GRID_FOR_BACKENDS = [
    {"mlp__alpha": ALPHAS[:3]},
    {"mlp__solver": ["lbfgs"], "mlp__alpha": [-1.0, 1.0]},
]
OPTIONS_FOR_BACKENDS = {"cv": 3, "scoring": "neg_log_loss", "error_score": np.nan}


@cache
def searched_by_scikit_learn():
    search = GridSearchCV(scaled(), GRID_FOR_BACKENDS, **OPTIONS_FOR_BACKENDS)
    return search.fit(X_iris, y_iris)


@pytest.mark.parametrize("options, config", BACKENDS.values(), ids=BACKENDS)
def test_same_on_every_backend(options, config, trainings, two_threads, monkeypatch):
    # Small enough for a test, large enough for two workers.
    monkeypatch.setattr("skl2._engine.threads.THREADED_PASS", 0)
    theirs = searched_by_scikit_learn()
    trainings.clear()
    assert blas_threads() == {2}
    with joblib.parallel_config(**config) if config else warnings.catch_warnings():
        ours = StackedGridSearchCV(
            scaled(), GRID_FOR_BACKENDS, **OPTIONS_FOR_BACKENDS, **options
        )
        ours.fit(X_iris, y_iris)
    assert blas_threads() == {2}
    assert_same_search(ours, theirs)
    assert trainings.alone == 1
    if config.get("backend") == "loky":
        # Processes train; this one only waits for them.
        assert trainings.stacks == []
        return
    workers = config.get("n_jobs", options.get("n_jobs"))
    if joblib.effective_n_jobs(workers) == 2:
        assert sorted(trainings.stacks) == sorted([1, 2, 1] * 3)
        assert threading.main_thread().ident not in trainings.threads
        assert list(trainings.threads.values()) == [{1}] * len(trainings.threads)
    else:
        assert sorted(trainings.stacks) == sorted([3, 1] * 3)
        assert list(trainings.threads) == [threading.main_thread().ident]


class WhereFitted(LogisticRegression):
    """Notes the thread of every fit."""

    threads = []

    def fit(self, X, y):
        WhereFitted.threads.append(threading.get_ident())
        return super().fit(X, y)


def test_what_holds_no_network_is_searched_in_parallel_as_ever():
    WhereFitted.threads.clear()
    with joblib.parallel_config(backend="threading", n_jobs=2):
        search = StackedGridSearchCV(WhereFitted(), {"C": ALPHAS}, cv=3, refit=False)
        search.fit(X_iris, y_iris)
    assert len(WhereFitted.threads) == 12
    assert threading.main_thread().ident not in WhereFitted.threads


HOLDERS = {
    "bare": (Classifier(), "alpha", X_iris, y_iris),
    "pipeline": (scaled(), "mlp__alpha", X_iris, y_iris),
    "transformed target": (
        TransformedTargetRegressor(scaled(Regressor()), transformer=StandardScaler()),
        "regressor__mlp__alpha",
        X_diabetes,
        y_diabetes,
    ),
    "calibrated": (
        CalibratedClassifierCV(scaled(), cv=2),
        "estimator__mlp__alpha",
        X_iris,
        y_iris,
    ),
    "bagging": (
        BaggingClassifier(scaled(), n_estimators=2),
        "estimator__mlp__alpha",
        X_iris,
        y_iris,
    ),
    "voting": (
        VotingClassifier([("a", scaled()), ("b", Classifier())]),
        "a__mlp__alpha",
        X_iris,
        y_iris,
    ),
    "selection": (
        Pipeline([("s", SelectFromModel(Classifier())), ("mlp", scaled())]),
        "mlp__mlp__alpha",
        X_iris,
        y_iris,
    ),
}


def traces_of_shared_fits(thing):
    return [
        part
        for part in inside(thing)
        if type(part).__module__ == "skl2.model_selection._shared_fits"
        or "_location" in getattr(part, "__dict__", {})
        or (isinstance(part, Pipeline) and part.memory is not None)
    ]


def interrupt(estimator, X, y):
    """A scorer during which the user presses Ctrl-C."""
    signal.raise_signal(signal.SIGINT)
    time.sleep(10)


def fingerprint(estimator):
    """The objects an estimator consists of, and their attributes."""
    parts = {"": estimator, **estimator.get_params(deep=True)}
    return {
        path: (id(part), sorted(getattr(part, "__dict__", {})))
        for path, part in parts.items()
    }


ENDS = {
    "completed": ({}, None),
    "failed": ({"error_score": "raise", "values": [1.0, -1.0]}, ValueError),
    "all failed": ({"values": [-1.0, -2.0]}, ValueError),
    "interrupted": ({"scoring": interrupt}, KeyboardInterrupt),
    "misconfigured": ({"cv": 1}, ValueError),
}


@pytest.mark.parametrize("holder, end", covering(HOLDERS, ENDS, strength=1))
def test_leaves_no_traces(holder, end):
    estimator, alpha, X, y = HOLDERS[holder]
    options, error = ENDS[end]
    model = clone(estimator)
    before = fingerprint(model)
    options = {"cv": 2, **options}
    grid = {alpha: options.pop("values", [1.0, 10.0])}
    search = StackedGridSearchCV(model, grid, **options)
    if error is None:
        search.fit(X, y)
        assert len(fitted_networks(search.best_estimator_)) > 0
    else:
        with pytest.raises(error):
            search.fit(X, y)
    assert search.estimator is model
    assert fingerprint(model) == before
    assert traces_of_shared_fits(search) == []
    copy = pickle.loads(pickle.dumps(search))
    assert traces_of_shared_fits([copy, clone(search)]) == []
    if error is None:
        assert_array_equal(copy.predict(X), search.predict(X))
        assert_same_networks(copy.best_estimator_, search.best_estimator_)


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("options, error", ENDS.values(), ids=ENDS)
def test_leaves_no_files_and_limits(
    options, error, n_jobs, two_threads, monkeypatch, tmp_path
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("skl2._engine.threads.THREADED_PASS", 0)
    options = {"cv": 3, "n_jobs": n_jobs, **options}
    grid = {"mlp__alpha": options.pop("values", [1.0, 10.0])}
    search = StackedGridSearchCV(scaled(), grid, **options)
    if error is None:
        search.fit(X_iris, y_iris)
    else:
        with pytest.raises(error):
            search.fit(X_iris, y_iris)
    assert list(tmp_path.iterdir()) == []
    assert blas_threads() == {2}


class FailsOnAllRows(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        if len(X) == 60:
            raise RuntimeError("too many rows")
        return self

    def transform(self, X):
        return X


def test_a_refit_that_fails_leaves_no_traces():
    steps = [("first", FailsOnAllRows()), ("mlp", Classifier())]
    search = StackedGridSearchCV(Pipeline(steps), {"mlp__alpha": ALPHAS}, cv=3)
    with pytest.raises(RuntimeError, match="too many rows"):
        search.fit(X_iris, y_iris)
    assert traces_of_shared_fits(search) == []


def test_a_search_can_be_repeated(trainings):
    search = StackedGridSearchCV(scaled(), {"mlp__alpha": TWO}, cv=3)
    first = pickle.loads(pickle.dumps(search.fit(X_iris, y_iris)))
    assert_same_search(search.fit(X_iris, y_iris), first)
    # Nothing of the first search is left that the second could have used.
    assert trainings.stacks == [2] * 6


@pytest.mark.parametrize("shared", [False, True], ids=["own models", "one model"])
def test_two_searches_at_once(shared, two_threads):
    """The second begins while the first is scoring, and ends after it."""
    second_scores, first_done = threading.Event(), threading.Event()
    grids = [{"mlp__alpha": TWO}, {"mlp__alpha": [0.5, 5.0, 50.0]}]
    models = [scaled()] * 2 if shared else [scaled(), scaled(random_state=1)]

    def first_score(estimator, X, y):
        assert second_scores.wait(20)
        return estimator.score(X, y)

    def second_score(estimator, X, y):
        second_scores.set()
        assert first_done.wait(20)
        return estimator.score(X, y)

    def search(k):
        scoring = [first_score, second_score][k]
        found = StackedGridSearchCV(models[k], grids[k], cv=2, scoring=scoring)
        try:
            return found.fit(X_iris, y_iris)
        finally:
            if k == 0:
                first_done.set()
            else:
                second_scores.set()

    before = [fingerprint(model) for model in models]
    with ThreadPoolExecutor(2) as pool:
        ours = list(pool.map(search, range(2)))
    for k in range(2):
        theirs = GridSearchCV(models[k], grids[k], cv=2).fit(X_iris, y_iris)
        assert_same_search(ours[k], theirs)
        assert traces_of_shared_fits(ours[k]) == []
        assert fingerprint(models[k]) == before[k]
    assert blas_threads() == {2}


@pytest.fixture
def endless(monkeypatch):
    """Presses Ctrl-C when the first stack trains; counts the stacks in training."""
    training = SimpleNamespace(now=0, started=threading.Event())
    lock = threading.Lock()
    train_stack = _shared_fits.train_stack

    def counting(*args, **kwargs):
        with lock:
            training.now += 1
        training.started.set()
        try:
            return train_stack(*args, **kwargs)
        finally:
            with lock:
                training.now -= 1

    def press_ctrl_c():
        if training.started.wait(20):
            time.sleep(0.2)
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(_shared_fits, "train_stack", counting)
    monkeypatch.setattr("skl2._engine.threads.THREADED_PASS", 0)
    thread = threading.Thread(target=press_ctrl_c)
    thread.start()
    yield training
    training.started.set()
    thread.join()


def raises_for_large_alpha(estimator, X, y):
    if estimator.alpha > 50:
        raise TypeError("a scorer's own error")
    return estimator.score(X, y)


def test_an_error_of_any_type_is_that_of_one_candidate():
    mlp = Classifier(early_stopping=True, scoring=raises_for_large_alpha)
    options = {"param_grid": {"alpha": ALPHAS}, "cv": 3, "error_score": np.nan}
    ours = StackedGridSearchCV(mlp, **options).fit(X_iris, y_iris)
    theirs = GridSearchCV(mlp, **options).fit(X_iris, y_iris)
    assert np.isnan(ours.cv_results_["mean_test_score"]).tolist() == 3 * [False] + [
        True
    ]
    assert_same_search(ours, theirs)
    with pytest.raises(TypeError, match="a scorer's own error"):
        ours.set_params(error_score="raise").fit(X_iris, y_iris)


def accuracy(estimator, X, y, sample_weight=None):
    return estimator.score(X, y, sample_weight)


def test_stacks_with_early_stopping_go_to_processes_that_pickle_by_name():
    mlp = Classifier(early_stopping=True, class_weight="balanced")
    scorings = [None, "loss", "neg_log_loss", accuracy]
    options = {"param_grid": {"alpha": ALPHAS[:2], "scoring": scorings}, "cv": 2}
    with joblib.parallel_config(backend="multiprocessing", n_jobs=2):
        ours = StackedGridSearchCV(mlp, **options).fit(X_iris, y_iris)
    assert_same_search(ours, GridSearchCV(mlp, **options).fit(X_iris, y_iris))


class CtrlC:
    """An augmentation during whose n-th call the user presses Ctrl-C."""

    def __init__(self, n):
        self.n = n
        self.calls = 0

    def __call__(self, X, y, random_state):
        self.calls += 1
        if self.calls == self.n:
            raise KeyboardInterrupt
        return X, y

    def __sklearn_clone__(self):
        return self

    def __deepcopy__(self, memo):
        return self


@pytest.mark.parametrize("kind", [StackedGridSearchCV, AlphaSearchCV])
def test_ctrl_c_in_the_final_fit(kind):
    """Outside of a search the epochs so far would be kept."""
    epochs = {"max_iter": 20, "tol": 0.0, "n_iter_no_change": np.inf}
    # Two folds of two batches an epoch, then the third epoch of four.
    presses = CtrlC(2 * 2 * 20 + 2 * 4 + 1)
    alphas = {"alphas": [1.0]} if kind is AlphaSearchCV else {}
    grid = {} if alphas else {"param_grid": {"alpha": [1.0]}}
    search = kind(Classifier(augmentation=presses, **epochs), cv=2, **alphas, **grid)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X_iris, y_iris)
    assert presses.calls == presses.n
    assert not hasattr(search.best_estimator_, "coefs_")
    presses = CtrlC(2 * 4 + 1)
    mlp = Classifier(augmentation=presses, **epochs)
    with pytest.warns(UserWarning, match="interrupted by user"):
        mlp.fit(X_iris, y_iris)
    assert mlp.n_iter_ == 2


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_ctrl_c_ends_the_training(n_jobs, endless, two_threads):
    # Many minutes of training, were it not interrupted.
    mlp = Classifier(max_iter=10**6, tol=0.0, n_iter_no_change=np.inf)
    split = ShuffleSplit(1, random_state=0)
    search = StackedGridSearchCV(
        mlp, {"alpha": ALPHAS}, cv=split, refit=False, n_jobs=n_jobs
    )
    start = time.monotonic()
    # A half-trained network gets no score.
    with pytest.raises(KeyboardInterrupt):
        search.fit(X_iris, y_iris)
    assert not hasattr(search, "cv_results_")
    # Threads notice within an epoch, not when they are done; the last one to go lifts
    # the limit on BLAS threads.
    while endless.now or blas_threads() != {2}:
        assert time.monotonic() < start + 60
        time.sleep(0.01)
    assert traces_of_shared_fits(search) == []


@pytest.mark.parametrize(
    "classes",
    [
        (StackedGridSearchCV, GridSearchCV, {}),
        (StackedRandomizedSearchCV, RandomizedSearchCV, {"n_iter": 3}),
        (*HALVING, {"factor": 2}),
    ],
    ids=["grid", "randomized", "halving"],
)
def test_callbacks_are_called_for_the_same_tasks(classes):
    pytest.importorskip("sklearn.callback")
    *classes, options = classes
    events = []
    for cls in classes:
        recorder = Recorder()
        search = cls(Classifier(), {"alpha": ALPHAS}, cv=3, **options)
        search.set_callbacks(recorder).fit(X_iris, y_iris)
        assert_array_equal(search.predict(X_iris).shape, (60,))
        events.append(recorder.events)
    assert len(events[1]) > 2 * 9
    assert events[0] == events[1]


def test_scores_are_computed_with_the_blas_threads_of_worker_processes():
    """Where a product is large, two BLAS threads round differently than one."""
    seen = []

    def scorer(estimator, X, y):
        seen.append(blas_threads())
        return 0.0

    mlp = MLPClassifier((3,), max_iter=1, random_state=0)
    X_small, y_small = np.eye(12), np.arange(12) % 2
    with threadpool_limits(2, user_api="blas"):
        outside = blas_threads()
        for n_jobs, expected in ((1, outside), (2, {1}), (None, outside)):
            search = StackedGridSearchCV(
                mlp, {"alpha": [0.1, 1.0]}, scoring=scorer, cv=2, n_jobs=n_jobs
            )
            search.fit(X_small, y_small)
            assert seen == [expected] * len(seen)
            assert len(seen) == 4
            seen.clear()
        assert blas_threads() == outside
