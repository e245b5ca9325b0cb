"""What functions and displays share: a fitted perceptron, matplotlib, its axes."""

from sklearn.utils.validation import check_is_fitted

from skl2._estimators.classifier import MLPClassifier
from skl2._estimators.regressor import MLPRegressor


def check_perceptron(estimator, caller):
    """Raise unless `estimator` is a fitted MLPClassifier or MLPRegressor."""
    if not isinstance(estimator, MLPClassifier | MLPRegressor):
        hint = ""
        if hasattr(estimator, "steps"):
            hint = " Pass pipeline[-1], and X as pipeline[:-1].transform(X) gives it."
        elif hasattr(estimator, "best_estimator_"):
            hint = " Pass its best_estimator_."
        raise TypeError(
            f"{caller} needs an MLPClassifier or MLPRegressor of skl2, got "
            f"{type(estimator).__name__}.{hint}"
        )
    check_is_fitted(estimator)


def import_pyplot(caller):
    """matplotlib.pyplot, or an error that says how to install it."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            f"{caller} needs matplotlib: pip install 'skl2[plot]'"
        ) from error
    return pyplot


def make_axes(caller, ax=None):
    """`ax`, or new axes."""
    if ax is None:
        _, ax = import_pyplot(caller).subplots(layout="constrained")
    return ax


def plain_log_ticks(axis, subs):
    """Ticks of a logarithmic axis at `subs` times powers of ten, as plain numbers."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter("{x:g}")
    # Within a decade matplotlib labels the minor ticks as well: they overlap.
    axis.set_minor_formatter(NullFormatter())
