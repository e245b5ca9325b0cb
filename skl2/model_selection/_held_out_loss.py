"""The default score of a search for λ: minus the loss of held-out rows."""

import numpy as np
from scipy.sparse import issparse
from scipy.special import xlogy
from sklearn.utils.metadata_routing import MetadataRequest
from sklearn.utils.multiclass import type_of_target

from skl2._estimators.parameters import quantiles_of


class HeldOutLoss:
    """A scorer: minus the mean loss of held-out rows, higher is better.

    The log-loss of classes (for several labels or outputs their sum), and for numbers
    the loss that the network is trained with: mean squared or absolute error, Poisson
    deviance, Huber's or the pinball loss, in the units of y, or half the deviance of a
    normal distribution, log σ + (y - μ)²/2σ²; the mean over several outputs or
    quantiles.

    Unlike ``'neg_log_loss'`` it needs neither all classes in the held-out rows nor all
    of them in the training rows: a class that is not known has the probability 0.

    Parameters
    ----------
    loss : str
        Loss of the network; 'log_loss' for a classifier.
    huber_delta : float, default=1.35
        δ of 'huber'.
    quantile : float or list of float, default=0.5
        Of 'quantile'.
    """

    def __init__(self, loss, huber_delta=1.35, quantile=0.5):
        self.loss = loss
        self.huber_delta = huber_delta
        self.quantile = quantile

    @classmethod
    def of(cls, network):
        """The loss that a regressor is trained with."""
        return cls(network.loss, network.huber_delta, network.quantile)

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
        y = y.toarray() if issparse(y) else np.asarray(y)
        if self.loss == "log_loss":
            losses = _log_losses(estimator, X, y)
        elif self.loss == "gaussian":
            losses = self._gaussian(y, *estimator.predict(X, return_std=True))
        else:
            losses = self._losses(y, estimator.predict(X))
        return -float(np.average(losses, weights=sample_weight))

    def _gaussian(self, y, mean, std):
        """The losses of each row, see ``_losses``, of means and deviations."""
        mean, std = (np.asarray(a, np.float64).reshape(len(y), -1) for a in (mean, std))
        losses = np.log(std) + 0.5 * ((y.reshape(mean.shape) - mean) / std) ** 2
        return losses.mean(axis=1)

    def _losses(self, y, predicted):
        """The mean over the outputs of each row's losses, shape (n_rows,)."""
        predicted = np.asarray(predicted, dtype=np.float64).reshape(len(y), -1)
        # Several quantiles are predicted of one target.
        y = y.reshape(len(y), -1)
        if not np.isfinite(predicted).all():
            return np.full(len(y), np.nan)
        if self.loss == "poisson":
            # exp(raw) may be 0, for which the deviance is infinite.
            predicted = np.maximum(predicted, np.finfo(np.float64).tiny)
            losses = 2.0 * (xlogy(y, y / predicted) - y + predicted)
            return losses.mean(axis=1)
        if self.loss == "quantile":
            over = predicted - y
            quantiles, _ = quantiles_of(self.quantile)
            losses = np.maximum(np.subtract(1.0, quantiles) * over, -over * quantiles)
            return losses.mean(axis=1)
        error = np.abs(predicted - y)
        if self.loss == "squared_error":
            error = np.square(error)
        elif self.loss == "huber":
            inside = np.minimum(error, self.huber_delta)
            error = inside * (error - inside / 2)
        return error.mean(axis=1)


def _log_losses(estimator, X, y):
    """The log-loss of each row, shape (n_rows,)."""
    p = estimator.predict_proba(X)
    if isinstance(p, list):
        # One array of each output, as MultiOutputClassifier has them.
        outputs = zip(y.T, p, estimator.classes_, strict=True)
        return sum(-np.log(_of_the_right_class(*output)) for output in outputs)
    if type_of_target(y) == "multilabel-indicator":
        return -np.log(_at_least_eps(np.where(y > 0, p, 1.0 - p))).sum(axis=1)
    return -np.log(_of_the_right_class(y.ravel(), p, estimator.classes_))


def _of_the_right_class(y, p, classes):
    """Probability of the class of each row, at least ε."""
    known = np.isin(y, classes)
    right = np.zeros(len(y), p.dtype)
    right[known] = p[known, np.searchsorted(classes, y[known])]
    return _at_least_eps(right)


def _at_least_eps(p):
    """As scikit-learn's ``log_loss``: no row alone decides over a network."""
    return np.maximum(p, np.finfo(p.dtype).eps).astype(np.float64)
