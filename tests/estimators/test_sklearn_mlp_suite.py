"""What scikit-learn's own MLP test-suite checks, asked of skl2.

Derived from scikit-learn's sklearn/neural_network/tests/test_mlp.py (1.9),
Copyright (c) 2007-2026 The scikit-learn developers, BSD-3-Clause.

Every public behaviour checked there is checked here, under the same test name.
Where the original reads a private attribute (``_optimizer``,
``_no_improvement_count``, ``_loss_grad_lbfgs``) the same behaviour is observed
from outside: in ``coefs_``, ``n_iter_`` and ``loss_curve_``.
"""

# SPDX-License-Identifier: BSD-3-Clause

import copy
import re
import subprocess
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.neural_network
from helpers import covering
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import (
    load_digits,
    load_iris,
    make_classification,
    make_multilabel_classification,
    make_regression,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import PoissonRegressor
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import MinMaxScaler, scale

from skl2 import MLPClassifier, MLPRegressor

ACTIVATION_TYPES = ["identity", "logistic", "tanh", "relu"]
ESTIMATORS = [MLPClassifier, MLPRegressor]

ignore_convergence = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"
)

X_digits, y_digits = load_digits(n_class=3, return_X_y=True)
X_digits_multi = MinMaxScaler().fit_transform(X_digits[:200])
y_digits_multi = y_digits[:200]

X_digits, y_digits = load_digits(n_class=2, return_X_y=True)
X_digits_binary = MinMaxScaler().fit_transform(X_digits[:200])
y_digits_binary = y_digits[:200]

classification_datasets = pytest.mark.parametrize(
    "X, y",
    [(X_digits_multi, y_digits_multi), (X_digits_binary, y_digits_binary)],
    ids=["multiclass", "binary"],
)

X_reg, y_reg = make_regression(
    n_samples=200, n_features=10, bias=20.0, noise=100.0, random_state=7
)
y_reg = scale(y_reg)

X_iris, y_iris = load_iris(return_X_y=True)


def parameters(mlp):
    """All weights and biases as one flat vector."""
    return np.concatenate([a.ravel() for a in [*mlp.coefs_, *mlp.intercepts_]])


def set_parameters(mlp, theta):
    """Assign the public ``coefs_`` and ``intercepts_`` from a flat vector."""
    shapes = [a.shape for a in [*mlp.coefs_, *mlp.intercepts_]]
    ends = np.cumsum([np.prod(shape) for shape in shapes])
    blocks = [
        block.reshape(shape)
        for block, shape in zip(np.split(theta, ends[:-1]), shapes, strict=True)
    ]
    mlp.coefs_ = blocks[: len(mlp.coefs_)]
    mlp.intercepts_ = blocks[len(mlp.coefs_) :]


def no_improvement_counts(loss_curve, tol):
    """Replay scikit-learn's stopping rule on a loss curve.

    An epoch counts as "no improvement" when its loss is not at least tol below the
    best loss so far; any improving epoch sets the count back to zero.
    """
    best, count, counts = np.inf, 0, []
    for loss in loss_curve:
        count = count + 1 if loss > best - tol else 0
        best = min(best, loss)
        counts.append(count)
    return counts


@ignore_convergence
def test_alpha():
    # A larger alpha yields weights closer to zero.
    X = X_digits_binary[:100]
    y = y_digits_binary[:100]

    norms = []
    for alpha in [0, 1]:
        mlp = MLPClassifier(hidden_layer_sizes=10, alpha=alpha, random_state=1)
        mlp.fit(X, y)
        norms.append([np.abs(coef).sum() for coef in mlp.coefs_])

    assert np.all(np.array(norms[0]) > np.array(norms[1]))


