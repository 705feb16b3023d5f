"""A start that looks before it leaps: cheap and diverse candidates, of which the best goes on.

All candidates see the rows of a `StartSample` in units that do not depend on the user's: each
feature by its deviation ("scaled"), or all features turned and scaled to identity covariance
("whitened"), which finds thin clusters side by side. They are compared by the log-likelihood after
a few EM iterations on the sample, and the worse part drops out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np

from skgmm._em.loop import run_em
from skgmm._linalg import Array
from skgmm._moments import Scatter
from skgmm._objective import Problem
from skgmm._parameters import MixtureParameters, n_parameters
from skgmm._rows.sample import StartSample
from skgmm._starts.given import GivenParameters, matched
from skgmm._starts.kmeans import kmeans, nearest, seeds
from skgmm._starts.methods import EmptyStartError, start_of
from skgmm.covariance import IllDefinedCovarianceError

RACE_ROWS = 5_000
"""Rows that candidates are compared on, or 100 for each component."""

# Candidates that run; those after them are for looking further when EM has converged.
_RUNNERS = 8

# Ways to other optima that are worth trying: one for each component, and for each parameter to a
# row so many more, up to a limit. Where parameters are many, so are optima, and high and narrow.
_FOR_PARAMETERS, _MOST = 40, 25

# EM iterations of all candidates, how many stay, and for how many more: 8 x 2 + 3 x 4 = 28 in all.
_FIRST, _STAY, _MORE = 2, 3, 4

# Half of the candidates this close to the best, in nats per row: they are on the way to the same.
_CONSENSUS = 1e-4

# Features up to which axis-aligned structures are started from whitened rows as well.
_MOST_WHITENED = 500

# Candidates whose log-likelihoods agree to this many nats per row have found the same.
_SAME = 1e-9


@dataclass(frozen=True, eq=False)
class Candidate:
    """A start in the race."""

    kind: str
    parameters: MixtureParameters
    objective: float  # nats per row of the sample
    evaluations: int


def race(
    problem: Problem,
    sample: StartSample,
    n_components: int,
    given: GivenParameters,
    rng: np.random.RandomState,
) -> tuple[list[Candidate], bool]:
    """All candidates, the best first and those that did not run last; and whether they agree.

    Raises
    ------
    IllDefinedCovarianceError, EmptyStartError
        If every candidate failed: the error of the first.
    """
    sample = thinned(sample, n_components, rng)
    on_sample = problem.on(sample)
    whitens = _whitens(on_sample)
    partitions = _partitions(sample, n_components, rng, problem.rows.n_threads, whitens)
    starts = _candidates(on_sample, islice(partitions, _RUNNERS), n_components, given)
    if len(starts) == 1:
        return starts, True
    ranked = _ranked([_advanced(on_sample, start, _FIRST) for start in starts])
    agree = ranked[(len(ranked) - 1) // 2].objective > ranked[0].objective - _CONSENSUS
    ahead = _distinct(ranked)[:_STAY]
    behind = [runner for runner in ranked if runner not in ahead]
    if len(ahead) > 1:
        ahead = _ranked([_advanced(on_sample, runner, _MORE) for runner in ahead])
    if agree:
        return ahead + behind, True
    partitions = islice(partitions, max(0, worth_trying(on_sample, n_components) - len(ranked) + 1))
    spare = _candidates(on_sample, partitions, n_components, given, needed=False)
    return ahead + behind + spare, False


def worth_trying(problem: Problem, n_components: int) -> int:
    """How many ways to other optima to try; the problem is that of the sample."""
    free = n_parameters(problem.structure, n_components, problem.rows.n_features)
    more = int(_FOR_PARAMETERS * free / problem.rows.n_samples)
    return n_components + min(more, _MOST)


def _candidates(
    problem: Problem,
    partitions: Iterator[tuple[str, Array]],
    n_components: int,
    given: GivenParameters,
    needed: bool = True,
) -> list[Candidate]:
    """The starts of all partitions that give one; if one is needed and none does, an error."""
    candidates: list[Candidate] = []
    error: Exception | None = None
    for kind, partition in partitions:
        try:
            start = start_of(problem, partition, n_components)
            start = given.imposed_on(matched(start, given))
            candidates.append(Candidate(kind, start, -np.inf, 0))
        except (IllDefinedCovarianceError, EmptyStartError) as failure:
            error = error or failure
    if needed and not candidates:
        raise error or EmptyStartError(list(range(n_components)))
    return candidates


def thinned(sample: StartSample, n_components: int, rng: np.random.RandomState) -> StartSample:
    """No more rows than the race needs, drawn in proportion to weight."""
    size = max(RACE_ROWS, 100 * n_components)
    if len(sample) <= size:
        return sample
    drawn = rng.choice(len(sample), size=size, p=sample.weights / sample.weights.sum())
    rows, counts = np.unique(drawn, return_counts=True)
    known, observed = (
        None if array is None else array[rows] for array in (sample.known, sample.observed)
    )
    return StartSample(sample.rows[rows], counts.astype(np.float64), False, known, observed)


def _whitens(problem: Problem) -> bool:
    """Whether starts look at whitened samples too: not of many features whose covariances are none
    of the structure's business, for it takes a matrix of all features.
    """
    diagonal = problem.structure.scatter is Scatter.DIAGONAL
    return not diagonal or problem.rows.n_features <= _MOST_WHITENED


def _partitions(
    sample: StartSample,
    n_components: int,
    rng: np.random.RandomState,
    n_threads: int,
    whitens: bool,
) -> Iterator[tuple[str, Array]]:
    """Kind and labels (m,) or responsibilities (m, K) of each candidate."""
    weights = sample.weights
    scaled = scaled_rows(sample)
    if sample.known is not None:
        yield from around_labelled(scaled, sample, n_components, n_threads)
    white, name = scaled, "scaled"
    if whitens:
        white, name = whitened_rows(scaled, weights), "whitened"

    def seeded(rows: Array) -> Array:
        return nearest(rows, rows[seeds(rows, weights, n_components, rng)], n_threads)

    first = kmeans(scaled, weights, n_components, rng, n_threads)
    yield "k-means, scaled", first
    second = kmeans(white, weights, n_components, rng, n_threads)
    yield f"k-means, {name}", second
    yield "k-means, scaled", kmeans(scaled, weights, n_components, rng, n_threads)
    yield f"k-means, {name}", kmeans(white, weights, n_components, rng, n_threads)
    yield "k-means++, scaled", seeded(scaled)
    yield f"k-means++, {name}", seeded(white)
    shares = rng.standard_exponential(size=(len(sample), n_components))
    yield "random", shares / shares.sum(axis=1, keepdims=True)
    yield f"k-means++, {name}", seeded(white)
    for rows in cycle((scaled, white)):
        yield "spare", kmeans(rows, weights, n_components, rng, n_threads)


def around_labelled(
    scaled: Array, sample: StartSample, n_components: int, n_threads: int
) -> Iterator[tuple[str, Array]]:
    """Every sample with the nearest mean of labelled samples, if all components have some."""
    known = sample.known
    assert known is not None
    sums, mass = np.zeros((n_components, scaled.shape[1])), np.zeros(n_components)
    labelled = known >= 0
    np.add.at(sums, known[labelled], sample.weights[labelled, None] * scaled[labelled])
    np.add.at(mass, known[labelled], sample.weights[labelled])
    if (mass > 0).all():
        yield "labels", nearest(scaled, sums / mass[:, None], n_threads)


def scaled_rows(sample: StartSample) -> Array:
    """Rows with mean 0 and deviation 1, features without spread left out."""
    weights = sample.weights / sample.weights.sum()
    centred = sample.rows - sample.rows[0]
    centred = centred - weights @ centred
    deviations = np.sqrt(weights @ centred**2)
    varying = deviations > 0
    return np.ascontiguousarray(centred[:, varying] / deviations[varying])


def whitened_rows(scaled: Array, weights: Array) -> Array:
    """Scaled rows with identity covariance, directions without spread left out."""
    covariance = (scaled.T * (weights / weights.sum())) @ scaled
    variances, axes = np.linalg.eigh(covariance)
    kept = variances > 1e-10 * variances.max(initial=0.0)
    return np.ascontiguousarray(scaled @ axes[:, kept] / np.sqrt(variances[kept]))


def _advanced(problem: Problem, candidate: Candidate, n_steps: int) -> Candidate:
    """The candidate some EM iterations on."""
    result = run_em(problem, candidate.parameters, tol=0.0, max_iter=n_steps, acceleration=None)
    return Candidate(
        candidate.kind,
        result.parameters,
        result.objective,
        candidate.evaluations + len(result.objectives),
    )


def _ranked(candidates: list[Candidate]) -> list[Candidate]:
    """The best first, and those that have found the same in the order given."""
    ranked = sorted(candidates, key=lambda candidate: -candidate.objective)
    order, groups = {id(candidate): n for n, candidate in enumerate(candidates)}, [ranked[:1]]
    for candidate in ranked[1:]:
        if groups[-1][0].objective - candidate.objective > _SAME:
            groups.append([])
        groups[-1].append(candidate)
    return [c for group in groups for c in sorted(group, key=lambda each: order[id(each)])]


def _distinct(ranked: list[Candidate]) -> list[Candidate]:
    """Of those that have found the same, the first."""
    kept = ranked[:1]
    for candidate in ranked[1:]:
        if kept[-1].objective - candidate.objective > _SAME:
            kept.append(candidate)
    return kept
