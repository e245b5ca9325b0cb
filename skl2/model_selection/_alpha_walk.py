"""Which λs a search tries next, given the scores of those it has tried."""

from numbers import Integral

import numpy as np

# The coarse row, in decades around λ of alpha='scale'. With a walk from its best it
# lost nothing against a full grid of half-decades (34 tasks, ratio of losses 1.000).
ROW = np.array([-2, -1, 0, 1])
# λs per decade of the walk.
PER_DECADE = 2
# Decades from alpha='scale' at which the walk ends.
FARTHEST = 6


class AlphaWalk:
    """A walk over the λs of one candidate, from a coarse row to the best.

    λs are known by their position, an integer that grows with λ. After the row, each
    step asks for the neighbours of the best position, until both have been tried.
    Beyond the ends of what has been tried it takes two positions at once, since λ may
    be far from there.

    Parameters
    ----------
    row : sequence of int
        Positions of the coarse row.
    first, last : int
        The ends of the walk.

    Attributes
    ----------
    scores : dict of int to float
        Mean score of each position that has been tried.
    """

    def __init__(self, row, first, last):
        self.row = [int(position) for position in row]
        self.first = first
        self.last = last
        self.scores = {}

    @property
    def best(self):
        """The best position, the larger λ of two equals; None if all are NaN."""
        known = [(s, p) for p, s in self.scores.items() if np.isfinite(s)]
        return max(known)[1] if known else None

    @property
    def best_score(self):
        """Its score; -inf if all are NaN."""
        return -np.inf if self.best is None else self.scores[self.best]

    def next(self):
        """Positions to try next, ascending; none where the best is enclosed."""
        if not self.scores:
            return self.row
        if self.best is None:
            return []
        wanted = {self.best - 1, self.best + 1}
        if self.best == min(self.scores):
            wanted.add(self.best - 2)
        if self.best == max(self.scores):
            wanted.add(self.best + 2)
        return sorted(
            p for p in wanted if self.first <= p <= self.last and p not in self.scores
        )

    @property
    def enclosed(self):
        """Whether λs on both sides of the best have been tried."""
        return self.best is not None and (
            min(self.scores) < self.best < max(self.scores)
        )


def given_alphas(wanted):
    """The λs of an array, ascending; None for 'auto' and for a number per decade."""
    if isinstance(wanted, str) and wanted == "auto":
        return None
    whole = isinstance(wanted, Integral) and not isinstance(wanted, bool)
    if whole and int(wanted) >= 1:
        return None
    try:
        alphas = np.unique(np.asarray(wanted, dtype=np.float64))
    except (TypeError, ValueError):
        alphas = np.empty(0)
    valid = np.ndim(wanted) == 1 and len(alphas) and np.isfinite(alphas).all()
    if not valid or alphas[0] < 0:
        raise ValueError(
            "alphas must be 'auto', an integer >= 1 (points per decade) or a sequence "
            f"of finite numbers >= 0. Got {wanted!r}."
        )
    return alphas


class AlphaGrid:
    """What the positions of a walk stand for.

    Parameters
    ----------
    wanted : 'auto', int or array-like
        The parameter `alphas` of ``AlphaSearchCV``.
    scale : float
        λ of alpha='scale'; not read where λs are given.
    """

    def __init__(self, wanted, scale):
        self.alphas = given_alphas(wanted)
        self.scale = scale
        self.per_decade = PER_DECADE if isinstance(wanted, str) else wanted

    def walk(self):
        """A walk over these λs that has not begun."""
        if self.alphas is None:
            ends = FARTHEST * self.per_decade
            return AlphaWalk(ROW * self.per_decade, -ends, ends)
        last = len(self.alphas) - 1
        # About one λ a decade, the ends among them.
        n_decades = np.ptp(np.log10(self.alphas[self.alphas > 0])) if last else 0.0
        n_points = min(last + 1, max(3, int(n_decades) + 1))
        row = np.unique(np.linspace(0, last, n_points).round().astype(int))
        return AlphaWalk(row, 0, last)

    def alpha(self, position):
        """λ at a position."""
        if self.alphas is not None:
            return float(self.alphas[position])
        return float(self.scale * 10.0 ** (position / self.per_decade))
