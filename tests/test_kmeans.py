"""k-means for starts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import seeds as random_states

from skgmm._kernels import LostRowError
from skgmm._kernels._native import draw_seeds, move_centres
from skgmm._starts.kmeans import farthest_first, kmeans, nearest, seeds


@st.composite
def weighted_rows(draw):
    """Rows, positive weights and a number of groups that are possible."""
    rng = np.random.default_rng(draw(random_states))
    n, d = draw(st.integers(2, 60)), draw(st.integers(1, 5))
    rows = rng.normal(size=(n, d)) * draw(st.sampled_from([1e-8, 1.0, 1e8]))
    if draw(st.booleans()):  # far from the origin, but not so far that rows become the same
        rows += 1e4 * np.abs(rows).max()
    return rows, rng.uniform(0.5, 3.0, size=n), draw(st.integers(1, min(n, 8)))


def means_of(rows, weights, labels, n_groups):
    return np.array(
        [
            np.average(rows[labels == k], axis=0, weights=weights[labels == k])
            for k in range(n_groups)
        ]
    )


@given(weighted_rows(), random_states)
@settings(max_examples=60)
def test_labels_are_those_of_the_nearest_mean(data, seed):
    rows, weights, K = data
    labels = kmeans(rows, weights, K, np.random.RandomState(seed), 1)
    assert set(labels) == set(range(K))
    means = means_of(rows, weights, labels, K)
    squares = ((rows[:, None] - means) ** 2).sum(axis=2)
    own, scale = squares[np.arange(len(rows)), labels], rows.var(axis=0).sum()
    # Lloyd's algorithm ends when the means move by no more than its tolerance.
    assert (own <= squares.min(axis=1) + 0.1 * scale).all()
    spread = weights @ ((rows - np.average(rows, axis=0, weights=weights)) ** 2).sum(axis=1)
    assert weights @ own <= spread * (1 + 1e-9)


@given(weighted_rows(), random_states)
@settings(max_examples=60)
def test_centres_move_to_weighted_means(data, seed):
    rows, weights, K = data
    labels = np.random.RandomState(seed).permutation(np.arange(len(rows)) % K)
    centres = rows[:K].copy()
    movement = move_centres(rows, weights, labels, centres)
    means = means_of(rows, weights, labels, K)
    spread = np.ptp(rows, axis=0).max()
    np.testing.assert_allclose(centres, means, rtol=1e-13, atol=1e-12 * spread)
    assert movement == pytest.approx(((means - rows[:K]) ** 2).sum(), rel=1e-7)


def test_kmeans_centre_of_an_empty_cluster_is_kept():
    centres = np.zeros((2, 1))
    assert move_centres(np.ones((3, 1)), np.ones(3), np.zeros(3, dtype=np.int64), centres) == -1
    assert (centres == 0).all()


@pytest.mark.parametrize("labels", [[0, 2, 0], [0, -1, 0]])
def test_labels_outside_the_centres_are_refused(labels):
    with pytest.raises(ValueError, match="labels: of the centres"):
        move_centres(np.ones((3, 1)), np.ones(3), np.array(labels), np.zeros((2, 1)))


@given(weighted_rows(), random_states)
@settings(max_examples=60)
def test_seeds_are_distinct_samples(data, seed):
    rows, weights, K = data
    chosen = seeds(rows, weights, K, np.random.RandomState(seed))
    assert len(set(chosen)) == K
    repeated = seeds(
        np.repeat(rows, 2, axis=0), np.repeat(weights, 2), K, np.random.RandomState(seed)
    )
    assert len(np.unique(np.repeat(rows, 2, axis=0)[repeated], axis=0)) == K


def test_seeds_are_the_greedy_choice():
    """Of its draws the one that leaves the least, by weight x squared distance."""
    rng = np.random.default_rng(0)
    rows, weights = rng.normal(size=(40, 3)), rng.uniform(0.5, 2.0, size=40)
    uniforms = rng.uniform(size=(3, 4))
    chosen = np.zeros(4, dtype=np.int64)
    draw_seeds(rows, weights, np.r_[0.0, uniforms.ravel()], 4, chosen)  # 0.0: the first sample
    squares = ((rows[:, None] - rows) ** 2).sum(axis=2)
    closest = squares[0]
    for row, marks in zip(chosen[1:], uniforms, strict=True):
        cumulative = np.cumsum(weights * closest)
        draws = np.searchsorted(cumulative, marks * cumulative[-1], side="right")
        best = min(draws, key=lambda draw: weights @ np.minimum(closest, squares[draw]))
        assert row == best
        closest = np.minimum(closest, squares[row])


@given(weighted_rows(), random_states)
@settings(max_examples=60)
def test_seeds_of_repeated_samples_equal_those_of_weights(data, seed):
    """In the draw as in the choice among a few draws, a weight of 50 is 50 samples."""
    rows, _, K = data
    counts = np.random.default_rng(seed).integers(1, 50, size=len(rows))
    weighted = seeds(rows, counts.astype(np.float64), K, np.random.RandomState(seed))
    repeated = np.repeat(np.arange(len(rows)), counts)
    single = seeds(rows[repeated], np.ones(len(repeated)), K, np.random.RandomState(seed))
    assert weighted.tolist() == repeated[single].tolist()


def squared_distances(rows, points):
    return ((rows[:, None] - points) ** 2).sum(axis=2)


@pytest.mark.parametrize("n_features", [1, 3, 8, 19])
@pytest.mark.parametrize("n_samples", [1, 7, 32, 33, 1300])
def test_nearest_points_and_seeds_with_every_instruction_set(instructions, n_samples, n_features):
    rng = np.random.default_rng(n_samples + n_features)
    rows, weights = rng.normal(size=(n_samples, n_features)), rng.uniform(0.5, 2.0, size=n_samples)
    points = rng.normal(size=(6, n_features))
    expected = squared_distances(rows, points).argmin(axis=1)
    for n_threads in (1, 2):
        assert nearest(rows, points, n_threads).tolist() == expected.tolist()
    traversal = farthest_first(rows, weights, min(n_samples, 9))
    mean = np.average(rows, axis=0, weights=weights)
    assert traversal[0] == squared_distances(rows, mean[None]).argmin()
    for i in range(1, len(traversal)):
        assert traversal[i] == squared_distances(rows, rows[traversal[:i]]).min(axis=1).argmax()
    assert len(set(seeds(rows, weights, len(traversal), np.random.RandomState(0)))) == len(
        traversal
    )


def test_of_equally_near_points_the_first():
    rows = np.array([[0.0], [1.0], [-1.0]])
    assert nearest(rows, np.array([[1.0], [-1.0], [1.0]]), 1).tolist() == [0, 0, 1]


def test_distances_beyond_the_range_of_a_float_are_refused():
    with pytest.raises(LostRowError, match="Row 1 of X"):
        nearest(np.array([[0.0], [1e200]]), np.zeros((1, 1)), 1)


def test_the_number_of_threads_does_not_matter():
    rng = np.random.default_rng(0)
    rows, weights = rng.normal(size=(9000, 3)), rng.uniform(0.5, 2.0, size=9000)
    labels = [kmeans(rows, weights, 5, np.random.RandomState(0), n) for n in (1, 3)]
    assert (labels[0] == labels[1]).all()
