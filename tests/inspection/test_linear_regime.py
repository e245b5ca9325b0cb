"""linear_regime and hidden_activations: against passes written out by hand."""

import numpy as np
import pytest
from helpers import ACTIVATION_NAMES, fit_quietly
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csc_matrix, csr_matrix
from scipy.special import erf
from sklearn.linear_model import LinearRegression

from skl2 import MLPClassifier, MLPRegressor
from skl2._engine.data import row_chunks
from skl2.inspection import hidden_activations, linear_range, linear_regime

RNG = np.random.RandomState(0)
X = RNG.standard_normal((60, 4))
Y = np.column_stack([np.sin(2 * X[:, 0]), X[:, 1] * X[:, 2]])

# f by other means than those of skl2.layers.
FUNCTIONS = {
    "identity": lambda z: z,
    "logistic": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "relu": lambda z: np.where(z > 0, z, 0.0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "elu": lambda z: np.where(z > 0, z, np.exp(np.minimum(z, 0)) - 1),
    "gelu": lambda z: z * (1 + erf(z / np.sqrt(2))) / 2,
    "silu": lambda z: z / (1 + np.exp(-z)),
}
SMOOTH = sorted(set(FUNCTIONS) - {"relu", "leaky_relu"})


def fitted(activation="tanh", hidden=(5, 3), **params):
    defaults = {"max_iter": 30, "learning_rate_init": 0.03, "random_state": 0}
    model = MLPRegressor(
        hidden_layer_sizes=hidden, activation=activation, **(defaults | params)
    )
    return fit_quietly(model, X, Y)


def by_hand(model, data):
    """Lists of z and a of the hidden layers, and the raw output, rows first."""
    zs, activations, a = [], [], data
    for W, b in zip(model.coefs_, model.intercepts_, strict=True):
        zs.append(a @ W + b)
        a = FUNCTIONS[model.activation](zs[-1])
        activations.append(a)
    return zs[:-1], activations[:-1], zs[-1]


def test_all_activations_are_here():
    assert set(FUNCTIONS) == set(ACTIVATION_NAMES)


@pytest.mark.parametrize("name", SMOOTH)
def test_the_deviation_is_5_percent_at_the_ends_and_less_inside(name):
    f = FUNCTIONS[name]
    slope = {"logistic": 0.25, "gelu": 0.5, "silu": 0.5}.get(name, 1.0)
    assert_allclose((f(np.array(1e-5)) - f(np.array(-1e-5))) / 2e-5, slope, rtol=1e-5)

    def deviation(z):
        return np.abs(f(z) - f(0 * z) - slope * z) / np.abs(slope * z)

    for end in linear_range(name):
        if np.isinf(end):
            assert (deviation(np.sign(end) * np.logspace(-2, 2)) < 1e-8).all()
            continue
        assert_allclose(deviation(np.array(end)), 0.05, rtol=1e-6)
        assert (deviation(end * np.linspace(0.05, 0.999)) < 0.05).all()
        assert (deviation(end * np.linspace(1.001, 10)) > 0.05).all()


@pytest.mark.parametrize("name", ["relu", "leaky_relu"])
def test_a_kink_has_no_range(name):
    assert linear_range(name) is None


@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_hidden_activations_are_those_of_a_forward_pass(name):
    model = fitted(name)
    _, activations, _ = by_hand(model, X)
    for layer in (0, 1, -1, -2):
        got = hidden_activations(model, X, layer=layer)
        assert got.dtype == np.float64
        assert_allclose(got, activations[layer], rtol=1e-10, atol=1e-14)
    assert_array_equal(
        hidden_activations(model, X), hidden_activations(model, X, layer=1)
    )


@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_linear_regime_is_that_of_a_forward_pass(name):
    model = fitted(name)
    zs, _, raw = by_hand(model, X)
    regime = linear_regime(model, X)
    assert regime.activation == name
    assert_allclose(regime.mean_abs_z, [np.abs(z).mean() for z in zs], rtol=1e-10)
    if linear_range(name) is None:
        share = [np.mean((z > 0).all(0) | (z < 0).all(0)) for z in zs]
    else:
        low, high = linear_range(name)
        share = [np.mean((low < z) & (z < high)) for z in zs]
    assert_allclose(regime.linear_share, share, rtol=1e-12)
    fit = LinearRegression().fit(X, raw).predict(X)
    # One mean for each output, not one for both.
    centred = raw - raw.mean(axis=0)
    expected = 1 - np.sum((raw - fit) ** 2) / np.sum(centred**2)
    assert_allclose(regime.affine_r2, expected, rtol=1e-10)
    if name != "identity":
        assert regime.affine_r2 < 0.999


def test_a_linear_network():
    for model in (fitted("identity"), fitted(hidden=())):
        assert_allclose(linear_regime(model, X).affine_r2, 1.0, rtol=1e-12)
    assert_array_equal(linear_regime(fitted("identity"), X).linear_share, [1, 1])
    empty = linear_regime(fitted(hidden=()), X)
    assert empty.mean_abs_z.shape == empty.linear_share.shape == (0,)


@pytest.mark.parametrize("name", SMOOTH)
def test_small_weights_make_it_linear(name):
    # The deviation of f from its tangent is of second order in z, or higher: with z a
    # tenth, 1 - R² is a hundredth or less.
    model = fitted(name)
    model.intercepts_ = [0 * b for b in model.intercepts_]
    weights = model.coefs_
    unexplained = []
    for scale in (1e-1, 1e-2, 1e-3):
        model.coefs_ = [scale * W for W in weights]
        regime = linear_regime(model, X)
        unexplained.append(1 - regime.affine_r2)
    assert (regime.linear_share == 1).all()
    assert unexplained[-1] < 1e-5
    if name != "identity":
        assert (np.array(unexplained[:-1]) > 50 * np.array(unexplained[1:])).all()


def test_a_kink_in_or_out_of_the_data():
    model = fitted("relu", hidden=(3,))
    assert linear_regime(model, X).affine_r2 < 0.9999
    # Every unit is on: the network is affine on X; then one that is not.
    model.intercepts_[0] = np.full(3, 1e3)
    regime = linear_regime(model, X)
    assert_array_equal(regime.linear_share, [1.0])
    assert_allclose(regime.affine_r2, 1.0, rtol=1e-12)
    model.intercepts_[0][1] = -(X @ model.coefs_[0])[:, 1].mean()
    assert_allclose(linear_regime(model, X).linear_share, [2 / 3])


def test_a_constant_output_is_affine():
    model = fitted(alpha=1e9, solver="lbfgs", penalty="l1")
    assert not any(W.any() for W in model.coefs_)
    assert linear_regime(model, X).affine_r2 == 1.0


def test_of_columns_that_differ_in_scale():
    scales = np.array([1e-6, 1.0, 1e3, 1e6])
    model = fitted()
    expected = linear_regime(model, X)
    model.coefs_[0] = model.coefs_[0] / scales[:, np.newaxis]
    got = linear_regime(model, X * scales + 0.0)
    assert_allclose(got.affine_r2, expected.affine_r2, rtol=1e-8)


@pytest.mark.parametrize("kind", [csr_matrix, csc_matrix, np.asfortranarray])
def test_containers(kind):
    positive = X * (X > 0)
    model = fitted()
    expected, got = linear_regime(model, positive), linear_regime(model, kind(positive))
    assert_allclose(got.mean_abs_z, expected.mean_abs_z, rtol=1e-12)
    assert_array_equal(got.linear_share, expected.linear_share)
    assert_allclose(got.affine_r2, expected.affine_r2, rtol=1e-9)
    assert_allclose(
        hidden_activations(model, kind(positive)),
        hidden_activations(model, positive),
        rtol=1e-10,
    )


def test_feature_names():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcd"))
    plain, model = (
        fitted(),
        fit_quietly(MLPRegressor(**fitted().get_params()), frame, Y),
    )
    assert_array_equal(hidden_activations(model, frame), hidden_activations(plain, X))
    assert linear_regime(model, frame).affine_r2 == linear_regime(plain, X).affine_r2
    for function in (hidden_activations, linear_regime):
        with pytest.raises(ValueError, match="feature names"):
            function(model, frame[list("dcba")])


@pytest.mark.parametrize("sparse_X", [False, True])
def test_sparse_weights(sparse_X):
    model = fitted(penalty="l1", alpha=1.0)
    data = csr_matrix(X) if sparse_X else X
    expected = linear_regime(model, X)
    activations = hidden_activations(model, X)
    model.sparsify()
    got = linear_regime(model, data)
    assert_allclose(got.mean_abs_z, expected.mean_abs_z, rtol=1e-12)
    assert_allclose(got.affine_r2, expected.affine_r2, rtol=1e-9)
    assert_allclose(hidden_activations(model, data), activations, rtol=1e-10)


@pytest.mark.parametrize("params", [{"batch_norm": True}, {"dropout": 0.5}])
def test_it_is_the_network_that_predicts(params):
    model = fitted(**params)
    zs, activations, raw = by_hand(model, X)
    assert_allclose(raw, model.predict(X), rtol=1e-10)
    assert_allclose(hidden_activations(model, X), activations[-1], rtol=1e-10)
    assert_allclose(linear_regime(model, X).mean_abs_z, [np.abs(z).mean() for z in zs])


def test_float32_and_many_chunks():
    many = RNG.standard_normal((8_000, 4)).astype(np.float32)
    assert len(row_chunks(len(many), 100)) > 1
    model = MLPClassifier((100,), "tanh", max_iter=1, random_state=0)
    fit_quietly(model, many[:1000], many[:1000, 0] > 0)
    zs, activations, _ = by_hand(model, many.astype(float))
    got = hidden_activations(model, many)
    assert got.dtype == np.float32
    assert_allclose(got, activations[0], atol=1e-5)
    regime = linear_regime(model, many)
    assert_allclose(regime.mean_abs_z, np.abs(zs[0]).mean(), rtol=1e-5)
    assert_allclose(
        regime.linear_share,
        np.mean(np.abs(zs[0]) < linear_range("tanh")[1]),
        atol=1e-5,
    )


def test_a_unit_may_change_its_sign_between_chunks():
    ascending = np.linspace(-1, 1, 40_000)[:, np.newaxis]
    assert len(row_chunks(len(ascending), 300)) > 1
    model = MLPRegressor(hidden_layer_sizes=(300,), max_iter=1, random_state=0)
    fit_quietly(model, ascending[::40], ascending[::40, 0])
    model.intercepts_[0][:] = 0.0
    model.intercepts_[0][:30] = 10.0
    assert_allclose(linear_regime(model, ascending).linear_share, [0.1])


def test_set_params_after_fit_changes_nothing():
    model = fitted("tanh")
    before = hidden_activations(model, X), linear_regime(model, X).linear_share
    model.set_params(activation="relu", hidden_layer_sizes=(1,))
    assert_array_equal(hidden_activations(model, X), before[0])
    assert_array_equal(linear_regime(model, X).linear_share, before[1])


def test_too_few_rows_for_a_fit():
    with pytest.warns(UserWarning, match="5 rows and 4 features"):
        assert_allclose(linear_regime(fitted(), X[:5]).affine_r2, 1.0)


@pytest.mark.parametrize("function", [hidden_activations, linear_regime])
def test_of_other_columns(function):
    with pytest.raises(ValueError, match="3 features"):
        function(fitted(), X[:, :3])


@pytest.mark.parametrize(("hidden", "layer"), [((5,), 1), ((5,), -2), ((), -1)])
def test_a_layer_that_is_not_there(hidden, layer):
    with pytest.raises(ValueError, match=f"{len(hidden)} hidden"):
        hidden_activations(fitted(hidden=hidden), X, layer=layer)
