"""Covariance structures: one small file per family, and the registry of their names."""

from skgmm.covariance._base import Covariance, IllDefinedCovarianceError, Structure
from skgmm.covariance._diagonal import Diagonal
from skgmm.covariance._full import Full
from skgmm.covariance._spherical import Spherical
from skgmm.covariance._tied import Tied

STRUCTURES: dict[str, Structure] = {
    structure.name: structure for structure in (Full(), Tied(), Diagonal(), Spherical())
}

__all__ = ["STRUCTURES", "Covariance", "IllDefinedCovarianceError", "Structure"]
