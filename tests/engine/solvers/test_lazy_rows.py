"""Rows of the first layer that wait get the numbers of steps on all rows."""

import copy
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from helpers import covering, fit_quietly, make_member, make_settings
from numpy.testing import assert_allclose, assert_array_equal

from skl2 import MLPRegressor
from skl2._engine import stack
from skl2._engine.data import TrainingSet
from skl2._engine.losses import HalfSquaredError
from skl2._engine.solvers import lazy_rows
from skl2._engine.solvers.lazy_rows import LazyDense, LazySGD, rows_may_wait
from skl2._engine.solvers.optimizers import SGD
from skl2._engine.stack import Problem, make_network, make_objective, train_stack
from skl2.model_selection import StackedGridSearchCV

RNG = np.random.RandomState(0)
N, WIDTH = 60, 40
# Columns from one that every row has to one that no row has.
X = sp.csr_matrix(
    RNG.standard_normal((N, WIDTH)) * (RNG.rand(N, WIDTH) < np.linspace(1, 0, WIDTH))
)
Y = RNG.standard_normal(N)
WEIGHT = RNG.choice([0.0, 0.5, 2.0], N)
DEFAULTS = {
    "hidden_layer_sizes": (6,),
    "solver": "sgd",
    "alpha": 3.0,
    "learning_rate_init": 0.02,
    "batch_size": 4,
    "max_iter": 4,
    "n_iter_no_change": np.inf,
    "random_state": 0,
}
OPTIONS = {
    "Nesterov": {},
    "heavy ball": {"nesterovs_momentum": False},
    "no momentum": {"momentum": 0.0},
    "full momentum": {"momentum": 1.0, "learning_rate_init": 0.001},
    "no penalty": {"penalty": None},
    "strong": {"alpha": 2000.0},
    "elasticnet without l1": {"penalty": "elasticnet", "l1_ratio": 0.0},
    "layers": {"alpha": [50.0, 0.0]},
    "invscaling": {"learning_rate": "invscaling"},
    "adaptive": {"learning_rate": "adaptive", "n_iter_no_change": 1, "tol": 1.0},
    "cosine": {"learning_rate": "cosine"},
    "linear": {"hidden_layer_sizes": ()},
    "deep": {"hidden_layer_sizes": (5, 4), "activation": "gelu"},
    "dropout": {"dropout": [0.3, 0.2]},
    "early stopping": {"early_stopping": True, "scoring": "loss", "max_iter": 8},
    "networks": {"n_estimators": 3},
    "no shuffle": {"shuffle": False},
    "one row a batch": {"batch_size": 1},
    "all rows a batch": {"batch_size": N},
}
PROX = {
    "l1": {"penalty": "l1"},
    "elasticnet": {"penalty": "elasticnet"},
    "group": {"penalty": "group_l1"},
    "overshoots": {"alpha": 1e5},
}


@pytest.fixture
def waiting(monkeypatch):
    """Lets rows wait, or not, whatever the size: ``waiting(True)``."""

    def switch(on):
        monkeypatch.setattr(stack, "rows_may_wait", lambda *args: on)

    monkeypatch.setattr(lazy_rows, "WINDOW", 9)
    return switch


def make(**params):
    return MLPRegressor(**DEFAULTS | params)


def assert_near(one, other, rtol=1e-12):
    for name in ("coefs_", "intercepts_"):
        for a, b in zip(getattr(one, name), getattr(other, name), strict=True):
            assert a.dtype == b.dtype
            assert_allclose(a, b, rtol=rtol, atol=rtol * np.abs(b).max())
    for name in ("loss_curve_", "penalty_curve_", "validation_scores_"):
        if getattr(other, name) is not None:
            assert_allclose(getattr(one, name), getattr(other, name), rtol=rtol)
    assert one.n_iter_ == other.n_iter_


@pytest.mark.parametrize(
    "name, weight", covering(OPTIONS | PROX, [None, WEIGHT], strength=1)
)
def test_waiting_changes_nothing_but_rounding(name, weight, waiting):
    fits = []
    for on in (True, False):
        waiting(on)
        model = make(**(OPTIONS | PROX)[name])
        fits.append(fit_quietly(model, X, Y, weight))
    assert_near(*fits)


@pytest.mark.parametrize("name", ["Nesterov", "heavy ball"])
def test_float32_stays_float32(name, waiting):
    data = X.astype(np.float32)
    fits = []
    for on in (True, False):
        waiting(on)
        fits.append(fit_quietly(make(**OPTIONS[name]), data, Y))
    assert fits[0].coefs_[0].dtype == np.float32
    assert_near(*fits, rtol=1e-5)


