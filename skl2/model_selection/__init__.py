"""Choosing λ: searches that train their candidates as stacks, CV estimators, paths."""

from importlib import import_module

from skl2.model_selection._alpha_max import alpha_max
from skl2.model_selection._alpha_search import AlphaSearchCV
from skl2.model_selection._one_standard_error import one_standard_error
from skl2.model_selection._path import RegularizationPath, regularization_path
from skl2.model_selection._stacked_search import (
    StackedGridSearchCV,
    StackedRandomizedSearchCV,
)
from skl2.model_selection._table import MLPClassifierCV, MLPRegressorCV

__all__ = [
    "AlphaSearchCV",
    "MLPClassifierCV",
    "MLPRegressorCV",
    "RegularizationPath",
    "StackedGridSearchCV",
    "StackedHalvingGridSearchCV",  # noqa: F822
    "StackedRandomizedSearchCV",
    "alpha_max",
    "one_standard_error",
    "regularization_path",
]


def __getattr__(name):
    # scikit-learn keeps successive halving behind an import that enables it.
    if name != "StackedHalvingGridSearchCV":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("skl2.model_selection._halving"), name)


def __dir__():
    return sorted({*globals(), *__all__})
