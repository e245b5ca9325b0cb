"""MLPRegressor: its losses, links and shapes."""

import numpy as np
import pytest
from helpers import covering, fit_quietly
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.stats import norm
from sklearn.linear_model import (
    HuberRegressor,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
)
from sklearn.metrics import d2_pinball_score, mean_pinball_loss, r2_score

from skl2 import MLPRegressor
from skl2._engine.stack import train_stack

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


QUANTILES = [0.1, 0.5, 0.9]
# Rates that are large enough for a linear model in the units of Y.
STOCHASTIC = {
    "adam": {"learning_rate_init": 0.1},
    "adamw": {"learning_rate_init": 0.1},
    "sgd": {"learning_rate_init": 0.3, "momentum": 0.0},
}


def quantile_regressor(solver="lbfgs", **params):
    exact = {"tol": 1e-8, "max_iter": 2000}
    cosine = {"learning_rate": "cosine", "max_iter": 500, "n_iter_no_change": 500}
    params = (exact if solver == "lbfgs" else cosine | STOCHASTIC[solver]) | params
    return MLPRegressor(
        "quantile", (), solver=solver, penalty="l1", random_state=0, **params
    )


def objectives(estimator, y, quantiles, alpha, weight=None):
    """scikit-learn's objective of each quantile: mean loss + alpha ‖w‖₁."""
    # Sorted predictions are no linear model.
    predicted = estimator._raw_predict(X)
    return [
        mean_pinball_loss(y, column, alpha=q, sample_weight=weight)
        + alpha * np.abs(w).sum()
        for column, w, q in zip(
            predicted.T, estimator.coefs_[0].T, quantiles, strict=True
        )
    ]


@pytest.mark.parametrize(
    "solver, alpha, weighted",
    covering(["lbfgs", "adam", "sgd"], [0.0, 0.05], [False, True]),
)
def test_linear_quantiles_are_those_of_the_quantile_regressor(solver, alpha, weighted):
    weight = np.arange(len(X)) % 3 if weighted else None
    m = len(X) if weight is None else weight.sum()
    ours = quantile_regressor(solver, alpha=2 * m * alpha, quantile=QUANTILES)
    ours = fit_quietly(ours, X, Y, weight)
    for q, value in zip(
        QUANTILES, objectives(ours, Y, QUANTILES, alpha, weight), strict=True
    ):
        theirs = QuantileRegressor(quantile=q, alpha=alpha).fit(X, Y, weight)
        least = mean_pinball_loss(Y, theirs.predict(X), alpha=q, sample_weight=weight)
        least += alpha * np.abs(theirs.coef_).sum()
        assert least - 1e-8 < value < least + 1e-3
    total = sum(objectives(ours, Y, QUANTILES, alpha, weight))
    if solver == "lbfgs":
        # The J that is reported is that of the pinball loss.
        assert_allclose([ours.loss_, ours.loss_curve_[-1]], total, rtol=1e-10)
        assert_allclose(ours.best_loss_, total, rtol=1e-10)


def test_adamw_is_adam_where_the_penalty_is_l1():
    # Its decay is that of an L2 part; an L1 part has the same prox.
    fits = [
        fit_quietly(quantile_regressor(solver, alpha=8.0, max_iter=100), X, Y)
        for solver in ("adam", "adamw")
    ]
    assert_allclose(fits[0].predict(X), fits[1].predict(X), rtol=1e-12)


@pytest.mark.parametrize("solver", ["lbfgs", "adam", "adamw", "sgd"])
@pytest.mark.parametrize("quantile", [0.2, QUANTILES])
def test_weights_count_as_repetitions(solver, quantile):
    weight = np.arange(len(X)) % 3
    est = quantile_regressor(solver, alpha=8.0, quantile=quantile, max_iter=50)
    est.set_params(batch_size=len(X), shuffle=False)
    weighted = fit_quietly(est, X, Y, weight).predict(X)
    repeated = fit_quietly(est, np.repeat(X, weight, 0), np.repeat(Y, weight))
    assert_allclose(repeated.predict(X), weighted, rtol=1e-6, atol=1e-6)


def test_max_iter_bounds_the_iterations_of_all_smooth_losses():
    for max_iter in (1, 2, 3, 7):
        est = fit_quietly(quantile_regressor(max_iter=max_iter), X, Y)
        assert 1 <= est.n_iter_ <= max_iter
        assert len(est.loss_curve_) == len(est.penalty_curve_) == est.n_iter_


