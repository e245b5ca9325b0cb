"""When a member of the stack stops, and which of its weights are kept."""

import numpy as np

from skl2.batches import row_chunks


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
        self.tol, self.n_iter_no_change = tol, n_iter_no_change
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

    def resume(self, earlier):
        """Take over the count and the best value, if they watched the same thing."""
        if earlier._sign == self._sign:
            self.count, self._best = earlier.count, earlier._best

    def reset(self, members):
        """Start counting anew for `members` (bool mask)."""
        self.count[members] = 0

    def select(self, keep):
        self.count, self._best = self.count[keep], self._best[keep]


class Validation:
    """Scores the members of a stack on rows held out from training.

    Parameters
    ----------
    data : TrainingSet
    rows : list of ndarray, one a member
        The held-out rows of every member, of one length.
    score : callable ``score(raw, rows) -> float``
        Score of raw predictions (n_outputs, n_rows); greater is better.
    """

    def __init__(self, data, rows, score):
        self.data, self.rows, self._score = data, rows, score

    def select(self, keep):
        self.rows = [self.rows[k] for k in keep]

    def scores(self, network):
        """Score of every member, shape (K,); NaN where predictions aren't finite."""
        return np.array(
            [
                self._score(raw, rows)
                for raw, rows in zip(self._raw(network), self.rows, strict=True)
            ]
        )

    def _raw(self, network):
        shared = all(rows is self.rows[0] for rows in self.rows)
        rows = self.rows[0] if shared else np.stack(self.rows)
        n_rows = rows.shape[-1]
        n_outputs = network.layer_sizes[-1]
        raw = np.empty((network.n_members, n_outputs, n_rows), network.dtype)
        for s in row_chunks(n_rows, max(network.layer_sizes[1:])):
            x, _, _ = self.data.batch(rows[..., s])
            raw[..., s] = network.forward(x, s.stop - s.start)
        return raw
