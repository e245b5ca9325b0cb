"""Losses in raw-prediction space, with the links that lead to output space.

Conventions
-----------
raw : (K, n_outputs, n_rows)
    Raw predictions: what the last affine map puts out ("link space"), for each member
    of the stack.
y : (n_targets, n_rows) or (K, n_targets, n_rows)
    Targets; one-hot (or soft, summing to one) for the multinomial log-loss. One a row
    of raw, but for losses with several outputs a target, see ``Loss.n_outputs``.
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
    # What the first epochs of a stochastic solver minimise instead, if not the loss.
    lead: "Loss | None" = None

    def n_outputs(self, n_targets):
        """Outputs of a network for so many targets."""
        return n_targets

    def stages(self, y, weight):
        """Losses that a full-batch solver minimises one after another.

        This one as a rule. Smooth upper bounds that come closer and closer to one that
        is not smooth. The arguments are those of ``constant``.
        """
        return [self]

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
        y : ndarray of shape (n_targets, n_rows)
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
        return _weighted_quantile(y, weight, 0.5)


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
        centre = _weighted_quantile(y, weight, 0.5)
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


def _weighted_quantile(y, weight, quantile):
    """The smallest value whose rows and those below have this share of the weight."""
    weight = np.ones(y.shape[1]) if weight is None else weight
    order = np.argsort(y, axis=1)
    below = np.cumsum(weight[order], axis=1)
    place = (below >= quantile * below[:, -1:]).argmax(axis=1)
    rows = np.arange(len(y))
    return y[rows, order[rows, place]][:, np.newaxis].astype(np.float64)


class Pinball(Loss):
    """L = (1 - q) max(r, 0) + q max(-r, 0), r = raw - y; least at the quantile q.

    Koenker & Bassett, "Regression quantiles", 1978. The sub-gradient at 0 is taken as
    1/2 - q, the mean of the slopes beside it. Several quantiles of one target are an
    output each. Their predictions are sorted, which never raises the loss
    (Chernozhukov, Fernández-Val & Galichon, "Quantile and probability curves without
    crossing", 2010).

    Parameters
    ----------
    quantiles : tuple of float
        In (0, 1), increasing.
    listed : bool
        Whether each quantile is an output of one target. If not, there is one quantile,
        of all targets.
    """

    def __init__(self, quantiles, listed):
        self.quantiles = quantiles
        self.listed = listed
        self.out_activation = "sort" if len(quantiles) > 1 else "identity"

    def n_outputs(self, n_targets):
        return len(self.quantiles) if self.listed else n_targets

    def _tilt(self, dtype):
        """1/2 - q of each output: L = abs(r)/2 + (1/2 - q) r."""
        return 0.5 - np.array(self.quantiles, dtype)[:, np.newaxis]

    def _pointwise(self, raw, y, pointwise, scratch, spare):
        raw -= y
        np.sign(raw, out=scratch)
        scratch *= 0.5
        scratch += self._tilt(raw.dtype)
        raw *= scratch
        _sum_outputs(raw, pointwise)
        raw[...] = scratch

    def constant(self, y, weight):
        return np.concatenate(
            [_weighted_quantile(y, weight, quantile) for quantile in self.quantiles]
        )

    def predict(self, raw):
        if len(self.quantiles) > 1:
            raw.sort(axis=1)
        return raw

    def check_targets(self, y):
        if self.listed and np.ndim(y) == 2 and y.shape[1] > 1:
            raise ValueError(
                f"quantile={list(self.quantiles)!r} is a list, which needs one target "
                f"a row; y has {y.shape[1]} columns. Fit a model for each column, or "
                "give one quantile as a float."
            )

    def stages(self, y, weight):
        # How far the targets are from the best constant sets the unit of the widths.
        distance = np.abs(y - self.constant(y, weight))
        unit = np.average(distance, axis=1, weights=weight)[:, np.newaxis]
        unit[unit == 0.0] = 1.0
        return [SmoothPinball(self, width * unit) for width in WIDTHS]


# Half-widths of ``SmoothPinball`` in units of the targets.
WIDTHS = (0.1, 0.01, 0.001)


class SmoothPinball(Pinball):
    """The pinball loss with abs(r) replaced by r²/2h + h/2 where abs(r) <= h.

    It lies above the pinball loss, by h/4 at r = 0 and by nothing for abs(r) >= h. So
    does J, and its minimum.

    Parameters
    ----------
    pinball : Pinball
    half_width : ndarray of shape (n_outputs, 1)
        h > 0.
    """

    def __init__(self, pinball, half_width):
        super().__init__(pinball.quantiles, pinball.listed)
        self.half_width = half_width

    def _pointwise(self, raw, y, pointwise, scratch, spare):
        raw -= y
        h = self.half_width.astype(raw.dtype)
        # With c = clip(r, -h, h) both branches are c (r - c/2) / h + h/2.
        np.clip(raw, -h, h, out=scratch)
        scratch /= h
        np.multiply(scratch, -0.5 * h, out=spare)
        spare += raw
        spare *= scratch
        spare += 0.5 * h
        spare *= 0.5
        tilt = self._tilt(raw.dtype)
        raw *= tilt
        raw += spare
        _sum_outputs(raw, pointwise)
        scratch *= 0.5
        scratch += tilt
        raw[...] = scratch


class Gaussian(Loss):
    """L = (s + (m - y)² exp(-s)) / 2, minus the log-likelihood of N(m, exp(s)).

    Without its constant log(2π)/2. The outputs are the means m of all targets, then raw
    log-variances r of all, with bounds, s = B tanh(r / B): exp(s) is between exp(-B)
    and exp(B). Nix & Weigend, "Estimating the mean and variance of the target
    probability distribution", 1994.
    """

    # B.
    BOUND = 10.0

    @property
    def lead(self):  # type: ignore[override]
        return GaussianMean()

    def n_outputs(self, n_targets):
        return 2 * n_targets

    def _pointwise(self, raw, y, pointwise, scratch, spare):
        d = raw.shape[1] // 2
        mean, log_variance = raw[:, :d], raw[:, d:]
        square, s = scratch[:, :d], scratch[:, d:]
        total, precision = spare[:, :d], spare[:, d:]
        mean -= y
        self._bounded(log_variance, out=s)
        np.negative(s, out=precision)
        np.exp(precision, out=precision)
        np.multiply(mean, mean, out=square)
        square *= precision
        np.add(square, s, out=total)
        _sum_outputs(total, pointwise)
        pointwise *= 0.5
        mean *= precision
        # (1 - square)/2 times ds/dr = 1 - (s/B)².
        s *= 1.0 / self.BOUND
        np.multiply(s, s, out=s)
        np.subtract(1.0, s, out=s)
        np.subtract(1.0, square, out=log_variance)
        log_variance *= s
        log_variance *= 0.5

    def _bounded(self, r, out):
        np.multiply(r, 1.0 / self.BOUND, out=out)
        np.tanh(out, out=out)
        out *= self.BOUND
        return out

    def constant(self, y, weight):
        mean = np.average(y, axis=1, weights=weight)[:, np.newaxis]
        variance = np.average((y - mean) ** 2, axis=1, weights=weight)[:, np.newaxis]
        least = np.exp(-self.BOUND)
        s = np.log(np.clip(variance, 1.001 * least, 0.999 / least))
        return np.concatenate([mean, self.BOUND * np.arctanh(s / self.BOUND)])

    def predict(self, raw):
        """The means, a part of `raw`."""
        return raw[:, : raw.shape[1] // 2]

    def std(self, raw):
        """The standard deviations, from raw predictions."""
        r = raw[:, raw.shape[1] // 2 :]
        return np.exp(0.5 * self._bounded(r, out=np.empty_like(r)))

    def stages(self, y, weight):
        return [self.lead, self]


class GaussianMean(Gaussian):
    """L = (m - y)² / 2: ``Gaussian`` with all variances 1, whatever the outputs say.

    To begin with it finds the mean before the variance explains it away.
    """

    lead = None

    def _pointwise(self, raw, y, pointwise, scratch, spare):
        d = raw.shape[1] // 2
        raw[:, :d] -= y
        raw[:, d:] = 0.0
        np.multiply(raw, raw, out=scratch)
        _sum_outputs(scratch, pointwise)
        pointwise *= 0.5

    def constant(self, y, weight):
        mean = np.average(y, axis=1, weights=weight)[:, np.newaxis]
        return np.concatenate([mean, np.zeros_like(mean)])


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
    "quantile": Pinball,
    "gaussian": Gaussian,
}