@pytest.mark.parametrize("name", ["Nesterov", "no momentum", "adaptive", "networks"])
def test_partial_fit_and_warm_start_go_on_where_they_were(name, waiting):
    fits = []
    for on in (True, False):
        waiting(on)
        model = make(**OPTIONS[name], warm_start=True)
        fit_quietly(model, X, Y)
        fit_quietly(model, X, Y)
        fits.append(model)
    assert_near(*fits)
    # The state fits a later call in which no row waits, and the other way round.
    for on, model in zip((False, True), fits, strict=True):
        waiting(on)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.set_params(momentum=0.5).partial_fit(X, Y)
    assert_near(*fits)


def test_members_of_a_stack_get_the_numbers_of_their_own_fit(waiting):
    waiting(True)
    grid = [
        {"alpha": [0.0, 3.0, 1e5], "momentum": [0.9], "penalty": ["l2", "l1"]},
        {"alpha": [3.0], "momentum": [0.0], "penalty": ["l2", "l1"]},
    ]
    search = StackedGridSearchCV(make(), grid, cv=[(np.arange(40), np.arange(40, N))])
    fit_quietly(search, X, Y)
    for params, score in zip(
        search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
    ):
        model = fit_quietly(make(**params), X[:40], Y[:40])
        assert model.score(X[40:], Y[40:]) == score


def test_networks_that_stop_leave_the_others_alone(waiting):
    waiting(True)
    model = make(n_estimators=3, early_stopping=True, n_iter_no_change=1, max_iter=30)
    fit_quietly(model, X, Y)
    assert len({network.n_iter_ for network in model.estimators_}) > 1
    for network in model.estimators_:
        alone = fit_quietly(copy.deepcopy(network), X, Y)
        for one, other in zip(network.coefs_, alone.coefs_, strict=True):
            assert_array_equal(one, other)


def test_what_listeners_see_of_each_epoch_is_up_to_date(waiting):
    data = TrainingSet(X, Y[np.newaxis])
    settings = make_settings(data)
    seen = []
    for on in (True, False):
        waiting(on)
        epochs = []
        train_stack(
            Problem(settings, data, HalfSquaredError()),
            [make_member(settings, alpha=alpha) for alpha in (0.0, 30.0)],
            [lambda report, to=epochs: to.append(report.fitted())],
        )
        seen.append(epochs)
    assert len(seen[0]) == 2 * settings.max_iter
    assert_allclose(*seen, rtol=1e-12, atol=1e-14)


class CtrlC:
    """An augmentation in whose 20th batch, of the second epoch, someone hits Ctrl-C."""

    handles_sparse = True

    def __init__(self):
        self.n_batches = 0

    def __call__(self, X, y, random_state):
        self.n_batches += 1
        if self.n_batches == 20:
            raise KeyboardInterrupt
        return X, y


def test_ctrl_c_in_the_midst_of_an_epoch_leaves_no_row_behind(waiting):
    fits = []
    for on in (True, False):
        waiting(on)
        with pytest.warns(UserWarning, match="interrupted"):
            fits.append(make(augmentation=CtrlC()).fit(X, Y))
    assert fits[0].n_iter_ == 1
    assert_near(*fits)


def test_a_step_changes_the_rows_that_its_batch_touches():
    data = TrainingSet(X, Y[np.newaxis])
    settings = make_settings(data)
    members = [make_member(settings, alpha=30.0)]
    problem = Problem(settings, data, HalfSquaredError())
    theta = make_network(settings).initial_theta(np.random.RandomState(0))[np.newaxis]
    before, thetas = theta.copy(), []
    for first_layer in (LazyDense, None):
        objective = make_objective(problem, members, first_layer=first_layer)
        lazy = () if first_layer is None else (objective.network.layers[0], [True])
        kind = SGD if first_layer is None else LazySGD
        optimizer = kind([0.01], [0.9], True, *lazy).init(theta)
        thetas.append(before.copy())
        objective.bind(thetas[-1])
        for rows in (slice(0, 3), slice(3, 5)):
            objective.batch_loss(rows, 12)
            optimizer.step(thetas[-1], objective.grad, objective.penalty)
        if first_layer is not None:
            n_touched = len(np.unique(X[:5].indices))
            assert 0 < n_touched < WIDTH
            start, now = (
                t[0, : WIDTH * 5].reshape(WIDTH, 5) for t in (before, thetas[0])
            )
            assert (start != now).all(axis=1).sum() == n_touched
            optimizer.end_epoch()
            assert (start != now).all()
    assert_allclose(*thetas, rtol=1e-13)


def test_rows_wait_in_wide_sparse_data_alone():
    columns = np.random.RandomState(0).randint(0, 20_000, 4000)
    wide = sp.csr_matrix(
        (np.ones(4000), columns, np.arange(0, 4001, 2)), (2000, 20_000)
    )
    assert rows_may_wait(wide, 200, 50)
    assert not rows_may_wait(wide[:1].toarray(), 200, 50)
    assert not rows_may_wait(wide, 200, 2)
    # Every batch touches every column.
    assert not rows_may_wait(sp.csr_matrix(np.ones((100, 5000))), 20, 50)
    assert rows_may_wait(sp.csr_matrix((10, 20_000)), 200, 50)
