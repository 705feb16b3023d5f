"""Volumes: how large the components are, when they share a shape or a product.

Components of equal shape have covariances exp(u_k) C. For given log-volumes u the best C is M / n,
with M = sum of W_k exp(-u_k) over the scatters W_k, and what is left to minimise (-2 x ECLL),

    g(u) = d sum_k n_k u_k + n log |M|,

is convex in u (a logarithm of sums of exponentials), so that Newton's method finds its one minimum
in a few steps from anywhere. Celeux & Govaert (1995) go there by alternating u and C.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from skgmm._linalg import Array
from skgmm.covariance._base import Covariance
from skgmm.covariance._structure import Spread, among, refuse, vanishing

# log |M|, and for each component W_k exp(-u_k) seen in the frame where M is the identity, with the
# numbers of each matrix in one row (K, .), and its trace (K,).
Shared = Callable[[Array], tuple[float, Array, Array]]

_STEPS = 50
_LARGEST_STEP = 4.0
# Newton squares its error: a step this small leaves rounding.
_TOLERANCE = 1e-8
# Slopes at the end, as a share of all mass, that are not those of a minimum.
_UNSETTLED = 1e-3


def log_volumes(shared: Shared, mass: Array, start: Array, n_features: int) -> tuple[Array, Array]:
    """The u (K,) that minimise g, up to a constant, and the components that run away, bool (K,).

    A component whose scatter has rank r, with more than r / d of all mass, has no minimum: g falls
    without end as it shrinks.
    """
    n, u = mass.sum(), start - start.mean()

    def evaluate(u: Array) -> tuple[float, Array, Array]:
        log_det, parts, traces = shared(u)
        return n_features * float(mass @ u) + n * log_det, parts, traces

    value, parts, traces = evaluate(u)
    if not np.isfinite(value):
        u = np.zeros_like(u)
        value, parts, traces = evaluate(u)
    for _ in range(_STEPS):
        gradient = n_features * mass - n * traces
        curvature = n * (np.diag(traces) - parts @ parts.T)
        # A common factor moves between u and C without a change: it is held where it is.
        curvature += n / len(mass) + np.diag(np.full(len(mass), 1e-12 * n))
        step = -np.linalg.solve(curvature, gradient)
        step *= min(1.0, _LARGEST_STEP / max(np.abs(step).max(), _LARGEST_STEP))
        reached = evaluate(u + step)
        while not reached[0] <= value and np.abs(step).max() > _TOLERANCE:
            step *= 0.5
            reached = evaluate(u + step)
        if not reached[0] <= value:
            break  # nothing is left but rounding
        u, (value, parts, traces) = u + step, reached
        if np.abs(step).max() < _TOLERANCE:
            break
    unsettled = np.abs(n_features * mass - n * traces).max() > _UNSETTLED * n
    return u, unsettled & (u == u.min())


def start_of(own_traces: Array, spread: Spread, previous: Covariance | None) -> Array:
    """Log-volumes (K,) of the previous covariance, or of the components' own spread."""
    if previous is not None:
        n_features = previous.factor.shape[-1]
        return np.broadcast_to(previous.log_det / n_features, len(spread.mass))
    with np.errstate(divide="ignore"):
        return np.log(own_traces / spread.own_mass)


def along_axes(own_scatter: Array, spread: Spread, previous: Covariance | None) -> Array:
    """Variances (K, d) of equal shape and varying volume.

    Parameters
    ----------
    own_scatter : ndarray of shape (K, d)
        `spread.own_scatter` along the axes of the components.
    """
    filled = spread.filled
    rows, mass = own_scatter[filled], spread.mass[filled]
    refuse(filled & (own_scatter.sum(axis=1) <= 0))
    refuse(np.repeat(vanishing(rows.sum(axis=0)[None]), len(filled)))

    def shared(u: Array) -> tuple[float, Array, Array]:
        scaled = rows * np.exp(-u)[:, None]
        total = scaled.sum(axis=0)
        if vanishing(total[None])[0]:
            return np.inf, scaled, u
        parts = scaled / total
        return float(np.log(total).sum()), parts, parts.sum(axis=1)

    u = np.array(start_of(own_scatter.mean(axis=1), spread, previous))
    u[filled], running = log_volumes(shared, mass, u[filled], own_scatter.shape[1])
    refuse(among(filled, running))
    shape = (rows * np.exp(-u[filled])[:, None]).sum(axis=0) / mass.sum()
    u[~filled] -= np.log(shape).mean()  # an empty component keeps its volume
    return np.exp(u)[:, None] * shape


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
