"""Losses: values of scikit-learn's metrics, gradients, extreme raw predictions."""

import numpy as np
import pytest
import scipy.special as special
from helpers import DTYPES, LOSSES, Recorded, targets
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.metrics import (
    log_loss,
    mean_absolute_error,
    mean_pinball_loss,
    mean_poisson_deviance,
    mean_squared_error,
)

from skl2._engine.losses import (
    REGRESSION_LOSSES,
    WIDTHS,
    Gaussian,
    GaussianMean,
    Huber,
    Pinball,
    SmoothPinball,
)
from skl2._engine.network.network import LossWorkspace

losses = pytest.mark.parametrize("name", LOSSES)
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=["f64", "f32"])


def evaluate(name, raw, y, weight=None, scale=1.0, loss=None):
    """Value (K,) and gradient (K, n_outputs, n_rows); leaves `raw` as it is."""
    grad = np.array(raw)
    loss = loss or LOSSES[name]
    value = loss.value_and_gradient(grad, y, weight, scale, LossWorkspace(grad))
    return value, grad


def problem(name, K=3, n_outputs=4, n_rows=11, dtype=np.float64, seed=0):
    rng = np.random.RandomState(seed)
    raw = rng.standard_normal((K, n_outputs, n_rows)).astype(dtype)
    return raw, targets(name, n_outputs, n_rows, rng, dtype)


def metric(name, raw, y, weight):
    """scikit-learn's metric of one member: a mean over rows, a sum over outputs."""
    if name == "multinomial_log_loss":
        p = special.softmax(raw, axis=0)
        labels = np.arange(len(y))
        return log_loss(y.argmax(axis=0), p.T, sample_weight=weight, labels=labels)
    if name == "huber":
        pointwise = special.huber(LOSSES[name].delta, raw - y).sum(axis=0)
        return np.average(pointwise, weights=weight)
    of_one_output = {
        "squared_error": lambda y, z: (
            mean_squared_error(y, z, sample_weight=weight) / 2
        ),
        "absolute_error": lambda y, z: mean_absolute_error(y, z, sample_weight=weight),
        "quantile": lambda y, z: mean_pinball_loss(
            y, z, sample_weight=weight, alpha=0.3
        ),
        "poisson": lambda y, z: (
            mean_poisson_deviance(y, np.exp(z), sample_weight=weight) / 2
        ),
        "binary_log_loss": lambda y, z: log_loss(
            y, special.expit(z), sample_weight=weight, labels=[0, 1]
        ),
    }[name]
    return sum(of_one_output(y_o, z_o) for y_o, z_o in zip(y, raw, strict=True))


def test_every_regression_loss_is_tested():
    # The normal distribution has two outputs a target, and laws of its own below.
    assert set(REGRESSION_LOSSES) <= set(LOSSES) | {"gaussian"}


@losses
@dtypes
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_outputs, n_rows", [(4, 11), (1, 1), (2, 1), (1, 300)])
def test_value_is_that_of_the_metric(name, n_outputs, n_rows, weighted, dtype):
    if name == "multinomial_log_loss" and n_outputs == 1:
        n_outputs = 3
    raw, y = problem(name, n_outputs=n_outputs, n_rows=n_rows, dtype=dtype)
    weight = None
    if weighted:
        weight = (np.arange(n_rows) % 3 + 0.5).astype(dtype)
    total = n_rows if weight is None else float(weight.sum())
    value, grad = evaluate(name, raw, y, weight, 1.0 / total)
    assert value.shape == (len(raw),) and value.dtype == np.float64
    assert grad.dtype == dtype
    raw, y = raw.astype(np.float64), y.astype(np.float64)
    expected = [metric(name, raw_k, y, weight) for raw_k in raw]
    assert_allclose(value, expected, rtol=1e-12 if dtype == np.float64 else 1e-5)


@losses
@pytest.mark.parametrize("weighted", [False, True])
def test_gradient_is_that_of_the_value(name, weighted):
    raw, y = problem(name, K=2, n_outputs=3, n_rows=4)
    weight = np.array([0.0, 1.0, 0.3, 2.0]) if weighted else None
    _, grad = evaluate(name, raw, y, weight, 0.7)
    h = 1e-6
    numeric = np.empty_like(raw)
    for o, i in np.ndindex(*raw.shape[1:]):
        step = np.zeros_like(raw)
        step[:, o, i] = h
        above, _ = evaluate(name, raw + step, y, weight, 0.7)
        below, _ = evaluate(name, raw - step, y, weight, 0.7)
        numeric[:, o, i] = (above - below) / (2 * h)
    assert_allclose(grad, numeric, rtol=1e-7, atol=1e-8)


