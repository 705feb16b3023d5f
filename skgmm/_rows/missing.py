"""Missing values in what users hand in: NaN, None, NA of pandas, and masked values of NumPy."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from sklearn.base import BaseEstimator

from skgmm._linalg import Array
from skgmm._rows.bad_values import (
    BadColumn,
    bad_columns,
    columns_of,
    described,
    how_to_drop,
    label_of,
    names_of,
)
from skgmm._rows.checks import magnitude


def unmasked(X: Any) -> Any:
    """The same, with NaN in place of masked values."""
    if isinstance(X, (list, tuple)) and any(isinstance(row, np.ma.MaskedArray) for row in X):
        X = np.ma.stack(X)
    if not np.ma.isMaskedArray(X) or X.dtype.kind not in "biuf":
        return X
    dtype = X.dtype if X.dtype.kind == "f" else np.float64
    return np.ma.filled(X.astype(dtype), np.nan)


def only_missing(X: Any) -> bool:
    """Whether an array of numbers cannot be made of X for its missing values alone."""
    found = bad_columns(X)
    return bool(found) and all(bad.kind == "NaN" for bad in found)


def with_nan(X: Any) -> Array:
    """X as float64, with NaN in place of missing values."""
    columns = [np.asarray(values, dtype=object) for _, values in columns_of(X)]
    return np.column_stack([[_number(value) for value in column] for column in columns])


def _number(value: Any) -> float:
    return np.nan if is_missing(value) else float(value)


def is_missing(value: Any) -> bool:
    """Whether a value is None, NaN or pandas.NA."""
    return value is None or type(value).__name__ == "NAType" or value != value


def missing_values(values: Array) -> Array:
    """Which of the values (n,), numbers or other objects, are missing, bool."""
    if values.dtype.kind == "O":
        return np.fromiter(map(is_missing, values), dtype=bool, count=len(values))
    return values != values if values.dtype.kind in "fmM" else np.zeros(len(values), dtype=bool)


def has_missing(X: Array) -> bool:
    """Whether there is NaN in an array."""
    return bool(len(X)) and bool(np.isnan(magnitude(X)))


def observed_magnitude(array: Array) -> float:
    """The largest absolute value of those that are observed."""
    largest = magnitude(array)
    return magnitude(np.where(np.isnan(array), 0.0, array)) if np.isnan(largest) else largest


def refuse_infinity(X: Any, array: Array) -> NoReturn:
    """Raise for infinity in X, which is the array before it was converted."""
    names = names_of(X) or [None] * array.shape[1]
    infinite = np.isinf(array)
    found = [
        BadColumn(label_of(j, names[j]), "infinity", int(infinite[:, j].argmax()), np.inf)
        for j in np.flatnonzero(infinite.any(axis=0)).tolist()
    ]
    raise ValueError(
        f"Input X contains {described(found, X)}. Drop such samples{how_to_drop(X, False)}, or "
        "replace the values, by NaN if they are missing."
    )


def check_features_observed(
    estimator: BaseEstimator, X: Array, sample_weight: Array | None
) -> None:
    """Refuse features of which no sample has a value: nothing could be said of them."""
    names = getattr(estimator, "feature_names_in_", None)
    refuse_unobserved(n_observed(X, sample_weight), names, sample_weight is not None)


def n_observed(X: Array, sample_weight: Array | None) -> Array:
    """How many samples that count have a value of each feature, (d,)."""
    observed = ~np.isnan(X)
    return (observed if sample_weight is None else observed[sample_weight > 0]).sum(axis=0)


def refuse_unobserved(n_observed: Array, names: Any, weighted: bool) -> None:
    """Raise for features of which no sample has a value; `names` may be None."""
    never = np.flatnonzero(n_observed == 0).tolist()
    if not never:
        return
    listed = ", ".join(label_of(j, None if names is None else names[j]) for j in never[:5])
    more = f" and {len(never) - 5} more" if len(never) > 5 else ""
    counted = " of positive weight" if weighted else ""
    raise ValueError(
        f"Input X contains NaN in every sample{counted} of {listed}{more}: nothing can be learned "
        "of a feature that was never observed. Drop it."
    )
