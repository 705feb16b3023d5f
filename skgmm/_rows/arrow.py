"""Blocks from Arrow record batches: of datasets, tables and streams, and of Polars scans.

Only a source that needs pyarrow imports this.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow

from skgmm._linalg import Array
from skgmm._rows.block import Block, block_size, place
from skgmm._rows.unchanged_files import FileState, states_of


@dataclass(frozen=True)
class Columns:
    """The features, and the column of weights."""

    features: tuple[str, ...]
    weights: str | None = None

    @classmethod
    def of(
        cls, schema: pyarrow.Schema, chosen: tuple[str, ...] | None, weights: str | None, where: str
    ) -> Columns:
        """The chosen columns of a schema, or all but that of the weights."""
        if chosen is None:
            chosen = tuple(name for name in schema.names if name != weights)
        columns = cls(chosen, weights)
        columns.check(schema, where)
        return columns

    @property
    def read(self) -> list[str]:
        """All columns that are read, each once."""
        return list(
            dict.fromkeys([*self.features, *([] if self.weights is None else [self.weights])])
        )

    def check(self, schema: pyarrow.Schema, where: str) -> None:
        """Refuse a schema in which a column is missing, or is there twice."""
        missing = [name for name in self.read if name not in schema.names]
        if missing:
            raise ValueError(
                f"{where} has no column {', '.join(map(repr, missing))}, but "
                f"{', '.join(map(repr, schema.names))}"
            )
        repeated = [name for name in self.read if schema.names.count(name) > 1]
        if repeated:
            raise ValueError(
                f"{where} has more than one column {', '.join(map(repr, repeated))}. Rename them."
            )

    def header(self, *schemas: pyarrow.Schema) -> pyarrow.Table:
        """No rows: float32 if all features are that in all schemas, else float64."""
        single = all(
            schema.field(name).type == pyarrow.float32()
            for schema in schemas
            for name in self.features
        )
        kind = pyarrow.float32() if single else pyarrow.float64()
        return pyarrow.schema([(name, kind) for name in self.features]).empty_table()

    def blocks(
        self, batches: Iterable[pyarrow.RecordBatch], dtype: np.dtype, where: str
    ) -> Generator[Block, None, None]:
        """A block for each batch; `where` names what they are of in errors."""
        start = 0
        for batch in batches:
            here = place(where, start, start + batch.num_rows)
            rows = np.empty((batch.num_rows, len(self.features)), dtype, order="F")
            for column, name in enumerate(self.features):
                rows[:, column] = _numbers(batch, name, here)
            weights = None if self.weights is None else _numbers(batch, self.weights, here)
            yield Block(rows, weights, here)
            start += batch.num_rows


@dataclass(frozen=True)
class ArrowBatches:
    """Rows of a source that can be read again and again."""

    source: Any
    columns: Columns
    block_rows: int | None

    @classmethod
    def of(
        cls,
        source: Any,
        chosen: tuple[str, ...] | None,
        weights: str | None,
        block_rows: int | None,
    ) -> ArrowBatches:
        """A source whose columns are looked up, and checked."""
        return cls(source, Columns.of(_schema(source), chosen, weights, "source"), block_rows)

    def files(self) -> dict[str, FileState]:
        paths = getattr(self.source, "files", ())  # of a dataset in the local file system
        local = getattr(getattr(self.source, "filesystem", None), "type_name", None) == "local"
        return states_of(tuple(paths)) if local else {}

    def header(self) -> Any:
        return self.columns.header(_schema(self.source))

    def blocks(self) -> Generator[Block, None, None]:
        step = block_size(len(self.columns.features), self.block_rows)
        batches = _batches(self.source, self.columns.read, step)
        dtype = np.asarray(self.header()).dtype
        yield from self.columns.blocks(cut(batches, step), dtype, "source")


@contextmanager
def naming_file(path: str, kind: str) -> Iterator[None]:
    """Errors of Arrow about what is in a file name it; those of the system name it already."""
    try:
        yield
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(f"{path} is not a {kind}: {error}") from error


def _schema(source: Any) -> pyarrow.Schema:
    if _is_scan(source):
        return source.limit(0).collect().to_arrow().schema
    if hasattr(source, "scanner"):
        return source.schema
    with _stream(source) as reader:
        return reader.schema


def _batches(source: Any, columns: list[str], step: int) -> Iterator[pyarrow.RecordBatch]:
    if _is_scan(source):
        for frame in _frames(source.select(columns), step):
            yield from frame.to_arrow().to_batches()
    elif hasattr(source, "scanner"):
        yield from source.scanner(columns=columns, batch_size=step).to_batches()
    else:
        with _stream(source) as reader:
            for batch in reader:
                yield batch.select(columns)


def _is_scan(source: Any) -> bool:
    """Whether it is a LazyFrame of Polars."""
    return type(source).__module__.partition(".")[0] == "polars" and hasattr(source, "collect")


def _frames(scan: Any, step: int) -> Iterator[Any]:
    """The data frames of a scan, in order."""
    if hasattr(scan, "collect_batches"):
        yield from scan.collect_batches(chunk_size=step, maintain_order=True)
        return
    start = 0  # Polars before 1.34
    while len(frame := scan.slice(start, step).collect()):
        yield frame
        start += step


def _stream(source: Any) -> pyarrow.RecordBatchReader:
    made = source() if callable(source) else source
    return pyarrow.RecordBatchReader.from_stream(made)


def cut(batches: Iterable[pyarrow.RecordBatch], step: int) -> Iterator[pyarrow.RecordBatch]:
    """Batches of no more than so many rows."""
    for batch in batches:
        for start in range(0, batch.num_rows, step):
            yield batch.slice(start, step)


def is_arrow(source: Any) -> bool:
    """Whether it can be read again and again as batches."""
    if isinstance(source, pyarrow.RecordBatchReader):
        return False
    known = hasattr(source, "scanner") or hasattr(source, "__arrow_c_stream__")
    return known or callable(source) or _is_scan(source)


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
