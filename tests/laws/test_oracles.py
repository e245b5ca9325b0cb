"""Exact answers: scikit-learn's own solvers and networks say what fit must return.

Everything here goes through the public estimators, in float64 unless said otherwise.
With ``hidden_layer_sizes=()`` the objective

    J = 1/m sum_i s_i L(y_i, raw_i) + 1/(2m) sum_l alpha_l Omega(W_l),   m = sum_i s_i

is convex, so Ridge, Lasso, ElasticNet, LogisticRegression and PoissonRegressor know the
only answer. With hidden layers scikit-learn's MLP takes the same path wherever its
penalty has the same meaning: no penalty, or full batches.
"""

import inspect
import warnings
from functools import cache
from itertools import product

import numpy as np
import pytest
from helpers import covering
from scipy.sparse import csr_matrix
from scipy.special import logsumexp, xlogy
from sklearn import neural_network
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LogisticRegression,
    MultiTaskLasso,
    PoissonRegressor,
    Ridge,
)

import skl2
from skl2.inspection import optimality

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*aximum iterations", "ignore:lbfgs failed to converge"
)

N_SAMPLES, N_FEATURES = 60, 6
SOLVERS = ["lbfgs", "sgd", "adam", "adamw"]
STOCHASTIC_SOLVERS = ["sgd", "adam", "adamw"]
CLASSIFIER_KINDS = ["binary", "multiclass", "multilabel"]
# Those whose loss value scikit-learn's MLP states as we do (see assert_same_fit).
SAME_LOSS_KINDS = ["regression", "poisson", *CLASSIFIER_KINDS]
KINDS = ["multioutput", *SAME_LOSS_KINDS]

# (penalty, l1_ratio, alpha). The alphas leave some weights at zero, and some not.
PENALTIES = [
    ("l2", 0.5, 0.3),
    ("l2", 0.5, 20.0),
    ("l1", 0.5, 4.0),
    ("l1", 0.5, 12.0),
    ("elasticnet", 0.3, 10.0),
    ("elasticnet", 0.8, 10.0),
    ("elasticnet", 0.0, 10.0),
    ("elasticnet", 1.0, 10.0),
]


# --------------------------------------------------------------------------------------
# Data, and the objective written down once more, independently of the package
# --------------------------------------------------------------------------------------


@cache
def data(kind):
    """X, y and positive sample weights of a small, well-conditioned problem."""
    rng = np.random.RandomState(0)
    X = rng.normal(size=(N_SAMPLES, N_FEATURES))
    X = X @ (np.eye(N_FEATURES) + 0.15 * rng.normal(size=(N_FEATURES, N_FEATURES)))
    X[rng.uniform(size=X.shape) < 0.2] = 0.0
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    W = np.array(
        [
            [1.5, -1.0, 0.0],
            [-1.0, 0.0, 1.0],
            [0.8, 0.5, -0.5],
            [0.0, 0.0, 0.0],
            [0.0, -0.5, 0.3],
            [0.2, 0.0, 0.0],
        ]
    )
    scores = X @ W + [0.5, -0.3, 0.1] + 0.5 * rng.normal(size=(N_SAMPLES, 3))
    y = {
        "regression": scores[:, 0],
        "multioutput": scores[:, :2],
        "poisson": rng.poisson(np.exp(0.5 * scores[:, 0])).astype(float),
        "binary": (scores[:, 0] > 0.4).astype(int),
        "multiclass": np.array(["a", "b", "c"])[scores.argmax(axis=1)],
        # Noisier: a label that weights can separate has no minimum worth comparing.
        "multilabel": (scores + rng.normal(size=scores.shape) > 0).astype(int),
    }[kind]
    sample_weight = rng.uniform(0, 3, N_SAMPLES)
    sample_weight[::10] = 0.0
    return X, y, sample_weight


def make_estimator(kind, module=skl2, **params):
    if kind in CLASSIFIER_KINDS:
        return module.MLPClassifier(**params)
    if kind == "poisson":
        params["loss"] = "poisson"
    return module.MLPRegressor(**params)


def raw_prediction(estimator, X):
    """The forward pass by hand, of estimators without a hidden activation."""
    raw = X
    for W, b in zip(estimator.coefs_, estimator.intercepts_, strict=True):
        raw = raw @ W + b
    return raw


def losses(kind, y, raw):
    """One loss per row."""
    if kind in ("regression", "multioutput"):
        return 0.5 * ((raw - y.reshape(raw.shape)) ** 2).sum(axis=1)
    if kind == "poisson":
        raw = raw[:, 0]
        return xlogy(y, y) - y * raw - y + np.exp(raw)
    if kind == "multiclass":
        classes, codes = np.unique(y, return_inverse=True)
        return logsumexp(raw, axis=1) - raw[np.arange(len(y)), codes]
    Y = y if kind == "multilabel" else y[:, None]
    return (np.logaddexp(0.0, raw) - Y * raw).sum(axis=1)


def omega(W, penalty, l1_ratio):
    rho = {None: 0.0, "l2": 0.0, "l1": 1.0, "elasticnet": l1_ratio}[penalty]
    value = rho * np.abs(W).sum() + (1 - rho) * (W**2).sum()
    return 0.0 if penalty is None else value


def objective(estimator, kind, X, y, sample_weight=None):
    s = np.ones(len(X)) if sample_weight is None else sample_weight
    alphas = np.broadcast_to(estimator.alpha, len(estimator.coefs_))
    value = s @ losses(kind, y, raw_prediction(estimator, X))
    value += 0.5 * sum(
        a * omega(W, estimator.penalty, estimator.l1_ratio)
        for a, W in zip(alphas, estimator.coefs_, strict=True)
    )
    return value / s.sum()


