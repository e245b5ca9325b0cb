"""Where a search runs, and how it is cut into tasks: the cost model.

A fold is a task; those that do not divide evenly among the processes are cut further,
into pieces of some candidates each. Costs are estimated from the parameters and the
shape of the data, not from a clock. An estimate decides when numbers are there, never
which: each member of a stack has the numbers of a fit alone.
"""

from dataclasses import dataclass
from heapq import heapreplace

import numpy as np
from sklearn.utils.multiclass import type_of_target

from skl2._engine.stack import STOCHASTIC_SOLVERS
from skl2._engine.threads import ACTIVATION
from skl2._estimators.parameters import check_hidden_layer_sizes
from skl2.model_selection._processes import are_warm

# Seconds, measured for stacks of 1 to 20 members of eight shapes, 4-10-3 to 784-100-10
# (float32, one BLAS thread, 2.5 GHz): of a step, of a step for each member, and of a
# step for each multiply-add, activations included. float64 takes twice the last.
STEP = 150e-6
MEMBER = 4e-6
MULTIPLY_ADD = 0.075e-9
# Of a candidate in a fold, apart from steps: clone, checks, preprocessing, scores.
FIT = 5e-3
# Until a new worker process has imported skl2, this process working beside it. Nearly
# all of it is the import of scikit-learn.
START = 2.0
# Of a task that another process does: pickling and transport.
DISPATCH = 0.01
# Processes are used where they take at most this share of the time of one process, and
# save so many seconds: an estimate may be wrong.
WORTH = 0.85
LEAST_SAVED = 0.2
# Parameters in which the members of a stack may differ.
OF_MEMBERS = frozenset(
    ("alpha", "penalty", "l1_ratio", "learning_rate_init", "momentum")
    + ("beta_1", "beta_2", "epsilon", "random_state", "max_norm")
)


@dataclass(frozen=True)
class Shape:
    """What the costs of a search depend on, apart from its candidates.

    Attributes
    ----------
    n_rows, n_inputs, n_outputs : int
        Of the training set of a fold, as far as known before preprocessing.
    single : bool
        Whether the arithmetic is that of float32.
    """

    n_rows: int
    n_inputs: int
    n_outputs: int
    single: bool


def shape_of(X, y, n_rows):
    """The ``Shape`` of a training set of so many rows of X and y."""
    shape = getattr(X, "shape", None) or np.shape(X)
    n_outputs = 1
    if len(np.shape(y)) > 1:
        n_outputs = np.shape(y)[1]
    elif y is not None and type_of_target(y) == "multiclass":
        n_outputs = len(np.unique(np.asarray(y)))
    single = getattr(X, "dtype", None) == np.float32
    return Shape(n_rows, shape[1] if len(shape) > 1 else 1, n_outputs, single)


