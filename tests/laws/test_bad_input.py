"""Bad input: an error that names the parameter, the value got and what is allowed.

One table of parameters, one of data. Every row is asked of an estimator never
fitted (nothing may be fitted afterwards) and of a fitted one (it must predict as
before).
"""

import copy
import re
import warnings
from functools import cache

import numpy as np
import pytest
import scipy.sparse as sp
from helpers import covering
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from skl2 import MLPClassifier, MLPRegressor
from skl2.augmentation import GaussianNoise
from skl2.model_selection import MLPClassifierCV, MLPRegressorCV

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ESTIMATORS = [MLPClassifier, MLPRegressor]
both = pytest.mark.parametrize("Estimator", ESTIMATORS)

N = 20
RNG = np.random.RandomState(0)
X = RNG.standard_normal((N, 3))
Y = {MLPClassifier: np.arange(N) % 2, MLPRegressor: RNG.standard_normal(N)}


def make(Estimator, **params):
    return Estimator(
        **{**{"hidden_layer_sizes": 4, "max_iter": 2, "random_state": 0}, **params}
    )


def says(*patterns):
    """A regex that matches a message in which each pattern is found, in any order."""
    return "(?is)" + "".join(f"(?=.*{pattern})" for pattern in patterns)


def predictions(est, X=X):
    if isinstance(est, MLPClassifier):
        return est.predict_proba(X)
    return est.predict(X)


# ---------------------------------------------------------------- parameters

POSITIVE_INT = "integer.*(>= ?1|\\[1, inf\\))"
AT_LEAST_0 = "(>= ?0|\\[0, inf\\))"
ABOVE_0 = "(> ?0|\\(0, inf\\))"
UNIT = "\\[0, 1\\]"
BOOL = "True or False|bool"

# parameter, value, what the message says is allowed (the name and the value got are
# looked for in every row)
PARAMETERS = [
    *(
        ("alpha", value, "finite.*>= ?0")
        for value in (
            -1,
            -1e-9,
            np.nan,
            np.inf,
            -np.inf,
            None,
            "big",
            True,
            1j,
            [0.1, -0.1],
            [0.1, np.nan],
            [[0.1, 0.1]],
            ["a", "b"],
        )
    ),
    ("alpha", [0.1], "2 weight layers"),
    ("alpha", [0.1, 0.2, 0.3], "2 weight layers"),
    ("alpha", [], "2 weight layers"),
    *(
        ("l1_ratio", value, UNIT)
        for value in (-0.1, 1.1, np.nan, np.inf, None, "half", True, [0.5])
    ),
    *(
        ("penalty", value, "'l2'.*'l1'.*'elasticnet'.*None")
        for value in ("L2", "none", "", 2, True, ["l2"])
    ),
    *(
        ("solver", value, "'lbfgs'.*'sgd'.*'adam'.*'adamw'")
        for value in ("Adam", "newton", "", None, 1, ["adam"])
    ),
    *(
        (
            "activation",
            value,
            "".join(
                f"(?=.*'{name}')"
                for name in (
                    "identity logistic tanh relu leaky_relu elu gelu silu".split()
                )
            ),
        )
        for value in ("ReLU", "sigmoid", None, 0, np.tanh)
    ),
    *(
        ("learning_rate", value, "'constant'.*'invscaling'.*'adaptive'")
        for value in ("optimal", None, 0.1)
    ),
    *(
        ("batch_size", value, f"'auto' or.*{POSITIVE_INT}")
        for value in (0, -1, 2.5, "big", None, np.nan, True, [10])
    ),
    *(
        ("hidden_layer_sizes", value, "(> ?0|>= ?1)")
        for value in (
            0,
            -1,
            2.5,
            None,
            "10",
            True,
            (0,),
            (4, 0),
            (4, -3),
            (4.0,),
            [4, None],
            [[4, 4]],
            np.array([2.5]),
            # They can be read once, or have no order.
            iter((4, 4)),
            map(int, "44"),
            {4: 3},
            {4},
            b"4",
        )
    ),
    *(
        ("learning_rate_init", value, ABOVE_0)
        for value in (0, -0.1, np.nan, np.inf, None, "fast", True)
    ),
    *(("power_t", value, AT_LEAST_0) for value in (-1, np.nan, np.inf, None, "a")),
    *(
        ("max_iter", value, POSITIVE_INT)
        for value in (0, -5, 2.5, np.inf, None, "many", True)
    ),
    *(("shuffle", value, BOOL) for value in ("yes", 1, 0, None)),
    *(
        ("random_state", value, "None.*integer.*RandomState")
        for value in ("seed", -1, 2**32, 0.5, [0])
    ),
    *(("tol", value, AT_LEAST_0) for value in (-1, np.nan, np.inf, None, "small")),
    *(("verbose", value, "bool.*integer >= ?0") for value in ("loud", -1, None, 0.5)),
    *(("warm_start", value, BOOL) for value in ("yes", 1, 0, None)),
    *(("momentum", value, UNIT) for value in (2, -0.1, np.nan, None, "nesterov")),
    *(("nesterovs_momentum", value, BOOL) for value in ("yes", 1, 0, None)),
    *(("early_stopping", value, BOOL) for value in ("auto", 1, 0, None)),
    *(
        ("validation_fraction", value, "[\\[(]0, 1\\)")
        for value in (1, 1.0, -0.1, 1.5, np.nan, None, "tenth", True)
    ),
    *(
        (name, value, "\\[0, 1\\)")
        for name in ("beta_1", "beta_2")
        for value in (1, -0.1, 1.5, np.nan, None, "a")
    ),
    *(("epsilon", value, ABOVE_0) for value in (0, -1e-8, np.nan, np.inf, None, "a")),
    *(
        ("n_iter_no_change", value, f"{POSITIVE_INT} or inf")
        for value in (0, -1, 2.5, np.nan, -np.inf, None, "a", True)
    ),
    *(("max_fun", value, POSITIVE_INT) for value in (0, -1, 2.5, None, "a", True)),
    *(("n_estimators", value, POSITIVE_INT) for value in (0, -1, 2.5, None, "a", True)),
    *(
        ("dropout", value, "\\[0, 1\\)")
        for value in (1, 1.0, -0.1, np.nan, "half", True, 1j, [0.1, 1.0], [[0.1, 0.1]])
    ),
    *(
        ("dropout", value, "the input and 1 hidden layers")
        for value in ([0.1], [0.1, 0.2, 0.3], [])
    ),
    *(("batch_norm", value, BOOL) for value in ("yes", 1, 0, None)),
    *(("max_norm", value, ABOVE_0) for value in (0, -1, np.nan, np.inf, "a", True)),
    *(("augmentation", value, "a callable") for value in ("flip", 1, GaussianNoise)),
    *(
        ("scoring", value, "'loss'.*name of a scorer.*callable")
        for value in ("acuracy", 1, ["accuracy"])  # codespell:ignore
    ),
]

