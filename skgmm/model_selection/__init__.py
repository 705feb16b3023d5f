"""Model selection: number of components, covariance structure, and uncertainty."""

from skgmm.model_selection._all_samples import AllSamples
from skgmm.model_selection._bootstrap import BootstrapLRT, bootstrap_lrt
from skgmm.model_selection._scorers import CriterionScorer, aic_scorer, bic_scorer, icl_scorer
from skgmm.model_selection._search import GaussianMixtureSearch
from skgmm.model_selection._uncertainty import (
    ParameterUncertainty,
    Uncertainty,
    parameter_uncertainty,
)

__all__ = [
    "AllSamples",
    "BootstrapLRT",
    "CriterionScorer",
    "GaussianMixtureSearch",
    "ParameterUncertainty",
    "Uncertainty",
    "aic_scorer",
    "bic_scorer",
    "bootstrap_lrt",
    "icl_scorer",
    "parameter_uncertainty",
]
