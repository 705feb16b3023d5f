"""Chunks of a Dask array, delayed: which rows of them are summed where."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any

import dask
import numpy as np

from skgmm._kernels import unit_rows
from skgmm._rows.base import InMemoryRows
from skgmm._rows.block import Block, Features, opened
from skgmm._rows.missing import unmasked


@dataclass(frozen=True)
class Chunk:
    """Rows and their weights, delayed in the client and there on a worker."""

    rows: Any
    weights: Any
    where: str  # for errors
    length: int  # rows of it as Dask has them, or nan
    before: int  # rows that are numbered before those that are used
    used: slice = field(default_factory=lambda: slice(None))  # rows of the chunk

    def opened(self, features: Features, n_threads: int, seen: bool) -> tuple[InMemoryRows, float]:
        """The rows that are used, and the largest absolute value of all, as of a block."""
        block = Block(self.rows, self.weights, self.where)
        part, largest = opened(block, features, n_threads, seen)
        if not np.isnan(self.length):
            _check_length(part.n_samples, self.length, self.where)
        return part.part(self.used), largest


def chunks_of(X: Any, sample_weight: Any | None) -> list[Chunk]:
    """All chunks of an array (n, d), and of weights (n,) that are cut as it is."""
    rows, lengths = X.to_delayed().ravel(), X.chunks[0]
    weights = [None] * len(rows) if sample_weight is None else sample_weight.to_delayed()
    numbers = [f"chunk {number}" for number in range(len(rows))]
    return list(map(Chunk, rows, weights, numbers, lengths, firsts(X)))


def firsts(X: Any) -> tuple[int, ...]:
    """Number of the first row of each chunk; 0 for all where lengths are not known."""
    lengths = X.chunks[0]
    return (0,) * len(lengths) if np.isnan(lengths).any() else (0, *accumulate(lengths))


def whole_units(chunks: list[Chunk]) -> tuple[list[Chunk], list[Chunk]]:
    """The same rows: chunks without the units that they share with others, and these units.

    A unit that spans several chunks is put together on some worker, from less than `unit_rows`
    samples of each; so sums do not depend on the chunking.
    """
    chunks = [chunk for chunk in chunks if chunk.length]
    inner, cut = [], []
    pieces: list[Chunk] = []  # of the unit that is cut
    for chunk in chunks:
        first, last = chunk.before, chunk.before + chunk.length
        begin = min(last, -(-first // unit_rows) * unit_rows)
        end = max(begin, last // unit_rows * unit_rows)
        end = last if chunk is chunks[-1] else end
        for start, stop in ((first, begin), (begin, end), (end, last)):
            if start == stop:
                continue
            own = replace(chunk, before=start, used=slice(start - first, stop - first))
            if (start, stop) == (begin, end):
                inner.append(own)
                continue
            pieces.append(own)
            if stop % unit_rows == 0 or chunk is chunks[-1]:
                cut.append(_joined(pieces))
                pieces = []
    return inner, cut


def _joined(pieces: list[Chunk]) -> Chunk:
    """A chunk of the rows that are used of several."""
    used = [piece.used for piece in pieces]
    length = sum(own.stop - own.start for own in used)
    about = [(own, piece.length, piece.where) for own, piece in zip(used, pieces, strict=True)]
    rows = _concatenated([_taken(p.rows, *how) for p, how in zip(pieces, about, strict=True)])
    weights = None
    if pieces[0].weights is not None:
        taken = [_taken(p.weights, *how) for p, how in zip(pieces, about, strict=True)]
        weights = _concatenated(taken)
    where = f"{pieces[0].where} and those after it"
    return Chunk(rows, weights, where, length, pieces[0].before)


_concatenated = dask.delayed(np.concatenate)


@dask.delayed
def _taken(rows: Any, used: slice, length: int, where: str) -> Any:
    """Some rows of a chunk: a task of its own, so that the others do not travel."""
    _check_length(len(rows), length, where)
    return unmasked(rows[used])  # masks are lost where arrays are joined


def _check_length(made: int, length: int, where: str) -> None:
    if made != length:
        raise ValueError(
            f"X, {where}: the computed chunk has {made} samples, but its declared length is "
            f"{length}: the source of the array has changed, or the declared length is wrong"
        )


def persisted(chunks: list[Chunk]) -> list[Chunk]:
    """The same, made once."""
    rows, weights = dask.persist([c.rows for c in chunks], [c.weights for c in chunks])
    return [replace(c, rows=r, weights=w) for c, r, w in zip(chunks, rows, weights, strict=True)]


def futures_of(collection: Any) -> list[Any]:
    """What of a collection is held by the workers of a cluster."""
    distributed = sys.modules.get("distributed")
    return [] if distributed is None else distributed.futures_of(collection)


def tasks_of(X: Any, chunks: list[Chunk]) -> list[tuple[list[Chunk], int]]:
    """The chunks (of X, or put together) that one task visits, and the threads it takes.

    Those that a worker holds, and all its threads: a task costs the scheduler about a millisecond,
    whatever it does. Where a chunk must be made first, it has a task and a thread for itself, so
    that no more are in memory than threads at work.
    """
    chunks = [chunk for chunk in chunks if chunk.length]
    futures = futures_of([X, *(chunk.rows for chunk in chunks)])
    if not futures:
        return [([chunk], 1) for chunk in chunks]
    distributed = sys.modules["distributed"]
    distributed.wait(futures)
    client = futures[0].client
    places, threads = client.who_has(futures), client.nthreads()
    held: dict[Any, list[Chunk]] = {}
    for number, chunk in enumerate(chunks):
        held.setdefault(min(places.get(chunk.rows.key) or [number]), []).append(chunk)
    return [(own, threads.get(worker, 1)) for worker, own in held.items()]
