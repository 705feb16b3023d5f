"""Samples of which more or less is known than their values, as rows of numbers that can be sorted.

Missing values are infinity, which data never hold, and errors and labels are further features. So
equal samples are equal rows, and one sample with a weight.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from skgmm._linalg import Array
from skgmm._rows.sample import StartSample


@dataclass(frozen=True)
class Coding:
    """What rows of numbers hold."""

    n_features: int
    labelled: bool = False
    errors: tuple[int, ...] | None = None  # shape of the errors of a sample, if they are known

    def coded(self, X: Array, known: Array | None = None, errors: Array | None = None) -> Array:
        """Rows of samples (n, d), their labels (n,) and errors."""
        coded = np.where(np.isnan(X), np.inf, X)
        if errors is not None:
            coded = np.column_stack([coded, errors.reshape(len(coded), -1)])
        return coded if known is None else np.column_stack([coded, known])

    def decoded(self, coded: StartSample) -> StartSample:
        """The samples, with NaN where values are missing."""
        rows, known, errors = coded.rows, None, None
        if self.labelled:
            rows, known = rows[:, :-1], rows[:, -1].astype(np.int64)
        if self.errors is not None:
            errors = rows[:, self.n_features :].reshape(-1, *self.errors)
        rows = np.ascontiguousarray(rows[:, : self.n_features])
        rows = np.where(np.isinf(rows), np.nan, rows)
        return replace(coded, rows=rows, known=known, errors=errors)
