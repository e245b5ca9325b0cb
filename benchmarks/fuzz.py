"""Random parameters × data × methods, held against laws that need no right value.

    python -m benchmarks.fuzz --seconds 60 --seed 1
    python -m benchmarks.fuzz --seed 1 --first 417 --cases 1  # one case again

A case draws an estimator, data and a law of ``LAWS``. Every call must end in a finite
model, or in a ValueError or TypeError that names a parameter or an argument and leaves
the estimator as it was; no call may change its inputs or let NumPy warn.
"""

import argparse
import pickle
import re
import sys
import warnings
from collections import Counter
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from time import monotonic
from traceback import format_exc
from typing import Any

import joblib
import numpy as np
from scipy import sparse
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold

import skl2
from skl2 import MLPClassifier, MLPRegressor
from skl2.augmentation import FeatureMask, GaussianNoise
from skl2.export import compress, to_sklearn
from skl2.model_selection import (
    AlphaSearchCV,
    StackedGridSearchCV,
    regularization_path,
)

FLAGS = [False, True]
USUAL: dict[str, list] = {
    "hidden_layer_sizes": [(), (1,), (3,), (3,), (4, 2), [2], 3],
    "activation": ["identity", "logistic", "tanh", "relu", "leaky_relu", "elu", "gelu"],
    "alpha": [0.0, 1e-4, 0.1, 1.0, 30.0, 1e4, "scale", np.float32(0.5), 2],
    "batch_size": ["auto", 1, 3, 7, 1000],
    "learning_rate": ["constant", "invscaling", "adaptive", "cosine"],
    "learning_rate_init": [1e-4, 1e-2, 0.1, 1],
    "power_t": [0, 0.5, 2.0],
    "shuffle": FLAGS,
    "tol": [0.0, 1e-4, 0.1],
    "momentum": [0, 0.5, 0.9, 1.0],
    "nesterovs_momentum": FLAGS,
    "early_stopping": FLAGS,
    "validation_fraction": [0.1, 0.3, 0.5],
    "beta_1": [0, 0.5, 0.9],
    "beta_2": [0, 0.9, 0.999],
    "epsilon": [1e-8, 1e-3],
    "n_iter_no_change": [1, 2, np.inf],
    "max_fun": [1, 5, 15000],
    "penalty": ["l2", "l1", "elasticnet", "group_l1", None],
    "l1_ratio": [0, 0.5, 1],
    "dropout": [0.0, 0.3, 0.9],
    "batch_norm": FLAGS,
    "max_norm": [None, 0.3, 10],
    "augmentation": [None, None, GaussianNoise(0.1), FeatureMask(0.2)],
    "n_estimators": [1, 2, 3],
    "warm_start": FLAGS,
}
USUAL_CLASSIFIER = {
    "class_weight": [None, "balanced", {0: 2.0}, {0: 1.0, 1: 0.5, "b": 3.0}],
    "scoring": [None, "loss", "neg_log_loss", "accuracy", "roc_auc"],
}
USUAL_REGRESSOR = {
    "loss": [
        "squared_error",
        "poisson",
        "absolute_error",
        "huber",
        "quantile",
        "gaussian",
    ],
    "huber_delta": [0.1, 1.35],
    "quantile": [0.5, 0.1, [0.5], [0.1, 0.9]],
    "scoring": [None, "loss", "neg_mean_squared_error"],
}
EXTREME: dict[str, list] = {
    "alpha": [5e-324, 1e21, 1e300],
    "batch_size": [10**25],
    "learning_rate_init": [5e-324, 1e-45, 1e10, 1e300],
    "power_t": [200, 1e300],
    "epsilon": [1e-45, 5e-324, 1e300],
    "tol": [5e-324, 1e300],
    "n_iter_no_change": [10**25],
    "max_fun": [10**25],
    "beta_1": [1 - 1e-16],
    "beta_2": [1 - 1e-16],
    "l1_ratio": [5e-324, 1 - 1e-16],
    "dropout": [5e-324, 1 - 1e-16],
    "max_norm": [5e-324, 1e300],
    "huber_delta": [5e-324, 1e300],
    "validation_fraction": [0.0, 5e-324, 1 - 1e-16],
    "random_state": [2**32 - 1],
}
NO_FLAG = [0, 1, "yes", None]
NO_NUMBER = [-1.0, "0.1", np.nan, None, [0.1], True]
WRONG: dict[str, list] = {
    "hidden_layer_sizes": [0, (0,), (3, -1), (2.5,), "3", {3}, None, ((2,), 3)],
    "activation": ["softmax", None, 3],
    "solver": ["Adam", None, 0],
    "alpha": [-1.0, np.nan, np.inf, "auto", None, (1.0,) * 7, True],
    "batch_size": [0, -1, 2.5, "all", None, True],
    "learning_rate": ["step", None, 0.1],
    "learning_rate_init": [*NO_NUMBER, 0, np.inf],
    "power_t": [*NO_NUMBER, np.inf],
    "max_iter": [0, -1, 2.5, "10", None, True, np.inf],
    "shuffle": NO_FLAG,
    "random_state": [-1, 2**32, 1.5, "0", np.random.default_rng(0)],
    "tol": [*NO_NUMBER, np.inf],
    "verbose": [-1, "yes", None, 0.5],
    "warm_start": NO_FLAG,
    "momentum": [*NO_NUMBER, 1.1],
    "nesterovs_momentum": NO_FLAG,
    "early_stopping": NO_FLAG,
    "validation_fraction": [*NO_NUMBER, 1.0],
    "beta_1": [*NO_NUMBER, 1.0],
    "beta_2": [*NO_NUMBER, 1.0],
    "epsilon": [*NO_NUMBER, 0],
    "n_iter_no_change": [0, -1, 2.5, "3", None, np.nan],
    "max_fun": [0, -1, 2.5, None, np.inf],
    "penalty": ["L2", 0, 2],
    "l1_ratio": [*NO_NUMBER, 1.1],
    "dropout": [-0.1, 1.0, "0.1", (0.1,) * 7, {0.1}, np.nan],
    "batch_norm": NO_FLAG,
    "max_norm": [0, -1.0, "1", np.nan, np.inf],
    "augmentation": ["noise", 0.1, GaussianNoise],
    "scoring": ["log-loss", 0, ["accuracy"]],
    "n_estimators": [0, -1, 2.5, "auto", None],
    "loss": ["mse", None, (3,)],
    "huber_delta": [*NO_NUMBER, 0],
    "quantile": [0, 1.0, "0.5", None, [0.9, 0.1], [], [0.5, 0.5], np.nan],
}


