"""Unconstrained coordinates of the mixtures around one of them, for quasi-Newton steps.

Coordinates are in units of the components: means in units of the Cholesky factor of their
covariance, factors of the precisions times a triangular matrix exp(t)(I + r) with strictly upper
triangular r, weights as log-ratios. Each is divided by the root of its complete-data information,
so that the Hessian is near the identity where clusters do not overlap (cf. Jamshidian & Jennrich
1997; Salakhutdinov, Roweis & Ghahramani 2003). The gradient of the log-likelihood is that of the
ECLL (Fisher's identity), so it comes from the Moments of an ordinary E-step.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np

from skgmm._linalg import Array, triangular_inverse
from skgmm._moments import Moments, Scatter
from skgmm._parameters import MixtureParameters
from skgmm.covariance import Ties

# A component with less of the rows is moved as if it had this share.
_LEAST_SHARE = 1e-6


class Coordinates:
    """The mixtures around an anchor, by vectors that are 0 there.

    Parameters
    ----------
    anchor : MixtureParameters
    moments : Moments
        Of the anchor.
    ties : Ties
    floor : ndarray of shape (d,)
        As of the problem whose objective is climbed.
    """

    def __init__(
        self, anchor: MixtureParameters, moments: Moments, ties: Ties, floor: Array
    ) -> None:
        self.anchor, self.ties, self.floor = anchor, ties, floor
        self.factor = anchor.covariance.factor
        self.dense = self.factor.ndim == 3
        if self.dense:
            self.transposed = np.swapaxes(self.factor, 1, 2)
            self.units = triangular_inverse(self.transposed)  # Cholesky factors
        else:
            self.units = 1.0 / self.factor
        d = self.n_features = anchor.n_features
        self.upper = np.triu_indices(d, 1)
        self.triangle = np.triu(np.ones((d, d)))
        # Where volume and shape are tied alike, log-scales are free in one piece.
        self.together = ties.volume == ties.shape
        shares = np.maximum(moments.mass / moments.total_weight, _LEAST_SHARE)
        each = np.repeat(shares[:, None], d, axis=1)
        information = {
            "weights": shares,
            "means": each,
            "volume": _tied(2.0 * d * shares, "I" if self.together else ties.volume),
            "shape": _tied(2.0 * each, ties.shape),
            "rotation": _tied(
                np.repeat(shares[:, None], len(self.upper[0]), axis=1), ties.rotation
            ),
        }
        self.parts: dict[str, tuple[slice, tuple[int, ...]]] = {}
        start = 0
        for name, part in information.items():
            self.parts[name] = slice(start, start + part.size), part.shape
            start += part.size
        self.size = start
        self.scale = 1.0 / np.sqrt(np.concatenate([part.ravel() for part in information.values()]))

    def at(self, vector: Array) -> Point:
        """The mixture at a vector (size,)."""
        return Point(self, vector)


class Point:
    """One of the mixtures, and the gradient there."""

    def __init__(self, coordinates: Coordinates, vector: Array) -> None:
        self.coordinates = coordinates
        scaled = vector * coordinates.scale
        self.parts = {
            name: scaled[where].reshape(shape) for name, (where, shape) in coordinates.parts.items()
        }
        self.scales = np.exp(self._log_scales())  # (K, d) or (1, d)

    def _log_scales(self) -> Array:
        volume, shape = self.parts["volume"], self.parts["shape"]
        if self.coordinates.together:
            return shape
        t = volume[:, None]
        if len(shape):
            t = t + shape - shape.mean(axis=1, keepdims=True)
        return np.broadcast_to(t, (len(t), self.coordinates.n_features))

    @cached_property
    def multiplier(self) -> Array:
        """exp(t)(I + r), (K, d, d) or (1, d, d)."""
        coordinates, rotation = self.coordinates, self.parts["rotation"]
        d = coordinates.n_features
        matrices = np.empty((len(rotation), d, d))
        matrices[:] = np.eye(d)
        matrices[:, coordinates.upper[0], coordinates.upper[1]] = rotation
        return self.scales[:, :, None] * matrices

    @cached_property
    def parameters(self) -> MixtureParameters:
        parts, coordinates = self.parts, self.coordinates
        anchor, factor = coordinates.anchor, coordinates.factor
        logits = anchor.log_weights + parts["weights"]
        log_weights = logits - np.logaddexp.reduce(logits)
        if coordinates.dense:
            means = anchor.means + np.matmul(coordinates.units, parts["means"][:, :, None])[:, :, 0]
            factor = factor @ self.multiplier
        else:
            means = anchor.means + coordinates.units * parts["means"]
            factor = factor * self.scales
        return MixtureParameters(log_weights, means, replace(anchor.covariance, factor=factor))

    def gradient(self, moments: Moments) -> Array:
        """Gradient of the objective, total, from the Moments of `parameters`; (size,)."""
        coordinates, mass = self.coordinates, moments.mass
        shift = moments.mean - self.parameters.means
        spread = _spread(moments, shift, coordinates.floor)
        if coordinates.dense:
            slopes = self._dense_slopes(mass, shift, spread)
        else:
            precisions = self.parameters.covariance.factor**2
            slopes = self._scale_slopes(mass[:, None] - precisions * spread)
            slopes["means"] = mass[:, None] * precisions * coordinates.units * shift
        slopes["weights"] = mass - moments.total_weight * self.parameters.weights
        gradient = np.zeros(coordinates.size)
        for name, slope in slopes.items():
            gradient[coordinates.parts[name][0]] = slope.ravel()
        return gradient * coordinates.scale

    def _dense_slopes(self, mass: Array, shift: Array, spread: Array) -> dict[str, Array]:
        coordinates, multiplier = self.coordinates, self.multiplier
        # The ECLL in terms of N = exp(t)(I + r) is mass log|N| - 1/2 tr(N' T N).
        inner = coordinates.transposed @ spread @ coordinates.factor
        masses = mass if len(inner) == len(mass) else mass.sum(keepdims=True)
        slope = -coordinates.triangle * (inner @ multiplier)
        diagonal = np.einsum("kii->ki", slope)
        diagonal += masses[:, None] / self.scales
        whitened = coordinates.transposed @ shift[:, :, None]
        means = multiplier @ (np.swapaxes(multiplier, 1, 2) @ whitened)
        rotation = (self.scales[:, :, None] * slope)[:, coordinates.upper[0], coordinates.upper[1]]
        return {
            "means": mass[:, None] * means[:, :, 0],
            "rotation": _tied(rotation, coordinates.ties.rotation),
            **self._scale_slopes((slope * multiplier).sum(axis=2)),
        }

    def _scale_slopes(self, slopes: Array) -> dict[str, Array]:
        """Slopes of volume and shape from those of t."""
        ties = self.coordinates.ties
        if self.coordinates.together:
            return {"shape": _tied(slopes, ties.shape)}
        centred = slopes - slopes.mean(axis=1, keepdims=True)
        return {
            "volume": _tied(slopes.sum(axis=1), ties.volume),
            "shape": _tied(centred, ties.shape),
        }


def _tied(parts: Array, tie: str) -> Array:
    """Parts (K, ...) as they are, summed over components, or none."""
    if tie == "V" or len(parts) == 0:
        return parts
    return parts.sum(axis=0, keepdims=True) if tie == "E" else parts[:0]


def _spread(moments: Moments, shift: Array, floor: Array) -> Array:
    """Second moments about the current means, the floor included."""
    mass, form = moments.mass, moments.form
    spread = moments.scatter + form.outer(mass[:, None], shift[:, None, :])
    spread = spread + form.of_axes(mass, floor)
    return spread[None] if form is Scatter.POOLED else spread
