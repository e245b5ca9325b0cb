"""MLPClassifierCV and MLPRegressorCV: λ chosen by cross-validation."""

import itertools
import os
import pickle
import signal
import threading
import time
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LassoCV, LogisticRegressionCV
from sklearn.metrics import get_scorer, log_loss, make_scorer, mean_squared_error
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.utils import get_tags

from skl2 import MLPClassifier, MLPRegressor
from skl2._engine.objective import Objective
from skl2._estimators.alpha_scale import alpha_grid
from skl2.inspection import optimality
from skl2.model_selection import MLPClassifierCV, MLPRegressorCV, _ladder, _warm_search

# Small networks and short fits need not converge.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.RandomState(0)
X, y = load_wine(return_X_y=True)
ROWS = rng.permutation(len(X))[:90]
X, y = scale(X[ROWS]), y[ROWS]
X_reg, y_reg = load_diabetes(return_X_y=True)
X_reg, y_reg = scale(X_reg[:90]), scale(y_reg[:90])
WEIGHT = rng.choice([0.0, 1.0, 2.0], 90)
LABELS = np.stack([y > 0, y == 1], axis=1).astype(int)
CV = KFold(3, shuffle=True, random_state=1)
FOLDS = list(CV.split(X))
ALPHAS = [0.01, 1.0, 100.0]

SMALL = {
    "hidden_layer_sizes": (4,),
    "solver": "lbfgs",
    "max_iter": 30,
    "random_state": 0,
}
SEARCH = {"alphas": ALPHAS, "cv": CV}
PENALTIES = ["l2", "l1", "elasticnet", "group_l1"]
SOLVERS = ["lbfgs", "sgd", "adam", "adamw"]


def classifier(**params):
    return MLPClassifierCV(**(SMALL | SEARCH | params))


def regressor(**params):
    return MLPRegressorCV(**(SMALL | SEARCH | params))


def plain(model, **params):
    """The estimator without CV, with the same parameters and the chosen λ."""
    kind = MLPClassifier if isinstance(model, MLPClassifier) else MLPRegressor
    names = kind().get_params()
    own = {k: v for k, v in model.get_params().items() if k in names}
    own |= {"alpha": model.alpha_, "l1_ratio": model.l1_ratio_}
    return kind(**(own | params))


def same_network(a, b):
    for ours, theirs in zip(
        a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True
    ):
        assert_array_equal(ours, theirs)


def messages(record, text):
    return [str(w.message) for w in record if text in str(w.message)]


# ------------------------------------------------------------------ the attributes


@pytest.mark.parametrize("search", ["ladder", "grid"])
@pytest.mark.parametrize("make", [classifier, regressor])
def test_attributes(make, search):
    given = np.array([100.0, 0.01, 1.0, 1e4, 0.01])
    data = (X, y) if make is classifier else (X_reg, y_reg)
    model = make(alphas=given, search=search).fit(*data)
    assert model.alphas_.tolist() == [0.01, 1.0, 100.0, 1e4]
    assert given.tolist() == [100.0, 0.01, 1.0, 1e4, 0.01]
    assert model.scores_.shape == (4, 3)
    visited = np.isfinite(model.scores_).all(axis=1)
    # A λ is visited on all folds or on none; a grid visits all.
    assert_array_equal(visited, np.isfinite(model.scores_).any(axis=1))
    assert visited.all() or search == "ladder"
    means = np.nanmean(model.scores_[visited], axis=1)
    assert model.best_score_ == means.max()
    assert model.alphas_[visited][means.argmax()] == model.alpha_
    assert model.alphas_[model.best_index_] == model.alpha_
    assert isinstance(model.alpha_, float)
    assert isinstance(model.best_index_, int)
    assert model.n_folds_ == 3
    assert_array_equal(model.path_.alphas, model.alphas_[visited])
    assert_array_equal(model.path_.scores, model.scores_[visited])
    assert model.path_.n_live_inputs.tolist() == [data[0].shape[1]] * visited.sum()
    assert model.n_features_in_ == data[0].shape[1]
    assert model.get_params()["alphas"] is given


def test_auto_leaves_the_far_ends_alone():
    model = classifier(alphas="auto").fit(X, y)
    assert model.alphas_.shape == (13,)
    assert model.scores_.shape == (13, 3)
    assert np.isnan(model.scores_).any()
    scale_of_x = MLPClassifier((4,), alpha="scale", solver="lbfgs").fit(X, y).alpha_[0]
    assert_allclose(model.alphas_, alpha_grid("auto", scale_of_x))
    assert np.isfinite(model.scores_[6]).all()


@pytest.mark.parametrize("search", ["ladder", "grid"])
def test_a_list_of_l1_ratios_is_an_axis_more(search):
    ratios = [0.1, 0.5, 0.9]
    options = {"penalty": "elasticnet", "search": search}
    model = classifier(l1_ratio=ratios, **options).fit(X, y)
    assert model.alphas_.shape == (3, 3)
    assert model.scores_.shape == (3, 3, 3)
    alone = [classifier(l1_ratio=r, **options).fit(X, y) for r in ratios]
    assert_array_equal(model.scores_, [a.scores_ for a in alone])
    best = int(np.argmax([a.best_score_ for a in alone]))
    assert model.l1_ratio_ == ratios[best]
    assert model.best_score_ == alone[best].best_score_
    assert model.alpha_ == alone[best].alpha_
    assert model.alphas_[best, model.best_index_] == model.alpha_
    same_network(model, alone[best])
    assert alone[0].scores_.shape == (3, 3)


