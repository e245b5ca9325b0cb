"""The pre-activations of a network on its activation, as a picture."""

import numpy as np

from skl2._engine.network.layers import ACTIVATIONS
from skl2._estimators.checks import rows_to_predict
from skl2._estimators.prediction import check_perceptron
from skl2.inspection._axes import import_pyplot, make_axes
from skl2.inspection._linear_regime import (
    SLOPES,
    forward_passes,
    linear_regime,
)


class LinearRegimeDisplay:
    """Where the pre-activations of each hidden layer lie on the activation.

    A histogram of z for each hidden layer; behind it the activation, its tangent at 0,
    and the range in which they differ by less than 5 %. The legend has the share of z
    in that range (``linear_regime``), the title the R² of the affine fit.

    Make it with ``from_estimator``.

    Parameters
    ----------
    regime : LinearRegime
        The measurements to draw.
    edges : ndarray of shape (n_bins + 1,)
        Of the bins of z.
    shares : ndarray of shape (n_hidden_layers, n_bins)
        Share of the z in each bin. What is beyond the edges is in the outermost bins.

    Attributes
    ----------
    ax_ : matplotlib Axes
        With the histograms.
    activation_ax_ : matplotlib Axes
        With the activation; it shares the axis of z.
    figure_ : matplotlib Figure
    histograms_ : list of matplotlib StepPatch
        One for each hidden layer.
    activation_, tangent_ : matplotlib Line2D
        `tangent_` is None where there is none.
    range_ : matplotlib artist or None
        The shaded range.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skl2 import MLPClassifier
    >>> from skl2.inspection import LinearRegimeDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MLPClassifier((10,), "tanh", max_iter=500, random_state=0).fit(X, y)
    >>> LinearRegimeDisplay.from_estimator(clf, X)  # doctest: +SKIP
    """

    def __init__(self, regime, edges, shares):
        self.regime = regime
        self.edges = edges
        self.shares = shares

    @classmethod
    def from_estimator(cls, estimator, X, *, n_bins=80, ax=None):
        """Measure the linear regime of a network on X and draw it.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
            Fitted, with a hidden layer.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        n_bins : int, default=80
            Bins of the histograms, over four times the largest mean abs(z).
        ax : matplotlib Axes, default=None
            Where to draw; None stands for new axes.

        Returns
        -------
        display : LinearRegimeDisplay
        """
        import_pyplot(cls.__name__)
        check_perceptron(estimator, cls.__name__)
        regime = linear_regime(estimator, X)
        if not len(regime.mean_abs_z):
            raise ValueError(
                f"This {type(estimator).__name__} has no hidden layer: it is linear."
            )
        finite = [abs(z) for z in regime.linear_range or () if np.isfinite(z)]
        widest = max(4.0 * regime.mean_abs_z.max(), *(2.0 * z for z in finite), 1e-300)
        edges = np.linspace(-widest, widest, n_bins + 1)
        counts = np.zeros((len(regime.mean_abs_z), n_bins))
        for _, i, z, _ in forward_passes(estimator, rows_to_predict(estimator, X)):
            if i < len(counts):
                counts[i] += np.histogram(np.clip(z, -widest, widest), edges)[0]
        shares = counts / counts.sum(axis=1, keepdims=True)
        return cls(regime, edges, shares).plot(ax=ax)

    def plot(self, ax=None):
        """Draw, on new axes or on those given.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None stands for new axes.

        Returns
        -------
        self : LinearRegimeDisplay
        """
        self.ax_ = ax = make_axes(type(self).__name__, ax)
        self.figure_ = ax.figure
        self.activation_ax_ = ax.twinx()
        self._draw_activation()
        kind = "units of one sign" if self.regime.linear_range is None else "linear"
        self.histograms_ = [
            ax.stairs(
                row,
                self.edges,
                color=f"C{i}",
                fill=True,
                alpha=0.6,
                label=f"layer {i + 1}: {share:.0%} {kind}",
            )
            for i, (row, share) in enumerate(
                zip(self.shares, self.regime.linear_share, strict=True)
            )
        ]
        # Room for the legend.
        ax.set_ylim(0, self.shares.max() * (1.15 + 0.1 * len(self.shares)))
        ax.set_xlabel("pre-activation z")
        ax.set_ylabel("share of z in a bin")
        ax.set_title(f"affine map explains R² = {self.regime.affine_r2:.3f}")
        ax.legend(loc="upper left")
        return self

    def _draw_activation(self):
        ax, name = self.activation_ax_, self.regime.activation
        z = np.linspace(self.edges[0], self.edges[-1], 401)
        f = ACTIVATIONS[name]()(z)
        (self.activation_,) = ax.plot(z, f, color="0.3", linewidth=1)
        self.tangent_ = None
        self.range_ = None
        if self.regime.linear_range is not None:
            low, high = np.clip(self.regime.linear_range, z[0], z[-1])
            (self.tangent_,) = ax.plot(
                z,
                ACTIVATIONS[name]()(np.zeros(1))[0] + SLOPES[name] * z,
                "--",
                color="0.3",
                linewidth=1,
            )
            self.range_ = self.ax_.axvspan(low, high, color="C2", alpha=0.15)
        margin = 0.1 * (f.max() - f.min() or 1.0)
        ax.set_ylim(f.min() - margin, f.max() + margin)
        label = name if self.tangent_ is None else f"{name}, tangent dashed"
        ax.set_ylabel(label, color="0.3")
        ax.tick_params(axis="y", colors="0.3")
