"""The rule of one standard error, for the results of any search over alpha."""

import numpy as np


def one_standard_error(cv_results, metric="score"):
    """Index of the simplest candidate within one standard error of the best.

    For the `refit` of ``AlphaSearchCV`` and ``GridSearchCV``. Of the candidates that
    differ from the best in λ alone (the parameter named ``alpha``), and whose mean
    score is at least that of the best minus its standard error over folds, the one of
    the largest λ. Breiman et al., "Classification and regression trees", 1984. It is
    for choosing sparse models; for prediction the best is better as a rule (Chen &
    Yang, "The one standard error rule for model selection", 2021).

    Parameters
    ----------
    cv_results : dict of ndarray
        Of a search.
    metric : str, default="score"
        Name of one of several scorers, see ``functools.partial``.

    Returns
    -------
    best_index : int

    Raises
    ------
    ValueError
        If there is no such score, if no parameter, or more than one, is named
        ``alpha``, or if there is one split only, which has no standard error.
    """
    name = alpha_parameter(cv_results)
    scores = split_scores(cv_results, metric)
    if len(scores) < 2:
        raise ValueError(
            "one_standard_error needs two splits at least: give cv=5, for example."
        )
    means = np.where(np.isfinite(scores).all(axis=0), scores.mean(axis=0), -np.inf)
    best = int(means.argmax())
    within = means >= means[best] - standard_error(scores[:, best])
    rows = [row for row in rows_of_one_walk(cv_results, best, name) if within[row]]
    params = cv_results["params"]
    return max(rows, key=lambda row: (np.max(params[row][name]), means[row]))


def split_scores(cv_results, metric="score"):
    """Held-out scores of one metric, shape (n_splits, n_candidates)."""
    columns = [
        column
        for name, column in cv_results.items()
        if name.startswith("split") and name.endswith(f"_test_{metric}")
    ]
    if not columns:
        raise ValueError(
            f"The results have no scores named {metric!r}: give the name of one of "
            "the scorers as metric."
        )
    return np.stack(columns)


def standard_error(scores):
    """Standard error of the mean over folds; 0 for a single one."""
    if len(scores) < 2:
        return 0.0
    return float(np.std(scores, ddof=1) / np.sqrt(len(scores)))


def alpha_parameter(cv_results):
    """Name of the one parameter called alpha.

    Raises
    ------
    ValueError
        If there is none, or more than one.
    """
    names = [
        name.removeprefix("param_")
        for name in cv_results
        if name == "param_alpha"
        or (name.startswith("param_") and name.endswith("__alpha"))
    ]
    if len(names) != 1:
        raise ValueError(
            f"There must be one parameter called alpha in the results, got {names}."
        )
    return names[0]


def rows_of_one_walk(cv_results, index, alpha_name):
    """Indices of the candidates that differ from that at `index` in λ alone."""

    def others(params):
        return {k: str(v) for k, v in params.items() if k != alpha_name}

    params = cv_results["params"]
    return [i for i, own in enumerate(params) if others(own) == others(params[index])]
