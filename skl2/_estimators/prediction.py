"""What a fitted network offers: raw predictions, sparsity, importances."""

import sys
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skl2._engine.data import feature_major, row_chunks
from skl2._engine.network.average import densified
from skl2._engine.network.dropout import make_dropout
from skl2._engine.network.network import Network
from skl2._engine.threads import blas_threads_for
from skl2._engine.warn import warn
from skl2._estimators.checks import rows_to_predict
from skl2._sklearn_compat import selects_by_mean

# Attributes of fitted searches and meta-estimators that lead to a network.
HOLDS_A_NETWORK = ("best_estimator_", "pipeline_", "estimator_", "regressor_")


def _fitted(estimator):
    check_is_fitted(estimator)
    return True


def check_perceptron(estimator, caller):
    """Raise unless `estimator` is a fitted MLPClassifier or MLPRegressor."""
    if not isinstance(estimator, FittedNetwork):
        raise TypeError(
            f"{caller} needs an MLPClassifier or MLPRegressor of skl2, got "
            f"{type(estimator).__name__}.{_hint_at_network(estimator)}"
        )
    check_is_fitted(estimator)


def _hint_at_network(estimator):
    """How to come from an estimator to the network inside; '' where none is known."""
    path = "search" if hasattr(estimator, "best_estimator_") else "estimator"
    if hasattr(estimator, "steps"):
        path = "pipeline"
    transformed = ""
    while not isinstance(estimator, FittedNetwork):
        if hasattr(estimator, "steps"):
            transformed = f", and X as {path}[:-1].transform(X) gives it"
            path += "[-1]"
            estimator = estimator[-1]
            continue
        inside = [name for name in HOLDS_A_NETWORK if hasattr(estimator, name)]
        if not inside:
            return ""
        path += f".{inside[0]}"
        estimator = getattr(estimator, inside[0])
    return f" Pass {path}{transformed}."


class FittedNetwork:
    """Mixin: what the classifier and the regressor do with their weights."""

    coefs_: list
    intercepts_: list
    n_outputs_: int
    _fitted_activation: Any
    _fitted_dropout: tuple
    # Set by ``mc_dropout``, on a copy: predictions are then with dropout.
    _mc_noise: Any = None
    # The single networks of an ensemble.
    _networks: list | None = None

    @property
    def estimators_(self):
        """The fitted single networks: `n_estimators` of them, or this one alone."""
        check_is_fitted(self)
        return [self] if self._networks is None else list(self._networks)

    def _bound_network(self, dtype, keeps_z=False):
        """The network of the fitted layers, bound to their weights."""
        sizes = [*(c.shape[0] for c in self.coefs_), self.n_outputs_]
        drops = None
        if self._mc_noise is not None:
            rates = self._fitted_dropout
            noise = [self._mc_noise]
            drops = make_dropout(sizes, [r > 0 for r in rates], [rates], noise)
        activation = self._fitted_activation
        network = Network(sizes, activation, dtype, drops=drops, keeps_z=keeps_z)
        network.bind_fitted(self.coefs_, self.intercepts_)
        return network

    def _raw_predict(self, X):
        """Raw predictions, shape (n_samples, n_outputs), in chunks of rows."""
        if not hasattr(self, "coefs_"):
            check_is_fitted(self)
        X = rows_to_predict(self, X)
        dtype = np.result_type(self.coefs_[0].dtype, X.dtype)
        network = self._bound_network(dtype)
        raw = np.empty((X.shape[0], self.n_outputs_), dtype)
        chunks = row_chunks(len(raw), network.widest)
        product = network.largest_product(sparse.issparse(X))
        # The first chunk is the largest.
        with blas_threads_for(product, chunks[0].stop):
            for rows in chunks:
                x = feature_major(X, rows)
                raw[rows] = network.forward(x, rows.stop - rows.start)[0].T
        return raw

    @property
    def sparsity_(self):
        """Share of exact zeros in the weights of each layer, (n_layers - 1,)."""
        check_is_fitted(self)
        sizes = [np.prod(c.shape) for c in self.coefs_]
        return np.array(
            [
                (size - count_nonzero(c)) / size
                for size, c in zip(sizes, self.coefs_, strict=True)
            ]
        )

    @property
    def feature_importances_(self):
        """Norm of each input's outgoing weights, shape (`n_features_in_`,).

        Exactly 0 for an input that the network does not use at all.
        """
        check_is_fitted(self)
        first = self.coefs_[0]
        if sparse.issparse(first):
            norms = np.sqrt(np.asarray(first.multiply(first).sum(axis=1))).ravel()
        else:
            norms = np.sqrt(np.einsum("ij,ij->i", first, first))
        dropped = np.count_nonzero((norms > 0) & (norms < norms.mean()))
        if dropped and not norms.all() and selects_by_mean(sys._getframe(1)):
            warn(
                "SelectFromModel keeps what is above the mean importance, unless the "
                f"penalty is 'l1': of {np.count_nonzero(norms)} inputs in use it drops "
                f"{dropped}. Pass threshold=1e-10 to keep them all."
            )
        return norms

    @available_if(_fitted)
    def sparsify(self):
        """Convert `coefs_` to CSR matrices, as ``SGDClassifier.sparsify`` does.

        Pays where more than about half of the weights are zero, as under an L1
        penalty. Training goes on from sparse weights as well.

        Returns
        -------
        self : object
        """
        self.coefs_ = [sparse.csr_matrix(c) for c in self.coefs_]
        for c in self.coefs_:
            # Of a block-diagonal matrix all of each block is stored.
            c.eliminate_zeros()
        return self

    @available_if(_fitted)
    def densify(self):
        """Convert `coefs_` back to arrays; undoes ``sparsify``.

        Block-diagonal layers of an ensemble become the BSR matrices they were.

        Returns
        -------
        self : object
        """
        self.coefs_ = densified(self.coefs_, len(self.estimators_))
        return self


def count_nonzero(matrix):
    """The number of weights that are not zero, of an array or a sparse matrix."""
    return (
        matrix.count_nonzero() if sparse.issparse(matrix) else np.count_nonzero(matrix)
    )
