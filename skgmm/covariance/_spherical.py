"""spherical: one variance for each component (VII)."""

import numpy as np

from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm.covariance._axis_aligned import AxisAlignedStructure
from skgmm.covariance._base import AxisAligned


class Spherical(AxisAlignedStructure):
    name = "spherical"
    in_words = "spherical, varying volume"
    scatter = Scatter.DIAGONAL

    def _maximise(self, moments: Moments, floor: Array, empty: Array) -> AxisAligned:
        mass = np.where(empty, 1.0, moments.mass)
        variances = moments.scatter.mean(axis=1) / mass + floor.mean()
        variances[empty] = 1.0
        return AxisAligned.from_variances(self._stack(variances, len(floor)))

    def _unresolved(self, features: Array) -> Array:
        return np.all(features, axis=1)

    def _stack(self, public: Array, n_features: int) -> Array:
        public = np.asarray(public, dtype=np.float64)
        return np.repeat(public[:, None], n_features, axis=1)

    def _unstack(self, stack: Array) -> Array:
        return stack[:, 0]

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_components

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components,)

    def minimum_rows(self, n_components: int, n_features: int) -> int:
        return 2 * n_components
