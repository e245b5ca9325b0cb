"""What holds for the tests of pictures."""

import os
import sys

import pytest

# Before matplotlib is imported: no window.
os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    # There are none if matplotlib is not there, or was not needed.
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")
