"""Training of a stack: where estimators and searches meet the engine.

A fit is described by a ``Problem``, which all members of a stack share (``Settings``,
data, loss, validation), and a ``Member``, which holds what may differ. ``train_stack``
trains any number of members on one problem. Each gets the numbers it would get alone.
"""

from collections.abc import Callable, Hashable
from copy import copy
from dataclasses import dataclass, fields, replace
from math import ceil
from pickle import PicklingError
from typing import Any

import joblib
import numpy as np
from sklearn.model_selection import train_test_split

from skl2._engine.data import AugmentedSet, BatchOrder, TrainingSet
from skl2._engine.losses import Loss
from skl2._engine.network.dropout import make_dropout
from skl2._engine.network.folding import Folding, NoFolding, Unfolded
from skl2._engine.network.network import Network
from skl2._engine.objective import Objective
from skl2._engine.penalties import l1_share, make_penalty
from skl2._engine.random_streams import (
    noise_streams,
    once_per_stream,
    stream_at,
    stream_key,
    stream_state,
)
from skl2._engine.solvers.lazy_rows import (
    LazyDense,
    LazySGD,
    rows_may_wait,
    without_prox,
)
from skl2._engine.solvers.lbfgs import minimize_lbfgs
from skl2._engine.solvers.max_norm import MaxNorm
from skl2._engine.solvers.optimizers import OPTIMIZERS, SGD
from skl2._engine.solvers.proximal import minimize_proximal
from skl2._engine.solvers.reports import Printer, Progress, Relay, renumbered
from skl2._engine.solvers.schedules import make_schedule
from skl2._engine.solvers.stochastic import StochasticRun
from skl2._engine.solvers.stopping import Patience, Validation
from skl2._engine.strata import splittable_strata
from skl2._engine.threads import blas_threads_for, raise_if_interrupted

STOCHASTIC_SOLVERS = tuple(OPTIMIZERS)
# Share of `max_iter` in which the lead of a loss is trained.
LEAD_SHARE = 0.25


def content_key(value) -> Hashable:
    """A key that is equal for two values of the same content; None for None.

    Parameters
    ----------
    value : object
        None, a string, or an object that pickles: a transform, a scorer.
    """
    if value is None:
        return None
    try:
        return joblib.hash(value)
    except (PicklingError, AttributeError, TypeError):
        # A lambda or a local function equals itself alone.
        return id(value)


@dataclass(frozen=True)
class Settings:
    """The settings that the members of a stack share.

    They are hashable. Fits of equal settings on the same data can share a stack.
    """

    layer_sizes: tuple[int, ...]
    activation: str
    loss: tuple
    solver: str
    batch_size: int
    dtype: str
    learning_rate: str = "constant"
    power_t: float = 0.5
    max_iter: int = 200
    shuffle: bool = True
    tol: float = 1e-4
    verbose: bool = False
    nesterovs_momentum: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    n_iter_no_change: float = 10
    max_fun: int = 15000
    # Which layers have dropout, the input first; () for none.
    dropout: tuple[bool, ...] = ()
    batch_norm: bool = False
    max_norm: bool = False
    # Keys of the transform and of the scorer, see ``content_key``.
    augmentation: Hashable = None
    scoring: Hashable = None
    # Key of all parameters where a scorer may read them off the estimator.
    parameters: Hashable = None
    # A partial fit: pools its batch-norm statistics with the ones of earlier calls.
    partial: bool = False

    @property
    def noisy(self):
        """Whether training draws noise."""
        return any(self.dropout) or self.augmentation is not None


@dataclass
class Member:
    """The settings in which the members of a stack may differ, and where each starts.

    Attributes
    ----------
    penalty : {'l2', 'l1', 'elasticnet', 'group_l1', None}
    alpha : ndarray of shape (n_weight_layers,)
        λ of every weight layer.
    random_state : RandomState
        The member's own stream, for initial weights, split and order of the rows.
        Training advances it. Members whose streams are in the same state share batches.
    theta : ndarray of shape (P,) or None
        Where to start; None draws initial weights from the stream.
    rows_seen : int
        Rows seen by earlier runs, for the learning-rate schedule.
    progress : Progress or None
        The state of an earlier run to continue; None starts anew.
    dropout : tuple of float
        Rates, for the input and each hidden layer, > 0 where the settings have dropout.
    max_norm : float or None
        Bound on the norm of each unit's weights.
    unfolded : Unfolded or None
        With batch norm: the scale and the statistics that were folded into `theta`.
    """

    penalty: str | None
    alpha: np.ndarray
    l1_ratio: float
    learning_rate_init: float
    momentum: float
    beta_1: float
    beta_2: float
    epsilon: float
    random_state: np.random.RandomState
    theta: np.ndarray | None = None
    rows_seen: int = 0
    progress: Progress | None = None
    dropout: tuple[float, ...] = ()
    max_norm: float | None = None
    unfolded: Unfolded | None = None

    def key(self):
        """Equal for members that train to the same result on the same data."""
        values = [getattr(self, f.name) for f in fields(self)]
        return stream_key(self.random_state) + tuple(
            v.tobytes() if isinstance(v, np.ndarray) else v
            for v in values
            if v is not self.random_state
        )