def test_fit():
    # The algorithm's step is equal to a worked out example.
    X = np.array([[0.6, 0.8, 0.7]])
    y = np.array([0])
    mlp = MLPClassifier(
        solver="sgd",
        learning_rate_init=0.1,
        alpha=0.1,
        activation="logistic",
        random_state=1,
        max_iter=1,
        hidden_layer_sizes=2,
        momentum=0,
    )
    # The first call makes the network; without momentum it leaves no other trace
    # than coefs_ and intercepts_, which are then set to the example's numbers.
    mlp.partial_fit(X, y, classes=[0, 1])
    mlp.coefs_ = [
        np.array([[0.1, 0.2], [0.3, 0.1], [0.5, 0]]),
        np.array([[0.1], [0.2]]),
    ]
    mlp.intercepts_ = [np.array([0.1, 0.1]), np.array([1.0])]

    mlp.partial_fit(X, y, classes=[0, 1])
    # Manually worked out example
    # h1 = g(X1 * W_i1 + b11) = g(0.6 * 0.1 + 0.8 * 0.3 + 0.7 * 0.5 + 0.1)
    #       =  0.679178699175393
    # h2 = g(X2 * W_i2 + b12) = g(0.6 * 0.2 + 0.8 * 0.1 + 0.7 * 0 + 0.1)
    #         = 0.574442516811659
    # o1 = g(h * W2 + b21) = g(0.679 * 0.1 + 0.574 * 0.2 + 1)
    #       = 0.7654329236196236
    # d21 = -(0 - 0.765) = 0.765
    # d11 = (1 - 0.679) * 0.679 * 0.765 * 0.1 = 0.01667
    # d12 = (1 - 0.574) * 0.574 * 0.765 * 0.2 = 0.0374
    # W1grad11 = X1 * d11 + alpha * W11 = 0.6 * 0.01667 + 0.1 * 0.1 = 0.0200
    # W1grad11 = X1 * d12 + alpha * W12 = 0.6 * 0.0374 + 0.1 * 0.2 = 0.04244
    # W1grad21 = X2 * d11 + alpha * W13 = 0.8 * 0.01667 + 0.1 * 0.3 = 0.043336
    # W1grad22 = X2 * d12 + alpha * W14 = 0.8 * 0.0374 + 0.1 * 0.1 = 0.03992
    # W1grad31 = X3 * d11 + alpha * W15 = 0.7 * 0.01667 + 0.1 * 0.5 = 0.061669
    # W1grad32 = X3 * d12 + alpha * W16 = 0.7 * 0.0374 + 0.1 * 0 = 0.02618
    # W2grad1 = h1 * d21 + alpha * W21 = 0.679 * 0.765 + 0.1 * 0.1 = 0.5294
    # W2grad2 = h2 * d21 + alpha * W22 = 0.574 * 0.765 + 0.1 * 0.2 = 0.45911
    # b1grad1 = d11 = 0.01667
    # b1grad2 = d12 = 0.0374
    # b2grad = d21 = 0.765
    # W1 = W1 - eta * [W1grad11, .., W1grad32] = [[0.1, 0.2], [0.3, 0.1],
    #          [0.5, 0]] - 0.1 * [[0.0200, 0.04244], [0.043336, 0.03992],
    #          [0.061669, 0.02618]] = [[0.098, 0.195756], [0.2956664,
    #          0.096008], [0.4938331, -0.002618]]
    # (scikit-learn's comment has X3 = 0.6 in the last two rows, which its tolerance
    # of three decimals hides)
    # W2 = W2 - eta * [W2grad1, W2grad2] = [[0.1], [0.2]] - 0.1 *
    #        [[0.5294], [0.45911]] = [[0.04706], [0.154089]]
    # b1 = b1 - eta * [b1grad1, b1grad2] = 0.1 - 0.1 * [0.01667, 0.0374]
    #         = [0.098333, 0.09626]
    # b2 = b2 - eta * b2grad = 1.0 - 0.1 * 0.765 = 0.9235
    for got, expected in [
        (
            mlp.coefs_[0],
            [[0.098, 0.195756], [0.295666, 0.096008], [0.493833, -0.00262]],
        ),
        (mlp.coefs_[1], [[0.04706], [0.154089]]),
        (mlp.intercepts_[0], [0.098333, 0.09626]),
        (mlp.intercepts_[1], [0.9235]),
    ]:
        assert_allclose(got, expected, rtol=0, atol=1e-4)
    # Testing output
    #  h1 = g(X1 * W_i1 + b11) = g(0.6 * 0.098 + 0.8 * 0.2956664 +
    #               0.7 * 0.4938331 + 0.098333) = 0.677
    #  h2 = g(X2 * W_i2 + b12) = g(0.6 * 0.195756 + 0.8 * 0.096008 +
    #            0.7 * -0.002618 + 0.09626) = 0.572
    #  o1 = h * W2 + b21 = 0.677 * 0.04706 +
    #             0.572 * 0.154089 + 0.9235 = 1.043
    #  prob = sigmoid(o1) = 0.739
    assert_allclose(mlp.predict_proba(X)[0, 1], 0.739, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    "n_labels, activation", covering([2, 3], ACTIVATION_TYPES, strength=1)
)
def test_gradient(n_labels, activation):
    # The numerical and the analytical gradient agree. Both are read off one plain
    # gradient step: the loss of a full-batch epoch is J at the weights the epoch
    # began with, and with a learning rate of 1 the step is minus the gradient.
    n_samples, n_features = 5, 4
    random_state = np.random.RandomState(seed=42)
    X = random_state.rand(n_samples, n_features)
    y = 1 + np.mod(np.arange(n_samples) + 1, n_labels)
    start = MLPClassifier(
        activation=activation,
        hidden_layer_sizes=3,
        solver="sgd",
        alpha=1e-5,
        learning_rate_init=1.0,
        momentum=0,
        random_state=1,
    ).partial_fit(X, y, classes=np.unique(y))
    theta = parameters(start)

    def loss_grad(theta):
        mlp = copy.deepcopy(start)
        set_parameters(mlp, theta.copy())
        mlp.partial_fit(X, y)
        return mlp.loss_curve_[-1], theta - parameters(mlp)

    _, grad = loss_grad(theta)
    epsilon = 1e-5
    numgrad = [
        (loss_grad(theta + d)[0] - loss_grad(theta - d)[0]) / (2 * epsilon)
        for d in epsilon * np.eye(theta.size)
    ]
    assert np.abs(grad).max() > 1e-2
    assert_allclose(numgrad, grad, rtol=0, atol=1e-7)