@losses
def test_targets_and_weights_of_each_member(name):
    K = 3
    raw, _ = problem(name, K=K)
    rng = np.random.RandomState(1)
    y = np.stack([targets(name, 4, 11, rng) for _ in range(K)])
    weight = rng.rand(K, 11)
    scale = np.array([[0.1], [1.0], [3.0]])
    value, grad = evaluate(name, raw, y, weight, scale)
    for k in range(K):
        expected = evaluate(name, raw[k : k + 1], y[k], weight[k], float(scale[k, 0]))
        assert_array_equal(value[k], expected[0][0])
        assert_array_equal(grad[k], expected[1][0])


def test_huber_is_half_the_squared_error_within_delta_and_linear_beyond():
    raw, y = problem("huber")
    value, grad = evaluate(None, raw, y, loss=Huber(1e6))
    expected = evaluate("squared_error", raw, y)
    assert_allclose(value, expected[0], rtol=1e-14)
    assert_allclose(grad, expected[1], rtol=1e-14)
    delta = 1e-6
    value, grad = evaluate(None, raw, y, loss=Huber(delta))
    expected = evaluate("absolute_error", raw, y)
    assert_allclose(value / delta, expected[0], rtol=1e-6)
    assert_array_equal(grad / delta, expected[1])


QUANTILES = (0.05, 0.5, 0.9)


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("of_each_member", [False, True])
def test_listed_quantiles_are_those_one_by_one(of_each_member, smooth):
    raw, _ = problem("quantile", n_outputs=3)
    y = np.random.RandomState(1).standard_normal((3, 1, 11))
    y = y if of_each_member else y[0]
    listed = Pinball(QUANTILES, listed=True)
    single = [Pinball((q,), listed=False) for q in QUANTILES]
    if smooth:
        widths = np.array([[0.2], [0.5], [1.0]])
        listed = SmoothPinball(listed, widths)
        single = [SmoothPinball(*pair) for pair in zip(single, widths, strict=True)]
    value, grad = evaluate(None, raw, y, loss=listed)
    alone = [evaluate(None, raw[:, [o]], y, loss=loss) for o, loss in enumerate(single)]
    assert_allclose(value, sum(v for v, _ in alone), rtol=1e-14)
    assert_array_equal(grad, np.concatenate([g for _, g in alone], axis=1))


def test_the_smooth_pinball_loss_lies_above_by_a_quarter_of_its_half_width():
    pinball, h = Pinball((0.3,), listed=False), 0.5
    smooth = SmoothPinball(pinball, np.array([[h]]))
    y = np.zeros((1, 1))
    gaps = []
    for r in np.linspace(-1, 1, 21):
        raw = np.full((1, 1, 1), r)
        value, grad = evaluate(None, raw, y, loss=smooth)
        plain, plain_grad = evaluate(None, raw, y, loss=pinball)
        step = np.full((1, 1, 1), 1e-6)
        above, _ = evaluate(None, raw + step, y, loss=smooth)
        below, _ = evaluate(None, raw - step, y, loss=smooth)
        assert_allclose(grad[0, 0, 0], (above - below)[0] / 2e-6, atol=2e-6)
        gaps.append(value[0] - plain[0])
        if abs(r) > h:
            assert_allclose(grad, plain_grad, rtol=1e-14)
            assert_allclose(gaps[-1], 0.0, atol=1e-15)
    assert min(gaps) > -1e-15
    assert_allclose(max(gaps), h / 4)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_smooth_losses_do_not_depend_on_the_unit_of_y(weighted):
    pinball = Pinball(QUANTILES, listed=True)
    rng = np.random.RandomState(0)
    y, weight = rng.standard_normal((1, 15)), rng.rand(15) if weighted else None
    widths = [loss.half_width for loss in pinball.stages(y, weight)]
    larger = [loss.half_width for loss in pinball.stages(8.0 * y + 3.0, weight)]
    assert_allclose(larger, 8.0 * np.array(widths), rtol=1e-12)
    distance = np.abs(y - pinball.constant(y, weight))
    unit = np.average(distance, axis=1, weights=weight)
    assert_allclose(np.array(widths)[..., 0], np.outer(WIDTHS, unit), rtol=1e-12)
    constant = pinball.stages(np.ones((1, 4)), None)
    assert all((loss.half_width > 0).all() for loss in constant)


def test_predicted_quantiles_are_sorted_which_does_not_raise_the_loss():
    pinball = Pinball(QUANTILES, listed=True)
    raw, _ = problem("quantile", n_outputs=3)
    y = np.random.RandomState(1).standard_normal((1, 11))
    before, _ = evaluate(None, raw, y, loss=pinball)
    got = pinball.predict(raw.copy())
    assert_array_equal(got, np.sort(raw, axis=1))
    after, _ = evaluate(None, got, y, loss=pinball)
    assert (after < before).all()


