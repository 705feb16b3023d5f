"""Split-and-merge moves: escape from a poor local optimum (SMEM, Ueda et al. 2000).

If two components are on one cluster and one component is on two clusters, EM cannot leave that
optimum. When its remaining gain is small EM pauses (where left-out samples are classified, before
it begins), and these are tried, on the samples that starts use:

1. iterations with leave-one-out responsibilities, where samples are so few that EM stays at its
   start;
2. many moves at once: components whose removal loses little, by local estimates, are merged into a
   neighbour, and those whose split gains most are split in two;
3. half of these moves, a quarter, and then single ones, the most promising first;
4. other starts: the discarded candidates, and k-means.

Where swaps in neighbourhoods were tried before the iterations (see `relocation.py`), they replace 2
to 4.

For data so small that a trial takes less time than an estimate, 4 comes first, and then moves
ranked by overlap and kurtosis (of two components: other partitions in two) instead of 2 and 3; all
trials of a step are run in one call of compiled code. Otherwise, after 1 the first of 4 are tried,
and where samples are too few for estimates, nothing else; where they are too few for the likelihood
to tell clusters, classes of left-out samples take the place of all moves (see `left_out_clusters`).

A better optimum is kept, and all is tried again from there, until nothing better is found or the
budget is used up. Of many samples a part is used: there a gain has to exceed what chance explains,
and EM on all samples is given up early if it does not get better. Where samples are few per
parameter, another of the optima may be preferred in the end: see `within_noise`; where a part is
used of no more than 25,000 whole samples, that of the start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from skgmm._em.collapse import CollapseTest
from skgmm._em.loop import EM
from skgmm._em.result import EMResult, EMStatus
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters
from skgmm._rows.base import InMemoryRows, Rows
from skgmm._rows.sample import SAMPLE_ROWS, StartSample, Stream, rows_of_moves
from skgmm._starts.better import GAIN, beats, still_to_gain
from skgmm._starts.budget import Budget
from skgmm._starts.candidates import Candidate
from skgmm._starts.move_search import MoveSearch
from skgmm._starts.race import spare_starts, thinned
from skgmm._starts.swap_search import Tried
from skgmm._starts.trials import foreseen
from skgmm._starts.within_noise import Optima, tolerated_errors
from skgmm.covariance import IllDefinedCovarianceError

# Evaluations of all samples after which a run may be given up that was promising on a part of them.
_FIRST = 12

# Runs of k-means beyond those of the race.
_SPARE = 6


@dataclass(frozen=True)
class SplitAndMerge:
    """The search for a better optimum, after EM on all samples.

    Moves are tried on the sample, and from the best of them EM is run on all samples. What
    collapsed, degenerate and very small components gain does not count, because the likelihood does
    not measure fit there: see `beats`.

    Parameters
    ----------
    collapse : CollapseTest
        Of all samples.
    draw : callable
        Draws the sample.
    candidates : sequence of Candidate
        Of the race, the first of which is the start of the results. The others are tried as well.
    tried : Tried
        Trials of swaps before the iterations.
    only_repair : bool
        Whether to give components that are empty or the same as others samples of their own, and
        nothing else.
    highest : bool
        Whether the highest likelihood is wanted also where it is noise that decides.
    max_iter : int
        Limit of all evaluations.
    options : dict
        As of `EM`.
    """

    objective: Objective
    collapse: CollapseTest
    draw: Callable[[], StartSample]
    candidates: Sequence[Candidate]
    stream: Stream
    tried: Tried
    only_repair: bool
    highest: bool
    max_iter: int
    options: dict[str, Any]

    def better(self, result: EMResult) -> EMResult:
        """A better optimum than that of `result`, if moves lead to one.

        It counts the evaluations of all samples.
        """
        K, left = result.parameters.n_components, self.max_iter - len(result.objectives)
        if result.status is not EMStatus.CONVERGED or K < 2 or left < 1:
            return result
        if self.only_repair and not (result.empty or result.duplicates):
            return result
        sample = self.draw()
        if len(sample) <= K:
            return result
        rng = self.stream()
        sample = thinned(sample, rows_of_moves(K, self.objective.rows.n_features), rng)
        search = self._search(result, sample, rng)
        found = search.best()
        if search.stopped:
            result = replace(result, status=EMStatus.STOPPED)
        return result if found is None else self._continued(result, found, search, left)

    def _search(
        self, result: EMResult, sample: StartSample, rng: np.random.RandomState
    ) -> MoveSearch:
        """The search on the sample."""
        n_components, objective = result.parameters.n_components, self.objective.on(sample)
        # Each of them was a partition first, whose moments take a pass too.
        n_raced = sum(one.evaluations + 1 for one in self.candidates)
        sample = _without_noise(sample, objective.rows, result.parameters)
        seen = {one.partition for one in self.candidates}
        spare = spare_starts(objective, sample, n_components, _SPARE, rng, seen)
        return MoveSearch(
            objective,
            self.collapse,
            result,
            chain(_parameters(self.candidates[1:]), spare),
            Budget.after(self.objective, result, n_raced),
            rng,
            self.tried,
            self.only_repair,
            self.highest,
            sample.complete,
            self.options.get("watch"),
        )

    def _continued(
        self, result: EMResult, found: EMResult, search: MoveSearch, left: int
    ) -> EMResult:
        """The better of the result and of EM on all samples from what the search has found."""
        known = found.moments if search.complete else None
        run = EM(self.objective, found.parameters, moments=known, **self.options)
        some = left
        if not search.complete:
            some = min(left, _FIRST)
        elif not search.compact:  # what is left must do for the result too, if it is continued
            some = (left + 1) // 2
        reached = self.collapse.diagnose(run.until(some))
        if len(reached.objectives) < left and _promising(reached, search.to_beat):
            reached = self.collapse.diagnose(run.until(left))
        least = max(GAIN, still_to_gain(search.to_beat))
        better = search.compact or beats(reached, search.to_beat, least)
        if better and not search.complete:
            better = not self._is_within_noise(search.to_beat, reached)
        lower = reached.objective < result.objective
        mend = better and (lower or reached.verdict < result.verdict)
        return _joined(result, reached, mend, better)

    def _is_within_noise(self, former: EMResult, reached: EMResult) -> bool:
        """Whether an optimum is preferred to a higher one, where samples are few."""
        rows = self.objective.rows
        if self.highest or self.only_repair or not isinstance(rows, InMemoryRows):
            return False
        n_components = former.parameters.n_components
        optima = Optima(self.objective, tolerated_errors(self.objective, n_components))
        if not optima.many or rows.n_samples > SAMPLE_ROWS:  # all are looked at together
            return False
        optima.add(former)
        return optima.preferred(reached) is former


def _promising(reached: EMResult, result: EMResult) -> bool:
    """Whether a run that can be continued may become better."""
    if reached.status is not EMStatus.MAX_ITER:
        return False
    ahead = reached.objective + foreseen(reached.objectives, reached.remaining)
    return beats(replace(reached, moments=reached.moments.with_objective(ahead)), result)


def _parameters(candidates: Sequence[Candidate]) -> Iterator[MixtureParameters]:
    """Those of the candidates that have an M-step."""
    for one in candidates:
        with suppress(IllDefinedCovarianceError):
            yield one.parameters


def _without_noise(sample: StartSample, rows: Rows, parameters: MixtureParameters) -> StartSample:
    """The sample, with its noise marked, if enough other samples remain."""
    if rows.background is None:
        return sample
    noisy = rows.labels(parameters) < 0
    return replace(sample, noisy=noisy) if (~noisy).sum() > parameters.n_components else sample


def _joined(result: EMResult, reached: EMResult, mend: bool, better: bool) -> EMResult:
    """The better of the result and of the optimum reached, with the evaluations of both."""
    if mend:  # the likelihood of a collapsed component cannot be compared
        objectives = np.minimum(result.objectives, reached.objectives[0]).tolist()
        objectives += reached.objectives
    else:
        objectives = result.objectives + np.maximum(reached.objectives, result.objective).tolist()
    moved_at = len(result.objectives) + 1
    best = replace(reached if better else result, objectives=objectives, moved_at=moved_at)
    if reached.status is EMStatus.STOPPED:
        return replace(best, status=EMStatus.STOPPED)
    lost = result.empty or result.collapsed
    if better and (lost or result.duplicates) and best.status is EMStatus.CONVERGED:
        mended = EMStatus.REPAIRED if lost else EMStatus.SADDLE_LEFT
        return replace(best, status=mended)
    return best
