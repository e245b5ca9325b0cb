import pickle

import numpy as np
import pytest
import sklearn
from helpers import covering, fit_quietly
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import neural_network
from sklearn.datasets import make_multilabel_classification, make_regression
from sklearn.exceptions import NotFittedError

from skl2 import MLPClassifier, MLPRegressor
from skl2._engine.network.layers import ACTIVATIONS
from skl2.export import compress, from_sklearn, to_sklearn, to_torch

RNG = np.random.RandomState(0)
X = RNG.standard_normal((80, 6))
PROBLEMS = {
    "binary": (MLPClassifier, np.where(X[:, 0] > 0, "yes", "no")),
    "multiclass": (MLPClassifier, np.digitize(X[:, 1], [-0.5, 0.5])),
    "multilabel": (
        MLPClassifier,
        make_multilabel_classification(80, 6, n_classes=3, random_state=0)[1],
    ),
    "regression": (MLPRegressor, X[:, 0] * X[:, 1]),
    "multioutput": (
        MLPRegressor,
        make_regression(80, 6, n_targets=2, random_state=0)[1] / 100.0,
    ),
    "poisson": (MLPRegressor, RNG.poisson(np.exp(X[:, 0])).astype(float)),
}


def fitted(problem, **params):
    kind, y = PROBLEMS[problem]
    if problem == "poisson":
        params["loss"] = "poisson"
    # The penalty keeps probabilities off 0 and 1, where scikit-learn's log is -inf.
    params = {"hidden_layer_sizes": (8, 5), "max_iter": 30, "alpha": 10.0} | params
    params["solver"] = "lbfgs"
    return kind(random_state=0, **params).fit(X, y)


def outputs(estimator, data=X):
    """Everything the estimator predicts."""
    names = ("predict", "predict_proba", "predict_log_proba")
    return [getattr(estimator, n)(data) for n in names if hasattr(estimator, n)]


def assert_same(a, b, rtol):
    for ours, theirs in zip(outputs(a), outputs(b), strict=True):
        if ours.dtype.kind in "fc":
            assert_allclose(ours, theirs, rtol=rtol, atol=rtol)
        else:
            assert_array_equal(ours, theirs)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_to_sklearn_and_back(problem, activation):
    ours = fitted(problem, activation=activation)
    if (
        problem == "poisson"
        and "loss" not in neural_network.MLPRegressor().get_params()
    ):
        pytest.skip("scikit-learn before 1.7 has no Poisson loss")
    exported = to_sklearn(ours)
    assert type(exported).__module__.startswith("sklearn.neural_network")
    assert_same(ours, exported, 1e-9)
    assert_same(from_sklearn(exported), exported, 1e-9)
    # It owns its weights.
    exported.coefs_[0][:] = 0.0
    assert ours.coefs_[0].any()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_from_sklearn_of_a_fit_of_theirs():
    y = PROBLEMS["binary"][1]
    theirs = neural_network.MLPClassifier((4,), max_iter=20, random_state=0).fit(X, y)
    ours = from_sklearn(theirs)
    assert isinstance(ours, MLPClassifier)
    assert_same(ours, theirs, 1e-9)
    assert_same(pickle.loads(pickle.dumps(ours)), theirs, 1e-9)


# Without momentum the optimizer has no state: training goes on as in the original.
STATELESS = {
    "hidden_layer_sizes": (4,),
    "solver": "sgd",
    "momentum": 0.0,
    "nesterovs_momentum": False,
    "batch_size": 80,
    "alpha": 0.0,
    "learning_rate_init": 0.05,
    "max_iter": 3,
    "random_state": 0,
}
TRAINED_ON = [p for p in PROBLEMS if p != "poisson"]