def test_half_the_absolute_error_is_the_pinball_loss_of_the_median():
    raw, y = problem("absolute_error")
    value, grad = evaluate(None, raw, y, loss=Pinball((0.5,), listed=False))
    expected = evaluate("absolute_error", raw, y)
    assert_allclose(value, 0.5 * expected[0], rtol=1e-14)
    assert_array_equal(grad, 0.5 * expected[1])


def gaussian_problem(dtype=np.float64):
    """Raw predictions of two targets, some variances near their bounds."""
    rng = np.random.RandomState(0)
    raw = rng.standard_normal((3, 4, 11)).astype(dtype)
    raw[:, 2:, :4] *= 12.0
    return raw, rng.standard_normal((2, 11)).astype(dtype)


@dtypes
@pytest.mark.parametrize("weighted", [False, True])
def test_the_gaussian_loss_is_that_of_the_normal_density(weighted, dtype):
    raw, y = gaussian_problem(dtype)
    weight = (np.arange(11) % 3 + 0.5).astype(dtype) if weighted else None
    value, grad = evaluate(None, raw, y, weight, loss=Gaussian())
    assert value.dtype == np.float64 and grad.dtype == dtype
    mean, std = Gaussian().predict(raw), Gaussian().std(raw)
    assert_array_equal(mean, raw[:, :2])
    bounds = np.exp(np.array([-0.5, 0.5]) * Gaussian.BOUND)
    assert (std >= bounds[0] * (1 - 1e-6)).all()
    assert (std <= bounds[1] * (1 + 1e-6)).all()
    density = stats.norm.logpdf(y, mean, std) + np.log(2 * np.pi) / 2
    expected = -(density.sum(axis=1) @ (np.ones(11) if weight is None else weight))
    assert_allclose(value, expected, rtol=1e-12 if dtype == np.float64 else 1e-5)


