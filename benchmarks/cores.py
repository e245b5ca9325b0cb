"""How a search scales with n_jobs: ``python -m benchmarks.cores [--quick]``.

20 λs x 5 folds, float32, one BLAS thread. Seconds are medians over repeats, which are
interleaved: one process, two with a worker that is ready, two with a new one. On a
machine that does other things as well, compare CPU seconds: with n_jobs=1 the process
has one figure, with n_jobs=2 the busier process counts. The curve for more cores than
the machine has is a simulation: the schedule of the search, with the CPU seconds that
its tasks take in one process.

With --threads the folds run in two threads instead, as a program may do that uses a
Python without the interpreter lock.
"""

import argparse
import os
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter, process_time

import numpy as np
import sklearn.neural_network
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import skl2
from benchmarks.timing import table
from skl2.model_selection import StackedGridSearchCV
from skl2.model_selection._processes import end_workers, woken_pool
from skl2.model_selection._schedule import (
    DISPATCH,
    START,
    Costs,
    Shape,
    cut,
    makespan,
)

ALPHAS = np.logspace(-3, 2, 20)
N_FOLDS = 5
# Data, hidden units, batch size, epochs: three seconds or more with n_jobs=1.
SHAPES = {
    "4-10-3, 32": (load_iris, 10, 32, 400),
    "30-32-2, 64": (load_breast_cancer, 32, 64, 200),
    "64-100-10, 200": (load_digits, 100, 200, 40),
}
SIMULATED = (1, 2, 4, 8, 16, 32, 64)
SCORING = "neg_log_loss"


class Task:
    """The search of one shape, by several libraries.

    Parameters
    ----------
    name : str
    share : float
        Of the epochs.
    """

    def __init__(self, name, share=1.0):
        load, n_hidden, batch_size, n_epochs = SHAPES[name]
        X, self.y = load(return_X_y=True)
        self.X = X.astype(np.float32)
        self.params = {
            "hidden_layer_sizes": (n_hidden,),
            "batch_size": batch_size,
            "max_iter": max(1, round(share * n_epochs)),
            "n_iter_no_change": 10**6,
            "random_state": 0,
        }

    def search(self, kind, network, n_jobs, alphas=ALPHAS, cv=N_FOLDS):
        """Seconds, of the wall and of this process, of a search, and its scores."""
        pipeline = make_pipeline(StandardScaler(), network(**self.params))
        name = f"{pipeline.steps[-1][0]}__alpha"
        search = kind(
            pipeline,
            {name: alphas},
            scoring=SCORING,
            cv=cv,
            refit=False,
            n_jobs=n_jobs,
        )
        start = np.array([perf_counter(), process_time()])
        search.fit(self.X, self.y)
        seconds = np.array([perf_counter(), process_time()]) - start
        return seconds, search.cv_results_["mean_test_score"]

    def stacked(self, n_jobs, **options):
        return self.search(StackedGridSearchCV, skl2.MLPClassifier, n_jobs, **options)

    def piece(self, n_candidates):
        """CPU seconds of a task of some candidates of a fold, in this process."""
        split = next(StratifiedKFold(N_FOLDS).split(self.X, self.y))
        return self.stacked(1, alphas=ALPHAS[:n_candidates], cv=[split])[0][1]

    def costs(self):
        """The cost model of the search."""
        n_rows = len(self.y) * (N_FOLDS - 1) // N_FOLDS
        n_classes = len(np.unique(self.y))
        shape = Shape(
            n_rows, self.X.shape[1], n_classes if n_classes > 2 else 1, single=True
        )
        network = skl2.MLPClassifier(**self.params).get_params(deep=False)
        candidates = [{"mlp__alpha": alpha} for alpha in ALPHAS]
        return Costs(candidates, {"mlp": network}, shape)


def two_processes(task):
    """Seconds of the wall, CPU seconds of the busier process, and the scores."""
    worker = woken_pool(1).executor
    before = worker.submit(process_time).result()
    (wall, own), scores = task.stacked(2)
    other = worker.submit(process_time).result() - before
    return [wall, max(own, other)], scores


def run_shape(name, share, repeats, others):
    """Figures of one shape."""
    task = Task(name, share)
    one, two, cold = [], [], []
    for _ in range(repeats):
        seconds, scores = task.stacked(1)
        one.append(seconds)
        seconds, same = two_processes(task)
        two.append(seconds)
        if not np.array_equal(scores, same):
            raise AssertionError(f"{name}: n_jobs changes the scores")
        end_workers()
        (seconds, _), _ = task.stacked(2)
        cold.append(seconds)
    figures = {
        "seconds": {1: np.median(one, axis=0), 2: np.median(two, axis=0)},
        "cold": np.median(cold),
        "others": {},
        "curve": simulate(task, repeats),
    }
    if others:
        own, theirs = skl2.MLPClassifier, sklearn.neural_network.MLPClassifier
        for label, network in (("skl2", own), ("scikit-learn", theirs)):
            (wall, _), _ = task.search(GridSearchCV, network, 2)
            figures["others"][label] = wall
    return figures


