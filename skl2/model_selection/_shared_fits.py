"""Trains the candidates of a search as stacks, behind scikit-learn's own search.

A search clones the estimator once for every candidate and fold, and calls ``fit`` on
each clone. ``SharedFits`` are attached to the multi-layer perceptrons inside that
estimator, and clones take them over. The first ``fit`` on a training set trains all
candidates of that set together; the later ones find their result. Which result is
theirs is decided by what the engine would be given (``Problem``, ``Member``), so
that a result is that of the same fit alone, whatever the search does around it.
"""

from contextlib import nullcontext
from copy import copy, deepcopy
from dataclasses import replace

import joblib
import numpy as np
from sklearn.utils import gen_even_slices

from skl2._engine.network.network import Network
from skl2._engine.stack import STOCHASTIC_SOLVERS, train_stack
from skl2._engine.threads import (
    active_backend,
    ctrl_c_raises,
    process_backend,
    single_threaded_blas,
    workers,
    worth_threads,
)
from skl2.model_selection._temporary_memory import UNPICKLABLE, TemporaryMemory

# Bytes that a chunk of a stack works on in a step. Above it the arrays of the members
# push each other out of the cache, and smaller chunks are faster.
CHUNK_BYTES = 4 << 20


def _nothing():
    """What replaces shared fits in another process."""


def _hash(value):
    """joblib's hash, or None for what cannot be pickled (and is then not shared)."""
    try:
        return joblib.hash(value)
    except UNPICKLABLE:
        return None


def weighting(estimator):
    """What m of the same rows depends on: the class weights."""
    return _hash(getattr(estimator, "class_weight", None))


def count_processes(n_jobs):
    """Processes that may be used for n_jobs; 1 where a joblib backend was chosen."""
    _, n_jobs = active_backend(n_jobs)
    backend = process_backend()
    return 1 if backend is None else backend.effective_n_jobs(n_jobs)


