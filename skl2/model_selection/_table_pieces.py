"""The final networks of a table of many rows, which is never encoded as a whole."""

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone, is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import unique_labels

from skl2._engine.data import balanced_slices
from skl2._engine.solvers.schedules import cosine_factor
from skl2._sklearn_compat import take_rows

# Rows encoded at a time: 40 MB of 30 columns with 16 ramps each.
PIECE_ROWS = 20_000


def fit_in_pieces(pipelines, n_networks, sample, X, y, weight, n_epochs, seed):
    """Fit networks to all rows, of which one piece at a time is encoded.

    In each epoch the rows come in a new random order, cut into pieces. A piece is
    encoded, and each network takes it by ``partial_fit``: at a learning rate that falls
    along a cosine from piece to piece, and at the share of λ that the piece has in the
    weight of all rows.

    Parameters
    ----------
    pipelines : list of Pipeline
        Two steps, an encoder of the columns and a network; not fitted.
    n_networks : list of int
        Networks of each pipeline.
    sample : (X, y, weights)
        Rows that the encoders are fitted on; `weights` is a dict for their ``fit``.
    X : {ndarray, sparse matrix, DataFrame} of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
    weight : ndarray of shape (n_rows,) or None
        Weights of the rows, multiplied by the weights of their classes.
    n_epochs : int
    seed : int

    Returns
    -------
    fitted : list of Pipeline, one for each network
    """
    if issparse(X):
        X = X.tocsr()
    stream = check_random_state(seed)
    classes = unique_labels(y) if is_classifier(pipelines[0]) else None
    groups = []
    for pipeline, n in zip(pipelines, n_networks, strict=True):
        learners = [_Learner(pipeline[1], classes, stream) for _ in range(n)]
        groups.append((_fitted_encoder(pipeline[0], *sample), learners))
    for rows, rate, share in _epochs(weight, len(y), n_epochs, stream):
        piece = take_rows(X, rows)
        own = None if weight is None else weight[rows]
        for encoder, learners in groups:
            encoded = encoder.transform(piece)
            for learner in learners:
                learner.learn(encoded, y[rows], own, rate, share)
    names = [name for name, _ in pipelines[0].steps]
    return [
        Pipeline(list(zip(names, (encoder, learner.finished()), strict=True)))
        for encoder, learners in groups
        for learner in learners
    ]


def cut(n_rows):
    """Pieces of rows in their order, slices."""
    return balanced_slices(n_rows, PIECE_ROWS)


def _fitted_encoder(encoder, X, y, weights):
    # Only the encoder of a dense X asks for weights.
    weights = weights if isinstance(encoder, ColumnTransformer) else {}
    return clone(encoder).fit(X, y, **weights)


def _epochs(weight, n_rows, n_epochs, stream):
    """(rows, factor of the learning rate, share of the weight) of each piece."""
    # A piece of rows without weight would have no loss.
    rows = np.arange(n_rows) if weight is None else np.flatnonzero(weight)
    total = _sum_of(weight, rows)
    pieces = cut(len(rows))
    for epoch in range(n_epochs):
        order = stream.permutation(rows)
        for k, places in enumerate(pieces):
            rate = cosine_factor(epoch * len(pieces) + k, n_epochs * len(pieces))
            yield order[places], rate, _sum_of(weight, order[places]) / total


def _sum_of(weight, rows):
    return float(len(rows) if weight is None else weight[rows].sum(dtype=np.float64))


class _Learner:
    """A network that learns piece by piece.

    Parameters
    ----------
    network : MLPClassifier or MLPRegressor
        Its λ and learning rate are those of all rows, and of the start.
    classes : ndarray or None
    stream : RandomState
        Draws the seed.
    """

    def __init__(self, network, classes, stream):
        params = network.get_params()
        changed: dict = {"learning_rate": "constant"}
        self._known = {}
        if classes is not None:
            # The weights of the rows are multiplied by them.
            changed["class_weight"] = None
            self._known["classes"] = classes
        names = (*changed, "alpha", "learning_rate_init")
        self._params = {name: params[name] for name in names}
        seed = int(stream.randint(np.iinfo(np.int32).max))
        self._network = clone(network).set_params(random_state=seed, **changed)

    def learn(self, X, y, weight, rate, share):
        """Take a piece at a share of λ and of the learning rate."""
        self._network.set_params(
            alpha=np.multiply(self._params["alpha"], share).tolist(),
            learning_rate_init=self._params["learning_rate_init"] * rate,
        )
        self._network.partial_fit(X, y, weight, **self._known)

    def finished(self):
        """The network with the parameters that it began with."""
        self._network.set_params(**self._params)
        return self._network.without_progress()
