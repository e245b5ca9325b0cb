"""The mini-batch loop: what the loss curve says, Ctrl-C, divergence, best weights."""

import numpy as np
import pytest
from helpers import LOSSES, make_member, make_settings, training_set
from numpy.testing import assert_allclose, assert_array_equal

from skl2 import MLPClassifier, MLPRegressor
from skl2._engine.losses import HalfSquaredError
from skl2._engine.stack import Problem, make_objective, train_stack

SOLVERS = ["sgd", "adam", "adamw"]
solvers = pytest.mark.parametrize("solver", SOLVERS)
quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Counting(HalfSquaredError):
    """Squared error that does something else in the batch number `at`."""

    def __init__(self, at, accident):
        self.at, self.accident, self.n_batches = at, accident, 0

    def value_and_gradient(self, raw, *args):
        self.n_batches += 1
        if self.n_batches == self.at:
            self.accident(raw)
        return super().value_and_gradient(raw, *args)


def ctrl_c(raw):
    raise KeyboardInterrupt


def overflow(raw):
    # The second member alone, if there are more.
    raw[len(raw) // 2] = np.inf


def train(loss=None, seeds=(0,), data=None, **params):
    data = data or training_set()
    settings = make_settings(data, **params)
    members = [make_member(settings, seed=seed) for seed in seeds]

    def score(raw, data, rows, theta):
        return float(-((raw - data.y[:, rows]) ** 2).mean())

    problem = Problem(settings, data, loss or LOSSES["squared_error"], score)
    return train_stack(problem, members)


# ------------------------------------------------------------------- the loss curve


@solvers
def test_with_one_batch_the_curve_is_J_at_the_start_of_each_epoch(solver):
    data = training_set()
    curve = train(solver=solver, batch_size=23, max_iter=4)[0].loss_curve
    settings = make_settings(data, solver=solver, batch_size=23)
    for epochs in range(4):
        if epochs == 0:
            problem = Problem(settings, data, LOSSES["squared_error"])
            objective = make_objective(problem, [make_member(settings)])
            theta = objective.network.initial_theta(np.random.RandomState(0))
        else:
            theta = train(solver=solver, batch_size=23, max_iter=epochs)[0].theta
        objective.bind(theta[None].copy())
        J, _ = objective.value_and_grad()
        assert_allclose(curve[epochs], J[0], rtol=1e-12)


def test_with_many_batches_each_is_seen_before_its_step():
    # A learning rate so small that nothing moves: the mean over batches is J.
    data = training_set()
    settings = make_settings(data, batch_size=5, max_iter=3)
    member = make_member(settings, learning_rate_init=1e-300)
    problem = Problem(settings, data, LOSSES["squared_error"])
    (result,) = train_stack(problem, [member])
    objective = make_objective(problem, [member])
    objective.bind(result.theta[None].copy())
    J, _ = objective.value_and_grad()
    assert_allclose(result.loss_curve, [J[0]] * 3, rtol=1e-12)


@solvers
def test_best_loss_is_the_smallest_of_the_curve(solver):
    for result in train(solver=solver, seeds=(0, 1, 2), max_iter=10):
        assert result.best_loss == min(result.loss_curve)
        assert len(result.loss_curve) == result.n_iter
        assert result.rows_seen == 23 * result.n_iter


@pytest.mark.parametrize("schedule, epochs", [("constant", 4), ("adaptive", 10)])
def test_patience_starts_anew_when_the_rate_is_lowered(schedule, epochs):
    # No step is large enough for an improvement by tol after the first epoch, so that
    # patience (2) ends every third; 1e-5 can be divided twice before it is below 1e-6.
    data = training_set()
    settings = make_settings(
        data, learning_rate=schedule, n_iter_no_change=2, tol=1.0, max_iter=50
    )
    members = [make_member(settings, seed=k, learning_rate_init=1e-5) for k in range(2)]
    problem = Problem(settings, data, LOSSES["squared_error"])
    for result in train_stack(problem, members):
        assert result.n_iter == epochs
        assert result.converged


# ------------------------------------------------------------------- early stopping


@solvers
@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_best_weights_are_those_of_the_recorded_score(solver, seeds):
    data = training_set(n_rows=60)
    held_out = {}

    def score(raw, data, rows, theta):
        result = float(-((raw - data.y[:, rows]) ** 2).mean())
        held_out[result] = rows.copy()
        return result

    # Coarse steps: the last epoch is not the best.
    settings = make_settings(
        data, solver=solver, early_stopping=True, validation_fraction=0.3, max_iter=30
    )
    members = [make_member(settings, seed=s, learning_rate_init=0.1) for s in seeds]
    problem = Problem(settings, data, LOSSES["squared_error"], score)
    results = train_stack(problem, members)
    network = make_objective(problem, members[:1]).network
    for result in results:
        best = result.best_validation_score
        assert best == max(result.validation_scores) > result.validation_scores[-1]
        theta = result.theta[None].copy()
        network.bind(theta, np.empty_like(theta))
        rows = held_out[best]
        raw = network.forward(data.batch(rows)[0], len(rows))[0]
        assert float(-((raw - data.y[:, rows]) ** 2).mean()) == best
        assert len(rows) == 18
        # m and the epochs count the rows trained on.
        assert result.rows_seen == 42 * result.n_iter


# ------------------------------------------------------------------- Ctrl-C


@solvers
@pytest.mark.parametrize("early_stopping", [False, True])
def test_ctrl_c_inside_an_epoch(early_stopping, solver):
    # 4 losses an epoch, the last of them on the validation rows under early stopping:
    # within the third epoch.
    loss = Counting(4 * 3 - 2 if early_stopping else 4 * 3 - 1, ctrl_c)
    results = train(
        loss,
        solver=solver,
        seeds=(0, 1),
        early_stopping=early_stopping,
        max_iter=9,
        validation_fraction=0.3,
    )
    undisturbed = train(
        solver=solver,
        seeds=(0, 1),
        early_stopping=early_stopping,
        max_iter=2,
        validation_fraction=0.3,
    )
    for result, other in zip(results, undisturbed, strict=True):
        assert result.interrupted and not result.converged
        assert result.n_iter == 2
        assert result.loss_curve == other.loss_curve
        assert np.isfinite(result.theta).all()
        if early_stopping:
            assert_array_equal(result.theta, other.theta)
            assert result.best_validation_score == max(result.validation_scores)
        else:
            # The steps of the third epoch that were taken are kept.
            assert not np.array_equal(result.theta, other.theta)


class InterruptedRegressor(MLPRegressor):
    accident = staticmethod(ctrl_c)
    at = 7

    def _loss(self):
        return Counting(self.at, self.accident)


@solvers
@pytest.mark.parametrize("at", [5, 7, 12])
def test_an_estimator_stays_usable_after_ctrl_c(solver, at):
    data = training_set()
    X, y = data.X, data.y.T
    model = InterruptedRegressor(
        hidden_layer_sizes=5, solver=solver, batch_size=6, random_state=0
    )
    model.at = at
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.fit(X, y)
    # 4 batches an epoch.
    assert model.n_iter_ == len(model.loss_curve_) == (at - 1) // 4
    assert np.isfinite(model.predict(X)).all()


@solvers
@pytest.mark.parametrize("at", [1, 4])
@pytest.mark.parametrize("n_estimators", [1, 2])
@pytest.mark.parametrize("early_stopping", [False, True])
@quiet
def test_ctrl_c_before_the_first_epoch_has_ended(
    solver, at, n_estimators, early_stopping
):
    """There is no trained network yet: KeyboardInterrupt, nothing is kept."""
    data = training_set()
    X, y = data.X, data.y.T
    model = InterruptedRegressor(
        hidden_layer_sizes=5,
        solver=solver,
        batch_size=6 - early_stopping,
        early_stopping=early_stopping,
        n_estimators=n_estimators,
        max_iter=3,
        random_state=0,
    )
    model.at = at
    before = set(vars(model))
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert set(vars(model)) == before
    model.at = None
    expected = model.fit(X, y).predict(X)
    model.at = at
    # A fit that fails leaves the earlier one, a warm one, too.
    for warm in (False, True):
        with pytest.raises(KeyboardInterrupt):
            model.set_params(warm_start=warm).fit(X, y)
        assert_array_equal(model.predict(X), expected)


@solvers
def test_ctrl_c_in_partial_fit(solver):
    data = training_set()
    X, y = data.X, data.y.T
    model = InterruptedRegressor(
        hidden_layer_sizes=5, solver=solver, batch_size=6, random_state=0
    )
    calm = MLPRegressor(**model.get_params())
    for at in (None, 3, None):
        model.at = at
        if at is None:
            model.partial_fit(X, y)
            calm.partial_fit(X, y)
        else:
            with pytest.raises(KeyboardInterrupt):
                model.partial_fit(X, y)
        # As if the call that was interrupted had not been made.
        for own, other in zip(model.coefs_, calm.coefs_, strict=True):
            assert_array_equal(own, other)


@quiet
def test_training_goes_on_after_ctrl_c():
    data = training_set()
    X, y = data.X, data.y.T
    model = InterruptedRegressor(
        hidden_layer_sizes=5, max_iter=20, batch_size=6, warm_start=True, random_state=0
    )
    model.at = 30
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.fit(X, y)
    before = ((model.predict(X) - y) ** 2).mean()
    model.at = None
    for _ in range(3):
        model.fit(X, y)
    assert ((model.predict(X) - y) ** 2).mean() < before


# ------------------------------------------------------------------- divergence


def test_a_loss_that_is_not_finite_names_the_epoch():
    # 4 batches an epoch: the 10th is in the third.
    results = train(Counting(10, overflow), seeds=(0, 1, 2), max_iter=6)
    alone = train(max_iter=6, seeds=(0, 1, 2))
    assert [r.diverged_at for r in results] == [None, 3, None]
    assert [r.n_iter for r in results] == [6, 3, 6]
    assert not results[1].converged
    assert not np.isfinite(results[1].loss_curve[-1])
    for k in (0, 2):
        assert_array_equal(results[k].theta, alone[k].theta)
        assert results[k].loss_curve == alone[k].loss_curve


@solvers
def test_the_estimator_names_the_epoch(solver):
    data = training_set()
    model = InterruptedRegressor(
        hidden_layer_sizes=5, solver=solver, batch_size=6, random_state=0
    )
    model.at, model.accident = 10, overflow
    with pytest.raises(ValueError, match="epoch 3.*max.*learning_rate_init"):
        model.fit(data.X, data.y.T)
    assert not hasattr(model, "coefs_")


@solvers
def test_best_weights_survive_divergence(solver):
    results = train(
        Counting(10, overflow),
        solver=solver,
        early_stopping=True,
        max_iter=6,
        validation_fraction=0.3,
    )
    undisturbed = train(
        solver=solver, early_stopping=True, max_iter=2, validation_fraction=0.3
    )
    assert results[0].diverged_at == 3
    assert_array_equal(results[0].theta, undisturbed[0].theta)
    assert results[0].best_validation_score == undisturbed[0].best_validation_score


@quiet
@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_the_recorded_score_is_that_of_the_estimator(Estimator):
    # random_state fixes the split: the held-out rows have targets of their own.
    rng = np.random.RandomState(0)
    X = rng.standard_normal((80, 3))
    y = X[:, 0] + 0.5 * rng.standard_normal(80)
    if Estimator is MLPClassifier:
        y = np.where(y > 0, "yes", "no")
    model = Estimator(
        hidden_layer_sizes=8,
        early_stopping=True,
        validation_fraction=0.25,
        learning_rate_init=0.05,
        random_state=0,
        max_iter=25,
    )
    seen = []

    class Watched(Estimator):
        def _validation(self, data):
            score, stratify = super()._validation(data)

            def watched(raw, data, rows, theta):
                seen.append(rows)
                return score(raw, data, rows, theta)

            return watched, stratify

    watched = Watched(**model.get_params()).fit(X, y)
    rows = seen[0]
    assert len(rows) == 20
    assert_allclose(
        watched.score(X[rows], y[rows]), watched.best_validation_score_, rtol=1e-12
    )
    model.fit(X, y)
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert_array_equal(model.coefs_[0], watched.coefs_[0])
