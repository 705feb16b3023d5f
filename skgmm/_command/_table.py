"""The data of the command as a table: CSV text, also compressed, NumPy and Parquet files."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from skgmm._command._csv import Format, read_csv
from skgmm._command._fast_csv import read_fast
from skgmm._command._input import Input, decode
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

    @property
    def named(self) -> bool:
        """Whether the columns have names of their own, not their numbers."""
        return self.names != _numbered(len(self.names))

    def columns(self, wanted: list[str], option: str) -> list[int]:
        """Numbers of columns by their names, which must be there once."""
        for name in wanted:
            if (found := self.names.count(name)) != 1:
                names = ", ".join(map(repr, self.names))
                count = "no column" if not found else f"{found} columns"
                raise ValueError(f"{option}: there is {count} {name!r}, but {names}")
        return [self.names.index(name) for name in wanted]

    def part(self, columns: list[int]) -> Table:
        """Some of the columns."""
        names, X = [self.names[j] for j in columns], np.ascontiguousarray(self.X[:, columns])
        return replace(self, names=names, X=X)


def read_table(data: Input, form: Format) -> Table:
    """The data as numbers.

    Raises
    ------
    ValueError
        Naming what is no number, or no file of a format that is known.
    """
    start = data.start
    if start.startswith(_NUMPY):
        return _of_array(_numpy(data), form, data.name)
    if start.startswith(_PARQUET):
        return _parquet(data, form)
    for magic, decompress in _COMPRESSED.items():
        if start.startswith(magic):
            data = Input(data.name, _decompressed(data, decompress))
            break
    fast = read_fast(data, form)
    if fast is not None:
        return Table(*fast)
    return Table(*read_csv(decode(data), data.name, *form))


def _decompressed(data: Input, decompress: Callable[[bytes], bytes]) -> bytes:
    try:
        return decompress(data.content)
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise ValueError(f"{data.name} is not a complete compressed file: {error}") from error


def _numpy(data: Input) -> Array:
    try:
        return np.load(io.BytesIO(data.content), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"{data.name} is not a complete .npy file of numbers: {error}") from error


def _of_array(array: Array, form: Format, source: str) -> Table:
    if array.ndim != 2 or array.dtype.kind not in "biuf":
        raise ValueError(
            f"{source} should hold an array of two dimensions of real numbers, but has the shape "
            f"{array.shape} and holds {array.dtype}"
        )
    if not array.size:
        raise ValueError(f"{source} is empty")
    if not form.missing and np.isnan(array).any():
        raise ValueError(f"{source} has missing values (NaN), which --missing refuse excludes")
    X = array if array.dtype == np.float32 else array.astype(np.float64)
    return Table(_numbered(X.shape[1]), X)


def _numbered(n_columns: int) -> list[str]:
    return [f"x{j}" for j in range(n_columns)]


def _parquet(data: Input, form: Format) -> Table:
    try:
        import pyarrow
        from pyarrow.parquet import read_table
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{data.name} is a Parquet file, for which pyarrow is needed: pip install pyarrow"
        ) from error
    from skgmm._rows.arrow import ArrowBatches

    try:
        table = read_table(pyarrow.BufferReader(data.content))
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"{data.name} is not a complete Parquet file: {error}") from error
    source = ArrowBatches.of(table, None, None, max(table.num_rows, 1))
    blocks = [block.rows for block in source.blocks()]
    if not blocks:
        raise ValueError(f"{data.name} is empty")
    found = _of_array(np.concatenate(blocks), form, data.name)
    return replace(found, names=table.column_names)
