"""Batch norm and dropout as PyTorch computes them, forward, backward and in steps."""

import numpy as np
import pytest
from helpers import make_member, make_settings, training_set

from skl2 import MLPRegressor
from skl2._engine.random_streams import FIRST_LAYER, LEVELS, NoiseStream
from skl2._engine.stack import make_network

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore:.*aximum iterations"),
]
ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu, "silu": torch.nn.functional.silu}


class TorchNet(torch.nn.Module):
    """Affine maps without a bias, then batch norm, activation and a given mask."""

    def __init__(self, sizes, activation, batch_norm):
        super().__init__()
        pairs = list(zip(sizes, sizes[1:], strict=False))
        self.linear = torch.nn.ModuleList(
            torch.nn.Linear(a, b, bias=i == len(pairs) - 1 or not batch_norm)
            for i, (a, b) in enumerate(pairs)
        ).double()
        self.norm = torch.nn.ModuleList(
            torch.nn.BatchNorm1d(n) if batch_norm else torch.nn.Identity()
            for n in sizes[1:-1]
        ).double()
        self.activation = ACTIVATIONS[activation]

    def forward(self, x, masks=None):
        masks = masks or [1.0] * len(self.linear)
        x = x * masks[0]
        for linear, norm, mask in zip(
            self.linear[:-1], self.norm, masks[1:], strict=True
        ):
            x = self.activation(norm(linear(x))) * mask
        return self.linear[-1](x)

    def load(self, network, theta):
        """Take the weights of a row of theta."""
        n = len(self.linear)
        views = [slot.view(theta[None])[0] for slot in network.layout.slots]
        with torch.no_grad():
            for i, linear in enumerate(self.linear):
                linear.weight.copy_(torch.tensor(views[2 * i].T.copy()))
                bias = torch.tensor(views[2 * i + 1][:, 0].copy())
                if linear.bias is not None:
                    linear.bias.copy_(bias)
                else:
                    self.norm[i].bias.copy_(bias)
                    scale = views[2 * n + i][:, 0].copy()
                    self.norm[i].weight.copy_(torch.tensor(scale))

    def gradient(self, network):
        """Gradients as a row of theta."""
        n = len(self.linear)
        row = np.empty((1, network.layout.n_parameters))
        for i, linear in enumerate(self.linear):
            W, b = network.layout.slots[2 * i : 2 * i + 2]
            W.view(row)[0] = linear.weight.grad.numpy().T
            bias = linear.bias if linear.bias is not None else self.norm[i].bias
            b.view(row)[0, :, 0] = bias.grad.numpy()
            if linear.bias is None:
                slot = network.layout.slots[2 * n + i]
                slot.view(row)[0, :, 0] = self.norm[i].weight.grad.numpy()
        return row[0]


@pytest.mark.parametrize("dropout", [(), (0.2, 0.5, 0.3)], ids=["", "dropout"])
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_forward_and_backward(activation, batch_norm, dropout):
    data = training_set(n_rows=17)
    sizes = (4, 6, 5, 3)
    settings = make_settings(
        data,
        hidden=sizes[1:-1],
        activation=activation,
        batch_norm=batch_norm,
        dropout=tuple(p > 0 for p in dropout),
    )
    member = make_member(settings, dropout=dropout)
    network = make_network(settings, [member], [NoiseStream(np.random.RandomState(3))])
    theta = np.random.RandomState(0).standard_normal((1, network.layout.n_parameters))
    grad = np.full_like(theta, np.nan)
    network.bind(theta, grad)
    x = data.batch(slice(0, 17))[0]
    raw = network.forward(x, 17).copy()
    d_raw = np.random.RandomState(1).standard_normal(raw.shape)
    network.backward(d_raw.copy(), 17)

    masks = None
    if dropout:
        # The same masks, from the bits of a stream in the same state.
        stream = NoiseStream(np.random.RandomState(3))
        masks = []
        for i, (n_units, p) in enumerate(zip(sizes, dropout, strict=False)):
            # The mask of the input is drawn row by row, as X lies in memory.
            lies = (17, n_units) if i == 0 else (n_units, 17)
            level = round(p * LEVELS)
            kept = stream.bits(FIRST_LAYER + i, lies) >= level
            kept = kept if i == 0 else kept.T
            masks.append(torch.tensor(kept * (LEVELS / (LEVELS - level))))
    net = TorchNet(sizes, activation, batch_norm)
    net.load(network, theta[0])
    theirs = net(torch.tensor(data.X), masks)
    np.testing.assert_allclose(raw[0].T, theirs.detach().numpy(), rtol=1e-9, atol=1e-11)
    theirs.backward(torch.tensor(d_raw[0].T.copy()))
    np.testing.assert_allclose(grad[0], net.gradient(network), rtol=1e-8, atol=1e-10)


OPTIMIZERS = {
    "sgd": lambda groups: torch.optim.SGD(groups, lr=0.01, momentum=0.9, nesterov=True),
    "adam": lambda groups: torch.optim.Adam(groups, lr=0.01),
    "adamw": lambda groups: torch.optim.AdamW(groups, lr=0.01),
}


@pytest.mark.parametrize("solver", OPTIMIZERS)
def test_batch_norm_trajectory(solver):
    rng = np.random.RandomState(0)
    X, alpha, n_steps = rng.standard_normal((30, 4)), 2.0, 100
    y = np.sin(X[:, 0]) + X[:, 1]
    model = MLPRegressor(
        hidden_layer_sizes=(6, 5),
        activation="tanh",
        batch_norm=True,
        solver=solver,
        alpha=alpha,
        learning_rate_init=0.01,
        max_iter=n_steps,
        tol=0.0,
        n_iter_no_change=np.inf,
        warm_start=True,
        random_state=0,
    ).fit(X, y)
    problem, *_ = model._problem(X, y)
    network = make_network(problem.settings)
    start = network.initial_theta(np.random.RandomState(0))
    net = TorchNet((4, 6, 5, 1), "tanh", True)
    net.load(network, start)
    decay = [linear.weight for linear in net.linear]
    others = [net.linear[-1].bias, *net.norm.parameters()]
    optimizer = OPTIMIZERS[solver](
        [
            {"params": decay, "weight_decay": alpha / 30},
            {"params": others, "weight_decay": 0.0},
        ]
    )
    target = torch.tensor(y[:, None])
    for _ in range(n_steps):
        optimizer.zero_grad()
        (0.5 * (net(torch.tensor(X)) - target) ** 2).mean().backward()
        optimizer.step()
    expected = TorchNet((4, 6, 5, 1), "tanh", True)
    expected.load(network, model._progress.unfolded.theta)
    for ours, theirs in zip(expected.parameters(), net.parameters(), strict=True):
        np.testing.assert_allclose(
            ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-6, atol=1e-8
        )
