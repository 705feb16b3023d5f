"""k-means for starts: greedy k-means++ seeds and Lloyd's algorithm on weighted samples.

scikit-learn's k-means does the same, but its overhead is larger than a fit of a small mixture.
"""

from __future__ import annotations

import numpy as np

from skgmm import _kernels
from skgmm._kernels._native import draw_seeds, lloyd
from skgmm._linalg import Array

MAX_ITER = 300

# Multiplications of iterations in one call: an interrupt waits for no more than about 0.1 s.
_IN_ONE_CALL = 1e8


def kmeans(
    rows: Array,
    weights: Array,
    n_clusters: int,
    rng: np.random.RandomState,
    n_threads: int,
    max_iter: int = MAX_ITER,
) -> Array:
    """Labels of a partition into `n_clusters` non-empty groups of small squared distances.

    Parameters
    ----------
    rows : ndarray of shape (m, d)
        At least `n_clusters` distinct ones.
    weights : ndarray of shape (m,)
        Positive.

    Returns
    -------
    labels : ndarray of int64, shape (m,)
    """
    rows = np.ascontiguousarray(rows)
    centres = rows[seeds(rows, weights, n_clusters, rng)]
    labels, left = np.full(len(rows), -1), max_iter
    stretch = max(1, int(_IN_ONE_CALL // (rows.size * n_clusters)))
    while True:
        n_iterations, left = min(stretch, left), left - stretch
        if lloyd(rows, weights, centres, labels, n_iterations, left <= 0, n_threads):
            return labels


def n_draws(n_clusters: int) -> int:
    """Draws of which the best becomes a seed."""
    return 2 + int(np.log(n_clusters))


def n_uniforms(n_clusters: int) -> int:
    """Uniform draws that `seeds` takes from a stream."""
    return 1 + (n_clusters - 1) * n_draws(n_clusters)


def seeds(rows: Array, weights: Array, n_clusters: int, rng: np.random.RandomState) -> Array:
    """Indices of seeds: greedy k-means++ (Arthur & Vassilvitskii 2007).

    Each seed is drawn with probability proportional to weight x squared distance to the nearest
    seed so far; of a few such draws the one that lowers the weighted sum most is kept.
    """
    result, draws = np.empty(n_clusters, dtype=np.int64), n_draws(n_clusters)
    uniforms = rng.random_sample(n_uniforms(n_clusters))
    draw_seeds(np.ascontiguousarray(rows), weights, uniforms, draws, result)
    return result


def farthest_first(rows: Array, weights: Array, n_clusters: int) -> Array:
    """Indices of seeds by farthest-first traversal (Gonzalez 1985); deterministic.

    The first seed is the sample nearest to the mean, each later one the farthest from all before
    it. A small group far from all others gets a seed, however few its samples are.
    """
    centre = weights @ rows / weights.sum()
    result = np.empty(n_clusters, dtype=np.int64)
    result[0] = np.argmin(_squared_distances(rows, centre))
    closest = np.full(len(rows), np.inf)
    for seed in range(1, n_clusters):
        distances = _squared_distances(rows, rows[result[seed - 1]])
        np.minimum(closest, distances, out=closest)
        result[seed] = np.argmax(closest)
    return result


def _squared_distances(rows: Array, centre: Array) -> Array:
    apart = rows - centre
    return np.einsum("ij,ij->i", apart, apart)


def nearest(rows: Array, centres: Array, n_threads: int, scale: Array | None = None) -> Array:
    """Label of the nearest centre for each sample, in units of `scale` (d,)."""
    labels = np.empty(len(rows), dtype=np.int64)
    _assign(rows, np.ascontiguousarray(centres), labels, n_threads, scale)
    return labels


def _assign(
    rows: Array, centres: Array, labels: Array, n_threads: int, scale: Array | None = None
) -> None:
    """Overwrite `labels` with those of the nearest centres."""
    n_clusters, n_features = centres.shape
    factors = np.ones((1, n_features)) if scale is None else 1.0 / scale[None, :]
    log_peak = np.zeros(n_clusters)
    _kernels.values(rows, centres, factors, log_peak, labels=labels, n_threads=n_threads)
