"""The table estimators: a table in, a tuned average of networks out."""

import warnings

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from searches import Recorder
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris, make_friedman1
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.metrics import d2_pinball_score, log_loss, mean_pinball_loss, r2_score
from sklearn.model_selection import KFold, train_test_split
from tables import QUICK, mixed

from skl2.model_selection import MLPClassifierCV, MLPRegressorCV
from skl2.model_selection._table_plan import make_plan

pytestmark = pytest.mark.usefixtures("open_ends")


# All that is chosen by default, with fewer networks and folds.
FAST: dict = {"n_estimators": 2, "cv": 2, "max_time": 1e6, "random_state": 0}


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_a_table_as_it_is(kind):
    X, y = mixed()
    if kind == "polars":
        pl = pytest.importorskip("polars")
        X = pl.DataFrame(X.assign(town=X["town"].astype(str)).to_dict("list"))
    clf = MLPClassifierCV(**QUICK | {"hidden_layer_sizes": (20,)}).fit(X, y)
    assert clf.score(X, y) > 0.9
    assert list(clf.classes_) == ["no", "yes"]
    # Two numbers, one with an indicator of what is missing, then 3, 2 and 2 categories.
    names = list(clf.pipeline_[0].get_feature_names_out())
    ramps = [name for name in names if "_bin" in name]
    assert len(names) - len(ramps) == 2 + 1 + 3 + 2 + 2
    if kind == "polars" and not hasattr(clf, "feature_names_in_"):
        # scikit-learn 1.6 takes no names from polars.
        return
    assert list(clf.feature_names_in_) == ["age", "income", "town", "job", "owner"]
    assert sum("town" in name for name in names) == 3
    assert sum("owner" in name for name in names) == 2
    assert sum("income" in name and "missing" in name for name in names) == 1


def test_raw_targets_of_diabetes():
    X, y = load_diabetes(return_X_y=True)
    scores = []
    for seed in range(2):
        parts = train_test_split(X, y, random_state=seed)
        models = MLPRegressorCV(hidden_layer_sizes=(20,), **FAST), RidgeCV()
        scores.append([m.fit(*parts[::2]).score(*parts[1::2]) for m in models])
    # A linear model is near the best there is.
    ours, linear = np.mean(scores, axis=0)
    assert ours > linear - 0.03


def test_iris_is_better_than_by_chance():
    X, y = load_iris(return_X_y=True)
    parts = train_test_split(X, y, random_state=0, stratify=y)
    clf = MLPClassifierCV(**FAST).fit(parts[0], parts[2])
    assert log_loss(parts[3], clf.predict_proba(parts[1])) < 0.2


@pytest.mark.parametrize("n_columns", [20, 150])
def test_sparse_x_equals_dense_x_of_the_same_encoder(n_columns):
    rng = np.random.RandomState(0)
    X = rng.rand(90, n_columns) * (rng.rand(90, n_columns) < 0.2)
    y = X[:, 0] - X[:, 1]
    reg = MLPRegressorCV(**QUICK).fit(csr_matrix(X), y)
    assert reg.predict(csr_matrix(X)).shape == (90,)
    assert reg.score(csr_matrix(X), y) > 0.3
    with pytest.raises(ValueError, match="sparse X cannot have categorical_features"):
        MLPRegressorCV(**QUICK, categorical_features=[0]).fit(csr_matrix(X), y)


def test_more_columns_than_rows_get_a_linear_model():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((40, 100))
    reg = MLPRegressorCV(n_estimators=2, alphas=[1.0, 100.0], random_state=0)
    reg.fit(X, X[:, 0])
    assert [c.shape for c in reg.pipeline_[-1].coefs_] == [(100, 1)]


def test_same_seed_same_model_whatever_n_jobs():
    X, y = mixed()
    predictions = [
        MLPClassifierCV(**QUICK, n_jobs=n_jobs).fit(X, y).predict_proba(X)
        for n_jobs in (None, 1, 2)
    ]
    assert (predictions[0] == predictions[1]).all()
    assert (predictions[0] == predictions[2]).all()


def test_a_failed_fit_changes_nothing():
    X, y = mixed()
    clf = MLPClassifierCV(**QUICK).fit(X, y)
    before = clf.predict_proba(X)
    clf.set_params(n_estimators=0)
    with pytest.raises(ValueError, match="n_estimators"):
        clf.fit(X.head(50), y[:50])
    clf.set_params(n_estimators=2)
    with pytest.raises(ValueError):
        clf.fit(X[["age"]], y[:-1])
    assert (clf.predict_proba(X) == before).all()
    with pytest.raises(NotFittedError):
        clone(clf).predict(X)


