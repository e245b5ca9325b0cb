"""Examples of the documentation run; its reference is complete; diagrams link to it."""

import importlib
import re
import subprocess
import sys
import warnings
from inspect import cleandoc, isclass, isfunction
from pathlib import Path

import numpy as np
import pytest
from helpers import modules_of_a_new_interpreter
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from tables import QUICK

import skl2
from skl2 import MLPClassifier, MLPRegressor, model_selection

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(
    page
    for folder in (DOCS, DOCS / "guide", DOCS / "recipes")
    for page in folder.glob("*.md")
    if "```python" in page.read_text(encoding="utf-8")
)
MODULES = ["skl2", *(f"skl2.{m}" for m in ("model_selection", "inspection", "export"))]
MODULES += ["skl2.preprocessing", "skl2.augmentation"]
# Names without an underscore that are not meant for users.
INTERNAL = {"skl2.augmentation": {"Augmentation"}}


# Pages whose code trains for seconds: `.ci/run recipes` runs them.
LONG_PAGES = {
    *("index", "choosing", "compression", "convergence", "from_boosting"),
    *("regression", "regularizers", "uncertainty"),
}

# Parameters and attributes whose text differs, since targets do.
OF_THEIR_OWN = {"early_stopping", "scoring", "n_estimators", "estimators_"}


def entries(estimator):
    """Parameters and attributes of a class, by name, with the text of each."""
    text = cleandoc(estimator.__doc__)
    start = text.index("Parameters\n---")
    found = re.split(
        r"^(?=\w[\w, ]* : )", text[start : text.index("See Also")], flags=re.M
    )
    return {entry.split(" : ")[0]: entry.strip() for entry in found[1:]}


def test_classifier_and_regressor_describe_what_they_share_in_the_same_words():
    classifier, regressor = entries(MLPClassifier), entries(MLPRegressor)
    shared = classifier.keys() & regressor.keys()
    assert len(shared) > 45
    assert {n for n in shared if classifier[n] != regressor[n]} == OF_THEIR_OWN
    notes = [
        cleandoc(e.__doc__).split("Notes\n")[1].split("References\n")[0]
        for e in (MLPClassifier, MLPRegressor)
    ]
    assert notes[0] == notes[1]


def test_modules_are_attributes_that_are_imported_on_first_use():
    imported = modules_of_a_new_interpreter()
    names = {f"skl2.{name}" for name in skl2._MODULES}
    assert names & set(imported["skl2"]) == set()
    for name in names:
        assert name in imported[name]
        module = getattr(skl2, name.removeprefix("skl2."))
        assert module is sys.modules[name]
    assert set(skl2._MODULES) <= set(dir(skl2))
    with pytest.raises(AttributeError, match="'skl2' has no attribute 'nothing'"):
        skl2.nothing  # noqa: B018


def blocks(page):
    text = page.read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)


