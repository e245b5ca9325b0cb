"""Monte-Carlo dropout: mean and spread of predictions with dropout."""

from copy import copy

from sklearn.base import is_classifier
from sklearn.utils import check_random_state

from skl2._engine.random_streams import NoiseStream
from skl2._estimators.prediction import check_perceptron
from skl2.inspection._spread import mean_and_std


def mc_dropout(estimator, X, n_passes=100, random_state=None):
    """Predict with dropout, many times: mean and standard deviation.

    The spread of the passes is a measure of the model's uncertainty (Gal & Ghahramani,
    "Dropout as a Bayesian approximation", 2016). ``predict`` itself is without dropout.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Fitted with ``dropout``.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    n_passes : int, default=100
        >= 2; each costs a prediction.
    random_state : int, RandomState instance or None, default=None
        Seed of the masks.

    Returns
    -------
    mean, std : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Of ``predict_proba`` for a classifier, of ``predict`` for a regressor; std is
        the population one, over the passes.

    Raises
    ------
    ValueError
        If the estimator was fitted without dropout.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skl2 import MLPClassifier
    >>> from skl2.inspection import mc_dropout
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MLPClassifier(dropout=0.5, max_iter=500, random_state=0).fit(X, y)
    >>> mean, std = mc_dropout(clf, X, n_passes=20, random_state=0)
    >>> mean.shape, bool(std.max() > 0.01)
    ((150, 3), True)
    """
    check_perceptron(estimator, "mc_dropout")
    if not getattr(estimator, "_fitted_dropout", ()):
        raise ValueError(
            f"This {type(estimator).__name__} was fitted without dropout: every pass "
            "would be the same."
        )
    if n_passes < 2 or n_passes != int(n_passes):
        raise ValueError(f"n_passes must be an integer >= 2, got {n_passes!r}.")
    model = copy(estimator)
    model._mc_noise = NoiseStream(check_random_state(random_state))
    predict = model.predict_proba if is_classifier(estimator) else model.predict
    return mean_and_std(predict(X) for _ in range(int(n_passes)))
