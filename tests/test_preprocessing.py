"""The encoder: its formula, weights as repetition, missing values, clear errors."""

import pickle
import tracemalloc

import numpy as np
import pytest
from helpers import assert_estimator_contract
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

from skl2.preprocessing import PiecewiseLinearEncoder

RNG = np.random.RandomState(0)
N_ROWS = 400
# One column of each kind that the encoder treats in its own way.
COLUMNS = {
    "normal": RNG.standard_normal(N_ROWS),
    "heavy_tails": RNG.standard_cauchy(N_ROWS),
    "far_from_zero": 100 + RNG.standard_normal(N_ROWS),
    "rounded": RNG.randint(30, size=N_ROWS).astype(float),
    "mostly_zero": RNG.standard_normal(N_ROWS) * (RNG.random(N_ROWS) > 0.8),
    "eleven": np.arange(N_ROWS) % 11.0,
    "ten": np.arange(N_ROWS) % 10.0,
    "binary": np.arange(N_ROWS) % 3 == 0.0,
    "two_values": 5.0 + 7.0 * (np.arange(N_ROWS) % 2),
    "constant": np.full(N_ROWS, 0.1),
}
NAMES = list(COLUMNS)
WITH_RAMPS = NAMES[:6]
X = np.column_stack(list(COLUMNS.values()))
X_MISSING = np.where(RNG.random(X.shape) < 0.1, np.nan, X)
# Multiples of 1/4, some zero; as integers, copies of the rows.
COPIES = RNG.randint(4, size=N_ROWS)

each_column = pytest.mark.parametrize("name", NAMES)
# Powers of 2: NumPy multiplies the level i / n_bins by the number of rows, which is
# exact for them only.
each_n_bins = pytest.mark.parametrize("n_bins", [1, 2, 16, 512])


@pytest.mark.parametrize(
    "params", [{}, {"n_bins": 0}, {"n_bins": 3, "passthrough_binary": True}], ids=str
)
def test_estimator_contract(params):
    assert_estimator_contract(PiecewiseLinearEncoder(**params))


def frame(X, names=NAMES):
    return pytest.importorskip("pandas").DataFrame(X, columns=names)


def encoded(X, fitted_on=None, **parameters):
    """The output as a DataFrame, by name of column."""
    encoder = PiecewiseLinearEncoder(**parameters).set_output(transform="pandas")
    return encoder.fit(frame(X if fitted_on is None else fitted_on)).transform(frame(X))


def ramps(Z, name):
    return Z[[column for column in Z if column.startswith(f"{name}_bin")]].to_numpy()


# The formula.


@each_n_bins
@pytest.mark.parametrize("name", WITH_RAMPS)
def test_ramps_are_the_formula_between_numpys_quantiles(name, n_bins):
    x = COLUMNS[name]
    levels = np.arange(n_bins + 1) / n_bins
    edges = np.unique(np.quantile(x, levels, method="averaged_inverted_cdf"))
    expected = []
    for lo, hi in zip(edges[:-1], edges[1:], strict=True):
        ramp = np.clip((x - lo) / (hi - lo), 0, 1)
        expected.append((ramp - ramp.mean()) / ramp.std() / np.sqrt(len(edges) - 1))
    encoder = PiecewiseLinearEncoder(n_bins).fit(frame(X))
    assert_allclose(encoder.bin_edges_[NAMES.index(name)], edges, rtol=1e-15)
    Z = encoded(X, n_bins=n_bins)
    assert_allclose(ramps(Z, name), np.column_stack(expected), atol=1e-9)


def test_columns_are_those_of_standard_scaler():
    expected = StandardScaler().fit_transform(X)
    assert_allclose(encoded(X)[NAMES], expected, atol=1e-9)
    assert_allclose(
        PiecewiseLinearEncoder(n_bins=0).fit_transform(X), expected, atol=1e-9
    )


