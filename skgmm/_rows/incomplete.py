"""Incomplete samples with many patterns of missing values, in batches.

The same formulas as in `view`, for all samples with equally many missing features (u) at once, by
the missing block of the precisions P, so that the cost grows with what is missing:

    x_u - mu_u   = -P_uu^-1 (P c)_u,  c the centred sample with 0 in place of what is missing
    C_uu         = P_uu^-1
    log|S_oo|    = log|S| + log|P_uu|
    distance     = that of the completed sample
    (S_oo^-1)_jj = P_jj - P_ju P_uu^-1 P_uj

Samples of a batch are in the order of their patterns, and what depends on the pattern alone is
computed once for each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from skgmm._kernels import LostRowError
from skgmm._kernels._native import add_uncertain, complete
from skgmm._linalg import Array, symmetrised
from skgmm._moments import Moments, Scatter
from skgmm._parameters import LOG_2_PI, MixtureParameters
from skgmm._rows.far import Known, separate
from skgmm._rows.noise import Background
from skgmm._threads import cached_property

# Numbers of samples x features in a batch: they stay in the processor's cache.
_NUMBERS = 2**15


@dataclass(frozen=True)
class Batch:
    """Samples with equally many missing features, at least one."""

    numbers: Array  # (b,) which samples
    X: Array  # (b, d) float64, 0 in place of what is missing
    weights: Array  # (b,)
    patterns: Array  # (p, u) the missing features of each pattern, ascending
    counts: Array  # (p,) samples of each pattern, which follow one another
    labels: Array | None = None  # (b,) the component where it is known, else -1
    background: Array | None = None  # (b,) log-density of noise, -inf where it is ruled out

    @cached_property
    def pattern(self) -> Array:
        """The pattern of each sample, (b,)."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @cached_property
    def missing(self) -> Array:
        """The missing features of each sample, (b, u)."""
        return self.patterns[self.pattern]

    @cached_property
    def pattern_observed(self) -> Array:
        """Which features each pattern observes, as 1 and 0, (p, d)."""
        observed = np.ones((len(self.patterns), self.X.shape[1]))
        np.put_along_axis(observed, self.patterns, 0.0, axis=1)
        return observed

    @cached_property
    def observed(self) -> Array:
        """Which features each sample observes, as 1 and 0, (b, d)."""
        return self.pattern_observed[self.pattern]

    @cached_property
    def starts(self) -> Array:
        """The first sample of each pattern, (p,)."""
        return np.cumsum(self.counts) - self.counts

    def log_allowed(self, log_joint: Array) -> Array:
        """The log joint (K, b), -inf for the components that labels rule out."""
        if self.labels is None:
            return log_joint
        other = np.arange(len(log_joint))[:, None] != self.labels
        return np.where(other & (self.labels >= 0), -np.inf, log_joint)

    def log_parts(self, mixture: MixtureParameters) -> tuple[Array, Array]:
        floor = np.zeros(mixture.n_features)
        return log_parts(self, mixture, all_completed(self, mixture), floor)

    def expectation(self, mixture: MixtureParameters, form: Scatter, floor: Array) -> Moments:
        """The E-step of the batch: Moments of the completed samples."""
        found = all_completed(self, mixture, floor)
        log_density, logs = log_parts(self, mixture, found, floor)
        responsibilities = np.exp(logs.T[: len(found)]) * self.weights
        mass = responsibilities.sum(axis=1)
        shift = np.stack(
            [share @ own.centred for share, own in zip(responsibilities, found, strict=True)]
        )
        shift = np.divide(shift, mass[:, None], out=np.zeros_like(shift), where=mass[:, None] > 0)
        scatters = np.stack(
            [
                _scatter(self, own, share, own.centred - step, form, floor)
                for own, share, step in zip(found, responsibilities, shift, strict=True)
            ]
        )
        return Moments(
            form=form,
            mass=mass,
            mean=mixture.means + shift,
            scatter=scatters.sum(axis=0) if form is Scatter.POOLED else scatters,
            objective=float(self.weights @ log_density),
            total_weight=float(self.weights.sum()),
        )


