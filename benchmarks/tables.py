"""Test loss and CPU time on tables: skl2's searches beside what else could be taken.

    python -m benchmarks.tables --quick
    python -m benchmarks.tables --data DIR --cache FILE.json
    python -m benchmarks.tables --data DIR --published

Each method is fitted on the same training rows and scored on the same test rows, on
several random splits. The loss is the log-loss, or the mean squared error of the target
divided by its variance in the training rows. CPU seconds are user and system time of
all threads and worker processes.

With --cache, results are kept in a file, written after every fit; what is in it is not
run again, but for the methods named with --redo.
"""

import argparse
import json
import resource
import sys
import warnings
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from joblib.externals.loky import get_reusable_executor
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split

from benchmarks.table_data import SOURCES, Split, load_table, missing_files
from benchmarks.table_data import split_table as split_rows
from benchmarks.table_methods import METHODS
from benchmarks.timing import table

# Probabilities closer to 0 or 1 than float32 can tell count as this.
CLIP = 1e-7
QUICK_SETS = ("iris", "breast_cancer", "diabetes", "friedman1")
QUICK_METHODS = ("table", "alpha_search", "linear", "peer", "hgb")
QUICK_ROWS = 300
WARM_UP_ROWS = 60


# ------------------------------------------------------------------- one fit


@dataclass
class Result:
    """A method on one split of a set; `score` is the accuracy or R²."""

    set: str
    split: int
    method: str
    n_train: int
    loss: float
    score: float
    cpu: float
    wall: float
    best: str = ""

    @property
    def key(self):
        return (self.set, self.split, self.method, self.n_train)


def cpu_seconds():
    """User and system time of this process and of the children that have ended."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def timed(function):
    """(CPU seconds, wall seconds) of a call."""
    start_cpu, start = cpu_seconds(), perf_counter()
    function()
    wall = perf_counter() - start
    # Worker processes of joblib count once they have ended.
    get_reusable_executor().shutdown(wait=True)
    return cpu_seconds() - start_cpu, wall


def log_loss(y, probabilities):
    p = np.clip(np.asarray(probabilities, dtype=np.float64), CLIP, 1.0 - CLIP)
    p /= p.sum(axis=1, keepdims=True)
    return float(-np.log(p[np.arange(len(y)), y]).mean())


def evaluate(model, split):
    """(loss, accuracy or R²) on the test rows."""
    if split.regression:
        predicted = np.ravel(model.predict(split.X_test))
        loss = np.mean((split.y_test - predicted) ** 2) / np.var(split.y)
        return float(loss), float(r2_score(split.y_test, predicted))
    p = model.predict_proba(split.X_test)
    if not np.array_equal(model.classes_, np.arange(split.n_classes)):
        raise ValueError(f"classes_={model.classes_}, expected 0 ... {p.shape[1] - 1}")
    return log_loss(split.y_test, p), float(
        accuracy_score(split.y_test, np.argmax(p, axis=1))
    )


def chosen(model):
    """What a search has chosen, for reading."""
    found = getattr(model, "best_params_", None)
    return "" if found is None else ", ".join(f"{k}={v}" for k, v in found.items())


def warm_up(method, regression):
    """A first fit pays for imports and for the threads it starts."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(WARM_UP_ROWS, 3))
    y = X[:, 0] if regression else (X[:, 0] > 0.0).astype(int)
    METHODS[method].make(Split(X, y, X, y, regression), 0).fit(X, y)


def run_one(name, number, method, split):
    model = METHODS[method].make(split, number)
    cpu, wall = timed(lambda: model.fit(split.X, split.y))
    loss, score = evaluate(model, split)
    n_train = len(split.y)
    return Result(name, number, method, n_train, loss, score, cpu, wall, chosen(model))


# --------------------------------------------------------------------- a run


class Results(dict):
    """{key: Result}, kept in a file if there is one."""

    def __init__(self, path):
        self.path = path
        if path is not None and path.exists():
            for record in json.loads(path.read_text()):
                self.add(Result(**record))

    def add(self, result):
        self[result.key] = result

    def save(self):
        """After every fit, so that nothing is lost with an interrupted run."""
        if self.path is None:
            return
        # In one step: others may read the file while a run goes on.
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps([asdict(r) for r in self.values()], indent=0))
        new.replace(self.path)


def say(text):
    print(text, file=sys.stderr, flush=True)


