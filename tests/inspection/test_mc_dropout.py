"""mc_dropout: mean and spread of predictions with dropout."""

import numpy as np
import pytest
from helpers import fit_quietly
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix

from skl2 import MLPClassifier, MLPRegressor
from skl2.inspection import mc_dropout

RNG = np.random.RandomState(0)


X = RNG.standard_normal((50, 4))


Y = {MLPClassifier: (X[:, 0] > 0).astype(int), MLPRegressor: X[:, 0] + X[:, 1] ** 2}


both = pytest.mark.parametrize("Estimator", list(Y))


def test_mc_dropout_of_a_linear_net_has_the_mean_and_spread_of_the_masks():
    model = MLPRegressor(
        hidden_layer_sizes=3,
        activation="identity",
        dropout=[0.0, 0.5],
        max_iter=50,
        random_state=0,
    )
    fit_quietly(model, X, Y[MLPRegressor])
    mean, std = mc_dropout(model, X, n_passes=1500, random_state=0)
    hidden = X @ model.coefs_[0] + model.intercepts_[0]
    # A kept unit counts twice: variance p/(1-p) (h w)² = (h w)² each.
    spread = np.sqrt(((hidden * model.coefs_[1][:, 0]) ** 2).sum(axis=1))
    assert_allclose(std, spread, rtol=0.1)
    assert np.abs((mean - model.predict(X)) / spread).max() < 5 / np.sqrt(1500)


@both
@pytest.mark.parametrize("sparse", [False, True])
def test_mc_dropout_is_reproducible_and_leaves_the_estimator_alone(sparse, Estimator):
    data = csr_matrix(X * (X > 0)) if sparse else X
    model = Estimator(
        hidden_layer_sizes=5, dropout=[0.2, 0.5], max_iter=3, random_state=0
    )
    fit_quietly(model, data, Y[Estimator])
    before = model.predict(data)
    first = mc_dropout(model, data, n_passes=5, random_state=1)
    again = mc_dropout(model, data, n_passes=5, random_state=1)
    other = mc_dropout(model, data, n_passes=5, random_state=2)
    for a, b, c in zip(first, again, other, strict=True):
        assert_array_equal(a, b)
        assert not np.array_equal(a, c)
    assert (first[1] > 0).any()
    assert_array_equal(model.predict(data), before)
    if Estimator is MLPClassifier:
        assert_allclose(first[0].sum(axis=1), 1.0, rtol=1e-6)


def test_mc_dropout_bad_input():
    model = fit_quietly(
        MLPRegressor(hidden_layer_sizes=5, max_iter=2), X, Y[MLPRegressor]
    )
    with pytest.raises(ValueError, match="fitted without dropout"):
        mc_dropout(model, X)
    fit_quietly(model.set_params(dropout=0.5), X, Y[MLPRegressor])
    for n_passes in (1, 2.5):
        with pytest.raises(ValueError, match="n_passes must be an integer >= 2"):
            mc_dropout(model, X, n_passes)
