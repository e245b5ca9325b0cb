"""Threads: how many a training or a search uses, and how Ctrl-C ends them."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

import joblib
import threadpoolctl
from joblib.parallel import LokyBackend, ThreadingBackend, get_active_backend

# Multiply-adds of the largest product of a step above which BLAS threads pay. Below it
# they cost 1.3 to 10 times (2 cores, OpenBLAS).
THREADED_PRODUCT = 1 << 24

# Multiply-adds of the largest product below which OpenBLAS uses one thread by itself: a
# limit would take longer than the prediction of a row.
TINY_PRODUCT = 1 << 13

# Multiply-adds that take as long as the element-wise operations on an activation.
ACTIVATION = 50

# Multiply-adds of a pass, its activations included, below which two threads take longer
# than one: each waits for the other to leave the interpreter. Measured where both take
# the same time, for ten shapes each: 11 to 21 million in the steps of
# mini-batch training, 20 to 26 million in passes over all rows.
THREADED_PASS = 20 << 20


def worth_threads(layer_sizes, n_rows):
    """Whether a second thread pays for passes over `n_rows` rows in all."""
    pairs = zip(layer_sizes, layer_sizes[1:], strict=False)
    per_row = sum((n_in + ACTIVATION) * n_out for n_in, n_out in pairs)
    return n_rows * per_row > THREADED_PASS


def active_backend(n_jobs=None):
    """joblib's active backend, threads if none was chosen, and its number of jobs."""
    if n_jobs is None:
        # Asked for threads, joblib forgets what ``parallel_config(n_jobs=2)`` said.
        _, n_jobs = get_active_backend()
    return get_active_backend(prefer="threads")[0], n_jobs


def process_backend():
    """joblib's backend of processes, None where another or an inner one is active."""
    backend, _ = get_active_backend()
    threads, _ = get_active_backend(prefer="threads")
    free = isinstance(backend, LokyBackend) and isinstance(threads, ThreadingBackend)
    return backend if free else None


@contextmanager
def workers(n_jobs=None):
    """A function that runs joblib's delayed calls and returns the list of results.

    They run in threads, or on the joblib backend that is active.

    Parameters
    ----------
    n_jobs : int or None
        Calls at a time; None stands for the number of the active joblib configuration.
    """
    backend, n_jobs = active_backend(n_jobs)
    n_threads = backend.effective_n_jobs(n_jobs)
    if n_threads == 1 or not isinstance(backend, ThreadingBackend):
        with joblib.Parallel(n_jobs=n_jobs, prefer="threads") as parallel:
            yield parallel
        return
    # joblib looks for the end of a call every 10 ms: longer than a training on small
    # data.
    pool, abandoned = ThreadPoolExecutor(n_threads), threading.Event()

    def run(tasks):
        futures = [pool.submit(_watching, abandoned, task) for task in tasks]
        return [_result(future) for future in futures]

    try:
        yield run
    finally:
        # Only the thread that waits sees Ctrl-C.
        abandoned.set()
        pool.shutdown(wait=False, cancel_futures=True)


def _result(future):
    """Wait in pieces: between two pieces Python sees Ctrl-C.

    Some libraries, such as polars, set a signal handler after which a wait without a
    timeout does not end.
    """
    while not future.done():
        wait([future], timeout=0.1)
    return future.result()


_watched = threading.local()


def _watching(abandoned, task):
    """Run a delayed call that ``raise_if_abandoned`` ends once `abandoned` is set."""
    function, args, kwargs = task
    _watched.abandoned = abandoned
    raise_if_abandoned()
    return function(*args, **kwargs)


def raise_if_abandoned():
    """Raise KeyboardInterrupt in a thread of ``workers`` whose result is not wanted.

    The loops of the solvers call it in every step: nothing else ends a thread.
    """
    abandoned = getattr(_watched, "abandoned", None)
    if abandoned is not None and abandoned.is_set():
        raise KeyboardInterrupt


_ctrl_c_raises = ContextVar("_ctrl_c_raises", default=False)


@contextmanager
def ctrl_c_raises():
    """Inside, Ctrl-C raises in every training; elsewhere the epochs so far are kept."""
    token = _ctrl_c_raises.set(True)
    try:
        yield
    finally:
        _ctrl_c_raises.reset(token)


def raise_if_interrupted(results):
    """Raise KeyboardInterrupt if results are half trained and are not to be kept.

    Parameters
    ----------
    results : list of Result
    """
    if _ctrl_c_raises.get() and any(result.interrupted for result in results):
        raise KeyboardInterrupt


@cache
def _controller():
    return threadpoolctl.ThreadpoolController()


def _release_control():
    """Let any thread set the limit: newer threadpoolctl binds it to its first setter.

    The thread that leaves last need not be the one that came first.
    """
    openblas = getattr(threadpoolctl, "OpenBLASController", None)
    if openblas is not None and hasattr(openblas, "clear_controlling_thread"):
        openblas.clear_controlling_thread(force=True)


class _SingleThreadedBlas:
    """Limits BLAS to one thread while at least one caller asks for it.

    The limit is a setting of the whole process: without counting, two trainings that
    overlap in two threads would restore each other's limit.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._count = 0
        self._limit: Any = None
        # How many of the calls that count are this thread's own.
        self._own = threading.local()

    def __enter__(self):
        with self._lock:
            if self._count == 0:
                self._limit = _controller().limit(limits=1, user_api="blas")
            self._count += 1
            self._own.count = self._own_count() + 1

    def __exit__(self, *exc_info):
        with self._lock:
            self._count -= 1
            self._own.count -= 1
            if self._count == 0:
                self._restore()

    def _own_count(self):
        return getattr(self._own, "count", 0)

    def _restore(self):
        _release_control()
        self._limit.restore_original_limits()
        _release_control()

    def before_fork(self):
        """Wait until no thread is between a count and its limit."""
        self._lock.acquire()

    def after_fork_in_parent(self):
        self._lock.release()

    def after_fork_in_child(self):
        """Forget the calls of threads that the child does not have."""
        self._lock = threading.Lock()
        others = self._count - self._own_count()
        self._count -= others
        if others and self._count == 0:
            self._restore()


single_threaded_blas = _SingleThreadedBlas()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=single_threaded_blas.before_fork,
        after_in_parent=single_threaded_blas.after_fork_in_parent,
        after_in_child=single_threaded_blas.after_fork_in_child,
    )


@contextmanager
def blas_threads_for(layer_sizes, n_rows):
    """BLAS threads as they are for large products, one thread for small ones.

    Tiny products run in one thread without a limit.

    Parameters
    ----------
    layer_sizes : sequence of int
    n_rows : int
        Rows in a batch.
    """
    products = zip(layer_sizes, layer_sizes[1:], strict=False)
    largest = n_rows * max(n_in * n_out for n_in, n_out in products)
    if not TINY_PRODUCT <= largest <= THREADED_PRODUCT:
        yield
        return
    with single_threaded_blas:
        yield
