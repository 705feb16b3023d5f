"""Components combined into clusters."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import entr
from sklearn.exceptions import NotFittedError
from strategies import as_estimator, mixtures, random_mixture, seeds

from skgmm import GaussianMixtureEM, GaussianMixtureSearch, merge_components
from skgmm._inference.bend import bend_of, lines_of
from skgmm.display import EntropyDisplay


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def pair():
    """Two components that are one cluster, and one apart."""
    mixture = GaussianMixtureEM.from_parameters(
        [0.3, 0.4, 0.3], [[0.0], [9.0], [1.0]], [[1.0], [1.0], [1.0]], "diag"
    )
    return mixture, mixture.sample(500, random_state=0)[0]


def entropy(responsibilities, weights):
    return float((weights[:, None] * entr(responsibilities)).sum())


def brute_force(responsibilities, weights):
    """Merges and entropies by trying every pair: straight from the definition."""
    clusters = [[k] for k in range(responsibilities.shape[1])]

    def value(groups):
        columns = [responsibilities[:, group].sum(axis=1) for group in groups]
        return entropy(np.column_stack(columns), weights)

    entropies = [value(clusters)]
    while len(clusters) > 1:
        options = []
        for i in range(len(clusters)):
            for j in range(i + 1, len(clusters)):
                rest = [c for n, c in enumerate(clusters) if n not in (i, j)]
                options.append((value([*rest, clusters[i] + clusters[j]]), i, j))
        _, i, j = min(options)
        clusters[i] = sorted(clusters[i] + clusters.pop(j))
        entropies.append(value(clusters))
    return entropies[::-1]


@given(mixtures(max_components=5), seeds)
def test_each_merge_decreases_the_entropy_most(case, seed):
    name, parameters = case
    mixture = as_estimator(parameters, name)
    X, _ = mixture.sample(60, random_state=np.random.RandomState(seed))
    weights = np.random.default_rng(seed).integers(0, 4, size=60).astype(float)
    weights[0] = 1.0
    merged = merge_components(mixture, X, sample_weight=weights)
    expected = brute_force(mixture.predict_proba(X), weights)
    np.testing.assert_allclose(merged.entropies, expected, rtol=1e-6, atol=1e-6)
    assert (np.diff(merged.entropies) >= -1e-9).all()
    assert len(merged.merges) == parameters.n_components - 1


@given(mixtures(max_components=5), seeds, st.data())
def test_clusters_partition_the_components(case, seed, data):
    name, parameters = case
    K = parameters.n_components
    mixture = as_estimator(parameters, name)
    X, _ = mixture.sample(40, random_state=np.random.RandomState(seed))
    n_clusters = data.draw(st.integers(1, K))
    merged = merge_components(mixture, X, n_clusters)
    assert merged.n_clusters == n_clusters
    assert sorted(set(merged.labels.tolist())) == list(range(n_clusters))
    first = [int(np.flatnonzero(merged.labels == c)[0]) for c in range(n_clusters)]
    assert first == sorted(first)
    proba = merged.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    for c in range(n_clusters):
        own = mixture.predict_proba(X)[:, merged.labels == c].sum(axis=1)
        np.testing.assert_allclose(proba[:, c], own, atol=1e-12)
    assert np.array_equal(merged.predict(X), proba.argmax(axis=1))


@given(mixtures(max_components=5), seeds)
def test_the_order_of_components_does_not_matter(case, seed):
    name, parameters = case
    order = np.random.default_rng(seed).permutation(parameters.n_components)
    mixture, other = as_estimator(parameters, name), as_estimator(parameters.reordered(order), name)
    X, _ = mixture.sample(60, random_state=np.random.RandomState(seed))
    one, two = merge_components(mixture, X), merge_components(other, X)
    np.testing.assert_allclose(one.entropies, two.entropies, rtol=1e-6, atol=1e-6)
    assert one.n_clusters == two.n_clusters


def test_the_overlapping_pair_is_merged(pair):
    mixture, X = pair
    merged = merge_components(mixture, X)
    assert merged.merges == [([0], [2]), ([0, 2], [1])]
    assert merged.n_clusters == 2
    assert merged.labels.tolist() == [0, 1, 0]
    assert merged.entropies[0] == pytest.approx(0.0, abs=1e-9)
    assert merged.entropies[2] == pytest.approx(entropy(mixture.predict_proba(X), np.ones(500)))


def test_ties_are_merged_in_the_order_of_the_components():
    """Four components of which no pair shares a sample: every merge gains nothing."""
    mixture = GaussianMixtureEM.from_parameters(
        np.full(4, 0.25), [[0.0], [1e3], [2e3], [3e3]], np.ones(4), "spherical"
    )
    X, _ = mixture.sample(100, random_state=0)
    merged = merge_components(mixture, X)
    assert merged.merges == [([0], [1]), ([0, 1], [2]), ([0, 1, 2], [3])]
    assert merged.n_clusters == 4  # without a bend nothing is merged
    assert merged.entropies.tolist() == [0.0] * 4


def test_noise_is_a_column_of_its_own():
    mixture = GaussianMixtureEM.from_parameters(
        [0.5, 0.4], [[0.0], [0.5]], [1.0, 1.0], "spherical", noise_volume=100.0
    )
    X = np.vstack([mixture.sample(200, random_state=0)[0], [[40.0]]])
    merged = merge_components(mixture, X, 1)
    assert merged.labels.tolist() == [0, 0]
    proba = merged.predict_proba(X)
    assert proba.shape == (201, 2)
    np.testing.assert_allclose(proba[:, 1], mixture.predict_proba(X)[:, 2])
    assert merged.predict(X)[-1] == -1
    own = mixture.predict_proba(X)[:, :2]
    assert merged.entropies[1] == pytest.approx(entropy(own, np.ones(201)))
    assert merged.entropies[0] == pytest.approx(entropy(proba[:, :1], np.ones(201)))


def test_missing_values_and_weights(pair):
    mixture = as_estimator(random_mixture(0, 4, 3, "full", 1.0), "full")
    X, _ = mixture.sample(100, random_state=0)
    X[::3, 1] = np.nan
    weights = np.arange(100) % 3
    repeated = merge_components(mixture, np.repeat(X, weights, axis=0))
    weighted = merge_components(mixture, X, sample_weight=weights)
    np.testing.assert_allclose(weighted.entropies, repeated.entropies, atol=1e-9)
    assert weighted.merges == repeated.merges


def test_the_best_mixture_of_a_search_is_merged(pair):
    _, X = pair
    search = GaussianMixtureSearch([1, 2, 3], covariance_types="full", random_state=0).fit(X)
    assert len(merge_components(search, X).entropies) == search.best_n_components_


def test_a_later_fit_does_not_change_the_clusters(pair):
    _, X = pair
    mixture = GaussianMixtureEM(3, random_state=0).fit(X)
    merged = merge_components(mixture, X, 2)
    before = merged.predict_proba(X)
    mixture.set_params(n_components=2).fit(X)
    assert np.array_equal(merged.predict_proba(X), before)


@pytest.mark.parametrize("n_clusters", [0, 4, 2.0, "2", -1])
def test_wrong_number_of_clusters(pair, n_clusters):
    with pytest.raises(ValueError, match=r"n_clusters should be .* from 1 to .* 3"):
        merge_components(*pair, n_clusters)


def test_what_cannot_be_merged(pair):
    with pytest.raises(NotFittedError):
        merge_components(GaussianMixtureEM(2), pair[1])
    with pytest.raises(TypeError, match="should be a GaussianMixtureEM"):
        merge_components("mixture", pair[1])


# The bend


@pytest.mark.parametrize(
    ("entropies", "n_clusters"),
    [
        ([0.0], 1),
        ([0.0, 5.0], 2),
        ([0.0, 0.0, 5.0], 2),
        ([0.0, 1.0, 2.0, 20.0, 40.0, 60.0], 3),
        ([0.0, 1.0, 2.0, 3.0, 40.0], 4),
        ([0.0, 10.0, 20.0, 30.0], 4),  # a straight line
        ([0.0, 10.0, 12.0, 14.0], 4),  # the bend is the other way
        ([0.0, 0.0, 0.0], 3),
    ],
)
def test_bend(entropies, n_clusters):
    assert bend_of(np.array(entropies)) == n_clusters


def test_lines_meet_the_points_of_two_straight_lines():
    entropies = np.array([0.0, 1.0, 2.0, 20.0, 38.0])
    (x, y), (u, v) = lines_of(entropies, 3)
    np.testing.assert_allclose(y, entropies[x - 1], atol=1e-12)
    np.testing.assert_allclose(v, entropies[u - 1], atol=1e-12)


# The plot


def test_plot_of_the_entropies(pair):
    mixture, X = pair
    merged = merge_components(mixture, X)
    display = EntropyDisplay.from_merging(merged)
    points = display.ax_.lines[0]
    assert points.get_xdata().tolist() == [1, 2, 3]
    np.testing.assert_allclose(points.get_ydata(), merged.entropies)
    ring = display.ax_.lines[-1]
    assert ring.get_xdata()[0] == 2
    again = EntropyDisplay.from_estimator(mixture, X, n_clusters=3)
    assert again.n_clusters == 3
    _, ax = plt.subplots()
    assert display.plot(ax).ax_ is ax
    with pytest.raises(ValueError, match=r"EntropyDisplay.from_estimator needs X"):
        EntropyDisplay.from_estimator(mixture, None)


def test_plot_of_a_single_component():
    mixture = GaussianMixtureEM(1).fit(np.arange(20.0)[:, None])
    display = EntropyDisplay.from_estimator(mixture, np.arange(20.0)[:, None])
    display.figure_.canvas.draw()