class Violation(Exception):
    """A law does not hold."""


def require(holds, message):
    if not holds:
        raise Violation(message)


@dataclass
class Data:
    """What a fit is given.

    Attributes
    ----------
    X, y, sample_weight : array-like
    rows : ndarray of shape (n_samples, n_features)
        The values of X.
    container : str
        Kind of X, see ``CONTAINERS``.
    extreme : bool
        Whether values or weights are near the ends of their range.
    """

    X: Any
    y: np.ndarray
    sample_weight: Any
    rows: np.ndarray
    container: str
    extreme: bool

    def held_in(self, container):
        return replace(self, X=CONTAINERS[container](self.rows), container=container)

    def digest(self):
        return joblib.hash((self.X, self.y, self.sample_weight))

    def __str__(self):
        weight = "None" if self.sample_weight is None else f"{self.sample_weight[:4]}…"
        return (
            f"X {self.rows.dtype} {self.rows.shape} {self.container} "
            f"max |x| {np.abs(self.rows).max():.3g}, y {self.y.dtype} {self.y.shape} "
            f"{self.y[:4].tolist()}…, sample_weight {weight}"
        )


def _strided(rows):
    wide = np.zeros((2 * rows.shape[0], 2 * rows.shape[1]), rows.dtype)
    wide[::2, ::2] = rows
    return wide[::2, ::2]


def _frame(rows):
    import pandas

    return pandas.DataFrame(rows, columns=[f"c{i}" for i in range(rows.shape[1])])


CONTAINERS: dict[str, Any] = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "strided": _strided,
    "list": lambda rows: rows.tolist(),
    "csr": sparse.csr_matrix,
    "csc_array": sparse.csc_array,
    "frame": _frame,
}


