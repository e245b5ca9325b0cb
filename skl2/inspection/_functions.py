"""Looking into a fitted network: how far it is from a minimum, how sure it is."""

from copy import copy

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skl2.dropout import make_dropout
from skl2.noise import NoiseStream
from skl2.regularized import DroppingNetwork
from skl2.stack import make_objective


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
    check_is_fitted(estimator)
    if not getattr(estimator, "_fitted_dropout", ()):
        raise ValueError(
            f"This {type(estimator).__name__} was fitted without dropout: every pass "
            "would be the same."
        )
    if n_passes < 2 or n_passes != int(n_passes):
        raise ValueError(f"n_passes must be an integer >= 2, got {n_passes!r}.")
    model = _dropping(estimator, NoiseStream(check_random_state(random_state)))
    predict = model.predict_proba if is_classifier(estimator) else model.predict
    mean, squares = 0.0, 0.0
    for n in range(1, n_passes + 1):
        # Welford's recurrence: no difference of large sums.
        shift = predict(X).astype(np.float64) - mean
        mean = mean + shift / n
        squares = squares + shift * shift * ((n - 1) / n)
    return mean, np.sqrt(squares / n_passes)


def _dropping(estimator, noise):
    """A copy of a fitted estimator that predicts with dropout."""
    model, rates = copy(estimator), estimator._fitted_dropout
    drawn = [rate > 0 for rate in rates]

    def network(dtype):
        plain = estimator._network(dtype)
        drops = make_dropout(plain.layer_sizes, drawn, [rates], [noise])
        return DroppingNetwork(
            plain.layer_sizes, plain.activation_name, dtype, False, drops
        )

    vars(model)["_network"] = network
    return model


def optimality(estimator, X, y, sample_weight=None):
    """How far a fit is from a stationary point of its objective J.

    For every layer the largest distance of 0 to the sub-differential of J, over the
    layer's weights and biases w::

        |∂J/∂w|                           where the penalty is smooth in w,
        max(|∂J_smooth/∂w| - s, 0)        where w = 0 under an L1 part of strength
                                          s = λρ / (2m).

    Under 'group_l1' the absolute values of a row of the first layer are its norms: with
    w all weights of an input and s = λ / (2m), max(‖∂J_smooth/∂w‖ - s, 0) where w = 0,
    else ‖∂J_smooth/∂w + s w / ‖w‖‖.

    0 means that the layer is stationary: no step along its parameters lowers J to first
    order. It is the honest answer to "did it converge?".

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Fitted.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The data the estimator was fitted on; J depends on it.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    sample_weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    distance : ndarray of shape (n_layers - 1,)
        In units of J over units of W.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    ValueError
        If it has dropout, batch norm, max norm or augmentation: J alone is not what
        was minimised then.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skl2 import MLPClassifier
    >>> from skl2.inspection import optimality
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MLPClassifier((), solver="lbfgs", alpha=1.0, tol=1e-8, max_iter=1000,
    ...                     random_state=0)
    >>> bool(optimality(clf.fit(X, y), X, y).max() < 1e-5)
    True
    """
    check_is_fitted(estimator)
    for name in estimator._regularizers():
        raise ValueError(
            f"With {name}={getattr(estimator, name)!r} the fit does not minimise J "
            "alone: its gradient does not say whether it has converged."
        )
    data = estimator._training_set(X, y, sample_weight, reset=False)
    shape, member = estimator._describe(data, going_on=True)
    objective = make_objective(
        shape, estimator._loss(), [member], data, data.total_weight
    )
    objective.bind(member.theta[None])
    return objective.optimality()[0]
