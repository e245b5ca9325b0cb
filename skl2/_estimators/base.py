"""A fit, step by step: describe it, train a stack, keep the result."""

import warnings
from abc import ABC, abstractmethod
from contextlib import contextmanager
from copy import copy, deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer
from sklearn.utils import check_array, check_random_state, column_or_1d
from sklearn.utils.validation import validate_data

from skl2._engine.data import TrainingSet
from skl2._engine.network.folding import Unfolded
from skl2._engine.network.network import Network
from skl2._engine.penalties import l1_share
from skl2._engine.solvers.stochastic import Printer
from skl2._engine.stack import (
    STOCHASTIC_SOLVERS,
    Member,
    Problem,
    Settings,
    content_key,
    one_by_one,
    train_stack,
)
from skl2._engine.warn import warn
from skl2._estimators import parameters
from skl2._estimators.alpha_scale import scale_alpha
from skl2._estimators.callbacks import CallbackSupportMixin, fit_with_callbacks
from skl2._estimators.ensemble import averaged
from skl2._estimators.prediction import FittedNetwork


class BaseMLP(FittedNetwork, CallbackSupportMixin, BaseEstimator, ABC):
    """What the classifier and the regressor have in common.

    A fit has three steps: describe it to the engine (``_problem``), train its networks
    as a stack (``train_stack``), keep the result (``_store``). A fit that fails leaves
    the estimator as it was.
    """

    # Set by a search that trains its candidates as stacks, see ``SharedFits``.
    _seat: Any = None
    loss_curve_: list
    penalty_curve_: list
    batch_norm_: Any
    # Rows that the statistics in `batch_norm_` stand for.
    _batch_norm_rows: int

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
        n_estimators,
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
        self.n_estimators = n_estimators

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = getattr(self.augmentation, "handles_sparse", True)
        return tags

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
            Targets of these rows; given together with X_val.
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

    def _fit(self, X, y, sample_weight, partial=False, validation=None, listeners=()):
        with self._unchanged_on_error():
            continues = hasattr(self, "coefs_") and (partial or self.warm_start)
            problem, members, networks = self._problem(
                X,
                y,
                sample_weight,
                continues=continues,
                partial=partial,
                validation=validation,
            )
            self._warn_if_decay_overshoots(problem, members[0])
            results = self._train(problem, members, continues or partial, listeners)
            for network, member, result in zip(networks, members, results, strict=True):
                network._check_finite(result, problem.data)
                network._store(problem, member, result, continues)
            if self.n_estimators > 1:
                vars(self).update(averaged(networks), _networks=networks)
            self._warn_of_the_end(problem.settings, results)
        return self

    def _stream(self):
        """The stream of `random_state`; candidates of a search share one for None."""
        seat = self._seat
        if self.random_state is None and seat is not None and seat.bank.active:
            return np.random.RandomState(seat.bank.seed)
        return check_random_state(self.random_state)

    def _make_networks(self, continues):
        """The estimators of the single networks: this one, if it has one alone."""
        if continues and len(self.estimators_) != self.n_estimators:
            raise ValueError(
                f"n_estimators={self.n_estimators}, but the previous fit has "
                f"{len(self.estimators_)} network(s): restore n_estimators, or set "
                "warm_start=False to start anew."
            )
        if self.n_estimators == 1:
            return [self]
        params = self.get_params(deep=False) | {"n_estimators": 1}
        if continues:
            del params["random_state"]
            return [copy(network).set_params(**params) for network in self.estimators_]
        seeds = self._stream().randint(2**31 - 1, size=self.n_estimators).tolist()
        networks = [type(self)(**params | {"random_state": seed}) for seed in seeds]
        return [network._like(self) for network in networks]

    def _train(self, problem, members, alone, listeners):
        """Train a stack, or let a search train all its candidates."""
        if self._seat is not None and self._seat.bank.active and not alone:
            return self._seat.bank.results(self, self._seat, problem, members)
        for listener in listeners:
            listener.start(problem.settings, len(members))
        if self.verbose:
            listeners = (*listeners, Printer(len(members)))
            # One printer for all networks, also where they are trained one by one.
            silent = replace(problem.settings, verbose=False)
            problem = replace(problem, settings=silent)
        if not alone and not self.warm_start:
            return train_stack(problem, members, listeners)
        # Only a stack of one keeps its state, to be continued.
        return one_by_one(
            members,
            listeners,
            lambda member, own: train_stack(problem, [member], own)[0],
        )

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

    def _problem(
        self,
        X,
        y,
        sample_weight=None,
        *,
        continues=False,
        partial=False,
        validation=None,
    ):
        """What the engine trains, from the data that a user gives.

        The only way from data to engine. It sets what validation and encoding learn
        from the data, such as ``n_features_in_``.

        Parameters
        ----------
        X, y, sample_weight : array-like
            As for ``fit``.
        continues : bool
            Whether the networks start where the previous fit ended.
        partial : bool
            Whether this is a call of ``partial_fit``.
        validation : tuple (X_val, y_val, sample_weight_val) or None
            Rows for early stopping; ``problem.data.held_out`` holds them.

        Returns
        -------
        problem : Problem
        members : list of Member, one a network
        networks : list of estimators, one a network
            This estimator, or the single networks of an ensemble.
        """
        self._check_parameters(partial)
        data = self._training_set(X, y, sample_weight, not continues, validation)
        return self._problem_on(data, continues, partial)

    def _problem_on(self, data, continues=False, partial=False):
        """``_problem`` of a training set that has been made already."""
        networks = self._make_networks(continues)
        settings = self._settings(data, partial)
        own = self._member(data, len(settings.layer_sizes) - 1)
        members = []
        for network in networks:
            member = replace(own, random_state=network._stream())
            if continues:
                network._continue(member, settings)
            members.append(member)
        score, stratify = None, None
        if settings.early_stopping:
            score, stratify = self._validation(data)
        problem = Problem(
            settings, data, self._loss(), score, stratify, self.augmentation
        )
        return problem, members, networks

    def _with_parameters(self, params, data):
        """Problem and members of this estimator with other parameters, on its data.

        None if the parameters are invalid, or would make another training set.
        """
        other = type(self)(**deepcopy(params))
        other._learn_from(self)
        other._seat = self._seat
        try:
            with warnings.catch_warnings():
                # Its own fit warns.
                warnings.simplefilter("ignore")
                other._check_parameters(partial=False)
                if not other._encodes_like(self):
                    return None
                problem, members, _ = other._problem_on(data)
        except (TypeError, ValueError):
            return None
        return problem, members

    def _check_parameters(self, partial):
        parameters.check_parameters(self, self._parameters)
        parameters.check_hidden_layer_sizes(self.hidden_layer_sizes)
        if self.early_stopping and partial:
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

    def _training_set(self, X, y, sample_weight, reset, validation):
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
            sample_weight = check_weights(
                sample_weight, X.shape[0], X.dtype, "sample_weight" + suffix
            )
        return X, y, sample_weight

    def _class_weights(self, targets, sample_weight):
        """A function ``(targets, sample_weight) -> sample_weight`` of any rows."""
        return lambda targets, sample_weight: sample_weight

    def _layer_sizes(self, data):
        hidden = parameters.check_hidden_layer_sizes(self.hidden_layer_sizes)
        return data.X.shape[1], *hidden, len(data.y)

    def _continue(self, member, settings):
        """Let `member` start where this network ended."""
        member.theta = self._fitted_theta(settings)
        member.rows_seen = self.t_
        progress = getattr(self, "_progress", None)
        if progress is not None:
            # A copy: a call that fails leaves the original unchanged.
            member.progress = deepcopy(progress)
            member.random_state = member.progress.stream
        if settings.batch_norm:
            member.unfolded = self._unfolded(member.progress)

    def _settings(self, data, partial):
        """The settings that all members of a stack share."""
        layer_sizes = self._layer_sizes(data)
        n_hidden = len(layer_sizes) - 2
        dropout = parameters.check_dropout(self.dropout, n_hidden)
        return Settings(
            layer_sizes=layer_sizes,
            activation=self.activation,
            loss=self._loss_key(),
            solver=self.solver,
            batch_size=self._rows_in_a_batch(data.n_rows),
            dtype=data.X.dtype.name,
            learning_rate=self.learning_rate,
            power_t=float(self.power_t),
            max_iter=1 if partial else int(self.max_iter),
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
            augmentation=content_key(self.augmentation),
            scoring=content_key(self.scoring if self.early_stopping else None),
            partial=partial,
        )

    def _rows_in_a_batch(self, n_rows):
        batch_size = 200 if self.batch_size == "auto" else int(self.batch_size)
        if batch_size > n_rows and self.batch_size != "auto":
            warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going "
                "to be clipped",
            )
        return min(batch_size, n_rows)

    def _member(self, data, n_weight_layers):
        """The settings in which this fit may differ from other members of a stack."""
        return Member(
            penalty=self.penalty,
            alpha=self._alpha(data, n_weight_layers),
            l1_ratio=float(self.l1_ratio),
            learning_rate_init=float(self.learning_rate_init),
            momentum=float(self.momentum),
            beta_1=float(self.beta_1),
            beta_2=float(self.beta_2),
            epsilon=float(self.epsilon),
            random_state=self._stream(),
            dropout=parameters.check_dropout(self.dropout, n_weight_layers - 1),
            max_norm=None if self.max_norm is None else float(self.max_norm),
        )

    def _alpha(self, data, n_weight_layers):
        """λ of every weight layer."""
        alpha = parameters.check_alpha(self.alpha, n_weight_layers)
        if alpha is None:
            value = scale_alpha(data, self._loss(), self.penalty, n_weight_layers)
            alpha = np.full(n_weight_layers, value)
        if self._seat is not None:
            alpha = alpha * self._seat.bank.share_of_rows(data)
        return alpha

    def _fitted_theta(self, settings):
        """The fitted weights as one row of theta; where a warm start begins."""
        fitted = tuple([c.shape[0] for c in self.coefs_] + [self.n_outputs_])
        if fitted != settings.layer_sizes:
            raise ValueError(
                "A warm start needs the layers of the previous fit, "
                f"{fitted}, got {settings.layer_sizes}: restore hidden_layer_sizes, or "
                "set warm_start=False to start anew."
            )
        coefs = [c.toarray() if sparse.issparse(c) else c for c in self.coefs_]
        network = Network(settings.layer_sizes, settings.activation, settings.dtype)
        return network.pack(coefs, self.intercepts_)

    def _unfolded(self, progress):
        """What batch norm continues from, beside the fitted weights."""
        if not getattr(self, "batch_norm_", None):
            raise ValueError(
                "A warm start with batch_norm=True needs a previous fit with it: set "
                "warm_start=False to start anew."
            )
        if progress is not None and progress.unfolded is not None:
            return progress.unfolded
        return Unfolded.from_layers(self.batch_norm_, self._batch_norm_rows)

    def _like(self, other):
        """Take over what validating and encoding the data has taught `other`."""
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(other, name):
                setattr(self, name, getattr(other, name))
        self._learn_from(other)
        return self

    def _warn_if_decay_overshoots(self, problem, member):
        strength = member.alpha * (1.0 - l1_share(member.penalty, member.l1_ratio))
        if member.penalty is None:
            strength[:] = 0.0
        if member.penalty == "group_l1":
            strength[0] = 0.0
        decay = member.learning_rate_init * strength.max() / problem.data.total_weight
        if problem.settings.solver in STOCHASTIC_SOLVERS and decay > 1.0:
            warn(
                f"alpha={self.alpha!r} is too large for learning_rate_init="
                f"{self.learning_rate_init!r}: one step of weight decay would multiply "
                f"the weights by 1 - learning_rate_init * alpha / n_samples = "
                f"{1.0 - decay:.3g} < 0. The step is bounded; lower alpha or "
                "learning_rate_init, or use solver='lbfgs'.",
                ConvergenceWarning,
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
            warn(
                f"Training diverged. {reason} The weights of the best validation score "
                "are kept.",
                ConvergenceWarning,
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
            "_networks": None,
            # A fitted model predicts the same whatever set_params does afterwards.
            "_fitted_activation": self.activation,
            "_fitted_loss": loss,
            "n_layers_": len(layer_sizes),
            "n_outputs_": layer_sizes[-1],
            "out_activation_": loss.out_activation,
        }

    def _after_epoch(self, settings, report):
        """The fitted attributes as of an epoch, for callbacks."""
        result = report.result
        return self._learned(settings.layer_sizes, report.fitted()) | {
            "n_iter_": result.n_iter,
            "loss_": result.loss_curve[-1],
            "loss_curve_": list(result.loss_curve),
            "penalty_curve_": list(result.penalty_curve),
            "validation_scores_": copy(result.validation_scores),
            "validation_loss_curve_": copy(result.validation_loss_curve),
        }

    def _store(self, problem, member, result, continues):
        """Keep what was learned: attributes with a trailing underscore."""
        settings = problem.settings
        vars(self).update(self._learned(settings.layer_sizes, result.theta))
        self._fitted_dropout = member.dropout
        self.alpha_ = member.alpha
        self.n_iter_ = result.n_iter
        for name in ("loss_curve_", "penalty_curve_"):
            before = getattr(self, name) if continues else []
            setattr(self, name, before + getattr(result, name[:-1]))
        self.loss_ = self.loss_curve_[-1] if self.loss_curve_ else result.best_loss
        self.best_loss_ = result.best_loss
        self.t_ = result.rows_seen
        self.best_validation_score_ = result.best_validation_score
        for name in ("validation_scores_", "validation_loss_curve_"):
            earlier = getattr(self, name, None) if continues else None
            curve = getattr(result, name[:-1])
            if earlier and curve is not None:
                curve = earlier + curve
            setattr(self, name, curve)
        keep = settings.partial or self.warm_start
        self._progress = result.progress if keep else None
        self.batch_norm_ = None
        if result.unfolded is not None:
            self.batch_norm_ = result.unfolded.by_layer(settings.layer_sizes)
            self._batch_norm_rows = result.unfolded.n_rows

    def _warn_of_the_end(self, settings, results):
        if any(result.interrupted for result in results):
            warn("Training interrupted by user.")
        unfinished = [r for r in results if not (r.converged or r.interrupted)]
        unfinished = [r for r in unfinished if r.diverged_at is None]
        if not unfinished or settings.partial:
            return
        if settings.learning_rate == "cosine" and settings.solver != "lbfgs":
            # The schedule is at its end, by which training is to be over.
            return
        many = f" ({len(unfinished)} of {len(results)} networks)"
        which = many if len(results) > 1 else ""
        if self._seat is not None and self._seat.bank.sums_up:
            self._seat.bank.n_unconverged += 1
        elif settings.solver == "lbfgs":
            last = unfinished[-1]
            warn(
                f"lbfgs failed to converge after {last.n_iter} iteration(s){which}: "
                f"{last.message}. Increase max_iter ({self.max_iter}) or max_fun "
                f"({self.max_fun}), or scale the data.",
                ConvergenceWarning,
            )
        else:
            warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached "
                f"and the optimization hasn't converged yet{which}.",
                ConvergenceWarning,
            )

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


def _largest_scale(X):
    """The largest absolute value, found without a copy of X."""
    values = X.data if sparse.issparse(X) else X
    return max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)))


def check_weights(sample_weight, n_rows, dtype, name="sample_weight"):
    """Weights of rows as an array of shape (n_rows,), all >= 0 and not all 0."""
    weights = check_array(
        sample_weight,
        ensure_2d=False,
        dtype=dtype,
        input_name=name,
    )
    if weights.shape != (n_rows,):
        raise ValueError(
            f"{name} has shape {weights.shape}; expected one weight a row of X, "
            f"({n_rows},)."
        )
    if weights.min() < 0:
        raise ValueError(
            f"Negative values in data passed to `{name}`: the smallest is "
            f"{weights.min()}; weights must be >= 0."
        )
    if not weights.any():
        raise ValueError(f"{name} is zero for every row; at least one must be > 0.")
    return weights


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
