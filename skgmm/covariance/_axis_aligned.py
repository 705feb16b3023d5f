"""Structures whose covariances are diagonal: EEI, VEI, EVI and VVI."""

from math import prod

import numpy as np

from skgmm._linalg import Array
from skgmm._moments import Scatter
from skgmm.covariance._base import AxisAligned, Covariance
from skgmm.covariance._built_in import BuiltIn
from skgmm.covariance._structure import Structure


class AxisAlignedStructure(Structure):
    """Common to the diagonal families: users see `shape`, we compute with (m, d)."""

    scatter = Scatter.DIAGONAL
    equivariant = "axes"

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components, n_features)

    def minimum_rows(self, n_components: int, n_features: int) -> int:
        return 2 * n_components

    def fills_shape(self, n_components: int, n_features: int) -> bool:
        numbers = prod(self.shape(n_components, n_features))
        return self.n_parameters(n_components, n_features) == numbers

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

    def public(self, covariance: Covariance, n_components: int) -> tuple[Array, Array, Array]:
        factor = covariance.factor
        each = np.broadcast_to(factor, (n_components, factor.shape[1]))
        factors = np.array(self._unstack(each))
        return factors**-2.0, factors**2.0, factors

    def check_positive_definite(self, matrices: Array, quantity: str) -> None:
        if not (matrices > 0).all():
            k = int(np.argmin(matrices.reshape(len(matrices), -1).min(axis=1)))
            raise ValueError(
                f"'{self.name} {quantity}' should be positive, but that of component {k} is "
                f"{matrices[k].min():.3g} at its smallest, against {matrices[k].max():.3g} at its "
                "largest: add to it, or use a covariance_type with fewer parameters"
            )


class Diagonal(BuiltIn, AxisAlignedStructure):
    """Variances of its own for each component and feature."""

    name = "diag"
    in_words = "axis-aligned, varying volume and shape"
    m_step = "VVI"


class TiedDiagonal(BuiltIn, AxisAlignedStructure):
    """One variance for each feature, shared by all components."""

    name = "tied-diag"
    in_words = "axis-aligned, equal volume and shape"
    m_step = "EEI"

    def minimum_rows(self, n_components: int, n_features: int) -> int:
        return n_components + 1


class EqualShapeDiagonal(BuiltIn, AxisAlignedStructure):
    """The same variances in all components, up to a factor for each (Celeux & Govaert 1995)."""

    in_words = "axis-aligned, varying volume, equal shape"
    m_step = "VEI"


class EqualVolumeDiagonal(BuiltIn, AxisAlignedStructure):
    """Variances of its own for each component, with the same product (Celeux & Govaert 1995)."""

    in_words = "axis-aligned, equal volume, varying shape"
    m_step = "EVI"
