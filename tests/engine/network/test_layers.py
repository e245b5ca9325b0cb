"""Activations and the affine layer: values, derivatives, and the in-place contract."""

import numpy as np
import pytest
import scipy.special as special
from helpers import ACTIVATION_NAMES, DTYPES, Recorded
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm

from skl2._engine.network.layers import ACTIVATIONS, Dense
from skl2._engine.network.network import Layout

# Written differently from skl2/layers.py on purpose.
REFERENCE = {
    "identity": lambda z: z,
    "logistic": special.expit,
    "tanh": np.tanh,
    "relu": lambda z: np.where(z > 0, z, 0.0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0.0))),
    "gelu": lambda z: z * norm.cdf(z),
    "silu": lambda z: z * special.expit(z),
}
# Symmetric, without 0, where some have a kink; up to where all are saturated.
GRID = np.concatenate([s * np.geomspace(0.01, 30.0, 60) for s in (-1, 1)])
activations = pytest.mark.parametrize("name", ACTIVATION_NAMES)
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=["f64", "f32"])


def run(name, z, d, log=None):
    """f(z) and d f'(z) with the arrays a workspace would lend."""
    f = ACTIVATIONS[name]()
    z = np.array(z)
    scratch = np.empty(z.shape, f.scratch_dtype or z.dtype)
    a = np.empty_like(z) if f.needs_input else z
    d = np.array(d, dtype=z.dtype)
    arrays = [z, a, d, scratch]
    if log is not None:
        z, d = Recorded(z, log), Recorded(d, log)
        a = Recorded(a, log) if f.needs_input else z
    before = z.copy()
    f.forward(z, a, scratch)
    value = np.array(a)
    f.backward(z, a, d, scratch)
    if f.needs_input:
        assert_array_equal(np.asarray(z), np.asarray(before))
    for lent, used in zip(arrays, [z, a, d, scratch], strict=True):
        assert np.shares_memory(lent, used)
    return value, np.array(d)


def test_the_table_of_references_is_complete():
    assert set(REFERENCE) == set(ACTIVATIONS)


@activations
@dtypes
def test_values(name, dtype):
    z = np.concatenate([GRID, [0.0, -1e4, 1e4]]).astype(dtype)
    value, derivative = run(name, z, np.ones_like(z))
    assert value.dtype == derivative.dtype == dtype
    tolerance = 4 * np.finfo(dtype).eps
    expected = REFERENCE[name](z.astype(np.float64))
    assert_allclose(value, expected, rtol=tolerance, atol=4 * tolerance)
    assert np.isfinite(derivative).all()


@activations
def test_derivatives(name):
    h = 1e-6
    d = np.random.RandomState(0).standard_normal(GRID.shape)
    _, got = run(name, GRID, d)
    numeric = (REFERENCE[name](GRID + h) - REFERENCE[name](GRID - h)) / (2 * h)
    assert_allclose(got, d * numeric, rtol=1e-8, atol=1e-8)


@activations
def test_derivatives_are_multiplied_into_d(name):
    _, derivative = run(name, GRID, np.ones_like(GRID))
    d = np.random.RandomState(0).standard_normal((3, len(GRID)))
    _, got = run(name, np.tile(GRID, (3, 1)), d)
    assert_allclose(got, d * derivative, rtol=1e-14)


@activations
def test_float32_never_meets_float64(name):
    log = []
    z = GRID.astype(np.float32)
    run(name, z, np.ones_like(z), log)
    assert log == []


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu"])
def test_derivative_at_the_kink_is_that_from_the_left(name):
    _, derivative = run(name, np.zeros(1), np.ones(1))
    assert derivative == {"relu": 0.0, "leaky_relu": 0.01, "elu": 1.0}[name]


@pytest.mark.parametrize("own_inputs", [False, True])
@pytest.mark.parametrize("n_in, n_out, n_rows", [(3, 2, 5), (1, 1, 1), (4, 1, 3)])
def test_dense(n_in, n_out, n_rows, own_inputs):
    K = 3
    rng = np.random.RandomState(0)
    layer, layout = Dense(n_in, n_out), Layout()
    layer.declare(layout)
    theta = rng.standard_normal((K, layout.n_parameters))
    grad = np.full_like(theta, np.nan)
    layer.bind(theta, grad)
    x = rng.standard_normal((K, n_in, n_rows) if own_inputs else (n_in, n_rows))
    out = np.empty((K, n_out, n_rows))
    d, d_in = rng.standard_normal(out.shape), np.empty((K, n_in, n_rows))
    layer.forward(x, out)
    layer.backward(x, d, np.ones((n_rows, 1)), d_in)
    for k in range(K):
        W = theta[k, : n_in * n_out].reshape(n_in, n_out)
        b = theta[k, n_in * n_out :]
        x_k = x[k] if own_inputs else x
        assert_allclose(out[k], W.T @ x_k + b[:, None], rtol=1e-13)
        assert_allclose(d_in[k], W @ d[k], rtol=1e-13)
        expected = np.concatenate([(x_k @ d[k].T).ravel(), d[k].sum(axis=1)])
        assert_allclose(grad[k], expected, rtol=1e-12)
