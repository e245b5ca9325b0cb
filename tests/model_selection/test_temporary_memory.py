"""What the pipelines of a search keep of their steps."""

import pickle
import tempfile
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tables import mixed

from skl2.model_selection._temporary_memory import TemporaryMemory

calls: list = []


def counted(X, y=None, note=None):
    calls.append(X)
    return X, [0]


def unpicklable(X):
    calls.append(X)
    return lambda: X


@pytest.fixture
def memory(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    calls.clear()
    memory = TemporaryMemory(SimpleNamespace(finished=False))
    yield memory
    memory.close()
    assert list(tmp_path.iterdir()) == []


def polars_table():
    pl = pytest.importorskip("polars")
    table = mixed()[0]
    return pl.DataFrame(table.assign(town=table["town"].astype(str)).to_dict("list"))


KINDS = {
    "array": lambda: np.arange(60.0).reshape(20, 3),
    "float32": lambda: np.arange(60, dtype=np.float32).reshape(20, 3),
    "columns": lambda: np.asfortranarray(np.arange(60.0).reshape(20, 3)),
    "every_other": lambda: np.arange(120.0).reshape(20, 6)[:, ::2],
    "strings": lambda: np.array(["no", "yes"] * 10),
    "pandas": lambda: mixed()[0],
    "polars": polars_table,
    "csr": lambda: csr_array(np.eye(20)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_equal_rows_are_asked_for_once(kind, memory):
    X = KINDS[kind]()
    call = memory.cache(counted, ignore=["note"])
    rows = np.arange(3, 17)

    def part(rows):
        return X.iloc[rows] if kind == "pandas" else X[rows]

    first, _ = call(part(rows), y="a", note=1)
    second, _ = call(part(rows), y="a", note=2)
    assert len(calls) == 1
    assert type(second) is type(first)
    assert pickle.dumps(second) == pickle.dumps(pickle.loads(pickle.dumps(first)))
    call(part(rows[1:]), y="a")
    call(part(rows), y="b")
    call(part(rows))
    assert len(calls) == 4


def test_types_and_shapes_count(memory):
    call = memory.cache(counted)
    X = np.arange(12.0)
    for other in (
        X,
        X.reshape(3, 4),
        X.reshape(4, 3),
        X.view(np.int64),
        X.reshape(3, 4).T,
    ):
        call(other)
    assert len(calls) == 5
    memory.cache(unpicklable)(X)
    assert len(calls) == 6


def test_what_was_kept_can_be_changed_by_its_owner(memory):
    call = memory.cache(counted)
    X = np.zeros(3)
    call(X)
    kept, state = call(X)
    kept += 1.0
    state.append(1)
    again, state = call(np.zeros(3))
    assert_array_equal(again, 0.0)
    assert state == [0]


def test_what_cannot_be_pickled_is_computed_each_time(memory):
    for function, argument in ((counted, lambda x: x), (unpicklable, 1)):
        calls.clear()
        for _ in range(2):
            memory.cache(function)(argument)
        assert len(calls) == 2


def test_an_error_of_the_step_is_raised(memory):
    def raises(X):
        raise TypeError("of the step")

    for argument in (1, lambda x: x):
        with pytest.raises(TypeError, match="of the step"):
            memory.cache(raises)(argument)


def test_threads_may_share_it(memory):
    X = np.arange(1000.0)
    found = []

    def look():
        call = memory.cache(counted)
        found.extend(call(X + i % 5)[0].sum() - 1000.0 * (i % 5) for i in range(50))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [X.sum()] * 200


def test_it_stays_in_its_search(memory):
    pipeline = make_pipeline(StandardScaler(), memory=memory)
    assert clone(pipeline).memory is memory
    assert pickle.loads(pickle.dumps(pipeline)).memory is None
    memory._shared_fits.finished = True
    assert clone(pipeline).memory is None
