"""From one optimum to a better one, by moves and by other starts, until the budget is used up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice

import numpy as np

from skgmm._em.collapse import CollapseTest
from skgmm._em.compiled import supports
from skgmm._em.loop import EM
from skgmm._em.result import EMResult, EMStatus
from skgmm._kernels import LostRowError
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters, n_parameters
from skgmm._rows.grouped import with_noise
from skgmm._starts.budget import Budget, work_of_estimates, work_of_passes
from skgmm._starts.leave_one_out import Proposal, freezes, leave_one_out_proposal
from skgmm._starts.local_gains import KnownSplits, moves_by_gain
from skgmm._starts.moves import Move, disjoint
from skgmm._starts.overlap_moves import moves_by_overlap
from skgmm.covariance import IllDefinedCovarianceError

# Evaluations of each trial, as long as there is hope, and of those that are followed.
_TRIAL, _STEPS = (4, 12), 100
_ROUGHLY = 1e-5

# A trial is given up when this many times what it is estimated to gain does not lead higher.
_HOPE = 10.0

# What is better must gain this much, in nats per sample: less is the same optimum seen from
# elsewhere.
_GAIN = 1e-5

# With fewer samples than this to a component and feature, local gains are chance.
_FROZEN = 3.0

# Other starts that are tried before moves that look like a loss.
_OTHERS = 2

# A single move is tried if its local gain falls short of the loss by no more than so many nats for
# each parameter of a component, and a few more, because the other components would adjust as well;
# by several times that, when all else has failed.
_SLACK, _AT_LEAST, _WORST = 0.5, 22.0, 4.0

# Trials are quick where all of them cost less than so many rounds of estimates; among more
# components than some, the best pairs are too many to be met by trying.
_QUICK, _SOME = 2.0, 12

# Ways to other optima that are worth trying where trials are quick: one for each component, and for
# each parameter to a sample so many more, up to a limit. Where parameters are many, so are optima,
# and high and narrow. Of other starts and of moves, one in so many is followed.
_FOR_PARAMETERS, _MOST = 40, 25
_FOLLOWED_STARTS, _FOLLOWED_MOVES = 2, 3

# Passes over the samples, and calls, of a step with leave-one-out responsibilities.
_PASSES_OF_STEP, _CALLS_OF_STEP = 2, 3


def beats(end: EMResult, here: EMResult) -> bool:
    """Whether an end is better; both are judged.

    With fewer components on few samples it is, and without any that may be a few outliers.
    Otherwise the objective counts, if neither has any: it says nothing of these. Where a component
    was empty, one may be flat instead.
    """
    if end.collapsed:
        return False
    if len(end.spikes) != len(here.spikes):
        fewer = len(end.spikes) < len(here.spikes)
        return fewer and len(end.spikes + end.flat) <= len(here.spikes + here.flat)
    if end.spikes:
        return False
    if bool(end.small) != bool(here.small):
        return not end.small
    if len(end.empty) < len(here.empty):
        return end.objective > here.objective + _GAIN
    return end.comparable_objective > here.comparable_objective + _GAIN


class MoveSearch:
    """A search from a result.

    Parameters
    ----------
    problem : Objective
        Of the samples that moves are tried on.
    collapse : CollapseTest
        Of all samples.
    others : iterator of MixtureParameters
        Other starts.
    only_repair : bool
        Whether only components that are empty or the same as others are to be moved.
    """

    def __init__(
        self,
        objective: Objective,
        collapse: CollapseTest,
        result: EMResult,
        others: Iterator[MixtureParameters],
        budget: Budget,
        rng: np.random.RandomState,
        only_repair: bool,
    ) -> None:
        self.objective, self.collapse, self.result = objective, collapse, result
        # Moves are proposed by these samples, and judged by all.
        self.completed = objective.completed(result.parameters)
        self.diagnose = collapse.diagnose
        self.budget, self.rng, self.only_repair = budget, rng, only_repair
        self.others: Iterator[MixtureParameters] = iter(()) if only_repair else others
        self.n_components = K = result.parameters.n_components
        d, n = objective.rows.n_features, objective.rows.n_samples
        free = n_parameters(objective.structure, K, d)
        own = free - n_parameters(objective.structure, K - 1, d)
        self.slack = _SLACK * own + _AT_LEAST
        self.n_ways = K + min(int(_FOR_PARAMETERS * free / n), _MOST)
        self.freezes = freezes(objective, K) and not only_repair
        self.known = KnownSplits()

    def best(self, complete: bool) -> MixtureParameters | None:
        """The parameters of the best optimum found, or None if none is better.

        Parameters
        ----------
        complete : bool
            Whether the result is one of the same samples. If not, EM on these comes first: fitted
            to a sample alone any optimum gains.
        """
        run = EM(self.objective, self.result.parameters, tol=_ROUGHLY)
        here, found = self.diagnose(self._spent(run.until(0 if complete else _STEPS), 1)), False
        while not self.budget.exhausted:
            end = self._better(here)
            if end is None:
                break
            here, found = end, True
        return here.parameters if found else None

    def _better(self, here: EMResult) -> EMResult | None:
        """A better end than this one."""
        broken = bool(here.spikes or here.empty) or self.only_repair
        if self.freezes:
            proposal = self._proposed(here.parameters)
            # Beside the cells of coarse features components are narrow, and EM stays on these.
            whole = self.objective.rows.whole
            if proposal.stable and whole and not broken and not np.any(self.objective.cells):
                return None
            start = proposal.parameters
            if start is not None and (end := self._end(start, here)) is not None:
                return end
        if self._quick and not broken:
            return self._best_of(self.others, here, _FOLLOWED_STARTS) or self._best_of(
                moves_by_overlap(self.completed, here), here, _FOLLOWED_MOVES
            )
        for start in self._starts(here, broken):
            end = None if start is None else self._end(start, here)
            if end is not None or self.budget.exhausted:
                return end
        return None

    # Where samples are few: leave-one-out responsibilities.

    def _proposed(self, parameters: MixtureParameters) -> Proposal:
        proposal = leave_one_out_proposal(self.completed, parameters)
        passes, calls = (n * proposal.n_steps for n in (_PASSES_OF_STEP, _CALLS_OF_STEP))
        self.budget.spend(work_of_passes(self.objective, self.n_components, passes + 1, calls))
        return proposal

    def _start(self, start: MixtureParameters) -> MixtureParameters:
        """Another start, or where leave-one-out responsibilities lead from it."""
        return (self.freezes and self._proposed(start).parameters) or start

    # Where a trial costs less than an estimate of what it gains: many are tried.

    @property
    def _quick(self) -> bool:
        trials = work_of_passes(self.objective, self.n_components, _TRIAL[-1], 1)
        some = 2 < self.n_components <= _SOME and supports(self.objective) is None
        estimates = work_of_estimates(self.objective, self.n_components, self.n_components)
        return some and self.n_ways * trials < _QUICK * estimates

    def _best_of(
        self, starts: Iterator[MixtureParameters], here: EMResult, one_in: int
    ) -> EMResult | None:
        """The best end of some starts; after a few iterations, one in so many is followed."""
        begun: list[tuple[EMResult, EM]] = []
        for start in islice(map(self._start, starts), self.n_ways):
            if (run := self._run(start)) is not None:
                begun.append((self.diagnose(self._spent(run.until(_TRIAL[-1]), 1)), run))
            if self.budget.exhausted:
                break
        begun.sort(key=lambda pair: pair[0].rank)
        best, left = here, max(1, self.n_ways // one_in)
        for so_far, run in begun:
            end = self._followed(so_far, run, best)
            left -= not end.spikes  # if it has some, the next one takes its turn
            if beats(end, best):
                best = end
            if not left:
                break
        return None if best is here else best

    def _followed(self, so_far: EMResult, run: EM, best: EMResult) -> EMResult:
        """The end of a run, or where it is given up."""
        hopeful = so_far.objective + _HOPE * so_far.remaining > best.comparable_objective
        if so_far.status is not EMStatus.MAX_ITER or not hopeful:
            return so_far
        return self.diagnose(self._spent(run.until(_STEPS), -len(so_far.objectives)))

    # Where it costs more: moves by their estimated gain, one after the other.

    def _starts(self, here: EMResult, broken: bool) -> Iterator[MixtureParameters | None]:
        """Parameters from which EM may reach a better optimum, the most promising first."""
        others = map(self._start, self.others)
        if freezes(self.objective, self.n_components, _FROZEN) and not broken:
            yield from islice(others, _OTHERS)
            return
        moves: list[Move] = []
        work = work_of_estimates(self.objective, self.n_components, len(self.known.outdated(here)))
        if broken or self.budget.left > work:
            self.budget.spend(work)
            moves = moves_by_gain(
                self.completed,
                here,
                self.known,
                partial(self.collapse.supports, flat=bool(here.empty)),
                self.slack,
                self.only_repair,
                self.rng,
            )
        promising = [move for move in moves if move.gain > 0]
        together = disjoint(promising)
        while len(together) > 1:
            yield self._made(here, *together)
            together = together[: len(together) // 2]
        yield from (self._made(here, move) for move in promising)
        yield from islice(others, _OTHERS)
        worst = -_WORST * self.slack
        yield from (self._made(here, move) for move in moves if 0 >= move.gain > -self.slack)
        yield from others
        yield from (self._made(here, move) for move in moves if -self.slack >= move.gain > worst)

    def _made(self, here: EMResult, *moves: Move) -> MixtureParameters | None:
        """Parameters with the moves made."""
        moments = here.moments
        for move in moves:
            moments = move.applied(moments)
        try:
            return self.objective.maximise(moments, None)
        except IllDefinedCovarianceError:
            return None

    def _end(self, start: MixtureParameters, here: EMResult) -> EMResult | None:
        """Where EM ends from there, if that is better."""
        run = self._run(start)
        if run is None:
            return None
        evaluated = 0
        for most in (*_TRIAL, _STEPS):
            end = self.diagnose(self._spent(run.until(most), -evaluated))
            evaluated = len(end.objectives)
            ahead = end.objective + _HOPE * end.remaining
            hopeful = beats(replace(end, moments=end.moments.with_objective(ahead)), here)
            if end.status is not EMStatus.MAX_ITER or not hopeful:
                break
        return end if beats(end, here) else None

    def _run(self, start: MixtureParameters) -> EM | None:
        try:
            beside_noise = with_noise(start, self.objective.rows)
            return EM(self.objective, beside_noise, tol=_ROUGHLY)
        except LostRowError:
            return None

    def _spent(self, end: EMResult, more: int) -> EMResult:
        """The end, with the work of its evaluations and so many more counted."""
        passes = len(end.objectives) + more
        self.budget.spend(work_of_passes(self.objective, self.n_components, passes))
        return end
