"""Unconstrained coordinates of the mixtures around one of them, for quasi-Newton steps.

What they are is said, and done, in `_kernels/fit/coordinates.hpp`.
"""

from __future__ import annotations

import numpy as np

from skgmm import _kernels
from skgmm._kernels import Sums, packed
from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm._parameters import MixtureParameters
from skgmm.covariance import Covariance, Ties
from skgmm.covariance._base import covariance_of
from skgmm.covariance._principal_axes import principal_axes


def in_form(covariance: Covariance, ties: Ties, form: Scatter, n_components: int) -> Covariance:
    """The same covariances, with as many factors as coordinates move: one if nothing varies."""
    n_factors = n_components if "V" in ties.code else 1
    return covariance.with_factors(n_factors, form is not Scatter.DIAGONAL)


def sums_of(moments: Moments) -> Sums:
    """Moments as the kernel knows them."""
    return Sums(
        moments.mass, moments.mean, moments.scatter, moments.objective, moments.total_weight
    )


class Coordinates:
    """The mixtures around an anchor, by vectors that are 0 there.

    Parameters
    ----------
    anchor : MixtureParameters
    moments : Moments
        Of the anchor.
    ties : Ties
    """

    def __init__(self, anchor: MixtureParameters, moments: Moments, ties: Ties) -> None:
        self.form = moments.form.kernel_form
        self.means = anchor.means
        covariance = in_form(anchor.covariance, ties, moments.form, anchor.n_components)
        principal = principal_axes(covariance, ties)
        factors = covariance.kernel_factors
        self.factor_shape = factors.shape
        self.shares_axes = ties.turn and ties.rotation == "E"
        self.compiled = _kernels.Coordinates(
            anchor.log_weights,
            anchor.means,
            factors,
            moments.mass,
            moments.total_weight,
            int(self.form),
            ties.code,
            *(principal or (None, None)),
        )
        self.size = self.compiled.size

    def at(self, vector: Array) -> Point:
        """The mixture at a vector (size,).

        Raises
        ------
        FloatingPointError
            If it is so far from the anchor that it is none.
        """
        return Point(self, vector)


class Point:
    """One of the mixtures, its `parameters`, and the gradient there."""

    def __init__(self, coordinates: Coordinates, vector: Array) -> None:
        self.coordinates, self.vector = coordinates, vector.copy()
        K, d = coordinates.means.shape
        log_weights, means, factors = (
            np.empty(K),
            np.empty((K, d)),
            np.empty(coordinates.factor_shape),
        )
        axes = np.empty((d, d)) if coordinates.shares_axes else None
        if not coordinates.compiled.at(vector, log_weights, means, factors, axes):
            raise FloatingPointError("parameters are not finite")
        self.parameters = MixtureParameters(log_weights, means, covariance_of(factors, axes))

    def gradient(self, moments: Moments) -> Array:
        """Gradient of the objective, total, from the Moments of `parameters`; (size,)."""
        out = np.empty(self.coordinates.size)
        sums = packed(sums_of(moments), self.coordinates.form)
        self.coordinates.compiled.gradient(self.vector, sums, out)
        return out

    def gradient_of_sums(self, sums: Sums) -> Array:
        """The same from any sums about the means of `parameters`."""
        out = np.empty(self.coordinates.size)
        packed_sums = packed(sums, self.coordinates.form)
        self.coordinates.compiled.gradient_of_sums(self.vector, packed_sums, out)
        return out
