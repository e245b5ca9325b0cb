"""Where a fit that continues starts: at the end of the previous fit."""

from copy import deepcopy

from scipy import sparse

from skl2._engine.network.folding import Unfolded
from skl2._engine.network.network import Network


def continue_from(estimator, member, settings):
    """Let a member start where a fitted estimator of one network ended.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    member : Member
        Gets the weights, and the training state if the estimator has kept it.
    settings : Settings
    """
    member.theta = fitted_theta(estimator, settings)
    member.rows_seen = estimator.t_
    progress = getattr(estimator, "_progress", None)
    if progress is not None:
        # A copy: a call that fails leaves the original unchanged.
        member.progress = deepcopy(progress)
        member.random_state = member.progress.stream
    if settings.batch_norm:
        member.unfolded = _unfolded(estimator, member.progress)


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
