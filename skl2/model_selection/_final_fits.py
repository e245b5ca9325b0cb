"""Fits of several estimators to the same rows, side by side where that pays."""

import joblib
from sklearn import config_context, get_config

from skl2._engine.threads import ctrl_c_raises, single_threaded_blas
from skl2.model_selection._parts import own_networks
from skl2.model_selection._processes import Payload, share_out
from skl2.model_selection._schedule import Costs, pays, readiness, shape_of
from skl2.model_selection._shared_fits import count_processes


def fit_all(estimators, X, y, fit_params, n_jobs):
    """The estimators, fitted to all rows.

    Parameters
    ----------
    estimators : list of estimator
    X, y : array-like
    fit_params : dict
        Of each ``fit``.
    n_jobs : int or None
        See ``StackedGridSearchCV``.

    Returns
    -------
    fitted : list of estimator
    """
    n_processes = min(count_processes(n_jobs), len(estimators))
    shape = shape_of(X, y, len(y))
    seconds = [_seconds(estimator, shape) for estimator in estimators]
    if not pays(seconds, sum(seconds), readiness(n_processes)):
        return [estimator.fit(X, y, **fit_params) for estimator in estimators]
    data = Payload((X, y, fit_params))
    # The longest is begun first.
    order = sorted(range(len(estimators)), key=lambda i: -seconds[i])
    tasks = [(get_config(), data, estimators[i]) for i in order]
    try:
        found = share_out(_fit, tasks, n_processes)
    finally:
        data.close()
    fitted = dict(zip(order, found, strict=True))
    return [fitted[i] for i in range(len(estimators))]


def _seconds(estimator, shape):
    networks = {
        path: network.get_params(deep=False)
        for path, network in own_networks(estimator).items()
    }
    return Costs([{}], networks, shape).seconds([0])


def _fit(task):
    config, data, estimator = task
    X, y, fit_params = data.load()
    with (
        config_context(**config),
        joblib.parallel_config(backend="sequential"),
        single_threaded_blas,
        ctrl_c_raises(),
    ):
        return estimator.fit(X, y, **fit_params)
