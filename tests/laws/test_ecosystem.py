"""skl2 inside scikit-learn: searches, pipelines, meta-estimators, data frames."""

import inspect
import pickle

import joblib
import numpy as np
import pytest
import sklearn.neural_network
from helpers import covering
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import loguniform
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.ensemble import BaggingClassifier, BaggingRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import Ridge
from sklearn.metrics import get_scorer, log_loss
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    cross_validate,
)
from sklearn.multioutput import (
    ClassifierChain,
    MultiOutputClassifier,
    MultiOutputRegressor,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import estimator_html_repr

import skl2
from skl2 import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ESTIMATORS = [MLPClassifier, MLPRegressor]
both = pytest.mark.parametrize("Estimator", ESTIMATORS)

X_cancer, y_cancer = load_breast_cancer(return_X_y=True)
X_diabetes, y_diabetes = load_diabetes(return_X_y=True)
X_iris, y_iris = load_iris(return_X_y=True)

# Small, deterministic and convex: every search below has an answer to compare with.
LINEAR = {"hidden_layer_sizes": (), "solver": "lbfgs", "random_state": 0}


def cancer_pipeline(**params):
    return Pipeline(
        [("scale", StandardScaler()), ("mlp", MLPClassifier(**{**LINEAR, **params}))]
    )


# ---------------------------------------------------------------- drop-in


@both
def test_signature_is_a_drop_in(Estimator):
    theirs = inspect.signature(getattr(sklearn.neural_network, Estimator.__name__))
    ours = inspect.signature(Estimator)
    shared = [name for name in ours.parameters if name in theirs.parameters]
    assert shared == list(theirs.parameters)
    for name, parameter in theirs.parameters.items():
        assert ours.parameters[name].default == parameter.default, name
        assert ours.parameters[name].kind == parameter.kind, name
    new = set(ours.parameters) - set(theirs.parameters) - {"loss"}
    assert all(
        ours.parameters[name].kind is inspect.Parameter.KEYWORD_ONLY for name in new
    )
    assert ours.parameters["penalty"].default == "l2"
    assert ours.parameters["l1_ratio"].default == 0.5


@both
@pytest.mark.parametrize(
    "solver, early_stopping",
    [("adam", False), ("adam", True), ("sgd", False), ("sgd", True), ("lbfgs", False)],
)
def test_fitted_attributes_are_a_drop_in(Estimator, solver, early_stopping):
    params = {
        "solver": solver,
        "early_stopping": early_stopping,
        "max_iter": 5,
        "hidden_layer_sizes": 4,
        "random_state": 0,
    }
    theirs = getattr(sklearn.neural_network, Estimator.__name__)(**params)
    theirs.fit(X_iris, y_iris)
    ours = Estimator(**params).fit(X_iris, y_iris)
    for name, value in vars(theirs).items():
        if name.endswith("_") and not name.startswith("_"):
            assert hasattr(ours, name), name
            if name in {"n_layers_", "n_outputs_", "out_activation_", "t_", "n_iter_"}:
                assert getattr(ours, name) == value, name
            elif isinstance(value, list):
                assert isinstance(getattr(ours, name), list), name
                assert len(getattr(ours, name)) == len(value), name
            else:
                assert type(getattr(ours, name)) is type(value) or np.isscalar(value)
    assert [c.shape for c in ours.coefs_] == [c.shape for c in theirs.coefs_]
    assert [b.shape for b in ours.intercepts_] == [b.shape for b in theirs.intercepts_]


def test_estimator_kinds():
    assert is_classifier(MLPClassifier()) and not is_regressor(MLPClassifier())
    assert is_regressor(MLPRegressor()) and not is_classifier(MLPRegressor())
    assert set(skl2.__all__) >= {"MLPClassifier", "MLPRegressor"}


# ------------------------------------------------- parameters, clone, display

EVERY_PARAMETER = {
    "hidden_layer_sizes": (7, 5),
    "activation": "silu",
    "solver": "adamw",
    "alpha": [1.0, 0.1, 0.01],
    "penalty": "elasticnet",
    "l1_ratio": 0.25,
    "batch_size": 17,
    "learning_rate": "invscaling",
    "learning_rate_init": 0.01,
    "power_t": 0.3,
    "max_iter": 3,
    "shuffle": False,
    "random_state": 3,
    "tol": 1e-3,
    "verbose": True,
    "warm_start": True,
    "momentum": 0.5,
    "nesterovs_momentum": False,
    "early_stopping": True,
    "validation_fraction": 0.2,
    "beta_1": 0.8,
    "beta_2": 0.99,
    "epsilon": 1e-7,
    "n_iter_no_change": 4,
    "max_fun": 99,
}


@both
def test_get_set_params_round_trip(Estimator):
    values = dict(EVERY_PARAMETER)
    if Estimator is MLPRegressor:
        values["loss"] = "huber"
    default = Estimator()
    assert values.keys() <= default.get_params().keys()
    for name, value in values.items():
        assert default.get_params()[name] != value, f"{name}: not a test"
    built = Estimator(**values)
    set_later = Estimator().set_params(**values)
    for est in (built, set_later, clone(built)):
        params = est.get_params()
        assert {name: params[name] for name in values} == values
    # What was given is what is kept, also by a fit: never converted, never replaced.
    built.verbose = False
    built.fit(X_iris, y_iris)
    for name, value in {**values, "verbose": False}.items():
        assert getattr(built, name) is value or getattr(built, name) == value, name
        assert type(getattr(built, name)) is type(value), name


@both
def test_set_params_rejects_unknown(Estimator):
    with pytest.raises(ValueError, match="Invalid parameter 'lambda_'"):
        Estimator().set_params(lambda_=1)


@both
def test_clone_of_a_fitted_estimator_is_unfitted(Estimator):
    est = Estimator(alpha=2.0, max_iter=2, random_state=0).fit(X_iris, y_iris)
    copy = clone(est)
    assert copy.get_params() == est.get_params()
    assert not [name for name in vars(copy) if name.endswith("_")]
    assert_array_equal(copy.fit(X_iris, y_iris).coefs_[0], est.coefs_[0])


@both
def test_repr_and_html(Estimator):
    est = Estimator(alpha=0.25, penalty="l1")
    text = repr(est)
    assert text.startswith(Estimator.__name__)
    assert "alpha=0.25" in text and "penalty='l1'" in text
    assert "solver" not in text  # defaults are not printed
    est.set_params(max_iter=2, hidden_layer_sizes=3)
    for fitted in (est, est.fit(X_iris, y_iris)):
        for html in (
            estimator_html_repr(fitted),
            estimator_html_repr(make_pipeline(StandardScaler(), fitted)),
        ):
            assert Estimator.__name__ in html
            assert "0.25" in html


@both
@pytest.mark.parametrize("transform_output", ["pandas", "polars"])
def test_predict_does_not_follow_set_output(Estimator, transform_output):
    pytest.importorskip(transform_output)
    pipe = make_pipeline(StandardScaler(), Estimator(max_iter=2, random_state=0))
    expected = pipe.fit(X_iris, y_iris).predict(X_iris)
    with sklearn.config_context(transform_output=transform_output):
        got = pipe.fit(X_iris, y_iris).predict(X_iris)
    assert type(got) is np.ndarray
    assert_array_equal(got, expected)


# ------------------------------------------------------------- persistence


def predictions(est, X):
    return est.predict_proba(X) if is_classifier(est) else est.predict(X)


@both
@pytest.mark.parametrize(
    "params",
    [{}, {"solver": "sgd"}, {"solver": "lbfgs"}, {"penalty": "l1", "alpha": 5.0}],
    ids=str,
)
@pytest.mark.parametrize("how", ["pickle", "joblib"])
def test_persistence(Estimator, params, how, tmp_path):
    est = Estimator(hidden_layer_sizes=6, max_iter=5, random_state=0, **params)
    est.fit(X_iris, y_iris)
    if how == "pickle":
        loaded = pickle.loads(pickle.dumps(est))
    else:
        joblib.dump(est, tmp_path / "mlp.joblib")
        loaded = joblib.load(tmp_path / "mlp.joblib")
    assert loaded.get_params() == est.get_params()
    assert_array_equal(predictions(loaded, X_iris), predictions(est, X_iris))
    assert loaded.loss_ == est.loss_


@both
@pytest.mark.parametrize("solver", ["adam", "adamw", "sgd"])
def test_partial_fit_continues_through_pickle(Estimator, solver):
    # The optimizer's state (moments, velocity, step count) is part of what a partly
    # trained estimator pickles: a resumed training is the uninterrupted one.
    est = Estimator(hidden_layer_sizes=6, random_state=0, solver=solver)
    classes = {"classes": np.unique(y_iris)} if Estimator is MLPClassifier else {}
    for _ in range(3):
        est.partial_fit(X_iris, y_iris, **classes)
    resumed = pickle.loads(pickle.dumps(est))
    for _ in range(3):
        est.partial_fit(X_iris, y_iris)
        resumed.partial_fit(X_iris, y_iris)
    assert_array_equal(predictions(resumed, X_iris), predictions(est, X_iris))


KEPT = [
    {"solver": "adam"},
    {"solver": "adamw"},
    {"solver": "sgd"},
    {"solver": "lbfgs"},
    {"solver": "adam", "early_stopping": True},
    {"solver": "adam", "penalty": "l1"},
]


@pytest.mark.parametrize(
    "params, dtype, Estimator", covering(KEPT, [np.float32, np.float64], ESTIMATORS)
)
def test_pickle_is_the_size_of_the_parameters(Estimator, params, dtype):
    # Neither gradients nor moments nor snapshots nor the training set are kept.
    X, y = load_digits(return_X_y=True)
    est = Estimator(hidden_layer_sizes=100, max_iter=10, random_state=0, **params)
    est.fit(X[:500].astype(dtype), y[:500])
    n_bytes = sum(a.nbytes for a in [*est.coefs_, *est.intercepts_])
    assert len(pickle.dumps(est)) < 1.3 * n_bytes + 5000


# ------------------------------------------------------------------ searches


def test_grid_search():
    search = GridSearchCV(
        cancer_pipeline(),
        {"mlp__alpha": [1e-2, 1.0, 1e2, 1e5], "mlp__penalty": ["l2", "l1"]},
        scoring="neg_log_loss",
        cv=3,
        error_score="raise",
    ).fit(X_cancer, y_cancer)
    results = search.cv_results_
    assert np.isfinite(results["mean_test_score"]).all()
    scores = {
        (p["mlp__penalty"], p["mlp__alpha"]): score
        for p, score in zip(results["params"], results["mean_test_score"], strict=True)
    }
    # Some λ beats both ends of the grid, for each penalty: the search searches.
    for penalty in ["l2", "l1"]:
        ends = [scores[penalty, 1e-2], scores[penalty, 1e5]]
        assert max(scores[penalty, 1.0], scores[penalty, 1e2]) > max(ends)
    assert search.best_params_["mlp__alpha"] in (1.0, 1e2)
    assert search.score(X_cancer, y_cancer) > -0.1
    alone = cancer_pipeline(
        alpha=search.best_params_["mlp__alpha"],
        penalty=search.best_params_["mlp__penalty"],
    ).fit(X_cancer, y_cancer)
    assert_array_equal(search.predict_proba(X_cancer), alone.predict_proba(X_cancer))


def test_grid_search_over_per_layer_alpha():
    search = GridSearchCV(
        MLPRegressor(hidden_layer_sizes=4, solver="lbfgs", max_iter=30, random_state=0),
        {"alpha": [0.1, [0.1, 10.0], np.array([10.0, 0.1])]},
        cv=2,
        error_score="raise",
    ).fit(X_diabetes, y_diabetes)
    scores = search.cv_results_["mean_test_score"]
    assert len(set(scores)) == 3
    assert search.best_estimator_.alpha_.shape == (2,)


def test_randomized_search():
    search = RandomizedSearchCV(
        cancer_pipeline(),
        {"mlp__alpha": loguniform(1e-2, 1e3), "mlp__penalty": ["l2", "l1"]},
        n_iter=5,
        scoring="neg_log_loss",
        cv=3,
        random_state=0,
        error_score="raise",
    ).fit(X_cancer, y_cancer)
    scores = search.cv_results_["mean_test_score"]
    assert len(set(scores)) == 5
    assert search.best_score_ == scores.max()
    assert search.score(X_cancer, y_cancer) > -0.15


@pytest.mark.parametrize("resource", ["n_samples", "mlp__max_iter"])
def test_halving_grid_search(resource):
    search = HalvingGridSearchCV(
        cancer_pipeline(),
        {"mlp__alpha": [1e-2, 1.0, 1e2, 1e5]},
        resource=resource,
        max_resources=60 if resource == "mlp__max_iter" else "auto",
        min_resources=20 if resource == "mlp__max_iter" else 100,
        factor=2,
        cv=3,
        scoring="neg_log_loss",
        random_state=0,
        error_score="raise",
    ).fit(X_cancer, y_cancer)
    assert search.n_iterations_ >= 2
    assert search.best_params_["mlp__alpha"] != 1e5
    if resource == "mlp__max_iter":
        used = search.cv_results_["param_mlp__max_iter"]
        assert sorted(set(used)) == [20, 40]


def test_cross_validate_in_parallel():
    pipe = cancer_pipeline(hidden_layer_sizes=(5,), solver="adam", max_iter=20)
    serial, parallel = (
        cross_validate(
            pipe,
            X_cancer,
            y_cancer,
            cv=3,
            n_jobs=n_jobs,
            scoring=["accuracy", "neg_log_loss"],
            return_estimator=True,
            error_score="raise",
        )
        for n_jobs in (None, 2)
    )
    for metric in ["test_accuracy", "test_neg_log_loss"]:
        assert_array_equal(serial[metric], parallel[metric])
    # Estimators come back from the workers whole.
    for one, two in zip(serial["estimator"], parallel["estimator"], strict=True):
        assert_array_equal(one.predict_proba(X_cancer), two.predict_proba(X_cancer))


# ----------------------------------------------------------- meta-estimators


def test_pipeline():
    pipe = cancer_pipeline(alpha=1.0).fit(X_cancer, y_cancer)
    Xt = StandardScaler().fit_transform(X_cancer)
    alone = MLPClassifier(alpha=1.0, **LINEAR).fit(Xt, y_cancer)
    assert_array_equal(pipe.predict(X_cancer), alone.predict(Xt))
    assert_array_equal(pipe.predict_log_proba(X_cancer), alone.predict_log_proba(Xt))
    assert_array_equal(pipe.decision_function(X_cancer), alone.decision_function(Xt))
    assert pipe.score(X_cancer, y_cancer) > 0.97


@pytest.mark.parametrize(
    "params",
    [
        {"solver": "lbfgs", "max_iter": 300},
        {"solver": "adam", "learning_rate_init": 0.01},
    ],
    ids=lambda params: params["solver"],
)
@pytest.mark.parametrize("penalty, alpha", [("l1", 30.0), ("group_l1", 60.0)])
@both
def test_select_from_model_drops_what_l1_drops(Estimator, penalty, alpha, params):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((300, 12))
    signal = np.tanh(X[:, 0]) + X[:, 3]
    y = signal > 0 if Estimator is MLPClassifier else signal
    selector = SelectFromModel(
        Estimator(
            hidden_layer_sizes=4,
            activation="tanh",
            penalty=penalty,
            alpha=alpha,
            random_state=0,
            **params,
        ),
        # Of penalties other than 'l1' scikit-learn's default is the mean.
        threshold=1e-10,
    ).fit(X, y)
    est = selector.estimator_

    assert_allclose(
        est.feature_importances_, np.linalg.norm(est.coefs_[0], axis=1), rtol=1e-12
    )
    dropped = ~est.coefs_[0].any(axis=1)
    assert dropped.any()
    assert not dropped[[0, 3]].any()
    assert_array_equal(est.feature_importances_ == 0, dropped)
    assert_array_equal(selector.get_support(), ~dropped)
    assert_array_equal(selector.transform(X), X[:, ~dropped])
    # A dropped input has no say in any prediction.
    X_other = X.copy()
    X_other[:, dropped] = 1e3
    assert_array_equal(predictions(est, X_other), predictions(est, X))


def test_sparsity_counts_exact_zeros():
    X = StandardScaler().fit_transform(X_cancer)
    est = MLPClassifier(
        hidden_layer_sizes=(6, 5),
        penalty="l1",
        alpha=2.0,
        solver="lbfgs",
        max_iter=100,
        random_state=0,
    ).fit(X, y_cancer)
    assert_array_equal(est.sparsity_, [np.mean(coef == 0) for coef in est.coefs_])
    assert np.max(est.sparsity_) > 0.3


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibrated_classifier(method):
    # An under-regularized net is over-confident: calibration must improve it.
    train, test = np.arange(0, 569, 2), np.arange(1, 569, 2)
    pipe = cancer_pipeline(alpha=1e-4, hidden_layer_sizes=(8,), max_iter=100)
    raw = clone(pipe).fit(X_cancer[train], y_cancer[train])
    calibrated = CalibratedClassifierCV(pipe, method=method, cv=3)
    calibrated.fit(X_cancer[train], y_cancer[train])
    proba = calibrated.predict_proba(X_cancer[test])
    assert_allclose(proba.sum(axis=1), 1)
    assert calibrated.score(X_cancer[test], y_cancer[test]) > 0.93
    assert log_loss(y_cancer[test], proba) < log_loss(
        y_cancer[test], raw.predict_proba(X_cancer[test])
    )


def test_bagging_classifier():
    bag = BaggingClassifier(
        cancer_pipeline(alpha=1.0), n_estimators=4, max_features=0.5, random_state=0
    ).fit(X_cancer, y_cancer)
    assert bag.score(X_cancer, y_cancer) > 0.95
    members = [
        est.predict_proba(X_cancer[:, features])
        for est, features in zip(bag.estimators_, bag.estimators_features_, strict=True)
    ]
    assert_allclose(bag.predict_proba(X_cancer), np.mean(members, axis=0))
    assert not np.array_equal(members[0], members[1])


def test_bagging_regressor():
    bag = BaggingRegressor(
        make_pipeline(StandardScaler(), MLPRegressor(alpha=1.0, **LINEAR)),
        n_estimators=4,
        random_state=0,
    ).fit(X_diabetes, y_diabetes)
    assert bag.score(X_diabetes, y_diabetes) > 0.45


@pytest.mark.parametrize("Wrapper", [MultiOutputClassifier, ClassifierChain])
def test_multi_output_classifiers(Wrapper):
    Y = np.column_stack([y_iris == 0, y_iris == 2]).astype(int)
    wrapped = Wrapper(MLPClassifier(alpha=1e-2, **LINEAR)).fit(X_iris, Y)
    assert wrapped.predict(X_iris).shape == Y.shape
    assert np.mean(wrapped.predict(X_iris) == Y, axis=0).min() > 0.95
    alone = MLPClassifier(alpha=1e-2, **LINEAR).fit(X_iris, Y[:, 0])
    proba = wrapped.predict_proba(X_iris)
    first = proba[0] if Wrapper is MultiOutputClassifier else proba[:, 0]
    expected = alone.predict_proba(X_iris)
    if Wrapper is ClassifierChain:
        expected = expected[:, 1]
    assert_array_equal(first, expected)


def test_multi_output_regressor():
    X = StandardScaler().fit_transform(X_iris[:, :2])
    Y = X_iris[:, 2:]
    params = dict(alpha=1e-2, tol=1e-8, **LINEAR)
    wrapped = MultiOutputRegressor(MLPRegressor(**params)).fit(X, Y)
    ridge = Ridge(alpha=1e-2).fit(X, Y)
    assert_allclose(
        wrapped.predict(X),
        ridge.predict(X),
        rtol=1e-4,
        atol=1e-4,
    )
    # The loss of several outputs is the mean over outputs, so a joint fit equals the
    # separate ones at an alpha shared out among them.
    params["alpha"] = 1e-2 / Y.shape[1]
    joint = MLPRegressor(**params).fit(X, Y)
    assert_allclose(joint.predict(X), ridge.predict(X), rtol=1e-4, atol=1e-4)


def test_transformed_target_regressor():
    X = StandardScaler().fit_transform(X_diabetes)
    est = TransformedTargetRegressor(
        MLPRegressor(alpha=1.0, **LINEAR), transformer=StandardScaler()
    ).fit(X, y_diabetes)
    assert est.predict(X).shape == y_diabetes.shape
    assert est.score(X, y_diabetes) > 0.5


# --------------------------------------------------------------- data frames


@pytest.fixture(params=["pandas", "polars"])
def frame(request):
    """Iris as a data frame of either library."""
    library = pytest.importorskip(request.param)
    names = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    return library.DataFrame({name: X_iris[:, j] for j, name in enumerate(names)})


@both
def test_column_names(Estimator, frame):
    if not hasattr(StandardScaler().fit(frame), "feature_names_in_"):
        pytest.skip("this scikit-learn does not read the names of this library")
    est = Estimator(max_iter=3, random_state=0).fit(frame, y_iris)
    names = list(frame.columns)
    assert_array_equal(est.feature_names_in_, names)
    assert est.n_features_in_ == 4

    plain = Estimator(max_iter=3, random_state=0).fit(X_iris, y_iris)
    assert not hasattr(plain, "feature_names_in_")
    assert_array_equal(predictions(est, frame), predictions(plain, X_iris))

    before = predictions(est, frame)
    reordered = frame[names[::-1]]
    methods = [est.predict]
    if is_classifier(est):
        methods += [est.predict_proba, est.predict_log_proba, est.decision_function]
    for method in methods:
        with pytest.raises(ValueError, match="must be in the same order"):
            method(reordered)
    with pytest.raises(ValueError, match="must be in the same order"):
        est.partial_fit(reordered, y_iris)
    assert_array_equal(predictions(est, frame), before)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        est.predict(X_iris)


def test_column_transformer():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X_cancer[:, :3], columns=["radius", "texture", "perimeter"])
    frame["ward"] = np.where(X_cancer[:, 3] > 500, "north", "south")
    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["radius", "texture", "perimeter"]),
            # sparse_threshold=1 below makes the transformed matrix sparse
            ("categories", OneHotEncoder(), ["ward"]),
        ],
        sparse_threshold=1,
    )
    labels = pd.Series(np.where(y_cancer == 1, "benign", "malignant"))
    pipe = make_pipeline(columns, MLPClassifier(alpha=1.0, **LINEAR))
    pipe.fit(frame, labels)
    assert pipe.score(frame, labels) > 0.85
    assert set(pipe.predict(frame)) == {"benign", "malignant"}
    # Columns are taken by name: their order in the frame does not matter.
    assert_array_equal(
        pipe.predict_proba(frame[frame.columns[::-1]]), pipe.predict_proba(frame)
    )


