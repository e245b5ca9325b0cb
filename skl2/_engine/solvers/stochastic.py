"""The mini-batch loop: batch, gradient, step, stop; for all members at once."""

from typing import Protocol

import numpy as np

from skl2._engine.network.folding import NoFolding
from skl2._engine.solvers.reports import (
    EpochReport,
    Progress,
    Result,
    raise_if_untrained,
)
from skl2._engine.threads import raise_if_abandoned


class PerMember(Protocol):
    """A part of a run that holds something for each member of the stack."""

    def select(self, keep: np.ndarray) -> None:
        """Keep the members of the indices `keep` alone, in place.

        The one contract of every ``select`` in the engine. A part that works on theta
        is afterwards bound to the rows of the members that stay.
        """


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
    rows_seen : sequence of int, one a member
        Rows seen in the earlier runs that this run continues.
    constraint : MaxNorm or None
        Projects the parameters in each step.
    folding : Folding or NoFolding
        Turns parameters in training into parameters of a fitted network.
    listeners : sequence of callable ``listener(EpochReport) -> bool``
        Called after each epoch for each member; True stops the member.
    n_lead : int
        Epochs at the beginning in which the lead of the loss is trained. Patience
        begins after them.
    watched : list of tuple, one a member
        Keys of what patience watches.
    kept : list of (dict, NoiseStream or None), one a member, or None
        Lets results keep their progress: `split` and `noise` of ``Progress``.
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
        rows_seen,
        constraint=None,
        folding=None,
        listeners=(),
        n_lead=0,
        watched=(),
        kept=None,
    ):
        self.objective = objective
        self.optimizer = optimizer
        self.schedule = schedule
        self.order = order
        self.patience = patience
        self.validation = validation
        self.max_iter = max_iter
        self.rows_seen = np.array(rows_seen)
        self.constraint = constraint
        self.folding = folding or NoFolding()
        self.listeners = listeners
        self.n_lead = n_lead
        self.watched = watched
        self.kept = kept

    def resume(self, earlier, theta):
        """Continue earlier runs.

        Parameters
        ----------
        earlier : list of Progress or None, one a member
            One whose progress is None starts anew.
        theta : ndarray of shape (K, P)
            Where the earlier runs ended; changed in place.
        """
        states: list = [None] * len(earlier)
        changed = np.ones(len(earlier), dtype=bool)
        for k, own in enumerate(earlier):
            if own is None:
                continue
            if own.solver is self.optimizer.kind:
                states[k] = own.optimizer
            changed[k] = self.schedule.key(k) != own.schedule
            if self.watched[k] == own.watched:
                self.patience.resume(k, own.patience)
        self.optimizer.set_states(states)
        self.schedule.restart(self.optimizer, changed)
        self.schedule.resume(self.optimizer, self.rows_seen)
        self.optimizer.from_fitted(theta)

    def _progress(self, i):
        """What ``resume`` needs of member i, which has stopped."""
        k = self.members[i]
        split, noise = self.kept[k]
        progress = Progress(
            self.optimizer.kind,
            self.optimizer.get_state(i),
            self.patience.member(i),
            self.watched[k],
            self.schedule.key(i),
            self.order.streams[i],
            split,
            noise,
            self.results[k].unfolded,
        )
        return progress.with_own_streams()

    def run(self, theta):
        """Train `theta`, shape (K, P), in place where members stay to the end.

        Returns
        -------
        results : list of Result, one per member
        """
        self.results = [Result(row) for row in theta]
        self.members = np.arange(len(theta))
        self.theta = theta
        self.objective.bind(theta)
        loss = self.objective.loss
        # Overflow is expected when a member diverges; the loss shows it.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            if self.validation is not None:
                self._start_validation()
            try:
                for epoch in range(self.max_iter):
                    leads = epoch < self.n_lead
                    self.objective.loss = loss.lead if leads else loss
                    stop = self._epoch(epoch + 1)
                    if stop.any():
                        self._leave(stop, "")
                    if not len(self.members):
                        break
            except KeyboardInterrupt:
                raise_if_untrained(*(self.results[k] for k in self.members))
                for k in self.members:
                    self.results[k].interrupted = True
            self._leave(np.ones(len(self.members), dtype=bool), "max_iter")
        return self.results

    def _start_validation(self):
        """Until there is a better one, the start is the best epoch."""
        self._fitted_network = self.objective.network.fitted()
        self._fitted = self._to_fitted()
        self._keep_best(np.ones(len(self.members), dtype=bool))
        for result in self.results:
            result.validation_scores = []
            result.validation_loss_curve = []

    def _epoch(self, epoch):
        """One pass over the rows; returns which members stop, a bool mask (K,)."""
        batches = self.order.epoch()
        loss = np.zeros(len(self.members))
        penalty = self.objective.penalty.value(self.theta)
        for step, rows in enumerate(batches):
            raise_if_abandoned()
            self.schedule.before_step(self.optimizer, step, len(batches))
            loss += self.objective.batch_loss(rows, len(batches))
            self.optimizer.step(
                self.theta,
                self.objective.grad,
                self.objective.penalty,
                self.constraint,
            )
        self.optimizer.end_epoch()
        loss = loss / len(batches) + penalty
        self.rows_seen += self.order.n_rows
        diverged = ~np.isfinite(loss)
        validated = None if self.validation is None else self._validate()
        self._record(epoch, loss, penalty, validated, diverged)
        improved, exhausted = self.patience.update(
            loss if validated is None else validated[0]
        )
        if validated is not None:
            self._keep_best(improved)
        if epoch <= self.n_lead:
            # Of another loss.
            self.patience.forget()
            exhausted[:] = False
        diverged |= self._report()
        self.schedule.end_epoch(self.optimizer, self.rows_seen)
        if exhausted.any():
            stop = self.schedule.out_of_patience(self.optimizer, exhausted)
            self.patience.reset(exhausted & ~stop)
            for k in self.members[stop]:
                self.results[k].converged = True
            exhausted = stop
        return exhausted | diverged

    def _to_fitted(self):
        """Parameters of fitted networks, (K, P), and a list of Unfolded or None."""
        return self.folding.to_fitted(self.optimizer.to_fitted(self.theta))

    def _validate(self):
        """Scores and losses of the fitted networks, each of shape (K,)."""
        self._fitted = self._to_fitted()
        self._fitted_network.bind(self._fitted[0])
        return self.validation.evaluate(self._fitted_network)

    def _keep_best(self, improved):
        """Keep the parameters of the members whose score is the best so far."""
        for i in np.flatnonzero(improved):
            self._keep(self._fitted, i)

    def _keep(self, fitted, i):
        """Keep what ``_to_fitted`` has made of member i as its result."""
        theta, unfolded = fitted
        result = self.results[self.members[i]]
        result.theta = theta[i].copy()
        result.unfolded = unfolded[i]

    def _record(self, epoch, loss, penalty, validated, diverged):
        for i, k in enumerate(self.members):
            result = self.results[k]
            result.n_iter = epoch
            result.loss_curve.append(float(loss[i]))
            result.penalty_curve.append(float(penalty[i]))
            if validated is not None:
                result.validation_scores.append(float(validated[0][i]))
                result.validation_loss_curve.append(float(validated[1][i]))
            if diverged[i]:
                result.diverged_at = epoch

    def _report(self):
        """Call the listeners; returns which members they stop, a bool mask (K,)."""
        stop = np.zeros(len(self.members), dtype=bool)
        for listener in self.listeners:
            for i, k in enumerate(self.members):
                report = EpochReport(
                    int(k),
                    self.results[k],
                    lambda i=i: self._to_fitted()[0][i].copy(),
                )
                if listener(report):
                    stop[i] = self.results[k].converged = True
        return stop

    def _leave(self, stop, message):
        """Store the results of the members in the mask `stop` and drop them."""
        if not len(stop):
            return
        fitted = self._to_fitted() if self.validation is None else None
        for i in np.flatnonzero(stop):
            result = self.results[self.members[i]]
            result.message = message
            result.rows_seen = int(self.rows_seen[i])
            best = float(self.patience.best[i])
            if self.validation is None:
                self._keep(fitted, i)
                result.best_loss = best
            else:
                result.best_validation_score = best
            if self.kept is not None:
                result.progress = self._progress(i)
        keep = np.flatnonzero(~stop)
        stopped, self.members = stop, self.members[keep]
        if not len(keep) or not stopped.any():
            return
        for part in self._parts():
            part.select(keep)
        self.rows_seen = self.rows_seen[keep]
        self.theta = self.theta[keep]
        self.objective.bind(self.theta)

    def _parts(self) -> "list[PerMember]":
        parts = [self.objective, self.optimizer, self.schedule, self.order]
        parts += [self.patience, self.folding]
        optional = (self.constraint, self.validation)
        return [*parts, *(part for part in optional if part is not None)]
