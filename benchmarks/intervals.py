"""Coverage and width of 90 % intervals, and what a temperature does to probabilities.

    export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
    python -m benchmarks.intervals --data DIR --kind regression
    python -m benchmarks.intervals --data DIR --kind classification --splits 3
    python -m benchmarks.intervals --data DIR --kind gaussian
    python -m benchmarks.intervals --data DIR --kind mapie --splits 2
    python -m benchmarks.intervals --data DIR --kind sets --splits 2

Intervals, on regressions of at most --rows training rows and several random splits:

- `quantiles`  columns .05 and .95 of ``MLPRegressorCV(loss="quantile",
               quantile=[.05, .5, .95])``;
- `interval`   ``prediction_interval`` of the same model;
- `trees`      two ``HistGradientBoostingRegressor(loss="quantile")``;
- `trees, c.`  two of these trained on 80 % of the rows and shifted by the others
               (conformalized quantile regression).

Columns: the share of test targets inside, the mean width, and the interval score,
width + 2/.1 · distance outside (Gneiting & Raftery, "Strictly proper scoring rules,
prediction, and estimation", 2007; lower is better), both in standard deviations of y.

Temperatures, on classifications: T is fitted to the probabilities of the rows that the
search of ``MLPClassifierCV`` has held out, p ∝ p^(1/T); the last column is the change
of the log-loss of test rows that it makes.

MAPIE, on the same regressions: ``prediction_interval`` of ``MLPRegressorCV`` beside
MAPIE's ``CrossConformalRegressor`` (CV+, as many folds) around the pipeline that its
search has chosen; the last column is the CPU time after the search.

Sets, on the same classifications: the share of test labels in ``prediction_set`` of
``MLPClassifierCV`` at 90 %, the mean number of classes in a set, and the accuracy.

Deviations, of all rows split as in published comparisons of these sets, y standardized:
the test RMSE; the mean negative log-likelihood of test rows with the RMSE as the
standard deviation of all, and with those of ``loss="gaussian"``; the share of test rows
within 1.645 of these.
"""

import argparse
import sys
import warnings
from time import process_time

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from scipy.stats import norm
from sklearn import datasets
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, train_test_split
from sklearn.pipeline import make_pipeline

from benchmarks.table_data import (
    FRIEDMAN_ROWS,
    Table,
    load_table,
    missing_files,
    split_table,
)
from benchmarks.timing import table
from skl2 import MLPRegressor
from skl2.inspection import prediction_interval, prediction_set
from skl2.model_selection import AlphaSearchCV, MLPClassifierCV, MLPRegressorCV
from skl2.preprocessing import PiecewiseLinearEncoder

COVERAGE = 0.9
QUANTILES = (0.05, 0.95)
REGRESSIONS = (
    "diabetes",
    "friedman1",
    "friedman2",
    "friedman3",
    "airfoil",
    "wine_quality",
    "california",
    "bike_hour",
    "kin40k",
)
CLASSIFICATIONS = (
    "iris",
    "wine",
    "breast_cancer",
    "digits",
    "sonar",
    "mice_protein",
    "phoneme",
    "spambase",
    "adult",
    "a9a",
)
# λs of the search, networks of the average, schedule.
COSINE = {"learning_rate": "cosine", "n_iter_no_change": np.inf}
DEVIATIONS = {
    "airfoil": (
        [1e-4, 1e-3, 1e-2, 1e-1],
        8,
        COSINE | {"max_iter": 300, "batch_size": 64},
    ),
    "bike_hour": ([3.0], 2, COSINE | {"max_iter": 25, "batch_size": 200}),
}
# Noise of a third of the signal.
FRIEDMAN = {
    "friedman2": (datasets.make_friedman2, 125.0),
    "friedman3": (datasets.make_friedman3, 0.1),
}


def read(name, folder):
    if name in FRIEDMAN:
        make, noise = FRIEDMAN[name]
        return Table(*make(FRIEDMAN_ROWS, noise=noise, random_state=0), True)
    return load_table(name, folder)


def measures(lower, upper, y, unit):
    """Share inside, mean width and interval score, the last two in units of y."""
    outside = np.maximum(lower - y, 0.0) + np.maximum(y - upper, 0.0)
    width = upper - lower
    score = width + 2.0 / (1.0 - COVERAGE) * outside
    return np.mean(outside == 0.0), width.mean() / unit, score.mean() / unit


