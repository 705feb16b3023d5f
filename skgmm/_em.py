"""The one EM loop, and how it decides to accelerate and to stop."""

from __future__ import annotations

from typing import Any

import numpy as np

from skgmm._acceleration import climb
from skgmm._iterations import climb as climb_in_one_go
from skgmm._iterations import climbs_in_one_go, in_one_go, iterate
from skgmm._kernels import Patience
from skgmm._moments import Moments
from skgmm._parameters import MixtureParameters
from skgmm._problem import Problem
from skgmm._progress import Progress, Watch
from skgmm._result import EMResult, EMStatus
from skgmm.covariance import IllDefinedCovarianceError

# A resumed run knows one gain only, and then takes that gain itself for what is left.
_HALVING = 0.5

# EM has found its final rate when two rates in a row differ by no more than this share of what
# they are short of 1: until then it is on its way to some optimum, and a longer step may lead to
# another.
_STEADY = 0.1
_FIRST_STEPS = 10

# Iterations that are made in one go, if nothing has to be decided before.
_STRETCH = 50

# Iterations that EM must have ahead of it for quasi-Newton steps to be worth their start.
_WORTHWHILE = 25

# Rows x components that are visited while Python prepares a quasi-Newton step. Where iterations of
# EM are made in one go and these steps are not, so many more of those are made in that time.
_MEANWHILE = 20_000


class _OutOfIterationsError(Exception):
    """The evaluations are used up."""


class _StoppedError(Exception):
    """Who watches wants no more."""


class _Ascent:
    """The best parameters so far, and the evaluations it took to find them."""

    def __init__(
        self,
        problem: Problem,
        start: MixtureParameters,
        moments: Moments | None,
        watch: Watch | None,
    ) -> None:
        self.problem, self.max_iter, self.watch = problem, 0, watch
        self.parameters, self.moments = start, moments or problem.evaluate(start)
        self.objectives: list[float] = []

    def evaluate(self, candidate: MixtureParameters) -> Moments:
        """One pass over the data; what is better is kept."""
        reached, gain = self._visit(candidate)
        self._tell(gain, None)
        return reached

    def advance(self, rate: _Rate, patience: Patience) -> float:
        """Iterations of EM until there may be something to decide; the gain of the last one.

        Who watches sees every one of them.
        """
        left = self.max_iter - len(self.objectives)
        if left <= 0:
            raise _OutOfIterationsError
        reached = None
        if self.watch is None:
            patience = patience._replace(most=min(patience.most, left))
            reached = iterate(self.problem, self.parameters, self.moments, rate.gains, patience)
        if reached is None:
            return self.step(rate)
        self.parameters, self.moments = reached.parameters, reached.moments
        self.objectives += reached.objectives
        rate.gains += reached.gains
        return rate.gains[-1]

    def climb_in_one_go(self, enough: float) -> bool | None:
        """Quasi-Newton steps from here, and whether more are worth while; None: one by one."""
        left = self.max_iter - len(self.objectives)
        if self.watch is not None:
            return None
        climbed = climb_in_one_go(self.problem, self.parameters, self.moments, enough, left)
        if climbed is None:
            return None
        self.parameters, self.moments = climbed.parameters, climbed.moments
        self.objectives += climbed.objectives
        if climbed.exhausted:
            raise _OutOfIterationsError
        return climbed.more

    def step(self, rate: _Rate) -> float:
        """One iteration of EM; its gain, which the rate notes."""
        candidate = self.problem.maximise(self.moments, self.parameters)
        _, gain = self._visit(candidate)
        rate.gains.append(gain)
        self._tell(gain, rate.remaining())
        return gain

    def leap(self) -> float:
        """The gain of an M-step that does not start at the present covariances."""
        before = self.moments.mean_log_likelihood
        candidate = self.problem.maximise(self.moments, None)
        self.evaluate(candidate)
        return self.moments.mean_log_likelihood - before

    def _visit(self, candidate: MixtureParameters) -> tuple[Moments, float]:
        if len(self.objectives) >= self.max_iter:
            raise _OutOfIterationsError
        if self.watch is not None:
            self.watch.begin()
        reached = self.problem.evaluate(candidate)
        gain = reached.mean_log_likelihood - self.moments.mean_log_likelihood
        if gain > 0:
            self.parameters, self.moments = candidate, reached
        self.objectives.append(self.moments.mean_log_likelihood)
        return reached, gain

    def _tell(self, gain: float, remaining: float | None) -> None:
        if self.watch is None:
            return
        if self.watch.end(Progress(self.parameters, self.objectives[-1], gain, remaining)):
            raise _StoppedError


class _Rate:
    """What the gains of EM say about its convergence.

    EM converges linearly: gains shrink by a factor r, so gain x r / (1 - r) is still to come
    (Aitken's rule; Boehning et al. 1994). Gains that do not shrink yet say nothing about the end.
    """

    def __init__(self, resumed: bool) -> None:
        self.gains: list[float] = []
        self.accelerated = False
        self.known: float | None = _HALVING if resumed else None  # rate of an earlier stretch

    def remaining(self) -> float:
        """Estimate of what further iterations would add: inf when none can be made."""
        gain, rate = self.gains[-1], self.known
        if len(self.gains) > 1:
            previous = self.gains[-2]
            measured = gain / previous if previous > 0 else 1.0
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


