"""MLPClassifierCV and MLPRegressorCV: λ chosen by cross-validation; λ_max."""

import inspect
from contextlib import contextmanager
from copy import copy, deepcopy
from dataclasses import replace

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.metrics import check_scoring
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit, check_cv
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if

from skl2._engine.network.network import Network
from skl2._engine.threads import active_backend, workers
from skl2._engine.warn import warn
from skl2._estimators import alpha_scale as _alphas
from skl2._estimators import parameters
from skl2._estimators.classifier import MLPClassifier
from skl2._estimators.regressor import MLPRegressor
from skl2.model_selection import _ladder
from skl2.model_selection._path import make_path

# Rows from which on one holdout replaces the folds of cv=None: its standard error is
# then small beside the differences between half-decades of λ.
HOLDOUT_ROWS = 10_000

_SEARCH_PARAMETERS = {
    "alphas": "auto",
    "cv": None,
    "scoring": None,
    "selection": "best",
    "search": "ladder",
    "n_jobs": None,
    "refit": True,
}

_SEARCH_TABLE = {
    "selection": [parameters.Choice("best", "1se")],
    "search": [parameters.Choice("ladder", "grid")],
    "refit": [parameters.Boolean()],
}


def _not_available(estimator):
    raise AttributeError(
        f"{type(estimator).__name__} has no partial_fit: the search needs all the data."
    )


class _AlphaSearchCV:
    """Mixin: chooses λ by cross-validation, then fits at the chosen λ."""

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            return
        # The parameters of the perceptron, stated there alone, but for alpha.
        base = inspect.signature(cls._perceptron.__init__)
        own = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
            for name, default in _SEARCH_PARAMETERS.items()
        ]
        # `scoring` is one for both: it chooses λ, and the epoch of early stopping.
        replaced = {"alpha", *_SEARCH_PARAMETERS}
        kept = [p for name, p in base.parameters.items() if name not in replaced]
        signature = base.replace(parameters=[*kept, *own])

        def __init__(self, *args, **kwargs):
            bound = signature.bind(self, *args, **kwargs)
            bound.apply_defaults()
            for name, value in list(bound.arguments.items())[1:]:
                setattr(self, name, value)

        vars(__init__)["__signature__"] = signature
        setattr(cls, "__init__", __init__)  # noqa: B010 (not known to mypy)

    @available_if(_not_available)
    def partial_fit(self):
        """Not available."""

    def fit(self, X, y, sample_weight=None):
        """Choose λ by cross-validation, then fit on all rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0 of the rows.

        Returns
        -------
        self : object
        """
        with self._unchanged_on_error():
            self._fit_search(X, y, sample_weight)
        return self

    def _fit_search(self, X, y, sample_weight):
        parameters.check_parameters(self, _SEARCH_TABLE)
        if self.warm_start:
            raise ValueError(
                f"{type(self).__name__} does not support warm_start=True: each search "
                "starts anew. Fit the estimator without CV at alpha_ instead."
            )
        self._check_ladder()
        template = self._template()
        for ratio in self._l1_ratios():
            clone(template).set_params(l1_ratio=ratio)._check_parameters(False)
        data = template._training_set(X, y, sample_weight, reset=True)
        ratios = self._l1_ratios()
        search = _Search(self, template, data, X, y)
        searches = [search.with_l1_ratio(ratio) for ratio in ratios]
        _run(searches)
        self._keep(searches, ratios)
        if not self.refit:
            self.__dict__.update(
                {k: v for k, v in vars(template).items() if k.endswith("_in_")}
            )
            return
        best = self._template().set_params(alpha=self.alpha_, l1_ratio=self.l1_ratio_)
        best.fit(X, y, sample_weight)
        learned = {k: v for k, v in vars(best).items() if k[0] == "_" or k[-1] == "_"}
        self.__dict__.update(learned | {"alpha_": self.alpha_})

    def _check_ladder(self):
        """The ladder trains by L-BFGS, which has none of the other regularizers."""
        for name in self._regularizers() if self.search == "ladder" else []:
            raise ValueError(
                f"{name}={getattr(self, name)!r} needs search='grid': the ladder "
                "chooses alpha for the network without it."
            )

    def _l1_ratios(self):
        ratios = list(self.l1_ratio) if np.iterable(self.l1_ratio) else [self.l1_ratio]
        if not ratios:
            raise ValueError("l1_ratio is an empty list; give at least one value.")
        return ratios if self.penalty == "elasticnet" else ratios[:1]

    def _template(self):
        """The plain estimator of this search, alpha and l1_ratio to be set."""
        names = inspect.signature(self._perceptron.__init__).parameters
        params = {n: getattr(self, n) for n in names if n not in ("self", "alpha")}
        if self.penalty is None:
            raise ValueError("penalty=None leaves no alpha to choose.")
        template = self._perceptron(**deepcopy(params))
        return template.set_params(l1_ratio=self._l1_ratios()[0], alpha="scale")

    def __sklearn_is_fitted__(self):
        # refit=False chooses λ and fits no network.
        return hasattr(self, "coefs_")

    def _keep(self, searches, ratios):
        """Set the attributes of the search from that of every l1_ratio."""
        scores = np.stack([search.scores for search in searches])
        means = np.stack([search.means for search in searches])
        if not np.isfinite(means).any():
            raise ValueError(
                "All scores are NaN: training diverged, or scoring failed, for every "
                "alpha. Scale X, or look at what `scoring` returns."
            )
        best = int(
            np.nanmax(np.where(np.isfinite(means), means, -np.inf), axis=1).argmax()
        )
        search = searches[best]
        self.best_index_ = _ladder.choose(search.means, search.errors, self.selection)
        self.alphas_, self.alpha_ = (
            search.alphas,
            float(search.alphas[self.best_index_]),
        )
        self.l1_ratio_ = ratios[best]
        self.best_score_ = float(search.means[self.best_index_])
        self.n_folds_ = scores.shape[2]
        if np.iterable(self.l1_ratio) and self.penalty == "elasticnet":
            self.alphas_ = np.stack([search.alphas for search in searches])
            self.scores_ = scores
        else:
            self.scores_ = scores[0]
        self.path_ = search.path()