# -------------------------------------------------------------------- labels


LABELS = {
    "str": np.array(["setosa", "versicolor", "virginica"]),
    "object": np.array(["setosa", "versicolor", "virginica"], dtype=object),
    "bool": np.array([False, True]),
    "float": np.array([0.0, 1.0, 2.0]),
    "float32": np.array([1.0, 5.0, 7.0], dtype=np.float32),
    "neg-int": np.array([-1, 1, 3]),
    "int8": np.array([-7, -5, -3], dtype=np.int8),
    "uint8": np.array([10, 20, 40], dtype=np.uint8),
    "list": ["a", "b", "c"],
}


# Classes at most: there are two bools.
@pytest.mark.parametrize(
    "kind, n_classes, early_stopping", covering(LABELS, [2, 3], [False, True])
)
def test_label_types(kind, n_classes, early_stopping):
    names = LABELS[kind]
    n_classes = min(n_classes, len(names))
    rows = y_iris < n_classes
    X, codes = X_iris[rows], y_iris[rows]
    y = np.asarray(names)[codes]
    classes = np.unique(y)
    est = MLPClassifier(
        max_iter=60,
        learning_rate_init=0.05,
        random_state=0,
        early_stopping=early_stopping,
        n_iter_no_change=50,
    )
    est.fit(X, y.tolist() if isinstance(names, list) else y)
    assert_array_equal(est.classes_, classes)
    predicted = est.predict(X)
    assert predicted.dtype == est.classes_.dtype
    # scikit-learn's MLP turns an object array of str into one of dtype str; its
    # linear models don't. Either is fine.
    if classes.dtype != object:
        assert est.classes_.dtype == classes.dtype
    assert est.score(X, y) > 0.9
    # The columns of predict_proba are the classes.
    assert_array_equal(predicted, est.classes_[est.predict_proba(X).argmax(axis=1)])

    # Only the names differ: the net is that of the same problem with codes.
    as_codes = clone(est).fit(X, codes)
    assert_array_equal(est.coefs_[0], as_codes.coefs_[0])


