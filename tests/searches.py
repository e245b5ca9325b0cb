"""What tests of searches share: networks to search, what makes two searches equal."""

from functools import partial
from types import FunctionType, ModuleType

import numpy as np
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skl2 import MLPClassifier
from skl2._estimators.base import BaseMLP

Classifier = partial(
    MLPClassifier,
    hidden_layer_sizes=(4,),
    batch_size=16,
    learning_rate_init=0.05,
    max_iter=4,
    random_state=0,
)


ALPHAS = [0.01, 1.0, 10.0, 100.0]


def scaled(estimator=None, **params):
    mlp = Classifier(**params) if estimator is None else estimator
    return Pipeline([("scale", StandardScaler()), ("mlp", mlp)])


def same(a, b):
    """Equality of candidates' values: numbers, arrays, estimators, streams, lists."""
    if type(a) is not type(b):
        return False
    if isinstance(a, BaseEstimator):
        return same(a.get_params(), b.get_params())
    if isinstance(a, np.random.RandomState):
        return same(a.get_state(), b.get_state())
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, np.ma.MaskedArray):
        return same(a.filled("masked").tolist(), b.filled("masked").tolist())
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and same(a.tolist(), b.tolist())
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or (a != a and b != b)


def assert_same_results(ours, theirs):
    """Two ``cv_results_`` are equal, but for the columns with times."""
    assert list(ours) == list(theirs)
    for name, column in ours.items():
        other = theirs[name]
        if name.startswith("param"):
            if isinstance(column, np.ma.MaskedArray):
                assert column.dtype == other.dtype, name
                column, other = column.astype(object), other.astype(object)
            assert same(column, other), name
        elif not name.endswith("_time"):
            assert column.dtype == other.dtype, name
            assert_array_equal(column, other, err_msg=name)


def inside(thing):
    """Every object that `thing` holds, in attributes and containers, itself included"""
    seen, todo = set(), [thing]
    while todo:
        item = todo.pop()
        if id(item) in seen or isinstance(item, (type, ModuleType, FunctionType)):
            continue
        seen.add(id(item))
        yield item
        if isinstance(item, dict):
            todo += [*item.keys(), *item.values()]
        elif isinstance(item, (list, tuple, set)):
            todo += item
        elif isinstance(item, np.ndarray) and item.dtype == object:
            todo += item.ravel().tolist()
        todo += getattr(item, "__dict__", {}).values()


def fitted_networks(estimator):
    return [
        part
        for part in inside(estimator)
        if isinstance(part, BaseMLP) and "coefs_" in vars(part)
    ]


def assert_same_networks(ours, theirs):
    ours, theirs = fitted_networks(ours), fitted_networks(theirs)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        for name in ("coefs_", "intercepts_"):
            for x, y in zip(getattr(a, name), getattr(b, name), strict=True):
                assert x.dtype == y.dtype
                assert_array_equal(x, y)
        assert (a.n_iter_, a.loss_curve_) == (b.n_iter_, b.loss_curve_)


def assert_same_search(ours, theirs):
    """Everything a fitted search holds is that of the other."""
    assert list(vars(ours)) == list(vars(theirs))
    if "cv_results_" in vars(theirs):
        assert_same_results(ours.cv_results_, theirs.cv_results_)
    for name in ("best_index_", "best_params_", "best_score_", "n_splits_"):
        assert same(getattr(ours, name, None), getattr(theirs, name, None)), name
    if "best_estimator_" in vars(theirs):
        assert_same_networks(ours.best_estimator_, theirs.best_estimator_)


class Recorder:
    """A callback that notes every task of a fit."""

    def __init__(self):
        self.events = []

    def setup(self, estimator, context):
        self.events.append(("setup", context.task_name))

    def teardown(self, estimator, context):
        self.events.append(("teardown", context.task_name))

    def on_fit_task_begin(self, estimator, context, **kwargs):
        self.events.append(("begin", context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context, **kwargs):
        self.events.append(("end", context.task_name, context.task_id))
