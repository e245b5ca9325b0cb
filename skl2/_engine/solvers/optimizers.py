"""Stochastic optimizers on a (K, P) matrix, and learning-rate schedules.

Every optimizer adds the penalty by the routes it takes: the smooth part with the
gradient (SGD, Adam) or as decoupled decay (AdamW), the non-smooth part by a prox that
is scaled by the step each coordinate took. The fixed points are then the stationary
points of J. Without a penalty the steps equal the ones of ``torch.optim``.
"""

from functools import lru_cache
from math import sqrt

import numpy as np

from skl2._engine.numerics import cast, per_member

# Bytes of theta a fused update works on at a time: theta, gradient, state and scratch
# of a block stay in the L2 cache. Measured: half as much is 5 to 15 % slower (calls),
# four times as much 0 to 5 % (cache).
BLOCK_BYTES = 1 << 17


@lru_cache
def _blocks(K, P, itemsize):
    """Cut (K, P) into (rows, columns) of about BLOCK_BYTES."""
    size = BLOCK_BYTES // itemsize
    if P >= size:
        return [
            (slice(k, k + 1), slice(start, min(start + size, P)))
            for k in range(K)
            for start in range(0, P, size)
        ]
    step = max(1, size // P)
    return [(slice(k, min(k + step, K)), slice(0, P)) for k in range(0, K, step)]


def _rows(value, rows):
    return value if isinstance(value, float) else value[rows]


def _power(base, exponent):
    """base ** exponent by the C library, member by member.

    NumPy's vectorised power may differ in the last bit, and then a member of a stack
    would not get the numbers it gets alone.
    """
    if isinstance(base, float) and isinstance(exponent, float):
        return base**exponent
    pairs = np.broadcast(base, exponent)
    return np.array([[float(b) ** float(e)] for b, e in pairs])


def _sqrt(value):
    # Arithmetic on a NumPy scalar is slower than on a Python float.
    return sqrt(value) if isinstance(value, float) else np.sqrt(value)


class Optimizer:
    """Base of the optimizers.

    Parameters
    ----------
    learning_rate : sequence of float, length K
        The learning rate η of every member.

    Attributes
    ----------
    learning_rate : ndarray of shape (K,)
        The current one; schedules change it through ``set_learning_rate``.
    """

    # Names of the (K,)-shaped hyperparameters, of the (K, P)-shaped state, and of what
    # a run that continues needs of a member beside it.
    hyperparameters: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    continued: tuple[str, ...] = ("learning_rate",)

    def __init__(self, learning_rate, **hyperparameters):
        self.learning_rate = np.array(learning_rate, dtype=np.float64)
        for name in self.hyperparameters:
            setattr(self, name, np.array(hyperparameters[name], dtype=np.float64))

    def init(self, theta):
        """Make the state for `theta` of shape (K, P), zero everywhere."""
        for name in self.state:
            setattr(self, name, np.zeros_like(theta))
        self._prepare(theta.shape, theta.dtype)
        return self

    def _prepare(self, shape, dtype):
        self._shape = shape
        self.dtype = dtype
        self._blocks = _blocks(*shape, dtype.itemsize)
        rows, columns = self._blocks[0]
        self._scratch = np.empty((rows.stop, columns.stop), dtype)
        # Factors of the update: a float where the members agree, else (K, 1), float64.
        self._factor = {
            name: per_member(getattr(self, name)) for name in self.hyperparameters
        }
        self.set_learning_rate(self.learning_rate)

    def set_learning_rate(self, learning_rate):
        """Set the learning rate of every member, shape (K,)."""
        self.learning_rate[...] = learning_rate
        self._largest_rate = float(self.learning_rate.max())
        self._factor["learning_rate"] = per_member(self.learning_rate)

    def _cast(self, factor):
        return cast(factor, self.dtype)

    def select(self, keep):
        for name in ("learning_rate", *self.hyperparameters, *self.state):
            setattr(self, name, getattr(self, name)[keep])
        self._prepare((len(keep), self._shape[1]), self.dtype)

    def step(self, theta, grad, penalty, constraint=None):
        """One update of `theta` in place.

        Parameters
        ----------
        theta : ndarray of shape (K, P)
        grad : ndarray of shape (K, P)
            Gradient of the loss without the penalty; overwritten.
        penalty : Penalty
        constraint : MaxNorm or None
            What the new parameters are projected on.
        """
        raise NotImplementedError

    @property
    def kind(self):
        """The class of optimizer whose state this one has."""
        return type(self)

    def end_epoch(self):
        """Called after the last step of an epoch, before theta is read."""

    def to_fitted(self, theta):
        """The parameters to report and to validate: theta itself, for most."""
        return theta

    def from_fitted(self, theta):
        """The inverse of ``to_fitted``, in place: where a run continues."""

    def get_state(self, k):
        """What a later ``set_states`` needs to continue member k without a difference.

        A dict of copies.
        """
        names = (*self.continued, *self.state)
        return {name: getattr(self, name)[k].copy() for name in names}

    def set_states(self, states):
        """Let each member continue from a state; one whose state is None starts anew.

        Parameters
        ----------
        states : list of dict or None, one a member
        """
        for k, state in enumerate(states):
            if state is not None:
                self._set_state(k, state)
        self._prepare(self._shape, self.dtype)

    def _set_state(self, k, state):
        for name in (*self.continued, *self.state):
            getattr(self, name)[k] = state[name]


class SGD(Optimizer):
    """Gradient descent with heavy-ball or Nesterov momentum.

    v ← μ v - η g;  θ ← θ + v  (heavy ball),  θ ← θ + μ v - η g  (Nesterov).
    With μ = 0 and L2 this is weight decay, W ← (1 - ηλ/m) W - η (from backprop).

    Where ηλ/m > 1 the explicit part of the decay is capped at 1 and the rest is an
    implicit step (see ``L2.shrink``). With a prox the momentum is the one of FISTA
    (Beck & Teboulle, 2009),

        x⁺ = Π(prox(θ - η g)),  v = x⁺ - x,  θ = x⁺ + μ v,

    v being the displacement after the prox: otherwise the threshold would have to be
    1 / (1 - μ) times as large. Π is the projection of a max-norm, the prox of the
    indicator of a ball; of θ it would bound the extrapolated point, and the iterates x
    would end inside the ball.

    Attributes
    ----------
    follows : ndarray of bool, shape (K,)
        Of which members ``iterate`` holds x: Nesterov's θ is an extrapolation, in which
        the weights that the prox has set to zero are not zero.
    """

    hyperparameters = ("momentum",)
    state = ("velocity", "iterate")
    continued = ("learning_rate", "follows")
    momentum: np.ndarray
    velocity: np.ndarray
    iterate: np.ndarray

    def __init__(self, learning_rate, momentum, nesterov=True):
        super().__init__(learning_rate, momentum=momentum)
        self.nesterov = nesterov
        self.follows = np.zeros(len(self.learning_rate), dtype=bool)

    def select(self, keep):
        self.follows = self.follows[keep]
        super().select(keep)

    def step(self, theta, grad, penalty, constraint=None):
        proximal = self._needs_prox(penalty)
        if self.nesterov:
            self._follow(theta, proximal)
        if proximal.all() or not proximal.any():
            step = self._proximal_step if proximal.any() else self._plain_step
            lr, momentum = self._factor["learning_rate"], self._factor["momentum"]
            step(slice(None), theta, grad, penalty, constraint, lr, momentum)
            return
        for k in range(len(theta)):
            # One by one, as the two kinds of step round differently.
            self._member_step(k, theta, grad, penalty, constraint, proximal[k])

    def _member_step(self, k, theta, grad, penalty, constraint, proximal):
        step = self._proximal_step if proximal else self._plain_step
        ball = None if constraint is None else constraint.member(k)
        lr, momentum = float(self.learning_rate[k]), float(self.momentum[k])
        row = slice(k, k + 1)
        step(row, theta[row], grad[row], penalty.member(k), ball, lr, momentum)

    def _needs_prox(self, penalty):
        """Which members have a prox to take: a non-smooth part, or a decay above 1."""
        if not penalty.has_nonsmooth and (
            self._largest_rate * penalty.smooth.largest <= 1.0
        ):
            return np.zeros(len(self.learning_rate), dtype=bool)
        rate = self.learning_rate[:, np.newaxis]
        overshoots = rate * penalty.smooth.strength > 1.0
        return overshoots.any(axis=1) | penalty.proximal

    def _follow(self, theta, proximal):
        """Let x begin at θ - μ v for the members that take their first prox now."""
        for k in np.flatnonzero(proximal & ~self.follows):
            self.iterate[k] = theta[k] - float(self.momentum[k]) * self.velocity[k]
        self.follows = proximal

    def _plain_step(self, members, theta, grad, penalty, constraint, lr, momentum):
        penalty.gradient(theta, grad)
        self._move(theta, grad, self.velocity[members], lr, momentum)
        if constraint is not None:
            constraint.project(theta)

    def _move(self, theta, grad, velocity, lr, momentum):
        """Update theta and velocity, of shape (K, n), by the whole gradient."""
        lr, momentum = self._cast(lr), self._cast(momentum)
        for rows, columns in _blocks(*theta.shape, theta.itemsize):
            v, g, w = (a[rows, columns] for a in (velocity, grad, theta))
            mu = _rows(momentum, rows)
            g *= _rows(lr, rows)
            v *= mu
            v -= g
            if self.nesterov:
                w -= g
                w += np.multiply(v, mu, out=self._scratch[: len(v), : v.shape[1]])
            else:
                w += v

    def _proximal_step(self, members, theta, grad, penalty, constraint, lr, momentum):
        penalty.gradient(theta, grad, step=lr)
        mu = self._cast(momentum)
        velocity, iterate = self.velocity[members], self.iterate[members]
        if not self.nesterov:
            np.copyto(iterate, theta)
            theta += mu * velocity
        grad *= self._cast(lr)
        theta -= grad
        penalty.prox(theta, lr)
        penalty.smooth.shrink(theta, lr)
        if constraint is not None:
            constraint.project(theta)
        np.subtract(theta, iterate, out=velocity)
        if self.nesterov:
            np.copyto(iterate, theta)
            theta += mu * velocity

    def to_fitted(self, theta):
        """What the run has found: where a prox acts, x and not Nesterov's θ."""
        if not self.follows.any():
            return theta
        return np.where(self.follows[:, np.newaxis], self.iterate, theta)

    def from_fitted(self, theta):
        """The inverse of ``to_fitted``, in place: where a run continues."""
        self.follows &= self.nesterov
        self.iterate = theta.copy()
        for k in np.flatnonzero(self.follows):
            theta[k] += float(self.momentum[k]) * self.velocity[k]


class Adam(Optimizer):
    """Adam (Kingma & Ba, 2015); an L2 penalty joins the gradient (coupled).

    m ← β1 m + (1 - β1) g;  v ← β2 v + (1 - β2) g²;
    θ ← θ - η m̂ / (√v̂ + ε),  m̂ = m / (1 - β1^t), v̂ = v / (1 - β2^t).

    The state holds M = m / (1 - β1) and V = v / (1 - β2), which saves two products:
    M ← β1 M + g, V ← β2 V + g², and the factors move to the step size.

    Attributes
    ----------
    n_steps : ndarray of shape (K,)
        t of each member where this run began.
    """

    hyperparameters = ("beta_1", "beta_2", "epsilon")
    state = ("first_moment", "second_moment")
    beta_1: np.ndarray
    beta_2: np.ndarray
    epsilon: np.ndarray
    first_moment: np.ndarray
    second_moment: np.ndarray
    decoupled = False

    def __init__(self, learning_rate, beta_1, beta_2, epsilon):
        super().__init__(learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)
        # Steps of this run.
        self.t = 0
        self.n_steps = np.zeros(len(self.learning_rate))

    def get_state(self, k):
        betas = {"beta_1": float(self.beta_1[k]), "beta_2": float(self.beta_2[k])}
        t = float(self.t + self.n_steps[k])
        return super().get_state(k) | {"t": t, "betas": betas}

    def _set_state(self, k, state):
        super()._set_state(k, state)
        self.n_steps[k] = state["t"]
        # m and v stay what they were; M and V are in units that may have changed.
        for name, moment in (
            ("beta_1", self.first_moment),
            ("beta_2", self.second_moment),
        ):
            before, now = state["betas"][name], float(getattr(self, name)[k])
            if before != now:
                moment[k] *= self._cast((1.0 - before) / (1.0 - now))

    def select(self, keep):
        self.n_steps = self.n_steps[keep]
        super().select(keep)

    def _prepare(self, shape, dtype):
        super()._prepare(shape, dtype)
        self._factor["n_steps"] = per_member(self.n_steps)
        self._bound_to = (None, None, None)
        # The square of a smaller gradient underflows, and ε alone would divide it.
        smallest = sqrt(np.finfo(dtype).tiny)
        self._factor["epsilon"] = per_member(np.maximum(self.epsilon, smallest))

    def _bind(self, theta, grad, penalty):
        """Make the views of every block; they serve as long as the arrays are the same.

        For a small network a slice takes as long as the arithmetic on it.
        """
        self._bound_to = theta, grad, penalty
        beta_1, beta_2 = (self._cast(self._factor[n]) for n in ("beta_1", "beta_2"))
        # V grows to g² / (1 - β2), which is to stay finite for weights up to 1000. The
        # step does not depend on the strength of a penalty that outweighs the loss.
        largest = 1e-3 * np.sqrt(np.finfo(self.dtype).max * (1.0 - self.beta_2))
        self._views = []
        for rows, columns in self._blocks:
            M, V, g, w = (
                a[rows, columns]
                for a in (self.first_moment, self.second_moment, grad, theta)
            )
            scratch = self._scratch[: len(g), : g.shape[1]]
            decays = []
            if not self.decoupled:
                decays = [
                    (w[:, inside], factor, scratch[:, inside], g[:, inside])
                    for inside, factor in penalty.smooth.block_factors(
                        rows, columns, largest
                    )
                ]
            betas = _rows(beta_1, rows), _rows(beta_2, rows)
            self._views.append((rows, decays, *betas, M, V, g, w, scratch))

    def step(self, theta, grad, penalty, constraint=None):
        self.t += 1
        bound_theta, bound_grad, bound_penalty = self._bound_to
        if (
            theta is not bound_theta
            or grad is not bound_grad
            or penalty is not bound_penalty
        ):
            self._bind(theta, grad, penalty)
        factor = self._factor
        lr, beta_1, beta_2 = factor["learning_rate"], factor["beta_1"], factor["beta_2"]
        if self.decoupled:
            penalty.decay(theta, lr)
        t = self.t + factor["n_steps"]
        # η m̂/(√v̂ + ε) = rate · M/(√V + c ε) with c = √((1 - β2^t) / (1 - β2)).
        c = _sqrt((1.0 - _power(beta_2, t)) / (1.0 - beta_2))
        rate = lr * c * (1.0 - beta_1) / (1.0 - _power(beta_1, t))
        all_rates, all_epsilons = self._cast(rate), self._cast(factor["epsilon"] * c)
        for rows, decays, beta_1, beta_2, M, V, g, w, scratch in self._views:
            for w_part, strength, product, g_part in decays:
                np.multiply(w_part, strength, out=product)
                g_part += product
            M *= beta_1
            M += g
            np.multiply(g, g, out=scratch)
            V *= beta_2
            V += scratch
            np.sqrt(V, out=scratch)
            scratch += _rows(all_epsilons, rows)
            # The gradient is not needed any more: its array takes the step size.
            np.divide(_rows(all_rates, rows), scratch, out=g)
            np.multiply(g, M, out=scratch)
            w -= scratch
        if penalty.has_nonsmooth:
            # The prox needs the step on the scale of m, not of M = m / (1 - β1).
            grad *= self._cast(1.0 / (1.0 - factor["beta_1"]))
            penalty.prox(theta, grad)
        if constraint is not None:
            constraint.project(theta)


class AdamW(Adam):
    """Adam with decoupled weight decay, W ← (1 - ηλ/m) W before Adam's own step.

    Loshchilov & Hutter, "Decoupled weight decay regularization", 2019. Its fixed
    points are not stationary points of J: the decay is not divided by √v̂.
    """

    decoupled = True


OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": SGD, "adam": Adam, "adamw": AdamW}
