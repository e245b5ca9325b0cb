"""Regularized multi-layer perceptrons for scikit-learn."""

from skl2._estimators.classifier import MLPClassifier
from skl2._estimators.regressor import MLPRegressor
from skl2._show_versions import show_versions

__version__ = "0.1.0.dev0"

__all__ = ["MLPClassifier", "MLPRegressor", "show_versions"]
