"""scikit-learn's estimator checks of the CV estimators: zero failures."""

import pytest
from helpers import assert_estimator_contract

from skl2.model_selection import MLPClassifierCV, MLPRegressorCV

# The checks' data sets are not fitted to the end.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# Some data sets of the checks have two rows of a class.
COMMON = {"hidden_layer_sizes": (3,), "alphas": [1.0, 10.0], "cv": 2, "max_iter": 100}
CONFIGURATIONS = [
    # Few steps: L-BFGS amplifies the rounding in which weights and repeats differ.
    {"solver": "lbfgs", "max_iter": 20},
]
CONFIGURATIONS += [
    pytest.param(params, marks=pytest.mark.long)
    for params in [
        {"solver": "lbfgs", "max_iter": 20, "search": "grid"},
        {"penalty": "l1", "hidden_layer_sizes": (), "learning_rate_init": 0.05},
        {"solver": "adam", "learning_rate_init": 0.05},
    ]
]


@pytest.mark.parametrize("params", CONFIGURATIONS, ids=str)
@pytest.mark.parametrize("Estimator", [MLPClassifierCV, MLPRegressorCV])
def test_estimator_contract(Estimator, params):
    assert_estimator_contract(Estimator(**(COMMON | params)))
