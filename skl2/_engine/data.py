"""The training set of a stack, and the batches it is read in.

A batch is given by *rows*: a slice, an index array (b,) shared by all members, or
(K, b), one row of indices per member. X is never copied as a whole.
"""

import hashlib

import numpy as np
from scipy.sparse import issparse

from skl2._engine.random_streams import AUGMENTATION, once_per_stream

# Elements of one layer's activations in a chunk of a full pass: small enough for the
# L2 cache, large enough that the interpreter's overhead per chunk does not count.
CHUNK_ELEMENTS = 1 << 18


# Random factors of ``_reduced``, for blocks of 64 kB.
_FACTORS = np.random.default_rng(0).integers(0, 1 << 64, (2, 1 << 13), np.uint64)


def _reduced(array):
    """A few bytes that differ for different arrays; ten times faster than sha256.

    Of every block the sums Σ a_i w_i and Σ b_i (w_i >> 32) over its 64-bit words w,
    mod 2⁶⁴, with random a and b: blocks that differ agree in both with a probability of
    2⁻³² at most, if only the highest bits differ, and 2⁻¹²⁸ as a rule (multilinear
    hashing, Lemire & Kaser, "Strongly universal string hashing is fast", 2014).
    """
    flat = array.reshape(-1).view(np.uint8)
    n_words = _FACTORS.shape[1]
    whole = len(flat) - len(flat) % (8 * n_words)
    words = flat[:whole].view(np.uint64).reshape(-1, n_words)
    sums = [words @ _FACTORS[0]]
    # Piece by piece: the shifted words are a copy.
    sums += [(part >> np.uint64(32)) @ _FACTORS[1] for part in _pieces(words, 16)]
    return b"".join([*(s.tobytes() for s in sums), flat[whole:].tobytes()])


def _pieces(array, size):
    return [array[i : i + size] for i in range(0, len(array), size)]


class TrainingSet:
    """X, targets and weights, read batch by batch in feature-major form.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_rows, n_features)
    y : ndarray of shape (n_outputs, n_rows) or None
        Targets, of X's dtype; None for rows to predict.
    sample_weight : ndarray of shape (n_rows,) or None
        Or (K, n_rows), weights of every member, where batches are slices.
    held_out : TrainingSet or None
        Rows given for validation. If there are none, they are taken from this set.
    weight_unit : float
        What weight 1 stands for, see ``weights_in_range``; λ is in the same unit.

    Attributes
    ----------
    rows : ndarray or None
        The rows of X the set consists of, if not all.
    total_weight : float
        m: the number of rows, or the sum of their weights.
    """

    def __init__(
        self,
        X,
        y=None,
        sample_weight=None,
        rows=None,
        held_out=None,
        weight_unit=1.0,
    ):
        self.X = X
        self.y = y
        self.sample_weight = sample_weight
        self.rows = rows
        self.held_out = held_out
        self.weight_unit = weight_unit
        self.n_rows = X.shape[0] if rows is None else len(rows)
        self.total_weight = self.subset_weight(slice(None))
        self._buffers = {}

    def subset(self, rows):
        """The set of some of the rows; X is shared, not copied."""
        return TrainingSet(
            self.X,
            self.y,
            self.sample_weight,
            self._absolute(rows),
            weight_unit=self.weight_unit,
        )

    def _absolute(self, rows):
        return rows if self.rows is None else self.rows[rows]

    def __getstate__(self):
        return self.__dict__ | {"_buffers": {}}

    def __copy__(self):
        copied = object.__new__(type(self))
        copied.__dict__ |= self.__dict__ | {"_buffers": {}}
        return copied

    def digest(self):
        """A hash of the content: sets of equal content have equal hashes."""
        X = self.X
        parts = [X.data, X.indices, X.indptr] if issparse(X) else [X]
        plain = repr((X.shape, X.dtype.str, self.weight_unit))
        fingerprint = hashlib.sha256(plain.encode())
        for part in (*parts, self.y, self.sample_weight, self.rows):
            if part is None:
                continue
            if part.flags.f_contiguous and not part.flags.c_contiguous:
                # A transposed array is hashed in the order of its memory.
                fingerprint.update(b"F")
                part = part.T
            # Some columns of an array train as their copy does.
            fingerprint.update(_reduced(np.ascontiguousarray(part)))
        if self.held_out is not None:
            fingerprint.update(self.held_out.digest().encode())
        return fingerprint.hexdigest()

    def subset_weight(self, rows):
        """m of the rows that an index array or a slice names."""
        rows = self._absolute(rows)
        if self.sample_weight is not None:
            return self.sample_weight[..., rows].sum(axis=-1, dtype=np.float64)
        return float(self.X.shape[0] if isinstance(rows, slice) else len(rows))

    def select(self, keep):
        """Nothing to do: all members share the rows."""

    def batch(self, rows):
        """Inputs (see ``Dense.forward``), targets and weights of some rows.

        The next call may overwrite what this one returns.
        """
        rows = self._absolute(rows)
        return self._inputs(rows), *self._targets(rows)

    def chunks(self, widest, rows=(None,)):
        """Walk over the rows in pieces of bounded memory.

        Parameters
        ----------
        widest : int
            Units of the widest layer that the rows pass through.
        rows : sequence of ndarray or None, one per member
            The rows of every member, of one length; None stands for all rows.

        Yields
        ------
        places : slice
            Which of the rows the piece holds.
        batch : (x, y, weight)
            See ``batch``.
        """
        rows = common_rows(rows)
        n_rows = self.n_rows if rows is None else rows.shape[-1]
        for places in row_chunks(n_rows, widest):
            yield places, self.batch(places if rows is None else rows[..., places])

    def targets(self):
        """Targets and weights of all rows of the set."""
        return self._targets(self._absolute(slice(0, self.n_rows)))

    def _targets(self, rows):
        y, weight = self.y, self.sample_weight
        if isinstance(rows, slice):
            return (
                None if y is None else y[:, rows],
                None if weight is None else weight[..., rows],
            )
        return (
            None if y is None else self._take(y, rows, axis=1, name="y"),
            None if weight is None else self._take(weight, rows, axis=0, name="weight"),
        )

    def _inputs(self, rows):
        X = self.X
        if isinstance(rows, slice):
            return feature_major(X, rows)
        if issparse(X):
            return X[rows] if rows.ndim == 1 else [X[r] for r in rows]
        if X.flags.c_contiguous:
            return self._take(X, rows, axis=0, name="X").swapaxes(-1, -2)
        if X.flags.f_contiguous:
            return self._take(X.T, rows, axis=1, name="X")
        return np.ascontiguousarray(X[rows]).swapaxes(-1, -2)

    def _take(self, array, rows, axis, name):
        """Gather rows along `axis` into a buffer kept for this shape."""
        # In the mode 'clip' take writes to `out` without a temporary array.
        if axis == 0:
            out = self._buffer(name, rows.shape + array.shape[1:], array.dtype)
            return array.take(rows, axis=0, out=out, mode="clip")
        shape = (*rows.shape[:-1], len(array), rows.shape[-1])
        out = self._buffer(name, shape, array.dtype)
        if rows.ndim == 1:
            return array.take(rows, axis=1, out=out, mode="clip")
        for k, r in enumerate(rows):
            array.take(r, axis=1, out=out[k], mode="clip")
        return out

    def _buffer(self, name, shape, dtype):
        found = self._buffers.get((name, shape))
        if found is None:
            if len(self._buffers) > 12:
                self._buffers.clear()
            found = self._buffers[name, shape] = np.empty(shape, dtype)
        return found


