"""Structures whose covariances are diagonal."""

import numpy as np

from skgmm._linalg import Array
from skgmm.covariance._base import AxisAligned, Covariance, Structure


class AxisAlignedStructure(Structure):
    """Common to the diagonal families: users see `shape`, we compute with (m, d)."""

    def _stack(self, public: Array, n_features: int) -> Array:
        return np.asarray(public, dtype=np.float64).reshape(-1, n_features)

    def _unstack(self, stack: Array) -> Array:
        return stack

    def from_covariances(self, covariances: Array, n_features: int) -> AxisAligned:
        return AxisAligned.from_variances(self._stack(covariances, n_features))

    def from_precisions(self, precisions: Array, n_features: int) -> AxisAligned:
        return AxisAligned(np.sqrt(self._stack(precisions, n_features)))

    def from_factors(self, precisions_cholesky: Array, n_features: int) -> AxisAligned:
        return AxisAligned(self._stack(precisions_cholesky, n_features))

    def public(self, covariance: Covariance) -> tuple[Array, Array, Array]:
        factors = self._unstack(covariance.factor)
        return factors**-2.0, factors**2.0, factors

    def check_positive_definite(self, matrices: Array, quantity: str) -> None:
        if not (matrices > 0).all():
            raise ValueError(f"'{self.name} {quantity}' should be positive")
