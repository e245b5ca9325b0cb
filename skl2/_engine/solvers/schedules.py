"""Schedules of the learning rate."""

from math import cos, pi

import numpy as np


class Schedule:
    """The learning rate of every member over the epochs.

    Parameters
    ----------
    name : {'constant', 'invscaling', 'adaptive'}
        'invscaling': η_init / (rows seen + 1)^power_t, set after each epoch.
        'adaptive': divided by 5 when a member's patience ends, down to 1e-6.
    learning_rate_init : ndarray of shape (K,)
    power_t : float
    """

    smallest = 1e-6

    def __init__(self, name, learning_rate_init, power_t):
        self.name = name
        self.power_t = power_t
        self.learning_rate_init = np.array(learning_rate_init, dtype=np.float64)

    def select(self, keep):
        self.learning_rate_init = self.learning_rate_init[keep]

    def key(self, k):
        """Name and initial rate of member k; a run that shares them keeps its rate."""
        return self.name, float(self.learning_rate_init[k])

    def restart(self, optimizer, members):
        """Set the initial rate of `members` (bool mask)."""
        rate = np.where(members, self.learning_rate_init, optimizer.learning_rate)
        optimizer.set_learning_rate(rate)

    def resume(self, optimizer, rows_seen):
        """Set the rate of a run that continues; 'adaptive' keeps its last rate."""
        self.end_epoch(optimizer, rows_seen)

    def before_step(self, optimizer, step, n_steps):
        """Called before step number `step` of the `n_steps` of an epoch."""

    def end_epoch(self, optimizer, rows_seen):
        """Set the rates for the next epoch.

        Parameters
        ----------
        optimizer : Optimizer
        rows_seen : ndarray of int, shape (K,)
            Since the start.
        """
        if self.name == "invscaling":
            divisors = [self._divisor(n) for n in rows_seen.tolist()]
            optimizer.set_learning_rate(self.learning_rate_init / divisors)

    def _divisor(self, rows_seen):
        try:
            return (rows_seen + 1) ** self.power_t
        except OverflowError:
            return np.inf

    def out_of_patience(self, optimizer, members):
        """Lower the rate of `members` (bool mask); return the members that stop."""
        if self.name != "adaptive":
            return members
        stop = members & (optimizer.learning_rate <= self.smallest)
        rate = optimizer.learning_rate
        optimizer.set_learning_rate(np.where(members & ~stop, rate / 5.0, rate))
        return stop


def cosine_factor(t, n_steps):
    """What step t of a cosine schedule has of the initial rate.

    With T steps in all and w = ceil(T / 20) of them to warm up, step t = 0, 1, ... has

        (t + 1) / (w + 1)                           for t < w,
        (1 + cos(π (t - w) / (T - w))) / 2          after.
    """
    warm_up = -(-n_steps // 20)
    if t < warm_up:
        return (t + 1) / (warm_up + 1)
    return 0.5 * (1.0 + cos(pi * (t - warm_up) / (n_steps - warm_up or 1)))


class CosineSchedule(Schedule):
    """A rate that rises linearly to η_init and falls to 0 along half a cosine.

    Each run is such a cycle, see ``cosine_factor``. Loshchilov & Hutter, "SGDR", 2017;
    Goyal et al., "Accurate, large minibatch SGD", 2017 (warm-up).

    Parameters
    ----------
    learning_rate_init : ndarray of shape (K,)
    n_epochs : int
        Epochs that the cycle takes.
    """

    def __init__(self, learning_rate_init, n_epochs):
        super().__init__("cosine", learning_rate_init, 0.0)
        self.n_epochs = n_epochs
        self._epoch = 0

    def before_step(self, optimizer, step, n_steps):
        factor = cosine_factor(self._epoch * n_steps + step, self.n_epochs * n_steps)
        optimizer.set_learning_rate(self.learning_rate_init * factor)

    def end_epoch(self, optimizer, rows_seen):
        self._epoch += 1

    def resume(self, optimizer, rows_seen):
        """A run that continues starts a new cycle."""


def make_schedule(name, learning_rate_init, power_t, n_epochs):
    """The schedule called `name`, for a run of `n_epochs` epochs."""
    if name == "cosine":
        return CosineSchedule(learning_rate_init, n_epochs)
    return Schedule(name, learning_rate_init, power_t)
