r"""
============================
What ramps do for one column
============================

A network bends where its hidden units switch on, and training must find each of these
places. ``PiecewiseLinearEncoder`` adds ramps between the quantiles of a column; the
network can then bend at each quantile without a hidden unit. Here is one column whose
relation to the target has a slope, two steps and a spike.
"""

# Authors: skl2 developers
# SPDX-License-Identifier: BSD-3-Clause

import matplotlib.pyplot as plt
import numpy as np

from skl2.model_selection import MLPRegressorCV
from skl2.preprocessing import PiecewiseLinearEncoder

rng = np.random.default_rng(0)


def relation(x):
    """A slope, two steps and a spike."""
    return 0.5 * x + (x > 0.5) - 1.5 * (x > 1.2) + 2 * np.exp(-(((x + 1) / 0.1) ** 2))


x = rng.normal(size=400)
y = relation(x) + 0.15 * rng.normal(size=400)
grid = np.linspace(-2.5, 2.5, 1001)

# %%
# The encoding
# ------------
# With four bins the column becomes itself and four ramps, all standardized. A ramp is
# flat outside its bin; bins are narrow where rows are many.

encoder = PiecewiseLinearEncoder(n_bins=4).fit(x[:, np.newaxis])
encoded = encoder.transform(grid[:, np.newaxis])
print(encoder.get_feature_names_out(["x"]))

# %%
# With and without
# ----------------
# Both networks have one hidden layer of 50 units and a λ of their own, chosen by five
# folds.

models = {
    n_bins: MLPRegressorCV(hidden_layer_sizes=(50,), n_bins=n_bins, random_state=0).fit(
        x[:, np.newaxis], y
    )
    for n_bins in (0, 16)
}
x_test = rng.normal(size=2000)
for n_bins, model in models.items():
    error = model.predict(x_test[:, np.newaxis]) - relation(x_test)
    print(
        f"{n_bins:2d} bins: root mean squared error {np.sqrt(np.mean(error**2)):.3f}, "
        f"λ = {model.alpha_:.3g}"
    )

# %%
# The picture
# -----------
# Left the columns of the encoder, right the functions that the networks learn.

fig, axes = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
names = ["the column itself", *(f"ramp {t}" for t in range(1, 5))]
for values, name in zip(encoded.T, names, strict=True):
    axes[0].plot(grid, values, label=name)
axes[0].set(xlabel="x", ylabel="output of the encoder", title="4 bins")
axes[0].legend()
axes[1].plot(x, y, ".", color="0.8", label="training rows", zorder=0)
axes[1].plot(grid, relation(grid), "k", linewidth=1, label="truth")
for n_bins, model in models.items():
    label = f"{n_bins} bins" if n_bins else "without ramps"
    axes[1].plot(grid, model.predict(grid[:, np.newaxis]), linewidth=2, label=label)
axes[1].set(xlabel="x", ylabel="y", ylim=(-2.5, 3), title="networks of 50 units")
axes[1].legend(loc="upper left")
plt.show()
