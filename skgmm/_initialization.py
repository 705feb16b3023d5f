"""Starts: functions from weighted rows to complete, valid MixtureParameters.

A start sees the data as a weighted set of distinct rows in a fixed order (`StartSample`), so a
weight of 3 is three rows, a weight of 0 is none, and the order of the rows does not matter: with
the same seed the start is the same, to the last bit. Of more than SAMPLE_ROWS rows it sees a random
sample, and then these hold on average.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from skgmm._expectation import partition_moments, slices
from skgmm._kmeans import kmeans, nearest, seeds
from skgmm._linalg import Array
from skgmm._moments import Moments
from skgmm._parameters import MixtureParameters, maximise
from skgmm._problem import Problem
from skgmm.covariance import Covariance, Structure

SAMPLE_ROWS = 25_000
"""A start looks at no more than this many rows, or at 250 for each component."""


class EmptyStartError(ValueError):
    """A start gives some component no rows."""

    def __init__(self, components: list[int]) -> None:
        super().__init__(
            f"The start leaves components without rows: {components}. Every component needs at "
            "least one."
        )


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
    n_rows = len(X) if sample_weight is None else int(np.count_nonzero(sample_weight))
    complete = n_rows <= size
    if complete:
        weights = np.ones(len(X)) if sample_weight is None else sample_weight
        chosen = np.flatnonzero(weights)
        weights = weights[chosen]
    else:
        chosen, weights = _priority_sample(sample_weight, len(X), size, rng)
    rows, weights = _distinct(np.asarray(X[chosen], dtype=np.float64), weights)
    return StartSample(rows, weights, complete)


def _priority_sample(
    sample_weight: Array | None, n_samples: int, size: int, rng: np.random.RandomState
) -> tuple[Array, Array]:
    """Rows chosen without replacement and weights that keep every total unbiased.

    Priority sampling (Duffield, Lund & Thorup 2007): heavy rows keep their weight, light ones are
    chosen in proportion to it and share one weight. The highest `size` + 1 priorities are kept
    while the rows go by a slice at a time, because five numbers to each row are memory that counts.
    """
    chosen, priority = np.empty(0, dtype=np.int64), np.empty(0)
    for part in slices(n_samples):
        weights = np.ones(part.stop - part.start) if sample_weight is None else sample_weight[part]
        counted = np.flatnonzero(weights)
        # The draw is uniform on (0, 1]: 0 would give an infinite priority.
        drawn = weights[counted] / (1.0 - rng.random_sample(len(counted)))
        chosen = np.concatenate([chosen, part.start + counted])
        priority = np.concatenate([priority, drawn])
        if len(chosen) > size + 1:
            highest = np.argpartition(priority, -size - 1)[-size - 1 :]
            chosen, priority = chosen[highest], priority[highest]
    lowest = np.argmin(priority)
    threshold, chosen = priority[lowest], np.sort(np.delete(chosen, lowest))
    weights = np.ones(size) if sample_weight is None else sample_weight[chosen]
    return chosen, np.maximum(weights, threshold)


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
    n_threads: int = 1,
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
        start = _around(given.means, sample, structure, floor, n_threads)
        return given.imposed_on(start)
    if kind in SEEDS and len(sample) >= n_components:
        means = sample.rows[SEEDS[kind](sample, n_components, rng)]
        start = _around(means, sample, structure, floor, n_threads)
    else:
        partition = PARTITIONS[kind] if len(sample) >= n_components else _shared_rows
        start = from_partition(
            sample.rows,
            sample.weights,
            partition(sample, n_components, rng, n_threads),
            n_components,
            structure,
            floor,
            n_threads,
        )
    return given.imposed_on(matched(start, given))


def start_of(problem: Problem, partition: Array, n_components: int) -> MixtureParameters:
    """M-step from labels (n,) or responsibilities (n, K) of the rows of a problem."""
    return from_partition(
        problem.X,
        problem.sample_weight,
        partition,
        n_components,
        problem.structure,
        problem.floor,
        problem.n_threads,
    )


def from_partition(
    X: Array,
    sample_weight: Array | None,
    partition: Array,
    n_components: int,
    structure: Structure,
    floor: Array,
    n_threads: int = 1,
) -> MixtureParameters:
    """M-step from labels (n,) or responsibilities (n, K)."""
    moments = partition_moments(
        X, sample_weight, partition, n_components, structure.scatter, n_threads
    )
    if not (moments.mass > 0).all():
        raise EmptyStartError(np.flatnonzero(moments.mass <= 0).tolist())
    return maximise(moments, structure, floor)


def _kmeans(
    sample: StartSample, n_components: int, rng: np.random.RandomState, n_threads: int
) -> Array:
    return kmeans(sample.rows, sample.weights, n_components, rng, n_threads)


def _random(
    sample: StartSample, n_components: int, rng: np.random.RandomState, n_threads: int
) -> Array:
    shares = rng.uniform(size=(len(sample), n_components))
    return shares / shares.sum(axis=1, keepdims=True)


def _shared_rows(
    sample: StartSample, n_components: int, rng: np.random.RandomState, n_threads: int
) -> Array:
    """Fewer distinct rows than components: every row has components of its own, equally."""
    owner = np.arange(n_components) % len(sample)
    shares = (owner == np.arange(len(sample))[:, None]).astype(np.float64)
    return shares / shares.sum(axis=1, keepdims=True)


def _kmeans_plusplus(sample: StartSample, n_components: int, rng: np.random.RandomState) -> Array:
    return seeds(sample.rows, sample.weights, n_components, rng)


def _random_from_data(sample: StartSample, n_components: int, rng: np.random.RandomState) -> Array:
    # Exponential race: the first arrivals are a draw without replacement in proportion to weight,
    # for weights of any range.
    arrivals = rng.standard_exponential(len(sample)) / sample.weights
    return np.argsort(arrivals, kind="stable")[:n_components]


PARTITIONS: dict[str, Callable[..., Array]] = {"kmeans": _kmeans, "random": _random}
"""Starts that share the rows out among components: labels or responsibilities."""

SEEDS: dict[str, Callable[..., Array]] = {
    "k-means++": _kmeans_plusplus,
    "random_from_data": _random_from_data,
}
"""Starts that choose rows as means: their numbers."""


def _around(
    means: Array, sample: StartSample, structure: Structure, floor: Array, n_threads: int
) -> MixtureParameters:
    """Equal weights, the given means, and the covariance within nearest-mean groups for all.

    One covariance for all, because a group of a few rows would start on the verge of collapse.
    """
    n_components = len(means)
    spread = sample.rows.std(axis=0)
    labels = nearest(sample.rows, means, n_threads, scale=np.where(spread > 0, spread, 1.0))
    if len(sample) < 2 * n_components:  # groups of single rows have no covariance within
        labels = np.zeros(len(sample), dtype=np.int64)
    groups = partition_moments(
        sample.rows, sample.weights, labels, n_components, structure.scatter, n_threads
    )
    return maximise(_evened(replace(groups, mean=means)), structure, floor)


def _evened(moments: Moments) -> Moments:
    """The same mass and scatter for every component, the means as they are."""
    n_components = len(moments.mean)
    mass = np.full(n_components, moments.total_weight / n_components)
    return replace(moments, mass=mass, scatter=moments.form.evened(moments.scatter))


def matched(start: MixtureParameters, given: GivenParameters) -> MixtureParameters:
    """The start's components in the order that suits the given parameters best.

    A start finds components in no particular order; pairing them with the user's as they come
    would be arbitrary. The pairing chosen maximises the ECLL.
    """
    if given.weights is None and given.means is None and given.covariance is None:
        return start
    value = np.zeros((start.n_components, start.n_components))  # start's component x given one
    if given.weights is not None:
        value += np.log(np.maximum(given.weights, np.finfo(np.float64).tiny))
    # Densities that are not given are taken for the start's own, whose components compare them.
    precisions = np.linalg.inv((given.covariance or start.covariance).dense())
    if given.covariance is not None:
        spread = np.einsum("jab,kab->jk", start.covariance.dense(), precisions)
        value -= 0.5 * (given.covariance.log_det + spread)
    if given.means is not None:
        apart = start.means[:, None] - given.means
        metric = "kab" if given.covariance is not None else "jab"
        metric_of = np.broadcast_to(precisions, (start.n_components, *precisions.shape[1:]))
        value -= 0.5 * np.einsum(f"jka,{metric},jkb->jk", apart, metric_of, apart)
    own, order = linear_sum_assignment(-start.weights[:, None] * value)
    inverse = np.argsort(order[own])
    covariance = start.covariance
    if len(covariance.factor) > 1:
        covariance = type(covariance)(covariance.factor[inverse])
    return MixtureParameters(start.log_weights[inverse], start.means[inverse], covariance)
