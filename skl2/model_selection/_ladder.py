"""The λ ladder: a warm-started walk over λ on all folds, with patience.

The walk starts in the middle of the λs from random weights and goes up and down from
there, each step from its neighbour's weights; a direction is left once the mean
held-out score has not improved for `patience` steps. All folds, and the steps of both
directions, are one stack. It trains with full-batch L-BFGS, whose J is that of every
solver: mini-batch steps at short budgets would favour small λ merely because the
network is still being trained.

Under an L1 part the walk down starts each step from random weights: a weight that the
larger λ has set to zero may be stuck there with its unit.
"""

from copy import deepcopy
from dataclasses import dataclass, field, replace

import joblib
import numpy as np

from skl2._engine.data import TrainingSet
from skl2._engine.network.network import Network
from skl2._engine.objective import raw_and_loss
from skl2._engine.solvers.stacked_lbfgs import minimize_stack
from skl2._engine.stack import initial_theta, make_objective, train_stack
from skl2._engine.threads import groups, single_threaded_blas

# Evaluations of J at the first λ, and at each further one from its neighbour's weights:
# by then J is within 1 % of its minimum, and the order of the λs does not change.
FIRST, STEP = 30, 12
# Iterations of L-BFGS-B in twice the variables, for penalties with an L1 part.
FIRST_L1, STEP_L1 = 60, 30


@dataclass
class Visit:
    """What training at one λ gave, fold by fold.

    Attributes
    ----------
    scores : ndarray of shape (n_folds,)
        Held-out scores; NaN where a fold diverged.
    thetas : ndarray of shape (n_folds, P)
    """

    scores: np.ndarray
    thetas: np.ndarray = field(repr=False)


def _ladder_step(X, y, sample_weight, train_rows, shape, loss, members, evaluations):
    """Minimise J of `members` (a list a fold) from their weights; rows of theta.

    X comes as an argument of its own, so that a cluster sends it to a worker once.
    """
    flat = [m for own in members for m in own]
    theta = np.stack([m.theta for m in flat])
    m_folds = []
    weights = np.zeros((len(flat), X.shape[0]), X.dtype)
    k = 0
    for rows, own in zip(train_rows, members, strict=True):
        for _ in own:
            weights[k, rows] = 1.0 if sample_weight is None else sample_weight[rows]
            m_folds.append(weights[k].sum(dtype=np.float64))
            k += 1
    # The rows a fold holds out have weight zero: X is shared by all folds, and never
    # gathered.
    data = TrainingSet(X, y, weights)
    objective = make_objective(shape, loss, flat, data, np.array(m_folds))
    with single_threaded_blas:
        values = minimize_stack(objective, theta, evaluations, shape.tol, FTOL)
    theta[~np.isfinite(values)] = np.nan
    return theta


# Relative decrease of J per step below which a member of the ladder is done.
FTOL = 1e-6


