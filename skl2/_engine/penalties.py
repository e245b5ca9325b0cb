"""Penalties on the weights of a stack: value, gradient, prox, optimality.

The penalty of one member is (1/2m) Σ_l λ_l Ω(W_l). A penalty object holds, for every
member and weight layer, the factor `strength` in front of its own plain form:

===========  ====================  ==========================  ====================
class        plain form            strength for Ω = elastic    route of the solvers
===========  ====================  ==========================  ====================
``L2``       ½ ‖W‖²                λ (1 - ρ) / m               gradient (or decay)
``L1``       ‖W‖₁                  λ ρ / (2m)                  prox
``GroupL1``  Σ_j ‖W[j, :]‖₂        0                           prox
===========  ====================  ==========================  ====================

penalty='l2' is ρ = 0, 'l1' is ρ = 1. penalty='group_l1' is ``GroupL1`` with strength
λ / (2m) in the first layer, where a row of W holds the outgoing weights of an input,
and ``L2`` with strength λ / m in the others. m is the number of rows of the training
set (or the sum of their weights), whatever the batch size.
"""

from copy import copy

import numpy as np

from skl2._engine.numerics import cast, per_member


def _compressed(weights, kept):
    """The columns of `weights` in ``theta[:, kept]``."""

    def place(column):
        return int(np.count_nonzero(kept[:column]))

    return [slice(place(columns.start), place(columns.stop)) for columns in weights]


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
        self.weights = weights
        self.dtype = dtype
        self._set_strength(strength)

    def _set_strength(self, strength):
        self.strength = strength
        self.largest = float(strength.max(initial=0.0))
        # A layer without a penalty is left out: λ = 0 is no penalty, bit for bit.
        self._layers = [
            (i, columns, per_member(strength[:, i]))
            for i, columns in enumerate(self.weights)
            if strength[:, i].any()
        ]

    def select(self, keep):
        self._set_strength(self.strength[keep])

    def compressed(self, kept):
        """The same penalty of ``theta[:, kept]``, for a mask `kept` of shape (P,)."""
        return type(self)(_compressed(self.weights, kept), self.strength, self.dtype)

    def coordinates(self, n_parameters):
        """The strength of every coordinate of theta, shape (K, P)."""
        out = np.zeros((len(self.strength), n_parameters))
        for i, columns in enumerate(self.weights):
            out[:, columns] = self.strength[:, i, np.newaxis]
        return out

    def value(self, theta):
        """Value for every member, shape (K,), float64."""
        total = np.zeros(len(theta))
        for i, _, shared in self._layers:
            form, strength = self._form(theta, i), self.strength[:, i]
            if not isinstance(shared, float):
                # Some may be 0, a form may overflow, and 0 times infinity is NaN.
                form = np.where(strength > 0.0, form, 0.0)
            total += strength * form
        return total

    def _form(self, theta, i):
        """The plain form of layer i for every member, shape (K,)."""
        raise NotImplementedError


