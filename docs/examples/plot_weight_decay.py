r"""
========================================
Weight decay is L2 for sgd, not for Adam
========================================

With an L2 penalty gradient descent takes the step

.. math::

    W \leftarrow W - \eta \Bigl(\mathrm{d}W + \frac{\lambda}{m} W\Bigr)
      = \Bigl(1 - \frac{\eta\lambda}{m}\Bigr) W - \eta\, \mathrm{d}W ,

with η the learning rate: the penalty *is* a decay of the weights. Adam divides the
gradient by its running size. If the penalty is part of the gradient
(``solver="adam"``) it is divided as well, and Adam minimises J. If the weights decay
outside the gradient (``solver="adamw"``), the method does not minimise J. This example
follows two weights during training.
"""

# Authors: skl2 developers
# SPDX-License-Identifier: BSD-3-Clause

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from skl2 import MLPRegressor

# %%
# A problem with two weights
# --------------------------
# Progression of diabetes from body mass index and blood pressure, all of them
# standardised, by a network without a hidden layer. J is then a paraboloid over the
# two weights, whose minimum is that of ridge regression with the same λ. λ = m makes
# the penalty as strong as the data.

X, y = load_diabetes(return_X_y=True)
X = StandardScaler().fit_transform(X[:, [2, 3]])
y = (y - y.mean()) / y.std()
m = len(y)
alpha, rate = float(m), 0.02
ridge = Ridge(alpha=alpha).fit(X, y).coef_
least_squares = Ridge(alpha=0.0).fit(X, y).coef_
start = np.array([-0.2, 0.55])

# %%
# ``partial_fit`` with full batches makes one step of the solver.


def trajectory(solver, n_steps, **params):
    """The two weights after each step, shape (n_steps + 1, 2)."""
    mlp = MLPRegressor(
        hidden_layer_sizes=(),
        solver=solver,
        alpha=alpha,
        learning_rate_init=rate,
        batch_size=m,
        random_state=0,
        **params,
    )
    # A step of nearly no length makes the weights, which are then set to the start.
    mlp.set_params(learning_rate_init=1e-300).partial_fit(X, y)
    mlp.coefs_[0][:, 0], mlp.intercepts_[0][:] = start, 0.0
    mlp.set_params(learning_rate_init=rate)
    path = [start]
    for _ in range(n_steps):
        mlp.partial_fit(X, y)
        path.append(mlp.coefs_[0][:, 0].copy())
    return np.array(path)


# %%
# Weight decay by hand: before each step of gradient descent on the loss alone the
# weights are multiplied by 1 - ηλ/m.


def decay_by_hand(n_steps):
    w, path = start, [start]
    for _ in range(n_steps):
        gradient = X.T @ (X @ w - y) / m
        w = (1 - rate * alpha / m) * w - rate * gradient
        path.append(w)
    return np.array(path)


n_steps = 1500
paths = {
    "sgd": trajectory("sgd", n_steps, momentum=0.0),
    "decay by hand": decay_by_hand(n_steps),
    "adam": trajectory("adam", n_steps),
    "adamw": trajectory("adamw", n_steps),
}


def objective(w):
    """J of weights of shape (..., 2)."""
    residual = w @ X.T - y
    penalty = alpha / (2 * m) * np.sum(w**2, axis=-1)
    return np.mean(residual**2, axis=-1) / 2 + penalty


print(f"minimum of J (ridge): w = {ridge}, J = {objective(ridge):.6f}")
print(f"least squares:        w = {least_squares}")
for name, path in paths.items():
    distance = np.linalg.norm(path[-1] - ridge)
    print(
        f"{name:>13}: w = {path[-1]}, J = {objective(path[-1]):.6f}, "
        f"distance to the minimum {distance:.1e}"
    )
difference = np.abs(paths["sgd"] - paths["decay by hand"]).max()
print(f"largest difference of sgd and decay by hand, all steps: {difference:.1e}")

# %%
# sgd and the decay by hand agree to rounding, step by step, and end at the minimum of
# J. Adam with the penalty in its gradient ends there too, on another way. AdamW does
# not: near least squares the gradient of the loss is small, Adam divides it to a full
# step, and the decay, which is not divided, is small beside it. A λ of AdamW does not
# compare with a λ of the other solvers.
#
# The picture
# -----------

fig, axes = plt.subplots(1, 2, figsize=(11, 5), layout="constrained", sharey=True)
a, b = np.meshgrid(np.linspace(-0.3, 0.65, 200), np.linspace(-0.05, 0.62, 200))
J = objective(np.stack([a, b], axis=-1))
for ax in axes:
    ax.contour(a, b, J, 18, colors="0.85", linewidths=0.8, zorder=0)
    ax.plot(*ridge, "k*", markersize=14, label="minimum of J (ridge)")
    ax.plot(*least_squares, "kx", markersize=9, label="least squares, λ = 0")
    ax.plot(*start, "ko", markersize=5)
    ax.annotate("start", start, (6, 2), textcoords="offset points")
    ax.set(xlabel="weight of body mass index", aspect="equal")
axes[0].plot(*paths["sgd"].T, color="C0", linewidth=2, label="sgd with an L2 penalty")
axes[0].plot(
    *paths["decay by hand"][::10].T,
    "o",
    color="C1",
    markersize=7,
    fillstyle="none",
    label="weight decay by hand, every 10th step",
)
axes[1].plot(*paths["adam"].T, color="C0", linewidth=2, label="adam: L2 penalty")
axes[1].plot(*paths["adamw"].T, color="C3", linewidth=2, label="adamw: weight decay")
axes[0].set_ylabel("weight of blood pressure")
axes[0].set_title("gradient descent: the same steps")
axes[1].set_title("adam ends at the minimum, adamw does not")
for ax in axes:
    ax.legend(loc="lower left", fontsize="small")
plt.show()
