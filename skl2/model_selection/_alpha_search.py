"""AlphaSearchCV: λ walked adaptively, for any estimator that holds a network."""

from dataclasses import dataclass
from numbers import Integral, Real
from time import monotonic
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.base import clone, is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import ParameterGrid

from skl2._engine.warn import warn
from skl2._estimators.parameters import (
    Boolean,
    Choice,
    Number,
    Seed,
    check_parameters,
)
from skl2._sklearn_compat import RoutedSearchCV, params_of_rows, take_rows
from skl2.model_selection._alpha_walk import AlphaGrid, given_alphas
from skl2.model_selection._held_out_loss import HeldOutLoss
from skl2.model_selection._held_out_models import HeldOutModels
from skl2.model_selection._one_standard_error import rows_of_one_walk
from skl2.model_selection._parts import own_networks
from skl2.model_selection._scale_probe import Scale, probe_scale
from skl2.model_selection._splits import MOST_ROWS, count_rows, make_splits
from skl2.model_selection._stacked_search import StackedSearch

_PARAMETERS = {
    "return_path": [Boolean()],
    "n_refine": [Choice(None), Number(Integral, "[0, inf)")],
    "max_time": [Choice(None), Number(Real, "(0, inf)")],
    "random_state": [Seed()],
}


class _Candidate:
    """One setting of the other parameters, and the walk over its λs.

    Parameters
    ----------
    params : dict
        The setting.
    alpha_name : str
        The parameter that is λ.
    ratios : ndarray of shape (n_weight_layers,) or None
        λ of each layer, in shares of the largest; None for one λ.
    grid : AlphaGrid
    """

    def __init__(self, params, alpha_name, ratios, grid):
        self.params = params
        self.alpha_name = alpha_name
        self.ratios = ratios
        self.grid = grid
        self.walk = grid.walk()

    def next(self, looks):
        """Positions to try next, those of a first look if there was none."""
        return self.walk.look if looks and not self.walk.scores else self.walk.next()

    def at(self, position):
        """All parameters, with λ at a position of the walk."""
        alpha = self.grid.alpha(position)
        if self.ratios is not None:
            alpha = tuple(float(alpha * ratio) for ratio in self.ratios)
        return {**self.params, self.alpha_name: alpha}


class _Rungs:
    """Evaluates one rung after another, each a task of scikit-learn's callbacks.

    Parameters
    ----------
    search : AlphaSearchCV
    evaluate_candidates : callable
    context : CallbackContext or None
        None for versions of scikit-learn without callbacks.
    """

    def __init__(self, search, evaluate_candidates, context):
        self.search = search
        self.evaluate_candidates = evaluate_candidates
        self.context = context
        if context is not None:
            # How many rungs there will be is not known.
            self.context = context.subcontext(task_name="search", max_subtasks=None)
            self.context.call_on_fit_task_begin(estimator=search)

    def __call__(self, candidates):
        """The results so far, those of `candidates` included."""
        if self.context is None:
            return self.evaluate_candidates(candidates)
        rung = self.context.subcontext(
            task_name="rung",
            max_subtasks=len(candidates) * self.search.n_splits_,
            sequential_subtasks=False,
        )
        rung.call_on_fit_task_begin(estimator=self.search)
        results = self.evaluate_candidates(candidates, callback_ctx=rung)
        rung.call_on_fit_task_end(estimator=self.search)
        return results

    def end(self):
        if self.context is not None:
            self.context.call_on_fit_task_end(estimator=self.search)


@dataclass
class _Task:
    """The data of one ``fit``, and what follows from them before the first rung."""

    X: Any
    y: Any
    routed: Any
    began: float
    verbose: int
    models: HeldOutModels
    rows: np.ndarray | None = None

    def seen(self):
        """X, y and the parameters of the estimator's ``fit``, of the rows searched."""
        fit_params = self.routed.estimator.fit
        if self.rows is None:
            return self.X, self.y, fit_params
        X, y = (take_rows(data, self.rows) for data in (self.X, self.y))
        return X, y, params_of_rows(self.X, fit_params, self.rows)


