r"""
=================================================
A table with categories and gaps, beside boosting
=================================================

``MLPRegressorCV`` takes a table as ``HistGradientBoostingRegressor`` does: numbers in
any unit, categories, missing values. Here both get the diabetes data as a clinic might
have them: sex and age group are categories, there are three laboratories, one of which
reports a blood test in another unit, and a sixth of the blood tests missing.

With ``--data DIR`` the example reads ``adult.csv.gz`` from the folder instead: 14
columns of the US census, 8 of them categories, and the class of the income.
"""

# Authors: skl2 developers
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skl2.model_selection import MLPClassifierCV, MLPRegressorCV

# %%
# The table
# ---------


def diabetes():
    """(table, target): the measurements, with categories and missing values."""
    data = load_diabetes(as_frame=True, scaled=False)
    table, rng = data.data.copy(), np.random.default_rng(0)
    table["sex"] = pd.Categorical(table["sex"].map({1.0: "a", 2.0: "b"}))
    groups = ["to 30", "to 45", "to 60", "above"]
    table["age"] = pd.cut(table["age"], [0, 30, 45, 60, 100], labels=groups)
    table["laboratory"] = pd.Categorical(rng.choice(["x", "y", "z"], len(table)))
    # One laboratory reports the first blood test in another unit.
    table.loc[table["laboratory"] == "z", "s1"] /= 38.67
    for column in ["s1", "s2", "s3", "s4", "s5", "s6"]:
        table.loc[rng.random(len(table)) < 1 / 6, column] = np.nan
    return table, data.target


def adult(folder):
    frame = pd.read_csv(folder / "adult.csv.gz").sample(4000, random_state=0)
    table = frame.drop(columns=["income", "split"])
    text = table.select_dtypes(exclude="number").columns
    return table.astype(dict.fromkeys(text, "category")), frame["income"]


parser = argparse.ArgumentParser()
parser.add_argument("--data", type=Path, help="folder with adult.csv.gz")
# A documentation builder runs this file with arguments of its own.
folder = parser.parse_known_args()[0].data
X, y = diabetes() if folder is None else adult(folder)
print(X.head(3).to_string())
print("categories:", list(X.select_dtypes(exclude="number").columns))
print(f"missing values: {X.isna().to_numpy().mean():.1%}")

# %%
# Both models, three splits
# -------------------------
# No scaler, no encoder, no parameters. The loss is the squared error as a share of the
# variance of y (for adult the log-loss); the mean of the predictions of both models is
# scored, too.

regression = folder is None
n_splits = 3


def make_models():
    if regression:
        trees = HistGradientBoostingRegressor(random_state=0)
        return {"boosted trees": trees, "network": MLPRegressorCV(random_state=0)}
    trees = HistGradientBoostingClassifier(random_state=0)
    return {"boosted trees": trees, "network": MLPClassifierCV(random_state=0)}


def loss(y, predicted):
    if not regression:
        return log_loss(y, predicted)
    return np.mean((y - predicted) ** 2) / np.var(y)


losses = {"boosted trees": [], "network": [], "mean of both": []}
for split in range(n_splits):
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.3, stratify=None if regression else y, random_state=split
    )
    predictions = []
    for name, model in make_models().items():
        begin = time.perf_counter()
        model.fit(X_train, y_train)
        seconds = time.perf_counter() - begin
        predict = model.predict if regression else model.predict_proba
        predictions.append(predict(X_test))
        losses[name].append(loss(y_test, predictions[-1]))
        print(
            f"split {split}, {name}: test loss {losses[name][-1]:.3f}, "
            f"{seconds:.1f} s to train",
            flush=True,
        )
    losses["mean of both"].append(loss(y_test, np.mean(predictions, axis=0)))

# %%
# On these few rows the network has the lower loss on every split. Trees train faster.
# The fitted model is one encoder and one plain network; a category has a column for
# each of its values, a column with gaps one that says where they are.

encoder, network = model.pipeline_[0], model.pipeline_[-1]
print("columns:", ", ".join(encoder.get_feature_names_out()[-8:]))
print("network:", " - ".join(str(W.shape[1]) for W in network.coefs_), "units")

# %%
# The picture
# -----------
# Right, each dot is a test row of the last split: where both models agree, and where
# they do not.

fig, axes = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
means = [np.mean(values) for values in losses.values()]
errors = [np.std(values, ddof=1) / np.sqrt(n_splits) for values in losses.values()]
axes[0].bar(list(losses), means, color=["0.6", "C0", "C2"], alpha=0.7)
axes[0].errorbar(list(losses), means, errors, fmt="none", color="k", capsize=6)
for i, values in enumerate(losses.values()):
    axes[0].plot([i] * n_splits, values, "k.")
axes[0].set(ylabel="test loss", title=f"{n_splits} splits, standard error")
trees, networks = predictions if regression else (p[:, 1] for p in predictions)
truth = y_test if regression else y_test == model.classes_[1]
dots = axes[1].scatter(trees, networks, c=truth, s=14, cmap="viridis")
axes[1].axline((0, 0), slope=1, color="0.7", zorder=0)
axes[1].set(
    xlabel="prediction of the boosted trees", ylabel="prediction of the network"
)
axes[1].set(xlim=(trees.min(), trees.max()), ylim=(networks.min(), networks.max()))
fig.colorbar(dots, label="target")
fig.suptitle("Categories and missing values: the table as it is")
plt.show()
