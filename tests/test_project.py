"""Versions and addresses are stated once, or stated alike."""

import importlib.util
import re
import shutil
import tomllib
from pathlib import Path

import pytest

import skl2

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pre_commit_has_the_versions_of_ci():
    text = (ROOT / ".pre-commit-config.yaml").read_text()
    groups = PROJECT["dependency-groups"]
    pins = dict(pin.split("==") for pin in groups["lint"])
    revisions = re.findall(r"repo: \S+/(\S+)\n    rev: v(\S+)", text)
    names = {"ruff-pre-commit": "ruff", "mirrors-mypy": "mypy"}
    assert {names.get(repo, repo): rev for repo, rev in revisions} == {
        name: pins[name] for name in ("ruff", "mypy", "codespell")
    }
    assert re.findall(r"numpy==([\d.]+)", text) == [pins["numpy"]]


def test_every_tool_is_pinned():
    for group in PROJECT["dependency-groups"].values():
        for pin in group:
            assert isinstance(pin, dict) or re.fullmatch(r"[\w-]+==[\d.]+", pin)


def test_the_address_is_in_one_place():
    files = [ROOT / "README.md", *ROOT.glob("*.md"), ROOT / "CITATION.cff"]
    files += [*ROOT.glob("docs/**/*.md"), *ROOT.glob("skl2/**/*.py")]
    check = load(ROOT / "tools/check_release.py")
    found = [path.name for path in files if check.PLACEHOLDER in path.read_text()]
    assert found == []


def test_the_readme_of_an_index_page_links_to_the_repository():
    pytest.importorskip("setuptools")
    setup = load(ROOT / "setup.py")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    source = PROJECT["project"]["urls"]["Source"]
    text = setup.with_absolute_links(readme, source)
    assert setup.RELATIVE.findall(readme)
    assert not setup.RELATIVE.findall(text)
    for kind, path in re.findall(
        rf"{re.escape(source)}/(raw|blob)/main/([^)#\s]+)", text
    ):
        assert (ROOT / path).is_file()
        assert (kind == "raw") == path.endswith(".png")
    # Nothing else differs.
    assert re.sub(rf"{re.escape(source)}/(raw|blob)/main/", "", text) == readme


def test_the_citation_has_the_version():
    text = (ROOT / "CITATION.cff").read_text()
    assert re.search(r"^version: (.*)$", text, re.M)[1] == skl2.__version__


def test_the_conda_recipe_has_version_and_requirements():
    text = (ROOT / "conda/recipe.yaml").read_text()
    assert f'version: "{skl2.__version__}"' in text
    run = text[text.index("  run:") : text.index("tests:")]
    named = re.findall(r"^    - (?!python )(\S+) (\S+)$", run, re.M)
    assert [name + bound for name, bound in named] == PROJECT["project"]["dependencies"]
    assert f'python_min: "{PROJECT["project"]["requires-python"][2:]}"' in text


@pytest.fixture
def release(tmp_path):
    """The files that a release is judged by, as they are to be: version 1.2.3."""
    (tmp_path / "skl2").mkdir()
    for name in ["pyproject.toml", "CITATION.cff", "CHANGELOG.md", "skl2/__init__.py"]:
        shutil.copy(ROOT / name, tmp_path / name)

    def edit(name, pattern, new):
        path = tmp_path / name
        text, n = re.subn(pattern, new, path.read_text(), count=1, flags=re.M)
        assert n == 1
        path.write_text(text)

    edit("skl2/__init__.py", "^__version__ = .*$", '__version__ = "1.2.3"')
    edit("CITATION.cff", "^version: .*$", "version: 1.2.3\ndate-released: 2030-01-31")
    edit("CHANGELOG.md", "^## 0.1.0 - unreleased$", "## 1.2.3 - 2030-01-31")
    for _ in PROJECT["project"]["urls"]:
        edit("pyproject.toml", r"(\w+ = \"https://)[\w.]+invalid/", r"\1there.org/")
    return tmp_path, edit, load(ROOT / "tools/check_release.py").problems


def test_a_release_that_is_ready(release):
    path, _, problems = release
    assert problems(path, "v1.2.3") == []
    assert problems(path) == []


@pytest.mark.parametrize(
    "name, pattern, new, complaint",
    [
        ("skl2/__init__.py", "1.2.3", "1.2.3.dev0", "no release"),
        ("CITATION.cff", "1.2.3", "1.2.2", "CITATION.cff has version 1.2.2, not 1.2.3"),
        ("CITATION.cff", "date-released: .*", "", "no date-released"),
        ("CHANGELOG.md", "## 1.2.3 - .*", "## 1.2.3", "no section '## 1.2.3 - <date>'"),
        (
            "pyproject.toml",
            "there.org",
            "placeholder.invalid",
            "is a placeholder",
        ),
    ],
)
def test_a_release_that_is_not(name, pattern, new, complaint, release):
    path, edit, problems = release
    edit(name, pattern, new)
    assert any(complaint in problem for problem in problems(path))


def test_a_release_under_another_tag(release):
    path, _, problems = release
    assert problems(path, "v1.2.4") == ["the tag is v1.2.4, not v1.2.3"]
