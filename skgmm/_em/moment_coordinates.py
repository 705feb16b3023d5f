"""Quasi-Newton steps for a structure of which nothing is known but its M-step.

The mixture is a function of moments s: what the M-step makes of them. Its ECLL given s, psi(s), is
a maximum over functions linear in s, so convex, and its slope is the natural parameters eta(s) of
the mixture: of each component the precision, its product with the mean, and the logarithm of the
weighted density at a fixed point. By Fisher's identity the gradient of the log-likelihood is then

    psi''(s) (s' - s),   the derivative of eta from s towards s',

with s' the Moments of an E-step. A derivative along a line takes two more M-steps, and no rows.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from skgmm._em.coordinates import Coordinates, Point
from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm._objective import Problem
from skgmm._parameters import MixtureParameters
from skgmm.covariance import Covariance, Ellipsoidal, Ties
from skgmm.covariance._coordinates import times_precision

# The families of all moments in these forms.
_FREE = {
    Scatter.FULL: Ties("V", "V", "V"),
    Scatter.DIAGONAL: Ties("V", "V", "I"),
    Scatter.POOLED: Ties("E", "E", "E"),
}

# Differences are taken over half the way to the moments of the rows, and over less if the whole is
# more than this in units of the chart.
_STEP = 0.01


class MomentCoordinates:
    """The mixtures that the M-step makes of moments around an anchor's, which are at 0.

    They are charted by mixtures without ties whose own moments they are, in the coordinates of
    that family.
    """

    def __init__(self, problem: Problem, anchor: MixtureParameters, moments: Moments) -> None:
        self.problem, self.anchor = problem, anchor
        self.form, self.total_weight = moments.form, moments.total_weight
        free = replace(anchor, covariance=_free(anchor.covariance, self.form))
        self.chart = Coordinates(free, moments, _FREE[self.form])
        self.size = self.chart.size

    def at(self, vector: Array) -> MomentPoint:
        """The mixture at a vector (size,)."""
        return MomentPoint(self, self.chart.at(vector))


class MomentPoint:
    """One of the mixtures, its `parameters`, and the gradient there."""

    def __init__(self, coordinates: MomentCoordinates, free: Point) -> None:
        self.coordinates, self.free = coordinates, free
        self.moments = self._moments()
        self.parameters = coordinates.problem.maximise(self.moments, coordinates.anchor)

    def _moments(self) -> Moments:
        """Those of which an M-step without ties makes what is at this point."""
        coordinates, mixture = self.coordinates, self.free.parameters
        form, mass = coordinates.form, coordinates.total_weight * mixture.weights
        dense = mixture.covariance.dense()
        scatter = form.from_dense(mass[:, None, None] * dense)
        return Moments(form, mass, mixture.means, scatter, 0.0, coordinates.total_weight)

    def gradient(self, moments: Moments) -> Array:
        """Gradient of the objective, total, from the Moments of `parameters`; (size,)."""
        chart, mass = self.coordinates.chart, self.moments.mass
        heights, pulls, precisions = self._change(moments)
        root = self.free.covariance.root
        if root.ndim == 2:
            spread = -mass[:, None] * precisions / root**4
            traces = (precisions / root**2).sum(axis=1)
        else:
            inverse = np.linalg.inv(root)
            covariances = np.swapaxes(inverse, 1, 2) @ inverse
            moved = covariances @ precisions @ covariances
            spread = -mass[:, None, None] * moved
            traces = (covariances * precisions).sum(axis=(1, 2))
        if self.coordinates.form is Scatter.POOLED:
            spread = spread.sum(axis=0, keepdims=True)
        weights = mass * (heights - 0.5 * traces)
        return chart.joined(
            {
                "weights": weights - self.free.parameters.weights * weights.sum(),
                "means": mass[:, None] * pulls,
                **chart.covariances.slopes(self.free.covariance, np.zeros_like(mass), spread),
            }
        )

    def _change(self, moments: Moments) -> tuple[Array, Array, Array]:
        """Derivative of the natural parameters towards the moments."""
        away = np.abs(self.free.gradient(moments)).max() / moments.total_weight
        part = 0.5 * min(1.0, _STEP / away) if away > 0 else 0.5
        here = self._natural(self.parameters)
        halfway, there = (
            self._natural(self.coordinates.problem.maximise(mixed, self.parameters))
            for mixed in (
                self.moments.scaled(1.0 - share) + moments.scaled(share)
                for share in (0.5 * part, part)
            )
        )
        return tuple(
            (4.0 * (b - a) - (c - a)) / part for a, b, c in zip(here, halfway, there, strict=True)
        )

    def _natural(self, mixture: MixtureParameters) -> tuple[Array, Array, Array]:
        """Log-heights (K,), pulls (K, d) and precisions (m, d, d) or (m, d), about this point."""
        covariances = self.coordinates.chart.covariances
        shift = covariances.whitened(mixture.means - self.free.parameters.means)
        root = covariances.root(_free(mixture.covariance, self.coordinates.form))
        pulls = times_precision(root, shift)
        heights = np.where(mixture.log_weights > -np.inf, mixture.log_weights, 0.0)
        heights = heights - 0.5 * (mixture.covariance.log_det + (pulls * shift).sum(axis=1))
        return heights, pulls, root**2 if root.ndim == 2 else root @ np.swapaxes(root, 1, 2)


def _free(covariance: Covariance, form: Scatter) -> Covariance:
    """The same covariances as those of the family without ties."""
    factor = covariance.factor
    if form is Scatter.DIAGONAL:
        return covariance
    if factor.ndim == 2:
        factor = factor[:, :, None] * np.eye(factor.shape[1])
    return Ellipsoidal(factor[:1] if form is Scatter.POOLED else factor)