def test_l1_ratios_need_an_elastic_net_to_matter():
    model = classifier(l1_ratio=[0.2, 0.8], penalty="l1").fit(X, y)
    assert model.scores_.shape == (3, 3)
    with pytest.raises(ValueError, match="empty list"):
        classifier(l1_ratio=[], penalty="elasticnet").fit(X, y)
    with pytest.raises(ValueError, match="l1_ratio"):
        classifier(l1_ratio=[0.5, 1.5], penalty="elasticnet").fit(X, y)


# ------------------------------------------------------------------ what is fitted


@pytest.mark.parametrize("search", ["ladder", "grid"])
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_model_is_a_cold_fit_at_the_chosen_alpha(solver, penalty, search):
    options = {"solver": solver, "penalty": penalty, "search": search, "max_iter": 8}
    for make, data in [(classifier, (X, y)), (regressor, (X_reg, y_reg))]:
        model = make(**options).fit(*data)
        same_network(model, plain(model).fit(*data))
        assert np.isfinite(model.best_score_)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("container", [np.asarray, sp.csr_matrix])
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_grid_scores_are_those_of_an_explicit_loop(
    solver, penalty, container, weighted
):
    """λ / m is kept: a fold of m_f rows is fitted with λ m_f / m."""
    options = {"solver": solver, "penalty": penalty, "max_iter": 6, "batch_size": 20}
    weight = WEIGHT if weighted else np.ones(90)
    model = classifier(search="grid", **options)
    model.fit(container(X), y, WEIGHT if weighted else None)
    for i, alpha in enumerate(ALPHAS):
        for k, (train, test) in enumerate(FOLDS):
            share = weight[train].sum() / weight.sum()
            fold = MLPClassifier(**(SMALL | options), alpha=alpha * share)
            fold.fit(container(X[train]), y[train], WEIGHT[train] if weighted else None)
            proba = fold.predict_proba(container(X[test]))
            score = -log_loss(y[test], proba, sample_weight=weight[test])
            assert_allclose(model.scores_[i, k], score, rtol=1e-9)


@pytest.mark.parametrize(
    "regularizer",
    [
        {"dropout": 0.2},
        {"batch_norm": True},
        {"max_norm": 1.0},
        {"early_stopping": True, "validation_fraction": 0.2},
        {"early_stopping": True, "scoring": "neg_log_loss", "n_iter_no_change": 1},
    ],
    ids=lambda regularizer: "-".join(regularizer),
)
def test_a_grid_knows_every_regularizer(regularizer):
    options = {"solver": "adam", "max_iter": 6} | regularizer
    model = classifier(search="grid", **options).fit(X, y)
    for i, alpha in enumerate(ALPHAS):
        for k, (train, test) in enumerate(FOLDS):
            share = len(train) / 90
            fold = MLPClassifier(**(SMALL | options), alpha=alpha * share)
            fold.fit(X[train], y[train])
            score = -log_loss(y[test], fold.predict_proba(X[test]))
            assert_allclose(model.scores_[i, k], score, rtol=1e-9)
    same_network(model, plain(model).fit(X, y))


@pytest.mark.parametrize(
    "regularizer", [{"dropout": 0.2}, {"batch_norm": True}, {"max_norm": 1.0}], ids=str
)
def test_the_ladder_says_which_regularizers_it_does_not_know(regularizer):
    (name,) = regularizer
    with pytest.raises(ValueError, match=f"{name}=.* needs search='grid'"):
        classifier(solver="adam", **regularizer).fit(X, y)


def test_the_ladder_finds_what_the_grid_finds():
    for make, data in [(classifier, (X, y)), (regressor, (X_reg, y_reg))]:
        options = {"alphas": "auto", "max_iter": 500}
        ladder = make(**options).fit(*data)
        grid = make(search="grid", **options).fit(*data)
        error = grid.path_.standard_errors[grid.best_index_]
        at = grid.scores_[ladder.best_index_].mean()
        assert at >= grid.best_score_ - error


def test_without_refit_nothing_is_fitted():
    model = classifier(refit=False).fit(X, y)
    assert model.alpha_ == classifier().fit(X, y).alpha_
    assert model.n_features_in_ == 13
    assert not hasattr(model, "coefs_")
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_the_fitted_model_can_be_inspected():
    model = classifier(hidden_layer_sizes=(), max_iter=2000, tol=1e-9, penalty="l1")
    model.fit(X, y)
    assert model.sparsity_.shape == (1,)
    assert model.feature_importances_.shape == (13,)
    assert optimality(plain(model).fit(X, y), X, y).max() < 1e-6


# ------------------------------------------------------------------ scores


def by_hand(model, scorer, weight=None):
    """Scores of a grid search by scikit-learn's scorer on refitted folds."""
    scorer = get_scorer(scorer) if isinstance(scorer, str) else scorer
    is_classifier = isinstance(model, MLPClassifier)
    data, target = (X, y) if is_classifier else (X_reg, y_reg)
    scores = []
    for alpha in model.alphas_:
        scores.append([])
        for train, test in FOLDS:
            fold = plain(model, alpha=alpha * len(train) / 90, scoring=None)
            fold.fit(data[train], target[train])
            scores[-1].append(scorer(fold, data[test], target[test]))
    return scores


def confidence(estimator, X, y):
    return float(estimator.predict_proba(X)[np.arange(len(y)), y].mean())


@pytest.mark.parametrize(
    "scoring",
    ["accuracy", "neg_log_loss", "roc_auc_ovr", "f1_macro", confidence],
    ids=lambda scoring: getattr(scoring, "__name__", scoring),
)
def test_scoring_of_a_classifier(scoring):
    model = classifier(scoring=scoring, search="grid").fit(X, y)
    assert_allclose(model.scores_, by_hand(model, scoring), rtol=1e-9)


