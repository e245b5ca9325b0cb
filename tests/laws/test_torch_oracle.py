"""Trajectories: sgd, adam and adamw take torch's steps, one by one.

PyTorch shares no code with this package: its gradients come from autograd and its
optimizers are its own. ``weight_decay = alpha / m`` goes on the weights only, m being
the number (or the weight sum) of *all* the training rows, whatever the batch size.
"""

from itertools import pairwise

import numpy as np
import pytest

import skl2

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
F = torch.nn.functional

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore:.*aximum iterations"),
]

N_STEPS = 100
N_SAMPLES, N_FEATURES = 40, 5
ALPHA = 2.0

ACTIVATIONS = {
    "identity": lambda z: z,
    "logistic": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "gelu": F.gelu,
    "silu": F.silu,
}

# Our parameters, and the torch optimizer they must reproduce.
OPTIMIZERS = {
    "sgd": (
        {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.05},
        lambda groups: torch.optim.SGD(groups, lr=0.05),
    ),
    "momentum": (
        {
            "solver": "sgd",
            "momentum": 0.9,
            "nesterovs_momentum": False,
            "learning_rate_init": 0.02,
        },
        lambda groups: torch.optim.SGD(groups, lr=0.02, momentum=0.9),
    ),
    "nesterov": (
        {
            "solver": "sgd",
            "momentum": 0.9,
            "nesterovs_momentum": True,
            "learning_rate_init": 0.02,
        },
        lambda groups: torch.optim.SGD(groups, lr=0.02, momentum=0.9, nesterov=True),
    ),
    "adam": (
        {"solver": "adam", "learning_rate_init": 0.003},
        lambda groups: torch.optim.Adam(groups, lr=0.003),
    ),
    "adam_betas": (
        {
            "solver": "adam",
            "learning_rate_init": 0.003,
            "beta_1": 0.7,
            "beta_2": 0.95,
            "epsilon": 1e-3,
        },
        lambda groups: torch.optim.Adam(groups, lr=0.003, betas=(0.7, 0.95), eps=1e-3),
    ),
    "adamw": (
        {"solver": "adamw", "learning_rate_init": 0.003},
        lambda groups: torch.optim.AdamW(groups, lr=0.003),
    ),
}


def squared_error(raw, y):
    return 0.5 * ((raw - y) ** 2).sum(dim=1)


def binary_log_loss(raw, y):
    return F.binary_cross_entropy_with_logits(raw, y, reduction="none").sum(dim=1)


def log_loss(raw, y):
    return F.cross_entropy(raw, y, reduction="none")


def poisson(raw, y):
    # Without xlogy(y, y) - y: constants have no gradient.
    return (raw.exp() - y * raw).sum(dim=1)


def make_problem(kind):
    """Estimator class, its parameters, X, y, torch's y, torch's loss per row."""
    rng = np.random.RandomState(7)
    X = rng.normal(size=(N_SAMPLES, N_FEATURES))
    scores = np.sin(X @ rng.normal(size=(N_FEATURES, 3))) + 0.3 * rng.normal(
        size=(N_SAMPLES, 3)
    )
    if kind == "regression":
        y = scores[:, 0]
        return skl2.MLPRegressor, {}, X, y, torch.tensor(y[:, None]), squared_error
    if kind == "multioutput":
        return skl2.MLPRegressor, {}, X, scores, torch.tensor(scores), squared_error
    if kind == "poisson":
        y = rng.poisson(np.exp(scores[:, 0])).astype(float)
        target = torch.tensor(y[:, None])
        return skl2.MLPRegressor, {"loss": "poisson"}, X, y, target, poisson
    if kind == "binary":
        y = (scores[:, 0] > 0).astype(int)
        target = torch.tensor(y[:, None].astype(float))
        return skl2.MLPClassifier, {}, X, y, target, binary_log_loss
    if kind == "multilabel":
        y = (scores > 0).astype(int)
        target = torch.tensor(y.astype(float))
        return skl2.MLPClassifier, {}, X, y, target, binary_log_loss
    assert kind == "multiclass"
    y = scores.argmax(axis=1)
    return skl2.MLPClassifier, {}, X, y, torch.tensor(y), log_loss


def initial_weights(layer_units, activation, random_state):
    """scikit-learn's draws: per layer W, then b, uniform on (-bound, bound)."""
    rng = np.random.RandomState(random_state)
    factor = 2.0 if activation == "logistic" else 6.0
    coefs, intercepts = [], []
    for fan_in, fan_out in pairwise(layer_units):
        bound = np.sqrt(factor / (fan_in + fan_out))
        coefs.append(rng.uniform(-bound, bound, (fan_in, fan_out)))
        intercepts.append(rng.uniform(-bound, bound, fan_out))
    return coefs, intercepts


