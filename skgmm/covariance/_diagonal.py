"""diag: variances of its own for each component and feature, no correlation (VVI)."""

import numpy as np

from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm.covariance._axis_aligned import AxisAlignedStructure
from skgmm.covariance._base import AxisAligned


class Diagonal(AxisAlignedStructure):
    name = "diag"
    in_words = "axis-aligned, varying volume and shape"
    scatter = Scatter.DIAGONAL

    def _maximise(self, moments: Moments, floor: Array, empty: Array) -> AxisAligned:
        mass = np.where(empty, 1.0, moments.mass)
        variances = moments.scatter / mass[:, None] + floor
        variances[empty] = 1.0
        return AxisAligned.from_variances(variances)

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_components * n_features

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components, n_features)

    def minimum_rows(self, n_components: int, n_features: int) -> int:
        return 2 * n_components