@pytest.mark.parametrize("loss", ["squared_error", "huber", "absolute_error"])
@pytest.mark.parametrize(
    "scoring",
    [None, "neg_mean_squared_error", "r2", make_scorer(mean_squared_error)],
    ids=str,
)
def test_scoring_of_a_regressor(scoring, loss):
    model = regressor(loss=loss, scoring=scoring, search="grid").fit(X_reg, y_reg)
    expected = by_hand(model, scoring or "neg_mean_squared_error")
    assert_allclose(model.scores_, expected, rtol=1e-9)


def test_the_default_score_is_the_named_one():
    default, named = (
        classifier(scoring=scoring).fit(X, y) for scoring in (None, "neg_log_loss")
    )
    assert_allclose(default.scores_, named.scores_, rtol=1e-9)
    assert default.alpha_ == named.alpha_


def test_the_loss_of_a_classifier_is_its_default_score():
    default, named = (
        classifier(scoring=scoring).fit(X, y) for scoring in (None, "loss")
    )
    assert_array_equal(default.scores_, named.scores_)


@pytest.mark.parametrize(
    "loss, metric, factor",
    [
        ("squared_error", "neg_mean_squared_error", 0.5),
        ("absolute_error", "neg_mean_absolute_error", 1.0),
        ("poisson", "neg_mean_poisson_deviance", 0.5),
    ],
)
def test_the_loss_of_a_regressor_as_a_score(loss, metric, factor):
    target = np.exp(y_reg)
    ours, named = (
        regressor(loss=loss, scoring=scoring).fit(X_reg, target)
        for scoring in ("loss", metric)
    )
    assert_allclose(ours.scores_, factor * named.scores_, rtol=1e-9)


def test_binary_roc_auc():
    model = classifier(scoring="roc_auc").fit(X, y > 0)
    assert 0.9 < model.best_score_ <= 1.0


@pytest.mark.parametrize("outputs", [1, 2])
def test_the_default_score_of_several_outputs_is_their_mean(outputs):
    Y = np.stack([y_reg, X_reg[:, 0] * y_reg], axis=1)[:, :outputs]
    target = Y.ravel() if outputs == 1 else Y
    ours = regressor(search="grid").fit(X_reg, target)
    named = regressor(search="grid", scoring="neg_mean_squared_error")
    assert_allclose(ours.scores_, named.fit(X_reg, target).scores_, rtol=1e-9)


def test_the_scorer_sees_the_rows_as_they_were_given():
    seen = []

    def scorer(estimator, X, y):
        seen.append((type(X), list(getattr(X, "columns", [])), set(y)))
        return estimator.score(X, y)

    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(13)])
    names = np.array(["red", "white", "blue"])[y]
    with warnings.catch_warnings(action="error"):
        model = classifier(scoring=scorer, solver="sgd", max_iter=1)
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(frame, pd.Series(names))
        assert seen[0][0] is pd.DataFrame
        assert seen[0][1] == list(frame.columns)
        assert seen[0][2] <= {"red", "white", "blue"}
        assert model.feature_names_in_.tolist() == list(frame.columns)
        polars = pytest.importorskip("polars")
        model.fit(polars.DataFrame(X, schema=list(frame.columns)), names)
        assert seen[-1][0] is np.ndarray


# ------------------------------------------------------------------ the 1-SE rule


@pytest.mark.parametrize("search", ["ladder", "grid"])
@pytest.mark.parametrize("seed", range(4))
def test_1se_is_the_largest_alpha_within_one_standard_error(seed, search):
    rows = np.random.RandomState(seed).permutation(len(X_reg))[:60]
    options = {"alphas": "auto", "cv": 5, "search": search, "max_iter": 100}
    data = X_reg[rows], y_reg[rows]
    model = regressor(selection="1se", **options).fit(*data)
    means = model.scores_.mean(axis=1)
    best = np.nanargmax(means)
    error = model.scores_[best].std(ddof=1) / np.sqrt(5)
    inside = np.flatnonzero(means >= means[best] - error)
    assert model.best_index_ == inside[-1]
    assert model.alpha_ == model.alphas_[inside[-1]]
    assert model.best_score_ == means[inside[-1]]
    # It has been far enough up to know: the next λ is outside, or there is none.
    if inside[-1] + 1 < len(means):
        assert means[inside[-1] + 1] < means[best] - error
    assert model.alpha_ >= regressor(**options).fit(*data).alpha_
    assert model.path_.index("1se") + np.isnan(means[:best]).sum() == inside[-1]


def test_1se_of_a_single_holdout_is_the_best():
    single = ShuffleSplit(1, test_size=0.3, random_state=0)
    ours, other = (
        classifier(cv=single, selection=s).fit(X, y) for s in ("1se", "best")
    )
    assert ours.alpha_ == other.alpha_
    assert ours.n_folds_ == 1


# ------------------------------------------------------------------ kinds of data


def test_multilabel_targets():
    model = classifier().fit(X, LABELS)
    assert model.predict(X).shape == (90, 2)
    assert model.score(X, LABELS) > 0.9
    assert model.n_outputs_ == 2
    sparse = classifier().fit(X, sp.csr_matrix(LABELS))
    assert_array_equal(sparse.scores_, model.scores_)
    by_name = classifier(scoring="accuracy").fit(X, sp.csr_matrix(LABELS))
    assert by_name.best_score_ > 0.5


