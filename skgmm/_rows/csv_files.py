"""Blocks of CSV files, read by pyarrow."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import pyarrow
import pyarrow.csv

from skgmm._rows.arrow import Columns, cut, naming_file
from skgmm._rows.block import Block, block_size
from skgmm._rows.missing_words import SPELLINGS
from skgmm._rows.unchanged_files import FileState, states_of

# Bytes of text that make one number, about; and bytes that are read at once at least, because a
# line must not be longer.
_BYTES_OF_A_NUMBER = 10
_LEAST_BYTES = 2**22

_KIND = "CSV file of numbers"


@dataclass(frozen=True)
class CsvFiles:
    """Rows of files, one after the other."""

    paths: tuple[str, ...]
    columns: Columns
    sep: str
    decimal: str
    header_line: bool
    block_rows: int | None

    @classmethod
    def of(
        cls,
        paths: tuple[str, ...],
        chosen: tuple[str, ...] | None,
        weights: str | None,
        sep: str,
        decimal: str,
        header_line: bool,
        block_rows: int | None,
    ) -> CsvFiles:
        """Files whose columns are looked up, and checked."""
        nothing = cls(paths, Columns(()), sep, decimal, header_line, block_rows)
        schemas = [nothing._schema(path) for path in paths]
        columns = Columns.of(schemas[0], chosen, weights, paths[0])
        for path, schema in zip(paths, schemas, strict=True):
            columns.check(schema, path)
            if chosen is None and schema.names != schemas[0].names:
                raise ValueError(
                    f"{path} has the columns {schema.names}, but {paths[0]} {schemas[0].names}. "
                    "Name the columns to read with columns=."
                )
        return cls(paths, columns, sep, decimal, header_line, block_rows)

    def files(self) -> dict[str, FileState]:
        return states_of(self.paths)

    def header(self) -> pyarrow.Table | np.ndarray:
        if not self.header_line:
            return np.empty((0, len(self.columns.features)))
        kinds = [(name, pyarrow.float64()) for name in self.columns.features]
        return pyarrow.schema(kinds).empty_table()

    def blocks(self) -> Generator[Block, None, None]:
        for path in self.paths:
            with naming_file(path, _KIND), self._opened(path, self.columns.read) as reader:
                step = block_size(len(self.columns.features), self.block_rows)
                yield from self.columns.blocks(cut(reader, step), np.dtype(np.float64), path)

    def _schema(self, path: str) -> pyarrow.Schema:
        with naming_file(path, _KIND), self._opened(path, None) as reader:
            schema = reader.schema
            _ = schema.names  # names that are not UTF-8 fail here, where the file is known
            return schema

    def _opened(self, path: str, columns: list[str] | None) -> pyarrow.csv.CSVStreamingReader:
        """A reader; of text, if no columns are named, because their types do not matter."""
        n_columns = len(columns or "1")
        n_bytes = block_size(n_columns, self.block_rows) * n_columns * _BYTES_OF_A_NUMBER
        reading = pyarrow.csv.ReadOptions(
            autogenerate_column_names=not self.header_line,
            block_size=max(n_bytes, _LEAST_BYTES),
        )
        parsing = pyarrow.csv.ParseOptions(delimiter=self.sep)
        converting = pyarrow.csv.ConvertOptions(
            include_columns=columns,
            column_types=None if columns is None else dict.fromkeys(columns, pyarrow.float64()),
            decimal_point=self.decimal,
            null_values=SPELLINGS,
            strings_can_be_null=True,
        )
        return pyarrow.csv.open_csv(path, reading, parsing, converting)
