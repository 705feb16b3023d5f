"""A block of rows as it comes from a source, and what a source is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
from sklearn.utils import check_array

from skgmm._linalg import Array
from skgmm._rows import InMemoryRows
from skgmm._validation import LARGEST, check_magnitude, magnitude, readable, weights_of_block

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


def opened(block: Block, n_features: int, n_threads: int, seen: bool) -> tuple[InMemoryRows, float]:
    """A block as arrays, and its largest absolute value (0 where an earlier pass has seen it).

    Raises
    ------
    ValueError, TypeError
        For anything but finite numbers of so many features and their weights, naming the block.
    """
    try:
        rows = readable(
            check_array(
                block.rows,
                dtype=[np.float64, np.float32],
                ensure_all_finite=False,
                ensure_min_samples=0,
            )
        )
        if rows.shape[1] != n_features:
            raise ValueError(
                f"this block has {rows.shape[1]} features, but those before it {n_features}"
            )
        weights = None if block.weights is None else weights_of_block(block.weights, len(rows))
        largest = 0.0 if seen or not len(rows) else _finite_magnitude(rows)
    except (ValueError, TypeError) as error:
        raise type(error)(f"X, {block.where}: {error}") from error
    return InMemoryRows(rows, weights, n_threads), largest


def _finite_magnitude(rows: Array) -> float:
    largest = magnitude(rows)
    if not np.isfinite(largest):
        row, column = np.argwhere(~np.isfinite(rows))[0]
        raise ValueError(
            f"contains {rows[row, column]} in row {row} of the block, feature {column}; NaN and "
            "infinity are not accepted"
        )
    if largest > LARGEST:  # whether all values are too small, one block cannot tell
        check_magnitude(largest)
    return largest
