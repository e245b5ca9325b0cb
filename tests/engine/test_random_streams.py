"""Draws that members share, and the noise streams of dropout and augmentation."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skl2._engine.random_streams import (
    AUGMENTATION,
    FIRST_LAYER,
    LEVELS,
    NoiseStream,
    noise_streams,
    once_per_stream,
)


def noise(seed=0):
    return NoiseStream(np.random.RandomState(seed))


def test_members_that_share_a_stream_share_the_draw_of_the_first():
    a, b = np.random.RandomState(0), np.random.RandomState(0)
    calls = []

    def draw(stream, k):
        calls.append(k)
        return stream.rand()

    drawn = once_per_stream([a, b, a, b], draw)
    assert calls == [0, 1]
    # Two streams in the same state are two streams.
    expected = np.random.RandomState(0).rand()
    assert drawn == [expected] * 4
    assert once_per_stream([], draw) == []


def test_members_that_share_a_stream_share_the_noise():
    streams = [np.random.RandomState(0), np.random.RandomState(1)]
    earlier = noise(2)
    fresh = SimpleNamespace(progress=None)
    continued = SimpleNamespace(progress=SimpleNamespace(noise=earlier))
    made = noise_streams([fresh, fresh, continued], [*streams[:1] * 2, streams[1]])
    assert made[0] is made[1]
    assert made[2] is earlier


def test_a_noise_stream_leaves_the_random_state_as_it_is():
    random_state = np.random.RandomState(0)
    NoiseStream(random_state).bits(AUGMENTATION, (3,))
    assert random_state.rand() == np.random.RandomState(0).rand()


@pytest.mark.parametrize("purpose", [AUGMENTATION, FIRST_LAYER, FIRST_LAYER + 1])
def test_what_one_purpose_draws_does_not_depend_on_the_others(purpose):
    alone, among = noise(), noise()
    for other in range(4):
        if other != purpose:
            among.bits(other, (5, 3))
    first = alone.bits(purpose, (2, 9))
    assert_array_equal(among.bits(purpose, (2, 9)), first)
    assert not np.array_equal(alone.bits(purpose, (2, 9)), first)
    assert not np.array_equal(noise(1).bits(purpose, (2, 9)), first)
    assert not np.array_equal(noise().bits(purpose + 1, (2, 9)), first)


def test_levels_are_drawn_uniformly():
    bits = noise().bits(1, (64, 4096))
    counts = np.bincount(bits.ravel() // (LEVELS // 64), minlength=64)
    # 4096 expected in each: chi-square with 63 degrees of freedom.
    assert ((counts - 4096) ** 2 / 4096).sum() < 120
