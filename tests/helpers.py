"""What tests of several folders share: objectives, stacks, penalties, threads."""

import json
import subprocess
import sys
import threading
import warnings
from collections import Counter
from functools import cache
from itertools import combinations, product

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import check_estimator
from threadpoolctl import threadpool_info

import skl2
from skl2._engine.data import TrainingSet
from skl2._engine.losses import (
    AbsoluteError,
    BinaryLogLoss,
    HalfPoisson,
    HalfSquaredError,
    Huber,
    MultinomialLogLoss,
    Pinball,
)
from skl2._engine.network.layers import ACTIVATIONS
from skl2._engine.penalties import L1, L2, GroupL1, Penalty
from skl2._engine.stack import Member, Problem, Settings, make_objective

LOSSES = {
    "squared_error": HalfSquaredError(),
    "absolute_error": AbsoluteError(),
    "huber": Huber(0.7),
    "quantile": Pinball((0.3,), listed=False),
    "poisson": HalfPoisson(),
    "binary_log_loss": BinaryLogLoss(),
    "multinomial_log_loss": MultinomialLogLoss(),
}
ACTIVATION_NAMES = list(ACTIVATIONS)
DTYPES = [np.float64, np.float32]


def covering(*axes, strength=2):
    """The product of `axes` as rows of parametrize; all but a few are marked long.

    Among the few, any `strength` values of different axes occur together in some row.
    """
    values = [list(axis) for axis in axes]
    rows = list(product(*(range(len(axis)) for axis in values)))
    together = {row: set(combinations(enumerate(row), strength)) for row in rows}
    missing = set().union(*together.values())
    few, used = set(), Counter()

    def gain(row):
        # Of equal ones that whose values are the rarest so far.
        return len(together[row] & missing), -sum(used[item] for item in enumerate(row))

    while missing:
        row = max(rows, key=gain)
        few.add(row)
        missing -= together[row]
        used.update(enumerate(row))
    return [
        pytest.param(
            *(axis[i] for axis, i in zip(values, row, strict=True)),
            marks=[] if row in few else [pytest.mark.long],
        )
        for row in rows
    ]


def targets(loss, n_outputs, n_rows, rng, dtype=np.float64):
    """Targets (n_outputs, n_rows) in the domain of a loss."""
    if loss == "poisson":
        y = rng.poisson(1.5, (n_outputs, n_rows))
    elif loss == "binary_log_loss":
        y = rng.randint(0, 2, (n_outputs, n_rows))
    elif loss == "multinomial_log_loss":
        y = np.eye(n_outputs)[:, rng.randint(0, n_outputs, n_rows)]
    else:
        y = rng.standard_normal((n_outputs, n_rows))
    return np.ascontiguousarray(y, dtype=dtype)


def strided(X):
    """The values of X in an array that is contiguous in no order."""
    wide = np.full((2 * X.shape[0], 2 * X.shape[1]), np.nan, X.dtype)
    wide[::2, ::2] = X
    return wide[::2, ::2]


CONTAINERS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "strided": strided,
    "csr": sp.csr_matrix,
}


def training_set(
    loss="squared_error",
    n_rows=23,
    n_features=4,
    n_outputs=3,
    dtype=np.float64,
    container="C",
    weighted=False,
    seed=0,
):
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n_rows, n_features)).astype(dtype)
    if container == "csr":
        X *= rng.rand(*X.shape) < 0.6
    y = targets(loss, n_outputs, n_rows, rng, dtype)
    weight = None
    if weighted:
        # Some rows count nothing at all.
        weight = rng.choice([0.0, 0.3, 1.0, 2.5], n_rows).astype(dtype)
    return TrainingSet(CONTAINERS[container](X), y, weight)


def make_settings(data, hidden=(5,), **params):
    """The Settings of networks for a TrainingSet."""
    layer_sizes = (data.X.shape[1], *hidden, len(data.y))
    defaults = {
        "activation": "tanh",
        # Only a key: the loss itself is in the Problem.
        "loss": ("",),
        "solver": "sgd",
        "batch_size": 6,
        "dtype": data.X.dtype.name,
        "max_iter": 4,
    }
    return Settings(layer_sizes, **(defaults | params))