class _AdaptiveSearch(RoutedSearchCV):
    """Proposes λs, rung by rung; scikit-learn's search evaluates them.

    ``StackedSearch`` calls ``fit`` on a copy of the search, which may be changed.
    """

    _shared_fits: Any
    _task: Any = None
    scorer_: Any
    cv: Any
    verbose: Any

    def fit(self, X, y=None, **params):
        """Fix the splits, then run scikit-learn's search."""
        began = monotonic()
        routed = self.routed_params(params)
        given = self.cv
        self.cv = make_splits(
            given,
            X,
            y,
            is_classifier(self.estimator),
            self.random_state,
            **routed.splitter.split,
        )
        models = HeldOutModels(all_candidates=callable(self.refit))
        self._task = _Task(X, y, routed, began, int(self.verbose), models)
        if given is None and count_rows(X) > MOST_ROWS:
            # The other rows have no part in the search.
            self._task.rows = np.sort(np.concatenate(self.cv[0]))
        # A line a rung is printed here.
        self.verbose = max(0, int(self.verbose) - 1)
        self._shared_fits.records = [] if self.return_path else None
        try:
            super().fit(X, y, **params)
            self._keep_held_out()
        finally:
            del self._task
            # Not to be pickled with the search.
            self.__dict__.pop("_checked_cv_orig", None)
        if self.return_path:
            _add_path(self.cv_results_, self._shared_fits.records, self.n_splits_)
        return self

    def _keep_held_out(self):
        """Keep the models of the chosen candidate, for intervals and sets."""
        self.scorer_ = getattr(self.scorer_, "scorer", self.scorer_)
        task = self._task
        self.held_out_ = task.models.of(
            getattr(self, "best_index_", None),
            self.cv,
            task.X,
            task.y,
            task.routed.estimator.fit.get("sample_weight"),
        )

    def routed_params(self, params):
        if self._task is not None:
            return self._task.routed
        routed = super().routed_params(params)
        weight = params.get("sample_weight")
        if weight is not None and not get_config()["enable_metadata_routing"]:
            # scikit-learn < 1.8 gives weights to no scorer.
            if self.scoring is None:
                routed.scorer.score = {"sample_weight": weight}
        return routed

    def _get_scorers(self):
        scorers, name = self._scorers()
        one = self.scoring is None or isinstance(self.scoring, str)
        if self._task is not None and (one or callable(self.scoring)):
            scorers = self._task.models.watched(scorers)
        return scorers, name

    def _scorers(self):
        if self.scoring is not None:
            return super()._get_scorers()
        _, network = find_network(self.estimator, self.network)
        if not is_classifier(self.estimator):
            _check_gaussian(self.estimator, network)
            return HeldOutLoss.of(network), "score"
        if not hasattr(self.estimator, "predict_proba"):
            raise ValueError(
                f"scoring=None needs probabilities, and {type(self.estimator).__name__}"
                " has no predict_proba: give a scorer, such as scoring='accuracy'."
            )
        return HeldOutLoss("log_loss"), "score"

    def _run_search(self, evaluate_candidates, callback_ctx=None):
        evaluate = _Rungs(self, evaluate_candidates, callback_ctx)
        candidates = self._candidates()
        n_training_rows = len(self.cv[0][0])
        pace = _Pace(
            np.inf if self.max_time is None else self._task.began + self.max_time,
            count_rows(self._task.X) / n_training_rows if self.refit else 0.0,
        )
        active = candidates
        tried: list[tuple[_Candidate, int]] = []
        results = None
        while rung := self._next_rung(active, tried, results):
            if not pace.allows(rung):
                warn(
                    f"max_time={self.max_time!r} ended the search after {len(tried)} "
                    "candidates, before the best alpha was enclosed; the best so far "
                    "is used."
                )
                break
            results = evaluate([c.at(p) for c, p in rung])
            scores = results[self._score_name(results)][len(tried) :]
            for (candidate, position), score in zip(rung, scores, strict=True):
                candidate.walk.scores[position] = float(score)
            tried += rung
            self.completed_results_ = results
            before = len(tried) - len(rung)
            self._task.models.end_rung(
                range(before, len(tried)),
                len(self.cv),
                self._best_rank(results),
            )
            pace.note(rung, results["mean_fit_time"][-len(rung) :])
            if self._task.verbose:
                self._print(len(rung), *self._chosen(tried, results))
            if active is candidates and all(c.walk.scores for c in candidates):
                active = sorted(candidates, key=lambda c: -c.walk.best_score)
                active = active[: self.n_refine]
        else:
            if self.n_refine != 0:
                _warn_if_open(*self._chosen(tried, results))
        evaluate.end()

    def _next_rung(self, active, tried, results):
        """(candidate, position) of what is tried next; [] at the end of all walks."""
        looks = self.n_refine is not None and self.n_refine < len(active)
        rung = [(c, p) for c in active for p in c.next(looks)]
        if self.max_time is not None:
            # One candidate at a time: the less is begun, the nearer the end is kept.
            # Those without any score come first.
            turn = [c for c, _ in rung if not c.walk.scores] + [c for c, _ in rung]
            rung = [(c, p) for c, p in rung if c is turn[0]]
        if rung or not callable(self.refit) or self.n_refine == 0:
            return rung
        # Another λ than the best may be chosen: it is enclosed, too.
        candidate, position = self._chosen(tried, results)
        return [(candidate, p) for p in candidate.walk.around(position)]

    def _chosen(self, tried, results):
        """(candidate, position) that `refit` chooses of those tried so far."""
        if callable(self.refit):
            return tried[self.refit(results)]
        return tried[self._best_rank(results)]

    def _best_rank(self, results):
        """Number of the candidate with the best score."""
        ranks = results[self._score_name(results).replace("mean", "rank", 1)]
        return int(ranks.argmin())

    def _score_name(self, results):
        """The column of the results that leads the walk."""
        if "mean_test_score" in results:
            return "mean_test_score"
        if isinstance(self.refit, str):
            return f"mean_test_{self.refit}"
        return next(name for name in results if name.startswith("mean_test_"))

    def _candidates(self):
        """The settings of `param_grid`, each with the λs of its own data."""
        path, network = find_network(self.estimator, self.network)
        alpha_name = f"{path}__alpha" if path else "alpha"
        settings = list(ParameterGrid(self.param_grid or {}))
        for params in settings:
            _check_setting(params, path, network, alpha_name)
        scales = self._scales(settings, path)
        ratios = _ratios(network.alpha)
        grids = [AlphaGrid(self.alphas, scale.alpha or 1.0) for scale in scales]
        return [
            _Candidate(params, alpha_name, ratios, grid)
            for params, grid in zip(settings, grids, strict=True)
        ]

    def _scales(self, settings, path):
        """What the network says of the rows of the search, for every setting."""
        scales: list[Scale | None] = []
        errors = []
        # Preprocessing that settings share is fitted once.
        self._shared_fits.start([])
        X, y, fit_params = self._task.seen()
        try:
            for params in settings:
                estimator = clone(self.estimator)
                estimator.set_params(**clone(params, safe=False))
                try:
                    scales.append(probe_scale(estimator, path, X, y, fit_params))
                except Exception as error:
                    scales.append(None)
                    errors.append(error)
        finally:
            self._shared_fits.stop()
        known = [scale for scale in scales if scale is not None]
        if not known:
            raise errors[0]
        self._shared_fits.path_of_alpha = path
        self._shared_fits.total_weights = {s.weighting: s.total_weight for s in known}
        self._shared_fits.n_inputs = round(np.mean([s.n_inputs for s in known]))
        # The fits of a setting that cannot be fitted fail, as in GridSearchCV.
        return [known[0] if scale is None else scale for scale in scales]

    def _print(self, n_candidates, candidate, position):
        seconds = monotonic() - self._task.began
        print(
            f"[AlphaSearchCV] {n_candidates} candidates on {len(self.cv)} split(s), "
            f"{seconds:.1f} s; best so far {candidate.walk.scores[position]:.6g} "
            f"with {candidate.at(position)}"
        )


