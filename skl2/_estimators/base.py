"""A fit, step by step: describe it, train a stack, keep the result."""

import warnings
from abc import ABC, abstractmethod
from contextlib import contextmanager
from copy import copy, deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from skl2._engine.data import TrainingSet, weights_in_range
from skl2._engine.network.network import Network
from skl2._engine.stack import Problem, train_stack
from skl2._engine.warn import warn
from skl2._estimators import parameters
from skl2._estimators.callbacks import fit_with_callbacks
from skl2._estimators.checks import checked_rows, validation_rows
from skl2._estimators.column_scales import (
    warn_if_unscaled,
    warn_if_validation_differs,
)
from skl2._estimators.description import make_member, make_settings
from skl2._estimators.diagnosis import (
    check_finite,
    unfinished,
    warn_if_decay_overshoots,
    warn_of_unfinished,
)
from skl2._estimators.ensemble import (
    AVERAGED,
    averaged,
    averaged_weights,
    is_average,
)
from skl2._estimators.prediction import FittedNetwork
from skl2._estimators.validation_score import ValidationScore
from skl2._estimators.warm_start import continue_from
from skl2._sklearn_compat import CallbackSupportMixin, callbacks_of

# What an estimator learns from its training data before training.
LEARNED_FROM_DATA = ("n_features_in_", "feature_names_in_", "classes_", "_targets")


