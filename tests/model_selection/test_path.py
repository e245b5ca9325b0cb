"""regularization_path: exact where J is convex, and honest about what is alive."""

import numpy as np
import pytest
import scipy.sparse as sp
from helpers import fit_quietly
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.preprocessing import scale

from skl2 import MLPClassifier, MLPRegressor
from skl2._engine.losses import HalfSquaredError
from skl2._engine.network.average import average
from skl2._engine.network.network import Network
from skl2.model_selection import alpha_max, regularization_path
from skl2.model_selection._path import (
    RegularizationPath,
    describe_weights,
    looks_continuous,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_diabetes(return_X_y=True)
X, y = scale(X), y - y.mean()
M = len(X)
X_wine, y_wine = load_wine(return_X_y=True)
X_wine = scale(X_wine)
ALPHAS = [100.0, 1e3, 1e4, 3e4]
LINEAR = {"hidden_layer_sizes": (), "tol": 1e-9, "max_iter": 5000}


# ------------------------------------------------------------------ exact, if linear


def exact(penalty, alpha, rho=0.5):
    if penalty == "l2":
        return Ridge(alpha=alpha)
    if penalty == "l1":
        return Lasso(alpha=alpha / (2 * M), tol=1e-12, max_iter=100_000)
    l1, l2 = alpha * rho / (2 * M), alpha * (1 - rho) / M
    return ElasticNet(alpha=l1 + l2, l1_ratio=l1 / (l1 + l2), tol=1e-12)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_matrix])
@pytest.mark.parametrize("penalty", ["l1", "l2", "elasticnet"])
def test_a_linear_path_is_scikit_learns_at_each_alpha(penalty, container):
    path = regularization_path(
        container(X), y, alphas=ALPHAS, penalty=penalty, **LINEAR
    )
    assert_array_equal(path.alphas, ALPHAS)
    for i, alpha in enumerate(ALPHAS):
        model = exact(penalty, alpha).fit(X, y)
        coef = path.coefs[i][0][:, 0]
        assert_allclose(coef, model.coef_, atol=1e-4)
        assert_allclose(path.intercepts[i][0], 0.0, atol=1e-4)
        assert_array_equal(coef == 0, model.coef_ == 0)
        assert path.n_live_inputs[i] == np.count_nonzero(model.coef_)
        assert path.sparsity[i, 0] == np.mean(model.coef_ == 0)
        loss = 0.5 * np.mean(np.square(y - model.predict(X)))
        assert_allclose(path.train_loss[i], loss, rtol=1e-7)
    assert path.n_live_units.shape == (4, 0)


def test_a_classifier_path_is_logistic_regression_at_each_alpha():
    path = regularization_path(
        X_wine, y_wine, alphas=[1.0, 10.0, 60.0], penalty="l1", **LINEAR
    )
    for i, alpha in enumerate(path.alphas):
        model = LogisticRegression(
            solver="saga", l1_ratio=1.0, C=2.0 / alpha, tol=1e-8, max_iter=50_000
        )
        if model.penalty == "l2":
            # Before scikit-learn 1.8 l1_ratio alone chose nothing.
            model.set_params(penalty="elasticnet")
        model.fit(X_wine, y_wine)
        assert_allclose(path.coefs[i][0].T, model.coef_, atol=2e-3)
        assert_allclose(
            path.train_loss[i], log_loss(y_wine, model.predict_proba(X_wine)), rtol=1e-4
        )


def test_it_ends_where_all_weights_are_zero():
    largest = alpha_max(X, y)
    path = regularization_path(X, y, alphas=largest * np.array([0.98, 1.02]), **LINEAR)
    assert path.n_live_inputs.tolist() == [1.0, 0.0]
    assert path.sparsity[1, 0] == 1.0


def test_sample_weights_are_repetition():
    weight = np.random.RandomState(0).choice([0.0, 1.0, 2.0], M)
    rows = np.repeat(np.arange(M), weight.astype(int))
    options = {"alphas": [1e3], **LINEAR}
    weighted = regularization_path(X, y, sample_weight=weight, **options)
    repeated = regularization_path(X[rows], y[rows], **options)
    assert_allclose(weighted.coefs[0][0], repeated.coefs[0][0], atol=1e-4)
    assert_allclose(weighted.train_loss, repeated.train_loss, rtol=1e-8)


