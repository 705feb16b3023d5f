"""Whether a fit rests on the data, or on `reg_covar` alone: collapsed components, and directions in
which no sample varies. Both are told from Moments, without another pass over the data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.linalg import eigh

from skgmm._em.result import EMPTY_WEIGHT, EMResult, Span
from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm._objective import Regularisation
from skgmm._parameters import MixtureParameters

# Largest part of a component's variance along some direction that may come from `reg_covar`.
_LARGEST_SHARE = 0.5

# A component has few samples when it has less than so many times what a covariance matrix needs.
_FEW = 2.0

# Variances along a direction, in units of the features' own, that are rounding, and no more than
# the default reg_covar.
_ROUNDING, _NO_VARIANCE = 1e-12, 1e-10

# Columns with a smaller coefficient take no part in a linear dependence.
_TAKES_PART = 1e-3


@dataclass(frozen=True)
class CollapseTest:
    """Finds components whose variance is mostly `reg_covar` where that of all samples is not.

    There the likelihood has no maximum: it grows without end as `reg_covar` shrinks, so that its
    value says nothing about the model. A direction in which no sample varies is no such case: see
    `span`.
    """

    floor: Array  # (d,) what `reg_covar` adds to the variances
    moments: Moments  # of all samples, whatever the components, without `floor`
    n_samples: int
    constant: Array | None = None  # (d,) features that do not vary, where Moments cannot tell

    @classmethod
    def of_fit(
        cls,
        reg: Regularisation,
        moments: Moments,
        n_samples: int,
        constant: Array | None = None,
    ) -> CollapseTest:
        """From the Moments of a fit, which include the added variances."""
        without = moments.with_added_variance(-reg.variances)
        return cls(reg.artificial, without, n_samples, constant)

    @cached_property
    def overall(self) -> Moments:
        """Moments of all samples as one component, with cross products where they are known."""
        form = Scatter.DIAGONAL if self.moments.form is Scatter.DIAGONAL else Scatter.FULL
        overall = self.moments.overall(form)
        _, varying = overall.feature_variances()
        if self.constant is not None:
            varying = varying & ~self.constant
        # What is left of a constant column is rounding of its mean.
        kept = varying if form is Scatter.DIAGONAL else varying[:, None] & varying
        return replace(overall, scatter=np.where(kept, overall.scatter, 0.0))

    @cached_property
    def directions(self) -> Array:
        """Directions in which the samples as a whole vary, (d, r)."""
        added = np.diag(self.floor)
        total = self.overall.scatter[0] / self.overall.total_weight + added
        try:
            shares, axes = _shares(added, total)  # axes: identity covariance of all samples
        except np.linalg.LinAlgError:  # rounding hides reg_covar, and nothing can be told
            return np.empty((len(added), 0))
        return axes[:, shares <= _LARGEST_SHARE]

    def __call__(self, parameters: MixtureParameters) -> list[int]:
        """The components that have collapsed."""
        covariance = parameters.covariance
        shares = covariance.precision_diagonal() * self.floor
        # The sum over directions: the largest share is no more than that.
        suspects = np.flatnonzero(shares.sum(axis=1) > _LARGEST_SHARE)
        if not len(suspects):
            return []
        if covariance.factor.ndim == 2:
            variances, _ = self.overall.feature_variances()
            vary = self.floor <= _LARGEST_SHARE * (variances + self.floor)
            found = (shares[suspects][:, vary] > _LARGEST_SHARE).any(axis=1)
            collapsed = suspects[found].tolist()
        else:
            collapsed = self._flat_matrices(covariance.dense(), suspects)
        shared = len(shares) == 1
        return list(range(parameters.n_components)) if shared and collapsed else collapsed

    def _flat_matrices(self, covariances: Array, suspects: Array) -> list[int]:
        directions = self.directions
        if not directions.size:
            return []
        matrices = directions.T @ covariances[suspects] @ directions
        added = directions.T @ np.diag(self.floor) @ directions
        return [
            k
            for k, matrix in zip(suspects.tolist(), matrices, strict=True)
            if _largest_share(added, matrix) > _LARGEST_SHARE
        ]

    def judged(self, result: EMResult) -> EMResult:
        """The result, with its components that have collapsed named: those of few samples apart.

        One of many samples may be flat for another reason: they share a value, or `reg_covar` is
        large beside them, as where a far outlier stretches the features.
        """
        parameters = result.parameters
        empty = parameters.weights < EMPTY_WEIGHT
        collapsed = [k for k in self(parameters) if not empty[k]]
        if not collapsed:
            return replace(result, spikes=[], flat=[])
        # Weights that sum to less than the number of samples are relative.
        n_samples = max(self.overall.total_weight, float(self.n_samples))
        shared = len(parameters.covariance.factor) == 1
        shares = np.ones(parameters.n_components) if shared else parameters.weights
        few = n_samples * shares < _FEW * (parameters.n_features + 1)
        return replace(
            result,
            spikes=[k for k in collapsed if few[k]],
            flat=[k for k in collapsed if not few[k]],
        )

    def diagnosed(self, result: EMResult) -> EMResult:
        """As `judged`, and with the directions in which the samples vary.

        Where a covariance became singular, that is said.
        """
        return replace(self.judged(result), span=None if result.collapsed else self.span)

    @cached_property
    def span(self) -> Span:
        """Constant and linearly dependent columns.

        Without cross products only constant columns are seen, and only they matter to such
        structures.
        """
        variances, varying = self.overall.feature_variances()
        columns = np.flatnonzero(varying)
        constant = np.flatnonzero(~varying).tolist()
        if self.overall.form is Scatter.DIAGONAL or len(columns) < 2:
            return Span(len(variances), len(columns), constant, [])
        within = self.moments.form.dense(self.moments.scatter).sum(axis=0)
        # Far outliers can hide all other variance, which is seen within the components.
        null = min(
            (
                self._null_directions(scatter, columns)
                for scatter in (*self.overall.scatter, within)
            ),
            key=lambda directions: directions.shape[1],
        )
        takes_part = np.abs(null).max(axis=1, initial=0.0) > _TAKES_PART
        n_directions = len(columns) - null.shape[1]
        return Span(len(variances), n_directions, constant, columns[takes_part].tolist())

    def _null_directions(self, scatter: Array, columns: Array) -> Array:
        """Directions without variance in a scatter (d, d) of these columns, (r, m).

        Eigenvalues of the correlations tell, so that units do not matter. What is less than the
        default `reg_covar` (or the given one, if that is smaller) is no variance.
        """
        covariance = scatter[np.ix_(columns, columns)] / self.overall.total_weight
        variances = np.diagonal(covariance)
        variances = np.where(variances > 0, variances, 1.0)
        deviations = np.sqrt(variances)
        values, vectors = eigh(covariance / deviations / deviations[:, None])
        added = (self.floor[columns] / variances).max()
        return vectors[:, values <= np.clip(added, _ROUNDING, _NO_VARIANCE)]


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
