"""Whether a fit rests on the rows, or on `reg_covar` alone."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh

from skgmm._linalg import Array
from skgmm._moments import Moments
from skgmm._parameters import MixtureParameters

# Of a component's variance along some direction, what `reg_covar` may make up.
_LARGEST_SHARE = 0.5


class CollapseTest:
    """Finds components that are flat but for `reg_covar` where the rows as a whole are not.

    There the likelihood has no maximum: it grows without end as `reg_covar` shrinks, so that its
    height says nothing about the model. A direction in which all rows are flat is no such case.

    Parameters
    ----------
    overall : Moments
        Of all rows as one component, with full scatter.
    floor : ndarray of shape (d,)
        What `reg_covar` adds to the variances.
    """

    def __init__(self, overall: Moments, floor: Array) -> None:
        self.floor = floor
        added = np.diag(floor)
        self.directions: Array | None = None  # (d, r), in which the rows as a whole have spread
        if floor.any():
            total = overall.scatter[0] / overall.total_weight + added
            shares, axes = eigh(added, total)  # axes: identity covariance of all rows
            self.directions = axes[:, shares <= _LARGEST_SHARE]

    def __call__(self, parameters: MixtureParameters) -> list[int]:
        """The components that have collapsed."""
        covariance = parameters.covariance
        # Half the sum over directions: the largest share is below twice that.
        bound = covariance.precision_diagonal() @ self.floor
        suspects = np.flatnonzero(bound > _LARGEST_SHARE)
        if self.directions is None or not self.directions.size or not len(suspects):
            return []
        matrices = self.directions.T @ covariance.dense()[suspects] @ self.directions
        added = self.directions.T @ np.diag(self.floor) @ self.directions
        collapsed = [
            k
            for k, matrix in zip(suspects.tolist(), matrices, strict=True)
            if eigh(added, matrix, eigvals_only=True)[-1] > _LARGEST_SHARE
        ]
        shared = len(bound) == 1
        return list(range(parameters.n_components)) if shared and collapsed else collapsed
