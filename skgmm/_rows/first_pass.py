"""What a fit must know of rows that are not in memory before it begins, from one pass over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm._rows import checks
from skgmm._rows.base import InMemoryRows
from skgmm._rows.coding import Coding
from skgmm._rows.missing import n_observed, refuse_unobserved
from skgmm._rows.sample import Reservoir, reservoir, reservoir_for_scale
from skgmm._rows.totals import Totals, observed, sum_of_features, totals_of


@dataclass(frozen=True)
class FirstPass:
    """Surveys of disjoint sets of rows add up to that of their union."""

    totals: Totals
    sizes: Array  # sums of absolute values of each feature, (d,)
    n_counted: int  # rows of positive weight
    first: float  # the number of the first of these among all such, inf if there is none
    origin: Array  # that row, (1, d)
    weighted: bool
    largest: float  # absolute value
    n_observed: Array  # how many of these have a value of each feature, (d,)
    moments: Moments | None  # diagonal, of all rows as one component; None if values are missing
    reservoir: Reservoir  # of coded samples, as the next
    for_scale: Reservoir  # from which the scale of the features is taken

    @property
    def n_samples(self) -> int:
        return self.totals.n_samples

    @property
    def incomplete(self) -> bool:
        """Whether values are missing."""
        return bool(self.totals.missing.any())

    def __add__(self, other: FirstPass) -> FirstPass:
        return FirstPass(
            self.totals + other.totals,
            self.sizes + other.sizes,
            self.n_counted + other.n_counted,
            min(self.first, other.first),
            self.origin if self.first <= other.first else other.origin,
            self.weighted or other.weighted,
            max(self.largest, other.largest),
            self.n_observed + other.n_observed,
            None if self.moments is None or other.moments is None else self.moments + other.moments,
            self.reservoir + other.reservoir,
            self.for_scale + other.for_scale,
        )

    def check_again(self, totals: Totals, hint: str) -> None:
        """Refuse the totals of a later pass that are not those of the first."""
        totals.check(self.totals, self.sizes, hint)

    def check(self, n_components: int, names: Any) -> None:
        """Refuse rows that cannot be fitted, as for rows in memory; `names` of the features."""
        total_weight = self.totals.weight
        checks.check_magnitude(self.largest)
        if self.weighted:
            checks.check_total_weight(total_weight)
            checks.check_weighted_squares(total_weight, self.largest)
        if self.n_counted:
            refuse_unobserved(self.n_observed, names, self.weighted)
        checks.check_enough_rows(self.n_counted, total_weight, n_components)


def first_pass_of(
    rows: InMemoryRows,
    largest: float,
    size: int,
    key: int,
    n_before: int,
    labels: Array | None = None,
) -> FirstPass:
    """The statistics of a part of the samples.

    Parameters
    ----------
    size, key : int
        Of the sample that starts look at.
    n_before : int
        Rows of positive weight before these.
    labels : ndarray of shape (n,) or None
        The component of a sample where it is known, else -1.
    """
    weights = rows.sample_weight
    totals, coded = totals_of(rows, incomplete=True), rows.X
    incomplete = bool(totals.missing.any())
    if incomplete or labels is not None:
        coded = Coding(rows.n_features, labels is not None).coded(rows.X, labels)
    all_observed = np.full(rows.n_features, rows.n_counted)
    return FirstPass(
        totals=totals,
        sizes=sum_of_features(rows.X, lambda values: observed(np.abs(values))),
        n_counted=rows.n_counted,
        first=n_before if rows.n_counted else np.inf,
        origin=rows.origin,
        weighted=weights is not None,
        largest=largest,
        n_observed=n_observed(rows.X, weights) if incomplete else all_observed,
        moments=None if incomplete else rows.overall_moments(Scatter.DIAGONAL),
        reservoir=reservoir(coded, weights, size, key, n_before),
        for_scale=reservoir_for_scale(coded, weights, n_before),
    )
