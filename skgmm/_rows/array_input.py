"""Check the arrays of users before NumPy or scikit-learn convert them to numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeGuard

import numpy as np

from skgmm._linalg import Array
from skgmm._rows.bad_values import BadColumn, bad_columns, described, holds_dates, remedy


def is_plain(value: Any, *dtypes: Any) -> TypeGuard[Array]:
    """Whether it is an array of NumPy's own class, of one of these dtypes: nothing to convert.

    scikit-learn's checks, which take other kinds of data apart first, cost a tenth of a small fit.
    """
    return type(value) is np.ndarray and value.dtype in dtypes


def plain(value: Any, name: str) -> Any:
    """The same, where NumPy reads it as it is meant; arrays of other libraries as NumPy's.

    Raises
    ------
    ValueError
        For masked values, dates and times, which NumPy would take for numbers.
    TypeError
        For structured arrays, sparse and lazy frames, and for arrays of other libraries that NumPy
        cannot read.
    """
    if isinstance(value, (list, tuple)):
        value = _array_of_list(value, name)
    _refuse_masked(value, name)
    if _is_foreign(value):
        value = _to_numpy(value, name)
    if isinstance(value, np.ndarray) and value.dtype.names is not None:
        raise TypeError(
            f"{name} is a structured array with the fields {', '.join(value.dtype.names)}. Use "
            f"numpy.lib.recfunctions.structured_to_unstructured({name})."
        )
    if hasattr(value, "collect") and not hasattr(value, "__array__"):
        raise TypeError(f"{name} is a lazy {type(value).__name__}. Use {name}.collect().")
    if hasattr(value, "iloc") and hasattr(value, "sparse"):  # of pandas, all columns are sparse
        raise TypeError(f"{name} is sparse, but dense data is required. Use .sparse.to_dense().")
    if holds_dates(value):
        found = [bad for bad in bad_columns(value) if bad.kind != "NaN"]  # which X may hold
        if not found:  # not of two dimensions
            raise ValueError(f"{name} should hold numbers, but holds dates or times")
        raise ValueError(f"{name} has {described(found, value)}.{remedy(found, value)}")
    return value


def _array_of_list(values: list[Any] | tuple[Any, ...], name: str) -> Any:
    """An array of a list of numbers or dates; anything else is scikit-learn's to judge."""
    if any(isinstance(value, np.ma.MaskedArray) for value in values):
        _refuse_masked(np.ma.stack(values), name)
    try:
        array = np.asarray(values)
    except (TypeError, ValueError):
        return values
    return array if array.dtype.kind in "biufmM" or holds_dates(array) else values


def _refuse_masked(value: Any, name: str) -> None:
    if not np.ma.isMaskedArray(value) or not np.ma.is_masked(value):
        return
    mask = np.ma.getmaskarray(value)
    first = ", ".join(map(str, np.argwhere(mask)[0]))
    how = ""
    if name == "X" and mask.ndim == 2:
        how = (
            " Drop such samples: X[~np.ma.getmaskarray(X).any(axis=1)], and the same of "
            "sample_weight if there is one."
        )
    elif name == "sample_weight":
        how = (
            " Drop such samples of X and sample_weight, with "
            "keep = ~np.ma.getmaskarray(sample_weight)."
        )
    raise ValueError(
        f"{name} is a masked array with {np.count_nonzero(mask)} masked values (first at "
        f"[{first}]). Missing values are not supported.{how}"
    )


def _is_foreign(value: Any) -> bool:
    """Whether it is an array of another library that follows the array API standard."""
    if isinstance(value, (np.ndarray, np.generic)):
        return False
    return hasattr(value, "__array_namespace__") or hasattr(value, "__dlpack__")


def _to_numpy(value: Any, name: str) -> Array:
    try:
        return np.asarray(value)
    except Exception as error:  # whatever that library raises
        raise TypeError(
            f"{name} is a {type(value).__module__}.{type(value).__name__}, which NumPy cannot read "
            f"({error}). Convert it to a NumPy array, in the memory of the processor."
        ) from error


def converted(X: Any, convert: Callable[[Any], Array]) -> Array:
    """What `convert` makes of X; errors name the columns that are not numbers, and say where."""
    try:
        with np.errstate(over="ignore"):  # longer floats become infinite, which is told later
            return convert(X)
    except (TypeError, ValueError, OverflowError) as error:
        found = _culprits(X, error)
        if not found:
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        what = str(error).partition("\n")[0].rstrip(".")
        advice = remedy(found, X)
        raise kind(f"{what}. X has {described(found, X)}.{advice}") from error


def _culprits(X: Any, error: Exception) -> list[BadColumn]:
    """The columns that an array cannot be made of."""
    found = bad_columns(X)
    no_numbers = [bad for bad in found if bad.kind not in ("NaN", "infinity")]
    if isinstance(error, OverflowError) or "NAType" in str(error):
        return found
    return no_numbers
