"""Calls shared out between this process and worker processes, which are kept.

This process takes calls as the workers do. So nobody waits for a worker that still
imports skl2, and if all calls are done before it is ready, it has cost no time.
"""

import os
import pickle
import shutil
import tempfile
import threading
import warnings
from collections import deque
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from pickle import PicklingError
from time import monotonic
from traceback import format_exc

import joblib
import numpy as np

from skl2._sklearn_compat import (
    BROKEN_POOL,
    ProcessPoolExecutor,
    TerminatedWorkerError,
    cloudpickle,
)

# Seconds without a call after which a worker ends.
IDLE_SECONDS = 300
# Bytes from which an array is mapped into memory from a file, instead of copied.
MAPPED_BYTES = 1 << 20
# Arrays begin at multiples of this many bytes: the width of a vector register.
ALIGNMENT = 64
# They limit the threads of a worker's libraries; a variable that the user has not set
# gets a share of the cores.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


class Payload:
    """A value that workers read from files, large arrays as memory maps.

    The files are written when the payload is first sent to a worker.

    Parameters
    ----------
    value : object
        Its arrays are read-only in a worker.
    """

    def __init__(self, value):
        self._value = [value]
        self._folder = None
        self._lock = threading.Lock()

    def __reduce__(self):
        with self._lock:
            if self._folder is None:
                self._folder = _write(self._value[0])
        return _FromFiles, (self._folder,)

    def load(self):
        """The value."""
        return self._value[0]

    def close(self):
        """Delete the files."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


class _FromFiles:
    """A payload in a worker."""

    def __init__(self, folder):
        self._folder = Path(folder)

    def load(self):
        pickled, places = pickle.loads((self._folder / "value").read_bytes())
        buffers = []
        if places:
            mapped = np.memmap(self._folder / "arrays", mode="r")
            buffers = [mapped[start:stop] for start, stop in places]
        return pickle.loads(pickled, buffers=buffers)


def _write(value):
    """A new folder with the files of a payload."""
    folder = tempfile.mkdtemp(prefix="skl2-")
    places = []
    with open(Path(folder, "arrays"), "wb") as file:

        def in_band(buffer):
            raw = buffer.raw()
            if raw.nbytes < MAPPED_BYTES:
                return True
            start = -(-file.tell() // ALIGNMENT) * ALIGNMENT
            file.seek(start)
            file.write(raw)
            places.append((start, start + raw.nbytes))
            return False

        pickled = cloudpickle.dumps(value, protocol=5, buffer_callback=in_band)
    Path(folder, "value").write_bytes(pickle.dumps((pickled, places)))
    return folder


class _Pool:
    """Worker processes, and until when they wait for calls."""

    def __init__(self, n_workers):
        self.pid = os.getpid()
        self.n_workers = n_workers
        self.idle_since = -np.inf
        n_threads = str(max(1, joblib.cpu_count() // (n_workers + 1)))
        self.executor = ProcessPoolExecutor(
            n_workers,
            timeout=IDLE_SECONDS,
            env={v: os.environ.get(v, n_threads) for v in THREAD_VARIABLES},
        )

    def usable_for(self, n_workers):
        return self.pid == os.getpid() and self.n_workers >= n_workers


_kept: dict[str, _Pool] = {}
_keeping = threading.Lock()


def are_warm(n_workers):
    """Whether so many workers wait for calls, all modules imported."""
    pool = _kept.get("pool")
    if pool is None or not pool.usable_for(n_workers):
        return False
    return monotonic() - pool.idle_since < IDLE_SECONDS / 2


def end_workers():
    """End the workers at once, and the calls in them."""
    with _keeping:
        pool = _kept.pop("pool", None)
    if pool is not None and pool.pid == os.getpid():
        pool.executor.shutdown(kill_workers=True)


def _pool(n_workers):
    """The workers that are kept, or new ones if these are too few."""
    with _keeping:
        pool = _kept.get("pool")
        if pool is None or not pool.usable_for(n_workers):
            if pool is not None and pool.pid == os.getpid():
                pool.executor.shutdown(wait=False)
            pool = _kept["pool"] = _Pool(n_workers)
        return pool


def woken_pool(n_workers, wanted=lambda: True):
    """A pool of which a worker has imported skl2.

    Parameters
    ----------
    n_workers : int
    wanted : callable ``wanted() -> bool``
        Whether there is still something to do for workers.
    """
    pool = _pool(n_workers)
    try:
        pool.executor.submit(_wake).result()
    # The workers have died since the last call: Ctrl-C reaches them, too.
    except BROKEN_POOL:
        with _keeping:
            if _kept.get("pool") is pool:
                del _kept["pool"]
        if not wanted():
            raise
        pool = _pool(n_workers)
        pool.executor.submit(_wake).result()
    pool.idle_since = monotonic()
    return pool


def _wake():
    """What a worker does first: to find this function it imports skl2."""


def _in_worker(function, task):
    """What a call has returned or raised, printed and warned of, pickled.

    None if that does not pickle.
    """
    printed = StringIO()
    returned = raised = None
    with warnings.catch_warnings(record=True) as caught, redirect_stdout(printed):
        try:
            returned = function(task)
        except Exception as error:
            # The traceback does not pickle.
            error.add_note(f"In a worker process:\n{format_exc()}")
            raised = error
    warned = [(w.message, w.category, w.filename, w.lineno) for w in caught]
    try:
        return cloudpickle.dumps((returned, raised, printed.getvalue(), warned))
    # A class of a user's own may raise anything when it is pickled.
    except Exception:
        return None


class _Calls:
    """The calls of one ``share_out``: those to be done, and what came of the others.

    Parameters
    ----------
    function : callable
    tasks : list
    """

    def __init__(self, function, tasks):
        self.function = function
        self.tasks = tasks
        self.results = [None] * len(tasks)
        self._todo = deque(range(len(tasks)))
        self._arrived: deque = deque()
        self._n_in_workers = 0
        self._changed = threading.Condition()
        self._registry: dict = {}

    def take(self, for_worker=False):
        """Number of the next call, None if there is none."""
        with self._changed:
            if not self._todo:
                return None
            self._n_in_workers += for_worker
            return self._todo.popleft()

    def serve(self, n_workers):
        """Let a worker do one call after another; runs in a thread of its own."""
        try:
            pool = woken_pool(n_workers, lambda: bool(self._todo))
            while (number := self.take(for_worker=True)) is not None:
                outcome = None
                try:
                    call = (_in_worker, self.function, self.tasks[number])
                    outcome = pool.executor.submit(*call).result()
                finally:
                    self._arrive(number, outcome)
                if outcome is None:
                    return
                pool.idle_since = monotonic()
        except TerminatedWorkerError as error:
            # Killed in a call, for want of memory perhaps: this process is not next.
            self._report(error)
        # The call does not pickle, the worker lacks a module, or another thread has
        # ended the workers: this process does the rest.
        except (PicklingError, *BROKEN_POOL):
            return
        except BaseException as error:
            self._report(error)

    def _report(self, error):
        with self._changed:
            self._arrived.append((None, error))
            self._changed.notify_all()

    def _arrive(self, number, outcome):
        with self._changed:
            self._n_in_workers -= 1
            if outcome is None:
                self._todo.append(number)
            else:
                self._arrived.append((number, outcome))
            self._changed.notify_all()

    def work(self):
        """Do calls here until all are done.

        Raises what a call has raised.
        """
        while True:
            self._collect()
            number = self.take()
            if number is not None:
                self.results[number] = self.function(self.tasks[number])
            elif not self._wait():
                return

    def _wait(self):
        """Whether more may come; returns in between, as Python then sees Ctrl-C."""
        with self._changed:
            if self._n_in_workers and not self._arrived:
                self._changed.wait(timeout=0.1)
            return bool(self._n_in_workers or self._arrived or self._todo)

    def _collect(self):
        """Take in what workers have sent: results, errors, prints and warnings."""
        while self._arrived:
            number, outcome = self._arrived.popleft()
            if number is None:
                raise outcome
            try:
                returned, raised, printed, warned = pickle.loads(outcome)
            # As above: what pickles need not come back.
            except Exception:
                self._todo.append(number)
                continue
            print(printed, end="")
            for message, category, filename, lineno in warned:
                warnings.warn_explicit(
                    message, category, filename, lineno, registry=self._registry
                )
            if raised is not None:
                raise raised
            self.results[number] = returned

    def abandon(self):
        """Begin no further call; end the workers if one is busy."""
        with self._changed:
            self._todo.clear()
            busy = self._n_in_workers > 0
        if busy:
            end_workers()


def share_out(function, tasks, n_processes):
    """``[function(task) for task in tasks]``, by several processes.

    Parameters
    ----------
    function : callable
        Of a module that workers can import.
    tasks : list
        In the order in which they are begun. One that does not pickle, or whose result
        does not, is done in this process.
    n_processes : int
        This process included.

    Returns
    -------
    results : list

    Raises
    ------
    Exception
        The first that a call raises; what the workers do is then ended.
    """
    calls = _Calls(function, tasks)
    n_workers = min(n_processes, len(tasks)) - 1
    for _ in range(n_workers):
        threading.Thread(target=calls.serve, args=(n_workers,), daemon=True).start()
    try:
        calls.work()
    finally:
        calls.abandon()
    return calls.results
