"""The λ ladder: which λs it visits, from which weights, and what they score."""

from dataclasses import replace

import joblib
import numpy as np
import pytest
from helpers import CONTAINERS, DTYPES, LOSSES, make_member, make_shape, training_set
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import Ridge
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.model_selection import KFold

from skl2._engine.data import TrainingSet
from skl2._engine.losses import HalfSquaredError
from skl2._engine.network.network import Network
from skl2._engine.stack import initial_theta, train_stack
from skl2.model_selection._ladder import (
    Folds,
    Ladder,
    Visit,
    choose,
    held_out_loss,
    standard_error,
)

N = 45
SPLITS = list(KFold(3, shuffle=True, random_state=0).split(np.zeros((N, 1))))
ALPHAS = np.logspace(-3, 3, 7)


def folds_of(data, loss=None, splits=SPLITS, score=None):
    loss = loss or HalfSquaredError()
    score = score or held_out_loss(data, loss)
    return Folds(data, splits, loss, score, joblib.Parallel(1))


def members_at(folds, shape, alpha, **params):
    member = make_member(shape, alpha=alpha, **params)
    theta = initial_theta(shape, make_member(shape))
    return folds.members(member, [theta] * len(folds.splits))


# ------------------------------------------------------------------ held-out scores


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "name", ["squared_error", "binary_log_loss", "multinomial_log_loss"]
)
def test_the_default_score_is_scikit_learns(name, weighted, container, dtype):
    n_outputs = 1 if name == "binary_log_loss" else 3
    data = training_set(
        name, N, n_outputs=n_outputs, weighted=weighted, container=container
    )
    shape = make_shape(data)
    network = Network(shape.layer_sizes, shape.activation, shape.dtype)
    theta = initial_theta(shape, make_member(shape))
    coefs, intercepts = network.unpack(theta)
    rows = SPLITS[0][1]
    a = np.tanh(data.X[rows] @ coefs[0] + intercepts[0])
    output = LOSSES[name].predict((a @ coefs[1] + intercepts[1]).T[np.newaxis])[0].T
    s = data.sample_weight[rows] if weighted else None
    y = data.y[:, rows].T
    if name == "squared_error":
        expected = -0.5 * n_outputs * mean_squared_error(y, output, sample_weight=s)
    else:
        labels = y[:, 0] if n_outputs == 1 else y.argmax(axis=1)
        expected = -log_loss(
            labels,
            output[:, 0] if n_outputs == 1 else output,
            sample_weight=s,
            labels=np.arange(2 if n_outputs == 1 else 3),
        )
    got = held_out_loss(data, LOSSES[name])(network, theta, rows)
    assert isinstance(got, float)
    assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [([1.0, 2.0, 6.0], np.sqrt(7.0 / 3.0)), ([3.0, 3.0], 0.0), ([5.0], 0.0)],
)
def test_standard_error(scores, expected):
    assert_allclose(standard_error(np.array(scores)), expected)
    assert np.isnan(standard_error(np.array([1.0, np.nan, 2.0])))


NAN = np.nan


@pytest.mark.parametrize(
    ("means", "errors", "best", "one_se"),
    [
        ([1.0, 3.0, 2.5, 2.0], [9.0, 0.6, 9.0, 9.0], 1, 2),
        # The bound itself is inside; the error is that of the best λ.
        ([1.0, 3.0, 2.5, 2.0], [9.0, 1.0, 0.0, 0.0], 1, 3),
        ([1.0, 3.0, 2.5, 2.0], [9.0, 0.0, 9.0, 9.0], 1, 1),
        # The largest λ inside counts, even behind one that is not.
        ([3.0, 0.0, 2.9], [0.5, 0.5, 0.5], 0, 2),
        # λs not visited, or whose score is NaN, are out.
        ([NAN, 3.0, NAN, 2.9, NAN], [NAN, 0.5, NAN, 0.0, NAN], 1, 3),
        # Of equals the smallest λ is the best.
        ([2.0, 2.0], [0.0, 0.0], 0, 1),
    ],
)
def test_choose(means, errors, best, one_se):
    means, errors = np.array(means), np.array(errors)
    assert choose(means, errors, "best") == best
    assert choose(means, errors, "1se") == one_se


# ------------------------------------------------------------------ what a step does