def _run(searches):
    """Run one search after another; if Ctrl-C ends it, keep what has been visited."""
    try:
        for search in searches:
            search.run()
    except KeyboardInterrupt:
        if not any(search.visits for search in searches):
            raise
        visited = sum(len(search.visits) for search in searches)
        warn(
            f"Search interrupted after {visited} of "
            f"{sum(len(search.alphas) for search in searches)} alphas; the best of "
            "them is used."
        )
    for search in searches:
        search.collect()


@contextmanager
def _sent_once(data):
    """On a dask cluster, send `data` to each worker once for all that is done inside.

    By itself joblib sends them with each call of Parallel: at every step of a ladder.
    """
    backend, _ = active_backend()
    client = getattr(backend, "client", None)
    if client is None:
        yield
        return
    arrays = [a for a in (data.X, data.y, data.sample_weight) if a is not None]
    # hash=False as in joblib: see dask/distributed#3703.
    futures = client.scatter(arrays, broadcast=True, hash=False)
    sent = {id(a): f for a, f in zip(arrays, futures, strict=True)}
    backend.data_futures.update(sent)
    try:
        yield
    finally:
        for key in sent:
            backend.data_futures.pop(key, None)


class _Search:
    """One search over λ, for one l1_ratio."""

    def __init__(self, cv_estimator, template, data, X, y):
        self.cv, self.template, self.data = cv_estimator, template, data
        self.X, self.y = X, y.toarray() if issparse(y) else np.asarray(y)
        self.loss = template._loss()
        self.shape, self.member = self._describe()
        self.alphas, self.start = self._grid()
        self.splits = self._splits()
        self.visits: dict = {}

    def with_l1_ratio(self, l1_ratio):
        """The same search, on the same folds with the same seed, for another ρ."""
        other = copy(self)
        other.member = replace(self.member, l1_ratio=float(l1_ratio))
        other.visits = {}
        return other

    def _describe(self):
        """The L-BFGS fit of this network, and a member with one seed for all folds."""
        shape, (member,) = self.template._describe(self.data, [self.template])
        seed = self.template.random_state
        if not isinstance(seed, int | np.integer):
            seed = check_random_state(seed).randint(np.iinfo(np.int32).max)
        self.seed = int(seed)
        if self.cv.search == "ladder":
            shape = replace(shape, solver="lbfgs", early_stopping=False)
        return shape, member

    def _grid(self):
        """Ascending λs and the index to start at: that next to alpha='scale'."""
        scale = float(self.member.alpha[0])
        alphas = _alphas.alpha_grid(self.cv.alphas, scale)
        distance = np.abs(np.log(np.maximum(alphas, 1e-300)) - np.log(scale or 1e-300))
        return alphas, int(distance.argmin())

    def _splits(self):
        n_rows = self.data.n_rows
        classifier = isinstance(self.cv, MLPClassifier)
        cv = self.cv.cv
        if cv is None and n_rows >= HOLDOUT_ROWS and self.cv.search == "ladder":
            stratified = classifier and not self.template._multilabel
            kind = StratifiedShuffleSplit if stratified else ShuffleSplit
            cv = kind(1, test_size=0.2, random_state=self.seed)
        splitter = check_cv(cv, self.y, classifier=classifier)
        every = np.arange(n_rows)
        # Rows may come as lists or masks.
        splits = [
            (every[np.asarray(train)], every[np.asarray(held_out)])
            for train, held_out in splitter.split(np.zeros((n_rows, 1)), self.y)
        ]
        if not splits:
            raise ValueError(f"cv gives no split. Got {cv!r}.")
        for fold, parts in enumerate(splits):
            for part, rows in zip(("training", "held-out"), parts, strict=True):
                if not self.data.subset_weight(rows) > 0:
                    raise ValueError(
                        f"No {part} row of fold {fold} has a weight > 0: shuffle the "
                        "rows, or give another cv."
                    )
        return splits

    def _score(self):
        """Score of a network's weights on held-out rows."""
        scoring, classifier = self.cv.scoring, isinstance(self.cv, MLPClassifier)
        score = _ladder.held_out_loss(self.data, self.loss)
        # neg_log_loss and neg_mean_squared_error come from the engine's own loss too.
        if scoring == "loss" or (classifier and scoring is None):
            return score
        if scoring is None and self.cv.loss == "squared_error":
            factor = 2.0 / len(self.data.y)
            return lambda *args: factor * score(*args)
        scoring = scoring or "neg_mean_squared_error"
        scorer = check_scoring(self.template, scoring=scoring)
        named = hasattr(self.X, "iloc")

        def scored(network, theta, rows):
            fitted = self.template._with_weights(theta, self.shape)
            if not named:
                # Rows come as arrays, without names.
                vars(fitted).pop("feature_names_in_", None)
            part = self.X.iloc[rows] if named else self.data.X[rows]
            return scorer(fitted, part, self.y[rows])

        return scored

    def run(self):
        """Search; what has been visited is in ``visits``, should Ctrl-C end it."""
        with (
            _sent_once(self.data),
            workers(self.cv.n_jobs) as run_tasks,
        ):
            folds = _ladder.Folds(
                self.data,
                self.splits,
                self.loss,
                self._score(),
                run_tasks,
                self.cv.n_jobs,
                self.template._validation,
            )
            if self.cv.search == "ladder":
                self._walk(folds)
            else:
                self._visit_all(folds)

    def _make_member(self, alpha):
        return replace(
            self.member,
            alpha=np.full_like(self.member.alpha, alpha),
            random_state=np.random.RandomState(self.seed),
        )

    def _walk(self, folds):
        ladder = _ladder.Ladder(
            folds,
            self.shape,
            self._make_member,
            self.alphas,
            self.start,
            smooth=self.template.penalty == "l2",
            patience=PATIENCE,
            band=self.cv.selection == "1se",
        )
        ladder.visits = self.visits
        ladder.walk()

    def _visit_all(self, folds):
        none = [None] * len(folds.splits)
        members = [folds.members(self._make_member(a), none) for a in self.alphas]
        for k, visit in enumerate(folds.fit(self.shape, members)):
            self.visits[k] = visit

    def collect(self):
        """Scores and their errors, of the λs visited; warn of those that are NaN."""
        self.scores = np.full((len(self.alphas), len(self.splits)), np.nan)
        for k, visit in self.visits.items():
            self.scores[k] = visit.scores
            failed = np.flatnonzero(np.isnan(visit.scores))
            if len(failed):
                warn(
                    f"alpha={self.alphas[k]:.4g}: the score is NaN on fold(s) "
                    f"{failed.tolist()}; this alpha can't be chosen."
                )
        self.means = self.scores.mean(axis=1)
        self.errors = np.array([_ladder.standard_error(row) for row in self.scores])

    def path(self):
        """What the visited λs gave, as a ``RegularizationPath``."""
        network = Network(
            self.shape.layer_sizes, self.shape.activation, self.shape.dtype
        )
        visited = sorted(self.visits)
        return make_path(
            network,
            self.alphas[visited],
            self.scores[visited],
            [self.visits[k].thetas for k in visited],
        )


