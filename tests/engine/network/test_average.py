"""The average of networks is a network; lifted and embedded ones are the same maps."""

import numpy as np
import pytest
from helpers import ACTIVATION_NAMES, DTYPES
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.linalg import block_diag

from skl2._engine.network.average import (
    average,
    block_diagonal,
    diagonal_blocks,
    embed,
    lift,
    split,
)
from skl2._engine.network.layers import Dense
from skl2._engine.network.network import Network

N_INPUTS, N_ROWS = 4, 7
HIDDEN = [(), (5,), (5, 3), (5, 3, 6)]
X = np.random.RandomState(1).standard_normal((N_INPUTS, N_ROWS))
RTOL = {np.float64: 1e-12, np.float32: 1e-6}


def make_network(hidden, n_outputs=2, seed=0, dtype=np.float64):
    sizes = [N_INPUTS, *hidden, n_outputs]
    rng = np.random.RandomState(seed)
    coefs = [
        rng.standard_normal(shape).astype(dtype)
        for shape in zip(sizes, sizes[1:], strict=False)
    ]
    return coefs, [rng.standard_normal(n).astype(dtype) for n in sizes[1:]]


def raw_prediction(network, activation, x=X):
    """Of one network as prediction computes it, (n_outputs, n_rows)."""
    coefs, intercepts = network
    dtype = coefs[0].dtype
    sizes = [*(W.shape[0] for W in coefs), len(intercepts[-1])]
    chain = Network(sizes, activation, dtype)
    chain.bind_fitted(coefs, intercepts)
    return chain.forward(x.astype(dtype), x.shape[1])[0].copy()


