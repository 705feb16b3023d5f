"""What a covariance answers.

A `Covariance` is the covariances of all components of one mixture; it answers questions: its
log-determinants, coloured noise, dense matrices, diagonals of the precisions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from skgmm._kernels._native import factors_of_axes, factors_of_matrices
from skgmm._linalg import Array, cholesky, log_diagonal_sum, symmetrised, triangular_inverse

# Of a variance whose inverse is a float64 number with all its digits.
_SMALLEST = float(np.finfo(np.float64).tiny)

# Up to so many features a loop is faster than a call of LAPACK for each matrix.
_SMALL = 16


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

    def check_precisions(self) -> None:
        """Raise IllDefinedCovarianceError where precisions, or sums of two, are infinite."""
        with np.errstate(over="ignore"):
            finite = np.isfinite(4.0 * self.precision_diagonal()).all(axis=1)
        if not finite.all():
            raise IllDefinedCovarianceError(np.flatnonzero(~finite).tolist())

    @abstractmethod
    def colour(self, noise: Array, component: int) -> Array:
        """Rows with the component's covariance from rows (b, d) of identity covariance."""

    @abstractmethod
    def dense(self) -> Array:
        """Sigma as matrices, shape (m, d, d)."""

    @abstractmethod
    def precision_diagonal(self) -> Array:
        """Diagonals of Sigma^-1, shape (m, d)."""

    def variances(self) -> Array:
        """Diagonals of Sigma, shape (m, d)."""
        return np.diagonal(self.dense(), axis1=1, axis2=2)


@dataclass(frozen=True)
class Ellipsoidal(Covariance):
    """Covariance matrices through upper triangular `factor` (m, d, d)."""

    @classmethod
    def from_dense(cls, matrices: Array) -> Ellipsoidal:
        """From positive definite matrices (m, d, d)."""
        if matrices.shape[-1] <= _SMALL:
            factor = np.empty(matrices.shape)
            if factors_of_matrices(matrices, factor) < 0:
                return cls(factor)
        lower, singular = cholesky(matrices)
        if singular.any():
            raise IllDefinedCovarianceError(np.flatnonzero(singular).tolist())
        return cls(np.swapaxes(triangular_inverse(lower), 1, 2))

    @classmethod
    def from_axes(cls, axes: Array, variances: Array) -> Ellipsoidal:
        """From principal axes, the columns of (m, d, d), and positive variances along them (m, d).

        One stack of axes, (1, d, d), may serve all. The matrices are not formed, which would square
        the condition number.
        """
        factor = np.empty((len(variances), *axes.shape[1:]))
        factors_of_axes(axes, variances, factor)
        return cls(factor)

    def scaled(self, volumes: Array) -> Ellipsoidal:
        """These covariances times positive numbers (K,); one matrix becomes one for each."""
        return Ellipsoidal(self.factor / np.sqrt(volumes)[:, None, None])

    @property
    def log_det(self) -> Array:
        return -2.0 * log_diagonal_sum(self.factor)

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
        # Variances and precisions are float64 numbers, with all their digits.
        defined = (variances >= _SMALLEST).all(axis=1) & (variances <= 1.0 / _SMALLEST).all(axis=1)
        if not defined.all():
            raise IllDefinedCovarianceError(np.flatnonzero(~defined).tolist())
        return cls(1.0 / np.sqrt(variances))

    @property
    def log_det(self) -> Array:
        return -2.0 * np.log(self.factor).sum(axis=1)

    def colour(self, noise: Array, component: int) -> Array:
        return noise / self.factor[component % len(self.factor)]

    def precision_diagonal(self) -> Array:
        return self.factor**2

    def variances(self) -> Array:
        return self.factor**-2.0

    def dense(self) -> Array:
        return self.variances()[:, :, None] * np.eye(self.factor.shape[1])
