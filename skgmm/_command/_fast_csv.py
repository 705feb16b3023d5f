"""CSV text by a fast reader, which says only that something is no number, not where.

It reads what the exact reader of `_csv` reads, to the last bit, or nothing: then the exact reader
reads the text, or finds what is wrong.
"""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np

from skgmm._command._csv import MISSING, Format, header_of
from skgmm._command._input import Input
from skgmm._linalg import Array

# How words for missing values may be written; others are left to the exact reader.
_WORDS = sorted(
    {"NaN", *(spell(word) for word in MISSING for spell in (str, str.upper, str.title))}
)

# Bytes in which the first line is looked for.
_FIRST = 2**16


def read_fast(data: Input, form: Format) -> tuple[list[str], Array] | None:
    """Names and values, as `read_csv`; None if it has to look."""
    head = data.first(_FIRST).removeprefix(b"\xef\xbb\xbf")
    try:
        first = next(csv.reader(io.StringIO(head.decode(), newline=""), delimiter=form.sep))
    except (UnicodeDecodeError, csv.Error, StopIteration):
        return None
    if not first or b"\x00" in head or (len(first) == 1 and not first[0].strip()):
        return None
    names, named = header_of(first, form.header)
    try:
        values = _by_arrow(data, form, len(names), named)
    except ModuleNotFoundError:
        values = _by_numpy(data, form, len(names), named)
    if values is None or not len(values) or np.isinf(values).any():
        return None
    if np.isnan(values).any() and (not form.missing or np.isnan(values).all(axis=0).any()):
        return None
    return names, values


def _by_arrow(data: Input, form: Format, width: int, named: bool) -> Array | None:
    import pyarrow
    from pyarrow import csv as arrow

    keys = [str(j) for j in range(width)]
    try:
        table = arrow.read_csv(
            data.path or pyarrow.BufferReader(data.content),
            arrow.ReadOptions(column_names=keys, skip_rows=int(named)),
            arrow.ParseOptions(delimiter=form.sep, newlines_in_values=False),
            arrow.ConvertOptions(
                column_types=dict.fromkeys(keys, pyarrow.float64()),
                null_values=_WORDS,
                decimal_point=form.decimal,
            ),
        )
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError):
        return None
    X = np.empty((table.num_rows, width))
    for j in range(width):
        column: Any = table.column(0)
        table = table.remove_column(0)  # its memory is free as soon as it is copied
        X[:, j] = column.to_numpy()
        if np.count_nonzero(np.isnan(X[:, j])) != column.null_count:
            return None  # a spelling of NaN that the exact reader may refuse
    return X


def _by_numpy(data: Input, form: Format, width: int, named: bool) -> Array | None:
    if form.decimal != ".":
        return None
    try:
        text = io.StringIO(data.content.decode("utf-8-sig"), newline=None)
        X = np.loadtxt(
            text, delimiter=form.sep, skiprows=int(named), comments=None, quotechar='"', ndmin=2
        )
    except (ValueError, UnicodeDecodeError):
        return None
    # The words for NaN are those of Python, which the exact reader knows too.
    return X if X.shape[1] == width else None
