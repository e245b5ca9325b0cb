"""Time of lbfgs and of predict_proba, skl2 against scikit-learn."""

import warnings
from dataclasses import replace
from functools import partial

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from benchmarks.fits import DTYPES, compare
from benchmarks.libraries import ESTIMATORS
from benchmarks.problems import PROBLEMS, QUICK_ROWS
from benchmarks.timing import interleaved, ratio, show, table

BOTH = ("skl2", "sklearn")
ITERATIONS = 50
N_PREDICTED = 10_000


def run_lbfgs(quick, clock="wall"):
    """The same number of iterations of scipy's L-BFGS-B, full batch."""
    rows = []
    for name in ("breast_cancer", "digits", "two_hidden"):
        for dtype in DTYPES.values():
            # So few that no stopping rule of either is met.
            problem = replace(
                PROBLEMS[name](dtype), solver="lbfgs", n_epochs=ITERATIONS
            )
            if quick:
                problem = problem.head(QUICK_ROWS)
            rows.append(compare(problem, BOTH, 3 if quick else 7, clock))
    return rows


def report_lbfgs(rows):
    return table(
        [
            [
                row["problem"],
                row["dtype"],
                f"{1e3 * np.median(row['seconds']['skl2']) / row['epochs']:.2f}",
                show(row["ratios"]["sklearn"]),
            ]
            for row in rows
        ],
        ["net, batch, rows", "dtype", "skl2 ms/iteration", "sklearn / skl2"],
    )


def run_predict(quick, clock="wall"):
    """predict_proba of the same network on many rows."""
    rows = []
    for name in PROBLEMS:
        for dtype in DTYPES.values():
            problem = PROBLEMS[name](dtype, 0.0).head(QUICK_ROWS)
            X = np.resize(problem.X, (N_PREDICTED, problem.X.shape[1]))
            models = {}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                for library in BOTH:
                    models[library] = ESTIMATORS[library](problem)
                    models[library].fit(problem.X, problem.y)
            # The same weights in both.
            models["skl2"].coefs_ = models["sklearn"].coefs_
            models["skl2"].intercepts_ = models["sklearn"].intercepts_
            seconds, results = interleaved(
                {k: partial(m.predict_proba, X) for k, m in models.items()},
                5 if quick else 15,
                clock,
            )
            np.testing.assert_allclose(results["skl2"], results["sklearn"], atol=1e-5)
            rows.append(
                {
                    "problem": problem.name,
                    "dtype": np.dtype(dtype).name,
                    "seconds": {k: s.tolist() for k, s in seconds.items()},
                    "ratios": {"sklearn": ratio(seconds["sklearn"], seconds["skl2"])},
                }
            )
    return rows


def report_predict(rows):
    return table(
        [
            [
                row["problem"].split(",")[0],
                row["dtype"],
                f"{1e6 * np.median(row['seconds']['skl2']) / N_PREDICTED:.2f}",
                show(row["ratios"]["sklearn"]),
            ]
            for row in rows
        ],
        ["net", "dtype", "skl2 µs/row", "sklearn / skl2"],
    )