class Run:
    """Fits what is not in `results` yet.

    Attributes
    ----------
    shown : list of Result
        What was asked for: new results, and old ones of the same rows.
    failures : list of str
        A line for each fit that failed.
    """

    def __init__(self, args, results):
        self.args = args
        self.results = results
        self.shown = []
        self.failures = []
        self._warm = set()

    def run_set(self, name):
        data = load_table(name, self.args.data)
        max_rows = self.args.max_rows_of.get(name, self.args.max_rows)
        for number in range(self.args.splits):
            split = split_rows(data, number, max_rows)
            for method in self.args.methods:
                key = (name, number, method, len(split.y))
                if key not in self.results or method in self.args.redo:
                    self._add(name, number, method, split)
                if key in self.results:
                    self.shown.append(self.results[key])

    def _add(self, name, number, method, split):
        taken = [r.cpu for r in self.shown if (r.set, r.method) == (name, method)]
        if max(taken, default=0.0) > METHODS[method].limit:
            return
        try:
            self._warm_up(method, split.regression)
            result = run_one(name, number, method, split)
        # A method that fails on one set has results on the others; see main.
        except Exception as error:
            self.failures.append(f"{name}, split {number}, {method}: {error!r}"[:500])
            say(self.failures[-1])
            return
        self.results.add(result)
        self.results.save()
        say(
            f"{name}, split {number}, {method}: loss {result.loss:.4f}, "
            f"{result.cpu:.1f} CPU s, {result.wall:.1f} s {result.best}"
        )

    def _warm_up(self, method, regression):
        if (method, regression) not in self._warm:
            warm_up(method, regression)
            self._warm.add((method, regression))


# ------------------------------------------------------------------- summary


def by_set(results):
    """{set: {method: {split: Result}}}."""
    found = defaultdict(lambda: defaultdict(dict))
    for result in results:
        found[result.set][result.method][result.split] = result
    return {name: dict(methods) for name, methods in found.items()}


def mean_and_error(values):
    """The mean and its standard error; NaN of a single value."""
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return float(values.mean()), np.nan
    return float(values.mean()), float(values.std(ddof=1) / len(values) ** 0.5)


@dataclass
class Comparison:
    """A method and another one on the splits of a set that both have.

    Attributes
    ----------
    loss, cpu : float
        Ratios of the means: below 1 the first one is better.
    difference, error : float
        Mean difference of the losses, split by split, and its standard error.
    """

    loss: float
    cpu: float
    difference: float
    error: float

    @property
    def outcome(self):
        """-1 where the first is better by more than one standard error, 0, or 1."""
        if abs(self.difference) <= self.error:
            return 0
        return int(np.sign(self.difference))


def compare(own, others):
    """The Comparison of two {split: Result}; None without two splits in common."""
    common = sorted(own.keys() & others.keys())
    if len(common) < 2:
        return None
    losses, cpus = (
        np.array([[getattr(r[s], what) for s in common] for r in (own, others)])
        for what in ("loss", "cpu")
    )
    loss, cpu = (a.mean() / b.mean() for a, b in (losses, cpus))
    return Comparison(float(loss), float(cpu), *mean_and_error(losses[0] - losses[1]))


def comparisons(results, method, other):
    """{set: Comparison} on all sets that have both."""
    found = {}
    for name, methods in by_set(results).items():
        if method in methods and other in methods:
            found[name] = compare(methods[method], methods[other])
    return {name: c for name, c in found.items() if c is not None}


def geometric_mean(values):
    return float(np.exp(np.mean(np.log(list(values)))))


def set_table(methods):
    rows = []
    for method, by_split in methods.items():
        runs = by_split.values()
        loss, error = mean_and_error([r.loss for r in runs])
        cells = [np.mean([getattr(r, what) for r in runs]) for what in FIGURES]
        score, cpu, wall = cells
        rows.append(
            [
                METHODS[method].title,
                f"{loss:.4f} ± {error:.4f}",
                f"{score:.4f}",
                f"{cpu:.2f}",
                f"{wall:.2f}",
                len(runs),
            ]
        )
    header = ["method", "test loss", "accuracy / R²", "CPU s", "wall s", "splits"]
    return table(rows, header)


FIGURES = ("score", "cpu", "wall")


def against_table(results, method, others):
    """What the geometric means over all sets say of `method`."""
    rows = []
    for other in others:
        found = comparisons(results, method, other)
        if not found:
            continue
        outcomes = [c.outcome for c in found.values()]
        rows.append(
            [
                METHODS[other].title,
                f"{100 * (geometric_mean(c.loss for c in found.values()) - 1):+.1f} %",
                "/".join(str(outcomes.count(o)) for o in (-1, 0, 1)),
                f"{geometric_mean(c.cpu for c in found.values()):.3f}",
                len(found),
            ]
        )
    header = ["against", "loss", "wins/ties/losses by 1 SE", "CPU time", "sets"]
    return table(rows, header)