def pair(problem, **params):
    """An estimator of ours and of scikit-learn, and the targets."""
    kind, y = PROBLEMS[problem]
    theirs = getattr(neural_network, kind.__name__)
    return kind(**params), theirs(**params), y


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("method", ["partial_fit", "warm fit"])
@pytest.mark.parametrize("problem", TRAINED_ON)
def test_a_converted_network_trains_on_as_the_original(problem, method):
    warm = method == "warm fit"
    ours, theirs, y = pair(problem, **STATELESS, warm_start=warm)
    for original, convert in ((ours, to_sklearn), (theirs, from_sklearn)):
        converted = convert(original.fit(X, y))
        for model in (original, converted):
            for _ in range(2):
                model.fit(X, y) if warm else model.partial_fit(X, y)
        for a, b in zip(original.coefs_, converted.coefs_, strict=True):
            assert_allclose(a, b, rtol=1e-9, atol=1e-12)
        assert len(original.loss_curve_) == len(converted.loss_curve_)
        assert original.t_ == converted.t_


CONVERTED = [
    {"solver": "adam"},
    {"solver": "lbfgs"},
    {"early_stopping": True},
    {"n_estimators": 2},
    {"hidden_layer_sizes": ()},
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("problem, params", covering(TRAINED_ON, CONVERTED, strength=1))
def test_every_kind_of_converted_network_trains_on(problem, params):
    kind, y = PROBLEMS[problem]
    old = sklearn.__version__.startswith("1.6.")
    if old and "early_stopping" in params and y.dtype.kind == "U":
        pytest.skip("scikit-learn 1.6 can't stop early on classes that are strings")
    params = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0} | params
    ours = kind(**params).fit(X, y)
    exported = to_sklearn(ours)
    for model in (exported, from_sklearn(exported)):
        model.set_params(warm_start=True).fit(X, y)
        model.set_params(solver="adam", early_stopping=False).fit(X, y)
        before = model.coefs_[0].copy()
        model.partial_fit(X, y)
        assert (model.coefs_[0] != before).any()
        assert np.isfinite(model.loss_curve_[-1])


def test_to_sklearn_keeps_the_parameters_that_scikit_learn_has():
    shared = {
        "learning_rate_init": 0.02,
        "batch_size": 30,
        "max_iter": 2,
        "tol": 0.5,
        "random_state": 3,
        "warm_start": True,
        "n_iter_no_change": 7,
    }
    y = PROBLEMS["binary"][1]
    ours = MLPClassifier((5,), alpha=2.0, solver="sgd", **shared)
    ours = fit_quietly(ours, X, y)
    kept = to_sklearn(ours).get_params()
    assert kept == kept | shared | {"alpha": 2.0, "solver": "sgd"}
    # scikit-learn has no such solver, schedule and penalty.
    ours = MLPClassifier(
        (5,), penalty="l1", solver="adamw", learning_rate="cosine", max_iter=2
    ).fit(X, y)
    default = neural_network.MLPClassifier().get_params()
    changed = {"hidden_layer_sizes": (5,), "max_iter": 2}
    assert to_sklearn(ours).get_params() == default | changed
    assert to_sklearn(ours.set_params(penalty=None).fit(X, y)).alpha == 0.0
    ours.set_params(penalty="l2", alpha="scale").fit(X, y)
    assert to_sklearn(ours).alpha == ours.alpha_[0]
    ours.set_params(alpha=[1.0, 2.0]).fit(X, y)
    assert to_sklearn(ours).alpha == default["alpha"]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_cannot_be_exported_says_so():
    with pytest.raises(ValueError, match=r"no activation 'gelu'.*torch"):
        to_sklearn(fitted("binary", activation="gelu"))
    with pytest.raises(TypeError, match="got MLPClassifier"):
        from_sklearn(fitted("binary"))
    for export in (compress, to_sklearn, to_torch, from_sklearn):
        with pytest.raises(NotFittedError):
            export(MLPClassifier())


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_to_torch(problem, activation, dtype):
    torch = pytest.importorskip("torch")
    data = X.astype(dtype)
    kind, y = PROBLEMS[problem]
    ours = fitted(problem, activation=activation)
    ours = ours.fit(data, y)
    rtol = 1e-9 if dtype == np.float64 else 1e-4
    with torch.no_grad():
        raw = to_torch(ours)(torch.from_numpy(data)).numpy()
        mean = to_torch(ours, link=True)(torch.from_numpy(data)).numpy()
    assert raw.dtype == dtype
    expected = ours.predict_proba(data) if kind is MLPClassifier else ours.predict(data)
    if problem == "binary":
        expected = expected[:, 1]
    assert_allclose(np.squeeze(mean), expected, rtol=rtol, atol=rtol)
    if kind is MLPClassifier:
        expected = ours.decision_function(data)
        assert_allclose(np.squeeze(raw), expected, rtol=rtol, atol=rtol)


