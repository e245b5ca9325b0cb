"""What each constructor parameter may be, and the errors that say so."""

from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from inspect import Parameter, signature
from itertools import pairwise
from math import isfinite
from numbers import Integral, Real

import numpy as np
from sklearn.metrics import get_scorer_names

from skl2._engine.network.layers import ACTIVATIONS
from skl2._engine.stack import STOCHASTIC_SOLVERS


class Choice:
    """One of some strings, or None."""

    def __init__(self, *values):
        self.values = values

    def accepts(self, value):
        if value is None:
            return None in self.values
        return isinstance(value, str) and value in self.values

    def __str__(self):
        return "one of " + ", ".join(repr(v) for v in self.values)


class Boolean:
    def accepts(self, value):
        return isinstance(value, bool | np.bool_)

    def __str__(self):
        return "True or False"


class Number:
    """A finite number of a kind in an interval, given as in '[0, 1)'."""

    def __init__(self, kind, interval, infinity=False):
        self.kind = kind
        self.interval = interval
        self.infinity = infinity
        low, high = interval[1:-1].split(",")
        self.low = float(low)
        self.high = float(high)

    def accepts(self, value):
        if self.infinity and isinstance(value, Real) and value == np.inf:
            return True
        if isinstance(value, bool | np.bool_) or not isinstance(value, self.kind):
            return False
        above = value >= self.low if self.interval[0] == "[" else value > self.low
        below = value <= self.high if self.interval[-1] == "]" else value < self.high
        # An integer may be beyond what a float, and ``isfinite``, can hold.
        return above and below and (isinstance(value, Integral) or isfinite(value))

    def __str__(self):
        kind = "an integer" if self.kind is Integral else "a number"
        return f"{kind} in {self.interval}" + " or inf" * self.infinity


class Increasing:
    """A sequence of at least one number, each larger than the one before."""

    def __init__(self, number):
        self.number = number

    def accepts(self, value):
        values = values_of(value)
        if not values or not all(self.number.accepts(v) for v in values):
            return False
        return all(a < b for a, b in pairwise(values))

    def __str__(self):
        return "a list of such, each larger than the one before"


class Verbosity:
    def accepts(self, value):
        return isinstance(value, bool | np.bool_ | Integral) and int(value) >= 0

    def __str__(self):
        return "a bool or an integer >= 0"


class Seed:
    def accepts(self, value):
        if isinstance(value, Integral) and not isinstance(value, bool):
            return 0 <= int(value) < 2**32
        return value is None or isinstance(value, np.random.RandomState)

    def __str__(self):
        return "None, an integer in [0, 2**32) or a numpy RandomState"


class Callable:
    def accepts(self, value):
        return callable(value) and not isinstance(value, type)

    def __str__(self):
        return "a callable"


class ScorerName:
    def accepts(self, value):
        return isinstance(value, str) and value in get_scorer_names()

    def __str__(self):
        return "the name of a scorer (sklearn.metrics.get_scorer_names)"


COMMON = {
    "activation": [Choice(*ACTIVATIONS)],
    "solver": [Choice("lbfgs", "sgd", "adam", "adamw")],
    "batch_size": [Choice("auto"), Number(Integral, "[1, inf)")],
    "learning_rate": [Choice("constant", "invscaling", "adaptive", "cosine")],
    "learning_rate_init": [Number(Real, "(0, inf)")],
    "power_t": [Number(Real, "[0, inf)")],
    "max_iter": [Number(Integral, "[1, inf)")],
    "shuffle": [Boolean()],
    "random_state": [Seed()],
    "tol": [Number(Real, "[0, inf)")],
    "verbose": [Verbosity()],
    "warm_start": [Boolean()],
    "momentum": [Number(Real, "[0, 1]")],
    "nesterovs_momentum": [Boolean()],
    "early_stopping": [Boolean()],
    "validation_fraction": [Number(Real, "[0, 1)")],
    "beta_1": [Number(Real, "[0, 1)")],
    "beta_2": [Number(Real, "[0, 1)")],
    "epsilon": [Number(Real, "(0, inf)")],
    "n_iter_no_change": [Number(Integral, "[1, inf)", infinity=True)],
    "max_fun": [Number(Integral, "[1, inf)")],
    "penalty": [Choice("l2", "l1", "elasticnet", "group_l1", None)],
    "l1_ratio": [Number(Real, "[0, 1]")],
    "batch_norm": [Boolean()],
    "max_norm": [Choice(None), Number(Real, "(0, inf)")],
    "augmentation": [Choice(None), Callable()],
    "scoring": [Choice("loss", None), ScorerName(), Callable()],
    "n_estimators": [Number(Integral, "[1, inf)")],
}

