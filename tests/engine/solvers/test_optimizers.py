"""Optimizers: optima, fixed points of J, huge strengths, blocks, state."""

import numpy as np
import pytest
from helpers import DTYPES, Recorded, plain_penalty
from numpy.testing import assert_allclose, assert_array_equal

from skl2._engine.solvers import optimizers
from skl2._engine.solvers.optimizers import BLOCK_BYTES, SGD, Adam, AdamW

dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=["f64", "f32"])

# name -> a maker, given the learning rates of the members.
OPTIMIZERS = {
    "sgd": lambda lr: SGD(lr, [0.0] * len(lr), nesterov=False),
    "heavy ball": lambda lr: SGD(lr, [0.9] * len(lr), nesterov=False),
    "nesterov": lambda lr: SGD(lr, [0.9] * len(lr), nesterov=True),
    "adam": lambda lr: Adam(lr, [0.9] * len(lr), [0.999] * len(lr), [1e-8] * len(lr)),
    "adamw": lambda lr: AdamW(lr, [0.9] * len(lr), [0.999] * len(lr), [1e-8] * len(lr)),
}
every_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)
SGDS = ["sgd", "heavy ball", "nesterov"]


def run(optimizer, theta, gradient, penalty, n_steps, after_step=None):
    for _ in range(n_steps):
        optimizer.step(theta, gradient(theta), penalty)
        if after_step is not None:
            after_step(theta)
    return theta


# ------------------------------------------------------------------- reaching optima

# Minima of ½ Σ a (w - c)²; the members start at different places.
A = np.array([1.0, 0.3, 2.0, 0.7, 1.3])
C = np.array([1.0, -2.0, 0.1, -0.05, 0.0])


def quadratic_gradient(theta):
    return A * (theta - C)


def rosenbrock_gradient(theta):
    """Of (1 - x)² + 10 (y - x²)²: the valley bends as it does with 100."""
    x, y = theta.T
    return np.stack([-2 * (1 - x) - 40 * x * (y - x**2), 20 * (y - x**2)], axis=1)


PROBLEMS = {
    "quadratic": (
        quadratic_gradient,
        C,
        np.random.RandomState(0).standard_normal((2, 5)),
        {"sgd": (0.5, 300), "heavy ball": (0.1, 500), "nesterov": (0.1, 500)},
        (0.05, 3000),
    ),
    "rosenbrock": (
        rosenbrock_gradient,
        np.ones(2),
        np.array([[-1.2, 1.0], [0.0, 0.5]]),
        {
            "sgd": (1e-2, 4_500),
            "heavy ball": (3e-3, 1_800),
            "nesterov": (3e-3, 1_800),
        },
        (0.03, 6_000),
    ),
}