# ------------------------------------------------------------------ what is alive


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_live_inputs_and_units_are_counted_in_the_weights(dtype):
    network = Network((3, 2, 2, 1), "tanh", dtype)
    W1 = np.array([[1.0, 0.0], [0.0, 0.0], [2.0, 0.0]])
    # The first unit of the second layer has no way out, the second no way in.
    W2 = np.array([[1.0, 0.0], [0.0, 0.0]])
    W3 = np.array([[0.0], [3.0]])
    biases = [np.ones(2), np.ones(2), np.ones(1)]
    theta = network.pack([W1, W2, W3], biases)
    dense = network.pack([W + 9.0 for W in (W1, W2, W3)], biases)
    sparsity, inputs, units = describe_weights(network, theta[np.newaxis])
    assert_allclose(sparsity, [4 / 6, 3 / 4, 1 / 2])
    assert inputs == 2
    assert units.tolist() == [1.0, 0.0]
    # The units of several networks stand side by side; they share the inputs.
    together = np.stack([theta, dense])
    sparsity, inputs, units = describe_weights(network, together)
    assert_allclose(sparsity, [2 / 6, 3 / 8, 1 / 4])
    assert inputs == 3
    assert units.tolist() == [3, 2]


@pytest.mark.parametrize(
    "params",
    [
        {"solver": "lbfgs", "hidden_layer_sizes": (4,)},
        {"solver": "lbfgs", "hidden_layer_sizes": ()},
        {"early_stopping": True, "hidden_layer_sizes": (4, 3), "batch_size": 60},
        {"batch_norm": True, "hidden_layer_sizes": (4, 3), "penalty": "group_l1"},
    ],
)
def test_a_path_of_several_networks_is_that_of_their_average(params):
    params = {"alphas": [1.0, 30.0], "penalty": "l1", "max_iter": 10} | params
    fits = {"estimator": MLPClassifier(learning_rate_init=0.05), **params}
    rows = X_wine, y_wine
    path = regularization_path(*rows, n_estimators=3, random_state=0, **fits)
    seeds = np.random.RandomState(0).randint(2**31 - 1, size=3).tolist()
    alone = [regularization_path(*rows, random_state=seed, **fits) for seed in seeds]
    for i in range(2):
        networks = [(one.coefs[i], one.intercepts[i]) for one in alone]
        coefs, intercepts = average(networks)
        for found, expected in zip(path.coefs[i], coefs, strict=True):
            assert_array_equal(*(as_array(W) for W in (found, expected)))
        for found, expected in zip(path.intercepts[i], intercepts, strict=True):
            assert_array_equal(found, expected)
        live = [np.any(one.coefs[i][0] != 0, axis=1) for one in alone]
        assert path.n_live_inputs[i] == np.any(live, axis=0).sum()
    assert_allclose(path.sparsity, np.mean([one.sparsity for one in alone], axis=0))
    units = np.sum([one.n_live_units for one in alone], axis=0)
    assert_array_equal(path.n_live_units, units)
    # Of the convex loss of a mean.
    losses = [one.train_loss for one in alone]
    assert (path.train_loss <= np.mean(losses, axis=0) + 1e-12).all()


def as_array(W):
    return W.toarray() if sp.issparse(W) else W


def test_the_last_network_of_a_path_is_that_of_an_estimator():
    """A path of one λ is a fit."""
    params = {"penalty": "l1", "n_estimators": 2, "hidden_layer_sizes": (4, 3)}
    model = MLPClassifier(alpha=3.0, random_state=0, max_iter=5, **params)
    model = fit_quietly(model, X_wine, y_wine)
    path = regularization_path(
        X_wine, y_wine, alphas=[3.0], estimator=model, X_val=X_wine, y_val=y_wine
    )
    for found, expected in zip(path.coefs[0], model.coefs_, strict=True):
        assert_array_equal(*(as_array(W) for W in (found, expected)))
    expected = log_loss(y_wine, model.predict_proba(X_wine))
    assert_allclose([path.train_loss[0], path.validation_loss[0]], expected)


