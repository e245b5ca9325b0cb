"""Prediction intervals and sets from the rows that a search has held out."""

from math import ceil
from numbers import Real

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from skl2._estimators.parameters import Number
from skl2.model_selection import AlphaSearchCV, MLPClassifierCV, MLPRegressorCV

# Elements of the table of held-out rows × rows of X that is sorted at a time.
CHUNK_ELEMENTS = 1 << 20
# .9 · (9 + 1) is the rank 9, whatever the last bits say.
ROUNDING = 1e-9


def prediction_interval(search, X, *, coverage=0.9):
    """Intervals that hold a share of future targets, from a search's held-out rows.

    With a_i, b_i the lowest and the highest quantile that the model of a split predicts
    for a held-out row (the prediction itself where there is one alone), the score of
    the row is how far y_i lies outside, s_i = max(a_i - y_i, y_i - b_i). Over all
    held-out rows i, each with the model k(i) that has not seen it, the interval at x is

        [ -Q{s_i - a_k(i)(x)},  Q{s_i + b_k(i)(x)} ],

    Q the ⌈coverage (n + 1)⌉-th smallest of n values. For one holdout this is split
    conformal prediction, [a(x) - Q{s_i}, b(x) + Q{s_i}]; for folds it is CV+. With
    `loss='quantile'` and a list of quantiles it is conformalized quantile regression:
    the width then follows x, else it is the same everywhere (but for the folds).

    Nothing is trained. The models come from the splits of the chosen candidate
    (``held_out_`` of the search). The model that ``predict`` uses has seen all rows,
    and is not among them: a prediction need not be in the middle of its interval.

    Parameters
    ----------
    search : AlphaSearchCV or MLPRegressorCV
        Fitted, with a regressor.
    X : array-like or sparse matrix of shape (n_samples, n_features)
        As for ``predict``.
    coverage : float, default=0.9
        In (0, 1).

    Returns
    -------
    lower, upper : ndarray of shape (n_samples,) or (n_samples, n_targets)
        In the units of y; of several targets each has the coverage by itself.

    Raises
    ------
    ValueError
        If the search has not kept its models, if a row was held out more than once, or
        if there are too few rows for the coverage.

    See Also
    --------
    prediction_set : The same for classes.

    Notes
    -----
    If training and future rows are exchangeable, a future y lies in its interval with a
    probability of at least `coverage` for a holdout, and of at least 2 coverage - 1 -
    2/(m + 1) for folds of m rows, where it is near `coverage` in practice: over all x
    together, not for each x. This takes λ as given. It was chosen on the same held-out
    rows, out of a few dozen values, which makes their scores somewhat small; with few
    rows and many candidates hold out rows of your own to see by how much.

    Rows with weights count by them.

    References
    ----------
    Barber, Candès, Ramdas & Tibshirani, "Predictive inference with the jackknife+",
    2021 (CV+, theorem 4). Romano, Patterson & Candès, "Conformalized quantile
    regression", 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_diabetes
    >>> from skl2.inspection import prediction_interval
    >>> from skl2.model_selection import MLPRegressorCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = MLPRegressorCV(n_estimators=2, random_state=0).fit(X[:300], y[:300])
    >>> lower, upper = prediction_interval(reg, X[300:])
    >>> bool(np.mean((lower <= y[300:]) & (y[300:] <= upper)) > 0.8)
    True
    """
    held_out, X = _held_out(search, X, coverage, "prediction_interval")
    if is_classifier(held_out[0].model):
        raise TypeError("prediction_interval is for numbers: use prediction_set.")
    targets = [split.y.reshape(len(split.y), -1) for split in held_out]
    one_target = targets[0].shape[1] == 1
    bounds = [_bounds(split.prediction, one_target) for split in held_out]
    scores = [
        np.maximum(low - y, y - high)
        for (low, high), y in zip(bounds, targets, strict=True)
    ]
    ahead = [_bounds(split.model.predict(X), one_target) for split in held_out]
    weights, rank = _rank(held_out, coverage)
    lower = -_shifted([-low for low, _ in ahead], scores, weights, rank)
    upper = _shifted([high for _, high in ahead], scores, weights, rank)
    # Quantiles that are too wide are moved inward, here and there past each other.
    middle = 0.5 * (lower + upper)
    lower = np.minimum(lower, middle)
    upper = np.maximum(upper, middle)
    return (lower[:, 0], upper[:, 0]) if one_target else (lower, upper)


