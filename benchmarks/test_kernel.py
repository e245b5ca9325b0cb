"""What is said about the BLAS kernel, and what the documentation's tables are."""

import re
from pathlib import Path

import pytest

from benchmarks import run
from benchmarks.kernel import note
from benchmarks.product import kernels_in_use, seconds

DOCS = Path(__file__).parents[1] / "docs"


def test_a_cpu_with_instructions_that_no_kernel_has_is_told():
    assert "SKYLAKEX" in note(["Haswell"], {"avx2", "avx512f"})
    assert "Haswell, Zen" in note(["Haswell", "Zen"], {"avx512f"})
    assert note(["Haswell"], {"avx2"}) == ""
    assert note(["SkylakeX"], {"avx512f"}) == ""
    # One of two libraries has them: whose product is slow is not known.
    assert note(["Haswell", "SkylakeX"], {"avx512f"}) == ""


def test_the_product_names_the_kernels_of_the_process():
    assert seconds(2) > 0.0
    assert all(kernels_in_use())


def test_a_section_says_with_which_kernel_it_was_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "GENERATED", tmp_path)
    figures = {"machine": run.machine(), "threads": 1, "clock": "cpu"}
    run.write("fits", "| a |", figures)
    text = (tmp_path / "fits.md").read_text()
    assert text.startswith("<!-- Written by `python -m benchmarks.run --docs`")
    assert "| a |" in text
    for blas in figures["machine"]["blas"]:
        assert f"{blas}" in text
        assert "kernel" in blas


@pytest.mark.parametrize("page", ["benchmarks.md"])
def test_every_included_table_is_there_and_written_by_a_script(page):
    included = re.findall(r"{include} (\S+)", (DOCS / page).read_text())
    assert {f"_generated/{p.name}" for p in (DOCS / "_generated").glob("*.md")} == set(
        included
    )
    for name in included:
        assert (DOCS / name).read_text().startswith("<!-- Written by `python -m")
