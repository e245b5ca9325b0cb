"""MLPClassifier and MLPRegressor: validate, encode, delegate to the engine."""

import warnings
from abc import ABC, abstractmethod
from contextlib import contextmanager
from copy import copy, deepcopy
from hashlib import sha256
from typing import Any

import joblib
import numpy as np
from scipy import sparse
from scipy.special import log_expit, log_softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer, r2_score
from sklearn.utils import check_array, check_random_state, column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import (
    check_classification_targets,
    type_of_target,
    unique_labels,
)
from sklearn.utils.validation import check_is_fitted, validate_data

from skl2 import parameters
from skl2.alphas import scale_alpha
from skl2.batch_norm import pooled_rows, unfold
from skl2.batches import TrainingSet, row_chunks
from skl2.callbacks import CallbackSupportMixin, fit_with_callbacks
from skl2.losses import REGRESSION_LOSSES, BinaryLogLoss, Huber, MultinomialLogLoss
from skl2.network import Network
from skl2.stack import (
    STOCHASTIC_SOLVERS,
    Keyed,
    Member,
    Shape,
    make_network,
    train_stack,
)
from skl2.threads import blas_threads_for


def _fitted(estimator):
    check_is_fitted(estimator)
    return True


def _stochastic(estimator):
    if estimator.solver not in STOCHASTIC_SOLVERS:
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. "
            f"{estimator.solver} is not stochastic."
        )
    if estimator.learning_rate == "cosine":
        raise AttributeError(
            "partial_fit is not available with learning_rate='cosine', which needs to "
            "know when training ends: use another schedule."
        )
    return True


