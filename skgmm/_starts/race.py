"""Choose the start by successive halving of cheap and diverse candidates.

All candidates see the samples of a `StartSample` in units that do not depend on the user's: each
feature divided by its standard deviation ("scaled"), or all features transformed to identity
covariance ("whitened"), which finds thin clusters side by side. Candidates with the same partition
count once. The others are compared by their log-likelihood after one EM iteration, and the best of
them after a few more. One whose likelihood depends on `reg_covar` never wins against one whose does
not: see `EMResult.rank`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import cycle, islice
from typing import Any

import numpy as np
from numpy.random import RandomState

from skgmm._em.collapse import CollapseTest
from skgmm._em.loop import run_em
from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters
from skgmm._rows.sample import StartSample
from skgmm._starts.given import GivenParameters, matched
from skgmm._starts.kmeans import farthest_first, kmeans, nearest, seeds
from skgmm._starts.methods import EmptyStartError, moments_of_partition, start_of
from skgmm._starts.views import views
from skgmm.covariance import IllDefinedCovarianceError

RACE_ROWS = 5_000
"""Samples that candidates are compared on, or 100 for each component."""

# EM iterations of each candidate; the number of candidates that are continued; and their further
# iterations, as long as they may win: no more than 8 x 1 + 3 x (2 + 2) = 20 iterations in all.
_FIRST, _STAY, _MORE = 1, 3, (2, 2)

# A candidate is discarded when this many times the gain of its last iterations is not enough to
# become the best. Before its first iteration, its gain is taken to be the largest of the others.
_OPTIMISM = 10.0

# Candidates whose log-likelihoods agree to this many nats per sample are the same.
_SAME = 1e-9


@dataclass(frozen=True, eq=False)
class Candidate:
    """A start in the race."""

    kind: str
    parameters: MixtureParameters
    objective: float  # nats per sample of the starts' sample
    evaluations: int
    groups: Moments | None = None  # of the partition that it starts from
    moments: Moments | None = None  # of the parameters, on the starts' sample
    volume: float = np.inf  # log-determinant of the covariance within groups
    gain: float = np.inf  # of the last iterations
    rank: tuple[Any, ...] = ()  # that of `EMResult`

    @property
    def collapsed(self) -> bool:
        """Whether a component has collapsed."""
        return any(self.rank[:2])


def race(
    objective: Objective,
    sample: StartSample,
    n_components: int,
    given: GivenParameters,
    rng: RandomState,
) -> list[Candidate]:
    """All candidates, the best one first.

    Raises
    ------
    IllDefinedCovarianceError, EmptyStartError
        If every candidate failed: the error of the first.
    """
    sample = thinned(sample, n_components, rng)
    on_sample = objective.on(sample)
    partitions = (
        (kind, sample.with_isolated(partition, n_components))
        for kind, partition in _distinct_partitions(
            _partitions(sample.trimmed(n_components), n_components, rng, on_sample)
        )
    )
    starts = _candidates(on_sample, partitions, n_components, given)
    if len(starts) == 1:
        return starts
    if objective.minimum_rows(n_components) > len(sample):
        # Some component must be degenerate, and log-likelihoods then do not measure fit.
        return sorted(starts, key=lambda one: one.volume)
    collapse = _collapse_test(on_sample, starts[0], objective.rows.n_samples)
    begun, left = _begun(on_sample, collapse, starts)
    ahead = _ranked(begun)
    if ahead[0].collapsed:
        return ahead + left
    staying = _distinct(ahead)[:_STAY]
    for n_steps in _MORE:
        staying = [one for one in staying if _may_win(one, staying[0])]
        if len(staying) == 1:
            break
        staying = _ranked(_advanced(on_sample, collapse, one, n_steps) for one in staying)
        known = {id(one.groups) for one in staying}
        ahead = staying + [one for one in ahead if id(one.groups) not in known]
    return ahead + left


def _begun(
    objective: Objective, collapse: CollapseTest, starts: list[Candidate]
) -> tuple[list[Candidate], list[Candidate]]:
    """The starts after one EM iteration, and those that were discarded without any."""
    starts = [_evaluated(objective, start) for start in starts]
    begun: dict[int, Candidate] = {}
    best, gain = -np.inf, 0.0
    for number in sorted(range(len(starts)), key=lambda number: -starts[number].objective):
        if starts[number].objective + _OPTIMISM * gain < best:
            continue
        begun[number] = one = _advanced(objective, collapse, starts[number], _FIRST)
        if not one.collapsed:
            best, gain = max(best, one.objective), max(gain, one.gain)
    left = [start for number, start in enumerate(starts) if number not in begun]
    left.sort(key=lambda start: -start.objective)
    return [begun[number] for number in sorted(begun)], left


def _evaluated(objective: Objective, start: Candidate) -> Candidate:
    moments = objective.evaluate(start.parameters)
    return replace(start, moments=moments, objective=moments.mean_objective, evaluations=1)


def _collapse_test(objective: Objective, start: Candidate, n_represented: int) -> CollapseTest:
    """From the groups of any start, which together are all samples."""
    assert start.groups is not None
    return CollapseTest.of_fit(
        objective.regularisation,
        start.groups,
        objective.rows.n_samples,
        n_represented=n_represented,
    )


def _candidates(
    objective: Objective,
    partitions: Iterable[tuple[str, Array]],
    n_components: int,
    given: GivenParameters,
) -> list[Candidate]:
    """A candidate from each partition that gives one; an error if none does."""
    candidates: list[Candidate] = []
    error: Exception | None = None
    for kind, partition in partitions:
        try:
            groups = moments_of_partition(objective, partition, n_components)
            start = objective.unfixed.maximise(groups, None)
            start = given.imposed_on(matched(start, given))
            candidates.append(
                Candidate(kind, start, -np.inf, 0, groups=groups, volume=within_volume(groups))
            )
        except (IllDefinedCovarianceError, EmptyStartError) as failure:
            error = error or failure
    if not candidates:
        raise error or EmptyStartError(list(range(n_components)))
    return candidates


def thinned(
    sample: StartSample, n_components: int, rng: RandomState, per_component: int = 100
) -> StartSample:
    """At most the number of samples that the race needs, drawn in proportion to weight."""
    size = max(RACE_ROWS, per_component * n_components)
    if len(sample) <= size:
        return sample
    drawn = rng.choice(len(sample), size=size, p=sample.weights / sample.weights.sum())
    rows, counts = np.unique(drawn, return_counts=True)
    return replace(sample.part(rows), weights=counts.astype(np.float64))


def _partitions(
    sample: StartSample, n_components: int, rng: RandomState, objective: Objective
) -> Iterator[tuple[str, Array]]:
    """Kind and labels (m,) of each candidate."""
    weights, n_threads = sample.weights, objective.rows.n_threads
    seen = views(sample, objective)
    if sample.known is not None:
        yield from around_labelled(seen[0][1], sample, n_components, n_threads)

    def around(rows: Array, chosen: Array) -> Array:
        return nearest(rows, rows[chosen], n_threads)

    for view, rows in 2 * seen:
        yield f"k-means, {view}", kmeans(rows, weights, n_components, rng, n_threads)
    view, rows = seen[0]
    yield f"farthest first, {view}", around(rows, farthest_first(rows, weights, n_components))
    for view, rows in seen:
        yield f"k-means++, {view}", around(rows, seeds(rows, weights, n_components, rng))


def _distinct_partitions(
    partitions: Iterable[tuple[str, Array]],
) -> Iterator[tuple[str, Array]]:
    """The partitions without those that are equal up to the order of their groups."""
    seen: set[bytes] = set()
    for kind, partition in partitions:
        if partition.ndim == 1:
            first = np.empty(partition.max() + 1, dtype=np.int64)
            first[partition[::-1]] = np.arange(len(partition))[::-1]
            key = first[partition].tobytes()  # the first sample of the group of each
            if key in seen:
                continue
            seen.add(key)
        yield kind, partition


def around_labelled(
    scaled: Array, sample: StartSample, n_components: int, n_threads: int
) -> Iterator[tuple[str, Array]]:
    """Every sample at the nearest mean of labelled samples, if all components have labels."""
    known = sample.known
    assert known is not None
    sums, mass = np.zeros((n_components, scaled.shape[1])), np.zeros(n_components)
    labelled = known >= 0
    np.add.at(sums, known[labelled], sample.weights[labelled, None] * scaled[labelled])
    np.add.at(mass, known[labelled], sample.weights[labelled])
    if (mass > 0).all():
        yield "labels", nearest(scaled, sums / mass[:, None], n_threads)


def _advanced(
    objective: Objective, collapse: CollapseTest, candidate: Candidate, n_steps: int
) -> Candidate:
    """The candidate after some EM iterations, or fewer if it has converged."""
    moments = candidate.moments
    assert moments is not None
    result = run_em(
        objective,
        candidate.parameters,
        moments=moments,
        tol=_SAME,
        max_iter=n_steps,
        acceleration=None,
    )
    result = collapse.diagnose(result)
    return replace(
        candidate,
        parameters=result.parameters,
        objective=result.objective,
        evaluations=candidate.evaluations + len(result.objectives),
        moments=result.moments,
        gain=result.objective - moments.mean_objective,
        rank=result.rank,
    )


def spare_starts(
    objective: Objective, sample: StartSample, n_components: int, n_tries: int, rng: RandomState
) -> Iterator[MixtureParameters]:
    """Further starts by k-means; the objective is that of the sample."""
    core, n_threads = sample.trimmed(n_components), objective.rows.n_threads
    partitions = (
        (view, kmeans(rows, core.weights, n_components, rng, n_threads))
        for view, rows in islice(cycle(views(core, objective)), n_tries)
    )
    for _, labels in _distinct_partitions(partitions):
        with suppress(IllDefinedCovarianceError, EmptyStartError):
            yield start_of(objective, sample.with_isolated(labels, n_components), n_components)


def _may_win(one: Candidate, best: Candidate) -> bool:
    """Whether a candidate can become the best, with several times its last gain."""
    if one.rank[:-1] < best.rank[:-1]:
        return True
    return one.collapsed or -one.rank[-1] + _OPTIMISM * one.gain >= -best.rank[-1]


def _ranked(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The best first, and candidates that are the same in the order given.

    The likelihood of a candidate with a collapsed component does not measure fit. These are ranked
    by the volume of the covariance within groups, the smallest first.
    """
    runners = list(candidates)

    def key(one: Candidate) -> tuple[Any, ...]:
        return (True, False, one.volume) if one.collapsed else one.rank[1:]

    ranked: list[list[Candidate]] = []
    for one in sorted(runners, key=key):
        if not ranked or not _same(ranked[-1][0], one):
            ranked.append([])
        ranked[-1].append(one)
    order = {id(one): n for n, one in enumerate(runners)}
    return [one for group in ranked for one in sorted(group, key=lambda each: order[id(each)])]


def _same(one: Candidate, other: Candidate) -> bool:
    """Whether two candidates are the same."""
    alike = one.rank[:-1] == other.rank[:-1]
    return alike and abs(one.rank[-1] - other.rank[-1]) <= _SAME


def within_volume(moments: Moments) -> float:
    """log-determinant of the covariance within components, pooled over them."""
    tiny = np.finfo(np.float64).tiny
    if moments.form is Scatter.DIAGONAL:
        variances = moments.scatter.sum(axis=0) / moments.total_weight
        return float(np.log(np.maximum(variances, tiny)).sum())
    pooled = moments.form.dense(moments.scatter).sum(axis=0) / moments.total_weight
    scale = np.sqrt(np.maximum(np.diag(pooled), tiny))
    small = np.finfo(np.float64).eps * np.eye(len(scale))
    _, log_det = np.linalg.slogdet(pooled / scale[:, None] / scale + small)
    return float(log_det + 2.0 * np.log(scale).sum())


def _distinct(ranked: list[Candidate]) -> list[Candidate]:
    """The candidates without repetitions of the same."""
    kept = ranked[:1]
    for candidate in ranked[1:]:
        if not _same(kept[-1], candidate):
            kept.append(candidate)
    return kept
