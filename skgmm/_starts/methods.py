"""Initialisation methods: functions from a `StartSample` of the data to MixtureParameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from skgmm._linalg import Array
from skgmm._moments import Moments
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters
from skgmm._rows.base import InMemoryRows
from skgmm._rows.sample import StartSample
from skgmm._starts.given import GivenParameters, matched
from skgmm._starts.kmeans import kmeans, nearest, seeds

InitMethod = Literal["auto", "kmeans", "k-means++", "random", "random_from_data"]
"""'auto' compares candidates (`race.py`); the others are `PARTITIONS` and `SEEDS`."""


class EmptyStartError(ValueError):
    """A start gives some component no samples."""

    def __init__(self, components: list[int]) -> None:
        self.components = components
        super().__init__(
            f"The initialisation leaves components without samples: {components}. Every component "
            "needs at least one."
        )


def initial_parameters(
    kind: str,
    objective: Objective,
    sample: StartSample,
    n_components: int,
    given: GivenParameters,
    rng: np.random.RandomState,
) -> MixtureParameters:
    """A start of one of scikit-learn's four kinds, with the given parameters in place of its own.

    Raises
    ------
    IllDefinedCovarianceError
        If the start's covariances are not positive definite.
    """
    if (complete := given.complete()) is not None:
        return complete
    on_sample = objective.unfixed.on(sample)
    if given.means is not None:
        start = _around(given.means, on_sample, sample)
        return given.imposed_on(start)
    if kind in SEEDS and len(sample) >= n_components:
        core = sample.trimmed(n_components)
        means = core.rows[SEEDS[kind](core, n_components, rng)]
        if sample.known is not None:  # which names the components
            start = _nearest(means, on_sample, sample)
        else:
            start = _around(means, on_sample, sample)
    else:
        partition = PARTITIONS[kind] if len(sample) >= n_components else _shared_rows
        n_threads = objective.rows.n_threads
        labels = partition(sample.trimmed(n_components), n_components, rng, n_threads)
        labels = sample.with_isolated(labels, n_components)
        start = start_of(on_sample, labels, n_components)
    return given.imposed_on(matched(start, given))


def start_of(objective: Objective, partition: Array, n_components: int) -> MixtureParameters:
    """M-step from labels (n,) or responsibilities (n, K) of the samples of an objective."""
    return objective.maximise(moments_of_partition(objective, partition, n_components), None)


def moments_of_partition(objective: Objective, partition: Array, n_components: int) -> Moments:
    """Moments of labels (n,) or responsibilities (n, K) that leave no component without samples."""
    form = objective.structure.scatter
    moments = objective.rows.partition_moments(partition, n_components, form, objective.floor)
    if not (moments.mass > 0).all():
        raise EmptyStartError(np.flatnonzero(moments.mass <= 0).tolist())
    return moments


def _kmeans(
    sample: StartSample, n_components: int, rng: np.random.RandomState, n_threads: int
) -> Array:
    return kmeans(sample.rows, sample.weights, n_components, rng, n_threads)


def _random(
    sample: StartSample, n_components: int, rng: np.random.RandomState, n_threads: int
) -> Array:
    responsibilities = rng.uniform(size=(len(sample), n_components))
    return responsibilities / responsibilities.sum(axis=1, keepdims=True)


def _shared_rows(
    sample: StartSample, n_components: int, rng: np.random.RandomState, n_threads: int
) -> Array:
    """For fewer distinct samples than components: each sample is that of several components."""
    owner = np.arange(n_components) % len(sample)
    responsibilities = (owner == np.arange(len(sample))[:, None]).astype(np.float64)
    return responsibilities / responsibilities.sum(axis=1, keepdims=True)


def _kmeans_plusplus(sample: StartSample, n_components: int, rng: np.random.RandomState) -> Array:
    return seeds(sample.rows, sample.weights, n_components, rng)


def _random_from_data(sample: StartSample, n_components: int, rng: np.random.RandomState) -> Array:
    return np.argsort(arrivals(sample.weights, rng), kind="stable")[:n_components]


def arrivals(weights: Array, rng: np.random.RandomState) -> Array:
    """Times of an exponential race, of weights of any range.

    The first to arrive are a draw without replacement in proportion to weight.
    """
    return rng.standard_exponential(len(weights)) / weights


PARTITIONS: dict[str, Callable[..., Array]] = {"kmeans": _kmeans, "random": _random}
"""Methods that partition the samples: labels or responsibilities."""

SEEDS: dict[str, Callable[..., Array]] = {
    "k-means++": _kmeans_plusplus,
    "random_from_data": _random_from_data,
}
"""Methods that choose samples as means: their indices."""


def _nearest(means: Array, on_sample: Objective, sample: StartSample) -> MixtureParameters:
    """The M-step with every sample at its nearest seed, or in its component if that is known."""
    labels = nearest(sample.rows, means, on_sample.rows.n_threads)
    return start_of(on_sample, labels, len(means))


def _around(means: Array, on_sample: Objective, sample: StartSample) -> MixtureParameters:
    """Equal weights, the given means, and the covariance within nearest-mean groups for all.

    One covariance for all, because that of a group of few samples would be nearly singular.
    """
    n_components, n_threads = len(means), on_sample.rows.n_threads
    spread = sample.rows.std(axis=0)
    scale, origin = np.where(spread > 0, spread, 1.0), sample.rows[0]
    labels = nearest((sample.rows - origin) / scale, (means - origin) / scale, n_threads)
    if len(sample) < 2 * n_components:  # groups of single samples have no covariance
        labels = np.zeros(len(sample), dtype=np.int64)
    rows = InMemoryRows(sample.rows, sample.weights, n_threads)
    form = on_sample.structure.scatter
    groups = rows.partition_moments(labels, n_components, form, on_sample.floor)
    start = on_sample.maximise(_evened(replace(groups, mean=means)), None)
    return replace(start, means=means)


def _evened(moments: Moments) -> Moments:
    """The same mass and scatter for every component, the means as they are."""
    n_components = len(moments.mean)
    mass = np.full(n_components, moments.total_weight / n_components)
    return replace(moments, mass=mass, scatter=moments.form.pooled_over_components(moments.scatter))
