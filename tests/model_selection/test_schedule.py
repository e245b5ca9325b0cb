"""The cost model: which tasks a search is cut into, and when processes are used."""

import numpy as np
import pytest

from skl2 import MLPClassifier
from skl2.model_selection._schedule import (
    DISPATCH,
    FIT,
    START,
    STEP,
    Costs,
    Shape,
    cut,
    makespan,
    stack_key,
    step_work,
)

SHAPE = Shape(n_rows=120, n_inputs=4, n_outputs=3, single=True)


def costs(n_candidates=20, max_iter=500, **params):
    network = MLPClassifier((10,), max_iter=max_iter, **{"batch_size": 32} | params)
    candidates = [{"mlp__alpha": alpha} for alpha in range(n_candidates)]
    return Costs(candidates, {"mlp": network.get_params(deep=False)}, SHAPE)


def test_steps_and_their_work():
    params = MLPClassifier((10,), batch_size=32, max_iter=7).get_params()
    # Four batches of 30 rows an epoch; an activation counts as 50 multiply-adds.
    assert step_work(params, SHAPE) == (32 * (54 * 10 + 60 * 3), 28)
    params["solver"] = "lbfgs"
    assert step_work(params, SHAPE) == (120 * (54 * 10 + 60 * 3), 7)


def test_members_of_a_stack_share_the_cost_of_its_steps():
    of_fold = costs()
    alone, all_together = of_fold.seconds([0]), of_fold.seconds(of_fold.order)
    assert 20 * alone > 4 * all_together > 4 * alone
    assert all_together > 500 * 4 * STEP + 20 * FIT


def test_the_candidates_of_a_stack_stay_side_by_side():
    candidates = [
        {"mlp__alpha": alpha, "mlp__batch_size": size}
        for alpha in (1.0, 2.0)
        for size in (16, 32)
    ]
    network = MLPClassifier().get_params(deep=False)
    assert Costs(candidates, {"mlp": network}, SHAPE).order == [0, 2, 1, 3]


def test_parameters_of_members_do_not_part_a_stack():
    one, other = (
        stack_key({"alpha": alpha, "random_state": seed, "pca__n": 2}, [""])
        for alpha, seed in ((1.0, 0), ((1.0, 2.0), None))
    )
    assert one == other
    assert one != stack_key({"alpha": 1.0, "pca__n": 3}, [""])


def test_invalid_parameters_cost_no_steps():
    invalid = costs(1, batch_size=None)
    assert invalid.seconds([0]) == FIT


@pytest.mark.parametrize(
    "seconds, ready, end",
    [
        ([1.0, 1.0, 1.0], [0.0], 3.0),
        ([1.0, 1.0, 1.0], [0.0, 0.0], 2.0),
        ([2.0, 1.0, 1.0], [0.0, 0.0], 2.0),
        ([1.0], [0.0, 0.0, 0.0], 1.0),
        # This process does all before the other one is ready.
        ([0.5, 0.5], [0.0, 5.0], 1.0),
        ([1.0, 1.0, 1.0], [0.0, 1.5], 2.5),
    ],
)
def test_makespan(seconds, ready, end):
    assert makespan(seconds, ready) == end


@pytest.mark.parametrize("n_processes", [2, 3, 4, 8, 64])
@pytest.mark.parametrize("n_splits", [1, 2, 5, 10])
def test_tasks_hold_every_candidate_of_every_fold_once(n_splits, n_processes):
    of_fold = costs(max_iter=5000)
    tasks = cut(of_fold, n_splits, n_processes * [0.0])
    found = sorted((fold, number) for fold, own in tasks for number in own)
    assert found == [(fold, i) for fold in range(n_splits) for i in range(20)]
    seconds = [of_fold.seconds(own) + DISPATCH for _, own in tasks]
    end = makespan(seconds, n_processes * [0.0])
    assert end < 0.85 * n_splits * of_fold.seconds(of_fold.order)


def test_five_folds_on_two_processes():
    """Four whole folds and two halves, not three folds on one of the two."""
    tasks = cut(costs(), 5, [0.0, 0.0])
    assert [len(own) for _, own in tasks[:4]] == [20] * 4
    assert len(tasks) > 5
    assert np.ptp([len(own) for _, own in tasks[4:]]) <= 1


def test_a_short_search_stays_in_one_process():
    # About 0.1 s in all, less than half a cold worker needs to start.
    assert cut(costs(2, max_iter=5), 5, [0.0, START]) == []
    # Two and a half seconds: with a new worker no shorter than alone.
    assert cut(costs(20, max_iter=400), 5, [0.0, START]) == []
    assert cut(costs(20, max_iter=400), 5, [0.0, 0.0]) != []
    assert cut(costs(1, max_iter=1), 1, [0.0, 0.0]) == []
    assert cut(costs(20, max_iter=5000), 5, [0.0, START]) != []
