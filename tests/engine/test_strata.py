"""Strata that a split can keep."""

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from skl2._engine.strata import splittable_strata

RNG = np.random.RandomState(0)


def split(labels, share):
    strata = splittable_strata(labels, share)
    rows = np.arange(len(labels))
    return train_test_split(rows, test_size=share, stratify=strata, random_state=0)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.8, 0.9])
@pytest.mark.parametrize("n_rows", [11, 40, 101])
def test_any_labels_can_be_split(n_rows, share):
    for n_labels in (1, 2, 3, 7, n_rows):
        for concentration in (0.1, 1.0, 100.0):
            p = RNG.dirichlet(np.full(n_labels, concentration))
            labels = RNG.choice(n_labels, n_rows, p=p)
            train, held_out = split(labels, share)
            assert sorted([*train, *held_out]) == list(range(n_rows))


def test_labels_that_can_be_kept_are_kept():
    # As scikit-learn does, also where a class of 5 has half a row in the smaller side.
    labels = np.repeat([0, 1, 2], [5, 40, 55])
    np.testing.assert_array_equal(splittable_strata(labels, 0.1), labels)


def test_rare_labels_are_one_stratum():
    labels = np.repeat([0, 1, 2, 3, 4], [40, 1, 48, 1, 10])
    # Two rows alone cannot be split by 1 to 9: the next rarer label joins them.
    expected = np.repeat([0, 1, 2, 1, 1], [40, 1, 48, 1, 10])
    np.testing.assert_array_equal(splittable_strata(labels, 0.1), expected)
    _, held_out = split(labels, 0.1)
    assert np.bincount(labels[held_out], minlength=5)[[0, 2]].tolist() == [4, 5]


def test_nothing_is_left_of_many_rare_labels():
    assert splittable_strata(np.repeat(np.arange(20), 3), 0.1) is None