# --------------------------------------------------------------------------------------
# Convex problems: the exact minimum
# --------------------------------------------------------------------------------------


def logistic_regression(C, l1_ratio):
    """LogisticRegression for any mix of L1 and L2, in old and new scikit-learn."""
    params = {"C": C, "tol": 1e-12, "max_iter": 200_000}
    # saga, not liblinear: liblinear penalizes the intercept.
    params["solver"] = "saga" if l1_ratio else "newton-cg"
    penalty = inspect.signature(LogisticRegression).parameters["penalty"].default
    if penalty == "l2":  # before scikit-learn 1.8, l1_ratio alone chose nothing
        params["penalty"] = "elasticnet" if l1_ratio else "l2"
        l1_ratio = l1_ratio or None
    return LogisticRegression(l1_ratio=l1_ratio, **params)


@cache
def exact_solution(kind, penalty, l1_ratio, alpha, weighted):
    """W (n_features, n_outputs) and b (n_outputs,) from a linear model."""
    X, y, sample_weight = data(kind)
    if not weighted:
        sample_weight = np.ones(N_SAMPLES)
    m = sample_weight.sum()
    rho = {"l2": 0.0, "l1": 1.0, "elasticnet": l1_ratio}[penalty]
    l1, l2 = alpha * rho, alpha * (1 - rho)  # J = ... + l1/(2m) |W| + l2/(2m) W^2
    if kind == "poisson":
        model = PoissonRegressor(alpha=l2 / m, tol=1e-12, solver="newton-cholesky")
    elif kind in CLASSIFIER_KINDS:
        # C log-losses + r |W| + (1 - r)/2 W^2, times 1/C: r/C = l1/2, (1 - r)/C = l2.
        inverse_C = l1 / 2 + l2
        model = logistic_regression(1 / inverse_C, l1 / 2 / inverse_C)
    elif rho == 0.0:
        model = Ridge(alpha=alpha, solver="cholesky")
    else:
        # a r |W| + a (1 - r)/2 W^2
        a = l1 / (2 * m) + l2 / m
        model = ElasticNet(
            alpha=a, l1_ratio=l1 / (2 * m) / a, tol=1e-14, max_iter=100_000
        )
    with warnings.catch_warnings():
        # An oracle that has not converged is no oracle.
        warnings.simplefilter("error", ConvergenceWarning)
        if kind != "multilabel":
            model.fit(X, y, sample_weight)
            return np.atleast_2d(model.coef_).T, np.atleast_1d(model.intercept_)
        per_label = [clone(model).fit(X, t, sample_weight) for t in y.T]
        return (
            np.hstack([fitted.coef_.T for fitted in per_label]),
            np.hstack([fitted.intercept_ for fitted in per_label]),
        )


def assert_close(actual, desired, rtol):
    """Every coefficient relatively; exact zeros at the same places."""
    np.testing.assert_array_equal(actual == 0, desired == 0)
    # Those just off zero are known to a hundredth of that, of the largest one.
    atol = 1e-2 * rtol * np.abs(desired).max()
    np.testing.assert_allclose(actual, desired, rtol=rtol, atol=atol)


def assert_solution(estimator, kind, solution, rtol=1e-5):
    (W,), (b,) = estimator.coefs_, estimator.intercepts_
    exact_W, exact_b = solution
    assert_close(W, exact_W, rtol)
    if kind == "multiclass":
        # A constant added to all the intercepts changes no probability.
        b, exact_b = b - b.mean(), exact_b - exact_b.mean()
    np.testing.assert_allclose(b, exact_b, rtol=rtol, atol=rtol)


CONVEX = [
    (kind, *penalty)
    for kind in KINDS
    for penalty in PENALTIES
    # scikit-learn has no L1 Poisson regression.
    if kind != "poisson" or penalty[:2] in [("l2", 0.5), ("elasticnet", 0.0)]
]


@pytest.mark.parametrize(
    "problem, weighted, container",
    covering(CONVEX, [False, True], [np.asarray, csr_matrix]),
)
def test_lbfgs_finds_the_exact_minimum(problem, weighted, container):
    kind, penalty, l1_ratio, alpha = problem
    X, y, sample_weight = data(kind)
    sample_weight = sample_weight if weighted else None
    estimator = make_estimator(
        kind,
        hidden_layer_sizes=(),
        solver="lbfgs",
        penalty=penalty,
        l1_ratio=l1_ratio,
        alpha=alpha,
        tol=1e-10,
        max_iter=10_000,
        max_fun=100_000,
        random_state=0,
    ).fit(container(X), y, sample_weight=sample_weight)
    solution = exact_solution(kind, penalty, l1_ratio, alpha, weighted)
    assert_solution(estimator, kind, solution)
    value = objective(estimator, kind, X, y, sample_weight)
    np.testing.assert_allclose(estimator.loss_, value, rtol=1e-10)
    residual = optimality(estimator, container(X), y, sample_weight=sample_weight)
    assert np.shape(residual) == (1,)
    assert residual[0] < 1e-6


def test_the_l1_problems_have_zeros_and_nonzeros():
    """Otherwise 'zeros at the same places' would be said of empty sets."""
    for kind in set(KINDS) - {"poisson"}:
        W, _ = exact_solution(kind, "l1", 0.5, 12.0, False)
        assert 0 < (W == 0).sum() < W.size, kind


# Learning rates for full batches and for mini-batches, whose noise floors J.
LEARNING_RATES = {"sgd": (0.02, 0.002), "adam": (0.01, 0.004), "adamw": (0.01, 0.004)}


