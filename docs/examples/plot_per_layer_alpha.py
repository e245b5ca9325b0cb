r"""
====================
One λ for each layer
====================

In :math:`J = \frac1m \sum_i L_i + \frac{1}{2m} \sum_l \lambda_l \|W^{[l]}\|_F^2`
each layer may have its own :math:`\lambda_l`: ``alpha`` takes a list. Is this worth the
larger search? For the digits a grid over both λ of a network with one hidden layer
gives the answer; the single λ is the diagonal of the grid.
"""

# Authors: skl2 developers
# SPDX-License-Identifier: BSD-3-Clause

import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skl2 import MLPClassifier
from skl2.model_selection import StackedGridSearchCV

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, train_size=500, stratify=y, random_state=0
)

# %%
# The search
# ----------
# 8 × 8 pairs of λ and 3 folds are 192 fits. ``StackedGridSearchCV`` trains the fits of
# a fold together; its results are equal to those of ``GridSearchCV``.

lambdas = np.array([0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0])
pairs = [[first, second] for first in lambdas for second in lambdas]
mlp = MLPClassifier(
    (30,),
    "tanh",
    learning_rate_init=0.02,
    batch_size=100,
    max_iter=150,
    n_iter_no_change=np.inf,
    learning_rate="cosine",
    random_state=0,
)
# The cosine schedule ends the training, even if the loss still falls.
warnings.filterwarnings("ignore", category=ConvergenceWarning)
begin = time.perf_counter()
search = StackedGridSearchCV(mlp, {"alpha": pairs}, scoring="neg_log_loss", cv=3)
search.fit(X_train, y_train)
print(f"{len(pairs) * 3} fits in {time.perf_counter() - begin:.1f} s")
loss = -search.cv_results_["mean_test_score"].reshape(8, 8)
errors = (search.cv_results_["std_test_score"] / np.sqrt(3)).reshape(8, 8)

# %%
# The best pair, the best single λ, and a test of both on the rows left out.

best = np.unravel_index(loss.argmin(), loss.shape)
single = int(np.diag(loss).argmin())
for name, (i, j) in {"best pair": best, "best single λ": (single, single)}.items():
    model = mlp.set_params(alpha=[lambdas[i], lambdas[j]]).fit(X_train, y_train)
    test = log_loss(y_test, model.predict_proba(X_test))
    print(
        f"{name:>13}: λ = {lambdas[i]:g}, {lambdas[j]:g}; cross-validated log-loss "
        f"{loss[i, j]:.4f} ± {errors[i, j]:.4f}; test log-loss {test:.4f}, "
        f"accuracy {model.score(X_test, y_test):.4f}"
    )

# %%
# The best pair penalizes the output layer ten times as much as the hidden one, and
# beats the best single λ in the folds and, in log-loss, on the test rows. But the
# difference is a fraction of the standard error of either: on these data one λ is
# enough, and it is the λ of the output layer that matters. Below 0.1 the λ of the
# hidden layer has next to no effect (each column is nearly constant there).
#
# The picture
# -----------

fig, ax = plt.subplots(figsize=(7.5, 6), layout="constrained")
image = ax.imshow(np.log10(loss), origin="lower", cmap="viridis_r")
for (i, j), value in np.ndenumerate(loss):
    dark = np.log10(value) > np.log10(loss).mean()
    ax.text(
        j, i, f"{value:.3f}", ha="center", va="center", fontsize=8,
        color="white" if dark else "black",
    )  # fmt: skip
ax.plot([-0.5, 7.5], [-0.5, 7.5], color="0.5", linestyle=":", zorder=1)
for (i, j), color, label in [
    ((single, single), "C1", "best single λ"),
    (best, "C3", "best pair"),
]:
    square = plt.Rectangle(
        (j - 0.48, i - 0.48), 0.96, 0.96, fill=False, color=color, lw=3, label=label
    )
    ax.add_patch(square)
labels = [f"{value:g}" for value in lambdas]
ax.set_xticks(range(8), labels)
ax.set_yticks(range(8), labels)
ax.set(xlabel="λ of the output layer", ylabel="λ of the hidden layer")
ax.set_title("Log-loss of held-out folds (the dotted line: one λ for both)")
fig.legend(loc="outside lower center", ncols=2)
plt.show()
