"""What the user should know after a search: sentences for warnings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skgmm._linalg import Array
from skgmm._rows.base import effective_size
from skgmm._validation import scale_of_weights
from skgmm.model_selection._table import NOT_REACHED, Table

# A better score by less says nothing (Kass & Raftery 1995).
_DECISIVE = 2.0


def largest_tried(sizes: Sequence[int], best: int) -> list[str]:
    """Whether more components than were tried might be better."""
    if len(sizes) < 2 or best < max(sizes):
        return []
    return [
        f"The best number of components, {best}, is the largest that was tried (n_components from "
        f"{min(sizes)} to {max(sizes)}): try larger ones."
    ]


def left_out(
    table: Table, results: dict[str, Array], best_score: float, penalty: float
) -> list[str]:
    """Inadmissible models: those that the criterion alone would have preferred, or how many.

    Parameters
    ----------
    penalty : float
        Of a parameter, in units of the criterion: log(n) for BIC and ICL, 2 for AIC.
    """
    rejected = np.array(
        [
            table[str(name), int(K)].rejected if (str(name), int(K)) in table else np.nan
            for name, K in zip(results["covariance_type"], results["n_components"], strict=True)
        ]
    )
    scores = -2.0 * rejected + penalty * results["n_parameters"]
    better = np.flatnonzero(scores < best_score - _DECISIVE)
    if not len(better):
        return _too_few_for_some(results)
    first = better[np.argmin(scores[better])]
    name, n_components = str(results["covariance_type"][first]), results["n_components"][first]
    reason = results["status"][first].removeprefix("inadmissible: ")
    return [
        f"{len(better)} models with a better value of the criterion are inadmissible, because some "
        "of their components rest on too few samples for what they do not share, as in "
        f"{name!r} with {n_components} components ({reason}). The column 'status' of results_ "
        "tells which, and why."
    ]


def _too_few_for_some(results: dict[str, Array]) -> list[str]:
    """How many models were left out because X has too few samples for them."""
    inadmissible = np.array(["but X has" in status for status in results["status"]])
    if not inadmissible.any():
        return []
    return [
        f"{inadmissible.sum()} of {len(inadmissible)} models are left out because X has too few "
        "samples for so many components of their own shape. The column 'status' of results_ tells "
        "which, and why. Decrease n_components, or leave structures with many parameters out."
    ]


def relative_weights(weights: Array | None, n_free: int) -> list[str]:
    """What the user should know where weights are no counts."""
    if weights is None:
        return []
    total = float(weights.sum())
    message = scale_of_weights(total, effective_size(total, float(weights @ weights)), n_free)
    return [] if message is None else [message]


def interrupted(results: dict[str, Array]) -> str:
    n_missing = int((results["status"] == NOT_REACHED).sum())
    if not n_missing:
        return (
            "The search was interrupted in its cross-validation; models are judged by the folds "
            "before that, or by the first as far as it went."
        )
    return (
        f"The search was interrupted with {n_missing} of {len(results['status'])} models still to "
        "be fitted; the best is the best of the others."
    )
