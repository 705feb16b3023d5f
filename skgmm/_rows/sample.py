"""The data for the initialisation: distinct samples with weights, in a fixed order.

A weight of 3 is three samples, a weight of 0 is none, and the order of the samples does not matter:
with the same seed the initialisation is bit-identical. Of more than SAMPLE_ROWS samples a random
selection is used, and then these properties hold on average.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np

from skgmm._linalg import Array
from skgmm._rows.e_step import slices
from skgmm._rows.noise import Background, isolated
from skgmm._threads import cached_property

# Random numbers, made when they are first asked for: few samples need none.
Stream = Callable[[], np.random.RandomState]

SAMPLE_ROWS, ROWS_PER_COMPONENT = 25_000, 500
"""A start looks at no more than this many rows, or at so many for each component."""

# Candidates are compared on no more than so many, or this many for each component. Moves are tried
# on no more than the former, or as many for each component as a start looks at, or so many for each
# component and feature: of these, with equal weights, ten are distinct. With fewer, EM with full
# covariances may stay at its start (`leave_one_out.freezes`).
_FEW_ROWS, _RACED_PER_COMPONENT, _MOVED_PER_FEATURE = 5_000, 100, 17

# The scale of the features is taken from no more than so many samples, the same for every seed.
_SCALE_SAMPLES, _SCALE_KEY = 5_000, 0

# Features by which rows are sorted first.
_TELLING = 4

# Draws that are held in memory at once.
_AT_ONCE = 2**18

# Draws that the counter-based generator makes at a time.
_DRAWS = 4


@dataclass(frozen=True)
class StartSample:
    """Distinct samples in lexicographic order and their weights."""

    rows: Array  # (m, d), completed where values are missing
    weights: Array  # (m,), positive
    complete: bool  # whether these are all of them
    known: Array | None = None  # (m,) the component where it is known, else -1
    observed: Array | None = None  # (m, d) the rows with NaN where values are missing
    background: Background | None = None  # noise beside the components
    errors: Array | None = None  # (m, d) or (m, d, d) of the measurements
    noisy: Array | None = None  # (m,) bool, which samples are noise, where a fit tells

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, chosen: Array) -> StartSample:
        """Some of them, by their numbers (or bool)."""
        known, observed, errors, noisy = (
            None if array is None else array[chosen]
            for array in (self.known, self.observed, self.errors, self.noisy)
        )
        return replace(
            self,
            rows=self.rows[chosen],
            weights=self.weights[chosen],
            complete=False,
            known=known,
            observed=observed,
            errors=errors,
            noisy=noisy,
        )

    @cached_property
    def isolated(self) -> Array | None:
        """The samples that a start takes for noise, bool (m,); None where there is no noise."""
        if self.background is None or self.noisy is not None:
            return self.noisy
        found = isolated(self.rows, self.weights, min(4.0 * self.background.weight, 0.5))
        return found if self.known is None else found & (self.known < 0)

    def trimmed(self, n_components: int) -> StartSample:
        """Without those, if enough are left for the components."""
        if self.isolated is None or np.count_nonzero(~self.isolated) < n_components:
            return self
        return self.part(~self.isolated)

    def with_isolated(self, partition: Array, n_components: int) -> Array:
        """A partition of all from that of the trimmed sample: the others are noise."""
        if self.isolated is None or len(partition) == len(self):
            return partition
        responsibilities = np.zeros((len(self), n_components))
        own = np.eye(n_components)[partition] if partition.ndim == 1 else partition
        responsibilities[~self.isolated] = own
        return responsibilities


@dataclass(frozen=True)
class Reservoir:
    """The rows of the highest priorities among those that went by: a weighted random sample.

    Priority sampling (Duffield, Lund & Thorup 2007) chooses without replacement, and its weights
    keep every total unbiased: a row's priority is its weight divided by a uniform draw, heavy rows
    keep their weight, light ones are chosen in proportion to it and share one weight, the priority
    of the best row left out. So one row more than the sample is held.

    Reservoirs of disjoint sets of rows add up to that of their union.
    """

    size: int  # of the sample
    rows: Array  # (m, d), m no more than size + 1
    weights: Array  # (m,)
    priorities: Array  # (m,)
    numbers: Array  # (m,) of each row among all that count

    def __add__(self, other: Reservoir) -> Reservoir:
        if not len(self.rows):
            return other
        both = (self.rows, other.rows), (self.weights, other.weights)
        rows, weights = map(np.concatenate, both)
        priorities = np.concatenate([self.priorities, other.priorities])
        numbers = np.concatenate([self.numbers, other.numbers])
        if len(rows) > self.size + 1:
            kept = _highest(priorities, self.size + 1)
            rows, weights, priorities, numbers = (
                array[kept] for array in (rows, weights, priorities, numbers)
            )
        return Reservoir(self.size, rows, weights, priorities, numbers)

    @property
    def threshold(self) -> float:
        """A row of no higher priority cannot come in."""
        return float(self.priorities.min()) if len(self.rows) > self.size else 0.0

    def sample(self) -> StartSample:
        """What starts look at, whatever the order in which the rows were held."""
        complete, threshold = len(self.rows) <= self.size, self.threshold
        order = np.argsort(self.numbers, kind="stable")  # quick where they are in order
        if not complete:
            order = order[self.priorities[order] > threshold]
        weights = np.maximum(self.weights[order], 0.0 if complete else threshold)
        return StartSample(*_distinct(self.rows, weights, order), complete)


def sample_size(n_components: int) -> int:
    """Rows that starts look at."""
    return max(SAMPLE_ROWS, ROWS_PER_COMPONENT * n_components)


def rows_of_race(n_components: int) -> int:
    """Rows that candidates are compared on."""
    return max(_FEW_ROWS, _RACED_PER_COMPONENT * n_components)


def rows_of_swaps(n_components: int) -> int:
    """Rows that swaps among many components are tried on; no more are classified."""
    return max(_FEW_ROWS, ROWS_PER_COMPONENT * n_components)


def rows_of_moves(n_components: int, n_features: int) -> int:
    """Rows that moves after the iterations are tried on."""
    wanted = max(rows_of_swaps(n_components), _MOVED_PER_FEATURE * n_features * n_components)
    return min(wanted, sample_size(n_components))


def n_counted(X: Array, sample_weight: Array | None) -> int:
    """How many samples have a positive weight."""
    return len(X) if sample_weight is None else int(np.count_nonzero(sample_weight))


def few_for_scale(n_rows: int) -> bool:
    """Whether the scale of the features is taken from all of so many samples."""
    return n_rows <= _SCALE_SAMPLES


def sample_key(rng: np.random.RandomState) -> int:
    """A key for the draws of a reservoir; the stream itself does not move.

    So what is drawn after it does not depend on whether the rows had to be sampled.
    """
    return int(deepcopy(rng).randint(np.iinfo(np.int32).max))


def reservoir(
    X: Array, sample_weight: Array | None, size: int, key: int, first: int = 0
) -> Reservoir:
    """The reservoir of rows; `first` is the number of rows that count before these."""
    none = np.empty(0)
    held = Reservoir(size, np.empty((0, X.shape[1])), none, none, np.empty(0, np.int64))
    for part in slices(len(X), _AT_ONCE):
        n_rows, weights, counted = part.stop - part.start, None, None
        if sample_weight is not None:
            weights, counted = _positive(sample_weight[part])
            n_rows = len(counted)
        # The draw is uniform on (0, 1]: 0 would give an infinite priority.
        draws = _uniform(key, first, n_rows)
        np.subtract(1.0, draws, out=draws)
        priorities = np.divide(1.0 if weights is None else weights, draws, out=draws)
        chosen = np.flatnonzero(priorities > max(held.threshold, _sure(priorities, size)))
        if len(chosen) > size + 1:  # no others can stay
            chosen = chosen[_highest(priorities[chosen], size + 1)]
        rows = X[part].take(chosen if counted is None else counted[chosen], axis=0)
        own = np.ones(len(chosen)) if weights is None else weights[chosen]
        held = held + Reservoir(
            size, np.asarray(rows, dtype=np.float64), own, priorities[chosen], first + chosen
        )
        first += n_rows
    return held


def _positive(weights: Array) -> tuple[Array, Array]:
    """The weights that are positive, and their numbers."""
    counted = np.flatnonzero(weights)
    return weights[counted], counted


def _highest(priorities: Array, number: int) -> Array:
    """Which of the priorities are so many highest ones, bool."""
    return priorities >= np.partition(priorities, -number)[-number]


def _sure(priorities: Array, size: int) -> float:
    """A threshold that more than `size` of these priorities are above, found without sorting.

    Of draws of one weight so many are above its expected value; if they are not, 0.
    """
    expected = 0.8 * len(priorities) / (size + 1.0)
    return expected if np.count_nonzero(priorities > expected) > size else 0.0


def reservoir_for_scale(X: Array, sample_weight: Array | None, first: int = 0) -> Reservoir:
    """The reservoir from which the scale of the features is taken."""
    return reservoir(X, sample_weight, _SCALE_SAMPLES, _SCALE_KEY, first)


def _uniform(key: int, first: int, n_draws: int) -> Array:
    """Draws number `first` and following of the stream of a key, uniform on [0, 1).

    Counter-based (Philox; Salmon et al. 2011): a draw depends on its number alone, so the selection
    depends neither on the chunking nor on the order in which chunks are visited.
    """
    skipped = first % _DRAWS
    stream = np.random.Generator(np.random.Philox(key=key, counter=first // _DRAWS))
    return stream.random(skipped + n_draws)[skipped:]


def start_sample(
    X: Array, sample_weight: Array | None, n_components: int, stream: Stream
) -> StartSample:
    """The rows that starts look at: all distinct ones, or a weighted random sample of them."""
    size = sample_size(n_components)
    if n_counted(X, sample_weight) > size:
        return reservoir(X, sample_weight, size, sample_key(stream())).sample()
    return all_distinct(X, sample_weight)


def all_distinct(X: Array, sample_weight: Array | None) -> StartSample:
    """All distinct samples that count."""
    weights, counted = np.ones(len(X)), np.arange(len(X))
    if sample_weight is not None:
        weights, counted = _positive(sample_weight)
    return StartSample(*_distinct(np.asarray(X, dtype=np.float64), weights, counted), complete=True)


def _distinct(rows: Array, weights: Array, numbers: Array) -> tuple[Array, Array]:
    """The rows of these numbers (m,), sorted, equal ones merged; and their weights, of (m,)."""
    first = rows[:, 0].take(numbers)
    order = np.argsort(first)
    first = first.take(order)
    if (first[1:] != first[:-1]).all():  # the other columns do not matter, nor a stable order
        return rows.take(numbers.take(order), axis=0), weights.take(order)
    rows = rows.take(numbers, axis=0)
    order = _lexicographic(rows)
    rows, weights = rows[order], weights[order]
    new = np.r_[True, (rows[1:] != rows[:-1]).any(axis=1)]
    return rows[new], np.add.reduceat(weights, np.flatnonzero(new))


def _lexicographic(rows: Array) -> Array:
    """The order of rows by their features; most of them are told apart by a few."""
    few = rows[:, :_TELLING]
    order = np.lexsort(few.T[::-1])
    few = few[order]
    same = (few[1:] == few[:-1]).all(axis=1)
    if same.any():
        tied = np.r_[False, same] | np.r_[same, False]
        some = order[tied]
        order[tied] = some[np.lexsort(rows[some].T[::-1])]
    return order
