"""Incomplete and inexact samples far from every component, whose densities all underflow.

There the weights of components, and how their densities differ, would drown in the squared distance
that all have in common. So the differences are computed first (as block/far.hpp does for whole
samples): with y the whitened sample of the nearest component, and y + delta that of another one,
half the difference of the squared distances is delta . (y + delta / 2), and delta is exactly 0
where two components are the same.
"""

from __future__ import annotations

import numpy as np

from skgmm._linalg import Array
from skgmm._parameters import LOG_2_PI, MixtureParameters

# Logarithms of densities below this have fewer than 12 digits after the point. As in far.hpp.
_FAR = -4096.0


def far_samples(log_density: Array, mixture: MixtureParameters, weights: Array) -> Array:
    """Which samples are far from all of several components, and can be told apart, bool (n,)."""
    if mixture.n_components == 1:
        return np.zeros(len(log_density), dtype=bool)
    return (log_density < _FAR) & np.isfinite(log_density) & (weights > 0)


def separated(
    X: Array,
    missing: Array | None,
    errors: Array | None,
    mixture: MixtureParameters,
    floor: Array,
    labels: Array | None = None,
) -> tuple[Array, Array]:
    """Log-densities (f,) and logarithms of the responsibilities (f, K) of far samples.

    Parameters
    ----------
    X : ndarray of shape (f, d)
    missing : ndarray of bool, shape (f, d), or None
    errors : ndarray of shape (f, d) or (f, d, d), or None
        Covariances of the errors, 0 where a value is missing.
    floor : ndarray of shape (d,)
    labels : ndarray of int64, shape (f,), or None
    """
    missing = np.zeros(X.shape, dtype=bool) if missing is None else missing
    factors, log_peak = _factors(missing, errors, mixture, floor)
    if labels is not None:
        other = np.arange(len(log_peak)) != labels[:, None]
        log_peak = np.where((other & (labels[:, None] >= 0)).T, -np.inf, log_peak)
    centred = [np.where(missing, 0.0, X - mean) for mean in mixture.means]
    whitened = [_times(own, apart) for own, apart in zip(factors, centred, strict=True)]
    half = 0.5 * np.array([np.square(own).sum(axis=1) for own in whitened])
    nearest = (log_peak - half).argmax(axis=0)
    relative = np.empty_like(log_peak)
    for n in np.unique(nearest):
        own = np.flatnonzero(nearest == n)
        base = whitened[n][own]
        for k, factor in enumerate(factors):
            moved = np.where(missing[own], 0.0, mixture.means[n] - mixture.means[k])
            delta = _times(factor[own] - factors[n][own], centred[n][own])
            delta += _times(factor[own], moved)
            relative[k, own] = log_peak[k, own] - (delta * (base + 0.5 * delta)).sum(axis=1)
    total = np.logaddexp.reduce(relative, axis=0)
    offset = half[nearest, np.arange(len(X))]
    return total - offset, (relative - total).T


def _factors(
    missing: Array, errors: Array | None, mixture: MixtureParameters, floor: Array
) -> tuple[list[Array], Array]:
    """Inverse Cholesky factors (f, d, d) of what each component observes, and log joints (K, f).

    The latter are those at the mean, less what is paid for `floor`. Where a feature is missing, the
    matrix is that of the identity.
    """
    n_features = mixture.n_features
    shape = mixture.n_components, n_features, n_features
    unseen = missing[:, :, None] | missing[:, None, :]
    added = np.zeros(unseen.shape)
    if errors is not None:
        added = errors[:, :, None] * np.eye(n_features) if errors.ndim == 2 else errors
    factors, log_peak = [], np.empty((mixture.n_components, len(missing)))
    n_observed = n_features - missing.sum(axis=1)
    for k, covariance in enumerate(np.broadcast_to(mixture.covariance.dense(), shape)):
        total = np.where(unseen, np.eye(n_features), covariance + added)
        root = np.linalg.cholesky(total)
        factors.append(np.linalg.inv(root))
        log_det = 2.0 * np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
        paid = np.where(missing, 0.0, np.square(factors[k]).sum(axis=1)) @ floor
        norm = 0.5 * (n_observed * LOG_2_PI + log_det + paid)
        log_peak[k] = mixture.log_weights[k] - norm
    return factors, log_peak


def _times(matrices: Array, vectors: Array) -> Array:
    """Products (f, d) of matrices (f, d, d) and vectors (f, d)."""
    return (matrices @ vectors[:, :, None])[:, :, 0]
