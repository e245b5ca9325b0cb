"""L-BFGS on the objective: the split of an L1 part, limits, and Ctrl-C."""

import numpy as np
import pytest
from helpers import (
    DTYPES,
    LOSSES,
    bound_objective,
    make_member,
    make_settings,
    training_set,
)
from numpy.testing import assert_allclose, assert_array_equal

from skl2 import MLPRegressor
from skl2._engine.losses import Gaussian, HalfSquaredError
from skl2._engine.solvers.lbfgs import _SplitVariables, _Variables, minimize_lbfgs

PENALTIES = ["l2", "l1", "elasticnet", None]
every_penalty = pytest.mark.parametrize("penalty", PENALTIES)


def problem(
    penalty="l1", alpha=1.0, hidden=(4,), dtype=np.float64, loss="squared_error", **data
):
    data = training_set(loss, dtype=dtype, **data)
    settings = make_settings(data, hidden)
    member = make_member(settings, penalty=penalty, alpha=alpha, l1_ratio=0.4)
    return bound_objective(settings, LOSSES[loss], [member], data)


def minimize(objective, max_iter=1000, max_fun=15000, tol=1e-8):
    return minimize_lbfgs(objective, objective.theta, max_iter, max_fun, tol)


def value(objective, theta):
    objective.bind(theta[None].copy())
    return float(objective.value_and_grad()[0][0])


# ------------------------------------------------------------------- U and V


def split_objective(objective):
    variables = _SplitVariables(objective.penalty, objective.theta.shape[1])

    def f(x):
        objective.theta[0] = variables.theta(x)
        J, grad = objective.value_and_grad()
        return variables.value_and_gradient(x, float(J[0]), grad[0].copy())

    return variables, f


@pytest.mark.parametrize("alpha", [2.0, [2.0, 0.0], [0.0, 0.5]], ids=str)
@pytest.mark.parametrize("penalty", ["l1", "elasticnet"])
def test_split_variables(penalty, alpha):
    objective = problem(penalty, alpha)
    variables, f = split_objective(objective)
    P = objective.theta.shape[1]
    strength = objective.penalty.l1.coordinates(P)[0]
    split = np.flatnonzero(strength)
    assert_array_equal(variables.split, split)
    assert 0 < len(split) < P
    # Bounds: U and V alone.
    bounded = [low == 0.0 for low, _ in variables.bounds]
    assert_array_equal(np.flatnonzero(bounded), [*split, *range(P, P + len(split))])
    # The start is theta, and nothing is in U and V at once.
    theta = objective.theta[0].copy()
    x = variables.start(theta)
    assert_array_equal(variables.theta(x), theta)
    assert not np.minimum(x[split], x[P:]).any()
    assert (x[split] >= 0).all() and (x[P:] >= 0).all()
    # There J is the same; elsewhere U + V counts in full: strength · Σ (U + V).
    assert_allclose(f(x)[0], value(objective, theta), rtol=1e-14)
    rng = np.random.RandomState(0)
    x = rng.rand(len(x))
    objective.bind(objective.theta)
    objective.theta[0] = variables.theta(x)
    J = objective.value_and_grad()[0] - objective.penalty.l1.value(objective.theta)
    expected = J[0] + strength[split] @ (x[split] + x[P:])
    assert_allclose(f(x)[0], expected, rtol=1e-13)
    # And it is smooth: the gradient by finite differences.
    _, grad = f(x)
    grad, h = grad.copy(), 1e-5
    numeric = [(f(x + h * e)[0] - f(x - h * e)[0]) / (2 * h) for e in np.eye(len(x))]
    assert_allclose(grad, numeric, rtol=1e-6, atol=1e-8)


def test_without_a_nonsmooth_part_the_variables_are_theta():
    objective = problem("l2", dtype=np.float32)
    x = _Variables().start(objective.theta[0])
    assert x.dtype == np.float64
    assert_array_equal(x, objective.theta[0])
    assert _Variables().theta(x) is x


# ------------------------------------------------------------------- the minimum


# Without a penalty a network has no minimum that is worth waiting for.
PROBLEMS = [((), penalty) for penalty in PENALTIES]
PROBLEMS += [((4,), penalty) for penalty in PENALTIES[:3]]


@pytest.mark.parametrize("loss", ["squared_error", "poisson", "multinomial_log_loss"])
@pytest.mark.parametrize("hidden, penalty", PROBLEMS)
def test_it_ends_at_a_stationary_point(hidden, loss, penalty):
    objective = problem(penalty, alpha=6.0, hidden=hidden, loss=loss)
    result = minimize(objective)
    assert result.converged
    objective.bind(result.theta[None].copy())
    assert objective.optimality().max() < 1e-5
    J = value(objective, result.theta)
    assert_allclose(result.best_loss, J, rtol=1e-12)
    assert_allclose(result.loss_curve[-1], J, rtol=1e-7)
    assert len(result.loss_curve) == result.n_iter
    sparse = penalty in ("l1", "elasticnet")
    # Each iteration lowers the objective in U and V, which on the way is above J.
    assert sparse or (np.diff(result.loss_curve) < 1e-12).all()
    columns = np.concatenate([np.r_[c] for c in objective.network.layout.weights])
    assert (result.theta[columns] == 0).any() == sparse


