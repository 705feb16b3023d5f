"""The search for a better optimum, by moves and other starts, within a budget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice

import numpy as np

from skgmm._em.collapse import CollapseTest
from skgmm._em.compiled import supports
from skgmm._em.loop import EM
from skgmm._em.result import EMResult
from skgmm._em.watch import Watch
from skgmm._objective import Objective
from skgmm._parameters import n_parameters
from skgmm._starts.better import GAIN, beats, still_to_gain
from skgmm._starts.budget import PATIENCE, Budget, work_of_estimates, work_of_passes
from skgmm._starts.left_out_optimum import LeftOutOptimum
from skgmm._starts.left_out_starts import LeftOutStarts
from skgmm._starts.local_gains import moves_by_gain
from skgmm._starts.local_splits import Sound, halves
from skgmm._starts.moves import Move, after, disjoint, halved
from skgmm._starts.neighbourhoods import Swap, swapped
from skgmm._starts.overlap_moves import moves_by_overlap
from skgmm._starts.side_by_side import Start, side_by_side
from skgmm._starts.swap_search import Tried, find_swaps
from skgmm._starts.trials import ROUGHLY, STAGES, Trials
from skgmm._starts.within_noise import Optima, classifies, tolerated_errors

# Evaluations of a quick trial, and of one that is continued; and those of a move, after each of
# which it may be given up.
_LOOK, _TRIAL, _STEPS = 6, 12, STAGES[-1]
_PATIENT = (4, _TRIAL, _STEPS)

# On a part of the samples, a gain of no more than so many nats is chance, times the square root of
# the number of parameters of a component. Found by trial: one nat for each parameter misses
# clusters of 35 features, and half a nat finds some that are not there with 8.
_CHANCE = 5.0

# EM ends where it may gain no more than this much of what is chance.
_NEARLY = 0.1

# Other starts that are tried before moves with an estimated loss, and quick trials that are
# improved by leave-one-out responsibilities.
_OTHERS, _THAWED = 1, 1

# Starts that are tried together, where one call runs several.
_AT_ONCE = 8

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


class MoveSearch:
    """A search from a result.

    Parameters
    ----------
    objective : Objective
        Of the samples that moves are tried on.
    collapse : CollapseTest
        Of all samples.
    others : iterator of Start
        Other starts.
    tried : Tried
        Trials of swaps before the iterations.
    only_repair : bool
        Whether only components that are empty or the same as others are to be moved.
    highest : bool
        Whether the highest likelihood is wanted also where it is noise that decides.
    complete : bool
        Whether the result was fitted to the same samples. If not, EM is run on these first: every
        optimum gains when it is fitted to the sample alone.
    watch : Watch or None
        Told of each round, and may stop the search.
    """

    def __init__(
        self,
        objective: Objective,
        collapse: CollapseTest,
        result: EMResult,
        others: Iterator[Start],
        budget: Budget,
        rng: np.random.RandomState,
        tried: Tried,
        only_repair: bool,
        highest: bool,
        complete: bool,
        watch: Watch | None = None,
    ) -> None:
        self.complete = complete
        self.watch, self.stopped = watch, False
        self.collapse, self.result = collapse, result
        # Moves are proposed from whole samples, and evaluated on all. Their trials need not find
        # the best of several M-steps: a run from the end of the best trial does.
        whole = objective.completed(result.parameters)
        self.objective, self.completed = (one.near(result.parameters) for one in (objective, whole))
        self.diagnose = collapse.diagnose
        self.to_beat = result  # by EM on all samples
        self.budget, self.rng, self.only_repair = budget, rng, only_repair
        self.others: Iterator[Start] = iter(()) if only_repair else others
        self.n_components = K = result.parameters.n_components
        d, n = objective.rows.n_features, objective.rows.n_counted
        free = n_parameters(objective.structure, K, d)
        own = free - n_parameters(objective.structure, K - 1, d)
        self.slack = _SLACK * own + _AT_LEAST
        self.chance = 0.0 if complete else _CHANCE * np.sqrt(own) / n
        self.tol = max(ROUGHLY, _NEARLY * self.chance)
        self.n_ways = K + min(int(_FOR_PARAMETERS * free / n), _MOST)
        self.left_out = LeftOutStarts(objective, whole, K, budget, only_repair)
        self.tried, self.known = tried, tried.known
        preferring = complete and not (only_repair or highest)
        tolerated = tolerated_errors(objective, K) if preferring else 0.0
        self.optima, self.compact = Optima(self.completed, tolerated), False
        self.classifies = preferring and classifies(self.completed, K)
        self.noise = np.sqrt(0.5 * d / n) if self.optima.used else 0.0
        if self._patient:
            budget.increase(PATIENCE)

    @property
    def _patient(self) -> bool:
        """Whether many optima are to be met: samples are few for the parameters, so that one may be
        kept though others are higher, or no start has led to clusters.
        """
        return self.left_out.patient or (self.optima.many and not self.left_out.used)

    def best(self) -> EMResult | None:
        """The best optimum found, or None if none is better."""
        known = self.result.moments if self.complete else None
        run = EM(self.objective, self.result.parameters, tol=self.tol, moments=known)
        here = first = self.diagnose(run.until(0 if self.complete else _STEPS))
        if not self.complete:
            self._spend_iterations(len(here.objectives) + 1)
        if self.classifies:
            if self._told_to_stop(here):
                return None
            optimum = LeftOutOptimum(
                self.objective, self.completed, here, self.collapse, self.budget
            )
            if (best := optimum.best(self.others)) is not None:
                self.compact = True
                return best
            # The result has paused early for it.
            here = first = self.to_beat = self.diagnose(run.until(_STEPS))
            self._spend_iterations(len(here.objectives))
        while not (self.budget.exhausted or self._told_to_stop(here)):
            end = self._better(here)
            if end is None:
                break
            here = end
        if self.optima.used:
            self.optima.add(first)
            chosen = self.optima.preferred(here)
            here, self.compact = chosen, chosen is not here
        return None if here is first else here

    def _told_to_stop(self, here: EMResult) -> bool:
        """Whether a callback requests a stop before the next round."""
        if self.watch is not None:
            self.stopped = self.watch.moved(here.parameters)
        return self.stopped

    def _better(self, here: EMResult) -> EMResult | None:
        """An end that is better than this one, if one is found."""
        broken = bool(here.collapsed or here.empty) or self.only_repair
        if self.left_out.used:
            if not (self.left_out.affordable or broken):
                return None
            proposal = self.left_out.propose(here.parameters)
            # Components on single values of coarse features are narrow, and EM cannot leave them.
            whole = self.objective.rows.whole
            if proposal.stable and whole and not broken and not np.any(self.objective.cells):
                return None
            start = proposal.parameters
            if start is not None and (end := self._end([start], here)) is not None:
                return end
        if self._quick and not broken:
            return self._best_of(self.others, here, _FOLLOWED_STARTS) or self._best_of(
                self._quick_moves(here), here, _FOLLOWED_MOVES
            )
        for starts in self._starts(here, broken):
            end = self._end(starts, here)
            if end is not None or self.budget.exhausted:
                return end
        return None

    # Where a trial costs less than an estimate of its gain: many trials.

    @property
    def _quick(self) -> bool:
        if side_by_side([self.objective], self.n_components):
            return self.n_components <= _SOME
        trials = work_of_passes(self.objective, self.n_components, _TRIAL, 1)
        some = 2 < self.n_components <= _SOME and supports(self.objective) is None
        estimates = work_of_estimates(self.objective, self.n_components, self.n_components)
        return some and self.n_ways * trials < _QUICK * estimates

    def _quick_moves(self, here: EMResult) -> Iterator[Start]:
        """Moves whose gain is not estimated; of two components, other partitions."""
        if self.n_components == 2:
            return halves(self.completed, self.rng)
        return moves_by_overlap(self.completed, here)

    def _best_of(self, starts: Iterator[Start], here: EMResult, one_in: int) -> EMResult | None:
        """The best end of some starts, of which the best after a few iterations are continued."""
        trials = self._trials(list(islice(starts, self.n_ways)))
        self._go_on(trials, range(len(trials.starts)), _LOOK)
        going = [i for i in range(len(trials.starts)) if self._may_beat(trials, i, here)]
        self._go_on(trials, going, _TRIAL)
        best, left = here, max(1, self.n_ways // one_in)
        ranked = trials.ranked()
        for i in ranked:
            if self._may_beat(trials, i, best):
                self._go_on(trials, [i], _STEPS)
                end = trials.result(i)
                best = end if self._beats(end, best) else best
            left -= trials.is_sound(i) or not trials.result(i).collapsed
            if not left:  # if a component has collapsed, the next one is continued too
                break
        if self.left_out.used:
            for i in ranked[: self.left_out.most(_THAWED)]:
                if self.budget.exhausted:
                    break
                start = self.left_out.propose(trials.parameters(i)).parameters
                best = (start is not None and self._end([start], best)) or best
        return None if best is here else best

    def _may_beat(self, trials: Trials, i: int, best: EMResult) -> bool:
        """Whether a run may become better, with several times its estimated remaining gain.

        Where another optimum may be kept, one that is worse by noise is of use: by the standard
        error of the mean log-density of normal samples.
        """
        ahead = trials.ahead(i, self._patient) + self.noise
        if trials.is_sound(i) and not (best.collapsed or best.small or best.empty):
            return ahead > best.comparable_objective + self.chance
        if not np.isfinite(trials.objective[i]):
            return False
        end = trials.result(i)
        return beats(replace(end, moments=end.moments.with_objective(ahead)), best)

    def _trials(self, starts: list[Start]) -> Trials:
        return Trials(self.objective, starts, self.collapse, self.tol)

    def _go_on(self, trials: Trials, which: Sequence[int], max_iter: int) -> None:
        """Continue some runs, at the cost of the budget, and note those that converge."""
        going = [i for i in which if not trials.ended[i]]
        self._spend_iterations(trials.until(going, max_iter))
        if self.optima.used:
            for i in going:
                if trials.ended[i] and np.isfinite(trials.objective[i]):
                    self.optima.add(trials.result(i))

    def _spend_iterations(self, number: int) -> None:
        self.budget.spend_iterations(self.objective, self.n_components, number)

    # Where a trial costs more: moves by their estimated gain, one after the other.

    def _starts(self, here: EMResult, broken: bool) -> Iterator[list[Start]]:
        """Starts from which EM may reach a better optimum, the most promising first.

        Those of a list are tried together.
        """
        others = map(self.left_out.improved, self.others)
        if self.left_out.used and not broken:
            yield from self._grouped(islice(others, self.left_out.most(_OTHERS)))
            if self.left_out.instead_of_moves:
                return
        if self.tried.removals and not broken:
            swaps = halved(self._swaps(here))
            yield from self._grouped(swapped(here.moments, some) for some in swaps)
            return
        moves = self._moves(here, broken)
        promising = [move for move in moves if move.gain > 0]
        together = halved(disjoint(promising))
        yield from self._grouped(after(here.moments, some) for some in together)
        yield from self._grouped(after(here.moments, [move]) for move in promising)
        yield from self._grouped(islice(others, _OTHERS))
        worst = -_WORST * self.slack
        near = (move for move in moves if 0 >= move.gain > -self.slack)
        yield from self._grouped(after(here.moments, [move]) for move in near)
        yield from self._grouped(others)
        far = (move for move in moves if -self.slack >= move.gain > worst)
        yield from self._grouped(after(here.moments, [move]) for move in far)

    def _grouped(self, starts: Iterator[Start]) -> Iterator[list[Start]]:
        size = _AT_ONCE if side_by_side([self.objective], self.n_components) else 1
        for start in starts:
            some = [start]
            while len(some) < size and not self.budget.exhausted:
                following = next(starts, None)
                if following is None:
                    break
                some.append(following)
            yield some

    def _swaps(self, here: EMResult) -> list[Swap]:
        """Swaps whose gain was found in neighbourhoods."""
        sound = self._sound(here)
        return find_swaps(self.completed, here, sound, self.tried, self.budget, self.rng)

    def _moves(self, here: EMResult, broken: bool) -> list[Move]:
        """Moves by estimates of their gain."""
        n_splits = len(self.known.outdated(here))
        work = work_of_estimates(self.objective, self.n_components, n_splits)
        if not broken and self.budget.left <= work:
            return []
        self.budget.spend(work)
        rules = self._sound(here), self.slack, self.only_repair
        return moves_by_gain(self.completed, here, self.known, *rules, self.rng)

    def _sound(self, here: EMResult) -> Sound:
        return partial(self.collapse.supports, may_share_values=bool(here.empty))

    def _end(self, starts: list[Start], here: EMResult) -> EMResult | None:
        """The best end to which EM converges from these starts, if one is better."""
        trials = self._trials(starts)
        going: list[int] = list(range(len(starts)))
        for most in _PATIENT if self._patient else STAGES:
            affordable = self.budget.iterations_left(self.objective, self.n_components)
            done = int(trials.n_evaluations[going].max(initial=0))
            self._go_on(trials, going, min(most, done + 1 + affordable // max(1, len(going))))
            going = [i for i in going if self._may_beat(trials, i, here)]
            if not affordable:
                break
        ends = [trials.result(i) for i in going]
        return min(
            (end for end in ends if self._beats(end, here)), key=lambda end: end.rank, default=None
        )

    def _beats(self, end: EMResult, here: EMResult) -> bool:
        """Whether an end is better, by more than is chance or than a paused run may still gain."""
        paused = here.parameters is self.result.parameters
        return beats(end, here, max(GAIN, self.chance, paused * still_to_gain(self.result)))
