"""Choosing λ: test scores and seconds of skl2's searches and of their peers.

    python -m benchmarks.lambda_search --quick
    python -m benchmarks.lambda_search --data DIR --json lambda_search.json

Every method trains the same network by the same solver (Adam; at most as many epochs,
the same tolerance and patience) on the same rows, and is scored on the same test rows,
for every seed: the seed decides the test rows, the folds and the initial weights. A
round of all methods is run for one seed, then for the next, so that whatever else the
machine does hits all alike; a ratio is taken within a round, and the median over the
rounds is reported. What is slow and gains nothing from repetition (see ``Method``) runs
in the first round alone.

Two cores: ``n_jobs=2`` wherever a search has it. The worker processes of scikit-learn's
searches are started, and have imported what they need, before the clock.
"""

import argparse
import csv
import gzip
import json
import multiprocessing
import os
import platform
import subprocess
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import sklearn
import sklearn.neural_network as peer
import threadpoolctl
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.metrics import log_loss, r2_score
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    train_test_split,
)

import skl2
from benchmarks.problems import generated
from benchmarks.timing import table
from skl2 import MLPClassifier, MLPRegressor
from skl2.model_selection import MLPClassifierCV, MLPRegressorCV, StackedGridSearchCV
from skl2.model_selection._warm_search import HOLDOUT_ROWS

N_JOBS = 2
TOL, PATIENCE = 1e-4, 10
# Probabilities closer to 0 or 1 than float32 can tell count as this.
CLIP = 1e-7
# Seconds after which a run of LassoNet is given up.
LASSONET_LIMIT = 60


# ---------------------------------------------------------------------- data


@dataclass
class Setting:
    """A data set and the network that is trained on it.

    Attributes
    ----------
    load : callable ``load(folder) -> X, y, groups``
        `groups` is None, or one label a row: rows of one group stay together.
    file : str or None
        What `load` reads in the folder --data.
    max_iter : int
        Most epochs of a fit.
    rows : (int, int) or None
        Training and test rows; None for 70 % and 30 %.
    one_scale : bool
        Divide by one number for all columns, instead of column by column: pixels.
    only : tuple of str
        Methods to run; () for all.
    """

    name: str
    load: Callable
    hidden: tuple[int, ...]
    batch_size: int
    max_iter: int
    learning_rate: float = 1e-3
    regression: bool = False
    file: str | None = None
    rows: tuple[int, int] | None = None
    one_scale: bool = False
    n_alphas: int = 20
    n_folds: int = 5
    only: tuple[str, ...] = ()


def bundled(load):
    return lambda folder: (*load(return_X_y=True), None)


def made(n_rows, n_features, n_classes):
    def load(folder):
        return (*generated(n_rows, n_features, n_classes, np.float32), None)

    return load


def read_npz(name):
    def load(folder):
        with np.load(folder / name) as file:
            return file["X"], file["y"], None

    return load


def read_phoneme(folder):
    with gzip.open(folder / "phoneme.csv.gz", "rt") as file:
        rows = np.loadtxt(file, delimiter=",", skiprows=1)
    return rows[:, :-1], rows[:, -1].astype(int), None


def read_mice(folder):
    """The 77 proteins; missing values become the mean of their column."""
    with gzip.open(folder / "mice_protein.csv.gz", "rt") as file:
        rows = list(csv.reader(file))[1:]
    X = np.array([[float(v or "nan") for v in row[1:78]] for row in rows])
    X = np.where(np.isnan(X), np.nanmean(X, axis=0), X)
    _, y = np.unique([row[-1] for row in rows], return_inverse=True)
    # Fifteen rows are one mouse.
    return X, y, np.array([row[0].split("_")[0] for row in rows])


def read_fashion(folder):
    with np.load(folder / "fashion_mnist.npz") as file:
        X = np.concatenate([file["X_train"], file["X_test"]]).reshape(70_000, -1)
        return X, np.concatenate([file["y_train"], file["y_test"]]), None


TIMED = ("StackedGridSearchCV", "GridSearchCV(skl2)", "GridSearchCV(sklearn)")
SETTINGS = {
    s.name: s
    for s in [
        Setting("iris", bundled(load_iris), (10,), 200, 300, 1e-2),
        Setting("wine", bundled(load_wine), (20,), 200, 200, 1e-2),
        Setting("breast_cancer", bundled(load_breast_cancer), (32,), 64, 200),
        Setting("digits", bundled(load_digits), (100,), 200, 200),
        Setting("diabetes", bundled(load_diabetes), (50,), 200, 200, 1e-2, True),
        Setting(
            "spambase", read_npz("spambase.npz"), (50,), 200, 60, file="spambase.npz"
        ),
        Setting("phoneme", read_phoneme, (50,), 200, 60, 5e-3, file="phoneme.csv.gz"),
        Setting(
            "california_housing",
            read_npz("california_housing.npz"),
            (50,),
            200,
            30,
            5e-3,
            True,
            "california_housing.npz",
        ),
        Setting("mice_protein", read_mice, (50,), 200, 100, file="mice_protein.csv.gz"),
        Setting(
            "fashion_mnist_10k",
            read_fashion,
            (100,),
            200,
            12,
            file="fashion_mnist.npz",
            rows=(10_000, 10_000),
            one_scale=True,
        ),
        # Sizes at which the time of a search is looked at and nothing else.
        Setting(
            "made, 20-100-100-2",
            made(5000, 20, 2),
            (100, 100),
            200,
            5,
            n_alphas=8,
            n_folds=3,
            only=TIMED,
        ),
        Setting(
            "made, 784-512-512-10",
            made(4000, 784, 10),
            (512, 512),
            200,
            3,
            n_alphas=8,
            n_folds=3,
            only=TIMED,
        ),
    ]
}


