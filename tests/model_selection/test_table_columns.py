"""Which columns of a table are categories, and how each kind is encoded."""

import warnings

import numpy as np
import pandas as pd
import pytest

from skl2.model_selection import MLPClassifierCV, MLPRegressorCV

# Small and quick: one candidate, three λs, two networks.
QUICK: dict = {
    "hidden_layer_sizes": (4,),
    "n_bins": 4,
    "n_estimators": 2,
    "alphas": [0.1, 1.0],
    # Leaves out the longer training.
    "max_time": 1e6,
    "random_state": 0,
}


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        # Two λs in a row can't enclose the best.
        warnings.filterwarnings("ignore", message=".*enclosed")
        yield


def mixed(n_rows=120, seed=0):
    """A table of numbers, a category, a string, a bool and missing values."""
    rng = np.random.RandomState(seed)
    table = pd.DataFrame(
        {
            "age": rng.randint(18, 80, n_rows),
            "income": np.exp(rng.standard_normal(n_rows) + 10),
            "town": pd.Categorical(rng.choice(["a", "b", "c"], n_rows)),
            "job": rng.choice(["x", "y"], n_rows),
            "owner": rng.rand(n_rows) < 0.5,
        }
    )
    y = (table["age"] > 45) ^ (table["town"] == "a")
    table.loc[rng.rand(n_rows) < 0.1, "income"] = np.nan
    return table, np.where(y, "yes", "no")


def test_categories_that_come_up_in_prediction_only():
    X, y = mixed()
    clf = MLPClassifierCV(**QUICK).fit(X, y)
    X = X.head(3).copy()
    X["town"] = ["new", None, "a"]
    X.loc[0, "age"] = np.nan
    assert np.isfinite(clf.predict_proba(X)).all()


@pytest.mark.parametrize("columns", [[2, 3, 4], ["town", "job", "owner"]])
def test_named_and_numbered_categories_equal_those_of_the_types(columns):
    X, y = mixed()
    by_type = MLPClassifierCV(**QUICK).fit(X, y).predict_proba(X)
    given = MLPClassifierCV(**QUICK, categorical_features=columns).fit(X, y)
    assert (given.predict_proba(X) == by_type).all()
    mask = [False, False, True, True, True]
    given = MLPClassifierCV(**QUICK, categorical_features=mask).fit(X, y)
    assert (given.predict_proba(X) == by_type).all()


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
