"""Preprocessing of tables: numeric columns encoded for a network."""

from numbers import Integral
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import check_array, check_consistent_length, gen_batches
from sklearn.utils.validation import (
    check_is_fitted,
    check_non_negative,
    validate_data,
)

from skl2._estimators.checks import few_valid_numbers

# Columns with at most so many distinct values get no ramps.
FEW_VALUES = 10
# What `clip` leaves at either end of the range of the training rows, as a share of it.
# No margin costs where y grows with a skewed column (1.2 times the test loss); without
# any limit, losses on 14 small tables were up to 7 times as high.
CLIP_MARGIN = 0.25
# The edges of every column without ramps, one object: pickles of wide tables are small.
_NO_EDGES = np.array([])
# Values encoded at once: 2 MB of float64, which a cache holds through all operations.
_BLOCK_SIZE = 2**18


class PiecewiseLinearEncoder(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Standardizes numeric columns and adds ramps over their quantile bins.

    Let k₀ < k₁ < … < k_T be quantiles of a column x: the edges of T bins of about the
    same number of training rows. The column becomes the 1 + T columns ::

        (x − mean) / sd
        (r_t − mean(r_t)) / (sd(r_t) √T),   t = 1 … T,
            where r_t = clip((x − k_{t−1}) / (k_t − k_{t−1}), 0, 1)

    Ramp r_t is 0 below bin t, 1 above it and linear inside. A network that gets ramps
    can bend at every edge without spending a hidden unit on it, so it learns relations
    with thresholds, where trees are good, from fewer rows. Means and standard
    deviations (sd) are taken over the training rows, weighted. The factor 1/√T makes
    the variances of a column's ramps add up to 1, the variance of the column itself.

    Parameters
    ----------
    n_bins : int or None, default=16
        Number of quantile bins of a column with more than 10 distinct values. Equal
        quantiles are merged: T is smaller than `n_bins` where one value is frequent. A
        column with at most 10 distinct values is standardized only, and with 0 or None
        every column is.

    passthrough_binary : bool, default=False
        Whether columns that hold 0 and 1 only, indicators of missing values included,
        stay as they are instead of being standardized.

    min_missing : int, default=1
        Training rows with a missing value from which a column gets an indicator of
        missing values. What one or two rows say about missing values is no more than
        chance.

    clip : bool, default=False
        Whether the column itself, too, stays within the range of the training rows,
        with a quarter of it more at either end. One extreme value can then not carry a
        prediction far away.

    dtype : {np.float32, np.float64} or None, default=None
        Type of the output; None keeps that of X.

    Attributes
    ----------
    bin_edges_ : list of `n_features_in_` ndarrays of shape (T + 1,)
        The edges k₀ … k_T of each column, in its units; empty for a column without
        ramps.

    missing_features_ : ndarray of shape (n_missing,)
        Indices of the columns that have an indicator of missing values.

    n_features_in_ : int
        Number of columns seen in `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns seen in `fit`, if all of them are strings.

    See Also
    --------
    sklearn.preprocessing.StandardScaler : The same without ramps.
    sklearn.preprocessing.KBinsDiscretizer : Steps instead of ramps.

    Notes
    -----
    **Output.** Each column is followed by its ramps (``age_bin1``, ``age_bin2``, …) and
    its indicator of missing values (``age_missing``), if it has them. float32 stays
    float32; the arithmetic is done in float64 and rounded once.

    **Missing values.** A column with NaN in `min_missing` training rows or more gets an
    indicator, 1 where the value is missing, standardized like any other column. A
    missing value sets the column and its ramps to 0, their mean. Mean, sd and quantiles
    are computed from the present values. A column with less or nothing but NaN in `fit`
    has no indicator; a NaN that `transform` meets there is encoded as the mean.

    **Beyond the ends** of the training values ramps stay at 0 or 1, and the column goes
    on, unless `clip` ends it. (The ramps of the source go on.)

    **Constant columns** are 0, also for values not seen in `fit`: a network has no way
    to learn a weight for them.

    **Quantiles** invert the distribution function and average where it jumps
    (``method='averaged_inverted_cdf'`` of `numpy.quantile`). Therefore an integer
    `sample_weight` equals so many copies of the row exactly; 0 removes the row.
    (`min_missing` counts rows.)

    References
    ----------
    Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in tabular
    deep learning", NeurIPS 2022 (there without the column itself, standardization, √T).

    Examples
    --------
    >>> import numpy as np
    >>> from skl2.preprocessing import PiecewiseLinearEncoder
    >>> X = np.linspace(0, 100, 21).reshape(-1, 1)
    >>> encoder = PiecewiseLinearEncoder(n_bins=4).fit(X)
    >>> encoder.bin_edges_
    [array([  0.,  25.,  50.,  75., 100.])]
    >>> encoder.get_feature_names_out(["age"])
    array(['age', 'age_bin1', 'age_bin2', 'age_bin3', 'age_bin4'],
          dtype=object)
    """

    def __init__(
        self,
        n_bins=16,
        *,
        passthrough_binary=False,
        min_missing=1,
        clip=False,
        dtype=None,
    ):
        self.n_bins = n_bins
        self.passthrough_binary = passthrough_binary
        self.min_missing = min_missing
        self.clip = clip
        self.dtype = dtype

    def fit(self, X, y=None, sample_weight=None):
        """Learn the quantiles, means and standard deviations of each column.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers, NaN where missing.

        y : None
            Ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, not negative and not all 0; None means 1 each.

        Returns
        -------
        self : PiecewiseLinearEncoder
            The fitted encoder.

        Raises
        ------
        ValueError
            If a parameter or `sample_weight` is not as described, or if a column has
            infinity or values further apart than a float64 can tell.

        TypeError
            If X is sparse.
        """
        self._check_parameters()
        X = self._check_data(X, reset=True)
        if sample_weight is not None:
            sample_weight = _check_weights(sample_weight, X)
        outputs = []
        bin_edges = []
        missing_features: list[int] = []
        for index, column in enumerate(X.T):
            present, indicator = _distributions(column, sample_weight, self.min_missing)
            edges = self._bin_edges(present)
            bin_edges.append(edges)
            outputs.append(self._linear(index, present))
            outputs += _ramps(index, present, edges)
            if indicator is not None:
                source = X.shape[1] + len(missing_features)
                missing_features.append(index)
                outputs.append(self._linear(source, indicator))
        self.bin_edges_ = bin_edges
        self.missing_features_ = np.array(missing_features, dtype=np.intp)
        self._outputs = np.array(outputs, dtype=_OUTPUT)
        # The width of subnormal numbers may be rounded to 0, which would give 0/0.
        width = self._outputs["width"]
        np.maximum(width, np.finfo(np.float64).tiny, out=width)
        return self

    def transform(self, X):
        """Encode each column.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers, NaN where missing.

        Returns
        -------
        X_encoded : ndarray of shape (n_samples, n_features_out)
            Each column followed by its ramps and its indicator of missing values;
            of `dtype`, or else float32 if X is, and float64 otherwise.

        Raises
        ------
        ValueError
            If X has other columns than in `fit`, or if a column has infinity or values
            further apart than a float64 can tell.

        TypeError
            If X is sparse.
        """
        check_is_fitted(self)
        X = self._check_data(X, reset=False)
        n_outputs = len(self._outputs)
        encoded = np.empty((len(X), n_outputs), dtype=self.dtype or X.dtype)
        for rows in gen_batches(len(X), max(1, _BLOCK_SIZE // n_outputs)):
            encoded[rows] = self._encode(X[rows])
        return encoded

    def get_feature_names_out(self, input_features=None):
        """Names of the columns of the output.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns of the input; None means `feature_names_in_`, or
            ``x0``, ``x1``, … where X had no names.

        Returns
        -------
        feature_names_out : ndarray of shape (n_features_out,) of str
            The name of a column, followed by ``_bin1``, ``_bin2``, … for its ramps and
            by ``_missing`` for its indicator of missing values.
        """
        names = super().get_feature_names_out(input_features)
        missing = set(self.missing_features_)
        names_out = []
        for index, (name, edges) in enumerate(zip(names, self.bin_edges_, strict=True)):
            names_out.append(name)
            names_out += [f"{name}_bin{t}" for t in range(1, len(edges))]
            if index in missing:
                names_out.append(f"{name}_missing")
        return np.array(names_out, dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _check_parameters(self):
        n_bins = self.n_bins
        countable = isinstance(n_bins, Integral) and not isinstance(n_bins, bool)
        if n_bins is not None and not (countable and n_bins >= 0):
            raise ValueError(
                "The 'n_bins' parameter of PiecewiseLinearEncoder must be an integer "
                f">= 0 or None. Got {n_bins!r} instead."
            )
        count = self.min_missing
        if not isinstance(count, Integral) or isinstance(count, bool) or count < 1:
            raise ValueError(
                "The 'min_missing' parameter of PiecewiseLinearEncoder must be an "
                f"integer >= 1. Got {count!r} instead."
            )
        for name in ("passthrough_binary", "clip"):
            if not isinstance(value := getattr(self, name), bool | np.bool_):
                raise ValueError(
                    f"The {name!r} parameter of PiecewiseLinearEncoder must be True or "
                    f"False. Got {value!r} instead."
                )
        if self.dtype not in (None, np.float32, np.float64):
            raise ValueError(
                "The 'dtype' parameter of PiecewiseLinearEncoder must be np.float32, "
                f"np.float64 or None. Got {self.dtype!r} instead."
            )

    def _check_data(self, X, reset):
        few = None if reset else few_valid_numbers(self, X, accept_sparse=False)
        if few is not None:
            X = few
        else:
            X = validate_data(
                self,
                X,
                reset=reset,
                dtype=[np.float64, np.float32],
                # Infinity gets an error of its own, which names the columns.
                ensure_all_finite=False,
            )
        highest = np.fmax.reduce(X).astype(np.float64)
        lowest = np.fmin.reduce(X).astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            finite = np.isfinite(highest - lowest)
        bad = np.flatnonzero(~finite & ~np.isnan(highest))
        if len(bad):
            names = getattr(self, "feature_names_in_", range(X.shape[1]))
            columns = ", ".join(repr(names[index]) for index in bad)
            raise ValueError(
                "X has infinity, or values further apart than a float64 can tell, in "
                f"column {columns}. Replace them by finite values, or by NaN if they "
                "mean a missing value."
            )
        return X

    def _bin_edges(self, present):
        if not self.n_bins or len(present.values) <= FEW_VALUES:
            return _NO_EDGES
        return np.unique(present.quantiles(self.n_bins))

    def _linear(self, source, distribution):
        """The column itself: standardized, passed through if binary, 0 if constant."""
        values = distribution.values
        if len(values) < 2:
            return _Output(source, centre=0.0, width=1.0, low=0.0, high=0.0, fill=0.0)
        lowest = values[0]
        highest = values[-1]
        mean, sd = distribution.ramp_moments(lowest, highest)
        mean = lowest + mean * (highest - lowest)
        sd *= highest - lowest
        if self.passthrough_binary and np.array_equal(values, [0.0, 1.0]):
            return _Output(source, centre=0.0, width=1.0, fill=mean)
        if not self.clip:
            return _Output(source, centre=mean, width=sd)
        margin = CLIP_MARGIN * (highest - lowest)
        low = (lowest - margin - mean) / sd
        high = (highest + margin - mean) / sd
        return _Output(source, centre=mean, width=sd, low=low, high=high)

    def _encode(self, X):
        """The float64 encoding of some rows, in the range of the output's dtype."""
        # A column each, contiguous.
        source, centre, width, low, high, fill = (
            self._outputs[name].copy() for name in _Output._fields
        )
        missing = np.isnan(X)
        inputs = np.hstack([X, missing[:, self.missing_features_]], dtype=np.float64)
        encoded = np.take(inputs, source, axis=1)
        # Values that overflow are clipped.
        with np.errstate(over="ignore"):
            encoded -= centre
            encoded /= width
        largest = np.finfo(self.dtype or X.dtype).max
        # Measured: half the time of np.clip with arrays of bounds.
        np.maximum(encoded, np.maximum(low, -largest), out=encoded)
        np.minimum(encoded, np.minimum(high, largest), out=encoded)
        if missing.any():
            np.copyto(encoded, fill, where=np.isnan(encoded))
        return encoded


class _Output(NamedTuple):
    """An output column: clip((x − centre) / width, low, high), `fill` if x is missing.

    x is the input column `source`. The indicators of missing values count as further
    input columns.
    """

    source: int
    centre: float
    width: float
    low: float = -np.inf
    high: float = np.inf
    fill: float = 0.0


_OUTPUT = np.dtype(
    [("source", np.intp), *((name, np.float64) for name in _Output._fields[1:])]
)


def _ramps(source, distribution, edges):
    """The ramps between `edges`, standardized and divided by √T."""
    outputs: list[_Output] = []
    if len(edges) < 2:
        return outputs
    factor = 1 / np.sqrt(len(edges) - 1)
    for lo, hi in zip(edges[:-1], edges[1:], strict=True):
        mean, sd = distribution.ramp_moments(lo, hi)
        scale = factor / sd
        outputs.append(
            _Output(
                source,
                centre=lo + mean * (hi - lo),
                width=(hi - lo) / scale,
                low=-mean * scale,
                high=(1 - mean) * scale,
            )
        )
    return outputs


class _Distribution:
    """The weighted distribution of one column.

    Everything is computed from the distinct values and the weight of each, so that
    weights and repeated rows give the same bits.

    Parameters
    ----------
    column : ndarray of shape (n_rows,)
        Values, none of them NaN.

    sample_weight : ndarray of shape (n_rows,) or None
        Positive weights.
    """

    def __init__(self, column, sample_weight):
        if sample_weight is None:
            values, weights = _value_counts(column)
        else:
            values, inverse = np.unique(column, return_inverse=True)
            weights = np.bincount(inverse, sample_weight)
        self.values = values.astype(np.float64)
        self.weights = weights.astype(np.float64)
        self.cumulative = np.zeros(len(values) + 1)
        self.weights.cumsum(out=self.cumulative[1:])

    def quantiles(self, n_bins):
        """The quantiles 0, 1/n_bins, …, 1: the inverse CDF, averaged at jumps."""
        # The product first: a quantile that falls on a jump is then found exactly.
        wanted = np.arange(n_bins + 1) * self.cumulative[-1] / n_bins
        reached = self.cumulative[1:]
        last = len(self.values) - 1
        left = self.values[np.minimum(np.searchsorted(reached, wanted, "left"), last)]
        right = self.values[np.minimum(np.searchsorted(reached, wanted, "right"), last)]
        return left + (right - left) / 2

    def ramp_moments(self, lo, hi):
        """Mean and standard deviation of clip((x − lo) / (hi − lo), 0, 1)."""
        first, last = self.values.searchsorted([lo, hi])
        weights = self.weights[first:last]
        ramp = (self.values[first:last] - lo) / (hi - lo)
        total = self.cumulative[-1]
        below = self.cumulative[first]
        above = total - self.cumulative[last]
        # Not by BLAS, whose threads waited 20 ms for each other on a busy machine; the
        # sum takes 0.05 ms.
        mean = ((weights * ramp).sum() + above) / total
        squares = (weights * (ramp - mean) ** 2).sum()
        squares += below * mean**2 + above * (1 - mean) ** 2
        return mean, np.sqrt(squares / total)


def _value_counts(column):
    """Distinct values, ascending, and how often each occurs: np.unique's, in less time.

    Wide tables have columns of few rows, for which its overhead is most of the time.
    """
    values = np.sort(column)
    first = np.ones(len(values), dtype=bool)
    np.not_equal(values[1:], values[:-1], out=first[1:])
    starts = np.append(np.flatnonzero(first), len(values))
    return values[first], starts[1:] - starts[:-1]


def _distributions(column, sample_weight, min_missing):
    """The distributions of the present values of a column and of its indicator.

    The indicator of missing values is None where it would be constant, or 1 in fewer
    than `min_missing` rows.
    """
    if sample_weight is not None:
        counted = sample_weight > 0
        column = column[counted]
        sample_weight = sample_weight[counted]
    missing = np.isnan(column)
    if not missing.any():
        return _Distribution(column, sample_weight), None
    n_missing = np.count_nonzero(missing)
    indicator = None
    if min_missing <= n_missing < len(missing):
        indicator = _Distribution(missing, sample_weight)
    column = column[~missing]
    sample_weight = None if sample_weight is None else sample_weight[~missing]
    return _Distribution(column, sample_weight), indicator


def _check_weights(sample_weight, X):
    weights = check_array(
        sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
    )
    if weights.ndim != 1:
        raise ValueError(
            f"sample_weight has shape {weights.shape}; expected one weight a row of X, "
            f"({len(X)},)."
        )
    check_consistent_length(X, weights)
    check_non_negative(weights, "sample_weight")
    if not weights.any():
        raise ValueError(
            "sample_weight is zero for every row; at least one must be > 0."
        )
    return weights
