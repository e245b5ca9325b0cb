r"""
===================================
Feature selection with ``group_l1``
===================================

An L1 penalty sets single weights to zero; an input is unused only if all of its
weights are zero. ``penalty="group_l1"`` takes the outgoing weights of an input as one
group, :math:`\Omega(W^{[1]}) = \sum_j \|W_{j\cdot}\|_2`, and drops them together. Does
it select the right inputs? To know which inputs are useless, each column of the wine
data gets a copy with shuffled rows.
"""

# Authors: skl2 developers
# SPDX-License-Identifier: BSD-3-Clause

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.feature_selection import SelectFromModel
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl2 import MLPClassifier
from skl2.model_selection import (
    AlphaSearchCV,
    RegularizationPath,
    one_standard_error,
)

data = load_wine()
rng = np.random.default_rng(0)
real, y = data.data, data.target
X = np.hstack([real, rng.permuted(real, axis=0)])
names = [*data.feature_names, *(f"shuffled {name}" for name in data.feature_names)]
is_real = np.arange(X.shape[1]) < real.shape[1]

# %%
# One network for each penalty
# ----------------------------
# λ is the largest one whose 10-fold cross-validated log-loss is within one standard
# error of the best (``refit=one_standard_error``).

params = {
    "hidden_layer_sizes": (10,),
    "activation": "tanh",
    "solver": "lbfgs",
    "max_iter": 1000,
    "random_state": 0,
}
scaled = StandardScaler().fit_transform(X)
searches = {}
for penalty in ("l2", "l1", "group_l1"):
    searches[penalty] = search = AlphaSearchCV(
        MLPClassifier(penalty=penalty, **params),
        alphas=np.logspace(-1.5, 2, 15),
        cv=10,
        refit=one_standard_error,
        return_path=True,
        random_state=0,
    ).fit(scaled, y)
    used = search.best_estimator_.feature_importances_ > 0
    loss = -search.cv_results_["mean_test_score"][search.best_index_]
    print(
        f"{penalty:>8}: λ = {search.alpha_:6.3g}, log-loss {loss:.4f}, uses "
        f"{used[is_real].sum():2d} of 13 inputs and {used[~is_real].sum():2d} of 13 "
        "shuffled ones"
    )

# %%
# As a step of a Pipeline
# -----------------------
# ``SelectFromModel`` keeps the used inputs if its threshold is nearly 0 (the default is
# the mean importance). The search for λ is a part of the step: in the cross-validation
# of the Pipeline it has the training rows only.

selector = AlphaSearchCV(
    MLPClassifier(penalty="group_l1", **params),
    alphas=np.logspace(-1.5, 1.5, 7),
    cv=5,
    refit=one_standard_error,
    random_state=0,
)


def importances(search):
    """Importances of the network that the search has chosen."""
    return search.best_estimator_.feature_importances_


l2 = MLPClassifier(alpha=1.0, **params)
pipelines = {
    "L2, all 26 inputs": (make_pipeline(StandardScaler(), l2), X),
    "L2, the 13 real ones": (make_pipeline(StandardScaler(), l2), real),
    "L2 behind SelectFromModel": (
        make_pipeline(
            StandardScaler(),
            SelectFromModel(selector, threshold=1e-10, importance_getter=importances),
            l2,
        ),
        X,
    ),
}
for label, (pipeline, inputs) in pipelines.items():
    losses = -cross_val_score(pipeline, inputs, y, cv=5, scoring="neg_log_loss")
    error = losses.std() / np.sqrt(5)
    print(f"{label:>25}: log-loss {losses.mean():.4f} ± {error:.4f}")

# %%
# At the chosen λ ``group_l1`` uses fewer inputs than L1, at about the same log-loss:
# within a group it shrinks the weights together, while L1 thins them out. Shuffled
# copies remain, with weights smaller than those of nearly all real inputs. No penalty
# is a test of significance: among 178 wines a shuffled column may help on some. The L2
# networks on all inputs and on selected ones have log-losses within their errors; the
# gain of the selection is that the other columns are not needed.
#
# The picture
# -----------
# Left the use that each network makes of each input. Right what the search has seen:
# the cross-validated log-loss over the number of inputs in use, one dot for each λ.

names = np.array(names)
models = {penalty: search.best_estimator_ for penalty, search in searches.items()}
order = np.lexsort([models[p].feature_importances_ for p in ("l1", "group_l1")])
fig, axes = plt.subplots(
    1, 4, figsize=(15, 6), layout="constrained", width_ratios=[1, 1, 1, 1.6]
)
for ax, (penalty, mlp) in zip(axes, models.items(), strict=False):
    values = mlp.feature_importances_[order]
    ax.barh(names[order], values, color=np.where(is_real[order], "C0", "C1"))
    # An exact zero has no bar: a cross says that it is one.
    zero = np.flatnonzero(values == 0)
    ax.plot(np.zeros(len(zero)), zero, "kx", markersize=5)
    ax.set_title(f"{penalty}: {np.sum(values > 0)} inputs used")
    ax.set_xlabel("norm of its weights\n(×: exactly 0)")
    ax.margins(y=0.02)
    if ax is not axes[0]:
        ax.set_yticks([])
for color, label in {"C0": "input", "C1": "shuffled, so useless"}.items():
    axes[1].barh([names[0]], [0], color=color, label=label)
axes[1].legend(loc="lower right")
for penalty, color in {"l1": "C2", "group_l1": "C3"}.items():
    path = RegularizationPath.from_search(searches[penalty])
    axes[3].plot(
        path.n_live_inputs, -path.mean_scores, "o-", color=color, label=penalty
    )
    chosen = int(np.flatnonzero(path.alphas == searches[penalty].alpha_)[0])
    axes[3].plot(
        path.n_live_inputs[chosen],
        -path.mean_scores[chosen],
        "o",
        color=color,
        markersize=13,
        fillstyle="none",
    )
axes[3].set(xlabel="inputs in use (mean of the folds)", yscale="log")
axes[3].set(ylabel="cross-validated log-loss", title="circles: the 1-SE choice")
axes[3].legend()
fig.suptitle("Which of 13 inputs and their 13 shuffled copies a network uses")
plt.show()
