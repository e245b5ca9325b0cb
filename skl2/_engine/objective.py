"""J = mean loss + penalty: the only place that states what is minimised."""

import numpy as np

from skl2._engine.numerics import cast, per_member


class Objective:
    """J(θ) = (1/m) Σ_i s_i L(y_i, f_θ(x_i)) + (1/2m) Σ_l λ_l Ω(W_l), for a stack.

    m is the sum of the weights s_i of all training rows, for every solver and batch
    size. A batch's loss is scaled so that its mean over the batches of an epoch is the
    full mean; nothing is divided by a batch's own size or weight.

    Parameters
    ----------
    network : Network
    loss : Loss
    penalty : Penalty
    data : TrainingSet
    total_weight : float or ndarray of shape (K,)
        m; the rows trained on may be a part of `data`, and another part for every
        member.
    """

    def __init__(self, network, loss, penalty, data, total_weight):
        self.network = network
        self.loss = loss
        self.penalty = penalty
        self.data = data
        self._total_weight = np.broadcast_to(total_weight, len(penalty))
        self.total_weight = per_member(self._total_weight)

    def bind(self, theta):
        """Work on `theta` of shape (K, P) from now on; gradients go to ``grad``."""
        self.theta = theta
        self.grad = np.empty_like(theta)
        self.network.bind(theta, self.grad)

    def select(self, keep):
        self._total_weight = self._total_weight[keep]
        self.total_weight = per_member(self._total_weight)
        for part in (self.penalty, self.network, self.data):
            part.select(keep)

    def batch_loss(self, rows, n_batches):
        """Scaled loss of one of `n_batches` batches, shape (K,); fills ``grad``."""
        return self._loss(self.data.batch(rows), n_batches / self.total_weight)

    def _loss(self, batch, scale):
        x, y, weight = batch
        scale = cast(scale, self.network.dtype)
        n_rows = y.shape[-1]
        raw = self.network.forward(x, n_rows, weight)
        ws = self.network.workspace(n_rows).loss
        value = self.loss.value_and_gradient(raw, y, weight, scale, ws)
        self.network.backward(raw, n_rows)
        return value

    def value_and_grad(self):
        """J, shape (K,), and the gradient of its smooth part, shape (K, P).

        The non-smooth part of the penalty is in the value and not in the gradient.
        The part of the penalty in the value is ``penalty_value``, shape (K,).
        """
        scale = 1.0 / self.total_weight
        value, total = 0.0, self.grad
        for i, (_, batch) in enumerate(self.data.chunks(self.network.widest)):
            if i == 1:
                # Each chunk overwrites the gradient.
                total = self.grad.copy()
            value = value + self._loss(batch, scale)
            if i:
                total += self.grad
        self.penalty.gradient(self.theta, total)
        self.penalty_value = self.penalty.value(self.theta)
        return value + self.penalty_value, total

    def optimality(self):
        """Largest distance of 0 to the sub-differential of J, shape (K, n_layers - 1).

        Weights and biases of a layer count alike.
        """
        _, grad = self.value_and_grad()
        distance = self.penalty.optimality(self.theta, grad)
        return np.stack(
            [distance[:, layer.columns].max(axis=1) for layer in self.network.layers],
            axis=1,
        )


def raw_and_loss(network, loss, data, rows):
    """Raw predictions of some rows, and their mean loss without the penalty.

    Parameters
    ----------
    network : Network
        Of K members.
    loss : Loss
    data : TrainingSet
    rows : sequence of ndarray or None, one per member
        The rows of every member, of one length; None stands for all rows.

    Returns
    -------
    raw : ndarray of shape (K, n_outputs, n_rows)
    losses : ndarray of shape (K,), float64
        NaN where no row has a weight.
    """
    n_rows = data.n_rows if rows[0] is None else len(rows[0])
    raw = np.empty((network.n_members, network.layer_sizes[-1], n_rows), network.dtype)
    losses = np.zeros(network.n_members)
    for places, (x, y, weight) in data.chunks(network.widest, rows):
        n_chunk = places.stop - places.start
        chunk = network.forward(x, n_chunk)
        raw[..., places] = chunk
        ws = network.workspace(n_chunk).loss
        losses += loss.value_and_gradient(chunk, y, weight, 1.0, ws)
    weights = np.array(
        [data.subset_weight(slice(None) if own is None else own) for own in rows]
    )
    return raw, losses / np.where(weights > 0, weights, np.nan)
