"""A block of rows as it comes from a source, and what a source is."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from sklearn.utils import check_array

from skgmm._linalg import Array
from skgmm._rows.array_input import converted, plain
from skgmm._rows.bad_values import label_of, names_of
from skgmm._rows.base import InMemoryRows
from skgmm._rows.checks import LARGEST, check_magnitude, readable, weights_of_block
from skgmm._rows.missing import observed_magnitude, only_missing, unmasked, with_nan
from skgmm._rows.unchanged_files import FileState

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

    def blocks(self) -> Generator[Block, None, None]:
        """All blocks in order, anew."""

    def files(self) -> dict[str, FileState]:
        """The state of the files that are read."""


class Features(NamedTuple):
    """What all blocks have in common."""

    number: int
    names: Sequence[Any] | None

    def label(self, feature: int) -> str:
        """A feature in words."""
        return label_of(feature, None if self.names is None else self.names[feature])


def block_size(n_features: int, block_rows: int | None) -> int:
    """Rows of a block."""
    return block_rows or max(256, _BLOCK_BYTES // (8 * max(n_features, 1)))


def place(path: str, start: int, stop: int) -> str:
    """Rows of a file, for errors."""
    return f"{path}, rows {start} to {stop - 1}"


def opened(
    block: Block, features: Features, n_threads: int, seen: bool
) -> tuple[InMemoryRows, float]:
    """A block as arrays, and its largest absolute value (0 where an earlier pass has seen it).

    Raises
    ------
    ValueError, TypeError
        For anything but finite numbers of these features, NaN where one is missing, and their
        weights; naming the block.
    """
    try:
        _check_names(block.rows, features)
        rows = readable(numbers_of(block.rows))
        if rows.shape[1] != features.number:
            raise ValueError(
                f"this block has {rows.shape[1]} features, but those before it {features.number}"
            )
        weights = None if block.weights is None else weights_of_block(block.weights, len(rows))
        largest = 0.0 if seen or not len(rows) else _finite_magnitude(rows, features)
    except (ValueError, TypeError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"X, {block.where}: {error}") from error
    return InMemoryRows(rows, weights, n_threads), largest


def numbers_of(rows: Any) -> Array:
    """Samples as float64 or float32, NaN where a value is missing, which may not be finite."""

    def convert(rows: Any) -> Array:
        dtypes = [np.float64, np.float32]
        return check_array(rows, dtype=dtypes, ensure_all_finite=False, ensure_min_samples=0)

    rows = plain(unmasked(rows), "X")
    try:
        return converted(rows, convert)
    except (TypeError, ValueError):
        if not only_missing(rows):
            raise
        return convert(with_nan(rows))


def _check_names(rows: Any, features: Features) -> None:
    """Refuse a data frame with other columns, or with these in another order."""
    names = names_of(rows)
    if names is None or (features.names is not None and names == list(features.names)):
        return
    first = "is an array without names" if features.names is None else f"{list(features.names)}"
    raise ValueError(f"this block has the columns {names}, but the first {first}")


def _finite_magnitude(rows: Array, features: Features) -> float:
    largest = observed_magnitude(rows)
    if not np.isfinite(largest):
        row, column = np.argwhere(np.isinf(rows))[0]
        others = [
            features.label(other)
            for other, _ in enumerate(rows.T)
            if other != column and np.isinf(rows[:, other]).any()
        ]
        also = f" (and in {', '.join(others[:5])}{', ...' if len(others) > 5 else ''})"
        raise ValueError(
            f"contains {rows[row, column]} in row {row} of the block, {features.label(column)}"
            f"{also if others else ''}. Drop such samples, or replace the values, by NaN if they "
            "are missing"
        )
    if largest > LARGEST:  # whether all values are too small, one block cannot tell
        check_magnitude(largest)
    return largest


def joined(parts: list[InMemoryRows]) -> InMemoryRows:
    """Parts that follow one another, copied."""
    if any(part.sample_weight is not None for part in parts):
        parts = [part.reweighted(part.weights) for part in parts]
    X = np.concatenate([part.X for part in parts])
    weights = [part.sample_weight for part in parts if part.sample_weight is not None]
    return replace(parts[0], X=X, sample_weight=np.concatenate(weights) if weights else None)
