"""Final fits side by side: the same estimators in the same order."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from searches import assert_same_networks, scaled
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_iris

from skl2.model_selection import MLPRegressorCV, _final_fits
from skl2.model_selection._final_fits import fit_all

pytestmark = [
    pytest.mark.usefixtures("one_pool"),
    pytest.mark.filterwarnings(
        "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:.*enclosed"
    ),
]

X, y = (a[::3] for a in load_iris(return_X_y=True))
WEIGHTS = np.arange(len(y)) % 3


def estimators():
    # The last one takes longest and is begun first.
    return [
        scaled(
            max_iter=n, n_estimators=2, random_state=None, warm_start=False
        ).set_params(mlp__random_state=n)
        for n in (2, 1, 9)
    ]


@pytest.mark.parametrize("weighted", [False, True])
def test_same_estimators(weighted, final_processes):
    params = {"sample_weight": WEIGHTS} if weighted else {}
    with config_context(enable_metadata_routing=weighted):
        own = estimators()
        if weighted:
            for estimator in own:
                estimator["mlp"].set_fit_request(sample_weight=True)
                estimator["scale"].set_fit_request(sample_weight=True)
        alone = [clone(e).fit(X, y, **params) for e in own]
        together = fit_all([clone(e) for e in own], X, y, params, 2)
    assert final_processes == [3]
    assert [e["mlp"].max_iter for e in together] == [2, 1, 9]
    for a, b in zip(alone, together, strict=True):
        assert_same_networks(b, a)
        assert_array_equal(b.predict_proba(X), a.predict_proba(X))


def test_one_job_and_short_fits_stay_here(monkeypatch):
    counts = []
    monkeypatch.setattr(_final_fits, "share_out", counts.append)
    for n_jobs in (None, 1, 2):
        fitted = fit_all(estimators(), X, y, {}, n_jobs)
        assert [e["mlp"].n_iter_ for e in fitted] == [2, 1, 9]
    assert counts == []


def test_an_error_is_raised(final_processes):
    wrong = estimators()
    wrong[1].set_params(mlp__alpha=-1.0)
    with pytest.raises(ValueError, match="alpha must be"):
        fit_all(wrong, X, y, {}, 2)
    assert final_processes == [3]


def test_same_model_of_a_table(final_processes):
    quick = {"cv": 2, "hidden_layer_sizes": (4,), "alphas": [0.1, 1.0]}
    # Noise, which all candidates predict alike.
    target = np.random.RandomState(0).standard_normal(len(y))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        alone, two = (
            MLPRegressorCV(**quick, n_estimators=2, random_state=0, n_jobs=n)
            .fit(X, target)
            .predict(X)
            for n in (1, 2)
        )
    assert_array_equal(alone, two)
    assert final_processes[0] > 1