def test_pandas_labels():
    pd = pytest.importorskip("pandas")
    species = np.array(["setosa", "versicolor", "virginica"])[y_iris]
    for y in [
        pd.Series(species),
        pd.Series(species, dtype="category"),
        pd.Series(species, index=np.arange(150)[::-1]),
    ]:
        est = MLPClassifier(max_iter=100, learning_rate_init=0.02, random_state=0)
        est.fit(X_iris, y)
        assert_array_equal(est.classes_, np.unique(species))
        assert est.score(X_iris, y) > 0.9


# ------------------------------------------------------------ sample weights

# Zero weight equals removal: the observable effect of a weight that arrived.
WEIGHT = (np.arange(y_cancer.size) % 3 > 0).astype(float)
KEPT = WEIGHT > 0


def test_sample_weight_through_pipeline():
    Xs = StandardScaler().fit_transform(X_cancer)
    pipe = Pipeline([("mlp", MLPClassifier(alpha=1.0, tol=1e-8, **LINEAR))])
    weighted = pipe.fit(Xs, y_cancer, mlp__sample_weight=WEIGHT).predict_proba(Xs)
    removed = clone(pipe).fit(Xs[KEPT], y_cancer[KEPT]).predict_proba(Xs)
    plain = clone(pipe).fit(Xs, y_cancer).predict_proba(Xs)
    assert_allclose(weighted, removed, atol=1e-4)
    assert np.abs(weighted - plain).max() > 1e-2


