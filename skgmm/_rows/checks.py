"""Checks of samples and their weights, whatever their source."""

from __future__ import annotations

from math import isnan, nan

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from skgmm._linalg import Array
from skgmm._rows.array_input import plain
from skgmm._sklearn_compat import check_sample_weight

# Squares of larger numbers, and of their inverses, leave float64.
LARGEST = 1e150


# Numbers whose extremes are looked for at a time: they stay in the processor's cache.
_NUMBERS = 32_768


def magnitude(X: Array) -> float:
    """The largest absolute value: one pass, which also tells (by nan or inf) what is not finite."""
    largest, n_rows = 0.0, max(1, _NUMBERS // X.shape[1])
    for start in range(0, len(X), n_rows):
        rows = np.ascontiguousarray(X[start : start + n_rows])  # NumPy is slow on some columns
        low, high = float(rows.min()), float(rows.max())
        if isnan(low) or isnan(high):
            return nan
        largest = max(largest, -low, high)
    return largest


def check_magnitude(largest: float, name: str = "X") -> None:
    """Refuse data whose squares leave float64, by their largest absolute value."""
    if largest > LARGEST:
        raise ValueError(
            f"{name} holds values as large as {largest:.3g}; above {LARGEST:.0e} their squares are "
            f"not float64 numbers. Scale {name}."
        )
    if 0.0 < largest < 1.0 / LARGEST:
        raise ValueError(
            f"{name} holds no value larger than {largest:.3g}; below {1 / LARGEST:.0e} squares are "
            f"not float64 numbers. Scale {name}."
        )


def representable(array: Array, dtype: np.dtype) -> bool:
    """Whether no number overflows in the dtype (where one underflows, its inverse overflows)."""
    return bool(np.abs(array).max() <= np.finfo(dtype).max)


def as_dtype(logarithms: Array, dtype: np.dtype) -> Array:
    """Logarithms in the dtype of the rows, or in float64 where that cannot hold them.

    Lazy ones, whose values nobody knows yet, stay in float64.
    """
    if dtype == logarithms.dtype or not isinstance(logarithms, np.ndarray):
        return logarithms
    lowest = np.min(logarithms, where=np.isfinite(logarithms), initial=0.0)
    return logarithms.astype(dtype) if lowest >= np.finfo(dtype).min else logarithms


def readable(X: Array) -> Array:
    """X itself, or a copy where its memory is not made of whole numbers side by side.

    A column of a packed structured array is the one such case.
    """
    whole = X.flags.aligned and not any(stride % X.itemsize for stride in X.strides)
    return X if whole else np.ascontiguousarray(X)


def check_weights_of_rows(sample_weight: ArrayLike | None, X: Array) -> Array | None:
    """Weights of rows as float64 (n,), or None."""
    if sample_weight is None:
        return None
    sample_weight = plain(sample_weight, "sample_weight")
    try:
        weights = check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    except ValueError as error:
        if "could not convert" not in str(error):
            raise
        raise ValueError(
            f"sample_weight should be numbers, one for each sample, but {error}"
        ) from error
    with np.errstate(over="ignore"):
        check_total_weight(float(weights.sum()))
    return weights


def weights_of_block(sample_weight: ArrayLike, n_samples: int) -> Array:
    """Weights of some of the rows as float64 (n,), which may all be zero."""
    weights = check_array(
        plain(sample_weight, "sample_weight"),
        dtype=np.float64,
        ensure_2d=False,
        ensure_min_samples=0,
        input_name="sample_weight",
    )
    if weights.shape != (n_samples,):
        raise ValueError(
            f"sample_weight should have the shape {(n_samples,)}, but got {weights.shape}"
        )
    if n_samples and weights.min() < 0:
        raise ValueError(
            f"sample_weight should not be negative, but the smallest is {weights.min():.5g}"
        )
    return weights


def check_total_weight(total: float) -> None:
    """Refuse weights that are all zero, or whose sum leaves float64."""
    if total == 0.0:
        raise ValueError("sample_weight: all weights are zero; at least one must be positive.")
    if not 1.0 / LARGEST <= total <= LARGEST:
        raise ValueError(
            f"sample_weight: the weights sum to {total:.3g}; allowed is {1 / LARGEST:.0e} to "
            f"{LARGEST:.0e}. Scale them."
        )


def check_weighted_squares(total_weight: float, largest: float) -> None:
    """Refuse weights that make sums of squares overflow, or vanish."""
    if total_weight * largest**2 > LARGEST**2:
        raise ValueError(
            f"sample_weight sums to {total_weight:.3g}, which times the squares of X (up to "
            f"{largest**2:.3g}) is not a float64 number. Scale sample_weight or X."
        )
    if largest > 0.0 and total_weight * largest**2 < 1.0 / LARGEST**2:
        raise ValueError(
            f"sample_weight sums to {total_weight:.3g} and X holds no value larger than "
            f"{largest:.3g}: weights times squares are below {LARGEST**-2:.0e}, where float64 "
            "numbers lose precision. Multiply sample_weight or X by a constant."
        )


def check_enough_rows(n_counted: float, total_weight: float, n_components: int) -> None:
    """Refuse fewer samples than components, or one sample.

    Samples of weight 0 do not count. One sample of weight 3 is as good as three; but each component
    needs one of its own, whatever that weighs.
    """
    n_samples = max(n_counted, total_weight)
    if n_samples < 2:
        raise ValueError(
            f"Found array with {n_samples:g} sample(s) (samples with positive weight) while a "
            "minimum of 2 is required by GaussianMixtureEM."
        )
    if n_counted < n_components:
        raise ValueError(
            "Expected n_samples >= n_components "
            f"but got n_components = {n_components}, n_samples = {n_counted:g}"
            + (" (samples with positive weight)" if total_weight != n_counted else "")
        )
