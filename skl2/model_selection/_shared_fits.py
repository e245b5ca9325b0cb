"""Trains the candidates of a search as stacks, behind scikit-learn's own search.

A search clones the estimator once for every candidate and fold, and calls ``fit`` on
each clone. A bank is attached to the multi-layer perceptrons inside that estimator, and
clones carry it along. The first ``fit`` on a training set lets the bank train all
candidates of that set together; the later ones find their result. Which result is
theirs is decided by what the engine would be given (``Problem``, ``Member``), so
that a result is that of the same fit alone, whatever the search does around it.
"""

import pickle
import shutil
import tempfile
from contextlib import nullcontext
from copy import copy, deepcopy
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
from sklearn.utils import gen_even_slices

from skl2._engine.network.network import Network
from skl2._engine.stack import STOCHASTIC_SOLVERS, train_stack
from skl2._engine.threads import (
    active_backend,
    single_threaded_blas,
    workers,
    worth_threads,
)

# Bytes that a chunk of a stack works on in a step. Above it the arrays of the members
# push each other out of the cache, and smaller chunks are faster.
CHUNK_BYTES = 4 << 20
# Bytes of transformed training sets kept in memory, beyond which they go to disk.
CACHE_BYTES = 64 << 20


def _nothing():
    """What a bank is in another process."""


def _hash(value):
    """joblib's hash, or None for what cannot be pickled (and is then not shared)."""
    try:
        return joblib.hash(value)
    except (pickle.PicklingError, TypeError, AttributeError):
        return None


class SharedFits:
    """Results of the candidates of a search, trained on the first demand.

    Parameters
    ----------
    n_jobs : int or None
        Tasks at a time; None stands for that of the active joblib backend.

    Notes
    -----
    The chunks of a stack are joblib tasks: threads, unless a backend was chosen by
    ``joblib.parallel_config`` (a dask cluster then trains stacks). A bank pickles to
    None: what is cloned into another process trains on its own.
    """

    def __init__(self, n_jobs=None):
        self._backend, self.n_jobs = active_backend(n_jobs)
        self._candidates = []
        self._results = {}
        # Between `open` and `close` fits ask the bank; after `finish` clones lose it.
        self.active = self.finished = False
        self.preprocessing = PreprocessingCache(self)
        self._seed = None
        # m of all rows, where a search keeps λ/m: folds get their share of λ.
        self.total_weight = None
        # Fits that ended at max_iter, where a search sums up their warnings.
        self.sums_up = False
        self.n_fits = 0
        self.n_unconverged = 0
        # Sparsity and live inputs of each fit, where a search asks for them.
        self.records = None

    def __reduce__(self):
        return _nothing, ()

    def __deepcopy__(self, memo):
        return self

    def open(self, candidates):
        """Take the candidates (dicts of parameters) that are fitted from now on."""
        self._candidates = list(candidates)
        self._descriptions = {}
        self.active = True

    def one_blas_thread(self):
        """Limits BLAS as in the processes of a search with as many jobs.

        Scores are computed here; large products round differently in two threads.
        """
        with joblib.parallel_config(backend=self._backend, n_jobs=self.n_jobs):
            return _one_blas_thread(joblib.effective_n_jobs(self.n_jobs) > 1)

    def pause(self):
        """Forget the results; fits from now on train on their own."""
        self.active = False
        self._results.clear()

    def close(self):
        """Also forget what preprocessing has made."""
        self.pause()
        self.preprocessing.clear()

    def share_of_rows(self, data):
        """What λ of all rows is multiplied by on a part of them: λ/m stays the same."""
        return (
            1.0 if self.total_weight is None else data.total_weight / self.total_weight
        )

    def finish(self):
        """From now on clones do not carry the bank any more: the refit is to come."""
        self.finished = True

    def results(self, estimator, seat, problem, members):
        """The training results of `estimator`; see ``train_stack``.

        Raises what the training of its stack has raised, as its own fit would.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
            The estimator that is being fitted.
        seat : Location
            Where in the searched estimator it sits.
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
            for params in self._companions(estimator, seat):
                described.append(estimator._with_parameters(params, problem.data))
            todo: dict = {}
            for other, own in filter(None, described):
                for member in own:
                    key = (digest, other.settings, member.key())
                    if key not in self._results:
                        todo.setdefault(key, (other, member))
            self._train(todo, problem.data)
        results = [self._results[key] for key in keys]
        for result in results:
            if isinstance(result, ValueError):
                # A new one: the same object would gather the traceback of every raise.
                raise ValueError(*result.args)
        self.n_fits += 1
        if self.records is not None:
            thetas = [result.theta for result in results]
            self.records.append(_described(problem.settings, thetas))
        return results

    @property
    def seed(self):
        """The seed that all candidates have where random_state=None."""
        if self._seed is None:
            self._seed = np.random.randint(np.iinfo(np.int32).max)  # noqa: NPY002
        return self._seed

    def _companions(self, estimator, seat):
        """Parameters of the candidates that may share this estimator's data."""
        if seat.path not in self._descriptions:
            self._descriptions[seat.path] = seat.describe(self._candidates)
        described = self._descriptions[seat.path]
        own = _hash(seat.parameters(estimator))
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
        with joblib.parallel_config(backend=self._backend, n_jobs=self.n_jobs):
            n_workers = joblib.effective_n_jobs(self.n_jobs)
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
            with _one_blas_thread(n_workers > 1), workers(self.n_jobs) as run:
                found = run(tasks)
        for keys, results in zip(owners, found, strict=True):
            self._results.update(zip(keys, results, strict=True))


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
    """Results of some members of a stack, or the ValueErrors of their fits."""
    data = copy(problem.data)
    data.X = X
    with _one_blas_thread(one_blas_thread):
        return _train_together(replace(problem, data=data), members)


