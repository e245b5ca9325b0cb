r"""
=======================================
Select λ by cross-validated grid search
=======================================

How much should the weights of a network be penalized? skl2 minimises

.. math::

    J = \frac{1}{m} \sum_i L(\hat y_i, y_i)
        + \frac{\lambda}{2m} \sum_l \Omega(W^{[l]})

with :math:`\Omega(W) = \|W\|_F^2` for ``penalty="l2"`` and
:math:`\Omega(W) = \|W\|_1` for ``penalty="l1"``. λ is called ``alpha``, as in
scikit-learn. The network sits in a Pipeline behind a StandardScaler and
scikit-learn's GridSearchCV tries a grid of λ on two data sets. For each λ it
reports the log-loss and the accuracy on the held-out folds, the norm of the
weights and the share of weights that are exactly zero. The chosen λ is then
compared with the default ``alpha=1e-4`` on test rows that the search has not seen.
"""

# Authors: skl2 developers
# SPDX-License-Identifier: BSD-3-Clause

import time

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skl2 import MLPClassifier

# %%
# What is searched
# ----------------
# The grid includes the default λ, 1e-4, so that the reference is one of the
# candidates. It is far too small a λ here: with m in the hundreds, J divides it
# by m and the weights are practically free.

DATA_SETS = {"breast_cancer": load_breast_cancer, "digits": load_digits}
PENALTIES = ("l2", "l1")
DEFAULT_ALPHA = 1e-4
ALPHAS = [DEFAULT_ALPHA, 0.01, 0.1, 1, 3, 10, 30, 100]
N_FOLDS = 5
# Few rows, where λ matters; all others are for the test.
N_TRAIN = 300

# %%
# ‖W‖ and the share of zeros are properties of a fitted model. A scorer may be any
# function of (estimator, X, y), so GridSearchCV can report them next to the
# scores: as means over the models of the folds, without fitting anything twice.


def weights(pipeline):
    """All the weights (not the biases) of the network, as one vector."""
    return np.concatenate([W.ravel() for W in pipeline["mlp"].coefs_])


def weight_norm(pipeline, X, y):
    """Frobenius norm of all the weight matrices together."""
    return np.linalg.norm(weights(pipeline))


def share_of_zeros(pipeline, X, y):
    """Share of the weights that are exactly zero, in [0, 1]."""
    return np.mean(weights(pipeline) == 0)


SCORING = {
    "neg_log_loss": "neg_log_loss",
    "accuracy": "accuracy",
    "norm": weight_norm,
    "zeros": share_of_zeros,
}

# %%
# The search itself is plain scikit-learn. λ is divided by 2m: the models of the folds
# have 4/5 of the training rows, the final model has all of them, so that the same λ
# weighs a little less in the final fit.
#
# The solver is L-BFGS, which reaches the minimum of J. A training that ends early
# regularizes as well; here λ alone makes the difference.


def make_pipeline(penalty, alpha=DEFAULT_ALPHA):
    mlp = MLPClassifier(
        hidden_layer_sizes=(20,),
        activation="tanh",
        solver="lbfgs",
        penalty=penalty,
        alpha=alpha,
        max_iter=2000,
        max_fun=20_000,
        tol=1e-4,
        random_state=0,
    )
    return Pipeline([("scale", StandardScaler()), ("mlp", mlp)])


def search_alpha(penalty, X, y):
    search = GridSearchCV(
        make_pipeline(penalty),
        {"mlp__alpha": ALPHAS},
        scoring=SCORING,
        refit="neg_log_loss",
        cv=StratifiedKFold(N_FOLDS, shuffle=True, random_state=0),
        n_jobs=2,
        error_score="raise",
    )
    return search.fit(X, y)


def evaluate(estimator, X, y):
    """Test scores of a fitted estimator."""
    proba = estimator.predict_proba(X)
    return {
        "log-loss": log_loss(y, proba, labels=estimator.classes_),
        "accuracy": accuracy_score(y, estimator.predict(X)),
    }


# %%
# The table
# ---------


def print_table(name, penalty, search):
    cv = search.cv_results_
    print(f"\n{name}, penalty={penalty!r}: means over {N_FOLDS} folds")
    print(f"  {'λ':>8}  {'log-loss':>8}  {'accuracy':>8}  {'‖W‖':>8}  {'zeros':>6}")
    for i, alpha in enumerate(ALPHAS):
        print(
            f"  {alpha:8g}  {-cv['mean_test_neg_log_loss'][i]:8.4f}"
            f"  {cv['mean_test_accuracy'][i]:8.4f}  {cv['mean_test_norm'][i]:8.3f}"
            f"  {cv['mean_test_zeros'][i]:6.1%}"
            + ("  <- chosen" if i == search.best_index_ else "")
        )


