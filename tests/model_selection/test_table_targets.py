"""The unit of the targets of a table estimator."""

import numpy as np
import pytest
from sklearn.datasets import make_friedman1
from sklearn.pipeline import Pipeline
from tables import QUICK

from skl2.model_selection import MLPRegressorCV

pytestmark = pytest.mark.usefixtures("open_ends")


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_units_of_y_and_x_do_not_matter(n_outputs):
    X, y = make_friedman1(100, random_state=0)
    y = y if n_outputs == 1 else np.column_stack([y, X[:, 0]])
    first = MLPRegressorCV(**QUICK).fit(X, y).predict(X)
    # Powers of 2 leave all digits alone.
    units = 2.0 ** np.arange(X.shape[1])
    other = MLPRegressorCV(**QUICK).fit(X * units, 1024 * y).predict(X * units)
    assert (other == 1024 * first).all()
    shifted = MLPRegressorCV(**QUICK).fit(X, y + 1000.0).predict(X)
    np.testing.assert_allclose(shifted, first + 1000.0, atol=0.01)


def test_the_network_predicts_in_the_units_of_y():
    X, y = make_friedman1(100, random_state=0)
    reg = MLPRegressorCV(**QUICK).fit(X, 1000.0 * y)
    assert isinstance(reg.pipeline_, Pipeline)
    network = reg.pipeline_[-1]
    assert (network.predict(reg.pipeline_[0].transform(X)) == reg.predict(X)).all()
    assert network.coefs_[0].shape[1] == 2 * 4
    assert reg.predict(X).std() > 1000.0


def test_counts():
    rng = np.random.RandomState(0)
    X = rng.rand(300, 2)
    y = rng.poisson(np.exp(3 * X[:, 0]))
    reg = MLPRegressorCV("poisson", **QUICK).fit(X, y)
    assert reg.pipeline_[-1].out_activation_ == "exp"
    assert (reg.predict(X) > 0).all()
    assert reg.score(X, y) > 0.4


def test_a_constant_target():
    X = np.random.RandomState(0).rand(60, 3)
    reg = MLPRegressorCV(**QUICK).fit(X, np.full(60, 7.0))
    np.testing.assert_allclose(reg.predict(X), 7.0)
