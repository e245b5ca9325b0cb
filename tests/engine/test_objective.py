"""J and its gradient: finite differences, and the same J however X is stored."""

import numpy as np
import pytest
from helpers import (
    ACTIVATION_NAMES,
    CONTAINERS,
    DTYPES,
    LOSSES,
    bound_objective,
    covering,
    make_member,
    make_settings,
    training_set,
)
from numpy.testing import assert_allclose, assert_array_equal

from skl2._engine.objective import raw_and_loss

# One member each: all routes of the penalty in one stack, layer strengths differ.
PENALTIES = ["l2", "elasticnet", "l1", None]


def make_objective(
    loss, activation="tanh", hidden=(4,), dtype=np.float64, seed=0, **data_params
):
    data = training_set(loss, n_rows=7, n_features=3, dtype=dtype, **data_params)
    settings = make_settings(data, hidden, activation=activation)
    n_layers = len(hidden) + 1
    members = [
        make_member(
            settings,
            seed=seed + k,
            penalty=penalty,
            l1_ratio=0.3,
            alpha=np.linspace(0.5, 2.0 + k, n_layers),
        )
        for k, penalty in enumerate(PENALTIES)
    ]
    return bound_objective(settings, LOSSES[loss], members, data)


def smooth_value_and_grad(objective):
    value, grad = objective.value_and_grad()
    return value - objective.penalty.nonsmooth_value(objective.theta), grad.copy()


def finite_differences(objective, h=1e-5):
    """Central differences by every parameter, for all members at once."""
    theta = objective.theta
    grad = np.empty_like(theta)
    for j in range(theta.shape[1]):
        original = theta[:, j].copy()
        theta[:, j] = original + h
        above, _ = smooth_value_and_grad(objective)
        theta[:, j] = original - h
        below, _ = smooth_value_and_grad(objective)
        theta[:, j] = original
        grad[:, j] = (above - below) / (2 * h)
    return grad


# Without a hidden layer there is no activation.
NETWORKS = [("identity", 0)] + [(a, d) for a in ACTIVATION_NAMES for d in (1, 2, 3)]


@pytest.mark.parametrize(
    "activation, depth, loss, weighted",
    covering(ACTIVATION_NAMES, [0, 1, 2, 3], LOSSES, [False, True]),
)
def test_gradient_is_that_of_the_value(activation, depth, loss, weighted):
    # Seeds for which no kink (relu, absolute error, huber) lies in a difference.
    objective = make_objective(
        loss, activation, (4, 3, 2)[:depth], weighted=weighted, seed=10 * depth
    )
    _, grad = smooth_value_and_grad(objective)
    numeric = finite_differences(objective)
    error = np.linalg.norm(grad - numeric, axis=1)
    assert (error < 1e-6 * np.linalg.norm(numeric, axis=1)).all()


def row_kinds(n_rows, K):
    rng = np.random.RandomState(0)
    return {
        "slice": slice(0, n_rows),
        "shared": rng.permutation(n_rows),
        "own": np.stack([rng.permutation(n_rows) for _ in range(K)]),
    }


def loss_and_grad(objective, rows, n_batches=1):
    return objective.batch_loss(rows, n_batches), objective.grad.copy()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("rows", ["slice", "shared", "own"])