REGRESSOR = COMMON | {
    "loss": [
        Choice(
            "squared_error",
            "poisson",
            "absolute_error",
            "huber",
            "quantile",
            "gaussian",
        )
    ],
    "huber_delta": [Number(Real, "(0, inf)")],
    "quantile": [Number(Real, "(0, 1)"), Increasing(Number(Real, "(0, 1)"))],
}


class NamesParameters:
    """Mixin: a wrong name in a constructor's call is told which one may be meant."""

    def __new__(cls, *args, **params):
        known = _constructor_names(cls)  # type: ignore[arg-type]
        for name in params.keys() - known if known else ():
            similar = get_close_matches(name, known)
            hint = (
                f"Is {similar[0]!r} meant?" if similar else f"It has {sorted(known)}."
            )
            raise TypeError(
                f"{cls.__name__}() got an unexpected keyword argument {name!r}. {hint}"
            )
        return super().__new__(cls)


@cache
def _constructor_names(cls):
    """Names that the constructor takes; None if it takes any."""
    taken = signature(cls).parameters.values()
    if any(parameter.kind is Parameter.VAR_KEYWORD for parameter in taken):
        return None
    return frozenset(parameter.name for parameter in taken)


def check_parameters(estimator, table):
    """Raise a ValueError naming the first parameter outside its table entry."""
    name = type(estimator).__name__
    for parameter, allowed in table.items():
        value = getattr(estimator, parameter)
        if not any(option.accepts(value) for option in allowed):
            expected = " or ".join(str(option) for option in allowed)
            hint = ""
            if parameter == "loss" and _could_be_layers(value):
                # The first parameter is `loss`, as in scikit-learn.
                hint = f" Is hidden_layer_sizes={value!r} meant?"
            raise ValueError(
                f"The {parameter!r} parameter of {name} must be {expected}. "
                f"Got {value!r} instead.{hint}"
            )


def check_fit(estimator, table, partial=False):
    """Raise a ValueError if the parameters of a network do not allow a fit.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    table : dict
        See ``check_parameters``.
    partial : bool, default=False
        Whether the fit is a call of ``partial_fit``.
    """
    check_parameters(estimator, table)
    lbfgs = estimator.solver == "lbfgs"
    check_hidden_layer_sizes(estimator.hidden_layer_sizes)
    if estimator.early_stopping and partial:
        raise ValueError("partial_fit does not support early_stopping=True")
    if estimator.early_stopping and lbfgs:
        raise ValueError(
            "early_stopping=True needs a stochastic solver ('sgd', 'adam' or "
            "'adamw'), got solver='lbfgs'. L-BFGS minimises J to the end: search "
            "alpha instead, or change the solver."
        )
    names = stochastic_regularizers(estimator)
    if lbfgs and names:
        raise ValueError(
            f"{names[0]}={getattr(estimator, names[0])!r} needs a stochastic solver "
            "('sgd', 'adam' or 'adamw'), got solver='lbfgs'."
        )
    class_weight = getattr(estimator, "class_weight", None)
    if partial and isinstance(class_weight, str) and class_weight == "balanced":
        raise ValueError(
            "class_weight='balanced' is not supported by partial_fit: the classes "
            "of one call may not be balanced as all of them are. Pass a dict."
        )


def has_partial_fit(estimator):
    """Whether the estimator has ``partial_fit``; raises an AttributeError if not."""
    if estimator.solver not in STOCHASTIC_SOLVERS:
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. "
            f"{estimator.solver} is not stochastic."
        )
    if estimator.learning_rate == "cosine":
        raise AttributeError(
            "partial_fit is not available with learning_rate='cosine', which needs to "
            "know when training ends: use another schedule."
        )
    return True


