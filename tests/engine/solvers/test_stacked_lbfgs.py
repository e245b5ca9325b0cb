"""L-BFGS for a whole stack: the minimum is reached, and no member sees another."""

import numpy as np
import pytest
import scipy.sparse as sp
from helpers import (
    CONTAINERS,
    DTYPES,
    LOSSES,
    bound_objective,
    make_member,
    make_shape,
    training_set,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression, Ridge

from skl2._engine.data import TrainingSet
from skl2._engine.losses import BinaryLogLoss, HalfPoisson, HalfSquaredError
from skl2._engine.solvers.stacked_lbfgs import minimize_stack

ALPHAS = [1e-3, 0.1, 1.0, 10.0, 1e3]


def stack(data, loss, alphas, hidden=(), seeds=None, **shape_params):
    """An objective of one member for each λ, and where they start."""
    shape = make_shape(data, hidden, **shape_params)
    seeds = range(len(alphas)) if seeds is None else seeds
    members = [
        make_member(shape, seed=s, alpha=a) for s, a in zip(seeds, alphas, strict=True)
    ]
    objective = bound_objective(shape, loss, members, data)
    return objective, objective.theta.copy()


def to_the_end(objective, theta, max_evaluations=2000):
    return minimize_stack(objective, theta, max_evaluations, tol=1e-9, ftol=0.0)


# ----------------------------------------------------------------- the right minimum


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("container", CONTAINERS)
def test_it_reaches_ridge(container, weighted):
    data = training_set(weighted=weighted, container=container)
    objective, theta = stack(data, HalfSquaredError(), ALPHAS)
    to_the_end(objective, theta)
    for alpha, row in zip(ALPHAS, theta, strict=True):
        ridge = Ridge(alpha=alpha, solver="sparse_cg" if container == "csr" else "auto")
        ridge.set_params(tol=1e-12).fit(data.X, data.y.T, data.sample_weight)
        (coef,), (intercept,) = objective.network.unpack(row)
        assert_allclose(coef, ridge.coef_.T, atol=1e-7)
        assert_allclose(intercept, ridge.intercept_, atol=1e-7)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["binary_log_loss", "multinomial_log_loss"])
def test_it_reaches_logistic_regression(kind, weighted):
    binary = kind == "binary_log_loss"
    n_outputs = 1 if binary else 3
    data = training_set(kind, n_outputs=n_outputs, n_rows=40, weighted=weighted)
    labels = data.y[0] if binary else data.y.argmax(axis=0)
    objective, theta = stack(data, LOSSES[kind], ALPHAS)
    to_the_end(objective, theta)
    for alpha, row in zip(ALPHAS, theta, strict=True):
        exact = LogisticRegression(C=1.0 / alpha, tol=1e-12, max_iter=5000)
        exact.fit(data.X, labels, data.sample_weight)
        (coef,), (b,) = objective.network.unpack(row)
        assert_allclose(coef, exact.coef_.T, atol=2e-6)
        # Softmax intercepts are determined up to a constant.
        centre = 0.0 if binary else b.mean() - exact.intercept_.mean()
        assert_allclose(b - centre, exact.intercept_, atol=2e-6)


def shifted(objective):
    """Value and gradient of the first member, as scipy wants them."""

    def value_and_grad(x):
        objective.theta[0] = x
        value, grad = objective.value_and_grad()
        return float(value[0]), grad[0].astype(float)

    return value_and_grad


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("name", ["squared_error", "poisson", "binary_log_loss"])
def test_it_agrees_with_scipy_where_j_is_convex(name, alpha, weighted):
    data = training_set(name, weighted=weighted)
    objective, theta = stack(data, LOSSES[name], [alpha])
    start = theta[0].copy()
    (value,) = to_the_end(objective, theta)
    objective.bind(theta.copy())
    found = minimize(
        shifted(objective),
        start,
        jac=True,
        method="L-BFGS-B",
        options={"gtol": 1e-10, "ftol": 0.0, "maxiter": 5000, "maxfun": 20_000},
    )
    assert_allclose(value, found.fun, rtol=1e-12, atol=1e-14)
    assert_allclose(theta[0], found.x, atol=1e-6)


