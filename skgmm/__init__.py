"""Gaussian mixture models for scikit-learn, right in every digit."""

from skgmm._mixture import GaussianMixtureEM
from skgmm._show_versions import show_versions
from skgmm._sources import RowBlocks
from skgmm._version import __version__
from skgmm.model_selection import (
    BootstrapLRT,
    GaussianMixtureSearch,
    ParameterUncertainty,
    aic_scorer,
    bic_scorer,
    bootstrap_lrt,
    icl_scorer,
    parameter_uncertainty,
)

__all__ = [
    "BootstrapLRT",
    "GaussianMixtureEM",
    "GaussianMixtureSearch",
    "ParameterUncertainty",
    "RowBlocks",
    "__version__",
    "aic_scorer",
    "bic_scorer",
    "bootstrap_lrt",
    "icl_scorer",
    "parameter_uncertainty",
    "show_versions",
]
