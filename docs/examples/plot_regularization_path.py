r"""
======================================
Regularization path with the 1-SE rule
======================================

The cross-validated score of a network over λ has a broad top: within the error of the
estimate many λ are equally good. The rule of one standard error
(``refit=one_standard_error``) takes the largest of them. With an L1 penalty this model
uses fewer inputs.
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
# At ``alpha_max`` a linear model has no weight left. The grid begins at a
# ten-thousandth of it. The search walks on the grid, in 10 folds: first a coarse row,
# then the neighbours of the best λ.

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
# Both choices, on the test rows:

for selection, search in searches.items():
    model = search.best_estimator_
    n_inputs = int((model.feature_importances_ > 0).sum())
    print(
        f"{selection:>4}: λ = {search.alpha_:7.3g}, {n_inputs:2d} of 30 inputs, "
        f"{sum(np.sum(W != 0) for W in model.coefs_):3d} weights, "
        f"test accuracy {model.score(X_test, y_test):.4f}"
    )

# %%
# Over the broad top of the score the number of inputs in use falls. The 1-SE rule takes
# the largest of these λ.
#
# The picture
# -----------
# Left the score: mean over the folds with a band of one standard error. Right the
# norms of the weights of each input along the path: the same network is fitted to all
# training rows, and each fit starts from the weights of the fit before.

path = regularization_path(X_train, y_train, alphas=alphas, **params | {"tol": 1e-6})
norms = np.array([np.linalg.norm(coefs[0], axis=1) for coefs in path.coefs])

fig, axes = plt.subplots(1, 2, figsize=(13, 5.2), layout="constrained")
RegularizationPathDisplay.from_search(searches["best"], ax=axes[0])
# The last λ, at which the network is constant, is far below.
axes[0].set_ylim(bottom=-0.32)
axes[0].legend(loc="lower left")
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
