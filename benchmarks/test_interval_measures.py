"""The measures of ``benchmarks.intervals``, by hand."""

import numpy as np
import pytest

from benchmarks.intervals import log_loss, measures


def test_measures_of_intervals():
    lower, upper = np.array([0.0, 0.0, 2.0]), np.array([1.0, 2.0, 5.0])
    # Inside, at a bound, and outside by 1.5.
    share, width, score = measures(lower, upper, np.array([0.5, 2.0, 0.5]), 2.0)
    assert share == pytest.approx(2 / 3)
    assert width == pytest.approx((1 + 2 + 3) / 3 / 2)
    assert score == pytest.approx((1 + 2 + 3 + 20 * 1.5) / 3 / 2)


def test_log_loss_of_raw_predictions():
    p = np.array([[0.2, 0.8], [0.5, 0.5]])
    raw = np.log(p) + [[3.0], [-1.0]]
    expected = -(np.log(0.2) + np.log(0.5)) / 2
    assert log_loss(raw, np.array([0, 1])) == pytest.approx(expected)
