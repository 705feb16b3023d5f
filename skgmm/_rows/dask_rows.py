"""Dask arrays as Rows: what is asked of a chunk is computed where the chunk is.

The only room that imports Dask, and only for Dask's own objects. A pass is one graph: its function,
with the parameters in it, goes to each worker once, each chunk gives one result, and the results of
a worker's chunks are summed there before they travel. So the bytes that move depend on the number
of workers and on the size of Moments, not on the number of rows. The conventions are dask-ml's:
learned attributes are NumPy, values by row are lazy Dask arrays in the chunks of the input.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial, reduce
from itertools import accumulate
from operator import add
from typing import Any

import dask
import numpy as np
from dask.sizeof import sizeof

from skgmm._kernels import Total, numbering_lost_rows
from skgmm._linalg import Array
from skgmm._moments import Moments
from skgmm._rows.base import ArrayRows, InMemoryRows, Sum
from skgmm._rows.block import Block, Features, joined, opened
from skgmm._rows.dask_chunks import (
    Chunk,
    chunks_of,
    firsts,
    futures_of,
    persisted,
    tasks_of,
    whole_units,
)
from skgmm._rows.first_pass import FirstPass, first_pass_of
from skgmm._rows.grouped import RowsInMemory
from skgmm._rows.noise import Background
from skgmm._rows.out_of_core import OutOfCoreRows
from skgmm._rows.parts import Known
from skgmm._rows.sample import Reservoir
from skgmm._rows.totals import Totals, WithTotals, totals_of, with_totals

# Results that one task adds up.
_FAN_IN = 8

_SAME_CHUNKS = (
    "its chunks differ each time they are computed: persist X, or seed its random numbers"
)


@dataclass(frozen=True)
class DaskRows(OutOfCoreRows):
    """Rows of a Dask array (n, d) that is not cut along the features."""

    X: Any
    sample_weight: Any | None  # Dask array (n,), cut as X is
    features: Features
    n_threads: int  # of the client, which computes on the sample
    first_pass: FirstPass | None = None
    units: list[Chunk] | None = None  # chunks for sums, after the first pass
    background: Background | None = None

    @property
    def n_samples(self) -> int:  # type: ignore[override]
        return self.X.shape[0]

    @property
    def dtype(self) -> np.dtype:  # type: ignore[override]
        return np.dtype(np.float32 if self.X.dtype == np.float32 else np.float64)

    def summed(self, function: Callable[[ArrayRows], Sum]) -> Sum:
        of_part = partial(_of_part, function, self.known)
        if self.first_pass is None:
            chunks = chunks_of(self.X, self.sample_weight)
            return _total(partial(_ask, of_part, self.features, False), self.X, chunks)
        checked = partial(with_totals, of_part, self.first_pass.incomplete)
        ask = partial(_ask, checked, self.features, True)
        total: WithTotals = _total(ask, self.X, self.units or [])
        self.first_pass.check_again(total.totals, _SAME_CHUNKS)
        return total.value

    def by_row(
        self, function: Callable[[ArrayRows], Array], shape: tuple[int, ...], dtype: np.dtype
    ) -> Any:
        return self.X.map_blocks(
            _by_row,
            partial(_of_part, function, self.known),
            firsts(self.X),
            self.features,
            drop_axis=None if shape else 1,
            chunks=(self.X.chunks[0], *((size,) for size in shape)),
            dtype=dtype,
            meta=np.empty((0,) * (1 + len(shape)), dtype),
        )

    def to_memory(self) -> RowsInMemory:
        chunks = chunks_of(self.X, self.sample_weight)
        made = dask.compute([(chunk.rows, chunk.weights) for chunk in chunks])[0]
        here = [
            replace(chunk, rows=rows, weights=weights)
            for chunk, (rows, weights) in zip(chunks, made, strict=True)
            if chunk.length
        ]
        rows = joined([c.opened(self.features, self.n_threads, True)[0] for c in here])
        first_pass = self.after_first_pass
        first_pass.check_again(totals_of(rows, first_pass.incomplete), _SAME_CHUNKS)
        return self.known.of(rows)

    def split_threads(self, n_starts: int) -> tuple[int, DaskRows]:
        return 1, self  # one start keeps all workers busy

    def with_first_pass(self, n_components: int, size: int, key: int) -> DaskRows:
        """The same rows, with what a fit must know of them, and `size` of them drawn: one pass."""
        chunks = numbered = chunks_of(self.X, self.sample_weight)
        if self.sample_weight is not None:  # rows of weight 0 are not numbered
            count = dask.delayed(np.count_nonzero)
            counts = dask.compute(*(count(chunk.weights) for chunk in chunks))
            before = accumulate(map(int, counts), initial=0)
            numbered = [replace(chunk, before=n) for chunk, n in zip(chunks, before, strict=False)]
        total: FirstPass = _total(
            partial(_first_pass_of, size, key, self.features), self.X, numbered
        )
        total.check(n_components, self.features.names)
        inner, cut = whole_units(chunks)
        held = futures_of(self.X)
        return replace(self, first_pass=total, units=inner + (persisted(cut) if held else cut))


def _total(function: Callable[[int, list[Chunk]], Any], X: Any, chunks: list[Chunk]) -> Any:
    """The sum over all chunks of X of what the function gives for some of them."""
    each = tasks_of(X, chunks)
    if not each:
        raise ValueError("X has no samples")
    # To many workers the function travels from one to the next, as a value of the graph; to a
    # few it goes with their tasks, which saves them the wait for each other.
    shared = _Shared(function)
    if len(each) > _FAN_IN:
        shared = dask.delayed(shared)
    parts = [_run(shared, n, own) for own, n in each]
    while len(parts) > _FAN_IN:
        parts = [_add(parts[i : i + _FAN_IN]) for i in range(0, len(parts), _FAN_IN)]
    return reduce(add, dask.compute(*parts))


class _Shared:
    """A function as one value of a graph."""

    def __init__(self, function: Callable[[int, list[Chunk]], Any]) -> None:
        self.function = function


@sizeof.register((Total, Moments, FirstPass, Reservoir, WithTotals, Totals))
def _sizeof(record: Any) -> int:
    """Bytes, by which the scheduler decides what should travel."""
    return sum(map(sizeof, vars(record).values()))


@dask.delayed
def _add(parts: list[Any]) -> Any:
    return reduce(add, parts)


@dask.delayed
def _run(shared: _Shared, n_threads: int, chunks: list[Chunk]) -> Any:
    return shared.function(n_threads, chunks)


def _of_part(function: Callable[[ArrayRows], Any], known: Known, part: InMemoryRows) -> Any:
    return function(known.of(part))


def _ask(
    function: Callable[[InMemoryRows], Any],
    features: Features,
    seen: bool,
    n_threads: int,
    chunks: list[Chunk],
) -> Any:
    """The sum of what the function gives for each chunk."""

    def of(chunk: Chunk) -> Any:
        part, _ = chunk.opened(features, n_threads, seen)
        with numbering_lost_rows(chunk.before):
            return function(part)

    return reduce(add, map(of, chunks))


def _first_pass_of(
    size: int, key: int, features: Features, n_threads: int, chunks: list[Chunk]
) -> FirstPass:
    """The sum of the first passes over the chunks."""

    def of(chunk: Chunk) -> FirstPass:
        return first_pass_of(*chunk.opened(features, n_threads, False), size, key, chunk.before)

    return reduce(add, map(of, chunks))


def _by_row(
    chunk: Array,
    function: Callable[[InMemoryRows], Array],
    firsts: tuple[int, ...],
    features: Features,
    block_id: tuple[int, ...],
) -> Array:
    number = block_id[0]
    part, _ = opened(Block(chunk, None, f"chunk {number}"), features, 1, False)
    with numbering_lost_rows(firsts[number]):
        return function(part)