@dataclass
class Problem:
    """What a stack is trained on.

    Attributes
    ----------
    settings : Settings
    data : TrainingSet
    loss : Loss
    score : callable ``score(raw, data, rows, theta) -> float`` or None
        Validation score for early stopping, see ``Validation``.
    stratify : ndarray of shape (n_rows,) or None
        Class of each row, by which the validation rows are stratified where possible.
    augmentation : callable or None
        Transform of the mini-batches, see ``AugmentedSet``.
    """

    settings: Settings
    data: TrainingSet
    loss: Loss
    score: Callable | None = None
    stratify: np.ndarray | None = None
    augmentation: Callable | None = None


def _shared_streams(members):
    """One RandomState for all members whose streams are in the same state."""
    streams: dict[tuple, np.random.RandomState] = {}
    return [
        streams.setdefault(stream_key(member.random_state), member.random_state)
        for member in members
    ]


def make_network(settings, members=(), noise=(), first_layer=None):
    """The network of a stack in training (not bound to parameters yet)."""
    drops = None
    if any(settings.dropout):
        rates = [member.dropout for member in members]
        drops = make_dropout(settings.layer_sizes, settings.dropout, rates, noise)
    return Network(
        settings.layer_sizes,
        settings.activation,
        settings.dtype,
        settings.batch_norm,
        drops,
        first_layer=first_layer,
    )


def make_objective(problem, members, total_weight=None, noise=(), first_layer=None):
    """The objective of a stack, and its network (not bound to parameters yet).

    Parameters
    ----------
    problem : Problem
    members : list of Member
    total_weight : float or ndarray of shape (K,), default=None
        m of the rows trained on, for each member; None for all rows.
    noise : list of NoiseStream, one a member
    first_layer : type or None
        See ``Network``.
    """
    network = make_network(problem.settings, members, noise, first_layer)
    data = problem.data
    if total_weight is None:
        total_weight = data.total_weight
    alphas = np.stack([member.alpha for member in members]) / data.weight_unit
    if problem.augmentation is not None:
        data = AugmentedSet(data, problem.augmentation, noise)
    penalty = make_penalty(
        network.layout,
        [member.penalty for member in members],
        alphas,
        [member.l1_ratio for member in members],
        total_weight,
        network.dtype,
    )
    return Objective(network, problem.loss, penalty, data, total_weight)


def _initial_theta(network, members, streams):
    """(K, P) initial parameters; members that share a stream share the draw."""
    rows = [_start(network, member) for member in members]
    fresh = [k for k, row in enumerate(rows) if row is None]
    drawn = once_per_stream(
        [streams[k] for k in fresh], lambda stream, _: network.initial_theta(stream)
    )
    for k, row in zip(fresh, drawn, strict=True):
        rows[k] = row
    return np.stack(rows).astype(network.dtype, copy=False)


def _start(network, member):
    """Where the training of a member starts; None to draw it."""
    if member.theta is None or member.unfolded is None:
        return member.theta
    return member.unfolded.from_fitted(network, member.theta)


def _check_sizes(fraction, rows, stratify):
    """Raise a ValueError where a split would leave too few rows on one side."""
    n_held_out = ceil(fraction * len(rows))
    if 2 <= n_held_out < len(rows):
        return
    few = "validation set" if n_held_out < 2 else "training set"
    change = "Increase" if n_held_out < 2 else "Decrease"
    message = (
        f"The {few} is too small. {change} 'validation_fraction' ({fraction}) or the "
        f"size of your dataset (n_samples = {len(rows)})."
    )
    if stratify is not None:
        fewest = np.unique(stratify[rows], return_counts=True)[1].min()
        message += f" The least populated class in y has only {fewest} member(s)."
    raise ValueError(message)


