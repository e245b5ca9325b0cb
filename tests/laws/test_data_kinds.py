"""Every kind of X and y: the same model, in the memory it should take."""

import copy
import gc
import pickle
import tracemalloc
from contextlib import contextmanager

import numpy as np
import pytest
import scipy.sparse as sp
from helpers import covering
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, log_softmax, softmax
from sklearn.base import clone
from sklearn.datasets import (
    load_diabetes,
    load_digits,
    load_iris,
    make_multilabel_classification,
)
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from skl2 import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SOLVERS = ["adam", "adamw", "sgd", "lbfgs"]
PENALTIES = ["l2", "l1", "elasticnet", None]
LOSSES = ["squared_error", "poisson", "absolute_error", "huber", "quantile", "gaussian"]

X_iris, y_iris = load_iris(return_X_y=True)
X_digits, y_digits = load_digits(return_X_y=True)
X_digits = X_digits[:300] / 16
y_digits = y_digits[:300]
X_multilabel, Y_multilabel = make_multilabel_classification(
    n_samples=120, n_features=8, n_classes=4, random_state=0
)
X_diabetes, y_diabetes = load_diabetes(return_X_y=True)
X_diabetes = StandardScaler().fit_transform(X_diabetes)
y_diabetes = y_diabetes / y_diabetes.std()

# name: estimator, X, y
PROBLEMS = {
    "binary": (MLPClassifier, X_iris[50:], y_iris[50:]),
    "multiclass": (MLPClassifier, X_digits, y_digits),
    "multilabel": (MLPClassifier, X_multilabel, Y_multilabel),
    "regression": (MLPRegressor, X_diabetes, y_diabetes),
    "multi-output": (
        MLPRegressor,
        X_diabetes,
        np.c_[y_diabetes, 2 * y_diabetes - 1, X_diabetes[:, 0] ** 2],
    ),
}
problems = pytest.mark.parametrize("problem", PROBLEMS)
solvers = pytest.mark.parametrize("solver", SOLVERS)


def load(problem, **params):
    Estimator, X, y = PROBLEMS[problem]
    defaults = {"hidden_layer_sizes": 6, "max_iter": 4, "random_state": 0}
    return Estimator(**{**defaults, **params}), X, y


def outputs(est, X):
    """Everything a fitted estimator says about X, by method name."""
    names = ["predict"]
    if isinstance(est, MLPClassifier):
        names += ["predict_proba", "predict_log_proba", "decision_function"]
    return {name: getattr(est, name)(X) for name in names}


def assert_same_outputs(got, expected, **tolerance):
    assert got.keys() == expected.keys()
    for name in got:
        if got[name].dtype.kind == "f":
            assert_allclose(got[name], expected[name], err_msg=name, **tolerance)
        else:
            assert_array_equal(got[name], expected[name], err_msg=name)


# ------------------------------------------------------------------- targets


@pytest.mark.parametrize("problem, solver", covering(PROBLEMS, SOLVERS, strength=1))
def test_every_problem_is_learned(problem, solver):
    est, X, y = load(
        problem,
        solver=solver,
        activation="tanh",
        hidden_layer_sizes=20,
        max_iter=300,
        learning_rate_init=0.05 if solver == "sgd" else 0.01,
        # a step of decoupled decay is α λ/m: the same order as the default's
        batch_size=50,
    )
    est.fit(X, y)
    expected = {
        "binary": 0.93,
        "multiclass": 0.97,
        "multilabel": 0.6,
        "regression": 0.5,
        "multi-output": 0.5,
    }
    assert est.score(X, y) > expected[problem]
    assert np.isfinite(est.loss_)


