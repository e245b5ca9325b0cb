"""λ_max: the λ from which on no weight is left."""

import numpy as np

from skl2._estimators import alpha_scale as _alphas
from skl2._estimators.base import BaseMLP
from skl2._estimators.classifier import MLPClassifier
from skl2._estimators.regressor import MLPRegressor
from skl2.model_selection._path import looks_continuous


def alpha_max(X, y, *, penalty="l1", l1_ratio=0.5, loss="auto", sample_weight=None):
    """The λ from which on a linear model has no weight left.

    For 'l1' and 'elasticnet' the smallest λ at which all weights of the network without
    a hidden layer are zero (λ_max of a regularization path): ``2 max|G| / ρ`` with
    G = Xᵀ(Y - Ȳ) for the squared error and the log-loss. For 'group_l1' the norms of
    the rows of G take the place of its entries. For 'l2', which sets no weight to zero,
    σ_max(G): above it a network with a hidden layer shrinks to the null model.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets.
    penalty : {'l1', 'elasticnet', 'group_l1', 'l2'}, default='l1'
    l1_ratio : float, default=0.5
        ρ of 'elasticnet'.
    loss : {'auto', 'log_loss', 'squared_error', 'poisson', 'absolute_error', \
            'huber'}, default='auto'
        'auto': squared error for y of a float type, log-loss otherwise.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights >= 0 of the rows.

    Returns
    -------
    alpha_max : float

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Lasso
    >>> from skl2.model_selection import alpha_max
    >>> X, y = load_diabetes(return_X_y=True)
    >>> largest = alpha_max(X, y)
    >>> bool((Lasso(alpha=1.001 * largest / (2 * len(X))).fit(X, y).coef_ == 0).all())
    True
    """
    if loss == "auto":
        loss = "squared_error" if looks_continuous(y) else "log_loss"
    if loss == "log_loss":
        estimator: BaseMLP = MLPClassifier(penalty=penalty, l1_ratio=l1_ratio)
    else:
        estimator = MLPRegressor(loss, penalty=penalty, l1_ratio=l1_ratio)
    problem, *_ = estimator._problem(X, y, sample_weight)
    gradient = _alphas.null_gradient(problem.data, problem.loss)
    if penalty == "l2":
        return _alphas.reference_alpha(gradient, "l2", 2, 1.0)
    largest = _alphas.zero_alpha(gradient, penalty, l1_ratio)
    if not np.isfinite(largest):
        raise ValueError(
            f"No alpha makes the weights zero for penalty={penalty!r}, l1_ratio="
            f"{l1_ratio!r}: there is no L1 part."
        )
    return largest
