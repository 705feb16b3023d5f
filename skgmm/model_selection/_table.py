"""The table of a search: a row for each model, as arrays, and which row is best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from skgmm._linalg import Array
from skgmm._rows.grouped import RowsInMemory
from skgmm.covariance import Structure
from skgmm.model_selection._sweep import Fit, Table

NOT_REACHED = "interrupted"

# Scores this close, as a share of their size, are the same: of those the simplest is chosen.
_TIE = 1e-9


def table_of(
    table: Table,
    structures: Sequence[Structure],
    sizes: Sequence[int],
    rows: RowsInMemory,
) -> dict[str, Array]:
    """Columns, a row per model in the order of sizes, then structures."""
    weights = rows.sample_weight
    n_samples = float(rows.n_samples if weights is None else weights.sum())
    fits = [
        table.get((s.name, K), Fit(s, K, None, NOT_REACHED, np.nan))
        for K in sizes
        for s in structures
    ]
    log_likelihood = np.array([fit.log_likelihood for fit in fits])
    n_free = np.array([fit.n_parameters(rows.n_features) for fit in fits], dtype=np.int64)
    bic = -2.0 * log_likelihood + n_free * np.log(n_samples)
    return {
        "n_components": np.array([fit.n_components for fit in fits], dtype=np.int64),
        "covariance_type": np.array([fit.structure.name for fit in fits]),
        "log_likelihood": log_likelihood,
        "n_parameters": n_free,
        "bic": bic,
        "aic": -2.0 * log_likelihood + 2.0 * n_free,
        "icl": bic - 2.0 * np.array([fit.log_certainty for fit in fits]),
        "converged": np.array([_converged(fit) for fit in fits]),
        "status": np.array([fit.status for fit in fits]),
        "fit_time": np.array([fit.fit_time for fit in fits]),
    }


def add_held_out(
    results: dict[str, Array], scores: dict[tuple[str, int], tuple[float, float]]
) -> str:
    """Add the columns of a cross-validation; the name of the one that decides."""
    models = zip(results["covariance_type"], results["n_components"], strict=True)
    rows = np.array([scores.get((str(name), int(K)), (np.nan, np.nan)) for name, K in models])
    # A model that all rows do not allow must not win because parts of them do.
    rows[np.isnan(results["log_likelihood"])] = np.nan
    results["held_out_log_likelihood"], results["held_out_error"] = rows.T
    return "held_out_log_likelihood"


def _converged(fit: Fit) -> bool:
    return fit.result is not None and fit.result.status.converged


def best_row(results: dict[str, Any], column: str, higher_is_better: bool) -> int | None:
    """The row of the best score, the simplest of equals; None without any."""
    scores = results[column] * (-1.0 if higher_is_better else 1.0)
    if np.isnan(scores).all():
        return None
    best = np.nanmin(scores)
    equal = np.flatnonzero(scores <= best + _TIE * abs(best))
    return int(equal[np.argmin(results["n_parameters"][equal])])