def pick(rng, values):
    return values[rng.integers(len(values))]


def draw_rows(rng):
    """Values of X, and whether they are extreme."""
    n_rows = pick(rng, [1, 2, 3, 6, 12, 20, 20, 20])
    rows = rng.standard_normal((n_rows, pick(rng, [1, 2, 4, 4])))
    kind = pick(rng, ["plain"] * 6 + ["sparse", "sparse", "constant", "zero", "whole"])
    if kind == "sparse":
        rows *= rng.random(rows.shape) < 0.5
    elif kind == "constant":
        rows[:, 0] = 3.0
    elif kind == "zero":
        rows[:] = 0.0
    elif kind == "whole":
        rows = np.round(3.0 * rows)
    scale = pick(rng, [1.0] * 18 + [1e4, 1e-200, 1e160, 1e300])
    dtype = pick(rng, [np.float64, np.float64, np.float32])
    if dtype is np.float32:
        scale = {1e-200: 1e-38, 1e160: 1e20, 1e300: 1e37}.get(scale, scale)
    # A last step on columns of 1e4 may be one too many: it is in no loss yet.
    return (rows * scale).astype(dtype), scale != 1.0


def draw_labels(rng, n_rows):
    kind = pick(rng, ["two", "two", "three", "names", "labels", "one", "rare", "flags"])
    if kind == "labels":
        return rng.integers(0, 2, (n_rows, pick(rng, [2, 3])))
    y = np.arange(n_rows) % (3 if kind in ("three", "names") else 2)
    rng.shuffle(y)
    if kind == "names":
        return np.array(["a", "b", "c"])[y]
    if kind == "one":
        return np.zeros(n_rows, dtype=int)
    if kind == "rare":
        y[-1] = 7
    return y == 1 if kind == "flags" else y


def draw_numbers(rng, n_rows, poisson):
    shape = pick(rng, [(n_rows,), (n_rows,), (n_rows,), (n_rows, 2), (n_rows, 1)])
    y = rng.poisson(2.0, shape) + 0.0 if poisson else rng.standard_normal(shape)
    scale = pick(rng, [1.0] * 16 + [0.0, 1e-200, 1e160])
    if scale != 0.0 and pick(rng, range(8)) == 0:
        return np.round(y).astype(int), False
    return y * scale, scale not in (0.0, 1.0)


def draw_weights(rng, n_rows):
    """Weights or None, and whether they are extreme."""
    kind = pick(rng, ["none"] * 6 + ["whole", "whole", "real", "huge", "tiny"])
    if kind == "none":
        return None, False
    if kind == "real":
        return rng.random(n_rows), False
    weights = rng.integers(0, 4, n_rows).astype(float)
    weights[rng.integers(n_rows)] = 1.0
    scale = {"huge": 1e307, "tiny": 1e-307}.get(kind, 1.0)
    return weights * scale, scale != 1.0


def draw_data(rng, estimator):
    rows, extreme = draw_rows(rng)
    extreme_y = False
    if is_classifier(estimator):
        y = draw_labels(rng, len(rows))
    else:
        y, extreme_y = draw_numbers(rng, len(rows), estimator.loss == "poisson")
    weights, extreme_weights = draw_weights(rng, len(rows))
    plain = Data(rows, y, weights, rows, "C", extreme or extreme_y or extreme_weights)
    return plain.held_in(pick(rng, list(CONTAINERS)))


def draw_estimator(rng, share):
    """An estimator with a `share` of its parameters drawn, few of them extreme."""
    kind = pick(rng, [MLPClassifier, MLPRegressor])
    own = USUAL_CLASSIFIER if kind is MLPClassifier else USUAL_REGRESSOR
    params: dict[str, Any] = {
        "solver": pick(rng, ["lbfgs", "sgd", "adam", "adamw"]),
        "max_iter": int(rng.integers(1, 5)),
        "random_state": int(rng.integers(100)),
        "hidden_layer_sizes": pick(rng, USUAL["hidden_layer_sizes"]),
    }
    for name, values in {**USUAL, **own}.items():
        if rng.random() < share:
            params[name] = pick(rng, values)
    known = kind().get_params()
    for name, values in EXTREME.items():
        if name in known and rng.random() < 0.01:
            params[name] = pick(rng, values)
    if params["solver"] == "lbfgs" and rng.random() < 0.9:
        for name in ("early_stopping", "dropout", "batch_norm", "max_norm"):
            params.pop(name, None)
        params.pop("augmentation", None)
    return kind(**params)