def _check_gaussian(estimator, network):
    """Raise a ValueError if an estimator does not hand on the standard deviation."""
    if network.loss == "gaussian" and isinstance(estimator, TransformedTargetRegressor):
        raise ValueError(
            "scoring=None needs the standard deviations of loss='gaussian', which "
            "TransformedTargetRegressor does not transform: standardize y before the "
            "search, or give a scorer, such as scoring='r2'."
        )


def _check_setting(params, path, network, alpha_name):
    """Raise a ValueError if a setting of `param_grid` leaves no λ to walk."""
    if alpha_name in params:
        raise ValueError(
            f"param_grid lists {alpha_name!r}, which the search walks: give its values "
            "as alphas."
        )
    for name in params:
        if name == path or path.startswith(f"{name}__"):
            raise ValueError(
                f"param_grid replaces {name!r}, which holds the network whose alpha is "
                "searched: list the parameters of the network instead."
            )
    prefix = alpha_name.removesuffix("alpha")
    if params.get(f"{prefix}penalty", network.penalty) is None:
        raise ValueError(
            f"{prefix}penalty=None leaves no alpha to search: give a penalty, or use "
            "StackedGridSearchCV."
        )


def _warn_if_open(candidate, position):
    """Warn if the chosen λ lies at an end of its range."""
    walk = candidate.walk
    alpha = candidate.grid.alpha(position)
    # Below λ = 0 there is nothing.
    if walk.best is None or walk.first == walk.last or alpha == 0.0:
        return
    side = {min(walk.scores): "smallest", max(walk.scores): "largest"}.get(position)
    if side is not None:
        remedy = "Scale X, or give" if candidate.grid.alphas is None else "Give"
        warn(
            f"The best alpha, {alpha:.3g}, is not enclosed: it is the {side} that was "
            f"tried. {remedy} alphas beyond it."
        )


