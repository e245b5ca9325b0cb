"""A classifier whose rows are all of one class, as some folds' are."""

import numpy as np
import pytest
from helpers import fit_quietly
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import neural_network
from sklearn.model_selection import KFold, cross_val_score, learning_curve

from skl2 import MLPClassifier
from skl2.export import from_sklearn, to_sklearn
from skl2.inspection import optimality
from skl2.model_selection import StackedGridSearchCV

X = np.random.RandomState(0).standard_normal((60, 3))
SORTED = np.repeat([0, 1], 30)
QUICK = {"hidden_layer_sizes": 4, "max_iter": 5, "random_state": 0}


def assert_constant(model, label):
    assert_array_equal(model.classes_, [label])
    assert_array_equal(model.predict(X), np.full(60, label))
    assert_array_equal(model.predict_proba(X), np.ones((60, 1)))
    assert_array_equal(model.predict_log_proba(X), np.zeros((60, 1)))
    assert model.decision_function(X).shape == (60,)
    assert model.score(X, np.full(60, label)) == 1.0


@pytest.mark.parametrize(
    "params",
    [
        {"solver": "lbfgs"},
        {"solver": "sgd", "penalty": "l1"},
        {"early_stopping": True},
        {"early_stopping": True, "scoring": "accuracy"},
        {"class_weight": "balanced"},
        {"class_weight": {"cat": 2.0, "dog": 1.0}},
        {"alpha": "scale"},
        {"n_estimators": 2},
        {"batch_norm": True, "dropout": 0.3},
    ],
    ids=str,
)
def test_its_prediction_is_constant(params):
    model = fit_quietly(MLPClassifier(**QUICK, **params), X, np.full(60, "cat"))
    assert_constant(model, "cat")
    if model.early_stopping:
        assert model.best_validation_score_ == 1.0


def test_partial_fit_of_one_class():
    model = MLPClassifier(**QUICK).partial_fit(X, np.full(60, 7), classes=[7])
    assert_constant(model.partial_fit(X, np.full(60, 7)), 7)
    with pytest.raises(ValueError, match="not in `self.classes_`"):
        model.partial_fit(X, SORTED)


def test_it_trains_as_scikit_learns():
    params = QUICK | {"solver": "sgd", "alpha": 0.0, "batch_size": 60}
    ours = fit_quietly(MLPClassifier(**params), X, np.full(60, 7))
    theirs = fit_quietly(neural_network.MLPClassifier(**params), X, np.full(60, 7))
    assert_allclose(ours.coefs_[0], theirs.coefs_[0], rtol=1e-9)
    assert_constant(from_sklearn(theirs), 7)
    assert_array_equal(to_sklearn(ours).predict(X), np.full(60, 7))


def test_optimality_of_one_class():
    model = MLPClassifier((), solver="lbfgs", alpha=1.0, tol=1e-8, random_state=0)
    fit_quietly(model, X, np.full(60, 7))
    assert optimality(model, X, np.full(60, 7)).max() < 1e-6


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_folds_and_learning_curves_with_one_class():
    model = MLPClassifier(**QUICK)
    scores = cross_val_score(model, X, SORTED, cv=KFold(2), error_score="raise")
    # Each half is trained on one class and meets the other.
    assert_array_equal(scores, [0.0, 0.0])
    _, train_scores, _ = learning_curve(
        model, X, SORTED, train_sizes=[20, 40], cv=KFold(3), error_score="raise"
    )
    # The first 20 rows of the last two folds' training rows are of class 0.
    assert_array_equal(train_scores[0, 1:], [1.0, 1.0])


def test_a_stacked_search_over_folds_of_one_class():
    search = StackedGridSearchCV(
        MLPClassifier(**QUICK), {"alpha": [0.1, 1.0]}, cv=KFold(2), error_score="raise"
    )
    fit_quietly(search, X, SORTED)
    assert_array_equal(search.cv_results_["mean_test_score"], [0.0, 0.0])
