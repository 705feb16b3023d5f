"""Generated data whose clusters are known, for the tests and for benchmarks/answers.py.

A generator takes a seed and returns a `Labelled`; the same seed gives the same data. The first ones
are the smallest inputs on which users of Gaussian mixtures reported wrong clusters.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Labelled:
    """Observations, their true groups, and a number of components that can describe them."""

    X: np.ndarray  # (n, d)
    labels: np.ndarray  # (n,)
    n_components: int
    compared: np.ndarray | None = None  # the observations that labels are compared on; None is all


def two_clusters(seed, n_each, n_features=2, centre=3.0):
    """Two unit Gaussians about -centre and +centre in every feature."""
    rng = np.random.default_rng(seed)
    shape = (n_each, n_features)
    X = np.r_[rng.normal(-centre, 1, shape), rng.normal(centre, 1, shape)]
    return Labelled(X, np.repeat([0, 1], n_each), 2)


def with_dummy(seed):
    """Two clusters and a column that is 1 for every tenth observation."""
    data = two_clusters(seed, 100)
    return Labelled(np.c_[data.X, np.arange(200) % 10 == 0], data.labels, 2)


def with_one_hot(seed):
    """Two clusters and a category of three levels as three columns."""
    data = two_clusters(seed, 30)
    return Labelled(np.c_[data.X, np.eye(3)[np.arange(60) % 3]], data.labels, 2)


def with_dummy_and_one_hot(seed):
    data = with_dummy(seed)
    return Labelled(np.c_[data.X, np.eye(3)[np.arange(200) % 3]], data.labels, 2)


def with_count(seed):
    data = two_clusters(seed, 100)
    return Labelled(np.c_[data.X, poisson(seed, 200)], data.labels, 2)


def with_zero_inflation(seed):
    data = two_clusters(seed, 100)
    return Labelled(np.c_[data.X, zero_inflated(seed, 200)], data.labels, 2)


def with_clipping(seed):
    """Two clusters and a normal column of which values above 0.5 are recorded as 0.5."""
    data = two_clusters(seed, 100)
    clipped = np.minimum(column_rng(seed).normal(size=200), 0.5)
    return Labelled(np.c_[data.X, clipped], data.labels, 2)


def questionnaire(seed, n=400, n_questions=6):
    """Answers from 1 to 5 by two kinds of people, who differ by 2 in the mean of each answer."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    answers = rng.normal(2.0 + 2.0 * labels[:, None], 0.9, (n, n_questions))
    return Labelled(np.clip(np.round(answers), 1, 5), labels, 2)


def pixels(seed, n=600, side=6):
    """Small pictures of three bars with grey levels from 0 to 16, most pixels 0."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    pictures = np.zeros((3, side, side))
    pictures[0, :, side // 2 - 1 : side // 2 + 1] = 12
    pictures[1, side // 2 - 1 : side // 2 + 1] = 12
    pictures[2] = 12 * np.eye(side)
    noisy = pictures[labels].reshape(n, -1) + rng.normal(0, 3, (n, side * side))
    return Labelled(np.clip(np.round(noisy), 0, 16), labels, 3)


def far_minority(seed):
    """Ten of 200 observations lie 8 standard deviations away. The data are the same for all seeds:
    the seed is for the fit."""
    X = np.random.default_rng(0).normal(size=(200, 3))
    X[:10, 0] += 8
    return Labelled(X, (np.arange(200) < 10).astype(int), 2)


def fill_values(seed):
    """Ten of 610 values are 1e20, which stands for a missing value. One feature; the data are the
    same for all seeds."""
    X = np.r_[np.random.default_rng(0).normal(280, 10, 600), np.full(10, 1e20)][:, None]
    return Labelled(X, (np.arange(610) >= 600).astype(int), 2)


def three_rare_groups(seed, n=50_000, m=50):
    """Three groups of 50 beside 50,000; as many of the latter are compared as are rare."""
    rng = np.random.default_rng(seed)
    groups = [rng.normal(size=(m, 3)) * 0.2 + 6 * centre for centre in np.eye(3)]
    X = np.r_[rng.normal(size=(n, 3)), *groups]
    labels = np.r_[np.zeros(n, dtype=int), np.repeat([1, 2, 3], m)]
    return Labelled(X, labels, 4, compared=np.r_[: 3 * m, n : n + 3 * m])


def apart(seed, n, d, K):
    """K round clusters of equal size, their centres 6 standard deviations apart in most pairs."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % K
    centres = spread_out(rng, K, d, 6.0)
    return Labelled(centres[labels] + rng.normal(size=(n, d)), labels, K)