def feature_major(X, rows):
    """The rows of X in a slice as the first layer reads them, see ``Dense.forward``."""
    if not issparse(X):
        return X[rows].T
    # A slice of a sparse matrix is a copy.
    return X if rows == slice(0, X.shape[0]) else X[rows]


def weights_in_range(sample_weight, dtype):
    """Weights of a type whose sums and products do not overflow, and their unit.

    The unit is a power of 2; weights of float64 may be beyond the range of float32.

    In J both the loss and λ are divided by the sum of the weights: divided by the unit,
    all three are the same to the last bit. Weights of usual size have the unit 1.
    """
    exponent = int(np.frexp(sample_weight.max())[1])
    if abs(exponent) <= 60:
        return sample_weight.astype(dtype, copy=False), 1.0
    # 2.0**1024 is beyond float64, a largest weight of nearly that is not.
    exponent -= 1
    weights = np.ldexp(sample_weight, -exponent).astype(dtype, copy=False)
    return weights, float(np.ldexp(1.0, exponent))


def balanced_slices(n_rows, batch_size):
    """ceil(n_rows / batch_size) consecutive slices whose sizes differ by one at most.

    The larger ones come first. There is no small remainder batch: a single row in a
    batch would have the weight of 200 rows in another.
    """
    if n_rows <= batch_size:
        # The general case takes 3 µs, which shows in the prediction of a row.
        return [slice(0, n_rows)]
    n_batches = -(-n_rows // batch_size)
    size, larger = divmod(n_rows, n_batches)
    ends = [size * (i + 1) + min(i + 1, larger) for i in range(n_batches)]
    return [slice(a, b) for a, b in zip([0, *ends], ends, strict=False)]


def row_chunks(n_rows, widest):
    """Slices that cut a pass over all rows into pieces of bounded memory."""
    return balanced_slices(n_rows, max(256, CHUNK_ELEMENTS // widest))


def common_rows(rows):
    """The rows of every member as one index array: (b,) if they share it, or (K, b).

    None stands for all rows.
    """
    shared = all(own is rows[0] for own in rows)
    return rows[0] if shared else np.stack(rows)


class BatchOrder:
    """The order in which the members of a stack see the rows, epoch by epoch.

    Parameters
    ----------
    streams : list of RandomState
        One per member; members that share the object share the order, and a batch is
        gathered once for all of them.
    rows : list of ndarray or None, one per member
        The rows to train on; None for all of them.
    n_rows, batch_size : int
    shuffle : bool
    """

    def __init__(self, streams, rows, n_rows, batch_size, shuffle):
        self.streams = streams
        self.shuffle = shuffle
        self.n_rows = n_rows
        self.slices = balanced_slices(n_rows, batch_size)
        self._all_rows = all(own is None for own in rows)
        self._orders = once_per_stream(
            streams, lambda _, k: np.arange(n_rows) if rows[k] is None else rows[k]
        )

    def select(self, keep):
        self.streams = [self.streams[k] for k in keep]
        self._orders = [self._orders[k] for k in keep]

    def epoch(self):
        """The rows of every batch of the next epoch, see ``TrainingSet.batch``."""
        if self.shuffle:
            self._orders = once_per_stream(self.streams, self._shuffled)
        whole = len(self.slices) == 1 or not self.shuffle
        if whole and self._all_rows:
            # The order inside a full batch changes nothing but rounding: no gather.
            return self.slices
        order = common_rows(self._orders)
        return [order[..., s] for s in self.slices]

    def _shuffled(self, stream, k):
        # The very draws of sklearn.utils.shuffle, so that the batches agree.
        permutation = np.arange(self.n_rows)
        stream.shuffle(permutation)
        return self._orders[k][permutation]


class AugmentedSet:
    """A training set whose batches are transformed, with the noise of each member.

    Parameters
    ----------
    data : TrainingSet
    transform : callable
    noise : list of NoiseStream, one per member
        Members that share it share the batches.
    """

    def __init__(self, data, transform, noise):
        self.data = data
        self.transform = transform
        self.noise = noise
        self.n_rows = data.n_rows

    def select(self, keep):
        self.noise = [self.noise[k] for k in keep]

    def batch(self, rows):
        """See ``TrainingSet.batch``."""
        x, y, weight = self.data.batch(rows)
        if all(stream is self.noise[0] for stream in self.noise):
            return *self._apply(x, y, self.noise[0]), weight

        def transformed(stream, k):
            own_x = x[k] if isinstance(x, list) or x.ndim == 3 else x
            own_y = y[k] if y.ndim == 3 else y
            return self._apply(own_x, own_y, stream)

        each = once_per_stream(self.noise, transformed)
        xs, ys = [own_x for own_x, _ in each], np.stack([own_y for _, own_y in each])
        if issparse(xs[0]):
            return xs, ys, weight
        # Stacked in the memory order of each.
        if xs[0].flags.c_contiguous:
            return np.stack(xs), ys, weight
        return np.stack([own_x.T for own_x in xs]).swapaxes(1, 2), ys, weight

    def _apply(self, x, y, stream):
        X = x if issparse(x) else _read_only(x.T)
        new_X, new_y = self._checked(X, y, stream.generator(AUGMENTATION))
        new_y = np.ascontiguousarray(new_y.T)
        if new_X is X or issparse(new_X):
            return x if new_X is X else new_X, new_y
        # In the memory order of the batch: another order may round differently.
        if x.flags.c_contiguous:
            return np.ascontiguousarray(new_X.T), new_y
        return np.ascontiguousarray(new_X).T, new_y

    def _checked(self, X, y, random_state):
        name = getattr(self.transform, "__name__", type(self.transform).__name__)
        y = _read_only(y.T)
        try:
            new_X, new_y = self.transform(X, y, random_state)
        except TypeError as error:
            if "unpack" not in str(error):
                raise
            raise ValueError(f"augmentation {name} must return (X, y).") from error
        for what, old, new in (("X", X, new_X), ("y", y, new_y)):
            if issparse(old) != issparse(new) or not (
                issparse(new) or isinstance(new, np.ndarray)
            ):
                raise ValueError(
                    f"augmentation {name} returned {what} as {type(new).__name__}, "
                    f"expected {type(old).__name__}."
                )
            if old.shape != new.shape or old.dtype != new.dtype:
                raise ValueError(
                    f"augmentation {name} returned {what} of shape {new.shape} and "
                    f"dtype {new.dtype}, expected {old.shape} and {old.dtype}."
                )
        return new_X if not issparse(new_X) else new_X.tocsr(), new_y


def _read_only(array):
    view = array.view()
    view.flags.writeable = False
    return view
