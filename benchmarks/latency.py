"""Time of the prediction of one row, alone and from eight threads at once."""

import warnings
from dataclasses import replace
from functools import partial
from threading import Thread
from time import perf_counter, process_time

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from benchmarks.fits import DTYPES
from benchmarks.libraries import ESTIMATORS
from benchmarks.problems import PROBLEMS, QUICK_ROWS
from benchmarks.timing import ratio, show, table

NETS = ("breast_cancer", "digits", "two_hidden", "wide")
N_NETWORKS = 4
N_THREADS = 8
# Calls in one measurement.
N_CALLS = 100


def _fitted(library, problem, **params):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = ESTIMATORS[library](problem).set_params(**params)
        return model.fit(problem.X, problem.y)


def _calls(predict, row):
    for _ in range(N_CALLS):
        predict(row)


def _threads(predict, row, threads=N_THREADS):
    """Calls of `threads` threads at once, N_CALLS each."""
    workers = [Thread(target=_calls, args=(predict, row)) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def _one_after_the_other(predict, row):
    """The calls of ``_threads``, one thread after the other."""
    for _ in range(N_THREADS):
        _threads(predict, row, 1)


def _functions(problem):
    """Pairs of what is compared: {name: (ours, what it is compared with)}."""
    ours, theirs = (_fitted(library, problem) for library in ("skl2", "sklearn"))
    several = _fitted("skl2", problem, n_estimators=N_NETWORKS)
    row = problem.X[:1]
    csr = sparse.csr_matrix(row)
    frame = pd.DataFrame(problem.X, columns=[f"x{i}" for i in range(row.shape[1])])
    named = {
        library: _fitted(library, replace(problem, X=frame)).predict_proba
        for library in ("skl2", "sklearn")
    }
    single = partial(_calls, theirs.predict_proba, row)
    return {
        "predict_proba": (partial(_calls, ours.predict_proba, row), single),
        "predict": (
            partial(_calls, ours.predict, row),
            partial(_calls, theirs.predict, row),
        ),
        "CSR": (
            partial(_calls, ours.predict_proba, csr),
            partial(_calls, theirs.predict_proba, csr),
        ),
        "pandas": tuple(partial(_calls, p, frame[:1]) for p in named.values()),
        f"{N_NETWORKS} networks": (
            partial(_calls, several.predict_proba, row),
            single,
        ),
        f"{N_THREADS} threads": (
            partial(_threads, ours.predict_proba, row),
            partial(_one_after_the_other, ours.predict_proba, row),
        ),
    }


def run(quick):
    """CPU and wall seconds of every pair, interleaved; a row for each network."""
    rows = []
    for name in NETS:
        for dtype in DTYPES.values():
            # Fitted just enough to predict.
            problem = replace(PROBLEMS[name](dtype).head(QUICK_ROWS), n_epochs=1)
            pairs = _functions(problem)
            seconds = {
                what: _both_clocks(pair, 5 if quick else 25)
                for what, pair in pairs.items()
            }
            rows.append(
                {
                    "problem": problem.name,
                    "dtype": np.dtype(dtype).name,
                    "seconds": seconds,
                    "ratios": {
                        what: {c: ratio(*map(np.array, s)) for c, s in clocks.items()}
                        for what, clocks in seconds.items()
                    },
                }
            )
    return rows


def _both_clocks(pair, repeats):
    """Seconds of the same calls by both clocks, {clock: (ours, beside)}."""
    clocks = {"cpu": process_time, "wall": perf_counter}
    seconds = {clock: ([], []) for clock in clocks}
    for _ in range(repeats):
        for i, function in enumerate(pair):
            starts = {clock: now() for clock, now in clocks.items()}
            function()
            for clock, now in clocks.items():
                seconds[clock][i].append(now() - starts[clock])
    return seconds


def report(rows):
    columns = list(rows[0]["ratios"])
    return table(
        [
            [
                row["problem"].split(",")[0],
                row["dtype"],
                _microseconds(row, columns[0]),
                *(show(row["ratios"][what]["cpu"]) for what in columns),
                show(row["ratios"][columns[-1]]["wall"]),
            ]
            for row in rows
        ],
        ["net", "dtype", "skl2 µs", *columns, f"{columns[-1]}, wall"],
    )


def _microseconds(row, what):
    ours, _ = row["seconds"][what]["cpu"]
    return f"{1e6 * np.median(ours) / N_CALLS:.0f}"
