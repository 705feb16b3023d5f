"""Moments of partitions, each of which differs from the one before in a few samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from skgmm._kernels._native import reassign
from skgmm._linalg import Array
from skgmm._moments import Moments
from skgmm._objective import Objective
from skgmm._rows.base import InMemoryRows
from skgmm._starts.methods import moments_of_partition

# Samples change their component one by one, if they are no more than this fraction of all.
_FEW = 0.1


# If less than this part of a sum of squares remains, it is computed again, because of cancellation.
_DIGITS = 1e-4


class PartitionMoments:
    """Moments of partitions that follow one another, with full matrices.

    Parameters
    ----------
    objective : Objective
        Of whole samples in memory.
    """

    def __init__(self, objective: Objective, n_components: int) -> None:
        self.objective, self.n_components = objective, n_components
        self._known: tuple[Array, Moments] | None = None  # the last partition

    def of(self, labels: Array) -> Moments:
        """Of labels, int64 (n,), that leave each component several samples."""
        if self._known is None or np.mean(labels != self._known[0]) > _FEW:
            moments = moments_of_partition(self.objective, labels, self.n_components)
        else:
            moments = self._reassigned(*self._known, labels)
        self._known = labels.copy(), moments
        return moments

    def _reassigned(self, before: Array, moments: Moments, labels: Array) -> Moments:
        """From those before."""
        rows, floor = self.objective.rows, self.objective.floor
        assert isinstance(rows, InMemoryRows)
        mass, mean, scatter = (one.copy() for one in (moments.mass, moments.mean, moments.scatter))
        changes = np.flatnonzero(labels != before), before, labels, floor
        reassign(rows.X, rows.sample_weight, *changes, mass, mean, scatter)
        found = replace(moments, mass=mass, mean=mean, scatter=scatter)
        of_features = np.diagonal(scatter, axis1=1, axis2=2)
        if (of_features < _DIGITS * np.diagonal(moments.scatter, axis1=1, axis2=2)).any():
            return moments_of_partition(self.objective, labels, self.n_components)
        return found.without_rounding(floor)
