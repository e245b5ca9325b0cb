"""The λ ladder: a warm-started walk over λ on all folds, with patience.

The walk starts in the middle of the λs from random weights, goes up and then (from the
start's weights again) down, each step from its neighbour's weights, and leaves a
direction once the mean held-out score has not improved for `patience` steps. It trains
with full-batch L-BFGS, whose J is that of every solver: mini-batch steps at short
budgets would favour small λ merely because the network is still being trained.

Under an L1 part the walk down starts each step from random weights: a weight that the
larger λ has set to zero may be stuck there with its unit.
"""

from dataclasses import dataclass, field, replace

import joblib
import numpy as np

from skl2.batches import row_chunks
from skl2.network import Network
from skl2.stack import train_stack
from skl2.threads import single_threaded_blas

# Iterations of L-BFGS at the first λ and at each further one (measured: more change the
# chosen λ on none of 13 data sets).
FIRST_ITERATIONS = 60
STEP_ITERATIONS = 30


@dataclass
class Visit:
    """What training at one λ gave, fold by fold.

    Attributes
    ----------
    scores : ndarray of shape (n_folds,)
        Held-out scores; NaN where a fold diverged.
    thetas : list of ndarray of shape (P,)
    train_losses : ndarray of shape (n_folds,)
        J's loss part plus penalty at the end, on the fold's training rows.
    """

    scores: np.ndarray
    thetas: list = field(repr=False)
    objectives: np.ndarray = field(repr=False)


def _train_fold(X, y, sample_weight, rows, shape, loss, members, data_type):
    """One stack on one fold. X comes as an argument of its own: a cluster keeps it."""
    data = data_type(X, y, sample_weight, rows)
    with single_threaded_blas:
        return train_stack(shape, loss, members, data)


class Folds:
    """Trains λs on every fold of a training set and scores them on the rest.

    λ/m is kept constant: a fold of m_f rows is trained with λ m_f / m, so that the
    chosen λ means the same on all rows.

    Parameters
    ----------
    data : TrainingSet
        All rows.
    splits : list of (train rows, held-out rows)
    loss : Loss
    score : callable ``score(network, theta, rows) -> float``
        Score of one member's weights on held-out rows; greater is better.
    parallel : joblib.Parallel
    """

    def __init__(self, data, splits, loss, score, parallel):
        self.data, self.splits, self.loss, self.score = data, splits, loss, score
        self._parallel = parallel
        self.sets = [data.subset(train) for train, _ in splits]
        self.shares = [s.total_weight / data.total_weight for s in self.sets]

    def visit(self, shape, members):
        """Train `members` on every fold, one ``Visit`` a member.

        Parameters
        ----------
        shape : Shape
        members : list of list of Member
            Members of every fold, with the λ of the whole training set.
        """
        tasks = []
        for fold, own, share in zip(self.sets, members, self.shares, strict=True):
            own = [replace(m, alpha=m.alpha * share) for m in own]
            n_rows = fold.n_rows
            tasks.append(
                joblib.delayed(_train_fold)(
                    self.data.X,
                    self.data.y,
                    self.data.sample_weight,
                    fold.rows,
                    replace(shape, batch_size=min(shape.batch_size, n_rows)),
                    self.loss,
                    own,
                    type(self.data),
                )
            )
        with single_threaded_blas:
            results = self._parallel(tasks)
        return [
            self._visit(shape, [own[i] for own in results])
            for i in range(len(members[0]))
        ]

    def _visit(self, shape, results):
        network = Network(shape.layer_sizes, shape.activation, shape.dtype)
        scores = np.full(len(results), np.nan)
        for i, (result, (_, held_out)) in enumerate(
            zip(results, self.splits, strict=True)
        ):
            if result.diverged_at is None and np.isfinite(result.theta).all():
                scores[i] = self.score(network, result.theta, held_out)
        objectives = [
            result.loss_curve[-1] if result.loss_curve else np.nan for result in results
        ]
        return Visit(scores, [r.theta for r in results], np.array(objectives))


