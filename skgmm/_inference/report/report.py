"""Reports: facts and tables, which print themselves."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from skgmm._inference.report.frame import table_frame
from skgmm._inference.report.html import table_html
from skgmm._inference.report.table import Table, one_line
from skgmm._inference.report.text import table_text, wrapped

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Facts:
    """What is known, a line for each: a name, which may be empty, and a text."""

    lines: tuple[tuple[str, str], ...]

    @property
    def texts(self) -> list[str]:
        return [one_line(f"{name}: {text}" if name else text) for name, text in self.lines]

    def text(self, width: int) -> str:
        """The lines, broken where they are wider."""
        return "\n".join(wrapped(text, width) for text in self.texts)

    def html(self) -> str:
        return f"<p>{'<br>'.join(map(escape, self.texts))}</p>"


class Reported:
    """A result that prints itself as its report, in a terminal and in a notebook."""

    def _report(self) -> Report:
        raise NotImplementedError

    def __str__(self) -> str:
        return self._report().text(shutil.get_terminal_size().columns)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return self._report().html()

    def to_frame(self) -> pd.DataFrame:
        """The table as a pandas data frame, with all lines and columns.

        Returns
        -------
        frame : pandas.DataFrame

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        return table_frame(self._report().main)


@dataclass(frozen=True, repr=False)
class Report(Reported):
    """Facts and tables, one below the other.

    ``str`` and ``print`` give text that fits the width of the terminal (80 where there is none, or
    what the environment variable COLUMNS says), and notebooks show a table.
    """

    parts: tuple[Facts | Table, ...]

    def _report(self) -> Report:
        return self

    @property
    def main(self) -> Table:
        """The table of `to_frame`."""
        return next(part for part in reversed(self.parts) if isinstance(part, Table))

    def text(self, width: int) -> str:
        """Text of lines that are no longer than the width."""
        return "\n\n".join(
            part.text(width) if isinstance(part, Facts) else table_text(part, width)
            for part in self.parts
        )

    def html(self) -> str:
        """For a notebook."""
        parts = (
            part.html() if isinstance(part, Facts) else table_html(part) for part in self.parts
        )
        return f"<div>{''.join(parts)}</div>"