@dataclass
class Case:
    """One draw: what a law may use."""

    rng: np.random.Generator
    estimator: Any
    data: Data
    law: str


def draw_case(seed, number):
    rng = np.random.default_rng([seed, number])
    names = list(LAWS)
    shares = np.array([share for _, share in LAWS.values()], dtype=float)
    law = names[rng.choice(len(names), p=shares / shares.sum())]
    estimator = draw_estimator(rng, share=0.2)
    return Case(rng, estimator, draw_data(rng, estimator), law)


# Names of arguments that an error may blame, beside the parameters.
ARGUMENTS = (
    "X",
    "y",
    "sample_weight",
    "classes",
    "X_val",
    "y_val",
    "sample_weight_val",
)


def names_a_cause(error, estimator, extra=()):
    names = [*estimator.get_params(deep=False), *ARGUMENTS, *extra]
    return re.search(rf"\b({'|'.join(names)})\b", str(error)) is not None


def state(estimator):
    return joblib.hash(vars(estimator))


def check_warnings(caught):
    own = [w for w in caught if issubclass(w.category, RuntimeWarning)]
    for warning in own:
        raise Violation(
            f"RuntimeWarning at {warning.filename}:{warning.lineno}: {warning.message}"
        )


def attempt(call, estimator, data):
    """What `call` returns; None after an error that the laws allow."""
    before, inputs = state(estimator), data.digest()
    parameters = joblib.hash(estimator.get_params())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = call()
        except (ValueError, TypeError) as error:
            require(names_a_cause(error, estimator), f"unclear error: {error!r}")
            require(state(estimator) == before, f"changed by a failed call: {error!r}")
            result = None
    check_warnings(caught)
    require(data.digest() == inputs, "the inputs have changed")
    require(joblib.hash(estimator.get_params()) == parameters, "parameters changed")
    return result


def fit(estimator, data, weighted=True, **arguments):
    """The fitted estimator, or None where it refuses the data or diverges."""
    weight = data.sample_weight if weighted else None
    fitted = attempt(
        lambda: estimator.fit(data.X, data.y, weight, **arguments), estimator, data
    )
    if fitted is not None:
        arrays = [*fitted.coefs_, *fitted.intercepts_]
        arrays = [a.toarray() if sparse.issparse(a) else a for a in arrays]
        require(all(np.isfinite(a).all() for a in arrays), "weights are not finite")
    return fitted


def weights_of(model):
    return [
        w.toarray() if sparse.issparse(w) else w
        for w in [*model.coefs_, *model.intercepts_]
    ]


def require_equal(first, second, message):
    pairs = zip(weights_of(first), weights_of(second), strict=True)
    require(all(np.array_equal(a, b) for a, b in pairs), message)


def require_close(first, second, message, rtol=1e-5):
    """Weights are equal up to a share of the largest."""
    for a, b in zip(weights_of(first), weights_of(second), strict=True):
        scale = max(np.abs(a).max(initial=0.0), 1e-3)
        distance = np.abs(a - b).max(initial=0.0) / scale
        require(distance <= rtol, f"{message}: {distance:.2g} apart")


def predictions(model, X):
    if not is_classifier(model):
        return [model.predict(X)]
    return [model.decision_function(X), model.predict_proba(X)]


def check_predictions(case, model):
    """They are finite and agree with each other."""
    X = case.data.X
    with warnings.catch_warnings():
        # Predictions of extreme values may overflow.
        warnings.simplefilter(
            "ignore" if case.data.extreme else "error", RuntimeWarning
        )
        found = predictions(model, X)
        if case.data.extreme:
            return
        require(all(np.isfinite(p).all() for p in found), "predictions not finite")
        if not is_classifier(model):
            return
        logs = model.predict_log_proba(X)
        require(np.array_equal(logs, np.log(found[1])), "predict_log_proba differs")
        if found[1].shape[1] == len(model.classes_) and np.ndim(model.predict(X)) == 1:
            best = model.classes_[found[1].argmax(axis=1)]
            require(np.array_equal(best, model.predict(X)), "predict is not the argmax")
            require(
                np.allclose(found[1].sum(axis=1), 1.0, rtol=0, atol=1e-5),
                "probabilities do not add up to 1",
            )


