"""Penalties: prox by brute force, gradients, optimality, bit-for-bit nothing."""

import numpy as np
import pytest
from helpers import DTYPES, Recorded, covering
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize, minimize_scalar

from skl2._engine import penalties
from skl2._engine.network.network import Network
from skl2._engine.penalties import L1, L2, GroupL1, make_penalty

dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=["f64", "f32"])
LAYOUT = Network((3, 4, 2), "tanh", np.float64).layout
P = LAYOUT.n_parameters
BIASES = np.setdiff1d(np.arange(P), np.concatenate([np.r_[w] for w in LAYOUT.weights]))
M = 10.0
# penalty, λ of the two layers, ρ; a stack of all of them is tested as well.
MEMBERS = {
    "l2": ("l2", [3.0, 0.5], 0.3),
    "l1": ("l1", [3.0, 0.5], 0.3),
    "elasticnet": ("elasticnet", [3.0, 0.5], 0.3),
    "elasticnet, all l1": ("elasticnet", [3.0, 0.5], 1.0),
    "elasticnet, all l2": ("elasticnet", [3.0, 0.5], 0.0),
    "first layer only, l2": ("l2", [3.0, 0.0], 0.3),
    "last layer only, l1": ("l1", [0.0, 3.0], 0.3),
    "alpha=0, l2": ("l2", [0.0, 0.0], 0.3),
    "alpha=0, l1": ("l1", [0.0, 0.0], 0.3),
    "None": (None, [3.0, 0.5], 0.3),
    "group_l1": ("group_l1", [3.0, 0.5], 0.3),
    "first layer only, group_l1": ("group_l1", [3.0, 0.0], 0.3),
    "last layer only, group_l1": ("group_l1", [0.0, 3.0], 0.3),
    "alpha=0, group_l1": ("group_l1", [0.0, 0.0], 0.3),
}
members = pytest.mark.parametrize("name", MEMBERS)


def penalty_of(*names, m=M, dtype=np.float64):
    penalties, alphas, ratios = zip(*(MEMBERS[name] for name in names), strict=True)
    return make_penalty(LAYOUT, penalties, np.array(alphas), ratios, m, dtype)


def parameters(K=1, dtype=np.float64, seed=0):
    rng = np.random.RandomState(seed)
    # Of all sizes, so that rounding of a threshold shows.
    theta = rng.standard_normal((K, P)) * rng.choice([1.0, 0.1, 0.01], (K, P))
    # Some exact zeros, as after a prox.
    theta[:, ::5] = 0.0
    return theta.astype(dtype)


def gradient(K=1, dtype=np.float64):
    """Of the size of the strengths, so that it is below some of them and above some."""
    return (0.1 * np.random.RandomState(1).standard_normal((K, P))).astype(dtype)


def mixture(name, layer):
    """Factors of ‖W‖₁, ‖W‖² and Σ_j ‖W[j]‖ in the Ω of a layer."""
    penalty, _, ratio = MEMBERS[name]
    if penalty == "group_l1":
        return (0.0, 1.0, 0.0) if layer else (0.0, 0.0, 1.0)
    if penalty is None:
        return 0.0, 0.0, 0.0
    ratio = {"l2": 0.0, "l1": 1.0, "elasticnet": ratio}[penalty]
    return ratio, 1.0 - ratio, 0.0


def layers(name):
    """(number, λ, columns, shape) of the two layers."""
    return zip(
        range(2), MEMBERS[name][1], LAYOUT.weights, LAYOUT.weight_shapes, strict=True
    )


def omega(W, name, layer):
    l1, l2, rows = mixture(name, layer)
    norms = np.linalg.norm(W, axis=1)
    return l1 * np.abs(W).sum() + l2 * (W**2).sum() + rows * norms.sum()


@members
def test_value_is_the_formula(name):
    theta = parameters(2)
    got = penalty_of(name, name).value(theta)
    for k in range(2):
        expected = sum(
            lam / (2 * M) * omega(theta[k, columns].reshape(shape), name, i)
            for i, lam, columns, shape in layers(name)
        )
        assert_allclose(got[k], expected, rtol=1e-14)
    assert got.dtype == np.float64