class BaseMLP(CallbackSupportMixin, BaseEstimator, ABC):
    """What the classifier and the regressor have in common.

    A fit runs in four steps, each a method: check the parameters and the data
    (``_training_set``), describe the network (``_describe``), train a stack of one
    (``train_stack``), keep what was learned (``_store``). A fit that fails leaves the
    estimator as it was.
    """

    # Set by a search that trains its candidates as stacks, see skl2.bank.
    _seat: Any = None
    loss_curve_: list
    coefs_: list
    batch_norm_: Any
    # Rows that the batch-norm statistics stand for.
    _statistics_rows: int

    @abstractmethod
    def __init__(
        self,
        loss,
        hidden_layer_sizes,
        activation,
        solver,
        alpha,
        batch_size,
        learning_rate,
        learning_rate_init,
        power_t,
        max_iter,
        shuffle,
        random_state,
        tol,
        verbose,
        warm_start,
        momentum,
        nesterovs_momentum,
        early_stopping,
        validation_fraction,
        beta_1,
        beta_2,
        epsilon,
        n_iter_no_change,
        max_fun,
        penalty,
        l1_ratio,
        dropout,
        batch_norm,
        max_norm,
        augmentation,
        scoring,
    ):
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.penalty = penalty
        self.l1_ratio = l1_ratio
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.max_norm = max_norm
        self.augmentation = augmentation
        self.scoring = scoring

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = getattr(self.augmentation, "handles_sparse", True)
        return tags

    # ------------------------------------------------------------------ training

    def fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
    ):
        """Fit the model to data matrix X and target(s) y.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data; float32 and float64 are used as they are, without a copy.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels, an indicator matrix (multilabel), or real numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0 of the rows. A weight of 2 counts a row twice, one of 0 leaves
            it out; m in J is their sum.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Rows for `early_stopping` to watch, instead of a part of X. In a Pipeline
            they are transformed as X is with ``transform_input=["X_val"]``.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the validation rows.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or the data can't be used, or if training diverges. The
            estimator is then as it was before.
        """
        validation = self._given_validation(X_val, y_val, sample_weight_val)
        if not getattr(self, "_skl_callbacks", None):
            return self._fit(X, y, sample_weight, validation=validation)
        banked = self._seat is not None and self._seat.bank.active
        fit_with_callbacks(
            self,
            X,
            y,
            sample_weight,
            # In a stack the epochs are those of all its members.
            0 if banked else self.max_iter,
            lambda listeners: self._fit(
                X, y, sample_weight, validation=validation, listeners=listeners
            ),
        )
        return self

    def _given_validation(self, X_val, y_val, sample_weight_val):
        """The validation rows given to fit; None if there are none."""
        if X_val is None and y_val is None:
            if sample_weight_val is not None:
                raise ValueError("sample_weight_val is given without X_val and y_val.")
            return None
        if X_val is None or y_val is None:
            raise ValueError(
                "X_val and y_val belong together: "
                f"{'X_val' if X_val is None else 'y_val'} was not given."
            )
        if not self.early_stopping:
            raise ValueError(
                "X_val and y_val are for early_stopping=True, which is False here."
            )
        return X_val, y_val, sample_weight_val

    def _fit(
        self, X, y, sample_weight, incremental=False, validation=None, listeners=()
    ):
        with self._unchanged_on_error():
            self._check_parameters(incremental)
            going_on = hasattr(self, "coefs_") and (incremental or self.warm_start)
            data = self._training_set(
                X, y, sample_weight, reset=not going_on, validation=validation
            )
            shape, member = self._describe(data, incremental, going_on)
            self._warn_if_decay_overshoots(shape, member, data.total_weight)
            alone = going_on or incremental
            result = self._train(shape, member, data, alone, listeners)
            self._check_finite(result, data)
            self._store(shape, member, result, data.n_rows, going_on, incremental)
        return self

    def _train(self, shape, member, data, alone, listeners):
        """Train alone, or let the bank of a search train all its candidates."""
        score, stratify = self._validation(data)
        if self._seat is not None and self._seat.bank.active and not alone:
            return self._seat.bank.result(
                self, self._seat, (shape, member), data, (score, stratify)
            )
        for listener in listeners:
            listener.start(shape)
        (result,) = train_stack(
            shape, self._loss(), [member], data, score, stratify, listeners
        )
        return result

    def __sklearn_clone__(self):
        cloned = super().__sklearn_clone__()
        if self._seat is not None and not self._seat.bank.finished:
            cloned._seat = self._seat
        return cloned

    @contextmanager
    def _unchanged_on_error(self):
        before = self.__dict__.copy()
        try:
            yield
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    def _check_parameters(self, incremental):
        parameters.check_parameters(self, self._parameters)
        parameters.check_hidden_layer_sizes(self.hidden_layer_sizes)
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        if self.early_stopping and self.solver == "lbfgs":
            raise ValueError(
                "early_stopping=True needs a stochastic solver ('sgd', 'adam' or "
                "'adamw'), got solver='lbfgs'. L-BFGS minimises J to the end: search "
                "alpha instead, or change the solver."
            )
        for name in self._regularizers() if self.solver == "lbfgs" else []:
            raise ValueError(
                f"{name}={getattr(self, name)!r} needs a stochastic solver ('sgd', "
                "'adam' or 'adamw'), got solver='lbfgs'."
            )

    def _regularizers(self):
        """Names of the parameters in use that act in stochastic training alone."""
        hidden = parameters.check_hidden_layer_sizes(self.hidden_layer_sizes)
        in_use = {
            "dropout": parameters.check_dropout(self.dropout, len(hidden)) != (),
            "batch_norm": self.batch_norm,
            "max_norm": self.max_norm is not None,
            "augmentation": self.augmentation is not None,
        }
        return [name for name, used in in_use.items() if used]

    def _training_set(self, X, y, sample_weight, reset, validation=None):
        """Validated and encoded data, as the engine reads them."""
        X, y, sample_weight = self._checked(X, y, sample_weight, reset)
        targets = self._encode(y, X.dtype, reset)
        row_weights = self._class_weights(targets, sample_weight)
        held_out = None
        if validation is not None:
            X_val, y_val, weight_val = validation
            X_val, y_val, weight_val = self._checked(
                X_val, y_val, weight_val, False, X.dtype, "_val"
            )
            y_val = self._encode_known(y_val, X.dtype)
            if len(y_val) != len(targets):
                raise ValueError(
                    f"y_val has {len(y_val)} outputs, y has {len(targets)}."
                )
            weight_val = row_weights(y_val, weight_val)
            held_out = TrainingSet(X_val, y_val, weight_val)
        sample_weight = row_weights(targets, sample_weight)
        if sample_weight is not None and not sample_weight.any():
            raise ValueError("class_weight leaves no row with a weight > 0.")
        return TrainingSet(X, targets, sample_weight, held_out=held_out)

    def _checked(
        self, X, y, sample_weight, reset, dtype=(np.float64, np.float32), suffix=""
    ):
        """X, y and weights as arrays; `suffix` completes their names in errors."""
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            y_numeric=self._y_numeric,
            dtype=dtype,
            reset=reset,
        )
        if sparse.issparse(X):
            X = X.tocsr()
        if sparse.issparse(y):
            y = y.toarray()
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if sample_weight is not None:
            sample_weight = _check_weights(sample_weight, X, "sample_weight" + suffix)
        return X, y, sample_weight

    def _class_weights(self, targets, sample_weight):
        """A function ``(targets, sample_weight) -> sample_weight`` of any rows."""
        return lambda targets, sample_weight: sample_weight

    def _layer_sizes(self, data):
        hidden = parameters.check_hidden_layer_sizes(self.hidden_layer_sizes)
        return data.X.shape[1], *hidden, len(data.y)

    def _describe(self, data, incremental=False, going_on=False):
        """The engine's description of this fit."""
        n_rows = data.n_rows
        layer_sizes = self._layer_sizes(data)
        n_hidden = len(layer_sizes) - 2
        alpha = self._alpha(data, len(layer_sizes) - 1)
        batch_size = 200 if self.batch_size == "auto" else int(self.batch_size)
        if batch_size > n_rows and self.batch_size != "auto":
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going "
                "to be clipped",
                stacklevel=4,
            )
        dropout = parameters.check_dropout(self.dropout, n_hidden)
        shape = Shape(
            layer_sizes=layer_sizes,
            activation=self.activation,
            loss=self._loss_key(),
            solver=self.solver,
            batch_size=min(batch_size, n_rows),
            dtype=data.X.dtype.name,
            learning_rate=self.learning_rate,
            power_t=float(self.power_t),
            max_iter=1 if incremental else int(self.max_iter),
            shuffle=bool(self.shuffle),
            tol=float(self.tol),
            verbose=bool(self.verbose),
            nesterovs_momentum=bool(self.nesterovs_momentum),
            early_stopping=bool(self.early_stopping),
            validation_fraction=float(self.validation_fraction),
            n_iter_no_change=float(self.n_iter_no_change),
            max_fun=int(self.max_fun),
            dropout=tuple(rate > 0 for rate in dropout),
            batch_norm=bool(self.batch_norm) and n_hidden > 0,
            max_norm=self.max_norm is not None,
            augmentation=Keyed(self.augmentation),
            scoring=Keyed(self.scoring if self.early_stopping else None),
            incremental=incremental,
        )
        member = Member(
            penalty=self.penalty,
            alpha=alpha,
            l1_ratio=float(self.l1_ratio),
            learning_rate_init=float(self.learning_rate_init),
            momentum=float(self.momentum),
            beta_1=float(self.beta_1),
            beta_2=float(self.beta_2),
            epsilon=float(self.epsilon),
            random_state=check_random_state(self.random_state),
            dropout=dropout,
            max_norm=None if self.max_norm is None else float(self.max_norm),
        )
        if going_on:
            member.theta = self._fitted_theta(shape)
            if shape.batch_norm:
                moments = [[u["mean"], u["variance"]] for u in self.batch_norm_]
                member.statistics = self._statistics_rows, np.hstack(moments)
            member.rows_seen = self.t_
            progress = getattr(self, "_progress", None)
            if progress is not None:
                # A copy: should this call fail, the next one finds it as it was.
                member.progress = deepcopy(progress)
                member.random_state = member.progress.stream
        return shape, member

    def _alpha(self, data, n_weight_layers):
        """λ of every weight layer."""
        alpha = parameters.check_alpha(self.alpha, n_weight_layers)
        if alpha is None:
            value = scale_alpha(data, self._loss(), self.penalty, n_weight_layers)
            alpha = np.full(n_weight_layers, value)
        return alpha

    def _fitted_theta(self, shape):
        """The fitted weights as one row of theta; where a warm start begins."""
        fitted = tuple([c.shape[0] for c in self.coefs_] + [self.n_outputs_])
        if fitted != shape.layer_sizes:
            raise ValueError(
                "A warm start needs the layers of the previous fit, "
                f"{fitted}, got {shape.layer_sizes}: restore hidden_layer_sizes, or "
                "set warm_start=False to start anew."
            )
        coefs = [c.toarray() if sparse.issparse(c) else c for c in self.coefs_]
        theta = Network(shape.layer_sizes, shape.activation, shape.dtype).pack(
            coefs, self.intercepts_
        )
        return self._unfolded(shape, theta) if shape.batch_norm else theta

    def _unfolded(self, shape, theta):
        """The parameters that batch norm goes on from, given the folded ones."""
        if not getattr(self, "batch_norm_", None):
            raise ValueError(
                "A warm start with batch_norm=True needs a previous fit with it: set "
                "warm_start=False to start anew."
            )
        progress = getattr(self, "_progress", None)
        if progress is not None and progress.unfolded is not None:
            # The exact ones, unless the weights were altered since.
            digest, unfolded = progress.unfolded
            if digest == sha256(theta).hexdigest() and unfolded.dtype == theta.dtype:
                return unfolded
        return unfold(
            make_network(shape),
            theta,
            [units["scale"] for units in self.batch_norm_],
            np.hstack([[u["mean"], u["variance"]] for u in self.batch_norm_]),
        )

    def _like(self, other):
        """Take over what validating and encoding the data has taught `other`."""
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(other, name):
                setattr(self, name, getattr(other, name))
        self._learn_from(other)
        return self

    def _with_weights(self, theta, shape):
        """A fitted copy with the weights `theta`, shape (P,), for prediction."""
        fitted = clone(self)._like(self)
        fitted._set_weights(theta, shape)
        return fitted

    def _warn_if_decay_overshoots(self, shape, member, m):
        rho = {"elasticnet": member.l1_ratio, "l1": 1.0, None: 1.0}
        strength = member.alpha * (1.0 - rho.get(member.penalty, 0.0))
        if member.penalty == "group_l1":
            strength[0] = 0.0
        decay = member.learning_rate_init * strength.max() / m
        if shape.solver in STOCHASTIC_SOLVERS and decay > 1.0:
            warnings.warn(
                f"alpha={self.alpha!r} is too large for learning_rate_init="
                f"{self.learning_rate_init!r}: one step of weight decay would multiply "
                f"the weights by 1 - learning_rate_init * alpha / n_samples = "
                f"{1.0 - decay:.3g} < 0. The step is bounded; lower alpha or "
                "learning_rate_init, or use solver='lbfgs'.",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _check_finite(self, result, data):
        """Warn or raise where training diverged."""
        if result.diverged_at is None and np.isfinite(result.theta).all():
            return
        unit = "iteration" if self.solver == "lbfgs" else "epoch"
        reason = (
            f"The loss is not finite any more at {unit} "
            f"{result.diverged_at or result.n_iter}. Likely causes: X is not scaled "
            f"(its largest column scale, max |x|, is {_largest_scale(data.X):.3g}: "
            "standardise it, e.g. with StandardScaler); learning_rate_init="
            f"{self.learning_rate_init!r} is too large."
        )
        if result.validation_scores and np.isfinite(result.best_validation_score):
            warnings.warn(
                f"Training diverged. {reason} The weights of the best validation score "
                "are kept.",
                ConvergenceWarning,
                stacklevel=4,
            )
            return
        raise ValueError(
            "Solver produced non-finite parameter weights. The input data may contain "
            f"large values and need to be preprocessed. {reason}"
        )

    def _learned(self, layer_sizes, theta):
        """The attributes that prediction needs, from fitted parameters (P,)."""
        network = Network(layer_sizes, self.activation, theta.dtype)
        coefs, intercepts = network.unpack(theta.copy())
        loss = self._loss()
        return {
            "coefs_": coefs,
            "intercepts_": intercepts,
            # A fitted model predicts the same whatever set_params does afterwards.
            "_fitted_activation": self.activation,
            "_fitted_loss": loss,
            "n_layers_": len(layer_sizes),
            "n_outputs_": layer_sizes[-1],
            "out_activation_": loss.out_activation,
        }

    def _after_epoch(self, shape, report):
        """The fitted attributes as of an epoch, for callbacks."""
        theta, _, _ = report.parameters()
        result = report.result
        return self._learned(shape.layer_sizes, theta) | {
            "n_iter_": result.n_iter,
            "loss_": result.loss_curve[-1],
            "loss_curve_": list(result.loss_curve),
            "validation_scores_": copy(result.validation_scores),
            "validation_loss_curve_": copy(result.validation_loss_curve),
        }

    def _store(self, shape, member, result, n_rows, going_on, incremental):
        """Keep what was learned: attributes with a trailing underscore."""
        self._set_weights(result.theta, shape)
        self._fitted_dropout = member.dropout
        self.alpha_ = member.alpha
        self.n_iter_ = result.n_iter
        before = self.loss_curve_ if going_on else []
        self.loss_curve_ = before + result.loss_curve
        self.loss_ = self.loss_curve_[-1] if self.loss_curve_ else result.best_loss
        self.best_loss_ = result.best_loss
        self.t_ = result.rows_seen
        self.best_validation_score_ = result.best_validation_score
        for name in ("validation_scores_", "validation_loss_curve_"):
            earlier = getattr(self, name, None) if going_on else None
            curve = getattr(result, name[:-1])
            if earlier and curve is not None:
                curve = earlier + curve
            setattr(self, name, curve)
        keep = incremental or self.warm_start
        self._progress = result.progress if keep else None
        self._store_batch_norm(shape, result, n_rows, going_on and incremental)
        self._warn_of_the_end(shape, result, incremental)

    def _set_weights(self, theta, shape):
        vars(self).update(self._learned(shape.layer_sizes, theta))

    def _store_batch_norm(self, shape, result, n_rows, pooled):
        self.batch_norm_ = None
        if not shape.batch_norm:
            return
        scales = result.unfolded[len(result.theta) :]
        bounds = np.cumsum(shape.layer_sizes[1:-2])
        parts = np.split(np.vstack([scales, result.statistics]), bounds, axis=1)
        names = ("scale", "mean", "variance")
        self.batch_norm_ = [dict(zip(names, part, strict=True)) for part in parts]
        before = self._statistics_rows if pooled else 0
        self._statistics_rows = pooled_rows(before, n_rows)
        if self._progress is not None:
            digest = sha256(result.theta).hexdigest()
            self._progress.unfolded = digest, result.unfolded

    def _warn_of_the_end(self, shape, result, incremental):
        if result.interrupted:
            warnings.warn("Training interrupted by user.", stacklevel=5)
        elif result.converged or incremental or result.diverged_at is not None:
            return
        elif shape.solver == "lbfgs":
            warnings.warn(
                f"lbfgs failed to converge after {result.n_iter} iteration(s): "
                f"{result.message}. Increase max_iter ({self.max_iter}) or max_fun "
                f"({self.max_fun}), or scale the data.",
                ConvergenceWarning,
                stacklevel=5,
            )
        else:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached "
                "and the optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=5,
            )

    # ---------------------------------------------------------------- validation

    def _score(self, data):
        """What early stopping watches, see ``Validation``; None stands for the loss."""
        data = data.held_out or data
        if self.scoring is None:
            return self._default_score(data)
        return None if self.scoring == "loss" else self._scorer_score(data)

    def _scorer_score(self, data):
        scorer = get_scorer(self.scoring)
        layer_sizes = self._layer_sizes(data)

        def score(raw, rows, theta):
            if not np.isfinite(raw).all():
                return np.nan
            model = copy(self)
            # Rows come as arrays, without names.
            vars(model).pop("feature_names_in_", None)
            vars(model).update(self._learned(layer_sizes, theta))
            weight = data.sample_weight
            weights = {} if weight is None else {"sample_weight": weight[rows]}
            y = self._decode(data.y[:, rows])
            return float(scorer(model, data.X[rows], y, **weights))

        return score

    # ---------------------------------------------------------------- prediction

    def _network(self, dtype):
        """The network of the fitted layers, its weights not yet bound."""
        sizes = [*(c.shape[0] for c in self.coefs_), self.n_outputs_]
        return Network(sizes, self._fitted_activation, dtype)

    def _raw_predict(self, X):
        """Raw predictions, shape (n_samples, n_outputs), in chunks of rows."""
        check_is_fitted(self)
        X = validate_data(
            self,
            X,
            accept_sparse=["csr", "csc"],
            dtype=(np.float64, np.float32),
            reset=False,
        )
        if sparse.issparse(X):
            X = X.tocsr()
        dtype = np.result_type(self.coefs_[0].dtype, X.dtype)
        network = self._network(dtype)
        network.bind_fitted(self.coefs_, self.intercepts_)
        raw = np.empty((X.shape[0], self.n_outputs_), dtype)
        slices = row_chunks(X.shape[0], max(network.layer_sizes[1:]))
        with blas_threads_for(network.layer_sizes, slices[0].stop):
            for s in slices:
                x = X[s] if sparse.issparse(X) else X[s].T
                raw[s] = network.forward(x, s.stop - s.start)[0].T
        return raw

    # ---------------------------------------------------------------- inspection

    @property
    def sparsity_(self):
        """Share of exact zeros in the weights of each layer, (n_layers - 1,)."""
        check_is_fitted(self)
        sizes = [np.prod(c.shape) for c in self.coefs_]
        return np.array(
            [
                (size - _count_nonzero(c)) / size
                for size, c in zip(sizes, self.coefs_, strict=True)
            ]
        )

    @property
    def feature_importances_(self):
        """Norm of each input's outgoing weights, shape (n_features_in_,).

        Exactly 0 for an input that the network does not use at all.
        """
        check_is_fitted(self)
        first = self.coefs_[0]
        if sparse.issparse(first):
            return np.sqrt(np.asarray(first.multiply(first).sum(axis=1))).ravel()
        return np.sqrt(np.einsum("ij,ij->i", first, first))

    @available_if(_fitted)
    def sparsify(self):
        """Convert `coefs_` to CSR matrices, as ``SGDClassifier.sparsify`` does.

        Pays where more than about half of the weights are zero, as under an L1
        penalty. Training goes on from sparse weights as well.

        Returns
        -------
        self : object
        """
        self.coefs_ = [sparse.csr_matrix(c) for c in self.coefs_]
        return self

    @available_if(_fitted)
    def densify(self):
        """Convert `coefs_` back to arrays; undoes ``sparsify``.

        Returns
        -------
        self : object
        """
        self.coefs_ = [c.toarray() if sparse.issparse(c) else c for c in self.coefs_]
        return self


