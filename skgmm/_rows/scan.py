"""A first look at samples in compiled code, at those of many small problems in one call."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from skgmm._kernels import _native
from skgmm._linalg import Array
from skgmm._rows.feature_scale import FeatureScale

QUICKLY_SCANNED = 1_000
"""More samples of one problem are sorted faster by NumPy."""


@dataclass(frozen=True)
class Scan:
    """What a first look at N problems of the same number of features finds."""

    offsets: Array  # (N + 1,) where the sorted samples of each begin
    sorted: Array  # (total, d) float64
    magnitudes: Array  # (N,) largest; not finite where a sample is not
    distinct: Array  # (N,) bool, whether all samples differ
    scale: FeatureScale  # (N, d), of those problems

    @classmethod
    def of(cls, problems: list[Array]) -> Scan:
        n, d = len(problems), problems[0].shape[1]
        offsets = np.array([0, *accumulate(map(len, problems))], dtype=np.int64)
        rows = np.empty((offsets[-1], d))
        magnitudes, distinct = np.empty(n), np.empty(n, dtype=np.uint8)
        scale = FeatureScale.smooth(np.zeros((n, d)))._replace(rounding=np.zeros((n, d)))
        _native.scan(problems, offsets, rows, magnitudes, distinct, *scale)
        return cls(offsets, rows, magnitudes, distinct.astype(bool), scale)

    @classmethod
    def of_distinct(cls, X: Array) -> Scan | None:
        """Of one problem; None where samples may repeat, or are many."""
        if len(X) > QUICKLY_SCANNED:
            return None
        scan = cls.of([X])
        return scan if scan.distinct[0] else None

    def scale_of(self, problem: int) -> FeatureScale:
        """That of the features of one problem."""
        return FeatureScale(*(part[problem] for part in self.scale))

    def chosen(self, which: Array) -> tuple[Array, Array]:
        """Offsets and sorted samples of some of the problems."""
        if len(which) == len(self.magnitudes):
            return self.offsets, self.sorted
        first, last = self.offsets[which], self.offsets[which + 1]
        parts = [self.sorted[i:j] for i, j in zip(first, last, strict=True)]
        return np.cumsum(np.r_[0, last - first], dtype=np.int64), np.concatenate(parts)
