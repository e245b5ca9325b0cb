"""L-BFGS for all members of a stack at once: the solver of the λ ladder.

scipy's L-BFGS-B minimises one function; on small networks most of its time is the
interpreter's. Here every evaluation serves all members. Each member has a step size and
a history of its own, and uses each evaluation for what it needs next: a new iterate, or
a shorter step where the last was refused. A smooth penalty only.

Nocedal & Wright, "Numerical optimization", 2006, algorithm 7.4 (two-loop recursion),
with backtracking: pairs without positive curvature are left out.
"""

import numpy as np

from skl2._engine.threads import end_if_left

# Pairs of steps and gradient changes kept, scipy's default.
HISTORY = 10
# Share of the decrease predicted by the slope that an accepted step must reach.
ARMIJO = 1e-4


def _dot(a, b):
    """Inner product of every member, shape (K, 1)."""
    return np.matmul(a[:, np.newaxis, :], b[:, :, np.newaxis])[:, :, 0]


class _History:
    """The last pairs (s, y) of every member, as a ring of (K, P) arrays."""

    def __init__(self, shape, dtype):
        self.s = np.zeros((HISTORY, *shape), dtype)
        self.y = np.zeros((HISTORY, *shape), dtype)
        # 1 / (s'y); 0 marks a member that has no pair here.
        self.rho = np.zeros((HISTORY, shape[0], 1), dtype)
        self.gamma = np.ones((shape[0], 1), dtype)
        self._next = 0

    def add(self, s, y, accepted):
        """Keep a pair of the members in the (K, 1) mask that has positive curvature."""
        sy, yy = _dot(s, y), _dot(y, y)
        good = accepted & (sy > np.finfo(s.dtype).eps * yy)
        i = self._next
        # A refused step may have overflowed, and 0 · inf is not 0.
        self.s[i], self.y[i] = np.where(good, s, 0.0), np.where(good, y, 0.0)
        np.divide(1.0, sy, out=self.rho[i], where=good)
        self.rho[i][~good] = 0.0
        np.divide(sy, yy, out=self.gamma, where=good)
        self._next = (i + 1) % HISTORY

    def direction(self, grad):
        """-H g for every member, H the implicit inverse Hessian."""
        q = -grad
        newest_first = [(self._next - 1 - i) % HISTORY for i in range(HISTORY)]
        used = [i for i in newest_first if self.rho[i].any()]
        alphas = []
        for i in used:
            alphas.append(self.rho[i] * _dot(self.s[i], q))
            q -= alphas[-1] * self.y[i]
        q *= self.gamma
        for i, alpha in zip(reversed(used), reversed(alphas), strict=True):
            q += (alpha - self.rho[i] * _dot(self.y[i], q)) * self.s[i]
        return q


def minimize_stack(objective, theta, max_evaluations, tol, ftol):
    """Minimise the objective of every member from `theta`, (K, P), in place.

    Parameters
    ----------
    objective : Objective
        With a smooth penalty.
    theta : ndarray of shape (K, P)
    max_evaluations : int
        Evaluations of all members.
    tol : float
        A member is done when no component of its gradient exceeds it.
    ftol : float
        Or when an accepted step decreases its value by less than this share.

    Returns
    -------
    value : ndarray of shape (K,)
        J of every member; NaN where it was not finite at the start.
    """
    trial = theta.copy()
    objective.bind(trial)
    with np.errstate(over="ignore", invalid="ignore"):
        value, grad = objective.value_and_grad()
        grad = grad.copy()
        history = _History(theta.shape, theta.dtype)
        direction = -grad
        # The first step has length one at most: the scale of J is not known yet.
        step = 1.0 / np.maximum(np.sqrt(_dot(grad, grad)), 1.0)
        done = ~np.isfinite(value)
        for _ in range(max_evaluations - 1):
            done |= np.abs(grad).max(axis=1) <= tol
            if done.all():
                break
            end_if_left()
            np.multiply(direction, step, out=trial)
            trial += theta
            new_value, new_grad = objective.value_and_grad()
            slope = step * _dot(grad, direction)
            accepted = (new_value <= value + ARMIJO * slope[:, 0]) & ~done
            taken = accepted[:, np.newaxis]
            history.add(trial - theta, new_grad - grad, taken)
            with np.errstate(divide="ignore"):
                # Minimum of the parabola through value, slope and refused value.
                fit = -slope[:, 0] / (2.0 * (new_value - value - slope[:, 0]))
            shorter = np.clip(np.nan_to_num(fit, nan=0.1), 0.1, 0.5)
            decrease = value - new_value
            done |= accepted & (decrease <= ftol * np.maximum(np.abs(value), 1e-12))
            np.copyto(theta, trial, where=taken)
            np.copyto(grad, new_grad, where=taken)
            value = np.where(accepted, new_value, value)
            step = np.where(taken, 1.0, step * shorter[:, np.newaxis]).astype(
                theta.dtype
            )
            direction = np.where(taken, history.direction(grad), direction)
    return np.where(np.isfinite(value), value, np.nan)
