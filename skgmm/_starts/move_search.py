"""The search for a better optimum, by moves and other starts, within a budget."""

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
from skgmm._moments import Moments
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters, n_parameters
from skgmm._rows.grouped import with_noise
from skgmm._starts.better import beats
from skgmm._starts.budget import Budget, work_of_estimates, work_of_passes
from skgmm._starts.leave_one_out import UNRELIABLE, Proposal, freezes, leave_one_out_proposal
from skgmm._starts.local_gains import moves_by_gain
from skgmm._starts.local_splits import Sound
from skgmm._starts.moves import Move, disjoint, halved
from skgmm._starts.neighbourhoods import Swap, are_few, swapped
from skgmm._starts.overlap_moves import moves_by_overlap
from skgmm._starts.swap_search import Tried, find_swaps
from skgmm._starts.within_noise import Optima, likelihood_is_noise
from skgmm.covariance import IllDefinedCovarianceError

# Evaluations of each trial, after which it may be given up, and of those that are continued.
_TRIAL, _STEPS = (4, 12), 100
_ROUGHLY = 1e-5

# A trial is given up when this many times its estimated remaining gain is not enough.
_OPTIMISM = 10.0

# Other starts that are tried before moves with an estimated loss.
_OTHERS = 2

# A single move is tried if its estimated loss is no more than this many nats for each parameter of
# a component, plus a constant, because the other components will adjust as well. When all else has
# failed, moves with several times that loss are tried.
_SLACK, _AT_LEAST, _WORST = 0.5, 22.0, 4.0

# Trials are quick if all of them cost less than this many rounds of estimates. With more components
# than this there are too many pairs to find the best ones by trials.
_QUICK, _SOME = 2.0, 12

# The number of quick trials: one for each component, and this many more for each parameter per
# sample, up to a limit, because models with many parameters have many narrow optima. Of other
# starts and of moves, EM is continued from one in so many.
_FOR_PARAMETERS, _MOST = 40, 25
_FOLLOWED_STARTS, _FOLLOWED_MOVES = 2, 3

# Passes over the samples, and calls, of one step with leave-one-out responsibilities.
_PASSES_OF_STEP, _CALLS_OF_STEP = 2, 3


