"""Samples in memory that are not whole: groups of which the same is known, whose Moments add."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from skgmm._linalg import Array, symmetrised
from skgmm._moments import Moments, Scatter
from skgmm._parameters import MixtureParameters
from skgmm._rows import sample
from skgmm._rows.base import ArrayRows, InMemoryRows, Rows, Sum, as_dtype
from skgmm._rows.evidence import Evidence, effective_size
from skgmm._rows.groups import Group, PatternGroup, all_groups
from skgmm._rows.imputation import Completion, without_distant_values
from skgmm._rows.labels import with_labels
from skgmm._rows.noise import Background
from skgmm._rows.sample import StartSample
from skgmm._threads import cached_property, divide_threads

# What a partition leaves to noise, as a part of all, if it is more than rounding.
_SOME_NOISE = 1e-9


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

    @classmethod
    def of(
        cls,
        rows: InMemoryRows,
        known: Array | None = None,
        background: Background | None = None,
        filled: Array | None = None,
        errors: Array | None = None,
    ) -> GroupedRows:
        groups = tuple(all_groups(rows, known, background, errors))
        data = rows.X, rows.sample_weight, rows.n_threads
        return cls(*data, groups, known, background, filled, errors)

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

    @cached_property
    def weights(self) -> Array:
        """Of all samples, (n,)."""
        return np.ones(self.n_samples) if self.sample_weight is None else self.sample_weight

    def taken(self, chosen: Array) -> GroupedRows:
        """Some of them, by their numbers."""
        known, errors = (
            None if array is None else array[chosen] for array in (self.known, self.errors)
        )
        rows = self._plain.taken(chosen)
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

    @property
    def _plain(self) -> InMemoryRows:
        return InMemoryRows(self.X, self.sample_weight, self.n_threads)

    # E-step and values by sample

    def expectation(
        self, parameters: MixtureParameters, form: Scatter, floor: Array | None = None
    ) -> Moments:
        floor = np.zeros(self.n_features) if floor is None else floor
        counted = (group for group in self.groups if self.weights[group.numbers].any())
        moments = (group.expectation(parameters, form, floor) for group in counted)
        total = reduce(add, moments).without_rounding(floor)
        if form is Scatter.DIAGONAL:
            return total
        return replace(total, scatter=symmetrised(total.scatter))

    def _log_joint(self, parameters: MixtureParameters) -> tuple[Array, Array]:
        log_density = np.empty(self.n_samples)
        n_columns = parameters.n_components + (self.background is not None)
        log_responsibilities = np.empty((self.n_samples, n_columns))
        for group in self.groups:
            log_density[group.numbers], log_responsibilities[group.numbers] = group.log_joint(
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

    def log_likelihood(self, parameters: MixtureParameters) -> Evidence:
        values, weights = self._counted(self.log_densities(parameters)), self._counted(self.weights)
        total = float(weights.sum())
        effective = effective_size(total, float(weights @ weights))
        return Evidence(float(weights @ values), total, effective)

    def mean_log_likelihood(self, parameters: MixtureParameters) -> float:
        # As for complete samples: the mean of what `score_samples` returns.
        values = as_dtype(self._counted(self.log_densities(parameters)), self.dtype)
        return float(np.average(values, weights=self._counted(self.weights)))

    def log_certainty(self, parameters: MixtureParameters) -> float:
        largest = self.log_responsibilities(parameters).max(axis=1)
        return float(self._counted(self.weights) @ self._counted(largest))

    def expected_complete_log_likelihood(
        self, parameters: MixtureParameters, responsibilities: Array | None = None
    ) -> float:
        log_density, log_responsibilities = self._log_joint(parameters)
        responsibilities = (
            np.exp(log_responsibilities) if responsibilities is None else responsibilities
        )
        joint = log_density[:, None] + log_responsibilities
        return float(
            np.multiply(
                responsibilities, joint, out=np.zeros_like(joint), where=responsibilities > 0
            ).sum()
        )

    def _counted(self, values: Array) -> Array:
        """Those of the samples of positive weight."""
        return values if self.weights.all() else values[self.weights > 0]

    # What starts look at: completed samples

    @cached_property
    def completion(self) -> Completion:
        """One Gaussian, from which starts complete samples."""
        sample = self.scale_sample()
        return Completion.of(sample if self.background is None else without_distant_values(sample))

    @property
    def constant(self) -> Array:
        return self.completion.constant

    def scale_sample(self) -> StartSample:
        """Samples with their missing values; equal ones are one with a weight."""
        coded = sample.reservoir_for_scale(self._coded, self.sample_weight).sample()
        return self._decoded(coded)

    def start_sample(self, n_components: int, rng: np.random.RandomState) -> StartSample:
        coded = sample.start_sample(self._coded, self.sample_weight, n_components, rng)
        found = replace(self._decoded(coded), background=self.background)
        if not np.isnan(found.rows).any():
            return found
        return replace(found, rows=self.completion.drawn(found.rows), observed=found.rows)

    @property
    def _coded(self) -> Array:
        """The samples with infinity in place of NaN, and errors and labels as further features.

        So equal ones are equal, and can be sorted.
        """
        coded = np.where(np.isnan(self.X), np.inf, self.X)
        if self.errors is not None:
            coded = np.column_stack([coded, self.errors.reshape(len(coded), -1)])
        return coded if self.known is None else np.column_stack([coded, self.known])

    def _decoded(self, coded: StartSample) -> StartSample:
        rows, known = coded.rows, None
        if self.known is not None:
            rows, known = np.ascontiguousarray(rows[:, :-1]), rows[:, -1].astype(np.int64)
        errors = None
        if self.errors is not None:
            errors = rows[:, self.n_features :].reshape(-1, *self.errors.shape[1:])
            rows = np.ascontiguousarray(rows[:, : self.n_features])
        rows = np.where(np.isinf(rows), np.nan, rows)
        return replace(coded, rows=rows, known=known, errors=errors)

    @cached_property
    def completed(self) -> InMemoryRows:
        """The samples as starts complete them."""
        if self.filled is not None:
            return InMemoryRows(self.filled, self.sample_weight, self.n_threads)
        if not np.isnan(self.X).any():
            return self._plain
        rows, number = np.unique(self._coded, axis=0, return_inverse=True)
        whole = StartSample(rows.astype(np.float64), np.ones(len(rows)), complete=True)
        drawn = self.completion.drawn(self._decoded(whole).rows)[number.ravel()]
        drawn = np.where(np.isnan(self.X), drawn, self.X).astype(self.dtype, copy=False)
        return InMemoryRows(drawn, self.sample_weight, self.n_threads)

    def completed_beside(self, parameters: MixtureParameters) -> InMemoryRows:
        """Completed samples, each with the part of its weight that is not noise, if any is left."""
        if self.background is None:
            return self.completed
        part = self.component_responsibilities(parameters).sum(axis=1)
        return self.completed.reweighted(self.weights * part).counted()

    @property
    def origin(self) -> Array:
        return self.completed.origin

    def summed(self, function: Callable[[InMemoryRows], Sum]) -> Sum:
        return function(self.completed)

    def by_row(
        self, function: Callable[[InMemoryRows], Array], shape: tuple[int, ...], dtype: np.dtype
    ) -> Array:
        return function(self.completed)

    def overall_moments(self, form: Scatter) -> Moments:
        if self.errors is not None:  # these are the samples as they are
            return GroupedRows.of(self._plain, filled=self.filled).overall_moments(form)
        if self.known is not None:  # labels name components, of which there is only one here
            return self.unlabelled().overall_moments(form)
        floor = np.zeros(self.n_features)
        moments = self.expectation(self.completion.gaussian, Scatter.FULL, floor)
        constant = self.completion.constant
        scatter = np.where(constant[:, None] | constant, 0.0, moments.scatter)
        return replace(moments, form=form, scatter=form.from_dense(scatter))

    def in_memory(self, sample: StartSample) -> RowsInMemory:
        if self.known is None and self.background is None and self.errors is None:
            return self.completed
        return GroupedRows.of(self.completed, self.known, self.background, errors=self.errors)

    def partition_moments(
        self, partition: Array, n_components: int, form: Scatter, floor: Array | None = None
    ) -> Moments:
        if self.known is not None:
            partition = with_labels(partition, self.known, self.weights, n_components)
        if self.background is not None:
            partition = self._with_noise(partition, n_components)
        return super().partition_moments(partition, n_components, form, floor)

    def _with_noise(self, partition: Array, n_components: int) -> Array:
        """Responsibilities (n, K) that leave a part to noise, as starts do not."""
        assert self.background is not None
        responsibilities = partition
        if partition.ndim == 1:
            responsibilities = np.eye(n_components)[partition]
        left = self.weights @ (1.0 - responsibilities.sum(axis=1)) / self.weights.sum()
        if left > _SOME_NOISE:
            return responsibilities
        return (1.0 - self.background.weight) * responsibilities

    def to_memory(self) -> GroupedRows:
        return self

    def split_threads(self, n_starts: int) -> tuple[int, GroupedRows]:
        n_parallel, n_threads = divide_threads(self.n_threads, n_starts)
        groups = tuple(
            replace(group, rows=replace(group.rows, n_threads=n_threads))
            if isinstance(group, PatternGroup)
            else group
            for group in self.groups
        )
        return n_parallel, replace(self, n_threads=n_threads, groups=groups)


RowsInMemory = InMemoryRows | GroupedRows


def noise_beside(rows: Rows) -> Background | None:
    """The noise beside the components of every mixture, if there is any."""
    return rows.background if isinstance(rows, GroupedRows) else None


def with_noise(parameters: MixtureParameters, rows: Rows) -> MixtureParameters:
    """The mixture with the noise's weight of the start, where rows have noise and it has none."""
    background = noise_beside(rows)
    if background is None or parameters.log_noise_weight > np.log(_SOME_NOISE):
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
