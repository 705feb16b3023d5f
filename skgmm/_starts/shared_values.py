"""Cells for values that samples share, where a component rests on that.

With many components for the groups that there are, one may end where samples share a value: an age,
a round price, zeros that are too few for a pile. Its likelihood is as high as what is added to its
variance is small, and no measure of fit. With `reg_covar="auto"` the value then stands for a cell,
as piles do (`_rows/feature_scale.py`), and the fit is repeated. The same where a component is
narrower along some direction than the cells of rounded values: then all these are added. A fit must
tell: samples of iris share values too, but its three components are wider.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skgmm._em.collapse import LARGEST_FRACTION, few_samples
from skgmm._em.result import EMResult
from skgmm._kernels import _native
from skgmm._linalg import Array, is_positive_definite
from skgmm._objective import Regularisation
from skgmm._parameters import MixtureParameters
from skgmm._rows.base import Rows
from skgmm._rows.feature_scale import VARIANCE_OF_CELL
from skgmm._rows.grouped import GroupedRows

# Values this close to the mean of a component, in its standard deviations, may be what it shares.
_NEAR = 4.0

# Samples at a value are at least so many, and so large a part of the component.
_FEWEST, _PART = 5.0, 0.5

# A cell is no more than this part of the variance of any sound component, and of a value that is no
# more widths of its cell from all others.
_SPARED, _ISOLATED = 0.5, 2.0

# Rounding to steps that are shorter than this part of a cell does not stand for that.
_LIKE = 0.25


def repeated_with(
    reg: Regularisation, rounding: Array, result: EMResult, rows: Rows
) -> Regularisation | None:
    """What a fit is to be repeated with, which was made with `reg`; None if it stands.

    If components collapsed, the samples are too few for them, whatever the rounding.
    """
    if result.collapsed:
        rounding = np.zeros_like(rounding)
    return with_shared_values(reg, rounding, result, result.degenerate, rows)


def with_shared_values(
    reg: Regularisation, rounding: Array, end: EMResult, components: list[int], rows: Rows
) -> Regularisation | None:
    """`reg` with cells for values that these `components`, without variance of their own, share,
    and for the `rounding` of the features (d,), 0 for none, if they or one of many samples are
    narrower; None if nothing is to be added.

    Errors of the samples have a variance of their own, which is that of no component.
    """
    if isinstance(rows, GroupedRows) and rows.errors is not None:
        return None
    mass, total = end.moments.mass, end.moments.total_weight
    # Weights that sum to less than the number of samples are relative.
    counted = mass * max(1.0, rows.n_counted / total) >= few_samples(rows.n_features)
    counted[components] = True
    narrower = _is_narrower(end.parameters, counted, rounding)
    if not components and not narrower:
        return None
    counted[components] = False
    most = _SPARED * _least_variances(end.parameters, counted)
    widths, steps = np.zeros_like(rounding), rounding * narrower
    for feature, width, gap in _cells(reg, end.parameters, mass / total, components, rows):
        if gap <= _ISOLATED * width and VARIANCE_OF_CELL * width**2 <= most[feature]:
            widths[feature] = min(width, widths[feature] or width)
        elif steps[feature] < _LIKE * width:
            steps[feature] = 0.0  # the component would be as narrow as that, and no longer named
    widened = reg.with_cells(VARIANCE_OF_CELL * np.maximum(widths, steps) ** 2)
    return None if np.array_equal(widened.cells, reg.cells) else widened


def _least_variances(parameters: MixtureParameters, sound: Array) -> Array:
    """The least variance of each feature (d,) within `sound` components (K,)."""
    variances = np.broadcast_to(parameters.covariance.variances(), parameters.means.shape)
    return variances[sound].min(axis=0, initial=np.inf)


def _is_narrower(parameters: MixtureParameters, counted: Array, steps: Array) -> bool:
    """Whether a component that is `counted` (K,) is narrower along some direction than cells so
    wide.
    """
    if not steps.any():
        return False
    covariance, variances = parameters.covariance, VARIANCE_OF_CELL * steps**2
    # Where it is along none, a sum over directions of the parts that these are of it is below 1.
    with np.errstate(over="ignore", invalid="ignore"):
        parts = covariance.precision_diagonal @ variances
    suspects = np.flatnonzero(~(parts < 1.0) & (covariance.shared or counted))
    if not len(suspects):
        return False
    if covariance.diagonal:
        return bool((covariance.variances()[suspects] < variances).any())
    rest = covariance.dense()[suspects] - np.diag(variances)
    return not all(map(is_positive_definite, rest))


def _cells(
    reg: Regularisation,
    parameters: MixtureParameters,
    proportions: Array,
    components: list[int],
    rows: Rows,
) -> Iterator[tuple[int, float, float]]:
    """Features in which components, that have these `proportions` (K,) of the samples, share a
    value, the width of the cell it stands for, and how far the nearest other value is.
    """
    if not components:
        return
    sample, variances = rows.scale_sample(), parameters.covariance.variances()
    weights = sample.weights * max(1.0, len(sample) / sample.weights.sum())
    columns: dict[int, tuple[Array, Array]] = {}
    for k in components:
        own = variances[k % len(variances)]
        for feature in np.flatnonzero(reg.artificial > LARGEST_FRACTION * own).tolist():
            if feature not in columns:
                columns[feature] = _in_order(sample.rows[:, feature], weights)
            column, counts = columns[feature]
            mean, reach = parameters.means[k, feature], _NEAR * np.sqrt(own[feature])
            bounds = float(mean - reach), float(mean + reach)
            n_samples, width, gap = _native.shared_value(column, counts, *bounds)
            if n_samples >= max(_FEWEST, _PART * proportions[k] * counts.sum()) and width > 0:
                yield feature, width, gap


def _in_order(column: Array, weights: Array) -> tuple[Array, Array]:
    """The observed values of a feature in order, and their weights."""
    observed = ~np.isnan(column)
    column, weights = column[observed].astype(np.float64), weights[observed].astype(np.float64)
    order = np.argsort(column)
    return column[order], weights[order]
