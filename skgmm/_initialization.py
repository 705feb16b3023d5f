"""Starts: functions from weighted rows to complete, valid MixtureParameters.

A start sees the data as a weighted set of distinct rows in a fixed order (`StartSample`), so a
weight of 3 is three rows, a weight of 0 is none, and the order of the rows does not matter:
with the same seed the start is the same, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from skgmm._expectation import Rows, partition_moments
from skgmm._linalg import Array
from skgmm._moments import Moments
from skgmm._parameters import MixtureParameters, maximise
from skgmm.covariance import Covariance, Structure

Shares = Callable[[Rows], Array]
"""Responsibilities (K, b) of the rows with these numbers (b,), in an array of their own."""

SAMPLE_ROWS = 25_000
"""A start looks at no more than this many rows, or at 250 for each component."""


@dataclass(frozen=True)
class StartSample:
    """Distinct rows in lexicographic order and their weights."""

    rows: Array  # (m, d)
    weights: Array  # (m,), positive
    complete: bool  # whether these are all of them

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class GivenParameters:
    """What the user fixed of the start; None where the start is to find it."""

    weights: Array | None = None  # (K,)
    means: Array | None = None  # (K, d)
    covariance: Covariance | None = None

    def complete(self) -> MixtureParameters | None:
        """The start, when nothing is left to find."""
        if self.weights is None or self.means is None or self.covariance is None:
            return None
        return MixtureParameters.from_weights(self.weights, self.means, self.covariance)

    def imposed_on(self, start: MixtureParameters) -> MixtureParameters:
        """The start with the given parts put in."""
        return MixtureParameters.from_weights(
            start.weights if self.weights is None else self.weights,
            start.means if self.means is None else self.means,
            start.covariance if self.covariance is None else self.covariance,
        )


def start_sample(
    X: Array, sample_weight: Array | None, n_components: int, rng: np.random.RandomState
) -> StartSample:
    """The rows that starts look at: all distinct ones, or a weighted random sample of them."""
    size = max(SAMPLE_ROWS, 250 * n_components)
    weights = np.ones(len(X)) if sample_weight is None else sample_weight
    complete = len(X) <= size
    if complete:
        chosen = np.flatnonzero(weights)
        weights = weights[chosen]
    else:
        chosen, weights = _priority_sample(weights, size, rng)
    rows, weights = _distinct(np.asarray(X[chosen], dtype=np.float64), weights)
    return StartSample(rows, weights, complete)


def _priority_sample(weights: Array, size: int, rng: np.random.RandomState) -> tuple[Array, Array]:
    """Rows chosen without replacement and weights that keep every total unbiased.

    Priority sampling (Duffield, Lund & Thorup 2007): heavy rows keep their weight, light ones are
    chosen in proportion to it and share one weight.
    """
    # The draw is uniform on (0, 1]: 0 would give an infinite priority.
    priority = weights / (1.0 - rng.random_sample(len(weights)))
    order = np.argpartition(priority, len(weights) - size - 1)[-size - 1 :]
    order = order[np.argsort(priority[order])]
    threshold, chosen = priority[order[0]], np.sort(order[1:])
    chosen = chosen[weights[chosen] > 0]
    return chosen, np.maximum(weights[chosen], threshold)


def _distinct(rows: Array, weights: Array) -> tuple[Array, Array]:
    """Sort rows and merge equal ones."""
    order = np.argsort(rows[:, 0], kind="stable")
    first = rows[order, 0]
    if (first[1:] == first[:-1]).any():  # only then do the other columns matter
        order = np.lexsort(rows.T[::-1])
    rows, weights = rows[order], weights[order]
    new = np.r_[True, (rows[1:] != rows[:-1]).any(axis=1)]
    return rows[new], np.add.reduceat(weights, np.flatnonzero(new))


def initial_parameters(
    kind: str,
    sample: StartSample,
    n_components: int,
    structure: Structure,
    floor: Array,
    given: GivenParameters,
    rng: np.random.RandomState,
) -> MixtureParameters:
    """A start of one of scikit-learn's four kinds, with the given parameters put in.

    Raises
    ------
    IllDefinedCovarianceError
        If the start's covariances are not positive definite.
    """
    if (complete := given.complete()) is not None:
        return complete
    if given.means is not None:
        start = _around(given.means, sample, structure, floor)
        return given.imposed_on(start)
    if kind in SEEDS and len(sample) >= n_components:
        start = _around(SEEDS[kind](sample, n_components, rng), sample, structure, floor)
    else:
        partition = PARTITIONS[kind] if len(sample) >= n_components else _shared_rows
        shares = partition(sample, n_components, rng)
        start = from_responsibilities(
            sample.rows, sample.weights, shares, n_components, structure, floor
        )
    return given.imposed_on(_matched(start, given))


def from_responsibilities(
    X: Array,
    sample_weight: Array | None,
    shares: Shares,
    n_components: int,
    structure: Structure,
    floor: Array,
) -> MixtureParameters:
    """M-step from responsibilities."""
    centres = np.repeat(np.asarray(X[:1], dtype=np.float64), n_components, axis=0)
    moments = partition_moments(X, sample_weight, centres, shares, structure.scatter)
    if not (moments.mass > 0).all():
        raise ValueError(
            "The start leaves components without rows: "
            f"{np.flatnonzero(moments.mass <= 0).tolist()}. Every component needs at least one."
        )
    return maximise(moments, structure, floor)


def hard(labels: Array, n_components: int) -> Shares:
    """Responsibilities of 0 and 1 from labels (n,)."""
    components = np.arange(n_components)[:, None]
    return lambda numbers: (labels[numbers] == components).astype(np.float64)


def soft(responsibilities: Array) -> Shares:
    """Responsibilities from an array (n, K)."""
    return lambda numbers: np.array(responsibilities[numbers].T, dtype=np.float64)


def _kmeans(sample: StartSample, n_components: int, rng: np.random.RandomState) -> Shares:
    from sklearn.cluster import KMeans  # here because it takes a quarter of a second to import

    # scikit-learn's k-means squares raw coordinates: with the sample's centre at 0 it keeps digits.
    centred = sample.rows - sample.rows.mean(axis=0)
    model = KMeans(n_components, n_init=1, random_state=rng, copy_x=False)
    model.fit(centred, sample_weight=sample.weights)
    return hard(model.labels_, n_components)


def _random(sample: StartSample, n_components: int, rng: np.random.RandomState) -> Shares:
    shares = rng.uniform(size=(len(sample), n_components))
    return soft(shares / shares.sum(axis=1, keepdims=True))


def _kmeans_plusplus(sample: StartSample, n_components: int, rng: np.random.RandomState) -> Array:
    from sklearn.cluster import kmeans_plusplus

    centred = sample.rows - sample.rows.mean(axis=0)
    _, chosen = kmeans_plusplus(
        centred, n_components, sample_weight=sample.weights, random_state=rng
    )
    return sample.rows[chosen]


def _random_from_data(sample: StartSample, n_components: int, rng: np.random.RandomState) -> Array:
    share = sample.weights / sample.weights.sum()
    return sample.rows[rng.choice(len(sample), size=n_components, replace=False, p=share)]


PARTITIONS: dict[str, Callable[..., Shares]] = {
    "kmeans": _kmeans,
    "random": _random,
}
"""Starts that share the rows out among components."""

SEEDS: dict[str, Callable[..., Array]] = {
    "k-means++": _kmeans_plusplus,
    "random_from_data": _random_from_data,
}
"""Starts that choose the means."""


def _around(
    means: Array, sample: StartSample, structure: Structure, floor: Array
) -> MixtureParameters:
    """Equal weights, the given means, and the covariance within nearest-mean groups for all.

    One covariance for all, because a group of a few rows would start on the verge of collapse.
    """
    from sklearn.metrics import pairwise_distances_argmin

    n_components = len(means)
    centre = sample.rows.mean(axis=0)
    spread = sample.rows.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    labels = pairwise_distances_argmin((sample.rows - centre) / scale, (means - centre) / scale)
    if len(sample) < 2 * n_components:  # groups of single rows have no covariance within
        labels = np.zeros(len(sample), dtype=int)
    groups = partition_moments(
        sample.rows, sample.weights, means, hard(labels, n_components), structure.scatter
    )
    return maximise(_evened(replace(groups, mean=means)), structure, floor)


def _shared_rows(sample: StartSample, n_components: int, rng: np.random.RandomState) -> Shares:
    """Fewer distinct rows than components: every row has components of its own, equally."""
    owner = np.arange(n_components) % len(sample)
    shares = (owner == np.arange(len(sample))[:, None]).astype(np.float64)
    return soft(shares / shares.sum(axis=1, keepdims=True))


def _evened(moments: Moments) -> Moments:
    """The same mass and scatter for every component, the means as they are."""
    n_components = len(moments.mean)
    mass = np.full(n_components, moments.total_weight / n_components)
    return replace(moments, mass=mass, scatter=moments.form.evened(moments.scatter))


def _matched(start: MixtureParameters, given: GivenParameters) -> MixtureParameters:
    """The start's components in the order that suits given weights and precisions best.

    A start finds components in no particular order; pairing them with the user's as they come
    would be arbitrary. The pairing chosen maximises the ECLL.
    """
    if given.weights is None and given.covariance is None:
        return start
    value = np.zeros((start.n_components, start.n_components))  # start's component x given one
    if given.weights is not None:
        value += np.log(np.maximum(given.weights, np.finfo(np.float64).tiny))
    if given.covariance is not None:
        precisions = np.linalg.inv(given.covariance.dense())
        spread = np.einsum("jab,kab->jk", start.covariance.dense(), precisions)
        value -= 0.5 * (given.covariance.log_det + spread)
    own, order = linear_sum_assignment(-start.weights[:, None] * value)
    inverse = np.argsort(order[own])
    covariance = start.covariance
    if len(covariance.factor) > 1:
        covariance = type(covariance)(covariance.factor[inverse])
    return MixtureParameters(start.log_weights[inverse], start.means[inverse], covariance)
