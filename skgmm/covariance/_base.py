"""What a covariance answers.

A `Covariance` is the covariances of all components of one mixture; it answers questions: its
log-determinants, whitened and coloured rows, dense matrices, diagonals of the precisions, principal
axes. Only this folder knows how it is kept.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy.linalg import solve_triangular

from skgmm._kernels._native import factors_of_matrices
from skgmm._linalg import (
    Array,
    log_diagonal_sum,
    reordered_factors,
    symmetrised,
    triangular_inverse,
)
from skgmm._threads import cached_property

# Of a variance whose inverse is a float64 number with all its digits; of precisions to be added.
_SMALLEST, _LARGEST = float(np.finfo(np.float64).tiny), float(np.finfo(np.float64).max) / 4.0


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
    def kernel_factors(self) -> Array:
        """Factors of the precisions, (m, d, d) or (m, d), as the kernel reads them."""
        return np.ascontiguousarray(self.factor)

    def with_factors(self, n_factors: int, dense: bool) -> Covariance:
        """The same covariances with so many factors, 1 or K, that are matrices if `dense`."""
        factor = self.factor
        if dense and factor.ndim == 2:
            factor = factor[:, :, None] * np.eye(factor.shape[1])
        if len(factor) == n_factors and factor.ndim == self.factor.ndim:
            return self
        factor = factor[:1] if n_factors == 1 else factor
        return covariance_of(np.broadcast_to(factor, (n_factors, *factor.shape[1:])))

    def as_matrices(self) -> Covariance:
        """The same covariances through matrices."""
        return self.with_factors(len(self.factor), dense=True)

    @property
    def diagonal(self) -> bool:
        """Whether they are kept as variances of the features, not as matrices."""
        return self.factor.ndim == 2

    @property
    def shared(self) -> bool:
        """Whether one covariance is kept, that of all components."""
        return len(self.factor) == 1

    @property
    @abstractmethod
    def log_det(self) -> Array:
        """log |Sigma|, shape (m,)."""

    def check_precisions(self) -> None:
        """Raise IllDefinedCovarianceError where precisions, or sums of two, are infinite."""
        precisions = self.precision_diagonal
        if not precisions.max() <= _LARGEST:  # nor is NaN
            finite = (precisions <= _LARGEST).all(axis=1)
            raise IllDefinedCovarianceError(np.flatnonzero(~finite).tolist())

    @property
    @abstractmethod
    def whitening(self) -> Array:
        """Matrices (m, d, d) that make the covariances the identity, or factors (m, d)."""

    @abstractmethod
    def whiten(self, rows: Array, component: int) -> Array:
        """Rows of identity covariance from rows (b, d) with the component's covariance."""

    @abstractmethod
    def colour(self, noise: Array, component: int) -> Array:
        """Rows with the component's covariance from rows (b, d) of identity covariance."""

    @abstractmethod
    def principal_axes(self, component: int, units: Array) -> tuple[Array, Array]:
        """A component's axes, the columns of (d, d), and standard deviations along them (d,).

        Both of features divided by `units` (d,).
        """

    @abstractmethod
    def dense(self) -> Array:
        """Sigma as matrices, shape (m, d, d)."""

    @cached_property
    def matrices(self) -> Array:
        """Those of `dense`, which are kept: not to be written to."""
        return self.dense()

    def precisions(self) -> Array:
        """Sigma^-1 as matrices, shape (m, d, d)."""
        factor = self.as_matrices().factor
        return factor @ np.swapaxes(factor, 1, 2)

    @cached_property
    def precision_diagonal(self) -> Array:
        """Diagonals of Sigma^-1, shape (m, d)."""
        if self.diagonal:
            return self.factor**2
        return np.einsum("mij,mij->mi", self.factor, self.factor)

    @abstractmethod
    def precision_traces(self, scatter: Array) -> Array:
        """tr(Sigma^-1 scatter) of each scatter, matrices (..., d, d) or diagonals (m, d)."""

    def squared_distances(self, points: Array, means: Array) -> Array:
        """Squared Mahalanobis distances of points (n, d) from the components' means, (n, K)."""
        whitened = (self.whiten(points - mean, k) for k, mean in enumerate(means))
        return np.stack([np.square(rows).sum(axis=1) for rows in whitened], axis=1)

    def cross_traces(self, scatter: Array, n_components: int) -> Array:
        """tr(Sigma_k^-1 scatter) of each matrix (n, d, d) and component, (n, K)."""
        traces = (self.of(k).precision_traces(scatter) for k in range(n_components))
        return np.stack(list(traces), axis=1)

    @abstractmethod
    def marginal(self, features: Array) -> Covariance:
        """Those of some of the features, in this order."""

    def conditional(self, observed: Array) -> tuple[Covariance, Array | None, Array]:
        """What is known of missing features (u) if the others (o) are observed, (d,) bool.

        Returns
        -------
        marginal : Covariance
            That of the observed features.
        regression : ndarray of shape (m, u, o) or None
            Of the missing features on these; None where features are independent.
        within : ndarray of shape (m, u, u) or (m, u)
            Conditional covariances, or variances.
        """
        factor = self.factor
        if self.diagonal:
            within = factor[:, ~observed] ** -2.0
            return AxisAligned(factor[:, observed]), None, within
        # With the observed features first, the leading block of the factor is that of the marginal.
        n_observed = int(observed.sum())
        turned = reordered_factors(factor, np.argsort(~observed, kind="stable"))
        own = np.ascontiguousarray(turned[:, :n_observed, :n_observed])
        shared, rest = turned[:, :n_observed, n_observed:], turned[:, n_observed:, n_observed:]
        root = triangular_inverse(np.ascontiguousarray(np.swapaxes(rest, 1, 2)))  # lower
        regression = -root @ np.swapaxes(shared, 1, 2)
        within = symmetrised(root @ np.swapaxes(root, 1, 2))
        return Ellipsoidal(own), regression, within

    def measured(self, errors: Array) -> tuple[Covariance, Array, Array]:
        """What is known of true values if measurements have errors, (d,) variances or (d, d).

        Returns
        -------
        total : Covariance
            That of the measurements.
        gain, within : ndarray of shape (m, d, d) or (m, d)
            A true value is expected at the mean plus gain x (measurement - mean), with the
            conditional covariance `within`. Diagonals where features are independent.
        """
        if self.diagonal and errors.ndim == 1:
            variances = self.variances()
            total = variances + errors
            seen = AxisAligned(1.0 / np.sqrt(total))
            return seen, variances / total, variances * (errors / total)
        factor = self.as_matrices().factor
        errors = errors if errors.ndim == 2 else np.diag(errors)
        # In the coordinates that Sigma = L L' whitens T is H = I + U' S U, U the factor, and
        # H = C C'. So rounding errors are small beside Sigma along every axis.
        turned = np.swapaxes(factor, 1, 2)
        whitened = np.eye(len(errors)) + symmetrised(turned @ errors @ factor)
        inverse = triangular_inverse(np.linalg.cholesky(whitened))
        roots = triangular_inverse(np.ascontiguousarray(turned))
        kept = np.swapaxes(inverse, 1, 2) @ inverse
        left = np.eye(len(errors)) - kept
        own = np.ascontiguousarray(factor @ np.swapaxes(inverse, 1, 2))
        within = symmetrised(roots @ left @ np.swapaxes(roots, 1, 2))
        return Ellipsoidal(own), roots @ kept @ turned, within

    def of(self, component: int) -> Self:
        """That of one component."""
        k = component % len(self.factor)
        return replace(self, factor=self.factor[k : k + 1])

    def per_component(self, n_components: int) -> Self:
        """The same covariances, kept once for each component."""
        shape = n_components, *self.factor.shape[1:]
        return replace(self, factor=np.broadcast_to(self.factor, shape))

    def reordered(self, order: Array) -> Self:
        """Those of these components: the first is the one that was order[0]."""
        return self if self.shared else replace(self, factor=self.factor[order])

    def with_those_of(self, other: Covariance, components: Array) -> Covariance:
        """These, with another's in some of the components, (K,) bool; each has one of its own."""
        own = components.reshape(-1, *(1,) * (self.factor.ndim - 1))
        return covariance_of(np.where(own, other.factor, self.factor))

    def variances(self) -> Array:
        """Diagonals of Sigma, shape (m, d)."""
        return np.diagonal(self.dense(), axis1=1, axis2=2)


