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

from skgmm._em import EM, run_em
from skgmm._initialization import EmptyStartError, start_of
from skgmm._linalg import Array
from skgmm._parameters import MixtureParameters
from skgmm._problem import Problem
from skgmm._race import thinned, worth_trying
from skgmm._result import EMResult, EMStatus
from skgmm._sample import StartSample
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
    spikes: Callable[[MixtureParameters], list[int]],
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
    all rows are counted in the result. An optimum with a collapsed component is never better, and
    any without is better than one with it, because the likelihood says nothing of these.

    Parameters
    ----------
    spikes : callable
        The components of a mixture that have collapsed onto few rows.
    others : list of MixtureParameters
        Other starts, which have their turn first.
    only_repair : bool
        Whether to give components that are empty or the same as others rows of their own, and
        nothing else.
    options : dict
        As of `run_em`.
    """
    n_components = result.parameters.n_components
    nothing = only_repair or (n_components < 3 and not others)
    broken = result.empty or result.duplicates or (result.flat and not only_repair)
    if result.status is not EMStatus.CONVERGED or (nothing and not broken):
        return result
    if len(sample) <= n_components:
        return result
    sample = thinned(sample, n_components, rng)
    found = _best_found(problem.on(sample), spikes, sample, result, others, only_repair)
    left = max_iter - len(result.objectives)
    if found is None or left < 1:
        return result
    reached = run_em(problem, found, max_iter=left, **options)
    reached = replace(reached, flat=spikes(reached.parameters))
    mend = bool(result.flat) and not reached.flat
    better = mend or (reached.objective > result.objective + _GAIN and not reached.flat)
    if mend:  # the height of a collapsed component is none to compare with
        objectives = np.minimum(result.objectives, reached.objectives[0]).tolist()
        objectives += reached.objectives
    else:
        objectives = result.objectives + np.maximum(reached.objectives, result.objective).tolist()
    best = replace(reached if better else result, objectives=objectives)
    if reached.status is EMStatus.STOPPED:
        return replace(best, status=EMStatus.STOPPED)
    if better and broken and best.status is EMStatus.CONVERGED:
        lost = result.empty or result.flat
        mended = EMStatus.REPAIRED if lost else EMStatus.SADDLE_LEFT
        return replace(best, status=mended)
    return best


def _best_found(
    problem: Problem,
    spikes: Callable[[MixtureParameters], list[int]],
    sample: StartSample,
    result: EMResult,
    others: list[MixtureParameters],
    only_repair: bool,
) -> MixtureParameters | None:
    """The best optimum that ways out lead to one after the other; the problem is the sample's."""
    level = -np.inf if result.flat else problem.evaluate(result.parameters).mean_log_likelihood
    n_ways = worth_trying(problem, result.parameters.n_components)
    here, found = result, False
    for attempt in range(_ESCAPES + 1):
        if attempt == 0:
            ways, most = iter([] if only_repair else others), n_ways // 2
        else:
            ways, most = _ways_out(problem, sample, here, only_repair), n_ways // 3
        end = _best_end(problem, spikes, islice(ways, n_ways), max(1, most), level + _GAIN)
        if end is not None:
            here, level, found = end, end.objective, True
        elif attempt:
            break
    return here.parameters if found else None


def _ways_out(
    problem: Problem, sample: StartSample, result: EMResult, only_repair: bool
) -> Iterator[MixtureParameters]:
    """Parameters from which EM may reach a better optimum; the problem is that of the sample."""
    parameters = result.parameters
    shares = problem.rows.responsibilities(parameters)
    for into, freed, split in _moves(sample, result, shares, only_repair):
        try:
            moved = _moved(sample.rows, parameters, shares, (into, freed), split)
            yield start_of(problem, moved, parameters.n_components)
        except (IllDefinedCovarianceError, EmptyStartError):
            continue


def _best_end(
    problem: Problem,
    spikes: Callable[[MixtureParameters], list[int]],
    starts: Iterator[MixtureParameters],
    most: int,
    level: float,
) -> EMResult | None:
    """Where the best sound run of EM ends that ends above `level`, or None.

    All run for a few steps, and of those ahead `most` go on that may get above it.
    """

    def sound(end: EMResult) -> bool:
        return not end.collapsed and not spikes(end.parameters)

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
    the same as another leaves its rows to that.
    """
    parameters = result.parameters
    K = parameters.n_components
    lows = [_lowest_kurtosis(sample.rows, parameters, shares, k)[0] for k in range(K)]
    worth = parameters.weights * (_GAUSSIAN_KURTOSIS - np.array(lows))
    splits = np.argsort(-worth, kind="stable").tolist()
    if lost := result.empty or ([] if only_repair else result.flat):
        yield from ((k, lost[0], k) for k in splits if k not in lost)
    for freed, twin in result.duplicates.items():
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
    X: Array, parameters: MixtureParameters, shares: Array, k: int
) -> tuple[float, Array]:
    """The least kurtosis of the component's whitened rows along an axis, and the rows along it."""
    factor = parameters.covariance.factor
    own = factor[k % len(factor)]
    centred = X - parameters.means[k]
    if own.ndim == 2:
        # Principal axes rather than those of the triangle: turned by the factor's own.
        left, scales, _ = np.linalg.svd(own, full_matrices=False)
        white = centred @ (left * scales)
    else:
        white = centred * own
    total = shares[:, k].sum()
    weights = shares[:, k] / total if total > 0 else shares[:, k]
    squares = white * white
    fourth, squared = weights @ (squares * squares), (weights @ squares) ** 2
    usual = np.full_like(fourth, _GAUSSIAN_KURTOSIS)
    kurtosis = np.divide(fourth, squared, out=usual, where=squared > 0)
    best = int(np.argmin(kurtosis))
    return float(kurtosis[best]), white[:, best]


def _moved(
    X: Array, parameters: MixtureParameters, shares: Array, pair: tuple[int, int], split: int
) -> Array:
    """Responsibilities with the pair in the place of its first, and the split in two."""
    into, freed = pair
    moved = shares.copy()
    moved[:, into] += moved[:, freed]
    shares = moved.copy()
    _, along = _lowest_kurtosis(X, parameters, shares, split)
    beyond = along > np.average(along, weights=shares[:, split])
    moved[:, freed] = np.where(beyond, shares[:, split], 0.0)
    moved[:, split] = np.where(beyond, 0.0, shares[:, split])
    return moved
