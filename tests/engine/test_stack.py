"""A member of a stack gets the numbers it gets alone, with ``==``.

Every feature of the engine is a row of one of the tables below. `vary` gives what
differs between the members: member k takes value k, cyclically.
"""

from dataclasses import asdict

import numpy as np
import pytest
from helpers import (
    ACTIVATION_NAMES,
    CONTAINERS,
    DTYPES,
    LOSSES,
    covering,
    make_member,
    make_settings,
    training_set,
)
from numpy.testing import assert_array_equal

from skl2._engine.stack import Problem, content_key, train_stack
from skl2.augmentation import FeatureMask, GaussianNoise, Mixup

SOLVERS = ["sgd", "adam", "adamw", "lbfgs"]
STOCHASTIC = SOLVERS[:3]
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=["f64", "f32"])
solvers = pytest.mark.parametrize("solver", SOLVERS)


def train(data, loss, vary, members, n_members, augmentation=None, **params):
    """Train the members with the numbers `members` of a stack of n_members."""
    settings = make_settings(data, augmentation=content_key(augmentation), **params)
    stack = []
    for k in members:
        own = {name: values[k % len(values)] for name, values in vary.items()}
        # A number of its own for every member, unless the case says otherwise.
        own = {"seed": 3 * k, "alpha": 0.5 + k} | own
        stack.append(make_member(settings, **own))

    def score(raw, data, rows, theta):
        return float(-np.abs(raw - data.y[:, rows]).mean())

    stratify = data.y[0] if loss == "binary_log_loss" else None
    problem = Problem(settings, data, LOSSES[loss], score, stratify, augmentation)
    return train_stack(problem, stack)


def contents(result):
    """The fields of a result by name, and those of what was unfolded."""
    found = asdict(result)
    # For a stack of one only.
    del found["progress"]
    unfolded = found.pop("unfolded") or {}
    return found | {f"unfolded.{name}": value for name, value in unfolded.items()}


def assert_same(stacked, alone):
    stacked, alone = contents(stacked), contents(alone)
    assert stacked.keys() == alone.keys()
    for name, value in alone.items():
        assert_array_equal(stacked[name], value, err_msg=name, strict=True)


def check(
    K=3, loss="squared_error", vary=None, dtype=np.float64, data_params=None, **params
):
    """Train K members together and each alone; returns the results of the stack."""
    data = training_set(loss, dtype=dtype, **(data_params or {}))
    vary = vary or {}
    stacked = train(data, loss, vary, range(K), K, **params)
    assert len(stacked) == K
    for k in range(K):
        (alone,) = train(data, loss, vary, [k], K, **params)
        assert_same(stacked[k], alone)
        assert stacked[k].theta.dtype == dtype
    return stacked


@pytest.mark.parametrize("K, solver, dtype", covering(range(1, 8), SOLVERS, DTYPES))
def test_number_of_members(K, solver, dtype):
    results = check(K, solver=solver, dtype=dtype)
    assert len({tuple(r.theta) for r in results}) == K


SHAPES = {
    "no hidden layer": {"hidden": ()},
    "no hidden layer, one output": {"hidden": (), "data_params": {"n_outputs": 1}},
    "one unit": {"hidden": (1,)},
    "one unit, one output": {"hidden": (1,), "data_params": {"n_outputs": 1}},
    "one feature": {"data_params": {"n_features": 1}},
    "all ones": {"hidden": (1, 1), "data_params": {"n_features": 1, "n_outputs": 1}},
    "three hidden layers": {"hidden": (7, 3, 5)},
    "batch of one": {"batch_size": 1},
    "batch of two and one": {"batch_size": 2},
    "full batch": {"batch_size": 23},
    "one row": {"batch_size": 1, "data_params": {"n_rows": 1}},
    "wide": {
        "hidden": (100,),
        "batch_size": 200,
        "max_iter": 2,
        "data_params": {"n_rows": 401, "n_features": 64, "n_outputs": 10},
    },
    # More parameters than the optimizers update in one block.
    "blocks": {"hidden": (190, 190), "max_iter": 2, "batch_size": 12},
    "odd": {"hidden": (17, 33), "data_params": {"n_features": 9, "n_outputs": 7}},
}