PARAMETER_ROWS = [
    *((Estimator, *row) for row in PARAMETERS for Estimator in ESTIMATORS),
    *(
        (
            MLPRegressor,
            "loss",
            value,
            "'squared_error'.*'poisson'.*'absolute_error'.*'huber'.*'quantile'.*'gaussian'",
        )
        for value in ("mse", "log_loss", None, 2)
    ),
    *(
        (MLPRegressor, "huber_delta", value, ABOVE_0)
        for value in (0, -1, np.nan, np.inf, None, "a")
    ),
    *(
        (MLPRegressor, "quantile", value, "\\(0, 1\\).*each larger than the one before")
        for value in (
            *(0, 1, -0.1, 1.5, np.nan, None, "median", True),
            *([], [0.5, 1.0], [0.9, 0.1], [0.5, 0.5], [[0.1, 0.9]], {0.1, 0.9}),
        )
    ),
    *(
        (MLPClassifier, "class_weight", value, "'balanced'.*dict")
        for value in ("equal", 2.0, [{0: 1.0}])
    ),
    *(
        (MLPClassifier, "class_weight", value, "(finite.*>= ?0|for any of the classes)")
        for value in ({0: -1.0}, {0: np.nan}, {5: "a"}, {5: 1.0})
    ),
]


def got(value):
    """The value as a message shows it: repr, NumPy's layout left open."""
    return re.sub(r"(\\ |\s)+", r"\\s+", re.escape(repr(value)))


@cache
def trained(Estimator, method):
    """A fitted estimator, shared: to be copied before it is changed."""
    y, first = Y[Estimator], {}
    if Estimator is MLPClassifier and method == "partial_fit":
        first = {"classes": [0, 1]}
    return getattr(make(Estimator), method)(X, y, **first)


def bad_calls():
    """Every row, with fit and with partial_fit.

    By default every value is given to one of the estimators, and one value of every
    parameter to both estimators and methods.
    """
    estimators, values = set(), set()
    for row in PARAMETER_ROWS:
        Estimator, name, value, _ = row
        first = (Estimator, name) not in estimators
        estimators.add((Estimator, name))
        of_another = (name, repr(value)) in values
        values.add((name, repr(value)))
        for method, few in (("fit", first or not of_another), ("partial_fit", first)):
            yield pytest.param(*row, method, marks=[] if few else [pytest.mark.long])


@pytest.mark.parametrize(
    "Estimator, name, value, allowed, method",
    list(bad_calls()),
    # An address differs from one worker of xdist to the other.
    ids=lambda value: (
        getattr(value, "__name__", None) or str(value).split(" object at ")[0][:30]
    ),
)
def test_bad_parameter(Estimator, name, value, allowed, method):
    if method == "partial_fit" and name == "solver":
        # partial_fit exists for the stochastic solvers only.
        assert not hasattr(make(Estimator, solver=value), "partial_fit")
        return
    y = Y[Estimator]
    classes = {"classes": [0, 1]} if Estimator is MLPClassifier else {}
    if method == "fit":
        classes = {}
    message = says(name, got(value), allowed)

    est = make(Estimator, **{name: value})
    with pytest.raises(ValueError, match=message):
        getattr(est, method)(X, y, **classes)
    assert not hasattr(est, "coefs_")
    with pytest.raises(NotFittedError):
        est.predict(X)

    # What is fitted is not touched by a bad call ...
    est = copy.deepcopy(trained(Estimator, method))
    before = predictions(est)
    est.set_params(**{name: value})
    with pytest.raises(ValueError, match=message):
        getattr(est, method)(X, y, **classes)
    assert_array_equal(predictions(est), before)
    # ... and the estimator trains again once the parameter is good.
    est.set_params(**{name: getattr(make(Estimator), name)})
    getattr(est, method)(X, y, **classes)
    assert np.isfinite(predictions(est)).all()