@members
@dtypes
def test_gradient_is_that_of_the_smooth_value(name, dtype):
    theta = parameters(dtype=dtype)
    penalty = penalty_of(name, dtype=dtype)
    grad = np.ones_like(theta)
    penalty.gradient(theta, grad)
    h = 1e-5
    reference, theta = penalty_of(name).smooth, theta.astype(np.float64)
    numeric = np.empty_like(theta)
    for j in range(P):
        step = np.zeros_like(theta)
        step[:, j] = h
        above, below = reference.value(theta + step), reference.value(theta - step)
        numeric[:, j] = (above - below) / (2 * h)
    # It is added to what is there.
    rtol = 1e-8 if dtype == np.float64 else 1e-6
    assert_allclose(grad - 1.0, numeric, rtol=rtol, atol=rtol)
    assert grad.dtype == dtype


def scalar_minimum(objective, around):
    """The minimiser of a convex function of one variable, near 0 or `around`."""
    bound = 1.5 * abs(around) + 1e-3
    found = minimize_scalar(
        objective, bounds=(-bound, bound), method="bounded", options={"xatol": 1e-12}
    )
    # A bounded search stops next to a kink, not on it.
    return 0.0 if objective(0.0) <= found.fun else found.x


@pytest.mark.parametrize("strength", [0.01, 0.4, 3.0])
@pytest.mark.parametrize("step", [0.1, 1.0])
@pytest.mark.parametrize("w", [-2.0, -0.03, 0.0, 0.2, 1.0])
def test_l1_prox_is_the_scalar_minimiser(w, step, strength):
    theta = np.array([[w]])
    L1([slice(0, 1)], np.array([[strength]]), np.float64).prox(theta, step)
    expected = scalar_minimum(
        lambda u: (u - w) ** 2 / (2 * step) + strength * abs(u), w
    )
    assert_allclose(theta[0, 0], expected, atol=1e-7)
    if expected == 0.0:
        assert theta[0, 0] == 0.0


def group_penalty(shape, strength, dtype=np.float64):
    n_in, n_out = shape
    return GroupL1(
        [slice(0, n_in * n_out)], np.full((1, 1), float(strength)), dtype, [shape]
    )


def group_minimum(u, step, strength):
    """The minimiser of Σ (w - u)² / (2 step) + strength ‖w‖ by brute force."""

    def objective(w):
        return ((w - u) ** 2 / (2 * step)).sum() + strength * np.linalg.norm(w)

    # In units in which the quadratic part is round.
    scale = np.sqrt(step)
    found = minimize(
        lambda v: objective(v * scale), u / scale, method="BFGS", tol=1e-12
    )
    zero = np.zeros_like(u)
    return zero if objective(zero) <= found.fun else found.x * scale


ROW_STEPS = {
    "float": lambda rng, shape: 0.3,
    "column": lambda rng, shape: np.array([[0.3]]),
    "coordinate": lambda rng, shape: rng.uniform(0.1, 0.9, (1, shape[0] * shape[1])),
    # As under Adam, where a coordinate has seen gradients of another size.
    "decades": lambda rng, shape: 10.0 ** rng.uniform(-3, 0, (1, shape[0] * shape[1])),
}


@pytest.mark.parametrize(
    "n_out, kind, strength", covering([1, 2, 5], ROW_STEPS, [0.01, 0.5, 2.0, 20.0])
)
def test_group_prox_is_the_minimiser_of_each_row(n_out, kind, strength):
    shape = (4, n_out)
    rng = np.random.RandomState(n_out)
    theta = rng.standard_normal((1, 4 * n_out))
    # A row that is zero before, and a tiny one.
    theta[0, :n_out], theta[0, n_out : 2 * n_out] = 0.0, 1e-9
    step = ROW_STEPS[kind](rng, shape)
    before, steps = theta.reshape(shape).copy(), np.broadcast_to(step, theta.shape)
    group_penalty(shape, strength).prox(theta, step)
    for u, s, w in zip(before, steps.reshape(shape), theta.reshape(shape), strict=True):
        expected = group_minimum(u, s, strength)
        assert_allclose(w, expected, atol=2e-6)
        assert (w == 0).all() == (expected == 0).all()
        # A zero is +0.
        assert not np.signbit(w[w == 0]).any()
    assert (theta == 0).any()


