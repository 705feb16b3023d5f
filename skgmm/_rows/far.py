"""Incomplete and inexact samples far from every component, whose densities all underflow.

There the weights of components, and how their densities differ, would drown in the squared distance
that all have in common. So the differences are computed first (as block/far.hpp does for whole
samples): with y the whitened sample of the nearest component, and y + delta that of another one,
half the difference of the squared distances is delta . (y + delta / 2), and delta is exactly 0
where two components are the same.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from skgmm._kernels import far_away
from skgmm._linalg import Array, cholesky
from skgmm._parameters import LOG_2_PI, MixtureParameters


def far_samples(log_density: Array, mixture: MixtureParameters, weights: Array) -> Array:
    """Which samples are far from all of several components, and can be told apart, bool (n,)."""
    if mixture.n_components == 1:
        return np.zeros(len(log_density), dtype=bool)
    return (log_density < far_away) & np.isfinite(log_density) & (weights > 0)


class Known(NamedTuple):
    """What is known of some samples."""

    X: Array  # (n, d)
    missing: Array | None = None  # (n, d) bool; None: nothing
    errors: Array | None = None  # (n, d) or (n, d, d) of the measurements, 0 where missing
    labels: Array | None = None  # (n,) the component where it is known, else -1

    def part(self, chosen: Array) -> Known:
        rest = (None if array is None else array[chosen] for array in self[1:])
        return Known(self.X[chosen], *rest)


def separate(
    log_density: Array,
    log_responsibilities: Array,
    known: Known,
    weights: Array,
    mixture: MixtureParameters,
    floor: Array,
) -> bool:
    """Correct those of far samples, in place; whether there are any.

    Parameters
    ----------
    log_density : ndarray of shape (n,)
    log_responsibilities : ndarray of shape (n, K), or (n, K + 1) with those of noise
    known : Known
    weights : ndarray of shape (n,)
    floor : ndarray of shape (d,)
    """
    far = np.flatnonzero(far_samples(log_density, mixture, weights))
    if not len(far):
        return False
    found, logs, singular = _separated(known.part(far), mixture, floor)
    far = far[~singular]
    log_density[far] = found[~singular]
    log_responsibilities[far, : mixture.n_components] = logs[~singular]
    return True


def _separated(
    known: Known, mixture: MixtureParameters, floor: Array
) -> tuple[Array, Array, Array]:
    """Log-densities (f,), log-responsibilities (f, K), and where these cannot be found (f,)."""
    X, labels = known.X, known.labels
    missing = np.zeros(X.shape, dtype=bool) if known.missing is None else known.missing
    factors, log_peak, singular = _factors(missing, known.errors, mixture, floor)
    if labels is not None:
        other = np.arange(len(log_peak)) != labels[:, None]
        log_peak = np.where((other & (labels[:, None] >= 0)).T, -np.inf, log_peak)
    centred = [np.where(missing, 0.0, X - mean) for mean in mixture.means]
    whitened = [_times(own, apart) for own, apart in zip(factors, centred, strict=True)]
    with np.errstate(over="ignore"):  # infinitely far from some components, not from all
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
            with np.errstate(over="ignore", invalid="ignore"):
                farther = (delta * (base + 0.5 * delta)).sum(axis=1)
            relative[k, own] = log_peak[k, own] - np.where(np.isnan(farther), np.inf, farther)
    total = np.logaddexp.reduce(relative, axis=0)
    offset = half[nearest, np.arange(len(X))]
    return total - offset, (relative - total).T, singular


def _factors(
    missing: Array, errors: Array | None, mixture: MixtureParameters, floor: Array
) -> tuple[list[Array], Array, Array]:
    """Inverse Cholesky factors (f, d, d) of what each component observes, and log joints (K, f).

    The latter are those at the mean, less what is paid for `floor`. Where a feature is missing, the
    matrix is that of the identity. Also the samples for which some factor does not exist.
    """
    n_features = mixture.n_features
    shape = mixture.n_components, n_features, n_features
    unseen = missing[:, :, None] | missing[:, None, :]
    added = np.zeros(unseen.shape)
    if errors is not None:
        added = errors[:, :, None] * np.eye(n_features) if errors.ndim == 2 else errors
    factors, log_peak = [], np.empty((mixture.n_components, len(missing)))
    n_observed = n_features - missing.sum(axis=1)
    singular = np.zeros(len(missing), dtype=bool)
    for k, covariance in enumerate(np.broadcast_to(mixture.covariance.dense(), shape)):
        total = np.where(unseen, np.eye(n_features), covariance + added)
        root, failed = cholesky(total)
        singular |= failed
        root = np.where(failed[:, None, None], np.eye(n_features), root)
        factors.append(np.linalg.inv(root))
        log_det = 2.0 * np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
        paid = np.where(missing, 0.0, np.square(factors[k]).sum(axis=1)) @ floor
        norm = 0.5 * (n_observed * LOG_2_PI + log_det + paid)
        log_peak[k] = mixture.log_weights[k] - norm
    return factors, log_peak, singular


def _times(matrices: Array, vectors: Array) -> Array:
    """Products (f, d) of matrices (f, d, d) and vectors (f, d)."""
    return (matrices @ vectors[:, :, None])[:, :, 0]
