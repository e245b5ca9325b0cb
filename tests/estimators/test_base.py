"""Estimators as one training in pieces: partial_fit, warm_start, failed calls."""

import copy

import numpy as np
import pytest
from helpers import covering, fit_quietly
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix

from skl2 import MLPClassifier, MLPRegressor
from skl2._engine.losses import Loss
from skl2._estimators.targets import ClassTargets

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N = 30
RNG = np.random.RandomState(0)
X = RNG.standard_normal((N, 4))
Y = {
    MLPClassifier: np.array(["a", "b", "c"])[np.arange(N) % 3],
    MLPRegressor: X @ RNG.standard_normal(4) + RNG.standard_normal(N),
}
WEIGHT = RNG.choice([0.0, 1.0, 2.5], N)
both = pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
STOCHASTIC = ["sgd", "adam", "adamw"]
stochastic = pytest.mark.parametrize("solver", STOCHASTIC)


def make(Estimator, **params):
    defaults = {
        "hidden_layer_sizes": 5,
        "batch_size": 8,
        # Shuffling starts from the order of the data in each call.
        "shuffle": False,
        "random_state": 0,
        "n_iter_no_change": np.inf,
        "learning_rate_init": 0.02,
    }
    return Estimator(**(defaults | params))


def assert_same_model(one, other):
    for name in ("coefs_", "intercepts_"):
        for a, b in zip(getattr(one, name), getattr(other, name), strict=True):
            assert_array_equal(a, b, strict=True)
    assert one.loss_curve_ == other.loss_curve_
    assert one.t_ == other.t_
    assert one.best_loss_ == other.best_loss_
    assert one.loss_ == other.loss_


# Everything that a run carries from one epoch to the next.
OPTIONS = {
    "defaults": {},
    "full batch": {"batch_size": N, "shuffle": True},
    "l1": {"penalty": "l1", "alpha": 0.5},
    "elasticnet": {"penalty": "elasticnet", "alpha": [0.5, 0.1]},
    "float32": {"dtype": np.float32},
    "sparse": {"sparse": True},
    "weights": {"sample_weight": WEIGHT},
}
SGD_OPTIONS = {
    "invscaling": {"learning_rate": "invscaling"},
    "adaptive": {"learning_rate": "adaptive", "n_iter_no_change": 1, "tol": 0.5},
    "no momentum": {"momentum": 0.0},
    "heavy ball": {"nesterovs_momentum": False},
    "decay beyond 1": {"alpha": 1e4},
}
RUNS = [(solver, name) for solver in STOCHASTIC for name in OPTIONS]
runs_of_both = pytest.mark.parametrize(
    "run, Estimator", covering(RUNS, [MLPClassifier, MLPRegressor], strength=1)
)
RUNS += [("sgd", name) for name in SGD_OPTIONS]


def run_of(Estimator, solver, name):
    """Parameters, and the arguments of fit."""
    params = dict((OPTIONS | SGD_OPTIONS)[name], solver=solver)
    data = X.astype(params.pop("dtype", np.float64))
    if params.pop("sparse", False):
        data = csr_matrix(data * (data > 0))
    weight = params.pop("sample_weight", None)
    return params, (data, Y[Estimator]), {"sample_weight": weight}


def partial_fit(model, *args, **kwargs):
    if isinstance(model, MLPClassifier):
        kwargs["classes"] = np.unique(args[1])
    return model.partial_fit(*args, **kwargs)


@runs_of_both
def test_n_partial_fits_are_a_fit_of_n_epochs(Estimator, run):
    params, args, kwargs = run_of(Estimator, *run)
    pieces, whole = make(Estimator, **params), make(Estimator, max_iter=5, **params)
    for _ in range(5):
        partial_fit(pieces, *args, **kwargs)
    whole.fit(*args, **kwargs)
    assert whole.n_iter_ == 5
    assert_same_model(pieces, whole)


@runs_of_both
def test_a_warm_start_goes_on_where_the_fit_ended(Estimator, run):
    params, args, kwargs = run_of(Estimator, *run)
    warm = make(Estimator, max_iter=3, warm_start=True, **params)
    warm.fit(*args, **kwargs)
    warm.set_params(max_iter=4).fit(*args, **kwargs)
    whole = make(Estimator, max_iter=7, **params).fit(*args, **kwargs)
    # n_iter_ counts the new ones.
    assert (warm.n_iter_, whole.n_iter_) == (4, 7)
    assert_same_model(warm, whole)


