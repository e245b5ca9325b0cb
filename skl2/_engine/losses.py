"""Losses in raw-prediction space, with the links that lead to output space.

Conventions
-----------
raw : (K, n_outputs, n_rows)
    Raw predictions: what the last affine map puts out ("link space"), for each member
    of the stack.
y : (n_outputs, n_rows) or (K, n_outputs, n_rows)
    Targets; one-hot (or soft, summing to one) for the multinomial log-loss.
pointwise : (K, 1, n_rows)
    The loss of each row, *summed* over the outputs, as in the squared error of
    ``Ridge``.
scratch, spare : arrays of the shape of raw
"""

import numpy as np
from scipy.special import expit, logit, xlogy

from skl2._engine.numerics import sigmoid


def _sum_outputs(array, out):
    return np.add.reduce(array, axis=1, keepdims=True, out=out)


class Loss:
    """A pointwise loss L(y, raw), its gradient by raw, and its inverse link.

    Attributes
    ----------
    out_activation : str
        scikit-learn's name of the inverse link.
    """

    out_activation = "identity"

    def value_and_gradient(self, raw, y, weight, scale, ws):
        """scale · Σ_i weight_i L(y_i, raw_i), shape (K,); `raw` becomes its gradient.

        Parameters
        ----------
        raw : ndarray of shape (K, n_outputs, n_rows)
            Raw predictions, overwritten.
        y : ndarray
            Targets.
        weight : None, or ndarray of shape (n_rows,) or (K, n_rows)
            Weight of each row.
        scale : float, or ndarray of shape (K, 1) if there are weights of shape (K, b)
        ws : LossWorkspace
        """
        self._pointwise(raw, y, ws.pointwise, ws.scratch, ws.spare)
        if weight is None:
            raw *= scale
            return scale * np.matmul(ws.pointwise, ws.ones)[:, 0, 0].astype(np.float64)
        weight = weight * scale
        raw *= weight[..., np.newaxis, :]
        return np.matmul(ws.pointwise, weight[..., np.newaxis])[:, 0, 0].astype(
            np.float64
        )

    def _pointwise(self, raw, y, pointwise, scratch, spare):
        """Write the losses to `pointwise` and turn `raw` into their gradient."""
        raise NotImplementedError

    def constant(self, y, weight):
        """The best constant raw prediction: the model all of whose weights are zero.

        Parameters
        ----------
        y : ndarray of shape (n_outputs, n_rows)
        weight : ndarray of shape (n_rows,) or None

        Returns
        -------
        raw : ndarray of shape (n_outputs, 1), float64
        """
        return self._link(np.average(y, axis=1, weights=weight)[:, np.newaxis])

    def _link(self, mean):
        """From output space to link space; the inverse of ``predict``."""
        return mean

    def predict(self, raw):
        """From link space to output space, in place."""
        return raw

    def check_targets(self, y):
        """Raise a ValueError if `y` is outside the domain of this loss."""


class HalfSquaredError(Loss):
    """L = (raw - y)² / 2, identity link."""

    def _pointwise(self, raw, y, pointwise, scratch, spare):
        raw -= y
        np.multiply(raw, raw, out=scratch)
        _sum_outputs(scratch, pointwise)
        pointwise *= 0.5


class AbsoluteError(Loss):
    """L = |raw - y|, identity link; its sub-gradient at 0 is taken as 0."""

    def _pointwise(self, raw, y, pointwise, scratch, spare):
        raw -= y
        np.abs(raw, out=scratch)
        _sum_outputs(scratch, pointwise)
        np.sign(raw, out=raw)

    def constant(self, y, weight):
        return _weighted_median(y, weight)


