"""λ read off the data: where a search starts, and where all weights are zero."""

from numbers import Integral

import numpy as np
from scipy.sparse import issparse
from scipy.sparse.linalg import svds

from skl2._engine.network.network import LossWorkspace
from skl2._engine.penalties import l1_share

# alpha='scale' is this times ``reference_alpha``: without and with hidden layers. On 13
# data sets the same two constants are the best of a half-decade grid, or next to it,
# for L2, L1 and elastic net and one to three hidden layers (benchmarks/alpha_scale.py).
SCALE_LINEAR, SCALE_HIDDEN = 0.003, 0.01

# alphas='auto': decades around alpha='scale', three to either side in half-decades.
AUTO_STEPS = np.arange(-6, 7) / 2.0


def null_gradient(data, loss):
    """Gradient of the summed loss by the weights of a linear model, at the null model.

    The null model predicts the best constant. For the squared error and the log-loss
    this is -Xᵀ(Y - Ȳ) (with weights s: -Xᵀ diag(s) (Y - Ȳ)).

    Parameters
    ----------
    data : TrainingSet
    loss : Loss

    Returns
    -------
    G : ndarray of shape (n_features, n_outputs), float64
    """
    n_features = data.X.shape[1]
    y, weight = data.targets()
    constant = loss.constant(y.astype(np.float64), weight)
    total = np.zeros((n_features, len(constant)))
    for _, (x, y, weight) in data.chunks(n_features):
        residual = np.repeat(constant, y.shape[1], axis=1)[np.newaxis]
        # Whoever needs a finite sum says so, see ``_largest_singular_value``. The value
        # of the loss is not read.
        with np.errstate(over="ignore", invalid="ignore"):
            loss.value_and_gradient(residual, y, weight, 1.0, LossWorkspace(residual))
            total += x.T @ residual[0].T if issparse(x) else x @ residual[0].T
    return total


def target_scale(data, loss):
    """Root mean square of y - ȳ, over rows and outputs; 1 for scale-free losses."""
    if loss.out_activation not in ("identity", "sort"):
        return 1.0
    y, weight = data.targets()
    centred = y - np.average(y, axis=1, weights=weight)[:, np.newaxis]
    # In units of a power of 2, which is exact, no square is beyond its range.
    exponent = int(np.frexp(np.abs(centred).max())[1])
    centred = np.ldexp(centred, -exponent)
    variance = np.average(np.square(centred).mean(axis=0), weights=weight)
    return float(np.ldexp(float(np.sqrt(variance)), exponent)) or 1.0


def zero_alpha(gradient, penalty, l1_ratio):
    """Smallest λ at which zero weights are optimal for a linear model; inf for L2.

    ∂J/∂W = G/m at W = 0, and an L1 part of strength λρ/(2m) holds a weight at zero as
    long as |G_ij|/m <= λρ/(2m): λ = 2 max|G_ij| / ρ. For 'group_l1' the norms of the
    rows of G take the place of |G_ij|.
    """
    if penalty == "group_l1":
        return 2.0 * float(np.linalg.norm(gradient, axis=1).max())
    rho = l1_share(penalty, l1_ratio)
    if rho == 0.0:
        return np.inf
    return 2.0 * float(np.abs(gradient).max()) / rho


def reference_alpha(gradient, penalty, n_layers, scale):
    """σ_max(G), the λ above which a small network shrinks to the null model.

    `scale` (the standard deviation of y) enters so that the choice does not depend on
    the units of y: with y ↦ t y the best weights of each of the L layers grow by
    t^(1/L), the loss by t² and the penalty by t^(2/L) (by t^(1/L) for L1), hence λ by
    t^(2 - 2/L) (t^(2 - 1/L)). 'group_l1' has one layer of degree 1 among others of
    degree 2: t^(2 - 2/(L+1)). Elastic net has no exact answer and takes the weaker of
    its two. σ_max(G) itself grows by t.
    """
    l1, l2 = scale ** (1.0 - 1.0 / n_layers), scale ** (1.0 - 2.0 / n_layers)
    factor = {
        "l1": l1,
        "l2": l2,
        "group_l1": scale ** (1.0 - 2.0 / (n_layers + 1.0)),
        "elasticnet": min(l1, l2),
    }[penalty]
    return _largest_singular_value(gradient) * factor


def _largest_singular_value(matrix):
    largest = float(np.abs(matrix).max(initial=0.0))
    if not np.isfinite(largest):
        raise ValueError(
            "alpha='scale' cannot be computed: the products of X and y overflow. Scale "
            "X, e.g. with StandardScaler."
        )
    if largest == 0.0:
        # ARPACK has no direction to start from.
        return 0.0
    # Squares of the scaled entries neither overflow nor vanish.
    matrix = matrix / largest
    if min(matrix.shape) <= 64:
        tall = matrix.shape[0] > matrix.shape[1]
        gram = matrix.T @ matrix if tall else matrix @ matrix.T
        found = np.sqrt(max(np.linalg.eigvalsh(gram)[-1], 0.0))
    else:
        start = np.ones(min(matrix.shape))
        found = svds(matrix, k=1, return_singular_vectors=False, v0=start)[0]
    return largest * float(found)


def scale_alpha(data, loss, penalty, n_layers):
    """λ of alpha='scale': c · ``reference_alpha``, one matrix product.

    Parameters
    ----------
    data : TrainingSet
    loss : Loss
    penalty : str or None
    n_layers : int
        Number of weight layers.
    """
    penalty = penalty or "l2"
    gradient = null_gradient(data, loss)
    c = SCALE_LINEAR if n_layers == 1 else SCALE_HIDDEN
    scale = target_scale(data, loss)
    alpha = c * reference_alpha(gradient, penalty, n_layers, scale) * data.weight_unit
    if not np.isfinite(alpha):
        raise ValueError(
            f"alpha='scale' is {alpha}, as it grows with sample_weight: divide "
            "sample_weight by its largest value."
        )
    return alpha


def alpha_grid(wanted, scale):
    """Ascending λs from what a user may give: 'auto', their number, or an array.

    Parameters
    ----------
    wanted : 'auto', int or array-like
    scale : float
        λ of alpha='scale', the middle of 'auto'.
    """
    if isinstance(wanted, str) and wanted == "auto":
        return scale * 10.0**AUTO_STEPS
    if isinstance(wanted, Integral) and not isinstance(wanted, bool):
        if (n_alphas := int(wanted)) >= 1:
            steps = np.linspace(AUTO_STEPS[0], AUTO_STEPS[-1], n_alphas)
            return scale * 10.0 ** (steps if n_alphas > 1 else AUTO_STEPS[:1] * 0)
    try:
        alphas = np.unique(np.asarray(wanted, dtype=np.float64))
    except (TypeError, ValueError):
        alphas = np.empty(0)
    if np.ndim(wanted) != 1 or not len(alphas) or not np.isfinite(alphas).all():
        raise ValueError(
            "alphas must be 'auto', an integer >= 1 or a sequence of at least one "
            f"finite number >= 0. Got {wanted!r}."
        )
    if alphas[0] < 0:
        raise ValueError(
            f"alphas must be >= 0; the smallest is {alphas[0]:g}. Got {wanted!r}."
        )
    return alphas