def make_member(settings, seed=0, drawn=0, alpha=1.0, **params):
    """A Member with sklearn's defaults; alpha is one λ, or one a weight layer.

    `drawn` numbers have been drawn from its stream already.
    """
    defaults = {
        "penalty": "l2",
        "l1_ratio": 0.5,
        "learning_rate_init": 0.01,
        "momentum": 0.9,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "epsilon": 1e-8,
    }
    alpha = np.broadcast_to(
        np.asarray(alpha, float), len(settings.layer_sizes) - 1
    ).copy()
    stream = np.random.RandomState(seed)
    stream.rand(drawn)
    return Member(alpha=alpha, random_state=stream, **(defaults | params))


def bound_objective(settings, loss, members, data, theta=None):
    """An objective that works on theta (drawn at random if not given)."""
    objective = make_objective(Problem(settings, data, loss), members)
    if theta is None:
        theta = np.stack(
            [objective.network.initial_theta(m.random_state) for m in members]
        )
    objective.bind(theta)
    return objective


def plain_penalty(K, P, l2=0.0, l1=0.0, dtype=np.float64):
    """A penalty on all of theta, given the strengths (floats or one a member)."""

    def strength(value):
        return np.broadcast_to(np.reshape(np.asarray(value, float), (-1, 1)), (K, 1))

    columns = [slice(0, P)]
    return Penalty(
        L2(columns, strength(l2).copy(), dtype),
        L1(columns, strength(l1).copy(), dtype),
        GroupL1(columns, strength(0.0).copy(), dtype, [(1, P)]),
    )


def fit_quietly(estimator, *args, method="fit", **kwargs):
    """Fit without the warning that says that max_iter was reached."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return getattr(estimator, method)(*args, **kwargs)


class Recorded(np.ndarray):
    """An array that notes in `inexact` every operand of a ufunc of another type.

    With ``out=`` a float64 intermediate leaves no trace in the result's type; here it
    does. Allowed are the array's own type, bool, and Python scalars (which are weak).
    """

    def __new__(cls, array, log):
        self = np.asarray(array).view(cls)
        self.log = log
        return self

    def __array_finalize__(self, parent):
        self.log = getattr(parent, "log", None)

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **kwargs):
        self.log += [
            (ufunc.__name__, x.dtype.name)
            for x in (*inputs, *out)
            if isinstance(x, np.ndarray | np.generic)
            and x.dtype not in (self.dtype, np.dtype(bool))
        ]

        def plain(x):
            return x.view(np.ndarray) if isinstance(x, Recorded) else x

        kwargs = {name: plain(x) for name, x in kwargs.items()}
        if out:
            kwargs["out"] = tuple(plain(x) for x in out)
        result = getattr(ufunc, method)(*(plain(x) for x in inputs), **kwargs)
        return out[0] if out and out[0] is not None else Recorded(result, self.log)


def assert_estimator_contract(estimator, cannot_hold=None):
    """scikit-learn's checks of an estimator: those in `cannot_hold` fail, no others."""
    cannot_hold = cannot_hold or {}
    outcomes = {"passed": {}, "failed": {}, "xfail": {}, "skipped": {}}
    for result in check_estimator(
        estimator, on_skip=None, on_fail=None, expected_failed_checks=cannot_hold
    ):
        outcomes[result["status"]][result["check_name"]] = result["exception"]
    failed = outcomes["failed"]
    if failed:
        raise ExceptionGroup(f"{estimator}: {', '.join(failed)}", list(failed.values()))
    assert not set(outcomes["passed"]) & set(cannot_hold)


def blas_threads():
    return {
        library["num_threads"]
        for library in threadpool_info()
        if library["user_api"] == "blas"
    }


def in_a_thread(function):
    """Call in a thread of its own that has ended afterwards.

    Newer versions of threadpoolctl let the first thread that sets a limit alone set
    others, as long as it lives.
    """
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


@cache
def modules_of_a_new_interpreter():
    """What a new interpreter has imported after each of these expressions, by them."""
    code = """
import json
import sys

import skl2

found = {}
for expression in ["skl2", *sys.argv[1:]]:
    eval(expression)
    found[expression] = list(sys.modules)
print(json.dumps(found))
"""
    expressions = [f"skl2.{name}" for name in skl2._MODULES]
    expressions.append("skl2.model_selection.StackedHalvingGridSearchCV")
    command = [sys.executable, "-c", code, *expressions]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(ran.stdout)
