"""The log-likelihood of rows that a model has not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from skgmm._linalg import Array
from skgmm._rows import InMemoryRows
from skgmm.covariance import Structure
from skgmm.model_selection._sweep import Ground, sweep
from skgmm.model_selection._tasks import Told

Prepare = Callable[[InMemoryRows], Ground]


def cross_validated(
    rows: InMemoryRows,
    folds: Iterable[tuple[Array, Array]],
    structures: Sequence[Structure],
    prepare: Prepare,
    n_parallel: int,
    told: Told,
) -> tuple[dict[tuple[str, int], tuple[float, float]], bool]:
    """Mean held-out log-likelihood of each model in nats per row, and its standard error.

    A model that fails in a fold has NaN. Also whether all folds were reached: an interrupt, or a
    callback that is `told`, leaves those before.

    Parameters
    ----------
    folds : iterable of (train, test)
        Numbers of rows.
    """
    scores: list[dict[tuple[str, int], float]] = []
    sizes: list[float] = []
    complete = True
    for train, test in folds:
        held_out = _taken(rows, test)
        table, complete = sweep(prepare(_taken(rows, train)), structures, n_parallel, told)
        if not complete:
            break
        scores.append(
            {
                model: held_out.mean_log_likelihood(fit.result.parameters)
                if fit.result is not None
                else np.nan
                for model, fit in table.items()
            }
        )
        weights = held_out.sample_weight
        sizes.append(float(held_out.n_samples if weights is None else weights.sum()))
    if not scores:
        raise KeyboardInterrupt
    return {model: _summed_up(scores, model, np.array(sizes)) for model in scores[0]}, complete


def _taken(rows: InMemoryRows, chosen: Array) -> InMemoryRows:
    weights = rows.sample_weight
    return InMemoryRows(
        rows.X[chosen], None if weights is None else weights[chosen], rows.n_threads
    )


def _summed_up(
    scores: list[dict[tuple[str, int], float]], model: tuple[str, int], sizes: Array
) -> tuple[float, float]:
    """The mean over all held-out rows, and its standard error from the spread over folds."""
    by_fold = np.array([score[model] for score in scores])
    mean = float(np.average(by_fold, weights=sizes))
    if len(by_fold) < 2:
        return mean, np.nan
    return mean, float(by_fold.std(ddof=1) / np.sqrt(len(by_fold)))
