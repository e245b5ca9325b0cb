"""Micro-benchmarks of a training step: ``pytest benchmarks --benchmark-only``."""

import numpy as np
import pytest
from sklearn.utils import check_random_state
from threadpoolctl import threadpool_limits

from benchmarks.libraries.skl2 import estimator
from benchmarks.problems import PROBLEMS
from skl2._engine.data import BatchOrder
from skl2._engine.stack import _make_optimizer, make_objective


@pytest.fixture(params=["float64", "float32"])
def dtype(request):
    return np.dtype(request.param)


@pytest.fixture(params=["iris", "breast_cancer", "digits", "two_hidden", "wide_input"])
def step(request, dtype):
    """What a step needs, warmed up."""
    with threadpool_limits(1):
        yield Step(PROBLEMS[request.param](dtype, 0.0))


class Step:
    """One batch of a problem and the parts of the step on it."""

    def __init__(self, problem):
        model = estimator(problem)
        fit, members, _ = model._problem(problem.X, problem.y)
        settings = fit.settings
        self.data = fit.data
        self.objective = make_objective(fit, members)
        self.network = self.objective.network
        stream = check_random_state(0)
        self.theta = self.network.initial_theta(stream)[np.newaxis].copy()
        self.objective.bind(self.theta)
        self.optimizer = _make_optimizer(settings, members, self.theta, self.objective)
        order = BatchOrder(
            [stream], [None], self.data.n_rows, settings.batch_size, True
        )
        self.batches = order.epoch()
        self.rows = self.batches[0]
        self.x, self.y, self.weight = self.data.batch(self.rows)
        self.n_rows = self.y.shape[-1]
        self.whole()

    def gather(self):
        self.data.batch(self.rows)

    def forward(self):
        return self.network.forward(self.x, self.n_rows, self.weight)

    def loss(self):
        workspace = self.network.workspace(self.n_rows)
        raw = workspace.a[-1]
        self.objective.loss.value_and_gradient(
            raw, self.y, self.weight, 1e-3, workspace.loss
        )

    def backward(self):
        raw = self.network.workspace(self.n_rows).a[-1]
        self.network.backward(raw, self.n_rows)

    def update(self):
        self.objective.grad.fill(1e-3)
        self.optimizer.step(self.theta, self.objective.grad, self.objective.penalty)

    def whole(self):
        self.objective.batch_loss(self.rows, len(self.batches))
        self.optimizer.step(self.theta, self.objective.grad, self.objective.penalty)


@pytest.mark.parametrize(
    "part", ["gather", "forward", "loss", "backward", "update", "whole"]
)
def test_part(benchmark, step, part):
    benchmark.group = part
    benchmark(getattr(step, part))