STOCHASTIC_PENALTIES = [
    *product(["sgd", "adam"], ["l2", "l1", "elasticnet"], [0.6]),
    # Decoupled decay is not the gradient of a penalty: with an L2 part the fixed
    # points of AdamW are not those of J.
    ("adamw", "l1", 0.6),
    ("adamw", "elasticnet", 1.0),
]


@pytest.mark.parametrize(
    "kind, solver, weighted, batch_size",
    covering(
        ["regression", "multiclass"],
        STOCHASTIC_PENALTIES,
        [False, True],
        [N_SAMPLES, 14],
        strength=1,
    ),
)
def test_stochastic_solvers_reach_the_minimum(kind, solver, weighted, batch_size):
    """J within 1e-3 of its minimum for full batches, and for unequal batches."""
    solver, penalty, l1_ratio = solver
    X, y, sample_weight = data(kind)
    sample_weight = sample_weight if weighted else None
    params = {
        "hidden_layer_sizes": (),
        "penalty": penalty,
        "l1_ratio": l1_ratio,
        "alpha": 8.0,
        "random_state": 0,
        "tol": 0.0,
        "n_iter_no_change": 10_000,
    }
    exact = make_estimator(
        kind, **{**params, "solver": "lbfgs", "tol": 1e-10, "max_iter": 10_000}
    ).fit(X, y, sample_weight=sample_weight)
    estimator = make_estimator(
        kind,
        solver=solver,
        batch_size=batch_size,
        learning_rate_init=LEARNING_RATES[solver][batch_size < N_SAMPLES],
        max_iter=750,
        **params,
    ).fit(X, y, sample_weight=sample_weight)
    lowest = objective(exact, kind, X, y, sample_weight)
    reached = objective(estimator, kind, X, y, sample_weight)
    assert lowest * (1 - 1e-9) <= reached <= lowest * (1 + 1e-3)


# --------------------------------------------------------------------------------------
# L1 under every stochastic solver: exact zeros, and the stationary points of J
# --------------------------------------------------------------------------------------

PROXIMAL_SOLVERS = {
    "sgd": {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.3},
    "momentum": {
        "solver": "sgd",
        "momentum": 0.9,
        "nesterovs_momentum": False,
        "learning_rate_init": 0.1,
    },
    "nesterov": {
        "solver": "sgd",
        "momentum": 0.9,
        "nesterovs_momentum": True,
        "learning_rate_init": 0.1,
    },
    # epsilon bounds Adam's step where the gradient vanishes; with the default, the
    # iterates hop around the minimum at the scale of the step and converge no further.
    "adam": {"solver": "adam", "learning_rate_init": 0.02, "epsilon": 0.02},
    "adamw": {"solver": "adamw", "learning_rate_init": 0.02, "epsilon": 0.02},
}


def epochs(name, slow):
    """How many it takes: `slow`, or a fraction of that with momentum."""
    return slow * 2 // 5 if name in ("momentum", "nesterov") else slow


def long_full_batch_fit(kind, alpha, hidden_layer_sizes=(), **params):
    X, y, _ = data(kind)
    defaults = {
        "penalty": "l1",
        "activation": "tanh",
        "batch_size": N_SAMPLES,
        "max_iter": 1500,
        "tol": 0.0,
        "n_iter_no_change": 10_000,
        "random_state": 0,
    }
    return make_estimator(
        kind,
        hidden_layer_sizes=hidden_layer_sizes,
        alpha=alpha,
        **{**defaults, **params},
    ).fit(X, y)


@pytest.mark.parametrize(
    "kind, name, alpha",
    covering(
        ["regression", "binary", "multiclass"],
        PROXIMAL_SOLVERS,
        [4.0, 12.0],
        strength=1,
    ),
)
def test_l1_fixed_points_are_the_exact_solutions(kind, name, alpha):
    """A threshold that forgets momentum or Adam's scaling solves another problem."""
    X, y, _ = data(kind)
    max_iter = epochs(name, 3000 if kind == "multiclass" else 1500)
    estimator = long_full_batch_fit(
        kind, alpha, max_iter=max_iter, **PROXIMAL_SOLVERS[name]
    )
    solution = exact_solution(kind, "l1", 0.5, alpha, False)
    assert_solution(estimator, kind, solution)
    assert optimality(estimator, X, y)[0] < 1e-6
    np.testing.assert_allclose(
        estimator.sparsity_, [np.mean(estimator.coefs_[0] == 0)], rtol=1e-12
    )


@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov", "adam"])
def test_elasticnet_fixed_points_are_the_exact_solutions(name):
    estimator = long_full_batch_fit(
        "regression",
        10.0,
        penalty="elasticnet",
        l1_ratio=0.8,
        max_iter=600,
        **PROXIMAL_SOLVERS[name],
    )
    solution = exact_solution("regression", "elasticnet", 0.8, 10.0, False)
    assert_solution(estimator, "regression", solution)


@pytest.mark.parametrize(
    "problem, name",
    covering(
        # The regression is steeper: half the learning rate.
        [("regression", [12.0, 12.0], 0.5), ("multiclass", [4.0, 3.0], 1.0)],
        # In this order the slowest ones meet the regression by default.
        ["lbfgs", "adam", "sgd", "adamw", "momentum", "nesterov"],
        strength=1,
    ),
)
def test_l1_fixed_points_of_a_network_are_stationary(problem, name):
    kind, alpha, slower = problem
    X, y, _ = data(kind)
    if name == "lbfgs":
        params = {"solver": "lbfgs", "tol": 1e-10}
    else:
        slow = 5000 if (kind == "regression") == ("adam" in name) else 3000
        params = {"max_iter": epochs(name, slow)} | PROXIMAL_SOLVERS[name]
        params["learning_rate_init"] *= slower
    estimator = long_full_batch_fit(kind, alpha, hidden_layer_sizes=(4,), **params)
    residual = optimality(estimator, X, y)
    assert np.shape(residual) == (2,)
    assert np.max(residual) < 1e-6
    for W in estimator.coefs_:
        assert 0 < np.mean(W == 0) < 1


