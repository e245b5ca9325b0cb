"""Fixtures of the tests of searches."""

import threading
import warnings
from types import SimpleNamespace

import pytest
from helpers import blas_threads, in_a_thread
from threadpoolctl import threadpool_limits

from skl2._estimators import base
from skl2.model_selection import _shared_fits


@pytest.fixture
def trainings(monkeypatch):
    """What was trained: `stacks`, sizes of the shared ones; `alone`, number of fits."""
    found = SimpleNamespace(stacks=[], alone=0, threads={})
    train_stack = _shared_fits.train_stack

    def shared(problem, members):
        found.stacks.append(len(members))
        if threading.get_ident() not in found.threads:
            # Slow to ask for, so once in each thread.
            found.threads[threading.get_ident()] = blas_threads()
        return train_stack(problem, members)

    def in_fit(*args, **kwargs):
        found.alone += 1
        return train_stack(*args, **kwargs)

    def clear():
        found.stacks, found.alone = [], 0

    monkeypatch.setattr(_shared_fits, "train_stack", shared)
    monkeypatch.setattr(base, "train_stack", in_fit)
    found.clear = clear
    return found


def limit_blas(n_threads):
    limits = []
    in_a_thread(lambda: limits.append(threadpool_limits(n_threads, user_api="blas")))
    yield
    in_a_thread(limits[0].restore_original_limits)


@pytest.fixture
def one_thread():
    """On networks this small a second thread only costs time."""
    yield from limit_blas(1)


@pytest.fixture
def two_threads(one_thread):
    yield from limit_blas(2)


@pytest.fixture
def open_ends():
    with warnings.catch_warnings():
        # Two λs in a row can't enclose the best.
        warnings.filterwarnings("ignore", message=".*enclosed")
        yield
