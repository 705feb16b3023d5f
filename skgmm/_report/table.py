"""Tables of a report: values under the same columns."""

from __future__ import annotations

from dataclasses import dataclass

from skgmm._report.numbers import Cell, format_line

# Columns shown; nobody reads a table of more.
_COLUMNS = 24


@dataclass(frozen=True)
class Section:
    """Lines of a table that belong together, such as the means of all features."""

    title: str  # "" for none
    labels: tuple[str, ...]
    cells: tuple[tuple[Cell, ...], ...]  # a tuple for each label
    form: str | None = None  # of the numbers; None: by their size
    noun: str = "lines"  # what is left out
    shown: int = 12  # lines, at most
    left_out: int = 0  # lines beside these
    marked: tuple[int, int] | None = None  # line and column of a cell with a "*"

    def lines(self, n_columns: int) -> list[tuple[str, list[str]]]:
        """Label and text of the cells of each line shown."""
        found = [
            (one_line(label), format_line(cells, self.form)[:n_columns])
            for label, cells in zip(self.labels, self.cells, strict=True)
        ]
        if self.marked is not None and self.marked[1] < n_columns:
            found[self.marked[0]][1][self.marked[1]] += "*"
        return found[: self.shown]

    @property
    def rest(self) -> str:
        """What is not shown, in words."""
        return more(max(len(self.labels) - self.shown, 0) + self.left_out, self.noun)


@dataclass(frozen=True)
class Table:
    """Sections under the same columns."""

    columns: tuple[str, ...]
    sections: tuple[Section, ...]
    title: str = ""
    noun: str = "columns"  # what is left out
    index: tuple[str, str] = ("quantity", "label")  # of titles and labels in a data frame

    @property
    def headings(self) -> list[str]:
        """Of the columns shown."""
        return [one_line(column) for column in self.columns[:_COLUMNS]]

    @property
    def rest(self) -> str:
        """What is not shown, in words."""
        return more(max(len(self.columns) - _COLUMNS, 0), self.noun)


def more(number: int, noun: str) -> str:
    """What is left out in words, "" if nothing is."""
    return f"… {number:,} more {noun}" if number else ""


def one_line(text: str) -> str:
    """A name without line breaks, tabs and control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
