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

from skgmm._linalg import Array
from skgmm._parameters import MixtureParameters
from skgmm._rows import e_step
from skgmm._rows.base import InMemoryRows
from skgmm._threads import cached_property
from skgmm.covariance import Ellipsoidal, IllDefinedCovarianceError

# How much of the covariance matrix of an average component is the target's, in ascending order, and
# how much of the target is diagonal.
_INTENSITIES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85)
_DIAGONAL = (0.0, 0.5, 1.0)

# A sample with a smaller responsibility is no part of the component.
_TRACE = 1e-12

# Without a sample at least this fraction of the variance and mass of its component remains.
_LEAST = 1e-9


@dataclass(frozen=True)
class Shrinkage:
    """How covariance matrices are shrunk."""

    intensity: float  # of an average component
    diagonal: float  # how much of the target is the diagonal of the pooled covariance matrix


@dataclass(frozen=True)
class _Shrunk:
    """The components' matrices with a shrinkage."""

    covariance: Ellipsoidal
    of_own: Array  # (K,) what the outer product of a component's own sample counts in its matrix
    of_others: Array  # (K,) and that of a sample of another component


@dataclass(frozen=True)
class _Pairs:
    """Samples and components: all pairs (n, K), or some (m,)."""

    component: Array
    main: Array  # the component of the sample
    farther: Array  # from the mean without the sample
    own: Array  # what the sample adds to the scatter of the component, in outer products
    others: Array  # and to that of its main one, where that is another

    def part(self, samples: Array, components: Array) -> _Pairs:
        """Some of all pairs."""
        some = (each[samples, components] for each in (self.farther, self.own, self.others))
        return _Pairs(components, self.main[samples, 0], *some)


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
        self.rows, self.own, self.mass = rows, own, own.sum(axis=0)
        self.means, self.scatter, self.total = means, scatter, self.mass.sum()
        self.pooled = scatter.sum(axis=0) / self.total
        self._all = self._pairs()
        self._component, self._member = np.nonzero(own.T > _TRACE)
        self._members = self._all.part(self._member, self._component)
        self._shrunk: dict[Shrinkage, _Shrunk] = {}

    def _pairs(self) -> _Pairs:
        components, main = np.arange(len(self.mass)), self.own.argmax(axis=1)[:, None]
        farther = self.mass / np.maximum(self.mass - self.own, _LEAST * self.mass)
        own = self.own * farther
        others = np.where(main == components, 0.0, np.take_along_axis(own, main, axis=1))
        return _Pairs(components, main, farther, own, others)

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
        left = self.mass - self.own
        with np.errstate(divide="ignore", invalid="ignore"):
            log_joint = np.log(left) + self.log_densities(shrinkage)
        log_joint[~(left > _LEAST * self.mass) | np.isnan(log_joint)] = -np.inf
        return log_joint

    def log_densities(self, shrinkage: Shrinkage) -> Array:
        """The same without the weight.

        Matrices are scaled so that a component's own samples, when left out, have the Mahalanobis
        distances that are expected.
        """
        shrunk = self._with(shrinkage)
        distances, left = self._left_out(shrunk, self._all, self._distances(shrunk))
        scale, log_det = self._scaled(shrunk, distances[self._member, self._component])
        return np.asarray(-0.5 * (log_det + np.log(left) + distances / scale))

    def _fit(self, shrinkage: Shrinkage) -> float:
        """The sum of the log-densities of samples under their own components without them.

        Up to a constant: that of their distances, which are those that are expected.
        """
        try:
            shrunk = self._with(shrinkage)
        except IllDefinedCovarianceError:
            return -np.inf
        distances, left = self._left_out(shrunk, self._members, self._distances_of_members(shrunk))
        _, log_det = self._scaled(shrunk, distances)
        own = self.own[self._member, self._component]
        total = -0.5 * float(self.mass @ log_det + own @ np.log(left))
        return total if np.isfinite(total) else -np.inf

    def _scaled(self, shrunk: _Shrunk, distances: Array) -> tuple[Array, Array]:
        """By distances of members (m,): scales, and log-determinants of scaled matrices, (K,)."""
        own, n_features = self.own[self._member, self._component], self.means.shape[1]
        sums = np.bincount(self._component, own * distances, minlength=len(self.mass))
        scale = sums / (self.mass * n_features)
        return scale, shrunk.covariance.log_det + n_features * np.log(scale)

    def _distances(self, shrunk: _Shrunk) -> Array:
        """Squared Mahalanobis distances of all samples, (n, K)."""
        no_peak = np.zeros(len(self.mass))
        mixture = MixtureParameters(no_peak, self.means, shrunk.covariance)
        log_density, distances = e_step.log_parts(
            self.rows.X, mixture, self.rows.n_threads, no_peak
        )
        distances += log_density[:, None]
        distances *= -2.0
        return distances

    def _distances_of_members(self, shrunk: _Shrunk) -> Array:
        numbered = enumerate(self._centred_members)
        whitened = (shrunk.covariance.whiten(each, k) for k, each in numbered)
        return np.concatenate([np.einsum("ij,ij->i", each, each) for each in whitened])

    @cached_property
    def _centred_members(self) -> list[Array]:
        """The members of each component about its mean."""
        ends = np.searchsorted(self._component, np.arange(1, len(self.mass)))
        groups = np.split(self._member, ends)
        same = all(map(np.array_equal, groups, self._of_main))
        return self._centred_on_main if same else self._centred(groups)

    @cached_property
    def _of_main(self) -> list[Array]:
        """The samples whose main component it is, for each component."""
        return [np.flatnonzero(self._all.main == k) for k in range(len(self.mass))]

    @cached_property
    def _centred_on_main(self) -> list[Array]:
        """The same about the mean."""
        return self._centred(self._of_main)

    def _centred(self, groups: list[Array]) -> list[Array]:
        return [self.rows.X[which] - mean for which, mean in zip(groups, self.means, strict=True)]

    def _left_out(self, shrunk: _Shrunk, pairs: _Pairs, near: Array) -> tuple[Array, Array]:
        """Squared distances after a rank-two downdate of the matrices, and factors of determinants.

        Subtracted are the outer product of each sample about the mean, where squared distances are
        `near`, and that about the mean of its main component.
        """
        own = pairs.own * shrunk.of_own[pairs.component]
        others = pairs.others * shrunk.of_others[pairs.component]
        both, far = self._from_main(shrunk, pairs, near) if others.any() else (near, near)
        of_own = np.maximum(1.0 - own * near, _LEAST)
        of_others = np.maximum(1.0 - others * far, _LEAST)
        left = np.maximum(of_own * of_others - own * others * both**2, _LEAST)
        added = own * near**2 * of_others + others * both**2 * (1.0 + own * near)
        return (near + added / left) * pairs.farther**2, left

    def _from_main(self, shrunk: _Shrunk, pairs: _Pairs, near: Array) -> tuple[Array, Array]:
        """Products (sample - mean) x precision x (sample - mean of the main component).

        And squared distances from the latter.
        """
        covariance = shrunk.covariance
        each = (covariance.whiten(mean - self.means, k) for k, mean in enumerate(self.means))
        whitened = np.stack(list(each))
        between, slopes = np.square(whitened).sum(axis=2), whitened @ covariance.whitening
        along, beyond = np.empty((2, *self.own.shape))
        for k, which in enumerate(self._of_main):
            products = self._centred_on_main[k] @ slopes[:, k].T
            along[which], beyond[which] = products, products - between[:, k]
        if near.ndim == 1:
            some = self._member, self._component
            along, beyond = along[some], beyond[some]
        both = near + beyond
        return both, both + along

    def _with(self, shrinkage: Shrinkage) -> _Shrunk:
        if shrinkage not in self._shrunk:
            self._shrunk[shrinkage] = self._shrink(shrinkage)
        return self._shrunk[shrinkage]

    def _shrink(self, shrinkage: Shrinkage) -> _Shrunk:
        counted = self.total / len(self.mass) * shrinkage.intensity  # as samples of the target
        fraction = counted / (counted + (1.0 - shrinkage.intensity) * self.mass)
        target = (1.0 - shrinkage.diagonal) * self.pooled
        np.fill_diagonal(target, np.diagonal(self.pooled))
        of_scatter = (1.0 - fraction) / self.mass
        matrices = of_scatter[:, None, None] * self.scatter
        matrices += fraction[:, None, None] * target
        of_others = fraction * (1.0 - shrinkage.diagonal) / self.total
        return _Shrunk(Ellipsoidal.from_dense(matrices), of_scatter + of_others, of_others)


def _beside(shrinkage: Shrinkage, step: int) -> Shrinkage | None:
    """With the next intensity in ascending or descending order."""
    place = _INTENSITIES.index(shrinkage.intensity) + step
    if 0 <= place < len(_INTENSITIES):
        return Shrinkage(_INTENSITIES[place], shrinkage.diagonal)
    return None
