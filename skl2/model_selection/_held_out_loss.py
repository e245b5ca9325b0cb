"""The default score of a search for λ: minus the loss of held-out rows."""

import numpy as np
from sklearn.metrics import (
    mean_absolute_error,
    mean_poisson_deviance,
    mean_squared_error,
)
from sklearn.utils.metadata_routing import MetadataRequest
from sklearn.utils.multiclass import type_of_target

# Probability of a class that the training rows of a fold lack.
TINY = float(np.finfo(np.float64).tiny)


class HeldOutLoss:
    """A scorer: minus the mean loss of held-out rows, higher is better.

    The log-loss of classes (for multilabel targets summed over the labels), and for
    numbers the loss that the network is trained with: mean squared or absolute error,
    Poisson deviance or Huber's loss, in the units of y.

    Unlike ``'neg_log_loss'`` it needs neither all classes in the held-out rows nor all
    of them in the training rows.

    Parameters
    ----------
    loss : str
        Loss of the network; 'log_loss' for a classifier.
    huber_delta : float, default=1.35
        δ of 'huber'.
    """

    def __init__(self, loss, huber_delta=1.35):
        self.loss = loss
        self.huber_delta = huber_delta

    @property
    def name(self):
        """Its name on the axis of a picture."""
        return f"−{self.loss.replace('_', ' ')}"

    def __repr__(self):
        return f"minus {self.loss} of held-out rows"

    def get_metadata_routing(self):
        """Ask metadata routing for the weights of the rows."""
        request = MetadataRequest(owner=type(self).__name__)
        request.score.add_request(param="sample_weight", alias=True)
        return request

    def __call__(self, estimator, X, y, sample_weight=None):
        """Minus the loss of a fitted estimator on some rows."""
        if self.loss == "log_loss":
            losses = _log_losses(estimator, X, np.asarray(y))
            return -float(np.average(losses, weights=sample_weight))
        y = np.asarray(y)
        predicted = np.asarray(estimator.predict(X)).reshape(y.shape)
        if not np.isfinite(predicted).all():
            return np.nan
        if self.loss == "huber":
            error = np.abs(predicted - y).reshape(len(y), -1)
            inside = np.minimum(error, self.huber_delta)
            losses = (inside * (error - inside / 2)).mean(axis=1)
            return -float(np.average(losses, weights=sample_weight))
        metric = {
            "squared_error": mean_squared_error,
            "absolute_error": mean_absolute_error,
            "poisson": mean_poisson_deviance,
        }[self.loss]
        return -float(metric(y, predicted, sample_weight=sample_weight))


def _log_losses(estimator, X, y):
    """The log-loss of each row, shape (n_rows,)."""
    p = np.asarray(estimator.predict_proba(X), dtype=np.float64)
    if type_of_target(y) == "multilabel-indicator":
        q = np.where(y > 0, p, 1.0 - p)
        return -np.log(np.maximum(q, TINY)).sum(axis=1)
    classes = estimator.classes_
    y = y.ravel()
    known = np.isin(y, classes)
    place = np.searchsorted(classes, y[known])
    right = np.full(len(y), TINY)
    right[known] = np.maximum(p[known, place], TINY)
    return -np.log(right)
