"""The score that early stopping watches: that of a fitted network, in any process."""

import pickle

import numpy as np
import pytest
from sklearn.metrics import get_scorer

from skl2 import MLPClassifier, MLPRegressor
from skl2._estimators.validation_score import ValidationScore

RNG = np.random.RandomState(0)
X = RNG.standard_normal((30, 3))
Y = {MLPClassifier: np.arange(30) % 3, MLPRegressor: X[:, 0] + 0.1}
ROWS = np.arange(3, 30, 2)


def described(kind, scoring):
    """Score, training data, a network and its parameters."""
    model = kind(hidden_layer_sizes=(4,), early_stopping=True, scoring=scoring)
    problem, *_ = model._problem(X, Y[kind])
    n_outputs = 3 if kind is MLPClassifier else 1
    theta = RNG.standard_normal(3 * 4 + 4 + 4 * n_outputs + n_outputs)
    vars(model).update(model._learned(problem.settings.layer_sizes, theta))
    return problem.score, problem.data, model, theta


@pytest.mark.parametrize("pickled", [False, True])
@pytest.mark.parametrize(
    "kind, scoring, name",
    [
        (MLPClassifier, None, "accuracy"),
        (MLPClassifier, "neg_log_loss", "neg_log_loss"),
        (MLPRegressor, None, "r2"),
        (MLPRegressor, "neg_mean_absolute_error", "neg_mean_absolute_error"),
    ],
)
def test_it_is_that_of_the_fitted_network(kind, scoring, name, pickled):
    score, data, model, theta = described(kind, scoring)
    assert isinstance(score, ValidationScore)
    if pickled:
        score = pickle.loads(pickle.dumps(score))
    raw = model._raw_predict(X[ROWS]).T
    expected = get_scorer(name)(model, X[ROWS], Y[kind][ROWS])
    assert score(raw, data, ROWS, theta) == pytest.approx(expected, rel=1e-12)
    assert np.isnan(score(np.full_like(raw, np.nan), data, ROWS, theta))


def test_the_loss_needs_no_score():
    assert described(MLPRegressor, "loss")[0] is None


def test_a_scorer_without_a_score_for_the_rows_is_named():
    score, data, model, theta = described(MLPClassifier, "neg_log_loss")
    one_class = np.flatnonzero(Y[MLPClassifier] == 1)
    raw = model._raw_predict(X[one_class]).T
    message = "scoring='neg_log_loss' has no score for the validation rows: y_true"
    with pytest.raises(ValueError, match=message):
        score(raw, data, one_class, theta)
