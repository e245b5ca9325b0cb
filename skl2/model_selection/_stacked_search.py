"""GridSearchCV and RandomizedSearchCV that train their candidates as stacks."""

from copy import copy
from typing import Any

import joblib
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

from skl2._engine.threads import ctrl_c_raises
from skl2._engine.warn import warn
from skl2._sklearn_compat import CollectedCalls, run_search
from skl2.model_selection._fold_tasks import FoldTasks
from skl2.model_selection._parts import TrainsOwnStacks, attach, detach
from skl2.model_selection._shared_fits import SharedFits


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


class StackedSearch(TrainsOwnStacks):
    """Mixin: the candidates of each fold are trained as stacks."""

    estimator: Any
    pre_dispatch: Any

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
        if not attach(shared_fits, attached):
            shared_fits.close()
            return super().fit(X, y, **params)  # type: ignore[misc]
        # Works on a copy: other threads may fit this object at the same time.
        search = copy(self)
        search.estimator = attached
        search._shared_fits = shared_fits
        tasks = FoldTasks(shared_fits)
        # scikit-learn's loop runs in this process; its calls are run as stacks.
        search._calls = CollectedCalls(tasks.run)
        search.pre_dispatch = "all"
        try:
            with joblib.parallel_config(backend=search._calls), ctrl_c_raises():
                super(StackedSearch, search).fit(X, y, **params)  # type: ignore[misc]
            _warn_of_unfinished(shared_fits)
        finally:
            tasks.close()
            shared_fits.close()
            detach(shared_fits, attached)
            del search._shared_fits
            del search._calls
            search.pre_dispatch = self.pre_dispatch
            given = self.get_params(deep=False)
            vars(self).update({k: v for k, v in vars(search).items() if k not in given})
        return self

    def _run_search(self, evaluate_candidates, callback_ctx=None):
        shared_fits: Any = getattr(self, "_shared_fits", None)

        def evaluate(candidates, *args, **kwargs):
            with (
                shared_fits.one_blas_thread(),
                self._calls.collecting(),
                # All that is not a call of the search itself.
                joblib.parallel_config(backend="sequential"),
            ):
                return evaluate_candidates(list(candidates), *args, **kwargs)

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
    scoring, refit, cv, verbose, error_score, return_train_score
        As in ``sklearn.model_selection.GridSearchCV``.
    pre_dispatch : int or str, default='2*n_jobs'
        Has no effect: all candidates of a fold are needed at once.
    n_jobs : int, default=None
        Number of processes, this one included, or threads. A process gets a fold, its
        preprocessing and its scores included, or some candidates of a fold; workers are
        kept for the next search. A short search stays in this process. On a joblib
        backend chosen by ``joblib.parallel_config`` a task is a chunk of a stack.

    Notes
    -----
    The numbers are the same bit for bit whatever `n_jobs` is. What cannot be pickled,
    and a search with callbacks, runs in this process. A step of a user's own that draws
    from NumPy's global random stream draws in the process that fits it; objects that it
    changes stay in that process.

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
