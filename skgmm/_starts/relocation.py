"""Before the iterations, with many components: those that are misplaced are moved.

From nearly any start with many components, several share a cluster, and others cover two or more.
EM is slowest there: it takes most of its iterations to converge to a poor optimum. So after a few
iterations, which show where components are misplaced, these are moved by swaps (see
`neighbourhoods.py`), as many at once as do not influence each other, with a few iterations between.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from numpy.random import RandomState

from skgmm._em.collapse import CollapseTest
from skgmm._em.loop import EM
from skgmm._em.result import EMResult
from skgmm._em.watch import Watch
from skgmm._kernels import LostRowError
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters
from skgmm._rows.grouped import with_noise
from skgmm._rows.sample import StartSample, Stream, rows_of_swaps
from skgmm._starts.better import beats
from skgmm._starts.budget import Budget, work_of_estimates, work_of_passes
from skgmm._starts.leave_one_out import freezes
from skgmm._starts.moves import halved
from skgmm._starts.neighbourhoods import Swap, are_few, swapped
from skgmm._starts.race import thinned
from skgmm._starts.swap_search import Tried, find_swaps
from skgmm.covariance import IllDefinedCovarianceError

# Evaluations before the first swaps, and after each of them, and the remaining gain at which they
# end, in nats per sample.
_BEFORE, _BETWEEN, _ROUGHLY = 15, 4, 1e-3

# The budget, in passes over the samples that starts look at: EM alone would take as many.
_PASSES = 200


def relocated(
    objective: Objective,
    start: MixtureParameters,
    draw: Callable[[], StartSample],
    stream: Stream,
    tried: Tried,
    max_iter: int,
    watch: Watch | None = None,
) -> MixtureParameters:
    """The start after a few iterations and swaps; with few components, the start.

    Parameters
    ----------
    draw : callable
        Draws the sample that starts look at.
    tried : Tried
        Trials at previous optima; updated.
    max_iter : int
        Of the fit: with few iterations the start is not changed.
    watch : Watch or None
        Told of each round of swaps, and may stop them.
    """
    K, form = start.n_components, objective.structure.scatter
    if not are_few(K, form) or max_iter < _BEFORE or freezes(objective, K):
        return start
    if len(sample := draw()) <= K:
        return start
    sample = thinned(sample, rows_of_swaps(K), stream())
    on_sample = objective.on(sample)
    budget = Budget(work_of_passes(on_sample, K, min(_PASSES, max_iter)))
    if budget.left < work_of_passes(on_sample, K, _BEFORE) + work_of_estimates(on_sample, K, K):
        return start
    relocation = _Relocation(on_sample, objective.rows.n_counted, tried, budget, stream(), watch)
    return relocation.end(start)


@dataclass
class _Relocation:
    """Swaps, with a few iterations after each of them."""

    objective: Objective
    n_represented: int  # samples that those of the objective stand for
    tried: Tried
    budget: Budget
    rng: RandomState
    watch: Watch | None = None

    def end(self, start: MixtureParameters) -> MixtureParameters:
        """The parameters after the last swaps that gain."""
        first = self._advanced(start, _BEFORE)
        if first is None or first.singular:
            return start
        collapse = CollapseTest.of_fit(
            self.objective.regularisation,
            first.moments,
            self.objective.rows.n_counted,
            n_represented=self.n_represented,
        )
        whole = self.objective.completed(first.parameters)
        better: EMResult | None = collapse.diagnose(first)
        while better is not None:
            here = better
            if self.watch is not None and self.watch.moved(here.parameters):
                break
            better = self._better(here, whole, collapse)
        return here.parameters

    def _better(self, here: EMResult, whole: Objective, collapse: CollapseTest) -> EMResult | None:
        """After swaps that gain, or None if none do."""
        sound = partial(collapse.supports, may_share_values=bool(here.empty))
        found = find_swaps(whole, here, sound, self.tried, self.budget, self.rng)
        for swaps in halved(found):
            end = self._swapped(here, swaps)
            if end is not None and beats(end := collapse.diagnose(end), here):
                return end
            if self.budget.exhausted:
                break
        return None

    def _swapped(self, here: EMResult, swaps: list[Swap]) -> EMResult | None:
        try:
            start = self.objective.maximise(swapped(here.moments, swaps), None)
        except IllDefinedCovarianceError:
            return None
        return self._advanced(start, _BETWEEN)

    def _advanced(self, start: MixtureParameters, n_evaluations: int) -> EMResult | None:
        """The start after a few iterations; None where it does not explain some sample."""
        try:
            beside_noise = with_noise(start, self.objective.rows)
            run = EM(self.objective, beside_noise, tol=_ROUGHLY, acceleration=None)
        except LostRowError:
            return None
        end = run.until(n_evaluations)
        passes = len(end.objectives) + 1
        self.budget.spend(work_of_passes(self.objective, start.n_components, passes))
        return end
