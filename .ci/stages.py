"""All that must hold before a change is merged.

    .ci/run             every stage but those on demand
    .ci/run lint docs   these stages

A stage works in a copy of the repository's files, in a temporary directory, with an
environment of its own, as on a fresh machine. The commands of README.md are taken from
there. Elsewhere than on Linux and macOS: ``python .ci/stages.py``.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
POSIX = os.name == "posix"
SCHEMAS = {
    "github-workflows": ".github/workflows/*.yml",
    "github-issue-forms": ".github/ISSUE_TEMPLATE/*.yml",
    "citation-file-format": "CITATION.cff",
}
# Stages that run beside the others, which leave a core idle now and then.
BESIDE = ["docs"]
# Stages that run only where they are named, as in the workflow, a machine for each:
# all of them together take more than ten minutes of two cores.
ON_DEMAND = [
    "coverage",
    "long",
    "oldest",
    "recipes",
    "benchmarks",
    "package",
    "bare",
    "nightly",
    "gallery",
]


class Copy:
    """A copy of the repository's files, and an environment in it."""

    def __init__(self, folder):
        self.folder = folder
        self.python = folder / ".venv" / ("bin/python" if POSIX else "Scripts/python")
        with open(folder / "pyproject.toml", "rb") as file:
            self.project = tomllib.load(file)

    def run(self, command, **environment):
        """Run a command (a list, or a line for the shell); an error ends the stage."""
        shown = command if isinstance(command, str) else " ".join(map(str, command))
        print(f"+ {shown}", flush=True)
        process = subprocess.Popen(
            command,
            shell=isinstance(command, str),
            cwd=self.folder,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            start_new_session=POSIX,
        )
        try:
            status = process.wait()
        except BaseException:
            end(process)
            raise
        if status:
            raise subprocess.CalledProcessError(status, shown)

    def module(self, *arguments, **environment):
        """``python -m`` in the environment."""
        self.run([self.python, "-m", *arguments], **environment)

    def install(self, *requirements):
        if not self.python.exists():
            self.run([sys.executable, "-m", "venv", ".venv"])
        self.module("pip", "install", "--quiet", *requirements)

    def group(self, name):
        """The requirements of a dependency group."""
        return self.project["dependency-groups"][name]

    def readme_command(self, part):
        """The one command of README.md that sets up an environment and runs `part`."""
        lines = (self.folder / "README.md").read_text(encoding="utf-8").splitlines()
        found = [x for x in lines if x.startswith("python3 -m venv ") and part in x]
        if len(found) != 1:
            raise SystemExit(f"README.md: one command with {part!r}, found: {found}")
        command = found[0].replace("python3", f'"{sys.executable}"', 1)
        return command if POSIX else command.replace(".venv/bin/", ".venv\\Scripts\\")


def end(process):
    """End a command and what it has started."""
    if POSIX:
        os.killpg(process.pid, signal.SIGTERM)
    else:
        process.terminate()
    process.wait()


class Workspace:
    """Copies of the repository's files, as they were when the first was asked for."""

    def __init__(self, folder):
        self.folder = folder
        # What changes later must not make one stage test something else than another.
        listing = "git ls-files -z --cached --others --exclude-standard".split()
        names = subprocess.check_output(listing, cwd=REPOSITORY, text=True)
        for name in set(names.split("\0")) - {""}:
            source = REPOSITORY / name
            target = folder / "files" / name
            # A file deleted but not committed yet is still in the index.
            if source.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)

    def copy(self, name):
        """The copy of that name; stages that ask for the same one share it."""
        folder = self.folder / name
        if not folder.exists():
            shutil.copytree(self.folder / "files", folder)
        return Copy(folder)


# --------------------------------------------------------------------------------------
# The stages
# --------------------------------------------------------------------------------------


def lint(workspace):
    """ruff, mypy, codespell; the form of workflows and CITATION.cff"""
    copy = workspace.copy("lint")
    copy.install(*copy.group("lint"))
    copy.module("ruff", "check", ".")
    copy.module("ruff", "format", "--check", ".")
    copy.module("mypy")
    copy.module("codespell_lib")
    for schema, files in SCHEMAS.items():
        paths = sorted(copy.folder.glob(files))
        copy.module("check_jsonschema", "--builtin-schema", f"vendor.{schema}", *paths)


