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
    layer's weights and biases w:

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
    >>> clf = MLPClassifier((), solver="lbfgs", alpha=1.0, tol=1e-8, max_iter=1000)
    >>> bool(optimality(clf.fit(X, y), X, y).max() < 1e-6)
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


class RegularizationPathDisplay:
    """Score over λ, with its standard error, and the inputs alive at each λ.

    Make it with ``from_estimator`` or ``from_path``.

    Parameters
    ----------
    path : RegularizationPath
    alpha : float or None, default=None
        The chosen λ; None stands for that of the best mean score.
    score_name : str, default="score"
        Label of the score's axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
        With the score.
    inputs_ax_ : matplotlib Axes
        With the live inputs, on top; it shares the axis of λ.
    figure_ : matplotlib Figure
    line_ : matplotlib Line2D
        Mean score.
    band_ : matplotlib collection
        The mean score plus and minus its standard error.
    chosen_ : matplotlib Line2D
        Marks the chosen λ.
    one_se_ : matplotlib Line2D
        Marks the largest λ whose mean score is within one standard error of the best.
    inputs_ : matplotlib artist
        Steps of the number of live inputs.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import scale
    >>> from skl2.inspection import RegularizationPathDisplay
    >>> from skl2.model_selection import MLPClassifierCV
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> clf = MLPClassifierCV((), penalty="l1", search="grid", solver="lbfgs", alphas=5)
    >>> display = RegularizationPathDisplay.from_estimator(
    ...     clf.fit(scale(X), y)
    ... )  # doctest: +SKIP
    """

    def __init__(self, path, *, alpha=None, score_name="score"):
        self.path, self.alpha, self.score_name = path, alpha, score_name

    @classmethod
    def from_estimator(cls, estimator, *, ax=None, score_name=None):
        """Draw the search of a fitted MLPClassifierCV or MLPRegressorCV.

        Parameters
        ----------
        estimator : MLPClassifierCV or MLPRegressorCV
            Fitted.
        ax : matplotlib Axes, default=None
            Where to draw; its upper part is used for the live inputs.
        score_name : str, default=None
            Label of the score's axis; None for the name of ``scoring``.

        Returns
        -------
        display : RegularizationPathDisplay
        """
        # With refit=False there is a path, but no network.
        check_is_fitted(estimator, "path_")
        if score_name is None:
            default = "log_loss" if is_classifier(estimator) else "mean_squared_error"
            score_name = _score_name(estimator.scoring or f"neg_{default}")
        return cls.from_path(
            estimator.path_, alpha=estimator.alpha_, ax=ax, score_name=score_name
        )

    @classmethod
    def from_path(cls, path, *, alpha=None, ax=None, score_name="score"):
        """Draw a ``RegularizationPath`` that has held-out scores.

        Parameters
        ----------
        path : RegularizationPath
        alpha : float, default=None
            The chosen λ; None for that of the best mean score.
        ax : matplotlib Axes, default=None
        score_name : str, default="score"

        Returns
        -------
        display : RegularizationPathDisplay
        """
        return cls(path, alpha=alpha, score_name=score_name).plot(ax=ax)

    def plot(self, ax=None):
        """Draw, on new axes or on those given.

        Parameters
        ----------
        ax : matplotlib Axes, default=None

        Returns
        -------
        self : RegularizationPathDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the path has no held-out scores.
        """
        pyplot = _pyplot(type(self).__name__)
        path = self.path
        best, one_se = path.alphas[path.index("best")], path.alphas[path.index("1se")]
        if ax is None:
            _, ax = pyplot.subplots(layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        self._draw_scores(best if self.alpha is None else self.alpha, one_se)
        self._draw_inputs()
        return self

    def _draw_scores(self, chosen, one_se):
        ax, path = self.ax_, self.path
        means, errors = path.mean_scores, path.standard_errors
        (self.line_,) = ax.plot(path.alphas, means, "o-", color="C0", label="mean")
        self.band_ = ax.fill_between(
            path.alphas,
            means - errors,
            means + errors,
            color="C0",
            alpha=0.2,
            linewidth=0,
            label="± 1 standard error",
        )
        self.chosen_ = ax.axvline(chosen, color="C3", label=f"chosen, λ = {chosen:.3g}")
        self.one_se_ = ax.axvline(
            one_se, color="C3", linestyle=":", label=f"1-SE rule, λ = {one_se:.3g}"
        )
        _log_scale(ax, path.alphas)
        ax.set_xlabel("λ (alpha)")
        ax.set_ylabel(self.score_name)
        ax.legend()

    def _draw_inputs(self):
        self.inputs_ax_ = ax = self.ax_.inset_axes([0, 1.04, 1, 0.22], sharex=self.ax_)
        (self.inputs_,) = ax.plot(
            self.path.alphas,
            self.path.n_live_inputs,
            "s-",
            color="C2",
            markersize=4,
            drawstyle="steps-mid",
        )
        ax.set_ylim(bottom=0)
        ax.set_ylabel("live\ninputs")
        ax.tick_params(labelbottom=False)


def _score_name(scoring):
    """Words for the axis of a scorer: 'neg_log_loss' is minus the log loss."""
    if not isinstance(scoring, str):
        return getattr(scoring, "__name__", "score")
    if scoring.startswith("neg_"):
        scoring = f"−{scoring.removeprefix('neg_')}"
    return scoring.replace("_", " ")


def _log_scale(ax, alphas):
    """A logarithmic axis, linear below the smallest λ > 0 if there is λ = 0."""
    if alphas[0] > 0:
        ax.set_xscale("log")
        return
    positive = alphas[alphas > 0]
    ax.set_xscale("symlog", linthresh=positive[0] if len(positive) else 1.0)


def _pyplot(caller):
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            f"{caller} needs matplotlib: pip install 'skl2[plot]'"
        ) from error
    return pyplot
