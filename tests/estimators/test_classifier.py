"""MLPClassifier: its probabilities, and what its documentation shares."""

import inspect
import re

import numpy as np
import pytest
from helpers import fit_quietly
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, log_softmax, softmax

from skl2 import MLPClassifier, MLPRegressor

RNG = np.random.RandomState(0)
X = RNG.standard_normal((60, 3))
Y = {
    "two": np.where(X[:, 0] > 0, "yes", "no"),
    "three": np.array(["c", "a", "b"])[np.digitize(X[:, 0], [-0.5, 0.5])],
    "labels": (X[:, :2] > 0).astype(int),
}


@pytest.mark.parametrize("kind", Y)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_probabilities_are_the_inverse_link_of_raw_predictions(kind, dtype):
    data = X.astype(dtype)
    clf = fit_quietly(MLPClassifier((4,), max_iter=30, random_state=0), data, Y[kind])
    raw = clf.decision_function(data)
    p = clf.predict_proba(data)
    assert p.dtype == dtype
    expected = {
        "two": lambda: np.column_stack([expit(-raw), expit(raw)]),
        "three": lambda: softmax(raw, axis=1),
        "labels": lambda: expit(raw),
    }[kind]()
    assert_allclose(p, expected, rtol=1e-5 if dtype == np.float32 else 1e-12)
    assert_array_equal(clf.predict_log_proba(data), np.log(p))
    if kind == "three":
        assert_allclose(np.log(p), log_softmax(raw, axis=1), atol=1e-5)
    if kind == "labels":
        assert_array_equal(clf.predict(data), (p > 0.5).astype(int))
    else:
        assert_array_equal(clf.predict(data), clf.classes_[p.argmax(axis=1)])


# Parameters whose texts differ: how targets are split, scored and averaged.
OWN = {"early_stopping", "n_estimators", "scoring"}


def paragraphs(Estimator, section):
    """{name: words} of a section of the documentation."""
    text = inspect.getdoc(Estimator).replace(Estimator.__name__, "MLP")
    # Up to the next heading.
    text = re.split(rf"{section}\n-+\n", text)[1]
    text = re.split(r"\n.+\n---+\n", text)[0]
    found = re.split(r"^([\w, ]+) : ", text, flags=re.M)
    names, texts = found[1::2], found[2::2]
    return {name: words.split() for name, words in zip(names, texts, strict=True)}


@pytest.mark.parametrize("section, n_shared", [("Parameters", 27), ("Attributes", 18)])
def test_shared_paragraphs_of_the_documentation_are_equal(section, n_shared):
    ours, theirs = (paragraphs(E, section) for E in (MLPClassifier, MLPRegressor))
    shared = (set(ours) & set(theirs)) - OWN
    assert len(shared) >= n_shared
    assert {n: ours[n] for n in shared} == {n: theirs[n] for n in shared}
