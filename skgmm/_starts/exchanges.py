"""Exchanges of single samples between components, by the likelihood.

A sample that is left out may fit two components about as well. Then the likelihood decides: that of
each component is known without the sample and with it, because a sample changes the determinant of
a scatter matrix by a factor of its Mahalanobis distance (matrix determinant lemma).

References
----------
Hartigan (1975), Clustering algorithms, chapter 4 (transfers of single cases).
"""

from __future__ import annotations

import numpy as np

from skgmm._kernels._native import own_distances
from skgmm._linalg import Array
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters
from skgmm._rows.base import InMemoryRows
from skgmm._starts.budget import Budget, work_of_exchanges
from skgmm._starts.partition_moments import PartitionMoments
from skgmm.covariance import IllDefinedCovarianceError

# A sample must leave at least this fraction of the determinant.
_LEAST = 1e-9

# Rounds of exchanges, and how many at least where the budget is used up.
_ROUNDS, _FEWEST_ROUNDS = 50, 10


def exchanged(
    objective: Objective, labels: Array, possible: Array, budget: Budget
) -> MixtureParameters:
    """Parameters after exchanges that increase the likelihood, the best first.

    In each round a component takes part in one exchange, so that their gains add up.

    Parameters
    ----------
    objective : Objective
        Of whole samples in memory.
    labels : ndarray of int64, shape (n,)
    possible : ndarray of bool, shape (n, K)
        The components that a sample may belong to.
    """
    K = possible.shape[1]
    moments = PartitionMoments(objective, K)
    parameters = objective.maximise(moments.of(labels), None)
    which = np.flatnonzero(possible.sum(axis=1) > 1)
    labels, possible = labels.copy(), possible[which]
    pairs = _Pairs(objective, which, possible | (labels[which][:, None] == np.arange(K)))
    work = work_of_exchanges(objective, K, len(which))
    for n_rounds in range(_ROUNDS):
        if budget.exhausted and n_rounds >= _FEWEST_ROUNDS:
            break
        budget.spend(work)
        gains = np.where(possible, pairs.gains(parameters, labels), 0.0)
        chosen = _apart(gains, labels[which])
        if not chosen:
            break
        for one, into in chosen:
            possible[one] = False  # no sample goes back and forth
            labels[which[one]] = into
        try:
            parameters = objective.maximise(moments.of(labels), None)
        except IllDefinedCovarianceError:  # too few samples are left in one
            break
    return parameters


def _apart(gains: Array, labels: Array) -> list[tuple[int, int]]:
    """Samples and components that gain, the best first, each component in one exchange."""
    gaining = np.argwhere(gains > 0.0)
    order = np.argsort(-gains[tuple(gaining.T)], kind="stable")
    chosen, taken = [], set[int]()
    for one, into in gaining[order].tolist():
        changed = {int(labels[one]), into}
        if not changed & taken:
            chosen.append((one, into))
            taken |= changed
    return chosen


class _Pairs:
    """Samples, and the components that each may be in."""

    def __init__(self, objective: Objective, which: Array, allowed: Array) -> None:
        rows = objective.rows
        assert isinstance(rows, InMemoryRows)
        self.rows, self.which = rows, which
        self.component, self.sample = np.nonzero(allowed.T)
        self.X = rows.X[which[self.sample]]
        self.ends = np.cumsum(np.bincount(self.component, minlength=allowed.shape[1]))

    def gains(self, parameters: MixtureParameters, labels: Array) -> Array:
        """What the classification likelihood gains if a sample changes its component.

        In nats, (m, K); zero for its own component, and without meaning where it is not allowed.
        """
        weights, K, d = self.rows.weights, parameters.n_components, parameters.n_features
        mass = np.bincount(labels, weights, minlength=K)
        own, moved = np.arange(K) == labels[self.which][:, None], weights[self.which][:, None]
        signed = np.where(own, -moved, moved)
        after = mass + signed
        ratio = signed / after
        distances = self._distances(parameters)
        log_det = np.log(np.maximum(1.0 + ratio * distances, _LEAST))  # of the scatter matrix
        # Each component has its mass times (log weight - half the log-determinant of its
        # covariance).
        change = after * np.log(after) - mass * np.log(mass)
        change -= 0.5 * (
            after * (log_det - d * np.log(after / mass)) + signed * parameters.covariance.log_det
        )
        lost = change[own][:, None]
        return np.asarray(np.where(own, 0.0, change + lost))

    def _distances(self, parameters: MixtureParameters) -> Array:
        """Squared Mahalanobis distances, (m, K)."""
        distances, out = np.empty(len(self.X)), np.zeros((len(self.which), parameters.n_components))
        components = self.ends, parameters.means, parameters.covariance.kernel_factors
        own_distances(self.X, *components, distances, self.rows.n_threads)
        out[self.sample, self.component] = distances
        return out
