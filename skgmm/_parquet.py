"""Blocks of Parquet files; the only room that imports pyarrow, and only when it is asked to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet

from skgmm._block import Block, block_size, place
from skgmm._linalg import Array


@dataclass(frozen=True)
class ParquetFiles:
    """Rows of files, one after the other."""

    paths: tuple[str, ...]
    columns: tuple[str, ...]
    weights: str | None
    block_rows: int | None

    @classmethod
    def of(
        cls,
        paths: tuple[str, ...],
        columns: tuple[str, ...] | None,
        weights: str | None,
        block_rows: int | None,
    ) -> ParquetFiles:
        """Files whose columns are looked up, and checked."""
        with _opened(paths[0]) as file:
            present = file.schema_arrow.names
        if columns is None:
            columns = tuple(name for name in present if name != weights)
        files = cls(paths, columns, weights, block_rows)
        for path in paths:
            with _opened(path) as file:
                files._check_columns(path, file)
        return files

    def _check_columns(self, path: str, file: pyarrow.parquet.ParquetFile) -> None:
        asked = [*self.columns, *([] if self.weights is None else [self.weights])]
        missing = [name for name in asked if name not in file.schema_arrow.names]
        if missing:
            raise ValueError(
                f"{path} has no column {', '.join(map(repr, missing))}, but "
                f"{', '.join(map(repr, file.schema_arrow.names))}"
            )

    def header(self) -> Any:
        with _opened(self.paths[0]) as file:
            schema = file.schema_arrow
        return pyarrow.schema([schema.field(name) for name in self.columns]).empty_table()

    def blocks(self) -> Iterator[Block]:
        step = block_size(len(self.columns), self.block_rows)
        names, dtype = list(self.columns), np.asarray(self.header()).dtype
        for path in self.paths:
            start = 0
            with _opened(path) as file:
                self._check_columns(path, file)
                read = names if self.weights is None else [*names, self.weights]
                for batch in file.iter_batches(batch_size=step, columns=read):
                    where = place(path, start, start + batch.num_rows)
                    rows = np.empty((batch.num_rows, len(names)), dtype, order="F")
                    for column, name in enumerate(names):
                        rows[:, column] = _numbers(batch, name, where)
                    weights = None if self.weights is None else _numbers(batch, self.weights, where)
                    yield Block(rows, weights, where)
                    start += batch.num_rows


def _opened(path: str) -> pyarrow.parquet.ParquetFile:
    try:
        return pyarrow.parquet.ParquetFile(path)
    except pyarrow.ArrowInvalid as error:
        raise ValueError(f"{path} is not a complete Parquet file: {error}") from error


def _numbers(batch: pyarrow.RecordBatch, name: str, where: str) -> Array:
    column = batch.column(name).to_numpy(zero_copy_only=False)
    if column.dtype.kind not in "biuf":
        raise ValueError(
            f"{where}: column {name!r} should hold real numbers, but holds {batch[name].type}"
        )
    return column
