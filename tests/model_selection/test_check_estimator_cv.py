"""scikit-learn's own checks of the table estimators and of AlphaSearchCV."""

import pytest
from helpers import assert_estimator_contract

from skl2.model_selection import MLPClassifierCV, MLPRegressorCV

pytestmark = [
    pytest.mark.long,
    # Tiny data: walks of three λs end at an end.
    pytest.mark.filterwarnings("ignore:The best alpha"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

QUICK = {
    "hidden_layer_sizes": (20,),
    "n_bins": 4,
    "n_estimators": 2,
    "alphas": [0.01, 0.1],
    "cv": 2,
    "random_state": 0,
}
# Folds are drawn by row: copies of a row are not held out together.
BY_ROW = {
    "check_sample_weight_equivalence_on_dense_data": "folds are drawn by row",
    "check_sample_weight_equivalence_on_sparse_data": "folds are drawn by row",
}


@pytest.mark.parametrize("Estimator", [MLPClassifierCV, MLPRegressorCV])
def test_estimator_contract(Estimator):
    assert_estimator_contract(Estimator(**QUICK), BY_ROW)