@pytest.mark.parametrize("activation", ACTIVATION_TYPES)
@classification_datasets
def test_lbfgs_classification(X, y, activation):
    # It should achieve a score higher than 0.95 for the binary and multi-class
    # versions of the digits dataset.
    X_train, y_train, X_test = X[:150], y[:150], X[150:]
    mlp = MLPClassifier(
        solver="lbfgs",
        hidden_layer_sizes=50,
        max_iter=150,
        shuffle=True,
        random_state=1,
        activation=activation,
    )
    mlp.fit(X_train, y_train)
    y_predict = mlp.predict(X_test)
    assert mlp.score(X_train, y_train) > 0.95
    assert y_predict.shape == (X_test.shape[0],)
    assert y_predict.dtype.kind == y_train.dtype.kind


@ignore_convergence
@pytest.mark.parametrize("activation", ACTIVATION_TYPES)
def test_lbfgs_regression(activation):
    mlp = MLPRegressor(
        solver="lbfgs",
        hidden_layer_sizes=50,
        max_iter=200,
        tol=1e-3,
        shuffle=True,
        random_state=1,
        activation=activation,
    )
    mlp.fit(X_reg, y_reg)
    # Non linear models perform much better than a linear bottleneck.
    assert mlp.score(X_reg, y_reg) > (0.80 if activation == "identity" else 0.98)


@pytest.mark.parametrize("activation", ACTIVATION_TYPES)
@pytest.mark.parametrize(
    "Estimator, params, X, y",
    [
        (MLPClassifier, {}, X_digits_multi, y_digits_multi),
        (MLPClassifier, {}, X_digits_binary, y_digits_binary),
        (MLPRegressor, {"tol": 0.0}, X_reg, y_reg),
    ],
    ids=["multiclass", "binary", "regression"],
)
def test_lbfgs_maxfun(Estimator, params, X, y, activation):
    # max_fun independently limits the number of iterations of lbfgs
    # (test_lbfgs_classification_maxfun and test_lbfgs_regression_maxfun).
    max_fun = 10
    mlp = Estimator(
        solver="lbfgs",
        hidden_layer_sizes=50,
        max_iter=150,
        max_fun=max_fun,
        shuffle=True,
        random_state=1,
        activation=activation,
        **params,
    )
    with pytest.warns(ConvergenceWarning):
        mlp.fit(X, y)
    assert max_fun >= mlp.n_iter_


@ignore_convergence
@pytest.mark.parametrize("learning_rate", ["invscaling", "constant"])
def test_learning_rate_warmstart(learning_rate):
    # The schedule continues over a warm start: t_ counts every sample ever seen, and
    # the second epoch of the second fit steps with learning_rate_init / (t + 1)**p.
    X = np.array([[3, 2], [1, 6], [5, 6], [-2, -4]])
    y = [1, 1, 1, 0]
    power_t = 0.25
    params = {
        "solver": "sgd",
        "hidden_layer_sizes": 4,
        "momentum": 0,  # so that a step is the rate times the gradient, nothing else
        "random_state": 0,
    }
    mlp = MLPClassifier(
        learning_rate=learning_rate,
        max_iter=1,
        power_t=power_t,
        warm_start=True,
        **params,
    )
    mlp.fit(X, y)
    assert mlp.t_ == len(X)

    def continued(max_iter):
        return copy.deepcopy(mlp).set_params(max_iter=max_iter).fit(X, y)

    one_epoch, two_epochs = continued(1), continued(2)
    assert one_epoch.t_ == 2 * len(X)
    step = parameters(two_epochs) - parameters(one_epoch)

    # the step from there at learning_rate_init
    plain = MLPClassifier(**params).partial_fit(X, y, classes=[0, 1])
    set_parameters(plain, parameters(one_epoch))
    full_step = parameters(plain.partial_fit(X, y)) - parameters(one_epoch)

    assert np.abs(full_step).max() > 1e-5
    ratio = 1 if learning_rate == "constant" else 1 / (8 + 1) ** power_t
    assert_allclose(step, ratio * full_step, rtol=1e-7, atol=1e-14)


@ignore_convergence
def test_multilabel_classification():
    X, y = make_multilabel_classification(
        n_samples=50, random_state=0, return_indicator=True
    )
    # fit
    mlp = MLPClassifier(
        solver="lbfgs",
        hidden_layer_sizes=50,
        alpha=1e-5,
        max_iter=150,
        random_state=0,
        activation="logistic",
        learning_rate_init=0.2,
    )
    mlp.fit(X, y)
    assert mlp.score(X, y) > 0.97

    # partial_fit
    mlp = MLPClassifier(
        solver="sgd",
        hidden_layer_sizes=50,
        max_iter=150,
        random_state=0,
        activation="logistic",
        alpha=1e-5,
        learning_rate_init=0.2,
    )
    for _ in range(100):
        mlp.partial_fit(X, y, classes=[0, 1, 2, 3, 4])
    assert mlp.score(X, y) > 0.9

    # Early stopping works although a multilabel split cannot be stratified.
    mlp = MLPClassifier(early_stopping=True, random_state=0)
    assert mlp.fit(X, y).predict(X).shape == y.shape


