"""Full-batch proximal quasi-Newton, for penalties that L-BFGS-B cannot take.

An L1 part has bounds (see ``lbfgs``), the norm of a group has none. With f the
smooth part of J, h the other and B the limited-memory BFGS matrix of f, an iteration is

    z = argmin_v  f'(w)(v - w) + ½ (v - w)' B (v - w) + h(v),    w ← w + t (z - w),

with t by backtracking. t is mostly 1, and w then has the exact zeros of z. The model
is minimised by proximal gradient steps in the coordinates that are not settled at zero;
they cost a few vector operations and no pass over the data.

Lee, Sun & Saunders, "Proximal Newton-type methods for minimizing composite functions",
2014. Schmidt, van den Berg, Friedlander & Murphy, "Optimizing costly functions with
simple constraints", 2009. Wright, Nowak & Figueiredo, "Sparse reconstruction by
separable approximation", 2009 (the inner steps).
"""

import numpy as np

from skl2._engine.solvers.lbfgs import FTOL
from skl2._engine.solvers.reports import (
    Result,
    raise_if_untrained,
    report_iteration,
)
from skl2._engine.threads import raise_if_abandoned

# Pairs of steps and gradient changes kept, scipy's default for L-BFGS-B.
HISTORY = 10
# Share of the decrease predicted by the model that an accepted step must reach.
ARMIJO = 1e-4
# The model is minimised until a step is this small beside the first, or so often.
INNER_TOL, INNER_ITERATIONS = 0.05, 30
# An inner step may raise the model above its last value, not above its last few.
INNER_MEMORY = 5
BACKTRACKS = 30


class _Hessian:
    """B = σ I - V' C V of the last pairs (s, y), in the rows of V.

    The compact form of Byrd, Nocedal & Schnabel, "Representations of quasi-Newton
    matrices and their use in limited memory methods", 1994.
    """

    def __init__(self, n_parameters, sigma):
        self.sigma = sigma
        self.V = np.empty((2 * HISTORY, n_parameters))
        self.gram = np.zeros((2 * HISTORY, 2 * HISTORY))
        self.C = np.zeros((0, 0))
        self._order = []

    def add(self, s, y):
        """Keep a pair, in the place of the oldest, if its curvature is positive."""
        sy, yy = float(s @ y), float(y @ y)
        if not sy > np.finfo(np.float64).eps * yy:
            return
        order = self._order
        slot = len(order) if len(order) < HISTORY else order.pop(0)
        order.append(slot)
        self.V[2 * slot], self.V[2 * slot + 1] = s, y
        used = self.V[: 2 * len(order)]
        pair = slice(2 * slot, 2 * slot + 2)
        products = used @ self.V[pair].T
        self.gram[: len(used), pair] = products
        self.gram[pair, : len(used)] = products.T
        self.sigma = sigma = yy / sy
        old_first = np.array(order)
        SY = self.gram[np.ix_(2 * old_first, 2 * old_first + 1)]
        SS = self.gram[np.ix_(2 * old_first, 2 * old_first)]
        L, D = np.tril(SY, -1), np.diag(np.diag(SY))
        M = np.block([[sigma * SS, L], [L.T, -D]])
        scale = np.concatenate([np.full(len(order), sigma), np.ones(len(order))])
        places = np.concatenate([2 * old_first, 2 * old_first + 1])
        self.C = np.zeros((len(used), len(used)))
        self.C[np.ix_(places, places)] = scale[:, np.newaxis] * np.linalg.inv(M) * scale