def _count_nonzero(matrix):
    return (
        matrix.count_nonzero() if sparse.issparse(matrix) else np.count_nonzero(matrix)
    )


def _largest_scale(X):
    """The largest absolute value, found without a copy of X."""
    values = X.data if sparse.issparse(X) else X
    return max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)))


def _check_weights(sample_weight, X, name="sample_weight"):
    weights = check_array(
        sample_weight,
        ensure_2d=False,
        dtype=X.dtype,
        input_name=name,
    )
    if weights.shape != (X.shape[0],):
        raise ValueError(
            f"{name} has shape {weights.shape}; expected one weight a row of X, "
            f"({X.shape[0]},)."
        )
    if weights.min() < 0:
        raise ValueError(
            f"Negative values in data passed to `{name}`: the smallest is "
            f"{weights.min()}; weights must be >= 0."
        )
    if not weights.any():
        raise ValueError(f"{name} is zero for every row; at least one must be > 0.")
    return weights


class MLPClassifier(ClassifierMixin, BaseMLP):
    """Multi-layer perceptron classifier with an L2, L1, elastic-net or group penalty.

    Minimises

        J = 1/m Σ_i s_i L(y_i, ŷ_i) + 1/(2m) Σ_l λ_l Ω(W_l),

    L the log-loss, m the number of training rows (or the sum of the weights s_i)
    whatever the batch size, W_l the weights of layer l; biases are not penalized. A
    drop-in for ``sklearn.neural_network.MLPClassifier``.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int, default=(100,)
        Units of each hidden layer; () makes a linear model, whose J is convex.

    activation : {'identity', 'logistic', 'tanh', 'relu', 'leaky_relu', 'elu', \
            'gelu', 'silu'}, default='relu'
        Activation of the hidden layers: z, 1/(1+exp(-z)), tanh(z), max(z, 0), z or
        0.01 z (z < 0), z or exp(z)-1 (z < 0), z Φ(z), z/(1+exp(-z)).

    solver : {'lbfgs', 'sgd', 'adam', 'adamw'}, default='adam'
        - 'lbfgs': full-batch quasi-Newton; L1 parts by bound constraints,
          'group_l1' by proximal steps.
        - 'sgd': gradient descent, with momentum. With `momentum=0` and L2 it is weight
          decay, W ← (1 - αλ/m) W - α (from backprop).
        - 'adam': the L2 gradient joins the loss gradient (``torch.optim.Adam``).
        - 'adamw': decoupled decay (``torch.optim.AdamW`` with weight_decay=λ/m); its
          fixed points are not the minima of J.

    alpha : float, array-like of shape (n_layers - 1,) or 'scale', default=0.0001
        λ >= 0, the strength of the penalty, for all weight layers or one each. 'scale'
        reads it off the data, 0.01 σ_max(Xᵀ(Y - Ȳ)) (0.003 without a hidden layer; for
        regression independent of the units of y): on scaled X near the best of a grid,
        for the price of one matrix product.

    batch_size : int or 'auto', default='auto'
        Rows in a mini-batch of the stochastic solvers; 'auto' is min(200, n_samples).
        Batches are balanced: their sizes differ by one at most. λ means the same for
        every batch size.

    learning_rate : {'constant', 'invscaling', 'adaptive', 'cosine'}, \
            default='constant'
        Schedule of the learning rate, for all stochastic solvers: constant;
        `learning_rate_init` / (rows seen + 1)^`power_t`; divided by 5 each time
        patience ends, until 1e-6; half a cosine from `learning_rate_init` to 0 over
        `max_iter` epochs, after a linear warm-up of 5 % of the steps. (scikit-learn
        ignores it with 'adam'.)

    learning_rate_init : float, default=0.001
        α, the (initial) learning rate of the stochastic solvers.

    power_t : float, default=0.5
        Exponent of 'invscaling'.

    max_iter : int, default=200
        Largest number of iterations; of epochs for the stochastic solvers.

    shuffle : bool, default=True
        Whether to shuffle the rows in each epoch.

    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the validation split and the order of the rows,
        drawn as scikit-learn's MLP draws them.

    tol : float, default=1e-4
        The stochastic solvers stop when the loss (the validation score, with
        `early_stopping`) does not improve by `tol` for `n_iter_no_change` epochs;
        'lbfgs' when no component of the projected gradient exceeds `tol`.

    verbose : bool or int, default=False
        Whether to print a line an iteration. From scikit-learn 1.9 on callbacks
        (``set_callbacks``) hear of each epoch as well.

    warm_start : bool, default=False
        Whether `fit` goes on from the previous fit: weights, optimizer state,
        learning-rate schedule ('cosine' starts a new cycle), patience, loss curve,
        batch norm and the random stream of dropout and augmentation carry over,
        `n_iter_` counts the new iterations, the classes and the validation split must
        and do stay the same.

    momentum : float, default=0.9
        Momentum μ in [0, 1] of 'sgd'.

    nesterovs_momentum : bool, default=True
        Whether 'sgd' uses Nesterov's momentum.

    early_stopping : bool, default=False
        Whether to watch the validation score and keep the weights of its best epoch,
        however training ends. The validation rows are those given to `fit`, or
        `validation_fraction` of the rows, held out (stratified by class, or by
        combination of labels where these are not too rare). Stochastic solvers only.

    validation_fraction : float, default=0.1
        Share of the rows held out by `early_stopping`.

    beta_1, beta_2 : float, default=0.9, 0.999
        Decay rates of Adam's moments, in [0, 1).

    epsilon : float, default=1e-8
        ε in Adam's denominator, √v̂ + ε (outside the bias correction, as in the paper).

    n_iter_no_change : int or inf, default=10
        Patience in epochs, see `tol`.

    max_fun : int, default=15000
        Largest number of function evaluations of 'lbfgs'.

    penalty : {'l2', 'l1', 'elasticnet', 'group_l1', None}, default='l2'
        Ω(W) = ‖W‖_F², ‖W‖_1, or ρ ‖W‖_1 + (1 - ρ) ‖W‖_F². An L1 part gives exact
        zeros with every solver. 'group_l1' selects inputs: in the first layer
        Ω(W) = Σ_j ‖W[j, :]‖_2, over all outgoing weights of an input j, which it sets
        to zero together; in the other layers Ω(W) = ‖W‖_F² at the same λ (or at a λ of
        their own, see `alpha`). ``SelectFromModel(mlp, threshold=1e-10)`` keeps the
        inputs that are used; its default threshold is the mean importance.

    l1_ratio : float, default=0.5
        ρ in [0, 1] of 'elasticnet'.

    dropout : float or sequence of float, default=0.0
        Probability in [0, 1) that a unit is dropped in a training step: of all hidden
        layers, or one for each layer, input first. What is kept is scaled up (inverted
        dropout); prediction is without. See ``skl2.inspection.mc_dropout``.

    batch_norm : bool, default=False
        Whether to normalize what enters each hidden activation over the mini-batch;
        its scale and shift are not penalized. At the end of the fit the exact
        statistics of the training rows are folded into `coefs_` and `intercepts_`: a
        fitted model is a plain network. Before batch norm the scale of W is without
        effect: L2 then sets the effective learning rate, not the size of the function
        (van Laarhoven, "L2 regularization versus batch and weight normalization",
        2017), but for the output layer.

    max_norm : float or None, default=None
        Bound on the norm of each unit's incoming weights, hidden and output; after
        each step they are scaled back to it.

    augmentation : callable or None, default=None
        Transform ``(X, y, random_state) -> (X, y)`` of each mini-batch, see
        ``skl2.augmentation``.

    scoring : 'loss', str, callable or None, default=None
        What `early_stopping` watches: minus the mean loss, a scorer of scikit-learn
        (its name or ``scorer(estimator, X, y)``), or accuracy.

    class_weight : dict, 'balanced', list of dict or None, default=None
        Weights of the classes, {class: weight} (1 where not given); 'balanced' is
        (sum of weights) / (n_classes * sum of weights in the class). For multilabel
        targets a list of such dicts, one a label, whose weights are multiplied. They
        multiply `sample_weight`, in training and in validation.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels; the column numbers for multilabel targets.
    coefs_ : list of ndarray of shape (n_in, n_out)
        Weights of each layer (CSR matrices after ``sparsify``).
    intercepts_ : list of ndarray of shape (n_out,)
        Biases of each layer.
    alpha_ : ndarray of shape (n_layers - 1,)
        λ of each weight layer, as used.
    sparsity_ : ndarray of shape (n_layers - 1,)
        Share of exact zeros in each layer's weights.
    feature_importances_ : ndarray of shape (n_features_in_,)
        Norm of each input's outgoing weights; 0 for an input that is not used.
    loss_ : float
        J at the end: at the last epoch, or at the minimum found by 'lbfgs'.
    best_loss_ : float or None
        Smallest J of all epochs; None with `early_stopping`.
    loss_curve_ : list of float
        J at each iteration. For the stochastic solvers the mean of the batch losses,
        each before its step, plus the penalty at the start of the epoch.
    validation_scores_ : list of float or None
        Score of each epoch, with `early_stopping`.
    validation_loss_curve_ : list of float or None
        Mean loss of the validation rows at each epoch, without the penalty.
    best_validation_score_ : float or None
        The best of them; the weights are those of its epoch.
    batch_norm_ : list of dict or None
        With `batch_norm`: 'scale' (γ), 'mean' and 'variance' of each hidden layer that
        were folded into the weights, W γ / √(variance + 1e-5).
    n_iter_ : int
        Iterations (epochs) of the last call to fit.
    t_ : int
        Training rows seen by the stochastic solvers.
    n_layers_ : int
        Number of layers, input and output included.
    n_outputs_ : int
        Number of outputs.
    out_activation_ : str
        Inverse link of the output.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has names that are all strings.

    See Also
    --------
    MLPRegressor : The same for real-valued targets.
    skl2.inspection.optimality : How far a fit is from a stationary point.

    Notes
    -----
    `partial_fit` minimises the J of the rows it is given: for the same λ over pieces
    of a data set use ``alpha * rows_in_piece / rows_in_all``.

    References
    ----------
    Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010 (initial weights). Kingma & Ba, "Adam", 2015. Loshchilov & Hutter,
    "Decoupled weight decay regularization", 2019. Byrd, Lu, Nocedal & Zhu, "A limited
    memory algorithm for bound constrained optimization", 1995. Yuan & Lin, "Model
    selection and estimation in regression with grouped variables", 2006. Lee, Sun &
    Saunders, "Proximal Newton-type methods for minimizing composite functions", 2014.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skl2 import MLPClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> mlp = MLPClassifier(penalty="l1", alpha=3.0, solver="lbfgs", random_state=0)
    >>> model = make_pipeline(StandardScaler(), mlp).fit(X, y)
    >>> bool(model.score(X, y) > 0.97)
    True
    >>> bool(mlp.sparsity_[0] > 0.5)
    True
    """

    _parameters = parameters.COMMON
    _y_numeric = False

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        penalty="l2",
        l1_ratio=0.5,
        dropout=0.0,
        batch_norm=False,
        max_norm=None,
        augmentation=None,
        scoring=None,
        class_weight=None,
    ):
        super().__init__(
            loss="log_loss",
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
            penalty=penalty,
            l1_ratio=l1_ratio,
            dropout=dropout,
            batch_norm=batch_norm,
            max_norm=max_norm,
            augmentation=augmentation,
            scoring=scoring,
        )
        self.class_weight = class_weight

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _learn_from(self, other):
        """Take over what encoding the targets has taught `other`."""
        self.classes_, self._multilabel = other.classes_, other._multilabel

    def _encodes_like(self, other):
        """Whether `other` would make the same training set of the same data."""
        return joblib.hash(self.class_weight) == joblib.hash(other.class_weight)

    def _check_parameters(self, incremental):
        super()._check_parameters(incremental)
        balanced = isinstance(self.class_weight, str) and (
            self.class_weight == "balanced"
        )
        if incremental and balanced:
            raise ValueError(
                "class_weight='balanced' is not supported by partial_fit: the classes "
                "of one call may not be balanced as all of them are. Pass a dict."
            )

    def _class_weights(self, targets, sample_weight):
        if self.class_weight is None:
            return super()._class_weights(targets, sample_weight)
        tables = [
            self._class_table(index, classes, sample_weight, given)
            for index, classes, given in self._weighted_labels(targets)
        ]

        def row_weights(targets, sample_weight):
            weights = np.ones(targets.shape[1])
            labels = self._weighted_labels(targets)
            for (index, *_), table in zip(labels, tables, strict=True):
                weights *= table[index]
            if sample_weight is not None:
                weights *= sample_weight
            return weights.astype(targets.dtype)

        return row_weights

    def _weighted_labels(self, targets):
        """(class numbers of the rows, classes, class_weight), or one for each label."""
        if not self._multilabel:
            binary = len(targets) == 1
            index = targets[0].astype(int) if binary else targets.argmax(axis=0)
            return [(index, self.classes_.tolist(), self.class_weight)]
        given = self.class_weight
        given = [given] * len(targets) if isinstance(given, str) else given
        if not isinstance(given, list | tuple) or len(given) != len(targets):
            raise ValueError(
                "class_weight of multilabel targets must be 'balanced' or a list of "
                f"{len(targets)} dicts, one a label. Got {self.class_weight!r}."
            )
        rows = targets.astype(int)
        return [(row, [0, 1], g) for row, g in zip(rows, given, strict=True)]

    def _class_table(self, index, classes, sample_weight, given):
        """The weight of each class."""
        if not isinstance(given, str) or given != "balanced":
            return parameters.check_class_weight(given, classes)
        counts = np.bincount(index, sample_weight, minlength=len(classes))
        # A class without any weight has no rows to be weighted.
        present = counts > 0
        return counts.sum() / (present.sum() * np.where(present, counts, np.inf))

    def _loss_key(self):
        return (self._loss().out_activation,)

    def _loss(self):
        if len(self.classes_) > 2 and not self._multilabel:
            return MultinomialLogLoss()
        return BinaryLogLoss()

    def _encode(self, y, dtype, reset):
        """Targets (n_outputs, n_rows): one-hot, one 0/1 row, or the labels' rows."""
        check_classification_targets(y)
        multilabel = type_of_target(y) == "multilabel-indicator"
        labels = unique_labels(y)
        if not hasattr(self, "coefs_") and hasattr(self, "classes_"):
            # The first partial_fit: classes were given.
            self._multilabel = multilabel
        elif reset:
            if len(labels) < 2:
                raise ValueError(
                    "y has one class only, "
                    f"{labels.tolist()}; a classifier needs at least 2 classes."
                )
            self.classes_, self._multilabel = labels, multilabel
        return self._encode_known(y, dtype, complete=self.warm_start)

    def _encode_known(self, y, dtype, complete=False):
        """Targets where the classes are known; `complete`: none may be missing."""
        check_classification_targets(y)
        multilabel = type_of_target(y) == "multilabel-indicator"
        if multilabel != self._multilabel:
            raise ValueError("y must be multilabel, or not, as in the previous call.")
        if multilabel:
            return np.ascontiguousarray(y.T, dtype=dtype)
        self._check_known(unique_labels(y), complete)
        index = np.searchsorted(self.classes_, y)
        if len(self.classes_) == 2:
            return (index == 1).astype(dtype)[np.newaxis]
        one_hot = np.zeros((len(self.classes_), len(y)), dtype)
        one_hot[index, np.arange(len(y))] = 1.0
        return one_hot

    def _check_known(self, labels, complete):
        if np.isin(labels, self.classes_).all() and (
            len(labels) == len(self.classes_) or not complete
        ):
            return
        if complete:
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the "
                f"previous call to fit. Previously got {self.classes_}, `y` has "
                f"{labels}"
            )
        raise ValueError(
            "`y` has classes not in `self.classes_`. "
            f"`self.classes_` has {self.classes_}. 'y' has {labels}."
        )

    def _validation(self, data):
        """Score of the held-out rows, and what these are stratified by."""
        return self._score(data), self._strata(data.y)

    def _strata(self, y):
        """A number for each row; None if the rows can't be stratified."""
        if not self._multilabel:
            return y[0].astype(bool) if len(y) == 1 else y.argmax(axis=0)
        _, index, counts = np.unique(y, axis=1, return_inverse=True, return_counts=True)
        # Combinations too rare for each side of the split are one stratum together.
        share = min(self.validation_fraction, 1.0 - self.validation_fraction)
        rare = counts * share < 1.0
        strata = np.where(rare, len(counts), np.arange(len(counts)))[index.ravel()]
        return strata if np.unique(strata, return_counts=True)[1].min() > 1 else None

    def _decode(self, y):
        """Labels of encoded targets."""
        if self._multilabel:
            return y.T.astype(int)
        index = (y[0] > 0).astype(int) if len(y) == 1 else y.argmax(axis=0)
        return self.classes_[index]

    def _default_score(self, data):
        y = data.y

        def accuracy(raw, rows, theta):
            if not np.isfinite(raw).all():
                return np.nan
            if self._loss().out_activation == "softmax":
                right = raw.argmax(axis=0) == y[:, rows].argmax(axis=0)
            else:
                right = ((raw > 0) == (y[:, rows] > 0)).all(axis=0)
            weight = data.sample_weight
            return np.average(right, weights=None if weight is None else weight[rows])

        return accuracy

    @available_if(_stochastic)
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        """Update the model with one epoch over the given data.

        Optimizer state, learning-rate schedule, patience and the random streams carry
        over from call to call: with full batches n calls on the same data are `fit`
        with `max_iter=n`. m in J is the number of rows given (see Notes). Batch-norm
        statistics pool those of about the last 1000 rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
        classes : array-like of shape (n_classes,), default=None
            All classes there will be; required in the first call.

        Returns
        -------
        self : object
        """
        with self._unchanged_on_error():
            if not hasattr(self, "classes_"):
                if classes is None:
                    raise ValueError(
                        "classes must be passed on the first call to partial_fit."
                    )
                self.classes_ = unique_labels(classes)
                if len(self.classes_) < 2:
                    raise ValueError(
                        f"classes has one class only, {self.classes_.tolist()}; a "
                        "classifier needs at least 2 classes."
                    )
            elif classes is not None and not np.array_equal(
                self.classes_, unique_labels(classes)
            ):
                raise ValueError(
                    f"`classes={classes!r}` is not the same as on last call to "
                    f"partial_fit, was: {self.classes_!r}"
                )
            return self._fit(X, y, sample_weight, incremental=True)

    def decision_function(self, X):
        """Raw predictions: what the last layer puts out before softmax or logistic.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        raw : ndarray of shape (n_samples,) for two classes, else (n_samples, n_outputs)
        """
        raw = self._raw_predict(X)
        return raw if self._multilabel or raw.shape[1] > 1 else raw[:, 0]

    def predict(self, X):
        """Predict classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,), or (n_samples, n_outputs) for multilabel
        """
        raw = self._raw_predict(X)
        if self._multilabel:
            return (raw > 0).astype(int)
        if raw.shape[1] == 1:
            return self.classes_[(raw[:, 0] > 0).astype(int)]
        return self.classes_[raw.argmax(axis=1)]

    def predict_proba(self, X):
        """Probability of every class, strictly between 0 and 1.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
        """
        raw = self._two_columns(self._raw_predict(X))
        p = self._fitted_loss.predict(raw.T[np.newaxis])[0].T
        info = np.finfo(p.dtype)
        return np.clip(p, info.tiny, 1.0 - info.epsneg, out=p)

    def predict_log_proba(self, X):
        """Logarithm of the probability of every class, from the raw predictions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes)
        """
        raw = self._two_columns(self._raw_predict(X))
        softmax = self.out_activation_ == "softmax"
        log_p = log_softmax(raw, axis=1) if softmax else log_expit(raw)
        # The same floor as that of predict_proba.
        return np.maximum(log_p, np.log(np.finfo(log_p.dtype).tiny), out=log_p)

    def _two_columns(self, raw):
        """Binary: one logit for each class, -z and z."""
        if self._multilabel or raw.shape[1] > 1:
            return raw
        return np.concatenate([-raw, raw], axis=1)


