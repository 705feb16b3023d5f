"""Gaussian mixture models for scikit-learn, right in every digit."""

from skgmm._mixture import GaussianMixtureEM
from skgmm._show_versions import show_versions

__version__ = "0.1.0"
__all__ = ["GaussianMixtureEM", "__version__", "show_versions"]
