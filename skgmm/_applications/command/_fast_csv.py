"""CSV text by a fast reader, which says only that something is no number, not where.

It reads what the exact reader of `_csv` reads, to the last bit, or nothing: then the exact reader
reads the text, or finds what is wrong.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import re
import warnings
from collections.abc import Generator
from typing import Any

import numpy as np

from skgmm._applications.command._csv import Choice, Format, all_columns, cells_of, header_of
from skgmm._applications.command._input import Input
from skgmm._linalg import Array
from skgmm._rows.missing_words import MISSING_WORDS, SPELLINGS

# Bytes in which the first line is looked for.
_FIRST = 2**16

# Characters of lines that are looked at together.
_BATCH = 2**20


def read_fast(
    data: Input, form: Format, choose: Choice = all_columns
) -> tuple[list[str], Array] | None:
    """Names and values, as `read_csv`; None if it has to look."""
    first = _first_line(data, form)
    if first is None:
        return None
    names, named = header_of(first, form)
    columns = choose(names)
    values = _numbers(data, form, len(names), columns, int(named))
    if values is None or not len(values) or np.isinf(values).any():
        return None
    if np.isnan(values).any() and (not form.missing or np.isnan(values).all(axis=0).any()):
        return None
    return [names[j] for j in columns], values


def _first_line(data: Input, form: Format) -> list[str] | None:
    """The cells of the first line; None if it is not plain."""
    head = data.first(_FIRST).removeprefix(codecs.BOM_UTF8)
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)  # its end may be half a letter
        number, first = next(cells_of(io.StringIO(text, newline=""), data.name, form.sep))
    except (ValueError, StopIteration):
        return None
    blank = len(first) == 1 and not first[0].strip()
    return None if number != 1 or blank or "\0" in text else first


def _numbers(
    data: Input, form: Format, width: int, columns: list[int], n_skipped: int
) -> Array | None:
    if form.sep != " ":  # Arrow does not read several separators as one
        try:
            return _by_arrow(data, form, width, columns, n_skipped)
        except ModuleNotFoundError:
            pass
    if columns != list(range(width)):
        return None  # NumPy would not count the cells of the other columns
    return _by_numpy(_plain(data, form), form, width, n_skipped)


def _by_arrow(
    data: Input, form: Format, width: int, columns: list[int], n_skipped: int
) -> Array | None:
    import pyarrow
    from pyarrow import csv as arrow

    keys = [str(j) for j in range(width)]
    read = [keys[j] for j in columns]
    try:
        table = arrow.read_csv(
            data.path or pyarrow.BufferReader(data.content),
            arrow.ReadOptions(column_names=keys, skip_rows=n_skipped),
            # Text may have line breaks in quotes, numbers have none.
            arrow.ParseOptions(delimiter=form.sep, newlines_in_values=len(columns) < width),
            arrow.ConvertOptions(
                include_columns=read,
                column_types=dict.fromkeys(read, pyarrow.float64()),
                null_values=SPELLINGS,  # others are left to the exact reader
                decimal_point=form.decimal,
            ),
        )
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError):
        return None
    X = np.empty((table.num_rows, len(read)))
    for j in range(len(read)):
        column: Any = table.column(0)
        table = table.remove_column(0)  # its memory is free as soon as it is copied
        X[:, j] = column.to_numpy()
        if np.count_nonzero(np.isnan(X[:, j])) != column.null_count:
            return None  # a spelling of NaN that the exact reader may refuse
    return X


def _plain(data: Input, form: Format) -> Generator[str, None, None]:
    """Lines with decimal points, and with nan for each cell without a value."""
    words = "|".join(re.escape(word) for word in MISSING_WORDS if word)
    if form.sep == " ":  # never leaves a cell empty
        cell, signs = re.compile(rf"(?:^|(?<=\s))(?:{words})(?=\s|$)", re.I), list("nN")
    else:
        sep = re.escape(form.sep)
        cell = re.compile(rf"(?:^|(?<={sep})) *(?:{words})? *(?={sep}|$)", re.I)
        signs = ["n", "N", " ", form.sep * 2, form.sep + "\n", "\n" + form.sep]
    stream = io.BytesIO(data.content) if data.path is None else open(data.path, "rb")  # noqa: SIM115
    with io.TextIOWrapper(stream, "utf-8-sig") as lines:
        while batch := lines.readlines(_BATCH):
            text = "\n" + "".join(batch)
            if form.decimal != ".":
                batch = [line.replace(".", "x").replace(form.decimal, ".") for line in batch]
            if any(sign in text for sign in signs) or not text.endswith("\n"):
                batch = [line if line == "\n" else cell.sub("nan", line) for line in batch]
            yield from batch


def _by_numpy(
    lines: Generator[str, None, None], form: Format, width: int, n_skipped: int
) -> Array | None:
    with contextlib.closing(lines), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a header without rows
        try:
            X = np.loadtxt(
                lines,
                delimiter=None if form.sep == " " else form.sep,
                skiprows=n_skipped,
                comments=None,
                quotechar=None if form.sep == " " else '"',  # an empty cell would be lost
                ndmin=2,
            )
        except ValueError:  # also of bytes that are not UTF-8
            return None
    return X if X.shape[1] == width else None
