"""λ of alpha='scale' for a network in any estimator; trains nothing."""

from dataclasses import dataclass

from skl2._estimators.alpha_scale import scale_alpha
from skl2._sklearn_compat import remove_callbacks
from skl2.model_selection._shared_fits import Location, weighting


@dataclass
class Scale:
    """What a network says of the rows that it is given.

    Attributes
    ----------
    alpha : float
        λ of alpha='scale'.
    total_weight : tuple (float, float)
        m, the sum of the rows' weights, and their unit, see ``weights_in_range``.
    weighting : str
        What m depends on, besides the rows.
    n_inputs : int
        Columns that the network gets.
    """

    alpha: float
    total_weight: tuple[float, float]
    weighting: str
    n_inputs: int


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
    remove_callbacks(network)
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
    seed = 0

    def share_of_rows(self, estimator, data):
        return 1.0

    def results(self, estimator, location, problem, members):
        n_inputs, *others = problem.settings.layer_sizes
        alpha = scale_alpha(problem.data, problem.loss, estimator.penalty, len(others))
        m = problem.data.total_weight, problem.data.weight_unit
        raise _Found(Scale(alpha, m, weighting(estimator), n_inputs))