def _worthwhile(problem: Problem, n_components: int) -> float:
    """Iterations ahead from which on quasi-Newton steps take less time."""
    if climbs_in_one_go(problem) or not in_one_go(problem):
        return _WORTHWHILE
    return _WORTHWHILE * (1.0 + _MEANWHILE / (problem.rows.n_samples * n_components))


def _ahead(gain: float, remaining: float, n_iterations: int) -> float:
    """What so many iterations would add after one that gained `gain`, if `remaining` is left."""
    if not 0.0 < remaining < np.inf:
        return n_iterations * gain
    return float(remaining * (1.0 - (remaining / (gain + remaining)) ** n_iterations))


class EM:
    """A run of EM that may be left and taken up again.

    One evaluation, parameters -> Moments, is one pass over the data; the objective it returns
    belongs to the parameters that went in, so those returned are never one step ahead.

    Parameters
    ----------
    tol : float
        The estimated remaining gain, in nats per row, at which it ends.
    acceleration : {"auto", "lbfgs"} or None
        Whether quasi-Newton steps take over where EM is slow, or after a few iterations.
    resumed : bool
        Whether `start` comes out of EM itself, so that one small gain can already convince.
    moments : Moments or None
        Of the start, where they are known.
    watch : Watch or None
        Told of each evaluation.
    """

    def __init__(
        self,
        problem: Problem,
        start: MixtureParameters,
        *,
        tol: float,
        acceleration: str | None = "auto",
        resumed: bool = False,
        moments: Moments | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.problem, self.tol = problem, tol
        self.ascent, self.rate = _Ascent(problem, start, moments, watch), _Rate(resumed)
        self.accelerates, self.at_once = acceleration is not None, acceleration == "lbfgs"
        self.worthwhile = _worthwhile(problem, start.n_components)

    def until(self, max_iter: int) -> EMResult:
        """Go on until it ends, or until so many evaluations are made in all."""
        self.ascent.max_iter = max_iter
        try:
            while not self._ended():
                pass
        except IllDefinedCovarianceError as error:
            return self._result(EMStatus.COLLAPSED, error.components)
        except _StoppedError:
            return self._result(EMStatus.STOPPED)
        except _OutOfIterationsError:
            return self._result(EMStatus.MAX_ITER if max_iter else EMStatus.START_ONLY)
        return self._result(EMStatus.CONVERGED)

    def _ended(self) -> bool:
        """One iteration of EM, and what follows from it; whether nothing is left to gain."""
        ascent, rate, tol = self.ascent, self.rate, self.tol
        patience = rate.patience(tol, self.accelerates, self.at_once, self.worthwhile)
        gain = ascent.advance(rate, patience)
        stuck = gain <= 0 and (rate.known is not None or len(rate.gains) > 1)
        if stuck or rate.remaining() < tol:
            return not self._leads_on()
        slow = self.accelerates and rate.slow(tol, self.at_once, self.worthwhile)
        return bool(slow) and self._climbed_in_vain()

    def _leads_on(self) -> bool:
        """Whether there is more to gain where EM sees nothing: by an M-step from afar, or by
        quasi-Newton steps, where a plateau is what looks like the end of a slow run.
        """
        found = self.problem.structure.several_optima and self.ascent.leap() > self.tol
        if not found and self.accelerates and self.rate.accelerated:
            found = self._climb() > self.tol
        if found:
            self.rate.gains = []
        return found

    def _climbed_in_vain(self) -> bool:
        """Go on by quasi-Newton steps; whether that leaves nothing to gain."""
        ascent, rate, again = self.ascent, self.rate, self.rate.accelerated
        last, remaining = rate.gains[-1], rate.remaining()
        evaluated = len(ascent.objectives)
        rate.restart()
        gained = self._climb()
        if self.problem.structure.ties is None:
            # The gradient is that of an M-step which may not be the maximum that it should be.
            alone = _ahead(last, remaining, len(ascent.objectives) - evaluated)
            self.accelerates = gained > alone
        # If so, EM's estimate is rounding by now, and nothing else finds a gain either.
        return self.accelerates and again and gained < 0.1 * self.tol

    def _climb(self) -> float:
        """The gain of quasi-Newton steps."""
        before = self.ascent.moments.mean_log_likelihood
        climb(self.problem, self.ascent, 0.1 * self.tol)
        return self.ascent.moments.mean_log_likelihood - before

    def _result(self, status: EMStatus, collapsed: list[int] | None = None) -> EMResult:
        left = self.rate.remaining() if self.rate.gains else np.inf
        ascent = self.ascent
        return EMResult(
            ascent.parameters,
            ascent.moments,
            list(ascent.objectives),
            status,
            collapsed or [],
            left,
        )


def run_em(
    problem: Problem, start: MixtureParameters, *, max_iter: int, **options: Any
) -> EMResult:
    """One run of `EM` from `start`, of no more than `max_iter` evaluations."""
    return EM(problem, start, **options).until(max_iter)