class BaseMLP(
    FittedNetwork,
    CallbackSupportMixin,
    parameters.NamesParameters,
    BaseEstimator,
    ABC,
):
    """What the classifier and the regressor have in common.

    A fit has three steps: describe it to the engine (``_problem``), train its networks
    as a stack (``train_stack``), keep the result (``_store``). A fit that fails leaves
    the estimator as it was.
    """

    # Set by a search that trains its candidates as stacks, see ``SharedFits``.
    _location: Any = None
    _parameters: dict
    # Whether y must be numbers.
    _y_numeric: bool
    _targets: Any
    loss_curve_: list
    penalty_curve_: list
    batch_norm_: Any
    # Rows that the statistics in `batch_norm_` stand for.
    _batch_norm_rows: int

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
        validation = validation_rows(
            self.early_stopping, X_val, y_val, sample_weight_val
        )
        if not callbacks_of(self):
            return self._fit(X, y, sample_weight, validation=validation)
        fit_with_callbacks(
            self,
            X,
            y,
            sample_weight,
            # In a stack the epochs are those of all its members.
            0 if self._shared_fits is not None else self.max_iter,
            lambda listeners: self._fit(
                X, y, sample_weight, validation=validation, listeners=listeners
            ),
        )
        return self

    def __getstate__(self):
        """Of an ensemble the weights are those of its networks: they pickle once."""
        state = super().__getstate__()
        networks = state.get("_networks")
        if networks is not None and is_average(networks, state):
            state = {k: v for k, v in state.items() if k not in AVERAGED}
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if self._networks is not None and "coefs_" not in vars(self):
            vars(self).update(averaged_weights(self._networks))

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
            if not continues and not problem.settings.batch_norm:
                warn_if_unscaled(problem.data)
            warn_if_decay_overshoots(self, problem, members[0])
            results = self._train(problem, members, continues, listeners)
            for network, member, result in zip(networks, members, results, strict=True):
                check_finite(network, result, problem.data)
                network._store(problem, member, result, continues)
            if self.n_estimators > 1:
                vars(self).update(averaged(networks), _networks=networks)
            self._warn_of_the_end(problem, results)
        return self

    @property
    def _shared_fits(self):
        """The active ``SharedFits`` of a search, or None."""
        location = self._location
        active = location is not None and location.shared_fits.active
        return location.shared_fits if active else None

    def _stream(self):
        """The stream of `random_state`; candidates of a search share one for None."""
        if self.random_state is None and self._shared_fits is not None:
            return np.random.RandomState(self._shared_fits.seed)
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

    def _train(self, problem, members, continues, listeners):
        """Train a stack, or let a search train all its candidates."""
        partial = problem.settings.partial
        if self._shared_fits is not None and not (continues or partial):
            return self._shared_fits.results(self, self._location, problem, members)
        for listener in listeners:
            listener.start(problem.settings, len(members))
        return train_stack(problem, members, listeners, partial or self.warm_start)

    def __sklearn_clone__(self):
        cloned = super().__sklearn_clone__()
        if self._location is not None and not self._location.shared_fits.finished:
            cloned._location = self._location
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
        parameters.check_fit(self, self._parameters, partial)
        data = self._training_set(X, y, sample_weight, continues, validation)
        return self._problem_on(data, continues, partial)

    def _problem_on(self, data, continues=False, partial=False):
        """``_problem`` of a training set that has been made already."""
        loss = self._loss()
        networks = self._make_networks(continues)
        settings = make_settings(self, data, loss, partial)
        streams = [network._stream() for network in networks]
        own = make_member(self, data, loss, streams[0])
        if self._shared_fits is not None:
            own.alpha = own.alpha * self._shared_fits.share_of_rows(self, data)
        members = [replace(own, random_state=stream) for stream in streams]
        if continues:
            for network, member in zip(networks, members, strict=True):
                continue_from(network, member, settings)
        score, stratify = None, None
        if settings.early_stopping:
            score, stratify = self._validation(data)
        problem = Problem(settings, data, loss, score, stratify, self.augmentation)
        return problem, members, networks

    def _with_parameters(self, params, data):
        """Problem and members of this estimator with other parameters, on its data.

        None if the parameters are invalid, or would make another training set.
        """
        other = type(self)(**deepcopy(params))._like(self)
        other._location = self._location
        try:
            with warnings.catch_warnings():
                # Its own fit warns.
                warnings.simplefilter("ignore")
                parameters.check_fit(other, self._parameters)
                if not other._makes_the_data_of(self):
                    return None
                problem, members, _ = other._problem_on(data)
        except (TypeError, ValueError):
            return None
        return problem, members

    def _training_set(self, X, y, sample_weight, continues, validation):
        """Validated and encoded data, as the engine reads them."""
        X, y, sample_weight = checked_rows(
            self, X, y, sample_weight, y_numeric=self._y_numeric, reset=not continues
        )
        unit = 1.0
        if sample_weight is not None:
            sample_weight, unit = weights_in_range(sample_weight, X.dtype)
        if continues:
            self._targets.check(y, complete=self.warm_start)
        else:
            self._learn_targets(y)
        targets = self._encode(y, X.dtype)
        n_outputs = self._loss().n_outputs(len(targets))
        if continues and n_outputs != self.n_outputs_:
            raise ValueError(
                f"y has {n_outputs} outputs, but {type(self).__name__} was fitted "
                f"with {self.n_outputs_}."
            )
        weigh = self._weighting(targets, sample_weight)
        held_out = None
        if validation is not None:
            held_out = self._held_out(validation, X.dtype, len(targets), weigh)
        sample_weight = weigh(targets, sample_weight)
        if sample_weight is not None and not sample_weight.any():
            raise ValueError("class_weight leaves no row with a weight > 0.")
        data = TrainingSet(
            X, targets, sample_weight, held_out=held_out, weight_unit=unit
        )
        if held_out is not None:
            warn_if_validation_differs(data)
        return data

    def _held_out(self, validation, dtype, n_outputs, weigh):
        """The validation rows given to ``fit``, as the engine reads them."""
        X, y, sample_weight = checked_rows(
            self,
            *validation,
            y_numeric=self._y_numeric,
            reset=False,
            dtype=dtype,
            suffix="_val",
        )
        self._targets.check(y)
        targets = self._encode(y, dtype)
        if len(targets) != n_outputs:
            raise ValueError(f"y_val has {len(targets)} outputs, y has {n_outputs}.")
        if sample_weight is not None:
            sample_weight, _ = weights_in_range(sample_weight, dtype)
        sample_weight = weigh(targets, sample_weight)
        if sample_weight is not None and not sample_weight.any():
            raise ValueError("class_weight leaves no validation row with a weight > 0.")
        return TrainingSet(X, targets, sample_weight)

    def _encode(self, y, dtype):
        self._loss().check_targets(y)
        return self._targets.encode(y, dtype)

    def _learn_targets(self, y):
        """Set what the targets learn from `y`: the classes, if there are any."""

    @abstractmethod
    def _loss(self):
        """The Loss of the engine."""

    def _weighting(self, targets, sample_weight):
        """A function ``(targets, sample_weight) -> sample_weight`` of any rows."""
        return lambda targets, sample_weight: sample_weight

    def _makes_the_data_of(self, other):
        """Whether both make the same training set of the same X, y and weights."""
        return True

    def _like(self, other):
        """Take over what `other` has learned from its training data."""
        learned = vars(other)
        vars(self).update({k: learned[k] for k in LEARNED_FROM_DATA if k in learned})
        return self

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

    def without_progress(self):
        """This estimator without what only a fit that continues would need."""
        self._progress = None
        return self

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
        self._progress = result.progress
        self.batch_norm_ = None
        if result.unfolded is not None:
            self.batch_norm_ = result.unfolded.by_layer(settings.layer_sizes)
            self._batch_norm_rows = result.unfolded.n_rows

    def _warn_of_the_end(self, problem, results):
        if any(result.interrupted for result in results):
            warn("Training interrupted by user.")
        left = unfinished(problem.settings, results)
        if not left:
            return
        if self._shared_fits is not None:
            self._shared_fits.note_unfinished(self)
        else:
            warn_of_unfinished(self, left, len(results), problem.data)

    def _validation(self, data):
        """Score of the validation rows, and the strata by which they are held out.

        The score None stands for the loss, see ``Validation``.
        """
        score = None if self._watches_loss() else ValidationScore(self, data)
        return score, self._targets.strata(data.y)

    def _watches_loss(self):
        """Whether early stopping watches the loss."""
        return self.scoring == "loss"