def tests(workspace):
    """README's test command"""
    copy = workspace.copy("tests")
    copy.run(copy.readme_command("pytest"))


def coverage(workspace):
    """the same tests, and the share of the lines they reach"""
    copy = workspace.copy("tests")
    copy.install("--editable", ".[test]", *copy.group("coverage"))
    copy.module("pytest", "-n", "2", "--cov", "--cov-report=")
    copy.module("coverage", "report", "--skip-covered", "--show-missing")


def long(workspace):
    """the rows of the laws that the tests leave out"""
    copy = workspace.copy("tests")
    copy.install("--editable", ".[test]")
    copy.module("pytest", "-n", "2", "-m", "long and not oracle")


def oracles(workspace):
    """tests against PyTorch, tests on a dask cluster"""
    copy = workspace.copy("tests")
    copy.install("--editable", ".[test,dask]", *copy.group("oracles"))
    # Fails here rather than let the tests skip.
    copy.run([copy.python, "-c", "import distributed, torch; print(torch.__version__)"])
    copy.module("pytest", "-n", "2", "-m", "oracle")


def oldest(workspace):
    """tests with the lower bounds of pyproject.toml"""
    copy = workspace.copy("oldest")
    bounds = [r.replace(">=", "==") for r in copy.project["project"]["dependencies"]]
    constraints = copy.folder / "oldest.txt"
    constraints.write_text("".join(f"{bound}.*\n" for bound in bounds))
    copy.install("--editable", ".[test]", "--constraint", constraints)
    copy.module("pip", "list")
    copy.module("pytest", "-n", "2")


