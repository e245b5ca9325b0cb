"""What early stopping watches on the validation rows."""

from copy import copy

import numpy as np
from sklearn.metrics import get_scorer

from skl2._estimators.description import layer_sizes


class ValidationScore:
    """Score of raw predictions of validation rows; greater is better.

    An object, not a function made in a method: it goes to other processes.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Being fitted. Its `scoring` is None for accuracy or R², or a scorer.
    data : TrainingSet
        The rows trained on.
    """

    def __init__(self, estimator, data):
        self._estimator = estimator
        self._loss = estimator._loss()
        self._layer_sizes = layer_sizes(estimator, data, self._loss)

    def __call__(self, raw, data, rows, theta):
        """The score, NaN where predictions are not finite.

        Parameters
        ----------
        raw : ndarray of shape (n_outputs, n_rows)
        data : TrainingSet
        rows : ndarray of int
            The validation rows in `data`.
        theta : ndarray of shape (P,)
            Parameters of the network.
        """
        y = data.y[:, rows]
        weight = None if data.sample_weight is None else data.sample_weight[rows]
        targets = self._estimator._targets
        if self._estimator.scoring is None:
            return targets.score(raw, y, weight, self._loss)
        if not np.isfinite(raw).all():
            return np.nan
        try:
            return self._scored(data.X[rows], targets.decode(y), weight, theta)
        except ValueError as error:
            raise ValueError(
                f"scoring={self._estimator.scoring!r} has no score for the validation "
                f"rows: {error}"
            ) from error

    def _scored(self, X, y, sample_weight, theta):
        model = copy(self._estimator)
        # Rows come as arrays, without names.
        vars(model).pop("feature_names_in_", None)
        vars(model).update(self._estimator._learned(self._layer_sizes, theta))
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        return float(get_scorer(self._estimator.scoring)(model, X, y, **weights))
