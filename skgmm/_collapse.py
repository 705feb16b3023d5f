"""Whether a fit rests on the rows, or on `reg_covar` alone."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np
from scipy.linalg import eigh

from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm._parameters import MixtureParameters
from skgmm._result import EMPTY_WEIGHT, EMResult
from skgmm._rows import Rows
from skgmm.covariance import Covariance

# Of a component's variance along some direction, what `reg_covar` may make up.
_LARGEST_SHARE = 0.5

# Rows of a component are few when they are less than so many times what a covariance matrix needs.
_FEW = 2.0


class CollapseTest:
    """Finds components that are flat but for `reg_covar` where the rows as a whole are not.

    There the likelihood has no maximum: it grows without end as `reg_covar` shrinks, so that its
    height says nothing about the model. A direction in which all rows are flat is no such case.

    Parameters
    ----------
    rows : Rows
        Passed over once, when a component is first suspected.
    floor : ndarray of shape (d,)
        What `reg_covar` adds to the variances.
    """

    def __init__(self, rows: Rows, floor: Array) -> None:
        self.rows, self.floor = rows, floor

    @cached_property
    def overall(self) -> Moments:
        """Moments of all rows as one component."""
        return self.rows.overall_moments(Scatter.FULL)

    @cached_property
    def directions(self) -> Array:
        """Those in which the rows as a whole have spread, (d, r)."""
        added = np.diag(self.floor)
        total = self.overall.scatter[0] / self.overall.total_weight + added
        try:
            shares, axes = _shares(added, total)  # axes: identity covariance of all rows
        except np.linalg.LinAlgError:  # rounding hides reg_covar, and nothing can be told
            return np.empty((len(added), 0))
        return axes[:, shares <= _LARGEST_SHARE]

    def __call__(self, parameters: MixtureParameters) -> list[int]:
        """The components that have collapsed."""
        covariance = parameters.covariance
        # The sum over directions: the largest share is no more than that.
        bound = covariance.precision_diagonal() @ self.floor
        if bound.max() <= _LARGEST_SHARE:
            return []
        if covariance.factor.ndim == 2:
            flat = self._flat_along_features(covariance)
            return np.flatnonzero(np.broadcast_to(flat, parameters.n_components)).tolist()
        suspects = np.flatnonzero(bound > _LARGEST_SHARE)
        if not len(suspects) or not self.directions.size:
            return []
        matrices = self.directions.T @ covariance.dense()[suspects] @ self.directions
        added = self.directions.T @ np.diag(self.floor) @ self.directions
        collapsed = [
            k
            for k, matrix in zip(suspects.tolist(), matrices, strict=True)
            if _largest_share(added, matrix) > _LARGEST_SHARE
        ]
        shared = len(bound) == 1
        return list(range(parameters.n_components)) if shared and collapsed else collapsed

    def _flat_along_features(self, covariance: Covariance) -> Array:
        """Whether each of the axis-aligned covariances has collapsed, bool (m,).

        Their axes are the features, so that no matrix of all features is needed.
        """
        overall = self.rows.overall_moments(Scatter.DIAGONAL)
        total = overall.scatter[0] / overall.total_weight + self.floor
        spread = self.floor <= _LARGEST_SHARE * total
        flat = self.floor > _LARGEST_SHARE * covariance.variances()
        return (flat & spread).any(axis=1)

    def judged(self, result: EMResult) -> EMResult:
        """The result, with its components that have collapsed named: those of few rows apart.

        One of many rows may be flat for another reason: its rows share a value, or `reg_covar` is
        large beside them, as where a far outlier stretches the features.
        """
        parameters = result.parameters
        empty = parameters.weights < EMPTY_WEIGHT
        collapsed = [k for k in self(parameters) if not empty[k]]
        if not collapsed:
            return replace(result, spikes=[], flat=[])
        # Weights that sum to less than the number of rows are relative.
        n_rows = max(float(result.moments.total_weight), float(self.rows.n_samples))
        shared = len(parameters.covariance.factor) == 1
        shares = np.ones(parameters.n_components) if shared else parameters.weights
        few = n_rows * shares < _FEW * (parameters.n_features + 1)
        return replace(
            result,
            spikes=[k for k in collapsed if few[k]],
            flat=[k for k in collapsed if not few[k]],
        )


def _shares(added: Array, matrix: Array) -> tuple[Array, Array]:
    """What `added` is of `matrix` along the axes in which both are diagonal, and those axes.

    Features may differ by any factor, so each is measured in its own deviations.
    """
    units = 1.0 / np.sqrt(np.diagonal(matrix))
    shares, axes = eigh(units[:, None] * added * units, units[:, None] * matrix * units)
    return shares, units[:, None] * axes


def _largest_share(added: Array, matrix: Array) -> float:
    """The largest of the shares; infinite where `matrix` is singular but for rounding."""
    try:
        return float(_shares(added, matrix)[0][-1])
    except np.linalg.LinAlgError:
        return np.inf