# Steps without an improvement after which the ladder leaves a direction.
PATIENCE = 1


class MLPClassifierCV(_AlphaSearchCV, MLPClassifier):  # type: ignore[misc]
    """MLPClassifier with λ chosen by cross-validation, like LogisticRegressionCV.

    Fits MLPClassifier at the chosen λ on all rows. It has all parameters of
    MLPClassifier but `alpha`, and those of the search:

    Parameters
    ----------
    alphas : 'auto', int or array-like, default='auto'
        λs to choose from. 'auto': half-decades, three decades to either side of
        alpha='scale'; an integer: so many over the same range. Sorted if they are not.
    cv : int, splitter or iterable, default=None
        As in scikit-learn: None for 5 folds, stratified. With search='ladder' and at
        least 10,000 rows None stands for one holdout of 20 %.
    scoring : 'loss', str, callable or None, default=None
        None and 'loss': 'neg_log_loss', from the raw predictions, with the sample
        weights. Early stopping watches what it names, too, and accuracy for None.
    selection : {'best', '1se'}, default='best'
        The λ of the best mean score, or the largest λ whose mean score is within one
        standard error of it.
    search : {'ladder', 'grid'}, default='ladder'
        'ladder': warm-started L-BFGS steps outwards from alpha='scale' until the score
        no longer improves, all folds at once (see ``_ladder``), whatever `solver`
        fits in the end. 'grid': a cold fit of `solver` for every λ and fold.
    n_jobs : int, default=None
        Folds trained at a time: in threads, or on the active joblib backend.
    refit : bool, default=True
        Whether to fit on all rows at the chosen λ.
    l1_ratio : float or list of float, default=0.5
        For penalty='elasticnet'; of a list the best one is chosen.

    Attributes
    ----------
    alpha_ : float
        The chosen λ, for a training set of the size given.
    alphas_ : ndarray of shape (n_alphas,), or (n_l1_ratios, n_alphas)
        Ascending.
    scores_ : ndarray of shape (n_alphas, n_folds), or (n_l1_ratios, n_alphas, n_folds)
        Held-out scores; NaN where the ladder has not been.
    best_score_ : float
        Mean score at `alpha_`.
    best_index_ : int
        Index of `alpha_` in (its row of) `alphas_`.
    l1_ratio_ : float
        The chosen ρ.
    path_ : RegularizationPath
        Scores, sparsity and live inputs of the λs visited.
    n_folds_ : int

    Notes
    -----
    λ/m is the same in a fold and in the final fit: a fold of m_f of m rows is trained
    with λ m_f / m. (GridSearchCV keeps λ itself, which then penalizes the folds more.)

    In a Pipeline the steps before see all rows, those a fold holds out included, as
    with LassoCV. Where that matters (feature selection, target encoding), search the
    Pipeline with ``StackedGridSearchCV``.

    X must be scaled: a penalty weighs all columns alike.

    See Also
    --------
    StackedGridSearchCV : A grid over any parameters, with GridSearchCV's results.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skl2.model_selection import MLPClassifierCV
    >>> X, y = load_wine(return_X_y=True)
    >>> X = StandardScaler().fit_transform(X)
    >>> clf = MLPClassifierCV(hidden_layer_sizes=(20,), solver="lbfgs", random_state=0)
    >>> bool(clf.fit(X, y).best_score_ > -0.15)
    True
    """

    _perceptron = MLPClassifier


