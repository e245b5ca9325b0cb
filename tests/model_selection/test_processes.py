"""Calls shared out between this process and workers."""

import os
import pickle
import threading
import time
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csr_matrix

from skl2.model_selection import _processes
from skl2.model_selection._processes import (
    Payload,
    are_warm,
    end_workers,
    share_out,
    woken_pool,
)


@pytest.fixture(scope="module", autouse=True)
def one_pool():
    yield
    end_workers()


@pytest.fixture
def warm():
    woken_pool(1)


def where(seconds):
    time.sleep(seconds)
    return os.getpid()


def test_nobody_waits_for_a_cold_worker():
    end_workers()
    assert not are_warm(1)
    start = time.monotonic()
    assert set(share_out(where, [0.0, 0.0], 2)) == {os.getpid()}
    # A worker imports for a second.
    assert time.monotonic() < start + 0.5
    woken_pool(1)
    assert are_warm(1)
    assert not are_warm(2)


def test_results_are_in_order(warm):
    results = share_out(lambda task: task**2, list(range(7)), 2)
    assert results == [i**2 for i in range(7)]


def test_this_process_is_one_of_them(warm):
    assert len(set(share_out(where, [0.1] * 6, 2))) == 2
    assert os.getpid() in share_out(where, [0.1] * 6, 2)
    assert set(share_out(where, [0.0] * 3, 1)) == {os.getpid()}


def in_worker_only(raise_error):
    """A task of a process that is not this one."""
    parent = os.getpid()

    def run(task):
        if os.getpid() == parent:
            time.sleep(0.2)
            return None
        return raise_error()

    return run


def test_an_error_of_a_worker_is_raised(warm):
    def fail():
        raise KeyError("wrong")

    with pytest.raises(KeyError, match="wrong") as error:
        share_out(in_worker_only(fail), [0] * 6, 2)
    assert "In a worker process" in error.value.__notes__[0]


def test_warnings_and_prints_come_back(warm, capsys):
    def speak():
        warnings.warn("heard", UserWarning, stacklevel=1)
        print("said")

    with pytest.warns(UserWarning, match="heard"):
        share_out(in_worker_only(speak), [0] * 3, 2)
    assert "said" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["task", "result"])
def test_what_does_not_pickle_is_done_here(kind, warm):
    lock = threading.Lock()
    parent = os.getpid()

    def lock_of(task):
        return (threading.Lock(), os.getpid())

    if kind == "task":
        results = share_out(lambda task: (task, os.getpid()), [lock] * 3, 2)
    else:
        results = share_out(lock_of, [0] * 3, 2)
    assert [pid for _, pid in results] == [parent] * 3


def test_a_broken_pool_is_replaced(warm):
    _processes._kept["pool"].executor.shutdown(kill_workers=True)
    assert share_out(lambda task: task, [1, 2, 3], 2) == [1, 2, 3]
    woken_pool(1)
    assert len(set(share_out(where, [0.1] * 4, 2))) == 2


# The last test with workers ends them; new ones take two seconds.


def test_a_worker_that_is_killed_ends_the_search(warm):
    with pytest.raises(RuntimeError, match="terminated|Terminated"):
        share_out(in_worker_only(lambda: os._exit(1)), [0] * 6, 2)
    assert len(share_out(where, [0.0] * 3, 2)) == 3


VALUES = {
    "dense": np.arange(6.0).reshape(2, 3),
    "Fortran order": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "strided": np.arange(12.0)[::2],
    "objects": np.array(["a", None], dtype=object),
    "sparse": csr_matrix(np.eye(4)),
}


@pytest.mark.parametrize("limit", [1, 1 << 20])
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_payload_comes_back(value, limit, monkeypatch):
    monkeypatch.setattr(_processes, "MAPPED_BYTES", limit)
    payload = Payload({"X": value, "again": value})
    assert payload.load()["X"] is value
    loaded = pickle.loads(pickle.dumps(payload)).load()
    dense = value.toarray() if isinstance(value, csr_matrix) else value
    X = loaded["X"]
    assert_array_equal(X.toarray() if isinstance(X, csr_matrix) else X, dense)
    assert loaded["again"] is X
    payload.close()


def test_a_payload_is_written_once(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(_processes, "MAPPED_BYTES", 1)
    payload = Payload(np.arange(1000.0))
    assert list(tmp_path.iterdir()) == []
    sizes = {len(pickle.dumps(payload)) for _ in range(3)}
    assert max(sizes) < 300
    (folder,) = tmp_path.iterdir()
    mapped = pickle.loads(pickle.dumps(payload)).load()
    assert not mapped.flags.writeable
    del mapped
    payload.close()
    assert not folder.exists()
