"""Batch norm: gradients, exact statistics, folding, and what carries over."""

import numpy as np
import pytest
from helpers import (
    ACTIVATION_NAMES,
    CONTAINERS,
    bound_objective,
    fit_quietly,
    make_member,
    make_shape,
    training_set,
)
from numpy.testing import assert_allclose, assert_array_equal

from skl2 import MLPClassifier, MLPRegressor
from skl2._engine import data as data_module
from skl2._engine.data import balanced_slices
from skl2._engine.losses import HalfSquaredError, MultinomialLogLoss
from skl2._engine.network.batch_norm import pool
from skl2._engine.network.folding import Folding, Unfolded
from skl2._engine.network.layers import ACTIVATIONS
from skl2._engine.stack import make_network

RNG = np.random.RandomState(0)
X = RNG.standard_normal((60, 4)) * [1, 2, 3, 4] + 5
Y = np.sin(X[:, 0]) + X[:, 1] / 4
SCALED = (X - X.mean(axis=0)) / X.std(axis=0)
WEIGHT = RNG.choice([0.0, 1.0, 3.0], 60)


def forward(theta_parts, X, activation, weight, epsilon=1e-5):
    """Training forward of one network in the textbook's form; moments of each layer."""
    coefs, gammas, betas = theta_parts
    share = np.ones(len(X)) if weight is None else weight
    share = share / share.sum()
    a, moments = X, []
    for W, gamma, beta in zip(coefs[:-1], gammas, betas[:-1], strict=True):
        z = a @ W
        mean = share @ z
        variance = share @ (z - mean) ** 2
        moments.append((mean, variance))
        z = gamma * (z - mean) / np.sqrt(variance + epsilon) + beta
        out = z.copy()
        ACTIVATIONS[activation]().forward(z.copy(), out, np.empty_like(z))
        a = z if activation == "identity" else out
    return a @ coefs[-1] + betas[-1], moments


def random_objective(activation="tanh", K=3, weighted=False, n_rows=11, hidden=(5, 3)):
    data = training_set("multinomial_log_loss", n_rows=n_rows, weighted=weighted)
    shape = make_shape(data, hidden=hidden, activation=activation, batch_norm=True)
    members = [make_member(shape, seed=k, alpha=2.0) for k in range(K)]
    objective = bound_objective(shape, MultinomialLogLoss(), members, data)
    theta = objective.theta
    theta += 0.3 * np.random.RandomState(1).standard_normal(theta.shape)
    return objective, data, shape


def parts(network, theta):
    """Weights, γ and β of one row of theta."""
    views = [slot.view(theta[None])[0] for slot in network.layout.slots]
    n = len(network.layers)
    gammas = [v[:, 0] for v in views[2 * n :]]
    return views[0 : 2 * n : 2], gammas, [v[:, 0] for v in views[1 : 2 * n : 2]]


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
    for p in range(theta.shape[1]):
        difference = 0.0
        for step in (h, -h):
            theta[:, p] += step
            value, _ = objective.value_and_grad()
            theta[:, p] -= step
            difference = difference + np.sign(step) * value / (2 * h)
        assert_allclose(grad[:, p], difference, rtol=1e-4, atol=1e-7)


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


