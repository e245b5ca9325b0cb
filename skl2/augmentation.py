"""Transforms of a mini-batch: data augmentation, with fresh noise every time.

A transform is a callable ``transform(X, y, random_state) -> (X, y)``. It gets the rows
of a mini-batch and returns arrays of the same shape and type:

X : ndarray, or CSR matrix if X is sparse, of shape (n_rows, n_features)
    Read-only: it may be a view of the training data.
y : ndarray of shape (n_rows, n_outputs), of X's type
    Targets as the loss reads them: one-hot for more than two classes, one column of 0
    and 1 for two, the indicator matrix for multilabel, else the numbers. Read-only.
    Targets between the classes ("soft") are fine.
random_state : numpy.random.Generator
    The only source of randomness to use: a seeded fit is then reproducible, alone and
    in a stack.

Those below are scikit-learn objects without a ``fit``: they are cloned with the
estimator, and a search reaches their parameters (``augmentation__scale``).
"""

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator


class Augmentation(BaseEstimator):
    """Base of the transforms below."""

    handles_sparse = False

    def __call__(self, X, y, random_state):
        if issparse(X) and not self.handles_sparse:
            name = type(self).__name__
            raise ValueError(f"{name} needs a dense X, got a sparse one.")
        return self._transform(X, y, random_state)

    def _check(self, name, holds, allowed):
        if not holds:
            raise ValueError(
                f"The {name!r} parameter of {type(self).__name__} must be {allowed}. "
                f"Got {getattr(self, name)!r} instead."
            )

    def _transform(self, X, y, random_state):
        raise NotImplementedError


class GaussianNoise(Augmentation):
    """Adds normal noise, X + scale · N(0, 1).

    On a linear model with the squared error it amounts to L2 with λ = m · scale²
    (Bishop, "Training with noise is equivalent to Tikhonov regularization", 1995).

    Parameters
    ----------
    scale : float, default=0.1
        Standard deviation, in the units of X.
    """

    def __init__(self, scale=0.1):
        self.scale = scale

    def _transform(self, X, y, random_state):
        self._check("scale", self.scale >= 0, "a number >= 0")
        noise = random_state.standard_normal(X.shape, dtype=X.dtype)
        noise *= float(self.scale)
        noise += X
        return noise, y


class FeatureMask(Augmentation):
    """Hides a random share of the values of X.

    Parameters
    ----------
    rate : float, default=0.1
        Probability in [0, 1] of each value to be hidden.

    mode : {'zero', 'swap'}, default='zero'
        What stands in its place: 0 (the mean, after standardization; unlike dropout the
        rest is not scaled up), or the value of the same feature in a random row of the
        batch ("swap noise", which fits features of any distribution). A sparse X can
        have zeros only.
    """

    handles_sparse = True

    def __init__(self, rate=0.1, mode="zero"):
        self.rate = rate
        self.mode = mode

    def _transform(self, X, y, random_state):
        self._check("rate", 0 <= self.rate <= 1, "a number in [0, 1]")
        self._check("mode", self.mode in ("zero", "swap"), "'zero' or 'swap'")
        if issparse(X):
            self._check("mode", self.mode == "zero", "'zero' for a sparse X")
            X = X.copy()
            X.data *= self._kept(X.data.shape, random_state)
            return X, y
        kept = self._kept(X.shape, random_state)
        if self.mode == "zero":
            return X * kept, y
        rows, columns = np.nonzero(~kept)
        X = X.copy()
        others = random_state.integers(0, len(X), len(rows))
        X[rows, columns] = X[others, columns]
        return X, y

    def _kept(self, shape, random_state):
        return random_state.random(shape, dtype=np.float32) >= self.rate


