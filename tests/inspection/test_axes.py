"""What all displays have in common."""

import builtins

import numpy as np
import pytest
from helpers import modules_of_a_new_interpreter
from sklearn.datasets import load_wine
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import StandardScaler, scale

from skl2 import MLPClassifier
from skl2.inspection import (
    LinearRegimeDisplay,
    LossCurveDisplay,
    RegularizationPathDisplay,
    WeightDisplay,
)
from skl2.model_selection import RegularizationPath

pyplot = pytest.importorskip("matplotlib.pyplot")

X, y = load_wine(return_X_y=True)
X = scale(X)


def hand_made(alphas=(1.0, 10.0, 100.0, 1e3)):
    scores = np.array([[0, 2.0], [4.0, 6.0], [4.0, 4.5], [0.0, 0.0]])
    n = len(alphas)
    return RegularizationPath(
        alphas=np.array(alphas),
        scores=scores[:n],
        sparsity=np.zeros((n, 1)),
        n_live_inputs=np.arange(n, 0.0, -1.0),
        n_live_units=np.zeros((n, 0)),
    )


def perceptron(cls=MLPClassifier, **params):
    defaults = {"hidden_layer_sizes": (6, 4), "max_iter": 12, "random_state": 0}
    return cls(**(defaults | params))


@pytest.mark.parametrize(
    "draw",
    [
        lambda model, **kw: LinearRegimeDisplay.from_estimator(model, X, **kw),
        LossCurveDisplay.from_estimator,
        WeightDisplay.from_estimator,
    ],
)
def test_conventions_of_displays(draw):
    model = perceptron().fit(X, y)
    figure, (left, right) = pyplot.subplots(1, 2)
    display = draw(model, ax=right)
    assert (display.ax_, display.figure_) == (right, figure)
    assert not left.has_data()
    assert display.plot(ax=left) is display
    assert display.ax_ is left
    assert display.plot().figure_ is not figure
    with pytest.raises(NotFittedError):
        draw(perceptron())
    with pytest.raises(TypeError, match="Display needs an MLPClassifier"):
        draw(StandardScaler().fit(X))


def test_matplotlib_is_imported_only_where_something_is_drawn():
    imported = set().union(*modules_of_a_new_interpreter().values())
    assert "skl2.inspection" in imported
    assert "matplotlib" not in imported


def test_without_matplotlib_the_command_is_named(monkeypatch):
    own = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return own(name, *args, **kwargs)

    model = perceptron().fit(X, y)
    monkeypatch.setattr(builtins, "__import__", without)
    for draw in (
        lambda: RegularizationPathDisplay.from_path(hand_made()),
        lambda: LinearRegimeDisplay.from_estimator(model, X),
        lambda: LossCurveDisplay.from_estimator(model),
        lambda: WeightDisplay.from_estimator(model),
    ):
        with pytest.raises(ImportError, match=r"Display .*pip install 'skl2\[plot\]'"):
            draw()
