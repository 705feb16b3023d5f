"""Numbers from CSV text, and what looks odd about them."""

from __future__ import annotations

import contextlib
import csv
import io
import math
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from skgmm._linalg import Array
from skgmm._rows.missing_words import MISSING_WORDS

# Separators, and what to do where they are found. Decimal commas come with semicolons.
_SEPARATORS = {
    ";": ("semicolons", "--sep ';' (and --decimal , if numbers are written 1,5)"),
    "\t": ("tabs", "--sep tab"),
    "|": ("vertical bars", "--sep '|'"),
    ",": ("commas", "--sep ,"),
    " ": ("spaces", "--sep space"),
}
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")
_LINES_LOOKED_AT = 10

Choice = Callable[[list[str]], list[int]]
"""From the names of all columns to the indices of those that are read."""


class Format(NamedTuple):
    """How CSV text is written."""

    sep: str = ","  # a space stands for any number of spaces and tabs
    decimal: str = "."
    header: bool | None = None  # None: if no cell of the first line is a number
    missing: bool = True  # whether cells may be empty

    def values(self, cells: Sequence[str]) -> list[float | None]:
        """For each cell a finite number, NaN for a missing value that is allowed, or None."""
        if self.decimal == ".":
            with contextlib.suppress(ValueError):
                numbers = list(map(float, cells))
                if math.isfinite(sum(numbers)):
                    return numbers  # type: ignore[return-value]
        return [self._value(cell) for cell in cells]

    def _value(self, cell: str) -> float | None:
        if cell.strip().lower() in MISSING_WORDS:
            return math.nan if self.missing else None
        return self.number(cell)

    def number(self, cell: str) -> float | None:
        """A finite number, or None."""
        if self.decimal != ".":
            # A point would be a thousands separator, so it must not become a decimal point.
            cell = cell.replace(".", "x").replace(self.decimal, ".")
        try:
            number = float(cell)
        except ValueError:
            return None
        return number if math.isfinite(number) else None


def all_columns(names: list[str]) -> list[int]:
    """The choice of every column."""
    return list(range(len(names)))


def read_csv(
    text: str,
    source: str,
    sep: str = ",",
    decimal: str = ".",
    header: bool | None = None,
    missing: bool = True,
    choose: Choice = all_columns,
) -> tuple[list[str], Array]:
    """Column names (x0, x1, ... where there are none) and values (n, d) of CSV text.

    Parameters
    ----------
    header : bool or None
        Whether the first line has names; None: if none of its cells is a number.
    missing : bool
        Whether empty cells, NA and the like are missing values, NaN; otherwise they are refused.
    choose : callable
        The columns that are read; the others may hold text.

    Raises
    ------
    ValueError
        Naming the separator if it is another one, the lines of another length, or the columns that
        are not all numbers, or have none.
    """
    try:
        return _read(text, source, Format(sep, decimal, header, missing), choose)
    except ValueError as error:
        found = _separator(text)
        if found is None or found == sep:
            raise
        name, remedy = _SEPARATORS[found]
        wanted = _SEPARATORS.get(sep, (repr(sep), ""))[0]
        raise ValueError(
            f"{source}: the columns are separated by {name}, not by {wanted}. Use: {remedy}"
        ) from error


def _read(text: str, source: str, form: Format, choose: Choice) -> tuple[list[str], Array]:
    # A StringIO would keep four bytes for each character.
    stream = io.TextIOWrapper(io.BytesIO(text.encode()), "utf-8", newline="")
    lines = cells_of(stream, source, form.sep)
    first = next(lines, None)
    if first is None:
        raise ValueError(f"{source} is empty")
    names, named = header_of(first[1], form)
    columns = choose(names)
    values, bad = array("d"), dict[int, str]()
    for number, row in lines if named else chain([first], lines):
        if len(row) != len(names):
            raise ValueError(
                f"{source}, line {number}: {len(row)} columns, but the first line has {len(names)}"
            )
        for j, value in zip(columns, form.values([row[j] for j in columns]), strict=True):
            if value is None:
                bad.setdefault(j, f"{names[j]!r} (line {number}: {row[j]!r})")
            values.append(math.nan if value is None else value)
    if not values:
        raise ValueError(f"{source} has a header but no rows")
    refuse_columns([bad[j] for j in columns if j in bad], source, form.missing)
    chosen = [names[j] for j in columns]
    X = np.frombuffer(values).reshape(-1, len(columns))
    refuse_empty(chosen, X, source)
    return chosen, X


def header_of(cells: list[str], form: Format) -> tuple[list[str], bool]:
    """Names from the cells of the first line, and whether it has them; see `read_csv`."""
    named = _is_header(cells, form) if form.header is None else form.header
    given = cells if named else [""] * len(cells)
    return [cell.strip() or f"x{j}" for j, cell in enumerate(given)], named


def cells_of(lines: Iterable[str], source: str, sep: str) -> Iterator[tuple[int, list[str]]]:
    """Number and cells of each line that is not empty."""
    if sep == " ":
        lines = (" ".join(line.split()) + "\n" for line in lines)
    reader = csv.reader(lines, delimiter=sep)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise ValueError(f"{source}, line {reader.line_num}: not CSV text ({error})") from error


def refuse_columns(bad: list[str], source: str, missing: bool) -> None:
    """Raise for columns that are not all finite numbers, each with its first such cell."""
    if bad:
        advice = "" if missing else "; with --missing allow, empty cells and NA are missing values"
        raise ValueError(
            f"{source}: these columns are not all finite numbers: {', '.join(bad)}. "
            f"Leave the columns out (--columns), or fill in or remove the rows{advice}."
        )


def refuse_empty(names: list[str], X: Array, source: str) -> None:
    """Raise for columns without a number."""
    empty = [repr(names[j]) for j in np.flatnonzero(np.isnan(X).all(axis=0))]
    if empty:
        raise ValueError(
            f"{source}: these columns are not all finite numbers, but empty: {', '.join(empty)}. "
            "Remove the columns (or name the others: --columns)."
        )


def _is_header(cells: list[str], form: Format) -> bool:
    """Whether no cell is a number, and not all stand for a missing one."""
    values = MISSING_WORDS | {"inf", "-inf"}
    names = [cell for cell in cells if cell.strip().lower() not in values]
    return bool(names) and not any(form.number(cell) is not None for cell in cells)


def _separator(text: str) -> str | None:
    """The separator that makes columns, with a number in the last line looked at."""
    lines = [line.strip() for line in text.splitlines()[:_LINES_LOOKED_AT] if line.strip()]
    for separator in _SEPARATORS:
        # Any number of spaces is one separator.
        rows = [line.split(None if separator == " " else separator) for line in lines]
        widths = {len(row) for row in rows}
        if len(widths) == 1 and widths != {1}:
            cells = [_DECIMAL_COMMA.sub(".", cell.strip(' "')) for cell in rows[-1]]
            if any(Format().number(cell) is not None for cell in cells) and not any(
                "," in cell for cell in cells
            ):
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