@both
@stochastic
def test_fit_after_partial_fit_starts_anew(Estimator, solver):
    once = make(Estimator, solver=solver, max_iter=3).fit(X, Y[Estimator])
    again = make(Estimator, solver=solver, max_iter=3)
    partial_fit(again, X, Y[Estimator])
    assert_same_model(again.fit(X, Y[Estimator]), once)
    assert_same_model(again.fit(X, Y[Estimator]), once)


@both
@stochastic
def test_a_warm_start_with_early_stopping(Estimator, solver):
    params = {"early_stopping": True, "validation_fraction": 0.3, "solver": solver}
    rows = []

    class Watched(Estimator):
        def _validation(self, data):
            score, stratify = super()._validation(data)

            def watched(raw, data, held_out, theta):
                rows.append(np.sort(held_out))
                return score(raw, data, held_out, theta)

            return watched, stratify

    model = make(Watched, max_iter=4, warm_start=True, **params).fit(X, Y[Estimator])
    first, first_best = model.validation_scores_, model.best_validation_score_
    assert len(first) == 4
    model.fit(X, Y[Estimator])
    # Rows once trained on never become validation rows.
    assert len(rows) == 8
    for held_out in rows:
        assert_array_equal(held_out, rows[0])
    assert len(model.validation_scores_) == len(model.loss_curve_) == 8
    assert model.validation_scores_[:4] == first
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.best_validation_score_ >= first_best


@both
@pytest.mark.parametrize("early_stopping", [True, False])
def test_a_warm_start_that_finds_nothing_better_keeps_the_best(
    Estimator, early_stopping
):
    model = make(Estimator, max_iter=20, warm_start=True, early_stopping=early_stopping)
    model.fit(X, Y[Estimator])
    best = [c.copy() for c in model.coefs_]
    recorded = model.best_validation_score_
    # One step as long as this leads nowhere good.
    model.set_params(learning_rate_init=50.0, max_iter=1).fit(X, Y[Estimator])
    model._progress = None
    assert model.best_validation_score_ == recorded
    same = all(np.array_equal(a, b) for a, b in zip(best, model.coefs_, strict=True))
    assert same == early_stopping


@both
def test_a_warm_start_of_lbfgs_starts_from_the_weights(Estimator):
    model = make(
        Estimator, solver="lbfgs", warm_start=True, max_iter=5, batch_size="auto"
    )
    model.fit(X, Y[Estimator])
    curve = list(model.loss_curve_)
    model.fit(X, Y[Estimator])
    assert model.loss_curve_[:5] == curve
    assert model.loss_curve_[5] < curve[-1]


@both
def test_the_solver_may_change_between_warm_starts(Estimator):
    model = make(Estimator, warm_start=True, max_iter=3)
    model.fit(X, Y[Estimator])
    for solver in ("lbfgs", "sgd", "adam", "adamw"):
        losses = model.loss_curve_[-1]
        model.set_params(solver=solver).fit(X, Y[Estimator])
        assert np.isfinite(model.loss_curve_).all()
        assert model.loss_curve_[-1] < losses * 1.1


@both
@stochastic
def test_hyperparameters_may_change_between_warm_starts(Estimator, solver):
    def train(**change):
        model = make(Estimator, solver=solver, warm_start=True, max_iter=3, alpha=1.0)
        model.fit(X, Y[Estimator])
        model.set_params(**change).fit(X, Y[Estimator])
        assert np.isfinite(model.loss_curve_).all()
        return model.coefs_[0]

    unchanged = train()
    changes = [{"alpha": 30.0}, {"penalty": "l1"}, {"learning_rate_init": 1e-3}]
    changes.append({"momentum": 0.1} if solver == "sgd" else {"beta_1": 0.1})
    for change in changes:
        assert np.abs(train(**change) - unchanged).max() > 1e-6, change


