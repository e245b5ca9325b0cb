"""Targets: labels and numbers as rows of 0 and 1, and back."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import accuracy_score
from sklearn.utils.class_weight import compute_sample_weight

from skl2._engine.losses import HalfPoisson, HalfSquaredError
from skl2._estimators.targets import (
    ClassTargets,
    RealTargets,
    check_same_classes,
    given_classes,
)

RNG = np.random.RandomState(0)
NUMBERS = RNG.randint(0, 4, 40)
LABELS = {
    "two": NUMBERS > 1,
    "two strings": np.array(["no", "yes"])[(NUMBERS > 1).astype(int)],
    "four": NUMBERS,
    "four strings": np.array(["d", "a", "c", "b"])[NUMBERS],
    "objects": np.array(["d", "a", "c", "b"], dtype=object)[NUMBERS],
    "negative": NUMBERS - 2,
    "one": np.zeros(40, dtype=int),
    "multilabel": RNG.randint(0, 2, (40, 3)),
}
kinds = pytest.mark.parametrize("kind", LABELS)
N_ROWS = {"two": 1, "two strings": 1, "one": 1, "multilabel": 3}


@kinds
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_decoding_undoes_encoding(kind, dtype):
    y = LABELS[kind]
    targets = ClassTargets.learn(y)
    encoded = targets.encode(y, dtype)
    assert encoded.dtype == dtype
    assert encoded.shape == (N_ROWS.get(kind, 4), 40)
    assert set(encoded.ravel()) <= {0.0, 1.0}
    assert_array_equal(targets.decode(encoded), y)


@kinds
def test_raw_predictions_are_scored_by_accuracy(kind):
    y = LABELS[kind]
    targets = ClassTargets.learn(y)
    encoded = targets.encode(y, np.float64)
    raw = RNG.standard_normal(encoded.shape) + encoded
    weight = RNG.rand(40)
    expected = accuracy_score(y, targets.decode(raw), sample_weight=weight)
    assert_allclose(targets.score(raw, encoded, weight, None), expected)
    raw[0, 3] = np.nan
    assert np.isnan(targets.score(raw, encoded, weight, None))


@kinds
def test_each_class_or_combination_of_labels_is_a_stratum(kind):
    y = LABELS[kind]
    targets = ClassTargets.learn(y)
    strata = targets.strata(targets.encode(y, np.float64))
    pairs = {(str(label), stratum) for label, stratum in zip(y, strata, strict=True)}
    assert len(pairs) == len({str(label) for label in y}) == len(set(strata))


@pytest.mark.parametrize("kind", ["two strings", "four", "negative"])
@pytest.mark.parametrize("given", ["balanced", "dict"])
@pytest.mark.parametrize("weighted", [False, True])
def test_weights_are_those_of_scikit_learn(kind, given, weighted):
    y = LABELS[kind]
    targets = ClassTargets.learn(y)
    if given == "dict":
        given = {label: 1.0 + k for k, label in enumerate(targets.classes.tolist())}
    encoded = targets.encode(y, np.float64)
    # Whole weights are repeated rows, which scikit-learn counts.
    weight = RNG.randint(1, 4, 40) if weighted else None
    found = targets.weighting(given, encoded, weight)(encoded, weight)
    repeats = np.repeat(y, 1 if weight is None else weight)
    by_row = compute_sample_weight(given, repeats)
    first = np.arange(40) if weight is None else np.cumsum(weight) - weight
    expected = by_row[first] * (1 if weight is None else weight)
    assert_allclose(found, expected)


def test_other_labels_are_refused():
    targets = ClassTargets.learn(np.array(["a", "b", "c"]))
    targets.check(np.array(["a", "c"]))
    with pytest.raises(ValueError, match="has classes not in"):
        targets.check(np.array(["a", "d"]))
    with pytest.raises(ValueError, match="same classes as in the previous call"):
        targets.check(np.array(["a", "c"]), complete=True)
    with pytest.raises(ValueError, match="must be multilabel, or not"):
        targets.check(np.eye(3, dtype=int))


def test_classes_of_partial_fit():
    assert given_classes(["b", "a", "b"]).tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="classes must be passed"):
        given_classes(None)
    check_same_classes(["b", "a"], np.array(["a", "b"]))
    with pytest.raises(ValueError, match="not the same as on last call"):
        check_same_classes(["b", "c"], np.array(["a", "b"]))
    with pytest.raises(ValueError, match="indicator of 2 columns"):
        ClassTargets.of_given_classes(np.array(["a", "b"]), np.eye(2, dtype=int))


@pytest.mark.parametrize("shape", [(40,), (40, 1), (40, 3)])
def test_numbers_are_a_row_for_each_output(shape):
    y = RNG.standard_normal(shape)
    encoded = RealTargets().encode(y, np.float64)
    assert encoded.shape == (np.prod(shape) // 40, 40)
    assert encoded.flags.c_contiguous
    assert_array_equal(np.ravel(RealTargets().decode(encoded)), np.ravel(y))


def test_numbers_beyond_the_type_of_x_are_refused():
    with pytest.raises(ValueError, match=r"y has values beyond .*float32.*1e\+39"):
        RealTargets().encode(np.array([1.0, 1e39]), np.float32)


def test_r2_of_predictions_behind_the_inverse_link():
    y = RNG.poisson(3.0, (1, 40)).astype(float)
    raw = np.log(y.mean() + 0.1 * y)
    # The link is applied in place.
    found = RealTargets().score(raw.copy(), y, None, HalfPoisson())
    residual = ((y - np.exp(raw)) ** 2).sum() / ((y - y.mean()) ** 2).sum()
    assert_allclose(found, 1.0 - residual)
    raw[0, 0] = np.inf
    assert np.isnan(RealTargets().score(raw, y, None, HalfSquaredError()))
