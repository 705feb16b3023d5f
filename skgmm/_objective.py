"""Rows and a covariance structure: the map that every way of fitting evaluates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from skgmm._fixed import Fixed
from skgmm._linalg import Array
from skgmm._moments import Counts, Moments
from skgmm._parameters import MixtureParameters, maximise
from skgmm._prior import Prior
from skgmm._rows.base import InMemoryRows, Rows
from skgmm._rows.feature_scale import FeatureScale
from skgmm._rows.grouped import GroupedRows, rows_of
from skgmm._rows.sample import StartSample
from skgmm._rows.scale_of_rows import scale_of_rows
from skgmm._threads import cached_property
from skgmm.covariance import Structure

# Up to this penalty its first-order effect on the log-likelihood is exact to rounding.
SMALL_PENALTY = 1e-7


@dataclass(frozen=True)
class Objective:
    """Maximum likelihood for weighted rows within a structure, or the mode of a posterior.

    Each sample counts as a small cloud of variance `floor` about itself. EM then maximises exactly
    one objective, the log-likelihood with each component's density lowered by its `penalty`, half
    the trace of precision x floor; the E-step uses those densities, and adds the clouds' variance
    to the scatter of its Moments. Of a sample with missing values only what is observed is a cloud,
    and the precision is that of the observed features (see `_rows/view.py`).

    With a prior the objective is the sum with the log prior; Moments are those of the samples, and
    what the prior has seen is added before the M-step. Parameters that are fixed are imposed on
    those that EM starts from, and on those of each M-step.
    """

    rows: Rows
    structure: Structure
    floor: Array  # (d,) variance added along each axis
    cells: Array | float = 0.0  # (d,) the part of it that stands for recorded cells
    prior: Prior | None = None
    fixed: Fixed | None = None

    @cached_property
    def regularisation(self) -> Regularisation:
        """What is added to the variances, and which part of it stands for recorded cells."""
        return Regularisation(self.floor, np.zeros(len(self.floor)) + self.cells)

    @cached_property
    def arrays(self) -> InMemoryRows | None:
        """The samples where they are plain arrays in memory, as the compiled loop reads them."""
        return self.rows if isinstance(self.rows, InMemoryRows) else None

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

    def near(self, parameters: MixtureParameters) -> Objective:
        """The same with M-steps that are only sought near these, if there may be several."""
        structure = self.structure.near(parameters.covariance)
        return self if structure is self.structure else replace(self, structure=structure)

    def penalty(self, parameters: MixtureParameters) -> Array:
        """What the log-density of a whole sample pays for `floor`, in nats, (K,) or (1,)."""
        if not self.floor.any():  # a precision may be beyond float64
            return np.zeros(1)
        with np.errstate(over="ignore"):
            return 0.5 * parameters.covariance.precision_diagonal @ self.floor

    def local(self, rows: Rows) -> Objective:
        """For some components on a part of the samples: nothing is fixed, and the prior is that
        of any component.
        """
        prior = self.prior and self.prior.of_components(1)
        return replace(self, rows=rows, prior=prior, fixed=None)

    def evaluate(self, parameters: MixtureParameters) -> Moments:
        """E-step: one pass over the data."""
        moments = self.rows.expectation(parameters, self.structure.scatter, self.floor)
        if self.prior is None:
            return moments
        return replace(moments, objective=moments.objective + self.log_prior(parameters))

    @property
    def determined(self) -> bool:
        """Whether covariances are positive definite without any sample, by the prior."""
        return self.prior is not None and self.prior.determines_covariances

    def minimum_rows(self, n_components: int) -> int:
        """Fewest samples for which every component's covariance can be non-singular."""
        if self.determined:
            return n_components
        return self.structure.minimum_rows(n_components, self.rows.n_features)

    def log_prior(self, parameters: MixtureParameters) -> float:
        """What the prior adds to the objective, in nats; each of its samples is a cloud too."""
        prior = self._prior_of(parameters.n_components)
        if prior is None:
            return 0.0
        return prior.log_density(parameters, self.structure.scatter, self.floor)

    def seen_before(self, n_components: int) -> Counts:
        """The samples of the prior, which are none where there is none."""
        none = np.zeros(n_components)
        prior = self._prior_of(n_components)
        return Counts(none, none, none) if prior is None else prior.counts

    def with_prior(self, moments: Moments) -> Moments:
        """Moments of the samples, and what the prior has seen."""
        prior = self._prior_of(len(moments.mass))
        if prior is None:
            return moments
        return moments + prior.moments(self.structure.scatter, self.floor)

    def _prior_of(self, n_components: int) -> Prior | None:
        """For as many components, which are alike where they are not those of the fit."""
        if self.prior is None or len(self.prior.weight_rows) == n_components:
            return self.prior
        return self.prior.of_components(n_components)

    def maximise(self, moments: Moments, previous: MixtureParameters | None) -> MixtureParameters:
        """M-step from the Moments of samples."""
        return self.maximise_all(self.with_prior(moments), previous)

    def maximise_all(
        self, moments: Moments, previous: MixtureParameters | None
    ) -> MixtureParameters:
        """M-step from Moments that include what the prior has seen."""
        if self.fixed is not None:
            return self.fixed.maximise(moments, self.structure, previous)
        return maximise(moments, self.structure, previous)

    def feasible(self, parameters: MixtureParameters) -> MixtureParameters:
        """The parameters with what is fixed at its values."""
        return parameters if self.fixed is None else self.fixed.imposed_on(parameters)

    @property
    def unfixed(self) -> Objective:
        """The same with nothing held: for a start, whose components are then matched."""
        return self if self.fixed is None else replace(self, fixed=None)

    @property
    def closed_form(self) -> bool:
        """Whether an M-step finds the maximum of a likelihood at once."""
        ties = self.structure.ties
        plain = self.fixed is None and self.prior is None
        return plain and ties is not None and ties.closed_form

    @property
    def several_optima(self) -> bool:
        """Whether the M-step can have several."""
        fixed = self.fixed is not None and bool(self.fixed.covariances.all())
        return self.structure.several_optima and not fixed

    @property
    def held(self) -> Array | None:
        """Components (K,) that are not to be exchanged with others; None if all may be."""
        return None if self.fixed is None else self.fixed.by_component

    @property
    def likelihood(self) -> Objective:
        """The same without added variance and without prior."""
        return replace(self, floor=np.zeros_like(self.floor), prior=None)

    def mean_log_probability(self, parameters: MixtureParameters, moments: Moments) -> float:
        """As `mean_log_likelihood`, of the recorded cells where features are coarse (a bound).

        Densities at recorded values could be increased without end by components that sit on them.
        """
        if not self.rows.whole:
            cells = np.zeros_like(self.floor) + self.cells
            return replace(self.likelihood, floor=cells).evaluate(parameters).mean_objective
        paid = 0.5 * (parameters.covariance.precision_diagonal * self.cells).sum(axis=1)
        likelihood = self.mean_log_likelihood(parameters, moments)
        return likelihood - float((moments.mass * paid).sum()) / moments.total_weight

    def mean_log_likelihood(self, parameters: MixtureParameters, moments: Moments) -> float:
        """Log-likelihood per sample of the moments' parameters, in nats, without the penalty."""
        penalty = self.penalty(parameters)
        if penalty.max() > SMALL_PENALTY or not self.rows.whole:
            return self.likelihood.evaluate(parameters).mean_objective
        paid = float((moments.mass * penalty).sum()) - self.log_prior(parameters)
        return (moments.objective + paid) / moments.total_weight


