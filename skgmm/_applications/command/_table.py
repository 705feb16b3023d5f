"""The data of the command as a table: CSV text, also compressed, NumPy and Parquet files."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from skgmm._applications.command._csv import (
    Choice,
    Format,
    all_columns,
    read_csv,
    refuse_columns,
    refuse_empty,
)
from skgmm._applications.command._fast_csv import read_fast
from skgmm._applications.command._input import Input, decode
from skgmm._linalg import Array

_COMPRESSED: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": gzip.decompress,
    b"BZh": bz2.decompress,
    b"\xfd7zXZ": lzma.decompress,
}
_NUMPY, _PARQUET = b"\x93NUMPY", b"PAR1"


@dataclass(frozen=True)
class Table:
    """Numbers in named columns."""

    names: list[str]
    X: Array  # (n, d), NaN where a value is missing
    kept: Array | None = None  # of the rows that were read, if not all are in X

    @property
    def named(self) -> bool:
        """Whether the columns have names of their own, not their numbers."""
        return has_names(self.names)

    def part(self, columns: list[int]) -> Table:
        """Some of the columns."""
        if columns == list(range(len(self.names))):
            return self
        names, X = [self.names[j] for j in columns], np.ascontiguousarray(self.X[:, columns])
        return replace(self, names=names, X=X)

    def complete(self) -> Table:
        """The rows without a missing value."""
        kept = np.logical_not(np.isnan(self.X).any(axis=1))
        return self if kept.all() else replace(self, X=self.X[kept], kept=kept)


def read_table(data: Input, form: Format, choose: Choice = all_columns) -> Table:
    """The data as numbers.

    Raises
    ------
    ValueError
        Naming what is no number, or no file of a format that is known.
    """
    start = data.start
    if start.startswith((_NUMPY, _PARQUET)):
        _check_no_text(form, data.name)
    if start.startswith(_NUMPY):
        with _complete(data, ".npy file of numbers", ValueError, EOFError):
            array = np.load(io.BytesIO(data.content), allow_pickle=False)
        return _of_array(array, form, data.name, choose)
    if start.startswith(_PARQUET):
        return _parquet(data, form, choose)
    for magic, decompress in _COMPRESSED.items():
        if start.startswith(magic):
            with _complete(data, "compressed file", EOFError, lzma.LZMAError, zlib.error):
                data = Input(data.name, decompress(data.content))
            break
    fast = read_fast(data, form, choose)
    if fast is not None:
        return Table(*fast)
    return Table(*read_csv(decode(data), data.name, *form, choose))


def _check_no_text(form: Format, source: str) -> None:
    """Raise ValueError for options that say how text is written."""
    given, default = form._asdict(), Format()._asdict()
    given_options = [
        f"--{name}" for name in ("sep", "decimal", "header") if given[name] != default[name]
    ]
    if given_options:
        raise ValueError(f"{source} is no CSV text: leave out {' and '.join(given_options)}")


@contextmanager
def _complete(data: Input, kind: str, *errors: type[Exception]) -> Iterator[None]:
    """Errors about the bytes of a file name it."""
    broken: tuple[type[Exception], ...] = (OSError, *errors)
    try:
        yield
    except broken as error:
        raise ValueError(f"{data.name} is not a complete {kind}: {error}") from error


def _of_array(
    array: Array, form: Format, source: str, choose: Choice, names: list[str] | None = None
) -> Table:
    if array.ndim != 2 or array.dtype.kind not in "biuf":
        raise ValueError(
            f"{source} should hold an array of two dimensions of real numbers, but has the shape "
            f"{array.shape} and holds {array.dtype}"
        )
    if not array.size:
        raise ValueError(f"{source} is empty")
    names = names or _numbered(array.shape[1])
    X = array if array.dtype == np.float32 else array.astype(np.float64)
    table = Table(names, X).part(choose(names))
    allowed = np.isnan(table.X) if form.missing else np.False_
    wrong = ~(np.isfinite(table.X) | allowed)
    bad = [
        f"{table.names[j]!r} (row {(i := wrong[:, j].argmax())}: {table.X[i, j]})"
        for j in np.flatnonzero(wrong.any(axis=0))
    ]
    refuse_columns(bad, source, form.missing)
    refuse_empty(table.names, table.X, source)
    return table


def _numbered(n_columns: int) -> list[str]:
    return [f"x{j}" for j in range(n_columns)]


def has_names(names: list[str]) -> bool:
    """Whether columns have names of their own, not their numbers."""
    return names != _numbered(len(names))


def _parquet(data: Input, form: Format, choose: Choice) -> Table:
    try:
        import pyarrow
        from pyarrow.parquet import read_table
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{data.name} is a Parquet file, for which pyarrow is needed: pip install pyarrow"
        ) from error
    from skgmm._rows.arrow import Columns

    with _complete(data, "Parquet file", pyarrow.ArrowException):
        table = read_table(pyarrow.BufferReader(data.content))
    if not table.num_rows:
        raise ValueError(f"{data.name} is empty")
    table = table.select(choose(table.column_names))
    columns = Columns(tuple(table.column_names))
    dtype = np.asarray(columns.header(table.schema)).dtype
    try:
        blocks = [block.rows for block in columns.blocks(table.to_batches(), dtype, data.name)]
    except ValueError as error:
        raise ValueError(f"{error} Leave it out with --columns.") from error
    return _of_array(np.concatenate(blocks), form, data.name, all_columns, table.column_names)
