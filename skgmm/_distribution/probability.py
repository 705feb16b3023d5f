"""Distribution function of a mixture of Gaussians."""

from __future__ import annotations

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri

from skgmm._distribution.parts import marginal_parameters
from skgmm._linalg import Array
from skgmm._parameters import MixtureParameters

# Points of the lattice, and samples x points that are held at a time.
_POINTS, _NUMBERS = 2**13, 2**18

_TINY = float(np.finfo(np.float64).tiny)


def mixture_cdf(X: Array, parameters: MixtureParameters) -> Array:
    """Probability of no larger a value in every feature, (n,); NaN in X (n, d) bounds nothing."""
    observed = ~np.isnan(X)
    patterns, pattern = np.unique(observed, axis=0, return_inverse=True)
    probability = np.ones(len(X))
    for number, seen in enumerate(patterns):
        if seen.any():
            own = np.flatnonzero(pattern.ravel() == number)
            marginal = marginal_parameters(parameters, np.flatnonzero(seen))
            probability[own] = _whole(X[np.ix_(own, seen)].astype(np.float64), marginal)
    return probability


def _whole(X: Array, parameters: MixtureParameters) -> Array:
    factor = parameters.covariance.factor
    if parameters.n_features == 1 or factor.ndim == 2:
        return np.exp(log_cdf(X, parameters))
    lower = np.linalg.cholesky(parameters.covariance.dense())
    probability = np.zeros(len(X))
    for k, weight in enumerate(parameters.proportions):
        if weight > 0:
            own = lower[k % len(lower)]
            probability += weight * _gaussian_cdf(X - parameters.means[k], own)
    return np.minimum(probability, 1.0)


def log_cdf(X: Array, parameters: MixtureParameters, sign: float = 1.0) -> Array:
    """Log of the distribution function (n,), of features that are independent in components.

    With sign -1 that of larger values in every feature: of one feature, the survival function.
    """
    factor = parameters.covariance.factor.reshape(-1, parameters.n_features)
    joint = np.empty((parameters.n_components, len(X)))
    for k, mean in enumerate(parameters.means):
        standardised = sign * (X - mean) * factor[k % len(factor)]
        joint[k] = parameters.log_weights[k] + log_ndtr(standardised).sum(axis=1)
    return np.minimum(np.logaddexp.reduce(joint, axis=0), 0.0)


def _gaussian_cdf(centred: Array, lower: Array) -> Array:
    """Distribution function of one Gaussian with mean 0 and Cholesky factor (d, d)."""
    if len(lower) == 2:
        # scipy.stats takes long to import, and for two features it is exact to rounding.
        from scipy.stats import multivariate_normal

        return np.atleast_1d(multivariate_normal.cdf(centred, [0.0, 0.0], lower @ lower.T))
    points = _lattice(len(lower) - 1)
    size = max(1, _NUMBERS // _POINTS)
    parts = [
        _integrated(centred[start : start + size], lower, points)
        for start in range(0, len(centred), size)
    ]
    return np.concatenate(parts)


def _integrated(bounds: Array, lower: Array, points: Array) -> Array:
    """The integral over the cube of the points (N, d - 1), by the transform of Genz (1992).

    One feature after another, given those before: their probabilities multiply.
    """
    below = ndtr(bounds[:, :1] / lower[0, 0])  # (n, N) of the feature, given those before
    product = np.broadcast_to(below, (len(bounds), len(points)))
    drawn = np.empty((len(lower) - 1, *product.shape))
    for i in range(1, len(lower)):
        drawn[i - 1] = ndtri(np.maximum(points[:, i - 1] * below, _TINY))
        given = np.tensordot(lower[i, :i], drawn[:i], axes=1)
        below = ndtr((bounds[:, i, None] - given) / lower[i, i])
        product = product * below
    return product.mean(axis=1)


def _lattice(n_dimensions: int) -> Array:
    """Points (N, dimensions) that fill the unit cube evenly: Richtmyer's, folded at 1/2."""
    primes: list[int] = []
    number = 2
    while len(primes) < n_dimensions:
        if all(number % prime for prime in primes):
            primes.append(number)
        number += 1
    steps = np.arange(1, _POINTS + 1)[:, None] * np.sqrt(primes)
    return np.abs(2.0 * (steps % 1.0) - 1.0)
