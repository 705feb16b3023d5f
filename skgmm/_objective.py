"""Rows and a covariance structure: the map that every way of fitting evaluates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from skgmm._linalg import Array
from skgmm._moments import Moments
from skgmm._parameters import MixtureParameters, maximise
from skgmm._rows.base import InMemoryRows, Rows
from skgmm._rows.feature_scale import FeatureScale
from skgmm._rows.grouped import GroupedRows, rows_of
from skgmm._rows.sample import StartSample
from skgmm._threads import cached_property
from skgmm.covariance import Structure

# Up to this penalty its first-order effect on the log-likelihood is exact to rounding.
_SMALL_PENALTY = 1e-7


class PlainData(NamedTuple):
    """Samples in memory, as the compiled loop reads them."""

    X: Array  # (n, d)
    sample_weight: Array | None  # (n,)
    n_threads: int


@dataclass(frozen=True)
class Objective:
    """Maximum likelihood for weighted rows within a structure.

    Each sample counts as a small cloud of variance `floor` about itself. EM then maximises exactly
    one objective, the log-likelihood with each component's density lowered by its `penalty`, half
    the trace of precision x floor; the E-step uses those densities, and adds the clouds' variance
    to the scatter of its Moments. Of a sample with missing values only what is observed is a cloud,
    and the precision is that of the observed features (see `_rows/view.py`).
    """

    rows: Rows
    structure: Structure
    floor: Array  # (d,) variance added along each axis
    cells: Array | float = 0.0  # (d,) the part of it that stands for recorded cells

    @cached_property
    def has_floor(self) -> bool:
        """Whether `floor` is positive for every feature, and precisions are finite with it."""
        return bool((self.floor > 4.0 * np.finfo(np.float64).tiny).all())

    @property
    def regularisation(self) -> Regularisation:
        """What is added to the variances, and which part of it stands for recorded cells."""
        return Regularisation(self.floor, np.zeros_like(self.floor) + self.cells)

    @property
    def arrays(self) -> PlainData | None:
        """The samples as arrays, where they are in memory."""
        rows = self.rows
        if not isinstance(rows, InMemoryRows):
            return None
        return PlainData(rows.X, rows.sample_weight, rows.n_threads)

    def on(self, sample: StartSample) -> Objective:
        """The same problem for the rows of a sample."""
        return replace(self, rows=rows_of(sample, self.rows.n_threads))

    def completed(self, parameters: MixtureParameters) -> Objective:
        """The same for whole samples, what moves are proposed by.

        Missing values are filled in, and each sample counts for what is not noise of it.
        """
        rows = self.rows
        if not isinstance(rows, GroupedRows):
            return self
        return replace(self, rows=rows.completed_beside(parameters))

    def penalty(self, parameters: MixtureParameters) -> Array:
        """What the log-density of a whole sample pays for `floor`, in nats, (K,) or (1,)."""
        return 0.5 * parameters.covariance.precision_diagonal() @ self.floor

    def evaluate(self, parameters: MixtureParameters) -> Moments:
        """E-step: one pass over the data."""
        return self.rows.expectation(parameters, self.structure.scatter, self.floor)

    def mean_log_probability(self, parameters: MixtureParameters, moments: Moments) -> float:
        """As `mean_log_likelihood`, of the recorded cells where features are coarse (a bound).

        Densities at recorded values could be increased without end by components that sit on them.
        """
        if not self.rows.whole:
            cells = np.zeros_like(self.floor) + self.cells
            return replace(self, floor=cells).evaluate(parameters).mean_objective
        paid = 0.5 * (parameters.covariance.precision_diagonal() * self.cells).sum(axis=1)
        likelihood = self.mean_log_likelihood(parameters, moments)
        return likelihood - float((moments.mass * paid).sum()) / moments.total_weight

    def maximise(self, moments: Moments, previous: MixtureParameters | None) -> MixtureParameters:
        """M-step."""
        return maximise(moments, self.structure, previous)

    def mean_log_likelihood(self, parameters: MixtureParameters, moments: Moments) -> float:
        """Log-likelihood per sample of the moments' parameters, in nats, without the penalty."""
        penalty = self.penalty(parameters)
        if penalty.max() > _SMALL_PENALTY or not self.rows.whole:
            plain = replace(self, floor=np.zeros_like(self.floor)).evaluate(parameters)
            return plain.mean_objective
        paid = float((moments.mass * penalty).sum())
        return (moments.objective + paid) / moments.total_weight


class Regularisation(NamedTuple):
    """`reg_covar` as variances along the axes."""

    variances: Array  # (d,) added
    cells: Array  # (d,) the part that stands for the recorded cells of coarse features

    @classmethod
    def of(cls, reg_covar: float | str, rows: Rows) -> Regularisation:
        """From the constructor parameter, a number or "auto"."""
        if isinstance(reg_covar, str):
            return cls.of_scale(rows.feature_scale())
        return cls.given(reg_covar, rows.n_features)

    @classmethod
    def of_scale(cls, scale: FeatureScale) -> Regularisation:
        cells = scale.cells
        return cls(np.where(cells > 0, cells, scale.collapsed_variances), cells)

    @classmethod
    def given(cls, variance: float, n_features: int) -> Regularisation:
        return cls(np.full(n_features, float(variance)), np.zeros(n_features))

    @property
    def artificial(self) -> Array:
        """What does not stand for recorded cells, (d,): nothing may rest on it."""
        return self.variances - self.cells