@pytest.mark.parametrize("penalty", ["l1", "elasticnet", "group_l1"])
def test_a_network_gets_sparser_with_alpha(penalty):
    path = regularization_path(
        X_wine, y_wine, alphas=3, penalty=penalty, hidden_layer_sizes=(5, 4)
    )
    assert path.n_live_inputs.shape == (3,)
    assert path.n_live_units.shape == (3, 2)
    assert path.sparsity.shape == (3, 3)
    assert path.n_live_inputs[0] == 13
    assert path.n_live_inputs[-1] == 0
    assert path.train_loss[0] < path.train_loss[-1]
    for i, coefs in enumerate(path.coefs):
        assert path.n_live_inputs[i] == (coefs[0] != 0).any(axis=1).sum()
        assert_allclose(path.sparsity[i], [np.mean(W == 0) for W in coefs])


def test_it_goes_from_dense_to_sparse_each_from_the_one_before():
    """Nothing but a different start distinguishes the second step from a fit."""
    options = {"hidden_layer_sizes": (6,), "penalty": "l1", "max_iter": 30}
    path = regularization_path(X_wine, y_wine, alphas=[20.0, 2.0], **options)
    assert path.alphas.tolist() == [2.0, 20.0]
    model = MLPClassifier(
        solver="lbfgs", random_state=0, warm_start=True, alpha=2.0, **options
    )
    for i, alpha in enumerate(path.alphas):
        model.set_params(alpha=alpha).fit(X_wine, y_wine)
        for ours, own in zip(path.coefs[i], model.coefs_, strict=True):
            assert_array_equal(ours, own)


# ------------------------------------------------------------------ validation


def test_validation_loss_is_the_log_loss_of_the_validation_rows():
    train, held_out = np.arange(0, 178, 2), np.arange(1, 178, 2)
    # Other labels than 0, 1, 2; unsorted.
    names = np.array(["red", "white", "blue"])[y_wine]
    path = regularization_path(
        X_wine[train],
        names[train],
        X_val=X_wine[held_out],
        y_val=names[held_out],
        alphas=[1e-3, 1.0, 1e3],
        penalty="l2",
        hidden_layer_sizes=(4,),
    )
    for i, alpha in enumerate(path.alphas):
        model = MLPClassifier((4,), solver="lbfgs", random_state=0, max_iter=1)
        model.set_params(alpha=alpha).fit(X_wine[train], names[train])
        model.coefs_, model.intercepts_ = path.coefs[i], path.intercepts[i]
        proba = model.predict_proba(X_wine[held_out])
        assert_allclose(path.validation_loss[i], log_loss(names[held_out], proba))
    assert_array_equal(path.scores[:, 0], -path.validation_loss)
    assert_array_equal(path.standard_errors, 0.0)
    assert path.index() == path.index("1se") == path.validation_loss.argmin() == 1


def test_validation_loss_of_a_regressor():
    path = regularization_path(
        X[::2], y[::2], X_val=X[1::2], y_val=y[1::2], alphas=[1.0, 1e3], **LINEAR
    )
    for i in range(2):
        prediction = X[1::2] @ path.coefs[i][0][:, 0] + path.intercepts[i][0]
        loss = np.mean((prediction - y[1::2]) ** 2) / 2
        assert_allclose(path.validation_loss[i], loss)