def test_multioutput_regression():
    X, y = make_regression(n_samples=200, n_targets=5, random_state=11)
    mlp = MLPRegressor(
        solver="lbfgs", hidden_layer_sizes=50, max_iter=200, tol=1e-2, random_state=1
    )
    mlp.fit(X, y)
    assert mlp.score(X, y) > 0.9


def test_partial_fit_classes_error():
    # Passing different classes to partial_fit raises an error.
    X = [[3, 2]]
    y = [0]
    clf = MLPClassifier(solver="sgd")
    clf.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="classes"):
        clf.partial_fit(X, y, classes=[1, 2])


@ignore_convergence
@classification_datasets
def test_partial_fit_classification(X, y):
    # `partial_fit` yields the same results as 'fit'.
    params = {
        "solver": "sgd",
        "random_state": 1,
        "alpha": 1e-5,
        "learning_rate_init": 0.2,
    }
    fitted = MLPClassifier(max_iter=100, tol=0, **params).fit(X, y)
    mlp = MLPClassifier(**params)
    for _ in range(100):
        mlp.partial_fit(X, y, classes=np.unique(y))
    assert_array_equal(fitted.predict(X), mlp.predict(X))
    assert mlp.score(X, y) > 0.95


def test_partial_fit_unseen_classes():
    # Non regression test for scikit-learn's bug 6994: labels that only a later call
    # brings keep their meaning.
    clf = MLPClassifier(random_state=0)
    clf.partial_fit([[1], [2], [3]], ["a", "b", "c"], classes=["a", "b", "c", "d"])
    clf.partial_fit([[4]], ["d"])
    assert_array_equal(clf.classes_, ["a", "b", "c", "d"])
    assert clf.score([[1], [2], [3], [4]], ["a", "b", "c", "d"]) > 0


@ignore_convergence
@pytest.mark.parametrize("momentum", [0, 0.9])
def test_partial_fit_regression(momentum):
    # `partial_fit` yields the same results as 'fit'.
    params = {
        "solver": "sgd",
        "activation": "relu",
        "random_state": 1,
        "learning_rate_init": 0.01,
        "batch_size": X_reg.shape[0],
        "momentum": momentum,
    }
    fitted = MLPRegressor(max_iter=100, **params).fit(X_reg, y_reg)
    mlp = MLPRegressor(**params)
    for _ in range(100):
        mlp.partial_fit(X_reg, y_reg)
    assert_allclose(fitted.predict(X_reg), mlp.predict(X_reg))
    assert mlp.score(X_reg, y_reg) > 0.65


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_partial_fit_errors(Estimator):
    X = [[3, 2], [1, 6]]
    y = [1, 0]
    if Estimator is MLPClassifier:
        # classes without the labels of y
        with pytest.raises(ValueError, match="classes"):
            Estimator(solver="sgd").partial_fit(X, y, classes=[2])
    # lbfgs doesn't support partial_fit (scikit-learn intends that for the regressor
    # as well)
    assert not hasattr(Estimator(solver="lbfgs"), "partial_fit")
    assert hasattr(Estimator(solver="sgd"), "partial_fit")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_nonfinite_params():
    # MLPRegressor raises when the parameters become non-finite.
    rng = np.random.RandomState(0)
    n_samples = 10
    fmax = np.finfo(np.float64).max
    X = fmax * rng.uniform(size=(n_samples, 2))
    y = rng.standard_normal(size=n_samples)

    mlp = MLPRegressor()
    msg = (
        "Solver produced non-finite parameter weights. The input data may contain large"
        " values and need to be preprocessed."
    )
    with pytest.raises(ValueError, match=re.escape(msg)):
        mlp.fit(X, y)


@ignore_convergence
def test_predict_proba_binary():
    X = X_digits_binary[:50]
    y = y_digits_binary[:50]
    clf = MLPClassifier(hidden_layer_sizes=5, activation="logistic", random_state=1)
    clf.fit(X, y)
    y_proba = clf.predict_proba(X)
    y_log_proba = clf.predict_log_proba(X)

    assert y_proba.shape == (y.shape[0], 2)
    assert_array_equal(y_proba.argmax(axis=1), y_log_proba.argmax(axis=1))
    assert_allclose(y_log_proba, np.log(y_proba))
    assert roc_auc_score(y, y_proba[:, 1]) == 1.0


@ignore_convergence
def test_predict_proba_multiclass():
    X = X_digits_multi[:10]
    y = y_digits_multi[:10]
    clf = MLPClassifier(hidden_layer_sizes=5, random_state=0)
    clf.fit(X, y)
    y_proba = clf.predict_proba(X)
    y_log_proba = clf.predict_log_proba(X)

    assert y_proba.shape == (y.shape[0], np.unique(y).size)
    assert_array_equal(y_proba.argmax(axis=1), y_log_proba.argmax(axis=1))
    assert_allclose(y_log_proba, np.log(y_proba))
    assert_allclose(y_proba.sum(axis=1), 1)


