"""Training of a stack: where estimators and searches meet the engine.

A fit is described by a ``Shape`` (what members of a stack have in common) and a
``Member`` (what may differ); ``train_stack`` trains any number of members of one shape
on one training set. Each gets the numbers it would get alone.
"""

from copy import copy
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from skl2.batches import BatchOrder
from skl2.lbfgs import minimize_lbfgs
from skl2.network import Network
from skl2.objective import Objective
from skl2.optimizers import SGD, Adam, AdamW, Optimizer, Schedule
from skl2.penalties import make_penalty
from skl2.proximal import minimize_proximal
from skl2.stochastic import Progress, StochasticRun
from skl2.stopping import Patience, Validation
from skl2.threads import blas_threads_for

STOCHASTIC_SOLVERS = ("sgd", "adam", "adamw")


@dataclass(frozen=True)
class Shape:
    """What the members of a stack have in common; equal shapes can share a stack."""

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


@dataclass
class Member:
    """What may differ between the members of a stack.

    Attributes
    ----------
    penalty : {'l2', 'l1', 'elasticnet', 'group_l1', None}
    alpha : ndarray of shape (n_weight_layers,)
        λ of every weight layer.
    random_state : RandomState
        The member's own stream: initial weights, split, order of the rows. It is used
        up. Members whose streams are in the same state share their batches.
    theta : ndarray of shape (P,) or None
        Where to start; None draws initial weights from the stream.
    rows_seen : int
        Rows seen by earlier runs, for the learning-rate schedule.
    progress : Progress or None
        Where an earlier run stopped, to go on from (a stack of one); None starts anew.
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

    def key(self):
        """Equal for members that train to the same result on the same data."""
        stream: Any = self.random_state.get_state(legacy=True)
        values = [getattr(self, f.name) for f in fields(self)]
        return (stream[1].tobytes(), *stream[2:]) + tuple(
            v.tobytes() if isinstance(v, np.ndarray) else v
            for v in values
            if v is not self.random_state
        )


def _shared_streams(members):
    """One RandomState for all members whose streams are in the same state."""
    streams: dict[tuple, np.random.RandomState] = {}
    shared = []
    for member in members:
        name, keys, *rest = member.random_state.get_state(legacy=True)
        shared.append(
            streams.setdefault((name, keys.tobytes(), *rest), member.random_state)
        )
    return shared


def make_objective(shape, loss, members, data, total_weight):
    """The objective of a stack, and its network (not bound to parameters yet)."""
    network = Network(shape.layer_sizes, shape.activation, shape.dtype)
    penalty = make_penalty(
        network.layout,
        [member.penalty for member in members],
        np.stack([member.alpha for member in members]),
        [member.l1_ratio for member in members],
        total_weight,
        network.dtype,
    )
    return Objective(network, loss, penalty, data, total_weight)


def _initial_theta(network, members, streams):
    """(K, P) initial parameters; members that share a stream share the draw."""
    drawn: dict[int, np.ndarray] = {}
    rows = []
    for member, stream in zip(members, streams, strict=True):
        if member.theta is not None:
            rows.append(member.theta)
            continue
        if id(stream) not in drawn:
            drawn[id(stream)] = network.initial_theta(stream)
        rows.append(drawn[id(stream)])
    return np.stack(rows).astype(network.dtype, copy=False)


def initial_theta(shape, member):
    """Initial parameters of one member, shape (P,), from its own stream."""
    network = Network(shape.layer_sizes, shape.activation, shape.dtype)
    return network.initial_theta(member.random_state)


def _hold_out(shape, data, stratify, members, streams):
    """Training rows and validation rows of every member, by its own stream.

    A run that goes on splits as it did before: rows once trained on must not come back
    as validation rows.
    """
    rows = np.arange(data.n_rows)
    if data.sample_weight is not None:
        # A row of weight zero is as good as not there.
        rows = np.flatnonzero(data.sample_weight)
        stratify = None if stratify is None else stratify[rows]
    splits: dict[int, list] = {}
    for member, stream in zip(members, streams, strict=True):
        if id(stream) not in splits:
            split_stream = stream
            if member.progress is not None:
                split_stream = np.random.RandomState()
                split_stream.set_state(member.progress.split)
            train, held_out = train_test_split(
                rows,
                random_state=split_stream,
                test_size=shape.validation_fraction,
                stratify=stratify,
            )
            if len(held_out) < 2:
                raise ValueError(
                    "The validation set is too small. Increase 'validation_fraction' "
                    f"({shape.validation_fraction}) or the size of your dataset "
                    f"({data.n_rows} rows)."
                )
            splits[id(stream)] = [train, held_out]
    train, held_out = zip(*(splits[id(stream)] for stream in streams), strict=True)
    return list(train), list(held_out)


def _make_optimizer(shape, members, theta):
    def each(name):
        return [getattr(member, name) for member in members]

    if shape.solver == "sgd":
        optimizer: Optimizer = SGD(
            each("learning_rate_init"), each("momentum"), shape.nesterovs_momentum
        )
    else:
        kind = Adam if shape.solver == "adam" else AdamW
        optimizer = kind(
            each("learning_rate_init"), each("beta_1"), each("beta_2"), each("epsilon")
        )
    optimizer.init(theta)
    return optimizer


def train_stack(shape, loss, members, data, score=None, stratify=None):
    """Train networks of one shape on one training set, all at once.

    Parameters
    ----------
    shape : Shape
    loss : Loss
    members : list of Member
    data : TrainingSet
    score : callable ``score(raw, rows) -> float`` or None
        Validation score, for early stopping.
    stratify : ndarray or None
        Classes by which the validation rows are stratified.

    Returns
    -------
    results : list of Result, one a member
    """
    # The same arrays with buffers of its own: stacks may be trained in several threads.
    data = copy(data)
    with blas_threads_for(shape.layer_sizes, shape.batch_size):
        if shape.solver == "lbfgs":
            return [_train_lbfgs(shape, loss, m, data) for m in members]
        return _train_stochastic(shape, loss, members, data, score, stratify)


def _train_lbfgs(shape, loss, member, data):
    objective = make_objective(shape, loss, [member], data, data.total_weight)
    theta = _initial_theta(objective.network, [member], [member.random_state])
    # L-BFGS-B has bounds for an L1 part, and nothing for the norm of a group.
    minimize = minimize_proximal if objective.penalty.has_groups else minimize_lbfgs
    return minimize(
        objective, theta.copy(), shape.max_iter, shape.max_fun, shape.tol, shape.verbose
    )


def _train_stochastic(shape, loss, members, data, score, stratify):
    streams = _shared_streams(members)
    network = Network(shape.layer_sizes, shape.activation, shape.dtype)
    theta = _initial_theta(network, members, streams)
    rows, validation = [None] * len(members), None
    total_weight, n_rows = data.total_weight, data.n_rows
    split = streams[0].get_state()
    if shape.early_stopping:
        rows, held_out = _hold_out(shape, data, stratify, members, streams)
        validation = Validation(data, held_out, score)
        total_weight = np.array([data.subset_weight(r) for r in rows])
        n_rows = len(rows[0])
    run = StochasticRun(
        make_objective(shape, loss, members, data, total_weight),
        _make_optimizer(shape, members, theta),
        Schedule(
            shape.learning_rate,
            [member.learning_rate_init for member in members],
            shape.power_t,
        ),
        BatchOrder(streams, rows, n_rows, min(shape.batch_size, n_rows), shape.shuffle),
        Patience(
            len(members),
            shape.tol,
            shape.n_iter_no_change,
            maximize=validation is not None,
        ),
        validation,
        shape.max_iter,
        rows_seen=members[0].rows_seen,
        verbose=shape.verbose,
    )
    if members[0].progress is not None:
        run.resume(members[0].progress, theta)
    results = run.run(theta)
    if len(members) == 1:
        results[0].progress = run.progress(
            split if members[0].progress is None else members[0].progress.split
        )
    return results