# What a failed call must not touch: a parameter, or an array that can't be trained on.
FAILURES = {
    "parameter": ({"alpha": -1.0}, {}),
    "activation": ({"activation": "sine"}, {}),
    "NaN in X": ({}, {"X": np.full((N, 4), np.nan)}),
    "other columns": ({}, {"X": np.ones((N, 3))}),
    "other rows": ({}, {"X": np.ones((N - 1, 4))}),
    "weights": ({}, {"sample_weight": np.full(N, -1.0)}),
    "hidden layers": ({"hidden_layer_sizes": (3, 3)}, {}),
    # The sum over the columns overflows.
    "diverges": ({}, {"X": np.sign(X) * 1.7e308}),
}


def snapshot(model):
    return copy.deepcopy(vars(model))


def assert_as_it_was(model, before):
    assert list(vars(model)) == list(before)
    for name, value in before.items():
        now = getattr(model, name)
        if isinstance(value, list):
            assert len(now) == len(value)
            for a, b in zip(now, value, strict=True):
                assert_array_equal(a, b)
        elif name == "_progress" and value is not None:
            assert_array_equal(now.stream.get_state()[1], value.stream.get_state()[1])
            for key, state in value.optimizer.items():
                assert_array_equal(now.optimizer[key], state)
            assert_array_equal(now.patience.best, value.patience.best)
        elif isinstance(value, Loss):
            assert type(now) is type(value) and vars(now) == vars(value)
        elif isinstance(value, ClassTargets):
            assert now.multilabel == value.multilabel
            assert_array_equal(now.classes, value.classes)
        else:
            assert_array_equal(now, value)


@pytest.mark.parametrize(
    "failure, method, Estimator",
    covering(FAILURES, ["partial_fit", "warm fit"], [MLPClassifier, MLPRegressor]),
)
def test_a_failed_call_leaves_a_fitted_estimator_as_it_was(Estimator, failure, method):
    change, arguments = FAILURES[failure]
    y = Y[Estimator]
    params = {"warm_start": method == "warm fit", "max_iter": 3, "shuffle": True}
    model, twin = make(Estimator, **params), make(Estimator, **params)
    call = "fit" if method == "warm fit" else "partial_fit"
    for m in (model, twin):
        fit_quietly(m, X, y) if call == "fit" else partial_fit(m, X, y)
    good = {name: getattr(model, name) for name in change}
    model.set_params(**change)
    before = snapshot(model)
    with pytest.raises(ValueError):
        getattr(model, call)(**({"X": X, "y": y} | arguments))
    assert_as_it_was(model, before)
    # And training goes on as if the call had never been.
    model.set_params(**good)
    getattr(model, call)(X, y)
    getattr(twin, call)(X, y)
    assert_same_model(model, twin)


@both
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    "failure", sorted(set(FAILURES) - {"other columns", "hidden layers"})
)
def test_a_failed_first_call_leaves_nothing(Estimator, failure, method):
    change, arguments = FAILURES[failure]
    model = make(Estimator, **change)
    before = snapshot(model)
    arguments = {"X": X, "y": Y[Estimator]} | arguments
    if method == "partial_fit" and Estimator is MLPClassifier:
        arguments["classes"] = ["a", "b", "c"]
    with pytest.raises(ValueError):
        getattr(model, method)(**arguments)
    assert not hasattr(model, "coefs_") and not hasattr(model, "classes_")
    assert_as_it_was(model, before)


@both
@pytest.mark.parametrize("seed", range(30))
def test_rows_of_weight_zero_are_not_held_out_alone(Estimator, seed):
    # Of six rows held out at random all would have weight 0 now and then.
    rng = np.random.RandomState(1)
    data, weight = rng.standard_normal((60, 4)), np.arange(60) % 3 // 2
    y = data[:, 0] > 0 if Estimator is MLPClassifier else data[:, 0]
    model = make(Estimator, early_stopping=True, max_iter=2, random_state=seed)
    model.fit(data, y, sample_weight=weight)
    assert np.isfinite(model.coefs_[0]).all()
    assert np.isfinite(model.loss_curve_).all()
    assert np.isfinite(model.validation_scores_).all()


@both
@stochastic
def test_a_random_state_instance_is_used_up(Estimator, solver):
    stream = np.random.RandomState(5)
    fits = [
        make(Estimator, solver=solver, max_iter=2, random_state=stream).fit(
            X, Y[Estimator]
        )
        for _ in range(2)
    ]
    assert not np.array_equal(fits[0].coefs_[0], fits[1].coefs_[0])
    again = make(Estimator, solver=solver, max_iter=2, random_state=5)
    assert_same_model(again.fit(X, Y[Estimator]), fits[0])


