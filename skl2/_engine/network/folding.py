"""Batch norm folded into plain weights after training, and unfolded to go on."""

import numpy as np

from skl2._engine.network.batch_norm import Share, pool


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
    network : Network
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
        self.network = network
        self.data = data
        self.rows = rows
        self.carried = carried
        self._plain = network.fitted()

    def select(self, keep):
        """Go on with the members `keep`."""
        self.rows = [self.rows[k] for k in keep]

    def publish(self, theta):
        """Plain parameters (K, P), and the statistics (K, 2, n_hidden_units)."""
        plain = theta[:, : self._plain.layout.n_parameters].copy()
        self._plain.bind(plain)
        statistics = []
        for i, (norm, layer) in enumerate(
            zip(self.network.norms, self._plain.layers, strict=False)
        ):
            beta = layer.b.copy()
            layer.b[...] = 0.0
            mean, variance = self._pooled(i, self._moments(i))
            factor = norm.scale.view(theta) / np.sqrt(variance + norm.epsilon)
            layer.W *= factor.swapaxes(1, 2)
            layer.b[...] = beta - factor * mean
            statistics.append(np.stack([mean, variance], axis=1)[..., 0])
        return plain, np.concatenate(statistics, axis=2)

    def _moments(self, i):
        """Mean and variance of W' x in layer i over all rows, (K, n_units, 1)."""
        total, moments = np.zeros((1, 1, 1)), (0.0, 0.0)
        for places, (x, _, weight) in self.data.chunks(self._plain.widest, self.rows):
            n_rows = places.stop - places.start
            z = self._plain.forward(x, n_rows, last=i)
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
    network : Network
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
        W, b = (slot.view(theta)[0] for slot in norm.slots)
        W /= np.where(factor == 0.0, 1.0, factor)
        b[:, 0] += factor * mean
        norm.scale.view(theta)[0, :, 0] = gamma
    return theta[0]
