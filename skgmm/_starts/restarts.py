"""Independent starts, each with its own random stream; the best result is kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np

from skgmm._em.result import EMResult, same_rank
from skgmm._rows.sample import Stream
from skgmm._rows.seeds import seeded
from skgmm._starts.methods import EmptyStartError
from skgmm._threads import run_in_threads
from skgmm.covariance import IllDefinedCovarianceError

LARGEST_SEED = int(np.iinfo(np.int32).max)


class LeftOutError(ValueError):
    """A start that was skipped because a callback had stopped the fit."""

    def __init__(self) -> None:
        super().__init__("stopped by callback before it began")


Run = Callable[[int, Stream], EMResult]


def best_of(
    run: Run, n_init: int, random_state: np.random.RandomState, n_parallel: int = 1
) -> tuple[EMResult, list[EMResult | ValueError]]:
    """Run starts 0 .. n_init - 1: the result with the highest objective, and how each ended.

    Of results that differ by rounding alone it is the first one.

    The seeds are drawn before anything runs, so the result depends neither on `n_parallel` nor
    on which starts fail. A start that fails numerically, or is left out, is skipped.

    Raises
    ------
    IllDefinedCovarianceError, EmptyStartError
        If every start failed: the error of the first.
    """
    seeds = random_state.randint(LARGEST_SEED, size=n_init)

    def attempt(start: int) -> EMResult | ValueError:
        try:
            return run(start, cache(partial(seeded, seeds[start])))
        except (IllDefinedCovarianceError, EmptyStartError, LeftOutError) as error:
            return error

    outcomes = run_in_threads(attempt, range(n_init), n_parallel)
    results = [outcome for outcome in outcomes if isinstance(outcome, EMResult)]
    if not results:
        raise next(outcome for outcome in outcomes if isinstance(outcome, Exception))
    ranks = [result.rank for result in results]
    best = min(ranks)
    first = next((i for i, rank in enumerate(ranks) if same_rank(rank, best)), ranks.index(best))
    return results[first], outcomes
