"""Some of the samples of any source, drawn at random, in memory: on these a search compares models.

The weights of the drawn samples are in units of a drawn sample: of equal weights each is 1, so that
criteria count the samples that are there.
"""

from __future__ import annotations

import numpy as np

from skgmm._linalg import Array
from skgmm._rows.base import InMemoryRows, Rows
from skgmm._rows.grouped import GroupedRows, RowsInMemory, as_observed
from skgmm._rows.out_of_core import OutOfCoreRows
from skgmm._rows.sample import Reservoir, reservoir


def subsample(rows: Rows, size: int, key: int) -> tuple[RowsInMemory, Array | None]:
    """So many samples without replacement, heavy ones rather than light ones, or all if there are
    no more; and their numbers where all are in memory (None if they are all).

    Samples out of core were drawn in their first pass, with the same `size` and `key`.
    """
    if isinstance(rows, OutOfCoreRows):
        drawn = rows.after_first_pass.reservoir
        found = rows.drawn()
        unit = _unit(drawn)
        plain = InMemoryRows(found.rows, found.weights / unit, rows.n_threads)
        some = as_observed(plain)  # values that are missing stay so: the models are of these
        if found.known is not None:
            some = GroupedRows.knowing(some, known=found.known)
        return some, None
    assert isinstance(rows, RowsInMemory)
    weights = rows.sample_weight
    if rows.n_counted <= size:
        return rows, None
    drawn = reservoir(rows.X[:, :1], weights, size, key)
    kept = np.sort(drawn.numbers[drawn.priorities > drawn.threshold])
    chosen = kept if weights is None else np.flatnonzero(weights)[kept]
    some = rows.taken(chosen)
    if weights is None:
        return some, chosen
    unit = _unit(drawn)
    return some.reweighted(np.maximum(weights[chosen], unit) / unit), chosen


def _unit(drawn: Reservoir) -> float:
    """The weight of the lightest samples that were drawn; 1 if all were."""
    return drawn.threshold or 1.0
