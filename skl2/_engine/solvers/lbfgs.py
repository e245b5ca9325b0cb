"""Full-batch L-BFGS, member by member, on the same objective.

The step rule is scipy's L-BFGS-B (Byrd, Lu, Nocedal & Zhu, 1995). A non-smooth penalty
becomes smooth in twice the variables: with W = U - V and U, V >= 0, the penalty
strength · ‖W‖₁ is strength · Σ (U + V) at the minimum, and the bounds give exact zeros.
"""

import numpy as np
from scipy.optimize import minimize

from skl2._engine.solvers.reports import (
    Result,
    raise_if_untrained,
    report_iteration,
)
from skl2._engine.threads import raise_if_abandoned

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


def _minimize(value_and_grad, variables, theta, callback, max_iter, max_fun, tol):
    """scipy's L-BFGS-B, restarted where bounds have stopped it too early.

    Its rule on the relative decrease also stops after a step that a bound has cut
    short, far from the minimum. A restart clears the memory of the curvature; restarts
    end when they do not lower J any more.
    """
    x, previous, n_iter, n_fun = variables.start(theta), np.inf, 0, 0
    while True:
        found = minimize(
            value_and_grad,
            x,
            method="L-BFGS-B",
            jac=True,
            bounds=variables.bounds,
            callback=callback,
            options={
                "maxfun": max(1, max_fun - n_fun),
                "maxiter": max(1, max_iter - n_iter),
                "gtol": tol,
                "ftol": min(1.0, tol / 1e-4) * FTOL,
            },
        )
        x, n_iter, n_fun = found.x, n_iter + found.nit, n_fun + found.nfev
        stationary = _projected_gradient(found, variables.bounds) <= tol
        lower = found.fun < previous * (1.0 - np.sign(previous) * FTOL)
        if variables.bounds is None or found.status != 0 or stationary or not lower:
            return found
        previous = found.fun


def _projected_gradient(found, bounds):
    """Largest component of the gradient that does not push against a bound."""
    if bounds is None:
        return np.abs(found.jac).max()
    at_bound = (found.x <= [-np.inf if low is None else low for low, _ in bounds]) & (
        found.jac > 0
    )
    return np.abs(np.where(at_bound, 0.0, found.jac)).max()


def minimize_lbfgs(objective, theta, max_iter, max_fun, tol, listeners=()):
    """Minimise the objective of one member from `theta`, shape (1, P), in place.

    Stops where the largest component of the projected gradient is below `tol`, or where
    an iteration decreases J by less than 2.2e-9 relatively: scikit-learn's rule; below
    the default tol=1e-4 the second bound shrinks with `tol`, so that a tight `tol` is
    reached. `listeners` are called after each iteration, see ``StochasticRun``.

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
    latest = latest_penalty = 0.0

    def value_and_grad(x):
        nonlocal latest, latest_penalty
        raise_if_abandoned()
        # Beyond the range of theta's type a line search finds no finite loss.
        with np.errstate(over="ignore", invalid="ignore"):
            theta[0] = variables.theta(x)
            value, grad = objective.value_and_grad()
        latest, latest_penalty = float(value[0]), float(objective.penalty_value[0])
        return variables.value_and_gradient(x, latest, grad[0].astype(np.float64))

    def callback(x):
        # The last point evaluated is the one the line search accepted.
        result.theta[...] = variables.theta(x)
        result.loss_curve.append(latest)
        result.penalty_curve.append(latest_penalty)
        result.n_iter += 1
        if listeners:
            report_iteration(result, listeners)

    try:
        found = _minimize(
            value_and_grad, variables, theta[0], callback, max_iter, max_fun, tol
        )
    except KeyboardInterrupt:
        raise_if_untrained(result)
        result.interrupted = True
        theta[0] = result.theta
        return result
    result.theta[...] = theta[0] = variables.theta(found.x)
    result.n_iter = min(result.n_iter, max_iter)
    result.best_loss = float(found.fun)
    # 99: a listener has stopped it.
    result.converged = found.status in (0, 99)
    result.message = str(found.message)
    if not np.isfinite(found.fun) or not np.isfinite(theta).all():
        result.diverged_at = result.n_iter
    return result
