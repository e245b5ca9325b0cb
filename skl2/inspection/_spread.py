"""Mean and spread of the predictions of an ensemble's networks."""

import numpy as np
from sklearn.base import is_classifier

from skl2._estimators.prediction import check_perceptron


def spread(estimator, X):
    """Predictions of the networks of an ensemble: mean and standard deviation.

    Networks that differ in their random seed alone agree where the data decide, and
    disagree where they do not: their spread is a measure of the model's uncertainty
    (Lakshminarayanan, Pritzel & Blundell, "Simple and scalable predictive uncertainty
    estimation using deep ensembles", 2017). It is without the noise of the targets.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Fitted with ``n_estimators`` > 1.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)

    Returns
    -------
    mean, std : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Of ``predict_proba`` for a classifier, of ``predict`` for a regressor, over
        ``estimators_``; std is the population one. ``predict`` of the ensemble itself
        averages what the last layers put out, before softmax, logistic or exp.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    ValueError
        If it has one network only.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.preprocessing import scale
    >>> from skl2 import MLPRegressor
    >>> from skl2.inspection import spread
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X, y = scale(X), scale(y)
    >>> reg = MLPRegressor(alpha=10.0, n_estimators=4, random_state=0).fit(X, y)
    >>> _, near = spread(reg, X)
    >>> _, far = spread(reg, 10 * X)
    >>> bool(np.median(far) > 5 * np.median(near))
    True
    """
    check_perceptron(estimator, "spread")
    networks = estimator.estimators_
    if len(networks) == 1:
        raise ValueError(
            f"This {type(estimator).__name__} has one network, which has no spread: "
            "fit it with n_estimators > 1."
        )
    method = "predict_proba" if is_classifier(estimator) else "predict"
    return mean_and_std(getattr(network, method)(X) for network in networks)


def mean_and_std(predictions):
    """Mean and population standard deviation over arrays of one shape, in float64."""
    mean, squares, n = 0.0, 0.0, 0
    for n, prediction in enumerate(predictions, start=1):
        # Welford's recurrence: no difference of large sums.
        shift = prediction.astype(np.float64) - mean
        mean = mean + shift / n
        squares = squares + shift * shift * ((n - 1) / n)
    return mean, np.sqrt(squares / n)
