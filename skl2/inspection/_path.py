"""The score and the live inputs over λ, as a picture."""

import numpy as np

from skl2.inspection._axes import make_axes, plain_log_ticks
from skl2.model_selection import AlphaSearchCV, RegularizationPath


class RegularizationPathDisplay:
    """Score over λ, with its standard error, and the inputs alive at each λ.

    Make it with ``from_search`` or ``from_path``.

    Parameters
    ----------
    path : RegularizationPath
        The path to draw.
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
    >>> from skl2 import MLPClassifier
    >>> from skl2.model_selection import AlphaSearchCV
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> mlp = MLPClassifier((), penalty="l1", solver="lbfgs")
    >>> search = AlphaSearchCV(mlp, return_path=True).fit(scale(X), y)
    >>> display = RegularizationPathDisplay.from_search(search)  # doctest: +SKIP
    """

    def __init__(self, path, *, alpha=None, score_name="score"):
        self.path = path
        self.alpha = alpha
        self.score_name = score_name

    @classmethod
    def from_search(cls, search, *, ax=None, score_name=None):
        """Draw what a search has tried for its best candidate.

        Parameters
        ----------
        search : AlphaSearchCV
            Fitted, with return_path=True and one scorer.
        ax : matplotlib Axes, default=None
            Where to draw; its upper part is used for the live inputs.
        score_name : str, default=None
            Label of the score's axis; None for the name of the scorer.

        Returns
        -------
        display : RegularizationPathDisplay

        Raises
        ------
        TypeError
            If it is no AlphaSearchCV.
        ValueError
            If it has kept no sparsity.
        """
        if not isinstance(search, AlphaSearchCV):
            raise TypeError(
                f"{cls.__name__} needs an AlphaSearchCV, got {type(search).__name__}. "
                "Pass a RegularizationPath to from_path."
            )
        path = RegularizationPath.from_search(search)
        if score_name is None:
            score_name = _score_name(search.scoring or search.scorer_)
        alpha = float(np.max(search.alpha_))
        return cls.from_path(path, alpha=alpha, ax=ax, score_name=score_name)

    @classmethod
    def from_path(cls, path, *, alpha=None, ax=None, score_name="score"):
        """Draw a ``RegularizationPath`` that has held-out scores.

        Parameters
        ----------
        path : RegularizationPath
            The path to draw.
        alpha : float, default=None
            The chosen λ; None for that of the best mean score.
        ax : matplotlib Axes, default=None
            Where to draw; None stands for new axes.
        score_name : str, default="score"
            Label of the score's axis.

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
            Where to draw; None stands for new axes.

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
        path = self.path
        best, one_se = path.alphas[path.index("best")], path.alphas[path.index("1se")]
        ax = make_axes(type(self).__name__, ax)
        self.ax_ = ax
        self.figure_ = ax.figure
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
        ax.set_ylim(0, 1.15 * max(self.path.n_live_inputs.max(), 1))
        ax.set_ylabel("live\ninputs")
        ax.tick_params(which="both", labelbottom=False)


def _score_name(scoring):
    """Words for the axis of a scorer: 'neg_log_loss' is minus the log loss."""
    if not isinstance(scoring, str):
        return getattr(scoring, "name", getattr(scoring, "__name__", "score"))
    if scoring.startswith("neg_"):
        scoring = f"−{scoring.removeprefix('neg_')}"
    return scoring.replace("_", " ")


def _log_scale(ax, alphas):
    """A logarithmic axis, linear below the smallest λ > 0 if there is λ = 0."""
    if alphas[0] > 0:
        ax.set_xscale("log")
        plain_log_ticks(ax.xaxis, (1, 3))
        return
    positive = alphas[alphas > 0]
    ax.set_xscale("symlog", linthresh=positive[0] if len(positive) else 1.0)
