"""Displays: what is drawn is what the estimator or the path holds."""

import builtins
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_wine
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import StandardScaler, scale

from skl2 import MLPClassifier, MLPRegressor
from skl2.inspection import (
    LinearRegimeDisplay,
    LossCurveDisplay,
    RegularizationPathDisplay,
    WeightDisplay,
    linear_regime,
)
from skl2.model_selection import (
    AlphaSearchCV,
    RegularizationPath,
    one_standard_error,
    regularization_path,
)

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_wine(return_X_y=True)
X = scale(X)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    pyplot.close("all")


def search(cls=MLPClassifier, l1_ratio=0.5, **params):
    network = cls(
        hidden_layer_sizes=(),
        penalty="elasticnet",
        l1_ratio=l1_ratio,
        solver="lbfgs",
        random_state=0,
    )
    defaults = {"alphas": [0.1, 3.0, 30.0, 100.0], "cv": 3, "return_path": True}
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


@pytest.mark.parametrize("activation", ["tanh", "relu", "elu", "logistic", "identity"])
def test_the_linear_regime_is_drawn_as_it_is_measured(activation):
    model = perceptron(activation=activation).fit(X, y)
    display = LinearRegimeDisplay.from_estimator(model, X, n_bins=31)
    regime = linear_regime(model, X)
    z = X @ model.coefs_[0] + model.intercepts_[0]
    drawn = display.histograms_[0].get_data()
    expected = np.histogram(np.clip(z, drawn.edges[0], drawn.edges[-1]), drawn.edges)
    assert_allclose(drawn.values, expected[0] / z.size)
    assert len(display.histograms_) == 2
    assert_allclose(display.histograms_[1].get_data().values.sum(), 1.0)
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    for i, label in enumerate(labels):
        assert label.startswith(f"layer {i + 1}: {regime.linear_share[i]:.0%} ")
    assert f"{regime.affine_r2:.3f}" in display.ax_.get_title()
    assert (display.tangent_ is None) == (display.range_ is None)
    if activation == "relu":
        assert display.range_ is None
        return
    grid, f = display.activation_.get_data()
    tangent = display.tangent_.get_ydata()
    middle = len(grid) // 2
    assert_allclose(grid[middle], 0.0, atol=1e-12)
    assert_allclose(tangent[middle], f[middle], atol=1e-12)
    near = slice(middle - 1, middle + 2)
    assert_allclose(tangent[near], f[near], atol=np.diff(grid)[0] ** 2)
    display.figure_.canvas.draw()


def test_a_linear_network_has_no_regime_to_draw():
    with pytest.raises(ValueError, match="no hidden layer"):
        LinearRegimeDisplay.from_estimator(
            perceptron(hidden_layer_sizes=()).fit(X, y), X
        )


@pytest.mark.parametrize("sparse", [False, True])
def test_zeros_are_apart_from_the_histogram_of_weights(sparse):
    model = perceptron(penalty="l1", alpha=30.0, max_iter=200).fit(X, y)
    zeros = [np.sum(W == 0) for W in model.coefs_]
    assert 0 < zeros[0] < model.coefs_[0].size
    weights = [W[W != 0] for W in model.coefs_]
    display = WeightDisplay.from_estimator(model.sparsify() if sparse else model)
    assert_array_equal(display.n_zeros_, zeros)
    for drawn, w in zip(display.histograms_, weights, strict=True):
        data = drawn.get_data()
        assert_array_equal(data.values, np.histogram(w, data.edges)[0])
        assert data.values.sum() == len(w)
    dots = {line.get_ydata()[0] for line in display.ax_.lines}
    assert dots == {n for n in zeros if n}
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels[0] == f"layer 1: 13×6, {model.sparsity_[0]:.1%} exact zeros"
    display.figure_.canvas.draw()


@pytest.mark.parametrize("sparse", [False, True])
def test_the_first_layer_as_images(sparse):
    model = perceptron().fit(X[:, :12], y)
    W = model.coefs_[0]
    if sparse:
        model.sparsify()
    display = WeightDisplay.from_estimator(model, image_shape=(3, 4))
    shown = display.image_.get_array()
    # Six units in two rows of three, with a line between them.
    assert shown.shape == (2 * 3 + 1, 3 * 4 + 2)
    for unit in range(6):
        top, left = unit // 3 * 4, unit % 3 * 5
        assert_array_equal(
            shown[top : top + 3, left : left + 4], W[:, unit].reshape(3, 4)
        )
    assert np.isnan(np.ma.filled(shown, np.nan)[3]).all()
    assert display.image_.get_clim() == (-np.abs(W).max(), np.abs(W).max())
    assert display.histograms_ == []
    # The two units of the largest norm, in their order.
    two = WeightDisplay.from_estimator(model, image_shape=(3, 4), max_images=2)
    first, second = sorted(np.argsort(np.linalg.norm(W, axis=0))[-2:])
    shown = two.image_.get_array()
    assert_array_equal(shown[:, :4], W[:, first].reshape(3, 4))
    assert_array_equal(shown[:, 5:], W[:, second].reshape(3, 4))


def test_weights_that_are_all_zero():
    model = perceptron().fit(X[:, :12], y)
    model.coefs_ = [0 * W for W in model.coefs_]
    for image_shape in (None, (3, 4)):
        display = WeightDisplay.from_estimator(model, image_shape=image_shape)
        display.figure_.canvas.draw()
        if image_shape is None:
            assert_array_equal(display.n_zeros_, [W.size for W in model.coefs_])
        else:
            shown = np.ma.filled(display.image_.get_array(), np.nan)
            assert_array_equal(shown[np.isfinite(shown)], np.zeros(6 * 12))


@pytest.mark.parametrize("image_shape", [(3, 4), (13,), (13, 1, 1)])
def test_images_of_another_shape(image_shape):
    with pytest.raises(ValueError, match="as X has features, 13"):
        WeightDisplay.from_estimator(perceptron().fit(X, y), image_shape=image_shape)
    assert not pyplot.get_fignums()


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
    code = (
        "import sys, skl2.inspection, skl2.model_selection;"
        "sys.exit('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


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