def test_class_weight_weighs_training_and_scores():
    weight = np.where(y == 0, 3.0, 1.0)
    by_class = classifier(class_weight={0: 3.0}).fit(X, y)
    assert_array_equal(by_class.scores_, classifier().fit(X, y, weight).scores_)
    same_network(by_class, plain(by_class).fit(X, y))


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("container", [np.asarray, sp.csr_matrix])
def test_float32_stays_float32(container, penalty):
    model = classifier(penalty=penalty).fit(container(X.astype(np.float32)), y)
    double = classifier(penalty=penalty).fit(X, y)
    assert {c.dtype for c in model.coefs_} == {np.dtype(np.float32)}
    visited = np.isfinite(model.scores_) & np.isfinite(double.scores_)
    assert visited.any()
    assert_allclose(
        np.nanmax(model.scores_.mean(axis=1)),
        np.nanmax(double.scores_.mean(axis=1)),
        atol=0.05,
    )


@pytest.fixture
def few_steps(monkeypatch):
    """A few steps at each λ of the ladder: later ones amplify what rounding made."""
    for name in ("FIRST", "STEP", "FIRST_L1", "STEP_L1"):
        monkeypatch.setattr(_ladder, name, 6)


@pytest.mark.parametrize("search", ["ladder", "grid"])
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("make", [classifier, regressor])
def test_weights_are_repetition(make, penalty, search, few_steps):
    """On folds that hold the copies of a row together."""
    data, target = (X, y) if make is classifier else (X_reg, y_reg)
    rows = np.repeat(np.arange(90), WEIGHT.astype(int))
    cv = [
        tuple(np.flatnonzero(np.isin(rows, part)) for part in split) for split in FOLDS
    ]
    options = {"penalty": penalty, "search": search, "max_iter": 6}
    weighted = make(**options).fit(data, target, WEIGHT)
    repeated = make(**options, cv=cv).fit(data[rows], target[rows])
    assert_allclose(weighted.scores_, repeated.scores_, rtol=1e-8)
    assert weighted.alpha_ == repeated.alpha_


@pytest.mark.parametrize("search", ["ladder", "grid"])
@pytest.mark.parametrize("penalty", PENALTIES)
def test_sparse_data_give_the_same(penalty, search, few_steps):
    dense, sparse = (
        classifier(penalty=penalty, search=search, max_iter=6).fit(container(X), y)
        for container in (np.asarray, sp.csr_matrix)
    )
    assert_allclose(sparse.scores_, dense.scores_, rtol=1e-8)
    assert sparse.alpha_ == dense.alpha_


