"""Warnings of columns, and of validation rows, that are not scaled."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from helpers import CONTAINERS, DTYPES, fit_quietly, training_set
from numpy.testing import assert_allclose
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from skl2 import MLPClassifier, MLPRegressor
from skl2._engine.data import TrainingSet
from skl2._estimators.column_scales import N_ROWS, column_scales, warn_if_unscaled
from skl2.model_selection import StackedGridSearchCV

CANCER, CANCER_Y = load_breast_cancer(return_X_y=True)
QUICK = {"hidden_layer_sizes": (3,), "max_iter": 2, "random_state": 0}


def no_unscaled_warning():
    return warnings.catch_warnings(action="error", category=UserWarning)


@pytest.mark.parametrize("container", CONTAINERS)
def test_column_scales_are_standard_deviations(container):
    X = np.random.RandomState(0).standard_normal((60, 1024))
    for unit in (1.0, 1e-200, 1e200):
        scales = column_scales(CONTAINERS[container](unit * X))
        # In a unit of their own.
        assert_allclose(scales / scales[0], X.std(axis=0) / X[:, 0].std(), rtol=1e-10)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_column_scales_far_from_zero(dtype, container):
    """Years, temperatures in kelvin: the mean is large beside the deviation."""
    rng = np.random.RandomState(0)
    X = rng.standard_normal((3000, 3)) * [1.0, 0.01, 10.0] + [1e4, 1.0, 0.0]
    X[:, 2] *= rng.rand(3000) < 0.3
    X = X.astype(dtype)
    scales = column_scales(CONTAINERS[container](X))
    assert_allclose(scales, X.astype(np.float64).std(axis=0), rtol=1e-6)


@pytest.mark.parametrize("container", CONTAINERS)
def test_one_huge_column_is_warned_of(container):
    data = training_set(n_rows=400, container=container)
    with no_unscaled_warning():
        warn_if_unscaled(data)
    X = data.X.toarray() if sp.issparse(data.X) else np.array(data.X)
    X[:, 1] *= 5000.0
    huge = TrainingSet(CONTAINERS[container](X), data.y)
    with pytest.warns(UserWarning, match="X is not scaled.*more than 100 times"):
        warn_if_unscaled(huge)


def test_constant_columns_do_not_count_as_tiny_ones():
    X = np.random.RandomState(0).standard_normal((50, 5))
    X[:, :3] = [0.0, 7.0, -1e9]
    with no_unscaled_warning():
        warn_if_unscaled(TrainingSet(X, np.zeros((1, 50))))
        warn_if_unscaled(TrainingSet(np.ones((50, 2)), np.zeros((1, 50))))


def warnings_of(fit, match):
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        fit()
    return [w for w in record if match in str(w.message)]


# ------------------------------------------------------------------------- in a fit


@pytest.mark.parametrize(
    "params",
    [{}, {"solver": "lbfgs"}, {"alpha": "scale"}, {"penalty": "l1", "alpha": 1.0}],
    ids=str,
)
def test_a_fit_warns_once_of_unscaled_columns(params):
    model = MLPClassifier(**QUICK, **params, warm_start=True)
    assert len(warnings_of(lambda: model.fit(CANCER, CANCER_Y), "not scaled")) == 1
    # Not again where training goes on.
    assert not warnings_of(lambda: model.fit(CANCER, CANCER_Y), "not scaled")
    scaled = scale(CANCER)
    model = MLPClassifier(**QUICK, **params)
    assert not warnings_of(lambda: model.fit(scaled, CANCER_Y), "not scaled")


def test_it_does_not_matter_under_batch_norm():
    model = MLPClassifier(**QUICK, batch_norm=True)
    assert not warnings_of(lambda: model.fit(CANCER, CANCER_Y), "not scaled")


def test_rows_of_weight_zero_do_not_count():
    X = np.random.RandomState(0).standard_normal((50, 5))
    X[0, 0] = 1e6
    weight = np.arange(50) > 0
    model = MLPRegressor(**QUICK)
    assert warnings_of(lambda: model.fit(X, X[:, 1]), "not scaled")
    assert not warnings_of(lambda: model.fit(X, X[:, 1], weight), "not scaled")


def test_the_first_rows_alone_are_looked_at():
    X = np.random.RandomState(0).standard_normal((N_ROWS + 5, 5))
    X[N_ROWS:, 0] = np.nan
    with no_unscaled_warning():
        warn_if_unscaled(TrainingSet(X))


def test_the_folds_of_a_search_give_one_message():
    search = StackedGridSearchCV(MLPClassifier(**QUICK), {"alpha": [0.1, 1.0]}, cv=3)
    found = warnings_of(lambda: search.fit(CANCER, CANCER_Y), "not scaled")
    assert len({str(w.message) for w in found}) == 1


# ---------------------------------------------------------------------- L-BFGS


@pytest.mark.parametrize(
    "X, advice",
    [
        (scale(CANCER), False),
        (CANCER, True),
        (1e4 * scale(CANCER), True),
        (1e-4 * scale(CANCER), True),
    ],
    ids=["scaled", "columns differ", "all large", "all small"],
)
def test_lbfgs_advises_to_scale_what_is_not_scaled(X, advice):
    model = MLPClassifier(solver="lbfgs", **QUICK)
    (found,) = warnings_of(lambda: model.fit(X, CANCER_Y), "lbfgs failed")
    assert found.category is ConvergenceWarning
    assert ("scale the data" in str(found.message)) == advice


# ------------------------------------------------------------------ validation rows


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine, load_diabetes])
def test_validation_rows_that_a_pipeline_has_not_scaled(load):
    X, y = load(return_X_y=True)
    kind = MLPRegressor if load is load_diabetes else MLPClassifier
    model = kind(early_stopping=True, **QUICK)
    pipe = make_pipeline(StandardScaler(), model)
    name = f"{kind.__name__.lower()}__"
    train, held_out = slice(0, None, 2), slice(1, None, 2)

    def fit(X_val):
        given = {name + "X_val": X_val, name + "y_val": y[held_out]}
        pipe.fit(X[train], y[train], **given)

    (found,) = warnings_of(lambda: fit(X[held_out]), "X_val is not on the scale of X")
    assert "transform_input=['X_val']" in str(found.message)
    X_val = StandardScaler().fit(X[train]).transform(X[held_out])
    assert not warnings_of(lambda: fit(X_val), "X_val")


@pytest.mark.parametrize("name", ["rare indicators", "log-normal", "zeros", "counts"])
@pytest.mark.parametrize("container", CONTAINERS)
def test_validation_rows_of_the_same_kind(name, container):
    rng = np.random.RandomState(0)
    draw = {
        "rare indicators": lambda n: (rng.rand(n, 40) < 0.005).astype(float),
        "log-normal": lambda n: np.exp(2 * rng.standard_normal((n, 5))),
        "zeros": lambda n: np.zeros((n, 3)),
        "counts": lambda n: rng.poisson(0.3, (n, 20)).astype(float),
    }[name]
    for n_val in (3, 30, 1000):
        X, X_val = draw(400), draw(n_val)
        model = MLPRegressor(early_stopping=True, **QUICK)

        def fit(X=X, X_val=X_val, model=model):
            y_val = rng.standard_normal(len(X_val))
            X, X_val = CONTAINERS[container](X), CONTAINERS[container](X_val)
            model.fit(X, rng.standard_normal(400), X_val=X_val, y_val=y_val)

        assert not warnings_of(fit, "X_val")


# ------------------------------------------------------------------------ dead weights


DEAD = {"penalty": "l1", "alpha": 1e4, "random_state": 0}


def test_weights_that_are_all_zero_do_not_train_on():
    X, y = scale(CANCER), CANCER_Y
    model = MLPClassifier((4,), solver="lbfgs", warm_start=True, **DEAD)
    fit_quietly(model, X, y)
    assert not any(c.any() for c in model.coefs_)
    model.set_params(alpha=0.1)
    (found,) = warnings_of(lambda: model.fit(X, y), "may not leave this point")
    assert found.category is ConvergenceWarning
    # It is so, although other weights are far better.
    assert not any(c.any() for c in model.coefs_)
    model.set_params(warm_start=False)
    assert not warnings_of(lambda: model.fit(X, y), "may not leave")
    assert model.coefs_[0].any()


@pytest.mark.parametrize("n_estimators", [1, 2])
def test_partial_fit_of_zero_weights_warns(n_estimators):
    X, y = scale(CANCER), CANCER_Y
    model = MLPClassifier(
        (4, 3), solver="sgd", max_iter=20, n_estimators=n_estimators, **DEAD
    )
    fit_quietly(model, X, y)
    for converted in (model, model.sparsify()):
        found = warnings_of(lambda m=converted: m.partial_fit(X, y), "may not leave")
        assert found


@pytest.mark.parametrize("hidden", [(), (4,)])
def test_weights_that_can_train_on_are_not_warned_of(hidden):
    X, y = scale(CANCER), CANCER_Y
    model = MLPClassifier(hidden, solver="sgd", max_iter=20, warm_start=True)
    fit_quietly(model, X, y)
    model.coefs_[0] = np.zeros_like(model.coefs_[0])
    assert not warnings_of(lambda: model.fit(X, y), "may not leave")
    assert model.coefs_[0].any()


@pytest.mark.parametrize(
    "dtype, own, other", [(np.float32, 1e-38, 1e38), (np.float64, 1e-300, 1e308)]
)
def test_validation_rows_at_the_other_end_of_the_range(dtype, own, other):
    X, y = np.full((20, 2), own, dtype), np.arange(20.0)
    X_val = np.full((20, 2), other, dtype)
    model = MLPClassifier(early_stopping=True, **QUICK)
    with pytest.warns(UserWarning, match="X_val is not on the scale of X"):
        try:
            model.fit(X, y < 9, X_val=X_val, y_val=y < 9)
        except ValueError as error:
            assert "validation score is nan" in str(error)