class MoveSearch:
    """A search from a result.

    Parameters
    ----------
    objective : Objective
        Of the samples that moves are tried on.
    collapse : CollapseTest
        Of all samples.
    others : iterator of MixtureParameters
        Other starts.
    tried : Tried
        Trials of swaps before the iterations.
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
        tried: Tried,
        only_repair: bool,
    ) -> None:
        self.objective, self.collapse, self.result = objective, collapse, result
        # Moves are proposed from whole samples, and evaluated on all.
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
        self.settled = False  # whether leave-one-out iterations have, from any start
        self.tried, self.known = tried, tried.known
        noise = not only_repair and likelihood_is_noise(objective, K)
        self.optima, self.compact = Optima(self.completed, noise), False

    def best(self, complete: bool) -> MixtureParameters | None:
        """The parameters of the best optimum found, or None if none is better.

        Parameters
        ----------
        complete : bool
            Whether the result was fitted to the same samples. If not, EM is run on these first:
            every optimum gains when it is fitted to the sample alone.
        """
        run = EM(self.objective, self.result.parameters, tol=_ROUGHLY)
        here = first = self._until(0 if complete else _STEPS, run, 1)
        while not self.budget.exhausted:
            end = self._better(here)
            if end is None:
                break
            here = end
        if complete:
            self.optima.add(first)
            chosen = self.optima.preferred(here)
            here, self.compact = chosen, chosen is not here
        return None if here is first else here.parameters

    def _better(self, here: EMResult) -> EMResult | None:
        """An end that is better than this one, if one is found."""
        broken = bool(here.collapsed or here.empty) or self.only_repair
        if self.freezes:
            proposal = self._proposed(here.parameters)
            # Components on single values of coarse features are narrow, and EM cannot leave them.
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
        self.settled |= proposal.stable or proposal.parameters is not None
        return proposal

    def _start(self, start: MixtureParameters) -> MixtureParameters:
        """The start, improved by leave-one-out responsibilities where samples are few."""
        return (self.freezes and self._proposed(start).parameters) or start

    # Where a trial costs less than an estimate of its gain: many trials.

    @property
    def _quick(self) -> bool:
        trials = work_of_passes(self.objective, self.n_components, _TRIAL[-1], 1)
        some = 2 < self.n_components <= _SOME and supports(self.objective) is None
        estimates = work_of_estimates(self.objective, self.n_components, self.n_components)
        return some and self.n_ways * trials < _QUICK * estimates

    def _best_of(
        self, starts: Iterator[MixtureParameters], here: EMResult, one_in: int
    ) -> EMResult | None:
        """The best end of some starts, of which the best after a few iterations are continued."""
        begun: list[tuple[EMResult, EM]] = []
        for start in islice(map(self._start, starts), self.n_ways):
            if (run := self._run(start)) is not None:
                begun.append((self._until(_TRIAL[-1], run, 1), run))
            if self.budget.exhausted:
                break
        begun.sort(key=lambda pair: pair[0].rank)
        best, left = here, max(1, self.n_ways // one_in)
        for so_far, run in begun:
            end = self._followed(so_far, run, best)
            left -= not end.collapsed  # if a component has collapsed, the next one is continued too
            if beats(end, best):
                best = end
            if not left:
                break
        return None if best is here else best

    def _followed(self, so_far: EMResult, run: EM, best: EMResult) -> EMResult:
        """The end of a run, or its state if it cannot become better."""
        promising = so_far.objective + _OPTIMISM * so_far.remaining > best.comparable_objective
        if so_far.status is not EMStatus.MAX_ITER or not promising:
            return so_far
        return self._until(_STEPS, run, -len(so_far.objectives))

    # Where a trial costs more: moves by their estimated gain, one after the other.

    def _starts(self, here: EMResult, broken: bool) -> Iterator[MixtureParameters | None]:
        """Parameters from which EM may reach a better optimum, the most promising first."""
        others = map(self._start, self.others)
        if freezes(self.objective, self.n_components, UNRELIABLE) and not broken:
            # Where no start is near clusters, its iterations do not settle.
            yield from islice(others, _OTHERS if self.settled else None)
            return
        if are_few(self.n_components, self.result.moments.form) and not broken:
            for swaps in halved(self._swaps(here)):
                yield self._maximised(swapped(here.moments, swaps))
            return
        moves = self._moves(here, broken)
        promising = [move for move in moves if move.gain > 0]
        for together in halved(disjoint(promising)):
            yield self._made(here, *together)
        yield from (self._made(here, move) for move in promising)
        yield from islice(others, _OTHERS)
        worst = -_WORST * self.slack
        yield from (self._made(here, move) for move in moves if 0 >= move.gain > -self.slack)
        yield from others
        yield from (self._made(here, move) for move in moves if -self.slack >= move.gain > worst)

    def _swaps(self, here: EMResult) -> list[Swap]:
        """Swaps whose gain was found in neighbourhoods."""
        sound = self._sound(here)
        return find_swaps(self.completed, here, sound, self.tried, self.budget, self.rng)

    def _moves(self, here: EMResult, broken: bool) -> list[Move]:
        """Moves by estimates of their gain."""
        work = self._work_of_splits(here)
        if not broken and self.budget.left <= work:
            return []
        self.budget.spend(work)
        sound = self._sound(here)
        return moves_by_gain(
            self.completed, here, self.known, sound, self.slack, self.only_repair, self.rng
        )

    def _work_of_splits(self, here: EMResult) -> float:
        n_splits = len(self.known.outdated(here))
        return work_of_estimates(self.objective, self.n_components, n_splits)

    def _sound(self, here: EMResult) -> Sound:
        return partial(self.collapse.supports, may_share_values=bool(here.empty))

    def _made(self, here: EMResult, *moves: Move) -> MixtureParameters | None:
        """Parameters after these moves."""
        moments = here.moments
        for move in moves:
            moments = move.applied(moments)
        return self._maximised(moments)

    def _maximised(self, moments: Moments) -> MixtureParameters | None:
        try:
            return self.objective.maximise(moments, None)
        except IllDefinedCovarianceError:
            return None

    def _end(self, start: MixtureParameters, here: EMResult) -> EMResult | None:
        """Where EM converges to from this start, if that is better."""
        run = self._run(start)
        if run is None:
            return None
        evaluated = 0
        for most in (*_TRIAL, _STEPS):
            end = self._until(most, run, -evaluated)
            evaluated = len(end.objectives)
            ahead = end.objective + _OPTIMISM * end.remaining
            promising = beats(replace(end, moments=end.moments.with_objective(ahead)), here)
            if end.status is not EMStatus.MAX_ITER or not promising:
                break
        return end if beats(end, here) else None

    def _run(self, start: MixtureParameters) -> EM | None:
        try:
            beside_noise = with_noise(start, self.objective.rows)
            return EM(self.objective, beside_noise, tol=_ROUGHLY)
        except LostRowError:
            return None

    def _until(self, most: int, run: EM, more: int) -> EMResult:
        """The state of a run after so many evaluations, diagnosed.

        The work of the evaluations and of `more` others is subtracted from the budget.
        """
        end = run.until(most)
        passes = len(end.objectives) + more
        self.budget.spend(work_of_passes(self.objective, self.n_components, passes))
        end = self.diagnose(end)
        if end.status is EMStatus.CONVERGED:
            self.optima.add(end)
        return end
