"""What a parameter may be: tables of values that are accepted and refused."""

from numbers import Integral, Real

import numpy as np
import pytest

from skl2 import MLPClassifier, MLPRegressor
from skl2._estimators.parameters import (
    COMMON,
    Boolean,
    Callable,
    Choice,
    Number,
    ScorerName,
    Seed,
    Verbosity,
    check_alpha,
    check_class_weight,
    check_dropout,
    check_hidden_layer_sizes,
    stochastic_regularizers,
    values_of,
)

RULES = [
    (Choice("a", None), ["a", None, np.str_("a")], ["b", 1, True, ["a"]]),
    (Choice("a"), ["a"], [None, "A"]),
    (Boolean(), [True, False, np.True_], [0, 1, None, "True"]),
    (
        Number(Real, "[0, 1)"),
        [0, 0.0, 0.5, np.float32(0.5), np.int64(0)],
        [1, -1e-300, np.nan, np.inf, "0", None, True, np.False_, 10**400, [0.5]],
    ),
    (Number(Real, "(0, inf)"), [1e-300, 10**400], [0, np.inf, -1]),
    (Number(Integral, "[1, inf)"), [1, np.int8(1), 10**400], [1.0, 0, True]),
    (Number(Integral, "[1, inf)", infinity=True), [1, np.inf], [-np.inf, np.nan]),
    (Verbosity(), [0, 1, 7, True, np.False_], [-1, None, 0.0, "1"]),
    (
        Seed(),
        [None, 0, 2**32 - 1, np.int64(3), np.random.RandomState(0)],
        [-1, 2**32, 0.0, True, np.random.default_rng(0), "0"],
    ),
    (Callable(), [len, lambda x: x], [int, 1, None]),
    (ScorerName(), ["accuracy", "r2"], ["nothing", None, len]),
]


@pytest.mark.parametrize("rule, accepted, refused", RULES, ids=lambda v: str(v)[:40])
def test_a_rule_accepts_these_values_and_no_others(rule, accepted, refused):
    assert [value for value in accepted if not rule.accepts(value)] == []
    assert [value for value in refused if rule.accepts(value)] == []
    assert str(rule)


@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_every_parameter_has_a_rule_or_a_check_of_its_own(Estimator):
    own = {"alpha", "hidden_layer_sizes", "dropout", "class_weight"}
    names = set(Estimator().get_params())
    assert names - own == set(Estimator._parameters)
    assert set(COMMON) <= names


@pytest.mark.parametrize(
    "value, sizes",
    [
        ((), []),
        (3, [3]),
        ([3, np.int64(2)], [3, 2]),
        (range(1, 3), [1, 2]),
        (np.array([4]), [4]),
    ],
)
def test_hidden_layer_sizes(value, sizes):
    assert check_hidden_layer_sizes(value) == sizes


@pytest.mark.parametrize(
    "value", [iter((3,)), {3: 4}, {3}, "3", 0, (0,), (2.0,), None, [[3]], True]
)
def test_hidden_layer_sizes_that_are_none(value):
    with pytest.raises(ValueError, match="hidden_layer_sizes must be > 0, got"):
        check_hidden_layer_sizes(value)


@pytest.mark.parametrize(
    "value, alphas",
    [(0, [0, 0]), (1.5, [1.5, 1.5]), ([1, 2], [1, 2]), (np.array([0.5, 0]), [0.5, 0])],
)
def test_alpha_is_one_value_for_each_layer(value, alphas):
    found = check_alpha(value, 2)
    assert found.dtype == np.float64
    assert found.tolist() == alphas
    assert not np.shares_memory(found, value)


@pytest.mark.parametrize("value", [-1, np.nan, np.inf, [1], [[1, 2]], "auto", True, {}])
def test_alphas_that_are_none(value):
    with pytest.raises(ValueError, match="alpha"):
        check_alpha(value, 2)


@pytest.mark.parametrize(
    "value, rates",
    [(None, ()), (0.0, ()), ((0, 0, 0), ()), (0.5, (0, 0.5, 0.5)), ([0.1, 0, 0],) * 2],
)
def test_dropout_is_a_rate_for_the_input_and_each_hidden_layer(value, rates):
    assert check_dropout(value, 2) == tuple(rates)


@pytest.mark.parametrize("value", [1, -0.1, (0.5,), "0.5", iter((0.5, 0, 0))])
def test_dropout_that_is_none(value):
    with pytest.raises(ValueError, match="dropout"):
        check_dropout(value, 2)


def test_class_weights_are_in_the_order_of_the_classes():
    assert check_class_weight({"b": 2, "z": 9}, ["a", "b"]).tolist() == [1, 2]
    assert check_class_weight({}, ["a", "b"]).tolist() == [1, 1]
    with pytest.raises(ValueError, match="no weight for any of the classes"):
        check_class_weight({"z": 9}, ["a", "b"])
    with pytest.raises(ValueError, match="weights >= 0, got -1 for 'a'"):
        check_class_weight({"a": -1}, ["a", "b"])


def test_values_of_sequences_and_arrays_alone():
    assert values_of((1, 2)) == values_of(np.array([1, 2])) == [1, 2]
    nothing = [iter((1, 2)), {1: 2}, {1, 2}, "12", b"12", np.array(1), 1, None]
    assert [values_of(value) for value in nothing] == [None] * len(nothing)


def test_regularizers_that_need_mini_batches():
    names = ["dropout", "batch_norm", "max_norm", "augmentation"]
    values = [0.5, True, 1.0, len]
    assert stochastic_regularizers(MLPClassifier()) == []
    for name, value in zip(names, values, strict=True):
        assert stochastic_regularizers(MLPClassifier(**{name: value})) == [name]