class Huber(Loss):
    """L = r²/2 for \\|r\\| <= δ, else δ (\\|r\\| - δ/2), r = raw - y; identity link.

    Parameters
    ----------
    delta : float, in the units of y
    """

    def __init__(self, delta):
        self.delta = delta

    def _pointwise(self, raw, y, pointwise, scratch, spare):
        raw -= y
        # With c = clip(r, -δ, δ) both branches are L = c (r - c/2), and L' = c.
        np.clip(raw, -self.delta, self.delta, out=scratch)
        scratch *= 0.5
        raw -= scratch
        scratch *= 2.0
        raw *= scratch
        _sum_outputs(raw, pointwise)
        raw[...] = scratch

    def constant(self, y, weight):
        # Newton's method; the derivative is piecewise linear, so it ends exactly.
        weight = np.ones(y.shape[1]) if weight is None else weight
        centre = _weighted_median(y, weight)
        for _ in range(100):
            residual = y - centre
            slope = (np.abs(residual) <= self.delta) @ weight
            step = np.clip(residual, -self.delta, self.delta) @ weight
            step /= np.maximum(slope, 1e-12 * weight.sum())
            step = np.clip(step, -self.delta, self.delta)[:, np.newaxis]
            centre = centre + step
            if np.abs(step).max() <= 1e-14 * (1.0 + np.abs(centre).max()):
                break
        return centre


def _weighted_median(y, weight):
    weight = np.ones(y.shape[1]) if weight is None else weight
    order = np.argsort(y, axis=1)
    below = np.cumsum(weight[order], axis=1)
    middle = (below >= 0.5 * below[:, -1:]).argmax(axis=1)
    rows = np.arange(len(y))
    return y[rows, order[rows, middle]][:, np.newaxis].astype(np.float64)


class HalfPoisson(Loss):
    """Half the Poisson deviance, L = y log(y / μ) - y + μ with μ = exp(raw)."""

    out_activation = "exp"

    def _pointwise(self, raw, y, pointwise, scratch, spare):
        np.multiply(raw, y, out=scratch)
        np.subtract(xlogy(y, y) - y, scratch, out=scratch)
        np.exp(raw, out=raw)
        scratch += raw
        _sum_outputs(scratch, pointwise)
        raw -= y

    def _link(self, mean):
        return np.log(np.maximum(mean, np.finfo(np.float64).tiny))

    def predict(self, raw):
        return np.exp(raw, out=raw)

    def check_targets(self, y):
        if y.min() < 0:
            raise ValueError(
                "loss='poisson' needs targets y >= 0; the smallest value of y is "
                f"{y.min()}."
            )


class BinaryLogLoss(Loss):
    """L = log(1 + exp(raw)) - y raw, logistic link; summed over the labels."""

    out_activation = "logistic"

    def _pointwise(self, raw, y, pointwise, scratch, spare):
        # log(1 + e^raw) = max(raw, 0) + log(1 + e^-|raw|) never overflows.
        np.maximum(raw, 0.0, out=scratch)
        np.multiply(raw, y, out=spare)
        scratch -= spare
        np.copysign(raw, -1.0, out=spare)
        np.exp(spare, out=spare)
        np.log1p(spare, out=spare)
        scratch += spare
        _sum_outputs(scratch, pointwise)
        sigmoid(raw, out=raw)
        raw -= y

    def _link(self, mean):
        return logit(_inside(mean))

    def predict(self, raw):
        return expit(raw, out=raw)


def _inside(mean):
    """A share kept off 0 and 1: a class that is absent has a finite logit."""
    tiny = np.finfo(np.float64).tiny
    return np.clip(mean, tiny, 1.0 - np.finfo(np.float64).epsneg)


class MultinomialLogLoss(Loss):
    """L = log Σ_c exp(raw_c) - Σ_c y_c raw_c, softmax link."""

    out_activation = "softmax"

    def _pointwise(self, raw, y, pointwise, scratch, spare):
        # Shifting all outputs of a row by their maximum changes nothing but overflow.
        np.maximum.reduce(raw, axis=1, keepdims=True, out=pointwise)
        raw -= pointwise
        np.multiply(raw, y, out=scratch)
        np.exp(raw, out=raw)
        _sum_outputs(raw, pointwise)
        raw /= pointwise
        raw -= y
        np.log(pointwise, out=pointwise)
        pointwise -= _sum_outputs(scratch, None)

    def _link(self, mean):
        return np.log(_inside(mean))

    def predict(self, raw):
        raw -= raw.max(axis=1, keepdims=True)
        np.exp(raw, out=raw)
        raw /= raw.sum(axis=1, keepdims=True)
        return raw


REGRESSION_LOSSES = {
    "squared_error": HalfSquaredError,
    "poisson": HalfPoisson,
    "absolute_error": AbsoluteError,
    "huber": Huber,
}
