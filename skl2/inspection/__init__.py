"""Looking into a fitted network: its optimality, its uncertainty, its weights.

The displays follow scikit-learn's conventions: ``from_estimator`` computes and draws,
``plot(ax=)`` draws (again) and returns the display. matplotlib is imported where
something is drawn, and not before.
"""

from skl2.inspection._intervals import prediction_interval, prediction_set
from skl2.inspection._linear_regime import (
    LinearRegime,
    hidden_activations,
    linear_range,
    linear_regime,
)
from skl2.inspection._loss_curve import LossCurveDisplay
from skl2.inspection._mc_dropout import mc_dropout
from skl2.inspection._optimality import optimality
from skl2.inspection._path import RegularizationPathDisplay
from skl2.inspection._regime_display import LinearRegimeDisplay
from skl2.inspection._spread import spread
from skl2.inspection._weights import WeightDisplay

__all__ = [
    "LinearRegime",
    "LinearRegimeDisplay",
    "LossCurveDisplay",
    "RegularizationPathDisplay",
    "WeightDisplay",
    "hidden_activations",
    "linear_range",
    "linear_regime",
    "mc_dropout",
    "optimality",
    "prediction_interval",
    "prediction_set",
    "spread",
]