def trees(X, y, seed):
    """A model of each quantile."""
    return [
        HistGradientBoostingRegressor(
            loss="quantile",
            quantile=quantile,
            categorical_features="from_dtype",
            random_state=seed,
        ).fit(X, y)
        for quantile in QUANTILES
    ]


def conformal_trees(split, seed):
    X, X_held_out, y, y_held_out = train_test_split(
        split.X, split.y, test_size=0.2, random_state=seed
    )
    models = trees(X, y, seed)
    low, high = (model.predict(X_held_out) for model in models)
    scores = np.sort(np.maximum(low - y_held_out, y_held_out - high))
    shift = scores[int(np.ceil(COVERAGE * (len(scores) + 1))) - 1]
    low, high = (model.predict(split.X_test) for model in models)
    return low - shift, high + shift


def intervals(split, seed):
    """Measures of the intervals of every method, by its name."""
    network = MLPRegressorCV("quantile", quantile=[0.05, 0.5, 0.95], random_state=seed)
    network.fit(split.X, split.y)
    quantiles = network.predict(split.X_test)
    bounds = {
        "quantiles": (quantiles[:, 0], quantiles[:, -1]),
        "interval": prediction_interval(network, split.X_test, coverage=COVERAGE),
        "trees": [m.predict(split.X_test) for m in trees(split.X, split.y, seed)],
        "trees, c.": conformal_trees(split, seed),
    }
    unit = split.y.std()
    return {name: measures(*b, split.y_test, unit) for name, b in bounds.items()}


def log_loss(raw, y):
    return -np.mean(log_softmax(raw, axis=1)[np.arange(len(y)), y])


def temperature(split, seed):
    """T, log-loss without it and with it."""
    network = MLPClassifierCV(cv=split.folds, random_state=seed)
    network.fit(split.X, split.y)
    raw = np.log(np.concatenate([part.prediction for part in network.held_out_]))
    y = np.concatenate([part.y for part in network.held_out_])
    found = minimize_scalar(
        lambda log_t: log_loss(raw / np.exp(log_t), y), bounds=(-2, 2), method="bounded"
    )
    t = float(np.exp(found.x))
    raw = network.predict_log_proba(split.X_test)
    return t, log_loss(raw, split.y_test), log_loss(raw / t, split.y_test)


def around(search, split, seed):
    """MAPIE's intervals around the pipeline that a search has chosen."""
    from mapie.regression import CrossConformalRegressor

    model = clone(search.estimator).set_params(**search.best_params_)
    folds = KFold(max(3, search.n_splits_), shuffle=True, random_state=seed)
    mapie = CrossConformalRegressor(model, confidence_level=COVERAGE, cv=folds)
    mapie.fit_conformalize(split.X, split.y)
    _, bounds = mapie.predict_interval(split.X_test)
    return bounds[:, 0, 0], bounds[:, 1, 0]


def beside_mapie(split, seed):
    """Measures of our intervals and of MAPIE's, with CPU seconds after the search."""
    network = MLPRegressorCV(random_state=seed).fit(split.X, split.y)
    methods = {
        "interval": lambda: prediction_interval(
            network, split.X_test, coverage=COVERAGE
        ),
        "MAPIE": lambda: around(network.search_, split, seed),
    }
    found = {}
    for name, bounds in methods.items():
        began = process_time()
        lower, upper = bounds()
        seconds = process_time() - began
        found[name] = *measures(lower, upper, split.y_test, split.y.std()), seconds
    return found


def sets(split, seed):
    """Share of labels in their set, mean size of a set, accuracy."""
    network = MLPClassifierCV(cv=split.folds, random_state=seed)
    network.fit(split.X, split.y)
    members = prediction_set(network, split.X_test, coverage=COVERAGE)
    inside = members[np.arange(len(members)), split.y_test]
    return (
        inside.mean(),
        members.sum(axis=1).mean(),
        network.score(split.X_test, split.y_test),
    )


