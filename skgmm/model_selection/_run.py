"""A search from end to end: samples drawn, models compared, the best as an estimator."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from numbers import Integral
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from skgmm._em.result import EMResult
from skgmm._linalg import Array
from skgmm._progress import MOST_REPEATS
from skgmm._rows.base import Rows
from skgmm._rows.grouped import RowsInMemory
from skgmm._rows.uniform_noise import noise_of
from skgmm._starts.shared_values import with_shared_values
from skgmm.covariance import Structure
from skgmm.model_selection._advice import advice, interrupted
from skgmm.model_selection._best import as_estimator, refitted
from skgmm.model_selection._cross_validation import checked_splits, cross_validated
from skgmm.model_selection._drawn import drawn
from skgmm.model_selection._grid import sizes_of, structures_of
from skgmm.model_selection._search_data import SearchData
from skgmm.model_selection._sweep import sweep
from skgmm.model_selection._table import Table, add_held_out, best_row, table_of
from skgmm.model_selection._tasks import SearchTasks, StoppedSearchError

Criterion = Literal["bic", "icl", "aic", "log_likelihood"]

HELD_OUT: Criterion = "log_likelihood"
"""The criterion of cross-validation."""


def searched(
    search: Any,
    source: Rows,
    folds: Any,
    groups: ArrayLike | None,
    tasks: SearchTasks,
    rng: np.random.RandomState,
) -> tuple[dict[str, Any], list[str]]:
    """The fitted attributes of a search, and the messages of its warnings.

    Parameters
    ----------
    search : GaussianMixtureSearch
        Whose constructor parameters are read.
    source : Rows
        All samples.
    folds : cross-validation generator or None
    """
    sizes, structures = sizes_of(search.n_components), structures_of(search.covariance_types)
    rows, groups = drawn(source, search.max_samples, noise_of(search.noise), groups, rng)
    prepare = partial(_prepared, search, sizes, structures, rng)

    found = _compared(search, rows, sizes, structures, prepare, tasks)
    data, table, results, complete, repeating = found
    column = search.criterion
    if column == HELD_OUT:
        if not complete:
            raise tasks.interruption
        splits = _splits(search.cv, folds, rows, source, groups)
        held_out, complete = cross_validated(
            rows, splits, structures, prepare, rows.n_threads, tasks
        )
        column = add_held_out(results, held_out)
    best = best_row(results, column, higher_is_better=search.criterion == HELD_OUT)
    names = getattr(search, "feature_names_in_", None)
    messages = advice(data, table, results, best, search.criterion, names)
    if not complete:
        messages.append(interrupted(results, repeating))
    size, name = int(results["n_components"][best]), str(results["covariance_type"][best])
    if rows is source:
        estimator = as_estimator(search, table[name, size], rows, data)
    else:
        estimator, more = refitted(search, table[name, size], source, data, rng)
        messages += more
    attributes = {
        "results_": results,
        "best_index_": best,
        "_fitted_criterion": search.criterion,
        "best_score_": float(results[column][best]),
        "best_n_components_": size,
        "best_covariance_type_": name,
        "best_estimator_": estimator,
    }
    return attributes, messages


class _Compared(NamedTuple):
    data: SearchData
    table: Table
    results: dict[str, Any]
    complete: bool  # whether all models were fitted
    repeating: bool = False  # whether they were to be fitted again, which was interrupted


def _compared(
    search: Any,
    rows: RowsInMemory,
    sizes: list[int],
    structures: list[Structure],
    prepare: Callable[..., SearchData],
    tasks: SearchTasks,
) -> _Compared:
    """All models, again if the best rests on shared values.

    An interrupt while they are fitted again leaves those of the time before.
    """

    def swept(data: SearchData) -> _Compared:
        table, complete = sweep(data, structures, rows.n_threads, tasks, search.criterion)
        return _Compared(data, table, table_of(table, structures, sizes, data), complete)

    found = swept(prepare(rows))
    adds = search.reg_covar == "auto" and search.prior is None and search.fixed is None
    for _ in range(MOST_REPEATS if adds and search.criterion != HELD_OUT else 0):
        if not found.complete:
            break
        try:
            cells = _cells_of_shared_values(found, search.criterion)
            if cells is None:
                break
            tasks.repeat()
            again = swept(prepare(rows, cells=cells))
        except (KeyboardInterrupt, StoppedSearchError):
            return found._replace(complete=False, repeating=True)
        if not again.complete:
            return found._replace(complete=False, repeating=True)
        found = again
    return found


def _cells_of_shared_values(found: _Compared, column: str) -> Array | None:
    """Variances (d,) that are to be added because the best model has a component narrower than the
    rounding, or because models with fewer components collapsed: more components would stand in for
    values that samples share. None if nothing is.
    """
    row = best_row(found.results, column, higher_is_better=False)
    best = int(found.results["n_components"][row])
    chosen = found.table[str(found.results["covariance_type"][row]), best].result
    assert chosen is not None
    ends: list[tuple[EMResult, list[int]]] = [(chosen, [])]
    for fit in found.table.values():
        if fit.collapsed is not None and fit.n_components < best:
            ends.append((fit.collapsed.end, fit.collapsed.components))
    data = found.data
    reg = data.reg
    for end in ends:
        reg = with_shared_values(reg, data.rounding, *end, data.rows) or reg
    if reg is data.reg:
        return None
    return np.where(reg.cells > data.reg.cells, reg.cells, data.cells)


def _prepared(
    search: Any,
    sizes: list[int],
    structures: list[Structure],
    rng: np.random.RandomState,
    rows: RowsInMemory,
    cells: Array | None = None,
) -> SearchData:
    """What all fits to these samples have in common."""
    return SearchData.prepare(
        rows,
        search.reg_covar,
        sizes,
        rng,
        {"tol": search.tol, "max_iter": search.max_iter},
        structures,
        prior=search.prior,
        equal_weights=search.fixed is not None,
        admissible_only=True,
        cells=cells,
    )


def _splits(cv: Any, folds: Any, rows: RowsInMemory, source: Rows, groups: Any) -> Any:
    """The folds of the samples that were drawn."""
    made = folds.split(rows.X) if groups is None else folds.split(rows.X, groups=groups)
    numbered = not (cv is None or isinstance(cv, Integral) or hasattr(cv, "split"))
    return checked_splits(made, rows, source, numbered)
