"""Warnings and errors of a training: when they come, and when not."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import make_member, make_settings, training_set
from sklearn.exceptions import ConvergenceWarning

from skl2 import MLPRegressor
from skl2._engine.losses import HalfSquaredError
from skl2._engine.solvers.reports import Result
from skl2._engine.stack import Problem
from skl2._estimators.diagnosis import (
    check_finite,
    unfinished,
    warn_if_decay_overshoots,
    warn_of_unfinished,
)

DATA = training_set(n_rows=20)
THETA = np.zeros(3)


@pytest.mark.parametrize("penalty", ["l2", "l1", "elasticnet", "group_l1", None])
@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
@pytest.mark.parametrize("factor", [0.99, 1.01])
def test_decay_overshoots_from_a_step_times_strength_of_1(penalty, solver, factor):
    share = {"l2": 1.0, "elasticnet": 0.5, "group_l1": 1.0}.get(penalty, 0.0)
    alpha = factor * DATA.total_weight / 0.01 / (share or 1.0)
    settings = make_settings(DATA, solver=solver)
    member = make_member(
        settings, alpha=alpha, penalty=penalty, learning_rate_init=0.01
    )
    estimator = MLPRegressor(alpha=alpha, learning_rate_init=0.01, solver=solver)
    problem = Problem(settings, DATA, HalfSquaredError())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_if_decay_overshoots(estimator, problem, member)
    too_large = factor > 1.0 and share > 0.0 and solver == "sgd"
    assert [w.category for w in caught] == [ConvergenceWarning] * too_large
    if too_large:
        assert "is too large for learning_rate_init=0.01" in str(caught[0].message)


@pytest.mark.parametrize(
    "settings, result, left",
    [
        ({}, {}, 1),
        ({}, {"converged": True}, 0),
        ({}, {"interrupted": True}, 0),
        ({}, {"diverged_at": 3}, 0),
        ({"partial": True}, {}, 0),
        ({"learning_rate": "cosine"}, {}, 0),
        ({"learning_rate": "cosine", "solver": "lbfgs"}, {}, 1),
    ],
)
def test_what_counts_as_unfinished(settings, result, left):
    settings = make_settings(DATA, **settings)
    assert len(unfinished(settings, [Result(THETA, **result)])) == left


def test_the_warning_says_how_many_networks():
    result = Result(THETA, n_iter=4, message="STOP")
    with pytest.warns(ConvergenceWarning, match=r"\(7\) reached .*\(1 of 3 networks\)"):
        warn_of_unfinished(MLPRegressor(max_iter=7), [result], 3, DATA)
    with pytest.warns(ConvergenceWarning, match=r"after 4 iteration\(s\): STOP.*\(7\)"):
        warn_of_unfinished(MLPRegressor(solver="lbfgs", max_iter=7), [result], 1, DATA)


def test_divergence_is_an_error_that_names_its_causes():
    estimator = MLPRegressor(learning_rate_init=9.0)
    check_finite(estimator, Result(THETA), DATA)
    data = SimpleNamespace(X=np.array([[1.0, -700.0]]), y=np.ones((1, 1)))
    with pytest.raises(ValueError, match=r"epoch 5.*max \|x\|, is 700.*rate_init=9.0"):
        check_finite(estimator, Result(THETA, diverged_at=5), data)
    data.y = np.full((1, 1), 1e300)
    with pytest.raises(ValueError, match=r"y is not scaled \(max \|y\| is 1e\+300"):
        check_finite(estimator, Result(THETA * np.nan), data)


def test_the_best_weights_of_early_stopping_survive_divergence():
    result = Result(
        THETA, diverged_at=5, validation_scores=[0.5], best_validation_score=0.5
    )
    with pytest.warns(ConvergenceWarning, match="weights of the best validation score"):
        check_finite(MLPRegressor(), result, DATA)


def test_scores_that_are_all_nan_are_an_error():
    estimator = MLPRegressor(early_stopping=True, scoring="r2")
    check_finite(estimator, Result(THETA, validation_scores=[np.nan, 0.1]), DATA)
    with pytest.raises(ValueError, match="nan at each of 2 epochs. scoring='r2'"):
        check_finite(estimator, Result(THETA, validation_scores=[np.nan] * 2), DATA)