@pytest.mark.parametrize("batch_size", [N_SAMPLES, 20])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("alpha", [0.0, 3.0, 40.0])
def test_sgd_l1_takes_proximal_gradient_steps(alpha, weighted, batch_size):
    """Without momentum: W <- soft(W - lr dW, lr alpha / (2m)), step for step."""
    X, y, sample_weight = data("regression")
    s = sample_weight.copy() if weighted else np.ones(N_SAMPLES)
    if weighted and batch_size < N_SAMPLES:
        s[batch_size : 2 * batch_size] = 0.0  # a batch of no weight: only the prox
    m, n_epochs, lr = s.sum(), 20, 0.05
    n_batches = N_SAMPLES // batch_size
    estimator = make_estimator(
        "regression",
        hidden_layer_sizes=(),
        solver="sgd",
        penalty="l1",
        alpha=alpha,
        momentum=0.0,
        learning_rate_init=lr,
        batch_size=batch_size,
        shuffle=False,
        max_iter=n_epochs,
        tol=0.0,
        random_state=0,
    ).fit(X, y, sample_weight=s)
    rng = np.random.RandomState(0)
    bound = np.sqrt(6 / (N_FEATURES + 1))
    W = rng.uniform(-bound, bound, N_FEATURES)
    b = rng.uniform(-bound, bound)
    for step in range(n_epochs * n_batches):
        start = step % n_batches * batch_size
        rows = slice(start, start + batch_size)
        # n_batches / m, never the batch's own weight: the mean over the batches is J's.
        delta = n_batches / m * s[rows] * (X[rows] @ W + b - y[rows])
        W = W - lr * X[rows].T @ delta
        b = b - lr * delta.sum()
        W = np.sign(W) * np.maximum(np.abs(W) - lr * alpha / (2 * m), 0)
    assert_close(estimator.coefs_[0][:, 0], W, 1e-10)
    np.testing.assert_allclose(estimator.intercepts_[0][0], b, rtol=1e-10)


# --------------------------------------------------------------------------------------
# The group penalty of inputs: MultiTaskLasso, and stationary networks
# --------------------------------------------------------------------------------------


def multi_task_lasso(alpha, weighted):
    """MultiTaskLasso takes no weights: rows are centred and scaled here."""
    X, Y, sample_weight = data("multioutput")
    s = sample_weight if weighted else np.ones(N_SAMPLES)
    m = s.sum()
    x_mean, y_mean = s @ X / m, s @ Y / m
    root = np.sqrt(s / m * N_SAMPLES)[:, None]
    model = MultiTaskLasso(
        alpha=alpha / (2 * m), tol=1e-14, max_iter=100_000, fit_intercept=False
    )
    W = model.fit(root * (X - x_mean), root * (Y - y_mean)).coef_.T
    return W, y_mean - x_mean @ W


@pytest.mark.parametrize("container", [np.asarray, csr_matrix])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("alpha", [1.0, 20.0, 60.0])
def test_group_l1_is_multi_task_lasso(alpha, weighted, container):
    X, Y, sample_weight = data("multioutput")
    estimator = make_estimator(
        "multioutput",
        hidden_layer_sizes=(),
        solver="lbfgs",
        penalty="group_l1",
        alpha=alpha,
        tol=1e-10,
        max_iter=1000,
        random_state=0,
    ).fit(container(X), Y, sample_weight if weighted else None)
    assert_solution(estimator, "multioutput", multi_task_lasso(alpha, weighted))


def test_the_group_problems_have_zero_rows_and_others():
    zero = [(multi_task_lasso(a, False)[0] == 0).all(axis=1) for a in (1.0, 20.0, 60.0)]
    assert 0 < zero[1].sum() < zero[2].sum() < N_FEATURES


@pytest.mark.parametrize("name", ["momentum", "nesterov", "sgd", "adam", "adamw"])
def test_group_l1_fixed_points_are_multi_task_lasso(name):
    params = dict(PROXIMAL_SOLVERS[name])
    params["learning_rate_init"] *= 0.5
    params["max_iter"] = 1200 if "adam" in name else 600
    estimator = long_full_batch_fit("multioutput", 20.0, penalty="group_l1", **params)
    assert_solution(estimator, "multioutput", multi_task_lasso(20.0, False))


@pytest.mark.parametrize("alpha", [4.0, 12.0])
def test_group_l1_of_one_output_is_lasso(alpha):
    X, y, _ = data("regression")
    estimator = long_full_batch_fit(
        "regression", alpha, penalty="group_l1", solver="lbfgs", tol=1e-10
    )
    exact = Lasso(alpha=alpha / (2 * N_SAMPLES), tol=1e-14, max_iter=100_000).fit(X, y)
    assert_solution(estimator, "regression", (exact.coef_[:, None], exact.intercept_))


