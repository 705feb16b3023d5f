"""Components that are the same, or nearly: their means and covariances agree."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skgmm._linalg import Array
from skgmm.covariance._base import Covariance


def similar_components(
    means: Array, covariance: Covariance, tolerance: float
) -> Iterator[tuple[int, int]]:
    """Components that are similar to one before them, and the first such one.

    Means (K, d) differ by less than `tolerance` standard deviations, and factors of the precisions
    by less than that in their own size.
    """
    # Factors are upper triangular: the first feature alone tells which cannot be similar.
    first, scale = means[:, 0], covariance.factor.reshape(len(covariance.factor), -1)[:, 0]
    order = np.arange(len(means))
    near = np.abs(first[:, None] - first) * scale[:, None] < tolerance
    if np.count_nonzero(near) == len(means):  # to itself
        return
    near &= order < order[:, None]
    own = covariance.per_component(len(means))
    factors = own.factor.reshape(len(means), -1)
    for k in np.flatnonzero(near.any(axis=1)).tolist():
        apart = own.whiten(means[:k] - means[k], k)
        change = np.abs(factors[:k] - factors[k]).max(axis=1)
        similar = np.abs(apart).max(axis=1) < tolerance
        similar &= change < tolerance * np.abs(factors[k]).max()
        if similar.any():
            yield k, int(np.argmax(similar))
