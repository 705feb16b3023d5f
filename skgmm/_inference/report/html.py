"""A table as HTML, for notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from skgmm._inference.report.table import Section, Table


def table_html(table: Table) -> str:
    """The table, all texts escaped. Notebooks have a style for the class of pandas."""
    headings = table.headings
    columns = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    title = f"<caption>{escape(table.title)}</caption>" if table.title else ""
    body = "".join(
        f"<tbody>{''.join(_lines(section, len(headings)))}</tbody>" for section in table.sections
    )
    rest = f"<p>{escape(table.rest)}</p>" if table.rest else ""
    head = f"<thead><tr><th>{escape(table.across)}</th>{columns}</tr></thead>"
    return f'<table class="dataframe">{title}{head}{body}</table>{rest}'


def _lines(section: Section, n_columns: int) -> Iterator[str]:
    across = f'<tr><th colspan="{n_columns + 1}" style="text-align: left">%s</th></tr>'
    if section.title:
        yield across % escape(section.title)
    inset = "; padding-left: 1.5em; font-weight: normal" if section.title else ""
    style = f"text-align: left{inset}"
    for label, cells in section.lines(n_columns):
        values = "".join(f'<td style="text-align: right">{escape(cell)}</td>' for cell in cells)
        yield f'<tr><th scope="row" style="{style}">{escape(label)}</th>{values}</tr>'
    if section.rest:
        yield across % escape(section.rest)
