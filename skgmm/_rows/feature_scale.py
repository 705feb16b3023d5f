"""The scale of each feature, and the step of features that take few values.

`reg_covar="auto"` is made of both. The scale must not be that of a few far values, such as fill
values of 1e20, so it is taken from quantiles. A value that was recorded with step s stands for the
cell of width s around it, whose variance is s^2 / 12 (Sheppard 1898): no component can be narrower
than that. Adding it is dequantisation (Theis, van den Oord & Bethge 2016): the objective is then a
lower bound on the log-probability of the recorded cells, up to the constant sum of log s.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from skgmm._linalg import Array

RELATIVE_VARIANCE = 1e-10
"""Added variance in units of each feature's own: far below the variance within a cluster, even when
clusters are ten thousand standard deviations apart, and far above rounding."""

# A feature is coarse if it takes no more values than this, and each this often on average. Iris has
# 22 petal widths, a scale of pixels 17 values, a questionnaire 5 or 7.
_MOST_VALUES, _LEAST_REPEATS = 20, 3.0

# Values that differ by less than this in standard deviations are the same but for rounding.
_SAME = 1e-9

# Quantiles whose distance measures the scale, and that distance for a standard normal: the first
# that is positive counts. A feature that is zero for nearly all samples has only the last.
_QUANTILES = ((0.25, 1.34898), (0.1, 2.56310), (0.02, 4.10750))


class FeatureScale(NamedTuple):
    """Variances of the features, robust to far values, and steps, 0 where there is none."""

    variances: Array  # (d,), 0 for a constant feature
    steps: Array  # (d,)

    @classmethod
    def of(cls, samples: Array, weights: Array) -> FeatureScale:
        """From distinct samples (m, d), NaN where missing, and their positive weights (m,)."""
        single = samples.shape[1] == 1
        columns = [_of_observed(column, weights, single) for column in samples.T]
        variances, steps = np.array(columns).T
        return cls(variances, steps)

    def with_variances(self, variances: Array, varying: Array) -> FeatureScale:
        """With other variances where these are 0, but for features that do not vary."""
        missing = (self.variances == 0) & varying
        return self._replace(variances=np.where(missing, variances, self.variances))

    @property
    def collapsed_variances(self) -> Array:
        """Variances (d,), all positive, of which a component has no more only if it has collapsed.

        A constant feature has no scale of its own and takes the mean of the others'; if all are
        constant, any positive variance serves.
        """
        varying = self.variances > 0
        usual = self.variances[varying].mean() if varying.any() else 1.0
        # Seven digits: rounding, which depends on the order of the samples, does not show.
        significand, exponent = np.frexp(np.where(varying, self.variances, usual))
        return RELATIVE_VARIANCE * np.ldexp(np.round(significand * 2.0**24), exponent - 24)

    @property
    def cells(self) -> Array:
        """Variances within the cells that the values of coarse features stand for, (d,)."""
        cells = self.steps**2 / 12.0
        return np.where(cells > self.collapsed_variances, cells, 0.0)


def _of_observed(column: Array, weights: Array, single: bool) -> tuple[float, float]:
    """Variance and step of the values of a feature, or of the `single` one, that are observed."""
    observed = ~np.isnan(column)
    if not observed.all():
        column, weights = column[observed], weights[observed]
    if not len(column):
        return 0.0, 0.0
    # Repeated samples repeat all their values; only with a single feature can that not be told
    # from coarse values. Weights that sum to less than the number of samples are relative.
    n_samples = max(len(column), weights.sum()) if single else len(column)
    return _variance_and_step(column, weights, n_samples)


def _variance_and_step(column: Array, weights: Array, n_samples: float) -> tuple[float, float]:
    """Robust variance of one feature, and its step or 0."""
    order = np.argsort(column)
    values, weights = column[order], weights[order]
    lowest, highest = float(values[0]), float(values[-1])
    rounding = 4 * np.finfo(np.float64).eps * max(abs(lowest), abs(highest))
    if not highest - lowest > rounding:
        return 0.0, 0.0
    variance = _variance(values, weights)
    return variance, _step(values, np.sqrt(variance), n_samples)


def _variance(values: Array, weights: Array) -> float:
    """The variance, or that of a normal distribution with these quantiles if that is smaller."""
    mean = np.average(values, weights=weights)
    variance = float(np.average((values - mean) ** 2, weights=weights))
    ranks = np.cumsum(weights)
    for tail, width in _QUANTILES:
        low, high = values[np.searchsorted(ranks, np.array([tail, 1.0 - tail]) * ranks[-1])]
        if high > low:
            return min(variance, float(((high - low) / width) ** 2))
    return variance


def _step(values: Array, deviation: float, n_samples: float) -> float:
    """The smallest gap between values (sorted), if these are few; else 0."""
    gaps = np.diff(values)
    gaps = gaps[gaps > _SAME * deviation]
    n_values = len(gaps) + 1
    if n_values > _MOST_VALUES or n_samples < _LEAST_REPEATS * n_values:
        return 0.0
    return float(gaps.min())