@pytest.mark.parametrize("name, solver, dtype", covering(SHAPES, SOLVERS, DTYPES))
def test_shapes(name, solver, dtype):
    check(dtype=dtype, **({"solver": solver} | SHAPES[name]))


VARY = {
    "nothing": {"seed": [5], "alpha": [1.0]},
    "seed": {"alpha": [1.0]},
    "position in a stream": {"seed": [5], "drawn": [0, 1, 1, 2], "alpha": [1.0]},
    "alpha": {"seed": [5], "alpha": [0.0, 1e-3, 7.0]},
    "alpha of each layer": {"alpha": [[0.0, 3.0], [2.0, 0.0], [0.7, 0.1]]},
    "alpha, all l1": {"penalty": ["l1"], "alpha": [0.0, 0.3, 7.0]},
    "alpha, all elasticnet": {"penalty": ["elasticnet"], "alpha": [0.0, 0.3, 7.0]},
    "alpha, all group_l1": {"penalty": ["group_l1"], "alpha": [0.0, 0.3, 7.0]},
    "alpha of each layer, all group_l1": {
        "penalty": ["group_l1"],
        "alpha": [[0.0, 3.0], [2.0, 0.0], [0.7, 0.1]],
    },
    "penalty": {"penalty": ["l2", "l1", "elasticnet", None]},
    "penalty, groups and others": {"penalty": ["group_l1", "l2", "l1", "group_l1"]},
    "penalty, groups and a decay beyond 1": {
        "penalty": ["group_l1", "l2", "group_l1", None],
        "alpha": [1.0, 1e4, 1e9],
    },
    "penalty, same seed": {"seed": [5], "penalty": ["l1", None, "l2", "elasticnet"]},
    "l1_ratio": {"penalty": ["elasticnet"], "l1_ratio": [0.0, 0.3, 1.0]},
    "learning_rate_init": {"learning_rate_init": [0.1, 1e-3, 0.0123]},
    "learning_rate_init under l1": {
        "penalty": ["l1"],
        "learning_rate_init": [0.1, 1e-3, 0.0123],
    },
    "momentum": {"momentum": [0.0, 0.9, 0.3]},
    "momentum under l1": {"momentum": [0.0, 0.9, 0.3], "penalty": ["l1"]},
    "betas": {"beta_1": [0.9, 0.0, 0.77], "beta_2": [0.999, 0.9, 0.0, 0.123]},
    "epsilon": {"epsilon": [1e-8, 1e-3, 0.3]},
    "everything": {
        "penalty": ["l2", "group_l1", "elasticnet", None, "l1"],
        "alpha": [0.3, 1.0, [2.0, 0.1], 9.0, 0.0],
        "l1_ratio": [0.2, 0.9],
        "learning_rate_init": [0.03, 0.1, 0.003],
        "momentum": [0.9, 0.5],
        "beta_1": [0.9, 0.5],
        "beta_2": [0.999, 0.99, 0.9],
        "epsilon": [1e-8, 1e-6],
        "seed": [0, 1, 0, 2],
    },
    # αλ/m > 1 for some members only: their step of weight decay is an implicit one.
    "decay beyond 1": {"alpha": [1.0, 1e4, 1e9], "seed": [5]},
    "decay beyond 1, rates": {
        "alpha": [1.0, 1e4, 1e9],
        "learning_rate_init": [0.01, 0.03, 0.1],
    },
    "decay beyond 1, elasticnet": {
        "alpha": [1.0, 1e4, 1e9],
        "penalty": ["elasticnet", "l2"],
    },
}


@pytest.mark.parametrize(
    "name, solver, dtype", covering(VARY, [*SOLVERS, "sgd, no nesterov"], DTYPES)
)
def test_what_differs_between_members(name, solver, dtype):
    solver, *no_nesterov = solver.split(", ")
    check(
        K=4,
        vary=VARY[name],
        solver=solver,
        nesterovs_momentum=not no_nesterov,
        dtype=dtype,
    )


@pytest.mark.parametrize(
    "solver, activation, dtype", covering(["adam", "lbfgs"], ACTIVATION_NAMES, DTYPES)
)
def test_activations(solver, activation, dtype):
    check(activation=activation, solver=solver, dtype=dtype, hidden=(6, 5))


