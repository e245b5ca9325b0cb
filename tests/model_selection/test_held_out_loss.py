"""The default score of a search against scikit-learn's metrics."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from scipy.stats import norm
from sklearn import metrics
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier

from skl2.model_selection._held_out_loss import HeldOutLoss

rng = np.random.RandomState(0)
X, y = load_iris(return_X_y=True)
WEIGHTS = rng.randint(0, 3, len(X)).astype(float)


class Known:
    """An estimator with given predictions."""

    def __init__(self, predicted, classes=None):
        self.predicted = predicted
        self.classes_ = classes

    def predict(self, X):
        return self.predicted

    predict_proba = predict


def minus_log_loss(model, y, rows=slice(None), **kwargs):
    score = HeldOutLoss("log_loss")
    return -score(Known(model.predict_proba(X[rows]), model.classes_), X, y, **kwargs)


@pytest.mark.parametrize("names", [[0, 1, 2], ["b", "c", "d"]])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_log_loss_of_classes(names, weights):
    labels = np.array(names)[y]
    model = LogisticRegression(max_iter=500).fit(X, labels)
    expected = metrics.log_loss(labels, model.predict_proba(X), sample_weight=weights)
    assert_allclose(minus_log_loss(model, labels, sample_weight=weights), expected)
    # One class alone is held out; y is a column.
    rows = np.flatnonzero(y == 1)
    proba = model.predict_proba(X[rows])
    expected = metrics.log_loss(labels[rows], proba, labels=names)
    assert_allclose(minus_log_loss(model, labels[rows], rows), expected)
    assert_allclose(minus_log_loss(model, labels[rows, np.newaxis], rows), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_class_without_training_rows_has_the_smallest_probability(dtype):
    p = np.array([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]], dtype=dtype)
    model = Known(p, np.array(["b", "d"]))
    score = HeldOutLoss("log_loss")(model, None, np.array(["d", "c", "d"]))
    tiny = np.log(np.finfo(dtype).eps)
    assert_allclose(score, (np.log(0.75) + 2 * tiny) / 3)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_matrix])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_log_loss_of_labels_is_the_sum_over_them(container, weights):
    Y = np.column_stack([y > 0, y > 1]).astype(int)
    p = rng.rand(*Y.shape)
    expected = sum(
        metrics.log_loss(column, q, sample_weight=weights)
        for column, q in zip(Y.T, p.T, strict=True)
    )
    score = HeldOutLoss("log_loss")(Known(p), X, container(Y), sample_weight=weights)
    assert_allclose(-score, expected)
    model = MultiOutputClassifier(LogisticRegression(max_iter=500)).fit(X, Y)
    p = np.column_stack([q[:, 1] for q in model.predict_proba(X)])
    expected = HeldOutLoss("log_loss")(Known(p), X, Y)
    assert_allclose(HeldOutLoss("log_loss")(model, X, container(Y)), expected)


def test_log_loss_of_several_outputs_with_many_classes():
    Y = np.column_stack([y, y[::-1]])
    model = MultiOutputClassifier(LogisticRegression(max_iter=500)).fit(X, Y)
    expected = sum(
        metrics.log_loss(column, p)
        for column, p in zip(Y.T, model.predict_proba(X), strict=True)
    )
    assert_allclose(-HeldOutLoss("log_loss")(model, X, Y), expected)


@pytest.mark.parametrize("shape", [(150,), (150, 1), (150, 2)])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize(
    ("loss", "metric"),
    [
        ("squared_error", metrics.mean_squared_error),
        ("absolute_error", metrics.mean_absolute_error),
        ("poisson", metrics.mean_poisson_deviance),
    ],
)
def test_losses_of_numbers(loss, metric, shape, weights):
    target = rng.poisson(2.0, shape).astype(float)
    predicted = rng.gamma(2.0, size=shape)
    expected = np.mean(
        [
            metric(a, b, sample_weight=weights)
            for a, b in zip(
                target.reshape(150, -1).T, predicted.reshape(150, -1).T, strict=True
            )
        ]
    )
    score = HeldOutLoss(loss)
    # Estimators predict a column as a vector.
    model = Known(predicted.ravel() if shape == (150, 1) else predicted)
    assert_allclose(-score(model, X, target, sample_weight=weights), expected)


def test_hubers_loss():
    error = np.array([-3.0, -1.0, 0.5, 4.0])
    expected = np.mean([2 * (3 - 1), 0.5, 0.125, 2 * (4 - 1)])
    score = HeldOutLoss("huber", 2.0)(Known(error), None, np.zeros(4))
    assert_allclose(-score, expected)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("quantile", [0.2, [0.2], [0.1, 0.5, 0.9]])
def test_the_pinball_loss_is_a_mean_over_quantiles(quantile, weights):
    target = rng.standard_normal(150)
    quantiles = np.atleast_1d(quantile)
    predicted = rng.standard_normal((150, len(quantiles)))
    expected = np.mean(
        [
            metrics.mean_pinball_loss(target, column, alpha=q, sample_weight=weights)
            for column, q in zip(predicted.T, quantiles, strict=True)
        ]
    )
    if np.ndim(quantile) == 0:
        predicted = predicted.ravel()
    score = HeldOutLoss("quantile", quantile=quantile)
    for y in (target, target[:, np.newaxis]):
        assert_allclose(-score(Known(predicted), X, y, weights), expected)
    # One quantile of several targets.
    several = rng.standard_normal((2, 150, 3))
    expected = metrics.mean_pinball_loss(*several, alpha=0.2, sample_weight=weights)
    score = HeldOutLoss("quantile", quantile=0.2)
    assert_allclose(-score(Known(several[1]), X, several[0], weights), expected)


class Normal(Known):
    """An estimator with given means and standard deviations."""

    def predict(self, X, return_std):
        assert return_std
        return self.predicted


@pytest.mark.parametrize("shape", [(150,), (150, 2)])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_the_loss_of_a_normal_distribution(shape, weights):
    target, mean = rng.standard_normal((2, *shape))
    std = rng.gamma(2.0, size=shape)
    losses = -norm.logpdf(target, mean, std) - np.log(2 * np.pi) / 2
    expected = np.average(losses.reshape(150, -1).mean(axis=1), weights=weights)
    score = HeldOutLoss("gaussian")(Normal((mean, std)), X, target, weights)
    assert_allclose(-score, expected)


def test_predictions_that_are_zero_or_not_finite():
    score = HeldOutLoss("poisson")(Known(np.zeros(2)), None, np.array([0.0, 1.0]))
    assert -np.inf < score < -700
    for value in (np.nan, np.inf):
        model = Known(np.array([0.0, value]))
        assert np.isnan(HeldOutLoss("squared_error")(model, None, np.zeros(2)))
