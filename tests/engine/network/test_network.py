"""The (K, P) matrix of parameters and the chain of layers over it."""

import numpy as np
import pytest
from helpers import ACTIVATION_NAMES, DTYPES, fit_quietly
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.neural_network import MLPRegressor

from skl2._engine.network.layers import ACTIVATIONS
from skl2._engine.network.network import Network

SIZES = [(3, 2), (3, 1, 2), (3, 5, 4, 2)]


@pytest.mark.parametrize("sizes", SIZES)
def test_layout_covers_every_column_once(sizes):
    layout = Network(sizes, "relu", np.float64).layout
    columns = np.concatenate([np.r_[slot.columns] for slot in layout.slots])
    assert_array_equal(columns, np.arange(layout.n_parameters))
    n_weights = sum(a * b for a, b in zip(sizes, sizes[1:], strict=False))
    assert sum(s.stop - s.start for s in layout.weights) == n_weights
    assert layout.n_parameters == n_weights + sum(sizes[1:])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", SIZES)
def test_views_share_memory_and_pack_undoes_unpack(sizes, dtype):
    network = Network(sizes, "relu", dtype)
    theta = np.arange(network.layout.n_parameters, dtype=dtype)
    coefs, intercepts = network.unpack(theta)
    assert [c.shape for c in coefs] == list(zip(sizes, sizes[1:], strict=False))
    assert [b.shape for b in intercepts] == [(n,) for n in sizes[1:]]
    packed = network.pack([c.copy() for c in coefs], [b.copy() for b in intercepts])
    assert_array_equal(packed, theta)
    assert packed.dtype == dtype
    coefs[0][...] = -1.0
    intercepts[-1][...] = -2.0
    assert (theta[: coefs[0].size] == -1.0).all()
    assert (theta[-sizes[-1] :] == -2.0).all()


@pytest.mark.parametrize("activation", ["relu", "logistic"])
def test_initial_weights_are_those_of_scikit_learn(activation):
    theirs = MLPRegressor(
        hidden_layer_sizes=(5, 4),
        activation=activation,
        solver="sgd",
        # So small a step that the weights stay where they begin.
        learning_rate_init=1e-300,
        max_iter=1,
        random_state=3,
    )
    fit_quietly(theirs, np.ones((4, 3)), np.ones((4, 2)))
    network = Network([3, 5, 4, 2], activation, np.float64)
    ours = network.initial_theta(np.random.RandomState(3))
    assert_array_equal(ours, network.pack(theirs.coefs_, theirs.intercepts_))


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("activation", ACTIVATION_NAMES)
def test_forward_is_the_chain_of_affine_maps_and_activations(activation, sizes):
    K, n_rows = 3, 6
    rng = np.random.RandomState(0)
    network = Network(sizes, activation, np.float64)
    theta = rng.standard_normal((K, network.layout.n_parameters))
    network.bind(theta, np.empty_like(theta))
    x = rng.standard_normal((sizes[0], n_rows))
    raw = network.forward(x, n_rows)
    assert raw.shape == (K, sizes[-1], n_rows)
    for k in range(K):
        a = x.T
        coefs, intercepts = network.unpack(theta[k])
        for i, (W, b) in enumerate(zip(coefs, intercepts, strict=True)):
            a = a @ W + b
            if i < len(coefs) - 1:
                out = a.copy()
                ACTIVATIONS[activation]().forward(a.copy(), out, np.empty_like(a))
                a = a if activation == "identity" else out
        assert_allclose(raw[k].T, a, rtol=1e-13, atol=1e-13)


def test_workspaces_are_made_once_and_follow_the_number_of_members():
    network = Network([3, 4, 2], "relu", np.float32)
    theta = np.zeros((3, network.layout.n_parameters), np.float32)
    network.bind(theta, np.empty_like(theta))
    first = network.workspace(5)
    assert network.workspace(5) is first
    assert all(a.dtype == np.float32 for a in [*first.a, *first.d, first.ones])
    network.bind(theta[:2], np.empty_like(theta[:2]))
    assert network.workspace(5).a[0].shape == (2, 4, 5)


@pytest.mark.parametrize("activation", ACTIVATION_NAMES)
def test_a_network_that_keeps_z_shows_every_layer(activation):
    sizes, n_rows = (3, 5, 4, 2), 6
    rng = np.random.RandomState(0)
    network, plain = (
        Network(sizes, activation, np.float64, keeps_z=keeps) for keeps in (True, False)
    )
    theta = rng.standard_normal((2, network.layout.n_parameters))
    x = rng.standard_normal((3, n_rows))
    network.bind(theta)
    plain.bind(theta)
    assert_array_equal(network.forward(x, n_rows), plain.forward(x, n_rows))
    values = network.layer_values(n_rows)
    assert len(values) == 3
    f, below = ACTIVATIONS[activation](), x
    for i, (z, a) in enumerate(values):
        coef, intercept = network.layers[i].W, network.layers[i].b
        assert_allclose(z, coef.transpose(0, 2, 1) @ below + intercept, rtol=1e-12)
        assert_array_equal(a, z if i == 2 else f(z))
        # The pass may end at any layer.
        assert_array_equal(plain.forward(x, n_rows, last=i), z)
        below = a
