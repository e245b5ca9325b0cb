r"""Which λ can be read off the data? The constants behind ``alpha="scale"``.

For standardised X and σ_max = σ_max(Xᵀ(Y - Ȳ)), the largest singular value (Y one-hot;
one 0/1 column if binary; y standardised in regression), this script fits networks at
λ = c · σ_max for a grid of c and finds the c that loses least on average over data
sets. The *regret* of a c on a set is its test loss over that of the set's best c; the
table shows its geometric mean over the sets.

It also compares σ_max with two other references:

- ``max``: 2 max \|Xᵀ(Y - Ȳ)\|_ij, the smallest λ at which L1 zeroes a linear model;
- ``homogeneous``: m (σ_max / m)^(2 - p/L), L weight layers, p = 2 for L2, 1 for L1.

A relu network with L weight layers that is to predict s·y instead of y does so with
weights s^(1/L) as large (and biases to match). The squared error grows by s², the
penalty by s^(p/L): the fit is equivariant to the units of y if and only if
λ ∝ s^(2 - p/L). So with y in its raw units, of standard deviation s, the λ tried is

    λ = c · σ_max(Xᵀ(y - ȳ)/s) · s^(2 - p/L),

and its regrets must be those of standardised y. Elastic net adds penalties of two
exponents: no λ alone is equivariant. The smaller of the two values, which makes neither
part too strong, is tried.

Run ``python benchmarks/alpha_scale.py --quick`` for an impression in seconds; all of it
takes about ten minutes on one core (with ``OPENBLAS_NUM_THREADS=1``: the networks are
small). An interrupted run goes on where it stopped: every fit is appended to the CSV
file.
"""

# Authors: skl2 developers
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import csv
import gzip
import time
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelBinarizer, StandardScaler

from skl2 import MLPClassifier, MLPRegressor

PENALTIES = ("l1", "elasticnet", "l2")
L1_RATIO = 0.5
NETWORKS = ((), (50,), (32, 32), (32, 32, 32))
# The linear model has no hidden units: its activation is never used.
TANH_SETS = ("iris", "breast_cancer", "noisy_labels", "diabetes", "sonar")
FIELDS = {
    "set": str,
    "task": str,
    "penalty": str,
    "hidden": str,
    "activation": str,
    "units": str,
    "split": int,
    "c": float,
    "m": int,
    "sigma_max": float,
    "max_entry": float,
    "alpha": float,
    "loss": float,
    "sparsity": float,
    "n_iter": int,
    "seconds": float,
}
KEY = ("set", "penalty", "hidden", "activation", "units", "split", "c")


# ---------------------------------------------------------------------- data


def subset(X, y, n_rows):
    rows = np.random.default_rng(0).permutation(len(X))[:n_rows]
    return X[rows], y[rows]


