"""MLPRegressor: its losses, links and shapes."""

import numpy as np
import pytest
from helpers import fit_quietly
from numpy.testing import assert_allclose
from sklearn.linear_model import HuberRegressor, PoissonRegressor, Ridge

from skl2 import MLPRegressor

RNG = np.random.RandomState(0)
X = RNG.standard_normal((80, 3))
Y = X @ [1.0, -2.0, 0.5] + 0.3 * RNG.standard_normal(80)
EXACT = {
    "hidden_layer_sizes": (),
    "solver": "lbfgs",
    "tol": 1e-12,
    "max_iter": 5000,
    "random_state": 0,
}


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_a_linear_model_of_several_outputs_is_ridge(n_outputs):
    y = Y if n_outputs == 1 else np.column_stack([Y, 2 * Y + X[:, 0], X[:, 1]])
    # scikit-learn's own MLP has a loss that is a mean over outputs, and a gradient
    # that is a sum.
    ours = fit_quietly(MLPRegressor(alpha=5.0, **EXACT), X, y)
    theirs = Ridge(alpha=5.0).fit(X, y)
    assert_allclose(ours.predict(X), theirs.predict(X), atol=1e-5)
    assert ours.predict(X).shape == y.shape


def test_the_poisson_loss_has_a_log_link():
    y = RNG.poisson(np.exp(0.5 * X[:, 0]))
    ours = fit_quietly(MLPRegressor("poisson", alpha=8.0, **EXACT), X, y)
    # Half the deviance there, a mean over rows in both.
    theirs = PoissonRegressor(alpha=8.0 / 80, tol=1e-9, max_iter=1000).fit(X, y)
    assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-4)
    assert ours.out_activation_ == "exp"
    with pytest.raises(ValueError, match="poisson"):
        MLPRegressor("poisson").fit(X, y - 1.0)


def test_huber_of_a_large_delta_is_the_squared_error():
    squared = fit_quietly(MLPRegressor(alpha=1.0, **EXACT), X, Y)
    huber = fit_quietly(
        MLPRegressor("huber", huber_delta=1e3, alpha=1.0, **EXACT), X, Y
    )
    assert_allclose(huber.predict(X), squared.predict(X), atol=1e-5)
    # Outliers draw it less.
    y = Y + 100.0 * (np.arange(80) % 20 == 0)
    robust = fit_quietly(MLPRegressor("huber", alpha=1.0, **EXACT), X, y)
    assert abs(robust.predict(X) - Y).mean() < 0.3 * abs(y - Y).mean()
    reference = HuberRegressor().fit(X, y).predict(X)
    assert abs(robust.predict(X) - reference).mean() < 0.1
