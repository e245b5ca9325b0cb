"""Folding: exact statistics, a plain network, and what a later run continues."""

import numpy as np
import pytest
from helpers import CONTAINERS, fit_quietly, training_set
from numpy.testing import assert_allclose, assert_array_equal
from textbook_batch_norm import forward, parts, random_objective

from skl2 import MLPRegressor
from skl2._engine import data as data_module
from skl2._engine.data import balanced_slices
from skl2._engine.network.folding import Folding, Unfolded
from skl2._engine.stack import make_network

RNG = np.random.RandomState(0)
X = RNG.standard_normal((60, 4)) * [1, 2, 3, 4] + 5
Y = np.sin(X[:, 0]) + X[:, 1] / 4
WEIGHT = RNG.choice([0.0, 1.0, 3.0], 60)


@pytest.mark.parametrize("chunk", [7, 1000])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("container", CONTAINERS)
def test_folded_statistics_are_those_of_all_rows(
    container, weighted, chunk, monkeypatch
):
    monkeypatch.setattr(
        data_module, "row_chunks", lambda n_rows, _: balanced_slices(n_rows, chunk)
    )
    objective, data, settings = random_objective(weighted=weighted, n_rows=40)
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
    problem, *_ = model._problem(X.astype(dtype), Y)
    network = make_network(problem.settings)
    theta = parts(network, unfolded)
    expected, moments = forward(theta, X.astype(dtype), "tanh", weight)
    # The whole training set gives the statistics, and predict is a plain network.
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