# Not AdamW: its decay of the other layer is not that of J.
@pytest.mark.parametrize(
    "problem, name",
    covering(
        [("regression", [30.0, 12.0], 0.5), ("multiclass", [8.0, 4.0], 1.0)],
        # In this order the slowest ones meet the regression by default.
        ["lbfgs", "momentum", "sgd", "nesterov", "adam"],
        strength=1,
    ),
)
def test_group_l1_fixed_points_of_a_network_are_stationary(problem, name):
    kind, alpha, slower = problem
    X, y, _ = data(kind)
    if name == "lbfgs":
        params = {"solver": "lbfgs", "tol": 1e-8}
    else:
        slow = 2000 if kind == "regression" else 5000
        params = {"max_iter": epochs(name, slow)} | PROXIMAL_SOLVERS[name]
        params["learning_rate_init"] *= slower
    estimator = long_full_batch_fit(
        kind, alpha, hidden_layer_sizes=(4,), penalty="group_l1", **params
    )
    assert optimality(estimator, X, y).max() < 1e-6
    unused = estimator.feature_importances_ == 0
    np.testing.assert_array_equal(unused, (estimator.coefs_[0] == 0).all(axis=1))
    # Whole inputs, and nothing else.
    assert 0 < unused.sum() < N_FEATURES
    assert (estimator.coefs_[0][~unused] != 0).all()
    assert (estimator.coefs_[1] != 0).all()


@pytest.mark.parametrize("name", ["lbfgs", *PROXIMAL_SOLVERS])
def test_alpha_max_separates_all_zeros_from_some(name):
    """Lasso's alpha_max, 2 max|X'(y - mean y)|: all the weights are 0 just above it."""
    X, y, _ = data("regression")
    alpha_max = 2 * np.abs(X.T @ (y - y.mean())).max()
    params = PROXIMAL_SOLVERS.get(name, {"solver": "lbfgs", "tol": 1e-10})
    params = {**params, "max_iter": 600}
    above = long_full_batch_fit("regression", 1.001 * alpha_max, **params)
    np.testing.assert_array_equal(above.coefs_[0], 0.0)
    np.testing.assert_allclose(above.intercepts_[0], y.mean(), rtol=1e-5)
    below = long_full_batch_fit("regression", 0.999 * alpha_max, **params)
    assert np.count_nonzero(below.coefs_[0]) == 1


# --------------------------------------------------------------------------------------
# optimality: against the sub-differential written out for a linear model
# --------------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "penalty, l1_ratio", [("l2", 0.5), ("l1", 0.5), ("elasticnet", 0.6), (None, 0.5)]
)
def test_optimality_is_the_distance_to_the_subdifferential(penalty, l1_ratio, weighted):
    X, y, sample_weight = data("regression")
    s = sample_weight if weighted else np.ones(N_SAMPLES)
    m, alpha = s.sum(), 9.0
    estimator = make_estimator(
        "regression",
        hidden_layer_sizes=(),
        solver="sgd",
        penalty=penalty,
        l1_ratio=l1_ratio,
        alpha=alpha,
        learning_rate_init=0.05,
        max_iter=12,
        random_state=0,
    ).fit(X, y, sample_weight=s)
    W, b = estimator.coefs_[0][:, 0], estimator.intercepts_[0]
    rho = {None: 0.0, "l2": 0.0, "l1": 1.0, "elasticnet": l1_ratio}[penalty]
    lam = 0.0 if penalty is None else alpha
    residual = s * (X @ W + b - y)
    smooth = (X.T @ residual + lam * (1 - rho) * W) / m
    l1 = lam * rho / (2 * m)
    distance = np.where(
        W != 0, np.abs(smooth + l1 * np.sign(W)), np.maximum(np.abs(smooth) - l1, 0)
    )
    expected = max(distance.max(), abs(residual.sum() / m))
    assert expected > 1e-2  # far from converged, on purpose
    np.testing.assert_allclose(
        optimality(estimator, X, y, sample_weight=s), [expected], rtol=1e-10
    )


def test_optimality_sees_an_intercept_that_is_off():
    """J is a function of the intercepts too: a fit with a wrong one has not converged.

    X is centered, so moving the intercept leaves the gradient of the weights alone.
    """
    X, y, _ = data("regression")
    estimator = long_full_batch_fit("regression", 4.0, solver="lbfgs", tol=1e-10)
    assert optimality(estimator, X, y)[0] < 1e-8
    estimator.intercepts_[0] = estimator.intercepts_[0] + 0.25
    np.testing.assert_allclose(optimality(estimator, X, y), [0.25], rtol=1e-6)


# --------------------------------------------------------------------------------------
# One alpha per layer
# --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["regression", "binary"])
def test_per_layer_alpha_of_a_linear_network(kind):
    """Two linear layers, one output: only alpha_1 alpha_2 matters.

    min over W1 W2 = w of alpha_1 |W1|^2 + alpha_2 |W2|^2 is 2 sqrt(alpha_1 alpha_2)
    |w|_2 (the nuclear norm of one column), reached where both terms are equal.
    """
    X, y, _ = data(kind)
    for alphas in [(1.0, 16.0), (4.0, 4.0), (16.0, 1.0)]:
        estimator = make_estimator(
            kind,
            hidden_layer_sizes=(3,),
            activation="identity",
            solver="lbfgs",
            alpha=alphas,
            tol=1e-9,
            max_iter=10_000,
            max_fun=100_000,
            random_state=1,
        ).fit(X, y)
        np.testing.assert_array_equal(estimator.alpha_, alphas)
        squares = [(W**2).sum() for W in estimator.coefs_]
        np.testing.assert_allclose(
            alphas[0] * squares[0], alphas[1] * squares[1], rtol=1e-5
        )
        w = (estimator.coefs_[0] @ estimator.coefs_[1])[:, 0]
        raw = raw_prediction(estimator, X)[:, 0]
        mean = raw if kind == "regression" else 1 / (1 + np.exp(-raw))
        gradient = X.T @ (mean - y) / N_SAMPLES
        np.testing.assert_allclose(
            gradient, -4.0 / N_SAMPLES * w / np.linalg.norm(w), rtol=1e-4, atol=1e-6
        )