class _Pace:
    """Whether there is time for another rung, judged by the last one.

    Parameters
    ----------
    end : float
        When all is to have ended, the final fit included.
    growth : float
        Rows of the final fit in relation to those of a fold; 0 without a final fit.
    """

    def __init__(self, end, growth):
        self.end = end
        self.growth = growth
        self.now = monotonic()
        self.n_candidates = 0
        self.seconds = 0.0
        self.seconds_to_refit = 0.0

    def allows(self, rung):
        """Whether a rung and the final fit are likely to end in time.

        The first rung always runs. Of the time of a smaller rung, half is taken to be
        that of its candidates, half to be the same for a stack of any size.
        """
        if not self.n_candidates:
            return True
        share = len(rung) / self.n_candidates
        seconds = self.seconds * max(share, (1.0 + share) / 2.0)
        return monotonic() + seconds + self.seconds_to_refit <= self.end

    def note(self, rung, fit_times):
        """Note that a rung has ended.

        Parameters
        ----------
        rung : list of (_Candidate, int)
        fit_times : ndarray of shape (n_candidates,)
            Mean over the splits; the first of a stack has the time of all of it. No
            network of a stack alone takes longer than the stack.
        """
        now = monotonic()
        self.seconds = now - self.now
        self.now = now
        self.n_candidates = len(rung)
        stacks: dict[int, float] = {}
        for (candidate, _), seconds in zip(rung, fit_times, strict=True):
            stacks[id(candidate)] = stacks.get(id(candidate), 0.0) + seconds
        self.seconds_to_refit = self.growth * max(stacks.values())


def _add_path(results, records, n_splits):
    """Add sparsity and inputs in use, means over the splits, to ``cv_results_``.

    Parameters
    ----------
    results : dict of ndarray
    records : list of (ndarray of shape (n_weight_layers,), float)
        Of every network, in the order of the fits.
    n_splits : int
    """
    n_candidates = len(results["params"])
    per_fit, rest = divmod(len(records), n_candidates * n_splits)
    if rest or not per_fit:
        warn(
            "return_path=True: some fits have failed before their network was trained; "
            "the results have no sparsity."
        )
        return
    n_layers = max(len(sparsity) for sparsity, _ in records)
    values = np.full((len(records), n_layers + 1), np.nan)
    for row, (sparsity, n_inputs) in zip(values, records, strict=True):
        row[: len(sparsity)] = sparsity
        row[-1] = n_inputs
    means = values.reshape(n_candidates, -1, n_layers + 1).mean(axis=1)
    for layer in range(n_layers):
        results[f"mean_sparsity_{layer}"] = means[:, layer]
    results["mean_live_inputs"] = means[:, -1]


