"""How much of a network is linear: pre-activations, tangents, affine fits."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import optimize, sparse
from scipy.sparse.linalg import lsqr

from skl2._engine.data import TrainingSet
from skl2._engine.network.layers import ACTIVATIONS
from skl2._engine.warn import warn
from skl2._estimators.checks import rows_to_predict
from skl2._estimators.prediction import check_perceptron

# f'(0) of the activations that have a tangent at 0.
SLOPES = {
    "identity": 1.0,
    "logistic": 0.25,
    "tanh": 1.0,
    "elu": 1.0,
    "gelu": 0.5,
    "silu": 0.5,
}
TOLERANCE = 0.05


@lru_cache
def linear_range(activation):
    """Where an activation is within 5 % of its tangent at 0.

    The largest interval around 0 in which ::

        |f(z) - f(0) - f'(0) z| <= 0.05 |f'(0) z|.

    ==================  ========================
    activation          interval
    ==================  ========================
    identity            (-inf, inf)
    logistic            (-0.7989, 0.7989)
    tanh                (-0.3995, 0.3995)
    elu                 (-0.1035, inf)
    gelu                (-0.0627, 0.0627)
    silu                (-0.1001, 0.1001)
    relu, leaky_relu    None: a kink, no tangent
    ==================  ========================

    Parameters
    ----------
    activation : str
        A name that the estimators know.

    Returns
    -------
    range : tuple of two floats, or None

    Examples
    --------
    >>> from skl2.inspection import linear_range
    >>> low, high = linear_range("tanh")
    >>> f"{low:.4f} {high:.4f}"
    '-0.3995 0.3995'
    """
    slope, function = SLOPES.get(activation), ACTIVATIONS[activation]()
    if slope is None:
        return None

    def excess(z):
        """Relative deviation from the tangent, less the tolerance."""
        f = function(np.array([0.0, z]))
        return abs((f[1] - f[0]) / (slope * z) - 1.0) - TOLERANCE

    def end(sign):
        # All deviations grow with |z| here; 20 is far outside of every finite range.
        if excess(sign * 20.0) < 0:
            return sign * np.inf
        return sign * optimize.brentq(lambda z: excess(sign * z), 1e-3, 20.0)

    return end(-1.0), end(1.0)


def forward_passes(estimator, X):
    """Forward passes in chunks of rows: yields (rows, i, z, a) for every layer i.

    z and a have the shape (n_units, n_rows); a of the output layer is its z, the raw
    prediction.
    """
    dtype = np.result_type(estimator.coefs_[0].dtype, X.dtype)
    network = estimator._bound_network(dtype, keeps_z=True)
    for rows, (x, _, _) in TrainingSet(X).chunks(network.widest):
        n_rows = rows.stop - rows.start
        network.forward(x, n_rows)
        for i, (z, a) in enumerate(network.layer_values(n_rows)):
            yield rows, i, z[0], a[0]


def hidden_activations(estimator, X, layer=-1):
    """Activations of a hidden layer, a = f(W' x + b): the features it has learned.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Fitted.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    layer : int, default=-1
        Hidden layer, 0 for the first one, -1 for the last one.

    Returns
    -------
    activations : ndarray of shape (n_samples, n_units)
        Without dropout, as in ``predict``.

    Raises
    ------
    ValueError
        If there is no such hidden layer.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skl2 import MLPClassifier
    >>> from skl2.inspection import hidden_activations
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MLPClassifier((20, 5), solver="lbfgs", random_state=0).fit(X, y)
    >>> hidden_activations(clf, X).shape
    (150, 5)
    """
    check_perceptron(estimator, "hidden_activations")
    n_hidden = estimator.n_layers_ - 2
    if layer != int(layer) or not -n_hidden <= layer < n_hidden:
        raise ValueError(
            f"layer={layer!r}: this {type(estimator).__name__} has {n_hidden} hidden "
            "layer(s), counted from 0, or from -1 backwards."
        )
    X = rows_to_predict(estimator, X)
    layer = int(layer) % n_hidden
    dtype = np.result_type(estimator.coefs_[0].dtype, X.dtype)
    out = np.empty((X.shape[0], estimator.coefs_[layer].shape[1]), dtype)
    for rows, i, _, a in forward_passes(estimator, X):
        if i == layer:
            out[rows] = a.T
    return out


@dataclass
class LinearRegime:
    """What ``linear_regime`` has found.

    Attributes
    ----------
    activation : str
        Of the hidden layers.
    mean_abs_z : ndarray of shape (n_hidden_layers,)
        Mean abs(z) of the pre-activations z = W' x + b, over rows and units.
    linear_share : ndarray of shape (n_hidden_layers,)
        Share of the z inside of ``linear_range``; for 'relu' and 'leaky_relu', which
        have none, the share of the units whose z has one sign for all rows.
    affine_r2 : float
        R² of the least-squares affine fit of the raw output on X.
    linear_range : tuple of two floats, or None
        See the function of this name.
    """

    activation: str
    mean_abs_z: np.ndarray
    linear_share: np.ndarray
    affine_r2: float
    linear_range: tuple[float, float] | None


def linear_regime(estimator, X):
    """How far a network is from a linear map, layer by layer and as a whole.

    A large λ makes W small, so that z = W' x + b is small and the activation is used
    where it is next to its tangent: the network becomes an affine map. For each hidden
    layer this function measures the mean abs(z) and the share of z where the activation
    deviates by less than 5 % from its tangent at 0 (see ``linear_range``). 'relu' and
    'leaky_relu' have a kink at 0 instead of a tangent: there it is the share of the
    units that do not change sign over X, each of which is exactly affine on X.

    For the network as a whole, with F the raw output (before softmax, logistic or exp)
    and A X + c its least-squares affine fit, ::

        R² = 1 - ‖F - (A X + c)‖² / ‖F - mean(F)‖²,

    the sums running over rows and outputs. It is 1 for a constant output.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Fitted.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        n_samples > n_features + 1; with less any output is affine on X.

    Returns
    -------
    regime : LinearRegime

    Warns
    -----
    UserWarning
        If X has too few rows for R² to mean anything.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import scale
    >>> from skl2 import MLPClassifier
    >>> from skl2.inspection import linear_regime
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MLPClassifier((10,), "tanh", solver="lbfgs", max_iter=1000,
    ...                     random_state=0)
    >>> free, decayed = (
    ...     linear_regime(clf.set_params(alpha=alpha).fit(scale(X), y), scale(X))
    ...     for alpha in (0.01, 100.0)
    ... )
    >>> bool(free.linear_share[0] < 0.5 < decayed.linear_share[0])
    True
    >>> bool(free.affine_r2 < 0.98 < decayed.affine_r2)
    True
    """
    check_perceptron(estimator, "linear_regime")
    X = rows_to_predict(estimator, X)
    n_rows, n_features = X.shape
    if n_rows <= n_features + 1:
        warn(
            f"X has {n_rows} rows and {n_features} features: an affine map fits any "
            "output (affine_r2 = 1) unless there are more rows than features + 1.",
        )
    name = estimator._fitted_activation
    interval = linear_range(name)
    widths = [c.shape[1] for c in estimator.coefs_]
    total = np.zeros(len(widths) - 1)
    inside = np.zeros(len(widths) - 1)
    signs = [np.zeros((2, n_units), bool) for n_units in widths]
    dtype = np.result_type(estimator.coefs_[0].dtype, X.dtype)
    raw = np.empty((n_rows, widths[-1]), dtype)
    for rows, i, z, _ in forward_passes(estimator, X):
        if i == len(widths) - 1:
            raw[rows] = z.T
            continue
        total[i] += np.abs(z).sum(dtype=np.float64)
        if interval is not None:
            inside[i] += np.count_nonzero((z > interval[0]) & (z < interval[1]))
        signs[i] |= (z < 0).any(axis=1), (z > 0).any(axis=1)
    counts = n_rows * np.array(widths[:-1], float)
    if interval is None:
        share = np.array([1.0 - seen.all(axis=0).mean() for seen in signs[:-1]])
    else:
        share = inside / counts
    return LinearRegime(name, total / counts, share, _affine_r2(X, raw), interval)


def _affine_r2(X, raw):
    """R² of the least-squares affine fit of raw, (n_rows, n_outputs), on X."""
    # A constant varies by a few units in the last place, for rounding. Less its first
    # row it has a mean that does not add to that.
    rounding = 4.0 * np.finfo(raw.dtype).eps * np.abs(raw).max()
    centred = (raw - raw[0]).astype(np.float64)
    centred -= centred.mean(axis=0)
    variation = np.sum(centred**2)
    if variation <= raw.size * rounding**2:
        return 1.0
    if sparse.issparse(X):
        # To centre X would fill it: the intercept is a column of ones instead.
        A = sparse.hstack([X, np.ones((X.shape[0], 1))], format="csr", dtype=float)
        fit = [lsqr(A, f, atol=1e-12, btol=1e-12, conlim=0)[0] for f in centred.T]
        residual = centred - A @ np.column_stack(fit)
    else:
        A = X - X.mean(axis=0, dtype=np.float64)
        residual = centred - A @ np.linalg.lstsq(A, centred, rcond=None)[0]
    return float(1.0 - np.sum(residual**2) / variation)
