"""Successive halving that trains its candidates as stacks.

Imported on first use: scikit-learn keeps halving behind an import that enables it.
"""

from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingGridSearchCV

from skl2.model_selection._stacked_search import StackedSearch


class StackedHalvingGridSearchCV(StackedSearch, HalvingGridSearchCV):
    """HalvingGridSearchCV that trains the candidates of a fold together.

    See ``StackedGridSearchCV``; parameters and results are those of
    ``sklearn.model_selection.HalvingGridSearchCV``.
    """