@pytest.mark.parametrize("loss, solver, dtype", covering(LOSSES, SOLVERS, DTYPES))
def test_losses(loss, solver, dtype):
    check(loss=loss, solver=solver, dtype=dtype)


@pytest.mark.parametrize(
    "container, weighted, solver, dtype",
    covering(CONTAINERS, [False, True], SOLVERS, DTYPES),
)
def test_data(container, weighted, solver, dtype):
    data_params = {"container": container, "weighted": weighted}
    check(solver=solver, dtype=dtype, data_params=data_params, hidden=(6,))


@pytest.mark.parametrize(
    "shuffle, early_stopping, seeds, solver, dtype",
    covering([False, True], [False, True], [[5], [1, 2, 1]], STOCHASTIC, DTYPES),
)
def test_order_of_the_rows(shuffle, early_stopping, seeds, solver, dtype):
    results = check(
        vary={"seed": seeds},
        shuffle=shuffle,
        early_stopping=early_stopping,
        validation_fraction=0.3,
        solver=solver,
        dtype=dtype,
    )
    assert (results[0].validation_scores is not None) == early_stopping


@pytest.mark.parametrize(
    "schedule, early_stopping, dtype",
    covering(["constant", "invscaling", "adaptive"], [False, True], DTYPES),
)
def test_schedules(schedule, early_stopping, dtype):
    check(
        vary={"learning_rate_init": [0.1, 1e-3, 0.02]},
        learning_rate=schedule,
        early_stopping=early_stopping,
        n_iter_no_change=2,
        tol=1e-2,
        max_iter=40,
        dtype=dtype,
    )


@pytest.mark.parametrize(
    "loss, container, weighted, solver, dtype",
    covering(
        ["squared_error", "binary_log_loss"],
        ["C", "F", "csr"],
        [False, True],
        STOCHASTIC,
        DTYPES,
    ),
)
def test_early_stopping(loss, container, weighted, solver, dtype):
    results = check(
        K=5,
        loss=loss,
        vary={
            "learning_rate_init": [0.1, 0.01, 0.03],
            "penalty": ["l2", "l1"],
            "seed": [0, 1, 1, 2],
        },
        early_stopping=True,
        validation_fraction=0.3,
        n_iter_no_change=2,
        tol=1e-3,
        max_iter=30,
        solver=solver,
        dtype=dtype,
        data_params={"container": container, "weighted": weighted},
    )
    # They leave the stack at different times, some perhaps never.
    assert len({r.n_iter for r in results}) > 1


@pytest.mark.parametrize(
    "penalty, solver, dtype",
    covering(["l2", "l1", "elasticnet", "group_l1"], SOLVERS, DTYPES, strength=1),
)
def test_members_leave_the_stack(penalty, solver, dtype):
    results = check(
        K=5,
        vary={
            "penalty": [penalty, None],
            "alpha": [3.0, 1.0, 0.1, [2.0, 0.0], 0.0],
            "learning_rate_init": [0.1, 0.01, 0.03],
            "beta_2": [0.999, 0.9],
            "momentum": [0.9, 0.2],
        },
        n_iter_no_change=2,
        tol=1e-2,
        max_iter=40,
        solver=solver,
        dtype=dtype,
    )
    assert len({r.n_iter for r in results}) > 1
    assert any(r.converged for r in results)


@dtypes
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("penalty", ["l2", "l1"])
def test_a_member_that_diverges_does_not_touch_the_others(
    penalty, early_stopping, dtype
):
    results = check(
        K=4,
        vary={
            "learning_rate_init": [0.01, 1e7, 0.02, 1e30],
            "penalty": [penalty],
            "alpha": [0.0],
        },
        activation="relu",
        early_stopping=early_stopping,
        solver="sgd",
        max_iter=12,
        dtype=dtype,
    )
    assert [r.diverged_at is not None for r in results] == [False, True, False, True]
    assert all(np.isfinite(results[k].theta).all() for k in (0, 2))
    assert results[0].n_iter == 12


