"""alpha='scale': λ read off the data, whatever their kind, scale and container."""

import tracemalloc
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from helpers import CONTAINERS, LOSSES, targets, training_set
from numpy.testing import assert_allclose
from scipy.sparse import csr_matrix
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning

from skl2 import MLPClassifier, MLPRegressor
from skl2._engine.data import CHUNK_ELEMENTS, TrainingSet
from skl2._engine.losses import HalfSquaredError
from skl2._engine.network.network import LossWorkspace
from skl2._estimators.alpha_scale import (
    SCALE_HIDDEN,
    SCALE_LINEAR,
    _largest_singular_value,
    alpha_grid,
    null_gradient,
    scale_alpha,
    target_scale,
)

PENALTIES = ["l2", "l1", "elasticnet"]


def no_unscaled_warning():
    return warnings.catch_warnings(action="error", category=UserWarning)


# -------------------------------------------------------------------- null_gradient


def summed_loss(data, loss, W):
    """Σ_i s_i L(y_i, c + W'x_i), c the best constant."""
    y, weight = data.targets()
    X = data.X.toarray() if sp.issparse(data.X) else data.X
    raw = (loss.constant(y, weight) + (X @ W).T)[np.newaxis]
    return loss.value_and_gradient(raw, y, weight, 1.0, LossWorkspace(raw))[0]


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_null_gradient_by_finite_differences(name, weighted, container):
    data = training_set(name, weighted=weighted, container=container)
    loss = LOSSES[name]
    got = null_gradient(data, loss)
    expected, h = np.empty_like(got), 1e-6
    for at in np.ndindex(got.shape):
        step = np.zeros_like(got)
        step[at] = h
        above, below = summed_loss(data, loss, step), summed_loss(data, loss, -step)
        expected[at] = (above - below) / (2 * h)
    assert got.dtype == np.float64
    assert_allclose(got, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "name", ["squared_error", "binary_log_loss", "multinomial_log_loss"]
)
def test_null_gradient_is_the_product_with_centred_targets(name, weighted):
    data = training_set(name, weighted=weighted)
    s = np.ones(data.n_rows) if not weighted else data.sample_weight
    centred = data.y - np.average(data.y, axis=1, weights=s)[:, np.newaxis]
    got = null_gradient(data, LOSSES[name])
    assert_allclose(got, -data.X.T @ (s * centred).T, atol=1e-12)


@pytest.mark.parametrize("container", CONTAINERS)
def test_rows_are_read_in_chunks_and_in_subsets(container):
    rng = np.random.RandomState(0)
    d = CHUNK_ELEMENTS // 256
    X, y = rng.standard_normal((600, d)), rng.standard_normal((2, 600))
    data = TrainingSet(CONTAINERS[container](X), y)
    rows = rng.permutation(600)[:400]
    loss = HalfSquaredError()
    for part, index in [(data, slice(None)), (data.subset(rows), rows)]:
        x, t = X[index], y[:, index]
        expected = -x.T @ (t - t.mean(axis=1, keepdims=True)).T
        assert_allclose(null_gradient(part, loss), expected, atol=1e-9)


# ---------------------------------------------------------------- singular values


@pytest.mark.parametrize("shape", [(3, 1), (1, 7), (200, 5), (5, 200), (90, 80)])
def test_largest_singular_value(shape):
    matrix = np.random.RandomState(0).standard_normal(shape)
    expected = np.linalg.svd(matrix, compute_uv=False)[0]
    assert_allclose(_largest_singular_value(matrix), expected, rtol=1e-8)
    assert _largest_singular_value(np.zeros(shape)) == 0.0


# ------------------------------------------------------------------ alpha='scale'

N = 60
rng = np.random.RandomState(3)
X = rng.standard_normal((N, 5))
WEIGHT = rng.choice([0.0, 1.0, 2.0, 3.0], N)
Y = {
    "binary": np.where(rng.rand(N) < 0.4, "b", "a"),
    "multiclass": rng.randint(0, 3, N),
    "multilabel": rng.randint(0, 2, (N, 3)),
    "regression": rng.standard_normal(N) * 5.0 + 100.0,
    "multioutput": rng.standard_normal((N, 2)) * 5.0,
}


def encoded(kind):
    """Targets as columns: 0/1, one-hot, or as they are."""
    y = Y[kind]
    if kind == "binary":
        return (y == "b").astype(float)[:, np.newaxis]
    if kind == "multiclass":
        return np.eye(3)[y]
    return y.reshape(N, -1).astype(float)