@dataclass
class Task:
    """One round: the rows, folds and λs that every method is given."""

    setting: Setting
    seed: int
    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    splits: list
    alphas: np.ndarray = field(init=False)

    def __post_init__(self):
        scale = self.mlp("scale", solver="lbfgs", max_iter=1).fit(self.X, self.y)
        decades = np.linspace(-3, 3, self.setting.n_alphas)
        self.alphas = scale.alpha_[0] * 10.0**decades

    @property
    def params(self):
        """What every multi-layer perceptron is given, ours and scikit-learn's."""
        return {
            "hidden_layer_sizes": self.setting.hidden,
            "solver": "adam",
            "learning_rate_init": self.setting.learning_rate,
            "max_iter": self.setting.max_iter,
            "tol": TOL,
            "n_iter_no_change": PATIENCE,
            "batch_size": min(self.setting.batch_size, self.fold_rows),
            "random_state": self.seed,
        }

    @property
    def fold_rows(self):
        return min(len(train) for train, _ in self.splits)

    def mlp(self, alpha=1e-4, **params):
        make = MLPRegressor if self.setting.regression else MLPClassifier
        return make(alpha=alpha, **(self.params | params))

    def peer(self, **params):
        regression = self.setting.regression
        return (peer.MLPRegressor if regression else peer.MLPClassifier)(**params)

    @property
    def peer_alphas(self):
        """The same λs for scikit-learn, whose penalty is divided by a batch's rows."""
        return self.alphas * self.params["batch_size"] / self.fold_rows

    def score(self, model):
        """Log-loss, or R², on the test rows."""
        if self.setting.regression:
            return float(r2_score(self.y_test, model.predict(self.X_test)))
        return self.log_loss(model.predict_proba(self.X_test))

    def log_loss(self, p):
        p = np.clip(p.astype(np.float64), CLIP, 1.0 - CLIP)
        p /= p.sum(axis=1, keepdims=True)
        return float(log_loss(self.y_test, p, labels=np.unique(self.y)))


def make_task(setting, data, seed):
    """Split the rows, scale them (and y, for regression), lay the folds."""
    X, y, groups = data
    X = X.astype(np.float64)
    if groups is None:
        train, test = _split(setting, y, seed)
        kind = KFold if setting.regression else StratifiedKFold
        folds = kind(setting.n_folds, shuffle=True, random_state=seed)
        folds = list(folds.split(train, y[train]))
    else:
        train, test, folds = _split_groups(setting, y, groups, seed)
    mean, std = X[train].mean(axis=0), X[train].std(axis=0)
    std = std.mean() if setting.one_scale else np.where(std > 0, std, 1.0)
    X = ((X - mean) / std).astype(np.float32)
    if setting.regression:
        y = ((y - y[train].mean()) / y[train].std()).astype(np.float32)
    return Task(setting, seed, X[train], y[train], X[test], y[test], folds)


def _split_groups(setting, y, groups, seed):
    """Rows to train and to test on, and folds; every class is held out in each fold.

    Without a row of a class there is no log-loss.
    """
    for attempt in range(100):
        folds = StratifiedGroupKFold(
            3, shuffle=True, random_state=1000 * attempt + seed
        )
        train, test = next(folds.split(np.zeros((len(y), 1)), y, groups))
        folds = StratifiedGroupKFold(setting.n_folds, shuffle=True, random_state=seed)
        found = list(folds.split(train, y[train], groups[train]))
        if all(len(np.unique(y[train][f])) == len(np.unique(y)) for _, f in found):
            return train, test, found
    raise ValueError(f"{setting.name}: no folds have all classes; use fewer folds.")


def _split(setting, y, seed):
    n_train, n_test = setting.rows or (0.7, 0.3)
    return train_test_split(
        np.arange(len(y)),
        train_size=n_train,
        test_size=n_test,
        random_state=seed,
        stratify=None if setting.regression else y,
    )


# ------------------------------------------------------------------- methods


@dataclass
class Outcome:
    """What a method found.

    Attributes
    ----------
    score : callable ``score() -> float``, on the test rows
    alpha : float or None
        The chosen λ.
    epochs : float or None
        Of all fits on folds together, where it is known.
    n_fits : int
        Fits on folds, and the one on all rows.
    search : object or None
        To compare ``cv_results_``.
    seconds : float or None
        Where the method has a clock of its own.
    """

    score: Callable[[], float]
    alpha: float | None = None
    epochs: float | None = None
    n_fits: int = 1
    search: Any = None
    seconds: float | None = None


@dataclass
class Method:
    """A way to come by a fitted network.

    Attributes
    ----------
    run : callable ``run(task) -> Outcome``
        This is what is timed.
    warm_up : callable ``warm_up(task)``
        Before the clock.
    slow : bool
        Whether to run in the first round only.
    cost : (float, float)
        Seconds in fits of skl2 and of scikit-learn for every fit of a full search, for
        the estimate.
    """

    run: Callable
    warm_up: Callable = lambda task: None
    slow: bool = False
    cost: tuple[float, float] = (0.0, 0.0)


