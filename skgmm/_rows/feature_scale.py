"""The scale of each feature, and the step of features that take few values or have a pile at one.

`reg_covar="auto"` is made of both. The scale must not be that of a few far values, such as fill
values of 1e20, so it is taken from quantiles. A value that was recorded with step s stands for the
cell of width s around it, whose variance is s^2 / 12 (Sheppard 1898): no component can be narrower
than that. Adding it is dequantisation (Theis, van den Oord & Bethge 2016): the objective is then a
lower bound on the log-probability of the recorded cells, up to the constant sum of log s.

A value that many samples share beside others that hardly any do (zeros of an amount, the ends of a
scale, a fill value) stands for a cell too: a component of such samples alone would be infinitely
narrow. The cell is two standard deviations of the samples next to it wide, so that no pile is much
denser than its neighbours.

What a feature's scale and step are is computed in `_kernels/passes/feature_scale.cpp`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from skgmm._kernels._native import feature_scales
from skgmm._linalg import Array

RELATIVE_VARIANCE = 1e-10
"""Added variance in units of each feature's own: far below the variance within a cluster, even when
clusters are ten thousand standard deviations apart, and far above rounding."""

# Features that are sorted at once.
_AT_ONCE = 64


class FeatureScale(NamedTuple):
    """Variances of the features, robust to far values, and steps, 0 where there is none."""

    variances: Array  # (d,), 0 for a constant feature
    steps: Array  # (d,) widths of the cells that values of coarse features, and piles, stand for

    @classmethod
    def of(cls, samples: Array, weights: Array) -> FeatureScale:
        """From distinct samples (m, d), NaN if missing, and their positive weights (m,)."""
        single = samples.shape[1] == 1
        found = []
        for i in range(0, samples.shape[1], _AT_ONCE):
            some = samples[:, i : i + _AT_ONCE]
            if np.isnan(some.sum()):
                found += [_of_observed(column[:, None], weights, single) for column in some.T]
            else:
                found.append(_variances_and_steps(some, weights, _n_samples(weights, single)))
        return cls(*(np.concatenate(parts) for parts in zip(*found, strict=True)))

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
        variances, varying = self.variances, self.variances > 0
        if not varying.all():
            usual = variances[varying].mean() if varying.any() else 1.0
            variances = np.where(varying, variances, usual)
        # Seven digits: rounding, which depends on the order of the samples, does not show.
        significand, exponent = np.frexp(variances)
        return RELATIVE_VARIANCE * np.ldexp(np.round(significand * 2.0**24), exponent - 24)

    def cells_above(self, least: Array) -> Array:
        """Variances within the cells that the values of features stand for, (d,).

        0 where they are no more than `least` (d,).
        """
        cells = self.steps**2 / 12.0
        return np.where(cells > least, cells, 0.0)


def _n_samples(weights: Array, single: bool) -> float:
    """Repeated samples repeat all their values; only with a `single` feature can that not be told
    from coarse values. Weights that sum to less than the number of samples are relative.
    """
    return float(max(len(weights), weights.sum())) if single else float(len(weights))


def _of_observed(column: Array, weights: Array, single: bool) -> tuple[Array, Array]:
    """Variance and step (1,) of the observed values of a feature (m, 1)."""
    observed = ~np.isnan(column[:, 0])
    if not observed.any():
        return np.zeros(1), np.zeros(1)
    some = weights[observed]
    return _variances_and_steps(column[observed], some, _n_samples(some, single))


def _variances_and_steps(X: Array, weights: Array, n_samples: float) -> tuple[Array, Array]:
    """Robust variance of each feature, and its step or 0."""
    values, of_values = np.array(X.T, order="C"), weights[None, :1]
    if (weights != weights[0]).any():
        order = np.argsort(values, axis=1)
        values, of_values = np.take_along_axis(values, order, axis=1), weights[order]
    variances, steps = np.empty(len(values)), np.empty(len(values))
    feature_scales(values, of_values, n_samples, variances, steps)
    return variances, steps
