"""k-means from the groups of Ward's hierarchical clustering."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, ward
from sklearn.metrics import adjusted_rand_score
from strategies import seeds as random_states

from skgmm import GaussianMixtureEM
from skgmm._kernels import _native
from skgmm._starts.ward import kmeans_from_ward


@st.composite
def rows_and_groups(draw):
    """Rows in general position, and a number of groups that are possible."""
    rng = np.random.default_rng(draw(random_states))
    n, d = draw(st.integers(1, 70)), draw(st.integers(1, 9))
    rows = rng.normal(size=(n, d)) + 4.0 * rng.normal(size=(5, d))[rng.integers(5, size=n)]
    return rows, draw(st.integers(1, n))


def groups_of(rows, n_groups, fewest_rows=1, weights=None):
    labels = np.empty((1, len(rows)), dtype=np.int64)
    weights = np.ones(len(rows)) if weights is None else np.asarray(weights, dtype=np.float64)
    _native.ward(rows, weights, n_groups, np.array([fewest_rows]), labels)
    return labels[0]


def partitions(rows, n_clusters, fewest_rows, weights=None, seed=0):
    weights = np.ones(len(rows)) if weights is None else weights
    rng = np.random.RandomState(seed)
    return list(kmeans_from_ward(rows, weights, n_clusters, fewest_rows, rng, 1, 15))


@given(rows_and_groups())
def test_groups_are_those_of_scipy(data):
    rows, n_groups = data
    ours = groups_of(rows, n_groups)
    assert sorted(set(ours)) == list(range(n_groups))
    if len(rows) > 1:
        theirs = fcluster(ward(rows), n_groups, "maxclust")
        assert adjusted_rand_score(ours, theirs) == 1.0


@pytest.mark.parametrize("n_samples", [33, 250])
def test_every_instruction_set_finds_the_same_groups(instructions, n_samples):
    rows = np.random.default_rng(0).normal(size=(n_samples, 19))
    theirs = fcluster(ward(rows), 7, "maxclust")
    assert adjusted_rand_score(groups_of(rows, 7), theirs) == 1.0


@given(rows_and_groups(), random_states)
def test_a_weight_is_that_many_samples(data, seed):
    rows, n_groups = data
    counts = np.random.default_rng(seed).integers(1, 4, size=len(rows))
    weighted = groups_of(rows, n_groups, weights=counts)
    repeated = groups_of(np.repeat(rows, counts, axis=0), n_groups)
    assert adjusted_rand_score(np.repeat(weighted, counts), repeated) == 1.0


@given(rows_and_groups(), st.integers(2, 8))
def test_large_groups_have_enough_samples_and_most_merges(data, fewest_rows):
    rows, n_groups = data
    labels, n = groups_of(rows, n_groups, fewest_rows), len(rows)
    tree = [groups_of(rows, n_left) for n_left in range(n_groups, n + 1)]
    counts = [np.bincount(one) for one in tree]
    enough = [i for i, count in enumerate(counts) if (count >= fewest_rows).sum() >= n_groups]
    if not enough:
        assert (labels == -1).all()
        return
    # Of the partitions with so many large groups, the one with the fewest groups; the largest.
    kept = labels >= 0
    sizes = np.bincount(labels[kept])
    assert sorted(sizes) == sorted(np.sort(counts[enough[0]])[-n_groups:])
    assert sizes.min() >= fewest_rows
    assert adjusted_rand_score(labels[kept], tree[enough[0]][kept]) == 1.0


def test_repeated_and_equally_distant_samples_end():
    grid = np.array([[i, j] for i in range(6) for j in range(6)], dtype=np.float64)
    for rows in (grid, np.zeros((20, 2)), np.repeat(grid, 3, axis=0)):
        assert set(groups_of(rows, 4)) == {0, 1, 2, 3}


def test_wrong_sizes_are_refused():
    rows, labels = np.zeros((3, 1)), np.empty((1, 3), dtype=np.int64)
    with pytest.raises(ValueError, match="n_groups"):
        _native.ward(rows, np.ones(3), 4, np.array([1]), labels)
    with pytest.raises(ValueError, match="labels"):
        _native.ward(rows, np.ones(3), 2, np.array([1, 2]), labels)


def clusters(n_samples, n_clusters, n_features, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n_samples) % n_clusters
    return 12.0 * np.eye(n_clusters, n_features)[labels] + rng.normal(
        size=(n_samples, n_features)
    ), labels


@pytest.mark.parametrize("n_samples", [120, 2_000])
def test_all_of_many_clusters_are_found(n_samples):
    """Also from a part of the samples."""
    rows, labels = clusters(n_samples, 12, 12)
    (found,) = partitions(rows, 12, 1)
    assert adjusted_rand_score(labels, found) == 1.0


def test_isolated_samples_are_no_clusters_where_these_have_more():
    rows, labels = clusters(90, 3, 4)
    rows[:3] += 40.0 * np.array([[1.0], [-1.0], [2.0]])
    isolated, large = partitions(rows, 3, 5)
    assert np.bincount(isolated).min() == 1
    assert adjusted_rand_score(labels[3:], large[3:]) == 1.0


def test_isolated_samples_of_a_draw_are_no_clusters():
    rows, labels = clusters(3_000, 8, 8)
    rows[:60] += 40.0 * np.random.default_rng(1).normal(size=(60, 8))
    _, large = partitions(rows, 8, 9)
    assert adjusted_rand_score(labels[60:], large[60:]) > 0.99


@pytest.mark.parametrize("seed", range(3))
def test_samples_are_drawn_in_proportion_to_weight(seed):
    """Samples of almost no weight do not hide the clusters of the others."""
    rng = np.random.default_rng(seed)
    rows, labels = clusters(80, 8, 8, seed)
    rows = np.concatenate([rows, rng.uniform(-20.0, 30.0, size=(4_000, 8))])
    weights = np.repeat([1.0, 1e-9], [80, 4_000])
    first, *_ = partitions(rows, 8, 1, weights, seed)
    assert adjusted_rand_score(labels, first[:80]) == 1.0


def test_both_ways_to_the_same_groups_count_once():
    rows, _ = clusters(60, 3, 4)
    assert len(partitions(rows, 3, 5)) == 1


@pytest.mark.parametrize("seed", range(5))
def test_default_fits_find_the_clusters_beside_outliers(seed):
    """Few samples for ten full covariances: starts with isolated samples in groups of their own do
    not lead to all clusters.
    """
    rng = np.random.default_rng(seed)
    labels = np.arange(600) % 10
    X = 10.0 * rng.normal(size=(10, 20))[labels] / np.sqrt(20) + rng.normal(size=(600, 20))
    X[:6] += 20.0 * rng.normal(size=(6, 20))
    mixture = GaussianMixtureEM(10, random_state=seed).fit(X)
    assert adjusted_rand_score(labels, mixture.predict(X)) > 0.95