def make_noise(n_rows=300, n_features=20):
    """Labels that X says nothing about: the best λ is infinite."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(n_rows, n_features)), rng.integers(0, 2, n_rows)


def noisy_labels():
    return datasets.make_classification(
        600, n_features=20, n_informative=5, flip_y=0.3, random_state=0
    )


# name: (task, function that returns X and y)
BUNDLED = {
    "iris": ("classification", lambda: datasets.load_iris(return_X_y=True)),
    "wine": ("classification", lambda: datasets.load_wine(return_X_y=True)),
    "breast_cancer": (
        "classification",
        lambda: datasets.load_breast_cancer(return_X_y=True),
    ),
    "digits": (
        "classification",
        lambda: subset(*datasets.load_digits(return_X_y=True), 1000),
    ),
    "moons": (
        "classification",
        lambda: datasets.make_moons(400, noise=0.3, random_state=0),
    ),
    "noisy_labels": ("classification", noisy_labels),
    "noise": ("classification", make_noise),
    "diabetes": ("regression", lambda: datasets.load_diabetes(return_X_y=True)),
    "friedman1": (
        "regression",
        lambda: datasets.make_friedman1(400, noise=1.0, random_state=0),
    ),
}


def read_npz(path):
    with np.load(path) as file:
        return file["X"].astype(np.float64), file["y"]


def read_sonar(path):
    with gzip.open(path, "rt") as file:
        rows = list(csv.reader(file))[1:]
    X = np.array([row[:-1] for row in rows], dtype=np.float64)
    return X, np.array([row[-1] for row in rows])


def read_leukemia(path):
    # 1000 of the 7129 genes, at random: still p >> m, at a seventh of the time.
    X, y = read_npz(path)
    return X[:, np.random.default_rng(0).permutation(X.shape[1])[:1000]], y


def read_california(path):
    # In dollars, as it was published: raw units that are far from unit variance.
    X, y = subset(*read_npz(path), 1500)
    return X, y * (1e5 if y.max() < 100 else 1.0)


# name: (task, file in the folder --data, function of its path)
ON_DISK = {
    "sonar": ("classification", "sonar.csv.gz", read_sonar),
    "spambase": (
        "classification",
        "spambase.npz",
        lambda path: subset(*read_npz(path), 1500),
    ),
    "leukemia": ("classification", "leukemia_golub.npz", read_leukemia),
    "california": ("regression", "california_housing.npz", read_california),
}


def load_sets(names, folder):
    """{name: (task, X, y)} of the sets that are bundled or found in `folder`."""
    found = {}
    for name in names:
        if name in BUNDLED:
            task, load = BUNDLED[name]
            found[name] = (task, *load())
        elif folder is not None:
            task, file, read = ON_DISK[name]
            found[name] = (task, *read(folder / file))
    return found


# ---------------------------------------------------------------- references


def exponent(penalty, n_layers):
    """(smallest, largest) e for which λ ∝ s^e is equivariant to the units of y."""
    degrees = {"l2": (2,), "l1": (1,), "elasticnet": (1, 2)}[penalty]
    exponents = [2 - degree / n_layers for degree in degrees]
    return min(exponents), max(exponents)


def factor_of_units(scale, penalty, n_layers):
    return min(scale**e for e in exponent(penalty, n_layers))


def reference(name, row):
    """The λ that `c` multiplies, for y of unit variance."""
    if name == "sigma_max":
        return row["sigma_max"]
    if name == "max":
        return 2.0 * row["max_entry"]
    n_layers = n_hidden_layers(row) + 1
    e = np.mean(exponent(row["penalty"], n_layers))
    return row["m"] * (row["sigma_max"] / row["m"]) ** e


def n_hidden_layers(row):
    return len(row["hidden"].split("-")) if row["hidden"] else 0


# --------------------------------------------------------------- measurement


def fit_and_score(task, hidden, activation, penalty, alpha, train, test, seed):
    """(test loss, share of zeros, iterations) of one cold fit."""
    make = MLPClassifier if task == "classification" else MLPRegressor
    model = make(
        hidden_layer_sizes=hidden,
        activation=activation,
        solver="lbfgs",
        max_iter=300,
        alpha=alpha,
        penalty=penalty,
        l1_ratio=L1_RATIO,
        random_state=seed,
    )
    with warnings.catch_warnings():
        # 300 iterations are the budget, not a failure.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(*train)
    X, y = test
    if task == "classification":
        loss = log_loss(y, model.predict_proba(X), labels=model.classes_)
    else:
        loss = np.mean((model.predict(X) - y) ** 2) / np.var(train[1])
    n_zeros = sum(np.sum(W == 0) for W in model.coefs_)
    return loss, n_zeros / sum(W.size for W in model.coefs_), model.n_iter_


def measure(name, task, X, y, config, split, grid, done):
    """Yield a row for every c of the grid that is not in `done`."""
    hidden, activation, penalty, units = config
    hidden_name = "-".join(map(str, hidden))
    key = (name, penalty, hidden_name, activation, units, split)
    grid = [c for c in grid if (*key, c) not in done]
    if not grid:
        return
    X_train, X_test, y_train, y_test = train_test_split(
        X,
        y,
        test_size=0.4,
        random_state=split,
        stratify=y if task == "classification" else None,
    )
    scaler = StandardScaler().fit(X_train)
    X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
    scale = 1.0
    if task == "classification":
        Y = LabelBinarizer().fit_transform(y_train)
    else:
        mean, std = y_train.mean(), y_train.std()
        Y = ((y_train - mean) / std)[:, np.newaxis]
        if units == "raw":
            scale = std
        else:
            y_train, y_test = Y[:, 0], (y_test - mean) / std
    products = X_train.T @ (Y - Y.mean(axis=0))
    sigma_max = np.linalg.norm(products, 2)
    factor = factor_of_units(scale, penalty, len(hidden) + 1)
    for c in grid:
        alpha = float(c * sigma_max * factor)
        start = time.perf_counter()
        loss, sparsity, n_iter = fit_and_score(
            task,
            hidden,
            activation,
            penalty,
            alpha,
            (X_train, y_train),
            (X_test, y_test),
            split,
        )
        seconds = time.perf_counter() - start
        values = (*key, c, task, len(X_train), sigma_max, np.abs(products).max())
        values += (alpha, loss, sparsity, n_iter, seconds)
        names = (*KEY, "task", "m", "sigma_max", "max_entry")
        names += ("alpha", "loss", "sparsity", "n_iter", "seconds")
        yield dict(zip(names, values, strict=True))


def configurations(found, quick):
    """(set, (hidden, activation, penalty, units)), what matters most first."""
    stages = [NETWORKS[:2]] if quick else [NETWORKS[:2], NETWORKS[2:]]
    for networks in stages:
        for penalty in PENALTIES:
            for hidden in networks:
                for name in found:
                    yield name, (hidden, "relu", penalty, "standardised")
    regression = [name for name in found if found[name][0] == "regression"]
    for penalty in PENALTIES:
        for hidden in NETWORKS[:2] if quick else NETWORKS:
            for name in regression:
                yield name, (hidden, "relu", penalty, "raw")
    if not quick:
        for penalty in PENALTIES:
            for hidden in NETWORKS[1:]:
                for name in (name for name in TANH_SETS if name in found):
                    yield name, (hidden, "tanh", penalty, "standardised")


def read_rows(path):
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [
            {name: kind(row[name]) for name, kind in FIELDS.items()}
            for row in csv.DictReader(file)
        ]


def run(path, found, grid, n_splits, quick):
    """Append to the CSV file what it does not hold yet."""
    done = {tuple(row[name] for name in KEY) for row in read_rows(path)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if file.tell() == 0:
            writer.writeheader()
        for name, config in configurations(found, quick):
            for split in range(n_splits):
                for row in measure(name, *found[name], config, split, grid, done):
                    writer.writerow(row)
                    file.flush()


# ------------------------------------------------------------------- summary


def curves(rows):
    """{(penalty, hidden, activation, units): {set: (rows of split 0, c, loss)}}.

    The loss is the mean over the splits, at the c all splits share.
    """
    groups = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for row in rows:
        key = tuple(row[k] for k in ("penalty", "hidden", "activation", "units"))
        groups[key][row["set"]][row["c"]].append(row)
    result = {}
    for key, sets in groups.items():
        result[key] = {}
        for name, by_c in sets.items():
            n_splits = max(map(len, by_c.values()))
            c = sorted(c for c in by_c if len(by_c[c]) == n_splits)
            loss = [np.mean([row["loss"] for row in by_c[value]]) for value in c]
            result[key][name] = by_c[c[0]], np.array(c), np.array(loss)
    return result


def log_regrets(sets, grid, name="sigma_max"):
    """log(loss / best loss) by set and c, λ = c · reference; shape (sets, c).

    Between the points measured the curve is taken as linear in log c; beyond them, as
    constant.
    """
    out = []
    for rows, c, loss in sets.values():
        ratio = np.mean([np.log(reference(name, r) / r["sigma_max"]) for r in rows])
        regret = np.log(loss / loss.min())
        out.append(np.interp(np.log(grid) + ratio, np.log(c), regret))
    return np.array(out)


def label(key):
    penalty, hidden, activation, units = key
    network = f"({hidden.replace('-', ', ')}{',' if hidden.isdigit() else ''})"
    extra = "" if activation == "relu" or not hidden else f" {activation}"
    extra += "" if units == "standardised" else ", y raw"
    return f"{penalty}, {network}{extra}"


def regret_table(rows, shown):
    """Markdown: geometric-mean regret by penalty, network and c; the best in bold."""
    lines = [
        "| penalty, hidden layers | sets | " + " | ".join(f"{c:g}" for c in shown),
        "|---" * (2 + len(shown)),
    ]
    for key, sets in sorted(curves(rows).items(), key=order):
        regret = np.exp(log_regrets(sets, shown).mean(axis=0))
        cells = [f"{r:.2f}" for r in regret]
        cells[regret.argmin()] = f"**{cells[regret.argmin()]}**"
        lines.append(f"| {label(key)} | {len(sets)} | " + " | ".join(cells))
    return "\n".join(f"{line} |" for line in lines)


def order(item):
    penalty, hidden, activation, units = item[0]
    depth = n_hidden_layers({"hidden": hidden})
    return units != "standardised", activation, PENALTIES.index(penalty), depth


def reference_table(rows):
    """Markdown: for each reference the best constant, its regret, its constancy."""
    names = ("sigma_max", "max", "homogeneous")
    fine = np.logspace(-6, 2, 161)
    lines = [
        "| penalty, hidden layers | "
        + " | ".join(f"{name}: c, regret (spread)" for name in names),
        "|---" * (1 + len(names)),
    ]
    for key, sets in sorted(curves(rows).items(), key=order):
        cells = []
        for name in names:
            regrets = log_regrets(sets, fine, name)
            best = regrets.mean(axis=0).argmin()
            # How far apart the sets' own best c are, in decades.
            spread = np.std(np.log10(fine[regrets.argmin(axis=1)]))
            mean = np.exp(regrets[:, best].mean())
            cells.append(f"{fine[best]:.2g}, {mean:.3f} ({spread:.2f})")
        lines.append(f"| {label(key)} | " + " | ".join(cells))
    return "\n".join(f"{line} |" for line in lines)


def report(rows):
    shown = sorted({row["c"] for row in rows})
    parts = [
        "Geometric mean over data sets of (test loss at λ = c · σ_max) / (test loss at "
        "the set's best c):",
        regret_table(rows, np.array(shown)),
        "Best constant of each reference, its geometric-mean regret, and (standard "
        "deviation over the sets of log10 of their own best c):",
        reference_table(rows),
    ]
    return "\n\n".join(parts)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument(
        "--data",
        type=Path,
        help="folder with " + ", ".join(file for _, file, _ in ON_DISK.values()),
    )
    parser.add_argument("--csv", type=Path, default=Path("alpha_scale.csv"))
    parser.add_argument("--splits", type=int, default=2)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="five bundled sets, up to one hidden layer, one c a decade, one split",
    )
    args = parser.parse_args()

    names = [*BUNDLED, *ON_DISK]
    # Exponents first: 10.0 ** -2.5 is the same float on every run and platform.
    grid = [float(f"{10 ** (k / 2):.3g}") for k in range(-10, 1)]
    if args.quick:
        names = ["iris", "breast_cancer", "noisy_labels", "diabetes", "friedman1"]
        grid, args.splits = grid[2::2], 1
    found = load_sets(names, args.data)
    run(args.csv, found, grid, args.splits, args.quick)
    # A longer earlier run may be in the file too; only this one is reported.
    wanted = {(name, config) for name, config in configurations(found, args.quick)}
    rows = [
        row
        for row in read_rows(args.csv)
        if row["split"] < args.splits and row["c"] in grid and _config(row) in wanted
    ]
    print(report(rows))


def _config(row):
    hidden = tuple(int(n) for n in row["hidden"].split("-")) if row["hidden"] else ()
    return row["set"], (hidden, row["activation"], row["penalty"], row["units"])


if __name__ == "__main__":
    main()