def step_work(params, shape):
    """Multiply-adds of a step of one member, and how many steps a fit has at most.

    Parameters
    ----------
    params : dict
        Of the network.
    shape : Shape

    Raises
    ------
    TypeError, ValueError, KeyError
        If the parameters are invalid.
    """
    hidden = check_hidden_layer_sizes(params["hidden_layer_sizes"])
    sizes = [shape.n_inputs, *hidden, shape.n_outputs]
    pairs = zip(sizes, sizes[1:], strict=False)
    per_row = sum((n_in + ACTIVATION) * n_out for n_in, n_out in pairs)
    if params["solver"] not in STOCHASTIC_SOLVERS:
        return shape.n_rows * per_row, int(params["max_iter"])
    batch = params["batch_size"]
    batch = min(200 if isinstance(batch, str) else int(batch), shape.n_rows)
    return batch * per_row, int(params["max_iter"]) * -(-shape.n_rows // batch)


def stack_key(params, paths):
    """Equal for candidates that train in one stack, as far as parameters tell."""
    apart = {f"{path}__{name}".lstrip("_") for path in paths for name in OF_MEMBERS}
    return repr(sorted((k, repr(v)) for k, v in params.items() if k not in apart))


class Costs:
    """Seconds of the candidates of a fold.

    Parameters
    ----------
    candidates : list of dict
        Parameters of each.
    networks : dict of str to dict
        Parameters of the networks of the searched estimator, by path.
    shape : Shape
    """

    def __init__(self, candidates, networks, shape):
        self._shape = shape
        keys = [stack_key(params, networks) for params in candidates]
        first = {key: i for i, key in reversed(list(enumerate(keys)))}
        # Those of a stack side by side, so that a cut separates few of them.
        self.order = sorted(range(len(keys)), key=lambda i: first[keys[i]])
        self._keys = keys
        self._of_stack = {
            key: [self._steps(candidates[i], *item) for item in networks.items()]
            for key, i in first.items()
        }

    def _steps(self, candidate, path, base):
        """(seconds of a stack, seconds of each of its members)."""
        prefix = f"{path}__" if path else ""
        own = {
            k.removeprefix(prefix): v
            for k, v in candidate.items()
            if k.startswith(prefix)
        }
        params = base | own
        try:
            work, n_steps = step_work(params, self._shape)
            n_members = int(params["n_estimators"])
        # Its fit will say what is wrong.
        except (TypeError, ValueError, KeyError):
            return 0.0, 0.0
        work *= 1 if self._shape.single else 2
        of_member = n_members * n_steps * (MEMBER + MULTIPLY_ADD * work)
        stacked = params["solver"] in STOCHASTIC_SOLVERS
        if not stacked:
            return 0.0, n_steps * STEP + of_member
        return n_steps * STEP, of_member

    def seconds(self, numbers):
        """Seconds of some candidates in a fold."""
        total = FIT * len(numbers)
        keys = [self._keys[i] for i in numbers]
        for key in set(keys):
            for of_stack, of_member in self._of_stack[key]:
                total += of_stack + keys.count(key) * of_member
        return total


def makespan(seconds, ready):
    """When the last task ends, each begun by the first process that is free.

    Parameters
    ----------
    seconds : sequence of float
        Of the tasks, in their order.
    ready : sequence of float
        When each process begins.

    Returns
    -------
    end : float
    """
    free = sorted(ready)
    end = 0.0
    for task in seconds:
        done = free[0] + task
        end = max(end, done)
        heapreplace(free, done)
    return end


def readiness(n_processes):
    """When each process begins, in seconds; this one is the first."""
    start = 0.0 if are_warm(n_processes - 1) else START
    return [0.0] + (n_processes - 1) * [start]


def pays(seconds, alone, ready):
    """Whether tasks take clearly less time by several processes than by one.

    Parameters
    ----------
    seconds : sequence of float
        Of the tasks.
    alone : float
        Of all the work in this process.
    ready : sequence of float
        When each process begins.
    """
    together = makespan([task + DISPATCH for task in seconds], ready)
    return len(ready) > 1 and together < min(WORTH * alone, alone - LEAST_SAVED)


def cut(costs, n_splits, ready):
    """Cut the folds into tasks for some processes.

    Whole folds first, then the pieces of those that are cut: all processes end at about
    the same time.

    Parameters
    ----------
    costs : Costs
    n_splits : int
    ready : sequence of float
        Seconds after which each process begins; the first is this one.

    Returns
    -------
    tasks : list of (int, list of int)
        Fold and candidates. Empty where one process alone is about as fast.
    """
    order = costs.order
    whole = costs.seconds(order)
    best: tuple = (np.inf,)
    for n_pieces in range(1, min(len(order), 2 * len(ready)) + 1):
        pieces = [part.tolist() for part in np.array_split(order, n_pieces)]
        seconds = [costs.seconds(piece) for piece in pieces]
        for n_cut in {n_splits % len(ready), n_splits}:
            n_whole = n_splits - n_cut
            all_seconds = n_whole * [whole] + n_cut * seconds
            end = makespan([task + DISPATCH for task in all_seconds], ready)
            if end < best[0]:
                best = end, n_whole, pieces, all_seconds
    _, n_whole, pieces, all_seconds = best
    if not pays(all_seconds, n_splits * whole, ready):
        return []
    tasks = [(fold, order) for fold in range(n_whole)]
    cut_folds = range(n_whole, n_splits)
    return tasks + [(fold, piece) for fold in cut_folds for piece in pieces]
