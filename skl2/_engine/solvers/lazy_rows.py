"""SGD on wide sparse X: rows of the first layer wait until a batch touches them.

A batch of sparse X has a zero gradient in the rows of W, (n_in, n_out), whose columns
of X have no non-zero in the batch. The step of such a row is made of L2 and momentum
alone. It is linear in a weight w and its velocity v, and the same for all such rows:

    (w, v) ← A (w, v),

    A = [[1 - ηs, μ], [-ηs, μ]]              heavy ball (no momentum: μ = 0),
    A = [[1 - (1 + μ) ηs, μ²], [-ηs, μ]]     Nesterov,

with s = λ/m. So a row keeps the number of the step at which it was up to date. The
product of the A since then brings it up to date when it is touched next, or at the end
of the epoch. All numbers are those of steps on all rows, to rounding.

Adam has no such form: a row with a gradient of zero moves by η m̂ / (√v̂ + ε), whose
sum over steps has no closed form, and under a coupled L2 penalty no gradient is zero. A
prox (L1) and a max-norm are not linear.

Bottou, "Stochastic gradient descent tricks", 2012, for weights without momentum.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, issparse

from skl2._engine.network.layers import Dense
from skl2._engine.solvers.optimizers import BLOCK_BYTES, SGD

IDENTITY = (1.0, 0.0, 0.0, 1.0)
# Share of the rows that a batch touches up to which waiting pays: 1.5 times as fast at
# 0.22, 1.0 at 0.33, 0.9 at 0.37 (50 units).
TOUCHED_SHARE = 0.25
# Weights of the first layer from which on waiting pays: at 4 % of the rows 0.8 times as
# fast for 200,000 weights, 1.2 for 470,000, 4 for 2.4 million.
WIDE = 1 << 19
# Rows with the same number of steps to take above which one factor serves them all.
LONG_RUN = 64
# Steps after which all rows catch up: each step updates a product for each of them.
WINDOW = 512


def rows_may_wait(X, batch_size, n_units):
    """Whether a batch of X touches so few rows of a wide first layer that waiting pays.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_rows, n_features)
    batch_size : int
    n_units : int
        Units of the first layer.
    """
    n_rows, n_features = X.shape
    if not issparse(X) or n_features * n_units < WIDE:
        return False
    counts = np.bincount(X.indices, minlength=n_features)
    share = np.minimum(counts / n_rows, 1.0)
    # The expected number of columns with a non-zero in `batch_size` rows.
    touched = n_features - ((1.0 - share) ** batch_size).sum()
    return bool(touched <= TOUCHED_SHARE * n_features)


def without_prox(penalty, learning_rate):
    """Which members take no prox at any rate up to `learning_rate`: bool, shape (K,).

    See ``SGD``. A schedule never raises the rate above the initial one.
    """
    rate = np.asarray(learning_rate)[:, np.newaxis]
    overshoots = (rate * penalty.smooth.strength > 1.0).any(axis=1)
    return ~(overshoots | penalty.proximal)


@dataclass
class Touched:
    """What a step changes of a member: copies of the rows that its batch touches.

    Attributes
    ----------
    numbers : ndarray of shape (n,)
        Of the rows.
    x : CSR matrix of shape (n_rows, n)
        The batch, without the other columns.
    W, velocity : ndarray of shape (n, n_out)
        Up to date.
    grad : ndarray of shape (n, n_out)
        Gradient by W, after the backward pass.
    """

    numbers: np.ndarray
    x: csr_matrix
    W: np.ndarray
    velocity: np.ndarray
    grad: Any = None


class LazyDense(Dense):
    """A first layer of which rows of W may wait, see ``LazySGD``."""

    def watch(self, velocity, lazy):
        """Let the rows of the members in the mask `lazy` wait; all are up to date now.

        Parameters
        ----------
        velocity : ndarray of shape (K, P)
        lazy : ndarray of bool, shape (K,)
        """
        self._lazy = lazy
        weights, _ = self.slots
        self._velocity = weights.view(velocity)
        # The step of the window at which each row was up to date.
        self._last = np.zeros((len(velocity), self.n_in), np.int16)
        # Of each step of the window, the product of A from there until now: elements
        # 00, 01, 10 and 11. In float64, whatever the type of W.
        self._since = np.empty((len(velocity), 4, WINDOW + 1))
        self._start()
        self._mark = np.zeros(self.n_in, bool)
        self._place = np.empty(self.n_in, np.int32)
        # For the touched rows of each member; pages that are not used take no memory.
        shape = len(velocity), self.n_in, self.n_out
        self._buffers = [np.empty(shape, velocity.dtype) for _ in range(2)]
        self._scratch = [np.empty(shape[1:], velocity.dtype) for _ in range(2)]
        self.touched: dict[int, Touched] = {}

    def _start(self):
        """Begin a window: all rows are up to date."""
        self._n_steps = 0
        self._last[...] = 0
        self._since[..., 0] = IDENTITY

    def sparse_product(self, k, x):
        if not self._lazy[k]:
            return super().sparse_product(k, x)
        numbers = self._touched_by(k, x)
        W, velocity = (buffer[k, : len(numbers)] for buffer in self._buffers)
        # In the mode 'clip' take writes to `out` without a temporary array.
        self.W[k].take(numbers, axis=0, out=W, mode="clip")
        self._velocity[k].take(numbers, axis=0, out=velocity, mode="clip")
        self._advance_sorted(k, self._last[k][numbers], W, velocity)
        x = self._compact(x, numbers)
        self.touched[k] = Touched(numbers, x, W, velocity)
        return x @ W

    def sparse_gradient(self, k, x, d):
        if not self._lazy[k]:
            super().sparse_gradient(k, x, d)
            return
        self.touched[k].grad = self.touched[k].x.T @ d.T

    def scratch(self, n_rows):
        """An array to write to, of the shape of so many rows of W."""
        return self._scratch[0][:n_rows]

    def store(self, k, A):
        """Keep the touched rows after a step; the others wait for one by `A`.

        Parameters
        ----------
        k : int
        A : tuple of float
            The elements 00, 01, 10 and 11 of the matrix.
        """
        touched, n_steps = self.touched[k], self._n_steps
        # A row is copied faster as one item.
        _items(self.W[k])[touched.numbers] = _items(touched.W)
        _items(self._velocity[k])[touched.numbers] = _items(touched.velocity)
        self._last[k][touched.numbers] = n_steps + 1
        since = self._since[k]
        a, b, c, d = since[:, : n_steps + 1]
        since[:, : n_steps + 1] = (
            A[0] * a + A[1] * c,
            A[0] * b + A[1] * d,
            A[2] * a + A[3] * c,
            A[2] * b + A[3] * d,
        )
        since[:, n_steps + 1] = IDENTITY

    def end_step(self):
        """Count a step of all members."""
        self._n_steps += 1
        if self._n_steps == WINDOW:
            self.catch_up()

    def catch_up(self):
        """Bring all rows up to date."""
        if self._n_steps == 0:
            return
        size = max(1, BLOCK_BYTES // (self.n_out * self.W.itemsize))
        for k in np.flatnonzero(self._lazy):
            for start in range(0, self.n_in, size):
                rows = slice(start, start + size)
                last = self._last[k][rows]
                self._advance(k, last, self.W[k, rows], self._velocity[k, rows])
        self._start()

    def _advance_sorted(self, k, last, W, velocity):
        """``_advance`` of rows in the order of `last`; what is up to date is left."""
        n_waiting = int(np.searchsorted(last, self._n_steps))
        first = np.flatnonzero(np.diff(last[:n_waiting], prepend=-1))
        if n_waiting < LONG_RUN * len(first):
            waiting = slice(n_waiting)
            self._advance(k, last[waiting], W[waiting], velocity[waiting])
            return
        # A factor for many rows is faster than a column of factors.
        for start, stop in pairwise([*first, n_waiting]):
            factors = self._since[k][:, last[start]].tolist()
            self._apply(factors, W[start:stop], velocity[start:stop])

    def _advance(self, k, last, W, velocity):
        """Take the steps that rows have waited for, on W and velocity in place.

        Parameters
        ----------
        k : int
        last : ndarray of shape (n,)
            The step of the window at which each row was up to date.
        W, velocity : ndarray of shape (n, n_out)
        """
        factors = self._since[k][:, last].astype(W.dtype)[..., np.newaxis]
        self._apply(factors, W, velocity)

    def _apply(self, A, W, velocity):
        """(W, velocity) ← A (W, velocity) in place, for the elements of A or arrays."""
        a, b, c, d = A
        of_W, of_velocity = (scratch[: len(W)] for scratch in self._scratch)
        np.multiply(W, c, out=of_W)
        np.multiply(velocity, b, out=of_velocity)
        W *= a
        W += of_velocity
        velocity *= d
        velocity += of_W

    def _touched_by(self, k, x):
        """The columns of x that have a non-zero, in the order of their last step."""
        self._mark[x.indices] = True
        numbers = np.flatnonzero(self._mark)
        self._mark[numbers] = False
        return numbers[np.argsort(self._last[k][numbers], kind="stable")]

    def _compact(self, x, numbers):
        """The columns `numbers` of x, which hold all non-zeros."""
        self._place[numbers] = np.arange(len(numbers), dtype=np.int32)
        return csr_matrix(
            (x.data, self._place[x.indices], x.indptr), shape=(x.shape[0], len(numbers))
        )


def _items(array):
    """The rows of a contiguous array as one item each, shape (n,)."""
    return array.view((np.void, array.shape[1] * array.itemsize))[:, 0]


class LazySGD(SGD):
    """SGD that leaves alone the rows of the first layer that a batch does not touch.

    Parameters
    ----------
    learning_rate, momentum, nesterov
        See ``SGD``.
    layer : LazyDense
        The first layer of the network.
    lazy : ndarray of bool, shape (K,)
        The members whose rows wait; the others have a prox.
    """

    kind = SGD

    def __init__(self, learning_rate, momentum, nesterov, layer, lazy):
        super().__init__(learning_rate, momentum, nesterov)
        self.layer = layer
        self.lazy = lazy

    def _prepare(self, shape, dtype):
        super()._prepare(shape, dtype)
        self.layer.watch(self.velocity, self.lazy)
        self._penalties: dict = {}

    def select(self, keep):
        self.lazy = self.lazy[keep]
        super().select(keep)

    def step(self, theta, grad, penalty, constraint=None):
        proximal = self._needs_prox(penalty)
        if self.nesterov:
            self._follow(theta, proximal)
        for k, lazy in enumerate(self.lazy):
            if lazy:
                self._lazy_step(k, theta, grad, penalty.member(k))
            else:
                self._member_step(k, theta, grad, penalty, constraint, proximal[k])
        self.layer.end_step()

    def _lazy_step(self, k, theta, grad, penalty):
        lr, momentum = float(self.learning_rate[k]), float(self.momentum[k])
        touched = self.layer.touched[k]
        strength = float(penalty.smooth.strength[0, 0])
        if strength:
            decay = self.layer.scratch(len(touched.W))
            touched.grad += np.multiply(touched.W, strength, out=decay)
        rows = (touched.W, touched.grad, touched.velocity)
        W, grad_W, velocity_W = (array.reshape(1, -1) for array in rows)
        self._move(W, grad_W, velocity_W, lr, momentum)
        self.layer.store(k, self._matrix(lr * strength, momentum))
        # The other parameters take the step of ``SGD``.
        start = self.layer.slots[0].columns.stop
        own = slice(k, k + 1), slice(start, None)
        self._penalty_after(start, k, penalty).gradient(theta[own], grad[own])
        self._move(theta[own], grad[own], self.velocity[own], lr, momentum)

    def _penalty_after(self, start, k, penalty):
        """The penalty of member k on the columns of theta from `start` on."""
        if k not in self._penalties:
            kept = np.arange(self._shape[1]) >= start
            self._penalties[k] = penalty.compressed(kept)
        return self._penalties[k]

    def _matrix(self, decay, momentum):
        """A of one step, see the module."""
        if self.nesterov:
            return 1.0 - (1.0 + momentum) * decay, momentum**2, -decay, momentum
        return 1.0 - decay, momentum, -decay, momentum

    def end_epoch(self):
        self.layer.catch_up()

    def to_fitted(self, theta):
        # In the midst of an epoch after Ctrl-C.
        self.layer.catch_up()
        return super().to_fitted(theta)
