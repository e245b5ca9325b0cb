"""Data of a fit as arrays, and the errors that say what is wrong with it."""

import numpy as np
from scipy import sparse
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.validation import validate_data


def checked_rows(
    estimator,
    X,
    y,
    sample_weight,
    *,
    y_numeric,
    reset,
    dtype=(np.float64, np.float32),
    suffix="",
):
    """X (an array or CSR), y and weights as arrays.

    Parameters
    ----------
    estimator : estimator
        Gets, or is compared with, the number and the names of the features.
    X, y, sample_weight : array-like
    y_numeric : bool
        Whether y must be numbers.
    reset : bool
        Whether the estimator learns the features from X.
    dtype : type or tuple of types
        What X may keep.
    suffix : str
        Completes the names of X, y and sample_weight in errors.
    """
    X, y = validate_data(
        estimator,
        X,
        y,
        accept_sparse=["csr", "csc"],
        multi_output=True,
        y_numeric=y_numeric,
        dtype=dtype,
        reset=reset,
    )
    if sparse.issparse(X):
        X = X.tocsr()
    if sparse.issparse(y):
        y = y.toarray()
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    if sample_weight is not None:
        sample_weight = check_weights(
            sample_weight, X.shape[0], np.float64, "sample_weight" + suffix
        )
    return X, y, sample_weight


def check_weights(sample_weight, n_rows, dtype, name="sample_weight"):
    """Weights of rows as an array of shape (n_rows,), all >= 0 and not all 0."""
    weights = check_array(
        sample_weight,
        ensure_2d=False,
        dtype=dtype,
        input_name=name,
    )
    if weights.shape != (n_rows,):
        raise ValueError(
            f"{name} has shape {weights.shape}; expected one weight a row of X, "
            f"({n_rows},)."
        )
    if weights.min() < 0:
        raise ValueError(
            f"Negative values in data passed to `{name}`: the smallest is "
            f"{weights.min()}; weights must be >= 0."
        )
    if not weights.any():
        raise ValueError(f"{name} is zero for every row; at least one must be > 0.")
    return weights


def validation_rows(early_stopping, X_val, y_val, sample_weight_val):
    """The validation rows given to ``fit`` as a tuple; None if there are none."""
    if X_val is None and y_val is None:
        if sample_weight_val is not None:
            raise ValueError("sample_weight_val is given without X_val and y_val.")
        return None
    if X_val is None or y_val is None:
        raise ValueError(
            "X_val and y_val belong together: "
            f"{'X_val' if X_val is None else 'y_val'} was not given."
        )
    if not early_stopping:
        raise ValueError(
            "X_val and y_val are for early_stopping=True, which is False here."
        )
    return X_val, y_val, sample_weight_val
