"""Unconstrained coordinates of the mixtures around one of them, for quasi-Newton steps.

What they are is said, and done, in `_kernels/fit/coordinates.hpp`.
"""

from __future__ import annotations

import numpy as np

from skgmm import _kernels
from skgmm._kernels import Sums, least_noise, packed
from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm._objective import Objective
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
    objective : Objective or None
        Its prior and what it holds fixed count.
    """

    def __init__(
        self,
        anchor: MixtureParameters,
        moments: Moments,
        ties: Ties,
        objective: Objective | None = None,
    ) -> None:
        # Where nothing is fixed and there is no prior, the kernel knows the gradient.
        plain = objective is None or (objective.prior is None and objective.fixed is None)
        self.objective = None if plain else objective
        self.form = moments.form
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
        self.free = MixtureParameters(log_weights, means, covariance_of(factors, axes))
        objective = coordinates.objective
        self.parameters = self.free if objective is None else objective.feasible(self.free)

    def gradient(self, moments: Moments) -> Array:
        """Gradient of the objective, total, from the Moments of `parameters`; (size,)."""
        if self.coordinates.objective is not None:
            return self.gradient_of_sums(self._sums(self.coordinates.objective, moments))
        out = np.empty(self.coordinates.size)
        self.coordinates.compiled.gradient(self.vector, packed(sums_of(moments)), out)
        return out

    def _sums(self, objective: Objective, moments: Moments) -> Sums:
        """Sums with the gradient of what is not fixed, the prior included.

        The kernel takes one count for weights and covariances: the second moments make up for
        where these differ, as the gradient is 0 for those of the covariance itself.
        """
        moments, mixture, form = objective.with_prior(moments), self.parameters, moments.form
        counts = moments.counted
        shift = moments.mean - mixture.means
        held = None if objective.fixed is None else objective.fixed.weights
        noise = moments.total_weight - moments.mass.sum()
        mass = _slope_of_weights(counts.weights, noise, self.free.weights, held)
        covariance = self.free.covariance  # which the kernel knows
        own = form.of_covariance(covariance.dense(), mass - counts.covariances)
        second = moments.scatter + form.outer(counts.means[:, None], shift[:, None, :]) + own
        sums = Sums(mass, counts.means[:, None] * shift, second, 0.0, 0.0)
        if objective.fixed is None:
            return sums
        return objective.fixed.stationary(sums, covariance, form)

    def gradient_of_sums(self, sums: Sums) -> Array:
        """The same from any sums about the means of `parameters`."""
        out = np.empty(self.coordinates.size)
        self.coordinates.compiled.gradient_of_sums(self.vector, packed(sums), out)
        return out


def _slope_of_weights(counts: Array, noise: float, weights: Array, held: Array | None) -> Array:
    """Gradient of the ECLL in the logarithms of weights that are then normalised, (K,).

    Parameters
    ----------
    counts : ndarray of shape (K,)
        Samples that count for each component's weight.
    noise : float
        Samples of noise, which keeps its own logarithm.
    weights : ndarray of shape (K,)
        Normalised, before those that are held get their values.
    held : ndarray of shape (K,) or None
        Which are held, in proportion to what is not noise.
    """
    total = weights.sum()
    left = 1.0 - total if 1.0 - total > least_noise else 0.0
    slope = weights * (counts.sum() * left / total - (noise if left else 0.0))
    free = np.ones(len(weights), dtype=bool) if held is None else ~held
    if free.any():
        own = weights[free] / weights[free].sum()
        slope[free] += counts[free] - counts[free].sum() * own
    return slope