def test_early_stopping_watches_the_validation_rows():
    mlp = MLPRegressor(
        hidden_layer_sizes=(4,), early_stopping=True, max_iter=5, random_state=0
    )
    rows = {"X_val": X[1::2], "y_val": y[1::2]}
    path = regularization_path(
        X[::2], y[::2], alphas=[1.0], estimator=mlp, penalty="l1", **rows
    )
    fit_quietly(mlp.set_params(penalty="l1", alpha=1.0), X[::2], y[::2], **rows)
    assert_array_equal(path.coefs[0][0], mlp.coefs_[0])


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("container", [np.asarray, sp.csr_matrix])
def test_early_stopping_holds_out_the_same_rows_for_every_alpha(kind, container):
    rows_seen = []

    class Recording(kind):
        def _validation(self, data):
            score, strata = super()._validation(data)

            def recording(raw, data, rows, theta):
                rows_seen.append(tuple(sorted(rows)))
                return score(raw, data, rows, theta)

            return recording, strata

    target = y_wine if kind is MLPClassifier else y_wine - 1.5
    mlp = Recording(
        hidden_layer_sizes=(3,), early_stopping=True, max_iter=3, random_state=0
    )
    path = regularization_path(
        container(X_wine), target, estimator=mlp, penalty="l1", alphas=[0.1, 1.0, 10.0]
    )
    # Once for each epoch.
    assert len(rows_seen) == 3 * 3
    assert len(set(rows_seen)) == 1
    assert len(path.alphas) == 3


def test_without_validation_rows_there_is_nothing_to_choose_by():
    path = regularization_path(X, y, alphas=[1.0], hidden_layer_sizes=())
    assert path.validation_loss is None
    assert path.scores.shape == (1, 0)
    with pytest.raises(ValueError, match="give X_val and y_val"):
        path.index()


def test_a_path_prints_as_a_few_lines():
    rows = {"X_val": X[1::2], "y_val": y[1::2]}
    path = regularization_path(X[::2], y[::2], alphas=[1.0, 1e6], **rows, **LINEAR)
    printed = str(path).splitlines()
    assert printed[0] == "RegularizationPath of 2 λs, 1 to 1e+06"
    assert printed[1].endswith(f"{path.n_live_inputs[0]:g} to 0")
    assert printed[2].endswith("at λ = 1")
    path = regularization_path(X, y, alphas=[1.0], **LINEAR)
    assert len(str(path).splitlines()) == 2


@pytest.mark.parametrize("given", [{"X_val": X}, {"y_val": y}])
def test_half_a_validation_set(given):
    with pytest.raises(ValueError, match="both X_val and y_val"):
        regularization_path(X, y, **given)


# ------------------------------------------------------------------ kinds of input


def test_the_type_of_y_chooses_the_estimator():
    assert looks_continuous(y)
    assert not looks_continuous(y_wine)
    assert not looks_continuous(["a", "b"])
    labels = regularization_path(X[:, :2], np.round(y / 99), alphas=[1.0], **LINEAR)
    classes = regularization_path(
        X[:, :2], np.round(y / 99).astype(int), alphas=[1.0], **LINEAR
    )
    assert labels.coefs[0][0].shape == (2, 1)
    assert classes.coefs[0][0].shape[1] > 1


@pytest.mark.parametrize("solver", ["lbfgs", "sgd", "adam", "adamw"])
def test_an_estimator_of_ones_own(solver):
    estimator = MLPRegressor(
        "huber", (3,), solver=solver, batch_size=100, max_iter=5, random_state=3
    )
    before = dict(estimator.get_params())
    path = regularization_path(
        X.astype(np.float32), y.astype(np.float32), estimator=estimator, alphas=3
    )
    assert estimator.get_params() == before
    assert not hasattr(estimator, "coefs_")
    assert path.coefs[0][0].dtype == np.float32
    assert np.isfinite(path.train_loss).all()


@pytest.mark.parametrize("penalty", ["l2", "elasticnet", "group_l1"])
def test_the_penalty_is_that_of_the_estimator_unless_it_is_given(penalty):
    mlp = MLPRegressor(penalty=penalty, l1_ratio=0.3, random_state=0, **LINEAR)
    mlp.set_params(solver="lbfgs")
    path = regularization_path(X, y, estimator=mlp, alphas=[1e4])
    fitted = clone(mlp).set_params(alpha=1e4).fit(X, y)
    assert_array_equal(path.coefs[0][0], fitted.coefs_[0])
    path = regularization_path(X, y, estimator=mlp, penalty="l1", alphas=[1e4])
    fitted.set_params(penalty="l1").fit(X, y)
    assert_array_equal(path.coefs[0][0], fitted.coefs_[0])
    # Without an estimator it is 'l1'.
    path = regularization_path(X, y, alphas=[1e4], **LINEAR)
    assert_array_equal(path.coefs[0][0], fitted.coefs_[0])


