r"""
===========================
Callbacks and progress bars
===========================

From scikit-learn 1.9 on estimators call callbacks while they fit (``set_callbacks``).
Those of skl2 do so at each epoch: a progress bar shows it, a monitor scores it, your
own callback records it or ends the training. This example records how weights become
zero under an L1 penalty and stops when enough of them are zero.
"""

# Authors: skl2 developers
# SPDX-License-Identifier: BSD-3-Clause

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, train_test_split

from skl2 import MLPClassifier
from skl2.inspection import LossCurveDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, stratify=y, random_state=0
)
mlp = MLPClassifier(
    (50,),
    penalty="l1",
    alpha=2.0,
    learning_rate_init=0.01,
    max_iter=100,
    early_stopping=True,
    scoring="loss",
    n_iter_no_change=np.inf,
    random_state=0,
)

# %%
# Your own callback
# -----------------
# Four methods. ``fitted_estimator`` predicts as if training had stopped after the
# epoch; its ``epoch_metrics_`` is a dict. If the last method returns True the training
# ends.


class Recorder:
    """Keeps the metrics of each epoch; stops at a share of zeros in layer 1."""

    def __init__(self, stop_at=1.0):
        self.metrics, self.stop_at = [], stop_at

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        if context.task_name != "epoch":
            return False
        self.metrics.append(fitted_estimator.epoch_metrics_)
        return self.metrics[-1]["sparsity"][0] >= self.stop_at


# All 100 epochs are run, even if the loss still falls.
warnings.filterwarnings("ignore", category=ConvergenceWarning)
recorder = Recorder()
monitor = ScoringMonitor(scoring="accuracy")
mlp.set_callbacks(recorder, monitor).fit(X_train, y_train)
print(f"{mlp.n_iter_} epochs; the metrics of the last one:")
for name, value in recorder.metrics[-1].items():
    print(f"  {name}: {np.round(value, 4)}")

# %%
# scikit-learn's ``ScoringMonitor`` has scored each epoch on the training rows.

log = monitor.get_logs(select="most_recent")
accuracies = [row["accuracy"] for row in log.data if row["task_name"] == "epoch"]
print("training accuracy of epochs 1, 10, 100:", np.round(accuracies, 4)[[0, 9, 99]])

# %%
# Stopping for your own reason
# ----------------------------

stopper = Recorder(stop_at=0.75)
stopped = MLPClassifier(**mlp.get_params()).set_params(early_stopping=False)
stopped.set_callbacks(stopper).fit(X_train, y_train)
print(
    f"stopped after {stopped.n_iter_} epochs with {stopped.sparsity_[0]:.1%} zeros, "
    f"test accuracy {stopped.score(X_test, y_test):.4f}; after all of them "
    f"{mlp.sparsity_[0]:.1%} zeros, {mlp.score(X_test, y_test):.4f}"
)

# %%
# Progress bars
# -------------
# ``ProgressBar`` (it needs ``pip install rich``) is passed on to the estimators inside
# a search, down to ``max_propagation_depth``. With two levels the search has a bar, and
# each of its fits has one that counts epochs.

plain = MLPClassifier((20,), max_iter=20, random_state=0)
search = GridSearchCV(plain, {"alpha": [0.1, 1.0]}, cv=2)
try:
    search.set_callbacks(ProgressBar(max_propagation_depth=2)).fit(X_train, y_train)
except ImportError as error:
    print("no progress bar:", error)

# %%
# The picture
# -----------
# J, its parts and the loss on the rows held out, and, from the recorder, the
# share of weights that are exactly zero.

fig, axes = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
LossCurveDisplay.from_estimator(mlp, ax=axes[0])
zeros = np.array([epoch["sparsity"] for epoch in recorder.metrics])
epochs = np.arange(1, len(zeros) + 1)
axes[1].plot(epochs, zeros, label=["zeros in layer 1", "zeros in layer 2"])
axes[1].plot(epochs, accuracies, "k--", label="training accuracy")
axes[1].axvline(
    stopped.n_iter_, color="C3", linestyle=":", label="the second run stopped"
)
axes[1].set(xlabel="epoch", ylabel="share", ylim=(0, 1.03))
axes[1].legend(loc="lower right")
fig.suptitle("What callbacks record: losses and zeros, epoch by epoch")
plt.show()