@pytest.mark.parametrize("penalty", ["l2", "l1", "elasticnet", "group_l1", None])
@pytest.mark.parametrize("solver", SOLVERS)
def test_equal_alphas_are_one_alpha(solver, penalty):
    X, y, _ = data("binary")
    params = {
        "hidden_layer_sizes": (4, 3),
        "solver": solver,
        "penalty": penalty,
        "batch_size": 20,
        "max_iter": 5,
        "random_state": 0,
    }
    one = make_estimator("binary", alpha=3.0, **params).fit(X, y)
    per_layer = make_estimator("binary", alpha=[3.0, 3.0, 3.0], **params).fit(X, y)
    assert_identical(one, per_layer)
    np.testing.assert_array_equal(one.alpha_, [3.0, 3.0, 3.0])


@pytest.mark.parametrize("solver", ["lbfgs", "sgd", "adam"])
def test_only_the_layer_with_an_alpha_is_made_sparse(solver):
    X, y, _ = data("binary")
    estimator = make_estimator(
        "binary",
        hidden_layer_sizes=(5, 4),
        solver=solver,
        penalty="l1",
        alpha=[6.0, 0.0, 0.0],
        learning_rate_init=0.01,
        max_iter=300,
        random_state=0,
    ).fit(X, y)
    first, *others = estimator.sparsity_
    assert first > 0
    assert others == [0.0, 0.0]


# --------------------------------------------------------------------------------------
# alpha=0 is no penalty, bit for bit
# --------------------------------------------------------------------------------------


def assert_identical(a, b):
    for left, right in zip(
        a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True
    ):
        np.testing.assert_array_equal(left, right)
        assert left.dtype == right.dtype
    assert a.loss_ == b.loss_
    assert a.n_iter_ == b.n_iter_
    assert getattr(a, "loss_curve_", None) == getattr(b, "loss_curve_", None)


@pytest.mark.parametrize(
    "solver, kind, dtype", covering(SOLVERS, KINDS, [np.float32, np.float64])
)
def test_alpha_zero_is_no_penalty(solver, kind, dtype):
    X, y, sample_weight = data(kind)
    params = {
        "hidden_layer_sizes": (4, 3),
        "solver": solver,
        "batch_size": 20,
        "max_iter": 8,
        "random_state": 0,
    }

    def fit(**penalty):
        estimator = make_estimator(kind, **penalty, **params)
        return estimator.fit(X.astype(dtype), y, sample_weight=sample_weight)

    none = fit(penalty=None, alpha=7.0)
    for penalty in ["l2", "l1", "elasticnet", None]:
        assert_identical(fit(penalty=penalty, alpha=0.0), none)
    assert_identical(fit(penalty="l1", alpha=[0.0, 0.0, 0.0]), none)


# --------------------------------------------------------------------------------------
# scikit-learn's MLP, wherever its alpha means the same
# --------------------------------------------------------------------------------------

ADAPTIVE = {"learning_rate": "adaptive", "tol": 0.05, "n_iter_no_change": 1}
SGD_PARAMS = {
    "plain": {"momentum": 0.0},
    "momentum": {"momentum": 0.9, "nesterovs_momentum": False},
    "nesterov": {"momentum": 0.9},
    "invscaling": {"learning_rate": "invscaling", "power_t": 0.3},
    "adaptive": ADAPTIVE,
    "adaptive_plain": {"momentum": 0.0, **ADAPTIVE},
}


def fit_both(kind, *, X=None, sample_weight=None, **params):
    """Our estimator and scikit-learn's, from the same parameters."""
    dense, y, _ = data(kind)
    X = dense if X is None else X
    fit_params = {} if sample_weight is None else {"sample_weight": sample_weight}
    mlp = neural_network.MLPRegressor
    if kind == "poisson" and "loss" not in inspect.signature(mlp).parameters:
        pytest.skip("scikit-learn's MLP has no Poisson loss before 1.7")
    if fit_params and "sample_weight" not in inspect.signature(mlp.fit).parameters:
        pytest.skip("scikit-learn's MLP has no sample_weight before 1.7")
    theirs = make_estimator(kind, module=neural_network, **params)
    ours = make_estimator(kind, **params)
    return ours.fit(X, y, **fit_params), theirs.fit(X, y, **fit_params)


def assert_same_fit(ours, theirs, kind, rtol):
    assert ours.n_iter_ == theirs.n_iter_
    for a, b in zip(
        ours.coefs_ + ours.intercepts_,
        theirs.coefs_ + theirs.intercepts_,
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * np.abs(b).max())
    if kind == "multioutput":
        # Ours is the sum over the outputs, as Ridge has it. scikit-learn reports their
        # average, but follows the gradient of the sum.
        return
    np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=rtol)
    if hasattr(theirs, "loss_curve_"):
        np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=rtol)
        if theirs.best_loss_ is not None:
            np.testing.assert_allclose(ours.best_loss_, theirs.best_loss_, rtol=rtol)


@pytest.mark.parametrize(
    "kind, activation, hidden_layer_sizes",
    covering(KINDS, ["identity", "logistic", "tanh", "relu"], [(7,), (6, 5)]),
)
def test_same_as_sklearn_mlp_for_every_loss(kind, activation, hidden_layer_sizes):
    ours, theirs = fit_both(
        kind,
        hidden_layer_sizes=hidden_layer_sizes,
        activation=activation,
        solver="sgd",
        alpha=0.0,
        # An exponential output diverges sooner.
        learning_rate_init=0.003 if kind == "poisson" else 0.01,
        batch_size=20,
        max_iter=10,
        random_state=3,
    )
    assert_same_fit(ours, theirs, kind, 1e-9)


