"""The walk over λ: a coarse row, then outwards from the best until it is enclosed."""

import numpy as np
import pytest

from skl2.model_selection._alpha_walk import (
    FARTHEST,
    AlphaGrid,
    AlphaWalk,
    given_alphas,
)


def walked(grid, score):
    """The finished walk over a grid, and how many rungs it took."""
    walk, rungs = grid.walk(), 0
    while positions := walk.next():
        walk.scores |= {p: score(grid.alpha(p)) for p in positions}
        rungs += 1
    return walk, rungs


def peak(at, width=1.0):
    """A score with one maximum over log λ."""
    return lambda alpha: -((np.log10(alpha) - at) ** 2) / width


@pytest.mark.parametrize("scale", [1e-3, 1.0, 500.0])
@pytest.mark.parametrize("at", np.arange(-5.0, 5.1, 0.37))
@pytest.mark.parametrize("per_decade", ["auto", 1, 4])
def test_the_best_of_all_points_is_found(scale, at, per_decade):
    grid = AlphaGrid(per_decade, scale)
    at += np.log10(scale)
    walk, _ = walked(grid, peak(at))
    n = FARTHEST * grid.per_decade
    scores = [peak(at)(grid.alpha(p)) for p in range(-n, n + 1)]
    assert walk.best == int(np.argmax(scores)) - n
    assert walk.enclosed


def test_a_peak_near_the_scale_costs_six_candidates_and_two_rungs():
    walk, rungs = walked(AlphaGrid("auto", 1.0), peak(-0.1))
    assert (len(walk.scores), rungs) == (6, 2)


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_score_without_a_peak_ends_the_walk_at_its_limit(sign):
    walk, _ = walked(AlphaGrid("auto", 1.0), lambda alpha: sign * np.log(alpha))
    assert walk.best == sign * 2 * FARTHEST
    assert not walk.enclosed


def test_a_flat_score_ends_the_walk_at_the_first_of_the_best():
    walk, rungs = walked(AlphaGrid("auto", 1.0), lambda alpha: 0.0)
    # The largest λ of the row, and two beyond it that are not better.
    assert walk.best == max(walk.row) == walk.row[0]
    assert list(walk.scores) == [2, 0, -2, -4, 4, 3, 1]
    assert rungs == 2


def test_a_rung_halves_the_gaps_beside_the_best():
    walk = AlphaWalk([16, 0], [0], -100, 100, step=8)
    assert walk.next() == [16, 0]
    walk.scores = {16: 1.0, 0: 0.0}
    assert walk.next() == [32, 24, 8]
    walk.scores |= {32: 0.0, 24: 0.0, 8: 0.0}
    assert walk.next() == [20, 12]
    walk.scores |= {20: 2.0, 12: 0.0}
    assert walk.next() == [22, 18]
    assert walk.around(16) == [18, 14]


def test_nan_is_worse_than_any_score():
    walk, _ = walked(
        AlphaGrid("auto", 1.0), lambda alpha: np.nan if alpha < 1 else -alpha
    )
    assert walk.best == 0
    walk, rungs = walked(AlphaGrid("auto", 1.0), lambda alpha: np.nan)
    assert walk.best is None and rungs == 1 and walk.best_score == -np.inf


@pytest.mark.parametrize("n", [1, 2, 3, 13])
def test_given_alphas_are_walked_on_and_not_left(n):
    alphas = np.logspace(-2, 2, n)
    for best in alphas:
        walk, _ = walked(AlphaGrid(alphas[::-1], 1.0), peak(np.log10(best)))
        assert alphas[walk.best] == best
    assert set(walk.scores) <= set(range(n))


def test_zero_may_be_among_them():
    grid = AlphaGrid([1.0, 0.0, 0.1], 1.0)
    walk, _ = walked(grid, lambda alpha: -alpha)
    assert grid.alpha(walk.best) == 0.0


@pytest.mark.parametrize(
    "wanted", ["all", 0, -1, True, [], [-1.0], [np.nan], [np.inf], [[1.0]], 2.5, None]
)
def test_wrong_alphas(wanted):
    with pytest.raises(ValueError, match="alphas must be 'auto'"):
        given_alphas(wanted)


def test_the_ends_are_kept():
    walk = AlphaWalk([0], [0], 0, 1)
    walk.scores = {0: 1.0}
    assert walk.next() == [1]
    walk = AlphaWalk([0], [0], -1, 5, step=3)
    walk.scores = {0: 1.0}
    assert walk.next() == [5, 3, -1]


@pytest.mark.parametrize(
    "wanted, look, row",
    [
        ("auto", [1.0, 0.1], [10.0, 0.01]),
        (4, [1.0, 0.1], [10.0, 0.01]),
        (np.logspace(-3, 3, 13), [10.0, 1.0], [1e3, 1e2, 0.1, 0.01, 1e-3]),
        ([0.5, 2.0, 8.0], [8.0, 2.0], [0.5]),
        ([0.5, 2.0], [2.0, 0.5], []),
        ([0.5], [0.5], []),
    ],
)
def test_a_look_is_a_part_of_the_row(wanted, look, row):
    grid = AlphaGrid(wanted, 1.0)
    walk = grid.walk()
    assert [grid.alpha(p) for p in walk.look] == pytest.approx(look)
    walk.scores = dict.fromkeys(walk.look, 0.0)
    rest = [grid.alpha(p) for p in walk.next()]
    if row:
        assert rest == pytest.approx(row)
    else:
        assert len(walk.row) == len(look)
