"""Missing values filled in: by one Gaussian for starts, and by a mixture where users ask for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from operator import add

import numpy as np

from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm._parameters import MixtureParameters, one_gaussian
from skgmm._rows import incomplete
from skgmm._rows.base import InMemoryRows, Rows
from skgmm._rows.groups import groups_of
from skgmm._rows.incomplete import Batch, Completed, batches
from skgmm._rows.row_draws import row_normals
from skgmm._rows.sample import StartSample

# EM of one Gaussian ends when an iteration gains less than this, in nats per sample, or after so
# many iterations: starts need no more.
_GAIN, _ITERATIONS = 1e-4, 50

# Variance that is added along each axis, in units of the features' own variances. Of features that
# hardly any sample has together, nothing is known of how they vary together.
_RIDGE = 1e-3

# With extreme weights the variance of a feature can be far below the squares of its values. A
# smaller one than the square of this, times the ridge, is no float64 number with all its digits.
_LEAST_DEVIATION = 1e-151

# Distance from most of the values of a feature, in units of the range of their middle half.
_DISTANT = 10.0

# Features up to which starts look at how they vary together, which takes matrices of all of them.
_MOST = 200


@dataclass(frozen=True)
class Completion:
    """One Gaussian, fitted by EM to incomplete samples: what starts fill in is drawn from it.

    Conditional means would do for one Gaussian, but they lie on a plane, on which components of a
    mixture would collapse.
    """

    gaussian: MixtureParameters
    constant: Array  # (d,) bool, features whose observed values are all the same

    @classmethod
    def of(cls, sample: StartSample, noise: bool = False) -> Completion:
        """From samples (m, d) with NaN and their positive weights; beside noise, or not."""
        sample = _without_distant_values(sample) if noise else sample
        mean, variances, constant = _of_features(sample)
        scale = np.where(constant, 1.0, np.maximum(np.sqrt(variances), _LEAST_DEVIATION))
        scaled = (sample.rows - mean) / scale
        if sample.rows.shape[1] > _MOST:
            return cls(one_gaussian(mean, scale**2), constant)
        shift, covariance = _one_gaussian(scaled, sample.weights)
        covariance = covariance * scale * scale[:, None]
        return cls(one_gaussian(mean + scale * shift, covariance), constant)

    def overall_moments(self, rows: Rows, form: Scatter) -> Moments:
        """Of samples as one component, as this Gaussian expects what is missing of them."""
        moments = rows.expectation(self.gaussian, Scatter.FULL, np.zeros(rows.n_features))
        scatter = np.where(self.constant[:, None] | self.constant, 0.0, moments.scatter)
        return replace(moments, form=form, scatter=form.from_dense(scatter))

    def filled(self, sample: StartSample) -> StartSample:
        """What starts look at, with missing values filled in."""
        return replace(sample, rows=self.drawn(sample.rows), observed=sample.rows)

    def drawn(self, samples: Array) -> Array:
        """The samples (m, d) with draws in place of NaN: the same for equal samples."""
        filled, normals = samples.copy(), row_normals(samples)
        for batch in _incomplete(samples):
            found, _ = _completed(batch, self.gaussian)
            noise = np.take_along_axis(normals[batch.numbers], batch.missing, axis=1)
            only = np.zeros(len(batch.X), dtype=np.int64)
            _fill_draws(filled, batch, only, found, self.gaussian, _roots_of(found), noise)
        return np.where(self.constant & np.isnan(samples), self.gaussian.means, filled)


def _without_distant_values(sample: StartSample) -> StartSample:
    """The samples without values that are far from most of their feature: beside noise, these are
    noise, and one Gaussian of all would be that of the noise.
    """
    low, high = np.nanquantile(sample.rows, [0.25, 0.75], axis=0)
    reach = np.where(high > low, _DISTANT * (high - low), np.inf)
    near = (sample.rows >= low - reach) & (sample.rows <= high + reach)
    return replace(sample, rows=np.where(near, sample.rows, np.nan))


def _of_features(sample: StartSample) -> tuple[Array, Array, Array]:
    """Means and variances of the observed values (d,), and which features do not vary."""
    observed = ~np.isnan(sample.rows)
    lowest = np.min(sample.rows, axis=0, where=observed, initial=np.inf)
    highest = np.max(sample.rows, axis=0, where=observed, initial=-np.inf)
    some = np.where(np.isfinite(lowest), lowest, 0.0)
    mass = sample.weights @ observed
    share = np.where(observed, sample.weights[:, None], 0.0) / np.where(mass > 0, mass, 1.0)
    apart = np.where(observed, sample.rows - some, 0.0)
    shift = (share * apart).sum(axis=0)
    variances = (share * (apart - shift) ** 2).sum(axis=0)
    constant = lowest >= highest
    return some + shift, np.where(constant, 0.0, variances), constant


def _one_gaussian(samples: Array, weights: Array) -> tuple[Array, Array]:
    """Mean and covariance of features with mean 0 and variance 1 where they are observed."""
    n_features = samples.shape[1]
    groups = groups_of(InMemoryRows(samples, weights))
    mean, covariance = np.zeros(n_features), np.eye(n_features)
    floor, best = np.zeros(n_features), -np.inf
    for _ in range(_ITERATIONS):
        gaussian = one_gaussian(mean, covariance)
        parts = (group.expectation(gaussian, Scatter.FULL, floor) for group in groups)
        moments = reduce(add, parts)
        mean = moments.mean[0]
        covariance = moments.scatter[0] / moments.total_weight + _RIDGE * np.eye(n_features)
        if not moments.mean_objective > best + _GAIN:
            break
        best = moments.mean_objective
    return mean, covariance


def imputed(X: Array, mixture: MixtureParameters) -> Array:
    """X with the conditional means given what was observed in place of NaN, (n, d)."""
    filled = X.copy()
    for batch in _incomplete(X):
        found, responsibilities = _completed(batch, mixture)
        means = sum(
            share[:, None] * (own.centred + mean)
            for share, own, mean in zip(responsibilities, found, mixture.means, strict=True)
        )
        _fill(filled, batch, means)
    return filled


def drawn(X: Array, mixture: MixtureParameters, rng: np.random.RandomState, n_draws: int) -> Array:
    """X with draws from the conditional distribution in place of NaN, (n_draws, n, d)."""
    filled = np.repeat(X[None], n_draws, axis=0)
    for batch in _incomplete(X):
        found, responsibilities = _completed(batch, mixture)
        levels = np.cumsum(responsibilities, axis=0)
        roots = _roots_of(found)
        for copy in filled:
            component = (rng.uniform(size=len(batch.X)) * levels[-1] >= levels[:-1]).sum(axis=0)
            noise = rng.standard_normal(size=batch.missing.shape)
            _fill_draws(copy, batch, component, found, mixture, roots, noise)
    return filled


def _fill_draws(
    filled: Array,
    batch: Batch,
    component: Array,
    found: list[Completed],
    mixture: MixtureParameters,
    roots: list[Array],
    noise: Array,
) -> None:
    """Write draws of the missing features of a batch, from components (b,) and normals (b, u)."""
    for k in np.unique(component):
        chosen = np.flatnonzero(component == k)
        missing = batch.missing[chosen]
        values = np.take_along_axis(found[k].centred[chosen], missing, axis=1)
        spread = roots[k][batch.pattern[chosen]] @ noise[chosen, :, None]
        values = values + mixture.means[k][missing] + spread[:, :, 0]
        filled[batch.numbers[chosen, None], missing] = values


def _incomplete(X: Array) -> list[Batch]:
    missing = np.isnan(X)
    numbers = np.flatnonzero(missing.any(axis=1))
    return batches(X, np.ones(len(X)), missing, numbers)


def _completed(batch: Batch, mixture: MixtureParameters) -> tuple[list[Completed], Array]:
    """The samples as each component completes them, and the responsibilities (K, b)."""
    found = incomplete.all_completed(batch, mixture)
    if len(found) == 1:  # at any distance
        return found, np.ones((1, len(batch.X)))
    logs = incomplete.log_parts(batch, mixture, found, np.zeros(mixture.n_features))[1]
    return found, np.exp(logs.T)


def _roots_of(found: list[Completed]) -> list[Array]:
    return [_roots(own.within) for own in found]


def _roots(within: Array) -> Array:
    """Lower factors (p, u, u) of conditional covariances (u, u, p), or variances (u, p)."""
    if within.ndim == 2:
        return np.sqrt(within.T)[:, :, None] * np.eye(len(within))
    return np.linalg.cholesky(within)


def _fill(filled: Array, batch: Batch, values: Array) -> None:
    """Write the missing features of a batch, from the values of all (b, d)."""
    missing = batch.missing
    filled[batch.numbers[:, None], missing] = np.take_along_axis(values, missing, axis=1)
