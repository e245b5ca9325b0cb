"""The mini-batch loop: batch, gradient, step, stop; for all members at once."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skl2.stopping import Patience


@dataclass
class Result:
    """What the training of one member ended with.

    Attributes
    ----------
    theta : ndarray of shape (P,)
        Final parameters, or those of the best validation score.
    loss_curve : list of float
        J at every epoch: the mean of the batch losses, each before its step, plus the
        penalty at the start of the epoch.
    validation_scores : list of float or None
    best_loss, best_validation_score : float or None
    n_iter : int
        Epochs (iterations of L-BFGS) run.
    converged : bool
        False if the limit on iterations ended the run.
    diverged_at : int or None
        The epoch at which the loss was not finite any more.
    interrupted : bool
        Whether Ctrl-C ended the run.
    message : str
    rows_seen : int
        Training rows seen, earlier runs included.
    progress : Progress or None
        For a stack of one: what a later run needs to go on.
    """

    theta: np.ndarray
    loss_curve: list = field(default_factory=list)
    validation_scores: Any = None
    best_loss: float | None = None
    best_validation_score: float | None = None
    n_iter: int = 0
    converged: bool = False
    diverged_at: int | None = None
    interrupted: bool = False
    message: str = ""
    rows_seen: int = 0
    progress: "Progress | None" = None


@dataclass
class Progress:
    """Training state that prediction does not need, for warm_start and partial_fit.

    Attributes
    ----------
    solver : str
        Name of the optimizer's class; another one starts anew.
    optimizer : dict
        ``Optimizer.get_state()``.
    patience : Patience
    stream : RandomState
        The member's random stream, where the run left it.
    split : tuple
        State of the stream before the validation split was drawn.
    """

    solver: str
    optimizer: dict
    patience: Patience
    stream: np.random.RandomState
    split: tuple


class StochasticRun:
    """Trains a stack with a stochastic optimizer until every member has stopped.

    Parameters
    ----------
    objective : Objective
    optimizer : Optimizer
        With its state made.
    schedule : Schedule
    order : BatchOrder
    patience : Patience
    validation : Validation or None
        If given, its scores (not the loss) are what patience watches, and the weights
        of the best score are the result.
    max_iter : int
        Largest number of epochs.
    rows_seen : int
        Rows seen in earlier runs that this one goes on from.
    verbose : bool
    """

    def __init__(
        self,
        objective,
        optimizer,
        schedule,
        order,
        patience,
        validation,
        max_iter,
        rows_seen=0,
        verbose=False,
    ):
        self.objective, self.optimizer, self.schedule = objective, optimizer, schedule
        self.order, self.patience, self.validation = order, patience, validation
        self.max_iter, self.rows_seen, self.verbose = max_iter, rows_seen, verbose

    def resume(self, progress, theta):
        """Go on where an earlier run of a stack of one stopped."""
        if type(self.optimizer).__name__ == progress.solver:
            self.optimizer.set_state(progress.optimizer, theta)
        self.schedule.resume(self.optimizer, self.rows_seen)
        self.optimizer.unpublished(theta, self.objective.penalty)
        self.patience.resume(progress.patience)

    def progress(self, split):
        """What ``resume`` needs; for a stack of one, after ``run``."""
        return Progress(
            type(self.optimizer).__name__,
            self.optimizer.get_state(),
            self.patience,
            self.order.streams[0],
            split,
        )

    def run(self, theta):
        """Train `theta`, shape (K, P), in place where members stay to the end.

        Returns
        -------
        results : list of Result, one a member
        """
        self.results = [Result(row) for row in theta]
        self.members = np.arange(len(theta))
        self.theta = theta
        if self.validation is not None:
            self.best_theta = theta.copy()
            for result in self.results:
                result.validation_scores = []
        self.objective.bind(theta)
        try:
            # A diverging member is found by its loss; its overflows are no news.
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                for epoch in range(self.max_iter):
                    stop = self._epoch(epoch + 1)
                    if stop.any():
                        self._leave(stop, "")
                    if not len(self.members):
                        break
        except KeyboardInterrupt:
            for k in self.members:
                self.results[k].interrupted = True
        self._leave(np.ones(len(self.members), dtype=bool), "max_iter")
        return self.results

    def _epoch(self, epoch):
        """One pass over the rows; returns which members stop, a bool mask (K,)."""
        batches = self.order.epoch()
        loss = np.zeros(len(self.members))
        penalty = self.objective.penalty.value(self.theta)
        for rows in batches:
            loss += self.objective.batch_loss(rows, len(batches))
            self.optimizer.step(self.theta, self.objective.grad, self.objective.penalty)
        loss = loss / len(batches) + penalty
        self.rows_seen += self.order.n_rows
        diverged = ~np.isfinite(loss)
        watched = loss if self.validation is None else self._validate()
        improved, exhausted = self.patience.update(watched)
        self._record(epoch, loss, watched, improved, diverged)
        self.schedule.end_epoch(self.optimizer, self.rows_seen)
        if exhausted.any():
            stop = self.schedule.out_of_patience(self.optimizer, exhausted)
            self.patience.reset(exhausted & ~stop)
            for k in self.members[stop]:
                self.results[k].converged = True
            exhausted = stop
        return exhausted | diverged

    def _published(self):
        return self.optimizer.published(self.theta, self.objective.penalty)

    def _validate(self):
        """Scores of the parameters as they would be published, shape (K,)."""
        shown = self._published()
        if shown is self.theta:
            return self.validation.scores(self.objective.network)
        going_on = self.theta.copy()
        self.theta[...] = shown
        scores = self.validation.scores(self.objective.network)
        self.theta[...] = going_on
        return scores

    def _record(self, epoch, loss, watched, improved, diverged):
        shown = self._published() if self.validation is not None else self.theta
        for i, k in enumerate(self.members):
            result = self.results[k]
            result.n_iter = epoch
            result.loss_curve.append(float(loss[i]))
            if self.validation is not None:
                result.validation_scores.append(float(watched[i]))
                if improved[i]:
                    self.best_theta[k] = shown[i]
            if diverged[i]:
                result.diverged_at = epoch
            if self.verbose:
                self._print(k, result)

    def _print(self, k, result):
        line = f"Iteration {result.n_iter}, loss = {result.loss_curve[-1]:.8f}"
        if len(self.results) > 1:
            line = f"[{k}] {line}"
        print(line)
        if self.validation is not None:
            print(f"Validation score: {result.validation_scores[-1]:f}")

    def _leave(self, stop, message):
        """Store the results of the members in the mask `stop` and drop them."""
        shown = self._published()
        for i in np.flatnonzero(stop):
            result = self.results[self.members[i]]
            result.message, result.rows_seen = message, self.rows_seen
            best = float(self.patience.best[i])
            if self.validation is None:
                result.theta, result.best_loss = shown[i], best
            else:
                result.theta = self.best_theta[self.members[i]]
                result.best_validation_score = best
        keep = np.flatnonzero(~stop)
        stopped, self.members = stop, self.members[keep]
        if not len(keep) or not stopped.any():
            return
        self.theta = self.theta[keep]
        self.objective.select(keep, self.theta)
        self.optimizer.select(keep, self.theta)
        for part in (self.schedule, self.order, self.patience, self.validation):
            if part is not None:
                part.select(keep)
