"""The optimum that EM reaches from the best classes of left-out samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from skgmm._em.collapse import CollapseTest
from skgmm._em.result import EMResult
from skgmm._objective import Objective
from skgmm._starts.better import is_sound
from skgmm._starts.budget import Budget
from skgmm._starts.exchanges import exchanged
from skgmm._starts.left_out_clusters import LeftOutClusters, Partition
from skgmm._starts.side_by_side import Start
from skgmm._starts.trials import ROUGHLY, STAGES, Trials
from skgmm.covariance import IllDefinedCovarianceError


@dataclass(frozen=True)
class LeftOutOptimum:
    """The search for the optimum of the partition under which left-out samples are most probable.

    Parameters
    ----------
    objective, completed : Objective
        Of the samples as they are, and of whole samples.
    here : EMResult
        Where the classification begins.
    test : CollapseTest
        Of all samples.
    """

    objective: Objective
    completed: Objective
    here: EMResult
    test: CollapseTest
    budget: Budget

    def best(self, others: Iterator[Start]) -> EMResult | None:
        """That of the best partition that EM reaches an optimum from, found from here or others.

        None if there is none, or no partition has enough samples in each component.
        """
        parameters = self.here.parameters
        clusters = LeftOutClusters(self.completed, parameters.n_components, self.budget)
        reference, better = clusters.better(parameters, others)
        for one in better:
            if (end := self._reached(one)) is not None:
                return end
            if self.budget.exhausted:
                break
        return None if reference is None else self._reached(reference)

    def _reached(self, classes: Partition) -> EMResult | None:
        """The optimum of a partition, or None if a component collapses on the way."""
        try:
            start = exchanged(self.completed, classes.labels, classes.possible, self.budget)
        except IllDefinedCovarianceError:
            return None
        trials = Trials(self.objective, [start], self.test, ROUGHLY)
        trials.evaluate()
        for most in STAGES:
            if not self._goes_on(trials):
                return None
            number = trials.until([0], most)
            self.budget.spend_iterations(self.objective, start.n_components, number)
        return trials.result(0) if self._goes_on(trials) else None

    def _goes_on(self, trials: Trials) -> bool:
        """Whether no component has collapsed."""
        return bool(trials.ranked()) and is_sound(trials.result(0), self.here)
