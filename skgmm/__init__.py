"""Gaussian mixture models for scikit-learn, right in every digit."""

from skgmm._mixture import GaussianMixtureEM
from skgmm._show_versions import show_versions
from skgmm._sources import RowBlocks

__version__ = "0.1.0"
__all__ = ["GaussianMixtureEM", "RowBlocks", "__version__", "show_versions"]
