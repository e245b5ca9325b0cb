"""MLPClassifierCV and MLPRegressorCV: a table in, a tuned average of networks out."""

from abc import ABC, abstractmethod
from dataclasses import replace
from numbers import Integral, Real
from time import monotonic
from warnings import catch_warnings, filterwarnings

import numpy as np
from scipy.sparse import issparse
from sklearn import config_context
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    RegressorMixin,
    clone,
    is_classifier,
)
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline
from sklearn.utils import (
    check_array,
    check_consistent_length,
    check_random_state,
    column_or_1d,
)
from sklearn.utils.validation import check_is_fitted, validate_data

from skl2._engine.threads import ctrl_c_raises
from skl2._engine.warn import warn
from skl2._estimators import parameters
from skl2._estimators.base import BaseMLP
from skl2._estimators.checks import check_weights, few_valid_numbers
from skl2._estimators.classifier import MLPClassifier
from skl2._estimators.parameters import Choice, Number, Seed, Verbosity
from skl2._estimators.regressor import MLPRegressor
from skl2._estimators.targets import ClassTargets
from skl2._sklearn_compat import CallbackSupportMixin, callbacks_of, take_rows
from skl2.model_selection._alpha_search import AlphaSearchCV
from skl2.model_selection._final_fits import fit_all
from skl2.model_selection._splits import count_rows, draw_rows, make_splits
from skl2.model_selection._table_average import average_pipelines, in_units
from skl2.model_selection._table_columns import (
    NUMERIC,
    categorical_columns,
    check_types,
    count_ramped,
    is_table,
    make_columns,
)
from skl2.model_selection._table_pieces import cut, fit_in_pieces
from skl2.model_selection._table_plan import (
    FEWER_FOLDS,
    LEAST_FOLD,
    LEAST_GAIN,
    LONGER_ALPHAS,
    SEARCH_ROWS,
    best_settings,
    choose,
    make_plan,
)
from skl2.model_selection._table_targets import TargetScaler, scale_of
from skl2.preprocessing import PiecewiseLinearEncoder

# Steps of ``pipeline_``.
COLUMNS = "columns"
NETWORK = "network"

COMMON = {
    "n_estimators": [Choice("auto"), Number(Integral, "[1, inf)")],
    "n_bins": [Choice("auto"), Number(Integral, "[0, inf)")],
    "max_time": [Choice(None), Number(Real, "(0, inf)")],
    "random_state": [Seed()],
    "verbose": [Verbosity()],
}
REGRESSOR = COMMON | {
    "loss": [Choice("squared_error", "poisson", "absolute_error", "huber", "quantile")],
    "quantile": parameters.REGRESSOR["quantile"],
}

# Share of `max_time` that is left to the search; the rest is for the final networks.
SEARCH_TIME = 0.7

# Standard errors by which the final model may be worse on its own rows than the
# candidates were on rows held out, before a warning says so.
SUSPICIOUS = 5.0


