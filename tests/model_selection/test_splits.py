"""The folds of a search: shuffled, stratified, fixed."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit, StratifiedKFold

from skl2.model_selection import _splits
from skl2.model_selection._splits import (
    HOLDOUT_ROWS,
    draw_rows,
    make_splits,
    pool_rare,
)

rng = np.random.RandomState(0)


def splits(cv, y, classifier=True, random_state=0, **params):
    X = np.zeros((len(y), 2))
    return make_splits(cv, X, y, classifier, random_state, **params)


def assert_partition(found, n_rows, n_held_out):
    for train, test in found:
        assert_array_equal(np.sort(np.r_[train, test]), np.arange(n_rows))
        assert len(test) in n_held_out


def shares(y, rows):
    return np.bincount(y[rows], minlength=y.max() + 1) / len(rows)


@pytest.mark.parametrize(("n_rows", "n_splits"), [(1499, 5), (1500, 1)])
@pytest.mark.parametrize("classifier", [True, False])
def test_the_defaults(n_rows, n_splits, classifier):
    assert HOLDOUT_ROWS == 1500
    y = np.arange(n_rows) * 4 // n_rows
    found = splits(None, y, classifier)
    assert len(found) == n_splits
    assert_partition(found, n_rows, {n_rows // 5, n_rows // 5 + 1})
    for _, test in found:
        # The file is sorted; without shuffling a fold would lie in one class.
        exact = 2 / len(test) if classifier else 0.1
        assert np.abs(shares(y, test) - 0.25).max() <= exact


@pytest.mark.parametrize("classifier", [True, False])
def test_a_holdout_of_a_part_of_many_rows(monkeypatch, classifier):
    monkeypatch.setattr(_splits, "MOST_ROWS", 2000)
    y = np.arange(5000) * 4 // 5000
    ((train, test),) = splits(None, y, classifier)
    assert (len(train), len(test)) == (1600, 400)
    assert len(np.union1d(train, test)) == 2000
    for part in (train, test):
        exact = 2 / len(part) if classifier else 0.1
        assert np.abs(shares(y, part) - 0.25).max() <= exact
    # No part of 2,000 rows.
    ((train, test),) = splits(None, y[:2000], classifier)
    assert (len(train), len(test)) == (1600, 400)
    # Folds that the user asks for are of all rows.
    assert_partition(splits(5, y, classifier), 5000, {1000})


@pytest.mark.parametrize("classifier", [True, False])
def test_rows_are_drawn(classifier):
    y = np.r_[np.zeros(900), np.ones(99), 2].astype(int)
    rows = draw_rows(y, 100, classifier, 0)
    assert len(rows) == 100
    assert (np.diff(rows) > 0).all()
    if classifier:
        assert (y[rows] == 0).sum() == 90
    other = draw_rows(y, 100, classifier, 1)
    assert (rows != other).any()
    assert_array_equal(draw_rows(y, 1000, classifier, 0), np.arange(1000))


@pytest.mark.parametrize(("cv", "n_rows"), [(None, 1), (None, 4), (3, 2)])
def test_more_folds_than_rows_are_an_error_that_names_cv(cv, n_rows):
    with pytest.raises(ValueError, match=f"cv={cv} .*n_samples={n_rows}.*Give more"):
        make_splits(cv, np.zeros((n_rows, 1)), np.arange(n_rows), False, 0)


@pytest.mark.parametrize("cv", [2, 7, np.int64(3)])
def test_an_int_is_so_many_shuffled_folds(cv):
    y = np.repeat([0, 1], 35)
    found = splits(cv, y)
    expected = StratifiedKFold(cv, shuffle=True, random_state=_seed(0)).split(y, y)
    for ours, theirs in zip(found, expected, strict=True):
        assert_array_equal(ours[0], theirs[0])
        assert_array_equal(ours[1], theirs[1])


def _seed(random_state):
    return np.random.RandomState(random_state).randint(np.iinfo(np.int32).max)


def test_the_seed():
    y = np.arange(40) % 2
    assert_array_equal(splits(3, y)[0][1], splits(3, y)[0][1])
    assert (splits(3, y)[0][1] != splits(3, y, random_state=1)[0][1]).any()


@pytest.mark.parametrize(
    "cv", [KFold(3), ShuffleSplit(4), [([0, 1], [2]), ([2], [0, 1])]]
)
def test_what_is_given_is_used_and_fixed(cv):
    y = np.arange(30) % 2
    found = splits(cv, y)
    assert isinstance(found, list)
    assert len(found) == (cv.get_n_splits() if hasattr(cv, "split") else len(cv))


def test_an_iterator_and_groups():
    y = np.arange(30) % 2
    assert len(splits(iter([([0], [1])]), y)) == 1
    groups = np.arange(30) // 5
    for train, test in splits(GroupKFold(3), y, groups=groups):
        assert not set(groups[train]) & set(groups[test])


@pytest.mark.parametrize(
    "y",
    [
        np.r_[np.zeros(40), 1].astype(int),
        np.r_[np.arange(40) % 2, 5],
        np.repeat(np.arange(20), 2),
        np.arange(40),
        np.zeros(40, dtype=int),
        np.array(["a", "b", "b", "c"] * 10),
        (np.arange(40) % 2)[:, np.newaxis],
    ],
)
@pytest.mark.parametrize("n_copies", [1, 40])
@pytest.mark.filterwarnings("error")
def test_rare_classes_do_not_stop_a_split(y, n_copies):
    y = np.concatenate([y] * n_copies)
    found = splits(None, y)
    assert len(found) == (5 if n_copies == 1 else 1)
    assert_partition(found, len(y), {len(y) // 5, -(-len(y) // 5)})


def test_labels_in_a_series():
    labels = np.array(["x", "y"] * 20)
    series = pytest.importorskip("pandas").Series(labels, index=range(40, 0, -1))
    for own, expected in zip(splits(None, series), splits(None, labels), strict=True):
        for rows, expected_rows in zip(own, expected, strict=True):
            assert_array_equal(rows, expected_rows)


@pytest.mark.parametrize(
    "split, part", [((range(9), []), "held-out"), (([], range(9)), "training")]
)
def test_an_empty_part_of_a_split_is_named(split, part):
    halves = (np.arange(4), np.arange(4, 9))
    y = np.arange(9.0)
    with pytest.raises(ValueError, match=f"Split 1 of cv has no {part} rows"):
        make_splits([halves, split], y, y, classifier=False, random_state=0)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([5, 6], [5, 6]),
        ([1, 20, 6], [7, 20]),
        ([1, 20], None),
        ([1, 2, 3, 20], [6, 20]),
        ([4, 4, 20, 30], [8, 20, 30]),
        ([9], None),
        ([1] * 9, None),
    ],
)
def test_pooled_strata_are_large_enough(counts, expected):
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    strata = pool_rare(labels, 5)
    if expected is None:
        assert strata is None
    else:
        assert sorted(np.unique(strata, return_counts=True)[1]) == sorted(expected)
        # A label lies in one stratum.
        pairs = np.unique(np.column_stack([labels, strata]), axis=0)
        assert len(pairs) == len(counts)
