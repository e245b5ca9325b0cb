"""What tests of the table estimators share: a table, and parameters that are quick."""

import numpy as np
import pytest

# Small and quick: one candidate, three λs, two networks.
QUICK: dict = {
    "hidden_layer_sizes": (4,),
    "n_bins": 4,
    "n_estimators": 2,
    "alphas": [0.1, 1.0],
    "cv": 2,
    # Leaves out the longer training.
    "max_time": 1e6,
    "random_state": 0,
}


def mixed(n_rows=120, seed=0):
    """A table of numbers, a category, a string, a bool and missing values."""
    pd = pytest.importorskip("pandas")
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