@both
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_the_recorded_loss_is_J(Estimator, solver):
    model = make(
        Estimator,
        hidden_layer_sizes=(),
        solver=solver,
        max_iter=1500,
        batch_size=N,
        tol=1e-9,
        alpha=2.0,
    )
    model.fit(X, Y[Estimator])
    W = model.coefs_[0]
    if Estimator is MLPClassifier:
        p = model.predict_log_proba(X)
        loss = -p[np.arange(N), np.searchsorted(model.classes_, Y[Estimator])].mean()
    else:
        loss = 0.5 * ((model.predict(X) - Y[Estimator]) ** 2).mean()
    J = loss + 2.0 / (2 * N) * (W**2).sum()
    # At the end nothing moves, so that the loss before a step is that after it.
    assert_allclose(model.loss_, J, rtol=1e-5)
    assert_allclose(model.best_loss_, J, rtol=1e-5)
    assert model.loss_ == model.loss_curve_[-1]


@both
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_prediction_in_chunks_is_that_of_each_row(Estimator, dtype):
    rng = np.random.RandomState(1)
    model = make(Estimator, hidden_layer_sizes=1500, max_iter=1)
    model.fit(X.astype(dtype), Y[Estimator])
    many = rng.standard_normal((600, 4)).astype(dtype)
    classifies = Estimator is MLPClassifier
    predict = model.decision_function if classifies else model.predict
    all_at_once = predict(many)
    assert all_at_once.dtype == dtype and len(all_at_once) == 600
    rows = [0, 299, 300, 301, 599]
    rtol = 1e-10 if dtype == np.float64 else 1e-3
    assert_allclose(predict(many[rows]), all_at_once[rows], rtol=rtol)


@pytest.mark.parametrize(
    "penalty, solver, Estimator",
    covering(
        ["l2", "l1", "elasticnet", "group_l1", None],
        [*STOCHASTIC, "lbfgs"],
        [MLPClassifier, MLPRegressor],
    ),
)
def test_the_penalty_curve_is_the_penalty_in_each_j(Estimator, penalty, solver):
    params = {"solver": solver, "penalty": penalty, "alpha": 0.5, "max_iter": 5}
    # With momentum the weights in training are not those published after a prox.
    params["momentum"] = 0.0
    model = make(Estimator, batch_size=N, **params).fit(X, Y[Estimator])
    assert len(model.penalty_curve_) == len(model.loss_curve_)

    def omega(W, first):
        squares, absolutes = (W**2).sum(), np.abs(W).sum()
        if penalty == "group_l1" and first:
            return np.sqrt((W**2).sum(axis=1)).sum()
        mixed = {"l1": absolutes, "elasticnet": 0.5 * (absolutes + squares), None: 0}
        return mixed.get(penalty, squares)

    longer = make(Estimator, batch_size=N, **params).set_params(max_iter=6)
    # The penalty of an epoch is that at its start; L-BFGS's that at its end.
    at = model.penalty_curve_[-1]
    if solver != "lbfgs":
        at = longer.fit(X, Y[Estimator]).penalty_curve_[-1]
    sums = [omega(W, i == 0) for i, W in enumerate(model.coefs_)]
    assert_allclose(at, 0.5 / (2 * N) * sum(sums), rtol=1e-9)
    model.set_params(warm_start=True).fit(X, Y[Estimator])
    assert len(model.penalty_curve_) == len(model.loss_curve_)


@both
def test_a_warning_names_the_line_of_the_user(Estimator):
    with pytest.warns(UserWarning) as record:
        make(Estimator, batch_size=100, max_iter=1).fit(X, Y[Estimator])
    assert len(record) == 2
    assert {warning.filename for warning in record} == {__file__}


@stochastic
def test_a_cosine_schedule_is_over_at_max_iter(solver, recwarn):
    model = make(MLPClassifier, solver=solver, learning_rate="cosine", max_iter=3)
    model.fit(X, Y[MLPClassifier])
    assert model.n_iter_ == 3
    assert not recwarn.list
