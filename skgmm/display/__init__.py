"""Pictures of mixtures, by scikit-learn's Display convention.

``from_estimator`` computes and draws, ``plot`` draws again, ``ax_`` and ``figure_`` are for what
you want to add. matplotlib is imported when a picture is drawn: ``pip install 'skgmm[plots]'``.
"""

from skgmm.display._convergence import ConvergenceDisplay
from skgmm.display._criterion import CriterionDisplay
from skgmm.display._mixture import MixtureDisplay
from skgmm.display._uncertainty import UncertaintyDisplay

__all__ = ["ConvergenceDisplay", "CriterionDisplay", "MixtureDisplay", "UncertaintyDisplay"]
