"""Proximal quasi-Newton on the objective: its model, limits, and Ctrl-C."""

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

from skl2._engine.losses import HalfSquaredError
from skl2._engine.solvers.lbfgs import minimize_lbfgs
from skl2._engine.solvers.proximal import HISTORY, _Hessian, _Model, minimize_proximal

# Every penalty: that L-BFGS-B can take some of them is no reason to fail on them.
PENALTIES = ["group_l1", "l1", "elasticnet", "l2"]
every_penalty = pytest.mark.parametrize("penalty", PENALTIES)


def problem(
    penalty="group_l1", alpha=1.0, hidden=(4,), dtype=np.float64, loss=None, **data
):
    loss = loss or "squared_error"
    data = training_set(loss, dtype=dtype, **data)
    settings = make_settings(data, hidden)
    member = make_member(settings, penalty=penalty, alpha=alpha, l1_ratio=0.4)
    return bound_objective(settings, LOSSES[loss], [member], data)


def minimize(objective, max_iter=1000, max_fun=15000, tol=1e-8, listeners=()):
    return minimize_proximal(
        objective, objective.theta, max_iter, max_fun, tol, listeners
    )


def value(objective, theta):
    objective.bind(theta[None].copy())
    return float(objective.value_and_grad()[0][0])


def distance(objective, theta):
    objective.bind(theta[None].copy())
    return objective.optimality().max()


# ------------------------------------------------------------------- the model


def pairs(n_parameters, n_pairs):
    """Steps and gradient changes of a quadratic function."""
    rng = np.random.RandomState(0)
    A = rng.standard_normal((n_parameters, n_parameters))
    A = A @ A.T + np.eye(n_parameters)
    steps = rng.standard_normal((n_pairs, n_parameters))
    return [(s, A @ s) for s in steps]


def bfgs_matrix(pairs, sigma):
    """The BFGS updates of σ I, one by one."""
    B = sigma * np.eye(len(pairs[0][0]))
    for s, y in pairs:
        B += np.outer(y, y) / (y @ s) - np.outer(B @ s, B @ s) / (s @ B @ s)
    return B


@pytest.mark.parametrize("n_pairs", [0, 1, 2, HISTORY, HISTORY + 3])
@pytest.mark.parametrize("restricted", [False, True])
def test_the_model_has_the_matrix_of_the_last_pairs(restricted, n_pairs):
    P = 30
    hessian = _Hessian(P, 3.0)
    history = pairs(P, n_pairs)
    for s, y in history:
        hessian.add(s, y)
    B = 3.0 * np.eye(P)
    if n_pairs:
        s, y = history[-1]
        assert_allclose(hessian.sigma, (y @ y) / (s @ y))
        B = bfgs_matrix(history[-HISTORY:], hessian.sigma)
    free = np.arange(P) % 3 > 0 if restricted else np.ones(P, dtype=bool)
    B = B[np.ix_(free, free)]
    columns = free if restricted else slice(None)
    model = _Model(hessian, None, None, None, columns)
    n_free = len(B)
    product = np.stack([model.product(e) for e in np.eye(n_free)])
    assert_allclose(product, B, rtol=1e-9, atol=1e-9 * np.abs(B).max())
    support = np.arange(n_free) % 4 != 1
    r = np.random.RandomState(1).standard_normal(n_free)
    d = model.solve(r, support)
    assert not d[~support].any()
    assert_allclose((B @ d)[support], r[support], rtol=1e-6, atol=1e-6)


def test_a_pair_without_positive_curvature_is_left_out():
    hessian = _Hessian(3, 2.0)
    s = np.array([1.0, 0.0, 0.0])
    for y in (-s, np.array([0.0, 1.0, 0.0]), np.zeros(3), s * np.nan):
        hessian.add(s, y)
    assert hessian.sigma == 2.0 and not len(hessian.C)


# ----------------------------------------------------------------- the minimum


@pytest.mark.parametrize(
    "loss, alpha",
    [("squared_error", 6.0), ("poisson", 10.0), ("multinomial_log_loss", 6.0)],
)
@pytest.mark.parametrize("hidden", [(), (4,)])
@every_penalty
def test_it_ends_at_a_stationary_point(penalty, hidden, loss, alpha):
    objective = problem(penalty, alpha=alpha, hidden=hidden, loss=loss)
    result = minimize(objective)
    assert result.converged
    assert distance(objective, result.theta) < 1e-5
    J = value(objective, result.theta)
    assert_allclose([result.best_loss, result.loss_curve[-1]], J, rtol=1e-12)
    assert len(result.loss_curve) == result.n_iter
    assert (np.diff(result.loss_curve) < 1e-12).all()
    columns = np.concatenate([np.r_[c] for c in objective.network.layout.weights])
    assert (result.theta[columns] == 0).any() == (penalty != "l2")


