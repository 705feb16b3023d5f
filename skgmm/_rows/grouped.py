"""Samples in memory that are not whole: groups of which the same is known, whose Moments add."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from skgmm._linalg import Array, symmetrised
from skgmm._moments import Moments, Scatter
from skgmm._parameters import MixtureParameters
from skgmm._rows import sample
from skgmm._rows.base import ArrayRows, InMemoryRows, Rows
from skgmm._rows.beside import no_moments
from skgmm._rows.checks import as_dtype
from skgmm._rows.coding import Coding
from skgmm._rows.evidence import expected
from skgmm._rows.groups import Group, all_groups, with_threads
from skgmm._rows.imputation import Completion
from skgmm._rows.known import KnownComponents
from skgmm._rows.labels import SOME_NOISE, beside_known
from skgmm._rows.missing import has_missing
from skgmm._rows.noise import Background
from skgmm._rows.sample import StartSample, Stream
from skgmm._threads import cached_property, divide_threads


@dataclass(frozen=True)
class GroupedRows(ArrayRows):
    """Samples in memory with missing values (NaN in `X`), errors, known components, or noise."""

    X: Array  # (n, d)
    sample_weight: Array | None
    n_threads: int
    groups: tuple[Group, ...]
    known: Array | None = None  # (n,) the component where it is known, else -1
    background: Background | None = None  # noise beside the components
    filled: Array | None = None  # (n, d) as starts complete them, if that is done already
    errors: Array | None = None  # (n, d) variances or (n, d, d) covariances of the measurements
    common: Completion | None = None  # of all samples, where these are a part of them
    first: int = 0  # the number of the first sample, where these are a part of others

    @classmethod
    def of(
        cls,
        rows: InMemoryRows,
        known: Array | None = None,
        background: Background | None = None,
        filled: Array | None = None,
        errors: Array | None = None,
        common: Completion | None = None,
    ) -> GroupedRows:
        groups = tuple(all_groups(rows, known, background, errors))
        data = rows.X, rows.sample_weight, rows.n_threads
        return cls(*data, groups, known, background, filled, errors, common, rows.first)

    @classmethod
    def knowing(cls, rows: RowsInMemory, **more: Any) -> GroupedRows:
        """The samples with more that is known of them: `known`, `background` or `errors`."""
        parts: dict[str, Any] = {}
        if isinstance(rows, GroupedRows):
            parts = {"known": rows.known, "background": rows.background, "errors": rows.errors}
        own = InMemoryRows(rows.X, rows.sample_weight, rows.n_threads)
        return cls.of(own, **{**parts, **more})

    whole = False

    @property
    def labelled(self) -> bool:  # type: ignore[override]
        return self.known is not None

    def taken(self, chosen: Array) -> GroupedRows:
        """Some of them, by their numbers."""
        known, errors = (
            None if array is None else array[chosen] for array in (self.known, self.errors)
        )
        rows = self._plain.taken(chosen)
        return GroupedRows.of(rows, known, self.background, errors=errors)

    def counted(self) -> RowsInMemory:
        """Without the samples of weight 0; also without what is known of those alone."""
        if self.weights.all():
            return self
        rows, known, errors = self._plain.counted(), self.known, self.errors
        known = None if known is None else self._counted(known)
        errors = None if errors is None else self._counted(errors)
        if known is not None and known.max(initial=-1) < 0:
            known = None
        if errors is not None and not errors.any():
            errors = None
        if known is None and errors is None and self.background is None:
            return as_observed(rows)
        return GroupedRows.of(rows, known, self.background, errors=errors)

    def reweighted(self, weights: Array) -> GroupedRows:
        """The same with other weights (n,)."""
        rows = self._plain.reweighted(weights)
        return GroupedRows.of(rows, self.known, self.background, errors=self.errors)

    def unlabelled(self) -> Rows:
        if self.known is None:
            return self
        if self.background is None and self.errors is None and not np.isnan(self.X).any():
            return self._plain
        return GroupedRows.of(self._plain, background=self.background, errors=self.errors)

    def fully_labelled(self, n_components: int) -> bool:
        """Whether the component of each sample is known, and each of so many has a sample."""
        if self.known is None or self._counted(self.known).min() < 0:
            return False
        mass = np.bincount(self.known, weights=self.weights, minlength=n_components)
        return bool((mass > 0).all())

    @property
    def _plain(self) -> InMemoryRows:
        return InMemoryRows(self.X, self.sample_weight, self.n_threads, self.first)

    # E-step and values by sample

    def _expectation(self, parameters: MixtureParameters, form: Scatter, floor: Array) -> Moments:
        if self._all_known and (found := self._all_known.expectation(parameters, form, floor)):
            return found
        counted = (group for group in self.groups if self.weights[group.numbers].any())
        moments = (group.expectation(parameters, form, floor) for group in counted)
        first = next(moments, None)
        if first is None:
            return no_moments(parameters, form)
        return finished(reduce(add, moments, first), floor)

    @cached_property
    def _all_known(self) -> KnownComponents | None:
        """The samples where they are complete, and the component of each is known."""
        return KnownComponents.of(self._plain, self.known) if self._only_labelled else None

    def _log_joint(self, parameters: MixtureParameters) -> tuple[Array, Array]:
        log_density = np.empty(self.n_samples)
        log_responsibilities = np.empty((self.n_samples, self._n_columns(parameters)))
        for group in self.groups:
            log_density[group.numbers], log_responsibilities[group.numbers] = group.log_parts(
                parameters
            )
        return log_density, log_responsibilities

    def labels(self, parameters: MixtureParameters) -> Array:
        labels = self._log_joint(parameters)[1].argmax(axis=1)
        return np.where(labels == parameters.n_components, -1, labels)

    def responsibilities(self, parameters: MixtureParameters) -> Array:
        return np.exp(self._log_joint(parameters)[1]).astype(self.dtype, copy=False)

    def log_responsibilities(self, parameters: MixtureParameters) -> Array:
        return self._log_joint(parameters)[1]

    def log_densities(self, parameters: MixtureParameters) -> Array:
        return self._log_joint(parameters)[0]

    # Criteria

    def evidence_sums(self, parameters: MixtureParameters) -> Array:
        values, weights = self._counted(self.log_densities(parameters)), self._counted(self.weights)
        return np.array([weights @ values, weights.sum(), weights @ weights])

    def mean_log_likelihood(self, parameters: MixtureParameters) -> float:
        # As for complete samples: the mean of what `score_samples` returns.
        values = as_dtype(self._counted(self.log_densities(parameters)), self.dtype)
        return float(np.average(values, weights=self._counted(self.weights)))

    def log_certainty(self, parameters: MixtureParameters) -> float:
        # No component may reach a sample of weight 0.
        rows = self if self.weights.all() else self.taken(np.flatnonzero(self.weights))
        return float(rows.weights @ rows.log_responsibilities(parameters).max(axis=1))

    def expected_complete_log_likelihood(
        self, parameters: MixtureParameters, responsibilities: Array | None = None
    ) -> float:
        log_density, log_responsibilities = self._log_joint(parameters)
        if responsibilities is None:
            responsibilities = np.exp(log_responsibilities)
        else:
            responsibilities = responsibilities[self.first : self.first + self.n_samples]
        return expected(responsibilities, log_density[:, None] + log_responsibilities)

    def _counted(self, values: Array) -> Array:
        """Those of the samples of positive weight."""
        return values if self.weights.all() else values[self.weights > 0]

    # What starts look at: completed samples

    @cached_property
    def completion(self) -> Completion:
        """One Gaussian, from which starts complete samples."""
        noise = self.background is not None
        return self.common or Completion.of(self.scale_sample(), noise)

    @property
    def constant(self) -> Array | None:
        return None if self._only_labelled else self.completion.constant

    @cached_property
    def _only_labelled(self) -> bool:
        """Whether the samples are complete, and only their labels are known in addition."""
        more = self.background is not None or self.errors is not None
        return not more and not np.isnan(self.X).any()

    def scale_sample(self) -> StartSample:
        """Samples with their missing values; equal ones are one with a weight."""
        if self._only_labelled:
            return self._plain.scale_sample()
        coded = sample.reservoir_for_scale(self._coded, self.sample_weight).sample()
        return self._coding.decoded(coded)

    def start_sample(self, n_components: int, stream: Stream) -> StartSample:
        coded = sample.start_sample(self._coded, self.sample_weight, n_components, stream)
        found = replace(self._coding.decoded(coded), background=self.background)
        return found if not np.isnan(found.rows).any() else self.completion.filled(found)

    @property
    def _coding(self) -> Coding:
        errors = None if self.errors is None else self.errors.shape[1:]
        return Coding(self.n_features, self.labelled, errors)

    @property
    def _coded(self) -> Array:
        return self._coding.coded(self.X, self.known, self.errors)

    @cached_property
    def completed(self) -> InMemoryRows:
        filled = self.filled
        if filled is None:
            filled = self.X
            if np.isnan(filled).any():
                filled = self.completion.drawn(filled.astype(np.float64)).astype(self.dtype)
        return replace(self._plain, X=filled)

    def completed_beside(self, parameters: MixtureParameters) -> InMemoryRows:
        """Completed samples, each with the part of its weight that is not noise, if any is left."""
        if self.background is None:
            return self.completed
        part = self.component_responsibilities(parameters).sum(axis=1)
        return self.completed.reweighted(self.weights * part).counted()

    @property
    def origin(self) -> Array:
        return self.completed.origin

    def overall_moments(self, form: Scatter) -> Moments:
        if self.errors is not None:  # these are the samples as they are
            return GroupedRows.of(self._plain, filled=self.filled).overall_moments(form)
        if self.known is not None:  # labels name components, of which there is only one here
            return self.unlabelled().overall_moments(form)
        return self.completion.overall_moments(self, form)

    def in_memory(self, sample: StartSample) -> RowsInMemory:
        if self.known is None and self.background is None and self.errors is None:
            return self.completed
        return GroupedRows.of(self.completed, self.known, self.background, errors=self.errors)

    def _partition_moments(
        self, partition: Array, n_components: int, form: Scatter, floor: Array
    ) -> Moments:
        if self._all_known:
            return self._all_known.moments(n_components, form, floor)
        partition = beside_known(partition, n_components, self.weights, self.known, self.background)
        return super()._partition_moments(partition, n_components, form, floor)

    def split_threads(self, n_starts: int) -> tuple[int, GroupedRows]:
        n_parallel, n_threads = divide_threads(self.n_threads, n_starts)
        groups = tuple(with_threads(group, n_threads) for group in self.groups)
        return n_parallel, replace(self, n_threads=n_threads, groups=groups)


RowsInMemory = InMemoryRows | GroupedRows


def as_observed(rows: InMemoryRows) -> RowsInMemory:
    """The samples as they are, or in groups if values are missing (NaN)."""
    return GroupedRows.of(rows) if has_missing(rows.X) else rows


def finished(total: Moments, floor: Array) -> Moments:
    """A sum of Moments without what is rounding in it."""
    total = total.without_rounding(floor)
    if total.form is Scatter.DIAGONAL:
        return total
    return replace(total, scatter=symmetrised(total.scatter))


def with_noise(parameters: MixtureParameters, rows: Rows) -> MixtureParameters:
    """The mixture with the noise's weight of the start, where rows have noise and it has none."""
    background = rows.background
    if background is None or parameters.log_noise_weight > np.log(SOME_NOISE):
        return parameters
    scale = np.log1p(-background.weight) - np.logaddexp.reduce(parameters.log_weights)
    return replace(parameters, log_weights=parameters.log_weights + scale)


def rows_of(sample: StartSample, n_threads: int) -> RowsInMemory:
    """The samples that a start looks at as rows of their own."""
    parts = sample.known, sample.observed, sample.background, sample.errors
    if all(part is None for part in parts):
        return InMemoryRows(sample.rows, sample.weights, n_threads)
    seen = sample.rows if sample.observed is None else sample.observed
    rows = InMemoryRows(seen, sample.weights, n_threads)
    return GroupedRows.of(rows, sample.known, sample.background, sample.rows, sample.errors)
