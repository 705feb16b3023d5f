"""full: a covariance matrix of its own for each component (VVV)."""

import numpy as np

from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm.covariance._base import Ellipsoidal
from skgmm.covariance._ellipsoidal import EllipsoidalStructure


class Full(EllipsoidalStructure):
    name = "full"
    in_words = "ellipsoidal, varying volume, shape and orientation"
    scatter = Scatter.FULL

    def _maximise(self, moments: Moments, floor: Array, empty: Array) -> Ellipsoidal:
        mass = np.where(empty, 1.0, moments.mass)
        covariances = moments.scatter / mass[:, None, None] + np.diag(floor)
        covariances[empty] = np.eye(len(floor))
        return Ellipsoidal.from_dense(covariances)

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_components * n_features * (n_features + 1) // 2

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components, n_features, n_features)

    def minimum_rows(self, n_components: int, n_features: int) -> int:
        return n_components * (n_features + 1)
