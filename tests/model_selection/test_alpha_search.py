"""AlphaSearchCV: scikit-learn's search at λs that it proposes itself."""

import os
import signal
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris, load_wine, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skl2 import MLPClassifier, MLPRegressor
from skl2.model_selection import (
    AlphaSearchCV,
    StackedGridSearchCV,
    _alpha_search,
    _splits,
)
from skl2.model_selection._alpha_walk import LOOK, ROW
from skl2.model_selection._held_out_loss import HeldOutLoss

X, y = load_iris(return_X_y=True)


SMALL = {"hidden_layer_sizes": (4,), "max_iter": 8, "random_state": 0}


ALPHAS = [0.01, 1.0, 100.0]


def network(**params):
    return MLPClassifier(**(SMALL | {"learning_rate_init": 0.03} | params))


def pipeline(**params):
    return Pipeline([("scale", StandardScaler()), ("mlp", network(**params))])


@pytest.mark.parametrize(
    ("params", "grid"),
    [
        ({}, None),
        ({"n_estimators": 2}, None),
        ({"solver": "lbfgs", "penalty": "l1"}, None),
        ({}, {"mlp__class_weight": [None, {0: 1.0, 1: 8.0, 2: 1.0}]}),
        (
            {},
            {"mlp__hidden_layer_sizes": [(), (3, 2)], "scale__with_std": [True, False]},
        ),
    ],
)
def test_scores_are_those_of_plain_fits_at_the_same_share_of_alpha(params, grid):
    weight = np.random.RandomState(0).randint(1, 3, len(X)).astype(float)
    cv = StratifiedKFold(2, shuffle=True, random_state=1)
    score = HeldOutLoss("log_loss")
    model = pipeline(**params)
    search = AlphaSearchCV(model, grid, alphas=ALPHAS, cv=cv)
    search.fit(X, y, mlp__sample_weight=weight)
    for i, candidate in enumerate(search.cv_results_["params"]):
        for fold, (train, test) in enumerate(cv.split(X, y)):
            # λ/m stays the same; m is the sum of all weights.
            alone = clone(model).set_params(**candidate)
            share = _total(alone, y[train], weight[train]) / _total(alone, y, weight)
            alone.set_params(mlp__alpha=candidate["mlp__alpha"] * share)
            alone.fit(X[train], y[train], mlp__sample_weight=weight[train])
            expected = score(alone, X[test], y[test])
            assert search.cv_results_[f"split{fold}_test_score"][i] == expected


def _total(model, labels, weight):
    """m in J: the sum of the rows' weights, those of their classes included."""
    factors = model.named_steps["mlp"].class_weight or {}
    return sum(
        w * factors.get(int(label), 1.0)
        for label, w in zip(labels, weight, strict=True)
    )


def test_the_refit_is_a_plain_fit():
    search = AlphaSearchCV(pipeline(), random_state=0).fit(X, y)
    alone = pipeline(alpha=search.alpha_).fit(X, y)
    assert_array_equal(search.predict_proba(X), alone.predict_proba(X))
    assert search.best_params_ == {"mlp__alpha": search.alpha_}
    assert search.best_score_ == np.max(search.cv_results_["mean_test_score"])


def test_the_best_is_enclosed():
    mlp = pipeline(max_iter=60, learning_rate="cosine", n_iter_no_change=np.inf)
    noisy = make_classification(100, 10, flip_y=0.3, random_state=0)
    search = AlphaSearchCV(mlp, random_state=0).fit(*noisy)
    tried = np.sort([params["mlp__alpha"] for params in search.cv_results_["params"]])
    place = int(np.searchsorted(tried, search.alpha_))
    assert 0 < place < len(tried) - 1
    assert_allclose(tried[place + 1] / tried[place], 10**0.5)
    assert_allclose(tried[place] / tried[place - 1], 10**0.5)


