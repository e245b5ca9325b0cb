"""From a fitted network to a smaller one, and to and from other libraries."""

import importlib
import pickle
from copy import copy, deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn import neural_network
from sklearn.utils.validation import check_is_fitted

from skl2._engine.losses import (
    BinaryLogLoss,
    Gaussian,
    HalfPoisson,
    HalfSquaredError,
    Loss,
    MultinomialLogLoss,
)
from skl2._engine.network.average import average, densified, split
from skl2._engine.network.batch_norm import BatchNorm
from skl2._engine.network.layers import ACTIVATIONS
from skl2._estimators.classifier import MLPClassifier
from skl2._estimators.ensemble import side_by_side
from skl2._estimators.prediction import check_perceptron
from skl2._estimators.regressor import MLPRegressor
from skl2._estimators.targets import ClassTargets
from skl2._sklearn_compat import set_labels, was_multilabel


def _dense(coef):
    return coef.toarray() if sparse.issparse(coef) else coef


@dataclass
class Compression:
    """What ``compress`` made of an estimator.

    Attributes
    ----------
    estimator : MLPClassifier or MLPRegressor
        The smaller estimator; it predicts the same.
    removed_units : list of int
        Units removed from each hidden layer.
    unused_inputs : ndarray of int
        Columns of X that no weight uses; the estimator still takes them.
    multiply_adds : tuple of int
        Per row of X, before and after.
    pickle_bytes : tuple of int
        Size of the pickled estimator, before and after.
    """

    estimator: MLPClassifier | MLPRegressor
    removed_units: list[int]
    unused_inputs: np.ndarray
    multiply_adds: tuple[int, int]
    pickle_bytes: tuple[int, int]


def compress(estimator):
    """Remove the hidden units that do nothing.

    A unit without outgoing weights is dropped. A unit without incoming weights puts out
    the constant f(b), which is added to the biases of the next layer. Such units are
    what an L1 penalty leaves behind; with ``sparsify`` the zeros that remain take no
    memory either.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Fitted; it is not changed.

    Returns
    -------
    compression : Compression
        Its estimator's predictions equal those of `estimator` to rounding. A layer all
        of whose units are dead keeps one. `partial_fit` and warm fits go on from the
        weights, with batch norm from its statistics; the optimizer starts anew.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skl2 import MLPClassifier
    >>> from skl2.export import compress
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X = StandardScaler().fit_transform(X)
    >>> clf = MLPClassifier((50,), penalty="l1", alpha=10.0, solver="lbfgs",
    ...                     max_iter=1000, random_state=0).fit(X, y)
    >>> small = compress(clf)
    >>> small.multiply_adds[1] < small.multiply_adds[0] / 2
    True
    """
    check_perceptron(estimator, "compress")
    dense = densified(estimator.coefs_, len(estimator.estimators_))
    n_units = [c.shape[1] for c in dense[:-1]]
    networks = split(dense, estimator.intercepts_)
    # An ensemble of one hidden layer stays in one piece.
    single = estimator.estimators_ if len(networks) > 1 else [estimator]
    norms = [_own_norms(network) for network in single]
    activation = ACTIVATIONS[estimator._fitted_activation]()
    for (coefs, intercepts), own in zip(networks, norms, strict=True):
        _drop_units(coefs, intercepts, own, activation)
    coefs, intercepts = average(networks, [1.0] * len(networks))
    # What is left is one network, without those it is the average of.
    small = copy(estimator)
    small._networks = None
    small._progress = None
    small = deepcopy(small)
    small.n_estimators = 1
    small.hidden_layer_sizes = tuple(c.shape[1] for c in coefs[:-1])
    small.coefs_ = coefs
    small.intercepts_ = intercepts
    small.batch_norm_ = side_by_side(norms)
    if small.batch_norm_ is not None:
        small._batch_norm_rows = estimator.estimators_[0]._batch_norm_rows
    return Compression(
        small,
        [n - c.shape[1] for n, c in zip(n_units, coefs[:-1], strict=True)],
        np.flatnonzero(~coefs[0].any(axis=1)),
        (_multiply_adds(estimator.coefs_), _multiply_adds(coefs)),
        (len(pickle.dumps(estimator)), len(pickle.dumps(small))),
    )


