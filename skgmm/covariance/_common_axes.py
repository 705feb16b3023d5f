"""Structures whose components share their axes: EVE and VVE (common principal components).

With B_k the scatters along the axes, best variances inserted, what is left to minimise over the
axes (-ECLL) depends on the B only: n_k / 2 sum_j log B_kj summed over k for VVE (Flury 1984), and
n d / 2 log sum_k |B_k|^(1/d) for EVE (Celeux & Govaert 1995; Browne & McNicholas 2014).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skgmm._linalg import Array
from skgmm.covariance._axes import along, common_axes
from skgmm.covariance._base import Covariance, Ellipsoidal
from skgmm.covariance._ellipsoidal import EllipsoidalStructure
from skgmm.covariance._structure import Spread, Ties, refuse, vanishing
from skgmm.covariance._volumes import equalised


@dataclass(frozen=True)
class CommonAxes(Ellipsoidal):
    """Covariances that may know their axes (d, d), where the next iteration starts."""

    axes: Array | None = None


class CommonAxesStructure(EllipsoidalStructure):
    """Common to both."""

    equivariant = "rotation"
    several_optima = True

    def _maximise(self, spread: Spread, previous: Covariance | None) -> CommonAxes:
        filled = spread.filled
        refuse(np.trace(spread.own_scatter, axis1=1, axis2=2) <= 0)
        known = previous.axes if isinstance(previous, CommonAxes) else None
        scatter, mass = spread.scatter, spread.mass
        if not filled.all():
            scatter, mass = scatter[filled], mass[filled]
        axes = common_axes(scatter, *self._mean(mass, scatter.shape[-1]), known)
        own = along(axes, spread.own_scatter)
        refuse(filled & vanishing(own))
        variances = self._variances(own, spread)
        each = np.broadcast_to(axes, (len(own), *axes.shape))
        return CommonAxes(Ellipsoidal.from_axes(each, variances).factor, axes)

    def _mean(self, mass: Array, n_features: int) -> tuple[Array, float]:
        """Weights (K,) and exponent of the power mean that the axes minimise."""
        raise NotImplementedError

    def _variances(self, own: Array, spread: Spread) -> Array:
        raise NotImplementedError


class CommonPrincipalComponents(CommonAxesStructure):
    """Variances of its own for each component, along axes that all share."""

    name = "VVE"
    in_words = "ellipsoidal, varying volume and shape, equal orientation"
    compiled = "VVE"
    ties = Ties("V", "V", "E")

    def _mean(self, mass: Array, n_features: int) -> tuple[Array, float]:
        return mass, 0.0

    def _variances(self, own: Array, spread: Spread) -> Array:
        return own / spread.own_mass[:, None]

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_components * n_features + n_features * (n_features - 1) // 2


class EqualVolumeCommonAxes(CommonAxesStructure):
    """The same, with equal volumes."""

    name = "EVE"
    in_words = "ellipsoidal, equal volume and orientation, varying shape"
    compiled = "EVE"
    ties = Ties("E", "V", "E")

    def _mean(self, mass: Array, n_features: int) -> tuple[Array, float]:
        return np.ones_like(mass), 1.0 / n_features

    def _variances(self, own: Array, spread: Spread) -> Array:
        return own * equalised(np.log(own).mean(axis=1), spread)[:, None]

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return 1 + n_components * (n_features - 1) + n_features * (n_features - 1) // 2
