"""Regularized multi-layer perceptrons for scikit-learn."""

from importlib import import_module

from skl2._estimators.classifier import MLPClassifier
from skl2._estimators.regressor import MLPRegressor
from skl2._show_versions import show_versions

__version__ = "0.1.0"

__all__ = ["MLPClassifier", "MLPRegressor", "show_versions"]

# Imported on first use, as attributes of this module.
_MODULES = ("augmentation", "export", "inspection", "model_selection", "preprocessing")


def __getattr__(name):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.{name}")


def __dir__():
    return sorted({*globals(), *_MODULES})
