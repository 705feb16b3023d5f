"""Plots of mixtures, with scikit-learn's Display convention.

``from_estimator`` computes and plots, ``plot`` plots again, ``ax_`` and ``figure_`` allow
additions. Plots need matplotlib, which is imported on use.
"""

from skgmm.display._cdf import CDFDisplay
from skgmm.display._conditional import ConditionalDisplay
from skgmm.display._convergence import ConvergenceDisplay
from skgmm.display._criterion import CriterionDisplay
from skgmm.display._entropy import EntropyDisplay
from skgmm.display._mahalanobis import MahalanobisDisplay
from skgmm.display._mixture import MixtureDisplay
from skgmm.display._uncertainty import UncertaintyDisplay

__all__ = [
    "CDFDisplay",
    "ConditionalDisplay",
    "ConvergenceDisplay",
    "CriterionDisplay",
    "EntropyDisplay",
    "MahalanobisDisplay",
    "MixtureDisplay",
    "UncertaintyDisplay",
]
