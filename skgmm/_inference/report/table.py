"""Tables of a report: values under the same columns."""

from __future__ import annotations

from dataclasses import dataclass

from skgmm._inference.report.numbers import Cell, format_line

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
            marked, column = self.marked
            for i, (_, texts) in enumerate(found):
                texts[column] += "*" if i == marked else " "
        return found[: self._n_shown]

    @property
    def _n_shown(self) -> int:
        return n_shown(len(self.labels), self.shown)

    @property
    def rest(self) -> str:
        """What is not shown, in words."""
        return more(len(self.labels) - self._n_shown + self.left_out, self.noun)


@dataclass(frozen=True)
class Table:
    """Sections under the same columns."""

    columns: tuple[str | int, ...]
    sections: tuple[Section, ...]
    title: str = ""
    across: str = ""  # what the columns are
    noun: str = "columns"  # what is left out
    index: tuple[str, str] = ("quantity", "label")  # of titles and labels in a data frame

    @property
    def headings(self) -> list[str]:
        """Of the columns shown."""
        shown = self.columns[: n_shown(len(self.columns), _COLUMNS)]
        return [one_line(str(column)) for column in shown]

    @property
    def rest(self) -> str:
        """What is not shown, in words."""
        return more(len(self.columns) - len(self.headings), self.noun)


def n_shown(number: int, most: int) -> int:
    """How many are shown: a single one is not left out, as its line would be needed to say so."""
    return number if number <= most + 1 else most


def more(number: int, noun: str) -> str:
    """What is left out in words, "" if nothing is."""
    return f"… {number:,} more {noun}" if number else ""


def one_line(text: str) -> str:
    """A name without line breaks, tabs and control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
