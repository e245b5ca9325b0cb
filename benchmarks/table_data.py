"""The tables of ``benchmarks.tables``: how they are read, and how rows are split."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from sklearn import datasets
from sklearn.model_selection import (
    GroupShuffleSplit,
    StratifiedGroupKFold,
    train_test_split,
)
from sklearn.utils import shuffle

TEST_SHARE = 0.3
MOST_TEST_ROWS = 10_000
# Rows kept of Fashion-MNIST: as many for training as for testing.
FASHION_ROWS = 20_000
FRIEDMAN_ROWS = 1000
# Columns of bike_hour that are no inputs: the two summands of the target, the number
# of the row and the date.
BIKE_DROPPED = ["casual", "registered", "instant", "dteday"]


@dataclass
class Table:
    """A data set as a user has it: unscaled, with categories and missing values.

    Attributes
    ----------
    X : ndarray, sparse array or DataFrame of shape (n_rows, n_columns)
        Categorical columns have the dtype "category".
    y : ndarray of shape (n_rows,)
        Classes 0 ... n_classes - 1, or the target in its own unit.
    groups : ndarray of shape (n_rows,) or None
        Rows of one group are never in both training and test part.
    """

    X: Any
    y: np.ndarray
    regression: bool
    groups: np.ndarray | None = None


@dataclass
class Split:
    """The rows that a method is fitted on, and those that it is scored on.

    Attributes
    ----------
    folds : list of (train, test) or None
        The folds of methods that cross-validate, where rows come in groups; None
        leaves the folds to the method.
    """

    X: Any
    y: np.ndarray
    X_test: Any
    y_test: np.ndarray
    regression: bool
    folds: list | None = None

    @property
    def n_classes(self):
        return int(self.y.max()) + 1


def rows_of(X, rows):
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def split_table(table, seed, max_rows, test_share=TEST_SHARE):
    """A random split; classes keep their shares, groups stay together.

    At most `max_rows` rows are for training and MOST_TEST_ROWS of the others for
    testing. The folds of a table with groups are drawn here, from the training rows.
    """
    rows = np.arange(len(table.y))
    if table.groups is None:
        train, test = train_test_split(
            rows,
            test_size=test_share,
            random_state=seed,
            stratify=None if table.regression else table.y,
        )
    else:
        splitter = GroupShuffleSplit(1, test_size=test_share, random_state=seed)
        train, test = next(splitter.split(rows, groups=table.groups))
        train, test = shuffle(train, random_state=seed), test
    # Both parts are in random order, so that their heads are random samples.
    train, test = train[:max_rows], test[:MOST_TEST_ROWS]
    y = table.y[train]
    if not table.regression and len(np.unique(y)) <= table.y.max():
        raise ValueError(
            f"max_rows={max_rows}: no training row of some class; increase max_rows"
        )
    folds = None
    if table.groups is not None:
        splitter = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
        folds = list(splitter.split(train, y, table.groups[train]))
    return Split(
        rows_of(table.X, train),
        y,
        rows_of(table.X, test),
        table.y[test],
        table.regression,
        folds,
    )


# ------------------------------------------------------------------- loaders


def class_numbers(labels):
    return np.unique(labels, return_inverse=True)[1]


def read_frame(path, target, dropped=()):
    """(X, y) of a CSV file; columns of text are made categorical."""
    # For the tables that have categories, and not for the others.
    import pandas as pd

    frame = pd.read_csv(path)
    X = frame.drop(columns=[target, *dropped])
    text = [name for name in X if not pd.api.types.is_numeric_dtype(X[name])]
    return X.astype(dict.fromkeys(text, "category")), frame[target].to_numpy()


def bundled(load, regression=False):
    def read(folder):
        return Table(*load(return_X_y=True), regression)

    return read


def friedman1(folder):
    X, y = datasets.make_friedman1(FRIEDMAN_ROWS, noise=1.0, random_state=0)
    return Table(X, y, True)


def csv_file(name, target, regression=False, dropped=()):
    def read(folder):
        X, y = read_frame(folder / name, target, dropped)
        return Table(X, y if regression else class_numbers(y), regression)

    return read


def npz_file(name, regression=False):
    def read(folder):
        with np.load(folder / name) as file:
            y = file["y"]
            return Table(file["X"], y if regression else class_numbers(y), regression)

    return read


def mice_protein(folder):
    """Expression levels of 77 proteins; fifteen rows are one mouse."""
    path = folder / "mice_protein.csv.gz"
    X, y = read_frame(path, "class", ["Genotype", "Treatment", "Behavior"])
    mice = X.pop("MouseID").astype(str).str.rsplit("_", n=1).str[0].to_numpy()
    return Table(X, class_numbers(y), False, mice)


def a9a(folder):
    paths = [str(folder / f"a9a.{part}.svm.gz") for part in ("train", "test")]
    X_train, y_train, X_test, y_test = datasets.load_svmlight_files(paths)
    y = class_numbers(np.concatenate([y_train, y_test]))
    return Table(sparse.csr_array(sparse.vstack([X_train, X_test])), y, False)


def fashion(folder):
    """FASHION_ROWS of Fashion-MNIST's 70,000 images, pixels from 0 to 1."""
    with np.load(folder / "fashion_mnist.npz") as file:
        X = np.concatenate([file["X_train"], file["X_test"]])
        y = np.concatenate([file["y_train"], file["y_test"]])
    rows = np.random.default_rng(0).permutation(len(y))[:FASHION_ROWS]
    X = X[rows].reshape(len(rows), -1).astype(np.float32) / np.float32(255.0)
    return Table(X, class_numbers(y[rows]), False)