@both
def test_every_parameter_has_a_row(Estimator):
    covered = {row[1] for row in PARAMETER_ROWS if row[0] is Estimator}
    assert covered == set(Estimator().get_params())


GOOD = [
    ("alpha", 0),
    ("alpha", np.float32(0.5)),
    ("alpha", np.int64(3)),
    ("alpha", (0.1, 0)),
    ("alpha", np.array([0.1, 0.2])),
    ("alpha", np.array([1, 2])),
    ("alpha", np.array(0.5)),
    ("l1_ratio", 0),
    ("l1_ratio", 1),
    ("l1_ratio", np.float32(0.5)),
    ("penalty", np.str_("l1")),
    ("penalty", None),
    ("solver", np.str_("sgd")),
    ("activation", np.str_("tanh")),
    ("learning_rate", np.str_("adaptive")),
    ("batch_size", np.int64(7)),
    ("hidden_layer_sizes", ()),
    ("hidden_layer_sizes", []),
    ("hidden_layer_sizes", np.int64(3)),
    ("hidden_layer_sizes", np.array([3, 2])),
    ("hidden_layer_sizes", [3, 2]),
    ("max_iter", np.int64(2)),
    ("shuffle", np.True_),
    ("early_stopping", np.False_),
    ("warm_start", np.True_),
    ("random_state", np.int64(3)),
    ("random_state", np.random.RandomState(0)),
    ("random_state", None),
    ("verbose", 0),
    ("verbose", np.False_),
    ("momentum", 0),
    ("momentum", 1),
    ("beta_1", 0),
    ("tol", 0),
    ("power_t", 0),
    ("n_iter_no_change", np.inf),
    ("n_iter_no_change", np.int64(3)),
    ("learning_rate_init", np.float32(0.01)),
    ("validation_fraction", np.float32(0.5)),
    ("dropout", 0),
    ("dropout", None),
    ("dropout", np.float32(0.5)),
    ("dropout", np.array([0.1, 0.2])),
    ("batch_norm", np.True_),
    ("max_norm", 2),
    ("scoring", np.str_("loss")),
]


@both
@pytest.mark.parametrize("name, value", GOOD, ids=str)
def test_values_at_the_edge_are_good(Estimator, name, value):
    # NumPy's scalars are what a grid given as an array hands over.
    est = make(Estimator, **{name: value}).fit(X, Y[Estimator])
    assert np.isfinite(predictions(est)).all()


@both
def test_early_stopping_with_lbfgs(Estimator):
    message = says("early_stopping", "lbfgs", "'?(sgd|adam)")
    est = make(Estimator, early_stopping=True, solver="lbfgs")
    with pytest.raises(ValueError, match=message):
        est.fit(X, Y[Estimator])
    assert not hasattr(est, "coefs_")

    est = make(Estimator).fit(X, Y[Estimator])
    before = predictions(est)
    est.set_params(early_stopping=True, solver="lbfgs")
    with pytest.raises(ValueError, match=message):
        est.fit(X, Y[Estimator])
    assert_array_equal(predictions(est), before)


@both
def test_partial_fit_with_early_stopping(Estimator):
    est = make(Estimator, early_stopping=True)
    classes = {"classes": [0, 1]} if Estimator is MLPClassifier else {}
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping"):
        est.partial_fit(X, Y[Estimator], **classes)
    assert not hasattr(est, "coefs_")


# ---------------------------------------------------------------------- data


def with_value(array, value):
    array = np.array(array, dtype=np.float64)
    array.flat[3] = value
    return array


EMPTY = says("0 sample", "minimum of 1")
NO_FLOAT = "could not convert string to float|dtype='numeric' is not compatible"

