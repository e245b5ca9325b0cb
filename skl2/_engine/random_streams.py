"""Draws that members share; the noise of dropout and augmentation."""

import numpy as np

# Purposes of the generators of a stream; the other layers follow the first.
AUGMENTATION, FIRST_LAYER = 0, 1
# Levels of the random integers a dropout rate is compared with.
LEVELS = 1 << 16


class NoiseStream:
    """Generators for dropout and augmentation, made from a member's random stream.

    Each purpose has its own generator: what one layer draws does not depend on other
    layers. SFC64 gives the bits of a mask in a third of the time of the Mersenne
    twister.

    Parameters
    ----------
    random_state : RandomState
        Not advanced: a fit with noise has the initial weights and batches of one
        without.
    """

    def __init__(self, random_state):
        copy = stream_at(stream_state(random_state))
        self._entropy = copy.randint(0, 2**32, 4, dtype=np.uint64).tolist()
        self._generators = {}

    def generator(self, purpose):
        """The generator for `purpose`, AUGMENTATION or FIRST_LAYER + i."""
        if purpose not in self._generators:
            seed = np.random.SeedSequence(self._entropy, spawn_key=(purpose,))
            self._generators[purpose] = np.random.Generator(np.random.SFC64(seed))
        return self._generators[purpose]

    def bits(self, purpose, shape):
        """Uniform integers below LEVELS (uint16) of the given shape."""
        n = int(np.prod(shape))
        words = self.generator(purpose).bit_generator.random_raw(-(-n // 4))
        return words.view(np.uint16)[:n].reshape(shape)


def stream_state(random_state):
    """The state of a RandomState, for ``stream_at``."""
    return random_state.get_state(legacy=False)


def stream_at(state):
    """A RandomState in a state; a deepcopy takes ten times as long."""
    stream = np.random.RandomState(getattr(np.random, state["bit_generator"])(0))
    stream.set_state(state)
    return stream


def stream_key(random_state):
    """Equal for streams that draw the same numbers, hashable."""
    return _frozen(stream_state(random_state))


def _frozen(state):
    if isinstance(state, dict):
        return tuple((name, _frozen(value)) for name, value in sorted(state.items()))
    return state.tobytes() if isinstance(state, np.ndarray) else state


def once_per_stream(streams, draw):
    """The result of ``draw(stream, k)`` for every member k, drawn once per stream.

    Members that share a stream (the same object) share the result of the first one.
    """
    drawn = {}
    for k, stream in enumerate(streams):
        if id(stream) not in drawn:
            drawn[id(stream)] = draw(stream, k)
    return [drawn[id(stream)] for stream in streams]


def noise_streams(members, streams):
    """The noise stream of every member; members that share a stream share it.

    A run that continues takes the noise stream of its earlier part.
    """

    def noise(stream, k):
        progress = members[k].progress
        return (progress and progress.noise) or NoiseStream(stream)

    return once_per_stream(streams, noise)
