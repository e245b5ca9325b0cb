"""Warm starts and partial fits: what carries over, and what a new parameter resets."""

import copy

import numpy as np
import pytest
from helpers import fit_quietly
from numpy.testing import assert_allclose, assert_array_equal

from skl2 import MLPClassifier, MLPRegressor
from skl2.model_selection import StackedGridSearchCV

RNG = np.random.RandomState(0)
X = RNG.standard_normal((60, 3))
Y = X @ [1.0, 2.0, 0.0] + 0.3 * RNG.standard_normal(60)
LABELS = (Y > 0).astype(int)

ESTIMATORS = [(MLPRegressor, Y), (MLPClassifier, LABELS)]
both = pytest.mark.parametrize("Estimator, y", ESTIMATORS)


def textbook_adam(W, b, rate, betas, epsilon=1e-8):
    """Kingma & Ba's algorithm 1 for least squares, a pair of betas for each step."""
    m, v = np.zeros(4), np.zeros(4)
    for t, (beta_1, beta_2) in enumerate(betas, 1):
        residual = (X @ W + b - Y) / len(Y)
        g = np.r_[X.T @ residual, residual.sum()]
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        step = rate * (m / (1 - beta_1**t)) / (np.sqrt(v / (1 - beta_2**t)) + epsilon)
        W, b = W - step[:3], b - step[3]
    return W, b


@pytest.mark.parametrize("method", ["partial_fit", "fit"])
@pytest.mark.parametrize("solver", ["adam", "adamw"])
def test_changed_betas_act_on_the_moments_of_the_paper(solver, method):
    model = MLPRegressor(
        hidden_layer_sizes=(),
        solver=solver,
        alpha=0.0,
        learning_rate_init=0.01,
        warm_start=True,
        max_iter=1,
        random_state=0,
    )
    start = copy.deepcopy(model).set_params(learning_rate_init=1e-30)
    start.partial_fit(X, Y)
    first, second = (0.9, 0.999), (0.5, 0.9)
    for beta_1, beta_2 in [first] * 10 + [second] * 10:
        model.set_params(beta_1=beta_1, beta_2=beta_2)
        fit_quietly(model, X, Y, method=method)
    W, b = textbook_adam(
        start.coefs_[0][:, 0],
        start.intercepts_[0][0],
        0.01,
        [first] * 10 + [second] * 10,
    )
    assert_allclose(model.coefs_[0][:, 0], W, rtol=1e-10)
    assert_allclose(model.intercepts_[0], b, rtol=1e-10)


# Parameters that change J, and a value for each before and after.
OTHER_J = {
    "alpha": (0.01, 10.0),
    "penalty": (None, "l1"),
    "l1_ratio": (1.0, 0.0),
}


@pytest.mark.parametrize("method", ["partial_fit", "fit"])
@pytest.mark.parametrize("name", OTHER_J)
def test_patience_starts_anew_for_another_J(name, method):
    before, after = OTHER_J[name]
    model = MLPRegressor(
        hidden_layer_sizes=(),
        solver="sgd",
        learning_rate_init=0.1,
        penalty="elasticnet",
        alpha=20.0,
        warm_start=True,
        max_iter=300,
        random_state=0,
    ).set_params(**{name: before})
    model.fit(X, Y)
    assert model.n_iter_ < 300
    best = model.best_loss_
    model.set_params(**{name: after})
    fit_quietly(model, X, Y, method=method)
    assert model.best_loss_ == min(model.loss_curve_[-model.n_iter_ :])
    assert model.best_loss_ != best
    again = copy.deepcopy(model)
    # Of the same J the best is that of all calls.
    fit_quietly(again, X, Y, method=method)
    assert again.best_loss_ <= model.best_loss_


def test_a_walk_up_the_alphas_ends_where_fresh_fits_do():
    def model(alpha):
        return MLPRegressor(
            hidden_layer_sizes=(5,),
            alpha=alpha,
            learning_rate_init=0.01,
            max_iter=500,
            random_state=0,
        )

    walked = model(0.01).set_params(warm_start=True)
    for alpha in (0.01, 1.0, 10.0, 100.0):
        fit_quietly(walked.set_params(alpha=alpha), X, Y)
        fresh = fit_quietly(model(alpha), X, Y)
        assert walked.loss_ < 1.1 * fresh.loss_


def test_patience_starts_anew_for_another_score():
    # An accuracy is greater than minus any loss.
    model = MLPClassifier(
        hidden_layer_sizes=(5,),
        early_stopping=True,
        learning_rate_init=0.01,
        warm_start=True,
        max_iter=5,
        random_state=0,
    )
    fit_quietly(model, X, LABELS)
    assert model.best_validation_score_ == max(model.validation_scores_)
    model.set_params(scoring="loss", max_iter=30)
    fit_quietly(model, X, LABELS)
    assert model.n_iter_ == 30
    assert model.best_validation_score_ == max(model.validation_scores_[-30:]) < 0