def prediction_set(search, X, *, coverage=0.9):
    """Sets of classes that hold a share of labels, from a search's held-out rows.

    The score of a held-out row is s_i = 1 - p, p the probability of its class by the
    model k(i) that has not seen it. The class c is in the set at x if fewer than
    coverage (n + 1) of the n scores s_i are below 1 - p_c(x), each compared by its own
    model k(i). For one holdout: if 1 - p_c(x) <= Q{s_i}, see ``prediction_interval``.

    Nothing is trained, see ``prediction_interval``, whose notes on the guarantee and on
    the choice of λ hold here as well. A set may have no class.

    Parameters
    ----------
    search : AlphaSearchCV or MLPClassifierCV
        Fitted, with a classifier of one label a row.
    X : array-like or sparse matrix of shape (n_samples, n_features)
        As for ``predict``.
    coverage : float, default=0.9
        In (0, 1).

    Returns
    -------
    sets : ndarray of bool, shape (n_samples, n_classes)
        Whether each class is in the set, in the order of ``classes_``.

    Raises
    ------
    ValueError
        As ``prediction_interval``; and for several labels a row.

    See Also
    --------
    prediction_interval : The same for numbers.

    References
    ----------
    Sadinle, Lei & Wasserman, "Least ambiguous set-valued classifiers with bounded error
    levels", 2019. Romano, Sesia & Candès, "Classification with valid and adaptive
    coverage", 2020 (folds).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skl2.inspection import prediction_set
    >>> from skl2.model_selection import MLPClassifierCV
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MLPClassifierCV(n_estimators=2, random_state=0).fit(X, y)
    >>> sets = prediction_set(clf, X, coverage=0.95)
    >>> bool(sets[range(150), y].mean() > 0.9)
    True
    """
    held_out, X = _held_out(search, X, coverage, "prediction_set")
    if not is_classifier(held_out[0].model):
        raise TypeError("prediction_set is for classes: use prediction_interval.")
    if held_out[0].y.ndim > 1 and held_out[0].y.shape[1] > 1:
        raise ValueError("prediction_set needs one label a row, got several.")
    labels = [np.ravel(split.y) for split in held_out]
    known = [split.model.classes_ for split in held_out]
    classes = np.unique(np.concatenate(labels + known))
    weights, rank = _rank(held_out, coverage)
    below = 0.0
    for split, y, weight in zip(held_out, labels, weights, strict=True):
        own = _missing_probability(split.model, split.prediction, classes)
        scores = own[np.arange(len(y)), np.searchsorted(classes, y)]
        order = np.argsort(scores)
        up_to = np.concatenate([[0.0], np.cumsum(weight[order])])
        ahead = _missing_probability(split.model, split.model.predict_proba(X), classes)
        below = below + up_to[np.searchsorted(scores[order], ahead)]
    return below < rank


def _held_out(search, X, coverage, caller):
    """What the search has kept, and X as its models take it."""
    if not isinstance(search, AlphaSearchCV | MLPClassifierCV | MLPRegressorCV):
        raise TypeError(
            f"{caller} needs a search of skl2 that keeps the rows it holds out, an "
            "AlphaSearchCV, MLPClassifierCV or MLPRegressorCV, got "
            f"{type(search).__name__}."
        )
    if not Number(Real, "(0, 1)").accepts(coverage):
        raise ValueError(f"coverage must be a number in (0, 1), got {coverage!r}.")
    check_is_fitted(search)
    if not isinstance(search, AlphaSearchCV):
        X = search._checked(X, reset=False)
    held_out = search.held_out_
    if held_out is None:
        raise ValueError(
            f"{caller} needs held_out_, which this search has not kept: some of its "
            "fits have failed, or it has several scorers. Give one `scoring`, and look "
            "at the warnings of the fits."
        )
    rows = np.concatenate([split.rows for split in held_out])
    if len(np.unique(rows)) < len(rows):
        raise ValueError(
            f"{caller} needs each row to be held out once at most, but this search has "
            "held out some rows several times: give folds or one holdout as `cv`."
        )
    return held_out, X


def _bounds(prediction, one_target):
    """Lowest and highest predicted quantile, each (n_rows, n_targets)."""
    prediction = np.asarray(prediction, dtype=np.float64).reshape(len(prediction), -1)
    if one_target:
        return prediction[:, :1], prediction[:, -1:]
    return prediction, prediction


def _missing_probability(model, p, classes):
    """1 - p of each of `classes`, 1 for those that the model does not know."""
    missing = np.ones((len(p), len(classes)))
    missing[:, np.searchsorted(classes, model.classes_)] -= p
    return missing


def _rank(held_out, coverage):
    """Weights of the held-out rows of each split, and coverage · (their sum + 1)."""
    weights = [
        np.ones(len(split.y)) if split.weight is None else split.weight
        for split in held_out
    ]
    n = float(sum(weight.sum() for weight in weights))
    rank = coverage * (n + 1.0) - ROUNDING
    if rank > n:
        raise ValueError(
            f"coverage={coverage!r} needs {ceil(coverage / (1.0 - coverage))} rows "
            f"held out at least, and the search has held out {n:g}: lower the "
            "coverage, or search with more rows."
        )
    return weights, rank


def _quantile(values, weights, rank):
    """The smallest of the values up to which their weights reach a rank, along axis 0.

    Parameters
    ----------
    values : ndarray of shape (n_held_out, ...)
    weights : ndarray of shape (n_held_out,)
    rank : float
    """
    if (weights == 1.0).all():
        place = ceil(rank) - 1
        return np.partition(values, place, axis=0)[place]
    order = np.argsort(values, axis=0)
    place = (np.cumsum(weights[order], axis=0) >= rank).argmax(axis=0)
    found = np.take_along_axis(order, place[np.newaxis], axis=0)
    return np.take_along_axis(values, found, axis=0)[0]


def _shifted(ahead, scores, weights, rank):
    """The quantile of the scores, each added to what its model predicts ahead.

    Parameters
    ----------
    ahead : list of ndarray of shape (n_samples, n_targets)
        Of the model of each split.
    scores : list of ndarray of shape (n_rows, n_targets)
        Of the rows held out in each split.
    weights : list of ndarray of shape (n_rows,)
    rank : float
    """
    together = np.concatenate(weights)
    if len(scores) == 1:
        return ahead[0] + _quantile(scores[0], together, rank)
    shifted = np.empty_like(ahead[0])
    size = max(1, CHUNK_ELEMENTS // (len(together) * shifted.shape[1]))
    for start in range(0, len(shifted), size):
        rows = slice(start, start + size)
        values = np.concatenate(
            [s[:, np.newaxis] + a[rows] for s, a in zip(scores, ahead, strict=True)]
        )
        shifted[rows] = _quantile(values, together, rank)
    return shifted
