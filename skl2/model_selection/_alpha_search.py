"""AlphaSearchCV: λ walked adaptively, for any estimator that holds a network."""

import warnings
from numbers import Integral, Real
from time import monotonic
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import (
    KFold,
    ParameterGrid,
    ShuffleSplit,
    StratifiedKFold,
    StratifiedShuffleSplit,
)
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import type_of_target

from skl2._engine.warn import warn
from skl2._estimators.alpha_scale import scale_alpha
from skl2._estimators.base import BaseMLP
from skl2._estimators.parameters import (
    Boolean,
    Choice,
    Number,
    Seed,
    check_parameters,
)
from skl2._sklearn_compat import BaseSearchCV, fit_params_of
from skl2.model_selection._alpha_walk import AlphaGrid, given_alphas
from skl2.model_selection._held_out_loss import HeldOutLoss
from skl2.model_selection._path import alpha_parameter
from skl2.model_selection._shared_fits import Location
from skl2.model_selection._stacked_search import StackedSearch, own_parts

# Rows from which one holdout of a fifth replaces five folds: it picked the best of the
# λs tried on 14 of 16 tables.
HOLDOUT_ROWS = 1500

_PARAMETERS = {
    "return_path": [Boolean()],
    "n_refine": [Choice(None), Number(Integral, "[1, inf)")],
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

    def at(self, position):
        """All parameters, with λ at a position of the walk."""
        alpha = self.grid.alpha(position)
        if self.ratios is not None:
            alpha = tuple(float(alpha * ratio) for ratio in self.ratios)
        return {**self.params, self.alpha_name: alpha}


class _Found(BaseException):
    """Ends a fit whose network has seen its data; no wrapper should catch it."""

    def __init__(self, scale, data):
        self.scale = scale
        self.data = data


class _ScaleProbe:
    """Stands in for ``SharedFits``: a fit ends as soon as its network sees the data."""

    active = True
    finished = False
    sums_up = False
    seed = 0

    def share_of_rows(self, data):
        return 1.0

    def results(self, estimator, location, problem, members):
        n_layers = len(problem.settings.layer_sizes) - 1
        data = problem.data
        scale = scale_alpha(data, problem.loss, estimator.penalty, n_layers)
        raise _Found(scale, data)


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


class _AdaptiveSearch(BaseSearchCV):
    """Proposes λs, rung by rung; scikit-learn's search evaluates them."""

    cv: Any

    def fit(self, X, y=None, **params):
        """Resolve `cv`, find the network, run scikit-learn's search."""
        self._began = monotonic()
        given_cv = self.cv
        with warnings.catch_warnings():
            # scikit-learn's search says again what it has to say of the scorers.
            warnings.simplefilter("ignore")
            fit_params = fit_params_of(self, params)
        self._data = X, y, fit_params
        self._network_path = _find_network(self.estimator, self.network)
        self.cv = self._splitter(y)
        self._shared_fits.sums_up = True
        self._shared_fits.records = [] if self.return_path else None
        try:
            super().fit(X, y, **params)
        finally:
            self.cv = given_cv
            del self._data, self._network_path
        self._warn_of_unconverged()
        self._add_path()
        return self

    def _splitter(self, y):
        """`cv` with the defaults of this class: shuffled, one holdout for many rows."""
        cv = self.cv
        if not (cv is None or isinstance(cv, Integral)) or y is None:
            return cv
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        n_rows = len(y) if hasattr(y, "__len__") else y.shape[0]
        stratified = is_classifier(self.estimator) and type_of_target(y) in (
            "binary",
            "multiclass",
        )
        if cv is None and n_rows >= HOLDOUT_ROWS:
            counts = np.unique(np.asarray(y), return_counts=True)[1]
            # A class of one row cannot be on both sides.
            stratified = stratified and counts.min() > 1
            kind = StratifiedShuffleSplit if stratified else ShuffleSplit
            return kind(1, test_size=0.2, random_state=seed)
        kind = StratifiedKFold if stratified else KFold
        return kind(5 if cv is None else cv, shuffle=True, random_state=seed)

    def _get_scorers(self):
        if self.scoring is not None:
            return super()._get_scorers()
        _, network = _find_network(self.estimator, self.network)
        loss = getattr(network, "loss", "log_loss")
        if is_classifier(self.estimator):
            loss = "log_loss"
        return HeldOutLoss(loss, getattr(network, "huber_delta", 1.35)), "score"

    def _warn_of_unconverged(self):
        fits = self._shared_fits
        if fits.n_unconverged:
            _, network = _find_network(self.estimator, self.network)
            warn(
                f"{fits.n_unconverged} of {fits.n_fits} fits of the search reached "
                f"max_iter={network.max_iter}, or stopped before they converged. "
                "Increase max_iter, or use learning_rate='cosine', which ends there.",
                ConvergenceWarning,
            )

    def _add_path(self):
        """Sparsity and live inputs of each candidate, means over the folds."""
        records = self._shared_fits.records
        if records is None:
            return
        n_candidates = len(self.cv_results_["params"])
        if len(records) != n_candidates * self.n_splits_:
            raise ValueError(
                "return_path=True needs all fits to succeed, and one network a fit; "
                f"{len(records)} of {n_candidates * self.n_splits_} have left a record."
            )
        for i in range(len(records[0][0])):
            values = np.array([sparsity[i] for sparsity, _ in records])
            self.cv_results_[f"mean_sparsity_{i}"] = values.reshape(
                n_candidates, -1
            ).mean(axis=1)
        inputs = np.array([n_inputs for _, n_inputs in records], dtype=float)
        self.cv_results_["mean_live_inputs"] = inputs.reshape(n_candidates, -1).mean(
            axis=1
        )

    def _run_search(self, evaluate_candidates, callback_ctx=None):
        evaluate = _Rungs(self, evaluate_candidates, callback_ctx)
        candidates = self._candidates()
        active = candidates
        pace = _Pace(self.max_time, self._began)
        done = 0
        while rung := [(c, p) for c in active for p in c.walk.next()]:
            if not pace.allows(len(rung)):
                warn(
                    f"max_time={self.max_time!r} ended the search after {done} "
                    "candidates, before the best alpha was enclosed; the best so far "
                    "is used."
                )
                break
            results = evaluate([c.at(p) for c, p in rung])
            scores = results[self._score_name(results)][done:]
            for (candidate, position), score in zip(rung, scores, strict=True):
                candidate.walk.scores[position] = float(score)
            done += len(rung)
            self.completed_results_ = results
            pace.note(len(rung))
            self._print(rung, candidates)
            if active is candidates:
                active = sorted(candidates, key=lambda c: -c.walk.best_score)
                active = active[: self.n_refine]
        else:
            self._warn_if_open(candidates)
        evaluate.end()

    def _score_name(self, results):
        """The column of the results that leads the walk."""
        if "mean_test_score" in results:
            return "mean_test_score"
        if isinstance(self.refit, str):
            return f"mean_test_{self.refit}"
        return next(name for name in results if name.startswith("mean_test_"))

    def _candidates(self):
        """The settings of `param_grid`, each with the λs of its own data."""
        X, y, fit_params = self._data
        path, network = self._network_path
        alpha_name = f"{path}__alpha" if path else "alpha"
        ratios = _ratios(network.alpha)
        candidates: list[_Candidate] = []
        for params in ParameterGrid(self.param_grid or {}):
            if alpha_name in params:
                raise ValueError(
                    f"param_grid lists {alpha_name!r}, which the search walks: give "
                    "its values as alphas."
                )
            scale = 1.0
            if not candidates or given_alphas(self.alphas) is None:
                found = self._probed(clone(self.estimator).set_params(**params), path)
                scale = found.scale
                self._shared_fits.all_rows = found.data
            if scale == 0.0:
                # Nothing to learn (y is constant): any λ gives the same model.
                scale = 1.0
            grid = AlphaGrid(self.alphas, scale)
            candidates.append(_Candidate(params, alpha_name, ratios, grid))
        return candidates

    def _probed(self, estimator, path):
        """λ of alpha='scale' and m, as the network sees all rows."""
        X, y, fit_params = self._data
        network = estimator.get_params()[path] if path else estimator
        network.set_params(alpha=0.0)
        network._location = Location(_ScaleProbe(), path, network)
        self._shared_fits.start([])
        try:
            estimator.fit(X, y, **fit_params)
        except _Found as found:
            return found
        finally:
            self._shared_fits.stop()
        raise ValueError(
            f"{type(estimator).__name__} was fitted without its network {path!r}: "
            "there is no alpha to search."
        )

    def _print(self, rung, candidates):
        if not self.verbose:
            return
        best = max(candidates, key=lambda c: c.walk.best_score)
        params = best.at(best.walk.best) if best.walk.best is not None else None
        print(
            f"[AlphaSearchCV] {len(rung)} candidates, {monotonic() - self._began:.1f} "
            f"s; best so far {best.walk.best_score:.6g} with {params}"
        )

    def _warn_if_open(self, candidates):
        """Warn if the walk has ended at an end of its range."""
        best = max(candidates, key=lambda c: c.walk.best_score)
        walk = best.walk
        if walk.best is None or walk.enclosed or walk.first == walk.last:
            return
        alpha = best.grid.alpha(walk.best)
        if alpha == 0.0:
            return
        side = "smallest" if walk.best == walk.first else "largest"
        warn(
            f"The best alpha, {alpha:.3g}, is not enclosed: it is the {side} that was "
            f"tried. {'Give alphas beyond it' if best.grid.alphas is not None else ''}"
            f"{'Scale X, or give alphas' if best.grid.alphas is None else ''}."
        )


class _Pace:
    """Whether there is time for another rung, judged by the rungs so far.

    Parameters
    ----------
    max_time : float or None
        Seconds since `began`.
    began : float
    """

    def __init__(self, max_time, began):
        self.end = np.inf if max_time is None else began + max_time
        self.began_rung = monotonic()
        self.seconds_each = 0.0

    def allows(self, n_candidates):
        """Whether `n_candidates` and a final fit are likely to end in time.

        The first rung always runs.
        """
        expected = self.seconds_each * (n_candidates + 1)
        return not self.seconds_each or monotonic() + expected <= self.end

    def note(self, n_candidates):
        """Note that a rung has ended."""
        now = monotonic()
        self.seconds_each = (now - self.began_rung) / n_candidates
        self.began_rung = now


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


def _find_network(estimator, wanted):
    """(path, network) of the network whose λ is searched.

    Parameters
    ----------
    estimator : estimator
    wanted : str or None
        Path of one of several, '' for the estimator itself.
    """
    networks = {p: n for p, n in own_parts(estimator) if isinstance(n, BaseMLP)}
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
        None: 5 folds below 1,500 rows, one holdout of 20 % above. They are shuffled, as
        are the folds of an int, and stratified for classes. A splitter is used as it
        is.
    verbose : int, default=0
        Whether to print a line for each step of the walk; more as in ``GridSearchCV``.
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
        Number of best candidates whose λ is walked after the row of decades; None for
        all.
    max_time : float or None, default=None
        Seconds. No step of the walk begins that, by the pace so far, would not end in
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
        path, _ = _find_network(self.estimator, self.network)
        super().fit(X, y, **params)
        if hasattr(self, "best_params_"):
            self.alpha_ = self.best_params_[f"{path}__alpha" if path else "alpha"]
        return self


def one_standard_error(cv_results):
    """Index of the simplest candidate within one standard error of the best.

    For the `refit` of ``AlphaSearchCV`` and ``GridSearchCV``. Of the candidates whose
    mean score is at least the best minus its standard error over folds, the one of the
    largest λ (the parameter named ``alpha``). Breiman et al., "Classification and
    regression trees", 1984. It is for choosing sparse models; for prediction the best
    is better as a rule (Chen & Yang, "The one standard error rule for model selection",
    2021).

    Parameters
    ----------
    cv_results : dict of ndarray
        Of a search with one scorer.

    Returns
    -------
    best_index : int

    Raises
    ------
    ValueError
        If no parameter, or more than one, is named ``alpha``, or if there is one split
        only, which has no standard error.
    """
    alpha_name = alpha_parameter(cv_results)
    splits = [
        name
        for name in cv_results
        if name.startswith("split") and name.endswith("_test_score")
    ]
    if len(splits) < 2:
        raise ValueError(
            "one_standard_error needs two splits at least: give cv=5, for example."
        )
    scores = np.stack([cv_results[name] for name in splits])
    means = np.where(np.isfinite(scores).all(axis=0), scores.mean(axis=0), -np.inf)
    best = int(means.argmax())
    error = scores[:, best].std(ddof=1) / np.sqrt(len(splits))
    alphas = np.array(
        [np.max(alpha) for alpha in cv_results[f"param_{alpha_name}"]], dtype=float
    )
    alphas[means < means[best] - error] = -np.inf
    # Of equal λs the best score.
    return int(np.lexsort((means, alphas))[-1])