def stochastic_regularizers(estimator):
    """Names of the parameters in use that act in stochastic training alone."""
    hidden = check_hidden_layer_sizes(estimator.hidden_layer_sizes)
    in_use = {
        "dropout": check_dropout(estimator.dropout, len(hidden)) != (),
        "batch_norm": estimator.batch_norm,
        "max_norm": estimator.max_norm is not None,
        "augmentation": estimator.augmentation is not None,
    }
    return [name for name, used in in_use.items() if used]


def _could_be_layers(value):
    return isinstance(value, Integral | list | tuple | np.ndarray)


def check_hidden_layer_sizes(value):
    """The hidden layers as a list of ints >= 1; () is a linear model."""
    sizes = [value] if isinstance(value, Integral) else values_of(value)
    one = Number(Integral, "[1, inf)")
    if sizes is None or not all(one.accepts(size) for size in sizes):
        raise ValueError(
            "hidden_layer_sizes must be > 0, got "
            f"{value!r}: expected integers >= 1, one a hidden layer, or () for none."
        )
    return [int(size) for size in sizes]


def values_of(value):
    """The values of a sequence or an array as a list; None for all else.

    Iterators, sets and dicts are no sequences: they can be read once, or have no order.
    """
    sequence = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    array = hasattr(value, "__array__") and np.ndim(value) > 0
    return list(value) if sequence or array else None


def quantiles_of(quantile):
    """The quantiles as a tuple of floats, and whether a list was given."""
    values = values_of(quantile)
    if values is None:
        return (float(quantile),), False
    return tuple(float(value) for value in values), True


def check_alpha(alpha, n_weight_layers):
    """λ of every weight layer as a float64 array; None for 'scale'."""
    if isinstance(alpha, str) and alpha == "scale":
        return None
    try:
        values = np.asarray(alpha, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.array(np.nan)
    if values.ndim > 1 or isinstance(alpha, str | bool):
        values = np.array(np.nan)
    if not np.isfinite(values).all() or (values < 0).any():
        raise ValueError(
            "alpha must be a finite number >= 0, or a sequence of such, one a weight "
            f"layer, or 'scale'. Got {alpha!r}."
        )
    if values.ndim == 1 and len(values) != n_weight_layers:
        raise ValueError(
            f"alpha has {len(values)} values for {n_weight_layers} weight layers "
            f"(one more than hidden layers). Got {alpha!r}."
        )
    return np.full(n_weight_layers, values) if values.ndim == 0 else values.copy()


def check_dropout(dropout, n_hidden_layers):
    """Dropout rates of the input and of each hidden layer; () if all are zero."""
    one = Number(Real, "[0, 1)")
    if dropout is None or one.accepts(dropout):
        rates = [0.0] + [float(dropout or 0.0)] * n_hidden_layers
    else:
        rates = values_of(dropout)
    if rates is None or not all(one.accepts(rate) for rate in rates):
        raise ValueError(
            "dropout must be None, a number in [0, 1) for every hidden layer, or a "
            "sequence of such, one for the input and one for each hidden layer. Got "
            f"{dropout!r}."
        )
    if len(rates) != n_hidden_layers + 1:
        raise ValueError(
            f"dropout has {len(rates)} values for the input and {n_hidden_layers} "
            f"hidden layers. Got {dropout!r}."
        )
    return tuple(float(rate) for rate in rates) if any(rates) else ()


def check_class_weight(class_weight, classes):
    """Weight of each of `classes` from a dict, 1 where it has none.

    Its other keys are ignored, as the rows of a fold may lack a class; one must fit.
    """
    if not isinstance(class_weight, dict):
        raise ValueError(
            "class_weight must be None, 'balanced', a dict of class: weight, or, for "
            f"multilabel targets, a list of such dicts, one a label. Got "
            f"{class_weight!r}."
        )
    number = Number(Real, "[0, inf)")
    for label, weight in class_weight.items():
        if not number.accepts(weight):
            raise ValueError(
                f"class_weight must have finite weights >= 0, got {weight!r} for "
                f"{label!r} in {class_weight!r}."
            )
    known = list(classes)
    if class_weight and not any(label in known for label in class_weight):
        raise ValueError(
            f"class_weight={class_weight!r} has no weight for any of the classes "
            f"{known}."
        )
    return np.array([float(class_weight.get(label, 1.0)) for label in known])
