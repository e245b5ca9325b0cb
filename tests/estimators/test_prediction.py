"""What takes a fitted network says which one, where it is given something around it."""

import warnings

import numpy as np
import pytest
from helpers import fit_quietly
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl2 import MLPRegressor
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


@pytest.mark.parametrize("function", ARGUMENTS)
def test_what_is_no_perceptron_is_told_where_to_look(function):
    arguments, name = ARGUMENTS[function], function.__name__
    with pytest.raises(NotFittedError):
        function(MLPRegressor(), *arguments)
    with pytest.raises(TypeError, match=f"{name} needs .* got LinearRegression"):
        function(LinearRegression().fit(X, Y), *arguments)
    pipeline = make_pipeline(StandardScaler(), MLPRegressor(max_iter=2))
    with pytest.raises(TypeError, match=r"got Pipeline. Pass pipeline\[-1\]"):
        function(fit_quietly(pipeline, X, Y), *arguments)
    search = GridSearchCV(MLPRegressor(max_iter=2), {"alpha": [1.0]}, cv=2)
    with pytest.raises(TypeError, match="GridSearchCV. Pass search.best_estimator_\\."):
        function(fit_quietly(search, X, Y), *arguments)


@pytest.mark.parametrize("function", ARGUMENTS)
def test_the_way_to_a_network_further_inside(function):
    pipeline = make_pipeline(StandardScaler(), MLPRegressor(max_iter=2))
    search = GridSearchCV(pipeline, {"mlpregressor__alpha": [1.0]}, cv=2)
    inner = r"search.best_estimator_\[-1\], and X as search.best_estimator_\[:-1\]"
    with pytest.raises(TypeError, match=f"GridSearchCV. Pass {inner}.transform"):
        function(fit_quietly(search, X, Y), *ARGUMENTS[function])
    scaled = TransformedTargetRegressor(MLPRegressor(max_iter=2), func=np.cbrt)
    scaled.set_params(inverse_func=lambda y: y**3)
    with pytest.raises(TypeError, match=r"Pass estimator.regressor_\."):
        function(fit_quietly(scaled, X, Y), *ARGUMENTS[function])
    table = MLPRegressorCV(n_estimators=1, n_bins=0, hidden_layer_sizes=())
    with pytest.raises(TypeError, match=r"Pass estimator.pipeline_\[-1\], and X"):
        function(
            fit_quietly(table.set_params(alphas=[1.0]), X, Y), *ARGUMENTS[function]
        )


# ------------------------------------------------------------------- selecting inputs

SPARSE = {"hidden_layer_sizes": (5,), "solver": "lbfgs", "random_state": 0}


def selected(penalty, alpha=12.0, ratio=0.5, wrap=None, **options):
    """(inputs kept, inputs in use, warnings of the threshold) of SelectFromModel."""
    rng = np.random.RandomState(0)
    data = rng.standard_normal((200, 8))
    y = data[:, :4] @ [3.0, 2.0, 1.0, 0.5]
    model = MLPRegressor(penalty=penalty, alpha=alpha, l1_ratio=ratio, **SPARSE)
    own = fit_quietly(clone(model), data, y)
    selector = SelectFromModel(model if wrap is None else wrap(model), **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        own.feature_importances_.sum()
        assert not [w for w in caught if w.category is UserWarning]
        kept = selector.fit(data, y).transform(data).shape[1]
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
