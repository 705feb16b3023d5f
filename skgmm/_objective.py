"""Rows and a covariance structure: the map that every way of fitting evaluates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm._parameters import MixtureParameters, maximise
from skgmm._rows.base import InMemoryRows, Rows
from skgmm._rows.sample import StartSample
from skgmm.covariance import Structure

RELATIVE_FLOOR = 1e-10
"""reg_covar="auto" in units of each feature's variance: far below the variance within a cluster,
even when clusters are ten thousand standard deviations apart, and far above rounding."""

# Up to this penalty its first-order effect on the log-likelihood is exact to rounding.
_SMALL_PENALTY = 1e-8


class PlainData(NamedTuple):
    """Samples in memory, as the compiled loop reads them."""

    X: Array  # (n, d)
    sample_weight: Array | None  # (n,)
    n_threads: int


@dataclass(frozen=True)
class Problem:
    """Maximum likelihood for weighted rows within a structure.

    Each sample counts as a small cloud of variance `floor` about itself. EM then maximises exactly
    one objective, the log-likelihood with each component's density lowered by its `penalty`, half
    the trace of precision x floor; the E-step uses those densities, and adds the clouds' variance
    to the scatter of its Moments.
    """

    rows: Rows
    structure: Structure
    floor: Array  # (d,) variance added along each axis

    @cached_property
    def has_floor(self) -> bool:
        """Whether `floor` is positive for every feature."""
        return bool(self.floor.all())

    @property
    def arrays(self) -> PlainData | None:
        """The samples as arrays, where they are in memory."""
        rows = self.rows
        if not isinstance(rows, InMemoryRows):
            return None
        return PlainData(rows.X, rows.sample_weight, rows.n_threads)

    def on(self, sample: StartSample) -> Problem:
        """The same problem for the rows of a sample."""
        rows = InMemoryRows(sample.rows, sample.weights, self.rows.n_threads)
        return replace(self, rows=rows)

    def penalty(self, parameters: MixtureParameters) -> Array:
        """What each component's log-density pays for `floor`, in nats, (K,) or (1,)."""
        return 0.5 * parameters.covariance.precision_diagonal() @ self.floor

    def evaluate(self, parameters: MixtureParameters) -> Moments:
        """E-step: one pass over the data."""
        return self.rows.expectation(parameters, self.structure.scatter, self.floor)

    def maximise(self, moments: Moments, previous: MixtureParameters | None) -> MixtureParameters:
        """M-step."""
        return maximise(moments, self.structure, previous)

    def mean_log_likelihood(self, parameters: MixtureParameters, moments: Moments) -> float:
        """Nats per row of the parameters that gave the moments, without the penalty."""
        penalty = self.penalty(parameters)
        if penalty.max() > _SMALL_PENALTY:
            plain = replace(self, floor=np.zeros_like(self.floor)).evaluate(parameters)
            return plain.mean_objective
        paid = float((moments.mass * penalty).sum())
        return (moments.objective + paid) / moments.total_weight


def floor_of(reg_covar: float | str, rows: Rows) -> Array:
    """reg_covar, a number or "auto", as a variance for each axis, (d,)."""
    if isinstance(reg_covar, str):
        return relative_floor(rows.overall_moments(Scatter.DIAGONAL))
    return np.full(rows.n_features, float(reg_covar))


def relative_floor(moments: Moments) -> Array:
    """A small share of each feature's variance, (d,), from the diagonal Moments of all rows.

    A constant feature has no scale of its own and takes the mean of the others'; if all are
    constant, any positive variance serves.
    """
    variances, varying = feature_variances(moments)
    usual = variances[varying].mean() if varying.any() else 1.0
    # Seven digits, so that no rounding of the sums, which depends on the cut of the rows, is left.
    significand, exponent = np.frexp(np.where(varying, variances, usual))
    return RELATIVE_FLOOR * np.ldexp(np.round(significand * 2.0**24), exponent - 24)


def feature_variances(moments: Moments) -> tuple[Array, Array]:
    """Variances of the features (d,), and which are more than rounding, from overall Moments."""
    variances = moments.form.diagonal(moments.scatter)[0] / moments.total_weight
    rounding = (4 * np.finfo(np.float64).eps * moments.mean[0]) ** 2
    return variances, variances > rounding
