"""Structures whose components share their axes: EVE and VVE (common principal components).

An M-step starts its search at the previous axes (`_kernels/m_step/`). Without any, several starts
are tried here, unless it is to stay near known axes.
"""

from __future__ import annotations

from copy import copy

import numpy as np

from skgmm._linalg import Array
from skgmm.covariance._axes import common_axes
from skgmm.covariance._base import CommonAxes, Covariance
from skgmm.covariance._built_in import BuiltIn
from skgmm.covariance._ellipsoidal import EllipsoidalStructure
from skgmm.covariance._structure import MStepStatistics


class CommonAxesStructure(BuiltIn, EllipsoidalStructure):
    """Common to both."""

    equivariant = "rotation"
    several_optima = True
    near_axes: Array | None = None

    def near(self, covariance: Covariance) -> CommonAxesStructure:
        if not isinstance(covariance, CommonAxes) or covariance.axes is None:
            return self
        there = copy(self)
        there.near_axes, there.several_optima = covariance.axes, False
        return there

    def _maximise(self, statistics: MStepStatistics, previous: Covariance | None) -> CommonAxes:
        known = previous.axes if isinstance(previous, CommonAxes) else self.near_axes
        axes = self._first_axes(statistics) if known is None else np.array(known)
        factors = self._factors(statistics, previous, axes, known is not None)
        return CommonAxes(factors, axes)

    def _first_axes(self, statistics: MStepStatistics) -> Array:
        filled = statistics.mass > 0
        scatter, mass = statistics.scatter[filled], statistics.mass[filled]
        traces = np.trace(scatter, axis1=1, axis2=2)
        if len(scatter) == 1 or not (traces > 0).all():  # nothing to search for
            return np.eye(scatter.shape[-1])
        return common_axes(scatter, *self._mean(mass, scatter.shape[-1]))

    def _mean(self, mass: Array, n_features: int) -> tuple[Array, float]:
        """Weights (K,) and exponent of the power mean that the axes minimise."""
        raise NotImplementedError


class CommonPrincipalComponents(CommonAxesStructure):
    """Variances of its own for each component, along axes that all share."""

    in_words = "ellipsoidal, varying volume and shape, equal orientation"
    m_step = "VVE"

    def _mean(self, mass: Array, n_features: int) -> tuple[Array, float]:
        return mass, 0.0


class EqualVolumeCommonAxes(CommonAxesStructure):
    """The same, with equal volumes."""

    in_words = "ellipsoidal, equal volume and orientation, varying shape"
    m_step = "EVE"

    def _mean(self, mass: Array, n_features: int) -> tuple[Array, float]:
        return np.ones_like(mass), 1.0 / n_features
