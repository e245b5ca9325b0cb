r"""
===================================
From a λ search to a deployed model
===================================

Choose λ, remove the units that the penalty has switched off, and export the model: as a
smaller skl2 estimator, as an estimator of scikit-learn (which skl2onnx converts to
ONNX), or as a torch module. All of them predict the same; this example measures the
size and the time of each.
"""

# Authors: skl2 developers
# SPDX-License-Identifier: BSD-3-Clause

import importlib.util
import pickle
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

from skl2 import MLPClassifier
from skl2.export import compress, to_sklearn, to_torch
from skl2.model_selection import (
    AlphaSearchCV,
    RegularizationPath,
    one_standard_error,
)

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

# %%
# Search
# ------
# Cross-validation over λ with an L1 penalty. ``one_standard_error`` takes the largest λ
# whose score is within one standard error of the best.

mlp = MLPClassifier(
    (50,), penalty="l1", solver="lbfgs", max_iter=1000, tol=1e-3, random_state=0
)
search = AlphaSearchCV(
    make_pipeline(MaxAbsScaler(), mlp),
    alphas=[0.3, 1.0, 3.0, 10.0, 30.0],
    cv=3,
    refit=one_standard_error,
    return_path=True,
    random_state=0,
).fit(X_train, y_train)
model = search.best_estimator_
path = RegularizationPath.from_search(search)
for alpha, mean, error in zip(
    path.alphas, path.mean_scores, path.standard_errors, strict=True
):
    chosen = "  <- chosen" if alpha == search.alpha_ else ""
    print(f"λ = {alpha:6.3g}: log-loss {-mean:.4f} ± {error:.4f}{chosen}")
print(f"test accuracy {model.score(X_test, y_test):.4f}")

# %%
# The model to deploy:

model  # noqa: B018

# %%
# Compress
# --------
# ``compress`` removes the units without incoming or outgoing weights and reports what
# this saves. Its estimator can replace the last step of the Pipeline.

fitted = model[-1]
compression = compress(fitted)
small = compression.estimator
print(f"units removed: {compression.removed_units}")
print(f"inputs (pixels) without a weight: {len(compression.unused_inputs)} of 64")
print("multiply-adds for a row: {} -> {}".format(*compression.multiply_adds))
zeros = sum(np.sum(W == 0) for W in small.coefs_)
print(f"zeros among the remaining weights: {zeros} of {compression.multiply_adds[1]}")
print("bytes of the pickle: {} -> {}".format(*compression.pickle_bytes))

# %%
# Export
# ------
# All of them predict the scaled test rows; the largest difference of a probability
# shows that they are the same model.

rows = model[:-1].transform(X_test)
expected = fitted.predict_proba(rows)
models = {
    "as fitted": (fitted, fitted.predict_proba),
    "compressed": (small, small.predict_proba),
}
sparse = compress(fitted).estimator.sparsify()
models["compressed, sparse"] = sparse, sparse.predict_proba
exported = to_sklearn(small)
models["scikit-learn"] = exported, exported.predict_proba
if importlib.util.find_spec("torch"):
    import torch

    module = to_torch(small, link=True)

    def predict_with_torch(X):
        with torch.no_grad():
            return module(torch.from_numpy(X)).numpy()

    models["torch"] = module, predict_with_torch

# %%
# Two times, each the best of 5: one row, as in a service, and all test rows at once.


def best_time(function, X, n_calls):
    def once():
        begin = time.perf_counter()
        for _ in range(n_calls):
            function(X)
        return (time.perf_counter() - begin) / n_calls

    return min(once() for _ in range(5))


# 100 copies of the test rows: enough to distinguish the times.
many = np.tile(rows, (100, 1))
table = {}
print(f"{'':>18}  largest difference  pickle, bytes  one row, µs  {len(many)} rows, ms")
for name, (item, predict) in models.items():
    difference = np.abs(predict(rows) - expected).max()
    size = len(pickle.dumps(item))
    one, all_rows = best_time(predict, rows[:1], 100), best_time(predict, many, 1)
    table[name] = size / 1e3, 1e6 * one, 1e3 * all_rows
    print(
        f"{name:>18}  {difference:18.1e}  {size:13d}  {1e6 * one:11.0f}"
        f"  {1e3 * all_rows:14.1f}"
    )

# %%
# The sparse model has less than half the size of the fitted one. It is not the fastest:
# a sparse product takes longer per weight than a dense one. Use sparse models for
# storage, dense ones for speed. A single row needs hardly any time for products; most
# of it goes into checks of the input, which torch does not make.
#
# The picture
# -----------

fig, axes = plt.subplots(1, 3, figsize=(13, 3.8), layout="constrained", sharey=True)
titles = ["size of the pickle, kB", "one row, µs", f"{len(many)} rows, ms"]
columns = np.transpose(list(table.values()))
for ax, title, values in zip(axes, titles, columns, strict=True):
    bars = ax.barh(list(table), values, color=[f"C{i}" for i in range(len(table))])
    ax.bar_label(bars, fmt=lambda v: f"{v:.0f}" if v > 99 else f"{v:.3g}", padding=3)
    ax.set_title(title)
    ax.margins(x=0.2)
axes[0].invert_yaxis()
fig.suptitle("The same predictions, a smaller model")
plt.show()
