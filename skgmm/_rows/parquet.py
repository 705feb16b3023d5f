"""Blocks of Parquet files."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet

from skgmm._rows.arrow import Columns, naming_file
from skgmm._rows.block import Block, block_size
from skgmm._rows.unchanged_files import FileState, states_of

_KIND = "complete Parquet file"


@dataclass(frozen=True)
class ParquetFiles:
    """Rows of files, one after the other."""

    paths: tuple[str, ...]
    columns: Columns
    block_rows: int | None

    @classmethod
    def of(
        cls,
        paths: tuple[str, ...],
        chosen: tuple[str, ...] | None,
        weights: str | None,
        block_rows: int | None,
    ) -> ParquetFiles:
        """Files whose columns are looked up, and checked."""
        columns = Columns.of(_schema(paths[0]), chosen, weights, paths[0])
        if chosen is None:
            _refuse_more_columns(paths, {*columns.read})
        files = cls(paths, columns, block_rows)
        files._schemas()
        return files

    def files(self) -> dict[str, FileState]:
        return states_of(self.paths)

    def header(self) -> Any:
        return self.columns.header(*self._schemas())

    def blocks(self) -> Generator[Block, None, None]:
        step = block_size(len(self.columns.features), self.block_rows)
        dtype = np.asarray(self.header()).dtype
        for path in self.paths:
            yield from self.columns.blocks(_batches(path, self.columns.read, step), dtype, path)

    def _schemas(self) -> list[pyarrow.Schema]:
        """Of all files, once they are checked."""
        schemas = [_schema(path) for path in self.paths]
        for path, schema in zip(self.paths, schemas, strict=True):
            self.columns.check(schema, path)
        return schemas


def _refuse_more_columns(paths: tuple[str, ...], known: set[str]) -> None:
    """Raise ValueError if a file has columns that the first one has not."""
    for path in paths[1:]:
        if more := [name for name in _schema(path).names if name not in known]:
            raise ValueError(
                f"{path} has columns that {paths[0]} does not have: {', '.join(map(repr, more))}. "
                "Name the columns to read with columns=."
            )


def _opened(path: str) -> pyarrow.parquet.ParquetFile:
    return pyarrow.parquet.ParquetFile(path, page_checksum_verification=True)


def _schema(path: str) -> pyarrow.Schema:
    with naming_file(path, _KIND), _opened(path) as file:
        return file.schema_arrow


def _batches(
    path: str, columns: list[str], step: int
) -> Generator[pyarrow.RecordBatch, None, None]:
    n_read = 0
    with naming_file(path, _KIND), _opened(path) as file:
        for batch in file.iter_batches(batch_size=step, columns=columns):
            n_read += batch.num_rows
            yield batch
        promised = file.metadata.num_rows
    if n_read != promised:
        raise ValueError(
            f"{path} is not a {_KIND}: its footer says {promised} rows, but it holds {n_read}"
        )