@dataclass
class Source:
    """Where a table comes from.

    Attributes
    ----------
    read : callable ``read(folder) -> Table``
    files : tuple of str
        What `read` needs in the folder --data.
    """

    read: Callable
    files: tuple[str, ...] = ()


SOURCES = {
    "iris": Source(bundled(datasets.load_iris)),
    "wine": Source(bundled(datasets.load_wine)),
    "breast_cancer": Source(bundled(datasets.load_breast_cancer)),
    "digits": Source(bundled(datasets.load_digits)),
    "diabetes": Source(bundled(datasets.load_diabetes, True)),
    "friedman1": Source(friedman1),
    "sonar": Source(csv_file("sonar.csv.gz", "y"), ("sonar.csv.gz",)),
    "leukemia": Source(npz_file("leukemia_golub.npz"), ("leukemia_golub.npz",)),
    "mice_protein": Source(mice_protein, ("mice_protein.csv.gz",)),
    "airfoil": Source(csv_file("airfoil.csv.gz", "target", True), ("airfoil.csv.gz",)),
    "phoneme": Source(csv_file("phoneme.csv.gz", "y"), ("phoneme.csv.gz",)),
    "spambase": Source(npz_file("spambase.npz"), ("spambase.npz",)),
    "wine_quality": Source(
        csv_file("wine_quality.csv.gz", "quality", True), ("wine_quality.csv.gz",)
    ),
    "california": Source(
        npz_file("california_housing.npz", True), ("california_housing.npz",)
    ),
    "bike_hour": Source(
        csv_file("bike_hour.csv.gz", "cnt", True, BIKE_DROPPED), ("bike_hour.csv.gz",)
    ),
    "kin40k": Source(npz_file("uci_kin40k.npz", True), ("uci_kin40k.npz",)),
    "adult": Source(
        csv_file("adult.csv.gz", "income", dropped=["split"]), ("adult.csv.gz",)
    ),
    "a9a": Source(a9a, ("a9a.train.svm.gz", "a9a.test.svm.gz")),
    "fashion": Source(fashion, ("fashion_mnist.npz",)),
}


def missing_files(name, folder):
    """What the folder --data lacks for a table."""
    files = SOURCES[name].files
    return [f for f in files if folder is None or not (Path(folder) / f).exists()]


def load_table(name, folder):
    return SOURCES[name].read(Path(folder) if folder is not None else None)