@pytest.mark.parametrize(
    "problem, out_activation, n_outputs, columns",
    [
        ("binary", "logistic", 1, 2),
        ("multiclass", "softmax", 10, 10),
        ("multilabel", "logistic", 4, 4),
        ("regression", "identity", 1, None),
        ("multi-output", "identity", 3, None),
    ],
)
def test_shapes(problem, out_activation, n_outputs, columns):
    est, X, y = load(problem)
    est.fit(X, y)
    n = len(X)
    assert est.out_activation_ == out_activation
    assert est.n_outputs_ == n_outputs
    assert est.n_layers_ == 3
    assert [c.shape for c in est.coefs_] == [(X.shape[1], 6), (6, n_outputs)]
    assert [b.shape for b in est.intercepts_] == [(6,), (n_outputs,)]
    assert est.predict(X).shape == y.shape
    if columns is None:
        return
    assert est.predict_proba(X).shape == (n, columns)
    assert est.predict_log_proba(X).shape == (n, columns)
    shape = (n,) if problem == "binary" else (n, columns)
    assert est.decision_function(X).shape == shape


@pytest.mark.parametrize("container", [sp.csr_matrix, sp.csc_array])
def test_sparse_indicator_matrix(container):
    est, X, Y = load("multilabel")
    expected = outputs(clone(est).fit(X, Y), X)
    assert_same_outputs(outputs(est.fit(X, container(Y)), X), expected)


def test_column_vector_y():
    # (n, 1) is flattened, with scikit-learn's warning.
    for problem in ["binary", "regression"]:
        est, X, y = load(problem)
        expected = clone(est).fit(X, y).predict(X)
        with pytest.warns(UserWarning, match="column-vector y was passed"):
            est.fit(X, y[:, None])
        assert_array_equal(est.predict(X), expected)


@pytest.mark.parametrize("loss, solver", covering(LOSSES, SOLVERS, strength=1))
def test_regression_losses_with_several_outputs(loss, solver):
    # Outputs do not share weights in a linear net, so each is fitted as if alone.
    X, y = X_diabetes, y_diabetes
    Y = np.c_[y, y + 1, y**2]
    # Poisson's loss diverges at steps that are fast for the others.
    slower = 2 if loss == "poisson" else 1
    params = {
        "loss": loss,
        "solver": solver,
        "hidden_layer_sizes": (),
        "alpha": 0,
        "random_state": 0,
        "max_iter": 120 if loss != "poisson" else 400,
        "tol": 1e-10,
        "learning_rate_init": (0.04 if solver == "sgd" else 0.1) / slower,
        "n_iter_no_change": np.inf,
    }
    joint = MLPRegressor(**params).fit(X, Y).predict(X)
    assert joint.shape == Y.shape
    if loss == "poisson":
        assert joint.min() > 0
    for k, y_k in enumerate(Y.T):
        alone = MLPRegressor(**params).fit(X, y_k).predict(X)
        assert np.corrcoef(joint[:, k], alone)[0, 1] > 0.99
        assert abs(joint[:, k].mean() - alone.mean()) < 0.05 * alone.std() + 0.02


def test_multi_output_squared_error_is_exact():
    X, Y = PROBLEMS["multi-output"][1:]
    est = MLPRegressor(
        hidden_layer_sizes=(), solver="lbfgs", alpha=0, tol=1e-9, random_state=0
    ).fit(X, Y)
    assert_allclose(est.predict(X), Ridge(alpha=0).fit(X, Y).predict(X), atol=1e-4)


# ---------------------------------------------------------------- containers

DENSE = {
    "F-order": np.asfortranarray,
    "strided": lambda X: np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3],
    "reversed": lambda X: np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
    "list": lambda X: X.tolist(),
    "big-endian": lambda X: X.astype(">f8"),
    "float128": lambda X: X.astype(np.longdouble),
    "object": lambda X: X.astype(object),
}
SPARSE = {
    "csr_matrix": sp.csr_matrix,
    "csr_array": sp.csr_array,
    "csc_matrix": sp.csc_matrix,
    "csc_array": sp.csc_array,
    "coo_array": sp.coo_array,
    "csr-unsorted": lambda X: sp.csr_array(sp.csc_array(X[:, ::-1]))[:, ::-1],
    "csr-int64": lambda X: _int64_indices(sp.csr_array(X)),
}