def test_predict_proba_multilabel():
    # Multilabel should not use softmax which makes probabilities sum to 1.
    X, Y = make_multilabel_classification(
        n_samples=50, random_state=0, return_indicator=True
    )
    clf = MLPClassifier(solver="lbfgs", hidden_layer_sizes=30, random_state=0)
    clf.fit(X, Y)
    y_proba = clf.predict_proba(X)
    y_log_proba = clf.predict_log_proba(X)

    assert y_proba.shape == Y.shape
    assert_array_equal(y_proba > 0.5, Y)
    assert np.sum((y_proba.sum(axis=1) - 1) ** 2) > 1e-10
    assert_array_equal(y_proba.argmax(axis=1), y_log_proba.argmax(axis=1))
    assert_allclose(y_log_proba, np.log(y_proba))


@ignore_convergence
def test_shuffle():
    # The shuffle parameter affects the training process (it should).
    X, y = make_regression(n_samples=50, n_features=5, n_targets=1, random_state=0)

    def first_coef(shuffle):
        mlp = MLPRegressor(
            hidden_layer_sizes=1,
            max_iter=1,
            batch_size=1,
            random_state=0,
            shuffle=shuffle,
        )
        return mlp.fit(X, y).coefs_[0]

    # Identical if both do or do not shuffle, slightly different otherwise.
    for shuffle in [True, False]:
        assert np.array_equal(first_coef(shuffle), first_coef(shuffle))
    assert not np.array_equal(first_coef(True), first_coef(False))


@pytest.mark.parametrize("container", [sp.csr_matrix, sp.csr_array])
def test_sparse_matrices(container):
    # Sparse and dense input matrices output the same results.
    X = X_digits_binary[:50]
    y = y_digits_binary[:50]
    X_sparse = container(X)
    mlp = MLPClassifier(solver="lbfgs", hidden_layer_sizes=15, random_state=1)
    dense_fit = mlp.fit(X, y).predict(X)
    assert_array_equal(mlp.fit(X_sparse, y).predict(X_sparse), dense_fit)
    assert_array_equal(mlp.predict(X), mlp.predict(X_sparse))


def test_tolerance():
    # The tolerance forces the solver to exit the loop when it converges.
    X = [[3, 2], [1, 6]]
    y = [1, 0]
    clf = MLPClassifier(tol=0.5, max_iter=3000, solver="sgd", random_state=0)
    clf.fit(X, y)
    assert clf.max_iter > clf.n_iter_


@ignore_convergence
def test_verbose_sgd(capsys):
    X = [[3, 2], [1, 6]]
    y = [1, 0]
    clf = MLPClassifier(solver="sgd", max_iter=2, verbose=10, hidden_layer_sizes=2)
    clf.fit(X, y)
    assert capsys.readouterr().out.count("Iteration") == 2
    clf.partial_fit(X, y)
    assert capsys.readouterr().out.count("Iteration") == 1


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_early_stopping(Estimator):
    X = X_digits_binary[:100]
    y = y_digits_binary[:100]
    tol = 0.2
    params = {"tol": tol, "max_iter": 3000, "solver": "sgd", "random_state": 0}
    mlp = Estimator(early_stopping=True, **params).fit(X, y)
    assert mlp.max_iter > mlp.n_iter_

    assert mlp.best_loss_ is None
    assert isinstance(mlp.validation_scores_, list)
    assert len(mlp.validation_scores_) == mlp.n_iter_

    valid_scores = mlp.validation_scores_
    best_valid_score = mlp.best_validation_score_
    assert max(valid_scores) == best_valid_score
    assert best_valid_score + tol > valid_scores[-2]
    assert best_valid_score + tol > valid_scores[-1]

    # `validation_scores_` and `best_validation_score_` are None when
    # `early_stopping=False`.
    mlp = Estimator(early_stopping=False, **params).fit(X, y)
    assert mlp.validation_scores_ is None
    assert mlp.best_validation_score_ is None
    assert mlp.best_loss_ == min(mlp.loss_curve_)


def test_adaptive_learning_rate():
    # The rate is divided by 5 each time the loss stops improving, and training ends
    # once it would fall from below 1e-6.
    X = [[3, 2], [1, 6]]
    y = [1, 0]
    params = {
        "tol": 0.5,
        "solver": "sgd",
        "learning_rate": "adaptive",
        "momentum": 0,
        "random_state": 0,
    }
    clf = MLPClassifier(max_iter=3000, **params).fit(X, y)
    assert clf.max_iter > clf.n_iter_

    rate, best, count, end = clf.learning_rate_init, np.inf, 0, None
    for epoch, loss in enumerate(clf.loss_curve_, start=1):
        count = count + 1 if loss > best - clf.tol else 0
        best = min(best, loss)
        if count > clf.n_iter_no_change:
            if rate <= 1e-6:
                end = epoch
                break
            rate /= 5
            count = 0
    assert end == clf.n_iter_
    assert 1e-6 > rate

    # ... and the rate in use really is that small: the gradient of this problem is
    # of order 1 to 10, and the last step is less than 1e-6 times 10 long.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        before = MLPClassifier(max_iter=clf.n_iter_ - 1, **params).fit(X, y)
        first = MLPClassifier(max_iter=1, **params).fit(X, y)
        second = MLPClassifier(max_iter=2, **params).fit(X, y)
    last_step = np.abs(parameters(clf) - parameters(before)).max()
    first_step = np.abs(parameters(second) - parameters(first)).max()
    assert 0 < last_step < 1e-5
    assert first_step > 100 * last_step


