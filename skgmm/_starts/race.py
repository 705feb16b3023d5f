"""Choose the start by successive halving of cheap and diverse candidates.

All candidates see the samples of a `StartSample` in units that do not depend on the user's: each
feature divided by its standard deviation ("scaled"), or all features transformed to identity
covariance ("whitened"), which finds thin clusters side by side. One candidate sees them "as given",
because where features have one unit, their variances tell how much they matter. Candidates with the
same partition count once. The others are compared by the log-likelihood of the mixture of their
groups, and the best of them after two EM iterations; where left-out samples will be classified, by
the classification likelihood alone. What a likelihood owes to `reg_covar` does not
count: see `EMResult.comparable_objective`. Where samples are too few for the covariance matrices of
all components, likelihoods say nothing: the groups of the smallest volume are taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import cycle, islice

import numpy as np
from numpy.random import RandomState

from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm._objective import Objective
from skgmm._rows.sample import StartSample, rows_of_race
from skgmm._starts.candidates import (
    Candidate,
    PartitionStart,
    RunningCandidates,
    by_classification,
    within_volume,
)
from skgmm._starts.given import GivenParameters
from skgmm._starts.kmeans import farthest_first, kmeans, means_of_groups, nearest, seeds
from skgmm._starts.methods import EmptyStartError, moments_of_partition
from skgmm._starts.side_by_side import moments_of_partitions
from skgmm._starts.views import views
from skgmm._starts.ward import kmeans_from_ward
from skgmm.covariance import IllDefinedCovarianceError

# Iterations of k-means: further ones change little that EM does not change again.
_LLOYD = 15

# So many more times k-means runs where no move can mend its partition.
_WITHOUT_MOVES = 3

# So many partitions in a row that were seen before end the search for others.
_REPEATED = 4


def race(
    objective: Objective,
    sample: StartSample,
    n_components: int,
    given: GivenParameters,
    classified: bool,
    rng: RandomState,
) -> list[Candidate]:
    """All candidates, the best one first.

    Parameters
    ----------
    classified : bool
        Whether left-out samples will be classified from a candidate. Its likelihood is then of no
        use, if its groups have enough samples.

    Raises
    ------
    IllDefinedCovarianceError, EmptyStartError
        If every candidate failed: the error of the first.
    """
    needed = objective.minimum_rows(n_components)
    # Some component must be degenerate. Log-likelihoods then do not measure fit, and moves lead
    # nowhere: k-means must find the clusters.
    few = sample.complete and needed > len(sample)
    sample = thinned(sample, rows_of_race(n_components), rng)
    on_sample = objective.on(sample)
    core = sample.trimmed(n_components)
    n_more = _WITHOUT_MOVES if few else 0
    partitions = (
        (kind, key, sample.with_isolated(partition, n_components))
        for kind, key, partition in _distinct_partitions(
            _partitions(core, n_components, rng, on_sample, n_more), set()
        )
    )
    if few:
        return _not_raced(on_sample, _by_volume(on_sample, partitions, n_components, given))
    starts = _starts(on_sample, partitions, n_components, given)
    if classified and given.nothing and (ranked := by_classification(on_sample, starts)):
        return ranked
    if needed > len(sample):
        return _not_raced(on_sample, sorted(starts, key=lambda start: start.volume))
    if len(starts) > 1:
        candidates = RunningCandidates(on_sample, starts, objective.rows.n_counted).candidates()
        if candidates:
            return candidates
    return _not_raced(on_sample, starts)


def _starts(
    objective: Objective,
    partitions: Iterable[tuple[str, bytes, Array]],
    n_components: int,
    given: GivenParameters,
) -> list[PartitionStart]:
    """A start from each partition without empty groups; an error if there is none."""
    kinds, keys, labels = zip(*partitions, strict=True)
    found = moments_of_partitions(len(labels) * [objective], labels, n_components)
    starts = [
        PartitionStart(kind, key, groups, given)
        for kind, key, groups in zip(kinds, keys, found, strict=True)
        if groups is not None
    ]
    if not starts:
        moments_of_partition(objective, labels[0], n_components)  # which tells what is empty
    return starts


def _by_volume(
    objective: Objective,
    partitions: Iterable[tuple[str, bytes, Array]],
    n_components: int,
    given: GivenParameters,
) -> list[PartitionStart]:
    """The same starts, that of the smallest volume within its groups first.

    Moments of single groups are computed when they are needed.
    """
    diagonal = objective.structure.scatter is Scatter.DIAGONAL
    form = Scatter.DIAGONAL if diagonal else Scatter.POOLED
    found, empty = list[tuple[float, PartitionStart]](), list[int]()
    for kind, key, partition in partitions:
        within = objective.rows.partition_moments(partition, n_components, form, objective.floor)
        if within.mass.min() > 0:
            groups = partial(moments_of_partition, objective, partition, n_components)
            start = PartitionStart(kind, key, groups, given)
            found.append((within_volume(within), start))
        else:
            empty = empty or np.flatnonzero(within.mass <= 0).tolist()
    if not found:
        raise EmptyStartError(empty)
    return [start for _, start in sorted(found, key=lambda one: one[0])]


def _not_raced(objective: Objective, starts: list[PartitionStart]) -> list[Candidate]:
    """Candidates in the order given, the first of which has an M-step."""
    error: Exception | None = None
    for n_failed, start in enumerate(starts):
        try:
            first = Candidate(start.kind, start.parameters(objective), partition=start.partition)
        except IllDefinedCovarianceError as failure:
            error = error or failure
            continue
        others = (one.candidate(objective) for one in starts[n_failed + 1 :])
        return [first, *others]
    assert error is not None
    raise error


def thinned(sample: StartSample, size: int, rng: RandomState) -> StartSample:
    """At most so many samples, drawn in proportion to weight."""
    if len(sample) <= size:
        return sample
    drawn = rng.choice(len(sample), size=size, p=sample.weights / sample.weights.sum())
    rows, counts = np.unique(drawn, return_counts=True)
    return replace(sample.part(rows), weights=counts.astype(np.float64))


def _partitions(
    sample: StartSample, n_components: int, rng: RandomState, objective: Objective, n_more: int
) -> Iterator[tuple[str, Array]]:
    """Kind and labels (m,) of each candidate, `n_more` of them of k-means on scaled samples."""
    weights, n_threads = sample.weights, objective.rows.n_threads
    *seen, given = _views(sample, objective)
    if sample.known is not None:
        yield from around_labelled(seen[0][1], sample, n_components, n_threads)

    def around(rows: Array, chosen: Array) -> Array:
        return nearest(rows, rows[chosen], n_threads)

    view, rows = seen[0]
    fewest = _samples_of_component(objective)
    from_ward = list(kmeans_from_ward(rows, weights, n_components, fewest, rng, n_threads, _LLOYD))
    for labels in from_ward:
        yield f"k-means from Ward's groups, {view}", labels
    again = seen[1:] if from_ward else seen
    for view, rows in [*seen, *again, *n_more * seen[:1]]:
        yield f"k-means, {view}", kmeans(rows, weights, n_components, rng, n_threads, _LLOYD)
    view, rows = seen[0]
    yield f"farthest first, {view}", around(rows, farthest_first(rows, weights, n_components))
    for view, rows in seen:
        yield f"k-means++, {view}", around(rows, seeds(rows, weights, n_components, rng))
    view, rows = given
    yield f"k-means, {view}", kmeans(rows, weights, n_components, rng, n_threads, _LLOYD)


def _samples_of_component(objective: Objective) -> int:
    """How many more samples one component more takes, where there are many."""
    many = objective.rows.n_features + 1
    return objective.minimum_rows(many + 1) - objective.minimum_rows(many)


def _views(sample: StartSample, objective: Objective) -> list[tuple[str, Array]]:
    """The views of the samples; where nothing varies each has one feature, which is 0."""
    same = np.zeros((len(sample), 1))
    every = views(sample, objective)
    return [(view, rows if rows.shape[1] else same) for view, rows in every]


def _distinct_partitions(
    partitions: Iterable[tuple[str, Array]], seen: set[bytes]
) -> Iterator[tuple[str, bytes, Array]]:
    """The partitions without those seen before, and what tells each from others.

    The order of the groups does not matter.
    """
    for kind, partition in partitions:
        key = b""
        if partition.ndim == 1:
            first = np.empty(partition.max() + 1, dtype=np.int64)
            first[partition[::-1]] = np.arange(len(partition))[::-1]
            key = first[partition].tobytes()  # the first sample of the group of each
            if key in seen:
                continue
            seen.add(key)
        yield kind, key, partition


def around_labelled(
    scaled: Array, sample: StartSample, n_components: int, n_threads: int
) -> Iterator[tuple[str, Array]]:
    """Every sample at the nearest mean of labelled samples, if all components have labels."""
    known = sample.known
    assert known is not None
    means = means_of_groups(scaled, sample.weights, known, n_components)
    if means is not None:
        yield "labels", nearest(scaled, means, n_threads)


def spare_starts(
    objective: Objective,
    sample: StartSample,
    n_components: int,
    n_tries: int,
    rng: RandomState,
    seen: set[bytes],
) -> Iterator[Moments]:
    """Further starts by k-means, from partitions that were not `seen`.

    The objective is that of the sample. When partitions repeat each other, no others are tried.
    """
    core, n_threads = sample.trimmed(n_components), objective.rows.n_threads
    *others, given = _views(core, objective)
    fresh = 0
    for found, (view, rows) in enumerate(islice(cycle([given, *others]), n_tries), 1):
        labels = kmeans(rows, core.weights, n_components, rng, n_threads, _LLOYD)
        for _, _, partition in _distinct_partitions([(view, labels)], seen):
            fresh = found
            with suppress(EmptyStartError):
                isolated = sample.with_isolated(partition, n_components)
                yield moments_of_partition(objective, isolated, n_components)
        if found - fresh >= _REPEATED:
            return
