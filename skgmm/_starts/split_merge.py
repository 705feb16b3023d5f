"""Split-and-merge moves: escape from a poor local optimum (SMEM, Ueda et al. 2000).

If two components are on one cluster and one component is on two clusters, EM cannot leave that
optimum. After convergence these are tried, on the samples that starts use:

1. iterations with leave-one-out responsibilities, where samples are so few that EM stays at its
   start;
2. many moves at once: components whose removal loses little, by local estimates, are merged into a
   neighbour, and those whose split gains most are split in two;
3. half of these moves, a quarter, and then single ones, the most promising first;
4. other starts: the discarded candidates, and k-means.

With many components, swaps in neighbourhoods replace 2 to 4; most were made before the iterations
(see `relocation.py`).

For data so small that a trial takes less time than an estimate, other starts and moves ranked by
overlap and kurtosis are tried instead of 2 to 4. A better optimum is kept, and all is tried again
from there, until nothing better is found or the budget is used up. Where samples are few per
parameter, another of the optima may be preferred in the end: see `within_noise`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from skgmm._em.collapse import CollapseTest
from skgmm._em.loop import run_em
from skgmm._em.result import EMResult, EMStatus
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters
from skgmm._rows.base import Rows
from skgmm._rows.grouped import noise_beside
from skgmm._rows.sample import StartSample, Stream, rows_per_component
from skgmm._starts.better import beats
from skgmm._starts.budget import Budget
from skgmm._starts.move_search import MoveSearch
from skgmm._starts.race import spare_starts, thinned
from skgmm._starts.swap_search import Tried

# Runs of k-means beyond those of the race.
_SPARE = 10


def split_and_merge(
    objective: Objective,
    collapse: CollapseTest,
    draw: Callable[[], StartSample],
    result: EMResult,
    others: Iterator[MixtureParameters],
    stream: Stream,
    *,
    n_raced: int,
    tried: Tried,
    only_repair: bool,
    max_iter: int,
    **options: Any,
) -> EMResult:
    """A better optimum than that of `result`, if moves lead to one.

    Moves are tried on the sample, and from the best of them EM is run on all samples. The result
    counts the evaluations of all samples. An optimum with a collapsed component is never better,
    and any without one is better than one with it, because the likelihood does not measure fit
    there. Nor is an optimum with more degenerate components better, which would be chosen for their
    likelihood alone, unless a component was empty.

    Parameters
    ----------
    collapse : CollapseTest
        Of all samples.
    draw : callable
        Draws the sample.
    others : iterator of MixtureParameters
        Other starts, tried after the moves.
    n_raced : int
        Evaluations that the race took.
    tried : Tried
        Trials of swaps before the iterations.
    only_repair : bool
        Whether to give components that are empty or the same as others samples of their own, and
        nothing else.
    options : dict
        As of `run_em`.
    """
    n_components = result.parameters.n_components
    if result.status is not EMStatus.CONVERGED or n_components < 2:
        return result
    broken = bool(result.empty or result.duplicates or (result.collapsed and not only_repair))
    if (only_repair and not broken) or len(sample := draw()) <= n_components:
        return result
    rng = stream()
    sample = thinned(sample, n_components, rng, rows_per_component(n_components))
    on_sample, budget = objective.on(sample), Budget.after(objective, result, n_raced)
    sample = _without_noise(sample, on_sample.rows, result.parameters)
    starts = chain(others, spare_starts(on_sample, sample, n_components, _SPARE, rng))
    search = MoveSearch(on_sample, collapse, result, starts, budget, rng, tried, only_repair)
    found = search.best(sample.complete)
    left = max_iter - len(result.objectives)
    if found is None or left < 1:
        return result
    reached = collapse.diagnose(run_em(objective, found, max_iter=left, **options))
    better = search.compact or beats(reached, result)
    lower = reached.objective < result.objective
    mend = better and (lower or reached.rank[:-1] < result.rank[:-1])
    return _joined(result, reached, mend, better)


def _without_noise(sample: StartSample, rows: Rows, parameters: MixtureParameters) -> StartSample:
    """The sample, with its noise marked, if enough other samples remain."""
    if noise_beside(rows) is None:
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
