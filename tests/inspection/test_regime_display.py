"""LinearRegimeDisplay: what is measured is drawn."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_wine
from sklearn.preprocessing import scale

from skl2 import MLPClassifier
from skl2.inspection import LinearRegimeDisplay, linear_regime

pyplot = pytest.importorskip("matplotlib.pyplot")

X, y = load_wine(return_X_y=True)
X = scale(X)


def perceptron(cls=MLPClassifier, **params):
    defaults = {"hidden_layer_sizes": (6, 4), "max_iter": 12, "random_state": 0}
    return cls(**(defaults | params))


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
