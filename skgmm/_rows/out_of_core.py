"""Rows that are not in memory: what they are asked beyond the visit of their parts."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

import numpy as np

from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm._parameters import MixtureParameters
from skgmm._rows.base import Rows
from skgmm._rows.block import Features
from skgmm._rows.coding import Coding
from skgmm._rows.first_pass import FirstPass
from skgmm._rows.grouped import GroupedRows, RowsInMemory, finished, rows_of
from skgmm._rows.imputation import Completion
from skgmm._rows.labels import beside_known
from skgmm._rows.noise import Background
from skgmm._rows.parts import Known
from skgmm._rows.sample import Reservoir, StartSample, Stream
from skgmm._threads import cached_property


class OutOfCoreRows(Rows):
    """Rows that are not in memory, of which a fit knows what a first pass over them has found."""

    features: Features
    first_pass: FirstPass | None
    component_labels: Array | None = None  # (n,) the component where it is known, else -1

    @property
    def n_counted(self) -> int:  # type: ignore[override]
        return self.after_first_pass.n_counted

    @property
    def n_features(self) -> int:  # type: ignore[override]
        return self.features.number

    @property
    def whole(self) -> bool:  # type: ignore[override]
        return not (self.incomplete or self.labelled or self.background is not None)

    @property
    def labelled(self) -> bool:  # type: ignore[override]
        return self.component_labels is not None

    @property
    def incomplete(self) -> bool | None:
        """Whether values are missing; None before the first pass."""
        return None if self.first_pass is None else self.first_pass.incomplete

    @cached_property
    def known(self) -> Known:
        """What is known of every part."""
        completion = self.completion if self.incomplete else None
        return Known(self.incomplete, self.component_labels, self.background, completion)

    @cached_property
    def completion(self) -> Completion:
        """One Gaussian, from which starts complete samples."""
        return Completion.of(self.scale_sample(), noise=self.background is not None)

    @property
    def after_first_pass(self) -> FirstPass:
        """What the first pass has found."""
        assert self.first_pass is not None, "the first pass comes before the fitted"
        return self.first_pass

    @property
    def constant(self) -> Array | None:
        return None if self.whole else self.completion.constant

    @property
    def origin(self) -> Array:
        if self.incomplete:
            return self.completion.gaussian.means
        return self.after_first_pass.origin

    def _expectation(self, parameters: MixtureParameters, form: Scatter, floor: Array) -> Moments:
        if self.whole:
            return super()._expectation(parameters, form, floor)
        return finished(self.summed(lambda part: part.expectation(parameters, form, floor)), floor)

    def overall_moments(self, form: Scatter) -> Moments:
        if self.incomplete:
            return self.completion.overall_moments(self.unlabelled(), form)
        found = None if self.first_pass is None else self.first_pass.moments
        return found if found and found.form is form else super().overall_moments(form)

    def _partition_moments(
        self, partition: Array, n_components: int, form: Scatter, floor: Array
    ) -> Moments:
        if self.labelled or self.background is not None:
            weights = self.by_row(lambda part: part.weights, (), np.dtype(np.float64))
            known = self.component_labels
            partition = beside_known(partition, n_components, weights, known, self.background)
        return super()._partition_moments(partition, n_components, form, floor)

    def unlabelled(self) -> Rows:
        return self.with_labels(None)

    def with_labels(self, labels: Array | None) -> Self:
        """The same samples, whose components are known where labels (n,) are not -1."""
        if labels is self.component_labels:
            return self
        return replace(self, component_labels=labels)  # type: ignore[type-var]

    def start_sample(self, n_components: int, stream: Stream) -> StartSample:
        found = replace(self.drawn(), background=self.background)
        return self.completion.filled(found) if np.isnan(found.rows).any() else found

    def drawn(self) -> StartSample:
        """The samples that the first pass has drawn."""
        return self._decoded(self.after_first_pass.reservoir)

    def scale_sample(self) -> StartSample:
        return self._decoded(self.after_first_pass.for_scale)

    def _decoded(self, reservoir: Reservoir) -> StartSample:
        sample = reservoir.sample()
        if not self.incomplete and sample.rows.shape[1] == self.n_features:  # they were not coded
            return sample
        return Coding(self.n_features, self.labelled).decoded(sample)

    def in_memory(self, sample: StartSample) -> Rows:
        return rows_of(sample, self.n_threads).in_memory(sample)


def beside(rows: Rows, background: Background | None) -> Rows:
    """The samples, with noise beside the components of every mixture if there is any."""
    if background is None:
        return rows
    if isinstance(rows, RowsInMemory):
        return GroupedRows.knowing(rows, background=background)
    return replace(rows, background=background)  # type: ignore[type-var]
