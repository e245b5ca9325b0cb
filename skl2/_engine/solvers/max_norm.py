"""Max-norm: the weights of each unit are projected on a ball after every step."""

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

    def select(self, keep):
        self.radius = self.radius[keep]
        self._scratch = None

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
            # Smaller by what rounding may add to the sum and the products.
            rounding = 2 * np.finfo(W.dtype).eps + W.shape[1] * np.finfo(float).eps
            inner = self.radius[:, np.newaxis] * (1.0 - rounding)
            outside = norm > inner
            if outside.any():
                factor = np.where(outside, inner / np.where(outside, norm, 1.0), 1.0)
                W *= factor[:, np.newaxis].astype(theta.dtype)