def _hold_out(problem, members, streams):
    """Training rows and validation rows of every member, by its own stream.

    A run that continues splits as before: rows once trained on must not become
    validation rows.
    """
    data = problem.data
    stratify = problem.stratify
    rows = np.arange(data.n_rows)
    if data.sample_weight is not None:
        # Rows of weight zero are ignored.
        rows = np.flatnonzero(data.sample_weight)
    fraction = problem.settings.validation_fraction
    _check_sizes(fraction, rows, stratify)
    if stratify is not None:
        stratify = splittable_strata(stratify[rows], fraction)

    def split(stream, k):
        progress = members[k].progress
        if progress is not None:
            stream = stream_at(progress.split)
        return train_test_split(
            rows, random_state=stream, test_size=fraction, stratify=stratify
        )

    train, held_out = zip(*once_per_stream(streams, split), strict=True)
    return list(train), list(held_out)


def _first_layer(problem):
    """The class of a first layer whose rows may wait; None for that of the others."""
    settings = problem.settings
    linear = settings.solver == "sgd" and not (settings.batch_norm or settings.max_norm)
    wide = linear and rows_may_wait(
        problem.data.X, settings.batch_size, settings.layer_sizes[1]
    )
    return LazyDense if wide else None


def _make_optimizer(settings, members, theta, objective):
    kind = OPTIMIZERS[settings.solver]
    hyperparameters: dict[str, Any] = {
        name: [getattr(member, name) for member in members]
        for name in kind.hyperparameters
    }
    if kind is SGD:
        hyperparameters["nesterov"] = settings.nesterovs_momentum
    rates = [member.learning_rate_init for member in members]
    first = objective.network.layers[0]
    if isinstance(first, LazyDense):
        lazy = without_prox(objective.penalty, rates)
        return LazySGD(rates, **hyperparameters, layer=first, lazy=lazy).init(theta)
    return kind(rates, **hyperparameters).init(theta)


def _make_constraint(settings, members, network):
    if not settings.max_norm:
        return None
    slots = [layer.slots[0] for layer in network.layers]
    return MaxNorm(slots, [member.max_norm for member in members])


def train_stack(problem, members, listeners=(), keep_progress=False):
    """Train a stack of networks on one problem, all at once.

    Parameters
    ----------
    problem : Problem
    members : list of Member
    listeners : sequence of callable
        See ``StochasticRun``.
    keep_progress : bool
        Whether a later run may continue: results of a stochastic solver get `progress`.

    Returns
    -------
    results : list of Result, one per member
    """
    settings = problem.settings
    if settings.verbose:
        listeners = (*listeners, Printer(len(members)))
    # The same arrays with separate buffers: threads may train other stacks on them.
    problem = replace(problem, data=copy(problem.data))
    with blas_threads_for(settings.layer_sizes, settings.batch_size):
        if settings.solver == "lbfgs":
            results = one_by_one(
                members,
                listeners,
                lambda member, own: _train_lbfgs(problem, member, own),
            )
        else:
            results = _train_stochastic(problem, members, listeners, keep_progress)
    raise_if_interrupted(results)
    return results


def one_by_one(members, listeners, train):
    """The results of ``train(member, listeners)`` for one member after the other.

    Raises KeyboardInterrupt if Ctrl-C leaves members that have not been trained.
    """
    results: list = []
    for k, member in enumerate(members):
        if results and results[-1].interrupted:
            raise KeyboardInterrupt
        results.append(train(member, renumbered(listeners, k)))
    return results


