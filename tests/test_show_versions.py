"""show_versions names what is installed, and the BLAS that is loaded."""

import platform
from importlib.metadata import version

import numpy as np
import scipy
import sklearn
from threadpoolctl import threadpool_info, threadpool_limits

import skl2


def shown(capsys):
    skl2.show_versions()
    return dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())


def test_versions_are_those_installed(capsys):
    lines = shown(capsys)
    assert lines["Python"].startswith(platform.python_version())
    assert lines["skl2"] == skl2.__version__
    assert lines["numpy"] == np.__version__
    assert lines["scipy"] == scipy.__version__
    assert lines["scikit-learn"] == sklearn.__version__
    assert lines["joblib"] == version("joblib")
    assert lines["threadpoolctl"] == version("threadpoolctl")


def test_every_library_with_threads_is_shown_with_their_number(capsys):
    libraries = threadpool_info()
    assert libraries
    lines = shown(capsys)
    for library in libraries:
        line = lines[library["filepath"]]
        assert line.startswith(library["internal_api"])
        assert library.get("architecture", "") in line
        assert line.endswith(f" {library['num_threads']} threads")


def test_the_number_of_threads_is_the_one_in_force(capsys):
    with threadpool_limits(1):
        lines = shown(capsys)
    blas = [x["filepath"] for x in threadpool_info() if x["user_api"] == "blas"]
    assert blas
    assert all(lines[path].endswith(", 1 threads") for path in blas)