def test_patience_starts_anew_for_other_validation_rows():
    model = MLPRegressor(
        hidden_layer_sizes=(5,),
        early_stopping=True,
        warm_start=True,
        max_iter=3,
        random_state=0,
    )
    fit_quietly(model, X, Y, X_val=X[:20], y_val=Y[:20])
    fit_quietly(model, X, Y, X_val=X[:20], y_val=Y[:20] + 100.0)
    assert model.best_validation_score_ == max(model.validation_scores_[-3:])
    fit_quietly(model, X, Y, X_val=X[:20], y_val=Y[:20] + 200.0)
    fit_quietly(model, X, Y, X_val=X[:20], y_val=Y[:20] + 200.0)
    assert model.best_validation_score_ == max(model.validation_scores_[-6:])


@both
@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("before", ["adaptive", "constant", "invscaling"])
@pytest.mark.parametrize("method", ["partial_fit", "fit"])
def test_adaptive_takes_a_changed_rate(Estimator, y, solver, before, method):
    model = Estimator(
        hidden_layer_sizes=(4,),
        solver=solver,
        momentum=0.0,
        learning_rate=before,
        warm_start=True,
        max_iter=5,
        random_state=0,
    )
    fit_quietly(model, X, y)
    coefs = [W.copy() for W in model.coefs_]
    model.set_params(learning_rate="adaptive", learning_rate_init=1e-13)
    fit_quietly(model, X, y, method=method)
    for W, V in zip(model.coefs_, coefs, strict=True):
        assert_allclose(W, V, atol=1e-9)


def test_adaptive_keeps_its_rate_where_nothing_has_changed():
    model = MLPRegressor(
        hidden_layer_sizes=(4,),
        solver="sgd",
        momentum=0.0,
        learning_rate="adaptive",
        learning_rate_init=1e-5,
        tol=1.0,
        n_iter_no_change=1,
        warm_start=True,
        random_state=0,
    )
    # Ends once the rate is below 1e-6.
    model.fit(X, Y)
    coefs = [W.copy() for W in model.coefs_]
    model.set_params(max_iter=1, tol=0.0)
    fit_quietly(model, X, Y)
    moved = max(abs(W - V).max() for W, V in zip(model.coefs_, coefs, strict=True))
    model.set_params(learning_rate="constant")
    coefs = [W.copy() for W in model.coefs_]
    fit_quietly(model, X, Y)
    more = max(abs(W - V).max() for W, V in zip(model.coefs_, coefs, strict=True))
    assert 5.0 < more / moved


# ---------------------------------------------------------------- random streams

BIT_GENERATORS = ["MT19937", "PCG64", "Philox", "SFC64"]
NOISY = {"dropout": 0.2, "batch_size": 20}


def stream(kind):
    return np.random.RandomState(getattr(np.random, kind)(0))


@both
@pytest.mark.parametrize("kind", BIT_GENERATORS)
def test_a_RandomState_of_any_bit_generator(Estimator, y, kind):
    params = {"hidden_layer_sizes": (4,), "max_iter": 4, "early_stopping": True}
    one, other = (
        fit_quietly(Estimator(**params, **NOISY, random_state=stream(kind)), X, y)
        for _ in range(2)
    )
    # The first draws are those of the stream, scaled to Glorot's bound.
    assert_array_equal(one.coefs_[0], other.coefs_[0])
    start = Estimator(hidden_layer_sizes=(4,), learning_rate_init=1e-30, max_iter=1)
    fit_quietly(start.set_params(random_state=stream(kind)), X, y)
    bound = np.sqrt(6.0 / (3 + 4))
    expected = stream(kind).uniform(-bound, bound, (3, 4))
    assert_allclose(start.coefs_[0], expected, rtol=1e-12)


@pytest.mark.parametrize("kind", BIT_GENERATORS)
def test_a_stacked_search_with_a_RandomState_of_any_bit_generator(kind):
    model = MLPRegressor(hidden_layer_sizes=(4,), max_iter=3)
    grid = {"alpha": [0.1, 1.0], "random_state": [stream(kind), stream("MT19937")]}
    search = fit_quietly(StackedGridSearchCV(model, grid, cv=2), X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@both
@pytest.mark.parametrize("kind", ["MT19937", "PCG64"])
@pytest.mark.parametrize("n_estimators", [1, 2])
def test_drawing_from_the_stream_between_calls_changes_nothing(
    Estimator, y, kind, n_estimators
):
    classes = {"classes": [0, 1]} if Estimator is MLPClassifier else {}
    fitted = []
    for draws in (False, True):
        user = stream(kind)
        model = Estimator(
            hidden_layer_sizes=(4,),
            n_estimators=n_estimators,
            random_state=user,
            **NOISY,
        )
        for _ in range(3):
            model.partial_fit(X, y, **classes)
            if draws:
                user.rand(7)
        model.set_params(warm_start=True, max_iter=2)
        fitted.append(fit_quietly(model, X, y))
    assert_array_equal(fitted[0].coefs_[0], fitted[1].coefs_[0])
