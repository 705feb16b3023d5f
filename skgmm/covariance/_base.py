"""What a covariance answers, and what a covariance structure is.

A `Covariance` is the covariances of all components of one mixture; it answers questions: its
log-determinants, whitened rows, coloured noise, dense matrices. A `Structure` is a family of
covariances: which scatter it needs, the maximum-likelihood member, the number of free
parameters, the shape in which users see it. Adding a family is adding one small file.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from skgmm._linalg import Array, cholesky, log_diagonal_sum, symmetrised, triangular_inverse
from skgmm._moments import Moments, Scatter


class IllDefinedCovarianceError(ValueError):
    """Some component's covariance is not positive definite."""

    def __init__(self, components: list[int]) -> None:
        self.components = components
        super().__init__(
            "Fitting the mixture model failed because some components have ill-defined empirical "
            "covariance (for instance caused by singleton or collapsed samples). Try to decrease "
            "the number of components, increase reg_covar, or scale the input data. "
            f"(Components: {components})"
        )


@dataclass(frozen=True)
class Covariance(ABC):
    """Covariances of the components, through `factor`: Sigma^-1 = factor @ factor'.

    `factor` holds m matrices (or diagonals), with m = K, or m = 1 when all components share one.
    """

    factor: Array

    @property
    @abstractmethod
    def log_det(self) -> Array:
        """log |Sigma|, shape (m,)."""

    @abstractmethod
    def whiten(self, centred: Array) -> Array:
        """Rows of identity covariance from centred rows (K, b, d): row @ factor."""

    @abstractmethod
    def colour(self, noise: Array, component: int) -> Array:
        """Rows with the component's covariance from rows (b, d) of identity covariance."""

    @abstractmethod
    def dense(self) -> Array:
        """Sigma as matrices, shape (m, d, d)."""

    @abstractmethod
    def precision_diagonal(self) -> Array:
        """Diagonals of Sigma^-1, shape (m, d)."""

    def keep(self, kept: Array, previous: Covariance) -> Covariance:
        """This covariance, but with the components `kept` (K,) as they were in `previous`."""
        if not kept.any() or len(self.factor) == 1:
            return self
        shape = (-1,) + (1,) * (self.factor.ndim - 1)
        return type(self)(np.where(kept.reshape(shape), previous.factor, self.factor))


@dataclass(frozen=True)
class Ellipsoidal(Covariance):
    """Covariance matrices through upper triangular `factor` (m, d, d)."""

    @classmethod
    def from_dense(cls, matrices: Array) -> Ellipsoidal:
        """From positive definite matrices (m, d, d)."""
        lower, singular = cholesky(matrices)
        if singular.any():
            raise IllDefinedCovarianceError(np.flatnonzero(singular).tolist())
        return cls(np.swapaxes(triangular_inverse(lower), 1, 2))

    @property
    def log_det(self) -> Array:
        return -2.0 * log_diagonal_sum(self.factor)

    def whiten(self, centred: Array) -> Array:
        return np.matmul(centred, self.factor)

    def colour(self, noise: Array, component: int) -> Array:
        factor = self.factor[component % len(self.factor)]
        return solve_triangular(factor, noise.T, trans="T", check_finite=False).T

    def precision_diagonal(self) -> Array:
        return np.einsum("mij,mij->mi", self.factor, self.factor)

    def dense(self) -> Array:
        lower = triangular_inverse(np.swapaxes(self.factor, 1, 2))
        return symmetrised(lower @ np.swapaxes(lower, 1, 2))


