"""Structures whose covariances are one variance times the identity: EII and VII."""

import numpy as np

from skgmm._linalg import Array
from skgmm.covariance._axis_aligned import AxisAlignedStructure
from skgmm.covariance._built_in import BuiltIn


class SphericalStructure(AxisAlignedStructure):
    """Users see one variance for each component, we compute with one for each feature."""

    equivariant = "rotation"

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components,)

    def _stack(self, public: Array, n_features: int) -> Array:
        public = np.asarray(public, dtype=np.float64)
        return np.repeat(public[:, None], n_features, axis=1)

    def _unstack(self, stack: Array) -> Array:
        return stack[:, 0]


class Spherical(BuiltIn, SphericalStructure):
    """One variance for each component."""

    name = "spherical"
    in_words = "spherical, varying volume"
    m_step = "VII"


class TiedSpherical(BuiltIn, SphericalStructure):
    """One variance for all: the model that k-means has in mind."""

    name = "tied-spherical"
    in_words = "spherical, equal volume"
    m_step = "EII"

    def minimum_rows(self, n_components: int, n_features: int) -> int:
        return n_components + 1