@pytest.mark.parametrize("container", CONTAINERS)
def test_order_and_storage_of_the_rows_change_nothing(container, rows, weighted, dtype):
    objective = make_objective("huber", dtype=dtype, weighted=weighted)
    data = objective.data
    data.X *= np.random.RandomState(1).rand(*data.X.shape) < 0.6
    value, grad = loss_and_grad(objective, slice(0, 7))
    # The same values in another container.
    data.X = CONTAINERS[container](data.X)
    rows = row_kinds(7, len(PENALTIES))[rows]
    got_value, got_grad = loss_and_grad(objective, rows)
    rtol = 1e-13 if dtype == np.float64 else 1e-5
    assert got_grad.dtype == dtype
    assert_allclose(got_value, value, rtol=rtol)
    assert_allclose(got_grad, grad, rtol=rtol, atol=rtol * np.abs(grad).max())
    # A full pass is that loss and the penalty.
    full_value, full_grad = objective.value_and_grad()
    objective.penalty.gradient(objective.theta, grad)
    penalty = objective.penalty.value(objective.theta)
    assert_allclose(full_value, value + penalty, rtol=rtol)
    assert_allclose(full_grad, grad, rtol=rtol, atol=rtol * np.abs(grad).max())


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("cuts", [[0, 7], [0, 3, 7], [0, 1, 2, 6, 7]])
def test_pieces_of_the_data_add_up(cuts, weighted):
    objective = make_objective("multinomial_log_loss", weighted=weighted)
    value, grad = loss_and_grad(objective, slice(0, 7))
    pieces = [
        loss_and_grad(objective, slice(a, b))
        for a, b in zip(cuts, cuts[1:], strict=False)
    ]
    assert_allclose(sum(p[0] for p in pieces), value, rtol=1e-13)
    assert_allclose(sum(p[1] for p in pieces), grad, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("container", ["C", "csr"])
@pytest.mark.parametrize("subset", [False, True])
def test_a_full_pass_is_made_in_chunks_of_bounded_memory(container, subset):
    data = training_set(n_rows=600, n_features=2, n_outputs=1, container=container)
    if subset:
        data = data.subset(np.arange(599, 0, -1))
    settings = make_settings(data, hidden=(2000,))
    objective = bound_objective(
        settings, LOSSES["squared_error"], [make_member(settings)], data
    )
    n_rows = []
    forward = objective.network.forward

    def counted(x, n, weight):
        n_rows.append(n)
        return forward(x, n, weight)

    objective.network.forward = counted
    value, grad = objective.value_and_grad()
    assert len(n_rows) > 1
    assert sum(n_rows) == data.n_rows
    whole_value, whole_grad = loss_and_grad(objective, np.arange(data.n_rows))
    whole_value = whole_value + objective.penalty.value(objective.theta)
    objective.penalty.gradient(objective.theta, whole_grad)
    assert_allclose(value, whole_value, rtol=1e-12)
    assert_allclose(grad, whole_grad, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("factor", [0.25, 8.0])
def test_m_is_the_sum_of_the_weights(loss, factor):
    # J of the mean loss does not change with the unit of the weights if alpha has it.
    def value(factor):
        data = training_set(loss, weighted=True)
        data = type(data)(data.X, data.y, data.sample_weight * factor)
        settings = make_settings(data)
        members = [make_member(settings, alpha=2.0 * factor)]
        objective = bound_objective(settings, LOSSES[loss], members, data)
        return objective.value_and_grad()[0]

    assert_allclose(value(factor), value(1.0), rtol=1e-13)


def test_select_goes_on_with_the_members_kept():
    objective = make_objective("squared_error")
    value, grad = objective.value_and_grad()
    distance = objective.optimality()
    grad, keep = grad.copy(), np.array([1, 3])
    theta = objective.theta[keep]
    objective.select(keep)
    objective.bind(theta)
    got_value, got_grad = objective.value_and_grad()
    np.testing.assert_array_equal(got_value, value[keep])
    np.testing.assert_array_equal(got_grad, grad[keep])
    np.testing.assert_array_equal(objective.optimality(), distance[keep])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_mean_loss_is_j_without_the_penalty(loss, weighted):
    objective = make_objective(loss, weighted=weighted)
    data, network = objective.data, objective.network
    value, _ = objective.value_and_grad()
    raw, losses = raw_and_loss(network, LOSSES[loss], data, [None] * len(PENALTIES))
    assert_allclose(losses, value - objective.penalty_value, rtol=1e-12)
    x, _, _ = data.batch(slice(0, data.n_rows))
    assert_array_equal(raw, network.forward(x, data.n_rows))


def test_the_mean_loss_of_a_member_is_that_of_its_rows():
    objective = make_objective("squared_error", weighted=True)
    data, loss = objective.data, LOSSES["squared_error"]
    orders = [np.random.RandomState(k).permutation(7)[:4] for k in range(3)]
    unweighted = np.flatnonzero(data.sample_weight == 0.0)
    rows = [*orders, np.resize(unweighted, 4)]
    assert len(unweighted)
    raw, losses = raw_and_loss(objective.network, loss, data, rows)
    for k, own in enumerate(orders):
        errors = 0.5 * ((raw[k] - data.y[:, own]) ** 2).sum(axis=0)
        mean = np.average(errors, weights=data.sample_weight[own])
        assert_allclose(losses[k], mean, rtol=1e-12)
    # Nothing to judge by.
    assert np.isnan(losses[3])