def _ratios(alpha):
    """λ of each layer in shares of the largest; None where there is one λ for all."""
    if isinstance(alpha, str) or np.ndim(alpha) == 0:
        return None
    alpha = np.asarray(alpha, dtype=np.float64)
    if not alpha.max() > 0:
        raise ValueError(
            f"alpha={alpha.tolist()} has no ratios to keep: give one λ > 0 at least."
        )
    return alpha / alpha.max()


def find_network(estimator, wanted):
    """(path, network) of the network whose λ is searched.

    Parameters
    ----------
    estimator : estimator
    wanted : str or None
        Path of one of several, '' for the estimator itself.
    """
    networks = own_networks(estimator)
    if wanted is not None:
        if wanted not in networks:
            raise ValueError(
                f"network={wanted!r} is not the path of a network of skl2 in the "
                f"estimator; there are {sorted(networks)}."
            )
        return wanted, networks[wanted]
    if not networks:
        raise ValueError(
            f"{type(estimator).__name__} holds no MLPClassifier or MLPRegressor of "
            "skl2: there is no alpha to search."
        )
    if len(networks) > 1:
        raise ValueError(
            f"There are several networks, {sorted(networks)}: name the one whose alpha "
            "is searched by the parameter network."
        )
    return next(iter(networks.items()))