class MLPRegressor(RegressorMixin, BaseMLP):
    """Multi-layer perceptron regressor with an L2, L1, elastic-net or group penalty.

    Minimises

        J = 1/m Σ_i s_i L(y_i, ŷ_i) + 1/(2m) Σ_l λ_l Ω(W_l),

    m the number of training rows (or the sum of the weights s_i) whatever the batch
    size, W_l the weights of layer l; biases are not penalized. With
    `hidden_layer_sizes=()` and L2 it is ``Ridge(alpha=λ)``. A drop-in for
    ``sklearn.neural_network.MLPRegressor``.

    Parameters
    ----------
    loss : {'squared_error', 'poisson', 'absolute_error', 'huber'}, \
            default='squared_error'
        L, summed over the outputs: (ŷ - y)²/2; half the Poisson deviance (y >= 0, ŷ =
        exp(raw)); \\|ŷ - y\\|; (ŷ - y)²/2 where \\|ŷ - y\\| <= δ, else
        δ(\\|ŷ - y\\| - δ/2).

    hidden_layer_sizes : array-like of int, default=(100,)
        Units of each hidden layer; () makes a linear model, whose J is convex.

    activation : {'identity', 'logistic', 'tanh', 'relu', 'leaky_relu', 'elu', \
            'gelu', 'silu'}, default='relu'
        Activation of the hidden layers: z, 1/(1+exp(-z)), tanh(z), max(z, 0), z or
        0.01 z (z < 0), z or exp(z)-1 (z < 0), z Φ(z), z/(1+exp(-z)).

    solver : {'lbfgs', 'sgd', 'adam', 'adamw'}, default='adam'
        - 'lbfgs': full-batch quasi-Newton; L1 parts by bound constraints,
          'group_l1' by proximal steps.
        - 'sgd': gradient descent, with momentum. With `momentum=0` and L2 it is weight
          decay, W ← (1 - αλ/m) W - α (from backprop).
        - 'adam': the L2 gradient joins the loss gradient (``torch.optim.Adam``).
        - 'adamw': decoupled decay (``torch.optim.AdamW`` with weight_decay=λ/m); its
          fixed points are not the minima of J.

    alpha : float, array-like of shape (n_layers - 1,) or 'scale', default=0.0001
        λ >= 0, the strength of the penalty, for all weight layers or one each. 'scale'
        reads it off the data, 0.01 σ_max(Xᵀ(Y - Ȳ)) (0.003 without a hidden layer; for
        regression independent of the units of y): on scaled X near the best of a grid,
        for the price of one matrix product.

    batch_size : int or 'auto', default='auto'
        Rows in a mini-batch of the stochastic solvers; 'auto' is min(200, n_samples).
        Batches are balanced: their sizes differ by one at most. λ means the same for
        every batch size.

    learning_rate : {'constant', 'invscaling', 'adaptive', 'cosine'}, \
            default='constant'
        Schedule of the learning rate, for all stochastic solvers: constant;
        `learning_rate_init` / (rows seen + 1)^`power_t`; divided by 5 each time
        patience ends, until 1e-6; half a cosine from `learning_rate_init` to 0 over
        `max_iter` epochs, after a linear warm-up of 5 % of the steps. (scikit-learn
        ignores it with 'adam'.)

    learning_rate_init : float, default=0.001
        α, the (initial) learning rate of the stochastic solvers.

    power_t : float, default=0.5
        Exponent of 'invscaling'.

    max_iter : int, default=200
        Largest number of iterations; of epochs for the stochastic solvers.

    shuffle : bool, default=True
        Whether to shuffle the rows in each epoch.

    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the validation split and the order of the rows,
        drawn as scikit-learn's MLP draws them.

    tol : float, default=1e-4
        The stochastic solvers stop when the loss (the validation score, with
        `early_stopping`) does not improve by `tol` for `n_iter_no_change` epochs;
        'lbfgs' when no component of the projected gradient exceeds `tol`.

    verbose : bool or int, default=False
        Whether to print a line an iteration. From scikit-learn 1.9 on callbacks
        (``set_callbacks``) hear of each epoch as well.

    warm_start : bool, default=False
        Whether `fit` goes on from the previous fit: weights, optimizer state,
        learning-rate schedule ('cosine' starts a new cycle), patience, loss curve,
        batch norm and the random stream of dropout and augmentation carry over,
        `n_iter_` counts the new iterations, the classes and the validation split must
        and do stay the same.

    momentum : float, default=0.9
        Momentum μ in [0, 1] of 'sgd'.

    nesterovs_momentum : bool, default=True
        Whether 'sgd' uses Nesterov's momentum.

    early_stopping : bool, default=False
        Whether to watch the validation score and keep the weights of its best epoch,
        however training ends. The validation rows are those given to `fit`, or
        `validation_fraction` of the rows, held out. Stochastic solvers only.

    validation_fraction : float, default=0.1
        Share of the rows held out by `early_stopping`.

    beta_1, beta_2 : float, default=0.9, 0.999
        Decay rates of Adam's moments, in [0, 1).

    epsilon : float, default=1e-8
        ε in Adam's denominator, √v̂ + ε (outside the bias correction, as in the paper).

    n_iter_no_change : int or inf, default=10
        Patience in epochs, see `tol`.

    max_fun : int, default=15000
        Largest number of function evaluations of 'lbfgs'.

    penalty : {'l2', 'l1', 'elasticnet', 'group_l1', None}, default='l2'
        Ω(W) = ‖W‖_F², ‖W‖_1, or ρ ‖W‖_1 + (1 - ρ) ‖W‖_F². An L1 part gives exact
        zeros with every solver. 'group_l1' selects inputs: in the first layer
        Ω(W) = Σ_j ‖W[j, :]‖_2, over all outgoing weights of an input j, which it sets
        to zero together; in the other layers Ω(W) = ‖W‖_F² at the same λ (or at a λ of
        their own, see `alpha`). ``SelectFromModel(mlp, threshold=1e-10)`` keeps the
        inputs that are used; its default threshold is the mean importance.

    l1_ratio : float, default=0.5
        ρ in [0, 1] of 'elasticnet'.

    huber_delta : float, default=1.35
        δ of `loss='huber'`, in the units of y.

    dropout : float or sequence of float, default=0.0
        Probability in [0, 1) that a unit is dropped in a training step: of all hidden
        layers, or one for each layer, input first. What is kept is scaled up (inverted
        dropout); prediction is without. See ``skl2.inspection.mc_dropout``.

    batch_norm : bool, default=False
        Whether to normalize what enters each hidden activation over the mini-batch;
        its scale and shift are not penalized. At the end of the fit the exact
        statistics of the training rows are folded into `coefs_` and `intercepts_`: a
        fitted model is a plain network. Before batch norm the scale of W is without
        effect: L2 then sets the effective learning rate, not the size of the function
        (van Laarhoven, "L2 regularization versus batch and weight normalization",
        2017), but for the output layer.

    max_norm : float or None, default=None
        Bound on the norm of each unit's incoming weights, hidden and output; after
        each step they are scaled back to it.

    augmentation : callable or None, default=None
        Transform ``(X, y, random_state) -> (X, y)`` of each mini-batch, see
        ``skl2.augmentation``.

    scoring : 'loss', str, callable or None, default=None
        What `early_stopping` watches: minus the mean loss, a scorer of scikit-learn
        (its name or ``scorer(estimator, X, y)``), or R².

    Attributes
    ----------
    coefs_ : list of ndarray of shape (n_in, n_out)
        Weights of each layer (CSR matrices after ``sparsify``).
    intercepts_ : list of ndarray of shape (n_out,)
        Biases of each layer.
    alpha_ : ndarray of shape (n_layers - 1,)
        λ of each weight layer, as used.
    sparsity_ : ndarray of shape (n_layers - 1,)
        Share of exact zeros in each layer's weights.
    feature_importances_ : ndarray of shape (n_features_in_,)
        Norm of each input's outgoing weights; 0 for an input that is not used.
    loss_ : float
        J at the end: at the last epoch, or at the minimum found by 'lbfgs'.
    best_loss_ : float or None
        Smallest J of all epochs; None with `early_stopping`.
    loss_curve_ : list of float
        J at each iteration. For the stochastic solvers the mean of the batch losses,
        each before its step, plus the penalty at the start of the epoch.
    validation_scores_ : list of float or None
        Score of each epoch, with `early_stopping`.
    validation_loss_curve_ : list of float or None
        Mean loss of the validation rows at each epoch, without the penalty.
    best_validation_score_ : float or None
        The best of them; the weights are those of its epoch.
    batch_norm_ : list of dict or None
        With `batch_norm`: 'scale' (γ), 'mean' and 'variance' of each hidden layer that
        were folded into the weights, W γ / √(variance + 1e-5).
    n_iter_ : int
        Iterations (epochs) of the last call to fit.
    t_ : int
        Training rows seen by the stochastic solvers.
    n_layers_ : int
        Number of layers, input and output included.
    n_outputs_ : int
        Number of outputs.
    out_activation_ : str
        Inverse link of the output.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has names that are all strings.

    See Also
    --------
    MLPClassifier : The same for classes.
    skl2.inspection.optimality : How far a fit is from a stationary point.

    Notes
    -----
    `partial_fit` minimises the J of the rows it is given: for the same λ over pieces
    of a data set use ``alpha * rows_in_piece / rows_in_all``.

    References
    ----------
    See ``MLPClassifier``; Huber, "Robust estimation of a location parameter", 1964.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skl2 import MLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> mlp = MLPRegressor(alpha=100.0, solver="lbfgs", max_iter=500, random_state=0)
    >>> model = make_pipeline(StandardScaler(), mlp).fit(X, y)
    >>> bool(model.score(X, y) > 0.5)
    True
    """

    _parameters = parameters.REGRESSOR
    _y_numeric = True

    def __init__(
        self,
        loss="squared_error",
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        penalty="l2",
        l1_ratio=0.5,
        huber_delta=1.35,
        dropout=0.0,
        batch_norm=False,
        max_norm=None,
        augmentation=None,
        scoring=None,
    ):
        super().__init__(
            loss=loss,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
            penalty=penalty,
            l1_ratio=l1_ratio,
            dropout=dropout,
            batch_norm=batch_norm,
            max_norm=max_norm,
            augmentation=augmentation,
            scoring=scoring,
        )
        self.huber_delta = huber_delta

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags

    def _learn_from(self, other):
        """Take over what encoding the targets has taught `other`."""

    def _encodes_like(self, other):
        """Whether `other` would make the same training set of the same data."""
        return True

    def _loss_key(self):
        return (self.loss, float(self.huber_delta))

    def _loss(self):
        if self.loss == "huber":
            return Huber(float(self.huber_delta))
        return REGRESSION_LOSSES[self.loss]()

    def _encode_known(self, y, dtype):
        self._loss().check_targets(y)
        return np.ascontiguousarray(np.atleast_2d(y.T), dtype=dtype)

    def _encode(self, y, dtype, reset):
        """Targets of shape (n_outputs, n_rows)."""
        y = self._encode_known(y, dtype)
        if not reset and len(y) != self.n_outputs_:
            raise ValueError(
                f"y has {len(y)} outputs, but {type(self).__name__} was fitted with "
                f"{self.n_outputs_}."
            )
        return y

    def _validation(self, data):
        """Score of the held-out rows; they are not stratified."""
        return self._score(data), None

    def _decode(self, y):
        return y[0] if len(y) == 1 else y.T

    def _default_score(self, data):
        loss, y = self._loss(), data.y

        def r2(raw, rows, theta):
            prediction = loss.predict(raw[np.newaxis])[0]
            if not np.isfinite(prediction).all():
                return np.nan
            weight = data.sample_weight
            weight = None if weight is None else weight[rows]
            return float(r2_score(y[:, rows].T, prediction.T, sample_weight=weight))

        return r2

    @available_if(_stochastic)
    def partial_fit(self, X, y, sample_weight=None):
        """Update the model with one epoch over the given data.

        Optimizer state, learning-rate schedule, patience and the random streams carry
        over from call to call: with full batches n calls on the same data are `fit`
        with `max_iter=n`. m in J is the number of rows given (see Notes). Batch-norm
        statistics pool those of about the last 1000 rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : object
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X):
        """Predict targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        raw = self._raw_predict(X)
        y = self._fitted_loss.predict(raw.T[np.newaxis])[0].T
        return y[:, 0] if y.shape[1] == 1 else y
