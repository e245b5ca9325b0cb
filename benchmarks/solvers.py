"""Time of lbfgs and of predict_proba, skl2 against scikit-learn."""

import warnings
from dataclasses import replace
from functools import partial
from time import process_time
from unittest.mock import patch

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from benchmarks.fits import DTYPES, compare
from benchmarks.libraries import ESTIMATORS, LIBRARIES
from benchmarks.problems import PROBLEMS, QUICK_ROWS
from benchmarks.timing import interleaved, ratio, show, table
from skl2._engine.objective import Objective

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
            row = compare(problem, BOTH, 3 if quick else 7, clock)
            rows.append(row | {"outside": share_outside_objective(problem)})
    return rows


def share_outside_objective(problem, repeats=5):
    """Share of a fit that is not J and its gradient: SciPy's work, mostly; the median.

    The data are checked and encoded, and the weights drawn, in that share as well.
    """
    evaluate, fit = Objective.value_and_grad, LIBRARIES["skl2"](problem)
    inside = 0.0

    def timed(objective):
        nonlocal inside
        start = process_time()
        found = evaluate(objective)
        inside += process_time() - start
        return found

    shares = []
    with (
        warnings.catch_warnings(),
        patch.object(Objective, "value_and_grad", timed),
    ):
        warnings.simplefilter("ignore", ConvergenceWarning)
        for _ in range(repeats):
            start, inside = process_time(), 0.0
            fit()
            shares.append(1.0 - inside / (process_time() - start))
    return float(np.median(shares))


def report_lbfgs(rows):
    return table(
        [
            [
                # Without the size of the batch.
                "{0}, {2}".format(*row["problem"].split(", ")),
                row["dtype"],
                f"{1e3 * np.median(row['seconds']['skl2']) / row['epochs']:.2f}",
                show(row["ratios"]["sklearn"]),
                f"{100 * row['outside']:.0f} %",
            ]
            for row in rows
        ],
        ["net, rows", "dtype", "skl2 ms/iteration", "sklearn / skl2", "outside of J"],
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
    nets: dict = {}
    for row in rows:
        net = row["problem"].split(",")[0]
        nets.setdefault(net, {})[row["dtype"]] = show(row["ratios"]["sklearn"])
    dtypes = list(next(iter(nets.values())))
    return table(
        [[net, *(ratios[dtype] for dtype in dtypes)] for net, ratios in nets.items()],
        ["net", *(f"{dtype}, sklearn / skl2" for dtype in dtypes)],
    )