@pytest.mark.parametrize("hidden", [(6,), (5, 4)])
@pytest.mark.parametrize(
    "name", ["squared_error", "poisson", "binary_log_loss", "multinomial_log_loss"]
)
def test_networks_are_trained_at_least_as_fast_as_by_scipy(name, hidden):
    """In as many evaluations J comes as low: the ladder's budgets rest on that."""
    n_outputs = 1 if name == "binary_log_loss" else 3
    data = training_set(name, n_rows=60, n_outputs=n_outputs)
    ours, theirs = [], []
    for seed in range(4):
        objective, theta = stack(data, LOSSES[name], [0.5], hidden, seeds=[seed])
        start = theta[0].copy()
        ours += minimize_stack(objective, theta, 60, 1e-9, 0.0).tolist()
        objective.bind(theta.copy())
        options = {"gtol": 1e-9, "ftol": 0.0, "maxfun": 60}
        found = minimize(
            shifted(objective), start, jac=True, method="L-BFGS-B", options=options
        )
        theirs.append(found.fun)
    assert np.mean(ours) <= 1.02 * np.mean(theirs)


# ------------------------------------------------------------------ a stack of many


@pytest.mark.parametrize("evaluations", [1, 2, 7, 60])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("hidden", [(), (5,), (4, 3)])
def test_a_member_of_the_stack_is_the_same_alone(hidden, dtype, evaluations):
    data = training_set(n_rows=50, dtype=dtype)
    objective, theta = stack(data, HalfSquaredError(), ALPHAS, hidden)
    start = theta.copy()
    values = minimize_stack(objective, theta, evaluations, 1e-4, 1e-6)
    assert values.shape == (len(ALPHAS),)
    assert theta.dtype == dtype
    for k, alpha in enumerate(ALPHAS):
        alone, own = stack(data, HalfSquaredError(), [alpha], hidden, seeds=[k])
        assert_array_equal(own, start[k : k + 1])
        (value,) = minimize_stack(alone, own, evaluations, 1e-4, 1e-6)
        assert value == values[k]
        assert_array_equal(own[0], theta[k])


def test_weights_of_its_own_for_every_member():
    """Folds share X: a row that a fold holds out has weight 0 there."""
    data = training_set(n_rows=60)
    folds = np.arange(60) % 3
    weights = np.stack([(folds != k) * 1.0 for k in range(3)])
    shared = TrainingSet(data.X, data.y, weights)
    objective, theta = stack(shared, HalfSquaredError(), [2.0] * 3)
    objective = type(objective)(
        objective.network,
        objective.loss,
        objective.penalty,
        shared,
        weights.sum(axis=1),
    )
    to_the_end(objective, theta)
    for k, row in enumerate(theta):
        rows = folds != k
        ridge = Ridge(alpha=2.0).fit(data.X[rows], data.y[:, rows].T)
        assert_allclose(objective.network.unpack(row)[0][0], ridge.coef_.T, atol=1e-7)


def exploding(n_members):
    """Poisson data whose second step overflows exp: y is large, the start at 0."""
    x = np.random.RandomState(0).standard_normal((30, 2))
    data = TrainingSet(x, np.full((1, 30), 1e6))
    objective, theta = stack(data, HalfPoisson(), [1.0] * n_members)
    theta[:] = 0.0
    return objective, theta


def test_overflow_in_a_trial_step_is_refused_and_forgotten():
    """Alone and beside members that accept a step in the same evaluation."""
    alone, own = exploding(1)
    (value,) = minimize_stack(alone, own, 100, 1e-6, 0.0)
    # All that is to be learned is the intercept.
    assert_allclose(own[0, -1], np.log(1e6), rtol=1e-6)
    objective, theta = exploding(3)
    theta[1:, -1] = [13.0, np.log(1e6) + 0.5]
    values = minimize_stack(objective, theta, 100, 1e-6, 0.0)
    assert values[0] == value
    assert_array_equal(theta[0], own[0])
    assert_allclose(theta[:, -1], np.log(1e6), rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e200])