def test_warm_start():
    X, y = X_iris, y_iris
    y_2classes = np.array([0] * 75 + [1] * 75)
    y_3classes = np.array([0] * 40 + [1] * 40 + [2] * 70)
    y_3classes_alt = np.array([0] * 50 + [1] * 50 + [3] * 50)
    y_4classes = np.array([0] * 37 + [1] * 37 + [2] * 38 + [3] * 38)
    y_5classes = np.array([0] * 30 + [1] * 30 + [2] * 30 + [3] * 30 + [4] * 30)

    # No error raised
    clf = MLPClassifier(
        hidden_layer_sizes=2, solver="lbfgs", warm_start=True, random_state=42, tol=1e-2
    ).fit(X, y)
    clf.fit(X, y)
    clf.fit(X, y_3classes)

    for y_i in (y_2classes, y_3classes_alt, y_4classes, y_5classes):
        before = copy.deepcopy(clf)
        message = (
            "warm_start can only be used where `y` has the same "
            "classes as in the previous call to fit."
            f" Previously got [0 1 2], `y` has {np.unique(y_i)}"
        )
        with pytest.raises(ValueError, match=re.escape(message)):
            clf.fit(X, y_i)
        assert_array_equal(clf.predict_proba(X), before.predict_proba(X))


@ignore_convergence
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_warm_start_full_iteration(Estimator):
    # Non-regression test for scikit-learn#16812: a warm started estimator does
    # `max_iter` further epochs.
    X, y = X_iris, y_iris
    max_iter = 3
    clf = Estimator(
        hidden_layer_sizes=2, solver="sgd", warm_start=True, max_iter=max_iter
    )
    clf.fit(X, y)
    assert max_iter == clf.n_iter_
    clf.fit(X, y)
    assert max_iter == clf.n_iter_
    assert len(clf.loss_curve_) == 2 * max_iter


@pytest.mark.parametrize("n_iter_no_change", [2, 5, 10, 50, 100])
def test_n_iter_no_change(n_iter_no_change):
    # A binary data set: its fit is not prone to loss curve fluctuations.
    X = X_digits_binary[:100]
    y = y_digits_binary[:100]
    tol = 0.01
    max_iter = 3000
    clf = MLPClassifier(
        tol=tol,
        max_iter=max_iter,
        solver="sgd",
        n_iter_no_change=n_iter_no_change,
        random_state=0,
    )
    clf.fit(X, y)

    counts = no_improvement_counts(clf.loss_curve_, tol)
    assert counts[-1] == n_iter_no_change + 1
    assert max(counts[:-1]) <= n_iter_no_change
    assert max_iter > clf.n_iter_


@ignore_convergence
def test_n_iter_no_change_inf():
    # The fitting process goes to max_iter iterations, whatever the loss does.
    X = X_digits_binary[:100]
    y = y_digits_binary[:100]
    tol = 1e9  # a ridiculous tolerance: no epoch but the first is an improvement
    max_iter = 200
    clf = MLPClassifier(
        tol=tol, max_iter=max_iter, solver="sgd", n_iter_no_change=np.inf
    )
    clf.fit(X, y)

    assert clf.n_iter_ == max_iter
    assert no_improvement_counts(clf.loss_curve_, tol)[-1] == clf.n_iter_ - 1


def test_early_stopping_stratified():
    # The split for early stopping is stratified.
    X = [[1, 2], [2, 3], [3, 4], [4, 5]]
    y = [0, 0, 0, 1]
    mlp = MLPClassifier(early_stopping=True)
    # "class in y has" before scikit-learn 1.9, "classes in y have" since.
    message = r"The least populated class(es)? in y ha(s|ve) only 1 member"
    with pytest.raises(ValueError, match=message):
        mlp.fit(X, y)


@ignore_convergence
def test_mlp_early_stopping_string_labels():
    # Labels can be strings when `early_stopping=True` (scikit-learn#33760).
    X, y = make_classification(
        n_samples=200,
        n_features=10,
        n_classes=3,
        n_informative=5,
        random_state=42,
    )
    labels = np.array(["class_a", "class_b", "class_c"], dtype=object)

    mlp = MLPClassifier(early_stopping=True, max_iter=50, random_state=42)
    mlp.fit(X, labels[y])

    assert mlp.validation_scores_ is not None
    assert len(mlp.validation_scores_) == mlp.n_iter_
    assert np.isfinite(mlp.validation_scores_).all()
    assert mlp.best_validation_score_ > 1 / 3