class Mixup(Augmentation):
    """Mixes each row with another one, in X and in y.

    X ← c X + (1 - c) X', y ← c y + (1 - c) y', with c = max(b, 1 - b), b ~ Beta(alpha,
    alpha) drawn for each row and X', y' a random permutation of the batch. A row keeps
    its weight, of which it is the larger part: over the batch b and 1 - b give the same
    mixtures, but only the maximum leaves each class the weight it was given.

    Zhang, Cisse, Dauphin & Lopez-Paz, "mixup: beyond empirical risk minimization",
    2018.

    Parameters
    ----------
    alpha : float, default=0.2
        > 0; the larger, the more the rows are mixed (1: uniformly).
    """

    handles_sparse = True

    def __init__(self, alpha=0.2):
        self.alpha = alpha

    def _transform(self, X, y, random_state):
        self._check("alpha", self.alpha > 0, "a number > 0")
        n_rows = X.shape[0]
        share = random_state.beta(self.alpha, self.alpha, (n_rows, 1)).astype(X.dtype)
        np.maximum(share, 1 - share, out=share)
        other = random_state.permutation(n_rows)
        mixed_y = share * y + (1 - share) * y[other]
        if issparse(X):
            mixed = X.multiply(share) + X[other].multiply(1 - share)
            return mixed.tocsr(), mixed_y
        return share * X + (1 - share) * X[other], mixed_y


class _ImageTransform(Augmentation):
    """Sees the flat rows of X as images."""

    def _images(self, X):
        shape = tuple(self.image_shape)
        if len(shape) not in (2, 3) or np.prod(shape) != X.shape[1]:
            raise ValueError(
                f"The 'image_shape' parameter of {type(self).__name__} must be "
                "(height, width) or (height, width, channels), with as many values as "
                f"X has features, {X.shape[1]}. Got {self.image_shape!r} instead."
            )
        return X.reshape(len(X), *shape)


class ImageShift(_ImageTransform):
    """Moves each image by a random number of pixels; what comes in is 0.

    Parameters
    ----------
    image_shape : tuple of int
        (height, width) or (height, width, channels) of a row of X.

    max_shift : int, default=2
        Each image moves by an integer from -max_shift to max_shift in each direction.
    """

    def __init__(self, image_shape, max_shift=2):
        self.image_shape = image_shape
        self.max_shift = max_shift

    def _transform(self, X, y, random_state):
        images, s = self._images(X), self.max_shift
        self._check("max_shift", s >= 0 and s == int(s), "an integer >= 0")
        height, width = images.shape[1:3]
        padded = np.zeros(
            (len(X), height + 2 * s, width + 2 * s, *images.shape[3:]), X.dtype
        )
        padded[:, s : s + height, s : s + width] = images
        windows = np.lib.stride_tricks.sliding_window_view(
            padded, (height, width), axis=(1, 2)
        )
        if images.ndim == 4:
            windows = np.moveaxis(windows, 3, -1)
        down, right = random_state.integers(0, 2 * s + 1, (2, len(X)))
        return windows[np.arange(len(X)), down, right].reshape(X.shape), y


class HorizontalFlip(_ImageTransform):
    """Mirrors an image left to right, at random.

    Parameters
    ----------
    image_shape : tuple of int
        (height, width) or (height, width, channels) of a row of X.

    rate : float, default=0.5
        Probability in [0, 1] of each image to be mirrored.
    """

    def __init__(self, image_shape, rate=0.5):
        self.image_shape = image_shape
        self.rate = rate

    def _transform(self, X, y, random_state):
        self._check("rate", 0 <= self.rate <= 1, "a number in [0, 1]")
        images = self._images(X)
        flipped = random_state.random(len(X)) < self.rate
        out = images.copy()
        out[flipped] = images[flipped, :, ::-1]
        return out.reshape(X.shape), y


class Compose(Augmentation):
    """Applies one transform after the other.

    Parameters
    ----------
    transforms : list of transforms
        Applied one after another.
    """

    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, X, y, random_state):
        for transform in self.transforms:
            X, y = transform(X, y, random_state)
        return X, y