def held_out_loss(data, loss):
    """The default score: minus the mean held-out loss, without going by estimators."""

    def score(network, theta, rows):
        fold = data.subset(rows)
        theta = theta[np.newaxis]
        network.bind(theta, np.empty_like(theta))
        total = 0.0
        for s in row_chunks(fold.n_rows, max(network.layer_sizes[1:])):
            x, y, weight = fold.batch(s)
            raw = network.forward(x, s.stop - s.start)
            ws = network.workspace(s.stop - s.start).loss
            total += float(loss.value_and_gradient(raw, y, weight, 1.0, ws)[0])
        return -total / fold.total_weight

    return score


class Ladder:
    """The walk over ascending λs.

    Parameters
    ----------
    folds : Folds
    shape : Shape
        Of an L-BFGS fit.
    make_member : callable ``make_member(alpha) -> Member``
        A member with a random stream of its own.
    alphas : ndarray
        Ascending.
    start : int
        Index at which to start.
    patience : int
        Steps without an improvement after which a direction is left.
    warm_down : bool
        Whether steps down start from the neighbour's weights.
    band : bool
        Whether to walk up until the score is a standard error below the best: the 1-SE
        rule needs that much.
    """

    def __init__(
        self, folds, shape, make_member, alphas, start, patience, warm_down, band
    ):
        self.folds, self.shape, self.make_member = folds, shape, make_member
        self.alphas, self.start, self.patience = alphas, start, patience
        self.warm_down, self.band = warm_down, band
        self.visits = {}

    def walk(self):
        """Visit λs until both directions are done; returns {index: Visit}.

        The visits so far are in ``visits`` if an interruption ends the walk.
        """
        self._go(self.start, None, FIRST_ITERATIONS)
        self._direction(range(self.start + 1, len(self.alphas)), warm=True)
        self._direction(range(self.start - 1, -1, -1), warm=self.warm_down)
        return self.visits

    def _direction(self, indices, warm):
        thetas = self.visits[self.start].thetas
        without = 0
        for k in indices:
            best = self._best()
            if warm:
                self._go(k, thetas, STEP_ITERATIONS)
                thetas = self.visits[k].thetas
            else:
                self._go(k, None, FIRST_ITERATIONS)
            mean = self.visits[k].scores.mean()
            without = 0 if mean > best else without + 1
            upwards = k > self.start
            if without >= self.patience and not (
                upwards and self.band and mean >= best - self._standard_error()
            ):
                return

    def _best(self):
        means = [visit.scores.mean() for visit in self.visits.values()]
        return max((m for m in means if np.isfinite(m)), default=-np.inf)

    def _standard_error(self):
        finite = [v for v in self.visits.values() if np.isfinite(v.scores.mean())]
        if not finite:
            return 0.0
        return standard_error(max(finite, key=lambda v: v.scores.mean()).scores)

    def _go(self, k, thetas, max_iter):
        members = [
            [replace(self.make_member(self.alphas[k]), theta=theta)]
            for theta in thetas or [None] * len(self.folds.sets)
        ]
        shape = replace(self.shape, max_iter=min(max_iter, self.shape.max_iter))
        (self.visits[k],) = self.folds.visit(shape, members)


def standard_error(scores):
    """Standard error of the mean over folds; 0 for a single one."""
    if len(scores) < 2:
        return 0.0
    return float(np.std(scores, ddof=1) / np.sqrt(len(scores)))


def choose(means, errors, selection):
    """Index of the chosen λ among ascending ones: 'best', or '1se'.

    '1se': the largest λ whose mean score is within one standard error of the best.
    """
    finite = np.where(np.isfinite(means), means, -np.inf)
    best = int(finite.argmax())
    if selection == "best":
        return best
    return int(np.flatnonzero(finite >= finite[best] - errors[best]).max())
