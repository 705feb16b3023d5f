"""k-means from the groups of Ward's hierarchical clustering.

With more than a few clusters, random seeds of k-means leave some cluster without one, and k-means
does not move a centre from one cluster to another. Ward's method has no seeds. It begins with
single samples and merges two groups at a time, those that increase the sum of squares within groups
least. Isolated samples remain groups until the end, so groups are also looked for where enough of
them are large. A few hundred samples show where clusters are; Lloyd's algorithm goes on with all.

References
----------
Ward (1963), Hierarchical grouping to optimize an objective function.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skgmm._kernels import _native
from skgmm._linalg import Array
from skgmm._starts.kmeans import lloyd, means_of_groups
from skgmm._starts.methods import arrivals

# Rows that are merged, between two limits: time and memory grow with their square. Where a limit
# leaves fewer than so many for each cluster, too many clusters would be missed.
_PER_CLUSTER, _FEWEST_MERGED, _MOST_MERGED = 20, 300, 1_000
_FEWEST_PER_CLUSTER = 8

# Groups of fewer rows are isolated samples, also of a draw.
_FEWEST_ROWS = 3


def kmeans_from_ward(
    rows: Array,
    weights: Array,
    n_clusters: int,
    fewest_rows: int,
    rng: np.random.RandomState,
    n_threads: int,
    max_iter: int,
) -> Iterator[Array]:
    """Labels (m,) of partitions into `n_clusters` groups: two or fewer, none if they are too many.

    Parameters
    ----------
    rows : ndarray of shape (m, d)
        At least `n_clusters` distinct ones.
    weights : ndarray of shape (m,)
        Positive.
    fewest_rows : int
        The second begins with groups of at least so many rows, and no fewer than three, if there
        are enough such groups.
    """
    rows = np.ascontiguousarray(rows)
    merged, mass = rows, weights
    most = min(max(_FEWEST_MERGED, _PER_CLUSTER * n_clusters), _MOST_MERGED)
    if len(rows) > most:
        if most < _FEWEST_PER_CLUSTER * n_clusters:
            return
        merged, mass = _drawn(rows, weights, most, rng)
        fewest_rows = -(-fewest_rows * most // len(rows))
    cuts = np.array([1, max(fewest_rows, _FEWEST_ROWS)])
    groups = np.empty((len(cuts), len(merged)), dtype=np.int64)
    _native.ward(merged, mass, n_clusters, cuts, groups)
    every, large = groups
    for labels in [every] if (large == every).all() else [every, large]:
        centres = means_of_groups(merged, mass, labels, n_clusters)
        if centres is not None:
            yield lloyd(rows, weights, centres, n_threads, max_iter)


def _drawn(
    rows: Array, weights: Array, size: int, rng: np.random.RandomState
) -> tuple[Array, Array]:
    """Some of more rows, with weights that keep the expected mass of every group."""
    times = arrivals(weights, rng)
    first = np.argsort(times, kind="stable")
    some, later = np.sort(first[:size]), times[first[size]]
    # Over the probability to arrive before that time (Horvitz and Thompson 1952).
    return rows[some], weights[some] / -np.expm1(-weights[some] * later)
