"""The one EM loop, and how it decides to accelerate and to stop."""

from __future__ import annotations

from typing import Any

import numpy as np

from skgmm._em.compiled import climb as climb_in_one_go
from skgmm._em.compiled import climbs_in_one_go, iterate, supports
from skgmm._em.convergence import _ahead, _Rate
from skgmm._em.quasi_newton import climb
from skgmm._em.result import EMResult, EMStatus
from skgmm._em.watch import Progress, Watch
from skgmm._kernels import Patience
from skgmm._moments import Moments
from skgmm._objective import Problem
from skgmm._parameters import MixtureParameters
from skgmm.covariance import IllDefinedCovarianceError

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

    def advance(self, rate: _Rate, patience: Patience) -> None:
        """Iterations of EM until there may be something to decide.

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
            self.step(rate)
            return
        self.parameters, self.moments = reached.parameters, reached.moments
        self.objectives += reached.objectives
        rate.note(reached.gains, reached.moments.mean_objective)

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

    def step(self, rate: _Rate) -> None:
        """One iteration of EM, whose gain the rate notes."""
        candidate = self.problem.maximise(self.moments, self.parameters)
        _, gain = self._visit(candidate)
        rate.note([gain], self.moments.mean_objective)
        self._tell(gain, rate.remaining())

    def leap(self) -> float:
        """The gain of an M-step that does not start at the present covariances."""
        before = self.moments.mean_objective
        candidate = self.problem.maximise(self.moments, None)
        self.evaluate(candidate)
        return self.moments.mean_objective - before

    def _visit(self, candidate: MixtureParameters) -> tuple[Moments, float]:
        if len(self.objectives) >= self.max_iter:
            raise _OutOfIterationsError
        if self.watch is not None:
            self.watch.begin()
        reached = self.problem.evaluate(candidate)
        gain = reached.mean_objective - self.moments.mean_objective
        if gain > 0:
            self.parameters, self.moments = candidate, reached
        self.objectives.append(self.moments.mean_objective)
        return reached, gain

    def _tell(self, gain: float, remaining: float | None) -> None:
        if self.watch is None:
            return
        if self.watch.end(Progress(self.parameters, self.objectives[-1], gain, remaining)):
            raise _StoppedError


def _worthwhile(problem: Problem, n_components: int) -> float:
    """Iterations ahead from which on quasi-Newton steps take less time."""
    if climbs_in_one_go(problem) or supports(problem) is not None:
        return _WORTHWHILE
    return _WORTHWHILE * (1.0 + _MEANWHILE / (problem.rows.n_samples * n_components))


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
        ascent.advance(rate, patience)
        stuck = rate.vanished and (rate.known is not None or len(rate.gains) > 1)
        if stuck or rate.remaining() < tol:
            return not self._leads_on()
        slow = self.accelerates and rate.slow(tol, self.at_once, self.worthwhile)
        return bool(slow) and self._climbed_in_vain()

    def _leads_on(self) -> bool:
        """Whether there is more to gain where EM sees nothing: by an M-step from afar, or by
        quasi-Newton steps, where a plateau is what looks like the end of a slow run.
        """
        enough = max(self.tol, self.rate.rounding)
        found = self.problem.structure.several_optima and self.ascent.leap() > enough
        if not found and self.accelerates and self.rate.accelerated:
            found = self._climb() > enough
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
        before = self.ascent.moments.mean_objective
        climb(self.problem, self.ascent, 0.1 * self.tol)
        return self.ascent.moments.mean_objective - before

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
