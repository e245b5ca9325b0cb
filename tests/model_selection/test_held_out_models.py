"""What a search keeps of its splits: the models of the candidate it chooses."""

import pickle

import numpy as np
import pytest
from helpers import covering
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.metrics import make_scorer, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl2 import MLPClassifier, MLPRegressor
from skl2.model_selection import AlphaSearchCV, one_standard_error
from skl2.model_selection._held_out_models import HeldOutModels

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*enclosed"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

RNG = np.random.RandomState(0)
X, LABELS = load_iris(return_X_y=True)
Y = X @ [1.0, -2.0, 0.5, 1.0] + RNG.standard_normal(150)
LAMBDAS = [0.1, 1.0, 10.0, 100.0]
SMALL = {"hidden_layer_sizes": (4,), "max_iter": 8, "random_state": 0}
SCORINGS = [
    None,
    "r2",
    make_scorer(r2_score),
    lambda estimator, X, y: estimator.score(X, y),
]


def search_of(estimator, **params):
    pipeline = make_pipeline(StandardScaler(), estimator)
    return AlphaSearchCV(
        pipeline, **{"alphas": LAMBDAS, "cv": 3, "random_state": 0} | params
    )


def assert_kept(search, y, weight=None):
    """The models of the splits are those of fits of their own."""
    assert len(search.held_out_) == search.n_splits_
    for k, split in enumerate(search.held_out_):
        train = np.setdiff1d(np.arange(150), split.rows)
        model = clone(search.estimator).set_params(**search.best_params_)
        name, own = model.steps[-1]
        # λ/m is the same in a fold.
        m = 150 if weight is None else weight.sum()
        share = (len(train) if weight is None else weight[train].sum()) / m
        own.set_params(alpha=search.alpha_ * share)
        weights = {} if weight is None else {f"{name}__sample_weight": weight[train]}
        model.fit(X[train], y[train], **weights)
        assert_array_equal(split.model[-1].coefs_[0], model[-1].coefs_[0])
        assert_array_equal(split.y, y[split.rows])
        method = "predict_proba" if hasattr(model, "predict_proba") else "predict"
        assert_array_equal(split.prediction, getattr(model, method)(X[split.rows]))
        if search.scoring is None or search.scoring == "r2":
            score = search.cv_results_[f"split{k}_test_score"][search.best_index_]
            assert search.scorer_(split.model, X[split.rows], split.y) == score


@pytest.mark.parametrize(
    "scoring, train_score", covering(SCORINGS, [False, True], strength=1)
)
def test_the_models_of_the_chosen_candidate_are_kept(scoring, train_score):
    search = search_of(
        MLPRegressor(**SMALL), scoring=scoring, return_train_score=train_score
    )
    assert_kept(search.fit(X, Y), Y)
    if callable(scoring):
        assert search.scorer_ is scoring


@pytest.mark.parametrize("refit", [False, one_standard_error], ids=["none", "rule"])
def test_whatever_chooses(refit):
    search = search_of(MLPClassifier(**SMALL), refit=refit).fit(X, LABELS)
    assert_kept(search, LABELS)


def test_weights_are_kept():
    weight = RNG.randint(0, 3, 150).astype(float)
    search = AlphaSearchCV(MLPRegressor(**SMALL), cv=3, alphas=[0.1, 1.0])
    search.fit(X, Y, sample_weight=weight)
    for split in search.held_out_:
        assert_array_equal(split.weight, weight[split.rows])


def test_only_the_models_of_the_chosen_candidate_are_pickled():
    search = search_of(MLPRegressor(**SMALL)).fit(X, Y)
    loaded = pickle.loads(pickle.dumps(search))
    for split, copied in zip(search.held_out_, loaded.held_out_, strict=True):
        assert_array_equal(copied.model.predict(X), split.model.predict(X))
    models = HeldOutModels(all_candidates=False)
    score = models.watched(lambda estimator: estimator)
    for number in range(4):
        score(number)
        # The score of the training rows.
        score(number)
    models.end_rung(range(0, 2), 2, chosen=1)
    assert models._kept == {1: [2, 3]}
    score(4)
    score(5)
    models.end_rung(range(2, 3), 2, chosen=1)
    assert models._kept == {1: [2, 3]}
    # One of two fits has failed.
    score(6)
    models.end_rung(range(3, 4), 2, chosen=3)
    assert models._kept == {}
    assert models.of(3, [], X, Y, None) is None


def test_nothing_is_kept_with_several_scorers_or_where_fits_fail():
    search = search_of(
        MLPRegressor(**SMALL),
        scoring=["r2", "neg_max_error"],
        refit="r2",
        alphas=[1.0, 2.0],
    )
    assert search.fit(X, Y).held_out_ is None
    search = search_of(
        MLPRegressor(**SMALL),
        scoring=["r2", "neg_max_error"],
        refit=False,
        alphas=[1.0, 2.0],
    )
    assert search.fit(X, Y).held_out_ is None
    grid = {"mlpregressor__solver": ["adam", "wrong"]}
    search = search_of(MLPRegressor(**SMALL), param_grid=grid, alphas=[1.0, 2.0])
    with pytest.warns(Warning, match="fits failed"):
        search.fit(X, Y)
    assert search.held_out_ is None
