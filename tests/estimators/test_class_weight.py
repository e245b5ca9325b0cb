"""class_weight is the same as the sample weights it stands for."""

import numpy as np
import pytest
from helpers import fit_quietly
from numpy.testing import assert_allclose
from sklearn.model_selection import KFold
from sklearn.utils.class_weight import compute_sample_weight

from skl2 import MLPClassifier
from skl2.model_selection import StackedGridSearchCV

RNG = np.random.RandomState(0)
X = RNG.standard_normal((60, 3))
LABELS = np.array(["a", "b", "c"])[RNG.choice(3, 60, p=[0.2, 0.3, 0.5])]
MULTILABEL = (RNG.rand(60, 2) < [0.2, 0.6]).astype(int)
WEIGHT = RNG.choice([0.0, 1.0, 2.5], 60)

CASES = {
    "dict": (LABELS, {"a": 5.0, "c": 0.5}),
    "zero": (LABELS, {"a": 0.0}),
    "balanced": (LABELS, "balanced"),
    "binary": (LABELS == "a", {True: 3.0}),
    "binary balanced": (LABELS == "a", "balanced"),
    "multilabel": (MULTILABEL, [{1: 3.0}, {0: 0.5, 1: 2.0}]),
    "multilabel balanced": (MULTILABEL, "balanced"),
}


def train(y, sample_weight=None, **params):
    defaults = {"hidden_layer_sizes": 4, "max_iter": 5, "random_state": 0}
    return fit_quietly(
        MLPClassifier(**(defaults | params)), X, y, sample_weight=sample_weight
    )


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("name", CASES)
def test_it_is_these_sample_weights(name, solver):
    y, class_weight = CASES[name]
    full = class_weight
    if isinstance(full, dict):
        full = dict.fromkeys(np.unique(y).tolist(), 1.0) | full
    elif isinstance(full, list):
        full = [{0: 1.0, 1: 1.0} | one for one in full]
    expected = train(y, compute_sample_weight(full, y), solver=solver)
    model = train(y, solver=solver, class_weight=class_weight)
    assert_allclose(model.coefs_[0], expected.coefs_[0], rtol=1e-7)
    assert_allclose(model.loss_curve_, expected.loss_curve_, rtol=1e-9)


@pytest.mark.parametrize("name", ["dict", "binary", "multilabel"])
def test_it_multiplies_sample_weight(name):
    y, class_weight = CASES[name]
    full = class_weight
    if isinstance(full, dict):
        full = dict.fromkeys(np.unique(y).tolist(), 1.0) | full
    else:
        full = [{0: 1.0, 1: 1.0} | one for one in full]
    expected = train(y, WEIGHT * compute_sample_weight(full, y))
    model = train(y, WEIGHT, class_weight=class_weight)
    assert_allclose(model.coefs_[0], expected.coefs_[0], rtol=1e-7)


def test_balanced_counts_weights_as_rows():
    counts = np.array([1, 2, 3])[np.arange(60) % 3]
    repeated = MLPClassifier(
        hidden_layer_sizes=4, max_iter=5, random_state=0, class_weight="balanced"
    )
    rows = np.repeat(np.arange(60), counts)
    fit_quietly(repeated, X[rows], LABELS[rows])
    weighted = train(LABELS, counts, class_weight="balanced")
    assert_allclose(repeated.coefs_[0], weighted.coefs_[0], rtol=1e-6)


def test_candidates_of_a_search_have_their_own():
    grid = {"class_weight": [None, "balanced", {"a": 9.0}], "alpha": [0.1, 1.0]}
    model = MLPClassifier(hidden_layer_sizes=4, max_iter=5, random_state=0)
    search = StackedGridSearchCV(model, grid, cv=2, scoring="neg_log_loss")
    fit_quietly(search, X, LABELS)
    from sklearn.model_selection import GridSearchCV

    plain = GridSearchCV(model, grid, cv=2, scoring="neg_log_loss")
    fit_quietly(plain, X, LABELS)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"]
    )


def test_classes_that_a_fold_lacks_are_ignored():
    known = {"a": 5.0, "c": 0.5}
    expected = train(LABELS, class_weight=known)
    model = train(LABELS, class_weight=known | {"d": 7.0})
    np.testing.assert_array_equal(model.coefs_[0], expected.coefs_[0])
    y = np.sort(LABELS)
    every = MLPClassifier(4, max_iter=5, class_weight={"a": 1, "b": 2, "c": 5})
    for cv in (KFold(2), KFold(3)):
        search = StackedGridSearchCV(every, {}, cv=cv, error_score="raise")
        fit_quietly(search, X, y)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    with pytest.raises(ValueError, match="no weight for any of the classes"):
        train(LABELS, class_weight={0: 2.0, 1: 1.0})
    with pytest.raises(ValueError, match="no weight for any of the classes"):
        train(MULTILABEL, class_weight=[{1: 3.0}, {2: 0.5}])


def test_validation_rows_that_weigh_nothing():
    model = MLPClassifier(early_stopping=True, class_weight={"a": 0.0})
    a = LABELS == "a"
    with pytest.raises(ValueError, match="class_weight leaves no validation row"):
        model.fit(X, LABELS, X_val=X[a], y_val=LABELS[a])
    assert not hasattr(model, "classes_")


def test_errors():
    with pytest.raises(ValueError, match="must be 'balanced' or a list of 2 dicts"):
        train(MULTILABEL, class_weight={1: 2.0})
    with pytest.raises(ValueError, match="leaves no row"):
        train(LABELS, class_weight=dict.fromkeys("abc", 0.0))
    model = MLPClassifier(class_weight="balanced")
    with pytest.raises(ValueError, match="not supported by partial_fit"):
        model.partial_fit(X, LABELS, classes=["a", "b", "c"])