def _int64_indices(X):
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


@pytest.mark.parametrize(
    "problem, kind, solver",
    covering(["multiclass", "regression"], [*DENSE, *SPARSE], SOLVERS),
)
def test_containers(problem, kind, solver):
    # Whatever holds the numbers: the same fit and predictions, to rounding.
    est, X, y = load(problem, solver=solver, batch_size=64)
    est.fit(X, y)
    X_kind = {**DENSE, **SPARSE}[kind](X)
    other = clone(est).fit(X_kind, y)
    for a, b in zip(est.coefs_, other.coefs_, strict=True):
        assert_allclose(b, a, rtol=1e-7, atol=1e-9)
    expected = outputs(est, X)
    tolerance = {"rtol": 1e-7, "atol": 1e-8}
    assert_same_outputs(outputs(other, X), expected, **tolerance)
    assert_same_outputs(outputs(est, X_kind), expected, **tolerance)
    assert_same_outputs(outputs(other, X_kind), expected, **tolerance)


@pytest.mark.parametrize(
    "kind, penalty, dtype",
    covering(["csr_array", "csc_array", "dense"], PENALTIES, [np.float32, np.float64]),
)
def test_sparse_with_options(kind, penalty, dtype):
    # Weights, early stopping, warm start and partial_fit see the same rows.
    container = {"dense": np.asarray, **SPARSE}[kind]
    est, X, y = load(
        "multiclass",
        penalty=penalty,
        early_stopping=True,
        warm_start=True,
        batch_size=50,
        alpha=1.0,
    )
    X = X.astype(dtype)
    weight = np.arange(len(y)) % 4 + 0.5
    expected = clone(est).fit(X, y, weight).fit(X, y, weight)
    got = est.fit(container(X), y, weight).fit(container(X), y, weight)
    tolerance = {"rtol": 1e-6, "atol": 1e-7}
    if dtype == np.float32:
        tolerance = {"rtol": 2e-3, "atol": 1e-4}
    assert_allclose(got.predict_proba(X), expected.predict_proba(X), **tolerance)
    for est in (got, expected):
        est.set_params(early_stopping=False)
        est.partial_fit(container(X) if est is got else X, y, weight)
    assert_allclose(got.predict_proba(X), expected.predict_proba(X), **tolerance)
    assert {c.dtype for c in got.coefs_} == {np.dtype(dtype)}


@problems
def test_integers(problem):
    est, X, y = load(problem)
    X = np.round(4 * X).astype(np.int64)
    expected = outputs(clone(est).fit(X.astype(float), y), X)
    for dtype in [np.int64, np.int8, np.int32]:
        assert_same_outputs(outputs(est.fit(X.astype(dtype), y), X), expected)
    est.fit(X > 0, y)
    assert est.coefs_[0].dtype == np.float64


def test_float16_becomes_float64():
    est, X, y = load("binary")
    est.fit(X.astype(np.float16), y)
    assert est.coefs_[0].dtype == np.float64


@pytest.mark.parametrize(
    "problem, kind, dtype",
    covering(
        PROBLEMS,
        ["array", "F-order", "csr", "csc"],
        [np.float32, np.float64],
        strength=1,
    ),
)
def test_inputs_are_not_modified(problem, kind, dtype):
    # Arrays set read-only: writing to one would raise. All solvers, all methods.
    est, X, y = load(problem)
    weight = np.arange(len(X)) % 3 + 0.5
    X, y = np.array(X, dtype=dtype), np.array(y)
    if kind == "F-order":
        X = np.asfortranarray(X)
    elif kind != "array":
        X = {"csr": sp.csr_array, "csc": sp.csc_array}[kind](X)
    parts = [X.data, X.indices, X.indptr] if sp.issparse(X) else [X]
    parts += [y, weight]
    before = [part.copy() for part in parts]
    for part in parts:
        part.flags.writeable = False
    for solver in SOLVERS:
        est = clone(est).set_params(solver=solver)
        est.fit(X, y, sample_weight=weight)
        outputs(est, X)
        est.score(X, y, sample_weight=weight)
        if solver != "lbfgs":
            est.partial_fit(X, y, sample_weight=weight)
    for part, copied in zip(parts, before, strict=True):
        assert_array_equal(part, copied)


