"""Numbers as text: the same decimals in a line, and counts with separators."""

from __future__ import annotations

import math
from collections.abc import Sequence

Cell = float | int | str | None

MISSING = "–"  # noqa: RUF001 (a dash, as in printed tables)

# Significant digits of the largest and of the smallest number of a line.
_LARGEST, _SMALLEST = 5, 2

# Longer numbers are written with an exponent.
_MOST_DIGITS = 9


def count(number: float) -> str:
    """A number of samples: 1,234,567, or with a decimal if weights do not sum to a whole number."""
    if float(number).is_integer() and abs(number) < 1e15:
        return f"{int(number):,}"
    return f"{number:,.1f}" if 100.0 <= abs(number) < 1e15 else f"{number:.4g}"


def counted(number: float, noun: str) -> str:
    """A number with its noun, in the plural unless it is 1."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def format_line(cells: Sequence[Cell], form: str | None = None) -> list[str]:
    """The cells of a line as text, numbers with the same number of decimals.

    Parameters
    ----------
    form : str or None
        Format of the numbers. None chooses the decimals by the size of the numbers.
    """
    numbers = [abs(float(cell)) for cell in cells if isinstance(cell, float | int)]
    form = _form_of(numbers) if form is None else form
    return [_format_cell(cell, form) for cell in cells]


def _format_cell(cell: Cell, form: str) -> str:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return MISSING
    if isinstance(cell, str):
        return cell
    return f"{cell:,}" if isinstance(cell, int) else f"{cell:{form}}"


def _form_of(numbers: Sequence[float]) -> str:
    """A format with the same decimals for all, or with five digits for each."""
    sizes = [math.floor(math.log10(x)) for x in numbers if x > 0 and math.isfinite(x)]
    if not sizes:
        return ".1f"
    decimals = max(_LARGEST - 1 - max(sizes), _SMALLEST - 1 - min(sizes), 0)
    if max(sizes) + 1 + decimals > _MOST_DIGITS or decimals > _MOST_DIGITS:
        return f".{_LARGEST}g"
    return f".{decimals}f"
