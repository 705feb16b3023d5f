"""Features that users name: by column number or by name, and values of some of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from skgmm._linalg import Array
from skgmm._rows.checks import check_magnitude
from skgmm._rows.missing import is_missing


def names_of_features(mixture: Any) -> list[str]:
    """Those of the fit, else x0, x1, ..."""
    known = getattr(mixture, "feature_names_in_", None)
    if known is not None:
        return [str(name) for name in known]
    return [f"x{j}" for j in range(np.shape(mixture.means_)[1])]


def feature_number(feature: Any, names: Sequence[str]) -> int | None:
    """The column of a feature given by number or name; None if there is no such feature."""
    if isinstance(feature, str):
        return names.index(feature) if feature in names else None
    if isinstance(feature, (bool, np.bool_)) or not isinstance(feature, (int, np.integer)):
        return None
    return int(feature) if 0 <= feature < len(names) else None


def feature_numbers(features: Any, names: Sequence[str], what: str) -> Array:
    """Columns of features given by number or name, in their order.

    Raises
    ------
    ValueError
        If one is unknown or given twice, or there is none. `what` is the name of the parameter.
    """
    if isinstance(features, (str, int, np.integer)):
        features = [features]
    try:
        given = list(features)
    except TypeError:
        given = [features]
    found = [feature_number(feature, names) for feature in given]
    for feature, number in zip(given, found, strict=True):
        if number is None:
            raise ValueError(
                f"{what} has the unknown feature {feature!r}. Features are the numbers 0 to "
                f"{len(names) - 1}, or the names {_listed(names)}"
            )
    numbers = np.array(found, dtype=np.intp)
    if len(numbers) == 0:
        raise ValueError(f"{what} should name at least one feature, but is empty")
    if len(set(numbers.tolist())) < len(numbers):
        raise ValueError(f"{what} should name different features, but got {given}")
    return numbers


def _listed(names: Sequence[str], most: int = 20) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def given_values(values: Any, names: Sequence[str]) -> Array:
    """Values of all features (d,), NaN for those that are not given.

    Parameters
    ----------
    values : mapping of feature -> value, or array-like of shape (d,)
        As `GaussianMixtureEM.condition`.
    """
    index = getattr(values, "index", None)
    if hasattr(values, "to_dict") and index is not None and all(isinstance(i, str) for i in index):
        values = {name: v for name, v in values.to_dict().items() if not is_missing(v)}
    row = _of_mapping(values, names) if isinstance(values, Mapping) else _of_row(values, len(names))
    if np.isinf(row).any():
        name = names[int(np.isinf(row).argmax())]
        raise ValueError(f"values should be finite, but that of {name!r} is infinite")
    if not np.isnan(row).any():
        raise ValueError(
            "values gives all features, so that nothing is left to have a distribution: give some "
            "only, with NaN for the others. The density at a sample is score_samples([values])."
        )
    if not np.isnan(row).all():
        check_magnitude(float(np.nanmax(np.abs(row))), "values")
    return row


def _of_mapping(values: Mapping[Any, Any], names: Sequence[str]) -> Array:
    row = np.full(len(names), np.nan)
    if not values:
        return row
    for number, (feature, value) in zip(
        feature_numbers(values, names, "values"), values.items(), strict=True
    ):
        row[number] = _as_number(value, feature)
        if np.isnan(row[number]):
            raise ValueError(f"values is NaN for {feature!r}: leave out what is not given")
    return row


def _as_number(value: Any, feature: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"values should be numbers, but that of {feature!r} is {value!r}"
        ) from error


def _of_row(values: Any, n_features: int) -> Array:
    try:
        row = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "values should be a mapping feature -> value, or one sample with NaN for the features "
            f"that are not given, but got {values!r}"
        ) from error
    if row.shape != (n_features,):
        raise ValueError(
            f"values should be one sample of shape ({n_features},), with NaN for the features that "
            f"are not given, or a mapping feature -> value, but got the shape {row.shape}"
        )
    return row