@dtypes
@pytest.mark.parametrize("spread", [0, 3, 10])
@pytest.mark.parametrize("n_out", [1, 3, 50])
def test_group_prox_of_each_coordinate_solves_its_equation(n_out, spread, dtype):
    """Stationarity to rounding, for scales and weights of up to ten decades."""
    rng = np.random.RandomState(0)
    shape = (200, n_out)

    def positive():
        return 10.0 ** rng.uniform(-spread / 2, spread / 2, shape)

    u = (rng.standard_normal(shape) * positive()).astype(dtype)
    d = (positive() * 10.0 ** rng.uniform(-2, 2, (200, 1))).astype(dtype)
    w = u.copy()
    penalties.scaled_group_prox(w, d)
    u, d, w = (a.astype(np.float64) for a in (u, d, w))
    norm = np.linalg.norm(w, axis=1, keepdims=True)
    zero = norm[:, 0] == 0
    eps = np.finfo(dtype).eps
    # w = 0 if and only if ‖u / d‖ <= 1, but for rounding.
    size = np.linalg.norm(u / d, axis=1)
    assert (size[zero] <= 1 + 10 * eps).all() and (size[~zero] >= 1 - 10 * eps).all()
    assert 0 < zero.sum() if n_out == 1 else not zero.all()
    # Else w = u r / (r + d) with r = ‖w‖.
    u, d, w, norm = u[~zero], d[~zero], w[~zero], norm[~zero]
    assert_allclose(w, u * norm / (norm + d), rtol=50 * eps)


@dtypes
def test_group_prox_of_equal_steps_is_the_block_soft_threshold(dtype):
    shape, rng = (50, 7), np.random.RandomState(0)
    theta = rng.standard_normal((1, 350)).astype(dtype)
    by_coordinate, by_row = theta.copy(), theta.copy()
    penalty = group_penalty(shape, 8.0, dtype)
    penalty.prox(by_row, 0.3)
    penalty.prox(by_coordinate, np.full_like(theta, 0.3))
    norm = np.linalg.norm(theta.reshape(shape), axis=1, keepdims=True)
    expected = np.maximum(1 - 0.3 * 8.0 / norm, 0) * theta.reshape(shape)
    rtol = 1e-12 if dtype == np.float64 else 2e-5
    assert_allclose(by_row.reshape(shape), expected, rtol=rtol)
    assert_allclose(by_coordinate.reshape(shape), expected, rtol=rtol)
    zero = (by_row.reshape(shape) == 0).all(axis=1)
    assert 0 < zero.sum() < 50


@dtypes
@pytest.mark.parametrize("step", [1e-30, 1.0, 1e6, 1e30])
@pytest.mark.parametrize("strength", [1e-40, 1e-8, 1.0, 1e12])
def test_group_prox_of_extreme_steps_is_finite(strength, step, dtype):
    shape = (4, 3)
    theta = np.array([[0.0] * 3 + [1e-12] * 3 + [-1.0] * 3 + [1e6, 0, 0]], dtype)
    steps = np.full_like(theta, step)
    # Adam's steps of a coordinate that never saw a gradient are the largest.
    steps[0, ::3] = 1e-3
    for at in (step, steps):
        w = theta.copy()
        # What overflows, as it may in the loop, is a threshold without bound.
        with np.errstate(over="ignore"):
            group_penalty(shape, strength, dtype).prox(w, at)
        assert np.isfinite(w).all()
        assert (np.abs(w) <= np.abs(theta)).all()
        assert (w[0, :3] == 0).all()
        if float(np.max(at)) * strength < 1e-12:
            assert_allclose(w[0, 6:], theta[0, 6:], rtol=1e-6)


