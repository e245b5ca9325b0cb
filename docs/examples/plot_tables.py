r"""
==============================================
Small tables: test loss and cost, side by side
==============================================

Six ways from a table to a model, on three tables that scikit-learn ships: what is the
loss on rows that none of them has seen, and how long does the training take? Each way
gets the same rows and is used as its documentation shows it: no parameter is tuned by
hand.

Run as a script, this is the main job of README.md: it prints a line for each fit and
saves the picture as ``tables.png``.
"""

# Authors: skl2 developers
# SPDX-License-Identifier: BSD-3-Clause

import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
from joblib import Parallel, delayed
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skl2
from skl2.model_selection import AlphaSearchCV, MLPClassifierCV, MLPRegressorCV

TABLES = {
    "wine": load_wine,
    "breast cancer": load_breast_cancer,
    "diabetes": load_diabetes,
}
N_SPLITS = 2

# %%
# Six ways
# --------
# Networks of scikit-learn need scaled columns and, for a regression, a scaled target.
# So does ``AlphaSearchCV``, which searches the λ of any pipeline. The table estimators
# do it themselves, choose layers and encoding beside λ, and average networks.


def scaled(network, regression):
    """The network behind a StandardScaler, and one for the target."""
    model = make_pipeline(StandardScaler(), network)
    if regression:
        return TransformedTargetRegressor(model, transformer=StandardScaler())
    return model


def sklearn_network(regression, **params):
    make = MLPRegressor if regression else MLPClassifier
    return scaled(make(random_state=0, **params), regression)


def sklearn_grid(regression):
    name = "regressor__mlpregressor" if regression else "mlpclassifier"
    return GridSearchCV(
        sklearn_network(regression),
        {f"{name}__alpha": [0.1, 1.0, 10.0, 100.0]},
        scoring="neg_mean_squared_error" if regression else "neg_log_loss",
        cv=3,
    )


def alpha_search(regression):
    make = skl2.MLPRegressor if regression else skl2.MLPClassifier
    network = make(
        hidden_layer_sizes=(50,),
        learning_rate="cosine",
        learning_rate_init=0.01,
        batch_size=32,
        max_iter=40,
        n_iter_no_change=np.inf,
        random_state=0,
    )
    return AlphaSearchCV(scaled(network, regression), random_state=0)


def boosting(regression):
    make = (
        HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    )
    return make(random_state=0)


def table_estimator(regression):
    return (MLPRegressorCV if regression else MLPClassifierCV)(random_state=0)


WAYS = {
    "scikit-learn MLP,\nearly stopping": lambda regression: sklearn_network(
        regression, early_stopping=True
    ),
    "scikit-learn MLP": sklearn_network,
    "scikit-learn MLP,\nGridSearchCV": sklearn_grid,
    "HistGradientBoosting": boosting,
    "skl2 AlphaSearchCV": alpha_search,
    "skl2 MLPClassifierCV,\nMLPRegressorCV": table_estimator,
}


# %%
# The loss is the log-loss, or the squared error as a share of the variance of y.


def evaluate(table, split, way):
    """(table, split, way, test loss, seconds of training)."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y = TABLES[table](return_X_y=True)
    regression = table == "diabetes"
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.3, stratify=None if regression else y, random_state=split
    )
    model = WAYS[way](regression)
    begin = time.process_time()
    model.fit(X_train, y_train)
    seconds = time.process_time() - begin
    if regression:
        loss = np.mean((y_test - model.predict(X_test)) ** 2) / np.var(y_train)
    else:
        loss = log_loss(y_test, model.predict_proba(X_test))
    return table, split, way, float(loss), seconds


tasks = [
    (table, split, way)
    for split in range(N_SPLITS)
    for table in TABLES
    for way in reversed(WAYS)
]
begin = time.perf_counter()
results = {}
runs = Parallel(n_jobs=2, return_as="generator_unordered")(
    delayed(evaluate)(*task) for task in tasks
)
for table, split, way, loss, seconds in runs:
    results[table, split, way] = loss, seconds
    title = way.replace("\n", " ")
    print(
        f"[{len(results):2d}/{len(tasks)}, {time.perf_counter() - begin:2.0f} s] "
        f"{table}, split {split}, {title}: test loss {loss:.3f}, {seconds:.1f} s",
        flush=True,
    )

# %%
# The table
# ---------
# Losses of tables can't be averaged as they are. So each loss is divided by the one of
# scikit-learn's default network on the same split; the geometric mean of these ratios
# says what a way gains.

pairs = [(table, split) for table in TABLES for split in range(N_SPLITS)]
loss = np.array([[results[*pair, way][0] for pair in pairs] for way in WAYS])
seconds = np.array([[results[*pair, way][1] for pair in pairs] for way in WAYS])
log_ratio = np.log(loss / loss[list(WAYS).index("scikit-learn MLP")])
ratio = np.exp(log_ratio.mean(axis=1))
error = ratio * log_ratio.std(axis=1, ddof=1) / np.sqrt(len(pairs))

print(f"\n{'mean test loss':>40}" + "".join(f"{table:>15}" for table in TABLES))
for i, way in enumerate(WAYS):
    means = loss[i].reshape(len(TABLES), N_SPLITS).mean(axis=1)
    title = way.replace("\n", " ")
    print(f"{title:>40}" + "".join(f"{mean:15.3f}" for mean in means))
print(f"\n{'':>40}  loss, default MLP = 1  CPU seconds a fit")
for i, way in enumerate(WAYS):
    title = way.replace("\n", " ")
    print(f"{title:>40}  {ratio[i]:12.2f} ± {error[i]:.2f}  {seconds[i].mean():19.1f}")

# %%
# The picture
# -----------
# Left, the test loss relative to scikit-learn's default network, with a bar of one
# standard error; small dots are the single splits. Right, what a fit costs.

fig, axes = plt.subplots(1, 2, figsize=(12, 4.6), layout="constrained", sharey=True)
colors = ["C0" if "skl2" in way else "0.55" for way in WAYS]
rows = np.arange(len(WAYS))
markers = dict(zip(TABLES, "osD", strict=True))
axes[0].barh(rows, ratio - 1, left=1, color=colors, alpha=0.45)
axes[0].errorbar(ratio, rows, xerr=error, fmt="none", color="k", capsize=4)
for k, (table, _) in enumerate(pairs):
    axes[0].plot(
        np.exp(log_ratio[:, k]),
        rows + 0.09 * (k - (len(pairs) - 1) / 2),
        markers[table],
        color="k",
        markersize=3,
        label=table if k % N_SPLITS == 0 else None,
    )
axes[0].axvline(1, color="k", linewidth=0.8)
axes[0].set(xscale="log", xlabel="test loss / loss of scikit-learn's default MLP")
ticks = [0.06, 0.125, 0.25, 0.5, 1, 2, 4, 8]
axes[0].set_xticks(ticks, [f"{tick:g}" for tick in ticks])
axes[0].minorticks_off()
axes[0].set_yticks(rows, list(WAYS))
axes[0].legend(loc="upper right", fontsize="small")
axes[0].set_title("better ←  test loss  → worse")
bars = axes[1].barh(rows, seconds.mean(axis=1), color=colors, alpha=0.8)
axes[1].bar_label(bars, fmt="%.1f s", padding=3)
axes[1].margins(x=0.15)
axes[1].set(xlabel="CPU seconds, search included", title="what a fit costs")
fig.suptitle("Wine, breast cancer, diabetes: two splits each")
fig.savefig("tables.png", dpi=120)
plt.show()
