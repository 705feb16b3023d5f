"""Unconstrained coordinates of the mixtures around one of them, for quasi-Newton steps.

Weights are log-ratios, means are in units of the covariances there, and covariances have the
coordinates of their family. Each is divided by the root of its complete-data information, so that
the Hessian is near the identity where clusters do not overlap (cf. Jamshidian & Jennrich 1997;
Salakhutdinov, Roweis & Ghahramani 2003). The gradient of the log-likelihood is that of the ECLL
(Fisher's identity), so it comes from the Moments of an ordinary E-step.
"""

from __future__ import annotations

import numpy as np

from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm._parameters import MixtureParameters
from skgmm.covariance import Ties
from skgmm.covariance._coordinates import Parts, coordinates_of, times_precision

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
    """

    def __init__(self, anchor: MixtureParameters, moments: Moments, ties: Ties) -> None:
        self.anchor = anchor
        shares = np.maximum(moments.mass / moments.total_weight, _LEAST_SHARE)
        self.covariances = coordinates_of(anchor.covariance, ties, shares)
        information = {
            "weights": shares,
            "means": np.repeat(shares[:, None], anchor.n_features, axis=1),
            **self.covariances.information,
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

    def split(self, vector: Array) -> Parts:
        """Each part of a vector, in its own units and shape."""
        scaled = vector * self.scale
        return {name: scaled[where].reshape(shape) for name, (where, shape) in self.parts.items()}

    def joined(self, slopes: Parts) -> Array:
        """The slopes for a vector (size,) from those of its parts."""
        return self.scale * np.concatenate([slopes[name].ravel() for name in self.parts])


class Point:
    """One of the mixtures, its `parameters`, and the gradient there."""

    def __init__(self, coordinates: Coordinates, vector: Array) -> None:
        self.coordinates, anchor = coordinates, coordinates.anchor
        parts = coordinates.split(vector)
        logits = anchor.log_weights + parts["weights"]
        self.covariance = coordinates.covariances.at(parts)
        self.parameters = MixtureParameters(
            logits - np.logaddexp.reduce(logits),
            anchor.means + coordinates.covariances.coloured(parts["means"]),
            self.covariance.covariance,
        )
        self.parameters.check_representable()

    def gradient(self, moments: Moments) -> Array:
        """Gradient of the objective, total, from the Moments of `parameters`; (size,)."""
        coordinates, mass = self.coordinates, moments.mass
        covariances = coordinates.covariances
        shift = moments.mean - self.parameters.means
        pull = times_precision(self.covariance.root, covariances.whitened(shift))
        spread = covariances.whitened_spread(_spread(moments, shift))
        return coordinates.joined(
            {
                "weights": mass - moments.total_weight * self.parameters.weights,
                "means": mass[:, None] * pull,
                **covariances.slopes(self.covariance, mass, spread),
            }
        )


def _spread(moments: Moments, shift: Array) -> Array:
    """Second moments about the current means."""
    mass, form = moments.mass, moments.form
    spread = moments.scatter + form.outer(mass[:, None], shift[:, None, :])
    return spread[None] if form is Scatter.POOLED else spread
