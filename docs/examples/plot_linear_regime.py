r"""
=======================================================
Why it works: a large λ keeps tanh in its linear regime
=======================================================

The larger λ, the smaller the weights W, the smaller the pre-activations :math:`z =
W^\top a + b`. Near 0 tanh is next to its tangent, so a network all of whose z are small
is an affine map, however many layers it has. This example shows it: on two moons the
decision boundary straightens as λ grows. :func:`skl2.inspection.linear_regime` counts
how many of the z are in the linear range and measures how much of the output an affine
map explains.
"""

# Authors: skl2 developers
# SPDX-License-Identifier: BSD-3-Clause

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, make_moons
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from skl2 import MLPClassifier
from skl2.inspection import LinearRegimeDisplay, linear_range, linear_regime

# %%
# The linear range
# ----------------
# tanh deviates from its tangent at 0 by less than 5 % while abs(z) is below 0.40.

print("linear range of tanh: {:.4f} to {:.4f}".format(*linear_range("tanh")))

# %%
# A sweep over λ
# --------------
# Two hidden layers of 20 units, trained to the minimum of J by L-BFGS. Besides the
# moons, the same network on the breast cancer data (30 features).


def make_mlp(alpha):
    return MLPClassifier(
        (20, 20),
        "tanh",
        solver="lbfgs",
        alpha=alpha,
        max_iter=5000,
        max_fun=50_000,
        tol=1e-5,
        random_state=0,
    )


data_sets = {
    "moons": make_moons(300, noise=0.25, random_state=0),
    "breast cancer": load_breast_cancer(return_X_y=True),
}
alphas = np.logspace(-3, 3, 13)
models, regimes = {}, {}
for name, (X, y) in data_sets.items():
    X = StandardScaler().fit_transform(X)
    data_sets[name] = X, y
    models[name] = [make_mlp(alpha).fit(X, y) for alpha in alphas]
    regimes[name] = [linear_regime(model, X) for model in models[name]]
    print(f"\n{name}\n{'':>8}    mean |z|        linear share")
    print(f"{'λ':>8}  layer 1  layer 2  layer 1  layer 2      R²  accuracy")
    for alpha, model, regime in zip(alphas, models[name], regimes[name], strict=True):
        z, share = regime.mean_abs_z, regime.linear_share
        print(
            f"{alpha:8.3g}  {z[0]:7.3f}  {z[1]:7.3f}  {share[0]:7.1%}  {share[1]:7.1%}"
            f"  {regime.affine_r2:6.4f}  {model.score(X, y):8.4f}"
        )

# %%
# For comparison, a model that *is* linear.

for name, (X, y) in data_sets.items():
    accuracy = LogisticRegression().fit(X, y).score(X, y)
    print(f"{name}: accuracy of logistic regression {accuracy:.4f}")

# %%
# The tables show:
#
# - On the moons R² rises from about 0.6 at λ = 0.1 to more than 0.99 at λ = 10: two
#   layers of tanh draw a straight line. The accuracy falls to that of a linear model.
# - The share of z in the linear range does not grow evenly. The biases have no penalty
#   and may keep a unit away from 0; but W is small, and so z *moves* little. A unit
#   whose z moves little is affine as well, along another tangent. So R² is nearly 1
#   before the shares are.
# - From some λ on all weights are nearly 0, the output is constant, and R² is 1. The
#   accuracy is the share of the largest class.

# %%
# The picture
# -----------

shown = [0, 5, 7, 8]
X, y = data_sets["moons"]
fig, axes = plt.subplots(2, 4, figsize=(13, 6.5), layout="constrained")
for ax, k in zip(axes[0], shown, strict=True):
    model, regime = models["moons"][k], regimes["moons"][k]
    DecisionBoundaryDisplay.from_estimator(
        model, X, response_method="predict", cmap="RdBu", alpha=0.35, ax=ax
    )
    ax.scatter(*X.T, c=y, cmap="RdBu", s=12, edgecolor="k", linewidth=0.3)
    ax.set(xticks=[], yticks=[], xlabel="", ylabel="")
    ax.set_title(f"λ = {alphas[k]:.2g}: affine R² = {regime.affine_r2:.2f}")

grid = axes[1, 0].get_gridspec()
for ax in axes[1]:
    ax.remove()
for ax, name in zip(
    (fig.add_subplot(grid[1, :2]), fig.add_subplot(grid[1, 2:])),
    data_sets,
    strict=True,
):
    shares = np.array([regime.linear_share for regime in regimes[name]])
    ax.plot(alphas, shares, "o-", markersize=4, label=["layer 1", "layer 2"])
    r2 = [regime.affine_r2 for regime in regimes[name]]
    ax.plot(alphas, r2, "ks--", markersize=4, label="R² of the affine fit")
    if name == "moons":
        for k in shown:
            ax.axvline(alphas[k], color="0.8", zorder=0)
    ax.set(xscale="log", xlabel="λ (alpha)", ylim=(0, 1.05), title=name)
    ax.set_ylabel("share of z where tanh is linear")
    ax.legend(loc="upper left" if name == "moons" else "center left")
fig.suptitle("As λ grows, tanh becomes linear and the network a straight line")

# %%
# What one network does, z by z
# -----------------------------
# :class:`skl2.inspection.LinearRegimeDisplay` draws the distribution of z in each layer
# below the activation and its tangent.

fig, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
for ax, k in zip(axes, (2, 8), strict=True):
    LinearRegimeDisplay.from_estimator(models["moons"][k], X, ax=ax)
    ax.set_title(f"moons, λ = {alphas[k]:.2g}; {ax.get_title()}")
plt.show()
