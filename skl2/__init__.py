"""Regularized multi-layer perceptrons for scikit-learn."""

from skl2.estimators import MLPClassifier, MLPRegressor

__version__ = "0.1.0.dev0"

__all__ = ["MLPClassifier", "MLPRegressor"]