class Regularisation(NamedTuple):
    """`reg_covar` as variances along the axes."""

    variances: Array  # (d,) added
    cells: Array  # (d,) the part that stands for the recorded cells of coarse features

    @classmethod
    def of(cls, reg_covar: float | str, rows: Rows) -> tuple[Regularisation, Array]:
        """From the constructor parameter, a number or "auto"; and the steps (d,) to which features
        were rounded that are not coarse, 0 for none and for a number.
        """
        if not isinstance(reg_covar, str):
            return cls.given(reg_covar, rows.n_features), np.zeros(rows.n_features)
        scale = scale_of_rows(rows)
        return cls.of_scale(scale), scale.rounding

    @classmethod
    def of_scale(cls, scale: FeatureScale) -> Regularisation:
        collapsed = scale.collapsed_variances
        cells = scale.cells_above(collapsed)
        return cls(np.where(cells > 0, cells, collapsed), cells)

    @classmethod
    def given(cls, variance: float, n_features: int) -> Regularisation:
        return cls(np.full(n_features, float(variance)), np.zeros(n_features))

    def with_cells(self, cells: Array) -> Regularisation:
        """With the variances of cells (d,), where these are more than is added so far."""
        larger = cells > self.variances
        return Regularisation(
            np.where(larger, cells, self.variances), np.where(larger, cells, self.cells)
        )

    @property
    def artificial(self) -> Array:
        """What does not stand for recorded cells, (d,): nothing may rest on it."""
        return self.variances - self.cells
