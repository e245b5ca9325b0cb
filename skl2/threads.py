"""How many threads a training uses: decided by measured size, here alone."""

import threading
from contextlib import contextmanager
from functools import cache
from typing import Any

import joblib
import threadpoolctl

# Multiply-adds of the largest product of a step above which BLAS threads pay. Below it
# they cost 1.3 to 10 times (2 cores, OpenBLAS).
THREADED_PRODUCT = 1 << 24

# Multiply-adds of the largest product below which OpenBLAS uses one thread by itself: a
# limit would take longer than the prediction of a row.
TINY_PRODUCT = 1 << 13


# Multiply-adds of a pass below which a second thread only waits for the interpreter.
THREADED_PASS = 1 << 21


def groups(n_tasks, multiply_adds, n_jobs=None):
    """Slices that share `n_tasks` pieces of work out to the workers of joblib.

    One slice for all where the pieces are small: they are then one stack.

    Parameters
    ----------
    n_tasks : int
    multiply_adds : int
        Of a pass of one piece.
    n_jobs : int or None
        Workers; None stands for those of the active joblib configuration.
    """
    n_groups = 1
    if n_tasks * multiply_adds > THREADED_PASS:
        n_groups = min(n_tasks, joblib.effective_n_jobs(n_jobs))
    bounds = [n_tasks * i // n_groups for i in range(n_groups + 1)]
    return [slice(a, b) for a, b in zip(bounds, bounds[1:], strict=False)]


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

    def __enter__(self):
        with self._lock:
            if self._count == 0:
                self._limit = _controller().limit(limits=1, user_api="blas")
            self._count += 1

    def __exit__(self, *exc_info):
        with self._lock:
            self._count -= 1
            if self._count == 0:
                _release_control()
                self._limit.restore_original_limits()
                _release_control()


single_threaded_blas = _SingleThreadedBlas()


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