def law_finite(case):
    """A fit ends in a finite model, which pickles; the clone is not fitted."""
    model = fit(case.estimator, case.data)
    if model is None:
        return
    check_predictions(case, model)
    again = pickle.loads(pickle.dumps(model))
    require_equal(model, again, "a pickle differs")
    try:
        clone(model).predict(case.data.X)
    except NotFittedError:
        return
    raise Violation("a clone is fitted")


def law_same_seed(case):
    """Two fits with one seed are equal, the second of the same object, too."""
    case.estimator.set_params(warm_start=False)
    first = fit(clone(case.estimator), case.data)
    second = fit(case.estimator, case.data)
    require((first is None) == (second is None), "one of two equal fits has failed")
    if first is not None:
        require_equal(first, second, "same seed, other result")
        require_equal(first, fit(case.estimator, case.data), "a second fit differs")


def _whole_batches(case):
    """Let every step see all rows, each epoch count, and no rows be held out."""
    case.estimator.set_params(
        batch_size=10**6, early_stopping=False, tol=0.0, n_iter_no_change=np.inf
    )


def _without_stages(case):
    """Let no loss train a simpler one in a part of `max_iter`, as 'gaussian' does."""
    if getattr(case.estimator, "loss", None) == "gaussian":
        case.estimator.set_params(loss="huber")


def law_partial_fit(case):
    """n calls of partial_fit are a fit of n epochs."""
    _whole_batches(case)
    _without_stages(case)
    n = case.estimator.max_iter
    case.estimator.set_params(batch_norm=False, warm_start=False)
    if not hasattr(case.estimator, "partial_fit"):
        return
    whole = fit(clone(case.estimator), case.data)
    parts = case.estimator
    classes = {}
    if is_classifier(parts):
        y = case.data.y
        classes["classes"] = np.arange(y.shape[1]) if y.ndim == 2 else np.unique(y)
    for _ in range(n):
        done = attempt(
            lambda: parts.partial_fit(
                case.data.X, case.data.y, case.data.sample_weight, **classes
            ),
            parts,
            case.data,
        )
        if done is None:
            return
    # A fit averages what n_estimators networks end with; so does each call.
    require(whole is not None, "partial_fit goes where fit fails")
    require_equal(whole, parts, f"{n} calls of partial_fit are not fit({n} epochs)")


def law_warm_start(case):
    """Warm fits of one epoch each are a fit of as many, or refuse with a reason."""
    _without_stages(case)
    if case.rng.random() < 0.5:
        _whole_batches(case)
    params = case.estimator.set_params(tol=0.0, n_iter_no_change=np.inf).get_params()
    n = params["max_iter"]
    whole = fit(clone(case.estimator).set_params(warm_start=False), case.data)
    steps = case.estimator.set_params(warm_start=True, max_iter=1)
    for _ in range(n):
        if fit(steps, case.data) is None:
            return
    # Each fit begins with the rows in order; a line search and a cosine with its end.
    same = params["batch_size"] == 10**6 or not params["shuffle"]
    same &= params["solver"] != "lbfgs" and params["learning_rate"] != "cosine"
    if same and not params["early_stopping"] and not params["batch_norm"]:
        require(whole is not None, "warm fits go where one fit fails")
        require_equal(whole, steps, f"{n} warm fits are not one of {n} epochs")


def _steady(case):
    """Let rounding stay small: Adam divides gradients by their size plus ε."""
    rate = min(case.estimator.learning_rate_init, 1.0)
    case.estimator.set_params(epsilon=1e-3, learning_rate_init=rate)


