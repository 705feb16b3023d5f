"""Distribution function of a mixture of Gaussians."""

from __future__ import annotations

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri

from skgmm._inference.marginal import marginal_parameters
from skgmm._linalg import Array
from skgmm._parameters import MixtureParameters

# Korobov's lattice: a prime number of points, and the generator of those tried with the least error
# in eight dimensions (by the criterion P2). The shift keeps points off the corners.
_POINTS, _GENERATOR, _SHIFT = 4093, 1692, 0.15

# Samples that are integrated at a time.
_SAMPLES = 32

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
    if parameters.n_features == 1 or parameters.covariance.diagonal:
        return np.exp(log_cdf(X, parameters))
    dense = parameters.covariance.dense()
    probability = np.zeros(len(X))
    for k, weight in enumerate(parameters.proportions):
        if weight > 0:
            own = dense[k % len(dense)]
            probability += weight * _gaussian_cdf(X - parameters.means[k], own)
    return np.minimum(probability, 1.0)


def log_cdf(X: Array, parameters: MixtureParameters, sign: float = 1.0) -> Array:
    """Log of the distribution function (n,), of features that are independent in components.

    With sign -1 that of larger values in every feature: of one feature, the survival function.
    """
    deviations = np.sqrt(parameters.covariance.variances())
    joint = np.empty((parameters.n_components, len(X)))
    for k, mean in enumerate(parameters.means):
        standardised = sign * (X - mean) / deviations[k % len(deviations)]
        joint[k] = parameters.log_weights[k] + log_ndtr(standardised).sum(axis=1)
    return np.minimum(np.logaddexp.reduce(joint, axis=0), 0.0)


def _gaussian_cdf(centred: Array, covariance: Array) -> Array:
    """Distribution function (n,) of one Gaussian with mean 0 and covariance (d, d)."""
    deviations = np.sqrt(np.diagonal(covariance))
    bounds, correlation = centred / deviations, covariance / np.outer(deviations, deviations)
    if len(correlation) == 2:
        # scipy.stats takes long to import, and for two features it is exact to rounding.
        from scipy.stats import multivariate_normal

        normal = multivariate_normal([0.0, 0.0], correlation, allow_singular=True)
        return np.atleast_1d(normal.cdf(bounds))
    points = _lattice(len(correlation) - 1)
    parts = [
        _integrated(bounds[start : start + _SAMPLES], correlation, points)
        for start in range(0, len(bounds), _SAMPLES)
    ]
    return np.concatenate(parts)


def _integrated(bounds: Array, correlation: Array, points: Array) -> Array:
    """The integral over the cube of the points (N, d - 1), by the transform of Genz (1992).

    One feature after another, given those before: their probabilities multiply. The least probable
    come first, so that those after them vary little.
    """
    order = np.argsort(bounds, axis=1)
    bounds = np.take_along_axis(bounds, order, axis=1)
    lower = np.linalg.cholesky(correlation[order[:, :, None], order[:, None, :]])  # (n, d, d)
    n_features = len(correlation)
    below = ndtr(bounds[:, :1] / lower[:, 0, :1])  # (n, N) of the feature, given those before
    product = np.broadcast_to(below, (len(bounds), len(points)))
    drawn = np.empty((len(bounds), n_features - 1, len(points)))
    for i in range(1, n_features):
        drawn[:, i - 1] = ndtri(np.maximum(points[:, i - 1] * below, _TINY))
        given = (lower[:, i, None, :i] @ drawn[:, :i])[:, 0]
        below = ndtr((bounds[:, i, None] - given) / lower[:, i, i, None])
        product = product * below
    return product.mean(axis=1)


def _lattice(n_dimensions: int) -> Array:
    """Points (N, dimensions) that fill the unit cube evenly: Korobov's lattice, folded at 1/2."""
    steps = np.array([pow(_GENERATOR, j, _POINTS) for j in range(n_dimensions)], dtype=np.float64)
    points = (np.arange(_POINTS)[:, None] * steps / _POINTS + _SHIFT) % 1.0
    return np.abs(2.0 * points - 1.0)
