"""Away from a poor optimum: two components become one, and another is split in two.

Where EM has put two components on one cluster and one on two, no small step leads out. The move is
that of Ueda et al. (2000): the two that overlap most are merged, one that does not look like a
Gaussian is split. Here a component is split across the direction, whitened, in which its rows have
the lowest kurtosis (two clusters side by side have less than the 3 of a Gaussian), and all is done
with responsibilities, so that it serves every covariance structure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from skgmm._em.loop import EM, run_em
from skgmm._em.result import EMResult, EMStatus
from skgmm._linalg import Array
from skgmm._objective import Problem
from skgmm._parameters import MixtureParameters
from skgmm._rows.sample import StartSample
from skgmm._starts.methods import EmptyStartError, start_of
from skgmm._starts.race import thinned, worth_trying
from skgmm.covariance import IllDefinedCovarianceError

# Optima left in a row; evaluations of each way out that is tried, and of those that are followed.
_ESCAPES = 5
_TRIAL, _STEPS = 12, 100
_ROUGHLY = 1e-5

# A way is given up when this many times what it is estimated to gain does not lead higher.
_HOPE = 10.0

_GAUSSIAN_KURTOSIS = 3.0

# A move must gain this much, in nats per row: less is the same optimum seen from elsewhere.
_GAIN = 1e-5


def escape(
    problem: Problem,
    judged: Callable[[EMResult], EMResult],
    sample: StartSample,
    result: EMResult,
    others: list[MixtureParameters],
    rng: np.random.RandomState,
    *,
    only_repair: bool,
    max_iter: int,
    **options: Any,
) -> EMResult:
    """A better optimum than that of `result`, if a few moves lead to one.

    Moves are tried on the sample, and the best is followed to the end on all rows. Evaluations of
    all rows are counted in the result. An optimum with a component that has collapsed onto few rows
    is never better, and any without is better than one with it, because the likelihood says nothing
    of these; nor is one with more flat components, which would be found for their height alone,
    unless a component was empty.

    Parameters
    ----------
    judged : callable
        Names the components of a result that have collapsed.
    others : list of MixtureParameters
        Other starts, which have their turn first.
    only_repair : bool
        Whether to give components that are empty or the same as others rows of their own, and
        nothing else.
    options : dict
        As of `run_em`.
    """
    n_components = result.parameters.n_components
    nothing = only_repair or (n_components < 3 and not others and not result.alike)
    broken = result.empty or result.duplicates or (result.spikes and not only_repair)
    if result.status is not EMStatus.CONVERGED or (nothing and not broken):
        return result
    if len(sample) <= n_components:
        return result
    sample = thinned(sample, n_components, rng)
    found = _best_found(problem.on(sample), judged, sample, result, others, only_repair)
    left = max_iter - len(result.objectives)
    if found is None or left < 1:
        return result
    reached = judged(run_em(problem, found, max_iter=left, **options))
    mend = bool(result.spikes) and not reached.spikes
    higher = reached.objective > result.objective + _GAIN
    better = mend or (higher and _sound(reached, result))
    if mend:  # the height of a collapsed component is none to compare with
        objectives = np.minimum(result.objectives, reached.objectives[0]).tolist()
        objectives += reached.objectives
    else:
        objectives = result.objectives + np.maximum(reached.objectives, result.objective).tolist()
    best = replace(reached if better else result, objectives=objectives)
    if reached.status is EMStatus.STOPPED:
        return replace(best, status=EMStatus.STOPPED)
    if better and broken and best.status is EMStatus.CONVERGED:
        lost = result.empty or result.spikes
        mended = EMStatus.REPAIRED if lost else EMStatus.SADDLE_LEFT
        return replace(best, status=mended)
    return best


def _sound(end: EMResult, result: EMResult) -> bool:
    """Whether the height of an end can be held against that of the result."""
    flatter = len(end.flat) > len(result.flat) and not result.empty
    return not (end.collapsed or end.spikes or flatter)


def _best_found(
    problem: Problem,
    judged: Callable[[EMResult], EMResult],
    sample: StartSample,
    result: EMResult,
    others: list[MixtureParameters],
    only_repair: bool,
) -> MixtureParameters | None:
    """The best optimum that ways out lead to one after the other; the problem is the sample's."""
    level = -np.inf if result.spikes else _level(problem, sample, result.parameters)
    n_ways = worth_trying(problem, result.parameters.n_components)
    here, found = result, False

    def sound(end: EMResult) -> bool:
        return _sound(judged(end), result)

    for attempt in range(_ESCAPES + 1):
        if attempt == 0:
            ways, most = iter([] if only_repair else others), n_ways // 2
        else:
            ways, most = _ways_out(problem, sample, here, only_repair), n_ways // 3
        end = _best_end(problem, sound, islice(ways, n_ways), max(1, most), level + _GAIN)
        if end is not None:
            here, level, found = end, end.objective, True
        elif attempt:
            break
    return here.parameters if found else None


def _level(problem: Problem, sample: StartSample, parameters: MixtureParameters) -> float:
    """What an optimum of all rows is worth on the sample.

    If those are other rows, after EM on them: fitted to the sample alone any optimum gains.
    """
    if sample.complete:
        return problem.evaluate(parameters).mean_objective
    return EM(problem, parameters, tol=_ROUGHLY).until(_STEPS).objective