class BaseTableEstimator(
    CallbackSupportMixin, parameters.NamesParameters, BaseEstimator, ABC
):
    """What the two table estimators have in common.

    A fit has five steps: a screening of the candidates where there are folds,
    ``AlphaSearchCV`` over λ and those that are left, the choice of the best of them
    (``choose``), the question whether to train longer, and their networks, trained on
    all rows and averaged.
    """

    _parameters: dict
    held_out_: list | None
    # Where the pipeline is in the estimator that is searched.
    _prefix: str
    _smooth_loss = True

    def fit(self, X, y, sample_weight=None):
        """Search, then train the networks of the best candidates on all rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            A DataFrame or an array; NaN where a value is missing.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Classes, an indicator matrix (multilabel), or numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0 of the rows.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If a parameter or the data can't be used. The estimator is then as it was
            before.
        """
        before = vars(self).copy()
        try:
            parameters.check_parameters(self, self._parameters)
            X = self._checked(X, reset=True)
            y = self._checked_targets(y)
            check_consistent_length(X, y)
            if sample_weight is not None:
                sample_weight = check_weights(sample_weight, len(y), np.float64)
            with ctrl_c_raises():
                self._fit(X, y, sample_weight)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise
        return self

    def _fit(self, X, y, sample_weight):
        categorical = categorical_columns(X, self.categorical_features)
        check_types(X, categorical)
        n_ramped = count_ramped(X, categorical)
        n_rows, n_columns = X.shape
        plan = make_plan(
            n_rows,
            n_columns,
            n_ramped,
            self.n_bins,
            self.hidden_layer_sizes,
            self._smooth_loss,
        )
        stream = check_random_state(self.random_state)
        seed = int(stream.randint(np.iinfo(np.int32).max))
        columns = make_columns(X, categorical)
        network = self._network_parameters(plan, seed)
        template = self._template(columns, network, y, sample_weight)
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        rows, sample = self._sample(X, y, weights, seed)
        # Splits of the user's are of all rows.
        searched = (X, y, weights) if rows is None else sample
        # Routing hands the weights to the encoder, the network and the scorer.
        with config_context(enable_metadata_routing=bool(weights)), catch_warnings():
            # L-BFGS may end before a linear model has converged: the user cannot change
            # that, and rows held out say what the model is worth.
            for end in ("lbfgs failed to converge", ".* fits of the search reached"):
                filterwarnings("ignore", end, ConvergenceWarning)
            if weights:
                _request_weights(template)
            best = self._best(template, plan, searched, seed)
            if sample is None:
                self.pipeline_ = self._fit_at_once(best, X, y, weights)
            else:
                self.pipeline_ = self._fit_in_pieces(
                    best, plan, sample, X, y, sample_weight, seed
                )
        if rows is not None and self.held_out_ is not None:
            # Rows of X, not of the sample.
            self.held_out_ = [replace(h, rows=rows[h.rows]) for h in self.held_out_]
        self.alpha_ = float(best[0][0].get_params()[self._alpha_name])
        self._warn_if_suspicious(*(sample or searched))

    def _best(self, template, plan, searched, seed):
        """The best candidates of the search, not fitted, and their networks.

        Returns
        -------
        best : list of (estimator, n_networks), the best first
        """
        X, y, weights = searched
        folds = make_splits(self.cv, X, y, is_classifier(self), seed)
        if self.cv is None:
            folds = folds[: plan.n_folds]
        search = self._search(template, plan, folds, seed)
        if len(plan.candidates) > plan.n_refine and _first_is_telling(folds):
            self._screen(search, X, y, weights)
        self.search_ = search.fit(X, y, **weights)
        n_networks = self.n_estimators
        if isinstance(n_networks, str):
            n_networks = plan.n_networks
        results = self.search_.cv_results_
        chosen = choose(results, self._alpha_name, plan, n_networks)
        longer = self._trained_longer(chosen[0][0], plan, X, y, weights)
        return [
            (clone(template).set_params(**params).set_params(**longer(params)), n)
            for params, n in chosen
        ]

    def _sample(self, X, y, weights, seed):
        """A sample of many rows, for the search and the encoders.

        Returns
        -------
        rows : ndarray or None
            Which rows the search takes; None for all.
        sample : (X, y, weights) or None
            None where there are not so many rows.
        """
        if len(y) <= SEARCH_ROWS:
            return None, None
        rows = np.arange(len(y))
        for weight in weights.values():
            rows = np.flatnonzero(weight)
        rows = rows[draw_rows(y[rows], SEARCH_ROWS, is_classifier(self), seed)]
        own = {name: weight[rows] for name, weight in weights.items()}
        sample = take_rows(X, rows), y[rows], own
        own_splits = self.cv is not None and not isinstance(self.cv, Integral)
        return None if own_splits else rows, sample

    def _fit_at_once(self, best, X, y, weights):
        """The average of the best candidates, each fitted to all rows encoded.

        Parameters
        ----------
        best : list of (estimator, n_networks)
        X, y, weights
        """
        # Networks that are trained to the end would all be the same one.
        ensembles = [
            estimator
            if self._is_trained_to_the_end(estimator.get_params())
            else estimator.set_params(**{self._name("n_estimators"): n})
            for estimator, n in best
        ]
        fitted = fit_all(ensembles, X, y, weights, self.n_jobs)
        pipelines, scalers = zip(*map(self._unwrapped, fitted), strict=True)
        return self._average(pipelines, [n for _, n in best], scalers[0])

    def _fit_in_pieces(self, best, plan, sample, X, y, weight, seed):
        """The average of the best candidates, fitted to all rows piece by piece."""
        pipelines, scalers = zip(*(self._unwrapped(e) for e, _ in best), strict=True)
        fitted = fit_in_pieces(
            pipelines,
            [n for _, n in best],
            sample,
            X,
            y if scalers[0] is None else scalers[0].transform(y),
            self._row_weight(y, weight),
            plan.final_epochs,
            seed,
        )
        return self._average(fitted, [1] * len(fitted), scalers[0])

    def _unwrapped(self, estimator):
        """The pipeline in what is searched, and the scaler of the targets or None."""
        return estimator, None

    def _row_weight(self, y, weight):
        """Weights of the rows times the weights of their classes; None for 1."""
        return weight

    @staticmethod
    def _average(pipelines, n_networks, scaler):
        """One pipeline for several, which predicts in the units of y."""
        pipeline = average_pipelines(pipelines, n_networks)
        if scaler is None:
            return pipeline
        return in_units(pipeline, scaler.mean, scaler.scale)

    def _name(self, parameter):
        """A parameter of the network, as the searched estimator calls it."""
        return f"{self._prefix}{NETWORK}__{parameter}"

    @property
    def _alpha_name(self):
        return self._name("alpha")

    def _search(self, template, plan, folds, seed):
        search = AlphaSearchCV(
            template,
            plan.param_grid(
                f"{self._prefix}{COLUMNS}__{NUMERIC}__n_bins", self._name("")
            ),
            alphas=self.alphas,
            scoring=self.scoring,
            cv=folds,
            n_refine=plan.n_refine,
            max_time=self.max_time and SEARCH_TIME * self.max_time,
            refit=False,
            n_jobs=self.n_jobs,
            random_state=seed,
            verbose=self.verbose,
        )
        callbacks = callbacks_of(self)
        return search.set_callbacks(*callbacks) if callbacks else search

    def _screen(self, search, X, y, weights):
        """Leave those candidates to a search that do best on its first fold."""
        first = clone(search).set_params(cv=search.cv[:1], n_refine=0)
        if self.max_time is not None:
            began = monotonic()
            first.set_params(max_time=search.max_time / 2)
        results = first.fit(X, y, **weights).cv_results_
        grid = best_settings(results, self._alpha_name, search.n_refine)
        search.set_params(param_grid=grid)
        if self.max_time is not None:
            left = search.max_time - (monotonic() - began)
            # The first rung runs in any case.
            search.set_params(max_time=max(left, np.finfo(float).tiny))

    def _trained_longer(self, best, plan, X, y, weights):
        """Whether the final networks are trained longer, by the rows held out.

        Returns
        -------
        longer : callable ``longer(params) -> dict``
            What changes in the parameters of a candidate.
        """
        first = self.search_
        self.best_score_ = float(first.best_score_)
        self.held_out_ = first.held_out_
        name = self._alpha_name
        if (
            plan.stretch == 1
            or best[name] == 0.0
            or self.max_time is not None
            or self._is_trained_to_the_end(best)
        ):
            # No λ to go with the longer training, or no time may be left.
            return lambda params: {}
        epochs = {self._name("max_iter"): plan.stretch * plan.n_epochs}
        search = clone(first).set_params(
            estimator=clone(first.estimator).set_params(**best, **epochs),
            param_grid=None,
            alphas=[best[name] * share for share in LONGER_ALPHAS],
        )
        asked = [first.cv if self.cv is not None else first.cv[:FEWER_FOLDS]]
        if _first_is_telling(first.cv):
            # Where longer training does harm, the first fold mostly says so.
            asked.insert(0, first.cv[:1])
        for folds in asked:
            search.set_params(cv=folds)
            with catch_warnings():
                # The best λ is one of a few here.
                filterwarnings("ignore", "The best alpha", UserWarning)
                search.fit(X, y, **weights)
            before = _first_scores(first, len(folds))
            gain = search.best_score_ - before
            if not gain > (LEAST_GAIN if folds is asked[-1] else 0.0) * abs(before):
                return lambda params: {}
        self.best_score_ += float(gain)
        self.held_out_ = search.held_out_
        share = search.alpha_ / best[name]
        return lambda params: (
            {}
            if self._is_trained_to_the_end(params)
            else epochs | {name: share * params[name]}
        )

    def _is_trained_to_the_end(self, params):
        """Whether the parameters of a candidate are those of ``Plan.linear``."""
        return params.get(self._name("solver")) == "lbfgs"

    def _network_parameters(self, plan, seed):
        """The schedule, which all candidates have in common."""
        return {
            "learning_rate": "cosine",
            "learning_rate_init": plan.learning_rate,
            "batch_size": plan.batch_size,
            "max_iter": plan.n_epochs,
            # The schedule ends the training, not patience.
            "n_iter_no_change": np.inf,
            "random_state": seed,
        }

    @abstractmethod
    def _template(self, columns, network, y, sample_weight):
        """The estimator that is searched: a pipeline, or one with scaled targets.

        Parameters
        ----------
        columns : transformer
        network : dict
            Parameters of the network.
        y, sample_weight : array-like
            As given to fit.
        """

    def _checked(self, X, reset):
        """X as the encoders of the columns take it; a DataFrame stays one."""
        if is_table(X):
            validate_data(self, X, skip_check_array=True, reset=reset)
            return X
        few = None if reset else few_valid_numbers(self, X)
        if few is not None:
            return few
        named = self.categorical_features
        numbers = named is None or isinstance(named, str)
        return validate_data(
            self,
            X,
            reset=reset,
            accept_sparse=["csr", "csc"],
            # Categories of an array without types of columns may be strings.
            dtype=[np.float64, np.float32] if numbers else None,
            ensure_all_finite="allow-nan" if numbers else False,
        )

    def _checked_targets(self, y):
        """y as an array, numbers for a regressor."""
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is "
                "None"
            )
        if issparse(y):
            y = y.toarray()
        numbers = isinstance(self, RegressorMixin)
        if _has_missing(y):
            raise ValueError("y contains None or NaN: leave out rows without a target.")
        y = check_array(
            y,
            ensure_2d=False,
            dtype="numeric" if numbers else None,
            input_name="y",
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return y

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags

    def predict(self, X):
        """Predict classes, or numbers in the units of y.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        return self._predicted("predict", X)

    def _predicted(self, method, X):
        check_is_fitted(self)
        X = self._checked(X, reset=False)
        predict = getattr(self.pipeline_, method)
        pieces = cut(count_rows(X))
        if len(pieces) == 1:
            return predict(X)
        X = X.tocsr() if issparse(X) else X
        return np.concatenate([predict(take_rows(X, rows)) for rows in pieces])

    def _warn_if_suspicious(self, X, y, weights):
        """Warn if the model is worse on its own rows than on those held out."""
        results = self.search_.cv_results_
        own = self.search_.scorer_(self.pipeline_, X, y, **weights)
        deviation = results["std_test_score"][self.search_.best_index_]
        tolerance = SUSPICIOUS * max(deviation, 0.1 * abs(self.best_score_))
        if not own >= self.best_score_ - tolerance:
            warn(
                f"The final model scores {own:.4g} on its own rows, far below the "
                f"{self.best_score_:.4g} of the search on rows held out: it is not "
                "trained as the search promised. Look for rows of extreme values in X "
                "or y, or search by another `scoring`."
            )


def _has_missing(y):
    """Whether a target is None, NaN or pandas' NA."""
    if hasattr(y, "isna"):
        return bool(np.any(y.isna()))
    # A list of strings and NaN would become strings, "nan" among them.
    y = np.asarray(y, dtype=object if isinstance(y, list) else None)
    return y.dtype == object and any(v is None or v != v for v in y.flat)


def _first_is_telling(folds):
    """Whether there are several folds, and the first one has enough rows for a look.

    A fold of a `cv` of the user's own may have one row only.
    """
    train, test = folds[0]
    return len(folds) > 1 and len(test) >= LEAST_FOLD * (len(train) + len(test))


def _first_scores(search, n_splits):
    """Mean score of the best candidate of a search on its first folds."""
    results = search.cv_results_
    return np.mean(
        [results[f"split{k}_test_score"][search.best_index_] for k in range(n_splits)]
    )


def _request_weights(template):
    """Let metadata routing hand the weights to the encoder and the network."""
    for part in template.get_params(deep=True).values():
        if isinstance(part, BaseMLP | PiecewiseLinearEncoder):
            part.set_fit_request(sample_weight=True)


class MLPClassifierCV(ClassifierMixin, BaseTableEstimator):
    """Classifier of a table as it is: no scaling, no encoding, no λ to choose.

    Chooses λ, the hidden layers and the encoding of the columns by the log-loss of rows
    held out, then averages networks of the best candidates trained on all rows. The
    result is one plain network behind one encoder.

    Parameters
    ----------
    hidden_layer_sizes : 'auto' or array-like of int, default='auto'
        Hidden layers of the networks. 'auto' lets the search decide between no hidden
        layer, one and two, by the number of rows and columns.

    n_estimators : 'auto' or int, default='auto'
        Networks that are averaged, from different seeds, shared among the best
        candidates. 'auto': 8 below 1,500 rows, 4 above.

    n_bins : 'auto' or int, default='auto'
        Ramps of each numeric column, see ``skl2.preprocessing.PiecewiseLinearEncoder``;
        0 for none. 'auto' lets the search decide between 0 and 16 (8 for few rows and
        more than 40 columns).

    categorical_features : 'from_dtype', None or array-like of bool, int or str, \
            default='from_dtype'
        Columns that are categories. 'from_dtype': those of a DataFrame whose type is
        category, string, object or bool. None: no column. Each category has an input
        of its own; those of fewer than 5 rows are one together, as are those that
        come up in prediction only.

    alphas : 'auto', int or array-like, default='auto'
        λs of the search, see ``AlphaSearchCV``.

    cv : None, int or splitter, default=None
        None: shuffled folds below 1,500 rows (five, three of them from 500 rows on),
        one holdout of 20 % above. For others, see ``AlphaSearchCV``. Only a splitter is
        given more than 20,000 rows.

    scoring : str, callable or None, default=None
        What chooses λ and the candidates; None stands for the loss on rows held out.

    class_weight : dict, 'balanced', list of dict or None, default=None
        Weights of the classes, see ``MLPClassifier``.

    max_time : float or None, default=None
        Seconds for the whole fit. The search tries one candidate after another, begins
        none that would not end in 70 % of the time, and takes the best so far.

    n_jobs : int or None, default=None
        Processes, this one included, that share the folds of the search and the final
        fits, see ``StackedGridSearchCV``.

    random_state : int, RandomState instance or None, default=None
        Seed of the folds, the initial weights and the order of the rows.

    verbose : int, default=0
        Whether to print a line for each step of the search.

    Attributes
    ----------
    pipeline_ : Pipeline
        The model: the encoder of the columns and one plain network, the average, with
        `coefs_` and `intercepts_`.
    search_ : AlphaSearchCV
        The search; ``cv_results_`` has the score of each of its candidates and λs.
    alpha_ : float
        λ of the best candidate.
    best_score_ : float
        Its mean score on rows held out, with the gain by a longer training.
    held_out_ : list of HeldOut or None
        The models of its folds, see ``AlphaSearchCV``.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where all are strings.

    See Also
    --------
    AlphaSearchCV : The search, for a pipeline of one's own.

    Notes
    -----
    Numeric columns are standardized and clipped to the range of the training rows and a
    quarter more at either end. NaN has an input of its own where 5 training rows or
    more have it. A sparse X is divided by its largest values. The networks
    (relu, Adam with a learning rate that falls along a cosine) are trained in float32
    and kept in float64.

    All candidates are tried at two λs, where there are folds on the first one; λ is
    walked for the two best. Those without a hidden layer are trained to the end, by
    L-BFGS.

    The best candidate is then trained for four times as many epochs (twice as many from
    1,500 rows on), with λ and less. If rows held out gain more than 3 % of the loss,
    the final networks are trained as long. With `max_time`, or more than 20,000 rows,
    this step is left out.

    Of more than 20,000 rows the search and the encoder take so many, drawn at random.
    The final networks take all rows, a piece of 20,000 at a time, at the λ chosen and
    for fewer epochs the more rows there are: X is never encoded as a whole.

    Folds are drawn by row: integer weights and repeated rows give the same model only
    where the split allows it, as with a `cv` that keeps copies of a row together.

    References
    ----------
    Gorishniy, Rubachev & Babenko, "On embeddings for numerical features in tabular
    deep learning", 2022 (ramps). Loshchilov & Hutter, "SGDR", 2017 (cosine).
    Lakshminarayanan, Pritzel & Blundell, "Simple and scalable predictive uncertainty
    estimation using deep ensembles", 2017 (averages).

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.model_selection import train_test_split
    >>> from skl2.model_selection import MLPClassifierCV
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> clf = MLPClassifierCV(random_state=0).fit(X_train, y_train)
    >>> bool(clf.score(X_test, y_test) > 0.95)
    True
    """

    _parameters = COMMON
    _prefix = ""

    def __init__(
        self,
        hidden_layer_sizes="auto",
        *,
        n_estimators="auto",
        n_bins="auto",
        categorical_features="from_dtype",
        alphas="auto",
        cv=None,
        scoring=None,
        class_weight=None,
        max_time=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.n_estimators = n_estimators
        self.n_bins = n_bins
        self.categorical_features = categorical_features
        self.alphas = alphas
        self.cv = cv
        self.scoring = scoring
        self.class_weight = class_weight
        self.max_time = max_time
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    @property
    def classes_(self):
        """Class labels; the column numbers for multilabel targets."""
        check_is_fitted(self)
        return self.pipeline_[-1].classes_

    def _template(self, columns, network, y, sample_weight):
        network = MLPClassifier(class_weight=self.class_weight, **network)
        return Pipeline([(COLUMNS, columns), (NETWORK, network)])

    def _row_weight(self, y, weight):
        if self.class_weight is None:
            return weight
        targets = ClassTargets.learn(y)
        encoded = targets.encode(y, np.float32)
        return targets.weighting(self.class_weight, encoded, weight)(encoded, weight)

    def decision_function(self, X):
        """Raw predictions, see ``MLPClassifier.decision_function``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        raw : ndarray of shape (n_samples,) for two classes, else (n_samples, n_outputs)
        """
        return self._predicted("decision_function", X)

    def predict_proba(self, X):
        """Probability of every class, strictly between 0 and 1.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
        """
        return self._predicted("predict_proba", X)

    def predict_log_proba(self, X):
        """Logarithm of the probability of every class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes)
        """
        return self._predicted("predict_log_proba", X)


class MLPRegressorCV(RegressorMixin, BaseTableEstimator):
    """Regressor of a table as it is: no scaling, no encoding, no λ to choose.

    Chooses λ, the hidden layers and the encoding of the columns by the loss of rows
    held out, then averages networks of the best candidates trained on all rows. The
    result is one plain network behind one encoder; it predicts in the units of y.

    Parameters
    ----------
    loss : {'squared_error', 'poisson', 'absolute_error', 'huber', 'quantile'}, \
            default='squared_error'
        Loss of the networks, see ``MLPRegressor``.

    hidden_layer_sizes : 'auto' or array-like of int, default='auto'
        Hidden layers of the networks. 'auto' lets the search decide between no hidden
        layer, one and two, by the number of rows and columns.

    n_estimators : 'auto' or int, default='auto'
        Networks that are averaged, from different seeds, shared among the best
        candidates. 'auto': 8 below 1,500 rows, 4 above.

    n_bins : 'auto' or int, default='auto'
        Ramps of each numeric column, see ``skl2.preprocessing.PiecewiseLinearEncoder``;
        0 for none. 'auto' lets the search decide between 0 and 16 (8 for few rows and
        more than 40 columns).

    categorical_features : 'from_dtype', None or array-like of bool, int or str, \
            default='from_dtype'
        Columns that are categories. 'from_dtype': those of a DataFrame whose type is
        category, string, object or bool. None: no column. Each category has an input
        of its own; those of fewer than 5 rows are one together, as are those that
        come up in prediction only.

    alphas : 'auto', int or array-like, default='auto'
        λs of the search, see ``AlphaSearchCV``.

    cv : None, int or splitter, default=None
        None: shuffled folds below 1,500 rows (five, three of them from 500 rows on),
        one holdout of 20 % above. For others, see ``AlphaSearchCV``. Only a splitter is
        given more than 20,000 rows.

    scoring : str, callable or None, default=None
        What chooses λ and the candidates; None stands for the loss on rows held out.

    quantile : float or list of float, default=0.5
        Of `loss='quantile'`, see ``MLPRegressor``. For a list ``predict`` has a column
        for each, sorted, and λ is chosen by the mean of their pinball losses.

    max_time : float or None, default=None
        Seconds for the whole fit. The search tries one candidate after another, begins
        none that would not end in 70 % of the time, and takes the best so far.

    n_jobs : int or None, default=None
        Processes, this one included, that share the folds of the search and the final
        fits, see ``StackedGridSearchCV``.

    random_state : int, RandomState instance or None, default=None
        Seed of the folds, the initial weights and the order of the rows.

    verbose : int, default=0
        Whether to print a line for each step of the search.

    Attributes
    ----------
    pipeline_ : Pipeline
        The model: the encoder of the columns and one plain network, the average, with
        `coefs_` and `intercepts_`.
    search_ : AlphaSearchCV
        The search; ``cv_results_`` has the score of each of its candidates and λs.
    alpha_ : float
        λ of the best candidate.
    best_score_ : float
        Its mean score on rows held out, with the gain by a longer training.
    held_out_ : list of HeldOut or None
        The models of its folds, see ``AlphaSearchCV``.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where all are strings.

    See Also
    --------
    AlphaSearchCV : The search, for a pipeline of one's own.

    Notes
    -----
    Numeric columns are standardized and clipped to the range of the training rows and a
    quarter more at either end. NaN has an input of its own where 5 training rows or
    more have it. A sparse X is divided by its largest values. y is
    standardized (counts of the Poisson loss are not). The networks
    (relu, Adam with a learning rate that falls along a cosine) are trained in float32
    and kept in float64.

    All candidates are tried at two λs, where there are folds on the first one; λ is
    walked for the two best. Those without a hidden layer are trained to the end, by
    L-BFGS.

    The best candidate is then trained for four times as many epochs (twice as many from
    1,500 rows on), with λ and less. If rows held out gain more than 3 % of the loss,
    the final networks are trained as long. With `max_time`, or more than 20,000 rows,
    this step is left out.

    Of more than 20,000 rows the search and the encoder take so many, drawn at random.
    The final networks take all rows, a piece of 20,000 at a time, at the λ chosen and
    for fewer epochs the more rows there are: X is never encoded as a whole.

    Folds are drawn by row: integer weights and repeated rows give the same model only
    where the split allows it, as with a `cv` that keeps copies of a row together.

    References
    ----------
    Gorishniy, Rubachev & Babenko, "On embeddings for numerical features in tabular
    deep learning", 2022 (ramps). Loshchilov & Hutter, "SGDR", 2017 (cosine).
    Lakshminarayanan, Pritzel & Blundell, "Simple and scalable predictive uncertainty
    estimation using deep ensembles", 2017 (averages).

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import train_test_split
    >>> from skl2.model_selection import MLPRegressorCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> reg = MLPRegressorCV(random_state=0).fit(X_train, y_train)
    >>> bool(reg.score(X_test, y_test) > 0.3)
    True
    """

    _parameters = REGRESSOR

    def __init__(
        self,
        loss="squared_error",
        hidden_layer_sizes="auto",
        *,
        n_estimators="auto",
        n_bins="auto",
        categorical_features="from_dtype",
        alphas="auto",
        cv=None,
        scoring=None,
        quantile=0.5,
        max_time=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.n_estimators = n_estimators
        self.n_bins = n_bins
        self.categorical_features = categorical_features
        self.alphas = alphas
        self.cv = cv
        self.scoring = scoring
        self.quantile = quantile
        self.max_time = max_time
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    @property
    def _scales_targets(self):
        # Counts have no unit that could be chosen.
        return self.loss != "poisson"

    @property
    def _smooth_loss(self):  # type: ignore[override]
        return self.loss not in ("absolute_error", "quantile")

    @property
    def _prefix(self):  # type: ignore[override]
        return "regressor__" if self._scales_targets else ""

    def _template(self, columns, network, y, sample_weight):
        network = MLPRegressor(self.loss, quantile=self.quantile, **network)
        pipeline = Pipeline([(COLUMNS, columns), (NETWORK, network)])
        if not self._scales_targets:
            return pipeline
        scaler = TargetScaler(*scale_of(y, sample_weight))
        # Its own check of the inverse takes rounding for a fault.
        return TransformedTargetRegressor(
            pipeline, transformer=scaler, check_inverse=False
        )

    def _unwrapped(self, estimator):
        if not self._scales_targets:
            return super()._unwrapped(estimator)
        pipeline = getattr(estimator, "regressor_", estimator.regressor)
        return pipeline, estimator.transformer

    def score(self, X, y, sample_weight=None):
        """R² of the predictions; for 'quantile' D², see ``MLPRegressor.score``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0 of the rows.

        Returns
        -------
        score : float
        """
        check_is_fitted(self)
        *_, network = self.pipeline_
        columns = self.pipeline_[:-1].transform(self._checked(X, reset=False))
        return network.score(columns, y, sample_weight)