@pytest.mark.parametrize(
    "kind, name, shuffle",
    covering(["regression", "binary", "multiclass"], SGD_PARAMS, [True, False]),
)
def test_same_as_sklearn_mlp_for_every_schedule(kind, name, shuffle):
    ours, theirs = fit_both(
        kind,
        hidden_layer_sizes=(6,),
        activation="tanh",
        solver="sgd",
        alpha=0.0,
        shuffle=shuffle,
        batch_size=15,
        max_iter=30,
        random_state=1,
        **{"learning_rate_init": 0.05, **SGD_PARAMS[name]},
    )
    assert_same_fit(ours, theirs, kind, 1e-9)
    assert theirs.n_iter_ >= 8
    if name.startswith("adaptive"):
        assert theirs._optimizer.learning_rate < 0.05, "the schedule was not exercised"


ADAMS = [
    ("tanh", 1e-8, 1e-5),
    ("relu", 1e-8, 1e-5),
    ("tanh", 1e-30, 1e-9),
    ("relu", 1e-30, 1e-9),
    # Gradients through two logistic layers are not large against 1e-8.
    ("logistic", 1e-30, 1e-9),
]


@pytest.mark.parametrize("kind, adam", covering(KINDS, ADAMS, strength=1))
def test_same_as_sklearn_mlp_under_adam(kind, adam):
    """scikit-learn's epsilon sits inside the bias correction: 1e-30 hides it."""
    activation, epsilon, rtol = adam
    ours, theirs = fit_both(
        kind,
        hidden_layer_sizes=(6, 5),
        activation=activation,
        solver="adam",
        alpha=0.0,
        epsilon=epsilon,
        learning_rate_init=0.005,
        batch_size=20,
        max_iter=20,
        random_state=2,
    )
    assert_same_fit(ours, theirs, kind, rtol)


FULL_BATCHES = [
    *product(KINDS, ["sgd", "adam"], [1e-9]),
    # Not multioutput: scikit-learn's loss and gradient disagree there.
    *product(SAME_LOSS_KINDS, ["lbfgs"], [1e-6]),
]


@pytest.mark.parametrize(
    "problem, alpha, container, weighted",
    covering(FULL_BATCHES, [0.5, 10.0], [np.asarray, csr_matrix], [False, True]),
)
def test_same_as_sklearn_mlp_with_full_batches(problem, alpha, container, weighted):
    """Any alpha: with all the rows in the batch both objectives are J."""
    kind, solver, rtol = problem
    X, _, sample_weight = data(kind)
    ours, theirs = fit_both(
        kind,
        X=container(X),
        sample_weight=sample_weight if weighted else None,
        hidden_layer_sizes=(5,),
        activation="tanh",
        solver=solver,
        alpha=alpha,
        batch_size=N_SAMPLES,
        learning_rate_init=0.01,
        epsilon=1e-30,
        max_iter=15,
        random_state=4,
    )
    assert_same_fit(ours, theirs, kind, rtol)


@pytest.mark.parametrize("kind", SAME_LOSS_KINDS)
def test_same_as_sklearn_mlp_at_the_end_of_lbfgs(kind):
    """The same stopping rule: default tol, as many iterations, the same weights."""
    ours, theirs = fit_both(
        kind,
        hidden_layer_sizes=(3,),
        activation="tanh",
        solver="lbfgs",
        alpha=20.0,
        max_iter=1000,
        random_state=0,
    )
    assert theirs.n_iter_ < 1000
    assert_same_fit(ours, theirs, kind, 1e-5)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_same_as_sklearn_mlp_when_training_loss_stalls(kind, solver):
    ours, theirs = fit_both(
        kind,
        hidden_layer_sizes=(5,),
        solver=solver,
        alpha=0.0,
        batch_size=20,
        learning_rate_init=0.05,
        epsilon=1e-30,
        tol=1e-2,
        n_iter_no_change=3,
        max_iter=500,
        random_state=0,
    )
    assert 5 < theirs.n_iter_ < 500
    assert_same_fit(ours, theirs, kind, 1e-9)


# scikit-learn does not stratify multiclass and multilabel splits; ours are
# the better splits, so only the kinds with one answer are compared.
@pytest.mark.parametrize(
    "kind, solver",
    covering(["regression", "multioutput", "binary"], ["sgd", "adam"], strength=1),
)
def test_same_as_sklearn_mlp_with_early_stopping(kind, solver):
    ours, theirs = fit_both(
        kind,
        hidden_layer_sizes=(5,),
        solver=solver,
        alpha=0.0,
        early_stopping=True,
        validation_fraction=0.2,
        batch_size=12,
        learning_rate_init=0.01,
        epsilon=1e-30,
        n_iter_no_change=5,
        max_iter=200,
        random_state=0,
    )
    assert 5 < theirs.n_iter_ < 200
    assert_same_fit(ours, theirs, kind, 1e-9)
    for name in ("validation_scores_", "best_validation_score_"):
        np.testing.assert_allclose(
            getattr(ours, name), getattr(theirs, name), rtol=1e-8
        )


# --------------------------------------------------------------------------------------
# lambda means the same whatever the batches, and never breaks a fit
# --------------------------------------------------------------------------------------


@cache
def larger_data(n_samples):
    rng = np.random.RandomState(0)
    X = rng.normal(size=(n_samples, 5))
    y = (X @ [1.0, -1.0, 0.5, 0.0, 0.0] + rng.normal(size=n_samples) > 0).astype(int)
    return X, y