def dying(activation):
    """A fit some of whose units are cut off, by hand."""
    ours = fitted("multiclass", hidden_layer_sizes=(6, 5, 4), activation=activation)
    W = [c.copy() for c in ours.coefs_]
    W[0][:, [0, 3]] = 0.0  # two constants in the first hidden layer
    W[2][[1], :] = 0.0  # an unread unit in the second
    W[1][:4, 2] = 0.0
    W[1][:, 4] = 0.0  # and a constant one
    W[0][2] = 0.0  # an input nobody uses
    ours.coefs_ = W
    return ours


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_compress_predicts_the_same(activation):
    ours = dying(activation)
    before = [c.copy() for c in ours.coefs_ + ours.intercepts_]
    small = compress(ours)
    assert_same(small.estimator, ours, 1e-12)
    assert small.removed_units == [2, 2, 0]
    assert small.estimator.hidden_layer_sizes == (4, 3, 4)
    assert_array_equal(small.unused_inputs, [2])
    assert small.multiply_adds == (
        6 * 6 + 6 * 5 + 5 * 4 + 4 * 3,
        6 * 4 + 4 * 3 + 3 * 4 + 4 * 3,
    )
    assert small.pickle_bytes[1] < small.pickle_bytes[0]
    assert small.pickle_bytes[1] == len(pickle.dumps(small.estimator))
    for now, then in zip(ours.coefs_ + ours.intercepts_, before, strict=True):
        assert_array_equal(now, then)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_compress_follows_chains_and_keeps_a_unit():
    ours = fitted("regression", hidden_layer_sizes=(4, 3), activation="tanh")
    ours.coefs_[1][:] = 0.0
    ours.intercepts_[0][:] = 0.7
    small = compress(ours)
    # Nothing is left to pass on: one unit a layer remains, and the constant.
    assert small.estimator.hidden_layer_sizes == (1, 1)
    assert_same(small.estimator, ours, 1e-12)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_l1_fit_becomes_smaller_and_goes_on():
    y = PROBLEMS["binary"][1]
    ours = MLPClassifier(
        (30,), penalty="l1", alpha=3.0, solver="lbfgs", max_iter=500, random_state=0
    ).fit(X, y)
    small = compress(ours.sparsify())
    assert small.removed_units[0] > 10
    assert_same(small.estimator, ours, 1e-12)
    # Still an estimator: it can be trained on from here.
    small.estimator.set_params(warm_start=True, max_iter=5).fit(X, y)


BATCH_NORM = {
    "batch_norm": True,
    "solver": "sgd",
    "momentum": 0.0,
    "nesterovs_momentum": False,
    "alpha": 0.0,
    "activation": "tanh",
    "max_iter": 5,
    "random_state": 0,
}


