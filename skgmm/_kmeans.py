"""k-means for starts: greedy k-means++ seeds and Lloyd's algorithm on weighted rows.

scikit-learn's k-means gives the same kind of answer, but takes longer to begin than a small mixture
takes to fit.
"""

from __future__ import annotations

import numpy as np

from skgmm import _kernels
from skgmm._linalg import Array

MAX_ITER = 300
TOLERANCE = 1e-4  # squared movement of the centres, in units of the mean variance of a feature


def kmeans(
    rows: Array, weights: Array, n_clusters: int, rng: np.random.RandomState, n_threads: int
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
    centres = rows[seeds(rows, weights, n_clusters, rng)]
    small = TOLERANCE * rows.var(axis=0).mean()
    labels = np.full(len(rows), -1)
    for _ in range(MAX_ITER):
        previous, labels = labels, nearest(rows, centres, n_threads)
        labels = _filled(rows, centres, labels)
        if np.array_equal(labels, previous):
            return labels  # their means are the centres
        moved = _means(rows, weights, labels, n_clusters)
        movement = ((moved - centres) ** 2).sum()
        centres = moved
        if movement <= small:
            break
    return _filled(rows, centres, nearest(rows, centres, n_threads))


def seeds(rows: Array, weights: Array, n_clusters: int, rng: np.random.RandomState) -> Array:
    """Row numbers of spread-out seeds: k-means++ (Arthur & Vassilvitskii 2007), made greedy.

    Each seed is drawn in proportion to weight x squared distance to the nearest seed so far; of a
    few such draws the one is kept that lowers the sum of those most.
    """
    n_draws = 2 + int(np.log(n_clusters))
    centred = rows - rows.mean(axis=0)
    squares = np.einsum("ij,ij->i", centred, centred)

    def distances(chosen: Array) -> Array:
        """Squared distances from each of some rows to all, (len(chosen), m)."""
        products = centred[chosen] @ centred.T
        return np.maximum(squares[chosen, None] - 2.0 * products + squares, 0.0)

    result = [int(rng.choice(len(rows), p=weights / weights.sum()))]
    closest = distances(np.array(result))[0]
    for _ in range(1, n_clusters):
        closest[result] = 0.0  # exactly: the expanded square leaves a rounding
        cumulative = np.cumsum(weights * closest)
        draws = np.searchsorted(cumulative, rng.random_sample(n_draws) * cumulative[-1])
        draws = np.minimum(draws, len(rows) - 1)
        candidates = np.minimum(closest, distances(draws))
        best = int(np.argmin(candidates @ weights))
        result.append(int(draws[best]))
        closest = candidates[best]
    return np.array(result)


def nearest(rows: Array, centres: Array, n_threads: int, scale: Array | None = None) -> Array:
    """Label of the nearest centre for each row, in units of `scale` (d,)."""
    n_clusters, n_features = centres.shape
    factors = np.ones((1, n_features)) if scale is None else 1.0 / scale[None, :]
    labels = np.empty(len(rows), dtype=np.int64)
    _kernels.values(
        rows,
        np.ascontiguousarray(centres),
        factors,
        np.zeros(n_clusters),
        labels=labels,
        n_threads=n_threads,
    )
    return labels


def _means(rows: Array, weights: Array, labels: Array, n_clusters: int) -> Array:
    """Weighted means of the groups, (n_clusters, d)."""
    mass = np.bincount(labels, weights, minlength=n_clusters)
    origin = rows[0]  # so that the sums keep their digits far from 0
    sums = [
        np.bincount(labels, weights * (column - shift), minlength=n_clusters)
        for column, shift in zip(rows.T, origin, strict=True)
    ]
    return np.array(sums).T / mass[:, None] + origin


def _filled(rows: Array, centres: Array, labels: Array) -> Array:
    """Labels with empty groups given the rows farthest from their centres, one each."""
    empty = np.flatnonzero(np.bincount(labels, minlength=len(centres)) == 0)
    for group in empty:
        distance = ((rows - centres[labels]) ** 2).sum(axis=1)
        alone = np.bincount(labels, minlength=len(centres))[labels] == 1
        farthest = int(np.argmax(np.where(alone, -1.0, distance)))
        labels[farthest] = group
    return labels
