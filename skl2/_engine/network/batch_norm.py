"""Batch norm: in training a layer of its own, afterwards folded into the weights."""

from typing import Any

import numpy as np


def pool(moments, others, weight):
    """Mean and variance of (1 - weight) of one population and `weight` of another."""
    (mean, variance), (other_mean, other_variance) = moments, others
    shift = other_mean - mean
    between = weight * (1.0 - weight) * shift * shift
    return (
        mean + weight * shift,
        variance + weight * (other_variance - variance) + between,
    )


class Share:
    """The share of each row in the statistics of its batch: that of its weight.

    Attributes
    ----------
    column : ndarray of shape (n_rows, 1) or (K, n_rows, 1), for sums as products
    row : float or ndarray of shape (1, n_rows) or (K, 1, n_rows)
    """

    def __init__(self, weight, n_rows, dtype):
        if weight is None:
            self.row = 1.0 / n_rows
            self.column = np.full((n_rows, 1), self.row, dtype)
            return
        # A batch of zero weight has no gradient; its statistics need be finite only.
        weight = np.where(weight.any(axis=-1, keepdims=True), weight, weight + 1)
        share = weight / weight.sum(axis=-1, keepdims=True)
        self.row = share[..., np.newaxis, :]
        self.column = share[..., np.newaxis]


class Affine:
    """A layer without batch norm: the dense layer and nothing else."""

    def __init__(self, dense):
        self.dense = dense

    def bind(self, theta, grad):
        pass

    def select(self, keep):
        pass

    def buffers(self, K, n_rows, dtype):
        return None

    def forward(self, x, out, kept, share):
        self.dense.forward(x, out)

    def backward(self, x, d, scratch, ones, kept, share, d_in=None):
        self.dense.backward(x, d, ones, d_in)


class BatchNorm:
    """Batch norm of a dense layer, ``z = γ (W' x - μ) / √(σ² + ε) + β``.

    μ and σ² are the mean and the (biased) variance of W' x over the rows of the batch,
    weighted as the loss is. β is the bias of the dense layer: added before the
    normalization it would have no effect.

    A batch of one row has no variance. It is normalized with running statistics, taken
    as constants, that pool about the last `window` rows: else W would have no gradient
    there.

    Ioffe & Szegedy, "Batch normalization", 2015.

    Attributes
    ----------
    running : tuple of ndarray of shape (K, n_units, 1)
        Mean and variance.
    """

    epsilon = 1e-5
    window = 100

    def __init__(self, dense, layout):
        self.dense = dense
        self.slot = layout.add((dense.n_out, 1), penalized=False)
        self.running: Any = None

    def bind(self, theta, grad):
        self.gamma = self.slot.view(theta)
        self._grad_gamma = self.slot.view(grad)
        if self.running is None:
            self.running = np.zeros_like(self.gamma), np.ones_like(self.gamma)

    def select(self, keep):
        """Go on with the members `keep`."""
        self.running = tuple(moment[keep] for moment in self.running)

    def buffers(self, K, n_rows, dtype):
        """Normalized values, and 1 / √(σ² + ε)."""
        n = self.dense.n_out
        return np.empty((K, n, n_rows), dtype), np.empty((K, n, 1), dtype)

    def forward(self, x, out, kept, share):
        """Write the normalized W' x to `out`; weights of the rows by a ``Share``."""
        normal, inverse = kept
        self.dense.product(x, normal)
        n_rows = normal.shape[-1]
        if n_rows == 1:
            mean, variance = self.running
            batch = normal.copy(), np.zeros_like(normal)
            normal -= mean
        else:
            mean = np.matmul(normal, share.column)
            normal -= mean
            np.multiply(normal, normal, out=out)
            variance = np.matmul(out, share.column)
            batch = mean, variance
        self.running = pool(self.running, batch, n_rows / (n_rows + self.window))
        np.add(variance, self.epsilon, out=inverse)
        np.sqrt(inverse, out=inverse)
        np.divide(1.0, inverse, out=inverse)
        normal *= inverse
        np.multiply(normal, self.gamma, out=out)
        out += self.dense.b

    def backward(self, x, d, scratch, ones, kept, share, d_in=None):
        """Write the gradients of γ, β and W, and that of the input into `d_in`."""
        normal, inverse = kept
        np.matmul(d, ones, out=self.dense.grad_b)
        np.multiply(d, normal, out=scratch)
        np.matmul(scratch, ones, out=self._grad_gamma)
        if d.shape[-1] > 1:
            # γ / √(σ² + ε) · (d - share · (Σ d + ẑ Σ d ẑ)), ẑ the normalized values.
            normal *= self._grad_gamma
            normal += self.dense.grad_b
            normal *= share.row
            d -= normal
        inverse *= self.gamma
        d *= inverse
        self.dense.product_backward(x, d, d_in)