def test_unsorted_sparse_input_is_not_modified():
    est, X, y = load("multiclass")
    X = SPARSE["csr-unsorted"](X)
    assert not X.has_sorted_indices
    indices = X.indices.copy()
    outputs(est.fit(X, y), X)
    assert_array_equal(X.indices, indices)


def test_memmap(tmp_path):
    est, X, y = load("multiclass")
    path = tmp_path / "X.dat"
    written = np.memmap(path, dtype=np.float64, mode="w+", shape=X.shape)
    written[:] = X
    written.flush()
    expected = outputs(clone(est).fit(X, y), X)
    for mode in ["r", "c"]:
        mapped = np.memmap(path, dtype=np.float64, mode=mode, shape=X.shape)
        est.fit(mapped, y)
        assert_same_outputs(outputs(est, mapped), expected)
        assert type(est.predict(mapped)) is np.ndarray
        assert not any(isinstance(c, np.memmap) for c in est.coefs_)


@problems
def test_pandas(problem):
    pd = pytest.importorskip("pandas")
    est, X, y = load(problem)
    expected = outputs(clone(est).fit(X, y), X)
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])])
    frame.index += 1000  # an index is no position
    target = (pd.DataFrame if y.ndim == 2 else pd.Series)(y, index=frame.index)
    assert_same_outputs(outputs(est.fit(frame, target), frame), expected)
    # One float32 column does not make a float32 frame.
    frame["x0"] = frame["x0"].astype(np.float32)
    assert est.fit(frame, target).coefs_[0].dtype == np.float64
    assert est.fit(frame.astype(np.float32), target).coefs_[0].dtype == np.float32


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_rows(n):
    X, y = X_diabetes[:n], y_diabetes[:n]
    for solver in SOLVERS:
        est = MLPRegressor(solver=solver, hidden_layer_sizes=3, max_iter=5)
        assert np.isfinite(est.fit(X, y).predict(X)).all()
    if n > 1:
        labels = np.arange(n) % 2
        est = MLPClassifier(hidden_layer_sizes=3, max_iter=5)
        assert est.fit(X, labels).predict(X).shape == (n,)


# -------------------------------------------------------------------- memory


@contextmanager
def allocating():
    """Yield a function that gives the peak of memory allocated inside, in bytes.

    To be called after the block.
    """
    peaks = []
    gc.collect()
    tracemalloc.start()
    try:
        start = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        yield lambda: peaks[0]
        peaks.append(tracemalloc.get_traced_memory()[1] - start)
    finally:
        tracemalloc.stop()


MEGABYTE = 2**20


@pytest.fixture(scope="module")
def wide():
    """A sparse X of the shape of rcv1 (LIBSVM), 0.2 % non-zero, and 3 classes.

    Dense it is 378 MB in float64, and one batch of 200 rows is 76 MB.
    """
    n_rows, n_features = 1_000, 47_236
    rng = np.random.default_rng(0)
    nnz = int(0.002 * n_rows * n_features)
    rows, columns = rng.integers(n_rows, size=nnz), rng.integers(n_features, size=nnz)
    X = sp.csr_matrix((rng.random(nnz), (rows, columns)), shape=(n_rows, n_features))
    return X, np.arange(n_rows) % 3


