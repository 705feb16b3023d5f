"""A table as aligned text that is no wider than a terminal."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Callable, Iterator, Sequence

from skgmm._inference.report.table import Section, Table

_GAP = 2  # spaces before a column

_NARROW = 8  # a column has this width even if the terminal is too narrow for it

_NARROW_TEXT = 20  # and text

Lines = list[tuple[str, list[str]]]


def table_text(table: Table, width: int) -> str:
    """The table; columns that do not fit side by side are written below each other."""
    headings = table.headings
    parts = [(section, _indented(section, len(headings))) for section in table.sections]
    labels = [table.across, *(label for _, lines in parts for label, _ in lines)]
    left = min(max(map(display_width, labels)), max(width // 2, _NARROW))
    widths = _widths(headings, [cells for _, lines in parts for _, cells in lines], width - left)
    blocks = []
    for block in _blocks(widths, width - left):

        def line(label: str, texts: Sequence[str], block: slice = block) -> str:
            cells = zip(texts[block], widths[block], strict=True)
            return _fit(label, left, right=False) + "".join(_fit(t, w) for t, w in cells)

        blocks.append("\n".join(_block(line, (table.across, headings), parts, width)))
    if table.rest:
        blocks.append(wrapped(table.rest, width))
    title = f"{wrapped(table.title, width)}\n" if table.title else ""
    return title + "\n\n".join(blocks)


def _indented(section: Section, n_columns: int) -> Lines:
    """The lines of a section, below its title."""
    indent = "  " if section.title else ""
    return [(indent + label, cells) for label, cells in section.lines(n_columns)]


def _block(
    line: Callable[[str, Sequence[str]], str],
    top: tuple[str, Sequence[str]],
    parts: Sequence[tuple[Section, Lines]],
    width: int,
) -> Iterator[str]:
    """The lines of some columns."""
    yield line(*top).rstrip()
    for section, lines in parts:
        if section.title:
            yield _fit(section.title, width, right=False).rstrip()
        for label, cells in lines:
            yield line(label, cells).rstrip()
        if section.rest:
            yield wrapped(("  " if section.title else "") + section.rest, width)


def _widths(headings: Sequence[str], cells: Sequence[Sequence[str]], most: int) -> list[int]:
    """Widths of the columns, with the space before them."""
    columns = zip(headings, *cells, strict=True)
    wanted = [_GAP + max(map(display_width, column)) for column in columns]
    return [min(width, max(most, _NARROW)) for width in wanted]


def _blocks(widths: Sequence[int], most: int) -> Iterator[slice]:
    """Columns that fit side by side."""
    first, used = 0, 0
    for j, width in enumerate(widths):
        if j > first and used + width > most:
            yield slice(first, j)
            first, used = j, 0
        used += width
    yield slice(first, len(widths))


def _fit(text: str, width: int, right: bool = True) -> str:
    """The text in this width."""
    text = _shortened(text, width - _GAP if right else width)
    spaces = " " * (width - display_width(text))
    return spaces + text if right else text + spaces


def wrapped(text: str, width: int) -> str:
    """The text on as many lines as it needs."""
    return textwrap.fill(text, max(width, _NARROW_TEXT), subsequent_indent="  ")


def _shortened(text: str, width: int) -> str:
    """Without its middle if it is longer: ends tell names of columns apart."""
    if display_width(text) <= width:
        return text
    first, last = text[: len(text) // 2], text[len(text) // 2 :]
    while first and display_width(first + last) >= width:
        first, last = (first[:-1], last) if len(first) > len(last) else (first, last[1:])
    return f"{first}…{last}"


def display_width(text: str) -> int:
    """Columns of a terminal: Chinese, Japanese and Korean characters take two, accents none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )
