"""When EM has converged, and when it is slow enough for quasi-Newton steps (Aitken's rule)."""

from __future__ import annotations

from math import isnan, nan

import numpy as np

from skgmm._kernels import StopWhen, rounding_of

# A resumed run knows one gain only, and then takes that gain itself for what is left.
_HALVING = 0.5

# Two rates in a row that differ by no more than this share of what they are short of 1 are final.
STEADY = 0.1

# Before so many iterations nothing is said of the rate.
FIRST_STEPS = 10

# Iterations of one call of the compiled loop, if nothing has to be decided before.
STRETCH = 50


class Rate:
    """The gains of EM, and what they say about its convergence (`StopWhen`)."""

    def __init__(self, resumed: bool, tol: float) -> None:
        self.gains: list[float] = []
        self.mean_objective = 0.0
        self.accelerated = False
        self.stop = StopWhen(STRETCH, tol, first_rate=_HALVING if resumed else nan)

    @property
    def known(self) -> bool:
        """Whether one gain is enough."""
        return not isnan(self.stop.first_rate)

    def note(self, gains: list[float], mean_objective: float) -> None:
        """The gains of further iterations, and the objective reached."""
        self.gains += gains
        self.mean_objective = mean_objective

    @property
    def vanished(self) -> bool:
        """Whether the last iteration gained nothing, or no more than rounding."""
        return self.gains[-1] <= rounding_of(self.mean_objective)

    def remaining(self) -> float:
        """Estimate of what further iterations would add: inf when none can be made."""
        return self.stop.remaining_gain(self.gains, self.mean_objective)

    def stop_when(self, accelerable: bool, at_once: bool, worthwhile: float) -> StopWhen:
        """How far iterations can go before `remaining` or `slow` may end them."""
        stop = self.stop
        if self.accelerated or (self.known and not self.gains):
            return stop._replace(max_iter=1)
        if not accelerable:
            return stop
        if len(self.gains) < FIRST_STEPS:
            return stop._replace(max_iter=FIRST_STEPS - len(self.gains))
        if at_once:
            return stop._replace(max_iter=1)
        return stop._replace(rate_tolerance=STEADY, iterations_left=worthwhile)

    def slow(self, at_once: bool, worthwhile: float) -> bool:
        """Whether EM has found its final rate, and that rate is a slow one."""
        if self.accelerated:  # and did not get to the end
            return True
        if len(self.gains) < FIRST_STEPS:
            return False
        if at_once:
            return min(self.gains[-3:]) > 0
        stop = self.stop._replace(rate_tolerance=STEADY, iterations_left=worthwhile)
        return stop.is_slow(self.gains)

    def restart(self) -> None:
        """Begin a new stretch, whose rate will be that of this one if nothing slower is seen."""
        if len(self.gains) > 1 and self.gains[-1] < self.gains[-2]:
            rate = self.gains[-1] / self.gains[-2]
            self.stop = self.stop._replace(first_rate=rate, least_rate=rate)
        self.accelerated = True
        self.gains = []


def gain_ahead(gain: float, remaining: float, n_iterations: int) -> float:
    """What so many iterations would add after one that gained `gain`, if `remaining` is left."""
    if not 0.0 < remaining < np.inf:
        return n_iterations * gain
    return float(remaining * (1.0 - (remaining / (gain + remaining)) ** n_iterations))