def _repeatable(case):
    """Make the fit one that knows of rows only their weighted sums."""
    _whole_batches(case)
    case.estimator.set_params(
        dropout=0.0, augmentation=None, warm_start=False, batch_norm=False
    )
    if case.estimator.learning_rate == "invscaling":
        # It falls with the rows seen, of any weight.
        case.estimator.set_params(learning_rate="constant")
    _steady(case)
    rows = case.data.rows.astype(np.float64)
    weight = case.rng.integers(0, 4, len(rows)).astype(float)
    weight[case.rng.integers(len(rows))] = 2.0
    case.data = replace(case.data, rows=rows, sample_weight=weight).held_in("C")
    return weight


def law_weights(case):
    """Whole weights are repetition, zero is removal."""
    weight = _repeatable(case)
    y = case.data.y
    if (
        case.data.extreme
        or is_classifier(case.estimator)
        and (len(np.unique(y[weight > 0], axis=0)) < len(np.unique(y, axis=0)))
    ):
        return
    index = np.repeat(np.arange(len(y)), weight.astype(int))
    repeated = replace(
        case.data, y=y[index], rows=case.data.rows[index], sample_weight=None
    ).held_in("C")
    first = fit(clone(case.estimator), case.data)
    second = fit(clone(case.estimator), repeated)
    require((first is None) == (second is None), "weights fail and repetition not")
    if first is not None:
        require_close(first, second, "weights are not repetition")


def law_containers(case):
    """The kind of array X does not matter."""
    _steady(case)
    if sparse.issparse(case.data.X):
        # Of a sparse X it draws noise for the values stored.
        case.estimator.set_params(augmentation=None)
    # Products of other memory orders round otherwise.
    data = replace(case.data, rows=case.data.rows.astype(np.float64))
    first = fit(clone(case.estimator), data.held_in("C"))
    second = fit(clone(case.estimator), data.held_in(case.data.container))
    require((first is None) == (second is None), "only one kind of array X is refused")
    if first is None:
        return
    if not case.data.extreme:
        require_close(first, second, f"X as {case.data.container} gives another model")


def law_rows(case):
    """A row's prediction does not depend on the rows around it."""
    if case.data.extreme:
        return
    model = fit(case.estimator, case.data)
    if model is None:
        return
    rows = case.data.rows
    order = case.rng.permutation(len(rows))
    other = replace(case.data, rows=rows[order]).held_in(case.data.container)
    for whole, moved in zip(
        predictions(model, case.data.X), predictions(model, other.X), strict=True
    ):
        scale = np.abs(whole).max() + 1e-30
        require(
            np.abs(whole[order] - moved).max() <= 1e-4 * scale,
            "predictions depend on the order of the rows",
        )


def law_wrong_parameter(case):
    """A parameter out of its range is named before the first epoch."""
    known = case.estimator.get_params()
    name = pick(case.rng, [name for name in WRONG if name in known])
    # One thing is wrong, not two.
    case.estimator.set_params(solver="adam")
    if "class_weight" in known:
        case.estimator.set_params(class_weight=None)
    value = pick(case.rng, WRONG[name])
    case.estimator.set_params(**{"verbose": True, name: value})
    before = state(case.estimator)
    printed = StringIO()
    with redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            case.estimator.fit(case.data.X, case.data.y)
        except (ValueError, TypeError) as error:
            named = re.search(rf"\b{name}\b", str(error))
            require(named, f"{name}={value!r} is not named by {error!r}")
            require(state(case.estimator) == before, "changed by a failed fit")
        else:
            raise Violation(f"{name}={value!r} was taken")
    require(printed.getvalue() == "", f"{name} was refused after an epoch")


def _wrong_calls(case):
    """(what is wrong, call) of calls that a fitted model must refuse."""
    rows, y = case.data.rows, case.data.y
    model = case.estimator
    hole = rows.copy()
    hole[0, 0] = np.nan
    wide = np.hstack([rows, rows])
    many = np.concatenate([y, y])
    return {
        "NaN in X": lambda: model.fit(hole, y),
        "inf in X": lambda: model.fit(np.where(np.isnan(hole), np.inf, hole), y),
        "NaN to predict": lambda: model.predict(hole),
        "other columns": lambda: model.predict(wide),
        "lengths": lambda: model.fit(rows, many),
        "weight lengths": lambda: model.fit(rows, y, np.ones(len(rows) + 1)),
        "negative weights": lambda: model.fit(rows, y, -np.ones(len(rows))),
        "zero weights": lambda: model.fit(rows, y, np.zeros(len(rows))),
        "NaN weights": lambda: model.fit(rows, y, np.full(len(rows), np.nan)),
        "one-dimensional X": lambda: model.fit(rows[:, 0], y),
        "empty X": lambda: model.fit(rows[:0], y[:0]),
        "texts": lambda: model.fit(np.full(rows.shape, "x"), y),
        "complex X": lambda: model.fit(rows + 1j, y),
        "X_val alone": lambda: model.fit(rows, y, X_val=rows),
    }


