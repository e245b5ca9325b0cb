"""Predictions follow the weights, in any number of rows and threads; importances.

What takes a fitted network says which one, where it is given something around it.
"""

import copy
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest
import scipy.sparse as sp
from helpers import DTYPES, covering, fit_quietly
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl2 import MLPClassifier, MLPRegressor
from skl2.export import compress, to_sklearn, to_torch
from skl2.inspection import hidden_activations, linear_regime, mc_dropout, optimality
from skl2.model_selection import MLPRegressorCV

RNG = np.random.RandomState(0)
X = RNG.standard_normal((30, 4))
Y = RNG.standard_normal(30)
ARGUMENTS = {
    compress: (),
    to_sklearn: (),
    to_torch: (),
    hidden_activations: (X,),
    linear_regime: (X,),
    mc_dropout: (X,),
    optimality: (X, Y),
}


def wrapped(kind):
    """A fitted network in something around it."""
    network = MLPRegressor(max_iter=2)
    pipeline = make_pipeline(StandardScaler(), network)
    return {
        "pipeline": pipeline,
        "search": GridSearchCV(network, {"alpha": [1.0]}, cv=2),
        "search of pipelines": GridSearchCV(
            pipeline, {"mlpregressor__alpha": [1.0]}, cv=2
        ),
        "scaled target": TransformedTargetRegressor(
            network, func=np.cbrt, inverse_func=lambda y: y**3
        ),
        "table": MLPRegressorCV(
            n_estimators=1, n_bins=0, hidden_layer_sizes=(), alphas=[1.0]
        ),
    }[kind]


WAYS_INSIDE = {
    "pipeline": r"got Pipeline. Pass pipeline\[-1\]",
    "search": r"GridSearchCV. Pass search.best_estimator_\.",
    "search of pipelines": (
        r"GridSearchCV. Pass search.best_estimator_\[-1\], and X as "
        r"search.best_estimator_\[:-1\].transform"
    ),
    "scaled target": r"Pass estimator.regressor_\.",
    "table": r"Pass estimator.pipeline_\[-1\], and X",
}


def test_what_is_no_perceptron_is_told_where_to_look():
    linear = LinearRegression().fit(X, Y)
    for function, arguments in ARGUMENTS.items():
        with pytest.raises(NotFittedError):
            function(MLPRegressor(), *arguments)
        message = f"{function.__name__} needs .* got LinearRegression"
        with pytest.raises(TypeError, match=message):
            function(linear, *arguments)


@pytest.mark.parametrize("kind", WAYS_INSIDE)
def test_the_way_to_a_network_inside(kind):
    model = fit_quietly(wrapped(kind), X, Y)
    for function, arguments in ARGUMENTS.items():
        with pytest.raises(TypeError, match=WAYS_INSIDE[kind]):
            function(model, *arguments)


# ------------------------------------------------------------------------ predictions

LABELS = np.arange(30) % 3
MODELS = {
    "binary": (MLPClassifier, LABELS > 0, {}),
    "multiclass": (MLPClassifier, LABELS, {"activation": "gelu"}),
    "regressor": (MLPRegressor, Y, {"activation": "tanh"}),
    "ensemble": (MLPRegressor, Y, {"n_estimators": 3}),
    # Products of the size at which predictions limit the threads of BLAS.
    "wide": (MLPClassifier, LABELS, {"hidden_layer_sizes": (100, 90)}),
}
models = pytest.mark.parametrize("name", MODELS)
containers = pytest.mark.parametrize("container", [np.asarray, sp.csr_matrix])


def fitted(name, data):
    Estimator, y, params = MODELS[name]
    params = {"hidden_layer_sizes": (6, 5), "max_iter": 3, "random_state": 0} | params
    return fit_quietly(Estimator(**params), data, y)


def predictions(model, data):
    if isinstance(model, MLPRegressor):
        return (model.predict(data),)
    return (
        model.predict(data),
        model.predict_proba(data),
        model.decision_function(data),
    )


@models
@pytest.mark.parametrize("dtype", DTYPES)
@containers
def test_one_row_has_the_prediction_it_has_among_many(container, dtype, name):
    data = container(X.astype(dtype))
    model = fitted(name, data)
    for i in range(0, 30, 7):
        one, many = predictions(model, data[i : i + 1]), predictions(model, data)
        for found, expected in zip(one, many, strict=True):
            assert found.dtype == expected.dtype
            rtol = 100 * np.finfo(dtype).eps
            assert_allclose(found[0], expected[i], rtol=rtol, atol=rtol)


