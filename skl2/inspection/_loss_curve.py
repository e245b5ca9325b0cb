"""The loss over the epochs, as a picture."""

import numpy as np

from skl2._estimators.prediction import check_perceptron
from skl2.inspection._axes import make_axes, plain_log_ticks


class LossCurveDisplay:
    """Training loss, penalty and validation loss over the epochs.

    Make it with ``from_estimator``.

    Parameters
    ----------
    objective : array-like of shape (n_epochs,)
        J at each epoch (iteration, for 'lbfgs').
    penalty : array-like of shape (n_epochs,), default=None
        The penalty, a part of J. With it the training loss J - penalty is drawn as
        well.
    validation_loss : array-like of shape (n_epochs,), default=None
        Mean loss of the validation rows, without the penalty.
    best_epoch : int, default=None
        The epoch, counted from 1, that is marked: that of the best validation score,
        whose weights are kept.
    unit : str, default="epoch"
        Label of the axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : dict of matplotlib Line2D
        'objective', and 'loss', 'penalty' and 'validation' where they are known.
    best_ : matplotlib Line2D or None
        Marks the best epoch.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skl2 import MLPClassifier
    >>> from skl2.inspection import LossCurveDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MLPClassifier(early_stopping=True, random_state=0).fit(X, y)
    >>> LossCurveDisplay.from_estimator(clf)  # doctest: +SKIP
    """

    def __init__(
        self,
        objective,
        *,
        penalty=None,
        validation_loss=None,
        best_epoch=None,
        unit="epoch",
    ):
        self.objective = np.asarray(objective, dtype=float)
        self.penalty = None if penalty is None else np.asarray(penalty, dtype=float)
        self.validation_loss = (
            None if validation_loss is None else np.asarray(validation_loss, float)
        )
        self.best_epoch = best_epoch
        self.unit = unit

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Draw ``loss_curve_``, ``penalty_curve_`` and ``validation_loss_curve_``.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
            Fitted.
        ax : matplotlib Axes, default=None
            Where to draw; None stands for new axes.

        Returns
        -------
        display : LossCurveDisplay
        """
        check_perceptron(estimator, cls.__name__)
        # What ``from_sklearn`` makes has no curves but that of J.
        curves = {
            name: getattr(estimator, f"{name}_", None)
            for name in ("penalty_curve", "validation_loss_curve", "validation_scores")
        }
        penalty = curves["penalty_curve"]
        display = cls(
            estimator.loss_curve_,
            penalty=penalty if np.any(penalty) else None,
            validation_loss=curves["validation_loss_curve"],
            best_epoch=_best(curves["validation_scores"]),
            unit="iteration" if estimator.solver == "lbfgs" else "epoch",
        )
        return display.plot(ax=ax)

    def plot(self, ax=None):
        """Draw, on new axes or on those given.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None stands for new axes.

        Returns
        -------
        self : LossCurveDisplay
        """
        self.ax_ = ax = make_axes(type(self).__name__, ax)
        self.figure_ = ax.figure
        curves = {"objective": (self.objective, "C0-", "J, training")}
        if self.penalty is not None:
            loss = self.objective - self.penalty
            curves["loss"] = loss, "C0--", "loss, training"
            curves["penalty"] = self.penalty, "C2:", "penalty"
        if self.validation_loss is not None:
            curves["validation"] = self.validation_loss, "C1-", "loss, validation"
        self.lines_ = {}
        for key, (values, style, label) in curves.items():
            epochs = np.arange(1, len(values) + 1)
            (self.lines_[key],) = ax.plot(epochs, values, style, label=label)
        self.best_ = None
        if self.best_epoch is not None:
            label = f"best {self.unit}: {self.best_epoch}"
            self.best_ = ax.axvline(
                self.best_epoch, color="C3", linewidth=1, label=label
            )
        # A logarithm of a penalty of 0, or of a likelihood's loss < 0, there is not.
        if all((values > 0).all() for values, *_ in curves.values()):
            ax.set_yscale("log")
            plain_log_ticks(ax.yaxis, (1, 2, 5))
        ax.set_xlabel(self.unit)
        ax.set_ylabel("loss")
        ax.legend()
        return self


def _best(scores):
    """The epoch of the best score, counted from 1; the first one of several."""
    if scores is None or not np.isfinite(scores).any():
        return None
    return int(np.nanargmax(scores)) + 1
