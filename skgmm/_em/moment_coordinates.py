"""Quasi-Newton steps for a structure of which nothing is known but its M-step.

The mixture is a function of moments s: what the M-step makes of them. Its ECLL given s, psi(s), is
a maximum over functions linear in s, so convex, and its slope is the natural parameters eta(s) of
the mixture: of each component the precision, its product with the mean, and the logarithm of the
weighted density at a fixed point; of noise the logarithm of its weight. By Fisher's identity the
gradient of the log-likelihood is then

    psi''(s) (s' - s),   the derivative of eta from s towards s',

with s' the Moments of an E-step. A derivative along a line takes two more M-steps, and no rows.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from skgmm._em.coordinates import Coordinates, Point, in_form
from skgmm._kernels import Sums, least_noise
from skgmm._linalg import Array, triangular_inverse
from skgmm._moments import Counts, Moments, Scatter
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters
from skgmm.covariance import Ties

# The families of all moments in these forms.
_FREE = {
    Scatter.FULL: Ties("V", "V", "V"),
    Scatter.DIAGONAL: Ties("V", "V", "I"),
    Scatter.POOLED: Ties("E", "E", "E"),
}

# Where weights leave no more than this, they sum to 1 but for rounding.
_LOG_LEAST_NOISE = float(np.log(least_noise))

# Differences are taken over half the way to the moments of the rows, and over less if the whole is
# more than this in units of the coordinates.
_STEP = 0.01


class MomentCoordinates:
    """The mixtures that the M-step makes of moments around an anchor's, which are at 0.

    Moments are told by the mixtures without ties whose own moments they are, in the coordinates of
    that family.
    """

    def __init__(self, objective: Objective, anchor: MixtureParameters, moments: Moments) -> None:
        self.objective, self.anchor = objective, anchor
        self.form, self.total_weight = moments.form, moments.total_weight
        self.ties = _FREE[self.form]
        free = in_form(anchor.covariance, self.ties, self.form, anchor.n_components)
        self.noisy = anchor.log_noise_weight > _LOG_LEAST_NOISE
        self.untied = Coordinates(replace(anchor, covariance=free), moments, self.ties)
        self.size = self.untied.size
        self.seen = objective.seen_before(anchor.n_components)

    def at(self, vector: Array) -> MomentPoint:
        """The mixture at a vector (size,)."""
        return MomentPoint(self, self.untied.at(vector))


class MomentPoint:
    """One of the mixtures, its `parameters`, and the gradient there."""

    def __init__(self, coordinates: MomentCoordinates, free: Point) -> None:
        self.coordinates, self.free = coordinates, free
        self.moments = self._moments()
        self.parameters = coordinates.objective.maximise_all(self.moments, coordinates.anchor)
        # Natural parameters are taken in units of the covariances here, in which these are 1:
        # `whitening` takes vectors there, and its inverse back.
        covariance = free.parameters.covariance
        self.diagonal, self.whitening = covariance.diagonal, covariance.whitening
        self.units = 1.0 / self.whitening if self.diagonal else triangular_inverse(self.whitening)

    def _moments(self) -> Moments:
        """Those of which an M-step without ties makes what is at this point, with the prior's."""
        coordinates, mixture = self.coordinates, self.free.parameters
        form, total, seen = coordinates.form, coordinates.total_weight, coordinates.seen
        of_weights = (total + seen.weights.sum()) * mixture.weights
        mass = of_weights - seen.weights
        counts = Counts(of_weights, mass + seen.means, mass + seen.covariances)
        scatter = form.of_covariance(mixture.covariance.dense(), counts.covariances)
        return Moments(form, mass, mixture.means, scatter, 0.0, total, counts)

    def gradient(self, moments: Moments) -> Array:
        """Gradient of the objective, total, from the Moments of `parameters`; (size,).

        A change of the natural parameters is a quadratic function; its moments under the mixture
        here are those whose gradient is sought.
        """
        moments = self.coordinates.objective.with_prior(moments)
        counts, (constants, pulls, precisions, noise) = self.moments.counted, self._change(moments)
        mass, of_covariances = counts.weights, counts.covariances
        if self.diagonal:
            weights = mass * (constants - 0.5 * precisions.sum(axis=1))
            second = self.units**2 * (weights[:, None] - of_covariances[:, None] * precisions)
        else:
            weights = mass * (constants - 0.5 * np.trace(precisions, axis1=1, axis2=2))
            identity = np.eye(precisions.shape[1])
            inner = weights[:, None, None] * identity - of_covariances[:, None, None] * precisions
            second = self.units @ inner @ np.swapaxes(self.units, 1, 2)
        if self.coordinates.form is Scatter.POOLED:
            second = second.sum(axis=0)
        first = counts.means[:, None] * self._times(self.units, pulls)
        total = weights.sum() + (self.moments.total_weight - self.moments.mass.sum()) * noise[0]
        return self.free.gradient_of_sums(Sums(weights, first, second, 0.0, total))

    def _change(self, moments: Moments) -> tuple[Array, ...]:
        """Derivative of the natural parameters towards the moments."""
        away = np.abs(self.free.gradient(moments)).max() / moments.total_weight
        part = 0.5 * min(1.0, _STEP / away) if away > 0 else 0.5
        here = self._natural(self.parameters)
        halfway, there = (
            self._natural(self.coordinates.objective.maximise_all(mixed, self.parameters))
            for mixed in (
                self.moments.scaled(1.0 - share) + moments.scaled(share)
                for share in (0.5 * part, part)
            )
        )
        return tuple(
            (4.0 * (b - a) - (c - a)) / part for a, b, c in zip(here, halfway, there, strict=True)
        )

    def _natural(self, mixture: MixtureParameters) -> tuple[Array, ...]:
        """Natural parameters about this point: log-normalisers (K,), precisions x means (K, d),
        precisions (m, d, d) or (m, d), and the log-weight of noise (1,), 0 where there is none.
        """
        coordinates = self.coordinates
        shift = self._times(self.whitening, mixture.means - self.free.parameters.means)
        whitening = in_form(
            mixture.covariance, coordinates.ties, coordinates.form, mixture.n_components
        ).whitening
        if self.diagonal:
            precisions = (whitening * self.units) ** 2
        else:
            root = whitening @ self.units
            precisions = np.swapaxes(root, 1, 2) @ root
        pulls = self._times(precisions, shift)
        constants = np.where(mixture.log_weights > -np.inf, mixture.log_weights, 0.0)
        constants = constants - 0.5 * (mixture.covariance.log_det + (pulls * shift).sum(axis=1))
        log_noise = mixture.log_noise_weight if coordinates.noisy else 0.0
        noise = np.array([log_noise if log_noise > -np.inf else 0.0])
        return constants, pulls, precisions, noise

    def _times(self, matrices: Array, vectors: Array) -> Array:
        """Each component's vector (K, d) times its matrix."""
        return matrices * vectors if self.diagonal else (matrices @ vectors[:, :, None])[:, :, 0]
