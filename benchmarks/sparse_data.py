"""Sparse X: time of an epoch against the number of non-zeros."""

import warnings
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
from scipy import sparse
from sklearn.datasets import load_svmlight_file
from sklearn.exceptions import ConvergenceWarning

from benchmarks.libraries import LIBRARIES
from benchmarks.problems import Problem
from benchmarks.timing import interleaved, ratio, show, table
from skl2._engine import stack
from skl2._engine.solvers.lazy_rows import rows_may_wait


def generated(n_rows, n_features, per_row, seed=0):
    """A CSR matrix with `per_row` non-zeros in each row; column j is hit as 1/j."""
    rng = np.random.default_rng(seed)
    columns = n_features ** rng.random((n_rows, per_row)) - 1.0
    columns = np.sort(columns.astype(np.int32), axis=1)
    X = sparse.csr_matrix(
        (
            rng.random(n_rows * per_row, dtype=np.float32),
            columns.ravel(),
            np.arange(0, n_rows * per_row + 1, per_row, dtype=np.int32),
        ),
        shape=(n_rows, n_features),
    )
    X.sum_duplicates()
    y = X[:, : n_features // 2].sum(axis=1).A1 > X[:, n_features // 2 :].sum(axis=1).A1
    return X, (y ^ (rng.random(n_rows) < 0.1)).astype(np.int64)


def problems(data_folder, quick):
    n_rows = 4000 if quick else 20242
    if data_folder is not None:
        X, y = load_svmlight_file(
            str(Path(data_folder) / "a9a.train.svm.gz"), n_features=123
        )
        y = (y > 0).astype(np.int64)
        X = X.astype(np.float32)
        yield Problem("a9a", X, y, (50,), 200, 1)
        yield Problem("a9a as a dense array", X.toarray(), y, (50,), 200, 1)
    for n_features, per_row in (
        (47_236, 19),
        (47_236, 75),
        (47_236, 300),
        (2000, 19),
        (2000, 75),
        (10_000, 75),
    ):
        X, y = generated(n_rows, n_features, per_row)
        name = f"{n_features:,} columns, {per_row} a row"
        yield Problem(name, X, y, (50,), 1000, 1)
    # Where rows of the first layer wait, see the module lazy_rows.
    for n_features, batch_size in ((47_236, 1000), (47_236, 200), (2000, 200)):
        X, y = generated(n_rows, n_features, 19)
        name = f"{n_features:,} columns, 19 a row"
        yield Problem(name, X, y, (50,), batch_size, 1, solver="sgd")


def _without_waiting(problem):
    """skl2, with steps on all weights where some would wait (see ``lazy_rows``)."""
    fit = LIBRARIES["skl2"](problem)

    def fit_all():
        with patch.object(stack, "rows_may_wait", lambda *args: False):
            return fit()

    return fit_all


def seconds_per_epoch(problem, repeats):
    """CPU seconds of an epoch, interleaved: {name: (repeats,)}."""
    prepare = {name: LIBRARIES[name] for name in ("skl2", "sklearn")}
    waits = rows_may_wait(problem.X, problem.batch_size, problem.hidden[0])
    if problem.solver == "sgd" and waits:
        prepare["all weights"] = _without_waiting
    fits = {
        (name, n): make(replace(problem, n_epochs=n))
        for name, make in prepare.items()
        for n in (1, 3)
    }
    seconds, _ = interleaved(fits, repeats, "cpu")
    return {name: (seconds[name, 3] - seconds[name, 1]) / 2 for name in prepare}


def run(quick, data_folder=None):
    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for problem in problems(data_folder, quick):
            X = problem.X
            nonzeros = X.nnz if sparse.issparse(X) else X.size
            times = seconds_per_epoch(problem, 1 if quick else 3)
            rows.append(
                {
                    "problem": problem.name,
                    "rows": X.shape[0],
                    "columns": X.shape[1],
                    "nonzeros": int(nonzeros),
                    "solver": problem.solver,
                    "batch": problem.batch_size,
                    "seconds": {name: s.tolist() for name, s in times.items()},
                    "ratios": {
                        name: ratio(own, times["skl2"])
                        for name, own in times.items()
                        if name != "skl2"
                    },
                }
            )
    return rows


def report(rows):
    cells = []
    for row in rows:
        epoch = np.median(row["seconds"]["skl2"])
        cells.append(
            [
                row["problem"],
                row["solver"],
                row["batch"],
                f"{row['rows']:,}",
                f"{row['nonzeros']:,}",
                f"{1e3 * epoch:.0f}",
                f"{1e9 * epoch / row['nonzeros']:.1f}",
                *(
                    show(row["ratios"][name]) if name in row["ratios"] else ""
                    for name in ("sklearn", "all weights")
                ),
            ]
        )
    header = ["X", "solver", "batch", "rows", "non-zeros", "ms/epoch", "ns/non-zero"]
    return table(cells, [*header, "sklearn / skl2", "all weights / skl2"])