@pytest.mark.parametrize(
    "params, container, dtype",
    [
        ({"solver": "adam"}, sp.csr_matrix, np.float64),
        ({"solver": "adam"}, sp.csc_matrix, np.float32),
        ({"solver": "sgd", "penalty": "l1"}, sp.csc_matrix, np.float64),
        (
            {"solver": "adamw", "penalty": "elasticnet", "early_stopping": True},
            sp.csr_matrix,
            np.float64,
        ),
    ],
    ids=str,
)
def test_wide_sparse_is_never_dense(wide, params, container, dtype):
    X, y = wide
    X = container(X).astype(dtype)
    est = MLPClassifier(hidden_layer_sizes=8, max_iter=1, random_state=0, **params)
    with allocating() as peak:
        est.fit(X, y)
        est.predict(X)
        est.predict_proba(X)
    assert peak() < 60 * MEGABYTE


def test_wide_sparse_lbfgs_is_never_dense(wide):
    # L-BFGS-B keeps ten pairs of vectors of the size of the parameters: 20 × 3 MB,
    # and SciPy works on about as much again; the dense X is far above that.
    X, y = wide
    est = MLPClassifier(hidden_layer_sizes=8, max_iter=2, random_state=0)
    with allocating() as peak:
        est.set_params(solver="lbfgs").fit(X, y).predict(X)
    assert peak() < 200 * MEGABYTE


def test_tall_sparse_is_never_dense():
    # The shape of a9a (LIBSVM), 11 % dense: 32 MB dense in float64, 5 MB as CSR.
    X = sp.random(32_561, 123, density=0.11, format="csr", random_state=0)
    y = np.arange(32_561) % 2
    est = MLPClassifier(hidden_layer_sizes=8, max_iter=1, random_state=0)
    with allocating() as peak:
        est.fit(X, y)
        est.predict(X)
    assert peak() < 15 * MEGABYTE


TALL_SHAPE = (50_000, 30)


@pytest.fixture(scope="module")
def tall():
    rng = np.random.RandomState(0)
    X = rng.standard_normal(TALL_SHAPE)
    y = X[:, 0] + X[:, 1] ** 2
    return X, y


@pytest.mark.parametrize(
    "solver, Estimator, dtype",
    covering(
        ["adam", "sgd"],
        [MLPClassifier, MLPRegressor],
        [np.float32, np.float64],
        strength=1,
    ),
)
def test_dense_X_is_not_copied(tall, Estimator, solver, dtype):
    # Nor, in float32, is there a float64 array of the size of X (that is twice the
    # bytes allowed), nor one activation of the whole of X after another.
    X, y = tall
    X = X.astype(dtype)
    y = (y > 1) if Estimator is MLPClassifier else y.astype(dtype)
    # Large batches: tracing each of many small ones takes most of the time.
    params = {"hidden_layer_sizes": 4, "batch_size": 1000, "max_iter": 2}
    est = Estimator(**params, random_state=0, solver=solver)
    with allocating() as peak:
        est.fit(X, y)
    fit_peak = peak()
    with allocating() as peak:
        est.predict(X)
    predict_peak = peak()
    assert fit_peak < 0.6 * X.nbytes
    assert predict_peak < 0.6 * X.nbytes
    assert {c.dtype for c in est.coefs_} == {np.dtype(dtype)}


def test_lbfgs_does_not_copy_X(tall):
    X, y = tall
    est = MLPRegressor(hidden_layer_sizes=2, max_iter=3, random_state=0)
    with allocating() as peak:
        est.set_params(solver="lbfgs").fit(X, y)
    assert peak() < 0.9 * X.nbytes


def test_predict_works_in_chunks(tall):
    # The activations of all rows at once would be three times X.
    X, y = tall
    est = MLPRegressor(hidden_layer_sizes=100, max_iter=1, random_state=0)
    est.fit(X[:1000], y[:1000])
    with allocating() as peak:
        est.predict(X)
    assert peak() < X.nbytes


# ------------------------------------------------------------------- float32