def batches(
    X: Array,
    weights: Array,
    missing: Array,
    numbers: Array,
    labels: Array | None = None,
    background: Background | None = None,
) -> list[Batch]:
    """Batches of the samples with these numbers, which are incomplete.

    Parameters
    ----------
    missing : ndarray of bool, shape (n, d)
    """
    n_missing = missing[numbers].sum(axis=1)
    found = []
    for u in np.unique(n_missing):
        own = numbers[n_missing == u]
        features = np.nonzero(missing[own])[1].reshape(len(own), u)
        order = np.lexsort(features.T[::-1])
        size = max(1, _NUMBERS // X.shape[1])
        for start in range(0, len(own), size):
            part = order[start : start + size]
            batch = _batch(X, weights, own[part], features[part], labels)
            if background is not None:
                noise = background.log_density(missing[batch.numbers], batch.labels)
                batch = replace(batch, background=noise)
            found.append(batch)
    return found


def _batch(
    X: Array, weights: Array, numbers: Array, features: Array, labels: Array | None
) -> Batch:
    changes = np.r_[True, (features[1:] != features[:-1]).any(axis=1)]
    starts = np.flatnonzero(changes)
    values = X[numbers].astype(np.float64)
    np.put_along_axis(values, features, 0.0, axis=1)
    return Batch(
        numbers,
        values,
        weights[numbers],
        features[starts],
        np.diff(np.r_[starts, len(numbers)]),
        None if labels is None else labels[numbers],
    )


class Completed(NamedTuple):
    """What one component expects of the samples of a batch."""

    centred: Array  # (b, d) about its mean, missing features at their conditional means
    distance: Array  # (b,) squared Mahalanobis
    log_det: Array  # (p,) of the covariance of what is observed
    within: Array  # (p, u, u) conditional covariances, or variances (u, p)
    penalty: Array  # (p,) nats that the log-density pays for `floor`
    regression: Array | None  # (p, u, d) on what is observed, negative; None without covariances


def completed(batch: Batch, component: MixtureParameters, floor: Array | None = None) -> Completed:
    """The samples as a mixture of one component completes them."""
    if component.covariance.diagonal:
        return _completed_by_feature(batch, component, floor)
    n_features, (n_patterns, n_missing) = component.n_features, batch.patterns.shape
    floor = np.zeros(n_features) if floor is None else floor
    centred = np.empty_like(batch.X)
    within = np.empty((n_patterns, n_missing, n_missing))
    regression = np.empty((n_patterns, n_missing, n_features))
    log_det, penalty = np.empty(n_patterns), np.empty(n_patterns)
    precision = component.covariance.precisions()[0]
    out = within, regression, log_det, penalty
    complete(
        batch.patterns, batch.counts, batch.X, component.means[0], precision, floor, centred, *out
    )
    with np.errstate(over="ignore", invalid="ignore"):
        whitened = component.covariance.whiten(centred, 0)
        distance = np.einsum("ij,ij->i", whitened, whitened)
    distance[np.isnan(distance)] = np.inf  # of differences between infinite numbers
    log_det += component.covariance.log_det
    return Completed(centred, distance, log_det, within, penalty, regression)


def _completed_by_feature(
    batch: Batch, component: MixtureParameters, floor: Array | None
) -> Completed:
    """The same where features are independent: what is missing is expected at its mean."""
    covariance, observed = component.covariance, batch.pattern_observed
    variances = covariance.variances()[0]
    centred = (batch.X - component.means[0]) * batch.observed
    with np.errstate(over="ignore"):
        distance = np.square(covariance.whiten(centred, 0)).sum(axis=1)
    log_det = observed @ np.log(variances)
    penalty = np.zeros(len(observed))
    if floor is not None:
        penalty = 0.5 * (observed @ (floor * covariance.precision_diagonal[0]))
    return Completed(centred, distance, log_det, variances[batch.patterns.T], penalty, None)


def all_completed(
    batch: Batch, mixture: MixtureParameters, floor: Array | None = None
) -> list[Completed]:
    """The samples as each component completes them."""
    each = (mixture.reordered(np.array([k])) for k in range(mixture.n_components))
    return [completed(batch, component, floor) for component in each]


def log_joint_of(batch: Batch, mixture: MixtureParameters, found: list[Completed]) -> Array:
    """Log of weight x density of what is observed, less what is paid for `floor`, (K, b)."""
    n_observed = batch.X.shape[1] - batch.patterns.shape[1]
    log_joint = np.empty((len(found), len(batch.X)))
    for k, own in enumerate(found):
        peak = -0.5 * (n_observed * LOG_2_PI + own.log_det) - own.penalty
        log_joint[k] = mixture.log_weights[k] + peak[batch.pattern] - 0.5 * own.distance
    return batch.log_allowed(log_joint)


def log_noise(batch: Batch, mixture: MixtureParameters) -> Array | None:
    """Log of weight x density of noise, (b,); None where there is none in the model."""
    return None if batch.background is None else mixture.log_noise_weight + batch.background


def log_parts(
    batch: Batch, mixture: MixtureParameters, found: list[Completed], floor: Array
) -> tuple[Array, Array]:
    """Log-densities (b,) and logarithms of the responsibilities (b, K), noise last (b, K + 1)."""
    log_joint, noise = log_joint_of(batch, mixture, found), log_noise(batch, mixture)
    if noise is not None:
        log_joint = np.vstack([log_joint, noise])
    peak = log_joint.max(axis=0)
    lost = ~np.isfinite(peak)
    if (lost & (batch.weights > 0)).any():
        raise LostRowError(int(batch.numbers[np.argmax(lost & (batch.weights > 0))]))
    peak = np.where(lost, 0.0, peak)
    total = np.where(lost, 1.0, np.exp(log_joint - peak).sum(axis=0))
    log_density = peak + np.log(total)
    logs = (log_joint - log_density).T
    known = Known(batch.X, batch.observed == 0.0, labels=batch.labels)
    separate(log_density, logs, known, batch.weights, mixture, floor)
    return log_density, logs


def _scatter(
    batch: Batch, own: Completed, share: Array, centred: Array, form: Scatter, floor: Array
) -> Array:
    """Second moments of one component: of the completed samples, what is uncertain, and `floor`."""
    mass = np.add.reduceat(share, batch.starts)  # of each pattern
    n_features = batch.X.shape[1]
    diagonal = (mass @ batch.pattern_observed) * floor
    if own.within.ndim == 2:  # independent features
        added = np.bincount(
            batch.patterns.T.ravel(), (mass * own.within).ravel(), minlength=n_features
        )
        diagonal = diagonal + added
        if form is Scatter.DIAGONAL:
            return share @ np.square(centred) + diagonal
        return symmetrised((share * centred.T) @ centred) + np.diag(diagonal)
    scatter = (share[:, None] * centred).T @ centred
    add_uncertain(batch.patterns, batch.counts, floor, mass, own.within, own.regression, scatter)
    scatter = symmetrised(scatter) + np.diag(diagonal)
    return np.diagonal(scatter) if form is Scatter.DIAGONAL else scatter
