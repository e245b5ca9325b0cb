"""The columns of a table: which are categories, and how each kind is encoded."""

from numbers import Number

import numpy as np
from scipy.sparse import issparse
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, OneHotEncoder

from skl2.preprocessing import FEW_VALUES, PiecewiseLinearEncoder

# Names of the transformers of a table, by which a search reaches their parameters.
NUMERIC, CATEGORICAL = "numeric", "categorical"
# A category of fewer training rows is pooled with the other rare ones, and missing
# values in fewer rows have no input of their own: one training row with a missing value
# gave a test row like it a log-loss of 51.
RARE = 5
# What the names of types begin with that are neither numbers nor categories.
TIMES = ("date", "time", "duration", "period", "interval")
# Columns of a categorical column at most; the most frequent categories have their own.
MAX_CATEGORIES = 50


def is_table(X):
    """Whether X has named columns with types of their own (pandas, polars)."""
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def categorical_columns(X, wanted):
    """Which columns of X are categories, a bool mask of shape (n_features,).

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
    wanted : 'from_dtype', None or array-like of bool, int or str
        See ``MLPClassifierCV``.
    """
    n_features = X.shape[1]
    mask = np.zeros(n_features, dtype=bool)
    if wanted is None:
        return mask
    if isinstance(wanted, str):
        if wanted != "from_dtype":
            raise ValueError(_message(wanted))
        if is_table(X):
            mask[:] = [_is_category(dtype) for dtype in _dtypes(X)]
        return mask
    columns = np.asarray(wanted)
    if columns.size == 0:
        return mask
    if columns.ndim != 1 or columns.dtype.kind not in "biuUO":
        raise ValueError(_message(wanted))
    if columns.dtype.kind == "b":
        if columns.shape != mask.shape:
            raise ValueError(
                f"categorical_features has {len(columns)} values, but X has "
                f"{n_features} columns."
            )
        return columns.copy()
    if columns.dtype.kind in "iu":
        if columns.min() < 0 or columns.max() >= n_features:
            raise ValueError(
                "categorical_features must be columns of X, integers in [0, "
                f"{n_features}). Got {wanted!r}."
            )
        mask[columns] = True
        return mask
    if not is_table(X):
        raise ValueError(
            "categorical_features are names, but X has no column names: give their "
            f"numbers. Got {wanted!r}."
        )
    names = list(X.columns)
    unknown = [name for name in columns.tolist() if name not in names]
    if unknown:
        raise ValueError(f"categorical_features has {unknown}, which X does not have.")
    mask[[names.index(name) for name in columns.tolist()]] = True
    return mask


def _message(wanted):
    return (
        "categorical_features must be 'from_dtype', None, or a list of columns: names, "
        f"numbers or a bool for each. Got {wanted!r}."
    )


def _dtypes(X):
    dtypes = X.dtypes
    return list(dtypes.values) if hasattr(dtypes, "values") else list(dtypes)


def _is_category(dtype):
    """Categories, strings and bools; what is left is numeric (or refused as such)."""
    name = str(dtype).lower()
    kinds = ("category", "categorical", "enum", "object", "str", "bool", "utf8")
    return name.startswith(kinds)


def check_types(X, categorical):
    """Raise a TypeError for a column of a DataFrame that cannot be encoded.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
    categorical : ndarray of bool, shape (n_features,)
    """
    if not is_table(X):
        return
    for name, dtype, is_category in zip(
        X.columns, _dtypes(X), categorical, strict=True
    ):
        if str(dtype).lower().startswith(TIMES):
            raise TypeError(
                f"Column {name!r} of X has the type {dtype}, which is neither a number "
                "nor a category: make numbers of it, such as year, month and day of "
                "the week, or leave it out."
            )
        if is_category and str(dtype) == "object":
            _check_object_column(name, X[name])


def _check_object_column(name, column):
    """Raise a TypeError if some categories are strings and others are not."""
    values = (v for v in column if isinstance(v, str | Number) and v == v)
    kinds = {isinstance(value, str) for value in values}
    if len(kinds) > 1:
        raise TypeError(
            f"Column {name!r} of X is a category and holds strings and other values: "
            "make strings of all, such as by .astype(str), or numbers."
        )


def count_ramped(X, categorical):
    """Number of numeric columns that have more than 10 distinct values, at a look.

    The first thousand rows are looked at: it decides what is tried, not what is right.
    """
    if issparse(X):
        return 0
    columns = list(X.columns) if is_table(X) else range(X.shape[1])
    n_ramped = 0
    for column, is_category in zip(columns, categorical, strict=True):
        if not is_category:
            values = np.asarray(X[column] if is_table(X) else X[:, column])[:1000]
            n_ramped += len(set(values[values == values].tolist())) > FEW_VALUES
    return n_ramped


def make_columns(X, categorical):
    """The transformer that makes of a table what a network reads.

    Numeric columns: standardized, clipped near their range in the training rows, with
    ramps that a search adds (see ``PiecewiseLinearEncoder``), and an indicator where
    enough values are missing. Categories: one column each, the rare ones pooled. A
    sparse X is scaled by its largest values.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
    categorical : ndarray of bool, shape (n_features,)

    Returns
    -------
    columns : ColumnTransformer, or MaxAbsScaler for a sparse X
    """
    if issparse(X):
        if categorical.any():
            raise ValueError("A sparse X cannot have categorical_features.")
        return MaxAbsScaler()
    transformers = []
    if not categorical.all():
        encoder = PiecewiseLinearEncoder(
            0, min_missing=RARE, clip=True, dtype=np.float32
        )
        transformers.append((NUMERIC, encoder, np.flatnonzero(~categorical)))
    if categorical.any():
        one_hot = OneHotEncoder(
            handle_unknown="infrequent_if_exist",
            min_frequency=RARE,
            max_categories=MAX_CATEGORIES,
            sparse_output=False,
            dtype=np.float32,
        )
        if _has_own_missing_value(X, categorical):
            plain = FunctionTransformer(_with_nan, feature_names_out="one-to-one")
            one_hot = make_pipeline(plain, one_hot)
        transformers.append((CATEGORICAL, one_hot, np.flatnonzero(categorical)))
    return ColumnTransformer(transformers, sparse_threshold=0.0)


def _has_own_missing_value(X, categorical):
    """Whether pandas marks missing categories by NA, which encoders do not know."""
    if not hasattr(X, "iloc"):
        return False
    return any(
        is_category and str(dtype).startswith("string")
        for dtype, is_category in zip(_dtypes(X), categorical, strict=True)
    )


def _with_nan(X):
    """Columns of a pandas DataFrame as objects, NaN where a value is missing."""
    return X.astype(object).where(X.notna(), np.nan)