class L2(SeparablePenalty):
    """strength · ½ ‖W‖_F²: smooth, applied with the gradient or as weight decay."""

    def _form(self, theta, i):
        W = theta[:, self.weights[i]]
        square = np.matmul(W[:, np.newaxis, :], W[:, :, np.newaxis])
        square *= 0.5
        return square[:, 0, 0]

    def gradient(self, theta, out, step=None):
        """Add strength · W to the gradient `out`.

        With `step` (a learning rate, float or (K, 1)) the strength is capped at
        1 / step, above which an explicit step would flip the signs of the weights;
        ``shrink`` applies the rest.
        """
        for _, columns, strength in self._layers:
            if step is not None:
                # 1 / 0 is infinite: a step of length 0 has no bound.
                strength = np.minimum(strength, np.divide(1.0, step))
            out[:, columns] += cast(strength, self.dtype) * theta[:, columns]

    def block_factors(self, rows, columns, largest):
        """The strengths on a block theta[rows, columns], ready to meet it.

        Parameters
        ----------
        rows, columns : slice
        largest : ndarray of shape (K,)
            What the strength of each member is bounded by.

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
            strength = np.minimum(self.strength[rows, i], largest[rows])
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
        for _, columns, strength in self._layers:
            factor = np.maximum(1.0 - step * strength, 0.0)
            theta[:, columns] *= cast(factor, self.dtype)

    def shrink(self, theta, step):
        """Divide by 1 + (step · strength - 1)₊, the prox of the strength above 1/step.

        An implicit step is stable for any strength, and together with the capped
        gradient its fixed points are the stationary points of the whole objective.
        """
        for _, columns, strength in self._layers:
            excess = np.maximum(step * strength - 1.0, 0.0)
            theta[:, columns] /= cast(1.0 + excess, self.dtype)


class L1(SeparablePenalty):
    """strength · ‖W‖₁, not smooth at 0: its prox sets weights to exactly 0."""

    def _form(self, theta, i):
        return np.abs(theta[:, self.weights[i]]).sum(axis=1, dtype=np.float64)

    def prox(self, theta, step):
        """Soft threshold, W ← sign(W) max(|W| - step · strength, 0), in place.

        `step` is the step size each coordinate took: a float, (K, 1), or an array of
        the shape of theta.
        """
        for _, columns, strength in self._layers:
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


class GroupL1(SeparablePenalty):
    """strength · Σ_j ‖W[j, :]‖₂: the prox sets whole rows of W to zero.

    Yuan & Lin, "Model selection and estimation in regression with grouped variables",
    2006.

    Parameters
    ----------
    weights : list of slice
        The columns of the weight layers that have groups.
    strength : ndarray of shape (K, len(weights))
    dtype : numpy dtype
    shapes : list of (n_in, n_out)
        Of the layers `weights`; a group has n_out weights.
    """

    def __init__(self, weights, strength, dtype, shapes):
        super().__init__(weights, strength, dtype)
        self.shapes = shapes

    def compressed(self, kept):
        """The same penalty of ``theta[:, kept]``; `kept` holds whole groups."""
        weights = _compressed(self.weights, kept)
        shapes = [
            ((columns.stop - columns.start) // n_out, n_out)
            for columns, (_, n_out) in zip(weights, self.shapes, strict=True)
        ]
        return type(self)(weights, self.strength, self.dtype, shapes)

    def complete(self, mask):
        """Extend a mask of coordinates, shape (P,), to whole groups, in place."""
        for i in range(len(self.weights)):
            rows = self._rows(mask[np.newaxis], i)
            rows |= rows.any(axis=-1, keepdims=True)

    def _rows(self, array, i, members=slice(None)):
        """The groups of layer i, shape (K, n_in, n_out); a view for a slice."""
        array = array[members, self.weights[i]]
        return array.reshape(len(array), *self.shapes[i])

    def _form(self, theta, i):
        return _norm(self._rows(theta, i))[..., 0].sum(axis=1, dtype=np.float64)

    def prox(self, theta, step):
        """Block soft threshold of the rows w, in place.

        For a step s that a row has in common, w ← max(1 - s · strength / ‖w‖, 0) w. For
        steps of each coordinate see ``scaled_group_prox``. `step` is a float, (K, 1),
        or an array of the shape of theta.
        """
        for i in range(len(self.weights)):
            # A member without this penalty is left out: its weights keep their bits.
            has_groups = self.strength[:, i] > 0.0
            members = slice(None) if has_groups.all() else np.flatnonzero(has_groups)
            W = self._rows(theta, i, members)
            if not len(W):
                continue
            strength = per_member(self.strength[members, i])
            if np.shape(step) == theta.shape:
                steps = self._rows(step, i, members)
                scaled_group_prox(W, steps * self._cast(strength))
            else:
                own = step if isinstance(step, float) else step[members]
                norm = _norm(W)
                shrunk = norm - self._cast(own * strength)
                np.maximum(shrunk, 0.0, out=shrunk)
                # Where the norm is 0, `shrunk` is the factor, and 0.
                np.divide(shrunk, norm, out=shrunk, where=norm > 0.0)
                _scale_rows(W, shrunk)
            if not has_groups.all():
                theta[members, self.weights[i]] = W.reshape(len(W), -1)

    def _cast(self, factor):
        factor = cast(factor, self.dtype)
        return factor if isinstance(factor, float) else factor[..., np.newaxis]

    def distance(self, theta, grad, i):
        """Distance of -grad to the sub-differential by the row, at its coordinates.

        Of a row w with the gradient g of the smooth part: max(‖g‖ - strength, 0) where
        w = 0, else ‖g + strength · w / ‖w‖‖. Shape (K, size of the layer).
        """
        W, g = self._rows(theta, i), self._rows(grad, i)
        t = self.strength[:, i, np.newaxis, np.newaxis]
        norm = _norm(W)
        direction = np.divide(W, norm, out=np.zeros_like(W), where=norm > 0.0)
        distance = np.where(
            norm > 0.0, _norm(g + t * direction), np.maximum(_norm(g) - t, 0.0)
        )
        return np.broadcast_to(distance, W.shape).reshape(len(W), -1)


def _norm(W):
    """Euclidean norm over the last axis, which is kept."""
    return np.sqrt(np.square(W).sum(axis=-1, keepdims=True))


def _scale_rows(W, factor):
    W *= factor
    # Turns -0.0, which looks like a negative weight when printed, into 0.0.
    W += 0.0


# Newton steps at most (measured: 8, for scales that spread over up to 20 decades).
CLIMB = 50


def scaled_group_prox(U, d):
    """The prox of Σ_j ‖w_j‖ in a diagonal metric, rows U[..., j, :] in place.

    Minimises Σ_i (w_i - u_i)² / (2 d_i) + ‖w‖ for every row u, with scales d > 0 (step
    size times strength) of its coordinates. w = 0 if and only if Σ (u_i / d_i)² <= 1;
    otherwise w_i = u_i r / (r + d_i), where r = ‖w‖ is the root of

        φ(r) = Σ u_i² / (r + d_i)² = 1.

    1 / √φ is concave and grows with r (the secular equation of trust-region methods),
    so that Newton's iterates climb to the root from any point below it (Moré &
    Sorensen, 1983).
    """
    # No division below overflows, whatever the scales: d > 0, and shifted >= |u|.
    size, d = np.abs(U), np.maximum(d, np.finfo(U.dtype).tiny)
    # Two lower bounds of the root: for scales that all equal the largest, and for each
    # coordinate alone.
    r = np.maximum(_norm(U) - d.max(axis=-1, keepdims=True), 0.0)
    np.maximum(r, (size - d).max(axis=-1, keepdims=True), out=r)
    climbing = _norm(np.minimum(size, 2.0 * d) / d) > 1.0
    r *= climbing
    for _ in range(CLIMB):
        shifted = r + d
        squares = np.square(size / shifted)
        phi = squares.sum(axis=-1, keepdims=True)
        slope = (squares / shifted).sum(axis=-1, keepdims=True)
        step = phi * (np.sqrt(phi) - 1.0)
        np.divide(step, slope, out=step, where=climbing)
        # A row that rounding keeps from growing has arrived.
        climbing &= r + step > r
        if not climbing.any():
            break
        np.add(r, step, out=r, where=climbing)
    _scale_rows(U, r / (r + d))


class Penalty:
    """The whole penalty of a stack: a smooth part, and parts applied by their prox.

    Of the two non-smooth parts a member has one at most on the same weights: their
    proxes can be applied one after the other.

    Parameters
    ----------
    smooth : L2
    l1 : L1
    group_l1 : GroupL1

    Attributes
    ----------
    proximal : ndarray of bool, shape (K,)
        Which members have a non-smooth part.
    """

    def __init__(self, smooth, l1, group_l1):
        self.smooth = smooth
        self.l1 = l1
        self.group_l1 = group_l1
        self._summarize()

    def _summarize(self):
        self._members = None
        nonsmooth = (self.l1, self.group_l1)
        self._nonsmooth = [part for part in nonsmooth if part.largest > 0.0]
        self.proximal = np.any([(p.strength > 0.0).any(axis=1) for p in nonsmooth], 0)
        self.has_nonsmooth = bool(self._nonsmooth)
        self.has_groups = self.group_l1.largest > 0.0

    def __len__(self):
        return len(self.smooth.strength)

    @property
    def _parts(self):
        return self.smooth, self.l1, self.group_l1

    def select(self, keep):
        for part in self._parts:
            part.select(keep)
        self._summarize()

    def compressed(self, kept):
        """The same penalty of ``theta[:, kept]``; `kept` holds whole groups."""
        return Penalty(*(part.compressed(kept) for part in self._parts))

    def member(self, k):
        """The penalty of one member, as a stack of one."""
        if self._members is None:
            self._members = [self._alone(i) for i in range(len(self))]
        return self._members[k]

    def _alone(self, k):
        penalty = Penalty(*(copy(part) for part in self._parts))
        penalty.select([k])
        return penalty

    def value(self, theta):
        """Value for every member, shape (K,), float64."""
        return self.smooth.value(theta) + self.nonsmooth_value(theta)

    def nonsmooth_value(self, theta):
        """Value of the non-smooth parts for every member, shape (K,), float64."""
        total = np.zeros(len(theta))
        for part in self._nonsmooth:
            total += part.value(theta)
        return total

    def gradient(self, theta, out, step=None):
        """Add the gradient of the smooth part to `out` (see ``L2.gradient``)."""
        self.smooth.gradient(theta, out, step)

    def decay(self, theta, step):
        """Apply the smooth part as decoupled decay (see ``L2.decay``)."""
        self.smooth.decay(theta, step)

    def prox(self, theta, step):
        """The prox of the non-smooth parts, in place, for steps of size `step`."""
        for part in self._nonsmooth:
            part.prox(theta, step)

    def optimality(self, theta, grad):
        """Distance of 0 to the sub-differential of J, by coordinate, shape (K, P).

        `grad` is the gradient of the smooth part of J, penalty included. The
        coordinates of a group have the distance of the group.
        """
        distance = np.abs(grad)
        for part in self._nonsmooth:
            for i, columns in enumerate(part.weights):
                members = part.strength[:, i] > 0.0
                own = part.distance(theta, grad, i)
                distance[members, columns] = own[members]
        return distance


def l1_share(penalty, l1_ratio):
    """ρ, the share of ‖W‖₁ in Ω: `l1_ratio` for 'elasticnet', else 0 or 1."""
    return {"l1": 1.0, "elasticnet": l1_ratio}.get(penalty, 0.0)


def make_penalty(layout, penalties, alphas, l1_ratios, m, dtype):
    """The penalty of a stack from the parameters of its members.

    Parameters
    ----------
    layout : Layout
    penalties : sequence of {'l2', 'l1', 'elasticnet', 'group_l1', None}, length K
    alphas : ndarray of shape (K, n_weight_layers)
        λ of every member and layer.
    l1_ratios : sequence of float, length K
        ρ, used by 'elasticnet' alone.
    m : float or ndarray of shape (K,)
        Number of training rows, or the sum of their weights.
    dtype : numpy dtype
    """
    rho = np.array(list(map(l1_share, penalties, l1_ratios)))[:, np.newaxis]
    lam = np.asarray(alphas, dtype=np.float64) / np.reshape(m, (-1, 1))
    lam = np.where([[name is None] for name in penalties], 0.0, lam)
    l2, l1 = lam * (1.0 - rho), lam * rho / 2.0
    grouped = np.array([name == "group_l1" for name in penalties])
    group_l1 = np.where(grouped[:, np.newaxis], lam[:, :1] / 2.0, 0.0)
    l2[grouped, 0] = 0.0
    weights = layout.weights
    return Penalty(
        L2(weights, l2, dtype),
        L1(weights, l1, dtype),
        GroupL1(weights[:1], group_l1, dtype, layout.weight_shapes[:1]),
    )