@pytest.mark.parametrize("data", [X, X_MISSING], ids=["present", "missing"])
@pytest.mark.parametrize("weights", [None, COPIES / 4], ids=["unweighted", "weighted"])
def test_every_output_is_standardized(data, weights):
    encoder = PiecewiseLinearEncoder().fit(data, sample_weight=weights)
    Z = encoder.transform(data)
    weights = np.ones(N_ROWS) if weights is None else weights
    for j, (name, edges) in enumerate(zip(NAMES, encoder.bin_edges_, strict=True)):
        present = ~np.isnan(data[:, j])
        n_ramps = max(0, len(edges) - 1)
        block, Z = Z[present, : 1 + n_ramps], Z[:, 1 + n_ramps :]
        mean = np.average(block, axis=0, weights=weights[present])
        variance = np.average(block**2, axis=0, weights=weights[present])
        expected = np.array([1.0, *np.full(n_ramps, 1.0) / max(1, n_ramps)])
        if name == "constant":
            expected[:] = 0
        assert_allclose(mean, 0, atol=1e-12)
        assert_allclose(variance, expected, rtol=1e-11)
        if j in encoder.missing_features_:
            indicator, Z = Z[:, 0], Z[:, 1:]
            assert_allclose(np.average(indicator, weights=weights), 0, atol=1e-12)
            assert_allclose(np.average(indicator**2, weights=weights), 1, rtol=1e-12)
    assert Z.shape[1] == 0


@each_column
def test_only_columns_of_more_than_ten_values_have_ramps(name):
    assert (ramps(encoded(X), name).shape[1] > 0) == (name in WITH_RAMPS)


@pytest.mark.parametrize("n_bins", [0, None])
def test_without_bins_there_are_no_ramps(n_bins):
    encoder = PiecewiseLinearEncoder(n_bins).fit(frame(X))
    assert list(encoder.get_feature_names_out()) == NAMES
    assert [len(edges) for edges in encoder.bin_edges_] == [0] * len(NAMES)


def test_equal_quantiles_are_merged():
    edges = dict(zip(NAMES, PiecewiseLinearEncoder().fit(X).bin_edges_, strict=True))
    assert len(edges["normal"]) == 17
    assert len(edges["eleven"]) == 11
    assert len(edges["mostly_zero"]) < 8
    for name in WITH_RAMPS:
        assert (np.diff(edges[name]) > 0).all()
        assert edges[name][0] == COLUMNS[name].min()
        assert edges[name][-1] == COLUMNS[name].max()


@pytest.mark.parametrize("n_bins", [2, 3, 10, 49, 100])
def test_bins_hold_equal_shares_of_the_rows(n_bins):
    x = np.arange(30.0 * n_bins).reshape(-1, 1)
    edges = PiecewiseLinearEncoder(n_bins).fit(x).bin_edges_[0]
    # Halfway between the last value of a bin and the first of the next one.
    assert_array_equal(edges[1:-1], 30 * np.arange(1, n_bins) - 0.5)


def test_a_linear_model_of_ramps_bends_at_every_edge():
    encoder = PiecewiseLinearEncoder(n_bins=8)
    x = COLUMNS["normal"].reshape(-1, 1)
    Z = encoder.fit_transform(x)
    heights = RNG.standard_normal(9)
    y = np.interp(x[:, 0], encoder.bin_edges_[0], heights)
    assert_allclose(LinearRegression().fit(Z, y).predict(Z), y, atol=1e-12)


@pytest.mark.parametrize("scale", [0.25, 2.0**40, 2.0**-40])
def test_units_do_not_matter(scale):
    assert_array_equal(encoded(X * scale), encoded(X))


def test_reversed_values_give_reversed_ramps():
    x = COLUMNS["rounded"].reshape(-1, 1)
    Z = PiecewiseLinearEncoder().fit_transform(x)
    mirrored = PiecewiseLinearEncoder().fit_transform(-x)
    assert_allclose(mirrored[:, 0], -Z[:, 0], atol=1e-12)
    assert_allclose(mirrored[:, :0:-1], -Z[:, 1:], atol=1e-12)


# Weights.


@pytest.mark.parametrize("data", [X, X_MISSING], ids=["present", "missing"])
@each_n_bins
def test_weights_are_repetition(data, n_bins):
    encoder = PiecewiseLinearEncoder(n_bins)
    weighted = clone(encoder).fit(data, sample_weight=COPIES)
    repeated = clone(encoder).fit(np.repeat(data, COPIES, axis=0))
    for edges, expected in zip(weighted.bin_edges_, repeated.bin_edges_, strict=True):
        assert_array_equal(edges, expected)
    assert_array_equal(weighted.transform(data), repeated.transform(data))


