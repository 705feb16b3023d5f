"""Blocks of Parquet files; the only room that imports pyarrow, and only when it is asked to."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet

from skgmm._linalg import Array
from skgmm._rows.block import Block, block_size, place
from skgmm._rows.unchanged_files import FileState, states_of


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
        if columns is None:
            columns = tuple(name for name in _schema(paths[0]).names if name != weights)
            _refuse_more_columns(paths, {*columns, weights})
        files = cls(paths, columns, weights, block_rows)
        for path in paths:
            files._check_columns(path, _schema(path))
        return files

    @property
    def _read(self) -> list[str]:
        """All columns that are read, each once."""
        return list(
            dict.fromkeys([*self.columns, *([] if self.weights is None else [self.weights])])
        )

    def _check_columns(self, path: str, schema: pyarrow.Schema) -> None:
        missing = [name for name in self._read if name not in schema.names]
        if missing:
            raise ValueError(
                f"{path} has no column {', '.join(map(repr, missing))}, but "
                f"{', '.join(map(repr, schema.names))}"
            )
        repeated = [name for name in self._read if schema.names.count(name) > 1]
        if repeated:
            raise ValueError(
                f"{path} has more than one column {', '.join(map(repr, repeated))}. Rename them."
            )

    def files(self) -> dict[str, FileState]:
        return states_of(self.paths)

    def header(self) -> Any:
        schemas = [_schema(path) for path in self.paths]
        for path, schema in zip(self.paths, schemas, strict=True):
            self._check_columns(path, schema)
        single = all(
            schema.field(name).type == pyarrow.float32()
            for schema in schemas
            for name in self.columns
        )
        kind = pyarrow.float32() if single else pyarrow.float64()
        return pyarrow.schema([(name, kind) for name in self.columns]).empty_table()

    def blocks(self) -> Generator[Block, None, None]:
        step = block_size(len(self.columns), self.block_rows)
        dtype = np.asarray(self.header()).dtype
        for path in self.paths:
            start = 0
            for batch in _batches(path, self._read, step):
                where = place(path, start, start + batch.num_rows)
                rows = np.empty((batch.num_rows, len(self.columns)), dtype, order="F")
                for column, name in enumerate(self.columns):
                    rows[:, column] = _numbers(batch, name, where)
                weights = None if self.weights is None else _numbers(batch, self.weights, where)
                yield Block(rows, weights, where)
                start += batch.num_rows


def _refuse_more_columns(paths: tuple[str, ...], known: set[str | None]) -> None:
    """Raise ValueError if a file has columns that the first one has not."""
    for path in paths[1:]:
        if more := [name for name in _schema(path).names if name not in known]:
            raise ValueError(
                f"{path} has columns that {paths[0]} does not have: {', '.join(map(repr, more))}. "
                "Name the columns to read with columns=."
            )


@contextmanager
def _named(path: str) -> Iterator[None]:
    """Errors of Arrow about what is in a file name it; those of the system name it already."""
    try:
        yield
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(f"{path} is not a complete Parquet file: {error}") from error


def _opened(path: str) -> pyarrow.parquet.ParquetFile:
    return pyarrow.parquet.ParquetFile(path, page_checksum_verification=True)


def _schema(path: str) -> pyarrow.Schema:
    with _named(path), _opened(path) as file:
        return file.schema_arrow


def _batches(
    path: str, columns: list[str], step: int
) -> Generator[pyarrow.RecordBatch, None, None]:
    n_read = 0
    with _named(path), _opened(path) as file:
        for batch in file.iter_batches(batch_size=step, columns=columns):
            n_read += batch.num_rows
            yield batch
        promised = file.metadata.num_rows
    if n_read != promised:
        raise ValueError(
            f"{path} is not a complete Parquet file: its footer says {promised} rows, but it holds "
            f"{n_read}"
        )


def _numbers(batch: pyarrow.RecordBatch, name: str, where: str) -> Array:
    """A column as floats or integers; missing values are NaN."""
    column, types = batch.column(name), pyarrow.types
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if types.is_boolean(column.type) or types.is_decimal(column.type) or types.is_null(column.type):
        column = column.cast(pyarrow.float64())
    if not (types.is_integer(column.type) or types.is_floating(column.type)):
        dates = " Convert dates and times to numbers, for example to days since a date."
        raise ValueError(
            f"{where}: column {name!r} should hold real numbers, but holds {column.type}."
            f"{dates if types.is_temporal(column.type) else ''}"
        )
    return column.to_numpy(zero_copy_only=False)