def test_each_candidate_is_walked_or_the_best_alone():
    grid = {"mlp__hidden_layer_sizes": [(1,), (6,)], "mlp__max_iter": [2, 10]}
    counts = []
    for n_refine in (None, 1, 0):
        search = AlphaSearchCV(pipeline(), grid, n_refine=n_refine, cv=2)
        search.fit(X, y)
        shapes = [
            (p["mlp__hidden_layer_sizes"], p["mlp__max_iter"])
            for p in search.cv_results_["params"]
        ]
        counts.append(sorted(shapes.count(shape) for shape in set(shapes)))
    assert min(counts[0]) > len(ROW)
    assert counts[1][:3] == [len(LOOK)] * 3 and counts[1][3] > len(ROW)
    assert counts[2] == [len(LOOK)] * 4


def test_ratios_of_layers_are_kept():
    search = AlphaSearchCV(network(alpha=[2.0, 0.5]), alphas=ALPHAS).fit(X, y)
    for params in search.cv_results_["params"]:
        assert params["alpha"][1] == params["alpha"][0] / 4
    assert_array_equal(search.best_estimator_.alpha_, search.alpha_)


def test_the_network_is_found_anywhere():
    X, y = load_diabetes(return_X_y=True)
    regressor = make_pipeline(StandardScaler(), MLPRegressor(**SMALL))
    scaled = TransformedTargetRegressor(regressor, transformer=StandardScaler())
    search = AlphaSearchCV(scaled, alphas=ALPHAS, cv=2).fit(X, y)
    assert set(search.best_params_) == {"regressor__mlpregressor__alpha"}
    best = search.best_index_
    split = KFold(2, shuffle=True, random_state=0)
    search = AlphaSearchCV(scaled, alphas=ALPHAS, cv=split).fit(X, y)
    train, test = next(split.split(X))
    alpha = search.cv_results_["params"][best]["regressor__mlpregressor__alpha"] / 2
    model = clone(scaled).set_params(regressor__mlpregressor__alpha=alpha)
    predicted = model.fit(X[train], y[train]).predict(X[test])
    assert_allclose(
        search.cv_results_["split0_test_score"][best],
        -mean_squared_error(y[test], predicted),
    )
    wrapped = AlphaSearchCV(OneVsRestClassifier(network()), alphas=ALPHAS, cv=2)
    assert "estimator__alpha" in wrapped.fit(*load_iris(return_X_y=True)).best_params_


@pytest.mark.parametrize(
    ("estimator", "options", "words"),
    [
        (LogisticRegression(), {}, "holds no MLPClassifier or MLPRegressor"),
        (make_pipeline(network(), network()), {}, "several networks"),
        (pipeline(), {"network": "scale"}, "network='scale' is not the path"),
        (pipeline(), {"alphas": [-1.0]}, "alphas must be"),
        (pipeline(), {"n_refine": -1}, "n_refine"),
        (pipeline(), {"max_time": 0}, "max_time"),
        (pipeline(), {"param_grid": {"mlp__alpha": [1.0]}}, "its values as alphas"),
        (network(alpha=[0.0, 0.0]), {}, "no ratios to keep"),
    ],
)  # fmt: skip
def test_wrong_calls_say_so(estimator, options, words):
    with pytest.raises(ValueError, match=words):
        AlphaSearchCV(estimator, **options).fit(X, y)


def test_one_of_several_networks():
    both = Pipeline([("first", pipeline()), ("second", network())])
    both.named_steps["first"].transform = None
    search = AlphaSearchCV(both, network="second")
    assert search.get_params()["network"] == "second"
    with pytest.raises(ValueError, match=r"\['first__mlp', 'second'\]"):
        AlphaSearchCV(both).fit(X, y)


def test_folds_are_shuffled():
    search = AlphaSearchCV(network(), alphas=[1.0], cv=3, random_state=0).fit(X, y)
    # Sorted rows in folds as they lie: a class is never trained on.
    plain = GridSearchCV(
        network(alpha=1.0),
        {"alpha": [1.0]},
        cv=KFold(3),
        scoring=HeldOutLoss("log_loss"),
    ).fit(X, y)
    assert search.best_score_ > -1.5 > plain.best_score_