@pytest.mark.parametrize("loss", [Gaussian(), GaussianMean()])
@pytest.mark.parametrize("weighted", [False, True])
def test_gaussian_gradients_are_those_of_the_value(loss, weighted):
    raw, y = gaussian_problem()
    weight = np.arange(11) % 3 + 0.5 if weighted else None
    _, grad = evaluate(None, raw, y, weight, 0.7, loss=loss)
    h, numeric = 1e-6, np.empty_like(raw)
    for o, i in np.ndindex(*raw.shape[1:]):
        step = np.zeros_like(raw)
        step[:, o, i] = h
        above, _ = evaluate(None, raw + step, y, weight, 0.7, loss=loss)
        below, _ = evaluate(None, raw - step, y, weight, 0.7, loss=loss)
        numeric[:, o, i] = (above - below) / (2 * h)
    assert_allclose(grad, numeric, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("loss", [Gaussian(), GaussianMean()])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_best_constant_has_no_gradient(loss, weighted):
    _, y = gaussian_problem()
    weight = np.arange(11) % 3 + 0.5 if weighted else None
    best = loss.constant(y, weight)
    assert best.shape == (4, 1)
    _, grad = evaluate(None, np.tile(best, (1, 1, 11)), y, weight, loss=loss)
    assert_allclose(grad.sum(axis=2), 0.0, atol=1e-12)
    # A target that does not vary has the least variance.
    assert np.isfinite(loss.constant(np.ones((1, 3)), None)).all()


def test_gaussian_losses_of_float32_never_meet_float64():
    raw, y = gaussian_problem(np.float32)
    for loss in (Gaussian(), GaussianMean()):
        log = []
        arrays = [Recorded(a.copy(), log) for a in (raw, y, raw[:, :1], raw, raw)]
        loss._pointwise(*arrays)
        loss.std(arrays[3])
        assert log == []


def test_the_lead_of_the_gaussian_loss_is_half_the_squared_error_of_the_mean():
    raw, y = gaussian_problem()
    value, grad = evaluate(None, raw, y, loss=Gaussian().lead)
    expected, expected_grad = evaluate("squared_error", raw[:, :2], y)
    assert_allclose(value, expected, rtol=1e-14)
    assert_allclose(grad, np.concatenate([expected_grad, 0 * expected_grad], axis=1))
    first, last = Gaussian().stages(y, None)
    assert (type(first), type(last)) == (GaussianMean, Gaussian)


# loss, raw predictions and targets (outputs of one row), value, gradient. A Poisson
# loss is exp(raw) for large raw: finite up to 709 (float32: 88) alone.
EXTREME = [
    ("binary_log_loss", [z], [y], max(z, 0) - y * z, [float(z > 0) - y])
    for z in (-1e4, -1e3, 1e3, 1e4)
    for y in (0, 1)
]
EXTREME += [
    ("multinomial_log_loss", [1e4, -1e4, 0], [0, 1, 0], 2e4, [1, -1, 0]),
    ("multinomial_log_loss", [1e4, -1e4, 0], [1, 0, 0], 0, [0, 0, 0]),
    ("multinomial_log_loss", [-1e3, -1e3], [1, 0], np.log(2), [-0.5, 0.5]),
    ("multinomial_log_loss", [1e3, 1e3], [1, 0], np.log(2), [-0.5, 0.5]),
    ("squared_error", [1e4, -1e3], [0, 0], 0.5e8 + 0.5e6, [1e4, -1e3]),
    ("absolute_error", [1e4, -1e3], [0, 0], 1.1e4, [1, -1]),
    ("absolute_error", [0.0], [0.0], 0.0, [0.0]),
    ("huber", [1e4, -1e3], [0, 0], 0.7 * (1.1e4 - 0.7), [0.7, -0.7]),
    ("quantile", [1e4, -1e3], [0, 0], 0.7e4 + 0.3e3, [0.7, -0.3]),
    ("quantile", [0.0], [0.0], 0.0, [0.2]),
    ("poisson", [-1e4], [0], 0, [0]),
    ("poisson", [-1e3], [2], 2 * np.log(2) + 2e3 - 2, [-2]),
    ("poisson", [-1e4], [1], 1e4 - 1, [-1]),
    ("poisson", [80.0], [0], np.exp(80.0), [np.exp(80.0)]),
]


@dtypes
@pytest.mark.parametrize("name, raw, y, value, grad", EXTREME)
def test_extreme_raw_predictions(name, raw, y, value, grad, dtype):
    raw = np.array(raw, dtype)[None, :, None]
    with np.errstate(all="raise", under="ignore"):
        got, got_grad = evaluate(name, raw, np.array(y, dtype)[:, None])
    eps = np.finfo(dtype).eps
    # exp amplifies the rounding of its argument, here at most 80.
    assert_allclose(got, value, rtol=100 * eps, atol=eps)
    assert_allclose(got_grad[0, :, 0], grad, rtol=100 * eps, atol=eps)


@losses
def test_float32_never_meets_float64(name):
    raw, y = problem(name, dtype=np.float32)
    log = []
    raw, y = Recorded(raw, log), Recorded(y, log)
    pointwise = Recorded(np.empty((3, 1, 11), np.float32), log)
    scratch, spare = (Recorded(np.empty_like(raw), log) for _ in range(2))
    LOSSES[name]._pointwise(raw, y, pointwise, scratch, spare)
    LOSSES[name].predict(raw)
    assert log == []


LINKS = {
    "identity": lambda raw: raw,
    "exp": np.exp,
    "logistic": special.expit,
    "softmax": lambda raw: special.softmax(raw, axis=1),
}


@losses
@dtypes
@pytest.mark.parametrize("scale", [1.0, 20.0])
def test_predict_is_the_inverse_link(name, scale, dtype):
    raw, _ = problem(name, dtype=dtype)
    raw *= scale
    expected = LINKS[LOSSES[name].out_activation](raw.astype(np.float64))
    got = LOSSES[name].predict(raw)
    assert got is raw and got.dtype == dtype
    assert_allclose(got, expected, rtol=1e-13 if dtype == np.float64 else 2e-5)


@losses
@pytest.mark.parametrize("weighted", [False, True])
def test_constant_is_the_best_constant_prediction(name, weighted):
    _, y = problem(name, n_rows=15)
    weight = np.random.RandomState(1).rand(15) if weighted else None
    best = LOSSES[name].constant(y, weight)
    assert best.shape == (4, 1) and best.dtype == np.float64

    def value(raw):
        return evaluate(name, np.tile(raw, (1, 1, 15)), y, weight)[0][0]

    # The loss is convex in the constant: no step along an output lowers it.
    for o in range(4):
        for step in (-1e-3, 1e-3):
            assert value(best + step * np.eye(4)[:, [o]]) >= value(best) - 1e-12


def test_gradient_under_the_canonical_link_is_prediction_minus_target():
    for name in ("binary_log_loss", "multinomial_log_loss", "poisson", "squared_error"):
        raw, y = problem(name)
        _, grad = evaluate(name, raw, y)
        assert_allclose(grad, LOSSES[name].predict(raw) - y, rtol=1e-12, atol=1e-15)


@losses
@pytest.mark.parametrize("value", [-1e-300, -1.0])
def test_targets_outside_the_domain(name, value):
    y = np.array([1.0, value])
    if name != "poisson":
        LOSSES[name].check_targets(y)
        return
    with pytest.raises(ValueError, match=f"poisson.*>= 0.*{value}"):
        LOSSES[name].check_targets(y)
