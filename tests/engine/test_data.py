"""Batches: balanced, every row once, the same rows whatever stores them."""

from itertools import pairwise
from warnings import catch_warnings

import numpy as np
import pytest
import scipy.sparse as sp
from helpers import (
    CONTAINERS,
    DTYPES,
    LOSSES,
    bound_objective,
    make_member,
    make_settings,
    training_set,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.utils import shuffle as sklearn_shuffle

from skl2 import MLPRegressor
from skl2._engine.data import (
    BatchOrder,
    TrainingSet,
    balanced_slices,
    row_chunks,
)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 20, 99, 100, 101, 1000])
def test_balanced_slices(batch_size):
    for n_rows in range(1, 203):
        slices = balanced_slices(n_rows, batch_size)
        sizes = [s.stop - s.start for s in slices]
        assert len(slices) == int(np.ceil(n_rows / batch_size))
        assert (slices[0].start, slices[-1].stop) == (0, n_rows)
        assert all(a.stop == b.start for a, b in pairwise(slices))
        assert max(sizes) - min(sizes) <= 1
        assert max(sizes) <= batch_size
        assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("widest", [1, 100, 10**9])
@pytest.mark.parametrize("n_rows", [1, 255, 1000, 10**6])
def test_row_chunks_bound_the_memory_of_a_pass(n_rows, widest):
    chunks = row_chunks(n_rows, widest)
    assert sum(s.stop - s.start for s in chunks) == n_rows
    largest = max(s.stop - s.start for s in chunks)
    assert largest * widest <= max(2**18, 256 * widest)
    assert largest == chunks[0].stop


def read(order, n_rows):
    """The rows of an epoch, one array of shape (n_rows,) or (K, n_rows)."""
    return np.concatenate(
        [np.arange(n_rows)[b] if isinstance(b, slice) else b for b in order.epoch()],
        axis=-1,
    )


def streams(seeds):
    return [np.random.RandomState(seed) for seed in seeds]


@pytest.mark.parametrize("batch_size", [1, 4, 5, 10])
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("seeds", [[0], [0, 1, 2]])
def test_an_epoch_has_every_row_once(seeds, given, shuffle, batch_size):
    rows = [None] * len(seeds)
    if given:
        # As after a validation split: some of the rows, others for every member.
        rows = [np.random.RandomState(s).permutation(17)[:10] for s in seeds]
    order = BatchOrder(streams(seeds), rows, 10, batch_size, shuffle)
    epochs = [np.atleast_2d(read(order, 10)) for _ in range(3)]
    for epoch in epochs:
        for k, row in enumerate(rows):
            expected = np.arange(10) if row is None else np.sort(row)
            assert_array_equal(np.sort(epoch[min(k, len(epoch) - 1)]), expected)
    changes = any((a != b).any() for a, b in pairwise(epochs))
    assert changes == (shuffle and (batch_size < 10 or given))


@pytest.mark.parametrize("given", [False, True])
def test_order_is_that_of_successive_scikit_learn_shuffles(given):
    rows = np.random.RandomState(9).permutation(30)[:10] if given else np.arange(10)
    order = BatchOrder(streams([3]), [rows if given else None], 10, 4, True)
    stream = np.random.RandomState(3)
    expected = rows
    for _ in range(4):
        expected = sklearn_shuffle(expected, random_state=stream)
        assert_array_equal(read(order, 10), expected)


def test_members_that_stay_keep_their_order():
    alone = BatchOrder(streams([2]), [None], 10, 4, True)
    order = BatchOrder(streams([0, 1, 2]), [None] * 3, 10, 4, True)
    for _ in range(2):
        assert_array_equal(read(order, 10)[2], read(alone, 10))
    order.select(np.array([1, 2]))
    assert_array_equal(read(order, 10)[1], read(alone, 10))
    order.select(np.array([1]))
    assert_array_equal(read(order, 10), read(alone, 10))


def test_members_of_one_stream_share_one_draw():
    (stream,) = streams([0])
    order = BatchOrder([stream, stream], [None, None], 10, 4, True)
    alone = BatchOrder(streams([0]), [None], 10, 4, True)
    for _ in range(2):
        assert_array_equal(read(order, 10), read(alone, 10))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", ["slice", (5,), (1,), (3, 5), (2, 1)], ids=str)
