"""Successive halving is imported on first use."""

import inspect
import pickle

from helpers import modules_of_a_new_interpreter
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingGridSearchCV

from skl2 import MLPClassifier, model_selection
from skl2.model_selection import StackedHalvingGridSearchCV


def test_it_is_the_search_of_scikit_learn():
    ours = inspect.signature(StackedHalvingGridSearchCV)
    assert str(ours) == str(inspect.signature(HalvingGridSearchCV))
    grid = {"alpha": [0.1, 1.0]}
    search = StackedHalvingGridSearchCV(MLPClassifier(), grid, factor=2)
    assert clone(search).factor == 2
    assert pickle.loads(pickle.dumps(search)).param_grid == search.param_grid


def test_scikit_learn_is_asked_for_it_on_first_use_only():
    imported = modules_of_a_new_interpreter()
    name = "sklearn.experimental.enable_halving_search_cv"
    assert name not in imported["skl2.model_selection"]
    assert name in imported["skl2.model_selection.StackedHalvingGridSearchCV"]
    assert "StackedHalvingGridSearchCV" in dir(model_selection)
