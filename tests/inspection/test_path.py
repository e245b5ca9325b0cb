"""Paths: what is drawn is what the search or the path holds."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_wine
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import scale

from skl2 import MLPClassifier, MLPRegressor
from skl2.inspection import RegularizationPathDisplay
from skl2.model_selection import (
    AlphaSearchCV,
    RegularizationPath,
    one_standard_error,
    regularization_path,
)

pyplot = pytest.importorskip("matplotlib.pyplot")

X, y = load_wine(return_X_y=True)
X = scale(X)


def search(cls=MLPClassifier, l1_ratio=0.5, **params):
    network = cls(
        hidden_layer_sizes=(),
        penalty="elasticnet",
        l1_ratio=l1_ratio,
        solver="lbfgs",
        random_state=0,
    )
    defaults = {"alphas": [0.1, 3.0, 30.0, 100.0], "cv": 2, "return_path": True}
    return AlphaSearchCV(network, random_state=0, **(defaults | params))


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


def outline(band):
    return band.get_paths()[0].vertices


def test_the_artists_hold_the_path():
    path = hand_made()
    display = RegularizationPathDisplay.from_path(path)
    assert_array_equal(display.line_.get_xdata(), path.alphas)
    assert_array_equal(display.line_.get_ydata(), [1.0, 5.0, 4.25, 0.0])
    points = {tuple(np.round(p, 9)) for p in outline(display.band_)}
    for alpha, mean, error in zip(
        path.alphas, path.mean_scores, path.standard_errors, strict=True
    ):
        assert {(alpha, round(mean - error, 9)), (alpha, round(mean + error, 9))} <= (
            points
        )
    assert_array_equal(display.chosen_.get_xdata(), [10.0, 10.0])
    assert_array_equal(display.one_se_.get_xdata(), [100.0, 100.0])
    assert_array_equal(display.inputs_.get_xdata(), path.alphas)
    assert_array_equal(display.inputs_.get_ydata(), path.n_live_inputs)
    assert display.ax_.get_xscale() == "log"
    assert display.inputs_ax_.get_ylim()[0] == 0


@pytest.mark.filterwarnings("ignore:The best alpha")
@pytest.mark.parametrize(
    ("cls", "target", "params", "name"),
    [
        (MLPClassifier, y, {}, "−log loss"),
        (MLPClassifier, y, {"scoring": "accuracy"}, "accuracy"),
        (MLPClassifier, y, {"scoring": "roc_auc_ovr"}, "roc auc ovr"),
        (MLPClassifier, y, {"param_grid": {"l1_ratio": [0.2, 0.8]}}, None),
        (MLPRegressor, y.astype(float), {}, "−squared error"),
    ],
)
def test_from_search(cls, target, params, name):
    found = search(cls, **params).fit(X, target)
    display = RegularizationPathDisplay.from_search(found)
    results = found.cv_results_
    rows = [
        i
        for i, tried in enumerate(results["params"])
        if all(tried[k] == v for k, v in found.best_params_.items() if k != "alpha")
    ]
    rows.sort(key=lambda i: results["params"][i]["alpha"])
    assert_array_equal(
        display.line_.get_xdata(), [results["params"][i]["alpha"] for i in rows]
    )
    assert_allclose(display.line_.get_ydata(), results["mean_test_score"][rows])
    assert_array_equal(display.inputs_.get_ydata(), results["mean_live_inputs"][rows])
    assert display.chosen_.get_xdata()[0] == found.alpha_
    if name is not None:
        assert display.ax_.get_ylabel() == name


@pytest.mark.filterwarnings("ignore:The best alpha")
def test_the_chosen_alpha_is_that_of_the_refit():
    found = search(refit=one_standard_error).fit(X, y)
    display = RegularizationPathDisplay.from_search(found)
    assert display.chosen_.get_xdata()[0] == found.alpha_
    assert display.one_se_.get_xdata()[0] == found.alpha_


def test_of_a_regularization_path():
    path = regularization_path(
        X[::2],
        y[::2],
        X_val=X[1::2],
        y_val=y[1::2],
        alphas=[1.0, 50.0],
        hidden_layer_sizes=(),
    )
    display = RegularizationPathDisplay.from_path(path)
    assert_allclose(display.line_.get_ydata(), -path.validation_loss)
    # A single validation set has no standard error.
    assert_allclose(
        np.sort(np.unique(outline(display.band_)[:, 1])),
        np.sort(-path.validation_loss),
    )


def test_axes_of_ones_own_and_drawing_again():
    figure, (left, right) = pyplot.subplots(1, 2)
    display = RegularizationPathDisplay.from_path(hand_made(), ax=right)
    assert display.ax_ is right
    assert display.figure_ is figure
    assert not left.lines
    assert display.plot(ax=left) is display
    assert display.ax_ is left
    assert len(left.lines) == len(right.lines)
    fresh = display.plot()
    assert fresh.figure_ is not figure


def test_the_names_of_the_axes_and_of_what_is_marked():
    display = RegularizationPathDisplay.from_path(hand_made(), score_name="R²")
    assert display.ax_.get_ylabel() == "R²"
    assert display.ax_.get_xlabel() == "λ (alpha)"
    assert "inputs" in display.inputs_ax_.get_ylabel()
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert "chosen, λ = 10" in labels
    assert "1-SE rule, λ = 100" in labels
    display.figure_.canvas.draw()


def test_alpha_zero_has_its_place():
    path = hand_made(alphas=(0.0, 1.0, 10.0))
    display = RegularizationPathDisplay.from_path(path)
    display.figure_.canvas.draw()
    low, high = display.ax_.get_xlim()
    assert low < 0.0 or low == 0.0
    assert high >= 10.0
    pixels = display.ax_.transData.transform([(0.0, 1.0), (1.0, 1.0), (10.0, 1.0)])
    assert (np.diff(pixels[:, 0]) > 0).all()
    assert np.isfinite(pixels).all()


def test_what_can_not_be_drawn():
    with pytest.raises(NotFittedError):
        RegularizationPathDisplay.from_search(search())
    with pytest.raises(TypeError, match="needs an AlphaSearchCV.*from_path"):
        RegularizationPathDisplay.from_search(perceptron().fit(X, y))
    with pytest.raises(ValueError, match="return_path=True"):
        RegularizationPathDisplay.from_search(search(return_path=False).fit(X, y))
    path = regularization_path(X, y, alphas=[1.0], hidden_layer_sizes=())
    with pytest.raises(ValueError, match="no held-out scores"):
        RegularizationPathDisplay.from_path(path)
