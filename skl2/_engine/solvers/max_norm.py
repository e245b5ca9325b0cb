"""Max-norm: every step projects the weights of each unit on a ball."""

import numpy as np


class MaxNorm:
    """The constraint ‖w‖₂ <= c on the incoming weights w of every unit.

    Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov, "Dropout", 2014.

    Parameters
    ----------
    slots : list of Slot
        Where the weight matrices lie in theta.
    radius : ndarray of shape (K,)
        c of every member.
    """

    def __init__(self, slots, radius):
        self.slots = slots
        self.radius = np.asarray(radius, dtype=np.float64)
        self._scratch = None
        self._members = None

    def select(self, keep):
        self.radius = self.radius[keep]
        self._scratch = None
        self._members = None

    def _squares(self, theta):
        if self._scratch is None:
            self._scratch = [np.empty_like(slot.view(theta)) for slot in self.slots]
        return self._scratch

    def member(self, k):
        """The constraint of one member, for a stack of one."""
        if self._members is None:
            self._members = [MaxNorm(self.slots, [c]) for c in self.radius]
        return self._members[k]

    def project(self, theta):
        """Scale down, in place, the weights of the units outside.

        What is inside keeps its bits, the result of a projection too.
        """
        for slot, squares in zip(self.slots, self._squares(theta), strict=True):
            W = slot.view(theta)
            np.multiply(W, W, out=squares)
            norm = np.sqrt(np.add.reduce(squares, axis=1, dtype=np.float64))
            # Smaller by what rounding may add to squares, their sum, and products.
            eps, summing = np.finfo(W.dtype).eps, W.shape[1] * np.finfo(float).eps
            radius = self.radius[:, np.newaxis]
            outside = norm > radius * (1.0 - eps / 2 - summing)
            if outside.any():
                inner = radius * (1.0 - 3 * eps - 2 * summing)
                factor = np.where(outside, inner / np.where(outside, norm, 1.0), 1.0)
                W *= factor[:, np.newaxis].astype(theta.dtype)
