r"""
======================================
Regularization path with the 1-SE rule
======================================

The cross-validated score of a network over λ has a broad top: many λ do equally well
within the error of the estimate. The rule of one standard error
(``refit=one_standard_error``) takes the largest of them, the simplest model that is not
distinguishably worse than the best. With an L1 penalty simpler means that fewer
inputs are used.
"""

# Authors: skl2 developers
# SPDX-License-Identifier: BSD-3-Clause

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skl2 import MLPClassifier
from skl2.inspection import RegularizationPathDisplay
from skl2.model_selection import (
    AlphaSearchCV,
    alpha_max,
    one_standard_error,
    regularization_path,
)

data = load_breast_cancer()
X_train, X_test, y_train, y_test = train_test_split(
    data.data, data.target, test_size=0.4, stratify=data.target, random_state=0
)
scaler = StandardScaler().fit(X_train)
X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)

# %%
# Cross-validation over λ
# -----------------------
# ``alpha_max`` is the λ from which on a linear model has no weight left. The grid goes
# from a ten-thousandth of it to the whole. The search walks on it: from a coarse row to
# the best λ and its neighbours, in 10 folds.

largest = alpha_max(X_train, y_train)
alphas = largest * np.logspace(-4, 0, 17)
params = {
    "hidden_layer_sizes": (10,),
    "activation": "tanh",
    "penalty": "l1",
    "solver": "lbfgs",
    "max_iter": 2000,
    "random_state": 0,
}
searches = {
    selection: AlphaSearchCV(
        MLPClassifier(**params),
        alphas=alphas,
        cv=10,
        refit=refit,
        return_path=True,
        random_state=0,
    ).fit(X_train, y_train)
    for selection, refit in (("best", True), ("1se", one_standard_error))
}

# %%
# What both choose, tested on the rows left out.

for selection, search in searches.items():
    model = search.best_estimator_
    n_inputs = int((model.feature_importances_ > 0).sum())
    print(
        f"{selection:>4}: λ = {search.alpha_:7.3g}, {n_inputs:2d} of 30 inputs, "
        f"{sum(np.sum(W != 0) for W in model.coefs_):3d} weights, "
        f"test accuracy {model.score(X_test, y_test):.4f}"
    )

# %%
# The top of the score is broad: many λ do about equally well, while the number of live
# inputs falls. The 1-SE rule takes the largest of them.
#
# The picture
# -----------
# Left the score: mean over the folds with a band of one standard error. Right the
# norms of the weights of each input along the path, in fits of the same network to
# all training rows, each λ from the weights of the one before.

path = regularization_path(X_train, y_train, alphas=alphas, **params | {"tol": 1e-6})
norms = np.array([np.linalg.norm(coefs[0], axis=1) for coefs in path.coefs])

fig, axes = plt.subplots(1, 2, figsize=(13, 5.2), layout="constrained")
RegularizationPathDisplay.from_search(searches["best"], ax=axes[0])
chosen = int(np.argmin(np.abs(path.alphas - searches["1se"].alpha_)))
strongest = np.argsort(-norms[chosen])[:5]
for j in range(norms.shape[1]):
    strong = j in strongest
    axes[1].plot(
        path.alphas,
        norms[:, j],
        color=f"C{list(strongest).index(j)}" if strong else "0.8",
        linewidth=2 if strong else 1,
        zorder=2 if strong else 1,
        label=data.feature_names[j] if strong else None,
    )
axes[1].axvline(searches["best"].alpha_, color="C3")
axes[1].axvline(searches["1se"].alpha_, color="C3", linestyle=":")
axes[1].set(xscale="log", xlabel="λ (alpha)", ylabel="norm of an input's weights")
axes[1].legend(title="largest at the 1-SE λ")
fig.suptitle("Breast cancer: the 1-SE rule asks for fewer inputs")
plt.show()