class AlphaSearchCV(StackedSearch, _AdaptiveSearch):
    """Search for λ that proposes its candidates itself, for any estimator.

    First a row of λs, one decade apart, around the λ of ``alpha='scale'``, for every
    candidate of `param_grid`; then half-decade steps outwards from the best, until it
    lies between two that are not better. Each fit is a cold one with the schedule of
    the final fit; what a fold's fits share is trained as one stack, and preprocessing
    is fitted once a fold. scikit-learn's search does the rest: the attributes are those
    of ``GridSearchCV``.

    λ/m stays the same between folds and the final fit: `cv_results_` and `best_params_`
    have the λ of all m rows, a fold of m' rows is fitted at λ m'/m.

    Of more than 50,000 rows the default `cv` takes so many, drawn at random, and the
    final fit takes all of them. Here it is λ that stays the same: the loss of many more
    rows needs less of a penalty.

    Parameters
    ----------
    estimator : estimator object
        An MLPClassifier or MLPRegressor, or one that contains one: a Pipeline, a
        TransformedTargetRegressor, any wrapper. Where the network has one λ a layer,
        they are walked together, their ratios kept.
    param_grid : dict, list of dict or None, default=None
        Other parameters to search, see ``GridSearchCV``; each setting gets a walk of
        its own.
    alphas : 'auto', int or array-like, default='auto'
        λs to walk on: half-decades around ``alpha='scale'``, so many per decade, or
        those given.
    scoring : str, callable, list, tuple, dict or None, default=None
        What is maximised, see ``GridSearchCV``. None stands for minus the loss of the
        network on held-out rows: log-loss, or for a regressor what its `loss` says.
        (Not accuracy: many λ tie in it.) Of several scorers, the one that `refit` names
        leads the walk, or else the first.
    n_jobs : int or None, default=None
        See ``StackedGridSearchCV``.
    refit : bool, str or callable, default=True
        See ``GridSearchCV``; ``one_standard_error`` prefers large λ.
    cv : int, splitter, iterable or None, default=None
        None: 5 folds below 1,500 rows, one holdout of 20 % above, of at most 50,000
        rows. They are shuffled, as are the folds of an int, and stratified for classes,
        rare ones together. A splitter is asked once, and its splits are used for all
        λs.
    verbose : int, default=0
        1: a line for each step of the walk. More: also what ``GridSearchCV`` prints for
        one less.
    error_score : 'raise' or numeric, default=np.nan
        Score of a fit that fails, see ``GridSearchCV``.
    return_train_score : bool, default=False
        Whether `cv_results_` gets the scores of the training rows, too.
    return_path : bool, default=False
        Whether `cv_results_` gets the sparsity of each layer (`mean_sparsity_0`, ...)
        and the number of inputs in use (`mean_live_inputs`), means over folds. See
        ``RegularizationPathDisplay.from_search``.
    network : str or None, default=None
        Path of the network (``'mlp'``, ``'regressor__mlp'``) if there are several.
    n_refine : int or None, default=None
        Number of best candidates whose λ is walked, after a look at all of them at two
        λs, those of ``alpha='scale'`` and of a tenth of it. None for all, 0 to end with
        the look.
    max_time : float or None, default=None
        Seconds. With a limit one candidate is walked at a time. After the first row of
        decades nothing begins that, by the time of what came before, would not end in
        time with the final fit; the best so far is used, with a warning.
    random_state : int, RandomState instance or None, default=None
        Seed of the folds.

    Attributes
    ----------
    cv_results_ : dict of ndarray
        See ``GridSearchCV``; one entry for every λ that was tried.
    best_estimator_ : estimator
    best_score_ : float
    best_params_ : dict
    best_index_ : int
    alpha_ : float or tuple of float
        The best λ.
    alphas_ : ndarray of shape (n_alphas,)
        The λs tried for the best setting of `param_grid`, ascending.
    scorer_ : callable or dict
    n_splits_ : int
    refit_time_ : float
    multimetric_ : bool
    classes_ : ndarray of shape (n_classes,)
        Of `best_estimator_`, if it is a classifier.
    n_features_in_ : int
        Of `best_estimator_`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Of `best_estimator_`, if it has them.
    held_out_ : list of HeldOut or None
        For each split the chosen candidate's `model`, the `rows` held out from it,
        their `y` and its `prediction`: what ``skl2.inspection.prediction_interval`` and
        ``prediction_set`` need. None with several scorers, or where fits of the same
        step have failed.
    completed_results_ : dict of ndarray
        `cv_results_` up to the last step that was completed, also if Ctrl-C or an error
        has ended the search.

    See Also
    --------
    StackedGridSearchCV : The same for a list of λs.
    MLPClassifierCV, MLPRegressorCV : Preprocessing and averages included.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skl2 import MLPClassifier
    >>> from skl2.model_selection import AlphaSearchCV
    >>> X, y = load_wine(return_X_y=True)
    >>> mlp = MLPClassifier((10,), learning_rate="cosine", learning_rate_init=0.03,
    ...                     max_iter=30, random_state=0)
    >>> search = AlphaSearchCV(make_pipeline(StandardScaler(), mlp), random_state=0)
    >>> bool(search.fit(X, y).best_score_ > -0.15)
    True
    """

    def __init__(
        self,
        estimator,
        param_grid=None,
        *,
        alphas="auto",
        scoring=None,
        n_jobs=None,
        refit=True,
        cv=None,
        verbose=0,
        error_score=np.nan,
        return_train_score=False,
        return_path=False,
        network=None,
        n_refine=None,
        max_time=None,
        random_state=None,
    ):
        super().__init__(
            estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.param_grid = param_grid
        self.alphas = alphas
        self.return_path = return_path
        self.network = network
        self.n_refine = n_refine
        self.max_time = max_time
        self.random_state = random_state

    def fit(self, X, y=None, **params):
        """Walk λ for every candidate; then fit the best on all rows.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            What the estimator takes.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        **params : dict
            Passed on to the estimator, the scorer and the splitter.

        Returns
        -------
        self : object
        """
        check_parameters(self, _PARAMETERS)
        given_alphas(self.alphas)
        path, _ = find_network(self.estimator, self.network)
        super().fit(X, y, **params)
        if hasattr(self, "best_params_"):
            name = f"{path}__alpha" if path else "alpha"
            self.alpha_ = self.best_params_[name]
            walk = rows_of_one_walk(self.cv_results_, self.best_index_, name)
            tried = [np.max(self.cv_results_["params"][i][name]) for i in walk]
            self.alphas_ = np.sort(np.array(tried, dtype=np.float64))
        return self

    def score(self, X, y=None, **params):
        """Score of the best estimator.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            What the estimator takes.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        **params : dict
            Passed on to the scorer.

        Returns
        -------
        score : float
            By `scoring`; for ``scoring=None`` what the estimator itself says: the
            accuracy, or R².
        """
        if self.scoring is None and hasattr(self, "best_estimator_"):
            return self.best_estimator_.score(X, y, **params)
        return super().score(X, y, **params)
