"""Quantiles of a mixture of one feature, accurate far into both tails."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from skgmm._inference.cdf import log_cdf
from skgmm._linalg import Array
from skgmm._parameters import MixtureParameters
from skgmm._rows.e_step import log_densities

_MOST_STEPS = 200


def mixture_quantiles(q: Array, parameters: MixtureParameters) -> Array:
    """Quantiles of the mixture of one feature at q in [0, 1], of the shape of q.

    Each half is solved from its own tail: log cdf(x) = log q up to 1/2, and
    log sf(x) = log(1 - q) above.
    """
    flat = q.ravel()
    quantiles = np.where(flat <= 0.0, -np.inf, np.inf)
    left, right = (flat > 0.0) & (flat <= 0.5), (flat > 0.5) & (flat < 1.0)
    quantiles[left] = _solved(flat[left], parameters, 1.0)
    quantiles[right] = _solved(1.0 - flat[right], parameters, -1.0)
    return quantiles.reshape(q.shape)


def _solved(tail: Array, parameters: MixtureParameters, sign: float) -> Array:
    """Where the lower tail (sign 1) or the upper tail (sign -1) has this probability, (m,).

    Newton's method for the logarithms, which are concave in a tail, within a bracket that is halved
    where a step leaves it or gains too little.
    """
    low, high = _bracket(tail, parameters, sign)
    target, x = np.log(tail), 0.5 * (low + high)
    last = high - low
    for _ in range(_MOST_STEPS):
        log_tail = log_cdf(x[:, None], parameters, sign)
        excess = log_tail - target
        too_far = sign * excess > 0
        low, high = np.where(too_far, low, x), np.where(too_far, x, high)
        with np.errstate(over="ignore", invalid="ignore"):
            rate = np.exp(log_densities(x[:, None], parameters) - log_tail)  # of the logarithm
            step = -sign * np.divide(excess, rate, out=np.zeros_like(x), where=rate > 0)
        middle = 0.5 * (low + high)
        slow = (np.abs(step) > 0.5 * np.abs(last)) | ~np.isfinite(step) | (rate <= 0)
        following = x + step
        following = np.where(slow | (following < low) | (following > high), middle, following)
        last, done = following - x, (following == x) | (excess == 0.0)
        x = np.where(excess == 0.0, x, following)
        if done.all():
            break
    return x


def _bracket(tail: Array, parameters: MixtureParameters, sign: float) -> tuple[Array, Array]:
    """The smallest and the largest of the components' own quantiles."""
    filled = np.isfinite(parameters.log_weights)
    deviations = np.sqrt(parameters.covariance.variances())
    deviations = np.broadcast_to(deviations, parameters.means.shape)[filled]
    own = parameters.means[filled] + sign * deviations * ndtri(tail)
    return own.min(axis=0), own.max(axis=0)
