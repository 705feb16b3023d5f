"""Volumes: how large the components are, when they share a shape or a product.

Components of equal shape have covariances exp(u_k) C. For given log-volumes u the best C is M / n,
with M = sum of W_k exp(-u_k) over the scatters W_k, and what is left to minimise (-2 x ECLL),

    g(u) = d sum_k n_k u_k + n log |M|,

is convex in u (a logarithm of sums of exponentials), so that Newton's method finds its one minimum
in a few steps from anywhere. Celeux & Govaert (1995) go there by alternating u and C.
"""

from __future__ import annotations

import numpy as np

from skgmm._kernels._native import log_volumes
from skgmm._linalg import Array
from skgmm.covariance._base import Covariance
from skgmm.covariance._structure import Spread, among, refuse

_UNBOUNDED, _SINGULAR = 1, 2  # as in volumes.hpp


def equal_shapes(
    own_scatter: Array, spread: Spread, previous: Covariance | None
) -> tuple[Array, Array]:
    """Volumes (K,) and the shape (d, d) or (d,) of covariances that are their products.

    A component whose scatter has rank r, with more than r / d of all mass, has no best volume: g
    falls without end as it shrinks.

    Parameters
    ----------
    own_scatter : ndarray of shape (K, d, d) or (K, d)
        `spread.own_scatter`, or what it is along the axes of the components.
    """
    filled, n_features = spread.filled, own_scatter.shape[-1]
    everyone = bool(filled.all())
    diagonals = own_scatter.diagonal(axis1=1, axis2=2) if own_scatter.ndim == 3 else own_scatter
    traces = diagonals.sum(axis=1)
    refuse(filled & (traces <= 0))
    if previous is None:
        u = np.log(traces / (n_features * spread.own_mass))
    else:
        u = previous.log_det / n_features + np.zeros(len(traces))
    rows, mass, best = own_scatter, spread.mass, u
    if not everyone:
        rows, mass, best = own_scatter[filled], spread.mass[filled], u[filled]
    shape = np.empty(own_scatter.shape[1:])
    end = log_volumes(rows, mass, best, shape)
    if end == _SINGULAR:
        refuse(np.ones_like(filled))
    if end == _UNBOUNDED:
        refuse(among(filled, best == best.min()))
    if not everyone:  # an empty component keeps its volume
        u[filled] = best
        log_det = np.linalg.slogdet(shape)[1] if shape.ndim == 2 else np.log(shape).sum()
        u[~filled] -= log_det / n_features
    return np.exp(u), shape


def equalised(log_sizes: Array, spread: Spread) -> Array:
    """What turns scatters into covariances of equal volume and varying shape.

    With s_k = |W_k|^(1/d) the estimates are (sum of s over the components / n) W_k / s_k (Celeux &
    Govaert 1995).

    Parameters
    ----------
    log_sizes : ndarray of shape (K,)
        log s of `spread.own_scatter`.

    Returns
    -------
    volumes : ndarray of shape (K,)
        Factors of `spread.own_scatter`.
    """
    largest = log_sizes.max()
    sizes = np.exp(log_sizes - largest)
    return sizes[spread.filled].sum() / spread.total / sizes
