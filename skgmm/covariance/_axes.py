"""Axes along which several scatters are as near to diagonal as they can be together.

By axes, a power mean of the products of the scatters along them is minimised: exactly in the plane
of two axes after the other, and by Newton's method at the end (`_kernels/axes.cpp`). The
majorisation of Browne & McNicholas (2014) finds the same minima in many more steps.
"""

from __future__ import annotations

import numpy as np

from skgmm._kernels._native import lowest_axes
from skgmm._linalg import Array

# Minima and further starts that an M-step may go to, times scatters x features^3.
_WORK = 20_000
_FEWEST_MINIMA, _MOST_STARTS, _MORE_STARTS = 2, 10, 20
# What one search may cost, in multiplications of numbers, and the products that it always has.
# With many features it stops short of the minimum, which EM then comes to in more iterations.
_MULTIPLICATIONS, _FEWEST_PRODUCTS = 100_000_000, 30
# Products that each start needs to be looked at.
_FOR_A_START = 15
# Minima that differ by less, in nats per sample, are one.
_SAME = 1e-6


def common_axes(scatter: Array, weights: Array, exponent: float) -> Array:
    """The axes (d, d), in columns, at the best minimum found of a power mean.

    Several starts are tried, for there may be several minima: the axes of the scatters' sum, of the
    mean of their logarithms, and of the largest ones; and if these lead to different minima, starts
    that are spread over all axes.

    Parameters
    ----------
    scatter : ndarray of shape (K, d, d)
    weights : ndarray of shape (K,)
        Of the scatters in the mean.
    exponent : float
        Of the products of the scatters along the axes; 0 for the mean of their logarithms.
    """
    n_features = scatter.shape[-1]
    if n_features == 2:  # one plane, and all turns in it are compared
        return _minima(scatter, weights, exponent, np.eye(2)[None])[0][0]
    pooled = np.linalg.eigh(scatter.sum(axis=0))[1]
    axes, values = _minima(scatter, weights, exponent, _starts(scatter, pooled))
    n_more = min(_MORE_STARTS, _affordable(scatter))
    if np.ptp(values[np.isfinite(values)]) > _SAME and n_more > 0:
        more = _minima(scatter, weights, exponent, _spread(scatter, pooled, n_more))
        axes, values = np.concatenate([axes, more[0]]), np.concatenate([values, more[1]])
    return axes[np.argmin(values)]


def _products(scatter: Array, work: int) -> int:
    """How often all scatters can be multiplied with axes for so many multiplications."""
    return work // (len(scatter) * scatter.shape[-1] ** 3)


def _affordable(scatter: Array) -> int:
    return _products(scatter, _WORK)


def _minima(scatter: Array, weights: Array, exponent: float, starts: Array) -> tuple[Array, Array]:
    """Axes (n, d, d) that the starts lead to, and values (n,): infinite where not followed up."""
    most = max(_FEWEST_MINIMA, _affordable(scatter))
    products = max(_FEWEST_PRODUCTS, _products(scatter, _MULTIPLICATIONS))
    starts = starts[: max(2, products // _FOR_A_START)]
    values = np.empty(len(starts))
    lowest_axes(scatter, weights, exponent, starts, values, most, products)
    return starts, values


def _starts(scatter: Array, pooled: Array) -> Array:
    lengths, own = np.linalg.eigh(scatter)
    sizes = lengths.sum(axis=1)
    logs = np.log(np.maximum(lengths / sizes[:, None], 1e-18))  # (K, d)
    between = np.einsum("kil,kl,kjl->ij", own, logs, own)
    largest = np.argsort(-sizes, kind="stable")[:_MOST_STARTS]
    return np.stack([pooled, np.linalg.eigh(between)[1], *own[largest]])


def _spread(scatter: Array, pooled: Array, n_starts: int) -> Array:
    """Random turns of the pooled axes, the same at every call.

    The signs of eigenvectors are arbitrary. They are chosen by the largest scatter, so that the
    starts, and with them what is found, turn with the data.
    """
    largest = scatter[np.argmax(np.trace(scatter, axis1=1, axis2=2))]
    signs = np.where((pooled.T @ largest @ pooled)[0] < 0, -1.0, 1.0)
    normal = np.random.default_rng(0).normal(size=(n_starts, *pooled.shape))
    return pooled * signs @ np.linalg.qr(normal)[0]