@pytest.mark.parametrize("penalty", ["l1", "elasticnet", "l2"])
@pytest.mark.parametrize("loss", ["squared_error", "multinomial_log_loss"])
def test_it_finds_what_lbfgs_finds_where_there_is_one_minimum(loss, penalty):
    found = []
    for minimizer in (minimize_proximal, minimize_lbfgs):
        objective = problem(penalty, alpha=2.0, hidden=(), loss=loss)
        found.append(minimizer(objective, objective.theta, 2000, 15000, 1e-10))
    ours, theirs = (result.theta for result in found)
    if loss == "squared_error":
        assert_allclose(ours, theirs, atol=1e-6)
        assert_array_equal(ours == 0, theirs == 0)
    # It takes about as many evaluations, and not ten times as many.
    assert found[0].n_iter < 3 * found[1].n_iter + 10
    assert_allclose(found[0].best_loss, found[1].best_loss, rtol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@every_penalty
def test_dtype(penalty, dtype):
    objective = problem(penalty, alpha=3.0, dtype=dtype)
    start = value(objective, objective.theta[0])
    objective.bind(objective.theta)
    result = minimize(objective, tol=1e-4)
    assert result.theta.dtype == objective.theta.dtype == dtype
    assert_array_equal(objective.theta[0], result.theta)
    assert result.converged and result.best_loss < start
    assert distance(objective, result.theta) < 1e-3


def test_a_larger_alpha_uses_fewer_inputs():
    used = []
    for alpha in (1e-3, 10.0, 20.0, 1e6):
        objective = problem(alpha=alpha, hidden=(), n_features=8, n_rows=40)
        theta = minimize(objective).theta
        (W,), _ = objective.network.unpack(theta)
        zero = (W == 0).all(axis=1)
        assert_array_equal(zero, (W == 0).any(axis=1))
        used.append((~zero).sum())
    assert used[0] == 8 and used[-1] == 0
    assert used == sorted(used, reverse=True) and len(set(used)) > 2


# ------------------------------------------------------------------- limits


@every_penalty
@pytest.mark.parametrize("max_iter", [1, 2, 7])
def test_max_iter(penalty, max_iter):
    result = minimize(problem(penalty), max_iter=max_iter)
    assert result.n_iter == len(result.loss_curve) == max_iter
    assert not result.converged
    assert "ITERATIONS" in result.message


class Counted(HalfSquaredError):
    """A loss that counts its calls, and may raise in the call number `at`."""

    def __init__(self, at=None):
        self.at, self.calls = at, 0

    def value_and_gradient(self, *args):
        self.calls += 1
        if self.calls == self.at:
            raise KeyboardInterrupt
        return super().value_and_gradient(*args)


@pytest.mark.parametrize("max_fun", [1, 3])
def test_max_fun(max_fun):
    objective = problem()
    objective.loss = Counted()
    result = minimize(objective, max_fun=max_fun)
    assert not result.converged
    assert "EVALUATIONS" in result.message
    # The line search under way is finished.
    assert max_fun <= objective.loss.calls <= max_fun + 5


@every_penalty
def test_tol_is_the_distance_to_a_stationary_point(penalty):
    distances = []
    for tol in (1e-2, 1e-5, 1e-9):
        objective = problem(penalty, hidden=())
        result = minimize(objective, tol=tol)
        assert result.converged
        distances.append(distance(objective, result.theta))
    assert distances[0] > distances[1] > distances[2]
    assert distances[2] < 1e-7


def test_a_stationary_start_is_left_as_it_is():
    objective = problem(hidden=())
    first = minimize(objective, tol=1e-6)
    objective = problem(hidden=())
    objective.theta[0] = first.theta
    again = minimize(objective, tol=1e-5)
    assert again.converged and again.n_iter == 0
    assert_array_equal(again.theta, first.theta)
    assert_allclose(again.best_loss, first.best_loss, rtol=1e-14)


def test_tol_zero_ends_where_rounding_does():
    result = minimize(problem(hidden=()), tol=0.0)
    assert result.converged and result.n_iter < 200


def test_it_starts_anew_where_it_ended():
    objective = problem()
    first = minimize(objective, max_iter=10)
    again = minimize(objective, max_iter=3)
    assert again.loss_curve[0] < first.loss_curve[-1]


def test_listeners_hear_of_every_iteration_and_may_stop_the_run():
    heard = []

    def listener(report):
        theta = report.fitted()
        heard.append((report.result.n_iter, report.result.loss_curve[-1], theta))
        return report.result.n_iter == 5

    result = minimize(problem(), listeners=[listener])
    assert result.converged and "LISTENER" in result.message
    assert [n for n, _, _ in heard] == [1, 2, 3, 4, 5]
    assert [J for _, J, _ in heard] == result.loss_curve
    assert_array_equal(heard[-1][2], result.theta)
    assert_array_equal(minimize(problem(), max_iter=5).theta, result.theta)


# ------------------------------------------------------------------- accidents


@every_penalty
def test_ctrl_c_before_the_first_iteration_has_ended(penalty):
    objective = problem(penalty)
    objective.loss = Counted(1)
    with pytest.raises(KeyboardInterrupt):
        minimize(objective)


@every_penalty
@pytest.mark.parametrize("at", [6, 12])
def test_ctrl_c_keeps_the_last_iterate(penalty, at):
    objective = problem(penalty)
    objective.loss = Counted(at)
    result = minimize(objective)
    assert result.interrupted and not result.converged
    assert result.diverged_at is None
    assert_array_equal(objective.theta[0], result.theta)
    assert result.n_iter == len(result.loss_curve) > 0
    objective.loss = HalfSquaredError()
    assert_allclose(value(objective, result.theta), result.loss_curve[-1], rtol=1e-12)
    # The very iterate that as many iterations lead to.
    other = problem(penalty)
    assert_array_equal(minimize(other, max_iter=result.n_iter).theta, result.theta)


@pytest.mark.parametrize("penalty", ["group_l1", "l2"])
def test_divergence_is_noticed(penalty):
    objective = problem(penalty)
    objective.data.X *= 1e200
    objective.data.y *= 1e200
    result = minimize(objective, max_iter=20)
    assert result.diverged_at is not None and not result.converged
