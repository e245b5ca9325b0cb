"""The weights of a network, as a picture."""

import numpy as np
from scipy import sparse

from skl2._estimators.prediction import check_perceptron
from skl2.inspection._axes import make_axes


class WeightDisplay:
    """The weights: a histogram for each layer, or the first layer as images.

    In the histogram exact zeros are apart: a dot at 0 is their number, and the legend
    has their share. As images, each hidden unit shows its incoming weights in the place
    of the pixels they are for, red above 0, blue below, white at 0.

    Make it with ``from_estimator``.

    Parameters
    ----------
    coefs : list of {ndarray, sparse matrix} of shape (n_in, n_out)
        Weights of each layer.
    image_shape : tuple of int, default=None
        (height, width) of a row of X: draw the first layer as images.
    max_images : int, default=100
        Units drawn at most: those whose weights have the largest norm, in their order.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    histograms_ : list of matplotlib StepPatch
        One for each layer; empty with `image_shape`.
    n_zeros_ : ndarray of shape (n_layers - 1,)
        Exact zeros of each layer.
    image_ : matplotlib AxesImage or None
        The images, side by side.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl2 import MLPClassifier
    >>> from skl2.inspection import WeightDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MLPClassifier((16,), penalty="l1", alpha=1.0, random_state=0)
    >>> clf = clf.fit(X / 16, y)
    >>> WeightDisplay.from_estimator(clf)  # doctest: +SKIP
    >>> WeightDisplay.from_estimator(clf, image_shape=(8, 8))  # doctest: +SKIP
    """

    def __init__(self, coefs, *, image_shape=None, max_images=100):
        self.coefs = coefs
        self.image_shape = image_shape
        self.max_images = max_images

    @classmethod
    def from_estimator(cls, estimator, *, image_shape=None, max_images=100, ax=None):
        """Draw ``coefs_``, dense or sparsified.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
            Fitted.
        image_shape : tuple of int, default=None
            (height, width) of a row of X: draw the first layer as images.
        max_images : int, default=100
            Units drawn at most.
        ax : matplotlib Axes, default=None
            Where to draw; None stands for new axes.

        Returns
        -------
        display : WeightDisplay

        Raises
        ------
        ValueError
            If `image_shape` does not have as many values as X has features.
        """
        check_perceptron(estimator, cls.__name__)
        display = cls(estimator.coefs_, image_shape=image_shape, max_images=max_images)
        return display.plot(ax=ax)

    def plot(self, ax=None):
        """Draw, on new axes or on those given.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None stands for new axes.

        Returns
        -------
        self : WeightDisplay
        """
        images = None if self.image_shape is None else self._mosaic()
        self.ax_ = ax = make_axes(type(self).__name__, ax)
        self.figure_ = ax.figure
        values = [c.data if sparse.issparse(c) else np.ravel(c) for c in self.coefs]
        values = [v[v != 0] for v in values]
        sizes = np.array([np.prod(c.shape) for c in self.coefs])
        self.n_zeros_ = sizes - np.array([len(v) for v in values])
        self.histograms_ = []
        self.image_ = None
        if images is None:
            self._draw_histograms(values, sizes)
        else:
            self._draw_images(images)
        return self

    def _draw_histograms(self, values, sizes):
        ax = self.ax_
        widest = max((np.abs(v).max(initial=0.0) for v in values), default=0.0)
        edges = np.linspace(-1.0, 1.0, 62) * (widest or 1.0)
        for i, (v, size, n_zeros) in enumerate(
            zip(values, sizes, self.n_zeros_, strict=True)
        ):
            n_in, n_out = self.coefs[i].shape
            label = f"layer {i + 1}: {n_in}×{n_out}, {n_zeros / size:.1%} exact zeros"
            counts = np.histogram(v, edges)[0]
            self.histograms_.append(
                ax.stairs(counts, edges, color=f"C{i}", linewidth=1.5, label=label)
            )
            if n_zeros:
                ax.plot([0], [n_zeros], "o", color=f"C{i}")
        ax.set_yscale("symlog", linthresh=1.0)
        # Room for the legend.
        ax.set_ylim(0, 20 * ax.get_ylim()[1])
        ax.set_xlabel("weight")
        ax.set_ylabel("number of weights (dots: exact zeros)")
        ax.legend(loc="upper right")

    def _mosaic(self):
        """The units' images side by side, NaN between them."""
        first = self.coefs[0]
        first = first.toarray() if sparse.issparse(first) else first
        shape = tuple(self.image_shape)
        if len(shape) != 2 or np.prod(shape) != len(first):
            raise ValueError(
                "image_shape must be (height, width) with as many values as X has "
                f"features, {len(first)}. Got {self.image_shape!r}."
            )
        norms = np.linalg.norm(first, axis=0)
        shown = np.sort(np.argsort(-norms, kind="stable")[: self.max_images])
        n_columns = int(np.ceil(np.sqrt(len(shown))))
        n_rows = -(-len(shown) // n_columns)
        height, width = shape
        mosaic = np.full(
            (n_rows * (height + 1) - 1, n_columns * (width + 1) - 1), np.nan
        )
        for k, unit in enumerate(shown):
            top, left = k // n_columns * (height + 1), k % n_columns * (width + 1)
            mosaic[top : top + height, left : left + width] = first[:, unit].reshape(
                shape
            )
        return mosaic

    def _draw_images(self, mosaic):
        largest = np.nanmax(np.abs(mosaic)) or 1.0
        self.image_ = self.ax_.imshow(
            mosaic, cmap="RdBu_r", vmin=-largest, vmax=largest, interpolation="nearest"
        )
        # Darker than the white of a zero: where one image ends.
        self.ax_.set_facecolor("0.6")
        self.ax_.set(xticks=[], yticks=[])
        self.ax_.set_title("incoming weights of each unit of the first layer")
        self.figure_.colorbar(self.image_, ax=self.ax_, label="weight")
