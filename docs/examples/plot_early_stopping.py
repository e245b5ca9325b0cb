r"""
========================================
λ against early stopping: score and cost
========================================

Early stopping needs one training run, a search over λ many. But early stopping gives
up rows to watch, and it mixes two jobs, minimising J and preventing overfitting. How
much does a search cost, and what does it bring? Six ways to a network are timed and
scored on rows that none of them has seen.
"""

# Authors: skl2 developers
# SPDX-License-Identifier: BSD-3-Clause

import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl2 import MLPClassifier
from skl2.model_selection import AlphaSearchCV, MLPClassifierCV, StackedGridSearchCV

# %%
# The contestants
# ---------------
# Each is a network with one hidden layer of 30 units behind a StandardScaler.
#
# - No regularization to speak of: the default λ = 1e-4.
# - Early stopping: a tenth of the rows is held out, the weights of the epoch with the
#   lowest loss on them are kept.
# - ``alpha="scale"``: λ from a rule of thumb, one run on all rows.
# - ``AlphaSearchCV``: λ walked by 5 shuffled folds, with a cosine schedule.
# - ``MLPClassifierCV``: the table as it is; layers, encoding and λ are searched, and
#   networks averaged.
# - ``StackedGridSearchCV``: 7 λ from 0.03 to 30 and 5 folds.


def make_mlp(**params):
    return MLPClassifier(
        (30,), learning_rate_init=0.01, max_iter=300, random_state=0, **params
    )


def cosine_mlp():
    return MLPClassifier(
        (30,),
        learning_rate="cosine",
        learning_rate_init=0.03,
        batch_size=32,
        max_iter=40,
        n_iter_no_change=np.inf,
        random_state=0,
    )


def grid_search():
    grid = {"mlpclassifier__alpha": np.logspace(-1.5, 1.5, 7)}
    pipeline = make_pipeline(StandardScaler(), make_mlp())
    return StackedGridSearchCV(pipeline, grid, scoring="neg_log_loss", cv=5)


contestants = {
    "λ = 1e-4": lambda: make_pipeline(StandardScaler(), make_mlp()),
    "early stopping": lambda: make_pipeline(
        StandardScaler(), make_mlp(early_stopping=True, scoring="loss")
    ),
    'alpha="scale"': lambda: make_pipeline(StandardScaler(), make_mlp(alpha="scale")),
    "AlphaSearchCV": lambda: AlphaSearchCV(
        make_pipeline(StandardScaler(), cosine_mlp()), random_state=0
    ),
    "MLPClassifierCV": lambda: MLPClassifierCV(random_state=0),
    "StackedGridSearchCV": grid_search,
}

# %%
# The race
# --------
# Two random halves of two data sets for training, the other halves for the test.

data_sets = {"digits": load_digits, "breast cancer": load_breast_cancer}
n_repeats = 2
results = {}
# A network without a penalty to speak of takes longer than 300 epochs to converge.
warnings.filterwarnings("ignore", category=ConvergenceWarning)
for name, load in data_sets.items():
    X, y = load(return_X_y=True)
    for seed in range(n_repeats):
        X_train, X_test, y_train, y_test = train_test_split(
            X, y, train_size=0.5, stratify=y, random_state=seed
        )
        for label, make in contestants.items():
            begin = time.perf_counter()
            model = make().fit(X_train, y_train)
            seconds = time.perf_counter() - begin
            loss = log_loss(y_test, model.predict_proba(X_test))
            accuracy = model.predict(X_test) == y_test
            results.setdefault((name, label), []).append(
                (seconds, loss, accuracy.mean())
            )
    print(f"\n{name}: means of {n_repeats} halves")
    print(f"{'':>20}  seconds  log-loss  accuracy")
    for label in contestants:
        seconds, loss, accuracy = np.mean(results[name, label], axis=0)
        print(f"{label:>20}  {seconds:7.2f}  {loss:8.4f}  {accuracy:8.4f}")

# %%
# Early stopping is cheap, and gives back in test loss what it saves: a tenth of a few
# hundred rows is a noisy judge, and those rows are missing in training.
#
# The picture
# -----------
# Down is better, left is cheaper. Small dots are single halves, large ones their mean.

fig, axes = plt.subplots(1, 2, figsize=(12, 4.8), layout="constrained")
for ax, name in zip(axes, data_sets, strict=True):
    for i, label in enumerate(contestants):
        runs = np.array(results[name, label])
        ax.plot(*runs[:, :2].T, ".", color=f"C{i}", alpha=0.6)
        mean = np.exp(np.log(runs[:, 0]).mean()), runs[:, 1].mean()
        ax.plot(*mean, "o", color=f"C{i}", markersize=13, label=label)
    ax.set(xscale="log", title=name, xlabel="seconds to train, search included")
    ax.set_ylim(bottom=0)
    ax.grid(alpha=0.3)
axes[0].set_ylabel("log-loss on the test half")
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
plt.show()
