"""What takes a fitted network says which one, where it is given something around it."""

import numpy as np
import pytest
from helpers import fit_quietly
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl2 import MLPRegressor
from skl2.export import compress, to_sklearn, to_torch
from skl2.inspection import hidden_activations, linear_regime, mc_dropout, optimality

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
    with pytest.raises(TypeError, match="got GridSearchCV. Pass its best_estimator_"):
        function(fit_quietly(search, X, Y), *arguments)
