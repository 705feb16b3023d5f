"""A block of rows as it comes from a source, and what a source is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

# Bytes of a block when its rows are not given: large enough that what a block costs beside its rows
# is nothing, small enough that the allocator keeps its memory for the next.
_BLOCK_BYTES = 2**24


class Block(NamedTuple):
    """Rows as they come; nothing is checked yet."""

    rows: Any  # array-like (m, d)
    weights: Any | None  # array-like (m,)
    where: str  # for errors


class Source(Protocol):
    """Where blocks come from."""

    def header(self) -> Any:
        """No rows, as an array or a data frame: the number, names and types of features."""

    def blocks(self) -> Iterator[Block]:
        """All blocks in order, anew."""


def block_size(n_features: int, block_rows: int | None) -> int:
    """Rows of a block."""
    return block_rows or max(256, _BLOCK_BYTES // (8 * max(n_features, 1)))


def place(path: str, start: int, stop: int) -> str:
    """Rows of a file, for errors."""
    return f"{path}, rows {start} to {stop - 1}"
