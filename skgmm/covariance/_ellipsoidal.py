"""Structures whose covariances are dense matrices."""

import numpy as np

from skgmm._linalg import Array, cholesky, symmetrised
from skgmm.covariance._base import Covariance, Ellipsoidal, Structure


class EllipsoidalStructure(Structure):
    """Common to the families of dense matrices: users see `shape`, we compute with (m, d, d)."""

    def _stack(self, public: Array, n_features: int) -> Array:
        return np.asarray(public, dtype=np.float64).reshape(-1, n_features, n_features)

    def _unstack(self, stack: Array) -> Array:
        return stack

    def from_covariances(self, covariances: Array, n_features: int) -> Ellipsoidal:
        return Ellipsoidal.from_dense(symmetrised(self._stack(covariances, n_features)))

    def from_precisions(self, precisions: Array, n_features: int) -> Ellipsoidal:
        # With J the reversal of the axes, J P J = L L' gives P = (J L J)(J L J)' and J L J is the
        # upper triangular factor wanted: no inverse is formed, so no digit is lost.
        reversed_ = symmetrised(self._stack(precisions, n_features))[:, ::-1, ::-1]
        lower, _ = cholesky(np.ascontiguousarray(reversed_))
        return Ellipsoidal(np.ascontiguousarray(lower[:, ::-1, ::-1]))

    def from_factors(self, precisions_cholesky: Array, n_features: int) -> Ellipsoidal:
        return Ellipsoidal(self._stack(precisions_cholesky, n_features))

    def public(self, covariance: Covariance) -> tuple[Array, Array, Array]:
        factor = covariance.factor
        precisions = symmetrised(factor @ np.swapaxes(factor, 1, 2))
        parts = covariance.dense(), precisions, factor
        covariances, precisions, factors = (self._unstack(part) for part in parts)
        return covariances, precisions, factors

    def check_positive_definite(self, matrices: Array, quantity: str) -> None:
        stack = self._stack(matrices, matrices.shape[-1])
        lopsided = np.abs(stack - np.swapaxes(stack, 1, 2)).max(axis=(1, 2))
        asymmetric = lopsided > 1e-6 * np.abs(stack).max(axis=(1, 2))  # float32 input is allowed
        _, singular = cholesky(symmetrised(stack))
        if (asymmetric | singular).any():
            raise ValueError(f"'{self.name} {quantity}' should be symmetric, positive-definite")
