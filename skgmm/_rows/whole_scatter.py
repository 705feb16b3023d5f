"""The scatter of all rows, and what it saves where all components share a covariance.

The scatter within components is that of all rows, which no mixture changes, less that between the
means. So neither EM nor the moments of a partition need products of features again.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from skgmm._kernels import FEW_FEATURES, FEW_ROWS
from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm._rows.e_step import Part, WholePart, partition_in_memory

# The least part of a feature's variance that the features before it leave.
_COLLINEAR = 1e-6

# The mean of a feature may be so many standard deviations from 0: the farther, the more digits
# differences of means lose.
_NEAR = 1e3

# What is taken from a sum of squares leaves at least this part of it; and the largest relative
# difference of two sums of weights that are the same.
_DIGITS, _ROUNDING = 1e-4, 1e-12


def whole_scatter(part: Part) -> Array | None:
    """Weight, mean (d,), scatter (d, d) and its upper Cholesky factor, of all rows, in one array.

    None where it would lose digits: where features are nearly collinear, a precision times the
    scatter is rounding; and far from 0, the difference of two means.
    """
    n, d = part.X.shape
    # Few features are iterated in compiled code, and sums over many samples are to be the same to
    # the last bit however these are read.
    if d <= FEW_FEATURES or not 0 < n <= FEW_ROWS:
        return None
    together, none = np.zeros(n, dtype=np.int64), np.zeros(d)
    whole = partition_in_memory(part, together, 1, Scatter.POOLED, none)
    squares = whole.scatter.diagonal()
    if not (squares > 0).all():
        return None
    units = np.sqrt(squares)
    if (np.abs(whole.mean[0]) * np.sqrt(whole.total_weight) > _NEAR * units).any():
        return None
    try:
        root = np.linalg.cholesky(whole.scatter / units / units[:, None])
    except np.linalg.LinAlgError:
        return None
    if root.diagonal().min() ** 2 < _COLLINEAR:
        return None
    upper = root.T * units
    return np.concatenate([whole.mass, whole.mean[0], whole.scatter.ravel(), upper.ravel()])


def moments_of_groups(
    part: WholePart, partition: Array, n_components: int, form: Scatter, floor: Array
) -> Moments:
    """As `partition_in_memory`."""
    pooled = form is Scatter.POOLED and n_components > 1
    found = _within_groups(part, partition, n_components, floor) if pooled else None
    return found or partition_in_memory(part, partition, n_components, form, floor)


def _within_groups(
    part: WholePart, partition: Array, n_components: int, floor: Array
) -> Moments | None:
    """The same, pooled over the groups, from the scatter of all rows.

    None where the scatter of all rows is not known, where the groups are not all rows, and where
    hardly anything of it would remain.
    """
    known, d = part.whole_scatter, len(floor)
    if known is None:
        return None
    weight, mean, scatter = known[0], known[1 : 1 + d], known[1 + d :][: d * d].reshape(d, d)
    none = np.zeros(d)
    groups = partition_in_memory(part, partition, n_components, Scatter.DIAGONAL, none)
    if abs(groups.mass.sum() - weight) > _ROUNDING * weight:
        return None
    if (groups.scatter.sum(axis=0) < _DIGITS * scatter.diagonal()).any():
        return None
    apart = np.sqrt(groups.mass)[:, None] * (groups.mean - mean)
    within = scatter - apart.T @ apart + np.diag(weight * floor)
    return replace(groups, form=Scatter.POOLED, scatter=within)