@dataclass(frozen=True)
class AxisAligned(Covariance):
    """Diagonal covariances through `factor` (m, d), reciprocal standard deviations."""

    @classmethod
    def from_variances(cls, variances: Array) -> AxisAligned:
        """From variances (m, d)."""
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            factor = 1.0 / np.sqrt(variances)
        defined = np.isfinite(factor).all(axis=1) & (factor > 0).all(axis=1)
        if not defined.all():
            raise IllDefinedCovarianceError(np.flatnonzero(~defined).tolist())
        return cls(factor)

    @property
    def log_det(self) -> Array:
        return -2.0 * np.log(self.factor).sum(axis=1)

    def whiten(self, centred: Array) -> Array:
        return centred * self.factor[:, None, :]

    def colour(self, noise: Array, component: int) -> Array:
        return noise / self.factor[component % len(self.factor)]

    def precision_diagonal(self) -> Array:
        return self.factor**2

    def dense(self) -> Array:
        variances = self.factor**-2.0
        return variances[:, :, None] * np.eye(variances.shape[1])


class Structure(ABC):
    """A family of covariances. Stateless; one instance per name in the registry."""

    name: str
    in_words: str
    scatter: Scatter

    def estimate(
        self, moments: Moments, floor: Array, previous: Covariance | None = None
    ) -> Covariance:
        """The member of the family that maximises the ECLL given the moments.

        Parameters
        ----------
        moments : Moments
            With scatter in this structure's form.
        floor : ndarray of shape (d,)
            Variances added along the axes (`reg_covar`).
        previous : Covariance or None
            Where a component has no mass every covariance is as good: it keeps its previous one.

        Raises
        ------
        IllDefinedCovarianceError
            Naming the components whose covariance is not positive definite.
        """
        empty = moments.mass <= 0
        self._refuse_unresolved(moments, floor, empty)
        covariance = self._maximise(moments, floor, empty)
        return covariance if previous is None else covariance.keep(empty, previous)

    def _refuse_unresolved(self, moments: Moments, floor: Array, empty: Array) -> None:
        """Raise where, without a floor, a variance is no more than the rounding of the mean."""
        if floor.all():
            return
        mean = np.abs(moments.mean)
        mass = np.where(empty, 1.0, moments.mass)[:, None]
        if self.scatter is Scatter.POOLED:
            mean, mass = mean.max(axis=0, keepdims=True), mass.sum(keepdims=True)
        variances = self.scatter.diagonal(moments.scatter) / mass
        rounding = (4 * np.finfo(np.float64).eps * mean) ** 2
        unresolved = self._unresolved((variances <= rounding) & (floor == 0))
        if self.scatter is not Scatter.POOLED:
            unresolved &= ~empty
        if unresolved.any():
            raise IllDefinedCovarianceError(np.flatnonzero(unresolved).tolist())

    def _unresolved(self, features: Array) -> Array:
        """Which components (m,) are lost when these features (m, d) have no variance."""
        return np.any(features, axis=1)

    @abstractmethod
    def _maximise(self, moments: Moments, floor: Array, empty: Array) -> Covariance:
        """The estimate; anything positive definite where `empty`."""

    @abstractmethod
    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Free parameters of the covariances (not of weights and means)."""

    @abstractmethod
    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """Shape in which users see covariances, precisions and Cholesky factors."""

    @abstractmethod
    def minimum_rows(self, n_components: int, n_features: int) -> int:
        """Fewest rows for which every component's covariance can be non-singular."""

    # The four ways between the arrays that users see and the objects that compute.

    @abstractmethod
    def from_covariances(self, covariances: Array, n_features: int) -> Covariance: ...

    @abstractmethod
    def from_precisions(self, precisions: Array, n_features: int) -> Covariance: ...

    @abstractmethod
    def from_factors(self, precisions_cholesky: Array, n_features: int) -> Covariance: ...

    @abstractmethod
    def public(self, covariance: Covariance) -> tuple[Array, Array, Array]:
        """Covariances, precisions and Cholesky factors of the precisions, as users see them."""

    @abstractmethod
    def check_positive_definite(self, matrices: Array, quantity: str) -> None:
        """Raise ValueError unless arrays of the public shape are positive definite.

        `quantity` is their name in the message: "precision" or "covariance".
        """
