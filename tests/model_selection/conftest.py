"""Fixtures of the tests of searches."""

import threading
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import blas_threads, in_a_thread
from threadpoolctl import threadpool_limits

from skl2._estimators import base
from skl2.model_selection import _final_fits, _fold_tasks, _schedule, _shared_fits
from skl2.model_selection._processes import end_workers, share_out, woken_pool


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


@pytest.fixture(scope="module")
def one_pool():
    """The tests of a file share a worker."""
    woken_pool(1)
    yield
    end_workers()


def use_processes(monkeypatch, module):
    """Let a module use processes for the smallest work; how many tasks they got."""
    monkeypatch.setattr(_schedule, "WORTH", np.inf)
    monkeypatch.setattr(_schedule, "LEAST_SAVED", -np.inf)
    counts = []

    def counted(function, tasks, n_processes):
        counts.append(len(tasks))
        return share_out(function, tasks, n_processes)

    monkeypatch.setattr(module, "share_out", counted)
    return counts


@pytest.fixture
def processes(monkeypatch):
    """Folds are shared out; the number of tasks each time."""
    return use_processes(monkeypatch, _fold_tasks)


@pytest.fixture
def final_processes(monkeypatch):
    """Final fits are shared out; the number of tasks each time."""
    return use_processes(monkeypatch, _final_fits)
