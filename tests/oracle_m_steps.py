"""The M-steps in NumPy: the readable formulas that the compiled ones are held against.

Each takes `MStepStatistics` in the structure's form and returns covariances, dense (K, d, d) or
variances (K, d). Axes that components share are a search, so they are given.
"""

import numpy as np


def equal_volumes(log_sizes, s):
    """Factors of own scatters with |W_k|^(1/d) = exp(log_sizes): (Celeux & Govaert 1995)."""
    sizes = np.exp(log_sizes)
    return sizes[s.mass > 0].sum() / s.total / sizes


def equal_shapes(scatter, s, kept):
    """Volumes (K,) times a shape, by turns (Celeux & Govaert 1995): C = sum_k W_k / v_k / n, and
    v_k = tr(W_k C^-1) / (n_k d). Scatters are (K, d) or (K, d, d); `kept` are the log-volumes of
    components without mass.
    """
    d, filled, diagonal = scatter.shape[-1], s.mass > 0, scatter.ndim == 2
    dense = scatter[:, :, None] * np.eye(d) if diagonal else scatter
    volumes = np.trace(dense, axis1=1, axis2=2) / (d * s.own_mass)
    for _ in range(5000):
        shape = (dense[filled] / volumes[filled, None, None]).sum(axis=0) / s.total
        before = volumes.copy()
        traces = np.trace(np.linalg.solve(shape, dense), axis1=1, axis2=2)
        volumes[filled] = (traces / (d * s.own_mass))[filled]
        if np.abs(volumes / before - 1.0)[filled].max() < 1e-14:
            break
    volumes[~filled] = np.exp(kept[~filled] - np.linalg.slogdet(shape)[1] / d)
    covariances = volumes[:, None, None] * shape
    return np.diagonal(covariances, axis1=1, axis2=2) if diagonal else covariances


def own_axes(s):
    lengths, axes = np.linalg.eigh(s.own_scatter)
    return lengths, axes


def along(axes, variances):
    return (axes * variances[:, None, :]) @ np.swapaxes(axes, -1, -2)


def in_axes(axes, s):
    """Own scatters along common axes (K, d)."""
    return ((s.own_scatter @ axes) * axes).sum(axis=1)


def eii(s, axes, kept):
    d = s.scatter.shape[1]
    return np.full((len(s.mass), d), s.scatter.sum() / (d * s.total))


def vii(s, axes, kept):
    variances = s.own_scatter.mean(axis=1) / s.own_mass
    return np.repeat(variances[:, None], s.scatter.shape[1], axis=1)


def eei(s, axes, kept):
    return np.repeat(s.scatter.sum(axis=0)[None] / s.total, len(s.mass), axis=0)


def vei(s, axes, kept):
    return equal_shapes(s.own_scatter, s, kept)


def evi(s, axes, kept):
    return s.own_scatter * equal_volumes(np.log(s.own_scatter).mean(axis=1), s)[:, None]


def vvi(s, axes, kept):
    return s.own_scatter / s.own_mass[:, None]


def eee(s, axes, kept):
    return np.repeat(s.scatter[None] / s.total, len(s.mass), axis=0)


def vee(s, axes, kept):
    return equal_shapes(s.own_scatter, s, kept)


def eve(s, axes, kept):
    lengths = in_axes(axes, s)
    return along(axes[None], lengths * equal_volumes(np.log(lengths).mean(axis=1), s)[:, None])


def vve(s, axes, kept):
    return along(axes[None], in_axes(axes, s) / s.own_mass[:, None])


def eev(s, axes, kept):
    lengths, own = own_axes(s)
    shared = lengths[s.mass > 0].sum(axis=0) / s.total
    return along(own, np.broadcast_to(shared, lengths.shape))


def vev(s, axes, kept):
    lengths, own = own_axes(s)
    return along(own, equal_shapes(lengths, s, kept))


def evv(s, axes, kept):
    log_sizes = np.linalg.slogdet(s.own_scatter)[1] / s.scatter.shape[-1]
    return s.own_scatter * equal_volumes(log_sizes, s)[:, None, None]


def vvv(s, axes, kept):
    return s.own_scatter / s.own_mass[:, None, None]


M_STEPS = {
    function.__name__.upper(): function
    for function in (eii, vii, eei, vei, evi, vvi, eee, vee, eve, vve, eev, vev, evv, vvv)
}
