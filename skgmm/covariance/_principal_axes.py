"""Principal axes of covariances that share a shape or their axes: where quasi-Newton steps turn
axes (`_kernels/fit/coordinates.hpp`).
"""

from __future__ import annotations

import numpy as np

from skgmm._kernels import Principal
from skgmm._linalg import Array
from skgmm.covariance._base import CommonAxes, Covariance
from skgmm.covariance._structure import Ties


def principal_axes(covariance: Covariance, ties: Ties) -> Principal | None:
    """Principal axes of K covariance matrices, shared if their rotation is; None if none turn."""
    if not ties.turn:
        return None
    factor = covariance.factor
    if ties.rotation == "V":
        axes, scales, _ = np.linalg.svd(factor)
    else:
        axes = _shared_axes(covariance)[None]
        scales = np.linalg.norm(np.swapaxes(axes, 1, 2) @ factor, axis=2)
    logs = np.log(scales)
    volume = logs.mean(axis=1, keepdims=True)
    shape = logs - volume
    # What is shared differs by rounding.
    if ties.volume == "E":
        volume = volume.mean(axis=0, keepdims=True)
    if ties.shape == "E":
        shape = shape.mean(axis=0, keepdims=True)
    return Principal(axes, np.exp(volume + shape) * np.ones_like(logs))


def _shared_axes(covariance: Covariance) -> Array:
    if isinstance(covariance, CommonAxes) and covariance.axes is not None:
        return covariance.axes
    # A mean with unequal weights: two axes of equal length in one component still differ.
    dense = covariance.dense()
    weights = (1.0 + np.arange(len(dense))) / np.trace(dense, axis1=1, axis2=2)
    return np.linalg.eigh(np.einsum("k,kij->ij", weights, dense))[1]