KINDS = {
    "CSR": (sp.csr_matrix(X), y, None),
    "float32": (X.astype(np.float32), y, None),
    "CSR-float32-weights": (sp.csr_matrix(X.astype(np.float32)), y, WEIGHT),
    "multilabel-weights": (X, LABELS, WEIGHT),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_ladder_works_for_all_data_and_fits_as_without(
    solver, penalty, kind, few_steps
):
    """The λ it walks to is the solver's to fit, on the very data given."""
    data = KINDS[kind]
    model = classifier(solver=solver, penalty=penalty, max_iter=3, batch_size=20)
    model.fit(*data)
    same_network(model, plain(model).fit(*data))
    # All solvers share the walk.
    walked = classifier(penalty=penalty, max_iter=3).fit(*data)
    assert_array_equal(model.scores_, walked.scores_)
    assert np.isfinite(model.best_score_)
    assert model.coefs_[0].dtype == data[0].dtype


def test_data_are_not_altered():
    data, target, weight = X.copy(), y.copy(), WEIGHT.copy()
    for array in (data, target, weight):
        array.flags.writeable = False
    for search in ("ladder", "grid"):
        classifier(search=search).fit(data, target, weight)
    assert_array_equal(data, X)


# ------------------------------------------------------------------ folds


@pytest.mark.parametrize("search", ["ladder", "grid"])
@pytest.mark.parametrize(
    ("cv", "n_folds"),
    [
        (2, 2),
        (StratifiedKFold(4), 4),
        (ShuffleSplit(3, random_state=0), 3),
        (PredefinedSplit(np.arange(90) % 3), 3),
        (FOLDS, 3),
        ([(np.arange(60), np.arange(60, 90))], 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_cv(cv, n_folds, search):
    model = classifier(cv=cv, search=search).fit(X, y)
    assert model.n_folds_ == n_folds
    assert model.scores_.shape == (3, n_folds)


@pytest.mark.parametrize("search", ["ladder", "grid"])
def test_boolean_masks_and_lists_are_splits_too(search):
    masks = [tuple(np.isin(np.arange(90), part) for part in split) for split in FOLDS]
    lists = [tuple(part.tolist() for part in split) for split in FOLDS]
    expected, by_list, by_mask = (
        classifier(search=search, cv=cv).fit(X, y).scores_
        for cv in (FOLDS, lists, masks)
    )
    assert_array_equal(by_list, expected)
    assert_array_equal(by_mask, expected)


@pytest.mark.parametrize("part", ["training", "held-out"])
def test_a_fold_without_weight_is_named(part):
    weight = np.ones(90)
    weight[FOLDS[1][0 if part == "training" else 1]] = 0.0
    # Fold 0 has rows with a weight on both sides in either case.
    every = np.arange(90)
    with warnings.catch_warnings(action="error"):
        with pytest.raises(ValueError, match=f"No {part} row of fold 1 has a weight"):
            classifier(cv=[(every, every), FOLDS[1]]).fit(X, y, weight)


def test_the_default_is_five_folds_stratified():
    default, explicit = (
        classifier(cv=cv).fit(X, y) for cv in (None, StratifiedKFold(5))
    )
    assert_array_equal(default.scores_, explicit.scores_)
    default, explicit = (regressor(cv=cv).fit(X_reg, y_reg) for cv in (None, KFold(5)))
    assert_array_equal(default.scores_, explicit.scores_)


def test_a_generator_of_splits_serves_all_l1_ratios():
    options = {"penalty": "elasticnet", "l1_ratio": [0.2, 0.8]}
    once = classifier(cv=(split for split in FOLDS), **options).fit(X, y)
    assert_array_equal(once.scores_, classifier(cv=FOLDS, **options).fit(X, y).scores_)


def test_all_l1_ratios_see_the_same_folds():
    """Also where the splitter has no seed."""
    options = {"penalty": "elasticnet", "l1_ratio": [0.5, 0.5]}
    model = classifier(cv=ShuffleSplit(2), random_state=None, **options).fit(X, y)
    assert_array_equal(model.scores_[0], model.scores_[1])


@pytest.mark.parametrize("search", ["ladder", "grid"])
def test_a_fold_that_lacks_a_class(search):
    """The class is known; its rows score badly, and that is all."""
    order = np.argsort(y, kind="stable")
    model = classifier(cv=KFold(3), search=search).fit(X[order], y[order])
    assert np.isfinite(model.best_score_)
    assert model.predict_proba(X).shape == (90, 3)
    labels = classifier(cv=KFold(3), search=search, scoring="accuracy")
    assert np.isfinite(labels.fit(X[order], y[order]).best_score_)


def test_one_holdout_replaces_the_folds_of_large_data(monkeypatch):
    monkeypatch.setattr(_warm_search, "HOLDOUT_ROWS", 90)
    for make, data in [
        (classifier, (X, y)),
        (classifier, (X, LABELS)),
        (regressor, (X_reg, y_reg)),
    ]:
        assert make(cv=None).fit(*data).n_folds_ == 1
        assert make(cv=None, search="grid").fit(*data).n_folds_ == 5
        assert make(cv=5).fit(*data).n_folds_ == 5
        assert make(cv=None).fit(data[0][:89], data[1][:89]).n_folds_ == 5


# ------------------------------------------------------------------ parallel


@pytest.mark.parametrize("penalty", ["l2", "l1"])
@pytest.mark.parametrize("search", ["ladder", "grid"])
def test_n_jobs_changes_nothing(search, penalty, monkeypatch):
    # However small the pieces are, they are given out.
    monkeypatch.setattr("skl2._engine.threads.THREADED_PASS", 0)
    options = {"search": search, "penalty": penalty, "max_iter": 8}
    threads, calls = set(), itertools.count()
    # The first two pieces are at work together, or wait for one another in vain; else
    # the first worker may be through with all before the second has woken up.
    together = threading.Barrier(2, timeout=60)

    def noted(task):
        def wrapper(*args):
            if next(calls) < 2:
                together.wait()
            threads.add(threading.get_ident())
            return task(*args)

        return wrapper

    one = classifier(**options).fit(X, y)
    for name in ("minimize_stack", "train_stack"):
        monkeypatch.setattr(
            f"skl2.model_selection._ladder.{name}",
            noted(getattr(_ladder, name)),
            raising=True,
        )
    two = classifier(n_jobs=2, **options).fit(X, y)
    assert_array_equal(one.scores_, two.scores_)
    same_network(one, two)
    # More than one thread has been at work: n_jobs is not for show.
    assert len(threads) == 2


@pytest.mark.parametrize("search", ["ladder", "grid"])
def test_processes_give_the_same(search, monkeypatch):
    monkeypatch.setattr("skl2._engine.threads.THREADED_PASS", 0)
    here = classifier(search=search).fit(X, y)
    with joblib.parallel_config(backend="loky", n_jobs=2):
        there = classifier(search=search).fit(X, y)
    assert_array_equal(here.scores_, there.scores_)
    same_network(here, there)


@pytest.mark.parametrize("seed", [0, np.random.RandomState(3), None], ids=str)
def test_seeds(seed):
    """None: any weights, but the same for all folds and λs; a stream is not used up"""
    for search in ("ladder", "grid"):
        state = (
            None if not isinstance(seed, np.random.RandomState) else seed.get_state()
        )
        twins = [(np.arange(60), np.arange(60, 90))] * 2
        model = classifier(random_state=seed, search=search, cv=twins).fit(X, y)
        assert_array_equal(model.scores_[:, 0], model.scores_[:, 1])
        if state is not None:
            assert_array_equal(seed.get_state()[1], state[1])


# ------------------------------------------------------------------ scikit-learn


@pytest.mark.parametrize("make", [classifier, regressor])
def test_parameters_are_those_of_the_perceptron_and_of_the_search(make):
    model = make()
    own = set(model.get_params())
    kind = MLPClassifier if make is classifier else MLPRegressor
    search = {"alphas", "cv", "scoring", "selection", "search", "n_jobs", "refit"}
    assert own == set(kind().get_params()) - {"alpha"} | search
    for name, value in kind().get_params().items():
        if name not in search | {"alpha"}:
            assert type(model)().get_params()[name] == value
    assert repr(type(model)(alphas=7)) == f"{type(model).__name__}(alphas=7)"
    with pytest.raises(TypeError, match="alpha"):
        type(model)(alpha=1.0)
    with pytest.raises(TypeError):
        # Positional: the hidden layers and the activation, as everywhere.
        type(model)((3,), "tanh", 5, 5, 5)


def test_a_subclass_may_have_an_init_of_its_own():
    class Tiny(MLPClassifierCV):
        def __init__(self, width=2):
            super().__init__(
                hidden_layer_sizes=(width,),
                **{
                    k: v
                    for k, v in (SMALL | SEARCH).items()
                    if k != "hidden_layer_sizes"
                },
            )
            self.width = width

    assert Tiny(3).width == 3
    assert Tiny(3).fit(X, y).coefs_[0].shape == (13, 3)


def test_fitting_twice_is_fitting_once():
    model = classifier()
    first = model.fit(X, y).scores_
    again = model.fit(X, y)
    assert_array_equal(again.scores_, first)
    same_network(again, classifier().fit(X, y))


def test_there_is_no_partial_fit():
    assert not hasattr(classifier(solver="adam"), "partial_fit")
    with pytest.raises(AttributeError, match="partial_fit"):
        classifier(solver="adam").partial_fit(X, y)


@pytest.mark.parametrize("make", [classifier, regressor])
def test_clone_and_pickle(make):
    data = (X, y) if make is classifier else (X_reg, y_reg)
    # (A splitter equals no other one, its copy included.)
    model = make(l1_ratio=[0.1, 0.2], cv=3)
    twin = clone(model)
    assert twin.get_params() == model.get_params()
    model.fit(*data)
    assert not hasattr(clone(model), "alpha_")
    loaded = pickle.loads(pickle.dumps(model))
    assert_array_equal(loaded.predict(data[0]), model.predict(data[0]))
    assert loaded.alpha_ == model.alpha_
    assert_array_equal(loaded.path_.scores, model.path_.scores)
    assert get_tags(model).input_tags.sparse


@pytest.mark.parametrize("make", [classifier, regressor])
def test_nothing_of_the_data_is_kept(make):
    data = (X, y) if make is classifier else (X_reg, y_reg)
    small, large = (
        len(pickle.dumps(make().fit(np.repeat(data[0], n, 0), np.repeat(data[1], n))))
        for n in (1, 20)
    )
    # 1,710 rows more, and not a number for each of them.
    assert abs(large - small) < 5_000


def test_in_a_pipeline_and_a_search():
    pipe = make_pipeline(StandardScaler(), classifier())
    assert cross_val_score(pipe, 100.0 * X, y, cv=2).min() > 0.85
    grid = {"mlpclassifiercv__hidden_layer_sizes": [(2,), (4,)]}
    search = GridSearchCV(pipe, grid, cv=2).fit(X, y)
    assert search.best_score_ > 0.85


@pytest.mark.parametrize("penalty", ["l1", "group_l1"])
def test_select_from_model(penalty):
    cancer, target = load_breast_cancer(return_X_y=True)
    noise = np.random.RandomState(0).standard_normal((150, 10))
    data = np.hstack([scale(cancer[:150]), noise])
    model = classifier(penalty=penalty, selection="1se", max_iter=100, alphas="auto")
    selector = SelectFromModel(model).fit(data, target[:150])
    kept = selector.get_support()
    live = (selector.estimator_.coefs_[0] != 0).any(axis=1)
    assert 0 < kept.sum() < 40
    if penalty == "l1":
        # scikit-learn's rule for an L1 penalty: whatever is not zero.
        assert_array_equal(kept, selector.estimator_.feature_importances_ >= 1e-5)
    else:
        assert (live >= kept).all()
    # Of the real columns a larger share is kept than of noise.
    assert kept[:30].mean() > kept[30:].mean()


# ------------------------------------------------------------------ peers


def test_without_hidden_layers_it_is_logistic_regression_cv():
    alphas = np.array([0.1, 1.0, 10.0])
    target = y > 0
    ours = classifier(
        hidden_layer_sizes=(), alphas=alphas, tol=1e-7, max_iter=3000
    ).fit(X, target)
    # There C is the same for a fold and for all rows; here λ / m is.
    theirs = LogisticRegressionCV(
        Cs=1.0 / (alphas * 2 / 3), cv=CV, scoring="neg_log_loss", tol=1e-8
    )
    if theirs.penalty != "l2":  # scikit-learn 1.8 and newer
        theirs.set_params(l1_ratios=(0,), use_legacy_attributes=True)
    theirs.fit(X, target)
    scores = theirs.scores_[True].reshape(3, 3).T
    visited = np.isfinite(ours.scores_).all(axis=1)
    assert visited.sum() >= 2
    assert_allclose(ours.scores_[visited], scores[visited], rtol=2e-2, atol=2e-4)
    assert ours.best_index_ == scores.mean(axis=1).argmax()


def test_without_hidden_layers_it_is_lasso_cv():
    alphas = np.array([1.0, 5.0, 20.0, 60.0])
    options = {"hidden_layer_sizes": (), "penalty": "l1", "search": "grid"}
    ours = regressor(**options, alphas=alphas, tol=1e-10, max_iter=3000)
    ours.fit(X_reg, y_reg)
    # Collinear columns: coordinate descent needs more than its 1,000 default passes.
    lasso = LassoCV(alphas=alphas / (2 * 90), cv=CV, tol=1e-12, max_iter=100_000)
    lasso.fit(X_reg, y_reg)
    # Its λs descend. L-BFGS leaves 3e-8 at this tol (1e-9 at 1e-12).
    assert_allclose(-ours.scores_, lasso.mse_path_[::-1], rtol=1e-7)
    assert_allclose(ours.alpha_, lasso.alpha_ * 180)
    assert_allclose(ours.coefs_[0][:, 0], lasso.coef_, atol=1e-7)
    assert_array_equal(ours.coefs_[0][:, 0] == 0, lasso.coef_ == 0)


# ------------------------------------------------------------------ bad input


@pytest.mark.parametrize("search", ["ladder", "grid"])
@pytest.mark.parametrize(
    "alphas",
    [[], 0, -1, True, "all", None, [1.0, np.nan], [np.inf], [[1.0, 2.0]], [1.0, -2.0]],
    ids=repr,
)
def test_bad_alphas(alphas, search):
    model = classifier(alphas=alphas, search=search)
    with pytest.raises(ValueError, match="alphas must be"):
        model.fit(X, y)
    assert not hasattr(model, "alpha_")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"penalty": None}, "penalty=None leaves no alpha to choose"),
        ({"warm_start": True}, "does not support warm_start=True"),
        ({"selection": "worst"}, "'selection' parameter of MLPClassifierCV"),
        ({"search": "random"}, "'search' parameter of MLPClassifierCV"),
        ({"refit": "yes"}, "'refit' parameter of MLPClassifierCV"),
        ({"scoring": "no such score"}, "'scoring' parameter"),
        ({"cv": []}, "cv gives no split"),
        ({"cv": 1}, "k-fold"),
        ({"hidden_layer_sizes": (0,)}, "hidden_layer_sizes"),
        ({"solver": "newton"}, "'solver' parameter"),
        ({"penalty": "l3"}, "'penalty' parameter"),
    ],
    ids=lambda value: str(value),
)
def test_bad_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        classifier(**params).fit(X, y)


