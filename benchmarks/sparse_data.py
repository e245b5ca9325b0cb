"""Sparse X: time of an epoch against the number of non-zeros."""

import warnings
from dataclasses import replace
from pathlib import Path
from time import process_time

import numpy as np
from scipy import sparse
from sklearn.datasets import load_svmlight_file
from sklearn.exceptions import ConvergenceWarning

from benchmarks.libraries import LIBRARIES
from benchmarks.problems import Problem
from benchmarks.timing import table


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
    for per_row in (19, 75, 300):
        X, y = generated(n_rows, 47_236, per_row)
        yield Problem(f"47,236 columns, {per_row} a row", X, y, (50,), 1000, 1)
    for n_features in (2000, 10_000):
        X, y = generated(n_rows, n_features, 75)
        yield Problem(f"{n_features:,} columns, 75 a row", X, y, (50,), 1000, 1)


def seconds_per_epoch(library, problem, repeats):
    fits = [LIBRARIES[library](replace(problem, n_epochs=n)) for n in (1, 3)]
    best = [np.inf, np.inf]
    for _ in range(repeats):
        for i, fit in enumerate(fits):
            start = process_time()
            fit()
            best[i] = min(best[i], process_time() - start)
    return (best[1] - best[0]) / 2


def run(quick, data_folder=None):
    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for problem in problems(data_folder, quick):
            X = problem.X
            nonzeros = X.nnz if sparse.issparse(X) else X.size
            times = {
                library: seconds_per_epoch(library, problem, 2 if quick else 3)
                for library in ("skl2", "sklearn")
            }
            rows.append(
                {
                    "problem": problem.name,
                    "rows": X.shape[0],
                    "columns": X.shape[1],
                    "nonzeros": int(nonzeros),
                    "batch": problem.batch_size,
                    "seconds": times,
                }
            )
    return rows


def report(rows):
    return table(
        [
            [
                row["problem"],
                f"{row['rows']:,}",
                f"{row['nonzeros']:,}",
                f"{1e3 * row['seconds']['skl2']:.0f}",
                f"{1e9 * row['seconds']['skl2'] / row['nonzeros']:.1f}",
                f"{row['seconds']['sklearn'] / row['seconds']['skl2']:.2f}",
            ]
            for row in rows
        ],
        ["X", "rows", "non-zeros", "ms/epoch", "ns/non-zero", "sklearn / skl2"],
    )