@pytest.mark.parametrize("strength", [0.5, 10.0, 11.0, 40.0, 1e9])
@pytest.mark.parametrize("step", [0.1, 1.0])
@pytest.mark.parametrize("w", [-2.0, 0.0, 0.7])
def test_shrink_is_the_prox_of_the_strength_above_the_cap(w, step, strength):
    l2 = L2([slice(0, 1)], np.array([[strength]]), np.float64)
    theta, grad = np.array([[w]]), np.zeros((1, 1))
    l2.gradient(theta, grad, step)
    assert_allclose(grad[0, 0], min(strength, 1 / step) * w, rtol=1e-15)
    l2.shrink(theta, step)
    excess = max(strength - 1 / step, 0.0)
    expected = scalar_minimum(
        lambda u: (u - w) ** 2 / (2 * step) + excess / 2 * u**2, w
    )
    assert_allclose(theta[0, 0], expected, atol=1e-7)


@dtypes
@pytest.mark.parametrize("strength", [0.0, 1.0, 9.99, 10.0, 10.01, 1e9])
def test_decay_never_flips_a_sign(strength, dtype):
    theta = np.array([[-2.0, 0.5]], dtype)
    L2([slice(0, 2)], np.array([[strength]]), dtype).decay(theta, 0.1)
    expected = max(1 - 0.1 * strength, 0.0) * np.array([[-2.0, 0.5]])
    assert_allclose(theta, expected, rtol=1e-4 if dtype == np.float32 else 1e-11)
    assert theta.dtype == dtype


# What an update may do with a penalty, each with a step size (of 3 members).
STEPS = {
    "float": lambda dtype: 0.1,
    "member": lambda dtype: np.array([[0.1], [0.05], [0.2]], dtype),
    "coordinate": lambda dtype: np.random.RandomState(1).rand(3, P).astype(dtype) * 0.2,
}


def routes(penalty, theta, step):
    """The results of every route a penalty can take, by name."""
    out = {}
    for route in ("prox", "decay", "shrink"):
        result = theta.copy()
        if route == "prox":
            penalty.prox(result, step)
        elif np.ndim(step) == 2 and step.shape[1] > 1:
            continue
        else:
            getattr(penalty.smooth, route)(result, step)
        out[route] = result - theta
    for name, at in [("gradient", None), ("capped gradient", step)]:
        if at is None or np.ndim(at) == 0 or at.shape[1] == 1:
            out[name] = np.zeros_like(theta)
            penalty.gradient(theta, out[name], at)
    return out


@members
@dtypes
@pytest.mark.parametrize("kind", STEPS)
def test_biases_and_unpenalized_layers_are_left_alone_bit_for_bit(name, kind, dtype):
    theta = parameters(3, dtype)
    changes = routes(
        penalty_of(name, name, name, dtype=dtype), theta, STEPS[kind](dtype)
    )
    penalty, alphas, _ = MEMBERS[name]
    for change in changes.values():
        assert not change[:, BIASES].any()
        for lam, columns in zip(alphas, LAYOUT.weights, strict=True):
            if lam == 0.0 or penalty is None:
                assert not change[:, columns].any()
    touched = {route for route, change in changes.items() if change.any()}
    expected = {
        "l2": {"decay", "gradient", "capped gradient"},
        "l1": {"prox"},
        "elasticnet": {"prox", "decay", "gradient", "capped gradient"},
        "group_l1": {"prox", "decay", "gradient", "capped gradient"},
    }.get("None" if name.startswith("alpha=0") else penalty, set())
    if name in ("elasticnet, all l1", "first layer only, group_l1"):
        expected = {"prox"}
    if name in ("elasticnet, all l2", "last layer only, group_l1"):
        expected = {"decay", "gradient", "capped gradient"}
    # Here the decay is below 1, so that nothing is left to shrink.
    assert touched == expected & set(changes)


@dtypes
@pytest.mark.parametrize(
    "name", ["alpha=0, l2", "alpha=0, l1", "alpha=0, group_l1", "None"]
)
def test_no_penalty_is_none_even_for_odd_numbers(name, dtype):
    # Where 0 * theta would be NaN, and 0 + -0 another 0.
    theta = np.resize(np.array([-0.0, np.inf, -np.inf, np.nan], dtype), (1, P))
    out = np.full_like(theta, -0.0)
    before = theta.tobytes(), out.tobytes()
    penalty = penalty_of(name, dtype=dtype)
    penalty.gradient(theta, out)
    penalty.gradient(theta, out, 0.1)
    penalty.prox(theta, 0.1)
    penalty.decay(theta, 0.1)
    penalty.smooth.shrink(theta, 0.1)
    assert (theta.tobytes(), out.tobytes()) == before
    assert penalty.value(theta) == 0.0


