"""Batch norm in training: the textbook's, its gradients, batches of one row."""

import numpy as np
import pytest
from helpers import (
    ACTIVATION_NAMES,
    bound_objective,
    fit_quietly,
    make_member,
    make_settings,
    training_set,
)
from numpy.testing import assert_allclose, assert_array_equal
from textbook_batch_norm import forward, parts, random_objective

from skl2 import MLPClassifier, MLPRegressor
from skl2._engine.losses import HalfSquaredError
from skl2._engine.network.batch_norm import pool

RNG = np.random.RandomState(0)
X = RNG.standard_normal((60, 4)) * [1, 2, 3, 4] + 5
Y = np.sin(X[:, 0]) + X[:, 1] / 4
SCALED = (X - X.mean(axis=0)) / X.std(axis=0)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("activation", ["identity", "tanh", "relu", "silu"])
def test_training_forward_is_the_textbooks(activation, weighted):
    objective, data, _ = random_objective(activation, weighted=weighted)
    network = objective.network
    x, _, weight = data.batch(slice(0, 11))
    raw = network.forward(x, 11, weight)
    for k, theta in enumerate(objective.theta):
        expected, _ = forward(parts(network, theta), data.X, activation, weight)
        assert_allclose(raw[k].T, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("activation", ACTIVATION_NAMES)
def test_gradient_by_finite_differences(activation, weighted):
    objective, _, _ = random_objective(activation, weighted=weighted)
    _, grad = objective.value_and_grad()
    grad, theta, h = grad.copy(), objective.theta, 1e-6
    differences = np.zeros_like(theta)
    for p in range(theta.shape[1]):
        for step in (h, -h):
            theta[:, p] += step
            value, _ = objective.value_and_grad()
            theta[:, p] -= step
            differences[:, p] += np.sign(step) * value / (2 * h)
    assert_allclose(grad, differences, rtol=1e-4, atol=1e-7)


def test_scale_and_shift_are_not_penalized():
    objective, _, _ = random_objective()
    slots = objective.network.layout.slots
    assert [s.penalized for s in slots] == [True, False] * 3 + [False, False]
    with_penalty = objective.value_and_grad()[1].copy()
    without = make_without_penalty(objective)
    for slot in slots:
        same = np.allclose(with_penalty[:, slot.columns], without[:, slot.columns])
        assert same != slot.penalized


def make_without_penalty(objective):
    for part in (objective.penalty.smooth, objective.penalty.l1):
        part._layers = []
    return objective.value_and_grad()[1].copy()


def test_pool_is_the_moments_of_the_union():
    a, b = RNG.standard_normal((2, 30))
    a = a[:10] * 3 + 1
    pooled = pool((a.mean(), a.var()), (b.mean(), b.var()), 30 / 40)
    both = np.concatenate([a, b])
    assert_allclose(pooled, (both.mean(), both.var()), rtol=1e-12)


# -------------------------------------------------------------- rows are few


@pytest.mark.parametrize("n_rows, batch_size", [(1, 1), (2, 1), (3, 2), (5, 200)])
@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw"])
def test_batches_of_one_row_train(solver, n_rows, batch_size):
    model = MLPRegressor(
        hidden_layer_sizes=4,
        batch_norm=True,
        solver=solver,
        batch_size="auto" if batch_size > n_rows else batch_size,
        learning_rate_init=0.02,
        max_iter=30,
        random_state=0,
    )
    # Far from what the network predicts at first.
    fit_quietly(model, SCALED[:n_rows], Y[:n_rows] + 5.0)
    assert np.isfinite(model.predict(X)).all()
    assert model.loss_curve_[-1] < model.loss_curve_[0]


def test_the_weights_of_one_row_batches_have_a_gradient():
    data = training_set(n_rows=1)
    settings = make_settings(data, batch_norm=True)
    objective = bound_objective(
        settings, HalfSquaredError(), [make_member(settings)], data
    )
    objective.value_and_grad()
    first = objective.network.layout.slots[0].columns
    assert np.abs(objective.grad[:, first]).max() > 0


def test_partial_fit_row_by_row_learns():
    y = Y > np.median(Y)
    params = {"hidden_layer_sizes": 8, "batch_norm": True, "random_state": 0}
    pieces = MLPClassifier(learning_rate_init=0.03, **params)
    for epoch in range(3):
        for i in np.random.RandomState(epoch).permutation(60):
            pieces.partial_fit(SCALED[[i]], y[[i]], classes=[False, True])
    assert np.isfinite(pieces.coefs_[0]).all()
    assert pieces.score(SCALED, y) > 0.75


def test_a_warm_start_without_earlier_batch_norm_is_refused():
    model = MLPRegressor(
        hidden_layer_sizes=5, max_iter=2, warm_start=True, random_state=0
    )
    before = fit_quietly(model, X, Y).predict(X)
    with pytest.raises(ValueError, match="needs a previous fit with it"):
        model.set_params(batch_norm=True).fit(X, Y)
    assert_array_equal(model.predict(X), before)


def test_without_hidden_layers_nothing_is_normalized():
    plain = fit_quietly(
        MLPRegressor(hidden_layer_sizes=(), max_iter=3, random_state=0), X, Y
    )
    normed = MLPRegressor(
        hidden_layer_sizes=(), max_iter=3, random_state=0, batch_norm=True
    )
    assert_array_equal(fit_quietly(normed, X, Y).coefs_[0], plain.coefs_[0])
    assert normed.batch_norm_ is None
