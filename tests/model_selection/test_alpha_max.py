"""λ read off the data: alpha_max from both sides, against scikit-learn's solvers."""

import inspect
import warnings
from functools import cache

import numpy as np
import pytest
from helpers import covering
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, MultiTaskLasso

from skl2 import MLPClassifier, MLPRegressor
from skl2.model_selection import alpha_max

CLASSES = ["binary", "multiclass", "multilabel"]


KINDS = ["regression", "multioutput", *CLASSES]


PENALTIES = [("l1", 0.5), ("elasticnet", 0.8), ("elasticnet", 0.1), ("group_l1", 0.5)]


CONTAINERS = {"dense": np.asarray, "csr": csr_matrix}


# Just above alpha_max all weights are zero, just below it some are not.
ABOVE, BELOW = 1.0001, 0.9999


@cache
def data(kind):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((50, 8)) * rng.uniform(0.5, 2, 8) + 0.3
    X[rng.uniform(size=X.shape) < 0.4] = 0.0
    scores = X @ rng.standard_normal((8, 3)) + rng.standard_normal((50, 3))
    y = {
        "regression": 5.0 + 3.0 * scores[:, 0],
        "multioutput": scores[:, :2],
        "binary": (scores[:, 0] > 0.5).astype(int),
        "multiclass": scores.argmax(axis=1),
        "multilabel": (scores > [0.0, 0.5, -1.0]).astype(int),
    }[kind]
    # At most 1: the step size of saga takes no notice of larger ones.
    weight = rng.choice([0.0, 0.3, 0.6, 1.0], 50)
    return X, y, weight


def our_fit(kind, penalty, l1_ratio, alpha, X, y, weight):
    estimator = MLPClassifier if kind in CLASSES else MLPRegressor
    return estimator(
        hidden_layer_sizes=(),
        solver="lbfgs",
        penalty=penalty,
        l1_ratio=l1_ratio,
        alpha=alpha,
        tol=1e-10,
        max_iter=5000,
        max_fun=50_000,
        random_state=0,
    ).fit(X, y, sample_weight=weight)


@pytest.mark.parametrize(
    "kind, penalty, weighted, container",
    covering(KINDS, PENALTIES, [False, True], CONTAINERS),
)
def test_our_weights_are_zero_above_and_not_below(kind, penalty, weighted, container):
    penalty, l1_ratio = penalty
    X, y, weight = data(kind)
    X, weight = CONTAINERS[container](X), weight if weighted else None
    largest = alpha_max(X, y, penalty=penalty, l1_ratio=l1_ratio, sample_weight=weight)
    args = (X, y, weight)
    above = our_fit(kind, penalty, l1_ratio, ABOVE * largest, *args)
    assert not above.coefs_[0].any()
    below = our_fit(kind, penalty, l1_ratio, BELOW * largest, *args)
    # The first to enter, alone: one weight, or one input with all its weights.
    expected = below.coefs_[0].shape[1] if penalty == "group_l1" else 1
    if kind == "multiclass" and penalty != "group_l1":
        # The gradients of the classes add up to zero: two may be the largest at once.
        assert 1 <= np.count_nonzero(below.coefs_[0]) <= 2
    else:
        assert np.count_nonzero(below.coefs_[0]) == expected


def logistic(l1, l2):
    """Σ log-loss + l1 ‖w‖₁ + l2/2 ‖w‖², in old and new scikit-learn."""
    params = {"solver": "saga", "tol": 1e-10, "max_iter": 100_000, "random_state": 0}
    default = inspect.signature(LogisticRegression).parameters["penalty"].default
    if default == "l2":  # before scikit-learn 1.8, l1_ratio alone chose nothing
        params["penalty"] = "elasticnet"
    return LogisticRegression(C=1 / (l1 + l2), l1_ratio=l1 / (l1 + l2), **params)


def their_coef(kind, penalty, l1_ratio, alpha, X, y, weight):
    """Coefficients of scikit-learn's own model of the same objective."""
    rho = {"l1": 1.0, "group_l1": 1.0}.get(penalty, l1_ratio)
    l1, l2 = alpha * rho / 2, alpha * (1 - rho)
    m = len(y) if weight is None else weight.sum()
    if penalty == "group_l1":
        model = MultiTaskLasso(alpha=l1 / m, tol=1e-12, max_iter=100_000)
        weight = None
    elif kind in CLASSES:
        model = logistic(l1, l2)
    elif penalty == "l1":
        model = Lasso(alpha=l1 / m, tol=1e-12, max_iter=100_000)
    else:
        a = (l1 + l2) / m
        model = ElasticNet(alpha=a, l1_ratio=l1 / m / a, tol=1e-12, max_iter=100_000)
    with warnings.catch_warnings():
        # An oracle that has not converged is no oracle.
        warnings.simplefilter("error", ConvergenceWarning)
        params = {} if weight is None else {"sample_weight": weight}
        if kind in CLASSES:
            # From zero weights saga stops before the intercept has moved: start it
            # where weights and intercept are those of half the penalty.
            C = model.C
            model.set_params(warm_start=True, C=2 * C).fit(X, y, **params)
            model.set_params(C=C)
        return model.fit(X, y, **params).coef_


# MultiTaskLasso takes neither weights nor sparse X.
ORACLES = [
    *covering(
        ["regression", "binary", "multiclass"],
        PENALTIES[:3],
        [False, True],
        CONTAINERS,
    ),
    ("multioutput", ("group_l1", 0.5), False, "dense"),
]


@pytest.mark.parametrize("kind, penalty, weighted, container", ORACLES)
def test_their_weights_are_zero_above_and_not_below(kind, penalty, weighted, container):
    penalty, l1_ratio = penalty
    X, y, weight = data(kind)
    X, weight = CONTAINERS[container](X), weight if weighted else None
    largest = alpha_max(X, y, penalty=penalty, l1_ratio=l1_ratio, sample_weight=weight)
    args = (X, y, weight)
    # saga stops by the change of a step, and next to the edge all steps are short.
    above, below = (1.01, 0.99) if kind in CLASSES else (ABOVE, BELOW)
    assert not their_coef(kind, penalty, l1_ratio, above * largest, *args).any()
    assert their_coef(kind, penalty, l1_ratio, below * largest, *args).any()


@pytest.mark.parametrize("loss", ["poisson", "absolute_error", "huber", "quantile"])
def test_it_knows_the_other_losses(loss):
    X, y, _ = data("regression")
    y = np.abs(y)
    largest = alpha_max(X, y, loss=loss)
    for factor, zero in [(1.01, True), (0.9, False)]:
        fitted = MLPRegressor(
            loss,
            (),
            solver="lbfgs",
            penalty="l1",
            alpha=factor * largest,
            tol=1e-8,
            max_iter=2000,
            random_state=0,
        ).fit(X, y)
        assert fitted.coefs_[0].any() != zero


def test_no_l1_part_has_no_alpha_max():
    X, y, _ = data("regression")
    with pytest.raises(ValueError, match="no L1 part"):
        alpha_max(X, y, penalty="elasticnet", l1_ratio=0.0)