def test_a_failed_fit_leaves_the_estimator_as_it_was():
    model = classifier().fit(X, y)
    before, state = model.alpha_, sorted(vars(model))
    model.set_params(scoring=lambda *args: np.nan)
    with (
        pytest.raises(ValueError, match="All scores are NaN"),
        warnings.catch_warnings(action="ignore"),
    ):
        model.fit(X, y)
    assert sorted(vars(model)) == state
    assert model.alpha_ == before
    assert model.predict(X).shape == (90,)


def scorer_that_fails_at(*alphas):
    """NaN for the networks of some λs, told by the size of their weights."""
    sizes = {}

    def scorer(estimator, X, y):
        size = round(float(np.abs(estimator.coefs_[0]).sum()), 9)
        k = sizes.setdefault(size, len(sizes) // 3)
        return np.nan if k in alphas else estimator.score(X, y)

    return scorer


def test_a_nan_score_takes_that_alpha_out():
    with pytest.warns(UserWarning, match=r"alpha=0.01: the score is NaN") as record:
        model = classifier(search="grid", scoring=scorer_that_fails_at(0)).fit(X, y)
    assert np.isnan(model.scores_).all(axis=1).tolist() == [True, False, False]
    assert model.alpha_ in ALPHAS[1:]
    (message,) = messages(record, "score is NaN")
    assert "[0, 1, 2]" in message
    # The line of the user's code.
    assert {w.filename for w in record} == {__file__}


def test_a_nan_score_on_one_fold_is_enough():
    calls = []

    def scorer(estimator, X, y):
        calls.append(None)
        return np.nan if len(calls) == 5 else estimator.score(X, y)

    with pytest.warns(UserWarning, match=r"alpha=1: .* NaN on fold\(s\) \[1\]"):
        model = classifier(search="grid", scoring=scorer).fit(X, y)
    assert np.isnan(model.scores_).sum() == 1
    assert model.alpha_ != 1.0


@pytest.mark.parametrize("search", ["ladder", "grid"])
def test_all_scores_nan(search):
    model = classifier(search=search, scoring=lambda *args: np.nan)
    with pytest.warns(UserWarning, match="score is NaN"):
        with pytest.raises(ValueError, match="All scores are NaN"):
            model.fit(X, y)


def test_the_walk_goes_on_beyond_a_nan():
    """The first λ of the ladder fails; the others are still looked at."""
    scorer = scorer_that_fails_at(0)
    with pytest.warns(UserWarning, match=r"alpha=1:"):
        model = classifier(scoring=scorer).fit(X, y)
    assert np.isnan(model.scores_[1]).all()
    assert model.alpha_ in (0.01, 100.0)


def test_a_fold_that_diverges_is_left_out_with_a_warning():
    """λ tames the steps of gradient descent only where it is large."""
    target = y_reg.copy()
    model = regressor(
        hidden_layer_sizes=(),
        search="grid",
        solver="sgd",
        learning_rate_init=1e160,
        momentum=0,
        nesterovs_momentum=False,
        batch_size=90,
        alphas=[1e-150, 1.0],
        max_iter=3,
    )
    with pytest.warns(UserWarning, match="score is NaN"):
        with pytest.raises(ValueError, match="All scores are NaN"):
            model.fit(X_reg, target)


def test_an_exception_of_the_scorer_is_passed_on():
    def scorer(estimator, X, y):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        classifier(scoring=scorer).fit(X, y)


# ------------------------------------------------------------------ unscaled X


@pytest.mark.parametrize("search", ["ladder", "grid"])
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"penalty": "elasticnet", "l1_ratio": [0.1, 0.5, 0.9]},
        {"n_jobs": 2},
        {"alphas": "auto"},
    ],
    ids=str,
)
def test_unscaled_columns_are_warned_of_once(params, search):
    units = np.ones(13)
    units[3] = 1e4
    with pytest.warns(UserWarning, match="X is not scaled") as record:
        classifier(search=search, max_iter=3, **params).fit(X * units, y)
    (message,) = messages(record, "X is not scaled")
    assert "1e+04 times the median one" in message
    assert "StandardScaler" in message