class _Model:
    """g'd + ½ d'Bd + h(w + d), J around w, in the coordinates `free`.

    Parameters
    ----------
    hessian : _Hessian
        B.
    penalty : Penalty
        h, of these coordinates.
    w : ndarray of shape (1, n_free)
    grad : ndarray of shape (n_free,)
        g = f'(w).
    free : mask of shape (P,) or slice
    """

    def __init__(self, hessian, penalty, w, grad, free):
        self.sigma = hessian.sigma
        self.C = hessian.C
        self.V = hessian.V[: len(self.C), free]
        self.penalty = penalty
        self.w = w
        self.grad = grad

    def product(self, d):
        """B d."""
        return self.sigma * d - (self.C @ (self.V @ d)) @ self.V

    def solve(self, r, support):
        """The d on the coordinates of the mask `support` where (B d - r) is zero."""
        V, r = self.V[:, support], r[support]
        # Woodbury's identity.
        small = self.sigma * np.eye(len(self.C)) - (V @ V.T) @ self.C
        d = np.zeros(len(support))
        d[support] = r + (self.C @ np.linalg.solve(small, V @ r)) @ V
        return d / self.sigma

    def minimum(self):
        """Where the model is smallest, to INNER_TOL; shape (1, n_free).

        Proximal gradient steps with the step sizes of Barzilai & Borwein (1988). After
        the first a Newton step in the coordinates that are not zero, in which h is
        nearly linear: where h matters little that solves the problem at once.
        """
        z, slope, smooth = self.w, self.grad, 0.0
        value = self.penalty.nonsmooth_value(z)[0]
        best, best_value, recent = z, value, [value]
        first, steepness = None, self.sigma
        for k in range(INNER_ITERATIONS):
            while True:
                new = z - slope / steepness
                self.penalty.prox(new, 1.0 / steepness)
                d = (new - z)[0]
                Bd, new_smooth, value = self._moved(new, d, slope, smooth)
                size, curvature = float(d @ d), float(d @ Bd)
                # A step that is steeper than the model along d lowers it by itself.
                if value <= max(recent) or not steepness * size < curvature:
                    break
                steepness *= 2.0
            z, slope, smooth = new, slope + Bd, new_smooth
            length = steepness * size**0.5
            first = length if first is None else first
            if k == 0 and len(self.C):
                # The prox step says what the gradient of h is: -(slope + steepness d)
                # with the slope before it.
                leap = -self.solve(Bd - steepness * d, new[0] != 0.0)
                there = z + leap
                B_leap, its_smooth, its_value = self._moved(there, leap, slope, smooth)
                if its_value < value:
                    z, slope, smooth, value = (
                        there,
                        slope + B_leap,
                        its_smooth,
                        its_value,
                    )
            recent = [*recent[1 - INNER_MEMORY :], value]
            if value < best_value:
                best, best_value = z, value
            if length <= INNER_TOL * first:
                break
            steepness = max(curvature / size, 1e-10 * self.sigma)
        return best

    def _moved(self, z, d, slope, smooth):
        """B d, the smooth part and the whole of the model after a move by d to z."""
        Bd = self.product(d)
        smooth = smooth + float(slope @ d) + 0.5 * float(d @ Bd)
        return Bd, smooth, smooth + self.penalty.nonsmooth_value(z)[0]


def minimize_proximal(objective, theta, max_iter, max_fun, tol, listeners=()):
    """Minimise the objective of one member from `theta`, shape (1, P), in place.

    Stops as ``minimize_lbfgs`` does: where no coordinate (no group) is
    further than `tol` from being stationary, or where an iteration decreases J by less
    than 2.2e-9 relatively, a bound that shrinks with `tol` below 1e-4. `listeners` are
    called after each iteration, see ``StochasticRun``.

    Returns
    -------
    Result
    """
    run = _Run(objective, theta, max_fun, listeners)
    try:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            run.minimize(max_iter, tol, min(1.0, tol / 1e-4) * FTOL)
    except KeyboardInterrupt:
        raise_if_untrained(run.result)
        run.result.interrupted = True
    except StopIteration:
        run.result.converged = True
        run.result.message = "STOP: BY A LISTENER"
    theta[0] = run.w[0]
    result = run.result
    result.theta[...] = theta[0]
    if not np.isfinite(run.value) or not np.isfinite(theta).all():
        result.diverged_at = result.n_iter
    return result


