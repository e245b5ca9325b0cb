"""Max-norm: a projection onto balls, exact, after every step."""

import warnings
from functools import cache

import numpy as np
import pytest
from helpers import covering, fit_quietly, make_member, make_settings, training_set
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning

from skl2 import MLPClassifier, MLPRegressor
from skl2._engine.losses import HalfSquaredError
from skl2._engine.network.network import Network
from skl2._engine.solvers.max_norm import MaxNorm
from skl2._engine.stack import Problem, train_stack


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_max_norm_projects_onto_the_ball(dtype):
    slots = Network([30, 8, 1], "relu", dtype).layout.slots[0::2]
    theta = np.random.RandomState(0).standard_normal((3, 30 * 8 + 8 + 8 + 1))
    theta = theta.astype(dtype)
    theta[:, slots[0].columns] *= 0.5
    before, radius = theta.copy(), np.array([2.0, 3.0, 1e9])
    MaxNorm(slots, radius).project(theta)
    penalized = np.zeros(theta.shape[1], dtype=bool)
    for slot in slots:
        penalized[slot.columns] = True
        for k in range(3):
            W, W_before = slot.view(theta)[k], slot.view(before)[k]
            norm = np.linalg.norm(W.astype(float), axis=0)
            norm_before = np.linalg.norm(W_before.astype(float), axis=0)
            # Exactly: no tolerance.
            assert (norm <= radius[k]).all()
            expected = W_before * np.minimum(1.0, radius[k] / norm_before)
            assert_allclose(W, expected, rtol=1e-6)
            inside = norm_before < radius[k] * 0.999
            assert_array_equal(W[:, inside], W_before[:, inside])
    assert_array_equal(theta[:, ~penalized], before[:, ~penalized])
    assert not np.array_equal(theta[:2], before[:2])
    assert_array_equal(theta[2], before[2])


@pytest.mark.parametrize("penalty", ["l2", "l1"])
@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_max_norm_holds_after_every_step(dtype, solver, penalty, monkeypatch):
    steps, project = [], MaxNorm.project

    def watched(constraint, theta):
        project(constraint, theta)
        for slot in constraint.slots:
            norms = np.linalg.norm(slot.view(theta).astype(float), axis=1)
            steps.append(norms.max())

    monkeypatch.setattr(MaxNorm, "project", watched)
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((40, 5)).astype(dtype), rng.standard_normal(40)
    model = MLPRegressor(
        hidden_layer_sizes=(6, 4),
        max_norm=0.7,
        penalty=penalty,
        solver=solver,
        batch_size=10,
        learning_rate_init=0.05,
        max_iter=10,
        random_state=0,
    )
    fit_quietly(model, X, y)
    assert len(steps) >= 3 * 40 and max(steps) <= 0.7 and max(steps) > 0.69
    for W in model.coefs_:
        assert (np.linalg.norm(W.astype(float), axis=0) <= 0.7).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_max_norm_has_projected_keeps_its_bits(dtype):
    slots = Network([30, 8, 1], "relu", dtype).layout.slots[0::2]
    rng = np.random.RandomState(0)
    theta = rng.standard_normal((200, 30 * 8 + 8 + 8 + 1)).astype(dtype)
    constraint = MaxNorm(slots, rng.uniform(0.1, 3.0, 200))
    constraint.project(theta)
    once = theta.copy()
    constraint.project(theta)
    assert_array_equal(theta, once)


def softmax_problem():
    X, y = make_classification(
        60, 5, n_informative=3, n_redundant=0, n_classes=3, random_state=0
    )
    return X, y, np.eye(3)[y]


def soft(W, t):
    return np.sign(W) * np.maximum(np.abs(W) - t, 0.0)


# Penalty and λ, the gradient of its smooth part, the prox of the other, per m.
BOUNDED_PENALTIES = {
    "l1": (1.0, lambda W: 0.0, lambda W, t: soft(W, t / 2)),
    "elasticnet": (1.0, lambda W: W / 2, lambda W, t: soft(W, t / 4)),
    "l2": (1.0, lambda W: W, lambda W, t: W),
}


@cache
def minimum_in_the_ball(penalty):
    """W by projected proximal gradient, without momentum."""
    X, _, Y = softmax_problem()
    alpha, slope, prox = BOUNDED_PENALTIES[penalty]
    W, b, rate, lam = np.zeros((5, 3)), np.zeros(3), 0.2, alpha / 60
    for _ in range(2000):
        residual = (softmax(X @ W + b, axis=1) - Y) / 60
        b = b - rate * residual.sum(axis=0)
        W = prox(W - rate * (X.T @ residual + lam * slope(W)), rate * lam)
        W = W * np.minimum(1.0, 0.5 / np.maximum(np.linalg.norm(W, axis=0), 1e-300))
    return W


