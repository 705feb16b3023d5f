"""Which columns of the input hold anything but finite numbers, and where first: for errors."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from skgmm._linalg import Array

DATES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)

# Columns of one kind that a message lists.
_LISTED = 5

_DATES = "dates or times"

_REMEDIES = {
    "NaN": "Missing values are not supported",
    _DATES: "Convert dates and times to numbers, for example to days since a date",
    "text": "Drop columns of text, or encode them as numbers",
}


class BadColumn(NamedTuple):
    """A column with something else than finite numbers, and the first of them."""

    label: str
    kind: str  # 'NaN', 'infinity', 'text', 'dates or times', 'values of type ...'
    row: int
    value: Any


def label_of(number: int, name: Any | None) -> str:
    """A feature in words."""
    return f"feature {number}" if name is None else f"column {name!r}"


def columns_of(X: Any) -> list[tuple[Any, Any]]:
    """Name (or None) and values of each column of a data frame, an Arrow table or an array."""
    if _is_pandas(X):
        return [(name, X.iloc[:, number]) for number, name in enumerate(X.columns)]
    if hasattr(X, "get_columns"):  # polars
        return [(column.name, column) for column in X.get_columns()]
    if _is_arrow(X):
        return list(zip(X.schema.names, X.columns, strict=True))
    if not isinstance(X, (np.ndarray, list, tuple)):
        return []
    try:
        array = np.asarray(X)
    except ValueError:  # samples of different lengths
        return []
    return [(None, array[:, number]) for number in range(array.shape[1])] if array.ndim == 2 else []


def names_of(X: Any) -> list[Any] | None:
    """The names of the columns of a data frame or an Arrow table; None for arrays."""
    if _is_arrow(X):
        return list(X.schema.names)
    return list(X.columns) if _is_pandas(X) or hasattr(X, "get_columns") else None


def _is_pandas(X: Any) -> bool:
    return hasattr(X, "iloc") and hasattr(X, "columns")


def _is_arrow(X: Any) -> bool:
    return hasattr(X, "schema") and hasattr(X, "to_pylist")


def holds_dates(X: Any) -> bool:
    """Whether anything is a date, a time or a duration, which NumPy would make a number of."""
    if isinstance(X, np.ndarray):
        return _are_dates(X)
    if names_of(X) is None:
        series = hasattr(X, "dtype") and hasattr(X, "__array__")
        return series and _is_odd(X) and _are_dates(np.asarray(X))
    dtypes = getattr(X, "dtypes", None)
    columns = columns_of(X) if dtypes is None else list(_perhaps_dates(X, list(dtypes)))
    return any(_are_dates(np.asarray(values)) for _, values in columns if _is_odd(values))


def _perhaps_dates(X: Any, dtypes: list[Any]) -> Iterator[tuple[Any, Any]]:
    """The columns of a frame whose type does not say that they are numbers."""
    odd = [j for j, dtype in enumerate(dtypes) if getattr(dtype, "kind", "O") not in "biufc"]
    if odd:
        columns = columns_of(X)
        yield from (columns[j] for j in odd)


def _is_odd(values: Any) -> bool:
    """Whether a column is not one of numbers, by its type alone."""
    return np.asarray(values[:0]).dtype.kind in "mMO"


def _are_dates(array: Array) -> bool:
    if array.dtype.kind == "O":
        return any(isinstance(value, DATES) for value in array.flat)
    return array.dtype.kind in "mM"


def bad_columns(X: Any) -> list[BadColumn]:
    """All columns that hold something else than finite numbers."""
    found = []
    for number, (name, values) in enumerate(columns_of(X)):
        first = _first_bad(np.asarray(values))
        if first is not None:
            found.append(BadColumn(label_of(number, name), *first))
    return found


def _first_bad(values: Array) -> tuple[str, int, Any] | None:
    """Kind, row and value of the first that is no number; else of the first that is not finite."""
    if values.ndim != 1 or values.dtype.kind == "c":
        return (f"values of type {_type(values[0])}", 0, values[0]) if len(values) else None
    if values.dtype.kind in "biuf":
        with np.errstate(over="ignore"):
            bad = ~np.isfinite(values.astype(np.float64))
        row = int(bad.argmax()) if bad.any() else None
        return None if row is None else (_kind_of_number(values[row]), row, values[row])
    first = None
    for row, value in enumerate(values):
        kind = _kind(value)
        if kind in ("NaN", "infinity"):
            first = first or (kind, row, value)
        elif kind is not None:
            return kind, row, value
    return first


def _kind(value: Any) -> str | None:
    """What keeps a value from being a finite number."""
    if value is None or type(value).__name__ == "NAType":
        return "NaN"
    if isinstance(value, DATES) or type(value).__name__ == "Period":
        return _DATES
    try:
        number = float(value)
    except OverflowError:
        return "infinity"
    except (TypeError, ValueError):
        return "text" if isinstance(value, (str, bytes)) else f"values of type {_type(value)}"
    return None if np.isfinite(number) else _kind_of_number(number)


def _kind_of_number(value: Any) -> str:
    return "NaN" if np.isnan(value) else "infinity"


def _type(value: Any) -> str:
    return type(value).__name__


def described(found: list[BadColumn], X: Any) -> str:
    """The columns by kind: NaN in column 'a' (first in row 3), text in column 'b' ..."""
    kinds = dict.fromkeys(bad.kind for bad in sorted(found, key=lambda bad: bad.kind != "NaN"))
    parts = []
    for kind in kinds:
        same = [bad for bad in found if bad.kind == kind]
        listed = [f"{bad.label} ({_where(bad, X)})" for bad in same[:_LISTED]]
        more = [f"{len(same) - _LISTED} more"] if len(same) > _LISTED else []
        parts.append(f"{_words(kind)} in {', '.join(listed + more)}")
    return "; ".join(parts)


def _words(kind: str) -> str:
    return "infinity or a value too large for float64" if kind == "infinity" else kind


def _where(bad: BadColumn, X: Any) -> str:
    index = getattr(X, "index", None)  # of pandas
    row = f"row {bad.row}"
    if index is not None and not callable(index) and type(index).__name__ != "RangeIndex":
        row = f"{row}, index {index[bad.row]!s}"
    value = "" if bad.kind in ("NaN", "infinity") else f": {str(bad.value)[:30]!r}"
    return f"first in {row}{value}"


def remedy(found: list[BadColumn], X: Any) -> str:
    """What to do about such columns."""
    kinds = {bad.kind for bad in found}
    advice = [text for kind, text in _REMEDIES.items() if kind in kinds]
    if kinds & {"NaN", "infinity"}:
        advice.append(f"Drop such samples{how_to_drop(X, True)}, or replace the values")
    return "".join(f" {text}." for text in advice)


def how_to_drop(X: Any, nan_too: bool) -> str:
    """Code without the samples that have infinity, and those with NaN if it is not allowed."""
    kept = "np.isfinite({}).all(axis=1)" if nan_too else "~np.isinf({}).any(axis=1)"
    if isinstance(X, np.ndarray) and X.dtype.kind == "f":
        return f": X[{kept.format('X')}]"
    if _is_pandas(X):
        return f": X[{kept.format('X.astype(float)')}]"
    if hasattr(X, "get_columns"):
        infinite = "~pl.any_horizontal(pl.all().is_infinite())"
        return f": X.filter({'pl.all_horizontal(pl.all().is_finite())' if nan_too else infinite})"
    return ""