@pytest.mark.parametrize("name", [n for n in MEMBERS if "layer only" in n])
def test_a_form_that_overflows_where_nothing_is_penalized_counts_nothing(name):
    theta = np.ones((2, P), np.float32)
    for _, lam, columns, _ in layers(name):
        if lam == 0.0:
            theta[:, columns] = 1e30
    alone = penalty_of(name, dtype=np.float32).value(theta[:1])
    stacked = penalty_of(name, "alpha=0, l2", dtype=np.float32).value(theta)
    assert np.isfinite(alone[0])
    assert_array_equal(stacked, [alone[0], 0.0])


@dtypes
@pytest.mark.parametrize("kind", STEPS)
@pytest.mark.parametrize(
    "names",
    [
        ["l2", "elasticnet", "last layer only, l1"],
        ["group_l1", "l2", "l1"],
        ["elasticnet", "group_l1", "first layer only, group_l1"],
        ["group_l1", "alpha=0, group_l1", "group_l1"],
    ],
    ids=lambda names: "+".join(names),
)
def test_a_member_of_a_stack_has_the_penalty_it_has_alone(names, kind, dtype):
    theta, step = parameters(3, dtype), STEPS[kind](dtype)
    m = np.array([10.0, 7.0, 1e-3])
    penalty = penalty_of(*names, m=m, dtype=dtype)
    stacked = routes(penalty, theta, step)
    grad = gradient(3, dtype)
    for k, name in enumerate(names):
        alone = penalty_of(name, m=m[k], dtype=dtype)
        step_k = step if np.ndim(step) == 0 else step[k : k + 1]
        if np.shape(step_k) == (1, 1):
            # As an optimizer of one member holds it.
            step_k = float({"member": [0.1, 0.05, 0.2]}[kind][k])
        for route, change in routes(alone, theta[k : k + 1], step_k).items():
            assert_array_equal(stacked[route][k], change[0], err_msg=f"{route} {name}")
        assert_array_equal(
            penalty.optimality(theta, grad)[k],
            alone.optimality(theta[k : k + 1], grad[k : k + 1])[0],
        )
        assert penalty.value(theta)[k] == alone.value(theta[k : k + 1])[0]
    values = penalty.value(theta)
    penalty.select(np.array([0, 2]))
    assert len(penalty) == 2
    assert_array_equal(penalty.value(theta[[0, 2]]), values[[0, 2]])


@dtypes
@pytest.mark.parametrize("n", [7, 1000, 10_001])
@pytest.mark.parametrize("name", ["elasticnet", "group_l1"])
def test_values_of_large_layers_do_not_depend_on_the_stack(name, n, dtype):
    layout = Network((n, 3), "tanh", dtype).layout
    theta = np.random.RandomState(0).standard_normal((4, layout.n_parameters))
    theta = theta.astype(dtype)

    def value(theta):
        K = len(theta)
        alphas = np.ones((K, 1))
        return make_penalty(layout, [name] * K, alphas, [0.5] * K, M, dtype).value(
            theta
        )

    alone = np.concatenate([value(row[None]) for row in theta])
    assert_array_equal(value(theta), alone)


def brute_force_distance(w, g, strength):
    """Distance of 0 to {g + strength t : t a sub-gradient of |w|}."""
    t = np.linspace(-1, 1, 2001) if w == 0 else np.sign(w)
    return np.abs(g + strength * t).min()


def brute_force_group_distance(w, g, strength):
    """Distance of 0 to {g + strength v : v a sub-gradient of ‖w‖}."""
    if w.any():
        h = 1e-6
        v = [
            (np.linalg.norm(w + h * e) - np.linalg.norm(w - h * e)) / (2 * h)
            for e in np.eye(len(w))
        ]
        return np.linalg.norm(g + strength * np.array(v))
    rng = np.random.RandomState(0)
    ball = rng.standard_normal((200_000, len(w)))
    ball *= rng.uniform(0, 1, (len(ball), 1)) ** 0.3 / np.linalg.norm(
        ball, axis=1, keepdims=True
    )
    return np.linalg.norm(g + strength * ball, axis=1).min()