@pytest.mark.parametrize("container", CONTAINERS)
def test_batch_is_plain_indexing(container, shape, weighted, dtype):
    data = training_set(container=container, weighted=weighted, dtype=dtype)
    X = data.X.toarray() if sp.issparse(data.X) else np.array(data.X)
    rng = np.random.RandomState(1)
    for _ in range(3):
        if shape == "slice":
            rows = slice(2, 9)
        else:
            rows = rng.randint(0, data.n_rows, shape)
        x, y, weight = data.batch(rows)
        if isinstance(x, list):
            x = np.stack([x_k.toarray().T for x_k in x])
        elif sp.issparse(x):
            x = x.toarray().T
        assert x.dtype == y.dtype == dtype
        assert_array_equal(x, X[rows].swapaxes(-1, -2))
        assert_array_equal(y, np.moveaxis(data.y[:, rows], 0, -2))
        if weighted:
            assert weight.dtype == dtype
            assert_array_equal(weight, data.sample_weight[rows])
        else:
            assert weight is None


@pytest.mark.parametrize("container", ["C", "F"])
def test_batches_of_one_size_are_gathered_into_one_buffer(container):
    data = training_set(container=container)
    first = data.batch(np.arange(5))[0]
    assert np.shares_memory(first, data.batch(np.arange(3, 8))[0])
    assert not np.shares_memory(first, data.X)


@pytest.mark.parametrize("container", ["C", "F", "strided"])
def test_a_slice_is_not_copied(container):
    data = training_set(container=container)
    x, y, _ = data.batch(slice(2, 9))
    assert np.shares_memory(x, data.X)
    assert np.shares_memory(y, data.y)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", ["slice", (5,), (3, 5)], ids=str)
@pytest.mark.parametrize("container", CONTAINERS)
def test_a_subset_is_a_training_set_of_these_rows(container, shape, weighted):
    whole = training_set(container=container, weighted=weighted)
    rng = np.random.RandomState(1)
    kept = rng.permutation(23)[:12]
    chosen = rng.permutation(12)[:10]
    weight = whole.sample_weight[kept][chosen] if weighted else None
    X = whole.X[kept][chosen]
    plain = TrainingSet(X, whole.y[:, kept][:, chosen], weight)
    subset = whole.subset(kept).subset(chosen)
    assert subset.X is whole.X
    assert subset.n_rows == 10
    assert subset.total_weight == plain.total_weight
    assert subset.subset_weight(np.arange(4)) == plain.subset_weight(np.arange(4))
    assert subset.digest() != whole.digest()
    rows = slice(2, 9) if shape == "slice" else rng.randint(0, 10, shape)
    for got, expected in zip(subset.batch(rows), plain.batch(rows), strict=True):
        for a, b in zip(
            *([x] if not isinstance(x, list) else x for x in (got, expected)),
            strict=True,
        ):
            a, b = (x.toarray() if sp.issparse(x) else x for x in (a, b))
            assert_array_equal(a, b)
    for got, expected in zip(subset.targets(), plain.targets(), strict=True):
        assert_array_equal(got, expected)


def test_total_weight():
    data = training_set()
    assert data.total_weight == 23.0
    assert data.subset_weight(np.arange(4)) == 4.0
    # In float32 this sum would stay at 2**24.
    weight = np.array([2.0**24] + [1.0] * 10, np.float32)
    data = TrainingSet(np.zeros((11, 1), np.float32), np.zeros((1, 11)), weight)
    assert data.total_weight == 2.0**24 + 10
    assert data.subset_weight(np.arange(5)) == 2.0**24 + 4


@pytest.mark.parametrize("weights", ["none", "some zero", "a whole batch zero"])
@pytest.mark.parametrize("batch_size", [1, 4, 5, 22, 23])
@pytest.mark.parametrize("loss", LOSSES)
def test_scaled_batches_average_to_the_full_objective(loss, batch_size, weights):
    # 23 rows: a multiple of 1 and 23 alone.
    data = training_set(loss, weighted=weights != "none")
    if weights == "a whole batch zero":
        weight = data.sample_weight
        weight[[r for r in range(23) if r % 4]] = 0.0
        data = TrainingSet(data.X, data.y, weight)
    settings = make_settings(data)
    members = [make_member(settings, seed=k, alpha=k) for k in range(2)]
    objective = bound_objective(settings, LOSSES[loss], members, data)
    value, grad = objective.value_and_grad()
    grad = grad.copy()
    order = BatchOrder(streams([4, 5]), [None, None], 23, batch_size, True)
    batches = order.epoch()
    mean_loss, mean_grad, n_zero = 0.0, np.zeros_like(grad), 0
    for rows in batches:
        loss_of_batch = objective.batch_loss(rows, len(batches))
        mean_loss = mean_loss + loss_of_batch / len(batches)
        mean_grad += objective.grad / len(batches)
        n_zero += (loss_of_batch == 0.0).sum()
    if weights == "a whole batch zero" and batch_size < 5:
        assert n_zero > 0
    objective.penalty.gradient(objective.theta, mean_grad)
    penalty = objective.penalty.value(objective.theta)
    assert_allclose(mean_loss + penalty, value, rtol=1e-13)
    assert_allclose(mean_grad, grad, rtol=1e-11, atol=1e-14)


