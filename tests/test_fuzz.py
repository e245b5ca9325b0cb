"""benchmarks/fuzz.py: a few of its cases, and that it finds what breaks its laws."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from skl2 import MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore")

# One of its kinds of data is a frame.
pytest.importorskip("pandas")
PATH = Path(__file__).parents[1] / "benchmarks" / "fuzz.py"
SPEC = spec_from_file_location("fuzz", PATH)
fuzz = module_from_spec(SPEC)
sys.modules["fuzz"] = fuzz
SPEC.loader.exec_module(fuzz)

N_CASES = 80


def test_no_law_is_broken(capsys):
    assert fuzz.main(["--seed", "0", "--cases", str(N_CASES)]) == 0
    assert f"{N_CASES} cases of seed 0, 0 failures" in capsys.readouterr().out


def first_case_of(law):
    return next(i for i in range(1000) if fuzz.draw_case(0, i).law == law)


@pytest.mark.parametrize("law", fuzz.LAWS)
def test_a_case_is_the_same_when_it_is_drawn_again(law):
    number = first_case_of(law)
    first, second = (fuzz.draw_case(0, number) for _ in range(2))
    assert repr(first.estimator) == repr(second.estimator)
    assert first.data.digest() == second.data.digest()


def unclear(self, *args, **kwargs):
    raise ValueError("something is wrong")


def internal(self, *args, **kwargs):
    raise ZeroDivisionError


@pytest.mark.parametrize("accident", [unclear, internal])
def test_an_unclear_error_is_reported_with_what_repeats_it(
    accident, monkeypatch, capsys
):
    monkeypatch.setattr(fuzz.MLPClassifier, "fit", accident)
    monkeypatch.setattr(MLPRegressor, "fit", accident)
    number = first_case_of("finite")
    assert fuzz.main(["--seed", "0", "--first", str(number), "--cases", "1"]) == 1
    out = capsys.readouterr().out
    assert "law_finite" in out
    assert f"--seed 0 --first {number} --cases 1" in out


def test_it_says_what_it_needs():
    with pytest.raises(SystemExit):
        fuzz.main([])
