"""MixtureParameters: weights, means and covariances, and what they alone answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from skgmm._linalg import Array
from skgmm._moments import Moments
from skgmm.covariance import AxisAligned, Covariance, Ellipsoidal, Structure

LOG_2_PI = float(np.log(2.0 * np.pi))


@dataclass(frozen=True)
class MixtureParameters:
    """A complete, valid Gaussian mixture; everything float64."""

    log_weights: Array  # (K,), -inf for a component without weight
    means: Array  # (K, d)
    covariance: Covariance

    @classmethod
    def from_weights(
        cls, weights: Array, means: Array, covariance: Covariance
    ) -> MixtureParameters:
        if weights.min() > 0:
            return cls(np.log(weights), means, covariance)
        with np.errstate(divide="ignore"):  # a weight of 0 is a component without rows
            return cls(np.log(weights), means, covariance)

    @property
    def n_components(self) -> int:
        return self.means.shape[0]

    @property
    def n_features(self) -> int:
        return self.means.shape[1]

    @property
    def weights(self) -> Array:
        return np.exp(self.log_weights)

    @cached_property
    def log_heights(self) -> Array:
        """log of weight x density at the mean, shape (K,)."""
        norm = 0.5 * (self.n_features * LOG_2_PI + self.covariance.log_det)
        return self.log_weights - norm

    def draw(self, n_samples: int, rng: np.random.RandomState) -> tuple[Array, Array]:
        """Rows drawn from the mixture in random order, (n, d), and their components, (n,)."""
        weights = self.weights
        components = rng.choice(self.n_components, size=n_samples, p=weights / weights.sum())
        rows = rng.standard_normal(size=(n_samples, self.n_features))
        for k in np.unique(components):
            drawn = components == k
            rows[drawn] = self.means[k] + self.covariance.colour(rows[drawn], k)
        return rows, components


def one_gaussian(mean: Array, covariance: Array) -> MixtureParameters:
    """A mixture of one component, from a mean (d,) and a covariance (d, d) or variances (d,)."""
    if covariance.ndim == 1:
        found: Covariance = AxisAligned.from_variances(covariance[None])
    else:
        found = Ellipsoidal.from_dense(covariance[None])
    return MixtureParameters(np.zeros(1), mean[None], found)


def maximise(
    moments: Moments,
    structure: Structure,
    previous: MixtureParameters | None = None,
) -> MixtureParameters:
    """The M-step: the parameters that maximise the expected complete log-likelihood.

    A component without mass keeps its previous mean and covariance (`moments.mean` already is
    the previous mean): every value is as good, and a made-up one would be a lie.

    Raises
    ------
    IllDefinedCovarianceError
        If the structure finds no positive definite covariance.
    """
    covariance = structure.estimate(moments, previous.covariance if previous else None)
    return MixtureParameters.from_weights(moments.weights, moments.mean, covariance)


def n_parameters(structure: Structure, n_components: int, n_features: int) -> int:
    """Free parameters of weights, means and covariances."""
    means = n_components * n_features
    return n_components - 1 + means + structure.n_parameters(n_components, n_features)
