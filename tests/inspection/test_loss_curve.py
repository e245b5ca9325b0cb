"""LossCurveDisplay: J, its penalty and the validation score over the epochs."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_wine
from sklearn.preprocessing import scale

from skl2 import MLPClassifier, MLPRegressor
from skl2.inspection import LossCurveDisplay

pyplot = pytest.importorskip("matplotlib.pyplot")

X, y = load_wine(return_X_y=True)
X = scale(X)


def perceptron(cls=MLPClassifier, **params):
    defaults = {"hidden_layer_sizes": (6, 4), "max_iter": 12, "random_state": 0}
    return cls(**(defaults | params))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_the_loss_curve_is_that_of_the_fit(solver):
    model = perceptron(solver=solver, penalty=None).fit(X, y)
    display = LossCurveDisplay.from_estimator(model)
    assert set(display.lines_) == {"objective"}
    line = display.lines_["objective"]
    assert_array_equal(line.get_ydata(), model.loss_curve_)
    assert_array_equal(line.get_xdata(), np.arange(1, len(model.loss_curve_) + 1))
    assert display.best_ is None
    assert display.ax_.get_yscale() == "log"
    unit = "iteration" if solver == "lbfgs" else "epoch"
    assert display.ax_.get_xlabel() == unit


@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
def test_the_validation_curve_and_its_best_epoch(cls):
    params = {"early_stopping": True, "learning_rate_init": 0.1, "max_iter": 40}
    model = perceptron(cls, **params).fit(X, y)
    display = LossCurveDisplay.from_estimator(model)
    drawn = display.lines_["validation"].get_ydata()
    assert_array_equal(drawn, model.validation_loss_curve_)
    best = display.best_.get_xdata()[0]
    assert model.validation_scores_[best - 1] == model.best_validation_score_
    assert max(model.validation_scores_[: best - 1], default=-np.inf) < (
        model.best_validation_score_
    )
    # Not merely the last one.
    assert best < len(drawn)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_the_penalty_has_a_curve_of_its_own(early_stopping):
    model = perceptron(alpha=5.0, early_stopping=early_stopping).fit(X, y)
    display = LossCurveDisplay.from_estimator(model)
    lines = {key: line.get_ydata() for key, line in display.lines_.items()}
    expected = {"objective", "loss", "penalty"}
    assert set(lines) == expected | ({"validation"} if early_stopping else set())
    assert_array_equal(lines["objective"], model.loss_curve_)
    assert_allclose(lines["loss"] + lines["penalty"], lines["objective"], rtol=1e-12)
    assert (lines["penalty"] > 0).all() and (lines["loss"] > 0).all()


def test_a_penalty_of_zero_is_drawn_on_a_linear_axis():
    display = LossCurveDisplay([3.0, 2.0], penalty=[0.0, 0.0]).plot()
    assert display.ax_.get_yscale() == "linear"
    assert_array_equal(display.lines_["penalty"].get_ydata(), [0, 0])
