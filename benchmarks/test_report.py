"""The tables of the documentation, from a cache of results."""

from benchmarks.report import loss_cell, ratio_table, report, set_table
from benchmarks.tables import Result


def result(name, split, method, loss, cpu=1.0):
    return Result(name, split, method, 100, loss, 0.0, cpu, cpu)


RESULTS = [
    *(result("iris", split, "table", 0.1 + split / 100) for split in range(2)),
    *(result("iris", split, "peer", 0.2 + split / 50, 0.5) for split in range(3)),
    *(result("wine", split, "peer", 0.2) for split in range(2)),
]


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_ratios_are_of_the_splits_and_sets_in_common():
    _, _, row = ratio_table(RESULTS, "table").splitlines()
    # Means over the splits 0 and 1: 0.105 / 0.21, in twice the CPU time.
    assert cells(row) == ["sklearn MLP", "-50 %", "1 / 0 / 0", "2", "1"]


def test_losses_by_set_leave_out_sets_without_the_method():
    header, _, row = set_table(RESULTS, "table").splitlines()
    assert cells(header) == ["set", "rows", r"skl2 MLP\*CV", "sklearn MLP"]
    assert cells(row) == [
        "iris",
        "100",
        "**0.105\u00a0±\u00a00.005**",
        "0.210\u00a0±\u00a00.010",
    ]


def test_a_cell_without_an_error_and_one_without_a_loss():
    assert loss_cell((0.25, float("nan")), 0.1) == "0.250"
    assert loss_cell(None, 0.1) == ""


def test_a_report_says_where_it_comes_from():
    assert "python -m benchmarks.report" in report(RESULTS).splitlines()[0]
    assert r"skl2 MLP\*CV" in report(RESULTS)
