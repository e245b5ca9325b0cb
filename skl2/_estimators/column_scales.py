"""Whether the columns of X are scaled, and the validation rows like them."""

import numpy as np
from scipy.sparse import issparse

from skl2._engine.warn import warn

# Ratio of the largest to the median column scale from which X counts as not scaled.
UNSCALED = 100.0

# The first rows tell the scale; a look at them costs less than an epoch.
N_ROWS = 500

# Factor between the typical values of X and X_val from which their scales differ; their
# largest values may differ by more, where a column has heavy tails.
OTHER_SCALE, OTHER_LARGEST = 10.0, 100.0


def first_rows(data):
    """The first rows of X that have a weight, at most N_ROWS."""
    if data.sample_weight is not None:
        return data.X[np.flatnonzero(data.sample_weight)[:N_ROWS]]
    return data.X[:N_ROWS]


def has_unscaled_columns(data):
    """Whether the largest column scale of the first rows is far above the median.

    Constant columns do not count.
    """
    scales = column_scales(first_rows(data))
    scales = scales[scales > 0]
    return len(scales) > 0 and bool(scales.max() > UNSCALED * np.median(scales))


def should_be_scaled(data):
    """Whether the columns have different scales, or all of them one far from 1."""
    typical, _ = _sizes(first_rows(data))
    return has_unscaled_columns(data) or not 1 / UNSCALED < typical < UNSCALED


def warn_if_unscaled(data):
    """Warn if one column of X is so large that it alone would decide the fit."""
    if has_unscaled_columns(data):
        # Without the ratio: the folds of a search give the same message, shown once.
        warn(
            "X is not scaled: the standard deviation of its largest column is more "
            f"than {UNSCALED:.0f} times the median one, and a penalty and a step weigh "
            "all columns alike. Put a StandardScaler (MaxAbsScaler for sparse X) "
            "before it.",
            UserWarning,
        )


def warn_if_validation_differs(data):
    """Warn if X_val looks like rows that were not transformed as X was."""
    (typical, largest), (typical_val, largest_val) = (
        _sizes(first_rows(part)) for part in (data, data.held_out)
    )
    alike = 1 / OTHER_SCALE <= typical_val / typical <= OTHER_SCALE
    if alike and largest_val <= OTHER_LARGEST * largest:
        return
    warn(
        "X_val is not on the scale of X: its absolute values are "
        f"{typical_val:.3g} (median of those that are not 0) and at most "
        f"{largest_val:.3g}, those of X {typical:.3g} and {largest:.3g}. A Pipeline "
        "does not transform X_val unless it is told to, with "
        "transform_input=['X_val'].",
        UserWarning,
    )


def _sizes(X):
    """Median and largest of the absolute values that are not 0; (1, 1) if all are."""
    values = np.abs(X.data if issparse(X) else X)
    values = values[values > 0]
    if not values.size:
        return 1.0, 1.0
    # The mean of two middle values might overflow.
    median = np.quantile(values, 0.5, method="lower")
    return float(median), float(values.max())


def column_scales(X):
    """Standard deviation of every column, in float64.

    In units of a power of 2 that keeps its square in the range of float64.
    """
    values = X.data if issparse(X) else X
    largest = max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)))
    unit = 1.0
    if not 1e-100 < largest < 1e100:
        # Multiplying by a power of 2 is exact.
        unit = float(np.ldexp(1.0, min(1023, -int(np.frexp(largest)[1]))))
    X = X.astype(np.float64) * unit
    if not issparse(X):
        return X.std(axis=0)
    n_rows = X.shape[0]
    mean = np.asarray(X.sum(axis=0)).ravel() / n_rows
    square = np.asarray(X.multiply(X).sum(axis=0)).ravel() / n_rows
    return np.sqrt(np.maximum(square - mean**2, 0.0))