@pytest.mark.parametrize("weighted", [False, True])
def test_the_share_of_alpha_is_that_of_the_weight(weighted):
    """λ / m is the same in a fold as on all rows."""
    data = training_set(n_rows=N, weighted=weighted)
    folds = folds_of(data)
    member = make_member(make_shape(data), alpha=[2.0, 8.0])
    for own, (train, _) in zip(folds.members(member, [None] * 3), SPLITS, strict=True):
        m = data.sample_weight.sum() if weighted else N
        m_fold = data.sample_weight[train].sum() if weighted else len(train)
        assert_allclose(own.alpha / m_fold, np.array([2.0, 8.0]) / m, rtol=1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("container", CONTAINERS)
def test_a_step_trains_each_fold_on_its_rows_alone(container, weighted, dtype):
    """All folds as one stack reach what each fold's rows give by themselves."""
    data = training_set(n_rows=N, dtype=dtype, container=container, weighted=weighted)
    shape = make_shape(data, (), tol=1e-10 if dtype == np.float64 else 1e-6)
    folds = folds_of(data)
    alphas = [0.5, 20.0]
    visits = folds.step(shape, [members_at(folds, shape, a) for a in alphas], 500)
    for alpha, visit in zip(alphas, visits, strict=True):
        assert visit.scores.shape == (3,)
        assert visit.thetas.dtype == dtype
        for k, (train, held_out) in enumerate(SPLITS):
            s = data.sample_weight[train] if weighted else None
            share = folds.shares[k]
            ridge = Ridge(alpha=alpha * share, tol=1e-12)
            ridge.fit(data.X[train].astype(float), data.y[:, train].T, s)
            residual = ridge.predict(data.X[held_out]) - data.y[:, held_out].T
            v = data.sample_weight[held_out] if weighted else None
            expected = -0.5 * np.average(np.square(residual).sum(axis=1), weights=v)
            # The ladder stops at a relative decrease of 1e-6.
            assert_allclose(visit.scores[k], expected, rtol=2e-3)


def test_a_step_is_the_minimisation_of_each_fold_on_its_own():
    data = training_set(n_rows=N)
    shape = make_shape(data)
    folds = folds_of(data)
    together = folds.step(shape, [members_at(folds, shape, a) for a in ALPHAS[:3]], 20)
    for alpha, visit in zip(ALPHAS, together, strict=False):
        for k, split in enumerate(SPLITS):
            one = folds_of(data, splits=[split])
            (alone,) = one.step(shape, [members_at(one, shape, alpha)], 20)
            assert_array_equal(alone.thetas[0], visit.thetas[k])
            assert alone.scores[0] == visit.scores[k]


def test_held_out_rows_have_no_say():
    """Not even where they would overflow, or are not numbers of any use."""
    data = training_set(n_rows=N)
    shape = make_shape(data)
    folds = folds_of(data, splits=SPLITS[:1])
    (before,) = folds.step(shape, [members_at(folds, shape, 1.0)], 30)
    held_out = SPLITS[0][1]
    data.y[:, held_out] = 1e6
    (after,) = folds.step(shape, [members_at(folds, shape, 1.0)], 30)
    assert_array_equal(before.thetas, after.thetas)
    assert after.scores < before.scores


@pytest.mark.parametrize("solver", ["lbfgs", "sgd", "adam", "adamw"])
@pytest.mark.parametrize("penalty", ["l2", "l1", "elasticnet", "group_l1"])
def test_fit_is_the_training_of_each_fold_alone(solver, penalty):
    data = training_set(n_rows=N, weighted=True)
    shape = make_shape(data, solver=solver, max_iter=3)
    folds = folds_of(data)
    members = [
        folds.members(make_member(shape, alpha=a, penalty=penalty), [None] * 3)
        for a in (0.1, 3.0)
    ]
    for own, visit in zip(members, folds.fit(shape, members), strict=True):
        for k, (train, _) in enumerate(SPLITS):
            fold = TrainingSet(
                data.X[train], data.y[:, train], data.sample_weight[train]
            )
            # The same seed in every fold, whichever is trained first.
            member = replace(own[k], random_state=np.random.RandomState(0))
            (result,) = train_stack(shape, HalfSquaredError(), [member], fold)
            assert_array_equal(visit.thetas[k], result.theta)


def test_a_fold_that_diverges_scores_nan_and_the_others_do_not():
    data = training_set(n_rows=N)
    folds = folds_of(data)
    shape = make_shape(data, ())
    members = members_at(folds, shape, 1.0)
    (expected,) = folds.step(shape, [members], 10)
    # J overflows where this one starts.
    members[1].theta = members[1].theta * 1e200
    (visit,) = folds.step(shape, [members], 10)
    assert np.isnan(visit.scores[1])
    assert np.isnan(visit.thetas[1]).all()
    assert_array_equal(visit.scores[[0, 2]], expected.scores[[0, 2]])
    assert_array_equal(visit.thetas[[0, 2]], expected.thetas[[0, 2]])


# ------------------------------------------------------------------ the walk


class Terrain(Folds):
    """Folds whose scores are given beforehand, and that note what they are asked."""

    def __init__(self, data, means, spread=0.0):
        super().__init__(data, SPLITS, HalfSquaredError(), None, None)
        self.means, self.spread, self.asked = np.asarray(means), spread, []

    def step(self, shape, members, evaluations):
        return list(self._visits(members, evaluations))

    def fit(self, shape, members):
        return self._visits(members, shape.max_iter)

    def _visits(self, members, budget):
        for own in members:
            alpha = own[0].alpha[0] / self.shares[0]
            k = int(np.abs(np.log(ALPHAS / alpha)).argmin())
            self.asked.append((k, own, budget))
            # The weights tell which λ they come from.
            thetas = np.full((3, len(own[0].theta)), float(k))
            yield Visit(
                self.means[k] + self.spread * np.array([-1.0, 0.0, 1.0]), thetas
            )


def walk(means, start=3, smooth=True, patience=1, band=False, spread=0.0):
    data = training_set(n_rows=N)
    shape = make_shape(data)
    terrain = Terrain(data, means, spread)
    Ladder(
        terrain,
        shape,
        lambda alpha: make_member(shape, alpha=alpha),
        ALPHAS,
        start,
        smooth,
        patience,
        band,
    ).walk()
    return terrain


@pytest.mark.parametrize(
    ("means", "options", "visited"),
    [
        # One step beyond the best, on both sides.
        ([0, 1, 2, 3, 2, 1, 0], {}, [2, 3, 4]),
        ([0, 1, 2, 3, 4, 3, 2], {}, [2, 3, 4, 5]),
        # The ends are the ends.
        ([0, 1, 2, 3, 4, 5, 6], {}, [2, 3, 4, 5, 6]),
        ([6, 5, 4, 3, 2, 1, 0], {}, [0, 1, 2, 3, 4]),
        ([3, 2, 1, 0, 1, 2, 3], {}, [0, 1, 2, 3, 4, 5, 6]),
        # A dip is crossed with more patience.
        ([0, 1, 2, 3, 2, 9, 0], {}, [2, 3, 4]),
        ([0, 1, 2, 3, 2, 9, 0], {"patience": 2}, [1, 2, 3, 4, 5, 6]),
        # A start at an end.
        ([3, 2, 1, 0, 0, 0, 0], {"start": 0}, [0, 1]),
        ([0, 0, 0, 0, 1, 2, 3], {"start": 6}, [5, 6]),
        # Equal is no improvement.
        ([1, 1, 1, 1, 1, 1, 1], {}, [2, 3, 4]),
        # NaN is none either, and what follows it may still be.
        ([0, 1, 2, 3, NAN, 9, 9], {}, [2, 3, 4]),
        ([0, 1, 2, NAN, 3, 2, 1], {}, [1, 2, 3, 4, 5]),
        ([NAN] * 7, {}, [2, 3, 4]),
        # The 1-SE rule wants to know where the band ends: (spread 3: error √3).
        ([0, 1, 2, 5, 4, 3.5, 0], {"band": True, "spread": 3.0}, [2, 3, 4, 5, 6]),
        ([0, 1, 2, 5, 4, 3.5, 0], {"band": False, "spread": 3.0}, [2, 3, 4]),
        ([0, 1, 2, 5, 4, 1.0, 0], {"band": True, "spread": 3.0}, [2, 3, 4, 5]),
        # Downwards it has nothing to look for.
        ([4, 4, 4, 5, 0, 0, 0], {"band": True, "spread": 3.0}, [2, 3, 4]),
    ],
)
@pytest.mark.parametrize("smooth", [True, False])
def test_which_alphas_are_visited(means, options, visited, smooth):
    terrain = walk(np.array(means, float), smooth=smooth, **options)
    asked = [k for k, _, _ in terrain.asked]
    assert sorted(asked) == visited
    assert asked[0] == options.get("start", 3)


@pytest.mark.parametrize("smooth", [True, False])
def test_from_which_weights_each_step_starts(smooth):
    """From the neighbour on the side of the start; under L1 downwards from random."""
    terrain = walk(np.array([6, 5, 4, 3, 4, 5, 6.0]), smooth=smooth)
    shape = make_shape(training_set(n_rows=N))
    cold = initial_theta(shape, make_member(shape))
    budgets = {}
    for k, own, budget in terrain.asked:
        budgets[k] = budget
        is_cold = k == 3 or (k < 3 and not smooth)
        expected = cold if is_cold else np.full_like(cold, k - 1 if k > 3 else k + 1)
        for member in own:
            assert_array_equal(member.theta, expected)
    # The first one trains longer, and so does each that starts from random weights.
    assert budgets[3] > budgets[4] == budgets[5]
    assert budgets[2] == (budgets[4] if smooth else budgets[3])


def test_all_folds_share_their_first_weights():
    terrain = walk(np.zeros(7))
    _, own, _ = terrain.asked[0]
    assert len(own) == 3
    assert all((member.theta == own[0].theta).all() for member in own)
