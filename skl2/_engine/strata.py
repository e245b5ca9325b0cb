"""What a stratified split can keep: strata large enough for both sides."""

import math

import numpy as np


def splittable_strata(labels, share):
    """The strata by which rows can be split, each with rows on both sides.

    These are the labels themselves if scikit-learn can stratify by them. If it cannot,
    labels too rare for one row on each side are one stratum together, and the next
    rarer ones join them until that stratum is large enough.

    Parameters
    ----------
    labels : ndarray of int, shape (n_rows,)
    share : float in (0, 1)
        Share of the rows that are held out.

    Returns
    -------
    strata : ndarray of int, shape (n_rows,), or None
        None if only one stratum would be left.
    """
    _, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
    n_held_out = math.ceil(share * len(labels))
    rarest = int(counts.min())
    if rarest > 1 and len(counts) <= min(n_held_out, len(labels) - n_held_out):
        return index
    rows_on_smaller_side = counts * min(share, 1.0 - share)
    order = np.argsort(counts, kind="stable")
    n_rare = int(np.count_nonzero(rows_on_smaller_side < 1.0))
    pooled = np.cumsum(rows_on_smaller_side[order])
    n_pooled = max(n_rare, int(np.searchsorted(pooled, 1.0)) + 1)
    if n_pooled >= len(counts):
        return None
    strata = np.arange(len(counts))
    strata[order[:n_pooled]] = order[0]
    return strata[index]