class _Run:
    """The iterations; all vectors are float64, J is computed in theta's own type."""

    def __init__(self, objective, theta, max_fun, listeners):
        self.objective = objective
        self.penalty = objective.penalty
        self.theta = theta
        self.max_fun = max_fun
        self.listeners = listeners
        self.n_evaluations = 0
        self.result = Result(theta[0].copy())
        self.w = theta.astype(np.float64)
        self.value = 0.0
        self.noise = 4.0 * np.finfo(theta.dtype).eps
        objective.bind(theta)

    def _evaluate(self, w):
        raise_if_abandoned()
        self.n_evaluations += 1
        self.theta[...] = w
        value, grad = self.objective.value_and_grad()
        return float(value[0]), grad[0].astype(np.float64)

    def minimize(self, max_iter, tol, ftol):
        result, penalty = self.result, self.penalty
        self.value, grad = self._evaluate(self.w)
        result.best_loss = self.value
        hessian = None
        while True:
            distance = penalty.optimality(self.w, grad[np.newaxis])[0]
            if distance.max() <= tol:
                result.converged = True
                result.message = "CONVERGENCE: DISTANCE TO STATIONARITY <= TOL"
                return
            # Steps and curvatures are measured by squares.
            if not np.isfinite(self.value) or not np.isfinite(distance @ distance):
                result.diverged_at = result.n_iter
                return
            if result.n_iter >= max_iter:
                result.message = "STOP: TOTAL NO. OF ITERATIONS REACHED LIMIT"
                return
            if self.n_evaluations >= self.max_fun:
                result.message = "STOP: TOTAL NO. OF F,G EVALUATIONS EXCEEDS LIMIT"
                return
            if hessian is None:
                # The first step has length one at most: the scale of f is not known.
                sigma = max(float(np.sqrt(distance @ distance)), 1.0)
                hessian = _Hessian(len(grad), sigma)
            z = self._model_minimum(grad, distance, hessian)
            found = self._line_search(z, grad)
            if found is None:
                if not hessian._order:
                    result.message = "ABNORMAL: NO DECREASE ALONG THE LINE SEARCH"
                    return
                # Start the history anew, as L-BFGS-B does.
                hessian = None
                continue
            new, value, new_grad = found
            if new is self.w:
                result.converged = True
                result.message = "CONVERGENCE: NO DECREASE BEYOND ROUNDING"
                return
            hessian.add((new - self.w)[0], new_grad - grad)
            decrease = self.value - value
            self.w = new
            self.value = value
            grad = new_grad
            self._record()
            if decrease <= ftol * max(abs(value), abs(value + decrease), 1.0):
                result.converged = True
                result.message = "CONVERGENCE: RELATIVE REDUCTION OF F <= FTOL"
                return

    def _model_minimum(self, grad, distance, hessian):
        """The minimum of the model, in the coordinates that can move."""
        # A group that is at zero and stationary stays there for this iteration.
        free = (distance > 0.0) | (self.w[0] != 0.0)
        self.penalty.group_l1.complete(free)
        if free.all():
            free, penalty = slice(None), self.penalty
        else:
            penalty = self.penalty.compressed(free)
        model = _Model(hessian, penalty, self.w[:, free], grad[free], free)
        z = self.w.copy()
        z[:, free] = model.minimum()
        return z

    def _line_search(self, z, grad):
        """An acceptable point between w and z with its J and gradient, or None."""
        direction = z - self.w
        nonsmooth = self.penalty.nonsmooth_value
        predicted = float(grad @ direction[0]) + float(
            nonsmooth(z)[0] - nonsmooth(self.w)[0]
        )
        if predicted >= 0.0:
            # The model is at its minimum to rounding: nothing is left to gain.
            return self.w, self.value, grad
        t, new = 1.0, z
        allowance = self.noise * abs(self.value)
        for _ in range(BACKTRACKS):
            value, new_grad = self._evaluate(new)
            if value <= self.value + ARMIJO * t * predicted + allowance:
                return new, value, new_grad
            # Minimum of the parabola through value, slope and refused value.
            fit = -0.5 * t * predicted / (value - self.value - t * predicted)
            t *= min(max(fit, 0.1), 0.5) if np.isfinite(fit) else 0.1
            new = self.w + t * direction
        return None

    def _record(self):
        result = self.result
        result.n_iter += 1
        result.best_loss = self.value
        result.loss_curve.append(self.value)
        # The last point evaluated is the one that was accepted.
        result.penalty_curve.append(float(self.objective.penalty_value[0]))
        result.theta[...] = self.w[0]
        if self.listeners:
            report_iteration(result, self.listeners)
