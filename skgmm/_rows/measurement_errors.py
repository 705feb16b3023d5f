"""Known covariances of measurement errors: checked, and samples that share one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skgmm._linalg import Array
from skgmm._rows.array_input import plain
from skgmm._rows.checks import LARGEST
from skgmm._sklearn_compat import get_feature_names

# Negative eigenvalues, and asymmetry, up to this part of the largest entry are rounding.
_ROUNDING = 1e-8

# Odd, so that no bit of a number is lost by multiplication modulo 2^64.
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def shared_errors(errors: Array, least: int) -> list[Array]:
    """Numbers of the samples of each error covariance that at least so many samples have."""
    flat = np.ascontiguousarray(errors.reshape(len(errors), -1)) + 0.0  # -0 is 0
    key = np.zeros(len(flat), dtype=np.uint64)
    for column in flat.T:
        key = (key ^ np.ascontiguousarray(column).view(np.uint64)) * _MULTIPLIER
        key ^= key >> np.uint64(29)
    _, number, counts = np.unique(key, return_inverse=True, return_counts=True)
    if counts.max(initial=0) < least:
        return []
    order, ends = np.argsort(number, kind="stable"), np.cumsum(counts)
    found = [order[ends[i] - counts[i] : ends[i]] for i in np.flatnonzero(counts >= least).tolist()]
    return [own for own in found if (flat[own] == flat[own[0]]).all()]


def check_errors(
    error_covariance: ArrayLike | None, X: Array, estimator: Any = None
) -> Array | None:
    """Error variances (n, d) or covariances (n, d, d), 0 where X is missing; None if all are 0.

    A data frame must have the names of the features that the estimator knows, if there is one.
    """
    if error_covariance is None:
        return None
    names = getattr(estimator, "feature_names_in_", None)
    own = get_feature_names(error_covariance)
    if names is not None and own is not None and not np.array_equal(own, names):
        raise ValueError(
            "error_covariance should have the columns of X, in the same order: "
            f"{', '.join(map(repr, map(str, names)))}; but got "
            f"{', '.join(map(repr, map(str, own)))}"
        )
    errors = _real_numbers(np.asarray(plain(error_covariance, "error_covariance")))
    n_samples, n_features = X.shape
    if errors.shape not in ((n_samples, n_features), (n_samples, n_features, n_features)):
        raise ValueError(
            "error_covariance should have the shape (n_samples, n_features) = "
            f"{(n_samples, n_features)}, variances, or (n_samples, n_features, n_features), but "
            f"got {errors.shape}. If it is the same for all samples: "
            "numpy.broadcast_to(error_covariance, (n_samples, n_features, n_features))"
        )
    missing = np.isnan(X)
    if missing.any():
        unused = missing if errors.ndim == 2 else missing[:, :, None] | missing[:, None, :]
        errors = np.where(unused, 0.0, errors)
    if not np.isfinite(errors).all():
        sample = int(np.argwhere(~np.isfinite(errors))[0, 0])
        raise ValueError(
            f"error_covariance is not finite for sample {sample}. If nothing is known of a value, "
            "set it to NaN in X: it is then missing."
        )
    if (largest := float(np.abs(errors).max())) > LARGEST**2:
        raise ValueError(
            f"error_covariance holds values as large as {largest:.3g}; above {LARGEST**2:.0e} "
            "their sums are not float64 numbers. If nothing is known of a value, set it to NaN in "
            "X: it is then missing."
        )
    _check_positive(errors)
    return errors if errors.any() else None


def _real_numbers(array: Array) -> Array:
    try:
        if array.dtype.kind in "biufO":
            return array.astype(np.float64)
    except (TypeError, ValueError):  # objects that are no numbers
        pass
    raise ValueError(f"error_covariance should hold real numbers, but got {array.dtype}")


def _check_positive(errors: Array) -> None:
    if errors.ndim == 2:
        bad = (errors < 0).any(axis=1)
        if bad.any():
            raise ValueError(
                f"error_covariance has a negative variance for sample {int(bad.argmax())}"
            )
        return
    size = np.abs(errors).max(axis=(1, 2))
    uneven = np.abs(errors - np.swapaxes(errors, 1, 2)).max(axis=(1, 2)) > _ROUNDING * size
    if uneven.any():
        raise ValueError(f"error_covariance of sample {int(uneven.argmax())} is not symmetric")
    negative = np.linalg.eigvalsh(errors)[:, 0] < -_ROUNDING * size
    if negative.any():
        raise ValueError(
            f"error_covariance of sample {int(negative.argmax())} is not positive semi-definite"
        )
