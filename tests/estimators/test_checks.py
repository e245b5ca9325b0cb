"""X, y and weights as arrays, without a copy where none is needed."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal

from skl2 import MLPRegressor
from skl2._estimators.checks import check_weights, checked_rows, validation_rows

RNG = np.random.RandomState(0)
X = RNG.standard_normal((20, 3))
Y = RNG.standard_normal(20)


def checked(X, y=Y, sample_weight=None, **options):
    options = {"y_numeric": True, "reset": True} | options
    return checked_rows(MLPRegressor(), X, y, sample_weight, **options)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_are_used_as_they_are(dtype):
    data = X.astype(dtype)
    found, _, _ = checked(data)
    assert found.dtype == dtype
    assert np.shares_memory(found, data)


@pytest.mark.parametrize("container", [sp.csr_matrix, sp.csr_array])
def test_a_csr_matrix_is_used_as_it_is(container):
    data = container(X)
    assert np.shares_memory(checked(data)[0].data, data.data)


@pytest.mark.parametrize("container", [sp.csc_matrix, sp.csc_array])
def test_other_sparse_formats_become_csr(container):
    found, _, _ = checked(container(X))
    assert found.format == "csr"
    assert_array_equal(found.toarray(), X)


def test_validation_rows_take_the_type_of_the_training_rows():
    assert checked(X, dtype=np.float32)[0].dtype == np.float32


def test_a_column_of_targets_becomes_a_vector_with_a_warning():
    with pytest.warns(UserWarning, match="column-vector y"):
        _, y, _ = checked(X, Y[:, np.newaxis])
    assert y.shape == (20,)


@pytest.mark.parametrize(
    "weight, message",
    [
        (np.ones(19), r"s has shape \(19,\); expected one weight a row of X, \(20,\)"),
        (np.ones((20, 1)), r"s has shape \(20, 1\)"),
        (np.r_[-1.0, np.ones(19)], r"Negative values in data passed to `s`.*-1"),
        (np.zeros(20), "s is zero for every row"),
        (np.r_[np.nan, np.ones(19)], "Input s contains NaN"),
    ],
)
def test_weights_that_are_none(weight, message):
    with pytest.raises(ValueError, match=message):
        check_weights(weight, 20, np.float64, "s")


def test_validation_rows_belong_together():
    assert validation_rows(True, None, None, None) is None
    assert validation_rows(True, X, Y, None) == (X, Y, None)
    for arguments, message in [
        ((True, X, None, None), "y_val was not given"),
        ((True, None, Y, None), "X_val was not given"),
        ((True, None, None, Y), "sample_weight_val is given without"),
        ((False, X, Y, None), "early_stopping=True, which is False"),
    ]:
        with pytest.raises(ValueError, match=message):
            validation_rows(*arguments)
