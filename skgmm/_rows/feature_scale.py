"""The scale of each feature, and the step of features that take few values or have a pile at one.

Of other features that were rounded, the step tells when a component is too narrow
(`_starts/shared_values.py`).

`reg_covar="auto"` is made of both. The scale must not be that of a few far values, such as fill
values of 1e20, so it is taken from quantiles. A value that was recorded with step s stands for the
cell of width s around it, whose variance is s^2 / 12 (Sheppard 1898): no component can be narrower
than that. Adding it is dequantisation (Theis, van den Oord & Bethge 2016): the objective is then a
lower bound on the log-probability of the recorded cells, up to the constant sum of log s.

A value that many samples share beside others that hardly any do (zeros of an amount, the ends of a
scale, a fill value) stands for a cell too: a component of such samples alone would be infinitely
narrow. The cell is 2.5 standard deviations of the samples next to it wide, as many as share the
value: then no pile is much denser than its neighbours. The deviation of all samples would hide
clusters that are far apart.

A binary feature (a dummy, or few values most of which are one) tells on which side of a threshold
something is, and a side is no cell: of a normal distribution cut at its median the halves are
wider, for the distance of their means, than cells of a uniform one. With the variance of a cell the
levels of a one-hot factor would outweigh clusters five deviations apart. Where all features are
coarse, these are what there is to tell clusters apart, and the cell remains.

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

# In units of the squared step: of a uniform distribution as wide as the step, and of half a normal
# distribution, the step being the distance of the means of both halves.
VARIANCE_OF_CELL, _VARIANCE_OF_SIDE = 1.0 / 12.0, (np.pi - 2.0) / 8.0

# Few values, most samples at one or two of them; and many values, with a pile at one: as `Kind` of
# `_kernels/passes/feature_scale.hpp`.
_BINARY, _PILED = 1, 2

# Features that are sorted at once.
_AT_ONCE = 64


class FeatureScale(NamedTuple):
    """Variances of the features, robust to far values, and steps, 0 where there is none."""

    variances: Array  # (d,), 0 for a constant feature
    steps: Array  # (d,) widths of the cells that values of coarse features, and piles, stand for
    kinds: Array  # (d,) uint8, `_BINARY`, `_PILED` or 0
    rounding: Array  # (d,) the steps to which features of more values were rounded, 0 for none

    @classmethod
    def smooth(cls, variances: Array) -> FeatureScale:
        """Of features without steps."""
        none = np.zeros_like(variances)
        return cls(variances, none, np.zeros(variances.shape, dtype=np.uint8), none)

    @classmethod
    def of(cls, samples: Array, weights: Array) -> FeatureScale:
        """From distinct samples (m, d), NaN if missing, and their positive weights (m,)."""
        single = bool((samples != samples[:1]).any(axis=0).sum() < 2)
        found = []
        for i in range(0, samples.shape[1], _AT_ONCE):
            some = samples[:, i : i + _AT_ONCE]
            if np.isnan(some.sum()):
                found += [_of_observed(column[:, None], weights, single) for column in some.T]
            else:
                found.append(_scales(some, weights, _n_samples(weights, single)))
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
        fine = (self.kinds == _PILED) | ((self.steps == 0) & (self.variances > 0))
        sides = (self.kinds == _BINARY) & fine.any()
        cells = self.steps**2 * np.where(sides, _VARIANCE_OF_SIDE, VARIANCE_OF_CELL)
        return np.where(cells > least, cells, 0.0)


def _n_samples(weights: Array, single: bool) -> float:
    """Repeated samples repeat all their values; only with a `single` feature that varies can that
    not be told from coarse values. Weights that sum to less than the number of samples are
    relative.
    """
    return float(max(len(weights), weights.sum())) if single else float(len(weights))


def _of_observed(column: Array, weights: Array, single: bool) -> tuple[Array, ...]:
    """Fields of the scale, each (1,), of the observed values of a feature (m, 1)."""
    observed = ~np.isnan(column[:, 0])
    if not observed.any():
        return tuple(FeatureScale.smooth(np.zeros(1)))
    some = weights[observed]
    return _scales(column[observed], some, _n_samples(some, single))


def _scales(X: Array, weights: Array, n_samples: float) -> tuple[Array, ...]:
    """Fields of the scale of the features of X, each (d,)."""
    values, of_values = np.array(X.T, order="C"), weights[None, :1]
    if (weights != weights[0]).any():
        order = np.argsort(values, axis=1)
        values, of_values = np.take_along_axis(values, order, axis=1), weights[order]
    found = FeatureScale.smooth(np.empty(len(values)))._replace(rounding=np.empty(len(values)))
    feature_scales(values, of_values, n_samples, *found)
    return found