@pytest.mark.parametrize(
    "problem, solver, penalty", covering(PROBLEMS, SOLVERS, PENALTIES)
)
def test_float32_throughout(problem, solver, penalty):
    est, X, y = load(
        problem, solver=solver, penalty=penalty, alpha=0.5, activation="gelu"
    )
    X = X.astype(np.float32)
    weight = np.arange(len(X)) % 3 + 0.5
    est.fit(X, y, sample_weight=weight)
    results = outputs(est, X)
    if isinstance(est, MLPClassifier):
        del results["predict"]
    steps = [est.fit]
    if solver != "lbfgs":
        steps.append(est.partial_fit)
    for step in steps:
        step(X, y, sample_weight=weight)
        for array in [*est.coefs_, *est.intercepts_]:
            assert array.dtype == np.float32
        assert {a.dtype for a in outputs(est, X).values()} <= {
            np.dtype(np.float32),
            np.asarray(y).dtype if isinstance(est, MLPClassifier) else None,
        }
    for name, array in results.items():
        assert array.dtype == np.float32, name
    # Asked in float64, the float32 net still answers in its own precision or better,
    # with the same numbers.
    assert_allclose(
        est.predict(X.astype(np.float64)), est.predict(X), rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize(
    "loss, y_dtype", covering(LOSSES, [np.float32, np.float64, np.int64], strength=1)
)
def test_float32_regression(loss, y_dtype):
    # The dtype of y does not decide: X does.
    X = X_diabetes.astype(np.float32)
    y = (10 * y_diabetes).astype(y_dtype)
    est = MLPRegressor(
        loss=loss, hidden_layer_sizes=5, max_iter=60, random_state=0, alpha=0.1
    ).fit(X, y)
    assert est.predict(X).dtype == np.float32
    double = clone(est).fit(X.astype(np.float64), y)
    assert double.predict(X_diabetes).dtype == np.float64
    # The same stream of random numbers, so the same fit to single precision.
    assert_allclose(est.loss_curve_, double.loss_curve_, rtol=1e-3)


# --------------------------------------------------------------- probabilities


@pytest.mark.parametrize("problem", ["binary", "multiclass", "multilabel"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1, 1e3, 1e8])
def test_probabilities(problem, dtype, scale):
    # Raw predictions of any size: probabilities strictly inside (0, 1), finite
    # logarithms, and all three views agree.
    est, X, y = load(problem, max_iter=20)
    est.fit(X.astype(dtype), y)
    X = (scale * X).astype(dtype)
    raw = est.decision_function(X)
    proba = est.predict_proba(X)
    log_proba = est.predict_log_proba(X)

    assert np.isfinite(raw).all()
    assert np.abs(raw).max() > scale / 100  # does saturate where it is meant to
    assert proba.min() > 0
    assert proba.max() < 1
    assert np.isfinite(log_proba).all()
    assert log_proba.max() <= 0
    if problem != "multilabel":
        tolerance = 4 * np.finfo(dtype).eps * proba.shape[1]
        assert_allclose(proba.sum(axis=1), 1, atol=tolerance)

    # from the raw predictions, in float64
    wide = raw.astype(np.float64)
    if problem == "multiclass":
        expected, log_expected = softmax(wide, axis=1), log_softmax(wide, axis=1)
    elif problem == "multilabel":
        expected, log_expected = expit(wide), -np.logaddexp(0, -wide)
    else:
        assert raw.ndim == 1
        expected = np.c_[expit(-wide), expit(wide)]
        log_expected = -np.c_[np.logaddexp(0, wide), np.logaddexp(0, -wide)]
    eps = np.finfo(dtype).eps
    assert_allclose(proba, expected, rtol=20 * eps, atol=4 * eps)
    # Nothing underflows down to the smallest normal number, where predict_proba ends.
    floor = np.log(np.finfo(dtype).tiny)
    assert_allclose(
        np.maximum(log_proba, floor),
        np.maximum(log_expected, floor),
        rtol=100 * eps,
        atol=4 * eps,
    )
    # Both order classes and rows alike, also where several probabilities round to 1.
    assert_array_equal(log_proba, np.log(proba))
    assert_array_equal(log_proba.argmax(axis=1), proba.argmax(axis=1))
    for own, log_own in zip(proba.T, log_proba.T, strict=True):
        by_proba = np.argsort(own, kind="stable")
        assert (np.diff(log_own[by_proba]) >= 0).all()

    # predict takes the larger probability
    predicted = est.predict(X)
    if problem == "multilabel":
        assert_array_equal(predicted, raw > 0)
    elif problem == "multiclass":
        assert_array_equal(predicted, est.classes_[raw.argmax(axis=1)])
    else:
        assert_array_equal(predicted, est.classes_[(raw > 0).astype(int)])


# ------------------------------------------------------- partial_fit, warm_start


def all_classes(est, y):
    """The argument of a classifier's first call of partial_fit."""
    if not isinstance(est, MLPClassifier):
        return {}
    return {"classes": np.unique(y) if y.ndim == 1 else np.arange(y.shape[1])}


@pytest.mark.parametrize(
    "problem, solver", covering(PROBLEMS, ["adam", "adamw", "sgd"], strength=1)
)
def test_partial_fit_in_chunks(problem, solver):
    est, X, y = load(
        problem,
        solver=solver,
        learning_rate_init=0.02,
        hidden_layer_sizes=15,
        batch_size=20,
    )
    classes = all_classes(est, y)
    if problem in ("binary", "multiclass"):
        # Sorted by label: the first chunks lack most classes.
        order = np.argsort(y, kind="stable")
        X, y = X[order], y[order]
    chunks = np.array_split(np.arange(len(X)), 5)
    for chunk in chunks:
        est.partial_fit(X[chunk], y[chunk], **classes)
        classes = {}
    assert est.t_ == len(X)
    assert est.n_iter_ == 1
    assert len(est.loss_curve_) == len(chunks)
    first = est.score(X, y)
    rng = np.random.RandomState(0)
    for _ in range(30):
        for chunk in np.array_split(rng.permutation(len(X)), 2):
            est.partial_fit(X[chunk], y[chunk])
    last = est.score(X, y)
    assert last > first
    expected = {"binary": 0.9, "multiclass": 0.9, "multilabel": 0.4}
    assert last > expected.get(problem, 0.45)


@pytest.mark.parametrize(
    "problem, solver", covering(PROBLEMS, ["adam", "adamw", "sgd"], strength=1)
)
def test_partial_fit_is_one_epoch_of_fit(problem, solver):
    # Optimizer state is carried over, and batches are those of fit. (A shuffled fit
    # shuffles what the epoch before left; a call begins with the rows as given.)
    est, X, y = load(
        problem, solver=solver, batch_size=40, max_iter=5, tol=0, shuffle=False
    )
    est.fit(X, y)
    epochs = clone(est)
    classes = all_classes(est, y)
    for _ in range(5):
        epochs.partial_fit(X, y, **classes)
    assert_same_outputs(outputs(epochs, X), outputs(est, X), rtol=1e-10)
    assert_allclose(epochs.loss_curve_, est.loss_curve_, rtol=1e-12)


@pytest.mark.parametrize("problem, solver", covering(PROBLEMS, SOLVERS, strength=1))
def test_warm_start(problem, solver):
    est, X, y = load(problem, solver=solver, warm_start=True, max_iter=15)
    est.fit(X, y)
    first_loss = est.loss_
    first = [c.copy() for c in est.coefs_]
    cold = copy.deepcopy(est).set_params(warm_start=False).fit(X, y)
    for a, b in zip(cold.coefs_, first, strict=True):
        assert_array_equal(a, b)
    est.fit(X, y)
    assert est.loss_ < first_loss
    assert not np.array_equal(est.coefs_[0], first[0])


@solvers
def test_warm_start_after_pickle(solver):
    est, X, y = load("multiclass", solver=solver, warm_start=True)
    est.fit(X, y)
    loaded = pickle.loads(pickle.dumps(est))
    assert_array_equal(loaded.fit(X, y).coefs_[0], est.fit(X, y).coefs_[0])


# ------------------------------------------------------------- sparse weights


@problems
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparsify(problem, dtype):
    est, X, y = load(problem, penalty="l1", alpha=3.0, solver="lbfgs", max_iter=50)
    X = X.astype(dtype)
    est.fit(X, y)
    dense_coefs = [c.copy() for c in est.coefs_]
    sparsity = est.sparsity_
    importances = est.feature_importances_
    expected = outputs(est, X)
    assert max(sparsity) > 0

    assert est.sparsify() is est
    assert all(sp.issparse(c) for c in est.coefs_)
    assert {c.dtype for c in est.coefs_} == {np.dtype(dtype)}
    assert [c.nnz for c in est.coefs_] == [np.count_nonzero(c) for c in dense_coefs]
    eps = np.finfo(dtype).eps
    tolerance = {"rtol": 1e3 * eps, "atol": 1e2 * eps}
    for X_kind in [X, sp.csr_array(X), sp.csc_array(X)]:
        assert_same_outputs(outputs(est, X_kind), expected, **tolerance)
    loaded = pickle.loads(pickle.dumps(est))
    assert_same_outputs(outputs(loaded, X), outputs(est, X), rtol=0)
    assert_allclose(est.sparsity_, sparsity)
    assert_allclose(est.feature_importances_, importances, rtol=1e-6)
    assert est.sparsify() is est  # twice is once

    assert est.densify() is est
    for a, b in zip(est.coefs_, dense_coefs, strict=True):
        assert type(a) is np.ndarray
        assert_array_equal(a, b)
    assert_same_outputs(outputs(est, X), expected, rtol=0)
    assert est.densify() is est


@pytest.mark.parametrize("method", ["sparsify", "densify"])
def test_sparsify_needs_a_fit(method):
    # NotFittedError is an AttributeError, and so is a method that is not there yet.
    with pytest.raises(AttributeError):
        getattr(MLPClassifier(), method)()


def test_sparsified_pickle_is_smaller():
    X = np.random.RandomState(0).standard_normal((200, 500))
    y = X[:, 0] - X[:, 1]
    est = MLPRegressor(
        hidden_layer_sizes=20,
        penalty="l1",
        alpha=20.0,
        solver="lbfgs",
        max_iter=100,
        random_state=0,
    ).fit(X, y)
    assert est.sparsity_[0] > 0.9
    dense = len(pickle.dumps(est))
    assert len(pickle.dumps(est.sparsify())) < dense / 3


@pytest.mark.parametrize("container", [sp.csr_matrix, sp.csc_matrix])
def test_sparse_weights_and_sparse_input_are_never_dense(wide, container):
    X, y = wide
    est = MLPClassifier(hidden_layer_sizes=8, max_iter=1, random_state=0, alpha=1e3)
    est.set_params(penalty="l1").fit(X, y)
    expected = est.predict_proba(X)
    est.sparsify()
    X = container(X)
    with allocating() as peak:
        got = est.predict_proba(X)
    assert peak() < 10 * MEGABYTE
    assert_allclose(got, expected, rtol=1e-9)


@pytest.mark.parametrize("method", ["fit", "warm", "partial_fit"])
def test_training_goes_on_after_sparsify(method):
    est, X, y = load("multiclass", penalty="l1", alpha=1.0, warm_start=method == "warm")
    est.fit(X, y)
    other = copy.deepcopy(est).sparsify()
    step = "partial_fit" if method == "partial_fit" else "fit"
    getattr(est, step)(X, y)
    getattr(other, step)(X, y)
    assert_allclose(other.predict_proba(X), est.predict_proba(X), rtol=1e-10)