@models
@containers
def test_predictions_follow_weights_that_are_edited_or_replaced(container, name):
    data = container(X)
    model = fitted(name, data)
    row = data[:1]
    before = predictions(model, row)[-1]
    for edit in (
        lambda: np.multiply(model.coefs_[0], -3.0, out=model.coefs_[0]),
        lambda: model.intercepts_[-1].__iadd__(0.5),
        lambda: model.coefs_.__setitem__(0, -model.coefs_[0]),
        lambda: setattr(model, "coefs_", [2.0 * W for W in model.coefs_]),
        model.sparsify,
        lambda: model.coefs_[1].data.__imul__(0.5),
        model.densify,
    ):
        edit()
        found = predictions(model, row)
        # A copy that has never predicted.
        anew = predictions(copy.deepcopy(model), row)
        for one, other in zip(found, anew, strict=True):
            assert_array_equal(one, other)
        if edit not in (model.sparsify, model.densify):
            assert (found[-1] != before).any()
        before = found[-1]


@pytest.mark.parametrize(
    "container, dtype, name", covering([np.asarray, sp.csr_matrix], DTYPES, MODELS)
)
def test_predictions_of_many_threads_are_those_of_one(container, dtype, name):
    data = container(X.astype(dtype))
    model = fitted(name, data)
    rows = [data[i : i + 1 + i % 3] for i in range(30)] * 3
    alone = [predictions(model, row) for row in rows]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda row: predictions(model, row), rows))
    for found, expected in zip(together, alone, strict=True):
        for one, other in zip(found, expected, strict=True):
            assert_array_equal(one, other)


@models
def test_a_prediction_leaves_nothing_in_the_model(name):
    model = fitted(name, X)
    before = pickle.dumps(model)
    predictions(model, X[:1])
    predictions(model, sp.csr_matrix(X))
    assert pickle.dumps(model) == before
    for one, other in zip(
        predictions(pickle.loads(before), X), predictions(model, X), strict=True
    ):
        assert_array_equal(one, other)


# ------------------------------------------------------------------- selecting inputs

SPARSE = {"hidden_layer_sizes": (5,), "solver": "lbfgs", "random_state": 0}


@cache
def to_select_from(wrap, **params):
    """A fitted network, perhaps in something around it, and its data."""
    rng = np.random.RandomState(0)
    data = rng.standard_normal((200, 8))
    y = data[:, :4] @ [3.0, 2.0, 1.0, 0.5]
    model = MLPRegressor(**params, **SPARSE)
    return fit_quietly(model if wrap is None else wrap(model), data, y), data, y


def selected(penalty, alpha=12.0, ratio=0.5, wrap=None, **options):
    """(inputs kept, inputs in use, warnings of the threshold) of SelectFromModel."""
    params = {"penalty": penalty, "alpha": alpha, "l1_ratio": ratio}
    own, _, _ = to_select_from(None, **params)
    model, data, y = to_select_from(wrap, **params)
    # The default threshold is asked of a fit as well.
    prefit = "threshold" in options
    selector = SelectFromModel(model, prefit=prefit, **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        own.feature_importances_.sum()
        assert not [w for w in caught if w.category is UserWarning]
        if not prefit:
            selector.fit(data, y)
        kept = selector.transform(data).shape[1]
    found = [str(w.message) for w in caught if w.category is UserWarning]
    return kept, np.count_nonzero(own.feature_importances_), found


def in_a_pipeline(model):
    return make_pipeline(StandardScaler(), model)


@pytest.mark.parametrize(
    "penalty, options",
    [
        ("group_l1", {}),
        ("elasticnet", {}),
        ("elasticnet", {"ratio": 1.0}),
        (
            "l1",
            {
                "wrap": in_a_pipeline,
                "importance_getter": "named_steps.mlpregressor.feature_importances_",
            },
        ),
    ],
)
def test_a_default_threshold_that_drops_inputs_in_use_is_warned_of(penalty, options):
    kept, in_use, found = selected(penalty, **options)
    assert kept < in_use < 8
    (message,) = set(found)
    assert f"of {in_use} inputs in use it drops {in_use - kept}" in message
    assert "threshold=1e-10" in message
    kept, in_use, found = selected(penalty, threshold=1e-10, **options)
    assert kept == in_use
    assert not found


@pytest.mark.parametrize("penalty", ["l1", "l2"])
def test_a_default_threshold_that_is_right_or_usual_warns_of_nothing(penalty):
    kept, in_use, found = selected(penalty)
    assert not found
    if penalty == "l1":
        assert kept == in_use < 8
