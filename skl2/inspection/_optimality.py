"""Looking into a fitted network: how far it is from a minimum, how sure it is."""

import numpy as np

from skl2._engine.stack import make_objective
from skl2._estimators.parameters import stochastic_regularizers
from skl2._estimators.prediction import check_perceptron


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

    The networks of an ensemble minimise a J each: the distance is that of the farthest.

    0 means that the layer is stationary: no step along its parameters lowers J to first
    order. It is the honest answer to "did it converge?".

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Fitted.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The data the estimator was fitted on; J depends on it.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights >= 0 of the rows.

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
    check_perceptron(estimator, "optimality")
    for name in stochastic_regularizers(estimator):
        raise ValueError(
            f"With {name}={getattr(estimator, name)!r} the fit does not minimise J "
            "alone: its gradient does not say whether it has converged."
        )
    problem, members, _ = estimator._problem(X, y, sample_weight, continues=True)
    objective = make_objective(problem, members)
    objective.bind(np.stack([member.theta for member in members]))
    return objective.optimality().max(axis=0)