@pytest.mark.parametrize("dtype", DTYPES)
@every_penalty
def test_theta_is_worked_on_in_place_and_keeps_its_type(penalty, dtype):
    objective = problem(penalty, dtype=dtype)
    theta = objective.theta
    result = minimize(objective, max_iter=20)
    assert objective.theta is theta
    assert result.theta.dtype == dtype
    assert_array_equal(result.theta, theta[0])
    assert not np.shares_memory(result.theta, theta)


@every_penalty
@pytest.mark.parametrize("max_iter", [1, 2, 5])
def test_max_iter(penalty, max_iter):
    result = minimize(problem(penalty), max_iter=max_iter)
    assert result.n_iter == len(result.loss_curve) == max_iter
    assert not result.converged
    assert "ITERATIONS" in result.message.upper()


@every_penalty
@pytest.mark.parametrize("max_fun", [1, 3])
def test_max_fun(penalty, max_fun):
    calls = []

    class Counted(HalfSquaredError):
        def value_and_gradient(self, *args):
            calls.append(1)
            return super().value_and_gradient(*args)

    objective = problem(penalty)
    objective.loss = Counted()
    result = minimize(objective, max_fun=max_fun)
    assert not result.converged
    assert "EVALUATIONS" in result.message.upper()
    # The line search under way is finished.
    assert max_fun <= len(calls) <= max_fun + 20


def test_tol_is_that_of_the_projected_gradient():
    distances = []
    for tol in (1e-2, 1e-5, 1e-9):
        objective = problem("l1", hidden=())
        result = minimize(objective, tol=tol)
        assert result.converged
        objective.bind(result.theta[None].copy())
        distances.append(objective.optimality().max())
    assert distances[0] > distances[1] > distances[2]
    assert distances[2] < 1e-7


def test_it_starts_anew_where_it_ended():
    objective = problem("l1")
    first = minimize(objective, max_iter=10)
    again = minimize(objective, max_iter=3)
    assert again.loss_curve[0] < first.loss_curve[-1]


# ------------------------------------------------------------------- accidents


class Interrupting(HalfSquaredError):
    """Ctrl-C in the call number `at`."""

    def __init__(self, at):
        self.at, self.calls = at, 0

    def value_and_gradient(self, *args):
        self.calls += 1
        if self.calls == self.at:
            raise KeyboardInterrupt
        return super().value_and_gradient(*args)


@every_penalty
def test_ctrl_c_before_the_first_iteration_has_ended(penalty):
    objective = problem(penalty)
    objective.loss = Interrupting(1)
    with pytest.raises(KeyboardInterrupt):
        minimize(objective)


@every_penalty
@pytest.mark.parametrize("at", [6, 12])
def test_ctrl_c_keeps_the_last_iterate(penalty, at):
    objective = problem(penalty)
    objective.loss = Interrupting(at)
    result = minimize(objective)
    assert result.interrupted and not result.converged
    assert_array_equal(objective.theta[0], result.theta)
    assert result.n_iter == len(result.loss_curve) > 0
    objective.loss = HalfSquaredError()
    assert_allclose(value(objective, result.theta), result.loss_curve[-1], rtol=1e-12)
    # The very iterate that as many iterations lead to.
    other = problem(penalty)
    assert_array_equal(minimize(other, max_iter=result.n_iter).theta, result.theta)


@pytest.mark.parametrize("penalty", ["l2", "l1"])
def test_divergence_is_noticed(penalty):
    objective = problem(penalty)
    objective.data.X *= 1e200
    objective.data.y *= 1e200
    result = minimize(objective, max_iter=20)
    assert result.diverged_at is not None


class InterruptedGaussian(Gaussian):
    """Ctrl-C in the first evaluation, which comes after those of its lead."""

    pressed = False

    def value_and_gradient(self, *args):
        if not self.pressed:
            self.pressed = True
            raise KeyboardInterrupt
        return super().value_and_gradient(*args)


class InterruptedRegressor(MLPRegressor):
    def _loss(self):
        return InterruptedGaussian()


def test_ctrl_c_between_the_losses_of_a_fit_keeps_what_was_minimised():
    data = training_set(n_outputs=1)
    model = InterruptedRegressor("gaussian", (3,), solver="lbfgs", random_state=0)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.fit(data.X, data.y[0])
    assert model.n_iter_ > 0
    # The mean has been learned, the variance not yet.
    assert np.isfinite(model.loss_)
