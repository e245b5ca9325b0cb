"""optimality: the distance of a fit from a stationary point of J."""

import numpy as np
import pytest
from helpers import fit_quietly, targets
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge

from skl2 import MLPClassifier, MLPRegressor
from skl2.inspection import optimality

N, LAM = 30, 2.0
RNG = np.random.RandomState(0)
X = RNG.standard_normal((N, 4))
Y = RNG.standard_normal((N, 2)) + X[:, :2]
WEIGHT = RNG.choice([0.0, 1.0, 2.5], N)


def fitted(coefs, intercepts, **params):
    """A linear regressor with given weights."""
    model = MLPRegressor(
        hidden_layer_sizes=(), solver="lbfgs", alpha=LAM, max_iter=1, **params
    )
    fit_quietly(model, X, Y)
    model.coefs_, model.intercepts_ = [coefs], [intercepts]
    return model


def test_it_is_zero_at_the_exact_minimum():
    ridge = Ridge(alpha=LAM).fit(X, Y)
    model = fitted(ridge.coef_.T.copy(), ridge.intercept_.copy())
    assert optimality(model, X, Y)[0] < 1e-14
    # It is the penalty of this λ and the data of this fit that make it so.
    assert optimality(model.set_params(alpha=2 * LAM), X, Y)[0] > 1e-3
    assert optimality(model.set_params(alpha=LAM), X[:-1], Y[:-1])[0] > 1e-4


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("penalty", ["l2", "l1", "elasticnet", None])
def test_it_is_the_largest_distance_to_the_subdifferential(penalty, weighted):
    W, b = RNG.standard_normal((4, 2)), RNG.standard_normal(2)
    W[1:3] = 0.0
    weight = WEIGHT if weighted else None
    s = np.ones(N) if weight is None else weight
    m = s.sum()
    grad = X.T @ (s[:, None] * (X @ W + b - Y)) / m
    rho = {"l1": 1.0, "elasticnet": 0.3}.get(penalty, 0.0)
    lam = 0.0 if penalty is None else LAM
    grad += lam * (1 - rho) / m * W
    t = lam * rho / (2 * m)
    # The nearest point of [-t, t] where W is 0, else the one point it is. The
    # intercepts have no penalty.
    distance = np.where(
        W == 0, np.abs(grad + np.clip(-grad, -t, t)), np.abs(grad + t * np.sign(W))
    )
    expected = max(distance.max(), np.abs(s @ (X @ W + b - Y) / m).max())
    got = optimality(fitted(W, b, penalty=penalty, l1_ratio=0.3), X, Y, weight)
    assert got.shape == (1,)
    assert_allclose(got[0], expected, rtol=1e-12)


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@pytest.mark.parametrize("penalty", ["l2", "l1"])
def test_it_says_whether_a_fit_has_converged(penalty, solver):
    # One value for each layer, smaller the longer the training.
    params = {"alpha": [1.0, 3.0], "penalty": penalty, "tol": 1e-12, "random_state": 0}
    params |= {"activation": "tanh", "n_iter_no_change": np.inf}
    values = []
    for max_iter in (20, 1500):
        model = MLPRegressor(
            hidden_layer_sizes=5,
            solver=solver,
            max_iter=max_iter,
            learning_rate_init=0.02,
            **params,
        )
        values.append(optimality(fit_quietly(model, X, Y), X, Y))
        assert values[-1].shape == (2,)
    assert (values[1] < 1e-5).all()
    assert (values[0] > 10 * values[1]).all()


def test_each_layer_has_its_own_distance():
    model = MLPRegressor(
        hidden_layer_sizes=5,
        solver="lbfgs",
        alpha=1.0,
        tol=1e-10,
        max_iter=2000,
        activation="tanh",
        random_state=0,
    )
    fit_quietly(model, X, Y)
    before = optimality(model, X, Y)
    # λ of the second layer alone is another one now.
    after = optimality(model.set_params(alpha=[1.0, 5.0]), X, Y)
    assert after[0] == before[0]
    assert after[1] > 1e-3 > before[1]


@pytest.mark.parametrize("classes", [2, 3, "multilabel"])
def test_classifiers_and_containers(classes):
    if classes == "multilabel":
        y = targets("binary_log_loss", 3, N, np.random.RandomState(1)).T.astype(int)
    else:
        y = np.array(["a", "b", "c"])[np.arange(N) % classes]
    model = MLPClassifier(
        (), solver="lbfgs", alpha=1.0, tol=1e-9, max_iter=1000, random_state=0
    ).fit(X, y)
    before = {name: id(value) for name, value in vars(model).items()}
    distance = optimality(model, X, y)
    assert distance[0] < 1e-7
    for other in (np.asfortranarray(X), csr_matrix(X)):
        assert optimality(model, other, y)[0] < 1e-7
    assert_array_equal(optimality(model.sparsify(), X, y), distance)
    model.densify()
    assert set(before) == set(vars(model))


def test_looking_does_not_change_the_estimator():
    model = MLPRegressor(
        hidden_layer_sizes=3, solver="adam", warm_start=True, max_iter=3, random_state=0
    )
    twin = MLPRegressor(**model.get_params())
    for fit_number in range(2):
        fit_quietly(model, X, Y)
        fit_quietly(twin, X, Y)
        if fit_number == 0:
            optimality(model, X, Y)
    assert_array_equal(model.coefs_[0], twin.coefs_[0])


def test_bad_input():
    with pytest.raises(NotFittedError):
        optimality(MLPRegressor(), X, Y)
    model = fitted(np.zeros((4, 2)), np.zeros(2))
    with pytest.raises(ValueError, match="3 features"):
        optimality(model, X[:, :3], Y)
    with pytest.raises(ValueError, match="outputs"):
        optimality(model, X, np.column_stack([Y, Y]))
    with pytest.raises(ValueError, match="sample_weight"):
        optimality(model, X, Y, np.ones(3))
