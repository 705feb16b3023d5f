"""Densities of samples that are left out, with covariance matrices that are shrunk.

With very few samples per feature, the covariance matrix of a component predicts badly. It is shrunk
towards a target that is estimated from all samples: the pooled covariance matrix, its diagonal, or
the mean of both. The target counts as so many samples, the same number for each component. Both
are chosen so that samples are most probable under their own components when they are left out one
at a time.

What a sample contributes to the target is left out as well, for all components. Otherwise they are
too wide in its direction, the other components as well as its own, and too many samples seem to
fit them.

References
----------
Friedman (1989), Regularized discriminant analysis.
Hoffbeck and Landgrebe (1996), Covariance matrix estimation and classification with limited training
data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skgmm._kernels._native import (
    find_members,
    leave_out_of_shrunk,
    own_distances,
    products_with_slopes,
    shrunk_factors,
    sum_of_members,
)
from skgmm._linalg import Array
from skgmm._parameters import MixtureParameters
from skgmm._rows import e_step
from skgmm._rows.base import InMemoryRows
from skgmm.covariance import Ellipsoidal, IllDefinedCovarianceError

# How much of the covariance matrix of an average component is the target's, in ascending order, and
# how much of the target is diagonal.
_INTENSITIES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85)
_DIAGONAL = (0.0, 0.5, 1.0)


@dataclass(frozen=True)
class Shrinkage:
    """How covariance matrices are shrunk."""

    intensity: float  # of an average component
    diagonal: float  # how much of the target is the diagonal of the pooled covariance matrix


@dataclass(frozen=True)
class _Shrunk:
    """The components' matrices with a shrinkage.

    They are scaled so that a component's own samples, when left out, have the Mahalanobis distances
    that are expected.
    """

    covariance: Ellipsoidal  # before that
    of_own: Array  # (K,) what the outer product of a component's own sample counts in its matrix
    of_others: Array  # (K,) and that of a sample of another main component
    scale: Array  # (K,)
    log_det: Array  # (K,), after that
    fit: float  # sum of the log-densities of left-out samples under their components


class ShrunkCovariances:
    """The components of a mixture, each without one of the samples.

    Parameters
    ----------
    rows : InMemoryRows
    means : ndarray of shape (K, d)
    scatter : ndarray of shape (K, d, d)
        Of the components about their means.
    own : ndarray of shape (n, K)
        Responsibilities times weights.
    """

    def __init__(self, rows: InMemoryRows, means: Array, scatter: Array, own: Array) -> None:
        (n, K), self.rows, self.own = own.shape, rows, own
        self.means, self.scatter, self.mass = means, scatter, own.sum(axis=0)
        self.total = self.mass.sum()
        self.pooled = scatter.sum(axis=0) / self.total
        # The component of which each sample has the largest part, and the samples of each.
        self.main, members, self._ends = (np.empty(m, np.int64) for m in (n, n * K, K))
        find_members(own, self.main, members, self._ends)
        self._members = members[: self._ends[-1]].copy()
        self._rows_of_members = rows.X[self._members]
        component = np.repeat(np.arange(K), np.diff(self._ends, prepend=0))
        # Whether no sample has a part in another component than its main one.
        self._hard = np.array_equal(self.main[self._members], component)
        self._shrunk: dict[Shrinkage, _Shrunk] = {}

    def best_shrinkage(self, near: Shrinkage | None = None) -> tuple[Shrinkage, int]:
        """The shrinkage under which left-out samples are most probable, and how many were compared.

        If one is given that was the best for similar components, the search begins there, with the
        same target.
        """
        middle = _INTENSITIES[len(_INTENSITIES) // 2]
        targets = [near] if near else [Shrinkage(middle, diagonal) for diagonal in _DIAGONAL]
        n_compared = len(targets)
        fit, best = max(((self._fit(one), one) for one in targets), key=lambda pair: pair[0])
        for step in (1, -1):
            while other := _beside(best, step):
                n_compared += 1
                if (its_fit := self._fit(other)) <= fit:
                    break
                fit, best = its_fit, other
        return best, n_compared

    def log_joint(self, shrinkage: Shrinkage) -> Array:
        """log of weight x density of each sample under each component without it, (n, K).

        Up to a constant. Without its only sample a component does not exist.
        """
        shrunk, no_peak = self._with(shrinkage), np.zeros(len(self.mass))
        mixture = MixtureParameters(no_peak, self.means, shrunk.covariance)
        common, log_joint = e_step.log_parts(self.rows.X, mixture, self.rows.n_threads, no_peak)
        without = self._downdates(shrunk.covariance, shrunk.of_own, shrunk.of_others)
        leave_out_of_shrunk(*without, common, -0.5 * shrunk.log_det, shrunk.scale, log_joint)
        return log_joint

    def _fit(self, shrinkage: Shrinkage) -> float:
        try:
            return self._with(shrinkage).fit
        except IllDefinedCovarianceError:
            return -np.inf

    def _with(self, shrinkage: Shrinkage) -> _Shrunk:
        if shrinkage not in self._shrunk:
            self._shrunk[shrinkage] = self._shrink(shrinkage)
        return self._shrunk[shrinkage]

    def _shrink(self, shrinkage: Shrinkage) -> _Shrunk:
        counted = self.total / len(self.mass) * shrinkage.intensity  # as samples of the target
        fraction = counted / (counted + (1.0 - shrinkage.intensity) * self.mass)
        target = (1.0 - shrinkage.diagonal) * self.pooled
        np.fill_diagonal(target, np.diagonal(self.pooled))
        of_scatter, factors = (1.0 - fraction) / self.mass, np.empty_like(self.scatter)
        if singular := shrunk_factors(self.scatter, target, of_scatter, fraction, factors):
            raise IllDefinedCovarianceError(singular)
        of_others = fraction * (1.0 - shrinkage.diagonal) / self.total
        return self._scaled(Ellipsoidal(factors), of_scatter + of_others, of_others)

    def _scaled(self, covariance: Ellipsoidal, of_own: Array, of_others: Array) -> _Shrunk:
        """With the scale by the distances of members."""
        near, sums = np.empty(len(self._members)), np.empty(len(self.mass))
        components = self._ends, self.means, covariance.kernel_factors
        own_distances(self._rows_of_members, *components, near, self.rows.n_threads)
        without = self._downdates(covariance, of_own, of_others, self._hard)
        log_left = sum_of_members(*without, self._members, self._ends, near, sums)
        n_features = self.means.shape[1]
        scale = sums / (self.mass * n_features)
        if not (scale > 0).all():  # samples that are all the same
            raise IllDefinedCovarianceError(np.flatnonzero(~(scale > 0)).tolist())
        log_det = covariance.log_det + n_features * np.log(scale)
        fit = -0.5 * float(self.mass @ log_det + log_left)
        fit = fit if np.isfinite(fit) else -np.inf
        return _Shrunk(covariance, of_own, of_others, scale, log_det, fit)

    def _downdates(
        self, covariance: Ellipsoidal, of_own: Array, of_others: Array, only_own: bool = False
    ) -> tuple[Array | None, ...]:
        """What the kernel needs to know of matrices without a sample.

        These are its component, what outer products of it count, and where that of other components
        counts at all: products (sample - main mean) x precision x (main mean - mean), (n, K), and
        squared distances of means, (K, K).
        """
        along = between = None
        if of_others.any() and not only_own:
            whitened = (self.means[:, None] - self.means) @ covariance.kernel_factors
            between, along = np.square(whitened).sum(axis=2), np.empty_like(self.own)
            slopes = whitened @ covariance.whitening
            products_with_slopes(self.rows.X, self.main, self.means, slopes, along)
        return self.own, self.main, self.mass, of_own, of_others, along, between


def _beside(shrinkage: Shrinkage, step: int) -> Shrinkage | None:
    """With the next intensity in ascending or descending order."""
    place = _INTENSITIES.index(shrinkage.intensity) + step
    if 0 <= place < len(_INTENSITIES):
        return Shrinkage(_INTENSITIES[place], shrinkage.diagonal)
    return None
