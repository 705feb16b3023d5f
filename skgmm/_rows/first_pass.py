"""What a fit must know of rows that are not in memory before it begins, from one pass over them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm._rows import checks
from skgmm._rows.base import InMemoryRows, Rows
from skgmm._rows.sample import Reservoir, StartSample, reservoir, reservoir_for_scale
from skgmm._rows.totals import Totals, sum_of_features, totals_of


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
    moments: Moments  # diagonal, of all rows as one component
    reservoir: Reservoir
    for_scale: Reservoir  # from which the scale of the features is taken

    @property
    def n_samples(self) -> int:
        return self.totals.n_samples

    def __add__(self, other: FirstPass) -> FirstPass:
        return FirstPass(
            self.totals + other.totals,
            self.sizes + other.sizes,
            self.n_counted + other.n_counted,
            min(self.first, other.first),
            self.origin if self.first <= other.first else other.origin,
            self.weighted or other.weighted,
            max(self.largest, other.largest),
            self.moments + other.moments,
            self.reservoir + other.reservoir,
            self.for_scale + other.for_scale,
        )

    def check_again(self, totals: Totals, hint: str) -> None:
        """Refuse the totals of a later pass that are not those of the first."""
        totals.check(self.totals, self.sizes, hint)

    def check(self, n_components: int) -> None:
        """Refuse rows that cannot be fitted, as for rows in memory."""
        total_weight = self.moments.total_weight
        checks.check_magnitude(self.largest)
        if self.weighted:
            checks.check_total_weight(total_weight)
            checks.check_weighted_squares(total_weight, self.largest)
        checks.check_enough_rows(self.n_counted, total_weight, n_components)


def first_pass_of(
    rows: InMemoryRows, largest: float, size: int, key: int, n_before: int
) -> FirstPass:
    """The statistics of a part of the samples.

    Parameters
    ----------
    size, key : int
        Of the sample that starts look at.
    n_before : int
        Rows of positive weight before these.
    """
    weights = rows.sample_weight
    n_counted = rows.n_samples if weights is None else int(np.count_nonzero(weights))
    return FirstPass(
        totals=totals_of(rows),
        sizes=sum_of_features(rows.X, np.abs),
        n_counted=n_counted,
        first=n_before if n_counted else np.inf,
        origin=rows.origin,
        weighted=weights is not None,
        largest=largest,
        moments=rows.overall_moments(Scatter.DIAGONAL),
        reservoir=reservoir(rows.X, weights, size, key, n_before),
        for_scale=reservoir_for_scale(rows.X, weights, n_before),
    )


class OutOfCoreRows(Rows):
    """Rows that are not in memory, of which a fit knows what a first pass over them has found."""

    first_pass: FirstPass | None

    def overall_moments(self, form: Scatter) -> Moments:
        known = None if self.first_pass is None else self.first_pass.moments
        return known if known and known.form is form else super().overall_moments(form)

    @property
    def origin(self) -> Array:
        return self._known().origin

    def start_sample(self, n_components: int, rng: np.random.RandomState) -> StartSample:
        return self._known().reservoir.sample()

    def scale_sample(self) -> StartSample:
        return self._known().for_scale.sample()

    def in_memory(self, sample: StartSample) -> InMemoryRows:
        return InMemoryRows(sample.rows, sample.weights, self.n_threads)

    def _known(self) -> FirstPass:
        assert self.first_pass is not None, "the first pass comes before the fitted"
        return self.first_pass
