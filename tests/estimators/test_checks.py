"""X, y and weights as arrays, without a copy where none is needed."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
from numpy.testing import assert_array_equal
from sklearn.utils.validation import validate_data

from skl2 import MLPClassifier, MLPRegressor
from skl2._estimators.checks import (
    FEW_NUMBERS,
    FLOATS,
    check_weights,
    checked_rows,
    rows_to_predict,
    validation_rows,
)

RNG = np.random.RandomState(0)
X = RNG.standard_normal((20, 3))
Y = RNG.standard_normal(20)


def checked(X, y=Y, sample_weight=None, **options):
    options = {"y_numeric": True, "reset": True} | options
    return checked_rows(MLPRegressor(), X, y, sample_weight, **options)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_are_used_as_they_are(dtype):
    data = X.astype(dtype)
    found, _, _ = checked(data)
    assert found.dtype == dtype
    assert np.shares_memory(found, data)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_errors_about_values_of_X_say_what_takes_them(kind):
    y, other = np.arange(20) % 2, rf"skl2\.model_selection\.{kind.__name__}CV"
    missing = np.where(X > 2, np.nan, X)
    with pytest.raises(ValueError, match=f"(?s)X contains NaN.*Imputer.*{other}"):
        kind().fit(missing, y)
    words = np.where(X > 0, "high", "low")
    for text in (words, words.astype(object)):
        with pytest.raises(ValueError, match=f"(?s)no numbers: .*Encoder.*{other}"):
            kind().fit(text, y)
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"age": X[:, 0], "town": words[:, 0]})
    frame["job"] = pd.Categorical(words[:, 1])
    with pytest.raises(ValueError, match=rf"\(town, job\): .*{other}"):
        kind().fit(frame, y)
    # Where y is at fault, X is not blamed.
    with pytest.raises(ValueError, match="(?s)^(?!.*no numbers)"):
        MLPRegressor().fit(X, words[:, 0])


@pytest.mark.parametrize("container", [sp.csr_matrix, sp.csr_array])
def test_a_csr_matrix_is_used_as_it_is(container):
    data = container(X)
    assert np.shares_memory(checked(data)[0].data, data.data)


@pytest.mark.parametrize("container", [sp.csc_matrix, sp.csc_array])
def test_other_sparse_formats_become_csr(container):
    found, _, _ = checked(container(X))
    assert found.format == "csr"
    assert_array_equal(found.toarray(), X)


def test_validation_rows_take_the_type_of_the_training_rows():
    assert checked(X, dtype=np.float32)[0].dtype == np.float32


def test_a_column_of_targets_becomes_a_vector_with_a_warning():
    with pytest.warns(UserWarning, match="column-vector y"):
        _, y, _ = checked(X, Y[:, np.newaxis])
    assert y.shape == (20,)


@pytest.mark.parametrize(
    "weight, message",
    [
        (np.ones(19), r"s has shape \(19,\); expected one weight a row of X, \(20,\)"),
        (np.ones((20, 1)), r"s has shape \(20, 1\)"),
        (np.r_[-1.0, np.ones(19)], r"Negative values in data passed to `s`.*-1"),
        (np.zeros(20), "s is zero for every row"),
        (np.r_[np.nan, np.ones(19)], "Input s contains NaN"),
    ],
)
def test_weights_that_are_none(weight, message):
    with pytest.raises(ValueError, match=message):
        check_weights(weight, 20, np.float64, "s")


def test_validation_rows_belong_together():
    assert validation_rows(True, None, None, None) is None
    assert validation_rows(True, X, Y, None) == (X, Y, None)
    for arguments, message in [
        ((True, X, None, None), "y_val was not given"),
        ((True, None, Y, None), "X_val was not given"),
        ((True, None, None, Y), "sample_weight_val is given without"),
        ((False, X, Y, None), "early_stopping=True, which is False"),
    ]:
        with pytest.raises(ValueError, match=message):
            validation_rows(*arguments)


# ------------------------------------------------------------------- rows to predict

NAMES = ["a", "b", "c"]
FEW = X[:2]


def frame(data=FEW, columns=NAMES, **types):
    pd = pytest.importorskip("pandas")
    return pd.DataFrame(np.array(data), columns=columns).astype(types)


def with_value(value):
    data = FEW.copy()
    data[1, 2] = value
    return data


TO_PREDICT = {
    "float64": FEW,
    "float32": FEW.astype(np.float32),
    "float16": FEW.astype(np.float16),
    "int": np.arange(6).reshape(2, 3),
    "bool": FEW > 0,
    "object": FEW.astype(object),
    "strings": FEW.astype(str),
    "words": np.array([["one", "two", "three"]]),
    "complex": FEW * 1j,
    "big-endian": FEW.astype(">f8"),
    "Fortran": np.asfortranarray(FEW),
    "strided": X[::2],
    "read-only": np.frombuffer(FEW.tobytes()).reshape(2, 3),
    "many": np.zeros((FEW_NUMBERS, 3)),
    "list": FEW.tolist(),
    "matrix": np.asmatrix(FEW),
    "masked": np.ma.masked_array(FEW, FEW > 0),
    "nan": with_value(np.nan),
    "inf": with_value(-np.inf),
    "one dimension": FEW[0],
    "three dimensions": FEW[np.newaxis],
    "a number": 1.0,
    "no rows": FEW[:0],
    "no columns": FEW[:, :0],
    "columns": FEW[:, :2],
    "csr": sp.csr_matrix(FEW),
    "csr array": sp.csr_array(FEW),
    "csr float32": sp.csr_matrix(FEW.astype(np.float32)),
    "csr int": sp.csr_matrix((FEW > 0).astype(int)),
    "csr nan": sp.csr_matrix(with_value(np.nan)),
    "csr columns": sp.csr_matrix(FEW[:, :2]),
    "csr empty": sp.csr_matrix((2, 3)),
    "csr no rows": sp.csr_matrix((0, 3)),
    "csc": sp.csc_matrix(FEW),
    "coordinates": sp.coo_matrix(FEW),
    "frame": lambda: frame(),
    "frame float32": lambda: frame(FEW.astype(np.float32)),
    "frame mixed": lambda: frame(a=np.float32),
    "frame int": lambda: frame(a=int, b=int, c=int),
    "frame nullable": lambda: frame(a="Float64", b="Float64", c="Float64"),
    "frame sparse": lambda: frame(a="Sparse[float]"),
    "frame all sparse": lambda: frame().astype("Sparse[float]"),
    "frame nan": lambda: frame(with_value(np.nan)),
    "frame no rows": lambda: frame(FEW[:0]),
    "frame many": lambda: frame(np.zeros((FEW_NUMBERS, 3))),
    "frame order": lambda: frame(columns=["b", "a", "c"]),
    "frame other name": lambda: frame(columns=["a", "b", "d"]),
    "frame numbered": lambda: frame(columns=[0, 1, 2]),
    "frame columns": lambda: frame(FEW[:, :2], NAMES[:2]),
}


def outcome(function, *args, **options):
    """What a call returns, or the error that it raises; and its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = function(*args, **options)
        except (TypeError, ValueError) as error:
            found = error
    return found, [(w.category, str(w.message)) for w in caught]


