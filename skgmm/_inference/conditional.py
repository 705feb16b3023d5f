"""The conditional distribution of some features of a mixture, given others.

Of a component with mean (m_g, m_w) and covariance S, features w given that features g are x:

    mean       = m_w + S_wg S_gg^-1 (x - m_g)
    covariance = S_ww - S_wg S_gg^-1 S_gw
    weight     proportional to its weight x N(x; m_g, S_gg)

(Ghahramani & Jordan 1994, Supervised learning from incomplete data via an EM approach). A given
feature whose value is missing is integrated out, so that g are the observed ones. Weights stay in
log space: the ratios of densities that underflow are exact.

Means and covariances come from `View`, as those of missing values in a fit do. What is here is for
many samples at once: a regression for each pattern of missing values, applied to all its samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skgmm._inference.marginal import as_full, marginal_parameters
from skgmm._kernels import numbering_lost_rows
from skgmm._linalg import Array, symmetrised
from skgmm._parameters import MixtureParameters
from skgmm._rows.e_step import averaged_lines, log_responsibilities
from skgmm._rows.view import View
from skgmm.covariance import AxisAligned, Ellipsoidal

# Patterns of missing values whose regressions are kept.
_MOST_PATTERNS = 1000


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


@dataclass(frozen=True)
class Conditioning:
    """Samples of some features of a mixture (given), and the distribution of the others (wanted).

    What depends on the pattern of missing values alone is computed once for each pattern.
    """

    mixture: MixtureParameters
    given: Array  # (g,) the features that are given
    _regressions: dict[bytes, _Regression] = field(default_factory=dict)

    def distribution(self, values: Array, complete: bool = False) -> Conditional:
        """That of the wanted features, for values (n, g) of the given ones.

        NaN is missing; `complete` tells that there is none.
        """
        n_samples, n_components = len(values), self.mixture.n_components
        n_wanted = self.mixture.n_features - len(self.given)
        observed, pattern = _patterns(values, complete)
        weights = np.empty((n_samples, n_components))
        expected = np.empty((n_samples, n_components, n_wanted))
        within = np.empty((len(observed), n_components, n_wanted, n_wanted))
        for number, (own, regression, x) in enumerate(self._parts(values, observed, pattern)):
            with numbering_lost_rows(numbers=own):
                weights[own], expected[own] = regression.apply(x)
            within[number] = regression.covariances
        return Conditional(weights, expected, within, pattern)

    def mean(self, values: Array, complete: bool = False) -> Array:
        """`distribution(values).mean()`, (n, q), without the distributions of the components."""
        if complete:
            return self._regression(np.ones(len(self.given), dtype=bool)).mean(values)
        n_samples = len(values)
        observed, pattern = _patterns(values, complete)
        mean = np.empty((n_samples, self.mixture.n_features - len(self.given)))
        for own, regression, x in self._parts(values, observed, pattern):
            with numbering_lost_rows(numbers=own):
                mean[own] = regression.mean(x)
        return mean

    def _parts(
        self, values: Array, observed: Array, pattern: Array
    ) -> Iterator[tuple[Any, _Regression, Array]]:
        """Samples of each pattern as an index, their regression and their observed values."""
        for seen, own in zip(observed, _members(pattern), strict=True):
            x = values if isinstance(own, slice) else values[own]
            yield own, self._regression(seen), x if seen.all() else x[:, seen]

    def _regression(self, seen: Array) -> _Regression:
        """That on the given features of which a value is observed."""
        key = seen.tobytes()
        found = self._regressions.get(key)
        if found is None:
            if len(self._regressions) >= _MOST_PATTERNS:
                self._regressions.clear()
            found = self._regressions[key] = _Regression.of(self.mixture, self.given, seen)
        return found


def _patterns(values: Array, complete: bool) -> tuple[Array, Array]:
    """Which values are observed in each pattern (p, g), and the pattern of each sample (n,)."""
    missing = None if complete else np.isnan(values)
    if missing is None or not missing.any():
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
    # About a point among the means, so that distant samples do not suffer cancellation.
    origin: Array  # (o,)
    lines: Array  # (K, q, 1 + o) means of the wanted features there, and slopes
    covariances: Array  # (K, q, q)

    @classmethod
    def of(cls, mixture: MixtureParameters, given: Array, seen: Array) -> _Regression:
        wanted = np.ones(mixture.n_features, dtype=bool)
        wanted[given] = False
        known, wanted = given[seen], np.flatnonzero(wanted)
        order = np.concatenate([known, wanted])
        both = as_full(mixture)
        if not np.array_equal(order, np.arange(mixture.n_features)):
            both = marginal_parameters(both, order)
        # The observed features come first.
        pushed = View(np.arange(len(order)) < len(known)).push(both)
        conditional, means = pushed.conditional, pushed.true.means
        assert conditional is not None
        assert conditional.regression is not None
        origin = means.mean(axis=0)
        apart = (conditional.regression @ (origin - means)[:, :, None])[:, :, 0]
        at_origin = both.means[:, len(known) :] + apart
        lines = np.concatenate([at_origin[:, :, None], conditional.regression], axis=2)
        return cls(pushed.true, origin, lines, conditional.covariance)

    def apply(self, x: Array) -> tuple[Array, Array]:
        """Log-weights (n, K) given observed values (n, o), and means (n, K, q) of the wanted."""
        n_components, n_wanted, _ = self.lines.shape
        at_origin, slopes = self.lines[:, :, 0], self.lines[:, :, 1:]
        if not x.shape[1]:
            size = len(x), n_components
            log_weights = np.broadcast_to(self._log_proportions(), size)
            return log_weights, np.broadcast_to(at_origin, (*size, n_wanted))
        expected = (x - self.origin) @ slopes.reshape(-1, x.shape[1]).T
        expected = expected.reshape(-1, n_components, n_wanted) + at_origin
        return log_responsibilities(x, self.observed), expected

    def mean(self, x: Array) -> Array:
        """Mean of the wanted features (n, q) given observed values (n, o)."""
        if not x.shape[1]:
            return np.exp(self._log_proportions()) @ self.lines[:, :, 0]
        return averaged_lines(x, self.observed, self.origin, self.lines)

    def _log_proportions(self) -> Array:
        log_weights = self.observed.log_weights
        return log_weights - np.logaddexp.reduce(log_weights)