def _train_lbfgs(problem, member, listeners):
    settings = problem.settings
    objective = make_objective(problem, [member])
    theta = _initial_theta(objective.network, [member], [member.random_state]).copy()
    losses = problem.loss.stages(*problem.data.targets())
    result = None
    for n_left in range(len(losses), 0, -1):
        # The losses share the iterations.
        n_done = 0 if result is None else result.n_iter
        max_iter = (settings.max_iter - n_done) // n_left
        if max_iter == 0:
            continue
        objective.loss = losses[-n_left]
        relay = Relay(listeners, result)
        try:
            later = _minimize(objective)(
                objective,
                theta,
                max_iter,
                max(1, settings.max_fun // len(losses)),
                settings.tol,
                relay.listeners,
            )
        except KeyboardInterrupt:
            # Before the first iteration on this loss; one before it has been minimised.
            if result is None or not result.n_iter:
                raise
            theta[0] = result.theta
            result.interrupted = True
            result.converged = False
            break
        result = later if result is None else result.followed_by(later)
        if relay.stopped or later.interrupted or later.diverged_at is not None:
            break
    if len(losses) > 1:
        _report_own_loss(objective, problem.loss, theta, result)
    return result


def _minimize(objective):
    """The full-batch solver for the penalty of an objective."""
    # L-BFGS-B has bounds for an L1 part, and nothing for the norm of a group.
    return minimize_proximal if objective.penalty.has_groups else minimize_lbfgs


def _report_own_loss(objective, loss, theta, result):
    """Let the result end with J of the loss itself, not of one in its place."""
    objective.loss = loss
    objective.bind(theta)
    with np.errstate(over="ignore", invalid="ignore"):
        value, _ = objective.value_and_grad()
    result.best_loss = float(value[0])
    if result.loss_curve:
        result.loss_curve[-1] = result.best_loss


def _train_stochastic(problem, members, listeners, keep_progress):
    settings = problem.settings
    streams = _shared_streams(members)
    noise = noise_streams(members, streams) if settings.noisy else []
    theta = _initial_theta(make_network(settings, members, noise), members, streams)
    kept = _kept(members, streams, noise) if keep_progress else None
    rows, validation = _validation_rows(problem, members, streams)
    n_rows = problem.data.n_rows if rows[0] is None else len(rows[0])
    objective = _objective_of(problem, members, rows, noise)
    earlier = [member.progress for member in members]
    continued = keep_progress or any(earlier)
    constraint = _make_constraint(settings, members, objective.network)
    if constraint is not None:
        constraint.project(theta)
    run = StochasticRun(
        objective,
        _make_optimizer(settings, members, theta, objective),
        make_schedule(
            settings.learning_rate,
            [member.learning_rate_init for member in members],
            settings.power_t,
            settings.max_iter,
        ),
        BatchOrder(
            streams, rows, n_rows, min(settings.batch_size, n_rows), settings.shuffle
        ),
        Patience(
            len(members),
            settings.tol,
            settings.n_iter_no_change,
            maximize=validation is not None,
        ),
        validation,
        settings.max_iter,
        [member.rows_seen for member in members],
        constraint=constraint,
        folding=_make_folding(problem, members, rows, objective.network),
        listeners=listeners,
        n_lead=_lead_epochs(problem, members[0]),
        watched=[_watched(problem, member) for member in members if continued],
        kept=kept,
    )
    if any(earlier):
        run.resume(earlier, theta)
    return run.run(theta)


def _objective_of(problem, members, rows, noise):
    """The objective of the rows of each member, None for all, where training starts."""
    total_weight = None
    if rows[0] is not None:
        total_weight = np.array([problem.data.subset_weight(r) for r in rows])
    first_layer = _first_layer(problem)
    objective = make_objective(problem, members, total_weight, noise, first_layer)
    unfolded = [member.unfolded for member in members]
    if None not in unfolded:
        objective.network.set_running(np.stack([own.statistics for own in unfolded]))
    return objective


def _kept(members, streams, noise):
    """What of each member's progress does not change in a run: (split, noise)."""
    drawn = once_per_stream(streams, lambda stream, _: stream_state(stream))
    splits = [
        now if member.progress is None else member.progress.split
        for member, now in zip(members, drawn, strict=True)
    ]
    return list(zip(splits, noise or [None] * len(members), strict=True))


def _lead_epochs(problem, member):
    """Epochs in which the lead of the loss is trained: none in a run that continues."""
    settings = problem.settings
    if problem.loss.lead is None or settings.partial or member.theta is not None:
        return 0
    return int(LEAD_SHARE * settings.max_iter)


def _watched(problem, member):
    """What patience compares from epoch to epoch, a key: a score, or a member's J."""
    settings = problem.settings
    if settings.early_stopping:
        held_out = problem.data.held_out
        given = None if held_out is None else held_out.digest()
        return settings.scoring, settings.loss, settings.validation_fraction, given
    return (
        settings.loss,
        member.penalty,
        member.alpha.tobytes(),
        l1_share(member.penalty, member.l1_ratio),
        member.dropout,
        settings.batch_norm,
        member.max_norm,
        settings.augmentation,
    )


def _validation_rows(problem, members, streams):
    """Rows to train on, None for all, of every member; and the Validation, if any."""
    data = problem.data
    everything = [None] * len(members)
    if not problem.settings.early_stopping:
        return everything, None
    if data.held_out is not None:
        shared = np.arange(data.held_out.n_rows)
        held_out = copy(data.held_out)
        rows = [shared] * len(members)
        return everything, Validation(held_out, rows, problem.score, problem.loss)
    rows, held_out = _hold_out(problem, members, streams)
    return rows, Validation(data, held_out, problem.score, problem.loss)


def _make_folding(problem, members, rows, network):
    if not problem.settings.batch_norm:
        return NoFolding()
    earlier = [member.unfolded for member in members]
    pooled = problem.settings.partial and None not in earlier
    return Folding(network, problem.data, rows, earlier if pooled else None)
