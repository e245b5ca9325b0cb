"""What the table estimators try, and what they choose of it."""

import numpy as np
import pytest

from skl2.model_selection._table_plan import best_settings, choose, make_plan


def with_and_without(n_bins, *all_layers):
    return [(bins, layers) for layers in all_layers for bins in (0, n_bins)]


@pytest.mark.parametrize(
    "n_rows, n_columns, n_ramped, expected",
    [
        (300, 8, 3, with_and_without(16, (), (50,), (50, 50))),
        (300, 50, 50, with_and_without(8, (), (50,), (50, 50))),
        (300, 8, 0, [(None, ()), (None, (50,)), (None, (50, 50))]),
        (300, 150, 150, [(0, ()), (0, (50,)), (0, (50, 50))]),
        (60, 121, 121, [(0, ())]),
        (60, 121, 0, [(None, ())]),
        (5000, 8, 8, with_and_without(16, (), (100,), (100, 100), (300,))),
        (5000, 8, 0, [(None, ()), (None, (100,)), (None, (100, 100)), (None, (300,))]),
        (5000, 784, 784, [(0, ()), (0, (100,)), (0, (100, 100)), (0, (300,))]),
        (50_000, 8, 8, with_and_without(16, (100,), (100, 100))),
    ],
)
def test_candidates(n_rows, n_columns, n_ramped, expected):
    assert make_plan(n_rows, n_columns, n_ramped).candidates == expected


@pytest.mark.parametrize("n_rows", [300, 5000])
def test_what_the_user_has_chosen(n_rows):
    plan = make_plan(n_rows, 8, 8, n_bins=5, hidden=[7, 3])
    assert plan.candidates == [(5, (7, 3))]
    assert make_plan(n_rows, 8, 8, hidden=()).candidates == [(0, ()), (16, ())]
    assert {bins for bins, _ in make_plan(n_rows, 8, 8, n_bins=5).candidates} == {5}


def test_few_rows_get_a_number_of_steps():
    for n_rows in (20, 150, 640, 1499):
        plan = make_plan(n_rows, 8, 8)
        n_batches = np.ceil(n_rows / plan.batch_size)
        assert n_batches >= 2
        assert plan.n_epochs * n_batches >= 120
        assert plan.n_epochs >= 30


def test_many_rows_are_trained_for_fewer_epochs():
    many, more = (make_plan(n, 8, 8) for n in (80_000, 10**6))
    # Half as many epochs for four times as many rows.
    assert (many.final_epochs, more.final_epochs) == (15, 4)
    assert make_plan(10**8, 8, 8).final_epochs == 2
    assert (300,) not in {layers for _, layers in more.candidates}


def test_the_grid_names_the_parameters():
    plan = make_plan(60, 30, 30, n_bins=3, hidden=(4,))
    layers = {"mlp__hidden_layer_sizes": [(4,)]}
    assert plan.param_grid("bins", "mlp__") == [layers | {"bins": [3]}]
    plan = make_plan(60, 30, 0, hidden=(4,))
    assert plan.param_grid("bins", "mlp__") == [layers]


@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize("n_rows", [300, 5000, 50_000])
def test_linear_models_of_a_smooth_loss_are_trained_to_the_end(n_rows, smooth):
    plan = make_plan(n_rows, 8, 8, hidden=(), smooth=smooth)
    solvers = [entry.get("solver") for entry in plan.param_grid("bins", "")]
    # Pieces of many rows are learnt by steps, too.
    assert solvers == [["lbfgs"] if smooth and n_rows < 20_000 else None] * 2


def results(scores):
    """``cv_results_`` of a search; scores[candidate] = {λ: score}."""
    params = [
        {"layers": (n,), "alpha": alpha}
        for n, row in enumerate(scores)
        for alpha in row
    ]
    means = [score for row in scores for score in row.values()]
    return {"params": params, "mean_test_score": np.array(means)}


def chosen(scores, n_networks, n_rows=300):
    plan = make_plan(n_rows, 8, 8)
    return [
        (params["layers"][0], params["alpha"], n)
        for params, n in choose(results(scores), "alpha", plan, n_networks)
    ]


@pytest.mark.parametrize(
    "scores, n_networks, expected",
    [
        # Each at its best λ; 1.06 is not within 5 % of 1.
        ([{1: -2.0, 2: -1.0}, {1: -1.04}, {3: -1.06}], 4, [(0, 2, 2), (1, 1, 2)]),
        # No more than two, and no more than there are networks.
        ([{1: -1.0}, {1: -0.99}, {1: -0.98}], 7, [(2, 1, 4), (1, 1, 3)]),
        ([{1: -1.0}, {1: -0.99}], 1, [(1, 1, 1)]),
        # The smallest λ within 1 % of the best.
        ([{0.1: -1.02, 1: -1.009, 2: -1.0, 3: -1.005}], 4, [(0, 1, 4)]),
        ([{1: np.nan}, {1: -3.0}], 4, [(1, 1, 4)]),
        # A score that is positive, as R².
        ([{1: 0.9}, {1: 0.86}, {1: 0.85}], 2, [(0, 1, 1), (1, 1, 1)]),
    ],
)  # fmt: skip
def test_few_rows_average_what_is_close(scores, n_networks, expected):
    assert chosen(scores, n_networks) == expected


def test_many_rows_average_two():
    scores = [{1: -1.0, 2: -1.001}, {1: -5.0}, {1: -1.5}]
    assert chosen(scores, 4, n_rows=5000) == [(0, 1, 2), (2, 1, 2)]


def test_no_score_at_all():
    with pytest.raises(ValueError, match="All scores of the search are NaN"):
        chosen([{1: np.nan}], 2)


def test_the_best_settings_keep_the_order_of_the_search():
    rows = [{1.0: -3.0, 2.0: np.nan}, {1.0: -4.0}, {1.0: -5.0, 2.0: -1.0}, {2.0: -3.0}]
    assert best_settings(results(rows), "alpha", 2) == [
        {"layers": [(0,)]},
        {"layers": [(2,)]},
    ]
    assert best_settings(results(rows[:1]), "alpha", 2) == [{"layers": [(0,)]}]
    with pytest.raises(ValueError, match="All scores of the search are NaN"):
        best_settings(results([{1.0: np.nan}]), "alpha", 2)
