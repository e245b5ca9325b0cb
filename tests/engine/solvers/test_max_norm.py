"""Max-norm: a projection onto balls, exact, after every step."""

import numpy as np
import pytest
from helpers import fit_quietly
from numpy.testing import assert_allclose, assert_array_equal

from skl2 import MLPRegressor
from skl2._engine.network.network import Network
from skl2._engine.solvers.max_norm import MaxNorm


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_max_norm_projects_onto_the_ball(dtype):
    slots = Network([30, 8, 1], "relu", dtype).layout.slots[0::2]
    theta = np.random.RandomState(0).standard_normal((3, 30 * 8 + 8 + 8 + 1))
    theta = theta.astype(dtype)
    theta[:, slots[0].columns] *= 0.5
    before, radius = theta.copy(), np.array([2.0, 3.0, 1e9])
    MaxNorm(slots, radius).project(theta)
    penalized = np.zeros(theta.shape[1], dtype=bool)
    for slot in slots:
        penalized[slot.columns] = True
        for k in range(3):
            W, W_before = slot.view(theta)[k], slot.view(before)[k]
            norm = np.linalg.norm(W.astype(float), axis=0)
            norm_before = np.linalg.norm(W_before.astype(float), axis=0)
            # Exactly: no tolerance.
            assert (norm <= radius[k]).all()
            expected = W_before * np.minimum(1.0, radius[k] / norm_before)
            assert_allclose(W, expected, rtol=1e-6)
            inside = norm_before < radius[k] * 0.999
            assert_array_equal(W[:, inside], W_before[:, inside])
    assert_array_equal(theta[:, ~penalized], before[:, ~penalized])
    assert not np.array_equal(theta[:2], before[:2])
    assert_array_equal(theta[2], before[2])


@pytest.mark.parametrize("penalty", ["l2", "l1"])
@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_max_norm_holds_after_every_step(dtype, solver, penalty, monkeypatch):
    steps, project = [], MaxNorm.project

    def watched(constraint, theta):
        project(constraint, theta)
        for slot in constraint.slots:
            norms = np.linalg.norm(slot.view(theta).astype(float), axis=1)
            steps.append(norms.max())

    monkeypatch.setattr(MaxNorm, "project", watched)
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((40, 5)).astype(dtype), rng.standard_normal(40)
    model = MLPRegressor(
        hidden_layer_sizes=(6, 4),
        max_norm=0.7,
        penalty=penalty,
        solver=solver,
        batch_size=10,
        learning_rate_init=0.05,
        max_iter=10,
        random_state=0,
    )
    fit_quietly(model, X, y)
    assert len(steps) >= 3 * 40 and max(steps) <= 0.7 and max(steps) > 0.69
    for W in model.coefs_:
        assert (np.linalg.norm(W.astype(float), axis=0) <= 0.7).all()
