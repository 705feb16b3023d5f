"""Whether a fit rests on the data, or on `reg_covar` alone: collapsed components, and directions in
which no sample varies. Both are found from Moments, without another pass over the data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skgmm._em.merge_loss import merging_loss
from skgmm._em.result import EMPTY_WEIGHT, EMResult, Span
from skgmm._em.small import small_components
from skgmm._em.span import NO_VARIANCE, AllSamples, vary_in_all
from skgmm._linalg import Array, fractions_along_axes, is_positive_definite
from skgmm._moments import Moments
from skgmm._objective import Regularisation
from skgmm._parameters import MixtureParameters
from skgmm._threads import cached_property

# Largest part of a component's variance along some direction that may come from `reg_covar`.
LARGEST_FRACTION = 0.5

# Where so much of it does, the samples of the component share a value.
_WHOLE = 0.99

# Samples of a component are few when they are less than so many times what a covariance matrix
# needs, and not so many more than that.
_FEW, _SPARE = 2.0, 10.0


def few_samples(n_features: int) -> float:
    """A component of fewer samples may be degenerate by chance."""
    needed = n_features + 1.0
    return min(_FEW * needed, needed + _SPARE)


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
    n_represented: int = 0  # samples that these were drawn from, if there are more
    coarse: Array | None = None  # (d,) features whose values stand for cells, where there are any

    @classmethod
    def of_fit(
        cls,
        reg: Regularisation,
        moments: Moments,
        n_samples: int,
        constant: Array | None = None,
        n_represented: int = 0,
    ) -> CollapseTest:
        """From the Moments of a fit, which include the added variances."""
        without = moments
        if reg.variances.any():
            without = moments.with_added_variance(-reg.variances)
        coarse = reg.cells > 0
        return cls(reg.artificial, without, n_samples, constant, n_represented, coarse)

    @cached_property
    def _added(self) -> Array:
        """What `reg_covar` adds, as a matrix."""
        return np.diag(self.floor)

    @cached_property
    def overall(self) -> AllSamples:
        """All samples as one component."""
        return AllSamples.of(self.moments, self.constant)

    @cached_property
    def directions(self) -> Array:
        """Directions in which the samples vary, as a whole or within the components, (d, r).

        Far outliers can hide all other variance of the whole: it is then seen within.
        """
        overall = self._varying(self.overall.scatter)
        if overall.shape[1] >= min(len(self.floor), self.n_samples - 1):  # there are no more
            return overall
        within = self._varying(self.overall.within)
        return max(overall, within, key=lambda axes: axes.shape[1])

    def _varying(self, scatter: Array) -> Array:
        """Axes (d, r) along which less than half of the variance is added."""
        added = self._added
        try:
            fractions, axes = fractions_along_axes(
                added, scatter / self.overall.moments.total_weight + added
            )
        except np.linalg.LinAlgError:  # rounding hides reg_covar
            return np.empty((len(added), 0))
        return axes[:, fractions <= LARGEST_FRACTION]

    def __call__(self, parameters: MixtureParameters) -> list[int]:
        """The components that have collapsed."""
        if not self.floor.any():
            return []
        covariance = parameters.covariance
        with np.errstate(over="ignore"):  # then most of the variance is added
            fractions = covariance.precision_diagonal * self.floor
        # The sum over directions: the largest share is no more than that.
        sums = fractions.sum(axis=1)
        if not sums.max() > LARGEST_FRACTION:
            return []
        suspects = np.flatnonzero(sums > LARGEST_FRACTION)
        if covariance.diagonal:
            variances = self.overall.variances
            vary = self.floor <= LARGEST_FRACTION * (variances + self.floor)
            found = (fractions[suspects][:, vary] > LARGEST_FRACTION).any(axis=1)
            collapsed = suspects[found].tolist()
        else:
            collapsed = [
                k
                for k in suspects.tolist()
                if not self._all_below(LARGEST_FRACTION, covariance.matrices[k])
            ]
        shared = len(fractions) == 1
        return list(range(parameters.n_components)) if shared and collapsed else collapsed

    def _all_below(self, fraction: float, matrix: Array) -> bool:
        """Whether less of a covariance is added along every direction in which the samples vary."""
        if self._varies_in_all:
            return is_positive_definite(fraction * matrix - self._added)
        directions = self.directions
        if not directions.size:
            return True
        return is_positive_definite(directions.T @ (fraction * matrix - self._added) @ directions)

    @cached_property
    def _varies_in_all(self) -> bool:
        """Whether all samples certainly vary, and more than is added, along every direction."""
        constant = self.constant is not None and bool(self.constant.any())
        return not constant and vary_in_all(self.moments, self.floor)

    def surely_sound(self, weights: Array, factors: Array) -> Array:
        """Of which mixtures no component has collapsed, is empty, or has few samples, bool (N,).

        Parameters
        ----------
        weights : ndarray of shape (N, K)
        factors : ndarray of shape (N, m, d, d) or (N, m, d)
            Of the precisions.
        """
        least, d = weights.min(axis=1), factors.shape[-1]
        with np.errstate(over="ignore", invalid="ignore"):  # then most of the variance is added
            rows = "nkij,nkij->nki" if factors.ndim == 4 else "nki,nki->nki"
            added = np.einsum(rows, factors, factors) @ self.floor
        n_samples = max(self.moments.total_weight, float(self.n_samples), float(self.n_represented))
        needed = min(d + 1.0, n_samples / (2.0 * weights.shape[1]))
        sound = (least >= EMPTY_WEIGHT) & (n_samples * least >= needed)
        return sound & (added.max(axis=1) <= LARGEST_FRACTION)

    def diagnose(self, result: EMResult) -> EMResult:
        """The result, with its components that have collapsed named: those of few samples apart.

        One of many samples may be degenerate for another reason: they share a value, or `reg_covar`
        is large beside them, as where a far outlier stretches the features.
        """
        parameters = result.parameters
        # Weights that sum to less than the number of samples are relative.
        n_samples = max(self.moments.total_weight, float(self.n_samples))
        n_represented = max(n_samples, float(self.n_represented))
        small = small_components(parameters, n_represented, self.coarse)
        collapsed = self(parameters)
        if collapsed:
            empty = parameters.weights < EMPTY_WEIGHT
            collapsed = [k for k in collapsed if not empty[k]]
        if not (collapsed or small or result.collapsed or result.degenerate or result.small):
            return result
        shared = parameters.covariance.shared
        fractions = np.ones(parameters.n_components) if shared else parameters.weights
        few = n_samples * fractions < few_samples(parameters.n_features)
        degenerate = [k for k in collapsed if not few[k]]
        collapsed = [k for k in collapsed if few[k]]
        return replace(
            result,
            small=small,
            collapsed=collapsed,
            degenerate=degenerate,
            artificial=self._artificial(parameters, degenerate),
            merging_loss=merging_loss(parameters, sorted({*collapsed, *small})),
        )

    def _hides(self, parameters: MixtureParameters, k: int) -> bool:
        """Whether most is added along every direction, not only where a cluster is flat."""
        covariance = parameters.covariance
        which = 0 if covariance.shared else k
        if covariance.diagonal:
            return bool((self.floor > LARGEST_FRACTION * covariance.variances()[which]).all())
        rest = self._added - LARGEST_FRACTION * covariance.matrices[which]
        return is_positive_definite(self.directions.T @ rest @ self.directions)

    def supports(self, end: EMResult, may_share_values: bool) -> bool:
        """Whether all components of an end on a part of the samples rest on these.

        Parameters
        ----------
        may_share_values : bool
            Whether many samples may share a value.
        """
        mass = end.moments.mass
        if not mass.min() > 0:
            return False
        collapsed = self(end.parameters)
        few = mass < few_samples(end.parameters.n_features)
        if not collapsed or few[collapsed].any():
            return not collapsed
        return may_share_values or self._artificial(end.parameters, collapsed) == 0.0

    def _artificial(self, parameters: MixtureParameters, degenerate: list[int]) -> float:
        """What degenerate components gain by samples that share a value, in nats per sample.

        There a density is as high as `reg_covar` makes it, and counts as one as wide as all
        samples. Where samples vary at all, the likelihood has a maximum of its own.
        """
        if not degenerate:
            return 0.0
        covariance, gain = parameters.covariance, 0.0
        for k in [0] if covariance.shared else degenerate:
            if covariance.diagonal:
                of_component = self._gain_of_variances(covariance.variances()[k])
            else:
                of_component = self._gain_of_matrix(covariance.matrices[k])
            gain += of_component * (1.0 if covariance.shared else parameters.weights[k])
        return float(gain)

    def _gain_of_variances(self, variances: Array) -> float:
        overall = self.overall.variances + self.floor
        whole = self.floor > _WHOLE * variances
        return float(0.5 * np.log(np.where(whole, overall / variances, 1.0)).sum())

    def _gain_of_matrix(self, matrix: Array) -> float:
        if self._all_below(_WHOLE, matrix):  # no samples share a value
            return 0.0
        try:
            fractions, axes = self._along_axes(matrix)
        except np.linalg.LinAlgError:
            return np.inf
        whole = axes[:, fractions > _WHOLE]  # with variance 1 in the component
        return float(0.5 * np.linalg.slogdet(whole.T @ whole)[1])

    def _along_axes(self, matrix: Array) -> tuple[Array, Array]:
        """What is added of a component's variance along axes, among the directions in which all
        samples have the identity covariance.
        """
        directions = self.directions
        added = directions.T @ self._added @ directions
        return fractions_along_axes(added, directions.T @ matrix @ directions)

    def _own_variance(self, parameters: MixtureParameters, degenerate: list[int]) -> float:
        """The least variance that degenerate components have of their own along some direction, if
        that is more than the default `reg_covar`; 0 where samples share a value.
        """
        covariance = parameters.covariance
        which = [0] if covariance.shared else degenerate
        if covariance.diagonal:
            return float(min(self._own_of_variances(covariance.variances()[k]) for k in which))
        return float(min(self._own_of_matrix(covariance.matrices[k]) for k in which))

    def _own_of_variances(self, variances: Array) -> float:
        overall = self.overall.variances + self.floor
        mostly_added = self.floor > LARGEST_FRACTION * variances
        own = np.where(self.floor > _WHOLE * variances, 0.0, variances - self.floor)
        own[own <= NO_VARIANCE * overall] = 0.0
        varies = self.floor <= LARGEST_FRACTION * overall
        return float(own[mostly_added & varies].min(initial=np.inf))

    def _own_of_matrix(self, matrix: Array) -> float:
        try:
            fractions, axes = self._along_axes(matrix)
        except np.linalg.LinAlgError:
            return 0.0
        mostly_added = fractions > LARGEST_FRACTION
        own, overall = 1.0 - fractions[mostly_added], (axes[:, mostly_added] ** 2).sum(axis=0)
        if (fractions > _WHOLE).any() or (own <= NO_VARIANCE * overall).any():
            return 0.0
        along = self.directions @ axes[:, mostly_added]
        return float((own / (along**2).sum(axis=0)).min(initial=np.inf))

    def diagnose_with_span(self, result: EMResult) -> EMResult:
        """As `diagnose`, and `described`."""
        return self.described(self.diagnose(result))

    def described(self, result: EMResult, with_prior: bool = False, **found: Any) -> EMResult:
        """The result with what is to be said of degenerate components, and the directions in which
        the samples vary, unless a covariance became singular.

        `with_prior` tells that covariances are positive definite by the prior alone; `found` is
        what else is known.
        """
        parameters, degenerate = result.parameters, result.degenerate
        if not result.singular:
            found["span"] = replace(self.span, with_prior=True) if with_prior else self.span
        if degenerate:
            found["own_variance"] = self._own_variance(parameters, degenerate)
            found["hides_one"] = any(self._hides(parameters, k) for k in degenerate)
        return replace(result, **found)

    @cached_property
    def span(self) -> Span:
        """Constant and dependent columns, and those that vary less than `reg_covar` adds."""
        if self._varies_in_all:
            d = len(self.floor)
            return Span(d, d, [], [])
        return self.overall.span(self.floor, self.n_samples)
