"""What is known of samples beyond their values, for the parts in which they are read."""

from __future__ import annotations

from dataclasses import dataclass

from skgmm._linalg import Array
from skgmm._rows.base import InMemoryRows
from skgmm._rows.grouped import GroupedRows, RowsInMemory
from skgmm._rows.imputation import Completion
from skgmm._rows.missing import has_missing
from skgmm._rows.noise import Background


@dataclass(frozen=True)
class Known:
    """What is known of all samples."""

    incomplete: bool | None = None  # whether values are missing; None: each part is looked at
    labels: Array | None = None  # (n,) the component where it is known, else -1
    background: Background | None = None  # noise beside the components
    completion: Completion | None = None  # what starts fill in missing values from

    def labels_of(self, part: InMemoryRows) -> Array | None:
        """Those of the samples of a part."""
        if self.labels is None:
            return None
        return self.labels[part.first : part.first + part.n_samples]

    def of(self, part: InMemoryRows) -> RowsInMemory:
        """A part with what is known of it."""
        labels, incomplete = self.labels_of(part), self.incomplete
        if incomplete is None:
            incomplete = has_missing(part.X)
        if labels is None and self.background is None and not incomplete:
            return part
        return GroupedRows.of(part, labels, self.background, common=self.completion)
