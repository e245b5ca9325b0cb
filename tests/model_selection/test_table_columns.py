"""Which columns of a table are categories, and how each kind is encoded."""

import numpy as np
import pytest
from tables import QUICK, mixed

from skl2.model_selection import MLPClassifierCV, MLPRegressorCV

pytestmark = pytest.mark.usefixtures("open_ends")


def test_categories_that_come_up_in_prediction_only():
    X, y = mixed()
    clf = MLPClassifierCV(**QUICK).fit(X, y)
    X = X.head(3).copy()
    X["town"] = ["new", None, "a"]
    X.loc[0, "age"] = np.nan
    assert np.isfinite(clf.predict_proba(X)).all()


def test_named_and_numbered_categories_equal_those_of_the_types():
    X, y = mixed()
    by_type = MLPClassifierCV(**QUICK).fit(X, y).predict_proba(X)
    numbers, names = [2, 3, 4], ["town", "job", "owner"]
    mask = [False, False, True, True, True]
    for columns in (numbers, names, mask):
        given = MLPClassifierCV(**QUICK, categorical_features=columns).fit(X, y)
        assert (given.predict_proba(X) == by_type).all()


def test_one_row_says_nothing_of_missing_values():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((200, 4))
    y = (X[:, 0] > 0).astype(int)
    X[0] = np.nan
    clf = MLPClassifierCV(**QUICK).fit(X, y)
    encoder = clf.pipeline_[0].named_transformers_["numeric"]
    assert len(encoder.missing_features_) == 0
    # Nearly the mean of a table whose classes are balanced.
    assert np.abs(clf.decision_function(X[:1])).max() < 3
    X[:5, 1] = np.nan
    encoder = MLPClassifierCV(**QUICK).fit(X, y).pipeline_[0].transformers_[0][1]
    assert list(encoder.missing_features_) == [1]


def test_numbers_can_be_categories():
    rng = np.random.RandomState(0)
    X = np.column_stack([rng.randint(0, 4, 200), rng.rand(200)])
    y = np.array([3.0, -1.0, 2.0, -4.0])[X[:, 0].astype(int)]
    assert MLPRegressorCV(**QUICK, categorical_features=[0]).fit(X, y).score(X, y) > 0.9


@pytest.mark.parametrize(
    "wanted, words",
    [
        ("dtype", "must be 'from_dtype'"),
        ([7], r"integers in \[0, 5\)"),
        (["town", "city"], "has \\['city'\\]"),
        ([True], "has 1 values, but X has 5 columns"),
        ([[1]], "must be 'from_dtype'"),
    ],
)
def test_wrong_categorical_features(wanted, words):
    X, y = mixed()
    with pytest.raises(ValueError, match=words):
        MLPClassifierCV(**QUICK, categorical_features=wanted).fit(X, y)


def test_names_need_a_table():
    X, y = mixed()
    with pytest.raises(ValueError, match="X has no column names"):
        MLPClassifierCV(**QUICK, categorical_features=["town"]).fit(X.to_numpy(), y)


def times():
    return pytest.importorskip("pandas").date_range("2020-01-01", periods=120)


@pytest.mark.parametrize(
    "column, words",
    [
        (times, "'extra' of X has the type datetime64.*year, month"),
        (lambda: times() - times()[0], "'extra' of X has the type timedelta64"),
        (lambda: times().to_period("D"), r"'extra' of X has the type period\[D\]"),
        (
            lambda: ["a", 1, None, np.nan] * 30,
            "'extra' of X .* strings and other values",
        ),
    ],
)
def test_columns_that_cannot_be_encoded_are_named(column, words):
    X, y = mixed()
    with pytest.raises(TypeError, match=words):
        MLPClassifierCV(**QUICK).fit(X.assign(extra=column()), y)


def test_times_of_polars_are_named():
    X, y = mixed()
    pl = pytest.importorskip("polars")
    X = pl.DataFrame({"age": X["age"].to_numpy(), "day": times().to_numpy()})
    with pytest.raises(TypeError, match="'day' of X has the type Datetime"):
        MLPClassifierCV(**QUICK).fit(X, y)


def test_strings_that_are_missing():
    X, y = mixed()
    X["job"] = X["job"].astype(object).where(X["age"] > 30, np.nan)
    expected = MLPClassifierCV(**QUICK).fit(X, y).predict_proba(X)
    strings = X.astype({"job": "string"})
    assert strings["job"].isna().sum() > 5
    clf = MLPClassifierCV(**QUICK).fit(strings, y)
    assert (clf.predict_proba(strings) == expected).all()
    assert "categorical__job_nan" in clf.pipeline_[0].get_feature_names_out()