def assert_near(actual, expected, tolerance):
    assert_allclose(actual, expected, rtol=0, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("activation", ACTIVATION_NAMES)
def test_raw_prediction_of_the_average_is_the_mean(
    activation, hidden, n_outputs, dtype
):
    networks = [make_network(hidden, n_outputs, seed, dtype) for seed in range(3)]
    each = [raw_prediction(network, activation) for network in networks]
    averaged = average(networks)
    assert all(a.dtype == dtype for part in averaged for a in part)
    raw = raw_prediction(averaged, activation)
    assert_near(raw, np.mean(each, axis=0), RTOL[dtype])


@pytest.mark.parametrize("hidden", HIDDEN)
def test_networks_may_have_weights(hidden):
    networks = [make_network(hidden, seed=seed) for seed in range(2)]
    one, other = (raw_prediction(network, "tanh") for network in networks)
    raw = raw_prediction(average(networks, [0.8, np.float64(0.2)]), "tanh")
    assert_near(raw, 0.8 * one + 0.2 * other, 1e-12)


@pytest.mark.parametrize("activation", ACTIVATION_NAMES)
def test_networks_of_different_widths(activation):
    networks = [make_network(h, seed=len(h)) for h in [(5, 3, 2), (2, 4, 6)]]
    averaged = average(networks)
    assert [len(b) for b in averaged[1]] == [10, 8, 12, 2]
    each = [raw_prediction(network, activation) for network in networks]
    assert_near(raw_prediction(averaged, activation), np.mean(each, axis=0), 1e-12)


def test_networks_of_one_hidden_layer_of_different_widths_stand_side_by_side():
    averaged = average([make_network((5,)), make_network((2,), seed=1)])
    assert [W.shape for W in averaged[0]] == [(N_INPUTS, 7), (7, 2)]


def test_networks_of_different_depths_must_be_lifted():
    with pytest.raises(ValueError, match=r"of \[1, 3\] weight layers.*lift"):
        average([make_network((5, 3)), make_network(())])


def test_one_network_is_its_own_average():
    network = make_network((5, 3))
    for ours, its in zip(average([network]), network, strict=True):
        assert all(isinstance(a, np.ndarray) for a in ours)
        assert all((a == b).all() for a, b in zip(ours, its, strict=True))


def test_hidden_layers_hold_the_weights_of_the_networks_and_no_zeros_between():
    networks = [make_network((5, 3), seed=seed) for seed in range(3)]
    (first, hidden, last), _ = average(networks)
    assert hidden.nnz == 3 * 5 * 3
    assert_array_equal(hidden.toarray(), block_diag(*(W[1] for W, _ in networks)))
    assert_array_equal(first, np.hstack([W[0] for W, _ in networks]))
    assert_allclose(last, np.vstack([W[2] for W, _ in networks]) / 3, rtol=1e-15)


def test_blocks_are_recognised_and_shared():
    blocks = [np.full((2, 3), float(k)) for k in range(4)]
    matrix = block_diagonal(blocks)
    assert np.shares_memory(diagonal_blocks(matrix), matrix.data)
    assert_array_equal(diagonal_blocks(matrix), blocks)


BLOCKS = np.ones((2, 2, 2))
OTHER_MATRICES = {
    "dense": np.eye(4),
    "csr": sparse.csr_matrix(np.eye(4)),
    "off_diagonal": sparse.bsr_matrix((BLOCKS, [1, 0], [0, 1, 2]), shape=(4, 4)),
    "in_one_row": sparse.bsr_matrix((BLOCKS, [0, 1], [0, 2, 2]), shape=(4, 4)),
    "one_missing": sparse.bsr_matrix((BLOCKS, [0, 1], [0, 1, 2, 2]), shape=(6, 4)),
}


@pytest.mark.parametrize("kind", OTHER_MATRICES)
def test_other_matrices_have_no_diagonal_blocks(kind):
    assert diagonal_blocks(OTHER_MATRICES[kind]) is None


@pytest.mark.parametrize("kind", OTHER_MATRICES)
def test_a_layer_multiplies_by_any_matrix(kind):
    matrix = OTHER_MATRICES[kind]
    n_in, n_out = matrix.shape
    layer, out = Dense(n_in, n_out), np.empty((1, n_out, 5))
    dense = matrix.toarray() if sparse.issparse(matrix) else matrix
    layer.use(matrix if sparse.issparse(matrix) else matrix[None], np.zeros((1, 1, 1)))
    x = np.random.RandomState(0).standard_normal((1, n_in, 5))
    layer.product(x, out)
    assert_allclose(out[0], dense.T @ x[0], rtol=1e-14)


@pytest.mark.parametrize("hidden", HIDDEN)
def test_split_undoes_a_sum(hidden):
    networks = [make_network(hidden, seed=seed) for seed in range(3)]
    summed = average(networks, np.ones(3))
    parts = split(*summed)
    assert len(parts) == (3 if len(hidden) > 1 else 1)
    again = average(parts, np.ones(len(parts)))
    for before, after in zip(summed, again, strict=True):
        for a, b in zip(before, after, strict=True):
            assert type(a) is type(b)
            assert abs(a - b).max() == 0
    # It owns its arrays.
    parts[0][0][0][...] = np.nan
    assert np.isfinite(summed[0][0]).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_a_lifted_network_is_the_same_function(hidden, dtype):
    network = make_network(hidden, dtype=dtype)
    for n_hidden in range(len(hidden), 5):
        coefs, intercepts = lift(*network, n_hidden)
        assert len(coefs) == len(intercepts) == n_hidden + 1
        assert all(a.dtype == dtype for a in [*coefs, *intercepts])
        raw = raw_prediction((coefs, intercepts), "relu")
        # The output layer adds another number of zeros: other kernels may round.
        assert_near(raw, raw_prediction(network, "relu"), 4 * np.finfo(dtype).eps)


def test_a_network_cannot_be_lifted_down():
    with pytest.raises(ValueError, match="has 2 hidden layers.*n_hidden_layers=1"):
        lift(*make_network((5, 3)), 1)


def test_an_embedded_network_reads_its_columns_alone():
    network = make_network((5, 3))
    columns = [6, 0, 2, 3]
    wide = np.full((8, N_ROWS), 1e3)
    wide[columns] = X
    raw = raw_prediction(embed(*network, columns, 8), "tanh", wide)
    assert_near(raw, raw_prediction(network, "tanh"), 1e-12)


def test_networks_of_other_columns_and_depths_have_one_average():
    shallow, deep = make_network((5,)), make_network((5, 3), seed=1)
    columns = [0, 1, 2, 3]
    wide = np.vstack([X, X**2])
    deep_wide = [np.vstack([deep[0][0], deep[0][0]]), *deep[0][1:]], deep[1]
    averaged = average([lift(*embed(*shallow, columns, 8), 2), deep_wide])
    expected = raw_prediction(shallow, "relu") + raw_prediction(deep_wide, "relu", wide)
    assert_near(raw_prediction(averaged, "relu", wide), expected / 2, 1e-12)
