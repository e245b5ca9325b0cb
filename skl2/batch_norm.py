"""Batch norm: in training a layer of its own, afterwards folded into the weights."""

from typing import Any

import numpy as np

from skl2.batches import row_chunks
from skl2.network import Network


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
        self.row, self.column = share[..., np.newaxis, :], share[..., np.newaxis]


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
        self.gamma, self._grad_gamma = self.slot.view(theta), self.slot.view(grad)
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


class Plain:
    """What is published of a network without batch norm: its parameters."""

    def publish(self, theta):
        return theta, None

    def select(self, keep):
        pass


class Folding:
    """Publishes networks with batch norm as plain ones.

    Layer by layer the statistics of the training rows are taken, exactly and with the
    layers before already folded, and go into the weights,

        W ← W γ / √(σ² + ε),   b ← β - μ γ / √(σ² + ε).

    Parameters
    ----------
    network : RegularizedNetwork
    data : TrainingSet
    rows : list of ndarray or None, one a member
        The rows trained on; None for all.
    carried : (float, ndarray of shape (2, n_hidden_units)) or None
        Statistics of earlier rows and their number, to pool with those of these rows
        (for partial_fit of a stack of one).
    """

    # Rows that the pooled statistics go back.
    window = 1000

    def __init__(self, network, data, rows, carried=None):
        self.network, self.data, self.rows, self.carried = network, data, rows, carried
        self._plain = Network(
            network.layer_sizes, network.activation_name, network.dtype
        )

    def select(self, keep):
        """Go on with the members `keep`."""
        self.rows = [self.rows[k] for k in keep]

    def publish(self, theta):
        """Plain parameters (K, P), and the statistics (K, 2, n_hidden_units)."""
        plain = theta[:, : self._plain.layout.n_parameters].copy()
        self._plain.bind(plain)
        statistics = []
        for i, norm in enumerate(self.network.norms):
            mean, variance = self._pooled(i, self._moments(i))
            factor = norm.slot.view(theta) / np.sqrt(variance + norm.epsilon)
            layer = self._plain.layers[i]
            layer.W *= factor.swapaxes(1, 2)
            layer.b -= factor * mean
            statistics.append(np.stack([mean, variance], axis=1)[..., 0])
        return plain, np.concatenate(statistics, axis=2)

    def _moments(self, i):
        """Mean and variance of W' x in layer i over all rows, (K, n_units, 1)."""
        total, moments = np.zeros((1, 1, 1)), (0.0, 0.0)
        for x, weight, n_rows in self._chunks():
            z = self._plain.product(x, n_rows, i)
            share = Share(weight, n_rows, z.dtype)
            mean = np.matmul(z, share.column)
            z -= mean
            z *= z
            variance = np.matmul(z, share.column)
            if weight is None:
                size = np.full((len(z), 1, 1), float(n_rows))
            else:
                size = weight.sum(axis=-1, dtype=np.float64)
                size = np.broadcast_to(size, len(z))[:, np.newaxis, np.newaxis]
            total = total + size
            # No weight yet: nothing to pool.
            part = size / np.where(total > 0, total, 1.0)
            new = mean.astype(np.float64), variance.astype(np.float64)
            moments = pool(moments, new, part)
        return moments

    def _chunks(self):
        """Inputs, weights and number of rows of one chunk of rows after the other."""
        widest = max(self._plain.layer_sizes[1:])
        shared = all(r is self.rows[0] for r in self.rows)
        if shared and self.rows[0] is None:
            rows, n_rows = None, self.data.n_rows
        else:
            rows = self.rows[0] if shared else np.stack(self.rows)
            n_rows = rows.shape[-1]
        for s in row_chunks(n_rows, widest):
            x, _, weight = self.data.batch(s if rows is None else rows[..., s])
            yield x, weight, s.stop - s.start

    def _pooled(self, i, moments):
        if self.carried is None:
            return moments
        n_before, statistics = self.carried
        sizes = self._plain.layer_sizes[1 : i + 2]
        units = slice(sum(sizes[:-1]), sum(sizes))
        before = tuple(statistics[:, np.newaxis, units, np.newaxis])
        n_rows = self.data.n_rows
        total = pooled_rows(n_before, n_rows)
        return pool(before, moments, n_rows / total)


def pooled_rows(n_before, n_rows):
    """How many rows pooled statistics stand for after another `n_rows`."""
    return min(n_before + n_rows, max(Folding.window, n_rows))


def unfold(network, plain, scales, statistics):
    """Parameters (P,) of a network with batch norm that would fold to `plain`.

    Parameters
    ----------
    network : RegularizedNetwork
    plain : ndarray of shape (P_plain,)
    scales : list of ndarray of shape (n_units,)
        γ of each hidden layer. A unit whose γ is 0 gets W = 0: it has lost it.
    statistics : ndarray of shape (2, n_hidden_units)
    """
    theta = np.zeros((1, network.layout.n_parameters), network.dtype)
    theta[0, : len(plain)] = plain
    start = 0
    for norm, gamma in zip(network.norms, scales, strict=True):
        mean, variance = statistics[:, start : start + len(gamma)]
        start += len(gamma)
        factor = gamma / np.sqrt(variance + norm.epsilon)
        W, b = (slot.view(theta)[0] for slot in norm.dense.slots)
        W /= np.where(factor == 0.0, 1.0, factor)
        b[:, 0] += factor * mean
        norm.slot.view(theta)[0, :, 0] = gamma
    return theta[0]
