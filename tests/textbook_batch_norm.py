"""Batch norm as textbooks write it, and objectives to compare with it."""

import numpy as np
from helpers import bound_objective, make_member, make_settings, training_set

from skl2._engine.losses import MultinomialLogLoss
from skl2._engine.network.layers import ACTIVATIONS


def forward(theta_parts, X, activation, weight, epsilon=1e-5):
    """Training forward of one network in the textbook's form; moments of each layer."""
    coefs, gammas, betas = theta_parts
    share = np.ones(len(X)) if weight is None else weight
    share = share / share.sum()
    a, moments = X, []
    for W, gamma, beta in zip(coefs[:-1], gammas, betas[:-1], strict=True):
        z = a @ W
        mean = share @ z
        variance = share @ (z - mean) ** 2
        moments.append((mean, variance))
        z = gamma * (z - mean) / np.sqrt(variance + epsilon) + beta
        out = z.copy()
        ACTIVATIONS[activation]().forward(z.copy(), out, np.empty_like(z))
        a = z if activation == "identity" else out
    return a @ coefs[-1] + betas[-1], moments


def random_objective(activation="tanh", K=3, weighted=False, n_rows=11, hidden=(5, 3)):
    data = training_set("multinomial_log_loss", n_rows=n_rows, weighted=weighted)
    settings = make_settings(
        data, hidden=hidden, activation=activation, batch_norm=True
    )
    members = [make_member(settings, seed=k, alpha=2.0) for k in range(K)]
    objective = bound_objective(settings, MultinomialLogLoss(), members, data)
    theta = objective.theta
    theta += 0.3 * np.random.RandomState(1).standard_normal(theta.shape)
    return objective, data, settings


def parts(network, theta):
    """Weights, γ and β of one row of theta."""
    views = [slot.view(theta[None])[0] for slot in network.layout.slots]
    n = len(network.layers)
    gammas = [v[:, 0] for v in views[2 * n :]]
    return views[0 : 2 * n : 2], gammas, [v[:, 0] for v in views[1 : 2 * n : 2]]
