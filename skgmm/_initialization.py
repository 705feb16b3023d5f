"""Starts: functions from what they see of the data (`StartSample`) to valid MixtureParameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from skgmm._kmeans import kmeans, nearest, seeds
from skgmm._linalg import Array
from skgmm._moments import Moments
from skgmm._parameters import MixtureParameters, maximise
from skgmm._problem import Problem
from skgmm._rows import InMemoryRows, Rows
from skgmm._sample import StartSample
from skgmm.covariance import Covariance, Structure


class EmptyStartError(ValueError):
    """A start gives some component no rows."""

    def __init__(self, components: list[int]) -> None:
        super().__init__(
            f"The start leaves components without rows: {components}. Every component needs at "
            "least one."
        )


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
            InMemoryRows(sample.rows, sample.weights, n_threads),
            partition(sample, n_components, rng, n_threads),
            n_components,
            structure,
            floor,
        )
    return given.imposed_on(matched(start, given))


def start_of(problem: Problem, partition: Array, n_components: int) -> MixtureParameters:
    """M-step from labels (n,) or responsibilities (n, K) of the rows of a problem."""
    return from_partition(problem.rows, partition, n_components, problem.structure, problem.floor)


def from_partition(
    rows: Rows, partition: Array, n_components: int, structure: Structure, floor: Array
) -> MixtureParameters:
    """M-step from labels (n,) or responsibilities (n, K)."""
    moments = rows.partition_moments(partition, n_components, structure.scatter)
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
    rows = InMemoryRows(sample.rows, sample.weights, n_threads)
    groups = rows.partition_moments(labels, n_components, structure.scatter)
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