def _train_fold(X, y, sample_weight, rows, shape, loss, members, validation):
    """Train `members` on one fold with the solver of `shape`; rows of theta."""
    data, watched = TrainingSet(X, y, sample_weight, rows), ()
    if shape.early_stopping:
        # It holds out rows of its own, counted in the fold.
        weight = None if sample_weight is None else sample_weight[rows]
        data = TrainingSet(X[rows], y[:, rows], weight)
        watched = validation(data)
    # L-BFGS trains its members one after another: Ctrl-C shall not wait for the others.
    stacks = [[m] for m in members] if shape.solver == "lbfgs" else [members]
    results = []
    for stack in stacks:
        with single_threaded_blas:
            results += train_stack(shape, loss, stack, data, *watched)
        if any(r.interrupted for r in results):
            # A fit alone keeps what it has; here the whole search is to end.
            raise KeyboardInterrupt
    return np.stack(
        [r.theta if r.diverged_at is None else r.theta * np.nan for r in results]
    )


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
    run_tasks : callable ``run_tasks(tasks) -> results``
        See ``skl2._engine.threads.workers``.
    n_jobs : int or None
        Tasks it runs at a time, as it was asked for.
    validation : callable ``validation(data) -> (score, stratify)``, optional
        What early stopping watches, see ``train_stack``.
    """

    def __init__(
        self, data, splits, loss, score, run_tasks, n_jobs=None, validation=None
    ):
        self.data, self.splits, self.loss, self.score = data, splits, loss, score
        self._run_tasks, self._n_jobs = run_tasks, n_jobs
        self._validation = validation
        self.train_rows = [train for train, _ in splits]
        self.shares = [
            data.subset_weight(rows) / data.total_weight for rows in self.train_rows
        ]

    def members(self, member, thetas):
        """The members of every fold for one λ of the whole training set.

        Each has a stream of its own, in the same state: what one fold draws must not
        depend on which was trained before it.
        """
        return [
            replace(
                member,
                alpha=member.alpha * share,
                theta=theta,
                random_state=deepcopy(member.random_state),
            )
            for share, theta in zip(self.shares, thetas, strict=True)
        ]

    def step(self, shape, members, evaluations):
        """Ladder steps: a ``Visit`` for each list of fold members, as one stack."""
        by_fold = list(zip(*members, strict=True))
        parts = groups(len(by_fold), shape.layer_sizes, self.data.n_rows, self._n_jobs)
        tasks = [
            joblib.delayed(_ladder_step)(
                self.data.X,
                self.data.y,
                self.data.sample_weight,
                self.train_rows[part],
                shape,
                self.loss,
                by_fold[part],
                evaluations,
            )
            for part in parts
        ]
        with single_threaded_blas:
            theta = np.concatenate(self._run_tasks(tasks))
        theta = theta.reshape(len(by_fold), len(members), -1)
        return [self._visit(shape, theta[:, i]) for i in range(len(members))]

    def fit(self, shape, members):
        """Full fits by the solver of `shape`: yields a ``Visit`` a list of members."""
        tasks = [
            joblib.delayed(_train_fold)(
                self.data.X,
                self.data.y,
                self.data.sample_weight,
                rows,
                replace(shape, batch_size=min(shape.batch_size, len(rows))),
                self.loss,
                list(own),
                self._validation,
            )
            for rows, own in zip(
                self.train_rows, zip(*members, strict=True), strict=True
            )
        ]
        with single_threaded_blas:
            theta = np.stack(self._run_tasks(tasks))
        # One by one: Ctrl-C while scoring leaves what has been scored.
        for i in range(len(members)):
            yield self._visit(shape, theta[:, i])

    def _visit(self, shape, theta):
        network = Network(shape.layer_sizes, shape.activation, shape.dtype)
        scores = [
            self.score(network, row, held_out) if np.isfinite(row).all() else np.nan
            for row, (_, held_out) in zip(theta, self.splits, strict=True)
        ]
        return Visit(np.array(scores, dtype=np.float64), theta)


def held_out_loss(data, loss):
    """The default score: minus the mean held-out loss, without going by estimators."""

    def score(network, theta, rows):
        network.bind(theta[np.newaxis])
        _, (held_out,) = raw_and_loss(network, loss, data, [rows])
        return -float(held_out)

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
    smooth : bool
        Whether the penalty has no L1 part.
    patience : int
        Steps without an improvement after which a direction is left.
    band : bool
        Whether to walk up until the score is a standard error below the best: the 1-SE
        rule needs that much.
    """

    def __init__(
        self, folds, shape, make_member, alphas, start, smooth, patience, band
    ):
        self.folds, self.shape, self.make_member = folds, shape, make_member
        self.alphas, self.start, self.smooth = alphas, start, smooth
        self.patience, self.band = patience, band
        self.visits: dict[int, Visit] = {}

    def walk(self):
        """Visit λs until both directions are left; ``visits`` holds what was found."""
        self._go([self.start], None)
        # Next index, direction and steps without an improvement.
        fronts = {+1: 0, -1: 0}
        position = {+1: self.start, -1: self.start}
        while fronts:
            best, error = self._best()
            steps = {d: position[d] + d for d in fronts}
            steps = {d: k for d, k in steps.items() if 0 <= k < len(self.alphas)}
            self._go(list(steps.values()), position)
            for d, k in steps.items():
                position[d] = k
                mean = self.visits[k].scores.mean()
                fronts[d] = 0 if mean > best else fronts[d] + 1
                in_band = d > 0 and self.band and mean >= best - error
                if fronts[d] >= self.patience and not in_band:
                    del fronts[d]
            fronts = {d: n for d, n in fronts.items() if d in steps}

    def _best(self):
        """Best mean score so far, and its standard error."""
        finite = [v for v in self.visits.values() if np.isfinite(v.scores.mean())]
        if not finite:
            return -np.inf, 0.0
        best = max(finite, key=lambda v: v.scores.mean())
        return best.scores.mean(), standard_error(best.scores)

    def _go(self, indices, position):
        """Visit the λs `indices`, each from the weights next to it."""
        if not indices:
            return
        members, cold = [], []
        for k in indices:
            member = self.make_member(self.alphas[k])
            # Weights at zero can't be revived by a smaller L1 penalty.
            cold.append(position is None or (not self.smooth and k < self.start))
            if cold[-1]:
                theta = initial_theta(self.shape, member)
                thetas = np.stack([theta] * len(self.folds.splits))
            else:
                thetas = self.visits[k - 1 if k > self.start else k + 1].thetas
            members.append(self.folds.members(member, thetas))
        if self.smooth:
            visits = self.folds.step(self.shape, members, FIRST if any(cold) else STEP)
            self.visits.update(zip(indices, visits, strict=True))
            return
        for k, own, is_cold in zip(indices, members, cold, strict=True):
            shape = replace(self.shape, max_iter=FIRST_L1 if is_cold else STEP_L1)
            (self.visits[k],) = self.folds.fit(shape, [own])


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