# ---------------------------------------------------------------------- aims


def aim(text, value, bound, form="{:.3f}", least=False):
    """A row of the table of aims."""
    met = value >= bound if least else value <= bound
    sign = ">=" if least else "<="
    figure, limit = form.format(value), form.format(bound)
    return [text, figure, f"{sign} {limit}", "yes" if met else "**no**"]


def ratio_aims(results):
    """Geometric means over all sets."""
    rows = []
    for method, other, what, bound in (
        ("table", "peer_grid", "loss", 0.82),
        ("table", "peer_grid", "cpu", 0.125),
        ("table", "hgb", "loss", 0.85),
        ("table", "hgb_grid", "loss", 1.0),
        ("table", "realmlp", "loss", 1.0),
    ):
        found = comparisons(results, method, other).values()
        if found:
            value = geometric_mean(getattr(c, what) for c in found)
            text = f"{METHODS[method].title}: {what} by {METHODS[other].title}"
            rows.append(aim(text, value, bound))
    return rows


def time_aims(results):
    rows = []
    many = [r for r in results if r.n_train >= 4000]
    for method, bound in (("table", 4.0), ("alpha_search", 1.5)):
        if found := comparisons(many, method, "peer"):
            value = geometric_mean(c.cpu for c in found.values())
            text = f"{METHODS[method].title}: CPU in default fits, 4,000 rows and more"
            rows.append(aim(text, value, bound, "{:.2f}"))
    few = [r.cpu for r in results if r.n_train < 1000 and r.method == "table"]
    if few:
        text = f"{METHODS['table'].title}: most CPU seconds below 1,000 rows"
        rows.append(aim(text, max(few), 3.0, "{:.2f}"))
    return rows


def safety_aims(results):
    """No set where a simpler method is better."""
    rows = []
    for other in ("linear", "peer"):
        found = comparisons(results, "table", other)
        worse = [name for name, c in found.items() if c.outcome > 0]
        if found:
            text = f"sets where {METHODS[other].title} is better by one SE"
            row = aim(text, len(worse), 0, "{}")
            row[1] += f" ({', '.join(worse)})" if worse else ""
            rows.append(row)
    raw = [r.score for r in results if (r.set, r.method) == ("diabetes", "table")]
    if raw:
        text = f"diabetes: mean test R² over {len(raw)} splits"
        rows.append(aim(text, float(np.mean(raw)), 0.42, least=True))
    return rows


def report(results):
    parts = []
    for name, methods in by_set(results).items():
        runs = [r for by_split in methods.values() for r in by_split.values()]
        parts.append(f"{name}, {runs[0].n_train} training rows")
        parts.append(set_table({m: methods[m] for m in METHODS if m in methods}))
    present = [m for m in METHODS if any(r.method == m for r in results)]
    for method in [m for m in present if METHODS[m].ours]:
        others = [m for m in present if m != method]
        parts.append(f"{METHODS[method].title} against the others, all sets")
        parts.append(against_table(results, method, others))
    if rows := [*ratio_aims(results), *time_aims(results), *safety_aims(results)]:
        parts.append(table(rows, ["aim", "measured", "bound", "met"]))
    return "\n\n".join(parts)


# ----------------------------------------------------------- published table

# (Test RMSE of the standardised target, seconds on 10 cores where they are known):
# published with scikit-learn-contrib/bde, Bayesian deep ensembles, whose repository
# carries both sets.
PUBLISHED = {
    "airfoil": {
        "bde": (0.1216, None),
        "TabPFN v2": (0.1359, None),
        "XGBoost": (0.2025, None),
        "CatBoost": (0.2394, None),
        "random forest": (0.2561, None),
        "deep ensemble": (0.3647, None),
    },
    "bike_hour": {
        "TabPFN v2": (0.2104, 1246),
        "XGBoost": (0.2143, None),
        "bde": (0.2261, 2553),
        "random forest": (0.2440, None),
        "CatBoost": (0.2652, None),
        "deep ensemble": (0.2879, None),
    },
}
PUBLISHED_AIMS = {"airfoil": 0.1216, "bike_hour": 0.2050}
PUBLISHED_SEEDS = 5


