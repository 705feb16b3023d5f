"""The one EM loop, and how it decides to accelerate and to stop."""

from __future__ import annotations

from typing import Any

import numpy as np

from skgmm._em.compiled import iterate
from skgmm._em.compiled import quasi_newton_steps as compiled_steps
from skgmm._em.convergence import Rate, gain_ahead
from skgmm._em.quasi_newton import quasi_newton_steps
from skgmm._em.result import EMResult, EMStatus
from skgmm._em.watch import Progress, Watch
from skgmm._kernels import StopWhen, rounding_of
from skgmm._moments import Moments
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters
from skgmm.covariance import IllDefinedCovarianceError

# Iterations that EM must have ahead of it for quasi-Newton steps to be worth their start.
WORTHWHILE = 25


class _OutOfIterationsError(Exception):
    """The evaluations are used up."""


class _StoppedError(Exception):
    """A callback requested a stop."""


class _Ascent:
    """The best parameters so far, and the evaluations it took to find them."""

    def __init__(
        self,
        objective: Objective,
        start: MixtureParameters,
        moments: Moments | None,
        watch: Watch | None,
    ) -> None:
        self.objective, self.max_iter, self.watch = objective, 0, watch
        if objective.fixed is not None:
            start, moments = objective.feasible(start), None
        self.parameters, self.moments = start, moments or objective.evaluate(start)
        self.objectives: list[float] = []

    def evaluate(self, candidate: MixtureParameters) -> Moments:
        """One pass over the data; what is better is kept."""
        reached, gain = self._visit(candidate)
        self._tell(gain, None)
        return reached

    def advance(self, rate: Rate, stop: StopWhen) -> None:
        """Iterations of EM until there may be something to decide.

        A watch gets an event for each of them: one call of the compiled loop makes one iteration.
        """
        left = self.max_iter - len(self.objectives)
        if left <= 0:
            raise _OutOfIterationsError
        if self.watch is not None:
            self.watch.begin()
        most = 1 if self.watch is not None else left
        if stop.max_iter > most:
            stop = stop._replace(max_iter=most)
        reached = iterate(self.objective, self.parameters, self.moments, rate.gains, stop)
        if reached is None:
            self.step(rate)
            return
        self.parameters, self.moments = reached.parameters, reached.moments
        self.objectives += reached.objectives
        rate.note(reached.gains, reached.moments.mean_objective)
        self._tell(rate.gains[-1], rate.remaining())

    def compiled_steps(self, tol: float) -> bool | None:
        """Quasi-Newton steps in compiled code, and whether more are worth while.

        None where these need the Python implementation.
        """
        left = self.max_iter - len(self.objectives)
        listener = None if self.watch is None else _Listener(self, self.watch)
        found = compiled_steps(self.objective, self.parameters, self.moments, tol, left, listener)
        if found is None:
            return None
        if listener is None:
            self.parameters, self.moments = found.parameters, found.moments
            self.objectives += found.objectives
        if found.exhausted:
            raise _OutOfIterationsError
        return found.more

    def step(self, rate: Rate) -> None:
        """One iteration of EM, whose gain the rate notes."""
        candidate = self.objective.maximise(self.moments, self.parameters)
        _, gain = self._visit(candidate)
        rate.note([gain], self.moments.mean_objective)
        self._tell(gain, rate.remaining())

    def leap(self) -> float:
        """The gain of an M-step that does not start at the present covariances."""
        before = self.moments.mean_objective
        candidate = self.objective.maximise(self.moments, None)
        self.evaluate(candidate)
        return self.moments.mean_objective - before

    def _visit(self, candidate: MixtureParameters) -> tuple[Moments, float]:
        if len(self.objectives) >= self.max_iter:
            raise _OutOfIterationsError
        if self.watch is not None:
            self.watch.begin()
        reached = self.objective.evaluate(candidate)
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


class _Listener:
    """Keeps an ascent up to date during compiled quasi-Newton steps, and tells its watch."""

    def __init__(self, ascent: _Ascent, watch: Watch) -> None:
        self.ascent, self.begin = ascent, watch.begin

    def end(self, parameters: MixtureParameters, moments: Moments, gain: float) -> None:
        self.ascent.parameters, self.ascent.moments = parameters, moments
        self.ascent.objectives.append(moments.mean_objective)
        self.ascent._tell(gain, None)


class EM:
    """A resumable EM run.

    One evaluation, parameters -> Moments, is one pass over the data; the objective it returns
    belongs to the parameters that went in, so those returned are never one step ahead.

    Parameters
    ----------
    tol : float
        The estimated remaining gain, in nats per sample, at which it ends.
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
        objective: Objective,
        start: MixtureParameters,
        *,
        tol: float,
        acceleration: str | None = "auto",
        resumed: bool = False,
        moments: Moments | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.objective, self.tol = objective, tol
        resumed = resumed or (objective.fixed is not None and objective.fixed.everything)
        self.ascent, self.rate = _Ascent(objective, start, moments, watch), Rate(resumed, tol)
        self.accelerates, self.at_once = acceleration is not None, acceleration == "lbfgs"

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
        """One iteration of EM, and what follows from it; whether the stopping rule is met."""
        ascent, rate, tol = self.ascent, self.rate, self.tol
        ascent.advance(rate, rate.stop_when(self.accelerates, self.at_once, WORTHWHILE))
        stuck = rate.vanished and (rate.known or len(rate.gains) > 1)
        if stuck or rate.remaining() < tol:
            return not self._can_continue()
        slow = self.accelerates and rate.slow(self.at_once, WORTHWHILE)
        return bool(slow) and self._quasi_newton_stalled()

    def _can_continue(self) -> bool:
        """Whether there is more to gain where EM sees nothing: by an M-step from afar, or by
        quasi-Newton steps, where a plateau is what looks like the end of a slow run.
        """
        least = max(self.tol, rounding_of(self.ascent.moments.mean_objective))
        found = self.objective.several_optima and self.ascent.leap() > least
        if not found and self.accelerates and self.rate.accelerated:
            found = self._quasi_newton() > least
        if found:
            self.rate.gains = []
        return found

    def _quasi_newton_stalled(self) -> bool:
        """Go on by quasi-Newton steps; whether that leaves nothing to gain."""
        ascent, rate, again = self.ascent, self.rate, self.rate.accelerated
        last, remaining = rate.gains[-1], rate.remaining()
        evaluated = len(ascent.objectives)
        rate.restart()
        gained = self._quasi_newton()
        if self.objective.structure.ties is None:
            # The gradient is that of an M-step which may not be the maximum that it should be.
            alone = gain_ahead(last, remaining, len(ascent.objectives) - evaluated)
            self.accelerates = gained > alone
        # If so, EM's estimate is rounding by now, and nothing else finds a gain either.
        return self.accelerates and again and gained < 0.1 * self.tol

    def _quasi_newton(self) -> float:
        """The gain of quasi-Newton steps."""
        before = self.ascent.moments.mean_objective
        quasi_newton_steps(self.objective, self.ascent, 0.1 * self.tol)
        return self.ascent.moments.mean_objective - before

    def _result(self, status: EMStatus, singular: list[int] | None = None) -> EMResult:
        left = self.rate.remaining() if self.rate.gains else np.inf
        ascent = self.ascent
        return EMResult(
            ascent.parameters,
            ascent.moments,
            list(ascent.objectives),
            status,
            singular or [],
            left,
        )


def run_em(
    objective: Objective, start: MixtureParameters, *, max_iter: int, **options: Any
) -> EMResult:
    """One run of `EM` from `start`, of no more than `max_iter` evaluations."""
    return EM(objective, start, **options).until(max_iter)