def deviations(name, args):
    """Rows of the table of both losses."""
    data = read(name, args.data)
    X, X_test, y, y_test = train_test_split(
        np.asarray(data.X, float), data.y, test_size=0.2, random_state=0
    )
    y, y_test = (y - y.mean()) / y.std(), (y_test - y.mean()) / y.std()
    alphas, n_networks, params = DEVIATIONS[name]
    for loss in ("gaussian", "squared_error"):
        network = MLPRegressor(
            loss, (100, 100), learning_rate_init=0.01, random_state=0, **params
        )
        model = make_pipeline(PiecewiseLinearEncoder(n_bins=16), network)
        search = AlphaSearchCV(model, alphas=alphas, cv=2, refit=False, random_state=0)
        if len(alphas) > 1:
            model.set_params(**search.fit(X, y).best_params_)
        else:
            network.set_params(alpha=alphas[0])
        network.set_params(n_estimators=n_networks)
        yield [name, loss, *likelihoods(model.fit(X, y), X_test, y_test)]


def likelihoods(model, X, y):
    mean = model.predict(X)
    rmse = float(np.sqrt(np.mean((mean - y) ** 2)))
    columns = [rmse, -norm.logpdf(y, mean, rmse).mean()]
    if model[-1].loss == "gaussian":
        mean, std = model.predict(X, return_std=True)
        inside = np.abs(y - mean) < norm.ppf(0.95) * std
        columns += [-norm.logpdf(y, mean, std).mean(), inside.mean()]
    cells = [f"{value:.3f}" for value in columns]
    return cells + [""] * (4 - len(cells))


def splits(name, args):
    data = read(name, args.data)
    for seed in range(args.splits):
        yield split_table(data, seed, args.rows), seed


def interval_rows(name, args, evaluate):
    found = [evaluate(*split) for split in splits(name, args)]
    for method in found[0]:
        means = np.mean([result[method] for result in found], axis=0)
        yield [
            name,
            method,
            f"{means[0]:.3f}",
            *(f"{value:.2f}" for value in means[1:]),
        ]


def set_row(name, args):
    found = np.array([sets(*split) for split in splits(name, args)])
    return [name, *(f"{value:.3f}" for value in found.mean(axis=0))]


def temperature_row(name, args):
    found = np.array([temperature(*split) for split in splits(name, args)])
    _, before, after = found.mean(axis=0)
    temperatures = " ".join(f"{t:.2f}" for t in found[:, 0])
    return [name, temperatures, f"{before:.4f}", f"{100 * (after / before - 1):+.1f} %"]


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", help="folder of the files, see benchmarks.table_data")
    kinds = ("regression", "classification", "gaussian", "mapie", "sets")
    parser.add_argument("--kind", choices=kinds, help="all but mapie by default")
    parser.add_argument("--rows", type=int, default=700, help="most training rows")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--sets", nargs="*", help="names; all by default")
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore", ConvergenceWarning)
    # The best λ of small sets may be at an end.
    warnings.filterwarnings("ignore", "The best alpha")

    def wanted(names):
        for name in names:
            if args.sets and name not in args.sets:
                continue
            lacks = [] if name in FRIEDMAN else missing_files(name, args.data)
            if lacks:
                print(f"{name}: --data has no {', '.join(lacks)}", file=sys.stderr)
            else:
                yield name

    began = process_time()
    if args.kind in (None, "regression"):
        names = wanted(REGRESSIONS)
        rows = [r for name in names for r in interval_rows(name, args, intervals)]
        print(table(rows, ["set", "", "covered", "width", "score"]), flush=True)
    if args.kind == "mapie":
        names = wanted(REGRESSIONS)
        rows = [r for name in names for r in interval_rows(name, args, beside_mapie)]
        header = ["set", "", "covered", "width", "score", "CPU s"]
        print(table(rows, header), flush=True)
    if args.kind in (None, "sets"):
        rows = [set_row(name, args) for name in wanted(CLASSIFICATIONS)]
        print(table(rows, ["set", "covered", "classes", "accuracy"]), flush=True)
    if args.kind in (None, "classification"):
        rows = [temperature_row(name, args) for name in wanted(CLASSIFICATIONS)]
        print(table(rows, ["set", "temperatures", "log-loss", "change"]))
    if args.kind in (None, "gaussian"):
        rows = [row for name in wanted(DEVIATIONS) for row in deviations(name, args)]
        header = ["set", "loss", "RMSE", "NLL, one σ", "NLL, own σ", "covered"]
        print(table(rows, header))
    print(f"{process_time() - began:.0f} s of CPU")


if __name__ == "__main__":
    main()
