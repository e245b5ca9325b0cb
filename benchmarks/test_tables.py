"""The parts of ``benchmarks.tables`` that need no data."""

import gzip

import numpy as np
import pytest

from benchmarks.table_data import Table, csv_file, split_table
from benchmarks.tables import (
    Result,
    Results,
    compare,
    comparisons,
    evaluate,
    geometric_mean,
    log_loss,
    mean_and_error,
)


def results_of(losses, method="peer", name="iris", cpu=1.0):
    return {
        i: Result(name, i, method, 100, loss, 0.0, cpu, cpu)
        for i, loss in enumerate(losses)
    }


def test_mean_and_standard_error():
    assert mean_and_error([1.0, 2.0, 3.0]) == (2.0, 1.0 / 3**0.5)
    mean, error = mean_and_error([4.0])
    assert mean == 4.0 and np.isnan(error)
    assert geometric_mean([0.5, 2.0, 8.0]) == pytest.approx(2.0)


@pytest.mark.parametrize(
    "own, outcome",
    [([1.0, 2.0, 3.0], -1), ([2.0, 3.0, 4.0], 1), ([1.0, 3.0, 3.5], 0)],
)
def test_outcome_is_decided_split_by_split(own, outcome):
    others = results_of([1.5, 2.5, 3.5])
    assert compare(results_of(own), others).outcome == outcome


def test_comparison_takes_the_splits_in_common():
    own = results_of([1.0, 2.0, 9.0], cpu=3.0)
    found = compare(own, results_of([2.0, 4.0]))
    assert (found.loss, found.cpu, found.difference) == (0.5, 3.0, -1.5)
    assert compare(own, results_of([1.0])) is None


def test_comparisons_are_by_set():
    runs = [
        *results_of([1.0, 1.0], "table").values(),
        *results_of([2.0, 2.0], "peer").values(),
        *results_of([1.0, 1.0], "table", "wine").values(),
    ]
    assert {n: c.loss for n, c in comparisons(runs, "table", "peer").items()} == {
        "iris": 0.5
    }


def test_log_loss_of_a_certain_mistake_is_finite():
    assert log_loss(np.array([1, 0]), [[0.5, 0.5], [0.5, 0.5]]) == pytest.approx(
        np.log(2.0)
    )
    assert log_loss(np.array([1]), [[1.0, 0.0]]) == pytest.approx(np.log(1e7))


def test_regression_loss_of_the_mean_is_one():
    rng = np.random.default_rng(0)
    split = split_table(
        Table(rng.normal(size=(200, 2)), rng.normal(size=200), True), 0, 9
    )
    split.X_test, split.y_test = split.X, split.y

    class Mean:
        def predict(self, X):
            return np.full(len(X), split.y.mean())

    assert evaluate(Mean(), split)[0] == pytest.approx(1.0)


def test_groups_are_never_in_two_parts():
    groups = np.repeat(np.arange(40), 5)
    X, y = groups[:, np.newaxis] * 1.0, groups % 2
    split = split_table(Table(X, y, False, groups), 0, 10_000)
    assert not set(split.X.ravel()) & set(split.X_test.ravel())
    assert len(split.folds) == 5
    for train, test in split.folds:
        assert not set(split.X[train].ravel()) & set(split.X[test].ravel())


def test_splits_are_bounded_and_repeat():
    X, y = np.arange(100.0)[:, np.newaxis], np.arange(100) % 2
    first, again, other = (split_table(Table(X, y, False), s, 20) for s in (0, 0, 1))
    assert len(first.y) == 20 and len(first.y_test) == 30
    np.testing.assert_array_equal(first.X, again.X)
    assert not np.array_equal(first.X, other.X)
    with pytest.raises(ValueError, match="max_rows=1"):
        split_table(Table(X, y, False), 0, 1)


def test_csv_columns_of_text_are_categories(tmp_path):
    with gzip.open(tmp_path / "t.csv.gz", "wt") as file:
        file.write("a,b,c,y\n1,u,9,yes\n,v,9,no\n3,,9,yes\n")
    table = csv_file("t.csv.gz", "y", dropped=["c"])(tmp_path)
    assert [str(dtype) for dtype in table.X.dtypes] == ["float64", "category"]
    assert table.X.isna().sum().tolist() == [1, 1]
    assert table.y.tolist() == [1, 0, 1]


def test_results_are_kept(tmp_path):
    path = tmp_path / "cache.json"
    kept = Results(path)
    for result in results_of([0.1, 0.2]).values():
        kept.add(result)
    kept.save()
    assert dict(Results(path)) == dict(kept)