def test_a_start_that_is_not_finite_gives_nan_to_that_member_alone(bad):
    data = training_set()
    objective, theta = stack(data, HalfSquaredError(), ALPHAS, (5,))
    clean = theta.copy()
    expected = minimize_stack(objective, clean, 20, 1e-4, 1e-6)
    objective, theta = stack(data, HalfSquaredError(), ALPHAS, (5,))
    theta[2] = bad
    with np.errstate(all="raise", over="ignore", invalid="ignore", under="ignore"):
        values = minimize_stack(objective, theta, 20, 1e-4, 1e-6)
    assert np.isnan(values[2])
    others = [0, 1, 3, 4]
    assert_array_equal(values[others], expected[others])
    assert_array_equal(theta[others], clean[others])


# ------------------------------------------------------------------- what it returns


class Counted:
    """An objective that counts, and keeps, what it has been asked for."""

    def __init__(self, objective):
        self.objective, self.values = objective, []

    def bind(self, theta):
        self.objective.bind(theta)

    def value_and_grad(self):
        value, grad = self.objective.value_and_grad()
        self.values.append(value.copy())
        return value, grad


@pytest.mark.parametrize("evaluations", [1, 2, 12, 30])
def test_the_budget_is_in_evaluations_of_the_whole_stack(evaluations):
    objective, theta = stack(training_set(), HalfSquaredError(), ALPHAS, (5,))
    start = theta.copy()
    counted = Counted(objective)
    value = minimize_stack(counted, theta, evaluations, 0.0, 0.0)
    assert len(counted.values) == evaluations
    assert (value <= counted.values[0]).all()
    # The value is that of the weights returned, and the best of those seen.
    objective.bind(theta.copy())
    assert_array_equal(objective.value_and_grad()[0], value)
    assert_array_equal(value, np.min(counted.values, axis=0))
    if evaluations == 1:
        assert_array_equal(theta, start)


def test_it_stops_when_all_members_have_converged():
    data = training_set()
    objective, theta = stack(data, HalfSquaredError(), ALPHAS)
    counted = Counted(objective)
    minimize_stack(counted, theta, 10_000, 1e-8, 0.0)
    assert len(counted.values) < 200
    objective.bind(theta.copy())
    assert np.abs(objective.value_and_grad()[1]).max() <= 1e-8


def test_a_looser_ftol_stops_sooner_and_not_lower():
    data = training_set(n_rows=60)
    seen = []
    for ftol in (1e-1, 1e-3, 1e-9):
        objective, theta = stack(data, HalfSquaredError(), [0.1], (6,))
        counted = Counted(objective)
        (value,) = minimize_stack(counted, theta, 1000, 0.0, ftol)
        seen.append((len(counted.values), -value))
    assert seen == sorted(seen)
    assert seen[0][0] < seen[1][0] < seen[2][0]


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e6])
def test_the_scale_of_j_does_not_matter(factor):
    """The first step has no curvature to go by."""
    data = training_set(n_rows=40)
    X = data.X * factor
    data = TrainingSet(sp.csr_matrix(X) if factor == 1.0 else X, data.y * factor)
    objective, theta = stack(data, HalfSquaredError(), [1e-8])
    before = objective.value_and_grad()[0].copy()
    (value,) = minimize_stack(objective, theta, 500, 0.0, 0.0)
    ridge = Ridge(alpha=1e-8).fit(X, data.y.T)
    least = 0.5 * np.mean(np.square(data.y.T - ridge.predict(X)).sum(axis=1))
    assert least * (1 - 1e-9) <= value <= before
    if factor == 1.0:
        assert_allclose(value, least, rtol=1e-6)


def test_binary_log_loss_of_separable_data_goes_on_down():
    X = np.array([[-1.0], [1.0], [2.0]])
    data = TrainingSet(X, np.array([[0.0, 1.0, 1.0]]))
    objective, theta = stack(data, BinaryLogLoss(), [0.0])
    (value,) = minimize_stack(objective, theta, 200, 1e-12, 0.0)
    assert 0.0 <= value < 1e-6