def test_weight_zero_removes_a_row():
    data = np.vstack([X_MISSING, np.full((1, X.shape[1]), 1e9)])
    data = np.vstack([data, np.full((1, X.shape[1]), np.nan)])
    weights = RNG.random(len(data))
    weights[-2:] = 0
    with_zeros = PiecewiseLinearEncoder().fit(data, sample_weight=weights)
    without = PiecewiseLinearEncoder().fit(data[:-2], sample_weight=weights[:-2])
    assert_array_equal(with_zeros.transform(data), without.transform(data))


def test_a_column_that_is_missing_only_at_weight_zero_has_no_indicator():
    x = np.append(np.arange(20.0), np.nan).reshape(-1, 1)
    weights = np.append(np.ones(20), 0.0)
    encoder = PiecewiseLinearEncoder().fit(x, sample_weight=weights)
    assert len(encoder.missing_features_) == 0


def test_the_scale_of_weights_does_not_matter():
    encoder = PiecewiseLinearEncoder()
    Z = encoder.fit_transform(X, sample_weight=COPIES)
    assert_array_equal(encoder.fit_transform(X, sample_weight=COPIES / 4), Z)


@pytest.mark.parametrize(
    "weights, message",
    [
        (np.ones((N_ROWS, 1)), r"sample_weight has shape \(400, 1\)"),
        (np.ones(3), r"inconsistent numbers of samples: \[400, 3\]"),
        (np.zeros(N_ROWS), "sample_weight is zero for every row"),
        (-np.ones(N_ROWS), "Negative values in data passed to sample_weight"),
        (np.full(N_ROWS, np.nan), "sample_weight contains NaN"),
    ],
)
def test_bad_weights(weights, message):
    with pytest.raises(ValueError, match=message):
        PiecewiseLinearEncoder().fit(X, sample_weight=weights)


# Missing values.


def test_missing_values_are_the_mean_with_an_indicator():
    Z = encoded(X_MISSING)
    for j, name in enumerate(NAMES):
        missing = np.isnan(X_MISSING[:, j])
        assert_array_equal(Z.loc[missing, name], 0)
        assert_array_equal(ramps(Z, name)[missing], 0)
        share = missing.mean()
        expected = (missing - share) / np.sqrt(share * (1 - share))
        assert_allclose(Z[f"{name}_missing"], expected, rtol=1e-12)


@each_column
def test_present_values_are_encoded_as_without_the_missing_ones(name):
    missing = np.isnan(X_MISSING[:, NAMES.index(name)])
    x = COLUMNS[name].reshape(-1, 1)
    with_missing = np.where(missing.reshape(-1, 1), np.nan, x)
    Z = PiecewiseLinearEncoder().fit_transform(with_missing)[~missing, :-1]
    assert_array_equal(Z, PiecewiseLinearEncoder().fit_transform(x[~missing]))


def test_a_value_first_missing_in_transform_is_the_mean():
    Z = encoded(np.full_like(X, np.nan), fitted_on=X)
    assert not [name for name in Z if name.endswith("missing")]
    assert_array_equal(Z, 0)


def test_a_column_that_is_always_missing_is_zero():
    x = np.column_stack([np.full(30, np.nan), np.arange(30.0)])
    encoder = PiecewiseLinearEncoder(n_bins=2).fit(x)
    names = ["x0", "x1", "x1_bin1", "x1_bin2"]
    assert list(encoder.get_feature_names_out()) == names
    Z = encoder.transform(np.ones((3, 2)))
    assert Z.shape == (3, 4)
    assert_array_equal(Z[:, 0], 0)


# Values that training has not seen, constant and extreme columns.


def test_ramps_stay_beyond_the_ends_and_the_column_goes_on():
    x = np.linspace(-1, 1, 50).reshape(-1, 1)
    encoder = PiecewiseLinearEncoder(n_bins=5).fit(x)
    (low, below), (high, above) = (
        encoder.transform([[end], [9 * end]]) for end in (-1.0, 1.0)
    )
    assert_array_equal(below[1:], low[1:])
    assert_array_equal(above[1:], high[1:])
    assert_allclose([below[0], above[0]], [9 * low[0], 9 * high[0]])