def simulate(task, repeats):
    """Seconds of the search for many workers, warm and cold: {n: (warm, cold)}."""
    sizes = [1, 2, 3, 5, 10, 20]
    measured = [min(task.piece(k) for _ in range(repeats)) for k in sizes]
    # Steps of the stack, and what each candidate adds.
    of_candidate, of_stack = np.polyfit(sizes, measured, 1)
    costs = task.costs()
    curve = {}
    for n_workers in SIMULATED:
        ends = []
        for start in (0.0, START):
            ready = [0.0] + (n_workers - 1) * [start]
            tasks = cut(costs, N_FOLDS, ready) if n_workers > 1 else []
            if not tasks:
                tasks = [(fold, costs.order) for fold in range(N_FOLDS)]
                ready = [0.0]
            transport = DISPATCH if len(ready) > 1 else 0.0
            seconds = [
                of_stack + len(own) * of_candidate + transport for _, own in tasks
            ]
            ends.append(makespan(seconds, ready))
        curve[n_workers] = tuple(ends)
    return curve


def in_threads(name, share, repeats):
    """Seconds of a search per fold, one after the other and in two threads."""
    task = Task(name, share)
    folds = list(StratifiedKFold(N_FOLDS).split(task.X, task.y))
    with ThreadPoolExecutor(2) as threads:
        maps = {1: map, 2: threads.map}
        seconds: dict = {n: [] for n in maps}
        for _ in range(repeats):
            scores = {}
            for n, run in maps.items():
                start = perf_counter()
                found = run(lambda fold: task.stacked(1, cv=[fold])[1], folds)
                scores[n] = np.array(list(found))
                seconds[n].append(perf_counter() - start)
            if not np.array_equal(scores[1], scores[2]):
                raise AssertionError(f"{name}: threads change the scores")
    one, two = (np.median(seconds[n]) for n in maps)
    return [name, f"{one:.2f}", f"{two:.2f}", f"{one / two:.2f}"]


def report_threads(share, repeats):
    """The table of threads, and whether they exclude each other."""
    rows = [in_threads(name, share, repeats) for name in SHAPES]
    header = ["net, batch", "one thread, s", "two, s", "ratio"]
    has_lock = getattr(sys, "_is_gil_enabled", lambda: True)()
    version = sys.version.split()[0]
    lock = "with" if has_lock else "without"
    return f"{table(rows, header)}\n\nPython {version} {lock} the interpreter lock."


def report(figures):
    """The two tables."""
    rows = []
    for name, f in figures.items():
        one, two = f["seconds"][1], f["seconds"][2]
        row = [name, *(f"{s:.2f}" for s in (one[0], two[0], one[0] / two[0]))]
        row += [f"{s:.2f}" for s in (one[1], two[1], one[1] / two[1], f["cold"])]
        for seconds in f["others"].values():
            row.append(f"{seconds:.1f} ({seconds / two[0]:.1f} x)")
        rows.append(row)
    header = ["net, batch", "n_jobs=1, s", "2, s", "ratio", "1, CPU s", "2, CPU s"]
    header += ["ratio", "2, cold, s"]
    header += [f"GridSearchCV({label}), 2, s" for label in f["others"]]
    measured = table(rows, header)
    rows = []
    for name, f in figures.items():
        for i, state in enumerate(("warm", "cold")):
            times = [f["curve"][n][i] for n in SIMULATED]
            rows.append([name, state, *(f"{times[0] / t:.1f}" for t in times)])
    header = ["net, batch", "workers", *(f"{n}" for n in SIMULATED)]
    checked = ", ".join(
        f"{name}: {f['curve'][1][0]:.2f} and {f['curve'][2][0]:.2f} s simulated, "
        f"{f['seconds'][1][1]:.2f} and {f['seconds'][2][1]:.2f} CPU s measured"
        for name, f in figures.items()
    )
    simulated = table(rows, header)
    return f"{measured}\n\n{simulated}\n\nFor 1 and 2 processes: {checked}."


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cores")
    parser.add_argument("--quick", action="store_true", help="about a minute")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--others", action="store_true", help="GridSearchCV as well: minutes"
    )
    parser.add_argument("--threads", action="store_true", help="threads instead")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    share, repeats = (0.3, 1) if options.quick else (1.0, options.repeats)
    figures = {}
    with threadpool_limits(1):
        if options.threads:
            print(report_threads(share, repeats))
            return
        for name in SHAPES:
            figures[name] = run_shape(name, share, repeats, options.others)
            load = os.getloadavg()[0]
            print(f"{name}: load {load:.1f} on {os.cpu_count()} cores", flush=True)
    end_workers()
    print(f"\n{report(figures)}")


if __name__ == "__main__":
    main()
