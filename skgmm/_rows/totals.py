"""Sums that every pass over the same data finds again, by which a change of the data is noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from skgmm._linalg import Array
from skgmm._rows.base import InMemoryRows

# Sums of the same values differ by rounding where blocks are cut in another way; relative to the
# sum of absolute values.
_ROUNDING = 1e-10

# Numbers that are added at a time: they stay in the processor's cache.
_NUMBERS = 2**18


@dataclass(frozen=True)
class Totals:
    """Totals of disjoint sets of samples add up to those of their union."""

    n_samples: int
    weight: float
    sums: Array  # of the observed values of each feature, (d,)
    missing: Array  # how many values of each feature are missing, (d,)

    @classmethod
    def nothing(cls, n_features: int) -> Totals:
        return cls(0, 0.0, np.zeros(n_features), np.zeros(n_features, dtype=np.int64))

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.n_samples + other.n_samples,
            self.weight + other.weight,
            self.sums + other.sums,
            self.missing + other.missing,
        )

    def check(self, first: Totals, sizes: Array, hint: str) -> None:
        """Raise where these are not the totals of the first pass.

        Parameters
        ----------
        sizes : ndarray of shape (d,)
            Sums of absolute values.
        hint : str
            What should be so, and is not.
        """
        if self.n_samples != first.n_samples:
            raise ValueError(
                f"X has {self.n_samples} samples in this pass, but had {first.n_samples} in the "
                f"first: it changed during the fit, or {hint}"
            )
        if (self.missing != first.missing).any():
            feature = int((self.missing != first.missing).argmax())
            raise ValueError(
                f"The values of X changed during the fit: feature {feature} has "
                f"{self.missing[feature]} missing values in this pass, but "
                f"{first.missing[feature]} in the first; {hint}"
            )
        differ = ~(np.abs(self.sums - first.sums) <= _ROUNDING * sizes)
        if differ.any():
            feature = int(differ.argmax())
            raise ValueError(
                f"The values of X changed during the fit: feature {feature} sums to "
                f"{self.sums[feature]:.10g} in this pass, but to {first.sums[feature]:.10g} in the "
                f"first; {hint}"
            )
        if not abs(self.weight - first.weight) <= _ROUNDING * first.weight:
            raise ValueError(
                f"The weights of X changed during the fit: they sum to {self.weight:.10g} in this "
                f"pass, but to {first.weight:.10g} in the first; {hint}"
            )


def totals_of(rows: InMemoryRows, incomplete: bool) -> Totals:
    """Those of some samples; `incomplete` is whether values may be missing."""
    weight = rows.total_weight
    sums, missing = sum_of_features(rows.X), np.zeros(rows.n_features, dtype=np.int64)
    if incomplete and not np.isfinite(sums).all():
        sums, missing = sum_of_features(rows.X, observed), np.isnan(rows.X).sum(axis=0)
    if not np.isfinite(sums).all():  # later passes do not look at every number
        raise ValueError(
            "The values of X changed during the fit: there is NaN or infinity in this pass, which "
            "was not in the first"
        )
    return Totals(rows.n_samples, weight, sums, missing)


def observed(values: Array) -> Array:
    """0 in place of what is missing."""
    return np.where(np.isnan(values), 0.0, values)


def sum_of_features(X: Array, of: Callable[[Array], Array] = np.asarray) -> Array:
    """The sum over samples of each feature, or of a function of it, in float64."""
    total, size = np.zeros(X.shape[1]), max(1, _NUMBERS // X.shape[1])
    ones = np.ones(min(size, len(X)))
    for start in range(0, len(X), size):
        values = of(X[start : start + size].astype(np.float64, copy=False))
        total += ones[: len(values)] @ values  # faster than sum(axis=0) where features are few
    return total


@dataclass(frozen=True)
class WithTotals:
    """What is computed from samples, and their totals."""

    value: Any
    totals: Totals

    def __add__(self, other: WithTotals) -> WithTotals:
        return WithTotals(self.value + other.value, self.totals + other.totals)


def with_totals(
    function: Callable[[InMemoryRows], Any], incomplete: bool, rows: InMemoryRows
) -> WithTotals:
    totals = totals_of(rows, incomplete)
    return WithTotals(function(rows), totals)
