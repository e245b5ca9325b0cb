"""Private and version-dependent API of scikit-learn is used in one module alone."""

import ast
import re
from pathlib import Path

import pytest
from sklearn import neural_network
from sklearn.base import BaseEstimator
from sklearn.datasets import make_multilabel_classification

import skl2
from skl2 import _sklearn_compat

ROOT = Path(skl2.__file__).parent
OTHERS = [p for p in sorted(ROOT.rglob("*.py")) if p.name != "_sklearn_compat.py"]
# Private names of scikit-learn that the module wraps.
PRIVATE = re.compile(
    r"_skl_callbacks|_init_callback_context|_get_routed_params_for_fit|_label_binarizer"
)


def private_imports(source):
    """Imports of scikit-learn's private modules and of its callbacks."""
    found = []
    for node in ast.walk(ast.parse(source)):
        modules = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
        for module in modules:
            first, *inside = module.split(".")
            if first == "sklearn" and any(
                part.startswith("_") or part == "callback" for part in inside
            ):
                found.append(module)
    return found


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_other_module_uses_private_api(path):
    source = path.read_text()
    assert private_imports(source) == []
    assert PRIVATE.findall(source) == []


def test_the_law_sees_private_api():
    source = Path(_sklearn_compat.__file__).read_text()
    assert len(private_imports(source)) == 6
    assert len(set(PRIVATE.findall(source))) == 4


def test_an_estimator_without_callbacks():
    assert not _sklearn_compat.callbacks_of(BaseEstimator())


@pytest.mark.parametrize("multilabel", [False, True])
def test_labels_of_a_network_of_scikit_learn(multilabel):
    X, y = make_multilabel_classification(50, n_classes=3, random_state=0)
    y = y if multilabel else y.sum(axis=1)
    theirs = neural_network.MLPClassifier((3,), max_iter=20, random_state=0).fit(X, y)
    assert _sklearn_compat.was_multilabel(theirs) == multilabel
    predicted = theirs.predict(X)
    _sklearn_compat.set_labels(theirs, theirs.classes_, multilabel)
    assert _sklearn_compat.was_multilabel(theirs) == multilabel
    assert (theirs.predict(X) == predicted).all()
