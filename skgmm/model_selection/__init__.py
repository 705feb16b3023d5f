"""Model selection: number of components, covariance structure, and uncertainty."""

from skgmm.model_selection._all_samples import AllSamples
from skgmm.model_selection._bootstrap import BootstrapLRT, bootstrap_lrt
from skgmm.model_selection._report import SearchReport
from skgmm.model_selection._scorers import CriterionScorer, aic_scorer, bic_scorer, icl_scorer
from skgmm.model_selection._search import GaussianMixtureSearch
from skgmm.model_selection._uncertainty import parameter_uncertainty
from skgmm.model_selection._uncertainty_result import ParameterUncertainty, Uncertainty

__all__ = [
    "AllSamples",
    "BootstrapLRT",
    "CriterionScorer",
    "GaussianMixtureSearch",
    "ParameterUncertainty",
    "SearchReport",
    "Uncertainty",
    "aic_scorer",
    "bic_scorer",
    "bootstrap_lrt",
    "icl_scorer",
    "parameter_uncertainty",
]
