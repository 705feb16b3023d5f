"""EM from many starts: side by side in compiled code where that can be, else one after another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from skgmm._em.collapse import CollapseTest
from skgmm._em.loop import EM
from skgmm._em.result import EMResult, EMStatus
from skgmm._kernels import LostRowError
from skgmm._moments import Moments
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters
from skgmm._rows.grouped import with_noise
from skgmm._starts.side_by_side import Start, Together, n_components_of, side_by_side
from skgmm.covariance import IllDefinedCovarianceError

STAGES, ROUGHLY = (4, 12, 30, 100), 1e-5
"""Evaluations after each of which a trial may be given up, and the remaining gain at which it ends,
in nats per sample."""

# A run may gain this many times its estimated remaining gain, and this many times its last gain.
_OPTIMISM, _FORESIGHT = 10.0, 25.0


def foreseen(objectives: list[float], remaining: float) -> float:
    """The gain that a run may still make: several times the estimate, or many times the last one,
    if that is less.
    """
    last = objectives[-1] - objectives[-2] if len(objectives) > 1 else np.inf
    return min(_OPTIMISM * remaining, _FORESIGHT * last)


class Trials:
    """Runs of EM from N starts, each of which can be continued.

    Parameters
    ----------
    of : Objective or sequence of Objective
        Of all starts, or of each. They differ in their samples only.
    test : CollapseTest
        Of results.
    tol : float
        The estimated remaining gain, in nats per sample, at which a run ends.
    acceleration : {"auto", "lbfgs"} or None

    Attributes
    ----------
    objective : ndarray of shape (N,)
        Of the best so far, nats per sample.
    remaining : ndarray of shape (N,)
        Estimate of what is still to gain.
    n_evaluations : ndarray of shape (N,)
    ended : ndarray of bool, shape (N,)
        Whether a run has converged, or has failed.
    """

    def __init__(
        self,
        of: Objective | Sequence[Objective],
        starts: Sequence[Start],
        test: CollapseTest,
        tol: float,
        acceleration: str | None = "auto",
    ) -> None:
        n = len(starts)
        self.of = n * [of] if isinstance(of, Objective) else list(of)
        self.starts, self.test, self.options = starts, test, (tol, acceleration)
        self.objective, self.remaining = np.full(n, -np.inf), np.full(n, np.inf)
        self.n_evaluations, self.ended = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=bool)
        self._results: dict[int, EMResult] = {}
        self._ends: dict[int, EMResult] = {}
        # Of which no component can have collapsed, where that has been judged.
        self._sound, self._judged = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
        self._separate: dict[int, EM] = {}
        self._together: Together | None = None
        if n and side_by_side(self.of, n_components_of(starts[0])):
            self._together = Together(self.of, starts, *self.options)

    @property
    def together(self) -> bool:
        """Whether they are run in one call."""
        return self._together is not None

    def evaluate(self) -> None:
        """Find the objectives of the starts."""
        if self._together is not None:
            self._run_together(list(range(len(self.starts))), 0)
            return
        for i in range(len(self.starts)):
            self._begin(i)

    def until(self, which: Iterable[int], max_iter: int) -> int:
        """Go on with some runs until each has made so many evaluations, or has ended.

        Returns how many passes over the samples that took.
        """
        going = [i for i in which if not self.ended[i]]
        before = self.n_evaluations[going]
        n_before = int(before.sum() - np.count_nonzero(before == 0))  # which begin with the start
        for i in going:
            self._results.pop(i, None)
        others = [i for i in going if i not in self._separate]
        if self._together is not None:
            others = self._run_together(others, max_iter)
        for i in others:
            self._begin(i)
        for i in going:
            if i in self._separate and not self.ended[i]:
                self._continue(i, max_iter)
        return int(self.n_evaluations[going].sum()) - n_before

    def _run_together(self, which: list[int], max_iter: int) -> list[int]:
        """Those of the runs that need the Python implementation."""
        together = self._together
        assert together is not None
        together.until(which, max_iter)
        self._judged[which], others = False, []
        for i in which:
            converged = together.ends(i)
            if converged is None and not together.failed(i):
                others.append(i)
                continue
            self.ended[i] = converged is not False
            if not together.failed(i):
                self.objective[i] = together.sums[i, 0] / together.sums[i, 1]
                self.remaining[i] = together.decisions[i].remaining
                self.n_evaluations[i] = len(together.decisions[i].objectives)
        return others

    def _begin(self, i: int) -> None:
        """A run of its own, from the start."""
        start, (tol, acceleration) = self.starts[i], self.options
        self.n_evaluations[i], self.objective[i], self.ended[i] = 0, -np.inf, True
        with suppress(LostRowError, IllDefinedCovarianceError):
            if isinstance(start, Moments):
                start = self.of[i].maximise(start, None)
            beside_noise = with_noise(start, self.of[i].rows)
            self._separate[i] = EM(self.of[i], beside_noise, tol=tol, acceleration=acceleration)
            self.objective[i] = self._separate[i].moments.mean_objective
            self.ended[i] = False

    def _continue(self, i: int, max_iter: int) -> None:
        self._ends[i] = end = self._separate[i].until(max_iter)
        self.objective[i], self.remaining[i] = end.objective, end.remaining
        self.n_evaluations[i] = len(end.objectives)
        self.ended[i] = end.status is not EMStatus.MAX_ITER

    def ahead(self, i: int, patient: bool = False) -> float:
        """What the objective of a run may become; if `patient`, whatever its last gain was."""
        if patient and not self.ended[i]:
            return float(self.objective[i]) + _OPTIMISM * float(self.remaining[i])
        return float(self.objective[i]) + self.foreseen(i)

    def foreseen(self, i: int) -> float:
        """The gain that a run may still make."""
        return 0.0 if self.ended[i] else foreseen(self._objectives(i), float(self.remaining[i]))

    def _objectives(self, i: int) -> list[float]:
        if i in self._separate:
            return self._separate[i].decisions.objectives
        return [] if self._together is None else self._together.decisions[i].objectives

    def ranked(self) -> list[int]:
        """The runs that did not fail at once, the best first."""
        return sorted(np.flatnonzero(np.isfinite(self.objective)).tolist(), key=self.rank)

    def rank(self, i: int) -> tuple[Any, ...]:
        """That of the result."""
        if self.is_sound(i):
            return False, False, False, -float(self.objective[i])
        return self.result(i).rank

    def is_sound(self, i: int) -> bool:
        """Whether no component can have collapsed, or be of few samples."""
        if self._together is None or i in self._separate:
            return False
        if not self._judged[i]:
            others = np.flatnonzero(~self._judged)
            self._sound[others] = self._together.surely_sound(self.test, others)
            self._judged[others] = True
        return bool(self._sound[i])

    def parameters(self, i: int) -> MixtureParameters:
        """The best so far of a run."""
        if i in self._separate:
            return self._separate[i].parameters
        assert self._together is not None
        return self._together.parameters(i)

    def result(self, i: int) -> EMResult:
        """The best so far of a run, diagnosed."""
        if i not in self._results:
            end = self.end(i)
            self._results[i] = end if self.is_sound(i) else self.test.diagnose(end)
        return self._results[i]

    def end(self, i: int) -> EMResult:
        """The same without a diagnosis."""
        if i in self._separate:
            return self._ends[i] if i in self._ends else self._separate[i].until(0)
        assert self._together is not None
        return self._together.result(i)
