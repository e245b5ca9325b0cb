"""Successive halving is imported on first use."""

import inspect
import pickle
import subprocess
import sys

from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingGridSearchCV

from skl2 import MLPClassifier
from skl2.model_selection import StackedHalvingGridSearchCV


def test_it_is_the_search_of_scikit_learn():
    ours = inspect.signature(StackedHalvingGridSearchCV)
    assert str(ours) == str(inspect.signature(HalvingGridSearchCV))
    grid = {"alpha": [0.1, 1.0]}
    search = StackedHalvingGridSearchCV(MLPClassifier(), grid, factor=2)
    assert clone(search).factor == 2
    assert pickle.loads(pickle.dumps(search)).param_grid == search.param_grid


def test_scikit_learn_is_asked_for_it_on_first_use_only():
    code = (
        "import sys; import skl2.model_selection as m; "
        "name = 'sklearn.experimental.enable_halving_search_cv'; "
        "assert name not in sys.modules; m.StackedHalvingGridSearchCV; "
        "assert name in sys.modules; assert 'StackedHalvingGridSearchCV' in dir(m)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
