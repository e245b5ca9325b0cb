r"""
=============================================
Dropout, batch norm and friends on the digits
=============================================

What is on this page acts on training: dropout, noise, shifted images, mixed rows,
bounded norms, batch norm, early stopping. Each is compared with an L2 penalty on
few rows, where overfitting is worst: 300 of the digits, a network of two hidden
layers that could learn them by heart.
"""

# Authors: skl2 developers
# SPDX-License-Identifier: BSD-3-Clause

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skl2 import MLPClassifier
from skl2.augmentation import GaussianNoise, ImageShift, Mixup

X, y = load_digits(return_X_y=True)
X = X / 16

# %%
# The candidates
# --------------
# Each regularizer has three strengths. The strength is chosen by the log-loss on 100
# of the 300 rows; the network is then trained on all 300 and looks once at the other
# 1497.

candidates = {
    "none": [{}],
    "L2": [{"alpha": alpha} for alpha in (0.1, 0.5, 2.0)],
    "L1": [{"penalty": "l1", "alpha": alpha} for alpha in (0.03, 0.1, 0.3)],
    "early stopping": [{"early_stopping": True, "scoring": "loss"}],
    "dropout": [{"dropout": rate} for rate in (0.2, 0.4, 0.6)],
    "dropout + max norm": [
        {"dropout": rate, "max_norm": norm}
        for rate in (0.3, 0.5)
        for norm in (2.0, 3.0)
    ],
    "batch norm": [{"batch_norm": True}],
    "noise": [{"augmentation": GaussianNoise(scale)} for scale in (0.1, 0.2, 0.4)],
    "mixup": [{"augmentation": Mixup(alpha)} for alpha in (0.1, 0.3, 1.0)],
    "shifted images": [{"augmentation": ImageShift((8, 8), max_shift=1)}],
    "batch norm + dropout": [
        {"batch_norm": True, "dropout": rate} for rate in (0.2, 0.4, 0.6)
    ],
}


def fit(params, X, y):
    mlp = MLPClassifier(
        (128, 64),
        learning_rate="cosine",
        learning_rate_init=0.005,
        batch_size=50,
        max_iter=60,
        # The cosine is to come to its end; then the network has not "converged".
        n_iter_no_change=np.inf,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return mlp.set_params(**params).fit(X, y)


def loss(model, X, y):
    return log_loss(y, model.predict_proba(X))


def choose(grid, X, y, seed):
    """The parameters that do best on a part of the rows."""
    if len(grid) == 1:
        return grid[0]
    parts = train_test_split(X, y, test_size=100, stratify=y, random_state=seed)
    X_fit, X_val, y_fit, y_val = parts
    losses = [loss(fit(params, X_fit, y_fit), X_val, y_val) for params in grid]
    return grid[int(np.argmin(losses))]


n_repeats = 4
losses, accuracies = {}, {}
for name, grid in candidates.items():
    losses[name], accuracies[name] = [], []
    for seed in range(n_repeats):
        X_train, X_test, y_train, y_test = train_test_split(
            X, y, train_size=300, stratify=y, random_state=seed
        )
        model = fit(choose(grid, X_train, y_train, seed), X_train, y_train)
        losses[name].append(loss(model, X_test, y_test))
        accuracies[name].append(model.score(X_test, y_test))

print(f"means of {n_repeats} draws of 300 rows")
print(f"{'':>21}  log-loss  accuracy")
for name in candidates:
    print(f"{name:>21}  {np.mean(losses[name]):8.4f}  {np.mean(accuracies[name]):8.4f}")

# %%
# With 300 rows batch norm helped most; dropout did, more so with bounded norms, and
# noise a little. A penalty alone, at the λ that 100 rows could choose, did not help,
# and early stopping did harm: it gives up 30 of 300 rows. Shifting the images did most
# harm. The digits fill their frame of 8 × 8 pixels from top to bottom, so that a shift
# up or down cuts off a row with about an eighth of the ink: an augmentation must make
# images that might have been in the data. The dots show how much a draw of 300 rows
# matters: differences of 0.01 mean nothing here.

images = load_digits().images
ink = images.sum(axis=(0, 2)) / images.sum()
print("share of the ink in each row of pixels:", np.round(ink, 3))

# %%
# The picture
# -----------
# Each dot is a draw of 300 rows, the bar their mean.

order = sorted(candidates, key=lambda name: -np.mean(losses[name]))
fig, axes = plt.subplots(1, 2, figsize=(12, 5), layout="constrained", sharey=True)
for ax, values, label in [
    (axes[0], losses, "log-loss on 1497 test rows (less is better)"),
    (axes[1], accuracies, "accuracy (more is better)"),
]:
    for i, name in enumerate(order):
        color = "C3" if name == "none" else "C0"
        ax.barh(i, np.mean(values[name]), color=color, alpha=0.4)
        ax.plot(values[name], [i] * n_repeats, "o", color=color, markersize=4)
    ax.set_xlabel(label)
    ax.axvline(np.mean(values["none"]), color="C3", linestyle=":", linewidth=1)
axes[0].set_yticks(range(len(order)), order)
axes[1].set_xlim(0.85, 1.0)
fig.suptitle("300 digits, a network of 128 and 64 units: regularizers compared")
plt.show()
