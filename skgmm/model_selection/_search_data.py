"""What all fits of a search have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skgmm._em.collapse import CollapseTest
from skgmm._em.one_gaussian import one_gaussian_of
from skgmm._em.result import EMResult
from skgmm._fixed import Fixed, fixed_masks
from skgmm._linalg import Array
from skgmm._moments import Scatter
from skgmm._objective import Objective, Regularisation
from skgmm._parameters import n_parameters
from skgmm._prior import ConjugatePrior, OneGaussian, Prior, prior_of
from skgmm._rows.evidence import effective_size
from skgmm._rows.grouped import RowsInMemory, rows_of
from skgmm._rows.sample import rows_of_race
from skgmm._rows.seeds import seeded
from skgmm._starts.race import thinned
from skgmm.covariance import STRUCTURES, Structure
from skgmm.model_selection._admissible import InadmissibleError, too_few, unsupported
from skgmm.model_selection._candidates import Groups, grouped


@dataclass(frozen=True)
class Knowledge:
    """What is known of the parameters before the samples are seen."""

    prior: ConjugatePrior | str | None
    data: OneGaussian | None  # where there is a prior
    equal_weights: bool

    def prior_of(self, structure: Structure, n_components: int) -> ConjugatePrior | None:
        """The prior of a model, with all its values."""
        if self.data is None:
            return None
        return prior_of(self.prior, self.data, structure, n_components)

    def fixed(self, structure: Structure, n_components: int) -> Fixed | None:
        """Equal weights, where these are asked for."""
        if not self.equal_weights:
            return None
        masks = fixed_masks("weights", n_components)
        return Fixed.of(masks, structure, n_components, None, None, None)


@dataclass(frozen=True)
class SearchData:
    """The data of a search, shared by all its fits."""

    rows: RowsInMemory
    trial: RowsInMemory  # samples on which candidates are compared
    n_samples: int  # of positive weight, including repeated samples
    n_effective: float  # by weights; those that sum to less than Kish's number are relative
    reg: Regularisation
    rounding: Array  # (d,) the steps to which features of many values were rounded, 0 for none
    cells: Array  # (d,) variances that were added for shared values, 0 for none
    collapse: CollapseTest
    groups: dict[int, Groups | None]
    deviations: Array  # (d,) standard deviations of all samples
    options: dict[str, Any]  # of run_em
    knowledge: Knowledge
    admissible_only: bool  # whether each component must rest on enough samples

    @classmethod
    def prepare(
        cls,
        rows: RowsInMemory,
        reg_covar: float | str,
        sizes: Sequence[int],
        rng: np.random.RandomState,
        options: dict[str, Any],
        structures: Sequence[Structure],
        prior: ConjugatePrior | str | None = None,
        equal_weights: bool = False,
        admissible_only: bool = False,
        cells: Array | None = None,
    ) -> SearchData:
        """Compute partitions for each number of components, once for all structures.

        Parameters
        ----------
        cells : ndarray of shape (d,) or None
            Variances that are added for shared values, 0 for none.
        """
        sample, n_samples = rows.start_sample(max(sizes), lambda: rng), rows.n_counted
        total, weights = rows.total_weight, rows.weights
        n_effective = max(total, effective_size(total, float(weights @ weights)))
        few = thinned(sample, rows_of_race(max(sizes)), rng)
        streams = [seeded(s) for s in rng.randint(2**31 - 1, size=len(sizes))]
        trial = rows_of(few, 1)
        if few.complete:  # identical samples are one sample with a weight
            rows = rows_of(few, rows.n_threads)
        reg, rounding = Regularisation.of(reg_covar, rows)
        cells = np.zeros(rows.n_features) if cells is None else cells
        reg = reg.with_cells(cells)
        groups = {
            K: grouped(few, K, stream, reg.variances)
            for K, stream in zip(sizes, streams, strict=True)
        }
        axes_only = all(structure.scatter is Scatter.DIAGONAL for structure in structures)
        overall = rows.overall_moments(Scatter.DIAGONAL if axes_only else Scatter.FULL)
        variances = overall.feature_variances()[0] + reg.variances
        deviations = np.sqrt(np.where(variances > 0, variances, 1.0))
        collapse = CollapseTest(reg.artificial, overall, n_samples)
        plain = Objective(rows, STRUCTURES["full"], *reg)
        one = None if prior is None else one_gaussian_of(plain)
        knowledge = Knowledge(prior, one, equal_weights)
        parts = (groups, deviations, options, knowledge, admissible_only)
        return cls(rows, trial, n_samples, n_effective, reg, rounding, cells, collapse, *parts)

    def objective(self, structure: Structure, n_components: int) -> Objective:
        """What the fit of a model maximises."""
        prior = self.knowledge.prior_of(structure, n_components)
        return Objective(
            self.rows,
            structure,
            *self.reg,
            prior=prior and Prior.of(prior),
            fixed=self.knowledge.fixed(structure, n_components),
        )

    @property
    def total_weight(self) -> float:
        return self.rows.total_weight

    def n_parameters(self, structure: Structure, n_components: int) -> int:
        """Free parameters of a model, and of the noise beside it."""
        n_free = n_parameters(structure, n_components, self.rows.n_features)
        if (background := self.rows.background) is not None:
            n_free += background.n_parameters
        return n_free - (n_components - 1 if self.knowledge.equal_weights else 0)

    def check_enough(self, structure: Structure, n_components: int) -> None:
        """Raise InadmissibleError where the samples cannot be enough for so many components."""
        n_samples, n_features = self.n_effective, self.rows.n_features
        why = too_few(structure, n_samples, n_components, n_features)
        if self.admissible_only and why is not None:
            raise InadmissibleError(why)

    def unsupported(self, structure: Structure, end: EMResult) -> str | None:
        """Why a result is inadmissible."""
        if not self.admissible_only:
            return None
        scale = self.n_effective / self.total_weight
        return unsupported(structure, scale * end.moments.mass, self.rows.n_features)

    def units(self, structure: Structure) -> Array:
        """What features are measured in (d,) where the structure does not say so itself."""
        if structure.equivariant == "rotation":
            return np.ones_like(self.deviations)
        return self.deviations
