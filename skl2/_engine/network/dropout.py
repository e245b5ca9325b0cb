"""Dropout: noise on the input and on the hidden units, in training alone."""

import numpy as np
from scipy.sparse import issparse

from skl2._engine.random_streams import FIRST_LAYER, LEVELS, once_per_stream


class NoDropout:
    """For layers without dropout: the output is the input."""

    def select(self, keep):
        pass

    def forward(self, x):
        return x

    def backward(self, d):
        pass


class Dropout:
    """Inverted dropout: each value is 0 with probability p, else multiplied by 1/(1-p).

    p is rounded to a multiple of 2^-16 (at least one), and the factor is made of the
    rounded p: the expectation is exact. Members that share both stream and rate share
    the mask.

    Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov, "Dropout", 2014.

    Parameters
    ----------
    index : int
        Number of the layer whose output is dropped, 0 for the input.
    n_units : int
    rates : sequence of float in (0, 1), one per member
    noise : list of NoiseStream, one per member
    """

    def __init__(self, index, n_units, rates, noise):
        self._purpose = FIRST_LAYER + index
        self.n_units = n_units
        self.rates = list(rates)
        self.noise = list(noise)
        self._group()

    def _group(self):
        levels = [min(max(round(p * LEVELS), 1), LEVELS - 1) for p in self.rates]
        each = list(zip(self.noise, levels, strict=True))
        same = all(stream is self.noise[0] and q == levels[0] for stream, q in each)
        # One mask for all, or one per member.
        self._draws = each[:1] if same else each
        self._kept = {}

    def select(self, keep):
        self.rates = [self.rates[k] for k in keep]
        self.noise = [self.noise[k] for k in keep]
        self._group()

    def draw(self, masks):
        """Write 0 or 1/(1-p) to each of `masks`: arrays of one shape for each draw."""
        streams = [stream for stream, _ in self._draws]
        drawn = once_per_stream(
            streams, lambda stream, _: stream.bits(self._purpose, masks[0].shape)
        )
        for mask, bits, (_, level) in zip(masks, drawn, self._draws, strict=True):
            kept = bits >= np.uint16(level)
            # Without a type NumPy 1 takes the smallest one that the factor fits.
            factor = mask.dtype.type(LEVELS / (LEVELS - level))
            np.multiply(kept, factor, out=mask, dtype=mask.dtype)

    def forward(self, x):
        """`x` with dropout: activations, or an input as ``Dense.forward`` takes it."""
        if not isinstance(x, np.ndarray):
            return self._sparse_input(x)
        # Masks have the memory order of x: row by row if x was gathered from rows.
        by_rows = x.strides[-1] > x.strides[-2]
        masks, out = self._buffers(x, by_rows)
        self.draw(masks)
        if by_rows:
            masks, out = masks.swapaxes(-1, -2), out.swapaxes(-1, -2)
        self._masks = masks if out.ndim == 3 else masks[0]
        return np.multiply(x, self._masks, out=out)

    def backward(self, d):
        """Multiply the gradient by the masks of the last pass, in place."""
        d *= self._masks

    def _buffers(self, x, by_rows):
        """Masks and output, kept by shape: two at most, as batches are balanced."""
        shape = x.shape[-2:][::-1] if by_rows else x.shape[-2:]
        key = (*x.shape[:-2], *shape, by_rows)
        if key not in self._kept:
            n_draws = len(self._draws)
            own = (len(self.rates),) if x.ndim == 3 or n_draws > 1 else ()
            self._kept[key] = (
                np.empty((n_draws, *shape), x.dtype),
                np.empty((*own, *shape), x.dtype),
            )
        return self._kept[key]

    def _sparse_input(self, x):
        """Masks the stored values alone: a zero stays a zero."""
        shared = issparse(x) and len(self._draws) == 1
        if issparse(x):
            x = [x] * (1 if shared else len(self.rates))
        each = [own.copy() for own in x]
        draws = self._draws * (len(each) // len(self._draws))
        drawn = once_per_stream(
            [stream for stream, _ in draws],
            lambda stream, k: stream.bits(self._purpose, each[k].data.shape),
        )
        for own, bits, (_, level) in zip(each, drawn, draws, strict=True):
            factor = own.dtype.type(LEVELS / (LEVELS - level))
            own.data *= (bits >= np.uint16(level)) * factor
        return each[0] if shared else each


def make_dropout(layer_sizes, dropped, rates, noise):
    """Dropout of the input and of each hidden layer.

    Parameters
    ----------
    layer_sizes : sequence of int
    dropped : sequence of bool, one for each layer but the output
        Which layers have dropout; empty for none.
    rates : list of sequences of float, one per member
    noise : list of NoiseStream, one per member
    """
    sizes = layer_sizes[:-1]
    return [
        Dropout(i, n_units, [r[i] for r in rates], noise) if on else NoDropout()
        for i, (n_units, on) in enumerate(
            zip(sizes, dropped or [False] * len(sizes), strict=True)
        )
    ]