def test_a_part_of_many_rows_is_searched_and_all_are_fitted(monkeypatch):
    for module in (_alpha_search, _splits):
        monkeypatch.setattr(module, "MOST_ROWS", 1500)
    rng = np.random.RandomState(0)
    X = rng.standard_normal((2500, 3))
    y = (X[:, 0] + rng.standard_normal(2500) > 0).astype(int)
    weight = rng.randint(1, 3, 2500).astype(float)
    search = AlphaSearchCV(pipeline(), random_state=0)
    search.fit(X, y, mlp__sample_weight=weight)
    ((train, test),) = _splits.make_splits(None, X, y, True, 0)
    rows = np.sort(np.r_[train, test])
    assert len(rows) == 1500
    # What it finds is what a search on these rows finds, λ included.
    own = [tuple(np.searchsorted(rows, part) for part in (train, test))]
    alone = AlphaSearchCV(pipeline(), cv=own, random_state=0, refit=False)
    alone.fit(X[rows], y[rows], mlp__sample_weight=weight[rows])
    assert search.alpha_ == alone.alpha_
    for name in ("params", "mean_test_score"):
        assert list(search.cv_results_[name]) == list(alone.cv_results_[name])
    assert_array_equal(search.held_out_[0].rows, test)
    refit = pipeline(alpha=search.alpha_).fit(X, y, mlp__sample_weight=weight)
    assert_array_equal(search.predict_proba(X), refit.predict_proba(X))


def test_rare_classes_do_not_end_the_search():
    labels = y.copy()
    labels[0] = 7
    search = AlphaSearchCV(pipeline(), alphas=ALPHAS, cv=KFold(3), random_state=0)
    assert np.isfinite(search.fit(X, labels).cv_results_["mean_test_score"]).all()


def test_one_warning_for_all_fits():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        AlphaSearchCV(network(), alphas=ALPHAS, cv=2, refit=False).fit(X, y)
    found = [str(w.message) for w in caught if w.category is ConvergenceWarning]
    assert len(found) == 1
    assert "6 of 6 fits of the search reached max_iter=8" in found[0]


def test_an_open_end_is_said():
    with pytest.warns(UserWarning, match="The best alpha, 1e-05, is not enclosed"):
        AlphaSearchCV(network(max_iter=200), alphas=[1e-5, 1e3], cv=2).fit(X, y)


def test_max_time_takes_the_best_so_far():
    grid = {"mlp__hidden_layer_sizes": [(50,), (60,)]}
    search = AlphaSearchCV(pipeline(max_iter=40), grid, max_time=1e-3, random_state=0)
    with pytest.warns(UserWarning, match="max_time=0.001 ended the search after 4"):
        search.fit(X, y)
    assert len(search.cv_results_["params"]) == len(ROW)
    assert search.score(X, y) == search.best_estimator_.score(X, y)


def test_time_enough_changes_no_score():
    grid = {"mlp__hidden_layer_sizes": [(4,), (6,)], "mlp__activation": ["tanh"]}
    options = {"random_state": 0, "n_refine": 1, "cv": 2}
    hurried, plain = (
        AlphaSearchCV(pipeline(), grid, max_time=limit, **options).fit(X, y)
        for limit in (1e6, None)
    )
    scores = (
        dict(
            zip(
                map(str, search.cv_results_["params"]),
                search.cv_results_["mean_test_score"],
                strict=True,
            )
        )
        for search in (hurried, plain)
    )
    assert next(scores) == next(scores)
    assert hurried.best_params_ == plain.best_params_


