"""Batch norm folded into plain weights after training, and unfolded to train on."""

from dataclasses import dataclass

import numpy as np

from skl2._engine.network.batch_norm import Share, pool


@dataclass
class Unfolded:
    """A network with batch norm before its batch norm was folded, to continue from.

    Attributes
    ----------
    scale : ndarray of shape (n_hidden_units,)
        γ. It is folded into the weights, as are the statistics.
    statistics : ndarray of shape (2, n_hidden_units)
        Mean and variance.
    n_rows : int
        Rows that the statistics stand for.
    theta, fitted : ndarray or None
        Parameters in training, shape (P,), and the fitted ones they were folded to.
    """

    scale: np.ndarray
    statistics: np.ndarray
    n_rows: int
    theta: np.ndarray | None = None
    fitted: np.ndarray | None = None

    def by_layer(self, layer_sizes):
        """A dict of scale, mean and variance for each hidden layer."""
        bounds = np.cumsum(layer_sizes[1:-2])
        parts = np.split(np.vstack([self.scale, self.statistics]), bounds, axis=1)
        names = ("scale", "mean", "variance")
        return [dict(zip(names, part, strict=True)) for part in parts]

    @classmethod
    def from_layers(cls, layers, n_rows):
        """The inverse of ``by_layer``; the parameters in training are not known."""
        scale, *statistics = (
            np.concatenate([units[name] for units in layers])
            for name in ("scale", "mean", "variance")
        )
        return cls(scale, np.stack(statistics), n_rows)

    def from_fitted(self, network, fitted):
        """Parameters in training, shape (P,), that fold to `fitted`.

        They are ``theta`` unless `fitted` was altered since. Then a unit whose γ is 0
        gets W = 0, as folding has lost its weights.

        Parameters
        ----------
        network : Network
            With batch norm.
        fitted : ndarray of shape (P_fitted,)
        """
        if self.fitted is not None and self.theta is not None:
            same_type = self.fitted.dtype == fitted.dtype
            if same_type and np.array_equal(self.fitted, fitted):
                return self.theta
        theta = np.zeros((1, network.layout.n_parameters), network.dtype)
        theta[0, : len(fitted)] = fitted
        start = 0
        for norm in network.norms:
            units = slice(start, start + norm.n_out)
            start = units.stop
            mean, variance = self.statistics[:, units]
            gamma = self.scale[units]
            factor = gamma / np.sqrt(variance + norm.epsilon)
            W, b = (slot.view(theta)[0] for slot in norm.slots)
            W /= np.where(factor == 0.0, 1.0, factor)
            b[:, 0] += factor * mean
            norm.scale.view(theta)[0, :, 0] = gamma
        return theta[0]


class NoFolding:
    """For networks without batch norm: training changes the fitted parameters."""

    def to_fitted(self, theta):
        return theta, [None] * len(theta)

    def select(self, keep):
        pass


class Folding:
    """Turns networks with batch norm into plain ones.

    Layer by layer the statistics of the training rows are taken, exactly and with the
    layers before already folded, and go into the weights,

        W ← W γ / √(σ² + ε),   b ← β - μ γ / √(σ² + ε).

    Parameters
    ----------
    network : Network
        With batch norm.
    data : TrainingSet
    rows : list of ndarray or None, one per member
        The rows trained on; None for all.
    earlier : list of Unfolded, one per member, or None
        Statistics of earlier rows, to be pooled with the new ones (for partial_fit).
    """

    # Earlier rows count as so many rows at most, the new ones included.
    window = 1000

    def __init__(self, network, data, rows, earlier=None):
        self.network = network
        self.data = data
        self.rows = rows
        self.earlier = None
        n_before = np.zeros(len(rows), int)
        if earlier is not None:
            self.earlier = np.stack([own.statistics for own in earlier])
            n_before = np.array([own.n_rows for own in earlier])
        # How many rows the pooled statistics of each member stand for.
        self.n_rows = np.minimum(n_before + data.n_rows, max(self.window, data.n_rows))
        self._fitted = network.fitted()

    def select(self, keep):
        self.rows = [self.rows[k] for k in keep]
        self.n_rows = self.n_rows[keep]
        if self.earlier is not None:
            self.earlier = self.earlier[keep]

    def to_fitted(self, theta):
        """Fitted parameters of every member, and what to continue from.

        Returns
        -------
        fitted : ndarray of shape (K, P_fitted)
        unfolded : list of Unfolded, one per member
        """
        n_fitted = self._fitted.layout.n_parameters
        fitted = theta[:, :n_fitted].copy()
        self._fitted.bind(fitted)
        moments = [
            self._fold(i, norm, theta) for i, norm in enumerate(self.network.norms)
        ]
        statistics = np.concatenate(moments, axis=2)
        n_rows = self.n_rows.tolist()
        rows = zip(theta.copy(), fitted.copy(), statistics, n_rows, strict=True)
        return fitted, [
            Unfolded(own[n_fitted:], moments, n, own, plain)
            for own, plain, moments, n in rows
        ]

    def _fold(self, i, norm, theta):
        """Fold layer i; returns its mean and variance, (K, 2, n_units)."""
        layer = self._fitted.layers[i]
        shift = layer.b.copy()
        # The statistics are taken of W' x, without a bias.
        layer.b[...] = 0.0
        mean, variance = self._pooled(i, self._moments(i))
        factor = norm.scale.view(theta) / np.sqrt(variance + norm.epsilon)
        layer.W *= factor.swapaxes(1, 2)
        layer.b[...] = shift - factor * mean
        return np.stack([mean, variance], axis=1)[..., 0]

    def _moments(self, i):
        """Mean and variance of W' x in layer i over all rows, (K, n_units, 1)."""
        total, moments = np.zeros((1, 1, 1)), (0.0, 0.0)
        for places, (x, _, weight) in self.data.chunks(self.network.widest, self.rows):
            n_rows = places.stop - places.start
            z = self._fitted.forward(x, n_rows, last=i)
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
            # Without any weight so far there is nothing to pool.
            part = size / np.where(total > 0, total, 1.0)
            new = mean.astype(np.float64), variance.astype(np.float64)
            moments = pool(moments, new, part)
        return moments

    def _pooled(self, i, moments):
        if self.earlier is None:
            return moments
        sizes = self.network.layer_sizes[1 : i + 2]
        units = slice(sum(sizes[:-1]), sum(sizes))
        before = tuple(self.earlier[:, :, units, np.newaxis].swapaxes(0, 1))
        share = self.data.n_rows / self.n_rows[:, np.newaxis, np.newaxis]
        return pool(before, moments, share)