def required(code):
    """Modules that the comment "# requires: ..." of a block names."""
    names = re.search(r"^# requires: (.*)$", code, re.M)
    return names[1].split(", ") if names else []


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Go to a directory with the files that the guide reads."""
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((300, 4)), rng.randint(2, size=300)
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", y)
    np.savetxt(tmp_path / "data.csv", np.column_stack([X, y]), delimiter=",")
    monkeypatch.chdir(tmp_path)


def shown_output(page):
    """What a page says that its code prints: the blocks "text" right after a block."""
    text = page.read_text(encoding="utf-8")
    return re.findall(
        r"^```python\n[^`]*^```\n\n```text\n(.*?)^```$", text, re.M | re.S
    )


def same_output(shown, printed):
    """Whether the words are equal, and the numbers nearly: BLAS differs in rounding."""
    number = r"-?\d+\.\d+"
    shown_numbers, printed_numbers = (
        [float(n) for n in re.findall(number, text)] for text in (shown, printed)
    )
    return re.sub(number, "#", shown) == re.sub(number, "#", printed) and np.allclose(
        shown_numbers, printed_numbers, rtol=0.05, atol=0.02
    )


def test_there_are_examples():
    assert len(PAGES) >= 20
    assert sum(map(len, map(blocks, PAGES))) >= 30
    assert sum(map(len, map(shown_output, PAGES))) >= 3
    assert {page.stem for page in PAGES} >= LONG_PAGES


def page_to_run(page):
    """A page as a row of parametrize; those of large packages run with the oracles."""
    if {"distributed", "torch"} & set(required("\n".join(blocks(page)))):
        marks = [pytest.mark.oracle]
    else:
        marks = [pytest.mark.long] if page.stem in LONG_PAGES else []
    return pytest.param(page, marks=marks, id=page.stem)


@pytest.mark.parametrize("page", [page_to_run(page) for page in PAGES])
def test_examples_run(page, files, capsys):
    code = "\n".join(blocks(page))
    for module in required(code):
        pytest.importorskip(module)
    if "__main__" in code:
        # Starts processes, which import the script.
        Path("script.py").write_text(code)
        subprocess.run([sys.executable, "script.py"], check=True, timeout=120)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        exec(compile(code, str(page), "exec"), {"__name__": "page"})
    printed = capsys.readouterr().out
    for shown in shown_output(page):
        lines = shown.splitlines(keepends=True)
        starts = range(len(printed.splitlines()))
        parts = ["".join(printed.splitlines(True)[i : i + len(lines)]) for i in starts]
        assert any(same_output(shown, part) for part in parts), printed


def public_names(module):
    module = importlib.import_module(module)
    if hasattr(module, "__all__"):
        return set(module.__all__)
    own = {
        name
        for name, value in vars(module).items()
        if (isclass(value) or isfunction(value))
        and value.__module__ == module.__name__
        and not name.startswith("_")
    }
    return own - INTERNAL.get(module.__name__, set())


def reference():
    """The names that docs/api.rst lists, by module."""
    listed, module = {}, None
    for line in (DOCS / "api.rst").read_text().splitlines():
        if match := re.match(r"\.\. currentmodule:: (\S+)", line):
            module = listed.setdefault(match[1], set())
        elif match := re.match(r"   (\w+)$", line):
            module.add(match[1])
    return listed


def test_reference_lists_every_public_name():
    assert reference() == {module: public_names(module) for module in MODULES}


@pytest.mark.parametrize("module", MODULES)
def test_public_names_have_docstrings(module):
    for name in public_names(module):
        assert len(getattr(importlib.import_module(module), name).__doc__ or "") > 30


X, y = make_classification(60, random_state=0)
GRID = {"alpha": [1.0, 2.0]}
SMALL = {"hidden_layer_sizes": (3,), "max_iter": 3, "random_state": 0}
ESTIMATORS = [
    MLPClassifier(**SMALL, early_stopping=True, batch_norm=True, dropout=0.1),
    MLPClassifier(**SMALL, solver="lbfgs"),
    MLPRegressor(**SMALL, early_stopping=True, batch_norm=True, dropout=0.1),
    model_selection.MLPClassifierCV(**QUICK),
    model_selection.MLPRegressorCV(**QUICK),
    model_selection.AlphaSearchCV(MLPClassifier(**SMALL), alphas=[1.0]),
    model_selection.StackedGridSearchCV(MLPClassifier(**SMALL), GRID),
    model_selection.StackedRandomizedSearchCV(MLPClassifier(**SMALL), GRID, n_iter=1),
]


def documented_attributes(cls):
    """Names in the sections "Attributes" of a class and those that it builds on."""
    names = set()
    for base in cls.__mro__:
        doc = cleandoc(base.__doc__ or "")
        section = re.search(
            r"^Attributes\n-+\n(.*?)(?=^\w[^\n]*\n---|\Z)", doc, re.M | re.S
        )
        if section:
            heads = re.findall(r"^(\w.*?)(?: :|$)", section[1], re.M)
            names |= {name for head in heads for name in head.split(", ")}
    return names


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_every_attribute_is_documented(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        estimator.fit(X, y)
    cls = type(estimator)
    properties = {
        name for name in dir(cls) if isinstance(getattr(cls, name), property)
    } & set(dir(estimator))
    public = {
        name
        for name in properties | set(vars(estimator))
        if name.endswith("_") and not name.startswith("_")
    }
    # A table estimator has five.
    assert len(public) >= 5
    assert public - documented_attributes(cls) == set()


def test_every_module_is_in_the_list_of_contributing():
    text = (DOCS.parent / "CONTRIBUTING.md").read_text()
    listed = re.findall(r"^\| `([\w/]+\.py)` \|", text, re.M)
    package = Path(skl2.__file__).parent
    there = {
        p.relative_to(package).as_posix()
        for p in package.rglob("*.py")
        if p.name != "__init__.py"
    }
    assert sorted(listed) == sorted(there)