@pytest.mark.parametrize("chunk", [7, 1000])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("container", CONTAINERS)
def test_folded_statistics_are_those_of_all_rows(
    container, weighted, chunk, monkeypatch
):
    monkeypatch.setattr(
        data_module, "row_chunks", lambda n_rows, _: balanced_slices(n_rows, chunk)
    )
    objective, data, shape = random_objective(weighted=weighted, n_rows=40)
    data = training_set(n_rows=40, weighted=weighted, container=container)
    dense = data.X.toarray() if container == "csr" else data.X
    rows = [np.random.RandomState(k).permutation(40)[:30] for k in range(3)]
    network = objective.network
    plain, unfolded = Folding(network, data, rows).to_fitted(objective.theta)
    for k, theta in enumerate(objective.theta):
        weight = data.sample_weight[rows[k]] if weighted else None
        raw, moments = forward(parts(network, theta), dense[rows[k]], "tanh", weight)
        expected = np.hstack([np.stack(m) for m in moments])
        assert_allclose(unfolded[k].statistics, expected, rtol=1e-10, atol=1e-12)
        # The folded network is a plain one with the same output.
        views = [s.view(plain)[k] for s in network.layout.slots[:6]]
        a = dense[rows[k]]
        for W, b in zip(views[0::2], views[1::2], strict=True):
            a = a @ W + b[:, 0]
            a = a if W is views[-2] else np.tanh(a)
        assert_allclose(a, raw, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype, tol", [(np.float64, 1e-10), (np.float32, 2e-5)])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_a_fitted_estimator_is_the_folded_network(weight, dtype, tol):
    model = MLPRegressor(
        hidden_layer_sizes=(6, 5),
        batch_norm=True,
        max_iter=5,
        batch_size=7,
        random_state=0,
    )
    model.set_params(warm_start=True, activation="tanh")
    fit_quietly(model, X.astype(dtype), Y, sample_weight=weight)
    unfolded = model._progress.unfolded.theta
    data = model._training_set(X.astype(dtype), Y, None, reset=False)
    network = make_network(model._describe(data, [model])[0])
    theta = parts(network, unfolded)
    expected, moments = forward(theta, X.astype(dtype), "tanh", weight)
    # Statistics are those of the whole training set, and predict is a plain network.
    for units, (mean, variance), gamma in zip(
        model.batch_norm_, moments, theta[1], strict=True
    ):
        assert_allclose(units["mean"], mean, rtol=tol, atol=tol)
        assert_allclose(units["variance"], variance, rtol=10 * tol, atol=tol)
        assert_array_equal(units["scale"], gamma)
    assert_allclose(model.predict(X.astype(dtype)), expected[:, 0], rtol=tol, atol=tol)
    assert model.coefs_[0].dtype == dtype


def test_unfold_is_the_inverse_of_folding():
    objective, data, _ = random_objective()
    network = objective.network
    folding = Folding(network, data, [None] * 3)
    fitted, unfolded = folding.to_fitted(objective.theta)
    for k in range(3):
        # The very parameters, as long as the fitted ones are the same.
        back = unfolded[k].from_fitted(network, fitted[k])
        assert_array_equal(back, objective.theta[k])
        layers = unfolded[k].by_layer(network.layer_sizes)
        known = Unfolded.from_layers(layers, unfolded[k].n_rows)
        back = known.from_fitted(network, fitted[k])
        assert_allclose(back, objective.theta[k], rtol=1e-10, atol=1e-12)
        fitted[k, 0] += 1.0
        altered = unfolded[k].from_fitted(network, fitted[k])
        assert_array_equal(altered, known.from_fitted(network, fitted[k]))


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
    shape = make_shape(data, batch_norm=True)
    objective = bound_objective(shape, HalfSquaredError(), [make_member(shape)], data)
    objective.value_and_grad()
    first = objective.network.layout.slots[0].columns
    assert np.abs(objective.grad[:, first]).max() > 0


def test_partial_fit_row_by_row_learns():
    y = Y > np.median(Y)
    params = {"hidden_layer_sizes": 8, "batch_norm": True, "random_state": 0}
    pieces = MLPClassifier(learning_rate_init=0.003, **params)
    for epoch in range(20):
        for i in np.random.RandomState(epoch).permutation(60):
            pieces.partial_fit(SCALED[[i]], y[[i]], classes=[False, True])
    assert np.isfinite(pieces.coefs_[0]).all()
    assert pieces.score(SCALED, y) > 0.75


# -------------------------------------------------------------- what carries over


@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw"])
def test_a_warm_start_goes_on_exactly(solver):
    params = {"batch_norm": True, "solver": solver, "random_state": 0}
    warm = MLPRegressor(hidden_layer_sizes=5, max_iter=3, warm_start=True, **params)
    fit_quietly(warm, X, Y)
    fit_quietly(warm.set_params(max_iter=4), X, Y)
    whole = fit_quietly(MLPRegressor(hidden_layer_sizes=5, max_iter=7, **params), X, Y)
    for ours, theirs in zip(warm.coefs_, whole.coefs_, strict=True):
        assert_array_equal(ours, theirs)
    assert warm.loss_curve_ == whole.loss_curve_
    for ours, theirs in zip(warm.batch_norm_, whole.batch_norm_, strict=True):
        for name in ("scale", "mean", "variance"):
            assert_array_equal(ours[name], theirs[name])


def test_a_warm_start_sees_weights_that_were_altered():
    model = MLPRegressor(
        hidden_layer_sizes=5, batch_norm=True, max_iter=3, warm_start=True
    )
    fit_quietly(model.set_params(random_state=0), X, Y)
    model.coefs_[1][:] = 0.0
    model.set_params(max_iter=1, learning_rate_init=1e-12)
    assert np.abs(fit_quietly(model, X, Y).coefs_[1]).max() < 1e-9


def test_statistics_of_partial_fits_are_pooled():
    model = MLPRegressor(
        hidden_layer_sizes=5, batch_norm=True, learning_rate_init=1e-300, random_state=0
    )
    for rows in np.split(np.arange(60), [10, 25, 31]):
        model.partial_fit(X[rows], Y[rows])
    once = MLPRegressor(
        hidden_layer_sizes=5, batch_norm=True, learning_rate_init=1e-300, random_state=0
    )
    once.partial_fit(X, Y)
    for name in ("mean", "variance"):
        ours, theirs = model.batch_norm_[0][name], once.batch_norm_[0][name]
        assert_allclose(ours, theirs, rtol=1e-9)


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