class SharedFits:
    """Results of the candidates of a search, trained on the first demand.

    Parameters
    ----------
    n_jobs : int or None
        Tasks at a time; None stands for that of the active joblib backend.

    Notes
    -----
    The chunks of a stack are joblib tasks: threads, unless a backend was chosen by
    ``joblib.parallel_config`` (a dask cluster then trains stacks). Shared fits
    pickle to None: a clone in another process trains on its own.
    """

    def __init__(self, n_jobs=None):
        backend, n_jobs = active_backend(n_jobs)
        self._backend = backend
        self._process_backend = process_backend()
        self.n_jobs = n_jobs
        self._candidates = []
        self._results = {}
        # Between `start` and `stop` fits are shared; after `finish` clones train alone.
        self.active = False
        self.finished = False
        self.memory = TemporaryMemory(self)
        self._seed = None
        # Path of a network whose λ/m stays the same; m of all rows and the unit of
        # weights, by weighting.
        self.path_of_alpha = None
        self.total_weights = {}
        # Columns that the networks get, where known; for the estimate of the time.
        self.n_inputs = None
        self.n_fits = 0
        # max_iter of each fit that did not converge.
        self.unfinished = []
        # Sparsity and live inputs of each fit, where a search asks for them.
        self.records = None

    def __reduce__(self):
        return _nothing, ()

    def __deepcopy__(self, memo):
        return self

    def start(self, candidates):
        """Share the fits of these candidates (dicts of parameters) from now on."""
        self._candidates = list(candidates)
        self._descriptions = {}
        self.active = True

    def one_blas_thread(self):
        """Limits BLAS as in the processes of a search with as many jobs.

        Scores are computed here; large products round differently in two threads.
        """
        with joblib.parallel_config(backend=self._backend, n_jobs=self.n_jobs):
            return _one_blas_thread(joblib.effective_n_jobs(self.n_jobs) > 1)

    def n_processes(self):
        """How many processes may be used: 1 if joblib's backend was chosen."""
        backend = self._process_backend
        return 1 if backend is None else backend.effective_n_jobs(self.n_jobs)

    def conditions(self, draws_seed):
        """What the shared fits of a task in another process must know, see ``Piece``.

        Parameters
        ----------
        draws_seed : bool
            Whether fits of the task use ``seed``.
        """
        return {
            "_seed": self.seed if draws_seed else None,
            "path_of_alpha": self.path_of_alpha,
            "total_weights": self.total_weights,
            "records": None if self.records is None else [],
        }

    def stop(self):
        """Forget the results; fits from now on train on their own."""
        self.active = False
        self._results.clear()

    def close(self):
        """Also delete the results of preprocessing."""
        self.stop()
        self.memory.close()

    def share_of_rows(self, estimator, data):
        """m'/m, by which λ is multiplied where a search keeps λ/m, and 1 elsewhere."""
        if estimator._location.path != self.path_of_alpha:
            return 1.0
        # A candidate whose weighting is not known cannot be fitted to all rows.
        own = data.total_weight, data.weight_unit
        whole = self.total_weights.get(weighting(estimator), own)
        return own[0] / whole[0] * (own[1] / whole[1])

    def note_unfinished(self, estimator):
        """Count a fit that did not converge; the search warns of all together."""
        self.unfinished.append(estimator.max_iter)

    def finish(self):
        """Let clones train on their own from now on: the refit comes next."""
        self.finished = True

    def results(self, estimator, location, problem, members):
        """The training results of `estimator`; see ``train_stack``.

        Raises what the training of its stack has raised, as its own fit would.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
            The estimator that is being fitted.
        location : Location
            Its place inside the searched estimator.
        problem : Problem
        members : list of Member

        Returns
        -------
        results : list of Result, one a member
        """
        digest = problem.data.digest()
        keys = [(digest, problem.settings, member.key()) for member in members]
        if not all(key in self._results for key in keys):
            described = [(problem, members)]
            for params in self._companions(estimator, location):
                described.append(estimator._with_parameters(params, problem.data))
            todo: dict = {}
            for other, own in filter(None, described):
                for member in own:
                    key = (digest, other.settings, member.key())
                    if key not in self._results:
                        todo.setdefault(key, (other, member))
            self._train(todo, problem.data)
        results = [self._results[key] for key in keys]
        self.n_fits += 1
        errors = [result for result in results if isinstance(result, Exception)]
        if self.records is not None:
            thetas = [] if errors else [result.theta for result in results]
            self.records.append(_described(problem.settings, thetas))
        for error in errors:
            # Without the tracebacks of earlier raises, which it would gather.
            raise error.with_traceback(None)
        return results

    @property
    def seed(self):
        """The seed that all candidates have where random_state=None."""
        if self._seed is None:
            self._seed = np.random.randint(np.iinfo(np.int32).max)  # noqa: NPY002
        return self._seed

    def _companions(self, estimator, location):
        """Parameters of the candidates that may share this estimator's data."""
        path = location.path
        if path not in self._descriptions:
            self._descriptions[path] = location.describe(self._candidates)
        described = self._descriptions[path]
        own = _hash(location.parameters(estimator))
        groups = {
            group
            for group, key, _ in described
            if None not in (own, group, key) and key == own
        }
        return [params for group, _, params in described if group in groups]

    def _train(self, todo, data):
        # X is an argument of its own: a cluster sends it to a worker once.
        X, data = data.X, copy(data)
        data.X = None
        stacks: dict = {}
        for key, (problem, member) in todo.items():
            _, keys, members = stacks.setdefault(problem.settings, (problem, [], []))
            keys.append(key)
            members.append(member)
        n_jobs = self.n_jobs if self._worth_workers(stacks, data.n_rows) else 1
        with joblib.parallel_config(backend=self._backend, n_jobs=n_jobs):
            n_workers = joblib.effective_n_jobs(n_jobs)
            tasks, owners = [], []
            for settings, (problem, keys, members) in stacks.items():
                problem = replace(problem, data=data)
                for part in chunks(settings, len(members), n_workers):
                    task = joblib.delayed(_train_chunk)(
                        problem, members[part], X, n_workers > 1
                    )
                    tasks.append(task)
                    owners.append(keys[part])
            # Limited here too: the thread that waits is the one that may set the limit.
            with _one_blas_thread(n_workers > 1), workers(n_jobs) as run:
                found = run(tasks)
        for keys, results in zip(owners, found, strict=True):
            self._results.update(zip(keys, results, strict=True))

    def _worth_workers(self, stacks, n_rows):
        """Whether chunks are trained side by side: large ones, or on a chosen backend.

        Threads whose steps are small wait for each other.
        """
        return self._process_backend is None or any(
            worth_threads(
                settings.layer_sizes,
                len(members) * settings.batch_size
                if settings.solver in STOCHASTIC_SOLVERS
                else n_rows,
            )
            for settings, (_, _, members) in stacks.items()
        )