def test_a_batch_of_zero_weight_is_zero():
    data = training_set(weighted=True)
    data.sample_weight[:4] = 0.0
    settings = make_settings(data)
    objective = bound_objective(
        settings, LOSSES["squared_error"], [make_member(settings)], data
    )
    assert objective.batch_loss(np.arange(4), 6) == 0.0
    assert not objective.grad.any()


def test_digest_is_that_of_the_content():
    def variants():
        for container in CONTAINERS:
            for weighted in (False, True):
                yield training_set(container=container, weighted=weighted)
        for seed, dtype in [(1, np.float64), (0, np.float32)]:
            yield training_set(seed=seed, dtype=dtype)
        for part in ("X", "y", "sample_weight"):
            data = training_set(weighted=True)
            array = getattr(data, part)
            array[(0,) * array.ndim] += 1.0
            yield data

    digests = [data.digest() for data in variants()]
    assert digests == [data.digest() for data in variants()]
    # 'F' and 'strided' hold the content of 'C' and may or may not be told apart.
    distinct = [d for i, d in enumerate(digests) if i not in range(2, 6)]
    assert len(set(distinct)) == len(distinct)


@pytest.mark.parametrize("batch_size", [7, 60])
def test_some_columns_of_an_array_are_hashed_and_trained_as_their_copy(batch_size):
    X = np.random.RandomState(0).rand(60, 9)[:, :4]
    y = X[:, 0] + X[:, 1]
    assert not X.flags.forc
    assert TrainingSet(X).digest() == TrainingSet(X.copy()).digest()
    net = MLPRegressor(
        hidden_layer_sizes=(5,), batch_size=batch_size, max_iter=5, random_state=0
    )
    with catch_warnings(action="ignore"):
        found, expected = (clone(net).fit(data, y) for data in (X, X.copy()))
    for ours, theirs in zip(found.coefs_, expected.coefs_, strict=True):
        assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_digest_sees_every_bit_of_a_large_array(dtype):
    X = np.random.default_rng(0).standard_normal((300, 101)).astype(dtype)
    y = np.zeros((1, 300), dtype)
    digests = {TrainingSet(X, y).digest()}
    bits = X.reshape(-1).view(np.uint8)
    places = [0, 7, 8192, 70_000, X.nbytes - 1]
    for place in places:
        for bit in range(8):
            bits[place] ^= 1 << bit
            digests.add(TrainingSet(X, y).digest())
            bits[place] ^= 1 << bit
    # The order of rows and columns, and the sign of all.
    for other in (X[::-1].copy(), X[:, ::-1].copy(), -X, np.vstack([X[1:], X[:1]])):
        digests.add(TrainingSet(other, y).digest())
    assert len(digests) == 1 + 8 * len(places) + 4


@pytest.mark.parametrize("kind", ["all", "shared", "own"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("container", CONTAINERS)
def test_chunks_are_the_batches_of_a_walk_over_the_rows(container, weighted, kind):
    data = training_set(n_rows=600, container=container, weighted=weighted)
    orders = [np.random.RandomState(k).permutation(600)[:520] for k in range(3)]
    rows = {"all": [None] * 3, "shared": orders[:1] * 3, "own": orders}[kind]
    whole = {"all": np.arange(600), "shared": orders[0], "own": np.stack(orders)}[kind]
    covered = []
    # So wide a layer that a chunk has 256 rows at most.
    for places, batch in data.chunks(10**9, rows):
        covered.append(np.arange(whole.shape[-1])[places])
        found = [dense(part) for part in batch]
        expected = [dense(part) for part in data.batch(whole[..., places])]
        for ours, theirs in zip(found, expected, strict=True):
            assert_array_equal(ours, theirs)
    assert len(covered) == 3
    assert_array_equal(np.concatenate(covered), np.arange(whole.shape[-1]))


def dense(part):
    """A part of a batch as an array of its own, feature-major."""
    if isinstance(part, list):
        return np.stack([own.toarray().T for own in part])
    return part.toarray().T if sp.issparse(part) else np.copy(part)


def test_rows_without_targets_are_inputs_alone():
    data = training_set(n_rows=7)
    ((places, (x, y, weight)),) = TrainingSet(data.X).chunks(5)
    assert places == slice(0, 7)
    assert_array_equal(x, data.X.T)
    assert y is None and weight is None
