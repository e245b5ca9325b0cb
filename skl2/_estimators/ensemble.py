"""What an ensemble is and reports: the average of its single networks."""

import numpy as np
from scipy import sparse

from skl2._engine.network.average import average, diagonal_blocks

# What all networks agree in.
SHARED = (
    "_fitted_activation",
    "_fitted_dropout",
    "_fitted_loss",
    "alpha_",
    "n_layers_",
    "n_outputs_",
    "out_activation_",
)
# The average of the networks' weights.
AVERAGED = ("coefs_", "intercepts_")
CURVES = (
    "loss_curve_",
    "penalty_curve_",
    "validation_scores_",
    "validation_loss_curve_",
)


def averaged(networks):
    """The fitted attributes of an ensemble, given its fitted estimators.

    The weights make the network that averages the raw predictions. Losses and scores
    are means over the networks; in a curve a network that has stopped counts with its
    last value, one without an epoch not at all. The longest run gives the number of
    epochs.
    """
    first = networks[0]
    attributes = {name: getattr(first, name) for name in SHARED}
    attributes |= averaged_weights(networks)
    for name in ("n_iter_", "t_"):
        attributes[name] = max(getattr(n, name) for n in networks)
    for name in ("loss_", "best_loss_", "best_validation_score_"):
        attributes[name] = _mean([getattr(n, name) for n in networks])
    for name in CURVES:
        attributes[name] = _mean_curve([getattr(n, name) for n in networks])
    attributes["batch_norm_"] = side_by_side([n.batch_norm_ for n in networks])
    # Each network has its own, to go on from.
    attributes["_progress"] = None
    return attributes


def averaged_weights(networks):
    """The weights of the network that is the average of fitted estimators."""
    coefs, intercepts = average([(n.coefs_, n.intercepts_) for n in networks])
    return dict(zip(AVERAGED, (coefs, intercepts), strict=True))


def is_average(networks, attributes):
    """Whether weights are the average of fitted estimators to the bit.

    They are not after ``sparsify``, or where a user has changed them.
    """
    own = [attributes.get(name) for name in AVERAGED]
    if None in own or any(sparse.issparse(n.coefs_[0]) for n in networks):
        return False
    expected = averaged_weights(networks)
    return all(
        len(found) == len(expected[name]) and all(map(_same, found, expected[name]))
        for name, found in zip(AVERAGED, own, strict=True)
    )


def _same(one, other):
    if type(one) is not type(other) or one.dtype != other.dtype:
        return False
    if sparse.issparse(one):
        blocks, others = diagonal_blocks(one), diagonal_blocks(other)
        return blocks is not None and np.array_equal(blocks, others)
    return one.flags.c_contiguous and np.array_equal(one, other)


def _mean(values):
    if values[0] is None:
        return None
    # J of each network may be near the end of its range.
    with np.errstate(over="ignore"):
        return float(np.mean(values))


def _mean_curve(curves):
    if curves[0] is None:
        return None
    # L-BFGS may stop where it starts, without an iteration.
    curves = [curve for curve in curves if curve] or [[]]
    length = max(len(curve) for curve in curves)
    padded = [curve + curve[-1:] * (length - len(curve)) for curve in curves]
    with np.errstate(over="ignore"):
        return np.mean(padded, axis=0).tolist()


def side_by_side(norms):
    """Batch-norm parameters of the hidden layers, whose units stand side by side."""
    if norms[0] is None:
        return None
    return [
        {name: np.concatenate([units[name] for units in layer]) for name in layer[0]}
        for layer in zip(*norms, strict=True)
    ]