class Interrupting:
    """An augmentation during which the user presses Ctrl-C, at its n-th batch."""

    def __init__(self, n):
        self.n = n
        self.calls = 0

    def __call__(self, X, y, random_state):
        self.calls += 1
        if self.calls == self.n:
            os.kill(os.getpid(), signal.SIGINT)
        return X, y

    def __sklearn_clone__(self):
        return self

    def __deepcopy__(self, memo):
        return self


def test_ctrl_c_keeps_the_rungs_that_were_completed():
    # The row, five folds, 8 epochs of one batch: in the middle of the second rung.
    presses = Interrupting(len(ROW) * 5 * 8 + 20)
    mlp = network(augmentation=presses)
    search = AlphaSearchCV(mlp, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)
    assert presses.calls == presses.n
    assert not hasattr(search, "cv_results_")
    calm = clone(search).set_params(estimator__augmentation=Interrupting(np.inf))
    expected = calm.fit(X, y).cv_results_
    assert (
        len(search.completed_results_["params"]) == len(ROW) < len(expected["params"])
    )
    for i in range(5):
        name = f"split{i}_test_score"
        assert_array_equal(search.completed_results_[name], expected[name][: len(ROW)])


def test_threads_may_share_a_search():
    search = AlphaSearchCV(pipeline(), alphas=ALPHAS, cv=2, random_state=0)
    expected = clone(search).fit(X, y).cv_results_["mean_test_score"]
    grid = StackedGridSearchCV(pipeline(), {"mlp__alpha": ALPHAS}, cv=2)
    assert threading.active_count() < 50
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: search.fit(X, y), range(4)))
        list(pool.map(lambda _: grid.fit(X, y), range(4)))
    assert_array_equal(found[0].cv_results_["mean_test_score"], expected)


@pytest.mark.parametrize("kind", [StackedGridSearchCV, AlphaSearchCV])
def test_the_global_stream_stays_where_it_is(kind):
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    if kind is AlphaSearchCV:
        kind(network(), alphas=ALPHAS, cv=2, random_state=0).fit(X, y)
    else:
        kind(network(), {"alpha": ALPHAS}, cv=2).fit(X, y)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_the_path_of_a_sparse_search():
    X, y = load_wine(return_X_y=True)
    mlp = network(penalty="l1", solver="lbfgs", max_iter=200)
    alphas = [0.1, 10.0, 1000.0]
    search = AlphaSearchCV(
        make_pipeline(StandardScaler(), mlp), alphas=alphas, cv=3, return_path=True
    ).fit(X, y)
    order = np.argsort(
        [p["mlpclassifier__alpha"] for p in search.cv_results_["params"]]
    )
    inputs = search.cv_results_["mean_live_inputs"][order]
    sparsity = search.cv_results_["mean_sparsity_0"][order]
    assert inputs[0] > inputs[-1] == 0
    assert (np.diff(sparsity) > 0).all() and sparsity[-1] == 1


def test_constant_targets():
    search = AlphaSearchCV(MLPRegressor(**SMALL), cv=2).fit(X, np.full(len(X), 3.0))
    assert np.isfinite(search.best_score_)


def test_the_deviations_of_a_gaussian_are_scored():
    X, y = load_diabetes(return_X_y=True)
    y = (y - y.mean()) / y.std()
    mlp = MLPRegressor("gaussian", **SMALL)
    search = AlphaSearchCV(make_pipeline(StandardScaler(), mlp), alphas=ALPHAS, cv=3)
    search.fit(X, y)
    mean, std = search.best_estimator_.predict(X, return_std=True)
    expected = np.mean(np.log(std) + 0.5 * ((y - mean) / std) ** 2)
    assert_allclose(search.scorer_(search.best_estimator_, X, y), -expected)
    scaled = TransformedTargetRegressor(mlp, transformer=StandardScaler())
    with pytest.raises(ValueError, match="standardize y before the search"):
        AlphaSearchCV(scaled, alphas=ALPHAS).fit(X, y)
    AlphaSearchCV(scaled, alphas=[1.0], scoring="r2", cv=2).fit(X, y)