def _own_norms(network):
    """A copy of ``batch_norm_``, to be changed."""
    norms = getattr(network, "batch_norm_", None)
    return None if norms is None else [dict(units) for units in norms]


def _drop_units(coefs, intercepts, norms, activation):
    """Drop, in place, the units of one network that do nothing."""
    # Forwards for constants, backwards for the unread: a removal may cause others.
    while _drop_constant(coefs, intercepts, norms, activation) or _drop_unread(
        coefs, intercepts, norms
    ):
        pass


def _multiply_adds(coefs):
    return int(sum(c.nnz if sparse.issparse(c) else c.size for c in coefs))


def _keep(coefs, intercepts, norms, i, live):
    """Keep the units `live` (bool mask) of hidden layer i, at least one of them."""
    if live.all() or len(live) == 1:
        return False
    if not live.any():
        live[0] = True
    coefs[i] = np.ascontiguousarray(coefs[i][:, live])
    intercepts[i] = intercepts[i][live]
    coefs[i + 1] = np.ascontiguousarray(coefs[i + 1][live])
    if norms is not None:
        norms[i] = {name: values[live] for name, values in norms[i].items()}
    return True


def _drop_constant(coefs, intercepts, norms, activation):
    dropped = False
    for i in range(len(coefs) - 1):
        live = coefs[i].any(axis=0)
        bias = intercepts[i]
        constant = np.where(live, 0.0, activation(bias)).astype(bias.dtype)
        added = constant @ coefs[i + 1]
        intercepts[i + 1] = intercepts[i + 1] + added
        if norms is not None and i + 1 < len(norms):
            _shift_mean(norms[i + 1], added)
        coefs[i + 1][~live] = 0.0
        dropped |= _keep(coefs, intercepts, norms, i, live)
    return dropped


def _shift_mean(norm, added):
    """Take from the mean of W x, μ, what is `added` to the bias β - μ γ / √(σ² + ε)."""
    factor = norm["scale"] / np.sqrt(norm["variance"] + BatchNorm.epsilon)
    # Where γ is 0 the folded weights are, and nothing is added.
    norm["mean"] = norm["mean"] - added / np.where(factor == 0.0, 1.0, factor)


def _drop_unread(coefs, intercepts, norms):
    dropped = False
    for i in range(len(coefs) - 2, -1, -1):
        dropped |= _keep(coefs, intercepts, norms, i, coefs[i + 1].any(axis=1))
    return dropped