def test_optimality_of_groups_is_the_distance_to_the_subdifferential():
    shape = (8, 3)
    rng = np.random.RandomState(0)
    W, g = rng.standard_normal(shape), rng.standard_normal(shape)
    W[::2] = 0.0
    W[1, 1] = 0.0
    grad = np.concatenate([g.ravel(), [0.3]])[np.newaxis]
    theta = np.concatenate([W.ravel(), [0.0]])[np.newaxis]
    none = np.zeros((1, 1))
    parts = [L2([slice(0, 24)], none, float), L1([slice(0, 24)], none, float)]
    penalty = penalties.Penalty(*parts, group_penalty(shape, 1.7))
    got = penalty.optimality(theta, grad)[0]
    # The coordinates of a row have the distance of the row.
    rows = got[:24].reshape(shape)
    assert_array_equal(rows, np.repeat(rows[:, :1], 3, axis=1))
    expected = [brute_force_group_distance(*row, 1.7) for row in zip(W, g, strict=True)]
    assert_allclose(rows[:, 0], expected, atol=0.05)
    assert_allclose(rows[1::2, 0], expected[1::2], rtol=1e-8)
    assert 0 < (rows[::2, 0] == 0).sum() < 4
    assert got[24] == 0.3


@pytest.mark.parametrize("name", [n for n in MEMBERS if MEMBERS[n][0] != "group_l1"])
def test_optimality_is_the_distance_to_the_subdifferential(name):
    theta, grad = parameters(), gradient()
    before = grad.copy()
    got = penalty_of(name).optimality(theta, grad)
    strength = np.zeros(P)
    for i, lam, columns, _ in layers(name):
        strength[columns] = lam * mixture(name, i)[0] / (2 * M)
    for j in range(P):
        expected = brute_force_distance(theta[0, j], grad[0, j], strength[j])
        assert_allclose(got[0, j], expected, atol=1e-3 * strength[j] + 1e-15)
    assert_array_equal(grad, before)


@members
@pytest.mark.parametrize("step", [0.1, 1.0, 1e6])
def test_float32_never_meets_float64(name, step):
    log = []
    theta = Recorded(parameters(2, np.float32), log)
    penalty = penalty_of(name, "l2", dtype=np.float32)
    for at in (step, np.full((2, 1), step, np.float32)):
        penalty.gradient(theta, Recorded(np.zeros_like(theta), log))
        penalty.gradient(theta, Recorded(np.zeros_like(theta), log), at)
        penalty.prox(theta, at)
        penalty.decay(theta, at)
        penalty.smooth.shrink(theta, at)
    penalty.prox(theta, np.full(theta.shape, step, np.float32))
    assert log == []


@pytest.mark.parametrize("name", ["group_l1", "elasticnet"])
def test_a_compressed_penalty_is_that_of_the_coordinates_left(name):
    penalty, theta, grad = penalty_of(name), parameters(), gradient()
    kept = np.ones(P, dtype=bool)
    # One input, a few weights of the second layer, and some biases.
    for gone in (slice(4, 8), slice(13, 15), slice(17, 19)):
        kept[gone], theta[0, gone] = False, 0.0
    left = penalty.compressed(kept)
    assert_allclose(left.value(theta[:, kept]), penalty.value(theta), rtol=1e-14)
    assert_array_equal(
        left.optimality(theta[:, kept], grad[:, kept]),
        penalty.optimality(theta, grad)[:, kept],
    )
    expected, got = theta.copy(), theta[:, kept]
    penalty.prox(expected, 0.1)
    left.prox(got, 0.1)
    assert_array_equal(got, expected[:, kept])


def test_a_mask_is_completed_to_whole_groups():
    mask = np.zeros(P, dtype=bool)
    mask[[5, 13, 20]] = True
    penalty_of("group_l1").group_l1.complete(mask)
    assert_array_equal(np.flatnonzero(mask), [4, 5, 6, 7, 13, 20])
