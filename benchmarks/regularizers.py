"""One network on Fashion-MNIST under each regularizer, its strength chosen beforehand.

    python benchmarks/regularizers.py --data DIR

DIR holds fashion_mnist.npz (X_train, y_train, X_test, y_test; 28 x 28, uint8). The
strength of each regularizer is chosen on 10000 of the 60000 training images, by
log-loss after training on the others; then it is trained on all of them, and the test
images are looked at once.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, log_loss

from skl2 import MLPClassifier
from skl2.augmentation import Compose, HorizontalFlip, ImageShift

IMAGE = (28, 28)
# Input and first and second hidden layer.
DROPOUTS = [[0.0, 0.2, 0.2], [0.1, 0.3, 0.3], [0.2, 0.5, 0.5]]


def flips_and_shifts(max_shift):
    return Compose([HorizontalFlip(IMAGE), ImageShift(IMAGE, max_shift)])


# Name, parameters of each candidate, and the name of the one they build upon.
METHODS = [
    ("plain", [{"penalty": None}], None),
    ("L2", [{"alpha": alpha} for alpha in (1.0, 5.0, 20.0)], None),
    ("L1", [{"penalty": "l1", "alpha": alpha} for alpha in (0.3, 1.0, 3.0)], None),
    ("dropout", [{"dropout": p, "penalty": None} for p in DROPOUTS], None),
    ("dropout + L2", [{"penalty": "l2", "alpha": a} for a in (1.0, 5.0)], "dropout"),
    ("dropout + max-norm", [{"max_norm": c} for c in (1.0, 2.0)], "dropout"),
    ("batch norm", [{"batch_norm": True, "penalty": None}], None),
    (
        "augmentation",
        [{"augmentation": flips_and_shifts(s), "penalty": None} for s in (0, 1)],
        None,
    ),
    (
        "augmentation + dropout",
        [{"dropout": p} for p in ([0.0, 0.1, 0.1], [0.0, 0.2, 0.2])],
        "augmentation",
    ),
    # What is augmented takes longer to learn, and stands more of it: after 80 epochs
    # shifts by a pixel have the smaller log-loss on the held-out images.
    (
        "augmentation, 150 epochs",
        [{"augmentation": flips_and_shifts(1), "penalty": None, "max_iter": 150}],
        None,
    ),
    (
        "early stopping",
        [
            {
                "early_stopping": True,
                "scoring": "loss",
                "n_iter_no_change": 3,
                "penalty": None,
                "learning_rate": "constant",
            }
        ],
        None,
    ),
]


def load(folder):
    data = np.load(Path(folder) / "fashion_mnist.npz")

    def images(name):
        return data[name].reshape(len(data[name]), -1).astype(np.float32) / 255

    return images("X_train"), data["y_train"], images("X_test"), data["y_test"]


def train(X, y, hidden, epochs, params):
    model = MLPClassifier(
        hidden,
        learning_rate="cosine",
        learning_rate_init=1e-3,
        max_iter=epochs,
        n_iter_no_change=np.inf,
        random_state=0,
    ).set_params(**params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y)


def choose(candidates, X, y, hidden, epochs):
    """The candidate of the smallest log-loss on the last 10000 rows."""
    if len(candidates) == 1:
        return candidates[0]
    train_rows, held_out = slice(0, -10000), slice(-10000, None)
    losses = []
    for params in candidates:
        # λ/m is what is kept: the same pull on each weight with fewer rows.
        scaled = dict(params)
        if "alpha" in scaled:
            scaled["alpha"] *= (len(X) - 10000) / len(X)
        model = train(X[train_rows], y[train_rows], hidden, epochs, scaled)
        losses.append(log_loss(y[held_out], model.predict_proba(X[held_out])))
    return candidates[int(np.argmin(losses))]


def strength(params):
    """The chosen parameters in short, the switches left out."""
    words = []
    for name, value in params.items():
        if name == "augmentation":
            words.append(f"max_shift={value.transforms[1].max_shift}")
        elif name in ("alpha", "dropout", "max_norm", "max_iter"):
            words.append(f"{name}={value}".replace(" ", ""))
    return " ".join(words)


def row(name, params, model, seconds, X, y, X_test, y_test):
    accuracies = [
        accuracy_score(labels, model.predict(images))
        for images, labels in ((X, y), (X_test, y_test))
    ]
    loss = log_loss(y_test, model.predict_proba(X_test))
    norm = np.sqrt(sum(float((W**2).sum()) for W in model.coefs_))
    zeros = sum(int((W == 0).sum()) for W in model.coefs_)
    sparsity = zeros / sum(W.size for W in model.coefs_)
    return (
        f"| {name} | {strength(params)} | {accuracies[1]:.4f} | {loss:.4f} "
        f"| {accuracies[0] - accuracies[1]:.4f} | {norm:.1f} | {sparsity:.3f} "
        f"| {seconds:.0f} |"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, metavar="DIR")
    parser.add_argument("--hidden", type=int, nargs=2, default=[256, 128])
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--epochs-to-choose", type=int, default=25)
    parser.add_argument("--only", nargs="*", help="names of methods")
    options = parser.parse_args()
    X, y, X_test, y_test = load(options.data)
    hidden = tuple(options.hidden)
    print("| | strength | test accuracy | log-loss | train - test | ‖W‖ | zeros | s |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    chosen: dict[str | None, dict] = {None: {}}
    for name, candidates, base in METHODS:
        if options.only and name not in options.only:
            continue
        candidates = [chosen[base] | params for params in candidates]
        params = choose(candidates, X, y, hidden, options.epochs_to_choose)
        chosen[name] = params
        start = time.perf_counter()
        model = train(X, y, hidden, options.epochs, params)
        seconds = time.perf_counter() - start
        print(row(name, params, model, seconds, X, y, X_test, y_test), flush=True)


if __name__ == "__main__":
    main()