@dataclass(frozen=True)
class Ellipsoidal(Covariance):
    """Covariance matrices through upper triangular `factor` (m, d, d)."""

    @classmethod
    def from_dense(cls, matrices: Array) -> Ellipsoidal:
        """From positive definite matrices (m, d, d)."""
        factor = np.empty(matrices.shape)
        if singular := factors_of_matrices(matrices, factor):
            raise IllDefinedCovarianceError(singular)
        return cls(factor)

    def scaled(self, volumes: Array) -> Ellipsoidal:
        """These covariances times positive numbers (K,); one matrix becomes one for each."""
        return Ellipsoidal(self.factor / np.sqrt(volumes)[:, None, None])

    @property
    def log_det(self) -> Array:
        return -2.0 * log_diagonal_sum(self.factor)

    @property
    def whitening(self) -> Array:
        return np.swapaxes(self.factor, 1, 2)

    def whiten(self, rows: Array, component: int) -> Array:
        return rows @ self.factor[component % len(self.factor)]

    def colour(self, noise: Array, component: int) -> Array:
        factor = self.factor[component % len(self.factor)]
        return solve_triangular(factor, noise.T, trans="T", check_finite=False).T

    def principal_axes(self, component: int, units: Array) -> tuple[Array, Array]:
        # SVD of the factor, because the precision could overflow and has half of its accuracy.
        factor = units[:, None] * self.factor[component % len(self.factor)]
        axes, lengths, _ = np.linalg.svd(factor)
        with np.errstate(divide="ignore"):  # lengths of 1e-300 may be 0 beside those of 1
            return axes, 1.0 / lengths

    def marginal(self, features: Array) -> Ellipsoidal:
        n_features, n_kept = self.factor.shape[-1], len(features)
        rest = np.setdiff1d(np.arange(n_features), features)
        factor = reordered_factors(self.factor, np.r_[features, rest])
        return Ellipsoidal(np.ascontiguousarray(factor[:, :n_kept, :n_kept]))

    def precision_traces(self, scatter: Array) -> Array:
        return ((scatter @ self.factor) * self.factor).sum(axis=(-2, -1))

    def dense(self) -> Array:
        lower = triangular_inverse(self.factor.swapaxes(1, 2))
        return symmetrised(lower @ lower.swapaxes(1, 2))


