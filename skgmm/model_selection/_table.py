"""The results of a search as a table, with a row for each model, and the best row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skgmm._em.result import EMResult
from skgmm._linalg import Array
from skgmm._parameters import aic, bic
from skgmm.covariance import Structure
from skgmm.model_selection._admissible import CollapsedError
from skgmm.model_selection._search_data import SearchData

NOT_REACHED = "interrupted"

# Scores with smaller relative differences are ties, of which the simplest model is chosen.
_TIE = 1e-9


@dataclass(frozen=True)
class ModelFit:
    """A model of the table: the result of EM, or the reason why there is none."""

    structure: Structure
    n_components: int
    result: EMResult | None
    status: str
    fit_time: float  # seconds
    log_likelihood: float = np.nan  # nats, total, without the penalty of reg_covar
    log_certainty: float = np.nan  # sum over samples of the log of the largest responsibility
    rejected: float = np.nan  # log-likelihood of an inadmissible end, nats, total
    collapsed: CollapsedError | None = None  # where all runs collapsed


Table = dict[tuple[str, int], ModelFit]
"""Fits by structure and number of components."""


def table_of(
    table: Table,
    structures: Sequence[Structure],
    sizes: Sequence[int],
    data: SearchData,
) -> dict[str, Array]:
    """Columns of the table, with a row per model in the order of sizes, then structures."""
    fits = [
        table.get((s.name, K), ModelFit(s, K, None, NOT_REACHED, np.nan))
        for K in sizes
        for s in structures
    ]
    log_likelihood = np.array([fit.log_likelihood for fit in fits])
    n_free = np.array(
        [data.n_parameters(fit.structure, fit.n_components) for fit in fits], dtype=np.int64
    )
    bic_values = bic(log_likelihood, n_free, data.total_weight)
    return {
        "n_components": np.array([fit.n_components for fit in fits], dtype=np.int64),
        "covariance_type": np.array([fit.structure.name for fit in fits]),
        "log_likelihood": log_likelihood,
        "n_parameters": n_free,
        "bic": bic_values,
        "aic": aic(log_likelihood, n_free),
        "icl": bic_values - 2.0 * np.array([fit.log_certainty for fit in fits]),
        "converged": np.array(
            [fit.result is not None and fit.result.status.converged for fit in fits]
        ),
        "status": np.array([fit.status for fit in fits]),
        "fit_time": np.array([fit.fit_time for fit in fits]),
    }


def add_held_out(
    results: dict[str, Array], scores: dict[tuple[str, int], tuple[float, float]]
) -> str:
    """Add the columns of a cross-validation; return the name of the criterion's column."""
    models = zip(results["covariance_type"], results["n_components"], strict=True)
    rows = np.array([scores.get((str(name), int(K)), (np.nan, np.nan)) for name, K in models])
    # A model that could not be fitted to all samples must not win by its folds.
    rows[np.isnan(results["log_likelihood"])] = np.nan
    results["held_out_log_likelihood"], results["held_out_error"] = rows.T
    return "held_out_log_likelihood"


def best_row(results: dict[str, Any], column: str, higher_is_better: bool) -> int:
    """The row of the best score, the simplest model of ties.

    Raises
    ------
    ValueError
        If all scores are NaN.
    """
    scores = results[column] * (-1.0 if higher_is_better else 1.0)
    if np.isnan(scores).all():
        status = results["status"]
        raise ValueError(
            f"None of the {len(status)} models could be fitted. The first: {status[0]}"
        )
    best = np.nanmin(scores)
    equal = np.flatnonzero(scores <= best + _TIE * abs(best))
    return int(equal[np.argmin(results["n_parameters"][equal])])
