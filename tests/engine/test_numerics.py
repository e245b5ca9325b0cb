"""Numerical helpers: the logistic function, factors that differ between members."""

import numpy as np
import pytest
from helpers import DTYPES
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit

from skl2._engine.numerics import cast, per_member, sigmoid

dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=["f64", "f32"])


@dtypes
@pytest.mark.parametrize("in_place", [False, True])
def test_sigmoid_is_exact_to_rounding_in_absolute_terms(in_place, dtype):
    z = np.concatenate([np.linspace(-50, 50, 1001), [-1e30, 1e30]]).astype(dtype)
    expected = expit(z.astype(np.float64))
    out = z if in_place else np.empty_like(z)
    sigmoid(z, out=out)
    assert_allclose(out, expected, rtol=0.0, atol=2 * np.finfo(dtype).eps)


@dtypes
def test_factors_of_members(dtype):
    # Floats are weak: they take on the type of the array they meet. NumPy's are not.
    for factor in (per_member([0.5, 0.5]), np.float64(0.5)):
        assert type(cast(factor, dtype)) is float
    column = cast(per_member([0.5, 0.25]), dtype)
    assert column.dtype == dtype
    assert_array_equal(column, [[0.5], [0.25]])


@dtypes
def test_a_member_gets_the_factor_it_gets_alone(dtype):
    values = [0.1, 1 / 3, 1e-8]
    array = np.random.RandomState(0).standard_normal((3, 7)).astype(dtype)
    together = array * cast(1.0 - per_member(values) / 7.0, dtype)
    for k, value in enumerate(values):
        alone = array[[k]] * cast(1.0 - per_member([value]) / 7.0, dtype)
        assert_array_equal(together[[k]], alone)