def _train_together(problem, members):
    # Training advances the random streams of the members.
    untouched = deepcopy(members) if len(members) > 1 else []
    try:
        results = train_stack(problem, members)
    except ValueError as error:
        if len(members) == 1:
            return [error]
        # The error of one must not be that of all: each on its own.
        alone = [_train_together(problem, [member]) for member in untouched]
        return [result for (result,) in alone]
    if any(result.interrupted for result in results):
        # A half-trained network must not get a score.
        raise KeyboardInterrupt
    return results


def _described(settings, thetas):
    """(share of zeros of each weight layer, inputs in use) of networks together."""
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
    bank : Bank
    path : str
        Name of the parameter that holds it, '' for the estimator itself.
    estimator : MLPClassifier or MLPRegressor
    """

    def __init__(self, bank, path, estimator):
        self.bank, self.path = bank, path
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


class PreprocessingCache:
    """In-memory stand-in for ``Pipeline.memory``: each step is fitted once per fold.

    What exceeds ``CACHE_BYTES`` is kept in a temporary folder.
    """

    def __init__(self, bank):
        self._bank = bank
        self._found = {}
        self._bytes = 0
        self._folder = None

    def __reduce__(self):
        return _nothing, ()

    def __deepcopy__(self, memo):
        # ``clone`` copies a Pipeline's memory this way.
        return None if self._bank.finished else self

    def cache(self, function, ignore=(), **_):
        """`function` with a memory, as ``joblib.Memory.cache`` makes it."""

        def cached(*args, **kwargs):
            if not self._bank.active:
                return function(*args, **kwargs)
            named = {k: v for k, v in kwargs.items() if k not in ignore}
            key = _hash((args, named))
            if key is None:
                return function(*args, **kwargs)
            if key not in self._found:
                value = function(*args, **kwargs)
                self._keep(key, value)
                return value
            value = self._found[key]
            if isinstance(value, Path):
                return joblib.load(value)
            # A later step may work in place.
            return deepcopy(value)

        return cached

    def _keep(self, key, value):
        size = sum(
            getattr(getattr(value[0], name, None), "nbytes", 0)
            for name in ("data", "indices", "indptr")
        )
        if self._bytes + size > CACHE_BYTES:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="skl2-"))
            joblib.dump(value, self._folder / key)
            value = self._folder / key
        else:
            self._bytes += size
            value = deepcopy(value)
        self._found[key] = value

    def clear(self):
        self._found.clear()
        self._bytes = 0
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