def without_inputs(network, cut):
    """A fit whose hidden units `cut` of the first layer have lost their inputs."""
    network.coefs_ = [c.copy() for c in network.coefs_]
    network.coefs_[0][:, cut] = 0.0
    for statistic in ("mean", "variance"):
        network.batch_norm_[0][statistic][cut] = 0.0
    return network


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("method", ["partial_fit", "warm fit"])
@pytest.mark.parametrize("hidden", [(6,), (6, 5), (6, 5, 4)])
def test_a_compressed_network_with_batch_norm_trains_on(hidden, method):
    y = PROBLEMS["multioutput"][1] / 100
    model = MLPRegressor(hidden_layer_sizes=hidden, **BATCH_NORM).fit(X, y)
    model = without_inputs(model, [0, 3])
    small = compress(model).estimator
    assert [len(units["mean"]) for units in small.batch_norm_] == [4, *hidden[1:]]

    def train_on(network, rate):
        network.set_params(learning_rate_init=rate, warm_start=method != "partial_fit")
        getattr(network, method.split()[-1])(X, y)

    # Almost at rest, so that the units without inputs stay constant.
    for network in (model, small):
        train_on(network.set_params(max_iter=1), 1e-12)
    assert_allclose(small.loss_, model.loss_, rtol=1e-9)
    assert_allclose(small.predict(X), model.predict(X), rtol=1e-4, atol=1e-4)
    at_rest = small.loss_
    for _ in range(3):
        train_on(small, 0.1)
    assert small.loss_ < at_rest


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("hidden", [(6,), (6, 5)])
def test_a_compressed_ensemble_with_batch_norm_trains_on(hidden):
    y = PROBLEMS["binary"][1]
    model = MLPClassifier(hidden, n_estimators=2, **BATCH_NORM).fit(X, y)
    small = compress(without_inputs(model, [0, 7])).estimator
    assert small.hidden_layer_sizes[0] == 10
    widths = [len(units["mean"]) for units in small.batch_norm_]
    assert widths == list(small.hidden_layer_sizes)
    before = small.loss_
    for _ in range(3):
        small.partial_fit(X, y)
    assert small.loss_ < before


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])
def test_onnx(problem):
    skl2onnx = pytest.importorskip("skl2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    kind, y = PROBLEMS[problem]
    data = X.astype(np.float32)
    ours = fitted(problem, hidden_layer_sizes=(8,)).fit(data, y)
    options = {"zipmap": False} if kind is MLPClassifier else None
    model = skl2onnx.to_onnx(to_sklearn(ours), data[:1], options=options)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    found = session.run(None, {session.get_inputs()[0].name: data})
    if kind is MLPRegressor:
        assert_allclose(np.squeeze(found[0]), ours.predict(data), rtol=1e-4, atol=1e-4)
        return
    assert_array_equal(found[0], ours.predict(data))
    assert_allclose(found[1], ours.predict_proba(data), rtol=1e-4, atol=1e-4)


def test_quantiles_go_where_they_stay_sorted():
    torch = pytest.importorskip("torch")
    y = X[:, 0] * X[:, 1]
    three = MLPRegressor("quantile", (8,), quantile=[0.4, 0.5, 0.6], max_iter=20)
    fit_quietly(three.set_params(random_state=0), X, y)
    far = 10.0 * RNG.standard_normal((200, 6))
    raw = to_torch(three)(torch.from_numpy(far)).detach().numpy()
    assert_allclose(raw, three._raw_predict(far), rtol=1e-10)
    assert (np.diff(raw, axis=1) < 0).any()
    linked = to_torch(three, link=True)(torch.from_numpy(far)).detach().numpy()
    assert_allclose(linked, three.predict(far), rtol=1e-10)
    assert_allclose(compress(three).estimator.predict(far), three.predict(far))
    with pytest.raises(ValueError, match="would not sort the 3 quantiles"):
        to_sklearn(three)
    for quantile in (0.4, [0.4]):
        one = fit_quietly(three.set_params(quantile=quantile), X, y)
        assert_allclose(to_sklearn(one).predict(far), one.predict(far).ravel())


@pytest.mark.parametrize("n_targets", [1, 2])
def test_of_a_gaussian_the_means_are_exported(n_targets):
    y = X[:, 0] * X[:, 1] if n_targets == 1 else X[:, :2] * X[:, 1:3]
    reg = fit_quietly(MLPRegressor("gaussian", (8,), max_iter=20), X, y)
    theirs = to_sklearn(reg)
    assert_allclose(theirs.predict(X), reg.predict(X), rtol=1e-10)
    assert theirs.n_outputs_ == n_targets
    fit_quietly(theirs, X, y, method="partial_fit")
    small = compress(reg).estimator
    assert_allclose(small.predict(X, return_std=True), reg.predict(X, return_std=True))
    torch = pytest.importorskip("torch")
    means = to_torch(reg, link=True)(torch.from_numpy(X)).detach().numpy()
    assert_allclose(means.reshape(y.shape), reg.predict(X), rtol=1e-10)
