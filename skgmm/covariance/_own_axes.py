"""Structures of equal shape whose components have axes of their own: EEV and VEV.

The best axes are the eigenvectors of each component's scatter, whatever the shape, as long as both
are in the same order (Celeux & Govaert 1995).
"""

from skgmm.covariance._built_in import BuiltIn
from skgmm.covariance._ellipsoidal import EllipsoidalStructure


class OwnAxesStructure(EllipsoidalStructure):
    """Common to both."""

    equivariant = "rotation"

    def minimum_rows(self, n_components: int, n_features: int) -> int:
        return max(2 * n_components, n_components + n_features)


class EqualVolumeAndShape(BuiltIn, OwnAxesStructure):
    """The same ellipsoid for all components, turned."""

    in_words = "ellipsoidal, equal volume and shape, varying orientation"
    m_step = "EEV"


class EqualShape(BuiltIn, OwnAxesStructure):
    """The same ellipsoid for all components, turned and scaled."""

    in_words = "ellipsoidal, equal shape, varying volume and orientation"
    m_step = "VEV"
