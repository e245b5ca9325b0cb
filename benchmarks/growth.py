"""How the time of an epoch grows with rows, features, width, depth and classes."""

import warnings
from dataclasses import replace
from time import process_time

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from benchmarks.libraries import LIBRARIES
from benchmarks.problems import Problem, generated
from benchmarks.timing import table

BASE = {"rows": 4000, "features": 100, "width": 100, "depth": 2, "classes": 10}
SCALES = {
    "rows": [1000, 2000, 4000, 8000, 16000],
    "features": [25, 50, 100, 200, 400, 800],
    "width": [25, 50, 100, 200, 400],
    "depth": [1, 2, 4, 8],
    "classes": [3, 10, 30, 100],
}


def seconds_per_epoch(repeats, rows, features, width, depth, classes):
    """CPU time of an epoch: the difference of fits of four epochs and of one."""
    X, y = generated(rows, features, classes, np.float32)
    # Every class occurs, so that the network has one output each.
    y[:classes] = np.arange(classes)
    problem = Problem("growth", X, y, (width,) * depth, 200, 1)
    fits = [
        LIBRARIES["skl2"](replace(problem, n_epochs=n_epochs)) for n_epochs in (1, 4)
    ]
    best = [np.inf, np.inf]
    for _ in range(repeats):
        for i, fit in enumerate(fits):
            start = process_time()
            fit()
            best[i] = min(best[i], process_time() - start)
    return (best[1] - best[0]) / 3


def run(quick):
    results = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for name, values in SCALES.items():
            values = values[:3] if quick else values
            times = [
                seconds_per_epoch(2 if quick else 4, **(BASE | {name: value}))
                for value in values
            ]
            exponent = np.polyfit(np.log(values), np.log(times), 1)[0]
            last = np.log(times[-1] / times[-2]) / np.log(values[-1] / values[-2])
            results[name] = {
                "values": values,
                "seconds": times,
                "exponent": float(exponent),
                "last_exponent": float(last),
            }
    return results


def report(results):
    rows = [
        [
            name,
            ", ".join(map(str, r["values"])),
            ", ".join(f"{1e3 * t:.1f}" for t in r["seconds"]),
            f"{r['exponent']:.2f}",
            f"{r['last_exponent']:.2f}",
        ]
        for name, r in results.items()
    ]
    header = ["grows", "values", "ms/epoch", "exponent", "of the last step"]
    return table(rows, header)
