"""How many threads a training uses: decided by measured size, here alone."""

import threading
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController

# Multiply-adds of the largest product of a step above which BLAS threads pay. Below it
# they cost 1.3 to 10 times (2 cores, OpenBLAS).
THREADED_PRODUCT = 1 << 24


@cache
def _controller():
    return ThreadpoolController()


class _SingleThreadedBlas:
    """Limits BLAS to one thread while at least one caller asks for it.

    The limit is a setting of the whole process: without counting, two trainings that
    overlap in two threads would restore each other's limit.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._count = 0
        self._limit = None

    def __enter__(self):
        with self._lock:
            if self._count == 0:
                self._limit = _controller().limit(limits=1, user_api="blas")
            self._count += 1

    def __exit__(self, *exc_info):
        with self._lock:
            self._count -= 1
            if self._count == 0:
                self._limit.restore_original_limits()


single_threaded_blas = _SingleThreadedBlas()


@contextmanager
def blas_threads_for(shape):
    """BLAS threads as they are for large products, one thread for small ones."""
    products = zip(shape.layer_sizes, shape.layer_sizes[1:], strict=False)
    largest = shape.batch_size * max(n_in * n_out for n_in, n_out in products)
    if largest > THREADED_PRODUCT:
        yield
        return
    with single_threaded_blas:
        yield