def _ways_out(
    problem: Problem, sample: StartSample, result: EMResult, only_repair: bool
) -> Iterator[MixtureParameters]:
    """Parameters from which EM may reach a better optimum; the problem is that of the sample."""
    parameters = result.parameters
    shares = problem.rows.responsibilities(parameters)
    for into, freed, split in _moves(sample, result, shares, only_repair):
        try:
            moved = _moved(sample, parameters, shares, (into, freed), split)
            yield start_of(problem, moved, parameters.n_components)
        except (IllDefinedCovarianceError, EmptyStartError):
            continue


def _best_end(
    problem: Problem,
    sound: Callable[[EMResult], bool],
    starts: Iterator[MixtureParameters],
    most: int,
    level: float,
) -> EMResult | None:
    """Where the best sound run of EM ends that ends above `level`, or None.

    All run for a few steps, and of those ahead `most` go on that may get above it.
    """
    runs = [EM(problem, start, tol=_ROUGHLY) for start in starts]
    begun = [(run.until(_TRIAL), run) for run in runs]
    begun = [(so_far, run) for so_far, run in begun if sound(so_far)]
    begun.sort(key=lambda pair: -pair[0].objective)
    best, followed = None, 0
    for so_far, run in begun:
        if followed == most:
            break
        hopeless = so_far.objective + _HOPE * so_far.remaining < level
        end = so_far if hopeless or so_far.status is EMStatus.CONVERGED else run.until(_STEPS)
        if not sound(end):
            continue  # and the next one takes its turn
        followed += 1
        if end.objective > level:
            best, level = end, end.objective
    return best


def _moves(
    sample: StartSample, result: EMResult, shares: Array, only_repair: bool
) -> Iterator[tuple[int, int, int]]:
    """Components to merge, the first taking over the second, and to split; the best guess first.

    An empty or collapsed component is merged with what is split, which gives it half; one that is
    the same as another, or much like it, leaves its rows to that.
    """
    parameters = result.parameters
    K = parameters.n_components
    lows = [_lowest_kurtosis(sample, parameters, shares[:, k], k)[0] for k in range(K)]
    worth = parameters.weights * (_GAUSSIAN_KURTOSIS - np.array(lows))
    # Of a component without rows in the sample there is nothing to split.
    held = np.flatnonzero(shares.max(axis=0)).tolist()
    splits = [k for k in np.argsort(-worth, kind="stable").tolist() if k in held]
    if lost := result.empty or ([] if only_repair else result.spikes):
        yield from ((k, lost[0], k) for k in splits if k not in lost)
    for freed, twin in (result.duplicates if only_repair else result.alike).items():
        yield from ((twin, freed, k) for k in splits if k != freed)
    if only_repair:
        return
    products = (shares * sample.weights[:, None]).T @ shares
    sizes = np.sqrt(np.diag(products)) + np.finfo(np.float64).tiny
    overlap = products / sizes[:, None] / sizes
    pairs = [(i, j) for i in range(K) for j in range(i)]
    pairs.sort(key=lambda pair: -overlap[pair])
    ranks = [
        (a + b, i, j, k)
        for a, (i, j) in enumerate(pairs)
        for b, k in enumerate(splits)
        if k not in (i, j)
    ]
    yield from (move[1:] for move in sorted(ranks))


def _lowest_kurtosis(
    sample: StartSample, parameters: MixtureParameters, own: Array, k: int
) -> tuple[float, Array]:
    """The least kurtosis of a component's rows along a principal axis, and the rows along it.

    `own` are the shares that the component has in the rows, (m,).
    """
    factor = parameters.covariance.factor
    factor_k = factor[k % len(factor)]
    centred = sample.rows - parameters.means[k]
    if factor_k.ndim == 2:
        # Principal axes rather than those of the triangle: turned by the factor's own.
        left = np.linalg.svd(factor_k, full_matrices=False)[0]
        centred = centred @ left
    # The kurtosis is that of any scale; in units of the largest its powers do not overflow.
    white = centred / np.maximum(np.abs(centred).max(axis=0), np.finfo(np.float64).tiny)
    counted = own * sample.weights
    total = counted.sum()
    weights = counted / total if total > 0 else counted
    squares = white * white
    fourth, squared = weights @ (squares * squares), (weights @ squares) ** 2
    usual = np.full_like(fourth, _GAUSSIAN_KURTOSIS)
    kurtosis = np.divide(fourth, squared, out=usual, where=squared > 0)
    best = int(np.argmin(kurtosis))
    return float(kurtosis[best]), white[:, best]


def _moved(
    sample: StartSample,
    parameters: MixtureParameters,
    shares: Array,
    pair: tuple[int, int],
    split: int,
) -> Array:
    """Responsibilities with the pair in the place of its first, and the split in two."""
    into, freed = pair
    moved = shares.copy()
    moved[:, into] += moved[:, freed]
    own = moved[:, split].copy()
    _, along = _lowest_kurtosis(sample, parameters, own, split)
    beyond = along > np.average(along, weights=own * sample.weights)
    moved[:, freed] = np.where(beyond, own, 0.0)
    moved[:, split] = np.where(beyond, 0.0, own)
    return moved