@ignore_convergence
def test_mlp_classifier_dtypes_casting():
    # Compare predictions for different dtypes.
    mlp_64 = MLPClassifier(
        alpha=1e-5, hidden_layer_sizes=(5, 3), random_state=1, max_iter=100, tol=1e-1
    )
    mlp_32 = copy.deepcopy(mlp_64)
    mlp_64.fit(X_digits[:300], y_digits[:300])
    mlp_32.fit(X_digits[:300].astype(np.float32), y_digits[:300])

    X_test = X_digits[300:]
    X_test_32 = X_test.astype(np.float32)
    assert_array_equal(mlp_64.predict(X_test), mlp_32.predict(X_test_32))
    assert_allclose(
        mlp_64.predict_proba(X_test), mlp_32.predict_proba(X_test_32), rtol=1e-02
    )


@ignore_convergence
def test_mlp_regressor_dtypes_casting():
    mlp_64 = MLPRegressor(
        alpha=1e-5, hidden_layer_sizes=(5, 3), random_state=1, max_iter=150, tol=1e-3
    )
    mlp_32 = copy.deepcopy(mlp_64)
    mlp_64.fit(X_digits[:300], y_digits[:300])
    mlp_32.fit(X_digits[:300].astype(np.float32), y_digits[:300])

    X_test = X_digits[300:]
    assert_allclose(
        mlp_64.predict(X_test), mlp_32.predict(X_test.astype(np.float32)), rtol=5e-04
    )


@ignore_convergence
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_mlp_param_dtypes(dtype, Estimator):
    # The input dtype is used for network parameters and predictions.
    X, y = X_digits.astype(dtype), y_digits
    mlp = Estimator(
        alpha=1e-5, hidden_layer_sizes=(5, 3), random_state=1, max_iter=50, tol=1e-1
    )
    mlp.fit(X[:300], y[:300])
    pred = mlp.predict(X[300:])

    assert {intercept.dtype for intercept in mlp.intercepts_} == {np.dtype(dtype)}
    assert {coef.dtype for coef in mlp.coefs_} == {np.dtype(dtype)}
    if Estimator is MLPRegressor:
        assert pred.dtype == dtype


