"""When a member of the stack stops, and the epoch whose weights it keeps."""

from copy import copy

import numpy as np

from skl2._engine.objective import raw_and_loss


class Patience:
    """Counts, member by member, the epochs in a row without an improvement.

    An epoch improves if the value gets better than the best so far by `tol`; a member
    is out of patience after more than `n_iter_no_change` epochs that don't
    (scikit-learn's rule).

    Parameters
    ----------
    n_members : int
    tol : float
    n_iter_no_change : int or inf
    maximize : bool
        True for validation scores, False for the training loss.
    """

    def __init__(self, n_members, tol, n_iter_no_change, maximize):
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self._sign = 1.0 if maximize else -1.0
        self.count = np.zeros(n_members, dtype=np.int64)
        self._best = np.full(n_members, -np.inf)

    @property
    def best(self):
        """Best value of every member, shape (K,)."""
        return self._sign * self._best

    def update(self, values):
        """Take the values of an epoch, shape (K,).

        Returns
        -------
        improved : ndarray of bool, shape (K,)
            Whether the value is the best so far (by any margin).
        exhausted : ndarray of bool, shape (K,)
            Whether patience has ended.
        """
        values = self._sign * values
        self.count = np.where(values >= self._best + self.tol, 0, self.count + 1)
        improved = values > self._best
        self._best = np.where(improved, values, self._best)
        return improved, self.count > self.n_iter_no_change

    def resume(self, k, earlier):
        """Let member k take over the count and the best value of a patience of one."""
        if earlier._sign == self._sign:
            self.count[k] = earlier.count[0]
            self._best[k] = earlier._best[0]

    def member(self, k):
        """The patience of member k alone, a copy."""
        alone = copy(self)
        alone.select([k])
        return alone

    def reset(self, members):
        """Start counting anew for `members` (bool mask)."""
        self.count[members] = 0

    def forget(self):
        """Begin anew, with no best value."""
        self.count[:] = 0
        self._best[:] = -np.inf

    def select(self, keep):
        self.count = self.count[keep]
        self._best = self._best[keep]


class Validation:
    """Scores the members of a stack on rows held out from training.

    Parameters
    ----------
    data : TrainingSet
    rows : list of ndarray, one per member
        The held-out rows of every member, of one length.
    score : callable ``score(raw, data, rows, theta) -> float`` or None
        Score of the raw predictions, shape (n_outputs, n_rows), of rows of data by the
        parameters theta, shape (P,); greater is better. None stands for minus the loss.
    loss : Loss
    """

    def __init__(self, data, rows, score, loss):
        self.data = data
        self.rows = rows
        self._score = score
        self._loss = loss

    def select(self, keep):
        self.rows = [self.rows[k] for k in keep]

    def evaluate(self, network):
        """Score and mean loss of every member, each of shape (K,).

        They are NaN where predictions aren't finite. The loss is without the penalty.
        """
        raw, losses = raw_and_loss(network, self._loss, self.data, self.rows)
        losses = np.where(np.isfinite(raw).all(axis=(1, 2)), losses, np.nan)
        if self._score is None:
            return -losses, losses
        scores = [
            self._score(own, self.data, rows, theta)
            for own, rows, theta in zip(raw, self.rows, network.theta, strict=True)
        ]
        return np.array(scores), losses