def law_wrong_call(case):
    """A wrong call is refused with its reason; the model stays as it was."""
    model = fit(case.estimator, case.data.held_in("C"), weighted=False)
    if model is None:
        return
    calls = _wrong_calls(case)
    name = pick(case.rng, list(calls))
    before = state(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            calls[name]()
        except (ValueError, TypeError) as error:
            known = names_a_cause(
                error, model, ["array", "Complex", "sample.*", "string"]
            )
            require(known, f"{name}: unclear error {error!r}")
        else:
            raise Violation(f"{name} was accepted")
    require(state(model) == before, f"{name}: a refused call has changed the model")


def law_validation_rows(case):
    """Early stopping takes rows of one's own; the best epoch is kept."""
    case.estimator.set_params(early_stopping=True)
    half = max(1, len(case.data.rows) // 2)
    data = case.data.held_in("C")
    fit(case.estimator, data, weighted=False, X_val=data.X[:half], y_val=data.y[:half])


def _search(kind, case, n_jobs):
    grid = {"alpha": [0.1, 1.0, 10.0]}
    name = pick(np.random.default_rng(case.estimator.random_state), list(USUAL))
    if name not in ("alpha", "warm_start"):
        grid[name] = USUAL[name][:2]
    return kind(
        clone(case.estimator), grid, cv=KFold(2), error_score=-99.0, n_jobs=n_jobs
    )


def _searched(search, case):
    """The scores of a search, or the error of its final fit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            search.fit(case.data.X, case.data.y, sample_weight=case.data.sample_weight)
        except (ValueError, TypeError) as error:
            return type(error)
    scores = [search.cv_results_[f"split{i}_test_score"] for i in (0, 1)]
    return np.array(scores), weights_of(search.best_estimator_)


def law_stack(case):
    """A stacked search has the results of scikit-learn's, with any n_jobs."""
    if len(case.data.rows) < 6:
        return
    results = [
        _searched(_search(GridSearchCV, case, None), case),
        _searched(_search(StackedGridSearchCV, case, pick(case.rng, [1, 2])), case),
    ]
    plain, stacked = results
    if isinstance(plain, type):
        require(plain is stacked, "only one of two equal searches has failed")
        return
    require(not isinstance(stacked, type), "the stacked search has failed")
    require(
        np.array_equal(plain[0], stacked[0], equal_nan=True),
        f"scores {plain[0].tolist()} of GridSearchCV, {stacked[0].tolist()} stacked",
    )
    pairs = zip(plain[1], stacked[1], strict=True)
    require(all(np.array_equal(a, b) for a, b in pairs), "another best_estimator_")


def law_alpha_search(case):
    """AlphaSearchCV has the same results with any n_jobs, or says what is wrong."""
    found = []
    for n_jobs in (1, 2):
        search = AlphaSearchCV(
            clone(case.estimator),
            alphas=[0.1, 1.0],
            cv=2,
            n_jobs=n_jobs,
            random_state=0,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                search.fit(case.data.X, case.data.y)
            except (ValueError, TypeError) as error:
                extra = ["n_splits", "fits failed", "scoring", "cv"]
                known = names_a_cause(error, case.estimator, extra)
                require(known, f"unclear error: {error!r}")
                found.append(None)
                continue
        found.append(search.cv_results_["mean_test_score"])
    first, second = found
    require((first is None) == (second is None), "fails with some n_jobs alone")
    if first is not None:
        same = np.array_equal(first, second, equal_nan=True)
        require(same, f"n_jobs changes the scores: {first} and {second}")


def law_export(case):
    """compress, to_sklearn, sparsify and an ensemble's networks predict the same."""
    if case.data.extreme:
        return
    model = fit(case.estimator, case.data)
    if model is None:
        return
    X = case.data.X
    expected = model._raw_predict(X)
    others = {"compress": compress(model).estimator._raw_predict(X)}
    networks = [network._raw_predict(X) for network in model.estimators_]
    others["the mean of estimators_"] = np.mean(networks, axis=0)
    others["sparsify"] = clone_of(model).sparsify()._raw_predict(X)
    others["densify"] = clone_of(model).sparsify().densify()._raw_predict(X)
    for name, found in others.items():
        distance = np.abs(found - expected).max() / (np.abs(expected).max() + 1e-6)
        require(distance < 1e-3, f"{name} predicts otherwise by {distance:.2g}")
    if model.activation not in ("identity", "logistic", "tanh", "relu"):
        return
    if model.out_activation_ not in ("identity", "logistic", "softmax", "exp"):
        return
    exported, own = to_sklearn(model).predict(X), model.predict(X)
    if np.shape(own)[1:] == (1,):
        # A list of one quantile gives a column, which scikit-learn has not.
        own = own[:, 0]
    if is_classifier(model):
        require(np.array_equal(exported, own), "to_sklearn predicts otherwise")
    else:
        same = np.allclose(exported, own, rtol=1e-3, atol=1e-5)
        require(same, "to_sklearn predicts otherwise")


def clone_of(model):
    return pickle.loads(pickle.dumps(model))


def law_path(case):
    """A regularization path is finite, or says what is wrong."""
    case.estimator.set_params(n_estimators=1)
    path = attempt(
        lambda: regularization_path(
            case.data.X,
            case.data.y,
            alphas=[0.1, 1.0],
            estimator=case.estimator,
            sample_weight=case.data.sample_weight,
        ),
        case.estimator,
        case.data,
    )
    if path is not None:
        weights = [w for coefs in path.coefs for w in coefs]
        require(all(np.isfinite(w).all() for w in weights), "weights are not finite")


# Each law, and its share of the cases.
LAWS: dict[str, tuple] = {
    "finite": (law_finite, 6),
    "same_seed": (law_same_seed, 3),
    "partial_fit": (law_partial_fit, 4),
    "warm_start": (law_warm_start, 3),
    "weights": (law_weights, 4),
    "containers": (law_containers, 3),
    "rows": (law_rows, 2),
    "wrong_parameter": (law_wrong_parameter, 4),
    "wrong_call": (law_wrong_call, 3),
    "validation_rows": (law_validation_rows, 2),
    "stack": (law_stack, 2),
    "alpha_search": (law_alpha_search, 1),
    "export": (law_export, 3),
    "path": (law_path, 1),
}


def run_case(seed, number):
    """None if the law holds, else a report of the case."""
    case = draw_case(seed, number)
    drawn = f"{case.estimator!r}\n    {case.data}"
    try:
        LAWS[case.law][0](case)
    except Violation as violation:
        reason = str(violation)
    except Exception:
        reason = format_exc(limit=-4)
    else:
        return None
    return (
        f"law_{case.law}: {reason}\n    {drawn}\n"
        f"    python -m benchmarks.fuzz --seed {seed} --first {number} --cases 1"
    )


def run(seed, first=0, cases=None, seconds=None):
    """The number of cases run, and the reports of those that fail."""
    end = None if seconds is None else monotonic() + seconds
    failures, number = [], first
    while cases is None or number < first + cases:
        if end is not None and monotonic() > end:
            break
        report = run_case(seed, number)
        number += 1
        if report is not None:
            failures.append(report)
            print(f"FAILURE {len(failures)}, {report}", flush=True)
    return number - first, failures


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, help="time to run for")
    parser.add_argument("--cases", type=int, help="number of cases to run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    given = parser.parse_args(arguments)
    if given.seconds is None and given.cases is None:
        parser.error("give --seconds or --cases")
    n_cases, failures = run(given.seed, given.first, given.cases, given.seconds)
    kinds = Counter(report.split(":")[0] for report in failures)
    print(
        f"skl2 {skl2.__version__}: {n_cases} cases of seed {given.seed}, "
        f"{len(failures)} failures {dict(kinds) if kinds else ''}"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