@pytest.mark.parametrize("name", TO_PREDICT)
@pytest.mark.parametrize("named", [False, True])
def test_rows_to_predict_are_what_validate_data_makes_of_them(named, name):
    model = MLPRegressor(max_iter=1)
    model.n_features_in_ = 3
    if named:
        model.feature_names_in_ = np.array(NAMES, dtype=object)
    data = TO_PREDICT[name]
    data = data() if callable(data) else data
    found, warned = outcome(rows_to_predict, model, data)
    expected, also_warned = outcome(
        validate_data,
        model,
        data,
        accept_sparse=["csr", "csc"],
        dtype=FLOATS,
        reset=False,
    )
    assert warned == also_warned
    assert type(found) is type(expected) or name == "csc"
    if isinstance(expected, Exception):
        assert str(found) == str(expected)
        return
    assert found.dtype == expected.dtype
    if sp.issparse(found):
        assert found.format == "csr"
        found, expected = found.toarray(), expected.toarray()
    else:
        assert found.strides == expected.strides
        assert np.shares_memory(found, data) == np.shares_memory(expected, data)
    assert_array_equal(found, expected)


def test_a_few_valid_numbers_are_not_validated_again(monkeypatch):
    def fail(*args, **options):
        raise AssertionError

    monkeypatch.setattr("skl2._estimators.checks.validate_data", fail)
    model = MLPRegressor()
    model.n_features_in_ = 3
    for name in ("float64", "float32", "Fortran", "strided", "csr", "csr array"):
        assert rows_to_predict(model, TO_PREDICT[name]) is TO_PREDICT[name]
    model.feature_names_in_ = np.array(NAMES, dtype=object)
    with pytest.raises(AssertionError):
        rows_to_predict(model, FEW)
    assert_array_equal(rows_to_predict(model, frame()), FEW)


def test_more_numbers_may_be_accepted_by_the_configuration():
    model = MLPRegressor()
    model.n_features_in_ = 3
    with sklearn.config_context(assume_finite=True):
        assert rows_to_predict(model, TO_PREDICT["nan"]) is TO_PREDICT["nan"]
