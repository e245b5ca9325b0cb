"""spread: mean and standard deviation over the networks of an ensemble."""

import numpy as np
import pytest
from helpers import fit_quietly
from numpy.testing import assert_allclose
from sklearn.exceptions import NotFittedError

from skl2 import MLPClassifier, MLPRegressor
from skl2.inspection import spread
from skl2.inspection._spread import mean_and_std

RNG = np.random.RandomState(0)
X = RNG.standard_normal((60, 4))
TARGETS = {
    "binary": (MLPClassifier, X[:, 0] > 0),
    "multiclass": (MLPClassifier, np.digitize(X[:, 0], [-0.5, 0.5])),
    "multilabel": (MLPClassifier, (X[:, :3] > 0).astype(int)),
    "regression": (MLPRegressor, X[:, 0]),
    "outputs": (MLPRegressor, X[:, :2]),
    "poisson": (MLPRegressor, RNG.poisson(1.0, 60).astype(float)),
}


def fitted(problem, **params):
    kind, y = TARGETS[problem]
    if problem == "poisson":
        params["loss"] = "poisson"
    defaults = {"hidden_layer_sizes": 5, "max_iter": 5, "random_state": 0}
    return fit_quietly(kind(**(defaults | params)), X, y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("problem", TARGETS)
def test_mean_and_spread_over_the_networks(problem, dtype):
    model, data = fitted(problem, n_estimators=5), X.astype(dtype)
    method = "predict" if isinstance(model, MLPRegressor) else "predict_proba"
    each = [getattr(network, method)(data) for network in model.estimators_]
    mean, std = spread(model, data)
    assert mean.shape == std.shape == getattr(model, method)(data).shape
    each = np.array(each, np.float64)
    assert_allclose(mean, each.mean(axis=0), rtol=1e-12)
    assert_allclose(std, each.std(axis=0), rtol=1e-10)
    assert std.min() > 0


def test_far_from_the_data_the_networks_disagree():
    model = fitted("regression", n_estimators=5, max_iter=100)
    near, far = (np.median(spread(model, s * X)[1]) for s in (1, 10))
    assert far > 3 * near


def test_one_network_has_no_spread():
    with pytest.raises(ValueError, match="MLPRegressor has one network.*n_estimators"):
        spread(fitted("regression"), X)
    with pytest.raises(NotFittedError):
        spread(MLPRegressor(n_estimators=3), X)


def test_large_means_do_not_drown_a_small_spread():
    values = 1e9 + np.array([[1.0], [2.0], [4.0]])
    mean, std = mean_and_std(values)
    assert_allclose(mean - 1e9, [7 / 3], rtol=1e-6)
    assert_allclose(std, values.std(axis=0), rtol=1e-6)
