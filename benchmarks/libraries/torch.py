"""PyTorch, eager, on the CPU, in the plainest loop: no DataLoader, no copies."""

import torch
from torch import nn


def network(problem):
    """The network with the initial weights of the problem."""
    layers = []
    for W, b in zip(*problem.initial_weights(), strict=True):
        linear = nn.Linear(*W.shape, dtype=torch.from_numpy(W).dtype)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W.T))
            linear.bias.copy_(torch.from_numpy(b))
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def weights(net):
    linears = [m for m in net.modules() if isinstance(m, nn.Linear)]
    return (
        [m.weight.detach().numpy().T for m in linears],
        [m.bias.detach().numpy() for m in linears],
    )


def targets(problem):
    """y and the loss to go with it."""
    y = torch.from_numpy(problem.y)
    if problem.layer_sizes[-1] == 1:
        y = y.to(torch.from_numpy(problem.X).dtype)[:, None]
        return y, nn.BCEWithLogitsLoss()
    return y, nn.CrossEntropyLoss()


def prepare(problem, fused=False):
    X = torch.from_numpy(problem.X)
    y, loss = targets(problem)

    def fit():
        torch.manual_seed(problem.seed)
        net = network(problem)
        linears = [m for m in net if isinstance(m, nn.Linear)]
        optimizer = torch.optim.Adam(
            [
                {
                    "params": [m.weight for m in linears],
                    "weight_decay": problem.alpha / len(X),
                },
                {"params": [m.bias for m in linears], "weight_decay": 0.0},
            ],
            lr=problem.learning_rate,
            fused=fused,
        )
        for _ in range(problem.n_epochs):
            for rows in torch.randperm(len(X)).split(problem.batch_size):
                optimizer.zero_grad()
                loss(net(X[rows]), y[rows]).backward()
                optimizer.step()
        return *weights(net), problem.n_epochs

    return fit


def prepare_fused(problem):
    """The same with the optimizer's one-kernel form, which is not its default."""
    return prepare(problem, fused=True)