def weight_norm(n_samples, batch_size, alpha, solver, n_steps=3000, **params):
    X, y = larger_data(n_samples)
    n_batches = -(-n_samples // batch_size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator = skl2.MLPClassifier(
            (8,),
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            max_iter=n_steps // n_batches,
            tol=0.0,
            n_iter_no_change=n_steps,
            random_state=0,
            **params,
        ).fit(X, y)
    return np.sqrt(sum((W**2).sum() for W in estimator.coefs_)), estimator


@cache
def full_batch_norm(solver, lr):
    return weight_norm(600, 600, 6.0, solver, 1500, learning_rate_init=lr)[0]


@pytest.mark.parametrize(
    "solver, batch_size",
    covering([("adam", 1e-3), ("sgd", 0.02)], [20, 60, 90], strength=1),
)
def test_alpha_does_not_depend_on_the_batch_size(solver, batch_size):
    solver, lr = solver
    norm, _ = weight_norm(600, batch_size, 6.0, solver, 1500, learning_rate_init=lr)
    np.testing.assert_allclose(norm, full_batch_norm(solver, lr), rtol=0.1)


@pytest.mark.parametrize(
    "solver, alpha",
    covering([("adam", 1e-3), ("sgd", 0.05)], [5.0, 20.0], strength=1),
)
def test_one_more_row_changes_little(solver, alpha):
    """2001 rows in batches of 200 leave one row over: it must not weigh like 200."""
    solver, lr = solver
    params = {"alpha": alpha, "solver": solver, "learning_rate_init": lr}
    norm, even = weight_norm(2000, 200, **params)
    norm_more, odd = weight_norm(2001, 200, **params)
    np.testing.assert_allclose(norm_more, norm, rtol=0.1)
    X, y = larger_data(2000)
    assert abs(even.score(X, y) - odd.score(X, y)) < 0.02


ALPHA_GRID = [0.0, *np.logspace(-4, 6, 6)]


@pytest.mark.parametrize(
    "kind, solver, penalty, dtype",
    covering(
        ["regression", "multiclass"],
        SOLVERS,
        ["l2", "l1", "elasticnet", "group_l1", None],
        [np.float32, np.float64],
    ),
)
def test_no_alpha_breaks_a_fit(kind, solver, penalty, dtype):
    """alpha from 0 to 1e6: finite everywhere, and one warning where it is too large."""
    X, y, _ = data(kind)
    X = X.astype(dtype)
    lr, l1_ratio = 0.02, 0.5
    norms = []
    for alpha in ALPHA_GRID:
        estimator = make_estimator(
            kind,
            hidden_layer_sizes=(4,),
            solver=solver,
            penalty=penalty,
            l1_ratio=l1_ratio,
            alpha=alpha,
            learning_rate_init=lr,
            batch_size=20,
            max_iter=10,
            random_state=0,
        )
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            estimator.fit(X, y)
        about_alpha = [
            str(w.message)
            for w in caught
            if issubclass(w.category, ConvergenceWarning) and "alpha" in str(w.message)
        ]
        others = [w for w in caught if not issubclass(w.category, ConvergenceWarning)]
        assert others == [], [str(w.message) for w in others]
        # The grid keeps clear of 1 for lr alpha/m and for (1 - l1_ratio) lr alpha/m.
        decays = penalty in ("l2", "elasticnet", "group_l1")
        too_large = lr * alpha / N_SAMPLES > 1 and decays
        expected = too_large and solver != "lbfgs"
        assert len(about_alpha) == expected, (alpha, about_alpha)
        for array in [
            *estimator.coefs_,
            *estimator.intercepts_,
            estimator.loss_,
            getattr(estimator, "loss_curve_", 0.0),
        ]:
            assert np.isfinite(array).all(), alpha
        for W in estimator.coefs_:
            assert W.dtype == dtype
        if kind == "multiclass":
            probabilities = estimator.predict_proba(X)
            assert np.isfinite(probabilities).all()
            np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
        else:
            assert np.isfinite(estimator.predict(X)).all()
        norms.append(np.sqrt(sum((W**2).sum() for W in estimator.coefs_)))
        if penalty == "l1" and alpha == 1e6:
            assert norms[-1] == 0
        if penalty == "group_l1" and alpha == 1e6:
            assert not estimator.coefs_[0].any()
    if penalty is None:
        assert set(norms) == {norms[0]}
    else:
        # However large alpha is, it shrinks; it never blows up.
        assert norms[-1] < norms[0]


@pytest.mark.parametrize("solver", STOCHASTIC_SOLVERS)
def test_the_largest_alpha_counts_for_the_warning(solver):
    X, y, _ = data("regression")
    estimator = make_estimator(
        "regression",
        hidden_layer_sizes=(4,),
        solver=solver,
        alpha=[0.0, 1e6],
        max_iter=3,
        random_state=0,
    )
    with pytest.warns(ConvergenceWarning, match="alpha"):
        estimator.fit(X, y)
    assert all(np.isfinite(W).all() for W in estimator.coefs_)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("nesterovs_momentum", [False, True])
@pytest.mark.parametrize("solver", STOCHASTIC_SOLVERS)
def test_a_huge_l2_penalty_drives_the_weights_to_zero(
    solver, nesterovs_momentum, momentum
):
    """A bounded step still shrinks: no sign flips, no growth, however long it runs."""
    X, y, _ = data("regression")
    estimator = make_estimator(
        "regression",
        hidden_layer_sizes=(4,),
        solver=solver,
        alpha=1e6,
        momentum=momentum,
        nesterovs_momentum=nesterovs_momentum,
        learning_rate_init=0.01,
        max_iter=300,
        tol=0.0,
        n_iter_no_change=1000,
        random_state=0,
    )
    with pytest.warns(ConvergenceWarning, match="alpha"):
        estimator.fit(X, y)
    for W in estimator.coefs_:
        assert np.abs(W).max() < 0.05