@ignore_convergence
def test_mlp_loading_from_joblib_partial_fit(tmp_path):
    # Loading from joblib and partial fitting updates weights (scikit-learn#19626).
    pre_trained = MLPRegressor(
        hidden_layer_sizes=(42,), random_state=42, learning_rate_init=0.01, max_iter=200
    )
    # Fit on x=2, y=4
    pre_trained.fit([[2]], [4])

    joblib.dump(pre_trained, tmp_path / "mlp.pkl")
    loaded = joblib.load(tmp_path / "mlp.pkl")

    # Train for more epochs on point x=2, y=1
    for _ in range(200):
        loaded.partial_fit([[2]], [1])

    # The fine-tuned model learned the new target.
    assert_allclose(loaded.predict([[2]]), [1], rtol=1e-4)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_preserve_feature_names(Estimator):
    # Feature names survive the early-stopping split: scoring on it does not warn
    # (scikit-learn#24846).
    pd = pytest.importorskip("pandas")
    rng = np.random.RandomState(0)
    X = pd.DataFrame(data=rng.randn(10, 2), columns=["colname_a", "colname_b"])
    # scikit-learn's test has a constant y; here a classifier needs two classes.
    y = np.full(10, 1) if Estimator is MLPRegressor else np.arange(10) % 2
    y = pd.Series(data=y, name="colname_y")

    model = Estimator(early_stopping=True, validation_fraction=0.2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.fit(X, y)
        model.predict(X)
    assert_array_equal(model.feature_names_in_, X.columns)


@ignore_convergence
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_mlp_warm_start_with_early_stopping(Estimator):
    mlp = Estimator(max_iter=10, random_state=0, warm_start=True, early_stopping=True)
    mlp.fit(X_iris, y_iris)
    n_validation_scores = len(mlp.validation_scores_)
    mlp.set_params(max_iter=20)
    mlp.fit(X_iris, y_iris)
    assert len(mlp.validation_scores_) > n_validation_scores


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_mlp_warm_start_no_convergence(Estimator, solver):
    # Training stops at `max_iter` when warm starting (scikit-learn#24764).
    model = Estimator(
        solver=solver,
        warm_start=True,
        early_stopping=False,
        max_iter=10,
        n_iter_no_change=np.inf,
        random_state=0,
    )
    with pytest.warns(ConvergenceWarning):
        model.fit(X_iris, y_iris)
    assert model.n_iter_ == 10

    model.set_params(max_iter=20)
    with pytest.warns(ConvergenceWarning):
        model.fit(X_iris, y_iris)
    assert model.n_iter_ == 20


@ignore_convergence
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_mlp_partial_fit_after_fit(Estimator):
    # partial_fit after fit says why when early_stopping=True (scikit-learn#25693).
    mlp = Estimator(early_stopping=True, random_state=0).fit(X_iris, y_iris)
    msg = "partial_fit does not support early_stopping=True"
    with pytest.raises(ValueError, match=msg):
        mlp.partial_fit(X_iris, y_iris)


@ignore_convergence
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_mlp_diverging_loss():
    # A diverging model does not raise when early stopping is enabled: the best
    # weights seen are there to go back to (scikit-learn#29504).
    mlp = MLPRegressor(
        hidden_layer_sizes=100,
        activation="identity",
        solver="sgd",
        alpha=0.0001,
        learning_rate="constant",
        learning_rate_init=1,
        shuffle=True,
        max_iter=20,
        early_stopping=True,
        n_iter_no_change=10,
        random_state=0,
    )
    mlp.fit(X_iris, y_iris)

    # In python, float("nan") != float("nan")
    assert str(mlp.validation_scores_[-1]) == str(np.nan)
    assert isinstance(mlp.validation_scores_[-1], float)
    # The weights kept are the best ones, not the broken ones.
    assert np.isfinite(mlp.best_validation_score_)
    assert np.isfinite(mlp.predict(X_iris)).all()


@ignore_convergence
def test_mlp_sample_weight_with_early_stopping():
    # Unit weights go through the inner validation split without any effect.
    X, y = make_regression(
        n_samples=100,
        n_features=2,
        n_informative=2,
        random_state=42,
    )
    params = {
        "hidden_layer_sizes": 10,
        "solver": "adam",
        "early_stopping": True,
        "tol": 1e-2,
        "learning_rate_init": 0.01,
        "batch_size": 10,
        "random_state": 42,
    }
    weighted = MLPRegressor(**params).fit(X, y, sample_weight=np.ones_like(y))
    plain = MLPRegressor(**params).fit(X, y, sample_weight=None)
    assert_allclose(weighted.predict(X), plain.predict(X))


@ignore_convergence
@pytest.mark.parametrize("hidden_layer_sizes", [(1,), ()])
@pytest.mark.parametrize("seed", [0, 1])
def test_mlp_vs_poisson_glm_equivalent(seed, hidden_layer_sizes):
    # Poisson loss and no hidden layer (or, as in scikit-learn's test, one identity
    # unit) equals a GLM.
    n = 100
    rng = np.random.default_rng(seed)
    X = np.linspace(0, 1, n)
    y = rng.poisson(np.exp(X + 1))
    X = X.reshape(n, -1)
    glm = PoissonRegressor(alpha=0, tol=1e-7).fit(X, y)

    def predictions(loss):
        mlp = MLPRegressor(
            loss=loss,
            hidden_layer_sizes=hidden_layer_sizes,
            activation="identity",
            alpha=0,
            solver="lbfgs",
            tol=1e-7,
            random_state=np.random.RandomState(seed + 1),
        )
        return mlp.fit(X, y).predict(X)

    assert_allclose(predictions("poisson"), glm.predict(X), rtol=1e-4)
    # The same does not work with the squared error because the output activation is
    # the identity instead of the exponential.
    assert not np.allclose(predictions("squared_error"), glm.predict(X), rtol=1e-4)


def test_minimum_input_sample_size():
    # The error message when the validation set is too small.
    X, y = make_regression(n_samples=2, n_features=5, random_state=0)
    model = MLPRegressor(early_stopping=True, random_state=0)
    with pytest.raises(ValueError, match="The validation set is too small"):
        model.fit(X, y)


# ------------------------------------------------------------ the installed file itself

# What these read or set is private; the tests of the same names above look at what
# can be observed of it.
READ_PRIVATE_ATTRIBUTES = {
    "test_fit": "sets _coef_grads and more in place of a fit, then goes on",
    "test_gradient": "calls _loss_grad_lbfgs",
    "test_learning_rate_warmstart": "reads _optimizer.learning_rate",
    "test_adaptive_learning_rate": "reads _optimizer.learning_rate",
    "test_n_iter_no_change": "reads _no_improvement_count",
    "test_n_iter_no_change_inf": "reads _no_improvement_count",
}
OTHER_MESSAGE = {
    # y = [0, 0, 0, 1] is refused, too, for another reason: one row is held out, and
    # two are needed for a score. scikit-learn >= 1.9 calls the class 1 'True'.
    "test_early_stopping_stratified": "wants scikit-learn's words",
}
# A fixture of scikit-learn's own conftest.py.
CONFTEST = """
import pytest

@pytest.fixture(params=[0, 1, 2])
def global_random_seed(request):
    return request.param
"""


@pytest.mark.long
def test_the_installed_suite_passes_where_it_is_public(tmp_path):
    """The file that scikit-learn ships, with MLPClassifier and MLPRegressor of skl2."""
    shipped = Path(sklearn.neural_network.__file__).parent / "tests" / "test_mlp.py"
    theirs = "from sklearn.neural_network import MLPClassifier, MLPRegressor"
    source = shipped.read_text()
    assert source.count(theirs) == 1
    (tmp_path / "conftest.py").write_text(CONFTEST)
    ours = "from skl2 import MLPClassifier, MLPRegressor"
    (tmp_path / "test_shipped.py").write_text(source.replace(theirs, ours))
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    outcome = ran.stdout
    failed = set(re.findall(r"^(?:FAILED|ERROR) \S+::(\w+)", outcome, re.MULTILINE))
    assert failed <= {*READ_PRIVATE_ATTRIBUTES, *OTHER_MESSAGE}, outcome
    # Of about 60 cases.
    assert int(re.search(r"(\d+) passed", outcome)[1]) >= 45
