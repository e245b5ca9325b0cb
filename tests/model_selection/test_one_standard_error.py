"""one_standard_error: the largest λ within one standard error of the best."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV

from skl2 import MLPClassifier
from skl2.model_selection import one_standard_error

X, y = load_iris(return_X_y=True)


SMALL = {"hidden_layer_sizes": (4,), "max_iter": 8, "random_state": 0}


ALPHAS = [0.01, 1.0, 100.0]


def network(**params):
    return MLPClassifier(**(SMALL | {"learning_rate_init": 0.03} | params))


def test_one_standard_error_takes_the_largest_within_it():
    results = {
        "param_mlp__alpha": np.ma.array([1.0, 10.0, 100.0, 1000.0]),
        "params": [{"mlp__alpha": alpha} for alpha in (1.0, 10.0, 100.0, 1000.0)],
        "split0_test_score": np.array([0.0, 4.0, 4.0, 0.0]),
        "split1_test_score": np.array([2.0, 6.0, 4.5, 0.0]),
    }
    assert one_standard_error(results) == 2
    grid = GridSearchCV(
        network(), {"alpha": ALPHAS}, cv=3, refit=one_standard_error, scoring="accuracy"
    ).fit(X, y)
    assert grid.best_index_ == one_standard_error(grid.cv_results_)
    with pytest.raises(ValueError, match="one parameter called alpha"):
        one_standard_error({"split0_test_score": np.zeros(1)})
    with pytest.raises(ValueError, match="two splits"):
        one_standard_error({"param_alpha": [1.0], "split0_test_score": np.zeros(1)})
