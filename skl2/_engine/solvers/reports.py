"""What a training returns, what it tells listeners, and what continues it."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from skl2._engine.network.folding import Unfolded
from skl2._engine.random_streams import NoiseStream, stream_at, stream_state
from skl2._engine.solvers.stopping import Patience


@dataclass
class Result:
    """What the training of one member ended with.

    Attributes
    ----------
    theta : ndarray of shape (P,)
        The final parameters, or the parameters of the best validation score.
    loss_curve : list of float
        J at every epoch: the mean of the batch losses, each before its step, plus the
        penalty at the start of the epoch.
    penalty_curve : list of float
        That penalty.
    validation_scores, validation_loss_curve : list of float or None
        Score and mean loss (without the penalty) of the held-out rows at every epoch.
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
        What a later run needs to continue, if it is to be kept.
    unfolded : Unfolded or None
        With batch norm: what was folded into `theta`.
    """

    theta: np.ndarray
    loss_curve: list = field(default_factory=list)
    penalty_curve: list = field(default_factory=list)
    validation_scores: Any = None
    validation_loss_curve: Any = None
    best_loss: float | None = None
    best_validation_score: float | None = None
    n_iter: int = 0
    converged: bool = False
    diverged_at: int | None = None
    interrupted: bool = False
    message: str = ""
    rows_seen: int = 0
    progress: "Progress | None" = None
    unfolded: Unfolded | None = None

    def followed_by(self, later):
        """The result of this run and of a later one that starts at its end."""
        diverged_at = later.diverged_at
        return replace(
            later,
            loss_curve=self.loss_curve + later.loss_curve,
            penalty_curve=self.penalty_curve + later.penalty_curve,
            n_iter=self.n_iter + later.n_iter,
            diverged_at=None if diverged_at is None else self.n_iter + diverged_at,
        )


@dataclass
class Progress:
    """Training state that prediction does not need, for warm_start and partial_fit.

    Attributes
    ----------
    solver : type
        Class of the optimizer; another one starts anew.
    optimizer : dict
        ``Optimizer.get_state(k)``.
    patience : Patience
        Of one member.
    watched : tuple
        Key of what patience has watched; of something else it starts anew.
    schedule : tuple
        Name and initial rate of the schedule; another one starts anew.
    stream : RandomState
        The member's random stream, where the run left it.
    split : dict
        State of the stream before the validation split was drawn.
    noise : NoiseStream or None
        The noise that dropout and augmentation draw next.
    unfolded : Unfolded or None
        With batch norm: the parameters in training, and what they were folded to.
    """

    solver: type
    optimizer: dict
    patience: Patience
    watched: tuple
    schedule: tuple
    stream: np.random.RandomState
    split: dict
    noise: NoiseStream | None = None
    unfolded: Unfolded | None = None

    def with_own_streams(self):
        """A copy whose streams nobody else draws from: a run, a user."""
        stream = stream_at(stream_state(self.stream))
        return replace(self, stream=stream, noise=deepcopy(self.noise))


@dataclass
class EpochReport:
    """What a listener is given after each epoch, for one member.

    Attributes
    ----------
    member : int
    result : Result
        Up to this epoch, which is ``result.n_iter``; its parameters are not set yet.
    fitted : callable () -> ndarray of shape (P,)
        The parameters that a fit would end with here.
    """

    member: int
    result: Result
    fitted: Callable


def renumbered(listeners, k):
    """Listeners for a stack of one that is member `k` of a larger stack."""
    return [lambda r, own=own: own(replace(r, member=k)) for own in listeners]


class Relay:
    """Listeners of a run that continues another one: they are told of both as one.

    Parameters
    ----------
    listeners : sequence of callable
    earlier : Result or None

    Attributes
    ----------
    stopped : bool
        Whether a listener has stopped the run.
    """

    def __init__(self, listeners, earlier):
        self.stopped = False
        self._listeners = listeners
        self._earlier = earlier
        self.listeners = [self._tell] if listeners else []

    def _tell(self, report):
        if self._earlier is not None:
            whole = self._earlier.followed_by(report.result)
            report = replace(report, result=whole)
        # All listeners are called before one of them may stop the run.
        wishes = [listener(report) for listener in self._listeners]
        self.stopped = any(wishes)
        return self.stopped


class Printer:
    """A listener that prints one line per epoch.

    Parameters
    ----------
    n_members : int
        If there are more than one, a line begins with the number of the member.
    """

    def __init__(self, n_members):
        self.n_members = n_members

    def __call__(self, report):
        result = report.result
        line = f"Iteration {result.n_iter}, loss = {result.loss_curve[-1]:.8f}"
        if result.penalty_curve[-1]:
            line += f", penalty = {result.penalty_curve[-1]:.6g}"
        if result.validation_scores is not None:
            line += (
                f", validation loss = {result.validation_loss_curve[-1]:.6f}"
                f", validation score = {result.validation_scores[-1]:.6f}"
            )
        print(f"[{report.member}] {line}" if self.n_members > 1 else line)
        return False


def raise_if_untrained(*results):
    """Raise KeyboardInterrupt where Ctrl-C came before the first epoch had ended.

    Parameters
    ----------
    *results : Result
        Of the members that Ctrl-C has stopped.
    """
    if not all(result.n_iter for result in results):
        raise KeyboardInterrupt


def report_iteration(result, listeners):
    """Call `listeners` after an iteration; StopIteration if one returns True."""
    theta = result.theta
    report = EpochReport(0, result, theta.copy)
    # All listeners are called before one of them may stop the run.
    wishes = [listener(report) for listener in listeners]
    if any(wishes):
        raise StopIteration
