"""Numbers from CSV text, and what looks odd about them."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from typing import NamedTuple

import numpy as np

from skgmm._linalg import Array

# Separators, and what to do where they are found. Decimal commas come with semicolons.
_SEPARATORS = {
    ";": ("semicolons", "--sep ';' (and --decimal , if numbers are written 1,5)"),
    "\t": ("tabs", "--sep tab"),
    "|": ("vertical bars", "--sep '|'"),
    ",": ("commas", "--sep ,"),
    " ": ("spaces", "awk -v OFS=, '{$1 = $1} 1' FILE | skgmm"),
}
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")
_LINES_LOOKED_AT = 10

# Cells without a value, in lower case.
MISSING = {"", "na", "n/a", "nan", "null", "none"}


class Format(NamedTuple):
    """How CSV text is written."""

    sep: str = ","
    decimal: str = "."
    header: bool | None = None  # None: if no cell of the first line is a number
    missing: bool = True  # whether cells may be empty


def read_csv(
    text: str,
    source: str,
    sep: str = ",",
    decimal: str = ".",
    header: bool | None = None,
    missing: bool = True,
) -> tuple[list[str], Array]:
    """Column names (x0, x1, ... where there are none) and values (n, d) of CSV text.

    Parameters
    ----------
    header : bool or None
        Whether the first line has names; None: if none of its cells is a number.
    missing : bool
        Whether empty cells, NA and the like are missing values, NaN; otherwise they are refused.

    Raises
    ------
    ValueError
        Naming the separator if it is another one, the lines of another length, or the columns that
        are not all numbers, or have none.
    """
    try:
        return _read(text, source, sep, decimal, header, missing)
    except ValueError as error:
        found = _separator(text)
        if found is None or found == sep:
            raise
        name, remedy = _SEPARATORS[found]
        wanted = _SEPARATORS.get(sep, (repr(sep), ""))[0]
        raise ValueError(
            f"{source}: the columns are separated by {name}, not by {wanted}. Use: {remedy}"
        ) from error


def _read(
    text: str, source: str, sep: str, decimal: str, header: bool | None, missing: bool
) -> tuple[list[str], Array]:
    lines = _lines(text, source, sep)
    if not lines:
        raise ValueError(f"{source} is empty")
    width = len(lines[0][1])
    for number, row in lines:
        if len(row) != width:
            raise ValueError(
                f"{source}, line {number}: {len(row)} columns, but the first line has {width}"
            )
    names, named = header_of(lines[0][1], header)
    rows = lines[1:] if named else lines
    if not rows:
        raise ValueError(f"{source} has a header but no rows")
    if decimal != ".":
        rows = [(number, [cell.replace(decimal, ".") for cell in row]) for number, row in rows]
    _refuse_text(rows, names, source, missing)
    X = np.array([[_number(cell) for cell in row] for _, row in rows])
    empty = [repr(names[j]) for j in np.flatnonzero(np.isnan(X).all(axis=0))]
    if empty:
        raise ValueError(
            f"{source}: these columns are not all finite numbers, but empty: {', '.join(empty)}. "
            "Remove the columns."
        )
    return names, X


def header_of(cells: list[str], header: bool | None) -> tuple[list[str], bool]:
    """Names from the cells of the first line, and whether it has them; see `read_csv`."""
    named = _is_header(cells) if header is None else header
    given = cells if named else [""] * len(cells)
    return [cell.strip() or f"x{j}" for j, cell in enumerate(given)], named


def _lines(text: str, source: str, sep: str) -> list[tuple[int, list[str]]]:
    """Number and cells of each line that is not empty."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=sep)
    try:
        return [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise ValueError(f"{source}, line {reader.line_num}: not CSV text ({error})") from error


def _refuse_text(
    rows: list[tuple[int, list[str]]], names: list[str], source: str, missing: bool
) -> None:
    """Raise for columns that are not all finite numbers, naming each and its first such cell."""
    bad = []
    for column, name in enumerate(names):
        for number, row in rows:
            if not (_is_number(row[column]) or (missing and _is_missing(row[column]))):
                bad.append(f"{name!r} (line {number}: {row[column]!r})")
                break
    if bad:
        advice = "" if missing else "; with --missing allow, empty cells and NA are missing values"
        raise ValueError(
            f"{source}: these columns are not all finite numbers: {', '.join(bad)}. "
            f"Remove the columns, or fill in or remove the rows{advice}."
        )


def _is_number(cell: str) -> bool:
    try:
        return bool(np.isfinite(float(cell)))
    except ValueError:
        return False


def _number(cell: str) -> float:
    return np.nan if _is_missing(cell) else float(cell)


def _is_missing(cell: str) -> bool:
    return cell.strip().lower() in MISSING


def _is_header(cells: list[str]) -> bool:
    """Whether no cell is a number, and not all stand for a missing one."""
    values = MISSING | {"inf", "-inf"}
    names = [cell for cell in cells if cell.strip().lower() not in values]
    return bool(names) and not any(_is_number(cell) for cell in cells)


def _separator(text: str) -> str | None:
    """The separator that makes columns, with a number in the last line looked at."""
    lines = [line.strip() for line in text.splitlines()[:_LINES_LOOKED_AT] if line.strip()]
    for separator in _SEPARATORS:
        # Any number of spaces is one separator.
        rows = [line.split(None if separator == " " else separator) for line in lines]
        widths = {len(row) for row in rows}
        if len(widths) == 1 and widths != {1}:
            cells = [_DECIMAL_COMMA.sub(".", cell.strip(' "')) for cell in rows[-1]]
            if any(map(_is_number, cells)) and not any("," in cell for cell in cells):
                return separator
    return None


def oddities(names: list[str], X: Array) -> list[str]:
    """What is no error, but probably not meant."""
    found = []
    if len(names) > 1 and names[0] in ("x0", "Unnamed: 0") and _counts(X[:, 0]):
        found.append(
            f"the first column has no name and counts {X[0, 0]:g}, {X[1, 0]:g}, {X[2, 0]:g}, ...: "
            "if these are row numbers, leave them out (--columns, or in pandas "
            "to_csv(FILE, index=False))"
        )
    twice = [repr(name) for name, count in Counter(names).items() if count > 1]
    if twice:
        found.append(f"more than one column has the name {', '.join(twice)}")
    return found


def _counts(column: Array) -> bool:
    """Whether these are row numbers, from 0 or 1; in fewer than three rows, chance may do it."""
    n = len(column)
    return n > 2 and column[0] in (0, 1) and bool(np.all(column == column[0] + np.arange(n)))