def test_scaled_columns_are_not_warned_of():
    with warnings.catch_warnings(action="error", category=UserWarning):
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier().fit(X, y)
        regressor().fit(X_reg, y_reg)


# ------------------------------------------------------------------ Ctrl-C


def interrupting(after):
    """A scorer in the middle of which the user presses Ctrl-C, once."""
    calls = []

    def scorer(estimator, X, y):
        calls.append(None)
        if len(calls) == after:
            raise KeyboardInterrupt
        return estimator.score(X, y)

    scorer.calls = calls
    return scorer


@pytest.mark.parametrize("search", ["ladder", "grid"])
@pytest.mark.parametrize("penalty", PENALTIES)
def test_ctrl_c_keeps_the_best_so_far(penalty, search):
    # In the second λ of three.
    scorer = interrupting(5)
    model = classifier(search=search, penalty=penalty, scoring=scorer, max_iter=8)
    with pytest.warns(UserWarning, match=r"interrupted after 1 of 3 alphas") as record:
        model.fit(X, y)
    assert len(scorer.calls) == 5
    visited = np.isfinite(model.scores_).all(axis=1)
    assert visited.sum() == 1
    assert visited[model.best_index_]
    same_network(model, plain(model).fit(X, y))
    # The refit's warnings too name the line of the user's code.
    assert {w.filename for w in record} == {__file__}