def test_group_l1_has_full_batch_quantiles():
    # With one input and one output a group is a weight.
    est = quantile_regressor(alpha=8.0, quantile=0.3)
    l1 = fit_quietly(est, X[:, :1], Y).predict(X[:, :1])
    group = fit_quietly(est.set_params(penalty="group_l1"), X[:, :1], Y)
    assert_allclose(group.predict(X[:, :1]), l1, atol=5e-3)


@pytest.mark.parametrize("n_estimators", [1, 3])
def test_quantiles_do_not_cross(n_estimators):
    est = MLPRegressor(
        "quantile",
        (5,),
        quantile=[0.4, 0.5, 0.6],
        max_iter=20,
        n_estimators=n_estimators,
        random_state=0,
    )
    fit_quietly(est, X, Y)
    far = 10.0 * RNG.standard_normal((500, 3))
    raw = est._raw_predict(far)
    assert (np.diff(raw, axis=1) < 0).any()
    assert (np.diff(est.predict(far), axis=1) >= 0).all()
    assert est.out_activation_ == "sort" and est.n_outputs_ == 3


def test_shapes_of_predicted_quantiles():
    for quantile, y, shape in [
        (0.5, Y, (80,)),
        ([0.5], Y, (80, 1)),
        (QUANTILES, Y, (80, 3)),
        (0.5, np.column_stack([Y, -Y]), (80, 2)),
    ]:
        est = fit_quietly(quantile_regressor(quantile=quantile, max_iter=5), X, y)
        assert est.predict(X).shape == shape


def test_the_score_of_quantiles_is_d2():
    weight = RNG.rand(len(X))
    one = fit_quietly(quantile_regressor(quantile=0.9), X, Y)
    expected = d2_pinball_score(Y, one.predict(X), sample_weight=weight, alpha=0.9)
    assert one.score(X, Y, weight) == expected
    three = fit_quietly(quantile_regressor(quantile=QUANTILES), X, Y)
    scores = [
        d2_pinball_score(Y, column, alpha=q)
        for column, q in zip(three.predict(X).T, QUANTILES, strict=True)
    ]
    assert three.score(X, Y) == np.mean(scores)
    # Early stopping watches the same.
    three.set_params(solver="adam", early_stopping=True, max_iter=3)
    fit_quietly(three, X, Y, X_val=X, y_val=Y)
    assert_allclose(three.score(X, Y), three.best_validation_score_, rtol=1e-12)
    # All other losses have R².
    huber = fit_quietly(MLPRegressor("huber", **EXACT), X, Y)
    assert huber.score(X, Y) == r2_score(Y, huber.predict(X))


def test_listeners_stop_all_smooth_losses():
    problem, members, _ = quantile_regressor(max_iter=60)._problem(X, Y)
    # In the first, the second and the third of them.
    for stop in (5, 25, 45):
        heard = []

        def listen(report, heard=heard, stop=stop):
            heard.append((report.result.n_iter, len(report.result.loss_curve)))
            return report.result.n_iter == stop

        (result,) = train_stack(problem, members, [listen])
        assert heard == [(n, n) for n in range(1, stop + 1)]
        assert result.n_iter == stop
        assert result.converged


# The standard deviation grows by e from one end to the other.
WIDE = RNG.uniform(-1, 1, (400, 1))
NOISY = WIDE[:, 0] + np.exp(0.5 * WIDE[:, 0] - 1.0) * RNG.standard_normal(400)


def gaussian(**params):
    defaults = {"random_state": 0, "learning_rate": "cosine", "max_iter": 200}
    defaults |= {"learning_rate_init": 0.01, "n_iter_no_change": np.inf}
    return MLPRegressor("gaussian", **defaults | params)


