"""What starts see of the data: a weighted set of distinct rows in a fixed order.

A weight of 3 is three rows, a weight of 0 is none, and the order of the rows does not matter: with
the same seed the start is the same, to the last bit. Of more than SAMPLE_ROWS rows a start sees a
random sample, and then these hold on average.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skgmm._expectation import slices
from skgmm._linalg import Array

SAMPLE_ROWS = 25_000
"""A start looks at no more than this many rows, or at 250 for each component."""


@dataclass(frozen=True)
class StartSample:
    """Distinct rows in lexicographic order and their weights."""

    rows: Array  # (m, d)
    weights: Array  # (m,), positive
    complete: bool  # whether these are all of them

    def __len__(self) -> int:
        return len(self.rows)


def start_sample(
    X: Array, sample_weight: Array | None, n_components: int, rng: np.random.RandomState
) -> StartSample:
    """The rows that starts look at: all distinct ones, or a weighted random sample of them."""
    size = max(SAMPLE_ROWS, 250 * n_components)
    n_rows = len(X) if sample_weight is None else int(np.count_nonzero(sample_weight))
    complete = n_rows <= size
    if complete:
        weights = np.ones(len(X)) if sample_weight is None else sample_weight
        chosen = np.flatnonzero(weights)
        weights = weights[chosen]
    else:
        chosen, weights = _priority_sample(sample_weight, len(X), size, rng)
    rows, weights = _distinct(np.asarray(X[chosen], dtype=np.float64), weights)
    return StartSample(rows, weights, complete)


def _priority_sample(
    sample_weight: Array | None, n_samples: int, size: int, rng: np.random.RandomState
) -> tuple[Array, Array]:
    """Rows chosen without replacement and weights that keep every total unbiased.

    Priority sampling (Duffield, Lund & Thorup 2007): heavy rows keep their weight, light ones are
    chosen in proportion to it and share one weight. The highest `size` + 1 priorities are kept
    while the rows go by a slice at a time, because five numbers to each row are memory that counts.
    """
    chosen, priority = np.empty(0, dtype=np.int64), np.empty(0)
    for part in slices(n_samples):
        weights = np.ones(part.stop - part.start) if sample_weight is None else sample_weight[part]
        counted = np.flatnonzero(weights)
        # The draw is uniform on (0, 1]: 0 would give an infinite priority.
        drawn = weights[counted] / (1.0 - rng.random_sample(len(counted)))
        chosen = np.concatenate([chosen, part.start + counted])
        priority = np.concatenate([priority, drawn])
        if len(chosen) > size + 1:
            highest = np.argpartition(priority, -size - 1)[-size - 1 :]
            chosen, priority = chosen[highest], priority[highest]
    lowest = np.argmin(priority)
    threshold, chosen = priority[lowest], np.sort(np.delete(chosen, lowest))
    weights = np.ones(size) if sample_weight is None else sample_weight[chosen]
    return chosen, np.maximum(weights, threshold)


def _distinct(rows: Array, weights: Array) -> tuple[Array, Array]:
    """Sort rows and merge equal ones."""
    order = np.argsort(rows[:, 0], kind="stable")
    first = rows[order, 0]
    if (first[1:] == first[:-1]).any():  # only then do the other columns matter
        order = np.lexsort(rows.T[::-1])
    rows, weights = rows[order], weights[order]
    new = np.r_[True, (rows[1:] != rows[:-1]).any(axis=1)]
    return rows[new], np.add.reduceat(weights, np.flatnonzero(new))
