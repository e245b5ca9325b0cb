"""GridSearchCV and RandomizedSearchCV that train their candidates as stacks."""

from copy import copy
from typing import Any

import joblib
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline

from skl2._engine.threads import ctrl_c_raises
from skl2._engine.warn import warn
from skl2._estimators.base import BaseMLP
from skl2._sklearn_compat import run_search
from skl2.model_selection._shared_fits import Location, SharedFits


def _parts(estimator):
    """(path, object) of an estimator and everything in its parameters."""
    return [("", estimator), *sorted(estimator.get_params(deep=True).items())]


def own_parts(estimator):
    """Its parts but for those of searches inside, which train their own stacks."""
    parts = _parts(estimator)
    inner = [f"{path}__" for path, part in parts if isinstance(part, StackedSearch)]
    return [(path, p) for path, p in parts if not path.startswith(tuple(inner))]


def _attach(shared_fits, estimator):
    """Attach shared fits to the perceptrons and pipelines inside; are there any?"""
    found = False
    for path, part in own_parts(estimator):
        if isinstance(part, BaseMLP):
            part._location = Location(shared_fits, path, part)
            found = True
        elif isinstance(part, Pipeline) and part.memory is None:
            part.memory = shared_fits.memory
    return found


def _detach(shared_fits, estimator):
    # A scorer may still hold the estimator.
    for _, part in _parts(estimator):
        if isinstance(part, BaseMLP):
            part.__dict__.pop("_location", None)
        elif isinstance(part, Pipeline) and part.memory is shared_fits.memory:
            part.memory = None


def _warn_of_unfinished(shared_fits):
    """One warning for all fits that did not converge."""
    if shared_fits.unfinished:
        limits = " or ".join(map(str, sorted(set(shared_fits.unfinished))))
        warn(
            f"{len(shared_fits.unfinished)} of {shared_fits.n_fits} fits of the search "
            f"reached max_iter={limits}, or stopped before they converged. Increase "
            "max_iter, or use learning_rate='cosine', which ends there.",
            ConvergenceWarning,
        )


class StackedSearch:
    """Mixin: the candidates of each fold are trained as stacks."""

    estimator: Any

    def fit(self, X, y=None, **params):
        """Run fit with all sets of parameters; see the scikit-learn class.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        **params : dict
            Passed on to the estimator, the scorer and the splitter.

        Returns
        -------
        self : object
        """
        estimator = self.estimator
        if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
            return super().fit(X, y, **params)  # type: ignore[misc]
        attached = clone(estimator)
        shared_fits = SharedFits(self.n_jobs)
        if not _attach(shared_fits, attached):
            shared_fits.close()
            return super().fit(X, y, **params)  # type: ignore[misc]
        # Works on a copy: other threads may fit this object at the same time.
        search = copy(self)
        search.estimator = attached
        search._shared_fits = shared_fits
        try:
            # Training is the parallel part. The search around it runs in this process,
            # which holds the shared fits.
            with joblib.parallel_config(backend="sequential"), ctrl_c_raises():
                super(StackedSearch, search).fit(X, y, **params)  # type: ignore[misc]
            _warn_of_unfinished(shared_fits)
        finally:
            shared_fits.close()
            _detach(shared_fits, attached)
            del search._shared_fits
            given = self.get_params(deep=False)
            vars(self).update({k: v for k, v in vars(search).items() if k not in given})
        return self

    def _run_search(self, evaluate_candidates, callback_ctx=None):
        shared_fits: Any = getattr(self, "_shared_fits", None)

        def evaluate(candidates, *args, **kwargs):
            candidates = list(candidates)
            shared_fits.start(candidates)
            try:
                with shared_fits.one_blas_thread():
                    return evaluate_candidates(candidates, *args, **kwargs)
            finally:
                shared_fits.stop()

        own = evaluate_candidates if shared_fits is None else evaluate
        run_search(super()._run_search, own, callback_ctx)  # type: ignore[misc]
        if shared_fits is not None:
            shared_fits.finish()


class StackedGridSearchCV(StackedSearch, GridSearchCV):
    """GridSearchCV that trains the candidates of a fold together.

    Same parameters, attributes and ``cv_results_`` (all but the time columns, bit for
    bit) as ``sklearn.model_selection.GridSearchCV``; estimators that hold no skl2
    estimator are searched as there. Candidates whose networks differ only in alpha,
    penalty, l1_ratio, learning rate, momentum, betas, epsilon or seed are trained as
    one stack, those that differ in their shape (layers, solver, batch size, ...) as
    one each; the preprocessing of a Pipeline is fitted once per fold.

    Parameters
    ----------
    estimator : estimator object
        An MLPClassifier or MLPRegressor, or an estimator that contains one, such as a
        Pipeline.
    param_grid : dict or list of dict
        Parameter names with the values to try.
    scoring, refit, cv, verbose, pre_dispatch, error_score, return_train_score
        As in ``sklearn.model_selection.GridSearchCV``.
    n_jobs : int, default=None
        Number of chunks of a stack trained at a time: in threads, or on the active
        joblib backend if one was chosen by ``joblib.parallel_config``.

    Notes
    -----
    With ``random_state=None`` scikit-learn's search draws other initial weights for
    each candidate; here the candidates of a fold share them.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import Pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skl2 import MLPClassifier
    >>> from skl2.model_selection import StackedGridSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> pipe = Pipeline([
    ...     ("scale", StandardScaler()),
    ...     ("mlp", MLPClassifier((10,), learning_rate_init=0.05, random_state=0)),
    ... ])
    >>> grid = {"mlp__alpha": np.logspace(-3, 2, 11)}
    >>> search = StackedGridSearchCV(pipe, grid, scoring="neg_log_loss").fit(X, y)
    >>> bool(search.best_score_ > -0.2)
    True
    """


class StackedRandomizedSearchCV(StackedSearch, RandomizedSearchCV):
    """RandomizedSearchCV that trains the candidates of a fold together.

    See ``StackedGridSearchCV``; parameters and results are those of
    ``sklearn.model_selection.RandomizedSearchCV``.
    """
