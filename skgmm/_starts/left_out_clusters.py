"""Clusters by leave-one-out classification, where samples are very few for full covariances.

There the likelihood says little about clusters. Each sample influences its own component so
strongly that nearly every partition is an optimum of EM, and those with small components have the
highest likelihoods. So samples are classified, each by the components estimated without it and with
shrunk covariances, until no sample changes its component or nothing is gained (classification EM,
Celeux and Govaert 1992). This is done from several starts, and the partition under which left-out
samples are most probable is the best.

References
----------
Celeux and Govaert (1992), A classification EM algorithm for clustering and two stochastic versions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from skgmm._linalg import Array
from skgmm._moments import Moments
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters
from skgmm._rows.base import InMemoryRows
from skgmm._starts.budget import (
    PATIENCE,
    Budget,
    work_of_classification,
    work_of_passes,
    work_of_shrinkage,
)
from skgmm._starts.leave_one_out import UNDERFLOWS, suffices
from skgmm._starts.partition_moments import PartitionMoments
from skgmm._starts.shrunk_covariances import Shrinkage, ShrunkCovariances
from skgmm._starts.side_by_side import Start
from skgmm.covariance import IllDefinedCovarianceError

# Largest number of times that all samples are classified from one start.
_STEPS = 30

# A classification has settled when a step gained less than this, in nats per sample: a few samples
# may go to and fro for long. Another step may gain a little, but another start more.
_GAIN = 1e-3

# Components with too few samples for a covariance matrix may grow, but not from fewer than this for
# each feature, and not when no more than this part of the budget is left for other ways.
_FEWEST_PER_FEATURE, _FOR_OTHERS = 0.25, 0.5

# The shrinkage is chosen again when more than this fraction of the samples have changed.
_MOVED = 0.05

# Another start is tried if so many steps are within the budget.
_FEWEST_STEPS = 4

# A sample may belong to a component of at least this responsibility when it is left out.
_POSSIBLE = 0.25

# Clusters have been found if left-out samples are expected to be in the wrong one no more often.
_UNCERTAIN = 0.02


@dataclass(frozen=True)
class Partition:
    """A component for each sample."""

    labels: Array  # (n,)
    following: Array  # (n,), the components that left-out samples belong to most probably
    possible: Array  # bool, (n, K): which components a left-out sample may belong to
    fit: float  # mean log-density of left-out samples, up to a constant
    error: float  # the fraction of them that is expected to be in the wrong component

    @classmethod
    def of(cls, labels: Array, log_joint: Array, weights: Array) -> Partition:
        """From the log of weight x density of left-out samples, (n, K)."""
        following = log_joint.argmax(axis=1)
        top = log_joint[np.arange(len(labels)), following]
        relative = log_joint - top[:, None]
        np.exp(np.maximum(relative, UNDERFLOWS, out=relative), out=relative)
        total = relative.sum(axis=1)
        fractions = weights / weights.sum()
        return cls(
            labels,
            following,
            relative >= _POSSIBLE * total[:, None],
            float(fractions @ (top + np.log(total))),
            float(1.0 - fractions @ (1.0 / total)),
        )


class LeftOutClusters:
    """The search for the partition under which left-out samples are most probable.

    Parameters
    ----------
    objective : Objective
        Of whole samples in memory.
    """

    def __init__(self, objective: Objective, n_components: int, budget: Budget) -> None:
        rows = objective.rows
        assert isinstance(rows, InMemoryRows)
        self.objective, self.rows, self.weights = objective, rows, rows.weights
        self.n_components, self.budget = n_components, budget
        self._last_shrinkage: Shrinkage | None = None
        self._for_others = _FOR_OTHERS * budget.left
        self._found = False  # whether clusters have been found
        self._patient = False  # whether the budget was increased, because none were found

    def better(
        self, here: MixtureParameters, others: Iterator[Start]
    ) -> tuple[Partition | None, list[Partition]]:
        """The first partition from `here`, and those that are better, the best first.

        These are of those with enough samples that classification goes through from `here`, and the
        best one from each other start, until clusters have been found or the budget is used up.
        """
        passed = list(self.passed_from(here))
        found = passed + list(self._from_others(others))
        reference = passed[0] if passed else None
        least = -np.inf if reference is None else reference.fit
        better = sorted((one for one in found if one.fit > least), key=lambda one: -one.fit)
        return reference, better

    def passed_from(self, parameters: MixtureParameters) -> Iterator[Partition]:
        """The partitions that classification goes through, the first as `parameters` have it.

        They begin when all components have enough samples for a covariance matrix (small ones may
        grow, because theirs are shrunk), and end when one has too few again.
        """
        labels = self.objective.rows.labels(parameters).astype(np.int64)
        shrinkage, chosen_for, seen, error, enough = None, labels, set[bytes](), 1.0, False
        highest, settled = -np.inf, False
        moments = PartitionMoments(self.objective, self.n_components)
        while len(seen) < _STEPS and not settled and self._affordable(0.0):
            seen.add(labels.tobytes())
            self.budget.spend(work_of_passes(self.objective, self.n_components, 1, 1))
            try:
                mass = np.bincount(labels, self.weights, minlength=self.n_components)
                had_enough, enough = enough, suffices(self.objective, mass)
                if not enough and (had_enough or not self._may_grow(labels)):
                    return
                components = self._components(labels, moments.of(labels))
                if shrinkage is None or np.mean(labels != chosen_for) > _MOVED:
                    shrinkage, chosen_for = self._best_shrinkage(components), labels
                self.budget.spend(work_of_classification(self.objective, self.n_components))
                log_joint = components.log_joint(shrinkage)
            except IllDefinedCovarianceError:
                return
            if not np.isfinite(log_joint.max(axis=1)).all():
                return
            partition = Partition.of(labels, log_joint, self.weights)
            labels, error = partition.following, partition.error
            settled = labels.tobytes() in seen
            if enough:
                yield partition
                settled |= partition.fit < highest + _GAIN
                highest = max(highest, partition.fit)
        self._found |= enough and settled and error < _UNCERTAIN

    def _may_grow(self, labels: Array) -> bool:
        """Whether the smallest component may, and there is budget for it."""
        smallest = np.bincount(labels[self.weights > 0], minlength=self.n_components).min()
        may = smallest >= max(2.0, _FEWEST_PER_FEATURE * self.rows.n_features)
        return may and not self._patient and self.budget.left > self._for_others

    def _from_others(self, starts: Iterator[Start]) -> Iterator[Partition]:
        """The best partition from each start, until clusters have been found."""
        work = _FEWEST_STEPS * work_of_classification(self.objective, self.n_components)
        while not self._found and self._affordable(work):
            if (start := next(starts, None)) is None:
                return
            try:
                if isinstance(start, Moments):
                    start = self.objective.maximise(start, None)
            except IllDefinedCovarianceError:
                continue
            passed = list(self.passed_from(start))
            if passed:
                yield max(passed, key=lambda one: one.fit)

    def _components(self, labels: Array, moments: Moments) -> ShrunkCovariances:
        own = np.zeros((len(labels), self.n_components))
        own[np.arange(len(labels)), labels] = self.weights
        return ShrunkCovariances(self.rows, moments.mean, moments.scatter, own)

    def _best_shrinkage(self, components: ShrunkCovariances) -> Shrinkage:
        """It is sought near the last one, which may be that of another start."""
        found, n_compared = components.best_shrinkage(self._last_shrinkage)
        self.budget.spend(n_compared * work_of_shrinkage(self.objective, self.n_components))
        self._last_shrinkage = found
        return found

    def _affordable(self, work: float) -> bool:
        """Whether so much is within the budget, which is increased if no clusters were found."""
        if self.budget.left <= work and not (self._found or self._patient):
            self._patient = True
            self.budget.increase(PATIENCE)
        return self.budget.left > work
