"""The folds of a search for λ, the same in all of its rungs."""

from numbers import Integral

import numpy as np
from sklearn.model_selection import (
    KFold,
    ShuffleSplit,
    StratifiedKFold,
    StratifiedShuffleSplit,
    check_cv,
)
from sklearn.utils import check_random_state, resample
from sklearn.utils.multiclass import type_of_target

# Rows from which one holdout of a fifth replaces five folds: it picked the best of the
# λs tried on 14 of 16 tables.
HOLDOUT_ROWS = 1500
N_FOLDS = 5
# Rows of that holdout at most, drawn at random. On 50,000 of 300,000 rows a walk found
# a λ with .381 of test loss; .378 was the least of all λs (benchmarks/many_rows.py).
MOST_ROWS = 50_000


def make_splits(cv, X, y, classifier, random_state, **split_params):
    """Training and held-out rows of each split.

    Parameters
    ----------
    cv : int, splitter, iterable or None
        None: shuffled folds, or one shuffled holdout of a fifth for many rows, of
        MOST_ROWS rows at most. An int: that many shuffled folds. Both are stratified
        for classes.
    X : array-like of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    classifier : bool
    random_state : int, RandomState or None
        Of the shuffling.
    **split_params
        For the splitter, such as groups.

    Returns
    -------
    splits : list of (ndarray, ndarray)
        A list, since a splitter may draw other rows whenever it is asked.

    Raises
    ------
    ValueError
        If a part of a split is empty, or if there are more folds than rows.
    """
    if cv is not None and not isinstance(cv, Integral):
        splitter = check_cv(cv, y, classifier=classifier)
        splits = list(splitter.split(X, y, **split_params))
        for i, rows in enumerate(splits):
            for part, kind in zip(rows, ("training", "held-out"), strict=True):
                if not count_rows(part):
                    raise ValueError(f"Split {i} of cv has no {kind} rows.")
        return splits
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    n_rows = count_rows(X)
    holdout = cv is None and n_rows >= HOLDOUT_ROWS
    n_folds = N_FOLDS if cv is None else cv
    if n_folds > n_rows:
        raise ValueError(
            f"cv={cv} makes {n_folds} folds, but X has fewer rows: n_samples={n_rows}. "
            f"Give more rows, or cv from 2 to n_samples."
        )
    strata = _strata(y, classifier, n_folds)
    if holdout:
        kind = ShuffleSplit if strata is None else StratifiedShuffleSplit
        n_train, n_test = None, 1 / N_FOLDS
        if n_rows > MOST_ROWS:
            n_test = MOST_ROWS // N_FOLDS
            n_train = MOST_ROWS - n_test
        splitter = kind(1, train_size=n_train, test_size=n_test, random_state=seed)
    else:
        kind = KFold if strata is None else StratifiedKFold
        splitter = kind(n_folds, shuffle=True, random_state=seed)
    return list(splitter.split(np.empty((n_rows, 0)), strata, **split_params))


def draw_rows(y, n_rows, classifier, random_state):
    """Some of the rows, ascending; with the shares of the classes of a classifier.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
    n_rows : int
        How many; all if there are not so many.
    classifier : bool
    random_state : int, RandomState or None
    """
    if len(y) <= n_rows:
        return np.arange(len(y))
    rows = resample(
        np.arange(len(y)),
        replace=False,
        n_samples=n_rows,
        random_state=random_state,
        stratify=_strata(y, classifier, N_FOLDS),
    )
    return np.sort(rows)


def _strata(y, classifier, n_rows):
    """Classes of at least `n_rows` rows, see ``pool_rare``; None for no strata."""
    if classifier and type_of_target(y) in ("binary", "multiclass"):
        return pool_rare(np.asarray(y).ravel(), n_rows)
    return None


def count_rows(X):
    """Rows of an array, a table or a list."""
    return X.shape[0] if hasattr(X, "shape") else len(X)


def pool_rare(labels, n_rows):
    """Strata of at least `n_rows` rows each, for a stratified split.

    Labels with fewer rows are one stratum together; the next rarest labels join it
    until it is large enough.

    Parameters
    ----------
    labels : ndarray of shape (n_samples,)
    n_rows : int

    Returns
    -------
    strata : ndarray of int, shape (n_samples,), or None
        None where one stratum alone is left.
    """
    _, strata, counts = np.unique(labels, return_inverse=True, return_counts=True)
    order = np.argsort(counts, kind="stable")
    n_pooled = int((counts < n_rows).sum())
    if n_pooled:
        large_enough = int(np.searchsorted(np.cumsum(counts[order]), n_rows)) + 1
        n_pooled = max(n_pooled, large_enough)
    n_strata = len(counts) - max(n_pooled - 1, 0)
    if n_strata < 2:
        return None
    pooled = np.arange(len(counts))
    pooled[order[:n_pooled]] = order[0]
    return pooled[strata]
