"""Unconstrained coordinates of the mixtures around one of them, for quasi-Newton steps.

Coordinates are in units of the components: means in units of the Cholesky factor of their
covariance, factors of the precisions times a triangular matrix exp(t)(I + r) with strictly upper
triangular r, weights as log-ratios. Each is divided by the root of its complete-data information,
so that the Hessian is near the identity where clusters do not overlap (cf. Jamshidian & Jennrich
1997; Salakhutdinov, Roweis & Ghahramani 2003). The gradient of the log-likelihood is that of the
ECLL (Fisher's identity), so it comes from the Moments of an ordinary E-step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from skgmm._linalg import Array, triangular_inverse
from skgmm._moments import Moments, Scatter
from skgmm._parameters import MixtureParameters

# A component with less of the rows is moved as if it had this share.
_LEAST_SHARE = 1e-6


@dataclass(frozen=True)
class Ties:
    """Which parts of log-scales t_ki = volume_k + shape_ki and of rotations r are shared.

    Each is "E" (equal), "V" (varying) or "I" (none), as in the code of a structure.
    """

    volume: str
    shape: str
    rotation: str

    @classmethod
    def of(cls, code: str) -> Ties | None:
        """Of a structure, or None where axes and shapes are not shared alike: no simple form."""
        if len(code) != 3 or (code[2] != "I" and code[1] != code[2]):
            return None
        return cls(*code)


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
        factor = anchor.covariance.factor
        self.dense = factor.ndim == 3
        if self.dense:
            self.units = triangular_inverse(np.swapaxes(factor, 1, 2))  # Cholesky factors
        else:
            self.units = 1.0 / factor
        d = anchor.n_features
        shares = np.maximum(moments.mass / moments.total_weight, _LEAST_SHARE)
        self.upper = np.triu_indices(d, 1)
        information = {
            "weights": shares,
            "means": np.repeat(shares[:, None], d, axis=1),
            "volume": self._shared(2.0 * d * shares, ties.volume),
            "shape": self._shared(np.repeat(2.0 * shares[:, None], d, axis=1), ties.shape),
            "rotation": self._shared(
                np.repeat(shares[:, None], len(self.upper[0]), axis=1), ties.rotation
            ),
        }
        self.shapes = {name: part.shape for name, part in information.items()}
        self.scales = {name: 1.0 / np.sqrt(part) for name, part in information.items()}
        self.size = sum(part.size for part in information.values())

    @staticmethod
    def _shared(parts: Array, tie: str) -> Array:
        """Parts (K, ...) as they are, summed over components, or none."""
        if tie == "V" or len(parts) == 0:
            return parts
        return parts.sum(axis=0, keepdims=True) if tie == "E" else parts[:0]

    def _split(self, vector: Array) -> dict[str, Array]:
        parts, start = {}, 0
        for name, shape in self.shapes.items():
            end = start + int(np.prod(shape))
            parts[name] = vector[start:end].reshape(shape) * self.scales[name]
            start = end
        return parts

    def _join(self, parts: dict[str, Array]) -> Array:
        return np.concatenate([(parts[name] * self.scales[name]).ravel() for name in self.shapes])

    def _log_scales(self, parts: dict[str, Array]) -> Array:
        """t, (K, d) or (1, d)."""
        t = parts["volume"][:, None]
        if len(parts["shape"]):
            t = t + parts["shape"] - parts["shape"].mean(axis=1, keepdims=True)
        return np.broadcast_to(t, (len(t), self.anchor.n_features))

    def _multiplier(self, parts: dict[str, Array]) -> Array:
        """exp(t)(I + r), (K, d, d) or (1, d, d)."""
        rotation, d = parts["rotation"], self.anchor.n_features
        matrices = np.repeat(np.eye(d)[None], len(rotation), axis=0)
        matrices[:, self.upper[0], self.upper[1]] = rotation
        return np.exp(self._log_scales(parts))[:, :, None] * matrices

    def parameters(self, vector: Array) -> MixtureParameters:
        """The mixture at a vector (size,)."""
        parts, anchor = self._split(vector), self.anchor
        logits = anchor.log_weights + parts["weights"]
        log_weights = logits - np.logaddexp.reduce(logits)
        factor = anchor.covariance.factor
        if self.dense:
            means = anchor.means + np.matmul(self.units, parts["means"][:, :, None])[:, :, 0]
            factor = factor @ self._multiplier(parts)
        else:
            means = anchor.means + self.units * parts["means"]
            factor = factor * np.exp(self._log_scales(parts))
        return MixtureParameters(log_weights, means, replace(anchor.covariance, factor=factor))

    def gradient(self, vector: Array, moments: Moments) -> Array:
        """Gradient of the objective, total, from the Moments of `parameters(vector)`."""
        parts = self._split(vector)
        at = self.parameters(vector)
        shift = moments.mean - at.means
        mass = moments.mass
        slopes = {"weights": mass - moments.total_weight * at.weights}
        spread = self._spread(moments, shift)
        if self.dense:
            slopes |= self._dense_slopes(parts, mass, shift, spread)
        else:
            scales = at.covariance.factor
            slopes["means"] = mass[:, None] * scales**2 * self.units * shift
            slopes |= self._tied(mass[:, None] - scales**2 * spread)
            slopes["rotation"] = np.zeros(self.shapes["rotation"])
        return self._join(slopes)

    def _spread(self, moments: Moments, shift: Array) -> Array:
        """Second moments about the current means, the floor included."""
        mass, form = moments.mass, moments.form
        spread = moments.scatter + form.outer(mass[:, None], shift[:, None, :])
        spread = spread + form.of_axes(mass, self.floor)
        return spread[None] if form is Scatter.POOLED else spread

    def _dense_slopes(
        self, parts: dict[str, Array], mass: Array, shift: Array, spread: Array
    ) -> dict[str, Array]:
        factor = self.anchor.covariance.factor
        multiplier = self._multiplier(parts)
        # The ECLL in terms of N = exp(t)(I + r) is mass log|N| - 1/2 tr(N' T N).
        inner = np.swapaxes(factor, 1, 2) @ spread @ factor
        masses = mass if len(inner) == len(mass) else mass.sum(keepdims=True)
        slope = -np.triu(inner @ multiplier)
        diagonal = np.einsum("kii->ki", slope)
        diagonal += masses[:, None] / np.einsum("kii->ki", multiplier)
        whitened = np.matmul(np.swapaxes(factor, 1, 2), shift[:, :, None])
        means = multiplier @ (np.swapaxes(multiplier, 1, 2) @ whitened)
        scales = np.exp(self._log_scales(parts))[:, :, None]
        rotation = (scales * slope)[:, self.upper[0], self.upper[1]]
        return {
            "means": mass[:, None] * means[:, :, 0],
            "rotation": self._shared(rotation, self.ties.rotation),
            **self._tied((slope * multiplier).sum(axis=2)),
        }

    def _tied(self, slopes: Array) -> dict[str, Array]:
        """Slopes of volume and shape from those of t."""
        volume = self._shared(slopes.sum(axis=1), self.ties.volume)
        centred = slopes - slopes.mean(axis=1, keepdims=True)
        return {"volume": volume, "shape": self._shared(centred, self.ties.shape)}
