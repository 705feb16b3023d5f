"""Checks of what users hand in. Error texts that scikit-learn's tests match are kept."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from skgmm._array_input import plain
from skgmm._initialization import GivenParameters
from skgmm._linalg import Array
from skgmm._sklearn_compat import check_sample_weight
from skgmm.covariance import Covariance, Structure

# Squares of larger numbers, and of their inverses, leave float64.
LARGEST = 1e150


# Sums of weights, in effective numbers of samples, that are less but for rounding, and far less.
_NOT_LESS, _FAR_LESS = 0.999, 0.1


# Numbers whose extremes are looked for at a time: they stay in the processor's cache.
_NUMBERS = 32_768


def magnitude(X: Array) -> float:
    """The largest absolute value: one pass, which also tells (by nan or inf) what is not finite."""
    largest, n_rows = 0.0, max(1, _NUMBERS // X.shape[1])
    for start in range(0, len(X), n_rows):
        rows = X[start : start + n_rows]
        low, high = float(rows.min()), float(rows.max())
        if np.isnan(low) or np.isnan(high):
            return np.nan
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
    weights = check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
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


def scale_of_weights(total: float, effective: float, n_free: int) -> str | None:
    """What the user of a criterion should know where weights are relative, else None.

    Criteria count a weight of 3 as three samples. Weights that sum to much less than the effective
    number of samples, which does not depend on their scale, cannot be meant as counts.

    Parameters
    ----------
    total : float
        Sum of the weights.
    effective : float
        Effective number of samples.
    n_free : int
        Free parameters of the mixture.
    """
    if total >= _NOT_LESS * effective or total >= max(n_free, _FAR_LESS * effective):
        return None
    return (
        f"sample_weight sums to {total:.3g}, and criteria count that many samples (a weight of 3 "
        f"is the sample three times), but the effective number of samples is {effective:.3g}, and "
        f"the mixture has {n_free} free parameters: the criteria mean little. Rescale the weights "
        "so that they sum to the effective number: "
        "sample_weight * sample_weight.sum() / (sample_weight ** 2).sum()"
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
            "numbers lose their digits. Multiply sample_weight or X by a constant."
        )


def check_enough_rows(n_counted: float, total_weight: float, n_components: int) -> None:
    """Refuse fewer samples than components, or one sample.

    Samples of weight 0 do not count. One sample of weight 3 is as good as three; but each component
    needs one of its own, whatever that weighs.
    """
    n_samples = max(n_counted, total_weight)
    if n_samples < 2:
        raise ValueError(
            f"Found array with {n_samples:g} sample(s) (rows with positive weight) while a minimum "
            "of 2 is required by GaussianMixtureEM."
        )
    if n_counted < n_components:
        raise ValueError(
            "Expected n_samples >= n_components "
            f"but got n_components = {n_components}, n_samples = {n_counted:g}"
            + (" (samples with positive weight)" if total_weight != n_counted else "")
        )


def _numbers(value: ArrayLike, name: str, shape: tuple[int, ...]) -> Array:
    """A float64 copy of the user's array; the user's own is never written to or kept."""
    value = plain(value, name)
    array = check_array(
        value, dtype=np.float64, ensure_2d=False, allow_nd=True, input_name=name, copy=True
    )
    if array.shape != shape:
        raise ValueError(
            f"The parameter '{name}' should have the shape of {shape}, but got {array.shape}"
        )
    return array


def check_weights(weights: ArrayLike, n_components: int) -> Array:
    """Mixing proportions: in [0, 1], sum 1."""
    array = _numbers(weights, "weights", (n_components,))
    if (array < 0).any() or (array > 1).any():
        raise ValueError(
            "The parameter 'weights' should be in the range [0, 1], but got max value "
            f"{array.max():.5f}, min value {array.min():.5f}"
        )
    tolerance = 1e-6 if getattr(weights, "dtype", None) == np.float32 else 1e-8
    if abs(1.0 - array.sum()) > tolerance:
        raise ValueError(
            "The parameter 'weights' should be normalized, but got sum(weights) = "
            f"{array.sum():.5f}"
        )
    return array


def check_means(means: ArrayLike, n_components: int, n_features: int) -> Array:
    array = _numbers(means, "means", (n_components, n_features))
    check_magnitude(magnitude(array), "means")
    return array


def check_covariance(
    value: ArrayLike, quantity: str, structure: Structure, n_components: int, n_features: int
) -> Covariance:
    """Covariances or precisions (the `quantity`) in the structure's public shape, as an object."""
    shape = structure.shape(n_components, n_features)
    array = _numbers(value, f"{structure.name} {quantity}", shape)
    structure.check_positive_definite(array, quantity)
    read = structure.from_precisions if quantity == "precision" else structure.from_covariances
    covariance = read(array, n_features)
    if not structure.fills_shape(n_components, n_features):
        single = getattr(value, "dtype", None) == np.float32
        rounding = np.finfo(np.float32 if single else np.float64).eps
        structure.check_member(covariance, n_components, float(rounding))
    return covariance


def check_given(
    weights: ArrayLike | None,
    means: ArrayLike | None,
    precisions: ArrayLike | None,
    structure: Structure,
    n_components: int,
    n_features: int,
) -> GivenParameters:
    """weights_init, means_init and precisions_init."""
    covariance = None
    if precisions is not None:
        covariance = check_covariance(precisions, "precision", structure, n_components, n_features)
    return GivenParameters(
        weights=None if weights is None else check_weights(weights, n_components),
        means=None if means is None else check_means(means, n_components, n_features),
        covariance=covariance,
    )


def check_responsibilities(
    responsibilities: ArrayLike, n_samples: int, n_components: int, name: str
) -> Array:
    """Responsibilities (n, K): not negative, every row sums to 1."""
    responsibilities = plain(responsibilities, name)
    array = check_array(
        responsibilities, dtype=[np.float64, np.float32], ensure_2d=False, input_name=name
    )
    if array.shape != (n_samples, n_components):
        raise ValueError(
            f"{name} should have the shape (n_samples, n_components) = "
            f"{(n_samples, n_components)}, but got {array.shape}"
        )
    if array.min() < 0:
        raise ValueError(f"{name} should not be negative, but the smallest is {array.min():.5g}")
    sums = array.sum(axis=1, dtype=np.float64)
    worst = int(np.argmax(np.abs(sums - 1.0)))
    if abs(sums[worst] - 1.0) > 1e-6:
        raise ValueError(
            f"{name} should sum to 1 in every row, but row {worst} sums to {sums[worst]:.6g}"
        )
    return array


def check_partition(partition: Any, n_samples: int, n_components: int) -> Array:
    """What a callable init_params returned: labels (n,), or responsibilities (n, K)."""
    name = "The result of the callable init_params"
    array = np.asarray(plain(partition, name))
    if array.ndim != 1:
        return check_responsibilities(array, n_samples, n_components, name)
    if array.shape != (n_samples,) or array.dtype.kind not in "iu":
        raise ValueError(
            f"{name} should be integer labels of shape ({n_samples},) or responsibilities of "
            f"shape ({n_samples}, {n_components}), but got {array.dtype} of shape {array.shape}"
        )
    if array.min() < 0 or array.max() >= n_components:
        raise ValueError(
            f"{name} should hold labels from 0 to n_components - 1 = {n_components - 1}, but got "
            f"labels from {array.min()} to {array.max()}"
        )
    return array