def to_sklearn(estimator):
    """A fitted ``sklearn.neural_network`` estimator with equal predictions.

    It goes wherever scikit-learn's goes, for example through skl2onnx to ONNX.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Fitted, with an activation that scikit-learn has.

    Returns
    -------
    exported : sklearn.neural_network.MLPClassifier or MLPRegressor
        With the parameters that scikit-learn has too, `alpha` where the penalty is L2
        with one λ. `partial_fit` and warm fits go on from the weights; the optimizer
        starts anew. Of the loss 'gaussian' it has the means alone.

    Raises
    ------
    ValueError
        If scikit-learn lacks the activation, or the network predicts several quantiles,
        which scikit-learn's would not sort.
    """
    check_perceptron(estimator, "to_sklearn")
    activation = estimator._fitted_activation
    known = ("identity", "logistic", "tanh", "relu")
    if activation not in known:
        raise ValueError(
            f"scikit-learn has no activation {activation!r}; it has {known}. Use one "
            "of these, or export to torch."
        )
    if estimator.out_activation_ == "sort":
        raise ValueError(
            f"scikit-learn's MLPRegressor would not sort the {estimator.n_outputs_} "
            "quantiles of each row, which may then cross: fit one quantile a model, or "
            "export with to_torch(link=True)."
        )
    classifier = isinstance(estimator, MLPClassifier)
    kind = neural_network.MLPClassifier if classifier else neural_network.MLPRegressor
    exported = kind(**_common_parameters(estimator, kind)).set_params(
        hidden_layer_sizes=tuple(c.shape[1] for c in estimator.coefs_[:-1]),
        activation=activation,
    )
    if not classifier and estimator.out_activation_ == "exp":
        exported.set_params(loss="poisson")
    exported.coefs_ = [_dense(c).copy() for c in estimator.coefs_]
    exported.intercepts_ = [b.copy() for b in estimator.intercepts_]
    for name in ("n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        setattr(exported, name, getattr(estimator, name))
    if isinstance(estimator._fitted_loss, Gaussian):
        _keep_the_means(exported)
    for name in ("feature_names_in_", "n_iter_", "t_", "loss_", "loss_curve_"):
        if hasattr(estimator, name):
            setattr(exported, name, deepcopy(getattr(estimator, name)))
    _let_train_on(exported)
    if classifier:
        set_labels(exported, estimator.classes_, estimator._targets.multilabel)
    return exported


def _keep_the_means(exported):
    """Drop the second half of the outputs, the variances; the means stay."""
    exported.n_outputs_ //= 2
    exported.coefs_[-1] = exported.coefs_[-1][:, : exported.n_outputs_].copy()
    exported.intercepts_[-1] = exported.intercepts_[-1][: exported.n_outputs_].copy()


def _common_parameters(estimator, kind):
    """The parameters of `estimator` that mean the same in scikit-learn's `kind`."""
    params = estimator.get_params(deep=False)
    for name, values in {
        "solver": ("lbfgs", "sgd", "adam"),
        "learning_rate": ("constant", "invscaling", "adaptive"),
        "loss": ("squared_error", "poisson"),
    }.items():
        if params.get(name) not in values:
            params.pop(name, None)
    del params["alpha"]
    if estimator.penalty is None:
        params["alpha"] = 0.0
    elif estimator.penalty == "l2" and len(set(estimator.alpha_)) == 1:
        params["alpha"] = float(estimator.alpha_[0])
    known = kind().get_params()
    return {name: value for name, value in params.items() if name in known}


def _let_train_on(exported):
    """Set what scikit-learn's training reads of the earlier one; patience is new."""
    exported._no_improvement_count = 0
    exported.best_loss_ = np.inf
    exported.validation_scores_ = [] if exported.early_stopping else None
    exported.best_validation_score_ = -np.inf if exported.early_stopping else None
    exported._best_coefs = [c.copy() for c in exported.coefs_]
    exported._best_intercepts = [b.copy() for b in exported.intercepts_]


def from_sklearn(estimator):
    """A fitted skl2 estimator with the weights of a scikit-learn one.

    Parameters
    ----------
    estimator : sklearn.neural_network.MLPClassifier or MLPRegressor
        Fitted.

    Returns
    -------
    imported : MLPClassifier or MLPRegressor
        With the same parameters and equal predictions. (λ = alpha then means the whole
        training set's m, see the user guide.) `partial_fit` and warm fits go on from
        the weights; the optimizer starts anew, the penalties of earlier epochs, which
        scikit-learn does not report, are NaN in `penalty_curve_`.
    """
    check_is_fitted(estimator)
    if isinstance(estimator, neural_network.MLPClassifier):
        imported = MLPClassifier(**estimator.get_params())
        imported.classes_ = np.asarray(estimator.classes_)
        imported._targets = ClassTargets(imported.classes_, was_multilabel(estimator))
        softmax = estimator.out_activation_ == "softmax"
        loss: Loss = MultinomialLogLoss() if softmax else BinaryLogLoss()
    elif isinstance(estimator, neural_network.MLPRegressor):
        imported = MLPRegressor(**estimator.get_params())
        poisson = estimator.out_activation_ == "exp"
        loss = HalfPoisson() if poisson else HalfSquaredError()
    else:
        raise TypeError(
            "from_sklearn takes an MLPClassifier or MLPRegressor of "
            f"sklearn.neural_network, got {type(estimator).__name__}."
        )
    imported._fitted_activation = estimator.activation
    imported._fitted_loss = loss
    imported.coefs_ = [c.copy() for c in estimator.coefs_]
    imported.intercepts_ = [b.copy() for b in estimator.intercepts_]
    imported.alpha_ = np.full(len(imported.coefs_), float(estimator.alpha))
    for name in ("n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        setattr(imported, name, getattr(estimator, name))
    for name in ("feature_names_in_", "n_iter_", "t_", "loss_"):
        if hasattr(estimator, name):
            setattr(imported, name, deepcopy(getattr(estimator, name)))
    # L-BFGS of scikit-learn has no curves.
    imported.loss_curve_ = list(getattr(estimator, "loss_curve_", []))
    imported.penalty_curve_ = [np.nan] * len(imported.loss_curve_)
    imported.validation_scores_ = copy(getattr(estimator, "validation_scores_", None))
    imported.validation_loss_curve_ = None
    if imported.validation_scores_ is not None:
        imported.validation_loss_curve_ = [np.nan] * len(imported.validation_scores_)
    imported.best_loss_ = getattr(estimator, "best_loss_", imported.loss_)
    imported.best_validation_score_ = getattr(estimator, "best_validation_score_", None)
    imported.batch_norm_ = None
    imported._fitted_dropout = ()
    return imported


def to_torch(estimator, *, link=False):
    """The network as a ``torch.nn.Sequential``, in the dtype of its weights.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Fitted.
    link : bool, default=False
        False: the module puts out raw predictions (logits), as torch's losses expect.
        True: with the inverse link behind them: probabilities (one column for two
        classes), the mean for 'poisson' and 'gaussian', or quantiles in their
        order.

    Returns
    -------
    module : torch.nn.Sequential

    Raises
    ------
    ImportError
        If torch is not installed.
    """
    check_perceptron(estimator, "to_torch")
    try:
        torch: Any = importlib.import_module("torch")
    except ImportError as error:
        raise ImportError(
            "to_torch needs torch: pip install torch (or 'skl2[oracle]')."
        ) from error
    nn = torch.nn
    activations: dict[str, Any] = {
        "identity": nn.Identity,
        "logistic": nn.Sigmoid,
        "tanh": nn.Tanh,
        "relu": nn.ReLU,
        "leaky_relu": lambda: nn.LeakyReLU(0.01),
        "elu": nn.ELU,
        "gelu": nn.GELU,
        "silu": nn.SiLU,
    }
    modules: list = []
    for coef, intercept in zip(estimator.coefs_, estimator.intercepts_, strict=True):
        coef = _dense(coef)
        n_in, n_out = coef.shape
        linear = nn.Linear(n_in, n_out, dtype=getattr(torch, coef.dtype.name))
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(np.ascontiguousarray(coef.T)))
            linear.bias.copy_(torch.from_numpy(intercept.copy()))
        modules += [linear, activations[estimator._fitted_activation]()]
    modules.pop()
    if link:
        links: dict[str, list] = {
            "identity": [],
            "logistic": [nn.Sigmoid()],
            "softmax": [nn.Softmax(dim=1)],
            "exp": [_module(nn, "Exp", lambda raw: raw.exp())],
            "sort": [_module(nn, "Sort", lambda raw: raw.sort(dim=1).values)],
        }
        modules += links[estimator.out_activation_]
        if isinstance(estimator._fitted_loss, Gaussian):
            modules.append(_module(nn, "Mean", _first_half))
    return nn.Sequential(*modules)


def _first_half(raw):
    return raw[:, : raw.shape[1] // 2]


def _module(nn: Any, name, function):
    """A module of torch without parameters."""
    return type(name, (nn.Module,), {"forward": lambda self, raw: function(raw)})()
