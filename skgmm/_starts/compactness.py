"""How compact the components of an optimum are.

Two criteria of Friedman and Rubin (1967) for groups are averaged. The log-determinant of the
pooled covariance within components finds clusters that are thin in any direction, but a direction
of hardly any variance counts as much as all others, and with few samples such variances are
imprecise. The trace, with features scaled to variance 1, is what k-means minimises: it depends on
the directions in which clusters are far apart. Neither depends on units.

In the trace a feature does not count if its values stand for cells (dummies, one-hot, counts, zeros
of a measurement that has many): a component of one value has no variance there, and would seem
compact for it.
"""

from __future__ import annotations

import numpy as np

from skgmm._moments import Moments, Scatter
from skgmm._objective import Objective
from skgmm._rows.base import InMemoryRows
from skgmm._rows.scale_of_rows import scale_of_rows
from skgmm._starts.candidates import within_volume


class Compactness:
    """Of the components of mixtures of the same samples.

    Parameters
    ----------
    objective : Objective
        Of whole samples in memory.
    """

    def __init__(self, objective: Objective) -> None:
        rows = objective.rows
        assert isinstance(rows, InMemoryRows)
        moments = rows.overall_moments(Scatter.DIAGONAL)
        variances = moments.scatter[0] / moments.total_weight
        varying = variances > 0
        smooth = varying & (scale_of_rows(rows).steps == 0)  # also with a given `reg_covar`
        self._counted = np.flatnonzero(smooth if smooth.any() else varying)
        self._variances = variances[self._counted]

    def spread(self, moments: Moments) -> float:
        """The logarithm of a volume within components, lower for compact ones."""
        return 0.5 * (within_volume(moments) + self.log_trace(moments))

    def log_trace(self, moments: Moments) -> float:
        """That of a sphere with the mean variance of the features within components."""
        diagonals = np.atleast_2d(moments.form.diagonal(moments.scatter))
        within = diagonals.sum(axis=0)[self._counted] / moments.total_weight / self._variances
        d = len(within)
        return d * float(np.log(max(within.mean(), np.finfo(float).tiny))) if d else 0.0