def _one_blas_thread(wanted):
    return single_threaded_blas if wanted else nullcontext()


def chunks(settings, n_members, n_workers):
    """Slices that cut a stack into tasks sized to the cache and the workers."""
    sizes = settings.layer_sizes
    weights = sum(a * b for a, b in zip(sizes, sizes[1:], strict=False))
    if settings.solver not in STOCHASTIC_SOLVERS:
        # Its members are trained one after another in any case.
        per_chunk = 1
    else:
        itemsize = 4 if settings.dtype == "float32" else 8
        step = 5 * weights + 2 * settings.batch_size * sum(sizes[1:])
        per_chunk = max(1, CHUNK_BYTES // (itemsize * step))
        if worth_threads(sizes, n_members * settings.batch_size):
            per_chunk = min(per_chunk, -(-n_members // n_workers))
    return list(gen_even_slices(n_members, -(-n_members // per_chunk)))


def _train_chunk(problem, members, X, one_blas_thread):
    """Results of some members of a stack, or the exceptions of their fits."""
    data = copy(problem.data)
    data.X = X
    with _one_blas_thread(one_blas_thread):
        return _train_together(replace(problem, data=data), members)


def _train_together(problem, members):
    # Training advances the random streams of the members.
    untouched = deepcopy(members) if len(members) > 1 else []
    try:
        # A half-trained network must not get a score.
        with ctrl_c_raises():
            return train_stack(problem, members)
    # A scorer or an augmentation of a user's own may raise anything.
    except Exception as error:
        if len(members) == 1:
            return [error]
    # The error of one must not be that of all: each on its own.
    alone = [_train_together(problem, [member]) for member in untouched]
    return [result for (result,) in alone]


def _described(settings, thetas):
    """(share of zeros of each weight layer, inputs in use) of networks together.

    NaN if there are none, or if training has diverged.
    """
    if not thetas or not np.isfinite(thetas).all():
        return np.full(len(settings.layer_sizes) - 1, np.nan), np.nan
    theta = np.stack(thetas)
    layout = Network(settings.layer_sizes, settings.activation, theta.dtype).layout
    weights = [theta[:, columns] for columns in layout.weights]
    first = weights[0].reshape(len(theta), *layout.weight_shapes[0])
    sparsity = np.array([np.mean(w == 0) for w in weights])
    return sparsity, int(first.any(axis=(0, 2)).sum())


class Location:
    """The place of a multi-layer perceptron inside the estimator of a search.

    Parameters
    ----------
    shared_fits : SharedFits
    path : str
        Name of the parameter that holds it, '' for the estimator itself.
    estimator : MLPClassifier or MLPRegressor
    """

    def __init__(self, shared_fits, path, estimator):
        self.shared_fits = shared_fits
        self.path = path
        self._base = self.parameters(estimator)

    def __reduce__(self):
        return _nothing, ()

    def __deepcopy__(self, memo):
        return self

    @staticmethod
    def parameters(estimator):
        return estimator.get_params(deep=False)

    def describe(self, candidates):
        """(group, hash of the parameters, parameters) of every candidate.

        Candidates of one group differ in parameters of this estimator alone, so that
        it is given the same data in all of them.
        """
        prefix = f"{self.path}__" if self.path else ""
        described = []
        for candidate in candidates:
            own = {
                k[len(prefix) :]: v
                for k, v in candidate.items()
                if k.startswith(prefix)
            }
            if set(own) <= set(self._base) and self.path not in candidate:
                params = self._base | own
                others = {
                    k: v for k, v in candidate.items() if not k.startswith(prefix)
                }
                described.append((_hash(others), _hash(params), params))
        return described
