"""Where the walk starts: what the network of an estimator sees of all rows."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl2 import MLPClassifier
from skl2.model_selection._scale_probe import probe_scale

X, y = load_iris(return_X_y=True)
WEIGHT = np.random.RandomState(0).rand(len(y))


def pipeline(**params):
    network = MLPClassifier((3,), max_iter=1, random_state=0, **params)
    return make_pipeline(StandardScaler(), network)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 4.0}])
@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_it_is_the_scale_and_the_weight_of_a_fit(class_weight, weight):
    params = {"mlpclassifier__sample_weight": weight}
    fitted = pipeline(alpha="scale", class_weight=class_weight).fit(X, y, **params)
    probed = pipeline(class_weight=class_weight)
    scale = probe_scale(probed, "mlpclassifier", X, y, params)
    assert scale.alpha == fitted[-1].alpha_[0]
    assert scale.n_inputs == 4
    total, unit = scale.total_weight
    by_class = np.bincount(y, weight) if class_weight else None
    if class_weight == "balanced":
        # Every class has the same share of the sum.
        assert_allclose(total * unit, by_class.sum())
    elif class_weight:
        assert_allclose(total * unit, by_class @ [4.0, 1.0, 1.0])
    else:
        assert_allclose(total * unit, len(y) if weight is None else weight.sum())
    assert not hasattr(probed[-1], "coefs_")


class Idle(ClassifierMixin, BaseEstimator):
    def __init__(self, network):
        self.network = network

    def fit(self, X, y):
        return self


def test_a_network_that_is_not_fitted():
    with pytest.raises(ValueError, match="without its network 'network'"):
        probe_scale(Idle(MLPClassifier()), "network", X, y, {})
