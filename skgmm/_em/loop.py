"""The one EM loop: what is next is decided in `_kernels/fit/decisions.cpp`, and made in compiled
code where that can.
"""

from __future__ import annotations

from typing import Any

from skgmm._em.compiled import run, supports
from skgmm._em.quasi_newton import steps_from_anchor
from skgmm._em.result import EMResult, EMStatus
from skgmm._em.watch import Progress, Watch
from skgmm._kernels import Decisions, Next
from skgmm._moments import Moments
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters
from skgmm.covariance import IllDefinedCovarianceError

_ENDS = Next.CONVERGED, Next.OUT_OF_ITERATIONS


class _OutOfIterationsError(Exception):
    """The evaluations are used up, within quasi-Newton steps perhaps."""


class _StoppedError(Exception):
    """A callback requested a stop."""


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
        self.objective, self.watch = objective, watch
        if objective.fixed is not None:
            start, moments = objective.feasible(start), None
            resumed = resumed or objective.fixed.everything
        # The best so far.
        self.parameters, self.moments = start, moments or objective.evaluate(start)
        self.compiled = supports(objective) is None
        self.paused = False  # whether it ended at a pause, and can go on
        self.decisions = Decisions(
            tol,
            acceleration,
            resumed=resumed,
            several_optima=objective.several_optima,
            exact_gradient=objective.structure.ties is not None,
        )

    def until(self, max_iter: int, pause: float = 0.0, ends: bool = False) -> EMResult:
        """Go on until it ends, or until so many evaluations are made in all.

        With `pause` it is also taken to have converged when the remaining gain is no more than
        that, in nats per sample: with an infinite one, before the first iteration. It can then be
        continued as if there had been no pause, unless the run `ends` there: then quasi-Newton
        steps aim at the pause instead of `tol`.
        """
        decisions, self.paused = self.decisions, False
        decisions.until(max_iter, pause, ends)
        try:
            while (following := decisions.next()) not in _ENDS:
                self._make(following)
        except IllDefinedCovarianceError as error:
            return self._result(EMStatus.COLLAPSED, error.components)
        except _StoppedError:
            return self._result(EMStatus.STOPPED)
        except _OutOfIterationsError:
            pass
        end = decisions.next()
        self.paused = decisions.paused and end is Next.OUT_OF_ITERATIONS and decisions.left > 0
        if end is Next.CONVERGED or self.paused:
            return self._result(EMStatus.CONVERGED)
        return self._result(EMStatus.MAX_ITER if max_iter else EMStatus.START_ONLY)

    def _make(self, following: Next) -> None:
        """Make what is next, and what follows where compiled code can."""
        objective, decisions = self.objective, self.decisions
        if following is Next.FROM_SCRATCH:
            self._evaluate(objective.maximise(self.moments, None))
        elif self.compiled and self._run_compiled():
            return
        elif following is Next.ITERATE:
            self._evaluate(objective.maximise(self.moments, self.parameters), iteration=True)
        else:
            more = steps_from_anchor(
                objective, self.parameters, self.moments, self._evaluate, decisions.tol_of_steps
            )
            decisions.stepped(more)

    def _run_compiled(self) -> bool:
        """Go on in compiled code as far as that can; whether it made anything."""
        watched = () if self.watch is None else (self.watch.begin, self._reached)
        best = run(self.objective, self.parameters, self.moments, self.decisions, *watched)
        if best is not None:
            self.parameters, self.moments = best
        return best is not None

    def _evaluate(self, candidate: MixtureParameters, iteration: bool = False) -> Moments:
        """One pass over the data; what is better is kept."""
        decisions = self.decisions
        if decisions.left <= 0:
            raise _OutOfIterationsError
        if self.watch is not None:
            self.watch.begin()
        moments = self.objective.evaluate(candidate)
        gain = moments.mean_objective - self.moments.mean_objective
        best = (candidate, moments) if gain > 0 else (self.parameters, self.moments)
        if iteration:
            decisions.iterated(best[1].mean_objective, gain)
        else:
            decisions.evaluated(best[1].mean_objective)
        self._reached(*best, gain, decisions.remaining if iteration else None)
        return moments

    def _reached(
        self,
        parameters: MixtureParameters,
        moments: Moments,
        gain: float,
        remaining: float | None,
    ) -> None:
        """The best after an evaluation, of which the watch is told."""
        self.parameters, self.moments = parameters, moments
        if self.watch is not None and self.watch.end(
            Progress(parameters, moments.mean_objective, gain, remaining)
        ):
            raise _StoppedError

    def _result(self, status: EMStatus, singular: list[int] | None = None) -> EMResult:
        return EMResult(
            self.parameters,
            self.moments,
            self.decisions.objectives,
            status,
            singular or [],
            self.decisions.remaining,
        )


def run_em(
    objective: Objective, start: MixtureParameters, *, max_iter: int, **options: Any
) -> EMResult:
    """One run of `EM` from `start`, of no more than `max_iter` evaluations."""
    return EM(objective, start, **options).until(max_iter)
