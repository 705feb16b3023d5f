"""Log-likelihood of held-out samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from skgmm._linalg import Array
from skgmm._rows.base import Rows
from skgmm._rows.grouped import RowsInMemory
from skgmm.covariance import Structure
from skgmm.model_selection._search_data import SearchData
from skgmm.model_selection._sweep import sweep
from skgmm.model_selection._table import Table
from skgmm.model_selection._tasks import StoppedSearchError, Tasks

Prepare = Callable[[RowsInMemory], SearchData]


def cross_validated(
    rows: RowsInMemory,
    folds: Iterable[tuple[Array, Array]],
    structures: Sequence[Structure],
    prepare: Prepare,
    n_parallel: int,
    tasks: Tasks,
) -> tuple[dict[tuple[str, int], tuple[float, float]], bool]:
    """Mean held-out log-likelihood of each model in nats per sample, and its standard error.

    A model that fails in a fold has NaN. Also returns whether all folds were reached: an interrupt,
    or a callback, leaves the previous folds; of the first fold, the models that were fitted.

    Parameters
    ----------
    folds : iterable of (train, test)
        Numbers of samples.

    Raises
    ------
    ValueError
        If there are no folds, or one has too few samples.
    KeyboardInterrupt, StoppedSearchError
        If no model was reached.
    """
    scores: list[dict[tuple[str, int], float]] = []
    sizes: list[float] = []
    for fold, (train, test) in enumerate(folds):
        known, held_out = rows.taken(train), rows.taken(test)
        _check_fold(fold, known, held_out)
        try:
            table, complete = sweep(prepare(known), structures, n_parallel, tasks)
        except (KeyboardInterrupt, StoppedSearchError):
            if not scores:
                raise
            table, complete = {}, False
        if complete or not scores:
            scores.append(_scored(table, held_out))
            sizes.append(held_out.total_weight)
        if not complete:
            return _summed_up(scores, sizes), False
    if not scores:
        raise ValueError("cv makes no folds")
    return _summed_up(scores, sizes), True


def checked_splits(
    splits: Iterable[tuple[Array, Array]], rows: RowsInMemory, source: Rows, numbered: bool
) -> Iterator[tuple[Array, Array]]:
    """The splits of `rows`, which may be a part of `source`.

    Raises
    ------
    ValueError
        If the splits have numbers of other samples than these, as they have if they were
        `numbered` by the user, who does not know which samples are drawn.
    """
    drawn = rows.n_samples < source.n_samples
    for train, test in splits:
        last = max((int(np.max(part)) for part in (train, test) if len(part)), default=-1)
        if last >= rows.n_samples or (numbered and drawn):
            compared = f"{rows.n_samples} samples{' drawn from X (max_samples)' if drawn else ''}"
            raise ValueError(
                f"cv should split the {compared} on which models are compared, but has numbers of "
                "samples in X. Use a splitter such as KFold(5), or GroupKFold(5) with groups."
            )
        yield train, test


def _check_fold(fold: int, known: RowsInMemory, held_out: RowsInMemory) -> None:
    if known.n_counted < 2 or held_out.total_weight == 0.0:
        raise ValueError(
            f"cv: fold {fold} needs 2 samples of positive weight to fit and 1 to score, but has "
            f"{known.n_counted} and weight {held_out.total_weight:g}. Use fewer folds, or shuffle "
            "the samples."
        )
    if not known.whole and np.isnan(known.X).all(axis=0).any():
        feature = int(np.isnan(known.X).all(axis=0).argmax())
        raise ValueError(
            f"cv: fold {fold} leaves no observed value of feature {feature} to fit to. Use fewer "
            "folds, shuffle the samples, or drop the feature."
        )


def _scored(table: Table, held_out: RowsInMemory) -> dict[tuple[str, int], float]:
    """Mean log-likelihood of the held-out samples for each model, NaN for one that failed."""
    return {
        model: np.nan if fit.result is None else held_out.mean_log_likelihood(fit.result.parameters)
        for model, fit in table.items()
    }


def _summed_up(
    scores: list[dict[tuple[str, int], float]], sizes: list[float]
) -> dict[tuple[str, int], tuple[float, float]]:
    return {model: _over_folds(scores, model, np.array(sizes)) for model in scores[0]}


def _over_folds(
    scores: list[dict[tuple[str, int], float]], model: tuple[str, int], sizes: Array
) -> tuple[float, float]:
    """The mean over all held-out samples, and its standard error from the variance over folds."""
    by_fold = np.array([score[model] for score in scores])
    mean = float(np.average(by_fold, weights=sizes))
    if len(by_fold) < 2:
        return mean, np.nan
    return mean, float(by_fold.std(ddof=1) / np.sqrt(len(by_fold)))