def fitted(kind, sample_weight=None, X=X, y=None, **params):
    Estimator = (
        MLPRegressor if "regression" in kind or "output" in kind else (MLPClassifier)
    )
    model = Estimator(
        **({"hidden_layer_sizes": (3,), "alpha": "scale", "solver": "sgd"} | params),
        max_iter=1,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, Y[kind] if y is None else y, sample_weight)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", Y)
def test_it_is_the_formula(kind, weighted, container):
    """With two layers and L2 the scale of y cancels, but for that of σ_max itself."""
    s = WEIGHT if weighted else np.ones(N)
    T = encoded(kind)
    G = X.T @ (s[:, np.newaxis] * (T - np.average(T, axis=0, weights=s)))
    expected = 0.01 * np.linalg.svd(G, compute_uv=False)[0]
    model = fitted(kind, WEIGHT if weighted else None, X=CONTAINERS[container](X))
    assert_allclose(model.alpha_, np.full(2, expected), rtol=1e-10)
    assert model.get_params()["alpha"] == "scale"


def test_the_constants():
    assert (SCALE_LINEAR, SCALE_HIDDEN) == (0.003, 0.01)
    ratio = fitted("binary", hidden_layer_sizes=()).alpha_[0]
    ratio /= fitted("binary", hidden_layer_sizes=(3, 3)).alpha_[0]
    assert_allclose(ratio, 0.3)


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("kind", Y)
def test_weights_are_repetition(kind, penalty):
    repeated = np.repeat(np.arange(N), WEIGHT.astype(int))
    weighted = fitted(kind, WEIGHT, penalty=penalty).alpha_
    again = fitted(kind, X=X[repeated], y=Y[kind][repeated], penalty=penalty).alpha_
    assert_allclose(weighted, again, rtol=1e-10)


@pytest.mark.parametrize("kind", Y)
def test_float32_agrees(kind):
    single = fitted(kind, X=X.astype(np.float32))
    assert_allclose(single.alpha_, fitted(kind).alpha_, rtol=1e-5)
    assert single.coefs_[0].dtype == np.float32


def test_class_weight_weighs_it():
    weight = np.where(Y["binary"] == "a", 3.0, 1.0)
    by_class = fitted("binary", class_weight={"a": 3.0})
    assert_allclose(by_class.alpha_, fitted("binary", weight).alpha_, rtol=1e-12)


@pytest.mark.parametrize("activation", ["relu", "identity"])
@pytest.mark.parametrize("n_layers", [1, 2, 3])
@pytest.mark.parametrize("penalty", ["l2", "l1"])
def test_it_does_not_depend_on_the_units_of_y(penalty, n_layers, activation):
    """With y ↦ t y and λ read off the data the same network, rescaled, is as good.

    The activations are positively homogeneous: with weights times t^(1/L) and the bias
    of layer l times t^(l/L) the output is t times as large. Then J must be t² times as
    large at *every* point.
    """
    t, hidden = 1000.0, (4,) * (n_layers - 1)
    y = Y["regression"] - 99.0
    model = fitted(
        "regression",
        y=y,
        hidden_layer_sizes=hidden,
        activation=activation,
        penalty=penalty,
    )
    rescaled = fitted("regression", y=t * y, hidden_layer_sizes=hidden, penalty=penalty)

    def penalty_term(coefs, alpha):
        power = 1 if penalty == "l1" else 2
        return alpha[0] / (2 * N) * sum((np.abs(W) ** power).sum() for W in coefs)

    larger = [W * t ** (1 / n_layers) for W in model.coefs_]
    # The squared error grows by t²; so must the penalty.
    assert_allclose(
        penalty_term(larger, rescaled.alpha_),
        t**2 * penalty_term(model.coefs_, model.alpha_),
        rtol=1e-10,
    )


@pytest.mark.parametrize("n_layers", [1, 2, 3])
def test_elastic_net_takes_the_weaker_of_its_two(n_layers):
    for t in (1e-3, 1e3):
        y = t * (Y["regression"] - 99.0)
        alpha = {
            p: fitted(
                "regression", y=y, penalty=p, hidden_layer_sizes=(3,) * (n_layers - 1)
            ).alpha_[0]
            for p in PENALTIES
        }
        assert alpha["elasticnet"] == min(alpha["l1"], alpha["l2"])