def single(task, model):
    model.fit(task.X, task.y)
    return Outcome(lambda: task.score(model), float(model.alpha_[0]))


def sklearn_default(task):
    """All parameters at their defaults but the width, which is that of the others.

    With and without BLAS threads; the faster one counts.
    """
    model = task.peer(hidden_layer_sizes=task.setting.hidden, random_state=task.seed)
    times = []
    for limit in (None, 1):
        with threadpoolctl.threadpool_limits(limit, user_api="blas"):
            seconds, _ = seconds_of(lambda: model.fit(task.X, task.y))
        times.append(seconds)
    return Outcome(lambda: task.score(model), seconds=min(times))


def ladder(selection):
    def run(task):
        return cv_estimator(task, search="ladder", selection=selection)

    return run


def cv_grid(task):
    return cv_estimator(task, search="grid", alphas=task.alphas)


def cv_estimator(task, **params):
    make = MLPRegressorCV if task.setting.regression else MLPClassifierCV
    # From HOLDOUT_ROWS on the ladder's own choice is one holdout.
    large = params["search"] == "ladder" and len(task.X) >= HOLDOUT_ROWS
    cv = None if large else task.splits
    model = make(cv=cv, n_jobs=N_JOBS, **(task.params | params)).fit(task.X, task.y)
    visited = int(np.isfinite(model.scores_).all(axis=1).sum())
    n_fits = visited * model.scores_.shape[1] + 1
    return Outcome(lambda: task.score(model), model.alpha_, n_fits=n_fits)


def n_epochs(estimator, X, y):
    """A scorer that does not score: the check of equal work."""
    return estimator.n_iter_


def grid(search_class, of_peer=False):
    def run(task):
        model = task.peer(**task.params) if of_peer else task.mlp()
        alphas = task.peer_alphas if of_peer else task.alphas
        search = search_class(
            model,
            {"alpha": alphas},
            scoring={"loss": scoring(task), "epochs": n_epochs},
            refit="loss",
            cv=task.splits,
            n_jobs=N_JOBS,
        ).fit(task.X, task.y)
        n_fits = len(alphas) * len(task.splits)
        return Outcome(
            lambda: task.score(search),
            float(task.alphas[search.best_index_]),
            float(search.cv_results_["mean_test_epochs"].mean() * n_fits),
            n_fits + 1,
            search,
        )

    return run


def scoring(task):
    return "neg_mean_squared_error" if task.setting.regression else "neg_log_loss"


def halving(task):
    search = HalvingGridSearchCV(
        task.peer(**{k: v for k, v in task.params.items() if k != "max_iter"}),
        {"alpha": task.peer_alphas},
        resource="max_iter",
        max_resources=task.setting.max_iter,
        scoring=scoring(task),
        cv=task.splits,
        n_jobs=N_JOBS,
        random_state=task.seed,
    ).fit(task.X, task.y)
    chosen = np.abs(np.log(task.peer_alphas / search.best_params_["alpha"])).argmin()
    n_fits = sum(search.n_candidates_) * len(task.splits) + 1
    return Outcome(
        lambda: task.score(search), float(task.alphas[chosen]), n_fits=n_fits
    )


