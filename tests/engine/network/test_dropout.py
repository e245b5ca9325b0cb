"""Dropout: none at rate 0, the right expectation, masks of the member's own."""

from itertools import product

import numpy as np
import pytest
from helpers import DTYPES, fit_quietly, make_member, make_settings, training_set
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix

from skl2 import MLPClassifier, MLPRegressor
from skl2._engine.network.dropout import Dropout, NoDropout, make_dropout
from skl2._engine.random_streams import LEVELS, NoiseStream
from skl2._engine.stack import make_network

RNG = np.random.RandomState(0)


X = RNG.standard_normal((50, 4))


Y = {MLPClassifier: (X[:, 0] > 0).astype(int), MLPRegressor: X[:, 0] + X[:, 1] ** 2}


both = pytest.mark.parametrize("Estimator", list(Y))


def noise(seed=0):
    return NoiseStream(np.random.RandomState(seed))


@both
@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw", "lbfgs"])
@pytest.mark.parametrize("dropout", [None, 0, 0.0, [0.0, 0.0], (0, 0)], ids=str)
def test_rate_zero_is_no_dropout_bit_for_bit(dropout, solver, Estimator):
    params = {"solver": solver, "max_iter": 4, "random_state": 0, "batch_size": "auto"}
    plain = fit_quietly(Estimator(hidden_layer_sizes=5, **params), X, Y[Estimator])
    model = fit_quietly(
        Estimator(hidden_layer_sizes=5, dropout=dropout, **params), X, Y[Estimator]
    )
    assert_array_equal(model.coefs_[0], plain.coefs_[0])
    assert model.loss_curve_ == plain.loss_curve_


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rate", [0.5, 0.2, 0.9, 1e-9, 1 - 1e-9])
def test_masks_are_zero_or_the_factor_and_average_to_one(rate, dtype):
    masks = np.empty((1, 100, 1000), dtype)
    Dropout(1, 100, [rate], [noise()]).draw(masks)
    level = min(max(round(rate * LEVELS), 1), LEVELS - 1)
    values = np.unique(masks)
    allowed = np.array([0.0, LEVELS / (LEVELS - level)], dtype)
    assert set(values) <= set(allowed)
    share = (masks == 0).mean()
    n = masks.size
    assert abs(share - level / LEVELS) < 5 * np.sqrt(rate * (1 - rate) / n) + 5 / n


def test_expectation_of_a_linear_net_is_the_plain_one_by_enumeration():
    # Every mask of 2 inputs and 3 hidden units, weighted by its probability.
    data = training_set(n_rows=5, n_features=2)
    settings = make_settings(
        data, hidden=(3,), activation="identity", dropout=(True, True)
    )
    p_in, p_hidden = 0.25, 0.5
    member = make_member(settings, dropout=(p_in, p_hidden))
    network = make_network(settings, [member], [noise()])
    theta = network.initial_theta(np.random.RandomState(0))[None]
    network.bind(theta, np.empty_like(theta))
    x = data.batch(slice(0, 5))[0]
    fitted = network.fitted()
    fitted.bind(theta)
    plain = fitted.forward(x, 5)
    mean, total = 0.0, 0.0
    for kept in product([0, 1], repeat=5):
        chosen = np.array(kept, float)

        def draws(units, rate, chosen=chosen):
            def draw(masks):
                by_unit = chosen[units] / (1 - rate)
                # The mask of the input may lie row by row.
                flat = by_unit if masks.shape[-1] == len(by_unit) else by_unit[:, None]
                masks[...] = flat

            return draw

        network.drops[0].draw = draws(slice(0, 2), p_in)
        network.drops[1].draw = draws(slice(2, 5), p_hidden)
        n_in, n_hidden = chosen[:2].sum(), chosen[2:].sum()
        probability = (1 - p_in) ** n_in * p_in ** (2 - n_in)
        probability *= (1 - p_hidden) ** n_hidden * p_hidden ** (3 - n_hidden)
        mean = mean + probability * network.forward(x, 5)
        total += probability
    assert_allclose(total, 1.0, rtol=1e-15)
    assert_allclose(mean, plain, rtol=1e-12)