def negative_log_likelihood(parameters, alpha, X, y, weight):
    """J of a linear mean and a linear log-variance; L2 on both slopes."""
    slopes, intercepts = parameters[:2], parameters[2:]
    mean, r = (X @ slopes[np.newaxis] + intercepts).T
    s = 10 * np.tanh(r / 10)
    losses = -norm.logpdf(y, mean, np.exp(s / 2)) - np.log(2 * np.pi) / 2
    penalty = alpha / (2 * weight.sum()) * np.sum(slopes**2)
    return np.average(losses, weights=weight) + penalty


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_a_linear_gaussian_is_the_most_likely_one(solver, weighted):
    weight = np.arange(400) % 3 if weighted else np.ones(400)
    exact = {"tol": 1e-10, "max_iter": 500}
    params = exact if solver == "lbfgs" else {"learning_rate_init": 0.1}
    ours = gaussian(hidden_layer_sizes=(), solver=solver, alpha=2.0, **params)
    fit_quietly(ours, WIDE, NOISY, weight)
    start = np.zeros(4)
    theirs = minimize(
        negative_log_likelihood, start, (2.0, WIDE, NOISY, weight), tol=1e-8
    )
    mean, std = ours.predict(WIDE, return_std=True)
    expected, r = (WIDE @ theirs.x[np.newaxis, :2] + theirs.x[2:]).T
    rtol = 1e-4 if solver == "lbfgs" else 1e-2
    assert_allclose(mean, expected, atol=rtol)
    assert_allclose(std, np.exp(5 * np.tanh(r / 10)), rtol=rtol)
    if solver == "lbfgs":
        assert_allclose(ours.loss_, theirs.fun, rtol=1e-8)


def test_a_network_finds_where_targets_vary():
    reg = fit_quietly(gaussian(hidden_layer_sizes=(20,), alpha=0.1), WIDE, NOISY)
    _, std = reg.predict(WIDE, return_std=True)
    assert_allclose(std, np.exp(0.5 * WIDE[:, 0] - 1.0), rtol=0.35)
    assert reg.score(WIDE, NOISY) == r2_score(NOISY, reg.predict(WIDE))


def test_the_mean_is_trained_first():
    # In the first quarter of the epochs as by the squared error, at twice the output.
    gauss = fit_quietly(
        gaussian(max_iter=40, learning_rate="constant", alpha=0.0), X, Y
    )
    early = gaussian(max_iter=160, learning_rate="constant", alpha=0.0)
    fit_quietly(early, X, Y)
    # 10 and 40 epochs of the lead: the first ten are the same.
    assert gauss.loss_curve_[:10] == early.loss_curve_[:10]
    assert gauss.loss_curve_[10:] != early.loss_curve_[10:40]
    # Patience begins after the lead.
    short = gaussian(learning_rate="constant", n_iter_no_change=1, tol=1e9)
    fit_quietly(short, X, Y)
    assert 50 < short.n_iter_ < 60


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_gaussian_continues_without_its_lead(early_stopping):
    reg = gaussian(max_iter=8, warm_start=True, early_stopping=early_stopping)
    reg.set_params(learning_rate="constant")
    fit_quietly(reg, X, Y)
    before = reg.predict(X, return_std=True)
    fit_quietly(reg, X, Y)
    assert np.abs(reg.predict(X, return_std=True)[1] - before[1]).max() > 0
    partial = gaussian(learning_rate="constant")
    partial.partial_fit(X, Y)
    first = partial.predict(X, return_std=True)[1]
    partial.partial_fit(X, Y)
    assert np.abs(partial.predict(X, return_std=True)[1] - first).max() > 0


def test_early_stopping_of_a_gaussian_watches_its_loss():
    reg = gaussian(early_stopping=True, max_iter=12)
    fit_quietly(reg, X, Y, X_val=X, y_val=Y)
    assert_allclose(reg.validation_scores_, -np.array(reg.validation_loss_curve_))
    mean, std = reg.predict(X, return_std=True)
    loss = np.mean(np.log(std) + 0.5 * ((Y - mean) / std) ** 2)
    assert_allclose(-loss, reg.best_validation_score_, rtol=1e-10)
    assert reg.best_validation_score_ == max(reg.validation_scores_[3:])


@pytest.mark.parametrize("n_targets", [1, 2])
def test_total_variance_of_an_average(n_targets):
    y = Y if n_targets == 1 else np.column_stack([Y, X[:, 0] - Y])
    reg = gaussian(n_estimators=3, max_iter=20, hidden_layer_sizes=(5,))
    fit_quietly(reg, X, y)
    each = [n.predict(X, return_std=True) for n in reg.estimators_]
    means, stds = (np.array(part) for part in zip(*each, strict=True))
    mean, std = reg.predict(X, return_std=True)
    assert mean.shape == std.shape == y.shape
    assert_allclose(mean, reg.predict(X), rtol=1e-12)
    assert_allclose(mean, means.mean(axis=0))
    second = (means**2 + stds**2).mean(axis=0)
    assert_allclose(std, np.sqrt(second - mean**2), rtol=1e-8)
