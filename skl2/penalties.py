"""Penalties on the weights of a stack: value, gradient, prox, optimality.

The penalty of one member is (1/2m) Σ_l λ_l Ω(W_l). A penalty object holds, for every
member and weight layer, the factor `strength` in front of its own plain form:

==========  =====================  ==========================  ====================
class       plain form             strength for Ω = elastic    route of the solvers
==========  =====================  ==========================  ====================
``L2``      ½ ‖W‖²                 λ (1 - ρ) / m               gradient (or decay)
``L1``      ‖W‖₁                   λ ρ / (2m)                  prox
==========  =====================  ==========================  ====================

penalty='l2' is ρ = 0, 'l1' is ρ = 1. m is the number of rows of the training set (or
the sum of their weights), whatever the batch size.
"""

import numpy as np


def per_member(values):
    """A factor for arrays with a leading member axis: a float if all agree.

    Otherwise a (K, 1) float64 column, to be cast where it meets a float32 array (a
    Python float casts itself). Products of factors are taken before that cast: a member
    of a stack then gets the numbers it gets alone.
    """
    values = np.asarray(values, dtype=np.float64)
    if (values == values[0]).all():
        return float(values[0])
    return values[:, np.newaxis]


def cast(factor, dtype):
    """A factor of ``per_member`` made ready to meet an array of type `dtype`."""
    # np.float64 is a float too, but one that would promote a float32 array.
    return float(factor) if isinstance(factor, float) else np.asarray(factor, dtype)


class SeparablePenalty:
    """A sum over weight layers of strength · form(W).

    Parameters
    ----------
    weights : list of slice
        The columns of each weight layer, ``Layout.weights``.
    strength : ndarray of shape (K, n_weight_layers)
        Factor of every member and layer.
    dtype : numpy dtype
        Of theta.
    """

    def __init__(self, weights, strength, dtype):
        self.weights, self.strength, self.dtype = weights, strength, dtype
        self.largest = float(strength.max(initial=0.0))
        # A layer without a penalty is left out: λ = 0 is no penalty, bit for bit.
        self._layers = [
            (columns, per_member(strength[:, i]))
            for i, columns in enumerate(weights)
            if strength[:, i].any()
        ]

    def select(self, keep):
        """The penalty of the members `keep`."""
        return type(self)(self.weights, self.strength[keep], self.dtype)

    def coordinates(self, n_parameters):
        """The strength of every coordinate of theta, shape (K, P)."""
        out = np.zeros((len(self.strength), n_parameters))
        for i, columns in enumerate(self.weights):
            out[:, columns] = self.strength[:, i, np.newaxis]
        return out

    def value(self, theta):
        """Value for every member, shape (K,), float64."""
        forms = np.empty(self.strength.shape)
        for i, columns in enumerate(self.weights):
            forms[:, i] = self._form(theta[:, columns])
        forms *= self.strength
        return forms.sum(axis=1)


class L2(SeparablePenalty):
    """strength · ½ ‖W‖_F²: smooth, goes with the gradient or as weight decay."""

    def _form(self, W):
        square = np.matmul(W[:, np.newaxis, :], W[:, :, np.newaxis])
        square *= 0.5
        return square[:, 0, 0]

    def gradient(self, theta, out, step=None):
        """Add strength · W to the gradient `out`.

        With `step` (a learning rate, float or (K, 1)) the strength is capped at
        1 / step, above which an explicit step would flip the signs of the weights;
        what is above is left to ``shrink``.
        """
        for columns, strength in self._layers:
            if step is not None:
                strength = np.minimum(strength, 1.0 / step)
            out[:, columns] += cast(strength, self.dtype) * theta[:, columns]

    def block_factors(self, rows, columns):
        """The strengths on a block theta[rows, columns], ready to meet it.

        Returns
        -------
        factors : list of (slice, factor)
            Columns within the block, and what theta is multiplied by there to get the
            gradient.
        """
        parts = []
        for i, layer in enumerate(self.weights):
            start = max(layer.start, columns.start)
            stop = min(layer.stop, columns.stop)
            strength = self.strength[rows, i]
            if start < stop and strength.any():
                inside = slice(start - columns.start, stop - columns.start)
                parts.append((inside, cast(per_member(strength), self.dtype)))
        if len(parts) > 1 and all(isinstance(factor, float) for _, factor in parts):
            # One product for all layers; a product with 0 leaves a bias as it is.
            whole = np.zeros(columns.stop - columns.start, self.dtype)
            for inside, factor in parts:
                whole[inside] = factor
            return [(slice(0, len(whole)), whole)]
        return parts

    def decay(self, theta, step):
        """Multiply the weights by 1 - step · strength, but never by less than 0.

        Decoupled weight decay (Loshchilov & Hutter, 2019); `step` is the learning
        rate, a float or (K, 1).
        """
        for columns, strength in self._layers:
            factor = np.maximum(1.0 - step * strength, 0.0)
            theta[:, columns] *= cast(factor, self.dtype)

    def shrink(self, theta, step):
        """Divide by 1 + (step · strength - 1)₊, the prox of the strength above 1/step.

        An implicit step is stable for any strength, and together with the capped
        gradient its fixed points are the stationary points of the whole objective.
        """
        for columns, strength in self._layers:
            excess = np.maximum(step * strength - 1.0, 0.0)
            theta[:, columns] /= cast(1.0 + excess, self.dtype)


