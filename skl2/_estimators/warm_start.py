"""Where a fit that continues starts: at the end of the previous fit."""

from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from skl2._engine.network.folding import Unfolded
from skl2._engine.network.network import Network
from skl2._engine.warn import warn
from skl2._estimators.prediction import count_nonzero


def continue_from(estimator, member, settings):
    """Let a member start where a fitted estimator of one network ended.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    member : Member
        Gets the weights, and the training state if the estimator has kept it.
    settings : Settings
    """
    _warn_if_dead(estimator)
    member.theta = fitted_theta(estimator, settings)
    member.rows_seen = estimator.t_
    progress = getattr(estimator, "_progress", None)
    if progress is not None:
        # A call that fails leaves the streams of the original unchanged.
        member.progress = progress.with_own_streams()
        member.random_state = member.progress.stream
    if settings.batch_norm:
        member.unfolded = _unfolded(estimator, member.progress)


def _warn_if_dead(estimator):
    """Warn if hardly any gradient leads away from the previous fit's weights.

    With two weight layers that are zero each is a factor of the other's gradient, but
    for what constant units add; at the best biases that is zero, too.
    """
    if sum(not count_nonzero(c) for c in estimator.coefs_) > 1:
        warn(
            "In the previous fit two weight layers or more are zero "
            f"(alpha_={estimator.alpha_.tolist()}). Each is a factor of the gradient "
            "of the other: training may not leave this point. Fit anew with a smaller "
            "alpha and warm_start=False.",
            ConvergenceWarning,
        )


def fitted_theta(estimator, settings):
    """The fitted weights as one row of theta, shape (P,)."""
    inputs = [c.shape[0] for c in estimator.coefs_]
    fitted = (*inputs, estimator.n_outputs_)
    if fitted != settings.layer_sizes:
        raise ValueError(
            "A warm start needs the layers of the previous fit, "
            f"{fitted}, got {settings.layer_sizes}: restore hidden_layer_sizes, or "
            "set warm_start=False to start anew."
        )
    coefs = [c.toarray() if sparse.issparse(c) else c for c in estimator.coefs_]
    network = Network(settings.layer_sizes, settings.activation, settings.dtype)
    return network.pack(coefs, estimator.intercepts_)


def _unfolded(estimator, progress):
    """What batch norm continues from, beside the fitted weights."""
    if not getattr(estimator, "batch_norm_", None):
        raise ValueError(
            "A warm start with batch_norm=True needs a previous fit with it: set "
            "warm_start=False to start anew."
        )
    if progress is not None and progress.unfolded is not None:
        return progress.unfolded
    return Unfolded.from_layers(estimator.batch_norm_, estimator._batch_norm_rows)
