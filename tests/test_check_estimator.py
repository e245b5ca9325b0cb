"""scikit-learn's estimator checks: zero failures and no expected failures."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from skl2 import MLPClassifier, MLPRegressor

CONFIGURATIONS = [
    {},
    {"solver": "lbfgs"},
    {"solver": "sgd"},
    {"solver": "adamw"},
    {"penalty": "l1"},
    {"penalty": "elasticnet"},
    {"penalty": "group_l1"},
    {"penalty": "group_l1", "solver": "lbfgs"},
    {"penalty": None},
    {"alpha": [1e-3, 1e-4]},  # the default (100,) has two layers of weights
    {"activation": "tanh"},
]


# No expected_failed_checks: not one is excused.
@parametrize_with_checks(
    [
        Estimator(**params)
        for Estimator in (MLPClassifier, MLPRegressor)
        for params in CONFIGURATIONS
    ]
)
def test_estimator_contract(estimator, check):
    check(estimator)
