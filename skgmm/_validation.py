"""Checks of what users hand in. Error texts that scikit-learn's tests match are kept."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from skgmm._linalg import Array
from skgmm._rows.array_input import is_plain, plain
from skgmm._rows.checks import check_magnitude, magnitude
from skgmm.covariance import Covariance, Structure

# Sums of weights, in effective numbers of samples, that are less but for rounding, and far less.
_NOT_LESS, _FAR_LESS = 0.999, 0.1


def scale_of_weights(total: float, effective: float, n_free: int) -> str | None:
    """What the user of a criterion or a standard error should know of relative weights, or None.

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
        f"sample_weight sums to {total:.3g}, which counts as that many samples (a weight of 3 is "
        f"the sample three times), but the effective number of samples is {effective:.3g}, and the "
        f"mixture has {n_free} free parameters: criteria cannot be compared, and standard errors "
        "are too large. Rescale the weights so that they sum to the effective number: "
        "sample_weight * sample_weight.sum() / (sample_weight ** 2).sum()"
    )


def _numbers(value: ArrayLike, name: str, shape: tuple[int, ...]) -> Array:
    """A float64 copy of the user's array; the user's own is never written to or kept."""
    if is_plain(value, np.float64) and value.shape == shape and np.isfinite(value).all():
        return value.copy()
    value = plain(value, name)
    array = check_array(
        value, dtype=np.float64, ensure_2d=False, allow_nd=True, input_name=name, copy=True
    )
    if array.shape != shape:
        raise ValueError(
            f"The parameter '{name}' should have the shape of {shape}, but got {array.shape}"
        )
    return array


def check_weights(weights: ArrayLike, n_components: int, noise: bool = False) -> Array:
    """Mixing proportions: in [0, 1], sum 1, or less beside noise."""
    array = _numbers(weights, "weights", (n_components,))
    if (array < 0).any() or (array > 1).any():
        raise ValueError(
            "The parameter 'weights' should be in the range [0, 1], but got max value "
            f"{array.max():.5f}, min value {array.min():.5f}"
        )
    tolerance = 1e-6 if getattr(weights, "dtype", None) == np.float32 else 1e-8
    if array.sum() > 1.0 + tolerance or (not noise and array.sum() < 1.0 - tolerance):
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