@dtypes
@solvers
def test_members_start_where_they_are_told(solver, dtype):
    P = sum((a + 1) * b for a, b in [(4, 5), (5, 3)])
    starts = np.random.RandomState(0).standard_normal((3, P)).astype(dtype)
    before = starts.copy()
    results = check(vary={"theta": list(starts)}, solver=solver, dtype=dtype)
    # The caller's arrays are not worked on.
    assert_array_equal(starts, before)
    for result, start in zip(results, starts, strict=True):
        # Near the start after four epochs of small steps, but no longer there.
        assert 0 < np.abs(result.theta - start).max() < 10


def test_a_shared_stream_is_one_draw():
    results = check(vary={"seed": [5], "alpha": [1.0, 1.0, 2.0]}, solver="adam")
    assert_array_equal(results[0].theta, results[1].theta)
    assert not np.array_equal(results[0].theta, results[2].theta)


REGULARIZERS = {
    "dropout": ({"dropout": (False, True)}, {"dropout": [(0.0, 0.5)]}),
    "dropout, other rates": (
        {"dropout": (False, True)},
        {"dropout": [(0.0, 0.5), (0.0, 0.2)]},
    ),
    "dropout of the input": (
        {"dropout": (True, False)},
        {"dropout": [(0.2, 0.0), (0.2, 0.0), (0.7, 0.0)]},
    ),
    "dropout of all layers": (
        {"dropout": (True, True, True), "hidden": (6, 5)},
        {"dropout": [(0.1, 0.5, 0.3)]},
    ),
    "batch norm": ({"batch_norm": True}, {}),
    "batch norm, two layers": ({"batch_norm": True, "hidden": (6, 5)}, {}),
    "max norm": ({"max_norm": True}, {"max_norm": [0.5, 1.0, 100.0]}),
    "max norm, l1": (
        {"max_norm": True},
        {"max_norm": [0.5, 1.0], "penalty": ["l1", "l2"]},
    ),
    "noise": ({"augmentation": GaussianNoise(0.3)}, {}),
    "mask": ({"augmentation": FeatureMask(0.3)}, {}),
    "mixup": ({"augmentation": Mixup(1.0)}, {}),
    "cosine": ({"learning_rate": "cosine"}, {"learning_rate_init": [0.1, 0.01]}),
    "everything": (
        {
            "dropout": (True, True),
            "batch_norm": True,
            "max_norm": True,
            "augmentation": Mixup(1.0),
            "learning_rate": "cosine",
        },
        {"dropout": [(0.1, 0.5), (0.3, 0.2)], "max_norm": [0.5, 3.0]},
    ),
}


@pytest.mark.parametrize(
    "name, early_stopping, seeds, container, dtype",
    covering(REGULARIZERS, [False, True], [[5], [1, 2, 1]], ["C", "F", "csr"], DTYPES),
)
def test_regularizers(name, early_stopping, seeds, container, dtype):
    if name == "noise" and container == "csr":
        pytest.skip("GaussianNoise needs a dense X")
    params, vary = REGULARIZERS[name]
    results = check(
        vary={"seed": seeds} | vary,
        dtype=dtype,
        solver="adam",
        early_stopping=early_stopping,
        validation_fraction=0.3,
        data_params={"container": container, "weighted": early_stopping},
        **params,
    )
    if "batch norm" in name or name == "everything":
        assert all(np.isfinite(r.unfolded.statistics).all() for r in results)


@pytest.mark.parametrize(
    "activation, batch_size, solver, dtype",
    covering(["relu", "tanh", "silu"], [1, 2, 23], STOCHASTIC, DTYPES),
)
def test_regularizers_together(activation, batch_size, solver, dtype):
    params, vary = REGULARIZERS["everything"]
    check(
        vary=vary,
        dtype=dtype,
        batch_size=batch_size,
        activation=activation,
        max_iter=2,
        **(params | {"solver": solver}),
    )


@dtypes
@pytest.mark.parametrize("early_stopping", [False, True])
def test_regularized_members_leave_the_stack(early_stopping, dtype):
    params, vary = REGULARIZERS["everything"]
    results = check(
        K=7,
        vary={"seed": [0, 1, 0], "learning_rate_init": [0.1, 0.01, 0.03]} | vary,
        dtype=dtype,
        solver="adam",
        early_stopping=early_stopping,
        validation_fraction=0.3,
        n_iter_no_change=2,
        tol=3e-3,
        max_iter=30,
        **params,
    )
    assert len({r.n_iter for r in results}) > 1
