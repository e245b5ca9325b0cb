"""Data of a fit or prediction as arrays, and the errors about what is wrong there."""

import sys
from contextlib import contextmanager

import numpy as np
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.validation import validate_data

FLOATS = (np.float64, np.float32)
# Numbers in X up to which ``validate_data`` takes longer than the prediction itself.
FEW_NUMBERS = 1 << 13


def checked_rows(
    estimator,
    X,
    y,
    sample_weight,
    *,
    y_numeric,
    reset,
    dtype=FLOATS,
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
    with _remedies(estimator, X):
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


@contextmanager
def _remedies(estimator, X):
    """Add to an error about text or missing values in X what takes them."""
    try:
        yield
    except ValueError as error:
        name = "MLPClassifierCV" if is_classifier(estimator) else "MLPRegressorCV"
        table = f"take skl2.model_selection.{name}, which"
        if "Input X contains NaN" in str(error):
            remedy = f"Fill them with a SimpleImputer, or {table} does so."
        elif "could not convert" in str(error) and np.asarray(X).dtype.kind in "OUS":
            remedy = (
                f"X has columns that are no numbers{_text_columns(X)}: encode them "
                f"with a OneHotEncoder in a ColumnTransformer, or {table} does so."
            )
        else:
            raise
        raise ValueError(f"{error}\n{remedy}") from error


def _text_columns(X):
    """Names of the columns of a pandas frame that are no numbers, for an error."""
    if not hasattr(X, "select_dtypes"):
        return ""
    names = X.select_dtypes(exclude=["number", "bool"]).columns
    return f" ({', '.join(map(str, names))})" if len(names) else ""


def rows_to_predict(estimator, X):
    """X as an array or CSR matrix of floats, of the features of a fitted estimator.

    Raises what ``validate_data`` raises.
    """
    few = few_valid_numbers(estimator, X)
    if few is not None:
        return few
    X = validate_data(
        estimator, X, accept_sparse=["csr", "csc"], dtype=FLOATS, reset=False
    )
    return X.tocsr() if sparse.issparse(X) else X


def few_valid_numbers(estimator, X, accept_sparse=True):
    """What ``validate_data`` returns of a small X in which it finds no fault, or None.

    For one row its checks take twice as long as all the rest of a prediction, for a
    frame ten times as long.

    Parameters
    ----------
    estimator : estimator
        Fitted: has the number and the names of the features.
    X : object
    accept_sparse : bool
        Whether a CSR matrix of finite floats has no fault.

    Returns
    -------
    X : ndarray or CSR matrix, or None
        None as well where there are many numbers, or where X needs a conversion.
    """
    if hasattr(estimator, "feature_names_in_"):
        X = _floats_of_frame(X, estimator.feature_names_in_)
    csr = accept_sparse and type(X) in (sparse.csr_matrix, sparse.csr_array)
    numbers = X.data if csr else X
    valid = (
        type(numbers) is np.ndarray
        and X.dtype in FLOATS
        and X.ndim == 2
        and numbers.size <= FEW_NUMBERS
        and X.shape[0] > 0
        and X.shape[1] == estimator.n_features_in_
        and np.isfinite(numbers).all()
    )
    return X if valid else None


def _floats_of_frame(X, names):
    """The array of a pandas frame with columns of these names and one float type.

    None for all else.
    """
    pandas = sys.modules.get("pandas")
    if pandas is None or type(X) is not pandas.DataFrame:
        return None
    types = set(X.dtypes)
    if X.size > FEW_NUMBERS or len(types) != 1 or types.pop() not in FLOATS:
        return None
    return X.to_numpy() if np.array_equal(X.columns, names) else None


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
