"""What is fitted: data, network and the work to be done, the same for every library."""

from dataclasses import dataclass, field, replace

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.preprocessing import scale

# The factor of the penalty in J: λ/2m.
ALPHA = 1e-2
# Rows of a problem in a quick run.
QUICK_ROWS = 2000


@dataclass
class Problem:
    """A classification problem and how long a network is trained on it.

    Attributes
    ----------
    X : ndarray of shape (n_rows, n_features), C-contiguous
    y : ndarray of int, shape (n_rows,)
        Classes 0 ... n_classes - 1.
    n_epochs : int
        Fixed: no library may stop early.
    """

    name: str
    X: np.ndarray
    y: np.ndarray
    hidden: tuple[int, ...]
    batch_size: int
    n_epochs: int
    learning_rate: float = 1e-3
    alpha: float = ALPHA
    seed: int = 0
    solver: str = "adam"
    layer_sizes: list[int] = field(init=False)

    def __post_init__(self):
        n_classes = int(self.y.max()) + 1
        # Two classes need one logit.
        outputs = 1 if n_classes == 2 else n_classes
        self.layer_sizes = [self.X.shape[1], *self.hidden, outputs]

    def head(self, n_rows):
        """The same problem on the first rows, at most all; the name says how many."""
        if len(self.X) <= n_rows:
            return self
        name = f"{self.name.rpartition(', ')[0]}, {n_rows}"
        return replace(self, name=name, X=self.X[:n_rows], y=self.y[:n_rows])

    @property
    def n_batches(self):
        return -(-self.X.shape[0] // self.batch_size)

    def initial_weights(self):
        """Glorot-uniform weights and biases, drawn as scikit-learn's MLP draws them."""
        stream = np.random.RandomState(self.seed)
        coefs, intercepts = [], []
        for n_in, n_out in zip(self.layer_sizes, self.layer_sizes[1:], strict=False):
            bound = (6.0 / (n_in + n_out)) ** 0.5
            coefs.append(stream.uniform(-bound, bound, (n_in, n_out)))
            intercepts.append(stream.uniform(-bound, bound, n_out))
        dtype = self.X.dtype
        return [c.astype(dtype) for c in coefs], [b.astype(dtype) for b in intercepts]

    def loss(self, coefs, intercepts):
        """Mean log-loss on all rows, for relu networks: the check of equal work."""
        a = self.X.astype(np.float64)
        for i, (W, b) in enumerate(zip(coefs, intercepts, strict=True)):
            a = a @ W + b
            if i < len(coefs) - 1:
                a = np.maximum(a, 0.0)
        if a.shape[1] == 1:
            return float(np.mean(np.logaddexp(0.0, a[:, 0]) - self.y * a[:, 0]))
        a -= a.max(axis=1, keepdims=True)
        picked = a[np.arange(len(a)), self.y]
        return float(np.mean(np.log(np.exp(a).sum(axis=1)) - picked))


def generated(n_rows, n_features, n_classes, dtype, seed=0):
    """Normal X and the classes of a random linear map of it, with noise."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, n_features), dtype=np.float32).astype(dtype)
    scores = X @ rng.standard_normal((n_features, n_classes)).astype(dtype)
    scores += n_features**0.5 * 0.5 * rng.gumbel(size=scores.shape)
    return X, scores.argmax(axis=1)


def _bundled(load, dtype):
    X, y = load(return_X_y=True)
    return np.ascontiguousarray(scale(X), dtype=dtype), y


def iris(dtype, epochs=1.0):
    X, y = _bundled(load_iris, dtype)
    return Problem("4-10-3, 150 (full)", X, y, (10,), 150, _epochs(1000, epochs))


def breast_cancer(dtype, epochs=1.0):
    X, y = _bundled(load_breast_cancer, dtype)
    return Problem("30-32-2, 64, 569", X, y, (32,), 64, _epochs(200, epochs))


def digits(dtype, epochs=1.0):
    X, y = _bundled(load_digits, dtype)
    return Problem("64-100-10, 200, 1797", X, y, (100,), 200, _epochs(200, epochs))


def two_hidden(dtype, epochs=1.0):
    X, y = generated(5000, 20, 2, dtype)
    return Problem(
        "20-100-100-2, 200, 5000", X, y, (100, 100), 200, _epochs(50, epochs)
    )


def wide_input(dtype, epochs=1.0):
    X, y = generated(10000, 784, 10, dtype)
    return Problem("784-100-10, 200, 10000", X, y, (100,), 200, _epochs(8, epochs))


def wide(dtype, epochs=1.0):
    X, y = generated(10000, 784, 10, dtype)
    return Problem(
        "784-512-512-10, 200, 10000", X, y, (512, 512), 200, _epochs(2, epochs)
    )


def _epochs(n, share):
    return max(1, round(n * share))


PROBLEMS = {
    "iris": iris,
    "breast_cancer": breast_cancer,
    "digits": digits,
    "two_hidden": two_hidden,
    "wide_input": wide_input,
    "wide": wide,
}
