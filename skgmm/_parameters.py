"""MixtureParameters: weights, means and covariances, and what they alone answer."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from threading import Lock
from typing import TypeVar

import numpy as np

from skgmm._kernels import log_peak
from skgmm._linalg import Array
from skgmm._moments import Moments
from skgmm._threads import cached_property
from skgmm.covariance import AxisAligned, Covariance, Ellipsoidal, Structure

# Tells the streams of `sample` from that of the starts.
_OF_SAMPLE = 1
_COUNTING = Lock()

Number = TypeVar("Number", float, Array)

LOG_2_PI = float(np.log(2.0 * np.pi))

# Smaller weights have lost digits, and `weights_` would be another mixture than their logarithms.
_SMALLEST_WEIGHT = float(np.finfo(np.float64).tiny)

# What weights leave by rounding alone is less than this.
_LOG_ROUNDING = float(np.log(1e-5))


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

    @property
    def proportions(self) -> Array:
        """Weights that sum to 1, also beside noise."""
        left = self.log_noise_weight
        return self.weights if left < _LOG_ROUNDING else self.weights / self.weights.sum()

    @property
    def log_noise_weight(self) -> float:
        """log of what the weights leave to noise; -inf where they sum to 1."""
        left = 1.0 - float(self.weights.sum())
        return float(np.log(left)) if left > 0 else -np.inf

    @cached_property
    def log_peak(self) -> Array:
        """log of weight x density at the mean, shape (K,)."""
        nothing = np.zeros(self.n_features)
        return log_peak(self.log_weights, self.covariance.kernel_factors, nothing)

    def reordered(self, order: Array) -> MixtureParameters:
        """The components in another order: the first is the one that was order[0]."""
        return MixtureParameters(
            self.log_weights[order], self.means[order], self.covariance.reordered(order)
        )

    def part(self, components: Array) -> MixtureParameters:
        """Some components as a mixture of their own."""
        some = self.reordered(components)
        weights = some.weights / some.weights.sum()
        return MixtureParameters.from_weights(weights, some.means, some.covariance)

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
    the previous mean): the data do not determine them, and no value is invented.

    Raises
    ------
    IllDefinedCovarianceError
        If the structure finds no positive definite covariance.
    """
    weights = moments.weights
    covariance = estimate_covariance(moments, structure, previous)
    if weights.min() < _SMALLEST_WEIGHT:
        weights = np.where(vanishing(moments), 0.0, weights)
    return MixtureParameters.from_weights(weights, moments.mean, covariance)


def estimate_covariance(
    moments: Moments, structure: Structure, previous: MixtureParameters | None
) -> Covariance:
    """The covariances of the M-step."""
    if moments.weights.min() < _SMALLEST_WEIGHT:
        moments = moments.without(vanishing(moments))
    return structure.estimate(moments, previous.covariance if previous else None)


def vanishing(moments: Moments) -> Array:
    """Components (K,) with so little of the samples that its digits are gone."""
    return moments.weights < _SMALLEST_WEIGHT


def bic(log_likelihood: Number, n_free: Number | int, n_samples: float) -> Number:
    """Bayesian information criterion (Schwarz 1978) of total log-likelihoods; lower is better."""
    return -2.0 * log_likelihood + n_free * np.log(n_samples)


def aic(log_likelihood: Number, n_free: Number | int) -> Number:
    """Akaike information criterion (Akaike 1974) of total log-likelihoods; lower is better."""
    return -2.0 * log_likelihood + 2.0 * n_free


def seeded_draws(random_state: int | np.random.RandomState | None) -> dict[str, int] | None:
    """What `sample` of a fit draws from, where the estimator has a seed."""
    if not isinstance(random_state, Integral):
        return None
    return {"seed": int(random_state), "n_calls": 0}


def next_draws(draws: dict[str, int] | None) -> np.random.RandomState | None:
    """The stream of the next call of `sample`, which is counted."""
    if draws is None:
        return None
    with _COUNTING:
        n_calls = draws["n_calls"]
        draws["n_calls"] = n_calls + 1
    seeds = np.random.SeedSequence([draws["seed"], _OF_SAMPLE, n_calls])
    return np.random.RandomState(np.random.MT19937(seeds))


def n_parameters(structure: Structure, n_components: int, n_features: int) -> int:
    """Free parameters of weights, means and covariances."""
    means = n_components * n_features
    return n_components - 1 + means + structure.n_parameters(n_components, n_features)
