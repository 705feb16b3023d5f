"""k-means for starts: greedy k-means++ seeds and Lloyd's algorithm on weighted samples.

scikit-learn's k-means does the same, but its overhead is larger than a fit of a small mixture.
"""

from __future__ import annotations

import numpy as np

from skgmm._kernels import _native, check_lost
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
    return lloyd(rows, weights, centres, n_threads, max_iter)


def lloyd(rows: Array, weights: Array, centres: Array, n_threads: int, max_iter: int) -> Array:
    """The same from given centres (K, d)."""
    labels, left = np.full(len(rows), -1), max_iter
    stretch = max(1, int(_IN_ONE_CALL // (rows.size * len(centres))))
    while True:
        n_iterations, left = min(stretch, left), left - stretch
        if _native.lloyd(rows, weights, centres, labels, n_iterations, left <= 0, n_threads):
            return labels


def means_of_groups(rows: Array, weights: Array, labels: Array, n_groups: int) -> Array | None:
    """The weighted mean of the rows of each group, (K, d); a negative label is none.

    None if a group has no row.
    """
    centres, named = np.zeros((n_groups, rows.shape[1])), labels >= 0
    movement = _native.move_centres(rows[named], weights[named], labels[named], centres)
    return centres if movement >= 0 else None


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
    _native.draw_seeds(np.ascontiguousarray(rows), weights, uniforms, draws, result)
    return result


def farthest_first(rows: Array, weights: Array, n_clusters: int) -> Array:
    """Indices of seeds by farthest-first traversal (Gonzalez 1985); deterministic.

    The first seed is the sample nearest to the mean, each later one the farthest from all before
    it. A small group far from all others gets a seed, however few its samples are.
    """
    result = np.empty(n_clusters, dtype=np.int64)
    _native.farthest_first(rows, weights, weights @ rows / weights.sum(), result)
    return result


def nearest(rows: Array, centres: Array, n_threads: int) -> Array:
    """Label of the nearest centre for each sample."""
    labels = np.empty(len(rows), dtype=np.int64)
    check_lost(_native.label_nearest(rows, centres, labels, n_threads))
    return labels
