"""In how many directions samples vary, from Moments: constant and linearly dependent columns."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import eigh

from skgmm._em.result import Span
from skgmm._kernels import _native
from skgmm._linalg import Array, correlations, positive
from skgmm._moments import Moments, Scatter
from skgmm._threads import cached_property

# Variances along a direction, in units of the features' own, that are rounding, and no more than
# the default reg_covar.
ROUNDING, NO_VARIANCE = 1e-12, 1e-10

# Columns with a smaller coefficient take no part in a linear dependence.
_TAKES_PART = 1e-3


def vary_in_all(moments: Moments, floor: Array) -> bool:
    """Whether samples certainly vary along every direction, and more than `floor` (d,) adds there.

    This takes no eigenvalues; matrices of samples that are diagonal do not tell.
    """
    if moments.form is Scatter.DIAGONAL:
        return False
    found = moments.mass, moments.mean, moments.scatter, moments.total_weight
    return bool(_native.vary_in_all(*found, floor, 2.0 * NO_VARIANCE))


@dataclass(frozen=True)
class AllSamples:
    """All samples as one component, with cross products where these are known.

    Of a constant column all second moments are exactly 0.
    """

    moments: Moments  # of one component, without added variance
    variances: Array  # (d,)
    varying: Array  # (d,) bool
    components: Moments  # that these are made of

    @classmethod
    def of(cls, components: Moments, constant: Array | None) -> AllSamples:
        """From the Moments of components; `constant` are features where these cannot tell."""
        form = Scatter.DIAGONAL if components.form is Scatter.DIAGONAL else Scatter.FULL
        moments = components.overall(form)
        variances, varying = moments.feature_variances()
        if constant is not None:
            varying = varying & ~constant
        if not varying.all():
            # What is left of a constant column is rounding of its mean.
            kept = varying if form is Scatter.DIAGONAL else varying[:, None] & varying
            moments = replace(moments, scatter=np.where(kept, moments.scatter, 0.0))
            variances = np.where(varying, variances, 0.0)
        return cls(moments, variances, varying, components)

    @property
    def scatter(self) -> Array:
        """Scatter (d, d) of all samples."""
        return self.moments.scatter[0]

    @cached_property
    def within(self) -> Array:
        """Scatter (d, d) within the components."""
        return self.components.form.dense(self.components.scatter).sum(axis=0)

    def span(self, floor: Array, n_samples: int) -> Span:
        """Constant and linearly dependent columns, and those that vary less than `floor` (d,).

        Without cross products only constant columns are seen, and only they matter to such
        structures.
        """
        variances, varying = self.variances, self.varying
        n_features, columns = len(variances), varying.nonzero()[0]
        constant = [] if len(columns) == n_features else np.flatnonzero(~varying).tolist()
        lost: tuple[list[int], float] = [], np.inf
        if (hidden := varying & (variances < floor)).any():
            lost = np.flatnonzero(hidden).tolist(), float(variances[hidden].min())
        n_directions, dependent = len(columns), []
        if self.moments.form is Scatter.FULL and len(columns) > 1:
            null = self._null_directions(columns, floor, n_samples)
            if null.shape[1]:
                n_directions -= null.shape[1]
                dependent = columns[np.abs(null).max(axis=1) > _TAKES_PART].tolist()
        return Span(n_features, n_directions, constant, dependent, *lost)

    def _null_directions(self, columns: Array, floor: Array, n_samples: int) -> Array:
        """Directions in which the samples do not vary, as a whole or within the components."""
        overall = self._null_directions_of(self.scatter, columns, floor)
        if overall.shape[1] <= max(0, len(columns) - (n_samples - 1)):  # there are no fewer
            return overall
        within = self._null_directions_of(self.within, columns, floor)
        return min(overall, within, key=lambda axes: axes.shape[1])

    def _null_directions_of(self, scatter: Array, columns: Array, floor: Array) -> Array:
        """Directions without variance in a scatter (d, d) of these columns, (r, m).

        Eigenvalues of the correlations tell, so that units do not matter. What is less than the
        default `reg_covar` (or the given one, if that is smaller) is no variance.
        """
        if len(columns) < len(scatter):
            scatter, floor = scatter[np.ix_(columns, columns)], floor[columns]
        covariance = scatter / self.moments.total_weight
        scaled = correlations(covariance)
        largest = float((floor / positive(covariance.diagonal())).max())
        least = min(max(largest, ROUNDING), NO_VARIANCE)
        values, vectors = eigh(scaled)
        return vectors[:, values <= least]