@pytest.mark.parametrize(
    "params",
    [
        {"n_estimators": 0},
        {"n_estimators": 2.5},
        {"n_bins": -1},
        {"n_bins": "some"},
        {"max_time": 0},
        {"verbose": -1},
        {"random_state": "one"},
        {"hidden_layer_sizes": (0,)},
        {"hidden_layer_sizes": "large"},
        {"alphas": [-1.0]},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", [MLPClassifierCV, MLPRegressorCV])
def test_wrong_parameters_are_named(kind, params):
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=next(iter(params))):
        kind(**QUICK | params).fit(X, y)


@pytest.mark.parametrize("missing", [np.nan, None, "NA"])
def test_missing_labels_are_an_error_about_y(missing):
    pd = pytest.importorskip("pandas")
    X, y = mixed()
    labels = y.astype(object)
    labels[3] = pd.NA if missing == "NA" else missing
    kinds = [pd.Series] if missing == "NA" else [np.asarray, list, pd.Series]
    for kind in kinds:
        with pytest.raises(ValueError, match="y contains None or NaN: leave out"):
            MLPClassifierCV(**QUICK).fit(X, kind(labels))
    codes = np.where(y == "yes", 1.0, 0.0)
    codes[3] = np.nan
    for kind in (MLPClassifierCV, MLPRegressorCV):
        with pytest.raises(ValueError, match="y contains NaN"):
            kind(**QUICK).fit(X, codes)


def test_weights_leave_rows_out_of_the_loss():
    X, y = make_friedman1(200, random_state=0)
    weight = np.where(np.arange(200) < 150, 1.0, 0.0)
    wrong = np.where(weight > 0, y, 1000.0)
    reg = MLPRegressorCV(**QUICK).fit(X, wrong, sample_weight=weight)
    assert r2_score(y[150:], reg.predict(X[150:])) > 0.3


def test_multilabel():
    X, y = load_iris(return_X_y=True)
    labels = np.column_stack([y == 0, y > 0]).astype(int)
    clf = MLPClassifierCV(**QUICK).fit(X, labels)
    assert clf.predict(X).shape == labels.shape
    assert clf.score(X, labels) > 0.9


def test_given_splits_and_scorers():
    X, y = load_iris(return_X_y=True)
    cv = KFold(2, shuffle=True, random_state=0)
    clf = MLPClassifierCV(**QUICK | {"cv": cv, "scoring": "accuracy"}).fit(X, y)
    assert clf.search_.n_splits_ == 2
    assert 0.5 < clf.best_score_ <= 1.0


def test_beats_a_linear_model_where_there_is_a_threshold():
    rng = np.random.RandomState(0)
    X = rng.rand(400, 2)
    y = np.sin(8 * X[:, 0]) + (X[:, 1] > 0.5)
    parts = train_test_split(X, y, random_state=0)
    reg = MLPRegressorCV(**FAST).fit(parts[0], parts[2])
    linear = LinearRegression().fit(parts[0], parts[2])
    assert reg.score(parts[1], parts[3]) > 0.9 > linear.score(parts[1], parts[3]) + 0.2


def test_no_convergence_warning():
    X, y = mixed()
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        MLPClassifierCV(**QUICK).fit(X, y)


def test_quantiles_are_chosen_by_their_loss_and_have_the_unit_of_y():
    X, y = make_friedman1(200, random_state=0)
    quantiles = [0.1, 0.5, 0.9]
    params = QUICK | {"loss": "quantile", "quantile": quantiles}
    reg = MLPRegressorCV(**params).fit(X, 1000.0 * y + 1e6)
    predicted = reg.predict(X)
    assert predicted.shape == (200, 3)
    assert (np.diff(predicted, axis=1) >= 0).all()
    for q, column in zip(quantiles, predicted.T, strict=True):
        assert abs(np.mean(1000.0 * y + 1e6 <= column) - q) < 0.1
    # The same in another unit: y is standardized inside.
    plain = MLPRegressorCV(**params).fit(X, y)
    np.testing.assert_allclose(plain.predict(X), (predicted - 1e6) / 1e3, atol=1e-3)
    np.testing.assert_allclose(1e3 * plain.best_score_, reg.best_score_, rtol=1e-4)
    predicted = plain.predict(X)
    scores = [
        d2_pinball_score(y, column, alpha=q)
        for q, column in zip(quantiles, predicted.T, strict=True)
    ]
    np.testing.assert_allclose(plain.score(X, y), np.mean(scores))
    own = np.mean(
        [
            mean_pinball_loss(y, column, alpha=q)
            for q, column in zip(quantiles, predicted.T, strict=True)
        ]
    )
    np.testing.assert_allclose(plain.search_.scorer_(plain, X, y), -own)


def test_one_quantile_of_a_table():
    X, y = make_friedman1(150, random_state=0)
    reg = MLPRegressorCV("quantile", quantile=0.8, **QUICK).fit(X, y)
    assert reg.predict(X).shape == (150,)
    assert reg.score(X, y) == d2_pinball_score(y, reg.predict(X), alpha=0.8) > 0.3
    squared = MLPRegressorCV(**QUICK).fit(X, y)
    assert squared.score(X, y) == r2_score(y, squared.predict(X))


def test_it_trains_longer_where_rows_held_out_gain():
    rng = np.random.RandomState(0)
    X = rng.rand(300, 3)
    smooth = np.sin(6 * X[:, 0]) * X[:, 1] + X[:, 2]
    noise = rng.standard_normal(300)
    params = QUICK | {"hidden_layer_sizes": (20, 20)}
    del params["max_time"]
    for y, longer in [(smooth, True), (noise, False)]:
        reg = MLPRegressorCV(**params).fit(X, y)
        base = reg.search_.estimator.get_params()["regressor__network__max_iter"]
        assert reg.pipeline_[-1].max_iter == base * (4 if longer else 1)
        assert (reg.best_score_ > reg.search_.best_score_) == longer
        assert reg.pipeline_[-1].alpha == reg.alpha_
    hurried = MLPRegressorCV(**QUICK).fit(X, smooth)
    assert hurried.best_score_ == hurried.search_.best_score_


def test_all_folds_of_the_user_say_whether_to_train_longer():
    X, y = make_friedman1(60, random_state=0)
    params = QUICK | {"cv": KFold(3), "hidden_layer_sizes": (20,)}
    del params["max_time"]
    weight = np.arange(60) % 3 + 1.0
    reg = MLPRegressorCV(**params).fit(X, y, sample_weight=weight)
    # The longer training wins here, and its models are kept.
    assert reg.best_score_ > reg.search_.best_score_
    assert len(reg.held_out_) == reg.search_.n_splits_ == 3


@pytest.mark.parametrize("n_rows, n_folds", [(499, 5), (500, 3), (1500, 1)])
def test_folds_by_the_number_of_rows(n_rows, n_folds):
    rng = np.random.RandomState(0)
    X = rng.rand(n_rows, 2)
    params = QUICK | {"hidden_layer_sizes": (), "cv": None}
    reg = MLPRegressorCV(**params).fit(X, X[:, 0])
    assert reg.search_.n_splits_ == n_folds
    assert {len(held_out) for _, held_out in reg.search_.cv} <= {n_rows // 5, 100}


def searched(cv, **params):
    """A fit, and the candidates of its search, the best first."""
    rng = np.random.RandomState(0)
    X = rng.rand(60, 2)
    y = X[:, 0] + 0.1 * rng.standard_normal(60)
    reg = MLPRegressorCV(alphas=[0.1], n_estimators=1, cv=cv, random_state=0, **params)
    results = reg.fit(X, y).search_.cv_results_
    order = np.argsort(results["rank_test_score"], kind="stable")
    names = "columns__numeric__n_bins", "network__hidden_layer_sizes"
    found = [
        tuple(results["params"][i][f"regressor__{name}"] for name in names)
        for i in order
    ]
    return reg, found


@pytest.mark.parametrize("max_time", [pytest.param(None, marks=pytest.mark.long), 1e6])
def test_the_first_fold_says_which_candidates_are_searched(max_time):
    reg, found = searched(None, max_time=max_time)
    plan = make_plan(60, 2, 2)
    assert len(found) == plan.n_refine < len(plan.candidates)
    # Of one split there is no first fold to look at.
    _, alone = searched(reg.search_.cv[:1], max_time=max_time)
    assert set(alone) == set(plan.candidates)
    assert set(found) == set(alone[: plan.n_refine])


def test_a_first_fold_of_few_rows_says_nothing():
    folds = list(KFold(3).split(np.zeros(60)))
    tiny = [(train, test[:2]) for train, test in folds]
    plan = make_plan(60, 2, 2)
    for cv, n_candidates in [(folds, plan.n_refine), (tiny, len(plan.candidates))]:
        _, found = searched(cv, max_time=1e6)
        assert len(found) == n_candidates


def test_no_warning_of_linear_models_that_have_not_converged():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((150, 4))
    y = rng.poisson(np.exp(1 + X @ [0.5, -0.3, 0.2, 0]))
    params = {"hidden_layer_sizes": (), "n_bins": 4, "n_estimators": 1, "cv": 2}
    params |= {"random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        reg = MLPRegressorCV("poisson", **params).fit(X, y)
    assert reg.pipeline_[-1].solver == "lbfgs"


def test_verbose_and_callbacks_tell_of_the_search(capsys):
    pytest.importorskip("sklearn.callback")
    X, y = mixed()
    recorder = Recorder()
    clf = MLPClassifierCV(**QUICK, verbose=1).set_callbacks(recorder)
    clf.fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    n_candidates = len(clf.search_.cv_results_["params"])
    told = [
        int(line.split()[1]) for line in lines if line.startswith("[AlphaSearchCV]")
    ]
    assert sum(told) == n_candidates
    names = [event[1] for event in recorder.events if event[0] == "begin"]
    # A task for each candidate and split.
    assert len(names) >= n_candidates * clf.search_.n_splits_
    begun, ended = (
        sorted(event[1:] for event in recorder.events if event[0] == kind)
        for kind in ("begin", "end")
    )
    assert begun == ended
