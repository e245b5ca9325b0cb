"""Warnings name the innermost line that is not skl2's own."""

import inspect
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import skl2
from skl2 import MLPClassifier
from skl2._engine.warn import warn


def inside(source):
    """The function `f` of a source text, as if it stood in a file of skl2."""
    names = {"warn": warn}
    path = Path(skl2.__file__).parent / "_estimators" / "base.py"
    exec(compile(source, str(path), "exec"), names)
    return names["f"]


def test_frames_of_skl2_are_passed_over():
    deep = inside("def f(n):\n    warn('deep') if n == 0 else f(n - 1)")
    with pytest.warns(UserWarning, match="deep") as record:
        line = inspect.currentframe().f_lineno + 1
        deep(5)
    assert (record[0].filename, record[0].lineno) == (__file__, line)


def test_a_callback_of_the_user_is_the_innermost_line():
    class Mine(UserWarning):
        pass

    complain = inside("def f(category):\n    warn('called back', category)")
    run = inside("def f(callback):\n    callback()")
    callback = lambda: complain(Mine)  # noqa: E731
    with pytest.warns(Mine) as record:
        run(callback)
    assert record[0].filename == __file__
    assert record[0].lineno == callback.__code__.co_firstlineno


def test_frames_of_searches_and_pipelines_are_passed_over():
    X, y = np.random.RandomState(0).rand(20, 2), np.arange(20) % 2
    network = MLPClassifier(batch_size=50, max_iter=1, learning_rate="cosine")
    search = GridSearchCV(make_pipeline(network), {}, cv=2)
    with pytest.warns(UserWarning, match="`batch_size`") as record:
        line = inspect.currentframe().f_lineno + 1
        search.fit(X, y)
    places = {(w.filename, w.lineno) for w in record}
    assert places == {(__file__, line)}
