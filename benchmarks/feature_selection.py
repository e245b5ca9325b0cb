"""Accuracy against the number of inputs used: penalty='group_l1', LassoNet, a filter.

    OPENBLAS_NUM_THREADS=1 python benchmarks/feature_selection.py --data DIR

DIR holds mice_protein.csv.gz (77 proteins, 8 classes, 72 mice with 15 rows each; a
mouse is never in both train and test) and leukemia_golub.npz (7129 genes, 72 patients).
Columns are imputed by their mean and standardised, with what the training rows say.

Each method walks a path from dense to sparse on the training rows alone. For every
number k, the densest network of the path with at most k inputs is taken, and

- `path`   is its own test accuracy,
- `refit`  that of a network trained anew on the inputs it uses, under an L2 penalty
           with alpha='scale': the same for all methods, it judges the choice alone.

`seconds` is the time of the whole path. All networks have one hidden layer of 50 relu
units. LassoNet runs with its defaults but for the ratio of its λs, --multiplier: its
own, 1.02, takes five times as long.
"""

import argparse
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import f_classif
from sklearn.impute import SimpleImputer
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, StandardScaler

from skl2 import MLPClassifier

HIDDEN = (50,)
SIZES = (5, 10, 20, 50)


def mice_protein(folder):
    """X with missing values, y, and the mouse of every row."""
    frame = pd.read_csv(Path(folder) / "mice_protein.csv.gz")
    mouse = frame["MouseID"].str.rsplit("_", n=1).str[0]
    proteins = [name for name in frame if name.endswith("_N")]
    return frame[proteins].to_numpy(float), frame["class"], mouse.to_numpy()


def leukemia(folder):
    data = np.load(Path(folder) / "leukemia_golub.npz", allow_pickle=True)
    return data["X"].astype(float), data["y"], None


DATA_SETS = {"mice_protein": mice_protein, "leukemia_golub": leukemia}


def splits(X, y, groups, seed):
    """Three folds, each held out in turn, preprocessed by the other two."""
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    cv = kind(3, shuffle=True, random_state=seed)
    for train, test in cv.split(X, y, groups):
        prepare = make_pipeline(SimpleImputer(), StandardScaler())
        yield (
            prepare.fit_transform(X[train]),
            y[train],
            prepare.transform(X[test]),
            y[test],
        )


# --------------------------------------------------------------------------- paths
# Each yields (inputs used, predict) from dense to sparse.


def group_l1(X, y, seed, ratio):
    """λ grows by `ratio` from alpha='scale'; each network starts from the last."""
    mlp = MLPClassifier(
        HIDDEN,
        penalty="group_l1",
        alpha="scale",
        solver="lbfgs",
        warm_start=True,
        tol=1e-3,
        max_iter=100,
        random_state=seed,
    )
    while True:
        mlp.fit(X, y)
        used = np.flatnonzero(mlp.feature_importances_)
        if not len(used):
            return
        yield used, mlp.predict
        mlp.set_params(alpha=ratio * mlp.alpha_[0])


def lassonet(X, y, seed, ratio):
    from lassonet import LassoNetClassifier

    model = LassoNetClassifier(
        hidden_dims=HIDDEN,
        path_multiplier=ratio,
        random_state=seed,
        torch_seed=seed,
        verbose=0,
    )
    steps = []

    def record(fitted, history):
        used = np.flatnonzero(history[-1].selected.cpu().numpy())
        # The path goes on in the same network.
        steps.append(
            (used, {k: v.clone() for k, v in fitted.model.state_dict().items()})
        )

    model.path(X.astype(np.float32), y, callback=record, disable_lambda_warning=True)

    def predict_with(state):
        def predict(X_test):
            model.model.load_state_dict(state)
            return model.predict(X_test.astype(np.float32))

        return predict

    for used, state in steps:
        if len(used):
            yield used, predict_with(state)


def filter_by_f(X, y, seed, ratio):
    """The inputs of largest F statistic, one by one: no network has a say."""
    order = np.argsort(-np.nan_to_num(f_classif(X, y)[0]), kind="stable")
    for k in sorted(SIZES, reverse=True):
        yield np.sort(order[:k]), None


METHODS = {
    "group_l1": group_l1,
    "LassoNet": lassonet,
    "F test": filter_by_f,
}


# ------------------------------------------------------------------------ measuring


def densest(path, X_test, y_test):
    """{k: (inputs, accuracy)} of the densest network with at most k inputs."""
    found = {}
    for used, predict in path:
        for k in SIZES:
            if len(used) <= k and k not in found:
                score = (
                    np.nan if predict is None else np.mean(predict(X_test) == y_test)
                )
                found[k] = used, score
    return found


def refit(X, y, X_test, y_test, used, seed):
    mlp = MLPClassifier(
        HIDDEN, alpha="scale", solver="lbfgs", max_iter=500, random_state=seed
    )
    return mlp.fit(X[:, used], y).score(X_test[:, used], y_test)


def measure(name, folder, ratios, seeds):
    X, y, groups = DATA_SETS[name](folder)
    y = LabelEncoder().fit_transform(y)
    rows = []
    for seed in seeds:
        for X_train, y_train, X_test, y_test in splits(X, y, groups, seed):
            everything = np.arange(X.shape[1])
            full = refit(X_train, y_train, X_test, y_test, everything, seed)
            rows.append(("all inputs", 0, len(everything), np.nan, full, np.nan))
            for method, path in METHODS.items():
                start = time.perf_counter()
                path = list(
                    densest(
                        path(X_train, y_train, seed, ratios.get(method)),
                        X_test,
                        y_test,
                    ).items()
                )
                seconds = time.perf_counter() - start
                print(f"{name}, {method}: {seconds:.1f} s", file=sys.stderr)
                for k, (used, score) in path:
                    again = refit(X_train, y_train, X_test, y_test, used, seed)
                    rows.append((method, k, len(used), score, again, seconds))
    columns = ["method", "k", "used", "path", "refit", "seconds"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.groupby(["method", "k"], sort=False).mean()


def markdown(name, table):
    """One row a method: test accuracies `path / refit` at each number of inputs."""

    def cell(method, k):
        if (method, k) not in table.index:
            return "–"
        row = table.loc[method, k]
        path = "" if np.isnan(row["path"]) else f"{row['path']:.3f} / "
        return f"{path}{row['refit']:.3f} ({row['used']:.0f})"

    yield f"| {name} | " + " | ".join(f"≤ {k} inputs" for k in SIZES) + " | seconds |"
    yield "|---|" + "---|" * len(SIZES) + "---|"
    for method in METHODS:
        cells = " | ".join(cell(method, k) for k in SIZES)
        seconds = table.loc[method]["seconds"].mean()
        yield f"| {method} | {cells} | {seconds:.2f} |"
    (full,) = table.loc["all inputs"]["refit"]
    yield f"| all inputs | {full:.3f} |" + " |" * len(SIZES)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder with the two sets")
    parser.add_argument("--sets", nargs="+", default=list(DATA_SETS), choices=DATA_SETS)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--ratio", type=float, default=1.2, help="of our λs")
    parser.add_argument("--multiplier", type=float, default=1.1, help="LassoNet's")
    args = parser.parse_args()
    # A step of a path is not trained to the end.
    warnings.simplefilter("ignore", ConvergenceWarning)
    ratios = {"group_l1": args.ratio, "LassoNet": args.multiplier}
    for name in args.sets:
        table = measure(name, args.data, ratios, range(args.seeds))
        print("\n".join(markdown(name, table)), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
