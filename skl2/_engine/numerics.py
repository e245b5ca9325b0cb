"""Small numerical helpers that several parts of the engine share."""

import numpy as np


def sigmoid(z, out):
    """Write 1 / (1 + exp(-z)) to `out`, which may be z itself.

    As (1 + tanh(z / 2)) / 2 it takes a quarter of the time of ``expit``; it is exact
    to rounding in absolute terms, which is what a gradient needs (not a logarithm).
    """
    np.multiply(z, 0.5, out=out)
    np.tanh(out, out=out)
    out *= 0.5
    out += 0.5


def per_member(values):
    """A factor for arrays with a leading member axis: a float if all agree.

    Otherwise a (K, 1) float64 column, to be cast where it meets a float32 array (a
    Python float casts itself). Products of factors are taken before that cast: a member
    of a stack then gets the numbers it gets alone.
    """
    values = np.asarray(values, dtype=np.float64)
    if (values == values[0]).all():
        return float(values[0])
    return values[:, np.newaxis]


def cast(factor, dtype):
    """A factor of ``per_member`` made ready to meet an array of type `dtype`."""
    # np.float64 is a float too, but one that would promote a float32 array.
    return float(factor) if isinstance(factor, float) else np.asarray(factor, dtype)
