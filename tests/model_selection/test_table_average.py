"""The average of pipelines that differ in depth, width and ramps, as one pipeline."""

import numpy as np
import pytest
from helpers import fit_quietly
from scipy.special import softmax
from sklearn.datasets import make_friedman1
from sklearn.pipeline import make_pipeline

from skl2 import MLPClassifier, MLPRegressor
from skl2.model_selection._table_average import average_pipelines, in_units
from skl2.preprocessing import PiecewiseLinearEncoder

X, y = make_friedman1(80, random_state=0)


def fitted(n_bins, hidden, kind=MLPRegressor, n_estimators=1, targets=y):
    network = kind(
        hidden_layer_sizes=hidden,
        n_estimators=n_estimators,
        max_iter=5,
        learning_rate_init=0.03,
        random_state=0,
    )
    pipeline = make_pipeline(PiecewiseLinearEncoder(n_bins), network)
    return fit_quietly(pipeline, X, targets)


@pytest.mark.parametrize(
    "candidates",
    [
        [(0, (5,), 1), (4, (5,), 1)],
        [(4, (), 1), (0, (6,), 2), (4, (5, 3), 1)],
        [(4, (5, 4), 2), (0, (12,), 2)],
        [(0, (5, 4), 2), (4, (7, 3), 2)],
        [(4, (), 1), (0, (), 1)],
    ],
)
def test_raw_predictions_are_averaged(candidates):
    pipelines = [fitted(b, h, n_estimators=n) for b, h, n in candidates]
    numbers = [n for *_, n in candidates]
    average = average_pipelines(pipelines, numbers)
    expected = np.average([p.predict(X) for p in pipelines], axis=0, weights=numbers)
    np.testing.assert_allclose(average.predict(X), expected, rtol=0, atol=1e-12)


def test_the_average_has_the_parameters_of_its_deepest_network():
    linear = fitted(4, ())
    linear[-1].set_params(solver="lbfgs")
    average = average_pipelines([linear, fitted(0, (5,))], [1, 1])
    assert average[-1].solver == "adam"
    assert average[-1].hidden_layer_sizes == tuple(
        W.shape[1] for W in average[-1].coefs_[:-1]
    )


def test_probabilities_are_those_of_the_mean_logits():
    classes = np.digitize(y, [10, 15])
    pipelines = [
        fitted(bins, hidden, MLPClassifier, targets=classes)
        for bins, hidden in ((0, (4,)), (3, (4, 4)))
    ]
    average = average_pipelines(pipelines, [1, 1])
    raw = np.mean([p.decision_function(X) for p in pipelines], axis=0)
    np.testing.assert_allclose(average.predict_proba(X), softmax(raw, axis=1))


def test_a_prediction_costs_the_networks_not_their_square():
    pipelines = [fitted(0, (6, 6), n_estimators=3), fitted(0, (12,), n_estimators=1)]
    coefs = average_pipelines(pipelines, [3, 1])[-1].coefs_
    # Blocks of 6 x 6: three of two layers, and two that pass 6 units each on.
    assert coefs[1].data.shape == (5, 6, 6)


def test_the_pipelines_stay_as_they_are():
    pipelines = [fitted(0, (4,)), fitted(3, (4, 4))]
    before = [p.predict(X) for p in pipelines]
    average = in_units(average_pipelines(pipelines, [1, 1]), 3.0, 2.0)
    average.predict(X)
    for pipeline, expected in zip(pipelines, before, strict=True):
        assert (pipeline.predict(X) == expected).all()


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_units_of_the_targets(n_outputs):
    targets = y if n_outputs == 1 else np.column_stack([y, X[:, 0]])
    pipeline = fitted(3, (4,), targets=targets)
    mean = np.array([3.0, -1.0])[:n_outputs]
    scale = np.array([2.0, 0.5])[:n_outputs]
    expected = pipeline.predict(X).reshape(80, n_outputs) * scale + mean
    found = in_units(pipeline, mean, scale).predict(X)
    np.testing.assert_allclose(found, expected.reshape(found.shape), atol=1e-12)
