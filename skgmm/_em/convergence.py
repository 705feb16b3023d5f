"""When EM has converged, and when it is slow enough for quasi-Newton steps (Aitken's rule)."""

from __future__ import annotations

import numpy as np

from skgmm._kernels import Patience

# A resumed run knows one gain only, and then takes that gain itself for what is left.
_HALVING = 0.5


# EM has found its final rate when two rates in a row differ by no more than this share of what
# they are short of 1: until then it is on its way to some optimum, and a longer step may lead to
# another.
_STEADY = 0.1


_FIRST_STEPS = 10


# Iterations that are made in one go, if nothing has to be decided before.
_STRETCH = 50


def rounding_of(mean_objective: float) -> float:
    """Of a difference of two objectives near this one, nats per sample (as in em_loop.cpp)."""
    return 8.0 * float(np.finfo(np.float64).eps) * max(1.0, abs(mean_objective))


class _Rate:
    """What the gains of EM say about its convergence.

    EM converges linearly: gains shrink by a factor r, so gain x r / (1 - r) is still to come
    (Aitken's rule; Boehning et al. 1994). Gains that do not shrink yet say nothing about the end.
    What is within `rounding` says nothing either: a gain so small is none, and gains that differ by
    so little may shrink as slowly as that allows.
    """

    def __init__(self, resumed: bool) -> None:
        self.gains: list[float] = []
        self.rounding = 0.0
        self.accelerated = False
        self.known: float | None = _HALVING if resumed else None  # rate of an earlier stretch

    def note(self, gains: list[float], mean_objective: float) -> None:
        """The gains of further iterations, and the objective reached."""
        self.gains += gains
        self.rounding = rounding_of(mean_objective)

    @property
    def vanished(self) -> bool:
        """Whether the last iteration gained nothing, or no more than rounding."""
        return self.gains[-1] <= self.rounding

    def remaining(self) -> float:
        """Estimate of what further iterations would add: inf when none can be made."""
        gain, rate = self.gains[-1], self.known
        if len(self.gains) > 1:
            previous = self.gains[-2]
            measured = gain / previous if previous > 0 else 1.0
            if abs(gain - previous) <= self.rounding < gain:
                measured = 1.0 - self.rounding / gain
            rate = measured if rate in (None, _HALVING) else max(measured, rate)
        return gain * rate / (1.0 - rate) if rate is not None and 0 <= rate < 1 else np.inf

    def patience(self, tol: float, accelerable: bool, at_once: bool, worthwhile: float) -> Patience:
        """How far iterations can go before `remaining` or `slow` may end them."""
        if self.accelerated or (self.known is not None and not self.gains):
            return Patience(1, tol)
        if not accelerable:
            return Patience(_STRETCH, tol)
        if len(self.gains) < _FIRST_STEPS:
            return Patience(_FIRST_STEPS - len(self.gains), tol)
        return Patience(1 if at_once else _STRETCH, tol, _STEADY, worthwhile)

    def slow(self, tol: float, at_once: bool, worthwhile: float) -> bool:
        """Whether EM has found its final rate, and that rate is a slow one."""
        if self.accelerated:  # and did not get to the end
            return True
        if len(self.gains) < _FIRST_STEPS or min(self.gains[-3:]) <= 0:
            return False
        if at_once:
            return True
        last, before = self.gains[-1] / self.gains[-2], self.gains[-2] / self.gains[-3]
        if last <= 0.5 or abs(last - before) > _STEADY * abs(1.0 - last):
            return False
        if last >= 1.0:  # steadily away from a saddle, until a gain is of the order of a nat
            return bool(-np.log(self.gains[-1]) > worthwhile * np.log(last))
        ahead = self.gains[-1] * last / (1.0 - last)
        return ahead > tol and np.log(max(tol, 1e-15) / ahead) / np.log(last) > worthwhile

    def restart(self) -> None:
        """Begin a new stretch, whose rate will be that of this one if nothing slower is seen."""
        if len(self.gains) > 1 and self.gains[-1] < self.gains[-2]:
            self.known = self.gains[-1] / self.gains[-2]
        self.accelerated = True
        self.gains = []


def _ahead(gain: float, remaining: float, n_iterations: int) -> float:
    """What so many iterations would add after one that gained `gain`, if `remaining` is left."""
    if not 0.0 < remaining < np.inf:
        return n_iterations * gain
    return float(remaining * (1.0 - (remaining / (gain + remaining)) ** n_iterations))
