"""The fits and scores of a search as tasks: a fold, or some candidates of a fold.

scikit-learn's search makes a joblib call of each candidate and split. ``FoldTasks``
gets all of them at once (see ``CollectedCalls``). It runs them in this process, where
the candidates of a fold are trained as stacks, or shares the folds out among processes,
each of which trains stacks of its own. The numbers are the same bit for bit.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import joblib

from skl2._engine.threads import ctrl_c_raises, single_threaded_blas
from skl2._sklearn_compat import callbacks_of
from skl2.model_selection._held_out_models import Later
from skl2.model_selection._parts import attach, own_networks, own_parts
from skl2.model_selection._processes import Payload, share_out
from skl2.model_selection._schedule import Costs, cut, readiness, shape_of
from skl2.model_selection._shared_fits import SharedFits


@dataclass
class Piece:
    """Some candidates of a fold: what a process does in one go.

    Attributes
    ----------
    data : Payload
        X, y and the parameters of ``fit`` and of the scorer, a dict.
    function : callable
        scikit-learn's, which fits and scores an estimator.
    calls : list of (estimator, dict)
        Its other arguments.
    conditions : dict
        See ``SharedFits.conditions``.
    """

    data: Any
    function: Any
    calls: list
    conditions: dict

    def run(self):
        """The ``PieceResult``."""
        fits = SharedFits(n_jobs=1)
        vars(fits).update(self.conditions)
        shared = dict(self.data.load())
        X, y = shared.pop("X"), shared.pop("y")
        result = PieceResult()
        for estimator, _ in self.calls:
            attach(fits, estimator)
        fits.start([kwargs["parameters"] for _, kwargs in self.calls])
        try:
            for estimator, kwargs in self.calls:
                if fits.records is not None:
                    fits.records = []
                scored = getattr(kwargs["scorer"], "scored", [])
                scored.clear()
                result.scores.append(self.function(estimator, X, y, **kwargs, **shared))
                result.scored.append([Later(model) for model in scored])
                result.records.append(fits.records)
        finally:
            fits.close()
        result.n_fits = fits.n_fits
        result.unfinished = fits.unfinished
        return result


@dataclass
class PieceResult:
    """What came of a ``Piece``; the lists have one item a call.

    Attributes
    ----------
    scores : list of dict
        What scikit-learn's function returns.
    scored : list of list of Later
        The models that a ``WatchedScorer`` was given.
    records : list of list or None
        See ``SharedFits.records``.
    n_fits : int
    unfinished : list of int
    """

    scores: list = field(default_factory=list)
    scored: list = field(default_factory=list)
    records: list = field(default_factory=list)
    n_fits: int = 0
    unfinished: list = field(default_factory=list)


def run_piece(piece):
    """The ``PieceResult`` of a piece, in this process or in a worker."""
    # What the user's own steps ask of joblib runs here, as in a search with n_jobs=1.
    with (
        joblib.parallel_config(backend="sequential"),
        single_threaded_blas,
        ctrl_c_raises(),
    ):
        return piece.run()


# Arguments of scikit-learn's function that all calls of a search have in common.
COMMON = ("fit_params", "score_params")
# What it tells callbacks, and which nothing needs without them.
FOR_CALLBACKS = ("caller", "callback_ctx")


class FoldTasks:
    """Runs the calls of a search.

    Parameters
    ----------
    shared_fits : SharedFits
    """

    def __init__(self, shared_fits):
        self._shared_fits = shared_fits
        self._data = None

    def run(self, calls):
        """The results of scikit-learn's calls, see ``CollectedCalls``."""
        tasks = self._tasks(calls)
        if tasks:
            return self._share_out(calls, tasks)
        self._shared_fits.start(_candidates(calls))
        try:
            results = []
            while calls:
                # Nothing else holds a fitted estimator.
                function, args, kwargs = calls.popleft()
                results.append(function(*args, **kwargs))
            return results
        finally:
            self._shared_fits.stop()

    def close(self):
        """Delete what workers read."""
        if self._data is not None:
            self._data.close()

    def _tasks(self, calls):
        """(fold, candidates) of each task of several processes; [] for one process."""
        n_processes = self._shared_fits.n_processes()
        _, (estimator, X, y), kwargs = calls[0]
        if n_processes == 1 or _calls_back(estimator, kwargs):
            return []
        networks = {
            path: network.get_params(deep=False)
            for path, network in own_networks(estimator).items()
        }
        shape = shape_of(X, y, len(kwargs["train"]))
        if self._shared_fits.n_inputs is not None:
            shape = replace(shape, n_inputs=self._shared_fits.n_inputs)
        costs = Costs(_candidates(calls), networks, shape)
        return cut(costs, kwargs["split_progress"][1], readiness(n_processes))

    def _share_out(self, calls, tasks):
        """The results of the calls, by several processes."""
        n_splits = calls[0][2]["split_progress"][1]
        numbers = [
            [candidate * n_splits + fold for candidate in candidates]
            for fold, candidates in tasks
        ]
        conditions = self._shared_fits.conditions(_draws_seed(calls))
        pieces = [self._piece([calls[i] for i in own], conditions) for own in numbers]
        scorer = calls[0][2]["scorer"]
        found = share_out(run_piece, pieces, self._shared_fits.n_processes())
        return self._merged(numbers, found, getattr(scorer, "scored", []))

    def _piece(self, calls, conditions):
        function, (_, X, y), kwargs = calls[0]
        data = {"X": X, "y": y} | {name: kwargs[name] for name in COMMON}
        if self._data is None or not _same(self._data.load(), data):
            self.close()
            self._data = Payload(data)
        own = []
        for _, (estimator, _, _), kwargs in calls:
            kwargs = {k: v for k, v in kwargs.items() if k not in COMMON}
            kwargs |= {k: None for k in FOR_CALLBACKS if k in kwargs}
            own.append((estimator, kwargs))
        return Piece(self._data, function, own, conditions)

    def _merged(self, numbers, found, scored):
        """Results in the order of the calls; the notes of all are those of one run."""
        of_call: dict = {}
        for own, result in zip(numbers, found, strict=True):
            self._shared_fits.n_fits += result.n_fits
            self._shared_fits.unfinished += result.unfinished
            rows = zip(result.scores, result.scored, result.records, strict=True)
            of_call.update(zip(own, rows, strict=True))
        scored.clear()
        results = []
        for _, (scores, models, records) in sorted(of_call.items()):
            results.append(scores)
            scored += models
            if records is not None:
                self._shared_fits.records += records
        return results


def _candidates(calls):
    """The parameters of each candidate."""
    return [
        kwargs["parameters"]
        for _, _, kwargs in calls
        if kwargs["split_progress"][0] == 0
    ]


def _same(data, other):
    return all(data[name] is other[name] for name in other)


def _calls_back(estimator, kwargs):
    """Whether callbacks are to be told: they see this process alone."""
    told = [part for _, part in own_parts(estimator)]
    return any(callbacks_of(part) for part in [kwargs.get("caller"), *told])


def _draws_seed(calls):
    """Whether a network has random_state=None: candidates share a seed, drawn here."""
    networks = own_networks(calls[0][1][0])
    names = {
        f"{path}__random_state".lstrip("_"): network.random_state
        for path, network in networks.items()
    }
    return any(
        kwargs["parameters"].get(name, base) is None
        for _, _, kwargs in calls
        for name, base in names.items()
    )
