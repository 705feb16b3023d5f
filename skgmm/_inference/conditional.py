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
from typing import Any

import numpy as np

from skgmm._kernels import LostRowError
from skgmm._linalg import Array, symmetrised
from skgmm._parameters import MixtureParameters
from skgmm._rows.e_step import log_responsibilities
from skgmm._rows.view import View
from skgmm.covariance import AxisAligned, Ellipsoidal


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


def conditional_parameters(
    parameters: MixtureParameters, values: Array, log_responsibilities: Array
) -> MixtureParameters:
    """The mixture of the features that are NaN in `values` (d,), given the others.

    Parameters
    ----------
    log_responsibilities : ndarray of shape (K,)
        Of the components, given those values.
    """
    given = ~np.isnan(values)
    conditional = View(given).push(parameters).conditional
    assert conditional is not None
    means, within = parameters.means[:, ~given], conditional.covariance
    if conditional.regression is None:  # independent features
        return MixtureParameters(log_responsibilities, means, AxisAligned.from_variances(within))
    apart = (values - parameters.means)[:, given, None]
    means = means + (conditional.regression @ apart)[:, :, 0]
    return MixtureParameters(log_responsibilities, means, Ellipsoidal.from_dense(within))


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
    weights = np.empty((n_samples, n_components))
    expected = np.empty((n_samples, n_components, n_wanted))
    within = np.empty((len(observed), n_components, n_wanted, n_wanted))
    for number, (seen, own) in enumerate(zip(observed, _members(pattern), strict=True)):
        regression = _Regression.of(log_weights, means, covariances, given[seen], wanted)
        x = np.ascontiguousarray(values[own][:, seen], dtype=np.float64)
        try:
            weights[own], expected[own] = regression.apply(x)
        except LostRowError as error:
            raise LostRowError(int(np.arange(n_samples)[own][error.row])) from error
        within[number] = regression.covariances
    return Conditional(weights, expected, within, pattern)


def _patterns(values: Array) -> tuple[Array, Array]:
    """Which values are observed in each pattern (p, g), and the pattern of each sample (n,)."""
    missing = np.isnan(values)
    if not missing.any():
        return np.ones((1, values.shape[1]), dtype=bool), np.zeros(len(values), dtype=np.intp)
    packed = np.packbits(missing, axis=1)
    _, first, pattern = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    return ~missing[first], pattern.ravel()


def _members(pattern: Array) -> list[Any]:
    """The samples of each pattern, as indices."""
    counts = np.bincount(pattern)
    if len(counts) == 1:
        return [slice(None)]
    return np.split(np.argsort(pattern, kind="stable"), np.cumsum(counts)[:-1])


@dataclass(frozen=True)
class _Regression:
    """The wanted features on those that are observed, in every component."""

    observed: MixtureParameters  # the mixture of the observed features
    slope: Array  # (K, o, q)
    wanted: Array  # (K, q) means
    covariances: Array  # (K, q, q)

    @classmethod
    def of(
        cls, log_weights: Array, means: Array, covariances: Array, known: Array, wanted: Array
    ) -> _Regression:
        # Of no feature the factor is empty, too.
        own = Ellipsoidal.from_dense(np.ascontiguousarray(covariances[:, known[:, None], known]))
        whitened = own.whitening @ covariances[:, known[:, None], wanted]
        explained = np.swapaxes(whitened, 1, 2) @ whitened
        return cls(
            MixtureParameters(log_weights, means[:, known], own),
            np.swapaxes(own.whitening, 1, 2) @ whitened,
            means[:, wanted],
            symmetrised(covariances[:, wanted[:, None], wanted] - explained),
        )

    def apply(self, x: Array) -> tuple[Array, Array]:
        """Log-weights (n, K) given observed values (n, o), and means (n, K, q) of the wanted."""
        n_components, n_observed, n_wanted = self.slope.shape
        means = self.observed.means
        if not n_observed:
            log_weights = self.observed.log_weights
            log_weights = log_weights - np.logaddexp.reduce(log_weights)
            size = len(x), n_components
            return np.broadcast_to(log_weights, size), np.broadcast_to(
                self.wanted, (*size, n_wanted)
            )
        # About a point among the means, so that distant samples do not suffer cancellation.
        origin = means.mean(axis=0)
        at_origin = self.wanted + ((origin - means)[:, None] @ self.slope)[:, 0]
        slopes = np.swapaxes(self.slope, 0, 1).reshape(n_observed, -1)
        expected = ((x - origin) @ slopes).reshape(-1, n_components, n_wanted) + at_origin
        return log_responsibilities(x, self.observed), expected