@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("penalty", BOUNDED_PENALTIES)
def test_sgd_under_a_penalty_and_max_norm_finds_the_minimum_in_the_ball(
    penalty, nesterov
):
    X, y, _ = softmax_problem()
    W = minimum_in_the_ball(penalty)
    model = MLPClassifier(
        (),
        solver="sgd",
        penalty=penalty,
        alpha=BOUNDED_PENALTIES[penalty][0],
        max_norm=0.5,
        learning_rate_init=0.2,
        nesterovs_momentum=nesterov,
        max_iter=600,
        tol=0,
        n_iter_no_change=600,
        random_state=0,
    )
    fit_quietly(model, X, y)
    assert_allclose(np.linalg.norm(model.coefs_[0], axis=0), 0.5, rtol=1e-6)
    assert_allclose(model.coefs_[0], W, atol=1e-6)
    assert_array_equal(model.coefs_[0] == 0.0, W == 0.0)


# λ with a prox; of L2 one that is above m / η.
PROXIMAL = [("l1", 20.0), ("elasticnet", 20.0), ("group_l1", 3.0), ("l2", 2000.0)]


@pytest.mark.parametrize(
    "penalty, dtype", covering(PROXIMAL, [np.float32, np.float64], strength=1)
)
def test_partial_fits_under_a_prox_and_max_norm_equal_a_fit(penalty, dtype):
    penalty, alpha = penalty
    X, y, _ = softmax_problem()
    X = X.astype(dtype)
    model = MLPClassifier(
        (4,),
        solver="sgd",
        penalty=penalty,
        alpha=alpha,
        max_norm=0.5,
        learning_rate_init=0.05,
        shuffle=False,
        random_state=0,
    )
    pieces = clone(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.set_params(max_iter=30, tol=0, n_iter_no_change=30).fit(X, y)
        for _ in range(30):
            pieces.partial_fit(X, y, classes=[0, 1, 2])
    for W, V in zip(model.coefs_, pieces.coefs_, strict=True):
        assert (np.linalg.norm(W.astype(float), axis=0) <= 0.5).all()
        assert_array_equal(W, V)
    if penalty in ("l1", "elasticnet"):
        assert (model.coefs_[0] == 0.0).any()


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("penalty", ["l1", "group_l1"])
def test_max_norm_in_a_stack_whose_members_differ_in_the_prox(penalty, early_stopping):
    data = training_set(n_rows=60)
    settings = make_settings(
        data, max_norm=True, max_iter=10, early_stopping=early_stopping
    )
    alphas = [0.0, 3.0, 0.0, 30.0]

    def members():
        return [
            make_member(settings, 1, alpha=alpha, penalty=penalty, max_norm=0.3)
            for alpha in alphas
        ]

    problem = Problem(settings, data, HalfSquaredError())
    together = train_stack(problem, members())
    for member, result in zip(members(), together, strict=True):
        (alone,) = train_stack(problem, [member])
        assert_array_equal(result.theta, alone.theta)


def test_the_start_is_inside_the_ball():
    # No epoch has a better score than the first: what is kept is near the start.
    X, y, _ = softmax_problem()
    model = MLPClassifier(
        (4,),
        max_norm=0.01,
        learning_rate_init=1e-12,
        early_stopping=True,
        max_iter=2,
        random_state=0,
    )
    seen = []

    def scorer(estimator, X, y):
        seen.append([np.linalg.norm(W, axis=0) for W in estimator.coefs_])
        return -len(seen)

    fit_quietly(model.set_params(scoring=scorer), X, y)
    for W in model.coefs_:
        assert_allclose(np.linalg.norm(W, axis=0), 0.01, rtol=1e-9)
        assert (np.linalg.norm(W, axis=0) <= 0.01).all()


def test_a_warm_start_with_a_smaller_max_norm_begins_inside_it():
    X, y, _ = softmax_problem()
    model = MLPClassifier((4,), max_norm=1.0, warm_start=True, random_state=0)
    fit_quietly(model.set_params(max_iter=3), X, y)
    model.set_params(max_norm=0.1, learning_rate_init=1e-12, max_iter=1)
    before = model.coefs_
    fit_quietly(model, X, y)
    for W, W_before in zip(model.coefs_, before, strict=True):
        norm = np.linalg.norm(W_before, axis=0)
        assert_allclose(W, W_before * np.minimum(1.0, 0.1 / norm), atol=1e-9)