@pytest.mark.parametrize(
    "options",
    [{"penalty": None}, {"estimator": MLPRegressor(penalty=None)}],
    ids=["given", "of the estimator"],
)
def test_no_penalty_leaves_no_alpha(options):
    with pytest.raises(ValueError, match="penalty=None leaves no alpha"):
        regularization_path(X, y, alphas=[1.0], **options)


def test_validation_rows_have_the_class_weights_of_the_training_rows():
    train, rare = np.arange(0, 130), np.r_[0:20, 100:178]
    mlp = MLPClassifier((), class_weight="balanced", solver="lbfgs", random_state=0)
    path = regularization_path(
        X_wine[train],
        y_wine[train] > 0,
        X_val=X_wine[rare],
        y_val=y_wine[rare] > 0,
        estimator=mlp,
        alphas=[10.0],
    )
    raw = X_wine[rare] @ path.coefs[0][0][:, 0] + path.intercepts[0][0]
    counts = np.bincount(y_wine[train] > 0)
    weight = len(train) / (2.0 * counts)
    loss = log_loss(
        y_wine[rare] > 0,
        1.0 / (1.0 + np.exp(-raw)),
        sample_weight=weight[(y_wine[rare] > 0).astype(int)],
    )
    assert_allclose(path.validation_loss, loss)


@pytest.mark.parametrize("solver", ["lbfgs", "adam", "sgd"])
def test_ctrl_c_leaves_no_half_trained_path(solver):
    """Without an interrupt the second λ would begin."""

    class Interrupted(MLPRegressor):
        def _loss(self):
            return Interrupting(at=7)

    class Interrupting(HalfSquaredError):
        def __init__(self, at):
            self.at, self.calls = at, 0

        def value_and_gradient(self, *args):
            self.calls += 1
            if self.calls == self.at:
                raise KeyboardInterrupt
            return super().value_and_gradient(*args)

    mlp = Interrupted(hidden_layer_sizes=(3,), solver=solver, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        regularization_path(X, y, estimator=mlp, alphas=[1.0, 10.0])


def test_multilabel_and_multioutput_targets():
    labels = np.stack([y_wine > 0, y_wine > 1], axis=1).astype(int)
    for target in (labels, labels.astype(float)):
        path = regularization_path(X_wine, target, alphas=[1.0], **LINEAR)
        assert path.coefs[0][0].shape == (13, 2)


def test_unscaled_data_are_warned_of_once():
    cancer, target = load_breast_cancer(return_X_y=True)
    with pytest.warns(UserWarning, match="not scaled") as record:
        regularization_path(cancer, target, alphas=[1.0, 2.0, 3.0], max_iter=3)
    assert sum("not scaled" in str(w.message) for w in record) == 1


@pytest.mark.parametrize("alphas", [[], [-1.0], [np.nan], "some"], ids=repr)
def test_bad_alphas(alphas):
    with pytest.raises(ValueError, match="alphas must be"):
        regularization_path(X, y, alphas=alphas)


def test_diverging_training_says_so():
    with pytest.raises(ValueError, match="loss is not finite"):
        regularization_path(
            X,
            y,
            estimator=MLPRegressor(
                hidden_layer_sizes=(),
                solver="sgd",
                learning_rate_init=1e200,
                momentum=0,
                nesterovs_momentum=False,
                batch_size=M,
            ),
            penalty="l2",
            alphas=[1e-9],
        )


# ------------------------------------------------------------------ the container


def test_index_is_the_rule_of_one_standard_error():
    n = 4
    path = RegularizationPath(
        alphas=np.arange(1.0, n + 1),
        scores=np.array([[0, 2.0], [4.0, 6.0], [4.0, 4.0], [0.0, 0.0]]),
        sparsity=np.zeros((n, 1)),
        n_live_inputs=np.ones(n),
        n_live_units=np.zeros((n, 0)),
    )
    assert_allclose(path.mean_scores, [1.0, 5.0, 4.0, 0.0])
    assert_allclose(path.standard_errors, [1.0, 1.0, 0.0, 0.0])
    assert path.index() == 1
    assert path.index("1se") == 2
