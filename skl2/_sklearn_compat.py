"""Every use of private or version-dependent API of scikit-learn and joblib.

Methods of ``BaseSearchCV`` that the searches of ``model_selection`` override:
``_get_scorers`` and ``_run_search``. The latter gets a `callback_ctx` from version 1.9
on.
"""

from collections import deque
from contextlib import contextmanager

import numpy as np
from joblib.externals.loky.process_executor import (
    BrokenProcessPool,
    ProcessPoolExecutor,
    ShutdownExecutorError,
    TerminatedWorkerError,
)
from joblib.parallel import ParallelBackendBase
from sklearn.model_selection._search import BaseSearchCV
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import _safe_indexing
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _check_method_params

try:
    from joblib.externals import cloudpickle
except ImportError:  # joblib >= 1.6 depends on it
    import cloudpickle

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in for the class of newer versions of scikit-learn."""

    def with_callbacks(method):
        return method


__all__ = [
    "BROKEN_POOL",
    "CallbackSupportMixin",
    "CollectedCalls",
    "ProcessPoolExecutor",
    "RoutedSearchCV",
    "TerminatedWorkerError",
    "callback_context",
    "callbacks_of",
    "cloudpickle",
    "held_out_rows",
    "params_of_rows",
    "remove_callbacks",
    "run_search",
    "selects_by_mean",
    "set_labels",
    "take_rows",
    "was_multilabel",
    "with_callbacks",
]


# What a call to worker processes raises that are not there any more.
BROKEN_POOL = (BrokenProcessPool, ShutdownExecutorError)


class CollectedCalls(ParallelBackendBase):
    """A joblib backend that hands all calls of a ``Parallel`` to one function.

    The ``Parallel`` needs pre_dispatch='all', and must be called inside of
    ``collecting``; elsewhere calls run one after another.

    Parameters
    ----------
    run : callable ``run(calls) -> list``
        Results of a deque of (function, args, kwargs), which it may empty.
    """

    supports_sharedmem = True
    uses_threads = True

    def __init__(self, run):
        super().__init__(nesting_level=0)
        self._run = run
        self._collecting = False
        self._calls: deque = deque()
        self._callbacks: list = []
        self._results = None

    @contextmanager
    def collecting(self):
        """Collect the calls inside."""
        self._calls.clear()
        self._callbacks.clear()
        self._results = None
        self._collecting = True
        try:
            yield
        finally:
            self._collecting = False
            self._results = None

    def effective_n_jobs(self, n_jobs):
        """2, or 1 where calls are not collected."""
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        return 2 if self._collecting else 1

    def submit(self, func, callback=None):
        """Collect a batch of one call."""
        self._calls.extend(func.items)
        if callback is not None:
            self._callbacks.append(callback)
        return _Collected(self, len(self._calls) - 1)

    # Its name before joblib 1.5.
    apply_async = submit

    def results(self):
        """The results of all calls, which run when they are first asked for."""
        if self._results is None:
            self._results = self._run(self._calls)
            # joblib counts what is done.
            for callback in self._callbacks:
                callback(None)
        return self._results


class _Collected:
    """A call that has been collected, as joblib asks for its result."""

    def __init__(self, calls, number):
        self._calls = calls
        self._number = number

    def get(self, timeout=None):
        return [self._calls.results()[self._number]]


class RoutedSearchCV(BaseSearchCV):
    """A search that may change what its splitter, scorers and estimator get."""

    def routed_params(self, params):
        """The parameters of ``fit``, as a Bunch: estimator, splitter, scorer."""
        return super()._get_routed_params_for_fit(params)

    def _get_routed_params_for_fit(self, params):
        return self.routed_params(params)


def callbacks_of(estimator):
    """The callbacks of an estimator, see ``CallbackSupportMixin.set_callbacks``."""
    return getattr(estimator, "_skl_callbacks", ())


def remove_callbacks(estimator):
    """Let an estimator call no callbacks."""
    vars(estimator).pop("_skl_callbacks", None)


def callback_context(estimator, max_subtasks):
    """The context in which a fit calls the estimator's callbacks."""
    return estimator._init_callback_context(max_subtasks=max_subtasks)


def run_search(run, evaluate_candidates, callback_ctx):
    """Call ``_run_search`` of a scikit-learn search.

    Parameters
    ----------
    run : bound method
    evaluate_candidates : callable
    callback_ctx : CallbackContext or None
        None for versions of scikit-learn without callbacks.
    """
    context = {} if callback_ctx is None else {"callback_ctx": callback_ctx}
    run(evaluate_candidates, **context)


def held_out_rows(estimator, X, y, train, test):
    """X and y of the rows held out in a split, as a search gives them to a scorer."""
    return _safe_split(estimator, X, y, test, train)


def params_of_rows(X, params, rows):
    """Parameters of ``fit``: of those with a value for each row of X, some rows."""
    return _check_method_params(X, params, rows)


def take_rows(X, rows):
    """Some rows of an array, a sparse matrix, a table or a list."""
    return _safe_indexing(X, rows)


def selects_by_mean(frame):
    """Whether importances are read by a SelectFromModel, to compare with their mean.

    It does not tell the estimator, so its frames are asked.

    Parameters
    ----------
    frame : frame
        Of the code that reads the importances.
    """
    # It imports neighbours and decompositions: a tenth of a second of a new worker.
    from sklearn.feature_selection import SelectFromModel

    for _ in range(3):
        selector = frame.f_locals.get("self")
        if isinstance(selector, SelectFromModel):
            estimator = getattr(selector, "estimator_", selector.estimator)
            l1 = getattr(estimator, "penalty", None) == "l1"
            return selector.threshold is None and not l1
        if frame.f_back is None:
            return False
        frame = frame.f_back
    return False


def was_multilabel(estimator):
    """Whether a fitted ``sklearn.neural_network.MLPClassifier`` has labels."""
    return estimator._label_binarizer.y_type_.startswith("multilabel")


def set_labels(estimator, classes, multilabel):
    """Give a ``sklearn.neural_network.MLPClassifier`` what fit learns of its labels."""
    targets = classes
    if multilabel:
        targets = np.eye(len(classes), dtype=int)
        targets = np.vstack([targets, targets.sum(axis=0, keepdims=True)])
    estimator.classes_ = classes
    estimator._label_binarizer = LabelBinarizer().fit(targets)