def test_sample_weight_routed_through_pipeline_and_search():
    Xs = StandardScaler().fit_transform(X_cancer)
    with sklearn.config_context(enable_metadata_routing=True):
        mlp = MLPClassifier(tol=1e-8, **LINEAR)
        mlp.set_fit_request(sample_weight=True)
        scorer = get_scorer("neg_log_loss").set_score_request(sample_weight=True)
        search = GridSearchCV(
            Pipeline([("mlp", mlp)]),
            {"mlp__alpha": [0.1, 1.0]},
            scoring=scorer,
            cv=3,
            error_score="raise",
        ).fit(Xs, y_cancer, sample_weight=WEIGHT)
    best = search.best_params_["mlp__alpha"]
    removed = MLPClassifier(alpha=best, tol=1e-8, **LINEAR)
    removed.fit(Xs[KEPT], y_cancer[KEPT])
    assert_allclose(search.predict_proba(Xs), removed.predict_proba(Xs), atol=1e-4)


@both
def test_sample_weight_is_a_repetition(Estimator):
    X, y = X_iris[::3], y_iris[::3]
    repeats = np.arange(len(y)) % 3
    est = Estimator(
        hidden_layer_sizes=3, activation="tanh", solver="lbfgs", max_iter=15, alpha=1.0
    ).set_params(random_state=0)
    weighted = predictions(clone(est).fit(X, y, sample_weight=repeats), X)
    repeated = clone(est).fit(np.repeat(X, repeats, axis=0), np.repeat(y, repeats))
    assert_allclose(weighted, predictions(repeated, X), rtol=1e-5)
