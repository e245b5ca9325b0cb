"""Schedules: the rate of every epoch or step, and when patience ends the run."""

import numpy as np
import pytest
from helpers import fit_quietly, plain_penalty
from numpy.testing import assert_allclose, assert_array_equal

from skl2 import MLPRegressor
from skl2._engine.solvers.optimizers import SGD
from skl2._engine.solvers.schedules import Schedule, make_schedule


def scheduled(name, lr=(0.1, 0.5), power_t=0.5):
    theta = np.zeros((len(lr), 2))
    optimizer = SGD(lr, [0.0] * len(lr), nesterov=False).init(theta)
    return Schedule(name, lr, power_t), optimizer


@pytest.mark.parametrize("power_t", [0.0, 0.5, 2.0])
def test_invscaling(power_t):
    schedule, optimizer = scheduled("invscaling", power_t=power_t)
    for epoch in range(1, 4):
        schedule.end_epoch(optimizer, np.array([10 * epoch] * 2))
        expected = np.array([0.1, 0.5]) / (10 * epoch + 1) ** power_t
        assert_allclose(optimizer.learning_rate, expected, rtol=1e-15)
    # Out of patience is the end.
    assert_array_equal(
        schedule.out_of_patience(optimizer, np.array([True, False])), [True, False]
    )
    schedule.select(np.array([1]))
    optimizer.select(np.array([1]))
    schedule.end_epoch(optimizer, np.array([0]))
    assert_array_equal(optimizer.learning_rate, [0.5])


def test_each_member_has_seen_rows_of_its_own():
    schedule, optimizer = scheduled("invscaling")
    schedule.end_epoch(optimizer, np.array([99, 3]))
    assert_allclose(optimizer.learning_rate, [0.1 / 10, 0.5 / 2], rtol=1e-15)
    schedule.restart(optimizer, np.array([False, True]))
    assert_allclose(optimizer.learning_rate, [0.1 / 10, 0.5], rtol=1e-15)
    assert schedule.key(0) == ("invscaling", 0.1) != schedule.key(1)


def test_constant():
    schedule, optimizer = scheduled("constant")
    schedule.end_epoch(optimizer, 10)
    assert_array_equal(optimizer.learning_rate, [0.1, 0.5])
    assert_array_equal(
        schedule.out_of_patience(optimizer, np.array([False, True])), [False, True]
    )


def test_adaptive_divides_by_five_down_to_the_smallest_rate():
    schedule, optimizer = scheduled("adaptive", lr=(0.1, 1e-6))
    schedule.end_epoch(optimizer, 10)
    stop = schedule.out_of_patience(optimizer, np.array([False, False]))
    assert_array_equal(stop, [False, False])
    assert_array_equal(optimizer.learning_rate, [0.1, 1e-6])
    stop = schedule.out_of_patience(optimizer, np.array([True, True]))
    assert_array_equal(stop, [False, True])
    assert_array_equal(optimizer.learning_rate, [0.1 / 5, 1e-6])
    n_more = 0
    while not schedule.out_of_patience(optimizer, np.array([True, False]))[0]:
        n_more += 1
    # 0.1 / 5**7 = 1.28e-6, and the next is the first not above 1e-6.
    assert n_more == 7
    assert_allclose(optimizer.learning_rate[0], 0.1 / 5**8)


def test_the_step_follows_the_schedule():
    schedule, optimizer = scheduled("invscaling")
    schedule.end_epoch(optimizer, np.array([99, 99]))
    theta = np.zeros((2, 2))
    optimizer.step(theta, np.ones((2, 2)), plain_penalty(2, 2))
    assert_allclose(theta, [[-0.01] * 2, [-0.05] * 2], rtol=1e-14)


def test_cosine_rises_in_a_twentieth_of_the_steps_and_falls_to_zero():
    schedule = make_schedule("cosine", [0.1, 0.5], 0.5, 10)
    optimizer = SGD([0.1, 0.5], [0.0, 0.0]).init(np.zeros((2, 2)))
    rates = []
    for epoch in range(1, 11):
        for step in range(6):
            schedule.before_step(optimizer, step, 6)
            rates.append(optimizer.learning_rate.copy())
        schedule.end_epoch(optimizer, epoch)
    rates = np.array(rates)
    # 3 of 60 steps to warm up.
    assert_allclose(rates[:4, 0], 0.1 * np.array([0.25, 0.5, 0.75, 1.0]))
    t = np.arange(57) / 57
    assert_allclose(rates[3:, 1], 0.25 * (1 + np.cos(np.pi * t)))
    assert (np.diff(rates[3:], axis=0) < 0).all() and (rates > 0).all()


@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("schedule", ["invscaling", "adaptive", "cosine"])
def test_schedules_are_for_all_solvers(schedule, solver):
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((40, 3)), rng.standard_normal(40)
    constant, scheduled = (
        fit_quietly(
            MLPRegressor(
                hidden_layer_sizes=4,
                solver=solver,
                learning_rate=name,
                max_iter=8,
                n_iter_no_change=1,
                tol=1.0,
                random_state=0,
            ),
            X,
            y,
        )
        for name in ("constant", schedule)
    )
    assert not np.array_equal(constant.coefs_[0], scheduled.coefs_[0])


def test_each_fit_is_a_cosine_cycle_and_partial_fit_is_not_available():
    X, y = np.random.RandomState(0).standard_normal((2, 30, 2))[:, :, :]
    model = MLPRegressor(hidden_layer_sizes=3, learning_rate="cosine", max_iter=5)
    assert not hasattr(model, "partial_fit")
    model.set_params(warm_start=True, random_state=0)
    before = fit_quietly(model, X, y).coefs_[0].copy()
    assert not np.array_equal(fit_quietly(model, X, y).coefs_[0], before)