def test_an_offset_of_y_changes_nothing():
    a, b = (fitted("regression", y=Y["regression"] + c).alpha_ for c in (0.0, 1e4))
    assert_allclose(a, b, rtol=1e-8)


def test_losses_with_a_link_have_no_unit():
    data = training_set("poisson")
    assert target_scale(data, LOSSES["poisson"]) == 1.0
    assert target_scale(data, LOSSES["binary_log_loss"]) == 1.0
    spread = np.sqrt(np.mean(data.y.var(axis=1)))
    assert_allclose(target_scale(data, LOSSES["squared_error"]), spread)


@pytest.mark.parametrize("kind", ["regression", "multioutput"])
def test_targets_without_variance_leave_nothing_to_regularize(kind):
    assert_allclose(fitted(kind, y=np.ones_like(Y[kind])).alpha_, 0.0, atol=1e-12)


def test_sparse_data_stay_sparse():
    n, d = 300, 10_000
    S = sp.random(n, d, density=1e-3, format="csr", random_state=0)
    y = targets("binary_log_loss", 1, n, np.random.RandomState(0))
    data = TrainingSet(S, y)
    tracemalloc.start()
    with warnings.catch_warnings(action="ignore"):
        value = scale_alpha(data, LOSSES["binary_log_loss"], "l2", 2)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    expected = 0.01 * np.linalg.norm(S.T @ (y[0] - y.mean()))
    assert_allclose(value, expected, rtol=1e-10)
    assert peak < n * d * 8 / 10


# ------------------------------------------------------------------------ the grid


def test_auto_grid_is_half_decades_around_the_scale():
    grid = alpha_grid("auto", 2.0)
    assert_allclose(np.diff(np.log10(grid)), 0.5)
    assert_allclose([grid[0], grid[6], grid[-1]], [0.002, 2.0, 2000.0])
    assert len(grid) == 13


@pytest.mark.parametrize("n", [1, 2, 5, np.int64(7)])
def test_a_number_of_alphas_covers_the_same_range(n):
    grid = alpha_grid(n, 2.0)
    assert len(grid) == n
    if n == 1:
        assert grid[0] == 2.0
    else:
        assert_allclose([grid[0], grid[-1]], [0.002, 2000.0])
        assert_allclose(np.diff(np.log(grid)), np.log(grid[1] / grid[0]))


def test_alphas_given_are_sorted_and_made_unique():
    assert alpha_grid([3.0, 0.0, 1, 3.0], 9.0).tolist() == [0.0, 1.0, 3.0]
    assert alpha_grid(range(1, 4), 9.0).tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    "bad",
    [[], 0, -3, True, 2.5, "scale", None, [1.0, np.nan], [np.inf], [[1.0]], ["a"]],
    ids=repr,
)
def test_alphas_that_make_no_grid(bad):
    with pytest.raises(ValueError, match="alphas must be 'auto', an integer >= 1"):
        alpha_grid(bad, 1.0)


def test_negative_alphas_are_named():
    with pytest.raises(ValueError, match=r"alphas must be >= 0; the smallest is .*-2"):
        alpha_grid([1.0, -2.0], 1.0)


@pytest.mark.parametrize("container", [np.asarray, csr_matrix])
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("exponent", [-660, 530])
def test_scale_alpha_grows_with_x_however_extreme(container, kind, exponent):
    # σ_max(Xᵀ(Y - Ȳ)) is linear in X; a power of 2 leaves the digits alone.
    X, y = load_iris(return_X_y=True)
    scales = []
    for factor in (1.0, 2.0**exponent):
        estimator = kind(alpha="scale")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", ConvergenceWarning)
            scales.append(estimator_scale(estimator, container(X * factor), y))
    assert scales[1] == scales[0] * 2.0**exponent > 0


def estimator_scale(estimator, X, y):
    problem, *_ = estimator._problem(X, y)
    return scale_alpha(problem.data, problem.loss, "l2", 2)


def test_scale_alpha_of_x_that_overflows_says_so():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match="Scale X, e.g. with StandardScaler"):
        estimator_scale(MLPRegressor(alpha="scale"), X * 1e306, y)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_targets_whose_squares_overflow_are_named(solver):
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((20, 3)), 1e160 * rng.standard_normal(20)
    model = MLPRegressor(hidden_layer_sizes=(), alpha="scale", solver=solver)
    with pytest.raises(ValueError, match="y is not scaled|alpha='scale' is"):
        model.fit(X, y)