def test_constant_columns_are_zero_for_any_value():
    x = np.array([[3.0, 0.0], [3.0, 0.0]])
    for encoder in (
        PiecewiseLinearEncoder(),
        PiecewiseLinearEncoder(passthrough_binary=True),
    ):
        assert_array_equal(encoder.fit(x).transform([[1e9, 1.0], [np.nan, 0.0]]), 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("unit", ["smallest_subnormal", "tiny", "max"])
def test_extreme_units_give_finite_outputs(dtype, unit):
    limits = np.finfo(dtype)
    unit = getattr(limits, unit)
    x = np.arange(64, dtype=dtype).reshape(-1, 1)
    x = x / dtype(64) * unit if unit == limits.max else x * unit
    encoder = PiecewiseLinearEncoder().fit(x)
    for rows in (x, [[limits.max]], [[limits.min / 4]], [[-0.0]]):
        Z = encoder.transform(np.asarray(rows, dtype=dtype))
        assert Z.dtype == dtype
        assert np.isfinite(Z).all()


def test_a_standard_deviation_that_underflows_gives_finite_outputs():
    x = np.zeros((1000, 1))
    x[0] = np.finfo(np.float64).smallest_subnormal
    assert np.isfinite(PiecewiseLinearEncoder().fit_transform(x)).all()


# Binary columns.


def test_binary_columns_pass_through():
    Z = encoded(X_MISSING, passthrough_binary=True)
    j = NAMES.index("binary")
    missing = np.isnan(X_MISSING[:, j])
    assert_array_equal(Z.loc[~missing, "binary"], X[~missing, j])
    assert_allclose(Z.loc[missing, "binary"], X[~missing, j].mean(), rtol=1e-15)
    for k, name in enumerate(NAMES):
        assert_array_equal(Z[f"{name}_missing"], np.isnan(X_MISSING[:, k]))
    others = [name for name in NAMES if name != "binary"]
    assert_array_equal(Z[others], encoded(X_MISSING)[others])


# Types, names, memory.


def test_float32_is_the_float64_result_rounded():
    single = X_MISSING.astype(np.float32)
    Z = PiecewiseLinearEncoder().fit_transform(single)
    double = PiecewiseLinearEncoder().fit_transform(single.astype(np.float64))
    assert Z.dtype == np.float32
    assert_array_equal(Z, double.astype(np.float32))


@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_are_encoded_one_by_one(order):
    data = np.tile(X_MISSING, (7, 1))
    encoder = PiecewiseLinearEncoder().fit(data)
    Z = encoder.transform(np.asarray(data, order=order))
    # More than one block of rows.
    assert Z.size > 2**18
    rows = [encoder.transform(data[i : i + 1]) for i in (0, 7, 1500, 2399)]
    assert_array_equal(Z[[0, 7, 1500, 2399]], np.vstack(rows))


def test_names():
    x = frame(X_MISSING[:, [0, 6]], ["age", "rooms"])
    encoder = PiecewiseLinearEncoder(n_bins=2).fit(x)
    names = ["age", "age_bin1", "age_bin2", "age_missing", "rooms", "rooms_missing"]
    assert list(encoder.get_feature_names_out()) == names
    unnamed = PiecewiseLinearEncoder(n_bins=2).fit(x.to_numpy())
    names = ["x0", "x0_bin1", "x0_bin2", "x0_missing", "x1", "x1_missing"]
    assert list(unnamed.get_feature_names_out()) == names
    assert list(unnamed.get_feature_names_out(["a", "b"]))[4:] == ["b", "b_missing"]
    with pytest.raises(ValueError, match="feature_names_in_"):
        encoder.get_feature_names_out(["a", "b"])


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_dataframes_in_and_out(container):
    # Integers and nulls, as tables have them.
    values = {"a": [*range(39), None], "b": [x / 7 for x in range(40)]}
    x = pytest.importorskip(container).DataFrame(values)
    if container == "pandas":
        x = x.astype({"a": "Int64"})
    encoder = PiecewiseLinearEncoder(n_bins=4).set_output(transform=container).fit(x)
    Z = encoder.transform(x)
    assert type(Z) is type(x)
    assert list(Z.columns) == list(encoder.get_feature_names_out())
    array = np.array([[np.nan if v is None else v for v in c] for c in values.values()])
    expected = PiecewiseLinearEncoder(n_bins=4).fit_transform(array.T)
    assert_array_equal(Z.to_numpy(), expected)


def test_pickled_and_cloned():
    encoder = PiecewiseLinearEncoder(5, passthrough_binary=True).fit(X_MISSING)
    Z = encoder.transform(X_MISSING)
    assert_array_equal(pickle.loads(pickle.dumps(encoder)).transform(X_MISSING), Z)
    assert_array_equal(clone(encoder).fit_transform(X_MISSING), Z)


def test_memory_is_the_output_and_a_few_blocks():
    data = np.tile(X.astype(np.float32), (100, 2))
    encoder = PiecewiseLinearEncoder().fit(data)
    tracemalloc.start()
    Z = encoder.transform(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Blocks are of 2 MB.
    assert Z.nbytes > 20e6
    assert peak < Z.nbytes + 7e6


# Errors.


@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_infinity_names_the_column(value, dtype):
    bad = X_MISSING.astype(dtype)
    bad[3, 1] = bad[5, 4] = value
    fitted = PiecewiseLinearEncoder().fit(frame(X))
    with pytest.raises(ValueError, match="in column 'heavy_tails', 'mostly_zero'"):
        fitted.transform(frame(bad))
    with pytest.raises(ValueError, match="in column 'heavy_tails', 'mostly_zero'"):
        PiecewiseLinearEncoder().fit(frame(bad))
    with pytest.raises(ValueError, match="in column 1, 4"):
        PiecewiseLinearEncoder().fit(bad)


def test_values_too_far_apart_name_the_column():
    x = np.zeros((20, 2))
    x[0, 1], x[1, 1] = -1e308, 1e308
    with pytest.raises(ValueError, match="further apart .* column 1"):
        PiecewiseLinearEncoder().fit(x)


def test_sparse_data_is_refused():
    with pytest.raises(TypeError, match="Sparse data was passed"):
        PiecewiseLinearEncoder().fit(csr_array(X))


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"n_bins": -1}, "'n_bins' parameter .* an integer >= 0 or None. Got -1"),
        ({"n_bins": 2.5}, "'n_bins' .* Got 2.5"),
        ({"n_bins": True}, "'n_bins' .* Got True"),
        ({"n_bins": "auto"}, "'n_bins' .* Got 'auto'"),
        ({"min_missing": 0}, "'min_missing' .* integer >= 1. Got 0"),
        ({"min_missing": 2.0}, "'min_missing' .* integer >= 1. Got 2.0"),
        ({"min_missing": True}, "'min_missing' .* integer >= 1. Got True"),
        ({"passthrough_binary": 1}, "'passthrough_binary' .* True or False. Got 1"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        PiecewiseLinearEncoder(**parameters).fit(X)


def test_clip_keeps_columns_near_the_range_of_the_training_rows():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((50, 3))
    X[::7, 1] = np.nan
    new = 10 * rng.standard_normal((20, 3))
    low, high = np.nanmin(X, axis=0), np.nanmax(X, axis=0)
    inside = np.clip(new, low - (high - low) / 4, high + (high - low) / 4)
    plain = PiecewiseLinearEncoder(4).fit(X)
    clipped = PiecewiseLinearEncoder(4, clip=True).fit(X)
    np.testing.assert_allclose(
        clipped.transform(new), plain.transform(inside), rtol=0, atol=1e-14
    )
    assert (clipped.transform(X) == plain.transform(X)).all()
    assert np.abs(plain.transform(new) - clipped.transform(new)).max() > 1


@pytest.mark.parametrize("n_missing", range(6))
def test_few_missing_values_get_no_indicator(n_missing):
    X = np.random.RandomState(0).standard_normal((40, 2))
    X[:n_missing, 1] = np.nan
    # A row of weight 0 does not count.
    X[-1, 1] = np.nan
    weight = np.repeat([1.0, 0.0], [39, 1])
    encoder = PiecewiseLinearEncoder(3, min_missing=4).fit(X, sample_weight=weight)
    assert list(encoder.missing_features_) == [1] * (n_missing >= 4)
    # A missing value is the mean all the same.
    assert (encoder.transform(X)[-1, 4:8] == 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("given", [np.float32, np.float64])
def test_the_type_of_the_output_can_be_chosen(given, dtype):
    X = np.random.RandomState(0).standard_normal((50, 3)).astype(given)
    encoded = PiecewiseLinearEncoder(4, dtype=dtype).fit_transform(X)
    exact = PiecewiseLinearEncoder(4).fit_transform(X.astype(np.float64))
    assert encoded.dtype == dtype
    assert (encoded == exact.astype(dtype)).all()


@pytest.mark.parametrize("params", [{"clip": 1}, {"dtype": "float16"}, {"dtype": int}])
def test_wrong_clip_and_dtype_are_named(params):
    with pytest.raises(ValueError, match=f"The '{next(iter(params))}' parameter"):
        PiecewiseLinearEncoder(**params).fit(np.ones((3, 1)))
