"""Mahalanobis distances, and the p-values that make them comparable."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaincc

from skgmm._linalg import Array
from skgmm._parameters import MixtureParameters
from skgmm._rows.incomplete import all_completed, batches

# Numbers of samples x features that are whitened at a time: they stay in the processor's cache.
_NUMBERS = 2**15


def squared_distances(X: Array, parameters: MixtureParameters) -> Array:
    """Squared Mahalanobis distances of samples (n, d) from the means, (n, K).

    Of a sample with missing values (NaN) it is the distance in the features observed.
    """
    distances = np.zeros((len(X), parameters.n_components))
    missing = np.isnan(X)
    n_missing = missing.sum(axis=1)
    for numbers in _chunks(np.flatnonzero(n_missing == 0), X.shape[1]):
        samples = X[numbers].astype(np.float64)
        for k, mean in enumerate(parameters.means):
            whitened = parameters.covariance.whiten(samples - mean, k)
            distances[numbers, k] = np.einsum("ij,ij->i", whitened, whitened)
    some = np.flatnonzero((n_missing > 0) & (n_missing < X.shape[1]))
    for batch in batches(X, np.ones(len(X)), missing, some):
        for k, found in enumerate(all_completed(batch, parameters)):
            distances[batch.numbers, k] = found.distance
    return distances


def _chunks(numbers: Array, n_features: int) -> list[Array]:
    size = max(1, _NUMBERS // n_features)
    return [numbers[start : start + size] for start in range(0, len(numbers), size)]


def outlier_p_values(distances: Array, n_observed: Array, log_responsibilities: Array) -> Array:
    """P-values of samples, (n,): chi-squared tail areas, weighted by responsibilities.

    Parameters
    ----------
    distances : ndarray of shape (n, K)
        Squared.
    n_observed : ndarray of shape (n,)
        Number of features observed: the degrees of freedom.
    log_responsibilities : ndarray of shape (n, K)
        Of the components; where there is noise they need not sum to 1.
    """
    degrees = np.where(n_observed > 0, n_observed, 1)[:, None]
    tails = gammaincc(0.5 * degrees, 0.5 * distances)  # 1 at a distance of 0
    largest = log_responsibilities.max(axis=1, keepdims=True)
    relative = np.exp(log_responsibilities - largest)
    return (relative * tails).sum(axis=1) / relative.sum(axis=1)