@every_optimizer
@pytest.mark.parametrize("problem", PROBLEMS)
def test_every_optimizer_reaches_the_optimum(name, problem):
    gradient, optimum, theta, settings, default = PROBLEMS[problem]
    lr, n_steps = settings.get(name, default)
    theta = theta.copy()
    optimizer = OPTIMIZERS[name]([lr, lr]).init(theta)
    for _ in range(6):
        run(optimizer, theta, gradient, plain_penalty(*theta.shape), n_steps // 6)
        if name not in SGDS:
            # Near an optimum Adam jumps off now and then at a constant rate.
            optimizer.set_learning_rate(optimizer.learning_rate / 3)
    assert_allclose(theta, np.tile(optimum, (2, 1)), atol=1e-6)


# ------------------------------------------------------------------- fixed points

# αλ/m (or its half, for L1) of the members, and the learning rate.
STRENGTHS = [0.0, 0.02, 0.3, 5.0]


def soft_threshold(x, t):
    return np.sign(x) * np.maximum(np.abs(x) - t, 0.0)


def converge(name, l1, l2):
    K = len(l1)
    theta = np.tile(np.linspace(-1, 1, 5), (K, 1))
    lr, n_steps = {"sgd": (0.4, 300), "adam": (0.02, 3000), "adamw": (0.02, 3000)}.get(
        name, (0.05, 800)
    )
    optimizer = OPTIMIZERS[name]([lr] * K).init(theta)
    penalty = plain_penalty(K, 5, l2=l2, l1=l1)
    return run(optimizer, theta, quadratic_gradient, penalty, n_steps)


@every_optimizer
def test_fixed_points_under_l1_are_the_lasso(name):
    theta = converge(name, STRENGTHS, 0.0)
    expected = soft_threshold(C, np.array(STRENGTHS)[:, None] / A)
    assert_allclose(theta, expected, atol=1e-8)
    assert_array_equal((theta == 0)[1:], (expected == 0)[1:])
    # Some are zero and some are not, and the strongest leaves none.
    assert 0 < (theta[2] == 0).sum() < 5 and not theta[3].any()


@pytest.mark.parametrize("name", [*SGDS, "adam"])
def test_fixed_points_under_elasticnet(name):
    l1, l2 = np.array(STRENGTHS), np.array([0.5, 0.1, 0.7, 2.0])
    theta = converge(name, l1, l2)
    expected = soft_threshold(A * C, l1[:, None]) / (A + l2[:, None])
    assert_allclose(theta, expected, atol=1e-8)
    assert_array_equal((theta == 0)[1:], (expected == 0)[1:])


RATIOS = [0.5, 0.99, 1.0, 1.01, 1.5, 2.0, 3.0, 4.0, 10.0, 1e3, 1e8]


@pytest.mark.parametrize("l1", [0.0, 0.2])
@pytest.mark.parametrize("name", SGDS)
def test_any_strength_is_bounded_and_ends_at_the_minimum(name, l1):
    # ratio = αλ/m: the factor that a step of weight decay takes off the weights.
    lr, K = 0.1, len(RATIOS)
    theta = np.tile(np.linspace(-3, 3, 5), (K, 1))
    optimizer = OPTIMIZERS[name]([lr] * K).init(theta)
    l2 = np.array(RATIOS) / lr
    penalty = plain_penalty(K, 5, l2=l2, l1=l1)
    largest = []
    run(
        optimizer,
        theta,
        quadratic_gradient,
        penalty,
        1000,
        lambda theta: largest.append(np.abs(theta).max()),
    )
    assert max(largest) <= 6.0
    expected = soft_threshold(A * C, l1) / (A + l2[:, None])
    assert_allclose(theta, expected, rtol=1e-6, atol=1e-20)


@pytest.mark.parametrize("ratio", RATIOS)
def test_each_strength_alone_ends_at_the_minimum(ratio):
    # As above, but no other member asks for the implicit step.
    lr, theta = 0.1, np.linspace(-3, 3, 5)[None].copy()
    optimizer = OPTIMIZERS["nesterov"]([lr]).init(theta)
    penalty = plain_penalty(1, 5, l2=ratio / lr)
    run(optimizer, theta, quadratic_gradient, penalty, 1000)
    assert_allclose(theta[0], A * C / (A + ratio / lr), rtol=1e-6, atol=1e-20)


@dtypes
@pytest.mark.parametrize("strength", [0.0, 5.0, 10.0, 20.0, 1e9])
def test_adamw_decays_at_most_to_zero(strength, dtype):
    theta = np.array([[1.0, -2.0]], dtype)
    optimizer = OPTIMIZERS["adamw"]([0.1]).init(theta)
    penalty = plain_penalty(1, 2, l2=strength, dtype=dtype)
    optimizer.step(theta, np.zeros_like(theta), penalty)
    factor = max(1 - 0.1 * strength, 0.0)
    assert_allclose(theta, factor * np.array([[1.0, -2.0]]), rtol=1e-6, atol=1e-7)


# ------------------------------------------------------------------- blocks and stacks


def textbook(name, thetas, gradients, lr, penalty_strength):
    """The update as in the papers, one member, no blocks, all in float64."""
    theta = thetas.astype(np.float64)
    v = m = s = np.zeros_like(theta)
    for t, g in enumerate(gradients, 1):
        if name == "adamw":
            theta = theta - lr * penalty_strength * theta
        else:
            g = g + penalty_strength * theta
        if name in SGDS:
            mu = 0.0 if name == "sgd" else 0.9
            v = mu * v - lr * g
            theta = theta + (mu * v - lr * g if name == "nesterov" else v)
        else:
            m = 0.9 * m + 0.1 * g
            s = 0.999 * s + 0.001 * g**2
            m_hat, s_hat = m / (1 - 0.9**t), s / (1 - 0.999**t)
            theta = theta - lr * m_hat / (np.sqrt(s_hat) + 1e-8)
    return theta


BLOCK = BLOCK_BYTES // np.dtype(np.float64).itemsize
SIZES = [(1, 1), (1, BLOCK - 1), (1, BLOCK), (1, BLOCK + 1), (2, 2 * BLOCK + 3)]
SIZES += [(3, 5), (7, BLOCK // 3), (5, BLOCK // 2 + 1), (3, BLOCK + 7)]


@every_optimizer
@pytest.mark.parametrize("K, P", SIZES)
def test_blocks_change_nothing(name, K, P, monkeypatch):
    rng = np.random.RandomState(0)
    start = rng.standard_normal((K, P))
    gradients = rng.standard_normal((3, K, P))
    lr = 0.01 * (1 + np.arange(K))
    strength = 0.5 * np.arange(K)

    def train():
        theta = start.copy()
        optimizer = OPTIMIZERS[name](lr).init(theta)
        for g in gradients:
            optimizer.step(theta, g.copy(), plain_penalty(K, P, l2=strength))
        return theta

    optimizers._blocks.cache_clear()
    blocked = train()
    monkeypatch.setattr(optimizers, "BLOCK_BYTES", 1 << 40)
    optimizers._blocks.cache_clear()
    assert_array_equal(blocked, train())
    for k in range(K):
        expected = textbook(name, start[k], gradients[:, k], lr[k], strength[k])
        assert_allclose(blocked[k], expected, rtol=1e-10, atol=1e-12)


HYPERPARAMETERS = {
    "sgd": {"momentum": np.linspace(0, 1, 50)},
    "adam": {
        "beta_1": np.linspace(0, 0.99, 50),
        "beta_2": np.linspace(0, 0.9999, 50),
        "epsilon": np.geomspace(1e-10, 1, 50),
    },
}


@dtypes
@pytest.mark.parametrize(
    "kind, nesterov", [("sgd", True), ("sgd", False), ("adam", None)]
)
def test_hyperparameters_of_members_are_those_they_have_alone(kind, nesterov, dtype):
    # Of each many: a last bit that differs is rare.
    values = HYPERPARAMETERS[kind]
    K, P = 50, 3
    lr = np.geomspace(1e-4, 0.3, K)
    rng = np.random.RandomState(0)
    start = rng.standard_normal((K, P)).astype(dtype)
    gradients = rng.standard_normal((40, K, P)).astype(dtype)

    def train(members):
        own = {name: value[members] for name, value in values.items()}
        if kind == "sgd":
            optimizer = SGD(lr[members], **own, nesterov=nesterov)
        else:
            optimizer = Adam(lr[members], **own)
        theta = start[members].copy()
        penalty = plain_penalty(len(theta), P, dtype=dtype)
        optimizer.init(theta)
        for g in gradients[:, members]:
            optimizer.step(theta, g.copy(), penalty)
        return theta

    stacked = train(slice(None))
    alone = np.concatenate([train(slice(k, k + 1)) for k in range(K)])
    assert_array_equal(stacked, alone)


@every_optimizer
@pytest.mark.parametrize("l1", [0.0, 0.1])
def test_select_keeps_the_state_of_the_members(name, l1):
    lr = [0.1, 0.02, 0.05, 0.01]

    def train(members, drop=()):
        theta = np.linspace(-1, 1, 20).reshape(4, 5)[members].copy()
        optimizer = OPTIMIZERS[name]([lr[k] for k in members]).init(theta)
        penalty = plain_penalty(len(members), 5, l2=0.3, l1=l1)
        run(optimizer, theta, quadratic_gradient, penalty, 5)
        keep = np.array([i for i, k in enumerate(members) if k not in drop])
        theta = theta[keep]
        optimizer.select(keep)
        penalty.select(keep)
        return run(optimizer, theta, quadratic_gradient, penalty, 5)

    together = train([0, 1, 2, 3], drop=(0, 2))
    assert_array_equal(together, np.concatenate([train([1]), train([3])]))


@dtypes
@every_optimizer
@pytest.mark.parametrize("l1", [0.0, 0.1])
def test_state_goes_on_bit_for_bit(name, l1, dtype):
    def gradient(theta):
        return quadratic_gradient(theta).astype(dtype)

    theta = np.linspace(-1, 1, 10, dtype=dtype).reshape(2, 5)
    penalty = plain_penalty(2, 5, l2=0.1, l1=l1, dtype=dtype)
    optimizer = OPTIMIZERS[name]([0.1, 0.2]).init(theta)
    run(optimizer, theta, gradient, penalty, 7)
    optimizer.set_learning_rate(optimizer.learning_rate / 5)
    states, copied = [optimizer.get_state(k) for k in range(2)], theta.copy()
    run(optimizer, theta, gradient, penalty, 7)
    # What the first did afterwards has not touched the state it gave away, and the
    # second does not touch it either: it can be taken up twice.
    for _ in range(2):
        other, again = OPTIMIZERS[name]([0.1, 0.2]), copied.copy()
        other.init(again)
        other.set_states(states)
        run(other, again, gradient, penalty, 7)
        assert_array_equal(again, theta)
        assert again.dtype == dtype


@dtypes
@every_optimizer
@pytest.mark.parametrize("drop", [False, True])
def test_members_go_on_together_from_where_each_is(name, dtype, drop):
    """After 3, 0 and 7 steps alone; the first may leave the others."""

    def gradient(theta):
        return quadratic_gradient(theta).astype(dtype)

    penalty = plain_penalty(3, 5, l2=0.1, l1=0.1, dtype=dtype)
    theta, states, expected = np.empty((3, 5), dtype), [], []
    for k, n_before in enumerate((3, 0, 7)):
        alone, own = OPTIMIZERS[name]([0.1]), penalty.member(k)
        row = np.linspace(-1, 1 + k, 5, dtype=dtype)[np.newaxis]
        alone.init(row)
        run(alone, row, gradient, own, n_before)
        states.append(alone.get_state(0) if n_before else None)
        theta[k] = row
        run(alone, row, gradient, own, 5)
        expected.append(row)
    together = OPTIMIZERS[name]([0.1] * 3).init(theta)
    together.set_states(states)
    if drop:
        keep = np.array([1, 2])
        together.select(keep)
        penalty.select(keep)
        theta, expected = theta[keep], expected[1:]
    run(together, theta, gradient, penalty, 5)
    assert_array_equal(theta, np.concatenate(expected))


@every_optimizer
@pytest.mark.parametrize("l2, l1", [(0.5, 0.0), (0.5, 0.1), (1e4, 0.0), (1e4, 0.1)])
@pytest.mark.parametrize("K", [1, 3])
def test_float32_never_meets_float64(name, l2, l1, K):
    log = []
    theta = Recorded(np.ones((K, 4), np.float32), log)
    lr = 0.1 * (1 + np.arange(K))
    optimizer = OPTIMIZERS[name](lr).init(theta)
    penalty = plain_penalty(K, 4, l2=l2 * lr, l1=l1, dtype=np.float32)
    for _ in range(2):
        optimizer.step(theta, Recorded(np.ones((K, 4), np.float32), log), penalty)
    # The factors of K members, (K, 1), may be found in float64.
    assert [entry for entry in log if entry[1] == "float64"] == []
    for state in optimizer.state:
        assert getattr(optimizer, state).dtype == np.float32


@every_optimizer
def test_an_l1_strength_of_zero_is_no_penalty_bit_for_bit(name):
    def train(penalty):
        theta = np.linspace(-1, 1, 5)[None].copy()
        optimizer = OPTIMIZERS[name]([0.1]).init(theta)
        return run(optimizer, theta, quadratic_gradient, penalty, 20)

    zero = plain_penalty(1, 5, l2=0.0, l1=0.0)
    nothing = plain_penalty(1, 0)
    assert_array_equal(train(zero), train(nothing))