@pytest.mark.parametrize("penalty", ["l1", "group_l1"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_ctrl_c_in_the_training_of_a_fold_ends_the_search(solver, penalty, monkeypatch):
    """A fit alone would stop there, keep what it has and go on to the next."""
    calls = []
    name = "value_and_grad" if solver == "lbfgs" else "batch_loss"
    own = getattr(Objective, name)

    def interrupted(self, *args):
        calls.append(None)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return own(self, *args)

    monkeypatch.setattr(Objective, name, interrupted)
    model = classifier(solver=solver, penalty=penalty, search="grid")
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert len(calls) == 8
    assert not hasattr(model, "alpha_")


@pytest.mark.parametrize("penalty", PENALTIES)
def test_ctrl_c_in_the_training_of_a_step_keeps_the_steps_before(penalty, monkeypatch):
    """The first λ has been visited when the second one is interrupted."""
    own, visits = _ladder.Folds._visit, []

    def noted(self, shape, theta):
        visits.append(None)
        return own(self, shape, theta)

    evaluate = Objective.value_and_grad
    pending = [KeyboardInterrupt()]

    def interrupted(self, *args):
        if visits and pending:
            raise pending.pop()
        return evaluate(self, *args)

    monkeypatch.setattr(_ladder.Folds, "_visit", noted)
    monkeypatch.setattr(Objective, "value_and_grad", interrupted)
    model = classifier(penalty=penalty)
    with pytest.warns(UserWarning, match="interrupted after 1 of 3 alphas"):
        model.fit(X, y)
    assert len(visits) == 1
    assert model.alpha_ == 1.0
    same_network(model, plain(model).fit(X, y))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_ctrl_c_ends_the_threads(solver, monkeypatch):
    """They train for minutes, were they not told that nobody waits any more."""
    training, started = [], threading.Event()
    train_stack = _ladder.train_stack

    def noted(*args):
        training.append(None)
        started.set()
        try:
            return train_stack(*args)
        finally:
            training.pop()

    def press_ctrl_c():
        if started.wait(60):
            time.sleep(0.2)
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(_ladder, "train_stack", noted)
    user = threading.Thread(target=press_ctrl_c)
    user.start()
    endless = {"max_iter": 10**6, "n_iter_no_change": np.inf, "tol": 0.0}
    alphas = [0.1, 1.0] if solver == "adam" else np.logspace(-3, 3, 1000)
    model = classifier(solver=solver, search="grid", n_jobs=2, alphas=alphas, **endless)
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    user.join()
    while training and time.monotonic() < start + 60:
        time.sleep(0.01)
    assert time.monotonic() < start + 60


def test_ctrl_c_ends_the_search_over_all_l1_ratios():
    scorer = interrupting(5)
    model = classifier(
        penalty="elasticnet", l1_ratio=[0.1, 0.9], scoring=scorer, search="grid"
    )
    with pytest.warns(UserWarning, match="interrupted after 1 of 6 alphas"):
        model.fit(X, y)
    assert len(scorer.calls) == 5
    assert model.scores_.shape == (2, 3, 3)
    assert np.isfinite(model.scores_).sum() == 3
    assert model.l1_ratio_ == 0.1
    assert model.predict(X).shape == (90,)


def test_ctrl_c_before_anything_is_known():
    model = classifier(scoring=interrupting(2))
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert not hasattr(model, "alpha_")


def test_a_second_search_starts_anew_after_ctrl_c():
    model = classifier(scoring=interrupting(5))
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(X, y)
    model.set_params(scoring="accuracy").fit(X, y)
    assert_array_equal(model.scores_, classifier(scoring="accuracy").fit(X, y).scores_)


def test_groups_come_as_a_list_of_splits():
    groups = np.arange(90) // 10
    cv = list(GroupKFold(3).split(X, y, groups))
    assert classifier(cv=cv).fit(X, y).n_folds_ == 3


@pytest.mark.parametrize(("lower", "upper"), [(0.01, 1.0), (1.0, 100.0)])
def test_two_alphas_are_enough(lower, upper):
    model = classifier(alphas=[upper, lower]).fit(X, y)
    assert np.isfinite(model.scores_).all()
    assert model.alpha_ in (lower, upper)
