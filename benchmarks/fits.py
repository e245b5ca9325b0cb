"""Time of fits of a fixed number of epochs, skl2 against its peers."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from benchmarks.libraries import LIBRARIES
from benchmarks.problems import PROBLEMS, QUICK_ROWS
from benchmarks.timing import interleaved, ratio, show, table

DTYPES = {"f64": np.float64, "f32": np.float32}

# skorch is an order of magnitude slower on small batches: it gets a share of the work.
PEERS = ["sklearn", "torch", "torch, fused", "skorch", "matmuls"]

# Largest difference of the mean log-loss, relative to the gain over the start. The
# libraries shuffle by streams of their own and cut the batches differently.
LOSS_TOLERANCE = 0.15


def check_equal_work(problem, results):
    """Mean log-loss each library ended at; raises if the work was not the same."""
    start = problem.loss(*problem.initial_weights())
    losses = {}
    for name, result in results.items():
        if result is None:
            continue
        coefs, intercepts, n_epochs = result
        if n_epochs != problem.n_epochs:
            raise AssertionError(f"{name} ran {n_epochs} epochs of {problem.n_epochs}")
        losses[name] = problem.loss(coefs, intercepts)
    gain = start - losses["skl2"]
    for loss in losses.values():
        if not abs(loss - losses["skl2"]) < LOSS_TOLERANCE * gain:
            raise AssertionError(f"{problem.name}: other losses, {losses}")
    return losses


def compare(problem, libraries, repeats, clock):
    """One row of the table."""
    functions = {name: LIBRARIES[name](problem) for name in libraries}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        seconds, results = interleaved(functions, repeats, clock)
    losses = check_equal_work(problem, results)
    return {
        "problem": problem.name,
        "dtype": problem.X.dtype.name,
        "epochs": problem.n_epochs,
        "batches": problem.n_batches,
        "seconds": {name: s.tolist() for name, s in seconds.items()},
        "losses": losses,
        "ratios": {
            name: ratio(s, seconds["skl2"])
            if name != "matmuls"
            else ratio(seconds["skl2"], s)
            for name, s in seconds.items()
            if name != "skl2"
        },
    }


def run(
    quick, clock="wall", problems=PROBLEMS, libraries=("skl2", *PEERS), repeats=None
):
    repeats = repeats or (3 if quick else 7)
    rows = []
    for name in problems:
        for dtype in DTYPES.values():
            problem = PROBLEMS[name](dtype, 0.1 if quick else 1.0)
            if quick:
                problem = problem.head(QUICK_ROWS)
            rows.append(compare(problem, libraries, repeats, clock))
    return rows


def report(rows):
    names = list(rows[0]["ratios"])
    header = ["net, batch, rows", "dtype", "µs/batch"]
    header += [f"{n} / skl2" if n != "matmuls" else "skl2 / matmuls" for n in names]
    cells = []
    for row in rows:
        epoch = np.median(row["seconds"]["skl2"]) / row["epochs"]
        cells.append(
            [
                row["problem"],
                row["dtype"],
                f"{1e6 * epoch / row['batches']:.0f}",
                *(show(row["ratios"][n]) for n in names),
            ]
        )
    return table(cells, header)
