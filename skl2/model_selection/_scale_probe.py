"""λ of alpha='scale' for a network in any estimator; trains nothing."""

from dataclasses import dataclass

from skl2._estimators.alpha_scale import scale_alpha
from skl2.model_selection._shared_fits import Location


@dataclass
class Scale:
    """What a network says of the rows that it is given.

    Attributes
    ----------
    alpha : float
        λ of alpha='scale'.
    total_weight : float
        m, the sum of the rows' weights.
    """

    alpha: float
    total_weight: float


def probe_scale(estimator, path, X, y, fit_params):
    """The scale of the network at `path`, given the data as preprocessing makes them.

    Parameters
    ----------
    estimator : estimator
        Is used up.
    path : str
        Parameter that holds the network; '' for the estimator itself.
    X, y : array-like
    fit_params : dict
        Of the estimator's ``fit``.

    Returns
    -------
    scale : Scale

    Raises
    ------
    ValueError
        If the fit does not reach the network, or fails before it.
    """
    network = estimator.get_params()[path] if path else estimator
    # Read off the data here, and not by the fit as well.
    network.set_params(alpha=0.0)
    network._location = Location(_ScaleProbe(), path, network)
    # No task of callbacks, as the fit does not end.
    vars(network).pop("_skl_callbacks", None)
    try:
        estimator.fit(X, y, **fit_params)
    except _Found as found:
        return found.scale
    raise ValueError(
        f"{type(estimator).__name__} was fitted without its network {path!r}: there is "
        "no alpha to search."
    )


class _Found(BaseException):
    """Ends a fit whose network has seen its data; no wrapper should catch it."""

    def __init__(self, scale):
        self.scale = scale


class _ScaleProbe:
    """Stands in for ``SharedFits``: a fit ends as soon as its network sees the data."""

    active = True
    finished = False
    sums_up = False
    seed = 0

    def share_of_rows(self, data):
        return 1.0

    def results(self, estimator, location, problem, members):
        n_layers = len(problem.settings.layer_sizes) - 1
        alpha = scale_alpha(problem.data, problem.loss, estimator.penalty, n_layers)
        raise _Found(Scale(alpha, problem.data.total_weight))