def published_split(data):
    """The split of the publication, X and y standardised on the training part."""
    X, X_test, y, y_test = train_test_split(
        np.asarray(data.X, dtype=float), data.y, test_size=0.2, random_state=0
    )
    mean, sd = X.mean(axis=0), X.std(axis=0)
    centre, unit = y.mean(), y.std()
    return Split(
        (X - mean) / sd,
        (y - centre) / unit,
        (X_test - mean) / sd,
        (y_test - centre) / unit,
        regression=True,
    )


def run_published(args):
    """Our methods on the published split, with several seeds."""
    parts = []
    for name, theirs in PUBLISHED.items():
        split = published_split(load_table(name, args.data))
        rows = [[t, f"{e:.4f}", s or "", ""] for t, (e, s) in theirs.items()]
        for method in [m for m in args.methods if METHODS[m].ours]:
            warm_up(method, regression=True)
            runs = [
                run_one(name, seed, method, split) for seed in range(PUBLISHED_SEEDS)
            ]
            errors = np.sqrt([r.loss for r in runs])
            wall, cpu = (
                np.mean([getattr(r, w) for r in runs]) for w in ("wall", "cpu")
            )
            figure = f"{errors.mean():.4f} ± {errors.std(ddof=1):.4f}"
            rows.append([METHODS[method].title, figure, f"{wall:.0f}", f"{cpu:.0f}"])
        header = [f"{name}, {len(split.y)} rows", "test RMSE", "seconds", "CPU seconds"]
        parts += [table(rows, header), f"aim: <= {PUBLISHED_AIMS[name]:.4f}"]
    return "\n\n".join(parts)


# ------------------------------------------------------------------- command


def names_of(known):
    def parse(text):
        names = text.split(",")
        if unknown := [n for n in names if n not in known]:
            raise argparse.ArgumentTypeError(
                f"unknown: {', '.join(unknown)}; choose from {', '.join(known)}"
            )
        return names

    return parse


def rows_of_set(text):
    name, _, number = text.partition("=")
    if name not in SOURCES or not number.isdecimal():
        raise argparse.ArgumentTypeError(f"expected SET=N, got {text!r}")
    return name, int(number)


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="sets: " + ", ".join(SOURCES) + "\nmethods: " + ", ".join(METHODS),
    )
    parser.add_argument("--data", type=Path, help="folder with the sets' files")
    parser.add_argument("--sets", type=names_of(SOURCES), metavar="A,B")
    parser.add_argument("--methods", type=names_of(METHODS), metavar="X,Y")
    parser.add_argument("--redo", type=names_of(METHODS), metavar="X,Y", default=[])
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument(
        "--max-rows", type=int, default=10_000, help="most training rows of a set"
    )
    parser.add_argument(
        "--max-rows-of",
        type=rows_of_set,
        action="append",
        default=[],
        metavar="SET=N",
        help="another bound for one set",
    )
    parser.add_argument("--cache", type=Path, help="JSON file of results")
    parser.add_argument("--quick", action="store_true", help="4 small sets, 300 rows")
    parser.add_argument(
        "--published", action="store_true", help="airfoil and bike_hour as published"
    )
    args = parser.parse_args()
    args.max_rows_of = dict(args.max_rows_of)
    if args.quick:
        args.sets = args.sets or list(QUICK_SETS)
        args.methods = args.methods or list(QUICK_METHODS)
        args.max_rows = min(args.max_rows, QUICK_ROWS)
    args.sets, args.methods = args.sets or list(SOURCES), args.methods or list(METHODS)
    return args


def leave_out(args):
    """Drop what cannot run here, and say so."""
    for method in args.methods:
        if missing := METHODS[method].missing:
            say(f"{method}: left out, not installed: {', '.join(missing)}")
    args.methods = [m for m in args.methods if not METHODS[m].missing]
    for name in args.sets:
        if missing := missing_files(name, args.data):
            say(f"{name}: left out, --data has no {', '.join(missing)}")
    args.sets = [n for n in args.sets if not missing_files(n, args.data)]


def main():
    args = arguments()
    # Epochs that are used up are no failure, nor is a test row with a new category.
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.filterwarnings("ignore", "Found unknown categories")
    # LogisticRegressionCV of 1.8 and later, about parameters that 1.6 has not.
    warnings.simplefilter("ignore", FutureWarning)
    leave_out(args)
    if args.published:
        print(run_published(args))
        return
    run = Run(args, Results(args.cache))
    for name in args.sets:
        run.run_set(name)
    print(report(run.shown))
    if run.failures:
        sys.exit("failed:\n" + "\n".join(run.failures))


if __name__ == "__main__":
    main()
