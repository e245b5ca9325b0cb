"""skorch.NeuralNetClassifier around the network of the torch adapter."""

import numpy as np
import torch
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier
from torch import nn

from benchmarks.libraries.torch import network, weights


class Binary(nn.Module):
    """One logit a row, of shape (n_rows,), as skorch wants it for two classes."""

    def __init__(self, problem):
        super().__init__()
        self.net = network(problem)

    def forward(self, X):
        return self.net(X)[:, 0]


class Multinomial(nn.Module):
    def __init__(self, problem):
        super().__init__()
        self.net = network(problem)

    def forward(self, X):
        return self.net(X)


def prepare(problem):
    binary = problem.layer_sizes[-1] == 1
    if binary:
        kind, module, criterion = NeuralNetBinaryClassifier, Binary, None
        y = problem.y.astype(problem.X.dtype)
    else:
        kind, module, criterion = NeuralNetClassifier, Multinomial, nn.CrossEntropyLoss
        y = problem.y.astype(np.int64)

    def fit():
        torch.manual_seed(problem.seed)
        options = {} if criterion is None else {"criterion": criterion}
        model = kind(
            module,
            module__problem=problem,
            optimizer=torch.optim.Adam,
            lr=problem.learning_rate,
            optimizer__param_groups=[("*.bias", {"weight_decay": 0.0})],
            optimizer__weight_decay=problem.alpha / len(problem.X),
            max_epochs=problem.n_epochs,
            batch_size=problem.batch_size,
            iterator_train__shuffle=True,
            train_split=None,
            verbose=0,
            **options,
        )
        model.fit(problem.X, y)
        return *weights(model.module_), len(model.history)

    return fit
