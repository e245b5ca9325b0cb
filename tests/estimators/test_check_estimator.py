"""scikit-learn's estimator checks: zero failures.

What cannot hold by definition is listed in ``CANNOT_HOLD``, with its reason.
"""

import pytest
from helpers import assert_estimator_contract

from skl2 import MLPClassifier, MLPRegressor
from skl2.augmentation import FeatureMask, GaussianNoise, Mixup

# The checks' data sets are not fitted to the end.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# Small and quick: the checks want what can be learned to be learned, no more.
QUICK = {"hidden_layer_sizes": (10,), "learning_rate_init": 0.03, "max_iter": 60}
CONFIGURATIONS = [
    # The defaults, as users have them.
    {},
    QUICK | {"solver": "lbfgs"},
    QUICK | {"penalty": "l1", "batch_norm": True},
    QUICK | {"n_estimators": 2, "hidden_layer_sizes": (8, 4)},
    # The checks' data sets have few rows.
    QUICK | {"early_stopping": True, "validation_fraction": 0.3},
]
CONFIGURATIONS += [
    pytest.param(QUICK | params, marks=pytest.mark.long)
    for params in [
        {"solver": "sgd", "learning_rate_init": 0.001, "max_iter": 200},
        {"solver": "adamw"},
        {"penalty": "l1"},
        {"penalty": "elasticnet"},
        {"penalty": "group_l1"},
        {"penalty": "group_l1", "solver": "lbfgs"},
        {"penalty": None},
        {"alpha": [1e-3, 1e-4]},
        # check_class_weight_classifiers wants the minimum more exactly than to 1e-4.
        {"activation": "tanh", "tol": 1e-5},
        {"dropout": 0.2},
        {"dropout": [0.1, 0.2]},
        {"batch_norm": True},
        {"max_norm": 2.0},
        {"augmentation": GaussianNoise(0.01)},
        {"augmentation": FeatureMask(0.01)},
        {"augmentation": Mixup(0.01)},
        {"learning_rate": "cosine"},
        {"early_stopping": True, "validation_fraction": 0.5, "scoring": "loss"},
    ]
]

# Why a check of scikit-learn contradicts what a parameter is for.
WEIGHTS_ARE_ROWS = [
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
]
CANNOT_HOLD = {
    "dropout": dict.fromkeys(
        WEIGHTS_ARE_ROWS,
        "A row given twice is dropped independently each time, a row of weight 2 once.",
    ),
    "augmentation": dict.fromkeys(
        WEIGHTS_ARE_ROWS,
        "A row given twice gets independent noise each time, a row of weight 2 once.",
    ),
    "early_stopping": dict.fromkeys(
        WEIGHTS_ARE_ROWS,
        "Which rows are held out depends on how many there are.",
    )
    | dict.fromkeys(
        [
            "check_fit_score_takes_y",
            "check_n_features_in_after_fitting",
            "check_estimators_partial_fit_n_features",
        ],
        "They call partial_fit, which refuses early_stopping as scikit-learn's does.",
    ),
}


def cannot_hold(estimator):
    return {
        check: reason
        for parameter, checks in CANNOT_HOLD.items()
        if getattr(estimator, parameter)
        for check, reason in checks.items()
    }


@pytest.mark.parametrize("params", CONFIGURATIONS, ids=str)
@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_estimator_contract(Estimator, params):
    estimator = Estimator(**params)
    assert_estimator_contract(estimator, cannot_hold(estimator))