class MLPRegressorCV(_AlphaSearchCV, MLPRegressor):  # type: ignore[misc]
    """MLPRegressor with λ chosen by cross-validation, in the manner of LassoCV.

    Fits MLPRegressor at the chosen λ on all rows. It has all parameters of MLPRegressor
    but `alpha`, and those of the search:

    Parameters
    ----------
    alphas : 'auto', int or array-like, default='auto'
        λs to choose from. 'auto': half-decades, three decades to either side of
        alpha='scale'; an integer: so many over the same range. Sorted if they are not.
    cv : int, splitter or iterable, default=None
        As in scikit-learn: None for 5 folds. With search='ladder' and at
        least 10,000 rows None stands for one holdout of 20 %.
    scoring : 'loss', str, callable or None, default=None
        None: 'neg_mean_squared_error', with the sample weights for the squared loss.
        'loss': minus the mean of `loss`, with the sample weights. Early stopping
        watches what it names, too, and R² for None.
    selection : {'best', '1se'}, default='best'
        The λ of the best mean score, or the largest λ whose mean score is within one
        standard error of it.
    search : {'ladder', 'grid'}, default='ladder'
        'ladder': warm-started L-BFGS steps outwards from alpha='scale' until the score
        no longer improves, all folds at once (see ``_ladder``), whatever `solver`
        fits in the end. 'grid': a cold fit of `solver` for every λ and fold.
    n_jobs : int, default=None
        Folds trained at a time: in threads, or on the active joblib backend.
    refit : bool, default=True
        Whether to fit on all rows at the chosen λ.
    l1_ratio : float or list of float, default=0.5
        For penalty='elasticnet'; of a list the best one is chosen.

    Attributes
    ----------
    alpha_ : float
        The chosen λ, for a training set of the size given.
    alphas_ : ndarray of shape (n_alphas,), or (n_l1_ratios, n_alphas)
        Ascending.
    scores_ : ndarray of shape (n_alphas, n_folds), or (n_l1_ratios, n_alphas, n_folds)
        Held-out scores; NaN where the ladder has not been.
    best_score_ : float
        Mean score at `alpha_`.
    best_index_ : int
        Index of `alpha_` in (its row of) `alphas_`.
    l1_ratio_ : float
        The chosen ρ.
    path_ : RegularizationPath
        Scores, sparsity and live inputs of the λs visited.
    n_folds_ : int

    Notes
    -----
    λ/m is the same in a fold and in the final fit: a fold of m_f of m rows is trained
    with λ m_f / m. (GridSearchCV keeps λ itself, which then penalizes the folds more.)

    In a Pipeline the steps before see all rows, those a fold holds out included, as
    with LassoCV. Where that matters (feature selection, target encoding), search the
    Pipeline with ``StackedGridSearchCV``.

    X must be scaled: a penalty weighs all columns alike.

    See Also
    --------
    StackedGridSearchCV : A grid over any parameters, with GridSearchCV's results.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skl2.model_selection import MLPRegressorCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X = StandardScaler().fit_transform(X)
    >>> reg = MLPRegressorCV(hidden_layer_sizes=(20,), solver="lbfgs", random_state=0)
    >>> bool(reg.fit(X, y).best_score_ > -3200)
    True
    """

    _perceptron = MLPRegressor
