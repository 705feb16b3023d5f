"""Structures of equal shape whose components have axes of their own: EEV and VEV.

The best axes are the eigenvectors of each component's scatter, whatever the shape, as long as both
are in the same order (Celeux & Govaert 1995).
"""

import numpy as np

from skgmm._linalg import Array
from skgmm.covariance._base import Covariance, Ellipsoidal
from skgmm.covariance._ellipsoidal import EllipsoidalStructure
from skgmm.covariance._structure import Spread, Ties, refuse, vanishing
from skgmm.covariance._volumes import equal_shapes


class OwnAxesStructure(EllipsoidalStructure):
    """Common to both."""

    equivariant = "rotation"

    def minimum_rows(self, n_components: int, n_features: int) -> int:
        return max(2 * n_components, n_components + n_features)

    def _maximise(self, spread: Spread, previous: Covariance | None) -> Ellipsoidal:
        lengths, axes = np.linalg.eigh(spread.own_scatter)
        # What is within rounding of 0 is 0: shared shapes can do without, volumes must know.
        rounding = 4 * lengths.shape[1] * np.finfo(np.float64).eps * lengths[:, -1:]
        lengths = np.where(lengths > rounding, lengths, 0.0)
        return Ellipsoidal.from_axes(axes, self._variances(lengths, spread, previous))

    def _variances(self, lengths: Array, spread: Spread, previous: Covariance | None) -> Array:
        raise NotImplementedError


class EqualVolumeAndShape(OwnAxesStructure):
    """The same ellipsoid for all components, turned."""

    name = "EEV"
    in_words = "ellipsoidal, equal volume and shape, varying orientation"
    compiled = "EEV"
    ties = Ties("E", "E", "V")

    def _variances(self, lengths: Array, spread: Spread, previous: Covariance | None) -> Array:
        shared = lengths[spread.filled].sum(axis=0)[None] / spread.total
        refuse(np.repeat(vanishing(shared), len(lengths)))
        return np.repeat(shared, len(lengths), axis=0)

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_features + n_components * n_features * (n_features - 1) // 2


class EqualShape(OwnAxesStructure):
    """The same ellipsoid for all components, turned and scaled."""

    name = "VEV"
    in_words = "ellipsoidal, equal shape, varying volume and orientation"
    compiled = "VEV"
    ties = Ties("V", "E", "V")

    def _variances(self, lengths: Array, spread: Spread, previous: Covariance | None) -> Array:
        volumes, shape = equal_shapes(lengths, spread, previous)
        return volumes[:, None] * shape

    def n_parameters(self, n_components: int, n_features: int) -> int:
        rotations = n_components * n_features * (n_features - 1) // 2
        return n_components + n_features - 1 + rotations
