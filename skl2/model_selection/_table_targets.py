"""The unit of the targets: a search sees them standardized, a model predicts theirs."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin


def scale_of(y, sample_weight):
    """Mean and standard deviation of each output, over rows of weight > 0."""
    y = np.asarray(y, dtype=np.float64)
    mean = np.average(y, axis=0, weights=sample_weight)
    deviation = np.sqrt(np.average((y - mean) ** 2, axis=0, weights=sample_weight))
    return mean, deviation


class TargetScaler(TransformerMixin, BaseEstimator):
    """(y - mean) / scale, with numbers that are given.

    Those of all rows, so that their weights count, serve in all folds: they set the
    unit of the learning rate and are no part of the model.

    Parameters
    ----------
    mean : float or ndarray of shape (n_outputs,)
    scale : float or ndarray of shape (n_outputs,)
        0 stands for targets that are all equal; they are predicted as they are.
    """

    def __init__(self, mean=0.0, scale=1.0):
        self.mean = mean
        self.scale = scale

    def fit(self, y, sample_weight=None):
        return self

    def transform(self, y):
        return (y - self.mean) / np.where(self.scale == 0, 1.0, self.scale)

    def inverse_transform(self, y):
        return y * self.scale + self.mean

    def __sklearn_is_fitted__(self):
        return True
