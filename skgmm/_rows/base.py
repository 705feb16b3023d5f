"""Rows, wherever they are: they give Moments, values by row, and a sample for starts.

A source of rows is a way to visit them a part at a time. A part is rows in memory, which answer the
same questions: `InMemoryRows` where all values are observed, else `grouped.GroupedRows`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self, TypeVar

import numpy as np

from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm._parameters import MixtureParameters
from skgmm._rows import e_step, evidence
from skgmm._rows.checks import as_dtype
from skgmm._rows.e_step import some_row
from skgmm._rows.evidence import Evidence
from skgmm._rows.noise import Background
from skgmm._rows.sample import (
    StartSample,
    Stream,
    all_distinct,
    few_for_scale,
    n_counted,
    reservoir_for_scale,
    sample_size,
    start_sample,
)
from skgmm._rows.scan import Scan
from skgmm._rows.whole_scatter import moments_of_groups, whole_scatter
from skgmm._threads import cached_property, divide_threads


class _Addable(Protocol):
    def __add__(self, other: Any, /) -> Any: ...


Sum = TypeVar("Sum", bound=_Addable)


class Rows(ABC):
    """Weighted rows. A row of weight 0 is not looked at."""

    n_samples: int
    n_counted: int  # those of positive weight
    n_features: int
    dtype: np.dtype  # float64 or float32
    n_threads: int  # of a pass over the rows
    whole: bool = True  # whether all values are observed, and no component is known
    labelled: bool = False  # whether components are known
    background: Background | None = None  # noise beside the components of every mixture

    @property
    def constant(self) -> Array | None:
        """Features whose observed values are the same, (d,) bool; None where Moments tell."""
        return None

    @abstractmethod
    def summed(self, function: Callable[[ArrayRows], Sum]) -> Sum:
        """One pass: the sum of what the function gives for each part of the rows.

        In a fit every part begins with a whole unit of rows, so that their `Total` is exact.
        """

    def summed_completed(self, function: Callable[[InMemoryRows], Sum]) -> Sum:
        """The same of parts whose missing values are filled in."""
        return self.summed(lambda part: function(part.completed))

    @property
    @abstractmethod
    def origin(self) -> Array:
        """The first row that counts, (1, d)."""

    @abstractmethod
    def by_row(
        self, function: Callable[[ArrayRows], Array], shape: tuple[int, ...], dtype: np.dtype
    ) -> Array:
        """One pass: what the function gives for each row, in an array (n, *shape)."""

    @abstractmethod
    def start_sample(self, n_components: int, stream: Stream) -> StartSample:
        """The rows that starts look at: all distinct ones, or a weighted random sample of them."""

    @abstractmethod
    def scale_sample(self) -> StartSample:
        """Samples that the scale of the features is taken from: the same for every seed."""

    @abstractmethod
    def in_memory(self, sample: StartSample) -> Rows:
        """These rows if they are in memory, else those of the sample."""

    def unlabelled(self) -> Rows:
        """The same samples, of which no component is known."""
        return self

    @abstractmethod
    def to_memory(self) -> Rows:
        """All of them in memory, where that is known to be enough."""

    @abstractmethod
    def split_threads(self, n_starts: int) -> tuple[int, Rows]:
        """How many starts run side by side, and the rows with the threads of each."""

    def expectation(
        self, parameters: MixtureParameters, form: Scatter, floor: Array | None = None
    ) -> Moments:
        """The E-step: Moments under the parameters, each sample a cloud of variance `floor`."""
        floor = np.zeros(self.n_features) if floor is None else floor
        return self._expectation(parameters, form, floor)

    def _expectation(self, parameters: MixtureParameters, form: Scatter, floor: Array) -> Moments:
        return e_step.expectation(self.summed_completed, parameters, form, floor)

    def partition_moments(
        self, partition: Array, n_components: int, form: Scatter, floor: Array | None = None
    ) -> Moments:
        """The same for given labels (n,) or responsibilities (n, K); the objective is 0."""
        floor = np.zeros(self.n_features) if floor is None else floor
        return self._partition_moments(partition, n_components, form, floor)

    def _partition_moments(
        self, partition: Array, n_components: int, form: Scatter, floor: Array
    ) -> Moments:
        return e_step.partition_moments(
            self.summed_completed, self.origin, partition, n_components, form, floor
        )

    def overall_moments(self, form: Scatter) -> Moments:
        """Moments of all samples as one component, as they are; the objective means nothing."""
        return e_step.overall_moments(self.summed_completed, self.origin, form)

    def labels(self, parameters: MixtureParameters) -> Array:
        """The most probable component of each row, (n,); -1 for noise."""
        return self.by_row(lambda part: part.labels(parameters), (), np.dtype(np.int64))

    def responsibilities(self, parameters: MixtureParameters) -> Array:
        """Posterior probability of each component given each row, (n, K), noise last (K + 1)."""
        shape = (self._n_columns(parameters),)
        return self.by_row(lambda part: part.responsibilities(parameters), shape, self.dtype)

    def component_responsibilities(self, parameters: MixtureParameters) -> Array:
        """Without those of noise, (n, K)."""
        return self.responsibilities(parameters)[:, : parameters.n_components]

    def log_responsibilities(self, parameters: MixtureParameters) -> Array:
        """Logarithms of the responsibilities, in float64, whatever the rows are."""
        shape = (self._n_columns(parameters),)
        return self.by_row(
            lambda part: part.log_responsibilities(parameters), shape, np.dtype(np.float64)
        )

    def log_densities(self, parameters: MixtureParameters) -> Array:
        """Log-density of each row in nats, (n,) in float64, whatever the rows are."""
        return self.by_row(lambda part: part.log_densities(parameters), (), np.dtype(np.float64))

    def _n_columns(self, parameters: MixtureParameters) -> int:
        """Columns of responsibilities."""
        return parameters.n_components + (self.background is not None)

    def log_likelihood(self, parameters: MixtureParameters) -> Evidence:
        """Total log-likelihood in nats, and of how many samples."""
        sums = self.summed(lambda part: part.evidence_sums(parameters))
        total, weight, squares = sums.tolist()
        if weight == 0:
            raise ValueError("X has no sample of positive weight")
        return Evidence(total, weight, evidence.effective_size(weight, squares))

    def mean_log_likelihood(self, parameters: MixtureParameters) -> float:
        """In nats per sample."""
        total, weight, _ = self.log_likelihood(parameters)
        return total / weight

    def log_certainty(self, parameters: MixtureParameters) -> float:
        """The sum over rows of the log of the largest responsibility, in nats."""
        return self.summed(lambda part: part.log_certainty(parameters))

    def expected_complete_log_likelihood(
        self, parameters: MixtureParameters, responsibilities: Array | None = None
    ) -> float:
        """ECLL in nats, total over rows, under given responsibilities (n, K) or its own."""
        return self.summed(
            lambda part: part.expected_complete_log_likelihood(parameters, responsibilities)
        )


class ArrayRows(Rows):
    """Samples in an array."""

    X: Array  # (n, d)
    sample_weight: Array | None  # (n,)
    first: int  # the number of the first row, where these are a part of others

    @cached_property
    def weights(self) -> Array:
        """Of all samples, (n,)."""
        return np.ones(self.n_samples) if self.sample_weight is None else self.sample_weight

    @property
    def total_weight(self) -> float:
        """The sum of the weights: as many samples as these are."""
        return float(self.n_samples if self.sample_weight is None else self.sample_weight.sum())

    def summed(self, function: Callable[[ArrayRows], Sum]) -> Sum:
        return function(self)

    def by_row(
        self, function: Callable[[ArrayRows], Array], shape: tuple[int, ...], dtype: np.dtype
    ) -> Array:
        return function(self)

    def to_memory(self) -> Self:
        return self

    @property
    def completed(self) -> InMemoryRows:
        """The samples with missing values filled in, as starts see them."""
        raise NotImplementedError

    def evidence_sums(self, parameters: MixtureParameters) -> Array:
        """Total log-likelihood, sum of the weights and of their squares, (3,)."""
        raise NotImplementedError

    @property
    def n_samples(self) -> int:  # type: ignore[override]
        return self.X.shape[0]

    @cached_property
    def n_counted(self) -> int:
        return n_counted(self.X, self.sample_weight)

    @property
    def n_features(self) -> int:  # type: ignore[override]
        return self.X.shape[1]

    @property
    def dtype(self) -> np.dtype:  # type: ignore[override]
        return self.X.dtype


@dataclass(frozen=True)
class InMemoryRows(ArrayRows):
    """Rows in arrays."""

    X: Array  # (n, d)
    sample_weight: Array | None = None  # (n,)
    n_threads: int = 1
    first: int = 0  # the number of the first row, where these are a part of others

    @property
    def completed(self) -> InMemoryRows:
        return self

    def labels(self, parameters: MixtureParameters) -> Array:
        return e_step.labels(self.X, parameters, self.n_threads)

    def responsibilities(self, parameters: MixtureParameters) -> Array:
        return e_step.responsibilities(self.X, parameters, self.n_threads)

    def log_responsibilities(self, parameters: MixtureParameters) -> Array:
        return e_step.log_responsibilities(self.X, parameters, self.n_threads)

    def log_densities(self, parameters: MixtureParameters) -> Array:
        return e_step.log_densities(self.X, parameters, self.n_threads)

    def evidence_sums(self, parameters: MixtureParameters) -> Array:
        return evidence.log_likelihood(self.counted(), parameters)

    def log_certainty(self, parameters: MixtureParameters) -> float:
        return evidence.log_certainty(self.counted(), parameters)

    def expected_complete_log_likelihood(
        self, parameters: MixtureParameters, responsibilities: Array | None = None
    ) -> float:
        return evidence.ecll(self, parameters, responsibilities)

    def _expectation(self, parameters: MixtureParameters, form: Scatter, floor: Array) -> Moments:
        moments = e_step.expectation_in_memory(self, parameters, form, floor)
        return super()._expectation(parameters, form, floor) if moments is None else moments

    def _partition_moments(
        self, partition: Array, n_components: int, form: Scatter, floor: Array
    ) -> Moments:
        return moments_of_groups(self, partition, n_components, form, floor)

    @cached_property
    def whole_scatter(self) -> Array | None:
        """For components that share a covariance."""
        return whole_scatter(self)

    @property
    def origin(self) -> Array:
        return some_row(self.X, self.sample_weight)

    def start_sample(self, n_components: int, stream: Stream) -> StartSample:
        if self.n_counted <= sample_size(n_components):
            return self._distinct
        return start_sample(self.X, self.sample_weight, n_components, stream)

    def scale_sample(self) -> StartSample:
        if few_for_scale(self.n_counted):
            return self._distinct
        return reservoir_for_scale(self.X, self.sample_weight).sample()

    @cached_property
    def _distinct(self) -> StartSample:
        if self.scan is None:
            return all_distinct(self.X, self.sample_weight)
        return StartSample(self.scan.sorted, self.weights, complete=True)

    @cached_property
    def scan(self) -> Scan | None:
        return None if self.sample_weight is not None else Scan.of_distinct(self.X)

    def in_memory(self, sample: StartSample) -> InMemoryRows:
        return self

    def split_threads(self, n_starts: int) -> tuple[int, InMemoryRows]:
        n_parallel, n = divide_threads(self.n_threads, n_starts)
        return n_parallel, self if n == self.n_threads else replace(self, n_threads=n)

    def mean_log_likelihood(self, parameters: MixtureParameters) -> float:
        # The average of log-densities in the dtype of the rows, so that it is the mean of what
        # `score_samples` returns to the last bit.
        counted = self.counted()
        values = as_dtype(counted.log_densities(parameters), self.dtype)
        return float(np.average(values, weights=counted.sample_weight))

    def part(self, rows: slice) -> InMemoryRows:
        """Some of them that follow one another."""
        weights = None if self.sample_weight is None else self.sample_weight[rows]
        first = self.first + rows.indices(self.n_samples)[0]
        return replace(self, X=self.X[rows], sample_weight=weights, first=first)

    def taken(self, chosen: Array) -> InMemoryRows:
        """Some of them, by their numbers."""
        weights = None if self.sample_weight is None else self.sample_weight[chosen]
        return InMemoryRows(self.X[chosen], weights, self.n_threads)

    def reweighted(self, weights: Array) -> InMemoryRows:
        """The same with other weights (n,)."""
        return replace(self, sample_weight=weights)

    def counted(self) -> InMemoryRows:
        """Without the rows of weight 0."""
        return self if self.n_counted == self.n_samples else self.taken(self.weights > 0)
