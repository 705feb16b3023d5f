"""The conditional distribution of some features of a mixture, given others.

Of a component with mean (m_g, m_w) and covariance S, features w given that features g are x:

    mean       = m_w + S_wg S_gg^-1 (x - m_g)
    covariance = S_ww - S_wg S_gg^-1 S_gw
    weight     proportional to its weight x N(x; m_g, S_gg)

(Ghahramani & Jordan 1994, Supervised learning from incomplete data via an EM approach). A given
feature whose value is missing is integrated out, so that g are the observed ones. Weights stay in
log space: the ratios of densities that underflow are exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skgmm._kernels import LostRowError
from skgmm._linalg import Array, cholesky, log_diagonal_sum, symmetrised, triangular_inverse

_LOG_2_PI = float(np.log(2.0 * np.pi))


@dataclass(frozen=True)
class Conditional:
    """A mixture of the q wanted features for each of n samples.

    Covariances do not depend on the values that are given, only on which of them are observed.
    """

    log_weights: Array  # (n, K), each row sums to 1 in probability
    means: Array  # (n, K, q)
    covariances: Array  # (p, K, q, q), for each pattern of missing values
    pattern: Array  # (n,) the pattern of each sample

    def mean(self) -> Array:
        """Mean of the mixture of each sample, (n, q)."""
        return (np.exp(self.log_weights)[:, None, :] @ self.means)[:, 0]

    def covariance(self) -> Array:
        """Covariance of the mixture of each sample, (n, q, q)."""
        weights = np.exp(self.log_weights)[:, :, None]
        apart = self.means - self.mean()[:, None]
        between = np.swapaxes(weights * apart, 1, 2) @ apart
        within = (weights[..., None] * self.covariances[self.pattern]).sum(axis=1)
        return symmetrised(within + between)

    def variances(self) -> Array:
        """Variances of the wanted features of each sample, (n, q)."""
        weights = np.exp(self.log_weights)
        within = np.diagonal(self.covariances, axis1=2, axis2=3)[self.pattern]
        apart = self.means - self.mean()[:, None]
        return (weights[:, :, None] * (within + apart**2)).sum(axis=1)

    def draw(self, n_draws: int, rng: np.random.RandomState) -> Array:
        """Draws from the mixture of each sample, (n_draws, n, q)."""
        levels = np.cumsum(np.exp(self.log_weights), axis=1)
        uniform = rng.uniform(size=(n_draws, len(levels), 1)) * levels[:, -1:]
        component = (uniform >= levels[:, :-1]).sum(axis=2)
        noise = rng.standard_normal(size=(*component.shape, self.means.shape[2]))
        roots = np.linalg.cholesky(self.covariances)[self.pattern, component]
        chosen = self.means[np.arange(len(levels)), component]
        return chosen + (roots @ noise[..., None])[..., 0]


def conditional(
    log_weights: Array, means: Array, covariances: Array, given: Array, values: Array
) -> Conditional:
    """The distribution of the features that are not given, for each sample.

    Parameters
    ----------
    log_weights : ndarray of shape (K,)
    means : ndarray of shape (K, d)
    covariances : ndarray of shape (K, d, d)
    given : ndarray of int, shape (g,)
        The features that are given.
    values : ndarray of shape (n, g)
        Their values; NaN where one is missing.
    """
    wanted = np.setdiff1d(np.arange(means.shape[1]), given)
    n_samples, n_components, n_wanted = len(values), len(means), len(wanted)
    observed, pattern = _patterns(values)
    log_joint = np.empty((n_samples, n_components))
    expected = np.empty((n_samples, n_components, n_wanted))
    within = np.empty((len(observed), n_components, n_wanted, n_wanted))
    order = np.argsort(pattern, kind="stable")
    ends = np.cumsum(np.bincount(pattern, minlength=len(observed)))
    for number, (seen, own) in enumerate(zip(observed, np.split(order, ends[:-1]), strict=True)):
        known = given[seen]
        regression = _Regression.of(means, covariances, known, wanted)
        x = values[own][:, seen].astype(np.float64, copy=False)
        log_density, found = regression.apply(x)
        log_joint[own] = log_weights + log_density
        expected[own], within[number] = found, regression.covariances
    return Conditional(_normalised(log_joint), expected, within, pattern)


def _patterns(values: Array) -> tuple[Array, Array]:
    """Which values are observed in each pattern (p, g), and the pattern of each sample (n,)."""
    missing = np.isnan(values)
    if not missing.any():
        return np.ones((1, values.shape[1]), dtype=bool), np.zeros(len(values), dtype=np.intp)
    packed = np.packbits(missing, axis=1)
    _, first, pattern = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    return ~missing[first], pattern.ravel()


@dataclass(frozen=True)
class _Regression:
    """The wanted features on those that are observed, in every component."""

    mean: Array  # (K, 1, o) of the observed features
    whitening: Array  # (K, o, o) inverses of lower Cholesky factors of their covariances
    log_peak: Array  # (K,) log-density at that mean
    intercept: Array  # (K, 1, q) mean of the wanted features
    slope: Array  # (K, o, q) on whitened features
    covariances: Array  # (K, q, q)

    @classmethod
    def of(cls, means: Array, covariances: Array, known: Array, wanted: Array) -> _Regression:
        own = covariances[:, known[:, None], known]
        factors, singular = cholesky(own)
        if singular.any():
            raise ValueError(
                f"The covariances of components {np.flatnonzero(singular).tolist()} are singular "
                "to rounding in the given features: fit with a larger reg_covar"
            )
        whitening = triangular_inverse(factors)
        slope = whitening @ covariances[:, known[:, None], wanted]
        explained = np.swapaxes(slope, 1, 2) @ slope
        rest = symmetrised(covariances[:, wanted[:, None], wanted] - explained)
        log_peak = -0.5 * len(known) * _LOG_2_PI - log_diagonal_sum(factors)
        mean, intercept = means[:, None, known], means[:, None, wanted]
        return cls(mean, whitening, log_peak, intercept, slope, rest)

    def apply(self, x: Array) -> tuple[Array, Array]:
        """Log-densities (n, K) of observed values (n, o), and means (n, K, q) of the wanted."""
        whitened = (x - self.mean) @ np.swapaxes(self.whitening, 1, 2)  # (K, n, o)
        with np.errstate(over="ignore"):
            distance = np.einsum("kno,kno->nk", whitened, whitened)
        expected = self.intercept + whitened @ self.slope
        return self.log_peak - 0.5 * distance, np.swapaxes(expected, 0, 1)


def _normalised(log_joint: Array) -> Array:
    """Logarithms of weights that sum to 1 in every row."""
    peak = log_joint.max(axis=1, keepdims=True)
    if not np.isfinite(peak).all():
        raise LostRowError(int(np.argmin(np.isfinite(peak[:, 0]))))
    apart = log_joint - peak
    return apart - np.log(np.exp(apart).sum(axis=1, keepdims=True))
