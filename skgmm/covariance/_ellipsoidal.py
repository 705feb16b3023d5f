"""Structures whose covariances are dense matrices: EEE, VEE, EVV and VVV."""

from math import prod

import numpy as np

from skgmm._kernels._native import factors_of_matrices
from skgmm._linalg import Array, cholesky, symmetrised
from skgmm._moments import Scatter
from skgmm.covariance._base import Covariance, Ellipsoidal
from skgmm.covariance._built_in import BuiltIn
from skgmm.covariance._structure import Structure


class EllipsoidalStructure(Structure):
    """Common to the families of dense matrices: users see `shape`, we compute with (m, d, d)."""

    scatter = Scatter.FULL
    equivariant = "affine"

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components, n_features, n_features)

    def minimum_rows(self, n_components: int, n_features: int) -> int:
        return n_components * (n_features + 1)

    def fills_shape(self, n_components: int, n_features: int) -> bool:
        matrices = prod(self.shape(n_components, n_features)[:-2])
        numbers = matrices * n_features * (n_features + 1) // 2
        return self.n_parameters(n_components, n_features) == numbers

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

    def public(self, covariance: Covariance, n_components: int) -> tuple[Array, Array, Array]:
        factor = covariance.factor
        precisions = symmetrised(factor @ np.swapaxes(factor, 1, 2))
        parts = covariance.matrices.copy(), precisions, factor
        covariances, precisions, factors = (self._unstack(part) for part in parts)
        return covariances, precisions, factors

    def check_positive_definite(self, matrices: Array, quantity: str) -> None:
        stack = self._stack(matrices, matrices.shape[-1])
        asymmetric = _asymmetric(stack)
        singular = factors_of_matrices(symmetrised(stack), np.empty(stack.shape))
        if asymmetric or singular:
            k = min([*asymmetric, *singular])
            which = "" if len(stack) == 1 else f" of component {k}"
            raise ValueError(
                f"'{self.name} {quantity}' should be symmetric, positive-definite, but that{which} "
                f"{'is not symmetric' if k in asymmetric else _smallest_eigenvalue(stack[k])}"
            )


class Full(BuiltIn, EllipsoidalStructure):
    """A matrix of its own for each component."""

    name = "full"
    in_words = "ellipsoidal, varying volume, shape and orientation"
    m_step = "VVV"


class Tied(BuiltIn, EllipsoidalStructure):
    """One matrix shared by all components."""

    name = "tied"
    in_words = "ellipsoidal, equal volume, shape and orientation"
    m_step = "EEE"
    scatter = Scatter.POOLED

    def _unstack(self, stack: Array) -> Array:
        return stack[0]

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_features, n_features)

    def minimum_rows(self, n_components: int, n_features: int) -> int:
        return n_components + n_features


class Proportional(BuiltIn, EllipsoidalStructure):
    """One matrix shared by all components, up to a factor for each (Celeux & Govaert 1995)."""

    in_words = "ellipsoidal, varying volume, equal shape and orientation"
    m_step = "VEE"

    def minimum_rows(self, n_components: int, n_features: int) -> int:
        return max(2 * n_components, n_components + n_features)


class EqualVolume(BuiltIn, EllipsoidalStructure):
    """A matrix of its own for each component, with the same determinant (Celeux & Govaert 1995)."""

    in_words = "ellipsoidal, equal volume, varying shape and orientation"
    m_step = "EVV"


def _asymmetric(matrices: Array) -> list[int]:
    """Which of a stack of matrices (m, d, d) are not symmetric, but for the rounding of float32."""
    apart = matrices - np.swapaxes(matrices, 1, 2)
    if not apart.any():
        return []
    lopsided = np.abs(apart).max(axis=(1, 2)) > 1e-6 * np.abs(matrices).max(axis=(1, 2))
    return np.flatnonzero(lopsided).tolist()


def _smallest_eigenvalue(matrix: Array) -> str:
    """Why a matrix is not positive definite, and what to do."""
    values = np.linalg.eigvalsh(symmetrised(matrix))
    return (
        f"has {values[0]:.3g} as its smallest eigenvalue, against {values[-1]:.3g} as its largest: "
        "add to the diagonal, or use a covariance_type with fewer parameters"
    )