def start_workers(task):
    """Start joblib's worker processes and let them import what they need."""
    for model in (task.mlp(), task.peer(random_state=0)):
        model.set_params(max_iter=1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            GridSearchCV(model, {"alpha": [1, 2, 3, 4]}, n_jobs=N_JOBS, cv=2).fit(
                task.X[:100], task.y[:100] if task.setting.regression else HALVES
            )


HALVES = np.arange(100) % 2


def lassonet(task):
    """LassoNet's own cross-validated path, in a process that can be given up."""
    context = multiprocessing.get_context("spawn")
    mine, its = context.Pipe()
    data = task.X, task.y, task.X_test, task.splits
    hidden, regression = task.setting.hidden, task.setting.regression
    process = context.Process(
        target=_lassonet, args=(its, data, hidden, regression, task.seed)
    )
    process.start()
    its.close()
    try:
        # None once its imports are done.
        failure = mine.recv()
        if failure is not None:
            raise Skipped(failure)
        if not mine.poll(LASSONET_LIMIT):
            raise Skipped(f"given up after {LASSONET_LIMIT} s")
        seconds, predicted = mine.recv()
    except EOFError:
        raise Skipped("its process ended without an answer") from None
    finally:
        process.kill()
        process.join()

    def score():
        if regression:
            return float(r2_score(task.y_test, predicted))
        return task.log_loss(predicted)

    return Outcome(score, seconds=seconds)


def _lassonet(answer, data, hidden, regression, seed):
    X, y, X_test, splits = data
    try:
        from lassonet import LassoNetClassifierCV, LassoNetRegressorCV
    except ImportError as error:
        answer.send(f"lassonet can't be imported: {error}")
        return
    answer.send(None)
    make = LassoNetRegressorCV if regression else LassoNetClassifierCV
    # Classifiers are told apart by accuracy: LassoNet has no other score.
    model = make(
        cv=splits, hidden_dims=hidden, random_state=seed, torch_seed=seed, verbose=0
    )
    start = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    predicted = model.predict(X_test) if regression else model.predict_proba(X_test)
    answer.send((seconds, np.asarray(predicted)))


class Skipped(Exception):
    """A method that can't be run here, and why."""


# --------------------------------------------------------------------- torch


class TorchNet:
    """The network, its loss and its stopping rule in PyTorch."""

    def __init__(self, task):
        try:
            import torch
        except ImportError:
            raise Skipped("torch is not installed") from None
        self.torch, self.task, self.setting = torch, task, task.setting
        self.X = torch.from_numpy(task.X)
        if self.setting.regression:
            self.n_outputs, y = 1, task.y[:, None]
            self.loss = lambda raw, y: 0.5 * torch.nn.functional.mse_loss(raw, y)
        elif (n_classes := len(np.unique(task.y))) == 2:
            # Two classes need one logit.
            self.n_outputs, y = 1, task.y[:, None].astype(np.float32)
            self.loss = torch.nn.functional.binary_cross_entropy_with_logits
        else:
            self.n_outputs, y = n_classes, task.y.astype(np.int64)
            self.loss = torch.nn.functional.cross_entropy
        self.y = torch.from_numpy(y)

    def network(self):
        """Fresh weights, the same every time."""
        nn = self.torch.nn
        self.torch.manual_seed(self.task.seed)
        sizes = [self.X.shape[1], *self.setting.hidden, self.n_outputs]
        layers = []
        for n_in, n_out in zip(sizes, sizes[1:], strict=False):
            linear = nn.Linear(n_in, n_out)
            bound = (6.0 / (n_in + n_out)) ** 0.5
            for parameter in linear.parameters():
                nn.init.uniform_(parameter, -bound, bound)
            layers += [linear, nn.ReLU()]
        return nn.Sequential(*layers[:-1])

    def batches(self, rows):
        order = rows[self.torch.randperm(len(rows))]
        return order.tensor_split(-(-len(rows) // self.task.params["batch_size"]))

    def train_one(self, rows, alpha):
        """A net trained by torch.optim.Adam, and its epochs."""
        torch = self.torch
        net = self.network()
        weights = [p for p in net.parameters() if p.ndim == 2]
        biases = [p for p in net.parameters() if p.ndim == 1]
        optimizer = torch.optim.Adam(
            [
                {"params": weights, "weight_decay": alpha / len(rows)},
                {"params": biases},
            ],
            lr=self.setting.learning_rate,
        )
        rule, epochs = Stopping(1), 0
        for _ in range(self.setting.max_iter):
            epochs += 1
            total = torch.zeros(())
            for batch in self.batches(rows):
                optimizer.zero_grad()
                loss = self.loss(net(self.X[batch]), self.y[batch])
                loss.backward()
                optimizer.step()
                total += loss.detach() * len(batch)
            with torch.no_grad():
                total = total + 0.5 * alpha * sum((W * W).sum() for W in weights)
            if rule.exhausted(total.numpy()[None] / len(rows))[0]:
                break
        return net, epochs

    def train_stack(self, rows, alphas):
        """Nets for all alphas by torch.func: stacked weights, and epochs of each."""
        torch = self.torch
        net = self.network()

        def data_loss(params, x, y):
            return self.loss(torch.func.functional_call(net, params, (x,)), y)

        step = torch.func.vmap(torch.func.grad_and_value(data_loss), (0, None, None))
        n = len(alphas)
        params = {k: torch.stack([p.detach()] * n) for k, p in net.named_parameters()}
        finished = {k: p.clone() for k, p in params.items()}
        moments = [{k: torch.zeros_like(p) for k, p in params.items()} for _ in (0, 1)]
        decay = torch.tensor(alphas / len(rows), dtype=torch.float32)[:, None, None]
        members, epochs = np.arange(n), np.zeros(n)
        rule, t = Stopping(n), 0
        for _ in range(self.setting.max_iter):
            total = torch.zeros(len(members))
            for batch in self.batches(rows):
                t += 1
                grads, losses = step(params, self.X[batch], self.y[batch])
                self.adam(params, grads, moments, decay, t)
                total += losses * len(batch)
            epochs[members] += 1
            for p in params.values():
                if p.ndim == 3:
                    total += 0.5 * len(rows) * decay[:, 0, 0] * p.square().sum((1, 2))
            stop = rule.exhausted(total.numpy() / len(rows))
            if stop.any():
                keep = torch.from_numpy(np.flatnonzero(~stop))
                for k, p in params.items():
                    finished[k][members] = p
                    params[k] = p[keep]
                moments = [{k: v[keep] for k, v in m.items()} for m in moments]
                members, decay = members[~stop], decay[keep]
                rule.select(~stop)
                if not len(members):
                    return finished, epochs
        for k, p in params.items():
            finished[k][members] = p
        return finished, epochs

    def adam(self, params, grads, moments, decay, t):
        first, second = moments
        rate = self.setting.learning_rate / (1.0 - 0.9**t)
        for k, p in params.items():
            g = grads[k].add_(decay * p) if p.ndim == 3 else grads[k]
            first[k].lerp_(g, 0.1)
            second[k].mul_(0.999).addcmul_(g, g, value=0.001)
            root = (second[k] / (1.0 - 0.999**t)).sqrt_().add_(1e-8)
            p.addcdiv_(first[k], root, value=-rate)

    def search_one_by_one(self):
        # A second thread loses on products of this size.
        self.torch.set_num_threads(1)
        losses, total = [], 0
        for train, held_out in self.folds():
            losses.append([])
            for alpha in self.task.alphas:
                net, epochs = self.train_one(train, alpha)
                total += epochs
                with self.torch.no_grad():
                    loss = self.loss(net(self.X[held_out]), self.y[held_out])
                losses[-1].append(float(loss))
        alpha = self.task.alphas[np.mean(losses, axis=0).argmin()]
        net, _ = self.train_one(self.torch.arange(len(self.X)), alpha)
        return self.outcome(net, alpha, total)

    def search_stack(self):
        torch = self.torch
        torch.set_num_threads(N_JOBS)
        net = self.network()
        losses, total = [], 0
        for train, held_out in self.folds():
            params, epochs = self.train_stack(train, self.task.alphas)
            total += epochs.sum()
            losses.append([])
            for k in range(len(self.task.alphas)):
                own = {name: p[k] for name, p in params.items()}
                raw = torch.func.functional_call(net, own, (self.X[held_out],))
                loss = self.loss(raw, self.y[held_out])
                losses[-1].append(float(loss))
        alpha = self.task.alphas[np.mean(losses, axis=0).argmin()]
        params, _ = self.train_stack(torch.arange(len(self.X)), np.array([alpha]))
        net.load_state_dict({name: p[0] for name, p in params.items()})
        return self.outcome(net, alpha, total)

    def folds(self):
        for parts in self.task.splits:
            yield tuple(self.torch.from_numpy(rows) for rows in parts)

    def outcome(self, net, alpha, epochs):
        def score():
            with self.torch.no_grad():
                raw = net(self.torch.from_numpy(self.task.X_test))
                if self.setting.regression:
                    return float(r2_score(self.task.y_test, raw[:, 0].numpy()))
                if self.n_outputs > 1:
                    return self.task.log_loss(raw.softmax(1).numpy())
                p = raw.sigmoid().numpy()
                return self.task.log_loss(np.hstack([1 - p, p]))

        n_fits = len(self.task.alphas) * len(self.task.splits) + 1
        return Outcome(score, float(alpha), float(epochs), n_fits)


class Stopping:
    """scikit-learn's rule: the loss has not improved by TOL for PATIENCE epochs."""

    def __init__(self, n):
        self.best, self.count = np.full(n, np.inf), np.zeros(n, int)

    def exhausted(self, values):
        self.count = np.where(values > self.best - TOL, self.count + 1, 0)
        self.best = np.minimum(self.best, values)
        return self.count > PATIENCE

    def select(self, keep):
        self.best, self.count = self.best[keep], self.count[keep]


METHODS = {
    "alpha=1e-4 (default)": Method(lambda t: single(t, t.mlp())),
    "early_stopping=True": Method(lambda t: single(t, t.mlp(early_stopping=True))),
    "alpha='scale'": Method(lambda t: single(t, t.mlp("scale"))),
    "ladder, 1se": Method(ladder("1se"), cost=(0.04, 0.0)),
    "ladder, best": Method(ladder("best"), cost=(0.03, 0.0)),
    "sklearn default": Method(sklearn_default),
    "MLP*CV, grid": Method(cv_grid, cost=(0.4, 0.0)),
    "StackedGridSearchCV": Method(grid(StackedGridSearchCV), cost=(0.4, 0.0)),
    "GridSearchCV(skl2)": Method(grid(GridSearchCV), start_workers, cost=(0.6, 0.0)),
    "GridSearchCV(sklearn)": Method(
        grid(GridSearchCV, of_peer=True), start_workers, cost=(0.0, 0.6)
    ),
    "HalvingGridSearchCV(sklearn)": Method(halving, start_workers, cost=(0.0, 0.3)),
    "torch.func stack": Method(lambda t: TorchNet(t).search_stack(), cost=(0.0, 0.5)),
    "torch, one by one": Method(
        lambda t: TorchNet(t).search_one_by_one(), slow=True, cost=(0.0, 1.2)
    ),
    "LassoNet CV": Method(lassonet, slow=True),
}
# With these the search is of the same fits: their epochs must agree.
EQUAL_WORK = (*TIMED, "torch.func stack", "torch, one by one")
WORK_TOLERANCE = 0.25


# ----------------------------------------------------------------- the rounds


def seconds_of(run, most=3, enough=1.0):
    """(median seconds, result) of up to `most` calls, fewer if they take long."""
    times: list[float] = []
    while len(times) < most and sum(times) < enough:
        start = time.perf_counter()
        result = run()
        times.append(time.perf_counter() - start)
    return float(np.median(times)), result


def play_round(task, names):
    """One record for each method, and what was found of identical results."""
    records, searches = [], {}
    for name in names:
        method = METHODS[name]
        record = {"set": task.setting.name, "method": name, "seed": task.seed}
        try:
            method.warm_up(task)
            seconds, outcome = seconds_of(lambda run=method.run: run(task))
        except Skipped as reason:
            say(f"    {name}: skipped, {reason}")
            records.append(record | {"skipped": str(reason)})
            continue
        cold = None
        if outcome.n_fits > 1 and outcome.alpha is not None:
            model = task.mlp(outcome.alpha)
            cold, _ = seconds_of(lambda model=model: model.fit(task.X, task.y), 5)
        seconds = outcome.seconds or seconds
        record |= {
            "score": outcome.score(),
            "seconds": seconds,
            "cold_seconds": cold,
            "alpha": outcome.alpha,
            "epochs": outcome.epochs,
            "n_fits": outcome.n_fits,
        }
        say(f"    {name}: {seconds:.2f} s, {record['score']:.4f}")
        records.append(record)
        searches[name] = outcome.search
    own = [searches.get(n) for n in ("StackedGridSearchCV", "GridSearchCV(skl2)")]
    if None not in own:
        different = differences(*own)
        for record in records:
            if record["method"] == "StackedGridSearchCV":
                record["different"] = different
    return records


def differences(a, b):
    """Names of what differs between two searches, compared with ==."""
    found = [k for k in a.cv_results_ if "_time" not in k and not _same(a, b, k)]
    if a.cv_results_.keys() != b.cv_results_.keys():
        found.append("columns")
    if a.best_params_ != b.best_params_:
        found.append("best_params_")
    weights = zip(a.best_estimator_.coefs_, b.best_estimator_.coefs_, strict=True)
    if not all(np.array_equal(*pair) for pair in weights):
        found.append("coefs_")
    return found


def _same(a, b, column):
    a, b = (search.cv_results_.get(column) for search in (a, b))
    # NaN is NaN: a score that can't be computed can't be in the other search either.
    return len(a) == len(b) and all(
        x == y or (x != x and y != y) for x, y in zip(list(a), list(b), strict=True)
    )


def estimate(task, names, n_rounds):
    """Seconds of a set, from a fit of each library; the fits warm up as well."""
    own, _ = seconds_of(lambda: task.mlp("scale").fit(task.X, task.y), 2, 0.2)
    model = task.peer(**task.params)
    its, _ = seconds_of(lambda: model.fit(task.X, task.y), 2, 0.2)
    n_fits = task.setting.n_alphas * task.setting.n_folds
    total = 0.0
    for name in names:
        method = METHODS[name]
        ours, peers = method.cost
        # A single fit, or the refit and the reference of a search, in any case.
        seconds = n_fits * (ours * own + peers * its) + 3 * own
        seconds += LASSONET_LIMIT / 2 if name == "LassoNet CV" else 0.0
        total += seconds * (1 if method.slow else n_rounds)
    return total


def run_set(setting, args):
    data = setting.load(args.data)
    names = [n for n in args.methods if n in (setting.only or METHODS)]
    seeds = range(args.seeds)
    tasks = (make_task(setting, data, seed) for seed in seeds)
    records = []
    for seed, task in zip(seeds, tasks, strict=True):
        if seed == 0:
            sizes = task.X.shape[1], *setting.hidden
            guess = estimate(task, names, args.seeds)
            say(
                f"{setting.name}: {len(task.X)} rows, {'-'.join(map(str, sizes))}, "
                f"about {guess:.0f} s"
            )
        say(f"  seed {seed}")
        slow = [] if seed == 0 else [n for n in names if METHODS[n].slow]
        records += play_round(task, [n for n in names if n not in slow])
    return records


def say(text):
    print(text, file=sys.stderr, flush=True)


# -------------------------------------------------------------------- memory


MEMORY_SETS = {
    "64-100-10": (64, 100, 10, 1797),
    "784-100-10": (784, 100, 10, 10_000),
}
MEMORY_TASKS = ("single fit", "StackedGridSearchCV", "ladder", "GridSearchCV(skl2)")


def high_water(pid="self"):
    """(peak, current) resident bytes of a process (Linux)."""
    found = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        key, _, value = line.partition(":")
        if key in ("VmHWM", "VmRSS"):
            found[key] = int(value.split()[0]) << 10
    return found["VmHWM"], found["VmRSS"]


def children(pid):
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [p for child in map(int, listed) for p in (child, *children(child))]


def measure_memory(name, what):
    """Print the memory before the fit and its peak, in a process of its own."""
    n_features, width, n_classes, n_rows = MEMORY_SETS[name]
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, n_features), dtype=np.float32)
    y = rng.integers(n_classes, size=n_rows)
    params = {"hidden_layer_sizes": (width,), "max_iter": 2, "random_state": 0}
    # What imports and a first fit leave behind is the interpreter's own.
    MLPClassifier(**params).fit(X[:200], y[:200])
    before = high_water()[1]
    alphas = np.logspace(-3, 3, 20)
    search = {"scoring": "neg_log_loss", "cv": 5, "n_jobs": N_JOBS}
    model = MLPClassifier(**params)
    {
        "single fit": lambda: model.fit(X, y),
        "StackedGridSearchCV": lambda: StackedGridSearchCV(
            model, {"alpha": alphas}, **search
        ).fit(X, y),
        "GridSearchCV(skl2)": lambda: GridSearchCV(
            model, {"alpha": alphas}, **search
        ).fit(X, y),
        "ladder": lambda: MLPClassifierCV(n_jobs=N_JOBS, cv=5, **params).fit(X, y),
    }[what]()
    workers = sum(high_water(pid)[0] for pid in children(os.getpid()))
    print(before, high_water()[0], workers)


def run_memory():
    rows = []
    for name, (n_features, width, n_classes, _) in MEMORY_SETS.items():
        n_weights = (n_features + 1) * width + (width + 1) * n_classes
        for what in MEMORY_TASKS:
            done = subprocess.run(
                [sys.executable, "-m", __spec__.name, "--memory-of", name, what],
                capture_output=True,
                text=True,
                check=True,
            )
            before, peak, workers = map(int, done.stdout.split())
            row = {"set": name, "what": what, "before": before, "peak": peak}
            rows.append(row | {"workers": workers, "stack": 20 * n_weights * 4})
            say(f"memory, {name}, {what}: {peak >> 20} MB")
    return rows


# -------------------------------------------------------------------- report


def summary(records):
    """{set: {method: row of the table}}."""
    rounds: Any = defaultdict(lambda: defaultdict(dict))
    for record in records:
        if "skipped" not in record:
            rounds[record["set"]][record["method"]][record["seed"]] = record
    return {name: _rows(methods) for name, methods in rounds.items()}


def _rows(methods):
    """{method: row} of one set."""
    # A single fit has no λ of its own choosing: it is held against those of the round.
    colds = defaultdict(list)
    for by_seed in methods.values():
        for seed, record in by_seed.items():
            colds[seed] += [record["cold_seconds"] or np.nan]
    default = methods.get("sklearn default", {})
    rows = {}
    for method, own in methods.items():
        scores = np.array([r["score"] for r in own.values()])
        in_colds, in_defaults = [], []
        for seed, record in own.items():
            cold = record["cold_seconds"] or _median(colds[seed])
            in_colds.append(record["seconds"] / cold)
            theirs = default[seed]["seconds"] if seed in default else np.nan
            in_defaults.append(record["seconds"] / theirs)
        several = len(scores) > 1
        rows[method] = {
            "n": len(scores),
            "score": float(scores.mean()),
            "error": float(scores.std(ddof=1) / len(scores) ** 0.5)
            if several
            else np.nan,
            "seconds": float(np.median([r["seconds"] for r in own.values()])),
            "cold": float(np.median(in_colds)),
            "default": float(np.median(in_defaults)),
            "epochs": [r["epochs"] for r in own.values()],
        }
    return rows


def _median(values):
    """Median of what is known; NaN if nothing is."""
    known = [v for v in values if np.isfinite(v)]
    return float(np.median(known)) if known else np.nan


def ratios(records, name, method, baseline):
    """Seconds of `method` by those of `baseline`, round by round."""
    seconds = {
        (r["method"], r["seed"]): r["seconds"]
        for r in records
        if r["set"] == name and "skipped" not in r
    }
    seeds = {s for m, s in seconds if m == method} & {
        s for m, s in seconds if m == baseline
    }
    return [seconds[method, s] / seconds[baseline, s] for s in sorted(seeds)]


def score_table(records):
    cells = []
    for name, methods in summary(records).items():
        for method, row in methods.items():
            cells.append(
                [
                    name,
                    method,
                    f"{row['score']:.4f} ± {row['error']:.4f}"
                    if row["n"] > 1
                    else f"{row['score']:.4f}",
                    f"{row['seconds']:.2f}",
                    f"{row['cold']:.1f}",
                    f"{row['default']:.1f}",
                    row["n"],
                ]
            )
    header = ["set", "method", "test log-loss / R²", "seconds"]
    header += ["in cold fits", "in sklearn default fits", "rounds"]
    return table(cells, header)


def claims(records, memory):
    """(claim, figure, bound, whether it is met), one after another."""
    own, rows = "StackedGridSearchCV", []
    sets = list(dict.fromkeys(r["set"] for r in records))
    for name, bound in (("digits", 5.0), ("breast_cancer", 8.0)):
        if found := ratios(records, name, "GridSearchCV(sklearn)", own):
            value = float(np.median(found))
            text = f"{name}: GridSearchCV(sklearn) / {own}"
            rows.append((text, f"{value:.2f}", f">= {bound:g}", value >= bound))
    for name in sets:
        if found := ratios(records, name, "GridSearchCV(skl2)", own):
            value = float(np.median(found))
            text = f"{name}: GridSearchCV(skl2) / {own}"
            rows.append((text, f"{value:.2f}", ">= 1", value >= 1.0))
    for name in sets:
        found = [r for r in records if r["set"] == name and "different" in r]
        if found:
            different = sorted({d for r in found for d in r["different"]})
            text = f"{name}: what differs between the two"
            rows.append((text, ", ".join(different) or "nothing", "==", not different))
    rows += ladder_claims(summary(records))
    rows += equal_work(summary(records))
    rows += memory_claims(memory)
    return rows


def ladder_claims(found):
    rows = []
    for name, methods in found.items():
        grid = methods.get("StackedGridSearchCV")
        sign = 1.0 if name in SETTINGS and SETTINGS[name].regression else -1.0
        for method in ("ladder, best", "ladder, 1se"):
            if method not in methods:
                continue
            row = methods[method]
            if grid is not None and grid["n"] > 1:
                worse = sign * (grid["score"] - row["score"])
                text = f"{name}: {method}, worse than the grid by"
                bound = f"<= {grid['error']:.4f}"
                rows.append((text, f"{worse:.4f}", bound, worse <= grid["error"]))
            text = f"{name}: {method}, in cold fits"
            rows.append((text, f"{row['cold']:.2f}", "<= 3", row["cold"] <= 3.0))
            if name == "digits" and np.isfinite(row["default"]):
                text = f"{name}: {method}, in sklearn default fits"
                value = row["default"]
                rows.append((text, f"{value:.2f}", "<= 1", value <= 1.0))
    return rows


def equal_work(found):
    """Epochs of the searches that are to train the same fits."""
    rows = []
    for name, methods in found.items():
        if "StackedGridSearchCV" not in methods:
            continue
        own = methods["StackedGridSearchCV"]["epochs"]
        for method in EQUAL_WORK[2:]:
            if method in methods:
                theirs = methods[method]["epochs"]
                value = float(np.mean(theirs) / np.mean(own[: len(theirs)]))
                text = f"{name}: epochs of {method} / ours"
                met = abs(value - 1.0) <= WORK_TOLERANCE
                rows.append((text, f"{value:.2f}", f"1 ± {WORK_TOLERANCE}", met))
    return rows


def memory_claims(memory):
    rows = []
    by = {(row["set"], row["what"]): row for row in memory}
    for name in dict.fromkeys(row["set"] for row in memory):
        single = by[name, "single fit"]
        for what in MEMORY_TASKS[1:3]:
            row = by[name, what]
            for text, base in (("", 0), (" over the interpreter and X", "before")):
                peak, one = (r["peak"] - (base and r[base]) for r in (row, single))
                bound = 2 * one + row["stack"]
                figure = f"{peak / 2**20:.1f} MB"
                label = f"{name}: peak memory of {what}{text}"
                limit = f"<= {bound / 2**20:.1f} MB"
                rows.append((label, figure, limit, peak <= bound))
    return rows


def memory_table(memory):
    cells = [
        [
            row["set"],
            row["what"],
            f"{row['peak'] / 2**20:.0f}",
            f"{(row['peak'] - row['before']) / 2**20:.1f}",
            f"{row['workers'] / 2**20:.0f}",
        ]
        for row in memory
    ]
    header = ["set", "what", "peak RSS, MB", "over interpreter and X, MB"]
    return table(cells, [*header, "worker processes, MB"])


def report(results):
    records, memory = results["records"], results["memory"]
    parts = [score_table(records)]
    skipped = [r for r in records if "skipped" in r]
    parts += [f"{r['set']}, {r['method']}: skipped, {r['skipped']}" for r in skipped]
    if memory:
        parts.append(memory_table(memory))
    rows = [(*row, "yes" if met else "**no**") for *row, met in claims(records, memory)]
    parts.append(table(rows, ["claim", "measured", "bound", "met"]))
    return "\n\n".join(parts)


def environment():
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cpus": joblib.cpu_count(),
        "load at the start": os.getloadavg(),
        "skl2": skl2.__version__,
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
    }