# label, estimators, what the data becomes (X, y, sample_weight), exception, message
DATA = [
    ("empty X", ESTIMATORS, lambda X, y: (X[:0], y[:0]), ValueError, EMPTY),
    (
        "no column",
        ESTIMATORS,
        lambda X, y: (X[:, :0], y),
        ValueError,
        says("0 feature", "minimum of 1"),
    ),
    (
        "1D X",
        ESTIMATORS,
        lambda X, y: (X[:, 0], y),
        ValueError,
        says("Expected 2D array", "got 1D array"),
    ),
    ("3D X", ESTIMATORS, lambda X, y: (X[:, :, None], y), ValueError, "dim 3"),
    (
        "scalar X",
        ESTIMATORS,
        lambda X, y: (3.0, y),
        ValueError,
        says("Expected 2D array", "got scalar array"),
    ),
    ("None X", ESTIMATORS, lambda X, y: (None, y), ValueError, "Expected 2D array"),
    (
        "NaN in X",
        ESTIMATORS,
        lambda X, y: (with_value(X, np.nan), y),
        ValueError,
        "Input X contains NaN",
    ),
    *(
        (
            f"{value} in X",
            ESTIMATORS,
            lambda X, y, value=value: (with_value(X, value), y),
            ValueError,
            "Input X contains infinity",
        )
        for value in (np.inf, -np.inf)
    ),
    *(
        (
            f"NaN in {container.__name__}",
            ESTIMATORS,
            lambda X, y, container=container: (container(with_value(X, np.nan)), y),
            ValueError,
            "Input X contains NaN",
        )
        for container in (sp.csr_matrix, sp.csc_array)
    ),
    (
        "NaN in y",
        ESTIMATORS,
        lambda X, y: (X, with_value(y, np.nan)),
        ValueError,
        "Input y contains NaN",
    ),
    (
        "inf in y",
        ESTIMATORS,
        lambda X, y: (X, with_value(y, np.inf)),
        ValueError,
        "Input y contains infinity",
    ),
    (
        "y too short",
        ESTIMATORS,
        lambda X, y: (X, y[:-1]),
        ValueError,
        "inconsistent numbers of samples: \\[20, 19\\]",
    ),
    (
        "X too short",
        ESTIMATORS,
        lambda X, y: (X[:-1], y),
        ValueError,
        "inconsistent numbers of samples: \\[19, 20\\]",
    ),
    ("y None", ESTIMATORS, lambda X, y: (X, None), ValueError, "requires y"),
    ("scalar y", ESTIMATORS, lambda X, y: (X, 3), TypeError, "got scalar|Singleton"),
    ("3D y", ESTIMATORS, lambda X, y: (X, np.zeros((N, 2, 2))), ValueError, "dim 3"),
    (
        "no output",
        ESTIMATORS,
        lambda X, y: (X, np.zeros((N, 0))),
        ValueError,
        says("0 feature", "minimum of 1"),
    ),
    (
        "complex X",
        ESTIMATORS,
        lambda X, y: (X + 1j, y),
        ValueError,
        "Complex data not supported",
    ),
    (
        "object X of str",
        ESTIMATORS,
        lambda X, y: (np.full(X.shape, "a", dtype=object), y),
        ValueError,
        NO_FLOAT,
    ),
    (
        "str X",
        ESTIMATORS,
        lambda X, y: (np.full(X.shape, "a"), y),
        ValueError,
        NO_FLOAT,
    ),
    (
        "object X of dict",
        ESTIMATORS,
        lambda X, y: (np.full(X.shape, {}, dtype=object), y),
        TypeError,
        says("float\\(\\) argument must be", "dict"),
    ),
    (
        "continuous y",
        [MLPClassifier],
        lambda X, y: (X, np.linspace(0, 1, N)),
        ValueError,
        "Unknown label type",
    ),
    (
        "multi-output multi-class",
        [MLPClassifier],
        lambda X, y: (X, np.c_[y, y + 1, y + 2]),
        ValueError,
        "Unknown label type|[Mm]ultioutput target data is not supported",
    ),
    (
        "y of str",
        [MLPRegressor],
        lambda X, y: (X, np.array(list("ab" * (N // 2)))),
        ValueError,
        NO_FLOAT,
    ),
    (
        "object y of str",
        [MLPRegressor],
        lambda X, y: (X, np.array(list("ab" * (N // 2)), dtype=object)),
        ValueError,
        NO_FLOAT,
    ),
    (
        "complex y",
        [MLPRegressor],
        lambda X, y: (X, y + 1j),
        ValueError,
        "Complex data not supported",
    ),
    # sample_weight
    *(
        (
            f"{label} weight",
            ESTIMATORS,
            lambda X, y, weight=weight: (X, y, weight),
            ValueError,
            says("sample_?\\s?weight", *patterns),
        )
        for label, weight, patterns in [
            ("negative", with_value(np.ones(N), -0.5), ("-0.5", "(>= ?0|negative)")),
            ("all-negative", -np.ones(N), ("-1", "(>= ?0|negative)")),
            ("all-zero", np.zeros(N), ("(zero|> ?0|positive)",)),
            ("NaN", with_value(np.ones(N), np.nan), ("NaN",)),
            ("inf", with_value(np.ones(N), np.inf), ("infinity",)),
            ("short", np.ones(N - 1), ("\\b19\\b", "\\b20\\b")),
            ("long", np.ones(N + 1), ("\\b21\\b", "\\b20\\b")),
            ("2D", np.ones((N, 2)), ("\\(20, 2\\)|2D array",)),
        ]
    ),
    (
        "weight of str",
        ESTIMATORS,
        lambda X, y: (X, y, ["a"] * N),
        ValueError,
        NO_FLOAT,
    ),
    (
        "complex weight",
        ESTIMATORS,
        lambda X, y: (X, y, np.ones(N) + 1j),
        ValueError,
        "Complex data not supported",
    ),
]

DATA_ROWS = [
    pytest.param(Estimator, *row, id=f"{label.replace(' ', '-')}-{Estimator.__name__}")
    for label, estimators, *row in DATA
    for Estimator in estimators
]


@pytest.mark.parametrize(
    "kind, name, hint",
    [
        (MLPClassifier, "alphas", "Is 'alpha' meant"),
        (MLPRegressor, "alphas", "Is 'alpha' meant"),
        (MLPClassifierCV, "alpha", "Is 'alphas' meant"),
        (MLPRegressorCV, "alpha", "Is 'alphas' meant"),
        (MLPClassifier, "hidden_layers", "Is 'hidden_layer_sizes' meant"),
        (MLPClassifier, "n_jobs", "It has .*'max_iter'"),
    ],
)
def test_wrong_names_are_told_the_right_one(kind, name, hint):
    with pytest.raises(TypeError, match=says("unexpected keyword", f"'{name}'", hint)):
        kind(**{name: 3})


@pytest.mark.parametrize("kind", [MLPRegressor, MLPRegressorCV])
@pytest.mark.parametrize("value", [(20,), [20, 10], 20, np.array([20])], ids=str)
def test_hidden_layers_in_the_place_of_the_loss(kind, value):
    message = "'loss' parameter.*" + re.escape(f"Is hidden_layer_sizes={value!r} meant")
    with pytest.raises(ValueError, match=message):
        kind(value).fit(X, Y[MLPRegressor])


def bad_fits():
    """Every row with both solvers, by default with one of them, in turn."""
    for i, row in enumerate(DATA_ROWS):
        for k, solver in enumerate(["adam", "lbfgs"]):
            marks = [] if i % 2 == k else [pytest.mark.long]
            yield pytest.param(
                *row.values, solver, id=f"{row.id}-{solver}", marks=marks
            )


@pytest.mark.parametrize(
    "Estimator, mutate, exception, message, solver", list(bad_fits())
)
def test_bad_data(Estimator, mutate, exception, message, solver):
    y = Y[Estimator]
    est = make(Estimator, solver=solver)
    with pytest.raises(exception, match=message):
        est.fit(*mutate(X, y))
    assert not hasattr(est, "coefs_")
    with pytest.raises(NotFittedError):
        est.predict(X)

    for warm_start in [False, True]:
        est = make(Estimator, solver=solver, warm_start=warm_start).fit(X, y)
        before = predictions(est)
        with pytest.raises(exception, match=message):
            est.fit(*mutate(X, y))
        assert_array_equal(predictions(est), before)


@pytest.mark.parametrize("Estimator, mutate, exception, message", DATA_ROWS)
def test_bad_data_in_partial_fit(Estimator, mutate, exception, message):
    y = Y[Estimator]
    classes = {"classes": [0, 1]} if Estimator is MLPClassifier else {}
    est = make(Estimator)

    def partial_fit(X, y, sample_weight=None):
        est.partial_fit(X, y, sample_weight=sample_weight, **classes)

    with pytest.raises(exception, match=message):
        partial_fit(*mutate(X, y))
    assert not hasattr(est, "coefs_")

    est = make(Estimator)
    partial_fit(X, y)
    undisturbed = copy.deepcopy(est)
    with pytest.raises(exception, match=message):
        partial_fit(*mutate(X, y))
    assert_array_equal(predictions(est), predictions(undisturbed))
    # Not only the weights: training goes on as if the bad call had never been made.
    partial_fit(X, y)
    undisturbed.partial_fit(X, y)
    assert_array_equal(predictions(est), predictions(undisturbed))


def test_one_class_is_a_fair_chunk():
    est = make(MLPClassifier).partial_fit(X, np.ones(N), classes=[0, 1])
    assert est.predict_proba(X).shape == (N, 2)


@pytest.mark.parametrize(
    "classes, y, message",
    [
        (None, [0, 1], "classes must be passed on the first call"),
        ([0, 1], [0, 2], says("classes", "2", "0.*1")),
        ([5], [4, 5], says("class", "4", "5")),
        (["a", "b"], [0, 1], says("class", "a", "b", "0", "1")),
    ],
    ids=["missing", "unknown-label", "one-class", "other-type"],
)
def test_bad_classes_in_partial_fit(classes, y, message):
    est = make(MLPClassifier)
    with pytest.raises(ValueError, match=message):
        est.partial_fit(X, np.resize(y, N), classes=classes)
    assert not hasattr(est, "coefs_")


@pytest.mark.parametrize("classes", [["a", "b"], ["a", "b", "c"], [0, 1], range(4)])
def test_bad_classes_of_multilabel_targets(classes):
    y = np.random.RandomState(0).randint(0, 2, (N, 3))
    est = make(MLPClassifier)
    message = says("classes=", "3 columns", re.escape("[0, 1, 2]"))
    with pytest.raises(ValueError, match=message):
        est.partial_fit(X, y, classes=classes)
    assert not hasattr(est, "classes_")
    assert est.partial_fit(X, y, classes=[0, 1, 2]).predict(X).shape == (N, 3)


@both
def test_bad_data_in_predict(Estimator):
    est = make(Estimator).fit(X, Y[Estimator])
    methods = ["predict"]
    if Estimator is MLPClassifier:
        methods += ["predict_proba", "predict_log_proba", "decision_function"]
    for method in methods:
        predict = getattr(est, method)
        for bad, message in [
            (X[:, :2], says("2 features", "expecting 3")),
            (X[:0], EMPTY),
            (X[0], "Expected 2D array"),
            (with_value(X, np.nan), "Input X contains NaN"),
            (X + 1j, "Complex data not supported"),
        ]:
            with pytest.raises(ValueError, match=message):
                predict(bad)


@pytest.mark.parametrize(
    "method, solver", [("fit", "adam"), ("fit", "lbfgs"), ("partial_fit", "adam")]
)
def test_poisson_with_negative_y(method, solver):
    y = np.arange(N, dtype=float)
    est = make(MLPRegressor, loss="poisson", solver=solver)
    message = says("\\by\\b", "poisson", "-0.25", "(>= ?0|non-?negative)")
    with pytest.raises(ValueError, match=message):
        getattr(est, method)(X, with_value(y, -0.25))
    assert not hasattr(est, "coefs_")

    getattr(est, method)(X, y)  # zeros are fine
    before = predictions(est)
    with pytest.raises(ValueError, match=message):
        getattr(est, method)(X, with_value(y, -0.25))
    assert_array_equal(predictions(est), before)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@both
def test_warm_start_with_other_shapes(Estimator, method):
    # Another number of columns or outputs cannot go on from these weights.
    y = Y[Estimator]
    est = make(Estimator, warm_start=True).fit(X, y)
    before = predictions(est)
    with pytest.raises(ValueError, match=says("2 features", "expecting 3")):
        getattr(est, method)(X[:, :2], y)
    assert_array_equal(predictions(est), before)
    if Estimator is MLPRegressor:
        with pytest.raises(ValueError, match=says("outputs?", "\\b2\\b", "\\b1\\b")):
            getattr(est, method)(X, np.c_[y, y])
        assert_array_equal(predictions(est), before)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@both
def test_warm_start_with_other_hidden_layers(Estimator, method):
    y = Y[Estimator]
    est = make(Estimator, warm_start=True).fit(X, y)
    before = predictions(est)
    est.set_params(hidden_layer_sizes=(5, 5))
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        getattr(est, method)(X, y)
    assert_array_equal(predictions(est), before)


def test_unsupported_keyword():
    with pytest.raises(TypeError, match="unexpected keyword argument 'weights'"):
        make(MLPRegressor).fit(X, Y[MLPRegressor], weights=np.ones(N))
    with pytest.raises(TypeError, match="unexpected keyword argument 'lambda_'"):
        MLPRegressor(lambda_=1)


# ---------------------------------------------------------------- divergence

# ±SCALE in equal numbers: mean 0, standard deviation and largest absolute value all
# SCALE, so that whatever the message calls the scale of a column is this number.
SCALE = 8e6
UNSCALED = X.copy()
UNSCALED[:, 1] = SCALE * (-1) ** np.arange(N)
# Labels that column tells nothing about: a classifier that gets everything right
# has no gradient left to diverge by.
TARGET = {MLPClassifier: np.arange(N) // 2 % 2, MLPRegressor: Y[MLPRegressor]}

DIVERGING = {
    "solver": "sgd",
    "activation": "identity",
    "hidden_layer_sizes": (4, 4),
    "learning_rate_init": 1e3,
    "max_iter": 200,
}
DIVERGED = says(
    "epoch \\d+",
    "scale",
    "8e\\+0?6|8000000|8,000,000",
    "learning_rate_init.*1000|learning rate",
)


@both
def test_divergence(Estimator):
    y = TARGET[Estimator]
    est = make(Estimator, **DIVERGING)
    with warnings.catch_warnings():
        # The error says it all: no overflow warnings on top.
        warnings.simplefilter("error", RuntimeWarning)
        with pytest.raises(ValueError, match=DIVERGED):
            est.fit(UNSCALED, y)
    assert not hasattr(est, "coefs_")


@pytest.mark.parametrize("container", [np.asarray, sp.csr_matrix, sp.csc_array])
def test_divergence_names_the_scale_of_any_container(container):
    est = make(MLPRegressor, **DIVERGING)
    with pytest.raises(ValueError, match=DIVERGED):
        est.fit(container(UNSCALED), Y[MLPRegressor])


@both
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_divergence_leaves_the_fitted_estimator_as_it_was(Estimator, method):
    y = TARGET[Estimator]
    est = make(
        Estimator, **{**DIVERGING, "learning_rate_init": 1e-3}, warm_start=True
    ).fit(X, y)
    est.set_params(learning_rate_init=1e3)
    with pytest.raises(ValueError, match=DIVERGED):
        # A call may end before the numbers overflow; some call does not.
        for _ in range(200):
            expected = copy.deepcopy(est)
            getattr(est, method)(UNSCALED, y)
    with np.errstate(over="ignore", invalid="ignore"):  # they may be close to it
        assert_array_equal(predictions(est), predictions(expected))
    for name in ["n_iter_", "loss_", "t_", "loss_curve_", "best_loss_"]:
        assert getattr(est, name) == getattr(expected, name), name


def test_best_weights_survive_divergence_under_early_stopping():
    # There are good weights to go back to: a warning, not an error.
    y = 5.0 * X[:, 0]
    est = make(
        MLPRegressor,
        solver="sgd",
        activation="identity",
        learning_rate_init=0.6,
        max_iter=500,
        early_stopping=True,
        validation_fraction=0.3,
        n_iter_no_change=400,
    )
    with pytest.warns(ConvergenceWarning, match="epoch \\d+"):
        est.fit(np.c_[X, 100 * X[:, 1]], y)
    assert np.isfinite(est.predict(np.c_[X, 100 * X[:, 1]])).all()
    assert est.best_validation_score_ == np.nanmax(est.validation_scores_)


# ---------------------------------------------------------------- validation


def nan_scorer(estimator, X, y):
    return np.nan


ONE_CLASS = np.flatnonzero(Y[MLPClassifier] == 0)
# An estimator, its scoring, and validation rows on which the score is not defined.
UNDEFINED_SCORES = [
    (MLPRegressor, None, [0]),
    (MLPRegressor, "r2", [0]),
    (MLPClassifier, "roc_auc", ONE_CLASS),
    (MLPClassifier, nan_scorer, range(N)),
    (MLPRegressor, nan_scorer, range(N)),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.parametrize("Estimator, scoring, rows", UNDEFINED_SCORES)
@pytest.mark.parametrize("n_estimators", [1, 2])
def test_scores_that_are_all_nan(Estimator, scoring, rows, n_estimators):
    est = make(
        Estimator, early_stopping=True, scoring=scoring, n_estimators=n_estimators
    )
    rows = np.asarray(rows)
    y = Y[Estimator]
    with pytest.raises(ValueError, match=says("validation score is nan", "scoring=")):
        est.fit(X, y, X_val=X[rows], y_val=y[rows])
    assert not hasattr(est, "coefs_")


def test_scores_of_which_some_are_nan_have_a_best_epoch():
    scores = iter([np.nan, 0.3, np.nan])
    est = make(MLPRegressor, early_stopping=True, max_iter=3)
    est.set_params(scoring=lambda estimator, X, y: next(scores))
    assert est.fit(X, Y[MLPRegressor]).best_validation_score_ == 0.3


@both
@pytest.mark.parametrize("fraction", [0, 0.0, 1e-9, 0.999])
def test_a_validation_fraction_that_leaves_no_rows(Estimator, fraction):
    est = make(Estimator, early_stopping=True, validation_fraction=fraction)
    with pytest.raises(ValueError, match=f"validation_fraction.*{fraction}"):
        est.fit(X, Y[Estimator])
    # Nothing is held out of X where rows are given.
    est.fit(X, Y[Estimator], X_val=X, y_val=Y[Estimator])


# ---------------------------------------------------------------- huge numbers

HUGE_FITS = {
    "lbfgs": {"solver": "lbfgs"},
    "lbfgs l1": {"solver": "lbfgs", "penalty": "l1"},
    "proximal": {"solver": "lbfgs", "penalty": "group_l1"},
    "adam": {"penalty": "group_l1"},
    "sgd": {"solver": "sgd", "penalty": "group_l1"},
    "scale": {"alpha": "scale", "penalty": "group_l1"},
}


@both
@pytest.mark.parametrize("scale", [1e60, 1e80, 1e100, 1e150, 1e160, 1e250, 1e307])
@pytest.mark.parametrize("params", HUGE_FITS.values(), ids=HUGE_FITS)
def test_a_huge_X_gives_a_finite_fit_or_an_error_about_X(Estimator, scale, params):
    est = make(Estimator, **params)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            est.fit(X * scale, Y[Estimator])
        except ValueError as error:
            assert re.search("[Ss]cale X|X is not scaled", str(error)), error
        else:
            assert np.isfinite(est.loss_)
            assert all(np.isfinite(W).all() for W in est.coefs_)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_y_beyond_float32_is_named(solver):
    est = make(MLPRegressor, solver=solver)
    y = 1e39 * Y[MLPRegressor]
    with pytest.raises(ValueError, match=says("y has values", "float32", "e\\+39")):
        est.fit(X.astype(np.float32), y)
    est = make(MLPRegressor, loss="absolute_error", solver="adam").fit(X, y)
    assert np.isfinite(est.loss_)


@pytest.mark.parametrize("dtype, scale", [(np.float32, 1e30), (np.float64, 1e200)])
def test_y_whose_squares_overflow_is_named(dtype, scale):
    y = scale * Y[MLPRegressor]
    with pytest.raises(ValueError, match="y is not scaled"):
        make(MLPRegressor, solver="sgd").fit(X.astype(dtype), y)


@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("penalty", ["l2", "elasticnet"])
@both
def test_a_learning_rate_that_falls_to_zero_at_once(Estimator, penalty, solver):
    est = make(Estimator, solver=solver, penalty=penalty, max_iter=5)
    est.set_params(learning_rate="invscaling", power_t=200)
    one = copy.deepcopy(est).set_params(max_iter=1).fit(X, Y[Estimator])
    momentum = {"momentum": 0.0} if solver == "sgd" else {}
    est.set_params(**momentum).fit(X, Y[Estimator])
    if solver != "sgd":
        # After the first epoch, of one batch, steps have length 0.
        assert_array_equal(est.coefs_[0], one.coefs_[0])
    est.partial_fit(X, Y[Estimator])


@both
@pytest.mark.parametrize("solver", ["adam", "adamw"])
@pytest.mark.parametrize(
    "dtype, epsilon", [(np.float32, 1e-45), (np.float32, 1e-60), (np.float64, 5e-324)]
)
def test_a_tiny_epsilon(Estimator, solver, dtype, epsilon):
    # Gradients of 0, 0 / (0 + ε), and gradients whose squares are 0.
    tiny = np.finfo(dtype).tiny
    data = np.c_[X, np.zeros(N), X[:, :1] * tiny**0.6].astype(dtype)
    est = make(Estimator, solver=solver, alpha=0, epsilon=epsilon)
    start = copy.deepcopy(est).set_params(learning_rate_init=1e-30)
    start.fit(data, Y[Estimator])
    est.fit(data, Y[Estimator])
    for W, V in zip(est.coefs_, start.coefs_, strict=True):
        # Two steps of Adam, each of length η at most where the gradient is constant.
        assert abs(W - V).max() <= 2.1 * est.learning_rate_init


# Of each type a weight at either end of its range.
HUGE_WEIGHTS = [
    (np.float64, 2.0**1023),
    (np.float64, 2.0**-1000),
    (np.float32, 2.0**126),
    (np.float32, 2.0**-120),
]


@pytest.mark.parametrize(
    "Estimator, huge, solver, penalty",
    covering(
        ESTIMATORS,
        HUGE_WEIGHTS,
        ["adam", "sgd", "adamw", "lbfgs"],
        ["l2", "elasticnet", "group_l1"],
    ),
)
def test_weights_and_alpha_of_another_unit(Estimator, huge, solver, penalty):
    dtype, unit = huge
    # J has λ / Σ s and s / Σ s alone.
    data, y = X.astype(dtype), Y[Estimator]
    weight = np.linspace(0.25, 1.0, N)
    plain = make(Estimator, solver=solver, penalty=penalty, alpha=0.5)
    scaled = copy.deepcopy(plain).set_params(alpha=0.5 * unit)
    plain.fit(data, y, weight)
    scaled.fit(data, y, (weight * unit).astype(dtype))
    for W, V in zip(plain.coefs_, scaled.coefs_, strict=True):
        assert_array_equal(W, V)
    assert scaled.loss_curve_ == plain.loss_curve_
    assert_array_equal(scaled.alpha_, unit * plain.alpha_)


@both
def test_validation_weights_of_another_unit(Estimator):
    y, weight = Y[Estimator], np.linspace(0.25, 1.0, N)
    curves = []
    for unit in (1.0, 2.0**1023):
        est = make(Estimator, early_stopping=True)
        est.fit(X, y, X_val=X, y_val=y, sample_weight_val=unit * weight)
        curves.append((est.validation_scores_, est.validation_loss_curve_))
    assert curves[0] == curves[1]


def test_alpha_scale_beyond_its_range_names_sample_weight():
    with pytest.raises(ValueError, match="sample_weight"):
        make(MLPRegressor, alpha="scale").fit(
            1e3 * X, Y[MLPRegressor], np.full(N, 1e307)
        )


@both
@pytest.mark.parametrize("dtype, alpha", [(np.float32, 1e21), (np.float64, 1e200)])
def test_adam_shrinks_weights_under_a_huge_alpha(Estimator, dtype, alpha):
    # The squares of the penalty's gradient are beyond the range of the type.
    params = {"max_iter": 200, "tol": 0, "n_iter_no_change": 200}
    est = make(Estimator, alpha=alpha, **params).fit(X.astype(dtype), Y[Estimator])
    # The loss is without effect already: every larger λ takes the same steps.
    moderate = make(Estimator, alpha=1e12, **params).fit(X, Y[Estimator])
    for W, V in zip(est.coefs_, moderate.coefs_, strict=True):
        assert_allclose(W, V, atol=1e-4)


@pytest.mark.parametrize("quantile", [[0.1, 0.9], [0.5]])
def test_listed_quantiles_of_several_targets(quantile):
    est = make(MLPRegressor, loss="quantile", quantile=quantile)
    message = says("quantile", "2 columns", "Fit a model for each column")
    with pytest.raises(ValueError, match=message):
        est.fit(X, X[:, :2])


def test_another_number_of_quantiles_cannot_continue_a_fit():
    est = make(MLPRegressor, loss="quantile", quantile=[0.1, 0.9], warm_start=True)
    est.fit(X, Y[MLPRegressor])
    est.set_params(quantile=[0.1, 0.5, 0.9])
    with pytest.raises(ValueError, match="3 outputs.*fitted with 2"):
        est.fit(X, Y[MLPRegressor])


def test_a_standard_deviation_that_was_not_fitted():
    est = make(MLPRegressor).fit(X, Y[MLPRegressor])
    with pytest.raises(ValueError, match="return_std=True.*loss='gaussian'"):
        est.predict(X, return_std=True)
    with pytest.raises(NotFittedError):
        make(MLPRegressor, loss="gaussian").predict(X, return_std=True)


@both
@pytest.mark.parametrize("unit", [2.0**1000, 2.0**-1000])
def test_weights_of_float64_beyond_the_range_of_a_float32_X(Estimator, unit):
    data, y = X.astype(np.float32), Y[Estimator]
    weight = np.linspace(0.25, 1.0, N).astype(np.float32).astype(np.float64)
    plain = make(Estimator, alpha=0).fit(data, y, weight)
    scaled = make(Estimator, alpha=0).fit(data, y, weight * unit)
    for W, V in zip(plain.coefs_, scaled.coefs_, strict=True):
        assert_array_equal(W, V)


@both
@pytest.mark.parametrize("solver", ["adam", "sgd", "adamw", "lbfgs"])
def test_alpha_beyond_its_range_names_sample_weight(Estimator, solver):
    est = make(Estimator, alpha=1e4, solver=solver)
    with pytest.raises(ValueError, match=says("alpha=10000.0", "sample_weight")):
        est.fit(X, Y[Estimator], np.full(N, 1e-307))


@both
def test_a_step_of_decay_beyond_the_range_of_float64(Estimator):
    est = make(Estimator, solver="adamw", learning_rate_init=1e10)
    with pytest.warns(ConvergenceWarning, match="alpha=0.0001 is too large"):
        with pytest.raises(ValueError, match="learning_rate_init=10000000000.0"):
            est.fit(X, Y[Estimator], np.full(N, 1e-305))


@pytest.mark.parametrize("seed", [10, 13, 14])
def test_a_line_search_beyond_the_range_of_float32(seed):
    """Where L-BFGS looks, in float64, a weight may be beyond the type of X."""
    data = np.array([[3e37, 0.0], [3e37, 0.0]], np.float32)
    params = {"hidden_layer_sizes": (3,), "max_iter": 4, "tol": 0.0}
    est = make(MLPClassifier, solver="lbfgs", random_state=seed, **params)
    try:
        est.fit(data, [0, 1])
    except ValueError as error:
        assert "X is not scaled" in str(error)
    else:
        assert all(np.isfinite(W).all() for W in est.coefs_)
