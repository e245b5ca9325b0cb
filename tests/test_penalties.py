"""Penalties: prox by a scalar minimiser, gradients, optimality, bit-for-bit nothing."""

import numpy as np
import pytest
from _engine import DTYPES, Recorded, fit_quietly
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize_scalar

from skl2 import MLPRegressor
from skl2.network import Network
from skl2.penalties import L1, L2, MaxNorm, cast, make_penalty, per_member

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


def omega(W, name):
    """Ω of MISSION.md."""
    penalty, _, ratio = MEMBERS[name]
    ratio = {"l2": 0.0, "l1": 1.0, "elasticnet": ratio, None: np.nan}[penalty]
    if penalty is None:
        return 0.0
    return ratio * np.abs(W).sum() + (1 - ratio) * (W**2).sum()


@members
def test_value_is_the_formula(name):
    theta = parameters(2)
    got = penalty_of(name, name).value(theta)
    for k in range(2):
        expected = sum(
            lam / (2 * M) * omega(theta[k, columns], name)
            for lam, columns in zip(MEMBERS[name][1], LAYOUT.weights, strict=True)
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
    }.get("None" if name.startswith("alpha=0") else penalty, set())
    if name == "elasticnet, all l1":
        expected = {"prox"}
    if name == "elasticnet, all l2":
        expected = {"decay", "gradient", "capped gradient"}
    # Here the decay is below 1, so that nothing is left to shrink.
    assert touched == expected & set(changes)


@dtypes
@pytest.mark.parametrize("name", ["alpha=0, l2", "alpha=0, l1", "None"])
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


@dtypes
@pytest.mark.parametrize("kind", STEPS)
def test_a_member_of_a_stack_has_the_penalty_it_has_alone(kind, dtype):
    names = ["l2", "elasticnet", "last layer only, l1"]
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
    selected = penalty.select(np.array([0, 2]))
    assert len(selected) == 2
    assert_array_equal(selected.value(theta[[0, 2]]), penalty.value(theta)[[0, 2]])


@dtypes
@pytest.mark.parametrize("n", [7, 1000, 10_001])
def test_values_of_large_layers_do_not_depend_on_the_stack(n, dtype):
    layout = Network((n, 3), "tanh", dtype).layout
    theta = np.random.RandomState(0).standard_normal((4, layout.n_parameters))
    theta = theta.astype(dtype)

    def value(theta):
        K = len(theta)
        alphas = np.ones((K, 1))
        return make_penalty(
            layout, ["elasticnet"] * K, alphas, [0.5] * K, M, dtype
        ).value(theta)

    alone = np.concatenate([value(row[None]) for row in theta])
    assert_array_equal(value(theta), alone)


def brute_force_distance(w, g, strength):
    """Distance of 0 to {g + strength t : t a sub-gradient of |w|}."""
    t = np.linspace(-1, 1, 2001) if w == 0 else np.sign(w)
    return np.abs(g + strength * t).min()


@members
def test_optimality_is_the_distance_to_the_subdifferential(name):
    theta, grad = parameters(), gradient()
    before = grad.copy()
    got = penalty_of(name).optimality(theta, grad)
    penalty, alphas, ratio = MEMBERS[name]
    ratio = {"l1": 1.0, "elasticnet": ratio}.get(penalty, 0.0)
    strength = np.zeros(P)
    for lam, columns in zip(alphas, LAYOUT.weights, strict=True):
        strength[columns] = lam * ratio / (2 * M)
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


@dtypes
def test_factors_of_members(dtype):
    # Floats are weak: they take on the type of the array they meet. NumPy's are not.
    for factor in (per_member([0.5, 0.5]), np.float64(0.5)):
        assert type(cast(factor, dtype)) is float
    column = cast(per_member([0.5, 0.25]), dtype)
    assert column.dtype == dtype
    assert_array_equal(column, [[0.5], [0.25]])


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