def wide(seed, n, d, K, distance=6.0):
    """K clusters in many dimensions with few samples in each: data on which EM freezes.

    Each has axes of its own, with standard deviations between 1/2 and 2.
    """
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % K
    centres = spread_out(rng, K, d, distance)
    axes = np.linalg.qr(rng.normal(size=(K, d, d)))[0]
    roots = axes * 2.0 ** rng.uniform(-1, 1, (K, 1, d))
    X = rng.normal(size=(n, d))
    for k in range(K):
        X[labels == k] = centres[k] + X[labels == k] @ roots[k].T
    return Labelled(X, labels, K)


def skewed(seed, n=500, d=3):
    """A group of a tenth with a long tail beside one without, as in tables of amounts of money."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(n) < n // 10).astype(int)
    X = rng.normal(size=(n, d))
    X[labels == 1] = 4.0 + rng.gamma(1.5, 2.0, (n // 10, d))
    return Labelled(X, labels, 2)


def few_samples(seed, n_each, n_clusters, n_features=2):
    """Two or three clear clusters of so many samples each; two in two features are `two_clusters`
    and the third lies to the side, 6 standard deviations from both in each of half the features."""
    rng = np.random.default_rng(seed)
    third = np.where(np.arange(n_features) % 2, -3.0, 3.0)
    centres = [np.full(n_features, -3.0), np.full(n_features, 3.0), third][:n_clusters]
    X = np.concatenate([rng.normal(centre, 1, (n_each, n_features)) for centre in centres])
    return Labelled(X, np.repeat(np.arange(n_clusters), n_each), n_clusters)


def noise(seed, n, d):
    """Standard normal: one cluster."""
    return Labelled(np.random.default_rng(seed).normal(size=(n, d)), np.zeros(n, dtype=int), 1)


@dataclass(frozen=True)
class Truth:
    """A sample with the parameters that it was drawn from."""

    X: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray


def many_components(seed, n, d, K, distance=10.0):
    """A mixture of K overlapping components of different size, shape and direction.

    Means are normal with a root-mean-square `distance` from each other, covariances A A' with A the
    identity plus normal entries of standard deviation 0.3, weights uniform between 0.5 and 1.5 over
    their sum.
    """
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.5, 1.5, K)
    weights /= weights.sum()
    means = spread_out(rng, K, d, distance)
    roots = np.eye(d) + 0.3 * rng.normal(size=(K, d, d))
    labels = rng.choice(K, size=n, p=weights)
    X = rng.normal(size=(n, d))
    for k in range(K):
        X[labels == k] = means[k] + X[labels == k] @ roots[k].T
    return Truth(X, labels, weights, means, roots @ roots.transpose(0, 2, 1))


def column_rng(seed):
    """For columns that are added to data: independent of the data's own draws."""
    return np.random.default_rng([seed, 1])


def poisson(seed, n):
    """A count with mean 2, unrelated to any group."""
    return column_rng(seed).poisson(2.0, n).astype(float)


def zero_inflated(seed, n):
    """Zero in 60 % of the observations, else exponential; unrelated to any group."""
    rng = column_rng(seed)
    return np.where(rng.random(n) < 0.6, 0.0, rng.exponential(size=n))


def dummy(seed, n):
    """1 in 10 % of the observations, unrelated to any group."""
    return (column_rng(seed).random(n) < 0.1).astype(float)


def one_hot(seed, n):
    """A category of three levels, unrelated to any group, as three columns."""
    return np.eye(3)[column_rng(seed).integers(3, size=n)]


def spread_out(rng, K, d, distance):
    """Normal centres whose root-mean-square distance is `distance`."""
    return distance / np.sqrt(2 * d) * rng.normal(size=(K, d))
