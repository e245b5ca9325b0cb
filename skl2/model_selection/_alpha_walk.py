"""Which λs a search tries next, given the scores of those it has tried."""

from numbers import Integral

import numpy as np

# The coarse row, in decades around λ of alpha='scale', the largest first: of equal
# scores the first one wins, here as in scikit-learn's ranking.
ROW = (1, 0, -1, -2)
# Of these, the λs at which many candidates are compared before some of them are walked.
LOOK = (0, -1)
# λs per decade of the walk.
PER_DECADE = 2
# Decades from alpha='scale' at which the walk ends.
FARTHEST = 6


class AlphaWalk:
    """A walk over the λs of one candidate, from a coarse row to the best.

    λs are known by their position, an integer that grows with λ. After the row, each
    rung asks for the positions halfway between the best one and its neighbours among
    those tried, until the positions next to the best have been tried. Beyond the ends
    of what has been tried a rung takes two steps at once, since the best λ may be far
    from there.

    Parameters
    ----------
    row : sequence of int
        Positions of the coarse row, in the order in which they are tried.
    look : sequence of int
        Of these, the positions of a first look.
    first, last : int
        The ends of the walk.
    step : int, default=1
        Positions of a step beyond what has been tried.

    Attributes
    ----------
    scores : dict of int to float
        Mean score of each position that has been tried, in the order of trial.
    """

    def __init__(self, row, look, first, last, step=1):
        self.row = [int(position) for position in row]
        self.look = [int(position) for position in look]
        self.first = first
        self.last = last
        self.step = step
        self.scores = {}

    @property
    def best(self):
        """The best position, the first of equals; None if all are NaN."""
        known = {p: s for p, s in self.scores.items() if np.isfinite(s)}
        return max(known, key=known.__getitem__) if known else None

    @property
    def best_score(self):
        """Its score; -inf if all are NaN."""
        return -np.inf if self.best is None else self.scores[self.best]

    def next(self):
        """Positions of the next rung, the largest first; none at the end."""
        if untried := [p for p in self.row if p not in self.scores]:
            return untried
        return [] if self.best is None else self.around(self.best)

    def around(self, position):
        """Positions to try before a tried one is enclosed, the largest first."""
        return self._beside(position, +1)[::-1] + self._beside(position, -1)

    def _beside(self, position, side):
        """Positions to try on one side, the nearest first."""
        tried = [abs(p - position) for p in self.scores if (p - position) * side > 0]
        if tried:
            halfway = min(tried) // 2
            return [position + side * halfway] if halfway else []
        room = (self.last if side > 0 else self.first) - position
        steps = {min(n * self.step, abs(room)) for n in (1, 2)}
        return [position + side * step for step in sorted(steps) if step]

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
            decades, look = (
                [decade * self.per_decade for decade in some] for some in (ROW, LOOK)
            )
            return AlphaWalk(decades, look, -ends, ends, max(1, self.per_decade // 2))
        last = len(self.alphas) - 1
        # About one λ a decade, the ends among them.
        n_decades = np.ptp(np.log10(self.alphas[self.alphas > 0])) if last else 0.0
        n_points = min(last + 1, max(3, int(n_decades) + 1))
        row = np.unique(np.linspace(0, last, n_points).round().astype(int))[::-1]
        middle = max(0, (len(row) - len(LOOK)) // 2)
        return AlphaWalk(row, row[middle : middle + len(LOOK)], 0, last)

    def alpha(self, position):
        """λ at a position."""
        if self.alphas is not None:
            return float(self.alphas[position])
        return float(self.scale * 10.0 ** (position / self.per_decade))