def examples(workspace):
    """README's main job and its example"""
    copy = workspace.copy("examples")
    copy.run(copy.readme_command("docs/examples/"))
    if not list(copy.folder.glob("*.png")):
        raise SystemExit("README's main job has saved no picture")
    text = (copy.folder / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    if not blocks:
        raise SystemExit("README.md has no example")
    (copy.folder / "readme.py").write_text("\n".join(blocks), encoding="utf-8")
    copy.run([copy.python, "readme.py"])


def docs(workspace):
    """the site, its links and docstrings; the examples of the docstrings"""
    copy = workspace.copy("docs")
    copy.install("--editable", ".[docs]", "pytest", *copy.group("docs"))
    # The gallery takes minutes: `sphinx-build docs docs/_build` runs it.
    no_gallery = ["-D", "sphinx_gallery_conf.plot_gallery=0"]
    strict = ["-W", "--keep-going", "-q"]
    copy.module("sphinx", *strict, *no_gallery, "docs", "docs/_build")
    copy.run([copy.python, "docs/check_site.py"])
    copy.module("pytest", "-q", "--doctest-modules", "skl2")


def benchmarks(workspace):
    """tests of the scripts that measure, with what they compare skl2 with"""
    copy = workspace.copy("benchmarks")
    copy.install("--editable", ".[test,bench]")
    copy.module("pytest", "-q", "--benchmark-disable", "benchmarks")


def package(workspace):
    """sdist and wheel; the wheel's tests, from the unpacked sdist"""
    copy = workspace.copy("package")
    copy.install(*copy.group("package"))
    copy.module("build", "--outdir", "dist")
    (sdist,) = copy.folder.glob("dist/*.tar.gz")
    (wheel,) = copy.folder.glob("dist/*.whl")
    copy.module("twine", "check", "--strict", sdist, wheel)
    shutil.unpack_archive(sdist, workspace.folder / "sdist", filter="data")
    (unpacked,) = map(Copy, (workspace.folder / "sdist").iterdir())
    unpacked.install(f"{wheel}[test]")
    # -P: not the skl2 of this folder, but the one installed.
    pytest = [unpacked.python, "-P", "-m", "pytest", "-q"]
    unpacked.run([*pytest, "--collect-only", "-qq"])
    # Those that read files of the repository; the others are the stage `tests`.
    unpacked.run([*pytest, "-n", "2", *unpacked.folder.glob("tests/test_*.py")])
    keep(copy.folder / "dist", "DIST")


def recipes(workspace):
    """the recipes of the documentation, with the tools that they show"""
    copy = workspace.copy("recipes")
    copy.install("--editable", ".[recipes]", "pytest")
    select = ["-m", "not oracle", "-k", "examples_run"]
    copy.module("pytest", "-q", "tests/test_docs.py", *select)


def bare(workspace):
    """tests without any package that skl2 does not need"""
    copy = workspace.copy("bare")
    copy.install("--editable", ".", "pytest", "pytest-xdist")
    copy.module("pytest", "-n", "2")


def nightly(workspace):
    """tests with the nightly builds of NumPy, SciPy and scikit-learn"""
    copy = workspace.copy("nightly")
    copy.install("--editable", ".[test]")
    builds = "https://pypi.anaconda.org/scientific-python-nightly-wheels/simple"
    packages = ["numpy", "scipy", "scikit-learn"]
    copy.install("--pre", "--upgrade", "--index-url", builds, "--no-deps", *packages)
    copy.module("pip", "list")
    copy.module("pytest", "-n", "2")


def gallery(workspace):
    """the whole site, with every example run"""
    copy = workspace.copy("gallery")
    copy.install("--editable", ".[docs]")
    copy.module("sphinx", "-W", "--keep-going", "-q", "docs", "docs/_build")
    keep(copy.folder / "docs/_build", "SITE")


def keep(folder, variable):
    """Copy what a stage has made to the folder named by an environment variable."""
    if variable in os.environ:
        shutil.copytree(folder, os.environ[variable], dirs_exist_ok=True)


STAGES = {
    stage.__name__: stage
    for stage in (
        *(lint, tests, coverage, long, oracles, oldest, examples, docs, package),
        *(recipes, benchmarks, bare, nightly, gallery),
    )
}


# --------------------------------------------------------------------------------------
# Running them
# --------------------------------------------------------------------------------------


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog=".ci/run",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="stages:\n"
        + "\n".join(
            f"  {name:10}{stage.__doc__}{'; on demand' * (name in ON_DEMAND)}"
            for name, stage in STAGES.items()
        ),
    )
    parser.add_argument(
        "stage", nargs="*", help="all but those on demand, if none is named"
    )
    arguments = parser.parse_args()
    unknown = set(arguments.stage) - set(STAGES)
    if unknown:
        parser.error(f"no stage {', '.join(unknown)}; there are: {', '.join(STAGES)}")
    return arguments


def run_stages(names, workspace):
    for name in names:
        print(f"==> {name}: {STAGES[name].__doc__}", flush=True)
        started = time.monotonic()
        try:
            STAGES[name](workspace)
        except subprocess.CalledProcessError as error:
            raise SystemExit(f"==> FAILED: {name}: {error}") from None
        print(f"==> {name}: {time.monotonic() - started:.0f} s", flush=True)


def run_all(workspace):
    log = workspace.folder / "beside.log"
    with open(log, "wb") as file:
        command = [sys.executable, __file__, *BESIDE]
        beside = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
    try:
        names = [name for name in STAGES if name not in BESIDE + ON_DEMAND]
        run_stages(names, workspace)
        status = beside.wait()
    finally:
        beside.terminate()
        beside.wait()
    print(log.read_text(encoding="utf-8", errors="replace"))
    if status:
        raise SystemExit(f"==> FAILED: {', '.join(BESIDE)}")


def main():
    arguments = parse_arguments()
    # An end by a signal cleans up, too.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    os.environ |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "MPLBACKEND": "Agg"}
    # An active environment must not lend its packages to ours.
    for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"):
        os.environ.pop(name, None)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        workspace = Workspace(Path(folder))
        if arguments.stage:
            run_stages(arguments.stage, workspace)
        else:
            run_all(workspace)
    print(f"==> all passed: {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
