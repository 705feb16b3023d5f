"""tied: one covariance matrix shared by all components (EEE)."""

import numpy as np

from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm.covariance._base import Ellipsoidal
from skgmm.covariance._ellipsoidal import EllipsoidalStructure


class Tied(EllipsoidalStructure):
    name = "tied"
    in_words = "ellipsoidal, equal volume, shape and orientation"
    scatter = Scatter.POOLED

    def _maximise(self, moments: Moments, floor: Array, empty: Array) -> Ellipsoidal:
        covariance = moments.scatter / moments.mass.sum() + np.diag(floor)
        return Ellipsoidal.from_dense(covariance[None])

    def _unstack(self, stack: Array) -> Array:
        return stack[0]

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_features * (n_features + 1) // 2

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_features, n_features)

    def minimum_rows(self, n_components: int, n_features: int) -> int:
        return n_components + n_features
