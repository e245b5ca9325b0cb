"""Patience, member by member, and scores on held-out rows."""

import numpy as np
import pytest
from helpers import (
    CONTAINERS,
    bound_objective,
    make_member,
    make_settings,
    training_set,
)
from numpy.testing import assert_allclose, assert_array_equal

from skl2._engine.data import CHUNK_ELEMENTS
from skl2._engine.losses import HalfSquaredError
from skl2._engine.solvers.stopping import Patience, Validation


def sklearn_rule(values, tol, n_iter_no_change, maximize):
    """The epoch at which scikit-learn's MLP stops, counting from 1 (or None)."""
    best, count = -np.inf if maximize else np.inf, 0
    for epoch, value in enumerate(values, 1):
        if maximize:
            count = count + 1 if value < best + tol else 0
            best = max(best, value)
        else:
            count = count + 1 if value > best - tol else 0
            best = min(best, value)
        if count > n_iter_no_change:
            return epoch
    return None


CURVES = {
    "falls": np.linspace(1, 0, 30),
    "stalls": np.concatenate([np.linspace(1, 0.5, 10), np.full(20, 0.5)]),
    "crawls": 1 - 1e-3 * np.arange(30),
    "noisy": np.random.RandomState(0).rand(30) + np.linspace(1, 0, 30),
    "rises": np.linspace(0, 1, 30),
    "constant": np.ones(30),
}


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("tol", [0.0, 1e-4, 2e-3, 0.1])
@pytest.mark.parametrize("n_iter_no_change", [1, 3, np.inf])
def test_patience_is_scikit_learns_rule_for_every_member(
    n_iter_no_change, tol, maximize
):
    curves = np.stack(list(CURVES.values()))
    if maximize:
        curves = -curves
    patience = Patience(len(curves), tol, n_iter_no_change, maximize)
    stops = [None] * len(curves)
    for epoch, values in enumerate(curves.T, 1):
        best_before = patience.best
        improved, exhausted = patience.update(values)
        better = values > best_before if maximize else values < best_before
        assert_array_equal(improved, better)
        for k in np.flatnonzero(exhausted):
            stops[k] = stops[k] or epoch
    assert stops == [
        sklearn_rule(curve, tol, n_iter_no_change, maximize) for curve in curves
    ]
    expected = curves.max(axis=1) if maximize else curves.min(axis=1)
    assert_array_equal(patience.best, expected)


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_never_improve(maximize, bad):
    bad = -bad if maximize else bad
    patience = Patience(1, 0.0, 1, maximize)
    patience.update(np.array([0.5]))
    for n in range(2):
        improved, exhausted = patience.update(np.array([bad]))
        assert not improved[0]
        assert exhausted[0] == (n == 1)
    assert patience.best[0] == 0.5


def test_reset_and_select_act_on_members():
    patience = Patience(3, 0.0, 10, maximize=False)
    for value in (1.0, 2.0, 3.0):
        patience.update(np.array([value, -value, value]))
    assert_array_equal(patience.count, [2, 0, 2])
    patience.reset(np.array([True, False, False]))
    assert_array_equal(patience.count, [0, 0, 2])
    patience.select(np.array([1, 2]))
    assert_array_equal(patience.count, [0, 2])
    assert_array_equal(patience.best, [-3.0, 1.0])


def test_resume_goes_on_counting_what_it_watched():
    earlier = Patience(1, 0.0, 5, maximize=False)
    for value in (1.0, 2.0, 2.0):
        earlier.update(np.array([value]))
    same, other = (Patience(1, 0.0, 5, maximize) for maximize in (False, True))
    same.resume(0, earlier)
    other.resume(0, earlier)
    assert (same.count[0], same.best[0]) == (2, 1.0)
    # A loss says nothing about a score.
    assert (other.count[0], other.best[0]) == (0, -np.inf)


def test_the_patience_of_a_member_is_a_copy():
    patience = Patience(2, 0.0, 5, maximize=False)
    for value in (1.0, 2.0):
        patience.update(np.array([value, -value]))
    alone = patience.member(0)
    patience.reset(np.array([True, False]))
    patience.forget()
    assert (alone.count[0], alone.best[0]) == (1, 1.0)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("container", CONTAINERS)
def test_scores_are_those_of_the_held_out_rows(container, shared):
    data = training_set(n_rows=23, container=container)
    settings = make_settings(data)
    members = [make_member(settings, seed=k) for k in range(3)]
    objective = bound_objective(settings, HalfSquaredError(), members, data)
    held_out = np.array([4, 2, 11, 20])
    rows = [held_out if shared else held_out + k for k in range(3)]

    def score(raw, data, rows, theta):
        assert raw.shape == (3, 4)
        return float(((raw - data.y[:, rows]) ** 2).sum())

    validation = Validation(data, rows, score, HalfSquaredError())
    raw = objective.network.forward(data.batch(slice(0, 23))[0], 23).copy()
    expected = [((raw - data.y)[k][:, rows[k]] ** 2).sum() for k in range(3)]
    assert_allclose(validation.evaluate(objective.network)[0], expected, rtol=1e-12)
    validation.select(np.array([2]))
    theta = objective.theta[[2]]
    objective.select(np.array([2]))
    objective.bind(theta)
    assert_allclose(validation.evaluate(objective.network)[0], expected[2:], rtol=1e-12)


@pytest.mark.parametrize("shared", [True, False])
def test_a_large_validation_set_is_scored_in_chunks(shared):
    data = training_set(n_rows=600, n_outputs=1)
    width = CHUNK_ELEMENTS // 256 + 1
    settings = make_settings(data, hidden=(width,))
    members = [make_member(settings, seed=k) for k in range(2)]
    objective = bound_objective(settings, HalfSquaredError(), members, data)
    rows = [np.arange(600) if shared else np.arange(600)[:: 1 - 2 * k] for k in (0, 1)]
    if shared:
        rows[1] = rows[0]
    got = {}

    def score(raw, data, rows, theta):
        got[len(got)] = raw[0][np.argsort(rows)]
        return 0.0

    Validation(data, rows, score, HalfSquaredError()).evaluate(objective.network)
    raw = objective.network.forward(data.batch(slice(0, 600))[0], 600)
    for k in range(2):
        assert_allclose(got[k], raw[k, 0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("maximize", [False, True])
def test_patience_that_forgets_begins_anew(maximize):
    used = Patience(2, 0.0, 1, maximize)
    for values in ([1.0, 2.0], [3.0, -4.0], [3.0, -4.0]):
        used.update(np.array(values))
    used.forget()
    new = Patience(2, 0.0, 1, maximize)
    for values in ([9.0, -9.0], [8.0, -9.0], [8.0, -8.0], [9.0, -7.0]):
        for got, expected in zip(
            used.update(np.array(values)), new.update(np.array(values)), strict=True
        ):
            assert_array_equal(got, expected)
        assert_array_equal(used.best, new.best)