class L1(SeparablePenalty):
    """strength · ‖W‖₁: not smooth at 0, so it goes by the prox, which gives zeros."""

    def _form(self, W):
        return np.abs(W).sum(axis=1, dtype=np.float64)

    def prox(self, theta, step):
        """Soft threshold, W ← sign(W) max(|W| - step · strength, 0), in place.

        `step` is the step size each coordinate took: a float, (K, 1), or an array of
        the shape of theta.
        """
        for columns, strength in self._layers:
            W = theta[:, columns]
            if np.shape(step) == theta.shape:
                threshold = step[:, columns] * cast(strength, self.dtype)
            else:
                threshold = cast(step * strength, self.dtype)
            # W - clip(W, -t, t) is the soft threshold; within ±t it is exactly W - W.
            W -= np.clip(W, -threshold, threshold)

    def distance(self, theta, grad, i):
        """|distance| of -grad to the sub-differential in layer i, coordinate-wise.

        `grad` is the gradient of the smooth part of J. Shape (K, size of the layer).
        """
        columns = self.weights[i]
        W, g = theta[:, columns], grad[:, columns]
        t = self.strength[:, i, np.newaxis]
        return np.where(
            W == 0, np.maximum(np.abs(g) - t, 0.0), np.abs(g + t * np.sign(W))
        )


class Penalty:
    """The whole penalty of a stack: a smooth part and a part that goes by the prox.

    Parameters
    ----------
    smooth : L2
    nonsmooth : L1
    """

    def __init__(self, smooth, nonsmooth):
        self.smooth, self.nonsmooth = smooth, nonsmooth
        self._members = None
        self.has_smooth = smooth.largest > 0.0
        self.has_nonsmooth = nonsmooth.largest > 0.0

    def __len__(self):
        return len(self.smooth.strength)

    def select(self, keep):
        return Penalty(self.smooth.select(keep), self.nonsmooth.select(keep))

    def member(self, k):
        """The penalty of one member, as a stack of one."""
        if self._members is None:
            self._members = [self.select([i]) for i in range(len(self))]
        return self._members[k]

    def value(self, theta):
        """Value for every member, shape (K,), float64."""
        total = np.zeros(len(theta))
        if self.has_smooth:
            total += self.smooth.value(theta)
        if self.has_nonsmooth:
            total += self.nonsmooth.value(theta)
        return total

    def gradient(self, theta, out, step=None):
        """Add the gradient of the smooth part to `out` (see ``L2.gradient``)."""
        self.smooth.gradient(theta, out, step)

    def decay(self, theta, step):
        """Apply the smooth part as decoupled decay (see ``L2.decay``)."""
        self.smooth.decay(theta, step)

    def prox(self, theta, step):
        """The prox of the non-smooth part, in place, for steps of size `step`."""
        if self.has_nonsmooth:
            self.nonsmooth.prox(theta, step)

    def optimality(self, theta, grad):
        """Distance of 0 to the sub-differential of J, by coordinate, shape (K, P).

        `grad` is the gradient of the smooth part of J, penalty included.
        """
        distance = np.abs(grad)
        for i, columns in enumerate(self.nonsmooth.weights):
            distance[:, columns] = self.nonsmooth.distance(theta, grad, i)
        return distance


class MaxNorm:
    """The constraint ‖w‖₂ <= c on the incoming weights w of every unit.

    Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov, "Dropout", 2014.

    Parameters
    ----------
    slots : list of Slot
        Those of the weight matrices.
    radius : ndarray of shape (K,)
        c of every member.
    """

    def __init__(self, slots, radius):
        self.slots, self.radius = slots, np.asarray(radius, dtype=np.float64)
        self._scratch = None

    def select(self, keep):
        """The constraint of the members `keep`."""
        return MaxNorm(self.slots, self.radius[keep])

    def _squares(self, theta):
        if self._scratch is None:
            self._scratch = [np.empty_like(slot.view(theta)) for slot in self.slots]
        return self._scratch

    def project(self, theta):
        """Scale down, in place, the weights of the units outside."""
        for slot, squares in zip(self.slots, self._squares(theta), strict=True):
            W = slot.view(theta)
            np.multiply(W, W, out=squares)
            norm = np.sqrt(np.add.reduce(squares, axis=1, dtype=np.float64))
            # Less by what rounding the sum and the products may add.
            rounding = 2 * np.finfo(W.dtype).eps + W.shape[1] * np.finfo(float).eps
            inner = self.radius[:, np.newaxis] * (1.0 - rounding)
            outside = norm > inner
            if outside.any():
                factor = np.where(outside, inner / np.where(outside, norm, 1.0), 1.0)
                W *= factor[:, np.newaxis].astype(theta.dtype)


def make_penalty(layout, penalties, alphas, l1_ratios, m, dtype):
    """The penalty of a stack from the parameters of its members.

    Parameters
    ----------
    layout : Layout
    penalties : sequence of {'l2', 'l1', 'elasticnet', None}, length K
    alphas : ndarray of shape (K, n_weight_layers)
        λ of every member and layer.
    l1_ratios : sequence of float, length K
        ρ, used by 'elasticnet' alone.
    m : float or ndarray of shape (K,)
        Number of training rows, or the sum of their weights.
    dtype : numpy dtype
    """
    rho = np.array(
        [
            {"l2": 0.0, "l1": 1.0, "elasticnet": ratio, None: 0.0}[name]
            for name, ratio in zip(penalties, l1_ratios, strict=True)
        ]
    )[:, np.newaxis]
    lam = np.asarray(alphas, dtype=np.float64) / np.reshape(m, (-1, 1))
    lam = np.where([[name is None] for name in penalties], 0.0, lam)
    return Penalty(
        L2(layout.weights, lam * (1.0 - rho), dtype),
        L1(layout.weights, lam * rho / 2.0, dtype),
    )