def print_test_scores(tests):
    for label, scores in tests.items():
        print(
            f"  test, {label}: log-loss {scores['log-loss']:.4f},"
            f" accuracy {scores['accuracy']:.4f}"
        )


def run(name, penalty, X_train, X_test, y_train, y_test):
    """Search λ, print what was found, return (search, test scores by alpha)."""
    start = time.perf_counter()
    search = search_alpha(penalty, X_train, y_train)
    default = make_pipeline(penalty).fit(X_train, y_train)
    chosen_alpha = search.best_params_["mlp__alpha"]
    tests = {
        f"chosen λ = {chosen_alpha:g}": evaluate(search, X_test, y_test),
        f"default λ = {DEFAULT_ALPHA:g}": evaluate(default, X_test, y_test),
    }
    print_table(name, penalty, search)
    print_test_scores(tests)
    sparsity = search.best_estimator_["mlp"].sparsity_
    print(
        "  exact zeros of the chosen model, layer by layer: "
        + ", ".join(f"{share:.1%}" for share in sparsity)
    )
    print(f"  took {time.perf_counter() - start:.1f} s")
    return search, tests


results = {}
for name, load in DATA_SETS.items():
    X, y = load(return_X_y=True)
    parts = train_test_split(X, y, train_size=N_TRAIN, stratify=y, random_state=0)
    for penalty in PENALTIES:
        results[penalty, name] = run(name, penalty, *parts)

# %%
# The picture
# -----------
# Too small a λ, on the left of each panel, and the network overfits; too large a λ,
# on the right, and it underfits. With L1 the dashed line tells how many of the
# weights are exactly zero on the way.


def plot_panel(ax, search):
    """CV log-loss against λ, the chosen λ, and for L1 the share of zeros."""
    cv = search.cv_results_
    error = cv["std_test_neg_log_loss"] / np.sqrt(N_FOLDS)
    lines = [
        ax.errorbar(
            ALPHAS,
            -cv["mean_test_neg_log_loss"],
            error,
            color="C0",
            marker="o",
            markersize=4,
            capsize=3,
            label=f"log-loss: mean ± standard error over {N_FOLDS} folds",
        ),
        ax.axvline(
            search.best_params_["mlp__alpha"],
            color="C2",
            linewidth=6,
            alpha=0.35,
            zorder=0,
            label="chosen λ: lowest mean log-loss",
        ),
    ]
    ax.set(xscale="log", yscale="log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.grid(alpha=0.3)
    if cv["mean_test_zeros"].any():
        right = ax.twinx()
        lines += right.plot(
            ALPHAS,
            cv["mean_test_zeros"],
            color="C1",
            linestyle="--",
            marker="s",
            markersize=4,
            label="share of weights that are exactly 0",
        )
        right.set(ylim=(-0.03, 1.03), ylabel="share of exact zeros")
        right.yaxis.label.set_color("C1")
        right.tick_params(axis="y", colors="C1")
        right.yaxis.set_major_formatter("{x:.0%}")
    return lines


def plot(results):
    fig, axes = plt.subplots(
        len(PENALTIES),
        len(DATA_SETS),
        figsize=(11, 7.5),
        sharex=True,
        sharey="col",
        layout="constrained",
        squeeze=False,
    )
    for row, penalty in zip(axes, PENALTIES, strict=True):
        for ax, name in zip(row, DATA_SETS, strict=True):
            search, tests = results[penalty, name]
            lines = plot_panel(ax, search)
            test = [f"{s['log-loss']:.3f} at {label}" for label, s in tests.items()]
            ax.set_title(
                f"{name}, penalty='{penalty}'\ntest log-loss {', '.join(test)}",
                fontsize="medium",
            )
        row[0].set_ylabel("log-loss of held-out folds")
    for ax in axes[-1]:
        ax.set_xlabel("λ (alpha)")
    fig.suptitle("Selecting λ by grid search: too small overfits, too large underfits")
    fig.legend(handles=lines, loc="outside lower center", ncols=3)
    return fig


plot(results)
plt.show()
