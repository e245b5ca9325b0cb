"""Full-batch L-BFGS, member by member, on the same objective.

The step rule is scipy's L-BFGS-B (Byrd, Lu, Nocedal & Zhu, 1995). A non-smooth penalty
becomes smooth in twice the variables: with W = U - V and U, V >= 0, the penalty
strength · ‖W‖₁ is strength · Σ (U + V) at the minimum, and the bounds give exact zeros.
"""

import numpy as np
from scipy.optimize import minimize

from skl2.stochastic import Result

# scipy's default for the relative decrease of J at which it stops.
FTOL = 1e7 * np.finfo(np.float64).eps


class _Variables:
    """The variables of scipy's minimiser: theta itself, as float64."""

    bounds: list | None = None

    def start(self, theta):
        return theta.astype(np.float64)

    def theta(self, x):
        return x

    def value_and_gradient(self, x, value, grad):
        return value, grad


class _SplitVariables(_Variables):
    """(θ with U in the place of W, V): W = U - V under an L1 penalty."""

    def __init__(self, penalty, n_parameters):
        self.n_parameters = n_parameters
        strength = penalty.l1.coordinates(n_parameters)[0]
        self.split = np.flatnonzero(strength)
        self.strength = strength[self.split]
        self.bounds = [(0.0 if s else None, None) for s in strength] + [
            (0.0, None)
        ] * len(self.split)

    def start(self, theta):
        x = theta.astype(np.float64)
        v = np.maximum(-x[self.split], 0.0)
        x[self.split] = np.maximum(x[self.split], 0.0)
        return np.concatenate([x, v])

    def theta(self, x):
        theta = x[: self.n_parameters].copy()
        theta[self.split] -= x[self.n_parameters :]
        return theta

    def value_and_gradient(self, x, value, grad):
        # Σ (U + V) = Σ |U - V| + 2 Σ min(U, V), and `value` holds the first term.
        u, v = x[self.split], x[self.n_parameters :]
        value += 2.0 * float(self.strength @ np.minimum(u, v))
        grad_v = self.strength - grad[self.split]
        grad[self.split] += self.strength
        return value, np.concatenate([grad, grad_v])


def minimize_lbfgs(objective, theta, max_iter, max_fun, tol, verbose=False):
    """Minimise the objective of one member from `theta`, shape (1, P), in place.

    Stops where the largest component of the projected gradient is below `tol`, or where
    an iteration decreases J by less than 2.2e-9 relatively: scikit-learn's rule; below
    the default tol=1e-4 the second bound shrinks with `tol`, so that a tight `tol` is
    reached.

    Returns
    -------
    Result
    """
    objective.bind(theta)
    if objective.penalty.has_nonsmooth:
        variables: _Variables = _SplitVariables(objective.penalty, theta.shape[1])
    else:
        variables = _Variables()
    result = Result(theta[0].copy())
    latest = 0.0

    def value_and_grad(x):
        nonlocal latest
        theta[0] = variables.theta(x)
        with np.errstate(over="ignore", invalid="ignore"):
            value, grad = objective.value_and_grad()
        latest = float(value[0])
        return variables.value_and_gradient(x, latest, grad[0].astype(np.float64))

    def callback(x):
        # The last point evaluated is the one the line search accepted.
        result.theta[...] = variables.theta(x)
        result.loss_curve.append(latest)
        result.n_iter += 1
        if verbose:
            print(f"Iteration {result.n_iter}, loss = {latest:.8f}")

    try:
        found = minimize(
            value_and_grad,
            variables.start(theta[0]),
            method="L-BFGS-B",
            jac=True,
            bounds=variables.bounds,
            callback=callback,
            options={
                "maxfun": max_fun,
                "maxiter": max_iter,
                "gtol": tol,
                "ftol": min(1.0, tol / 1e-4) * FTOL,
            },
        )
    except KeyboardInterrupt:
        result.interrupted = True
        theta[0] = result.theta
        return result
    result.theta[...] = theta[0] = variables.theta(found.x)
    result.n_iter = min(found.nit, max_iter)
    result.best_loss = float(found.fun)
    result.converged = found.status == 0
    result.message = str(found.message)
    if not np.isfinite(found.fun) or not np.isfinite(theta).all():
        result.diverged_at = result.n_iter
    return result
