"""A data set and a covariance structure: the map that every way of fitting evaluates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skgmm._expectation import expectation, overall_moments
from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm._parameters import MixtureParameters, maximise
from skgmm.covariance import Structure

RELATIVE_FLOOR = 1e-6
"""reg_covar="auto" in units of each feature's variance."""


@dataclass(frozen=True)
class Problem:
    """Maximum likelihood for weighted rows within a structure."""

    X: Array  # (n, d)
    sample_weight: Array | None  # (n,)
    structure: Structure
    floor: Array  # (d,) variance added along each axis

    def evaluate(self, parameters: MixtureParameters) -> Moments:
        """E-step: one pass over the data."""
        return expectation(self.X, self.sample_weight, parameters, self.structure.scatter)

    def maximise(self, moments: Moments, previous: MixtureParameters) -> MixtureParameters:
        """M-step."""
        return maximise(moments, self.structure, self.floor, previous)


def relative_floor(X: Array, sample_weight: Array | None) -> Array:
    """A millionth of each feature's variance, (d,).

    A constant feature has no scale of its own and takes the mean of the others'; if all are
    constant, any positive variance serves.
    """
    moments = overall_moments(X, sample_weight, Scatter.DIAGONAL)
    variances = moments.scatter[0] / moments.total_weight
    rounding = (4 * np.finfo(np.float64).eps * moments.mean[0]) ** 2
    varying = variances > rounding
    usual = variances[varying].mean() if varying.any() else 1.0
    return RELATIVE_FLOOR * np.where(varying, variances, usual)