@pytest.mark.parametrize("activation", ["tanh", "relu", "silu"])
def test_gradient_by_finite_differences_at_a_given_mask(activation):
    data = training_set(n_rows=6)
    settings = make_settings(
        data, hidden=(3, 2), activation=activation, dropout=(True, True, True)
    )
    members = [make_member(settings, seed=k, dropout=(0.3, 0.5, 0.2)) for k in range(2)]
    network = make_network(settings, members, [noise(0), noise(1)])
    theta = np.stack([network.initial_theta(m.random_state) for m in members])
    grad = np.empty_like(theta)
    network.bind(theta, grad)
    x = data.batch(slice(0, 6))[0]
    direction = np.random.RandomState(1).standard_normal((2, 3, 6))

    def value():
        for i, drop in enumerate(network.drops):
            drop.noise = [noise(10 * i), noise(10 * i + 1)]
            drop._group()
        raw = network.forward(x, 6)
        return (raw * direction).sum(axis=(1, 2))

    value()
    network.backward(direction.copy(), 6)
    expected, h = grad.copy(), 1e-6
    differences = np.zeros_like(theta)
    for p in range(theta.shape[1]):
        for step in (h, -h):
            theta[:, p] += step
            differences[:, p] += np.sign(step) * value() / (2 * h)
            theta[:, p] -= step
    assert_allclose(expected, differences, rtol=1e-5, atol=1e-7)


@both
@pytest.mark.parametrize("sparse", [False, True])
def test_prediction_never_drops(sparse, Estimator):
    data = csr_matrix(X * (X > 0)) if sparse else X
    model = fit_quietly(
        Estimator(hidden_layer_sizes=5, dropout=[0.2, 0.5], max_iter=3, random_state=0),
        data,
        Y[Estimator],
    )
    first = model.predict(data)
    assert_array_equal(first, model.predict(data))
    dense = data.toarray() if sparse else data
    a = np.maximum(dense @ model.coefs_[0] + model.intercepts_[0], 0)
    raw = a @ model.coefs_[1] + model.intercepts_[1]
    if Estimator is MLPRegressor:
        assert_allclose(first, raw[:, 0], rtol=1e-10)


@both
def test_noise_does_not_alter_initial_weights_or_batches(Estimator):
    class Watched(Estimator):
        pass

    # A rate so small that (with this seed) nothing is dropped in a few batches, and
    # whose factor is 1 + 2^-16: nearly the fit without.
    params = {"max_iter": 2, "random_state": 0, "batch_size": 10}
    plain = fit_quietly(Watched(hidden_layer_sizes=5, **params), X, Y[Estimator])
    model = fit_quietly(
        Watched(hidden_layer_sizes=5, dropout=1e-9, **params), X, Y[Estimator]
    )
    assert_allclose(model.coefs_[0], plain.coefs_[0], atol=1e-3)


@both
@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw"])
def test_a_warm_start_goes_on_with_the_masks(solver, Estimator):
    params = {"dropout": [0.1, 0.5], "solver": solver, "random_state": 0}
    warm = Estimator(hidden_layer_sizes=5, max_iter=3, warm_start=True, **params)
    fit_quietly(warm, X, Y[Estimator])
    fit_quietly(warm.set_params(max_iter=4), X, Y[Estimator])
    whole = fit_quietly(
        Estimator(hidden_layer_sizes=5, max_iter=7, **params), X, Y[Estimator]
    )
    assert_array_equal(warm.coefs_[0], whole.coefs_[0])
    pieces = Estimator(hidden_layer_sizes=5, **params)
    classes = {"classes": [0, 1]} if Estimator is MLPClassifier else {}
    for _ in range(7):
        pieces.partial_fit(X, Y[Estimator], **classes)
    assert_array_equal(pieces.coefs_[0], whole.coefs_[0])


def test_layers_without_dropout_are_left_out():
    drops = make_dropout([4, 5, 3], [False, True], [(0.0, 0.5)], [noise()])
    assert isinstance(drops[0], NoDropout) and isinstance(drops[1], Dropout)
