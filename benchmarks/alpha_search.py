"""AlphaSearchCV beside a fine grid: the λ it chooses, and the fits that it takes.

    python -m benchmarks.alpha_search
    python -m benchmarks.alpha_search --data DIR

For each table one network behind the encoder. The grid has 25 λs, four a decade from
λ of alpha='scale' · 10^-4 to · 10^2, each trained from a new start on the same folds
by the same schedule, with the same λ/m. The loss of a choice is its mean loss on the
rows held out by the folds, or, where one holdout is used, on the rows of that holdout;
its standard error is taken over the folds, or over the rows of the holdout.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np

from benchmarks.table_data import SOURCES, load_table, missing_files, split_table
from benchmarks.table_methods import alpha_search
from benchmarks.timing import table
from skl2.model_selection._alpha_walk import AlphaGrid, AlphaWalk

GRID = np.arange(-16, 9) / 4.0
MOST_ROWS = 3000


class WholeGrid(AlphaGrid):
    """All λs of the grid in one row."""

    def walk(self):
        row = range(len(GRID))[::-1]
        return AlphaWalk(row, row, 0, len(GRID) - 1)

    def alpha(self, position):
        return float(self.scale * 10.0 ** GRID[position])


def searched(split, seed, grid):
    """A fitted search, by the walk or by the whole grid."""
    from skl2.model_selection import _alpha_search

    own = _alpha_search.AlphaGrid
    search = alpha_search(split, seed).set_params(refit=False)
    try:
        if grid:
            _alpha_search.AlphaGrid = WholeGrid
        return search.fit(split.X, split.y)
    finally:
        _alpha_search.AlphaGrid = own


def standard_error(search, index):
    """Of the mean score of a candidate over folds; NaN for one holdout."""
    k = search.n_splits_
    scores = [search.cv_results_[f"split{i}_test_score"][index] for i in range(k)]
    return np.std(scores, ddof=1) / np.sqrt(k) if k > 1 else np.nan


def compare(name, data, seed):
    split = split_table(load_table(name, data), seed, MOST_ROWS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        walk, grid = (searched(split, seed, whole) for whole in (False, True))
    best = grid.best_index_
    error = standard_error(grid, best)
    behind = grid.best_score_ - walk.best_score_
    # One holdout: the spread is not known, a hundredth of the loss stands for it.
    allowed = error if np.isfinite(error) else 0.01 * abs(grid.best_score_)
    n_walk, n_grid = (len(s.cv_results_["params"]) for s in (walk, grid))
    return {
        "set": f"{name}, split {seed}",
        "folds": walk.n_splits_,
        "loss, walk": f"{-walk.best_score_:.4g}",
        "loss, grid": f"{-grid.best_score_:.4g}",
        "standard error": f"{error:.2g}",
        "within it": "yes" if behind <= allowed else "no",
        "fits": f"{n_walk} / {n_grid}",
        "share": n_walk / n_grid,
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder of the larger tables")
    parser.add_argument("--splits", type=int, default=1)
    parser.add_argument("--sets", type=lambda text: text.split(","), default=None)
    args = parser.parse_args()
    names = args.sets or [n for n in SOURCES if not missing_files(n, args.data)]
    rows = []
    for name in names:
        for seed in range(args.splits):
            rows.append(compare(name, args.data, seed))
            print(rows[-1], flush=True)
    shown = [key for key in rows[0] if key != "share"]
    print(table([[row[key] for key in shown] for row in rows], shown))
    within = sum(row["within it"] == "yes" for row in rows)
    share = np.mean([row["share"] for row in rows])
    print(f"within one standard error: {within} of {len(rows)}; fits: {share:.2f}")


if __name__ == "__main__":
    main()
