"""Batch norm in training; ``folding`` makes plain weights of it afterwards."""

from typing import Any

import numpy as np

from skl2._engine.network.layers import Dense


def pool(moments, others, weight):
    """Mean and variance of a mixture: `others` have the share `weight` of it."""
    (mean, variance), (other_mean, other_variance) = moments, others
    shift = other_mean - mean
    between = weight * (1.0 - weight) * shift * shift
    return (
        mean + weight * shift,
        variance + weight * (other_variance - variance) + between,
    )


class Share:
    """The share of each row in the statistics of its batch: its share of the weight.

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


class BatchNorm(Dense):
    """A dense layer with batch norm, ``z = γ (W' x - μ) / √(σ² + ε) + β``.

    μ and σ² are the mean and the (biased) variance of W' x over the rows of the batch,
    weighted as the loss is. β takes the place of the bias, which would have no effect
    before the normalization.

    A batch of one row has no variance. It is normalized with running statistics, taken
    as constants, that pool about the last `window` rows: else W would have no gradient
    there.

    Ioffe & Szegedy, "Batch normalization", 2015.

    Attributes
    ----------
    scale : Slot
        Where γ lies in theta.
    share : Share
        Of the rows of the next batch, set by the network.
    running : tuple of ndarray of shape (K, n_units, 1)
        Mean and variance.
    """

    epsilon = 1e-5
    window = 100

    def __init__(self, n_in, n_out):
        super().__init__(n_in, n_out)
        self.share: Any = None
        self.running: Any = None
        self._kept = {}

    def declare_scale(self, layout):
        """Reserve γ, behind the parameters of all dense layers."""
        self.scale = layout.add((self.n_out, 1), penalized=False)

    def bind(self, theta, grad=None):
        super().bind(theta, grad)
        self.gamma = self.scale.view(theta)
        if grad is not None:
            self._grad_gamma = self.scale.view(grad)
        if self.running is None:
            self.running = np.zeros_like(self.gamma), np.ones_like(self.gamma)

    def select(self, keep):
        self.running = tuple(moment[keep] for moment in self.running)
        self._kept.clear()

    def _buffers(self, shape, dtype):
        """Normalized values, and 1 / √(σ² + ε).

        Kept by shape: there are two at most, as batches are balanced.
        """
        if shape not in self._kept:
            self._kept[shape] = np.empty(shape, dtype), np.empty((*shape[:2], 1), dtype)
        return self._kept[shape]

    def forward(self, x, out):
        """Write the normalized ``W' x`` into `out`, shape (K, n_out, n_rows)."""
        normal, inverse = self._buffers(out.shape, out.dtype)
        self.product(x, normal)
        n_rows = normal.shape[-1]
        if n_rows == 1:
            mean, variance = self.running
            batch = normal.copy(), np.zeros_like(normal)
            normal -= mean
        else:
            mean = np.matmul(normal, self.share.column)
            normal -= mean
            np.multiply(normal, normal, out=out)
            variance = np.matmul(out, self.share.column)
            batch = mean, variance
        self.running = pool(self.running, batch, n_rows / (n_rows + self.window))
        np.add(variance, self.epsilon, out=inverse)
        np.sqrt(inverse, out=inverse)
        np.divide(1.0, inverse, out=inverse)
        normal *= inverse
        np.multiply(normal, self.gamma, out=out)
        out += self.b
        # Once d is the gradient by z nothing reads z: backward may overwrite it.
        self._scratch = out

    def backward(self, x, d, ones, d_in=None):
        """Write the gradients of γ, β, W, and the gradient of the input to `d_in`."""
        normal, inverse = self._buffers(d.shape, d.dtype)
        np.matmul(d, ones, out=self.grad_b)
        np.multiply(d, normal, out=self._scratch)
        np.matmul(self._scratch, ones, out=self._grad_gamma)
        if d.shape[-1] > 1:
            # γ / √(σ² + ε) · (d - share · (Σ d + ẑ Σ d ẑ)), ẑ the normalized values.
            normal *= self._grad_gamma
            normal += self.grad_b
            normal *= self.share.row
            d -= normal
        inverse *= self.gamma
        d *= inverse
        self.product_backward(x, d, d_in)
