"""RowBlocks as Rows: every pass reads all blocks in order, one ahead of those that are computed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import TypeVar

import numpy as np

from skgmm._kernels import numbering_lost_rows, unit_rows
from skgmm._linalg import Array
from skgmm._rows.base import ArrayRows, InMemoryRows, Sum
from skgmm._rows.block import Block, Features, joined, opened
from skgmm._rows.first_pass import FirstPass, first_pass_of
from skgmm._rows.grouped import RowsInMemory
from skgmm._rows.noise import Background
from skgmm._rows.out_of_core import OutOfCoreRows
from skgmm._rows.row_blocks import RowBlocks
from skgmm._rows.totals import Totals, totals_of
from skgmm._rows.unchanged_files import FileState, check_unchanged

Item = TypeVar("Item")

_SAME_BLOCKS = "its factory does not return a new iterator over the same blocks at every call"


@dataclass(frozen=True)
class BlockRows(OutOfCoreRows):
    """Rows of a source of blocks."""

    blocks: RowBlocks
    features: Features
    dtype: np.dtype
    n_threads: int
    first_pass: FirstPass | None = None  # from a pass before, which has also looked at every number
    files: dict[str, FileState] | None = None  # as they were in that pass
    component_labels: Array | None = None  # (n,) the component where it is known, else -1
    background: Background | None = None

    @property
    def n_samples(self) -> int:  # type: ignore[override]
        if self.first_pass is None:
            return sum(part.n_samples for part in self.parts())
        return self.first_pass.n_samples

    def parts(self) -> Generator[InMemoryRows, None, None]:
        """The blocks, checked: one pass."""
        with closing(self._visited()) as visited:
            for part, _ in visited:
                yield part

    def summed(self, function: Callable[[ArrayRows], Sum]) -> Sum:
        with closing(self.parts()) as parts:
            values = map(self._numbering_lost_rows(function), in_units(parts))
            if (first := next(values, None)) is None:
                raise ValueError("X has no samples")
            return reduce(add, values, first)

    def by_row(
        self, function: Callable[[ArrayRows], Array], shape: tuple[int, ...], dtype: np.dtype
    ) -> Array:
        with closing(self.parts()) as parts:
            values = list(map(self._numbering_lost_rows(function), parts))
        return np.concatenate(values) if values else np.empty((0, *shape), dtype)

    def to_memory(self) -> RowsInMemory:
        with closing(self.parts()) as parts:
            return self.known.of(joined([replace(part, X=part.X.copy()) for part in parts]))

    def split_threads(self, n_starts: int) -> tuple[int, BlockRows]:
        return 1, self  # side by side, each start would read the source for itself

    def with_first_pass(self, n_components: int, size: int, key: int) -> BlockRows:
        """The same rows, with what a fit must know of them, and `size` of them drawn: one pass."""
        n_before, files, dtypes = 0, self.blocks.source.files(), set()
        total: FirstPass | None = None
        with closing(self._visited()) as visited:
            for part, largest in visited:
                labels = self.known.labels_of(part)
                own = first_pass_of(part, largest, size, key, n_before, labels)
                n_before += own.n_counted
                total = own if total is None else total + own
                dtypes.add(part.dtype)
        if total is None:
            raise ValueError("X has no samples")
        total.check(n_components, self.features.names)
        return replace(self, first_pass=total, files=files, dtype=np.result_type(*dtypes))

    def _visited(self) -> Generator[tuple[InMemoryRows, float], None, None]:
        """Each block that has rows, and its largest absolute value (0 after the first)."""
        files = self.blocks.source.files() if self.files is None else self.files
        check_unchanged(files)
        known, seen, first = self.first_pass, self._no_totals, 0
        with (
            closing(self.blocks.source.blocks()) as blocks,
            closing(ahead(map(self._checked, blocks))) as opened_blocks,
        ):
            for part, largest, totals in opened_blocks:
                if part.n_samples:
                    part = part.reweighted(part.weights) if known and known.weighted else part
                    yield replace(part, first=first), largest
                    seen, first = seen + totals, first + part.n_samples
        check_unchanged(files)
        if known:
            known.check_again(seen, _SAME_BLOCKS)

    def _checked(self, block: Block) -> tuple[InMemoryRows, float, Totals]:
        """A block as arrays, its largest absolute value, and totals (after the first pass)."""
        seen = self.first_pass is not None
        part, largest = opened(block, self.features, self.n_threads, seen)
        if self.first_pass is None:
            return part, largest, self._no_totals
        return part, largest, totals_of(part, self.first_pass.incomplete)

    @property
    def _no_totals(self) -> Totals:
        return Totals.nothing(self.n_features)

    def _numbering_lost_rows(self, function: Callable[[ArrayRows], Item]) -> Callable[..., Item]:
        """The function, whose error about a row counts from the first of all rows."""

        def numbered(part: InMemoryRows) -> Item:
            with numbering_lost_rows(part.first):
                return function(self.known.of(part))

        return numbered


def in_units(parts: Iterator[InMemoryRows]) -> Iterator[InMemoryRows]:
    """The same samples in chunks that end with a unit, except the last; remainders are copied.

    So sums do not depend on the block size, and blocks of few samples cost no more than others.
    """
    held: list[InMemoryRows] = []
    missing = 0  # rows of the unit that is held
    for part in parts:
        begin = min(missing, part.n_samples)
        end = begin + (part.n_samples - begin) // unit_rows * unit_rows
        if begin:
            held, missing = [*held, part.part(slice(begin))], missing - begin
            if not missing:
                yield joined(held)
                held = []
        if begin < end:
            yield part.part(slice(begin, end))
        if end < part.n_samples:
            rest = part.part(slice(end, None))
            held, missing = [replace(rest, X=rest.X.copy())], unit_rows - rest.n_samples
    if held:
        yield joined(held)


def ahead(items: Iterator[Item]) -> Generator[Item, None, None]:
    """The items, the next of which another thread makes while one is used."""
    with ThreadPoolExecutor(1, thread_name_prefix="skgmm-blocks") as reader:
        end = object()
        pending = reader.submit(next, items, end)
        while (item := pending.result()) is not end:
            pending = reader.submit(next, items, end)
            yield item  # type: ignore[misc]
