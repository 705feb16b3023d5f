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
from scipy.linalg import lapack

from skgmm._linalg import Array
from skgmm._parameters import MixtureParameters

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


class ShrunkCovariances:
    """The components of a mixture, each without one of the samples.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    parameters : MixtureParameters
        With a covariance matrix for each component.
    own : ndarray of shape (n, K)
        Responsibilities times weights.
    """

    def __init__(self, X: Array, parameters: MixtureParameters, own: Array) -> None:
        self.X, self.own, self.mass = X, own, own.sum(axis=0)
        self.means, self.matrices = parameters.means, parameters.covariance.dense()
        self.total = self.mass.sum()
        self.pooled = np.tensordot(self.mass / self.total, self.matrices, 1)
        self.members = [np.flatnonzero(each > _TRACE) for each in own.T]
        left = np.maximum(self.mass - own, _LEAST * self.mass)
        self.farther = self.mass / left  # from the mean without the sample
        self.main = own.argmax(axis=1)  # the component of each sample
        # What each sample adds to the scatter of that component, in outer products.
        self.of_main = (own * self.farther)[np.arange(len(X)), self.main]

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
        """The same without the weight."""
        each = [self._of_component(k, shrinkage, slice(None)) for k in range(len(self.mass))]
        return np.stack(each, axis=1)

    def _fit(self, shrinkage: Shrinkage) -> float:
        """The sum of the log-densities of samples under their own components without them."""
        total = 0.0
        try:
            for k, members in enumerate(self.members):
                of_members = self._of_component(k, shrinkage, members)
                total += float(self.own[members, k] @ of_members)
        except np.linalg.LinAlgError:
            return -np.inf
        return total if np.isfinite(total) else -np.inf

    def _of_component(self, k: int, shrinkage: Shrinkage, which: Array | slice) -> Array:
        """Log-density of some samples under a component without them.

        The matrix is scaled so that its own samples, when left out, have the Mahalanobis distances
        that are expected.
        """
        mass, d = self.mass[k], self.X.shape[1]
        log_det, axes, of_own, of_target = self._shrunk(k, shrinkage)
        own, farther, main = self.own[which, k], self.farther[which, k], self.main[which]
        distances, left = _downdated(
            (self.X[which] - self.means[k]) @ axes,
            ((self.means[k] - self.means) @ axes),
            main,
            own * farther * of_own,
            np.where(main == k, 0.0, self.of_main[which] * of_target),
        )
        distances *= farther**2
        scale = distances @ np.where(own > _TRACE, own, 0.0) / (mass * d)
        return np.asarray(-0.5 * (log_det + d * np.log(scale) + np.log(left) + distances / scale))

    def _shrunk(self, k: int, shrinkage: Shrinkage) -> tuple[float, Array, float, float]:
        """Of a component's matrix: log-determinant, axes in which it is the identity, and the
        factors of outer products of its own samples and of all others.
        """
        counted = self.total / len(self.mass) * shrinkage.intensity  # as samples of the target
        fraction = counted / (counted + (1.0 - shrinkage.intensity) * self.mass[k])
        target = (1.0 - shrinkage.diagonal) * self.pooled
        np.fill_diagonal(target, np.diagonal(self.pooled))
        matrix = (1.0 - fraction) * self.matrices[k] + fraction * target
        variances = np.diagonal(matrix)
        if not variances.min(initial=np.inf) > 0:
            raise np.linalg.LinAlgError("a feature has no variance")
        units = np.sqrt(variances)
        factor, info = lapack.dpotrf(matrix / units / units[:, None], clean=True)
        if info:
            raise np.linalg.LinAlgError("the matrix is not positive definite")
        axes, _ = lapack.dtrtri(factor)
        log_det = 2.0 * float(np.log(np.diagonal(factor)).sum() + np.log(units).sum())
        of_target = fraction * (1.0 - shrinkage.diagonal) / self.total
        of_own = (1.0 - fraction) / self.mass[k] + of_target
        return log_det, axes / units[:, None], of_own, of_target


def _beside(shrinkage: Shrinkage, step: int) -> Shrinkage | None:
    """With the next intensity in ascending or descending order."""
    place = _INTENSITIES.index(shrinkage.intensity) + step
    if 0 <= place < len(_INTENSITIES):
        return Shrinkage(_INTENSITIES[place], shrinkage.diagonal)
    return None


def _downdated(
    centred: Array, between: Array, main: Array, own: Array, others: Array
) -> tuple[Array, Array]:
    """Squared distances (n,) after a rank-two downdate of the identity, and its determinants.

    Subtracted are `own` times the outer product of each sample about the mean, and `others` times
    that about another mean: the one that `main` names, of the distances `between` means, (K, d).
    """
    near = np.einsum("ij,ij->i", centred, centred)
    along = (centred @ between.T)[np.arange(len(main)), main]
    both = near + along
    far = both + along + np.einsum("ij,ij->i", between, between)[main]
    of_own = np.maximum(1.0 - own * near, _LEAST)
    of_others = np.maximum(1.0 - others * far, _LEAST)
    left = np.maximum(of_own * of_others - own * others * both**2, _LEAST)
    added = own * near**2 * of_others + others * both**2 * (1.0 + own * near)
    return near + added / left, left