@dataclass(frozen=True)
class AxisAligned(Covariance):
    """Diagonal covariances through `factor` (m, d), reciprocal standard deviations."""

    @classmethod
    def from_variances(cls, variances: Array) -> AxisAligned:
        """From variances (m, d)."""
        # Variances and precisions are float64 numbers, with all their digits.
        defined = (variances >= _SMALLEST).all(axis=1) & (variances <= 1.0 / _SMALLEST).all(axis=1)
        if not defined.all():
            raise IllDefinedCovarianceError(np.flatnonzero(~defined).tolist())
        return cls(1.0 / np.sqrt(variances))

    @property
    def log_det(self) -> Array:
        return -2.0 * np.log(self.factor).sum(axis=1)

    @property
    def whitening(self) -> Array:
        return self.factor

    def whiten(self, rows: Array, component: int) -> Array:
        return rows * self.factor[component % len(self.factor)]

    def colour(self, noise: Array, component: int) -> Array:
        return noise / self.factor[component % len(self.factor)]

    def principal_axes(self, component: int, units: Array) -> tuple[Array, Array]:
        deviations = 1.0 / (units * self.factor[component % len(self.factor)])
        return np.eye(len(units)), deviations

    def marginal(self, features: Array) -> AxisAligned:
        return AxisAligned(np.ascontiguousarray(self.factor[:, features]))

    def precision_traces(self, scatter: Array) -> Array:
        if scatter.ndim == 3:
            scatter = np.diagonal(scatter, axis1=-2, axis2=-1)
        return (self.factor**2 * scatter).sum(axis=-1)

    def variances(self) -> Array:
        return self.factor**-2.0

    def dense(self) -> Array:
        return self.variances()[:, :, None] * np.eye(self.factor.shape[1])


@dataclass(frozen=True)
class CommonAxes(Ellipsoidal):
    """Covariances that may know their axes (d, d), where the next iteration starts."""

    axes: Array | None = None


def covariance_of(factor: Array, axes: Array | None = None) -> Covariance:
    """The covariances of these factors, with the axes that they share where these are known."""
    if axes is not None:
        return CommonAxes(factor, axes)
    return AxisAligned(factor) if factor.ndim == 2 else Ellipsoidal(factor)
