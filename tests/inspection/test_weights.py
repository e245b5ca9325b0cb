"""WeightDisplay: histograms and images of the weights."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import load_wine
from sklearn.preprocessing import scale

from skl2 import MLPClassifier
from skl2.inspection import WeightDisplay

pyplot = pytest.importorskip("matplotlib.pyplot")

X, y = load_wine(return_X_y=True)
X = scale(X)


def perceptron(cls=MLPClassifier, **params):
    defaults = {"hidden_layer_sizes": (6, 4), "max_iter": 12, "random_state": 0}
    return cls(**(defaults | params))


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