def arguments():
    on_disk = [s.file for s in SETTINGS.values() if s.file]
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="sets: " + ", ".join(SETTINGS) + "\nmethods: " + "; ".join(METHODS),
    )
    parser.add_argument(
        "--data", type=Path, help="folder with any of " + ", ".join(on_disk)
    )
    parser.add_argument("--sets", nargs="+", choices=SETTINGS, metavar="SET")
    parser.add_argument("--methods", nargs="+", choices=METHODS, metavar="METHOD")
    parser.add_argument("--seeds", type=int, help="rounds (3; --quick: 1)")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--report", type=Path, help="only report from such a file")
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="four bundled sets, 8 λ, 3 folds, one round, a third of the epochs, and "
        "all methods but LassoNet, which takes minutes",
    )
    parser.add_argument("--memory-of", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.seeds = args.seeds or (1 if args.quick else 3)
    if args.methods is None:
        args.methods = [m for m in METHODS if not (args.quick and m == "LassoNet CV")]
    return args


def chosen_settings(args):
    names = args.sets or (QUICK_SETS if args.quick else SETTINGS)
    for name in names:
        setting = SETTINGS[name]
        if setting.file and not (args.data and (args.data / setting.file).exists()):
            say(f"{name}: skipped, --data has no {setting.file}")
            continue
        if args.quick:
            setting = replace(
                setting, n_alphas=8, n_folds=3, max_iter=-(-setting.max_iter // 3)
            )
        yield setting


QUICK_SETS = ("iris", "breast_cancer", "digits", "diabetes")


def main():
    args = arguments()
    # Here and in worker processes: the budget of epochs is no failure.
    warnings.simplefilter("ignore", ConvergenceWarning)
    os.environ["PYTHONWARNINGS"] = "ignore"
    if args.memory_of:
        measure_memory(*args.memory_of)
        return
    if args.report:
        print(report(json.loads(args.report.read_text())))
        return
    results = {"environment": environment(), "records": [], "memory": []}
    for setting in chosen_settings(args):
        results["records"] += run_set(setting, args)
        save(results, args.json)
    if not args.no_memory:
        results["memory"] = run_memory()
    save(results, args.json)
    print(report(results))


def save(results, path):
    """After every set, so that nothing is lost with an interrupted run."""
    if path is not None:
        path.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