def torch_fit(
    coefs,
    intercepts,
    activation,
    loss,
    make_optimizer,
    X,
    y,
    *,
    weight_decay,
    batch_size,
    sample_weight=None,
):
    """N_STEPS steps over consecutive batches; returns the last weights and biases."""
    n_samples = X.shape[0]
    if sample_weight is None:
        sample_weight = np.ones(n_samples)
    # A batch stands for the whole training set: its expectation is the full mean.
    scale = n_samples / batch_size / sample_weight.sum()
    X, s = torch.tensor(X), torch.tensor(sample_weight)
    W = [torch.tensor(c, requires_grad=True) for c in coefs]
    b = [torch.tensor(i, requires_grad=True) for i in intercepts]
    groups = [
        {"params": [w], "weight_decay": d} for w, d in zip(W, weight_decay, strict=True)
    ]
    groups.append({"params": b, "weight_decay": 0.0})
    optimizer = make_optimizer(groups)
    n_batches = n_samples // batch_size
    for step in range(N_STEPS):
        start = (step % n_batches) * batch_size
        rows = slice(start, start + batch_size)
        a = X[rows]
        for layer in range(len(W)):
            a = a @ W[layer] + b[layer]
            if layer < len(W) - 1:
                a = ACTIVATIONS[activation](a)
        optimizer.zero_grad()
        (scale * (s[rows] * loss(a, y[rows])).sum()).backward()
        optimizer.step()
    return [w.detach().numpy() for w in W], [v.detach().numpy() for v in b]


def check_trajectory(
    kind,
    optimizer,
    *,
    activation="tanh",
    hidden_layer_sizes=(6,),
    batch_size=N_SAMPLES,
    alpha=ALPHA,
    weighted=False,
    **params,
):
    estimator_class, loss_params, X, y, target, loss = make_problem(kind)
    solver_params, make_optimizer = OPTIMIZERS[optimizer]
    sample_weight = None
    total = N_SAMPLES
    if weighted:
        sample_weight = np.random.RandomState(3).uniform(0.1, 3, N_SAMPLES)
        # One batch whose weights are all zero: no gradient, yet the decay goes on.
        sample_weight[:batch_size] *= batch_size == N_SAMPLES
        total = sample_weight.sum()
    n_batches, remainder = divmod(N_SAMPLES, batch_size)
    assert remainder == 0 and N_STEPS % n_batches == 0
    estimator = estimator_class(
        hidden_layer_sizes=hidden_layer_sizes,
        activation=activation,
        alpha=alpha,
        batch_size=batch_size,
        max_iter=N_STEPS // n_batches,
        shuffle=False,
        random_state=0,
        tol=0.0,
        n_iter_no_change=N_STEPS + 1,
        **solver_params,
        **loss_params,
        **params,
    ).fit(X, y, sample_weight=sample_weight)

    n_outputs = estimator.n_outputs_
    layer_units = [N_FEATURES, *hidden_layer_sizes, n_outputs]
    start = initial_weights(layer_units, activation, 0)
    penalized = params.get("penalty", "l2") is not None
    decay = np.broadcast_to(alpha, len(layer_units) - 1) / total * penalized
    coefs, intercepts = torch_fit(
        *start,
        activation,
        loss,
        make_optimizer,
        X,
        target,
        weight_decay=decay.tolist(),
        batch_size=batch_size,
        sample_weight=sample_weight,
    )
    assert estimator.n_iter_ == N_STEPS // n_batches
    for ours, theirs, first in zip(
        estimator.coefs_ + estimator.intercepts_,
        coefs + intercepts,
        start[0] + start[1],
        strict=True,
    ):
        # The walk must be long enough for a wrong step to show.
        assert np.abs(theirs - first).max() > 1e-3
        np.testing.assert_allclose(
            ours, theirs, rtol=1e-9, atol=1e-9 * np.abs(theirs).max()
        )


@pytest.mark.parametrize("batch_size", [N_SAMPLES, 10])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    "kind",
    ["regression", "multioutput", "poisson", "binary", "multilabel", "multiclass"],
)
def test_trajectory_of_every_loss(kind, optimizer, batch_size):
    check_trajectory(kind, optimizer, batch_size=batch_size)


@pytest.mark.parametrize("optimizer", ["nesterov", "adam", "adamw"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("kind", ["regression", "multiclass"])
def test_trajectory_of_every_activation(kind, activation, optimizer):
    check_trajectory(
        kind,
        optimizer,
        activation=activation,
        hidden_layer_sizes=(6, 4),
        batch_size=20,
    )


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    "params",
    [
        {"hidden_layer_sizes": ()},
        {"hidden_layer_sizes": (6, 4), "alpha": [0.0, 4.0, 1.0]},
        {"alpha": 0.0},
        {"penalty": None},
        {"penalty": "elasticnet", "l1_ratio": 0.0},
        {"weighted": True},
        {"weighted": True, "batch_size": 10},
    ],
    ids=str,
)
def test_trajectory_of_every_decay(params, optimizer):
    check_trajectory("binary", optimizer, **params)


@pytest.mark.parametrize("activation", ["logistic", "tanh"])
@pytest.mark.parametrize("hidden_layer_sizes", [(), (6,), (6, 4)])
def test_initial_weights(hidden_layer_sizes, activation):
    """Every trajectory starts from the draws of scikit-learn's MLP, bit for bit."""
    _, _, X, y, *_ = make_problem("multiclass")
    estimator = skl2.MLPClassifier(
        hidden_layer_sizes,
        activation=activation,
        solver="sgd",
        # Too small to change any weight: fit leaves the initial ones.
        learning_rate_init=1e-300,
        max_iter=1,
        random_state=5,
    ).fit(X, y)
    coefs, intercepts = initial_weights(
        [N_FEATURES, *hidden_layer_sizes, 3], activation, 5
    )
    for ours, drawn in zip(
        estimator.coefs_ + estimator.intercepts_, coefs + intercepts, strict=True
    ):
        np.testing.assert_array_equal(ours, drawn)
