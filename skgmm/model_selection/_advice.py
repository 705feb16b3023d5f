"""Messages of warnings after a search."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skgmm._linalg import Array
from skgmm._rows.evidence import effective_size
from skgmm._validation import scale_of_weights
from skgmm.model_selection._leader import PENALISED
from skgmm.model_selection._search_data import SearchData
from skgmm.model_selection._table import NOT_REACHED, Table

# In the status of a model of which a component has collapsed.
_COLLAPSED = "collapsed onto reg_covar"

# Samples that share a value are many if they are at least this part of all.
_MANY = 0.05

# Smaller differences of BIC are negligible (Kass & Raftery 1995).
_DECISIVE = 2.0


def advice(
    data: SearchData,
    table: Table,
    results: dict[str, Array],
    best: int,
    criterion: str,
    names: Sequence[str] | Array | None,
) -> list[str]:
    """What the user should know of a search, beside an interrupt.

    Parameters
    ----------
    best : int
        The row of the best model.
    names : sequence of str or None
        Of the columns of X.
    """
    messages = data.collapse.span.advice(names, None)
    n_components = int(results["n_components"][best])
    messages += largest_tried(results["n_components"], n_components)
    messages += collapsed_before(data, results, n_components)
    if criterion in PENALISED:
        messages += relative_weights(data.rows.sample_weight, int(results["n_parameters"][best]))
        penalty = 2.0 if criterion == "aic" else float(np.log(data.total_weight))
        messages += left_out(table, results, float(results[criterion][best]), penalty)
    return messages


def largest_tried(sizes: Sequence[int] | Array, best: int) -> list[str]:
    """A message if more components than were tried might be better."""
    if len(set(sizes)) < 2 or best < max(sizes):
        return []
    return [
        f"The best number of components, {best}, is the largest that was tried (n_components from "
        f"{min(sizes)} to {max(sizes)}): try larger ones."
    ]


def left_out(
    table: Table, results: dict[str, Array], best_score: float, penalty: float
) -> list[str]:
    """A message about inadmissible models: those with a better criterion, or their number.

    Parameters
    ----------
    penalty : float
        Penalty for each parameter: log(n) for BIC and ICL, 2 for AIC.
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
        f"Models with a better value of the criterion are inadmissible ({len(better)} in all), "
        "because some of their components have too few samples for the parameters that they do not "
        f"share, for example {name!r} with {n_components} components ({reason}). The column "
        "'status' of results_ gives the reason for each."
    ]


def _too_few_for_some(results: dict[str, Array]) -> list[str]:
    """A message with the number of models that were excluded because of too few samples."""
    inadmissible = np.array(["but X has" in status for status in results["status"]])
    if not inadmissible.any():
        return []
    return [
        f"{inadmissible.sum()} of {len(inadmissible)} models are excluded because X has too few "
        "samples for so many components with such covariances. The column 'status' of results_ "
        "gives the reason for each. Decrease n_components, or exclude structures with many "
        "parameters."
    ]


def collapsed_before(data: SearchData, results: dict[str, Array], best: int) -> list[str]:
    """A message if models with fewer components than the best one collapsed on a shared value.

    Samples that share a value, such as zeros among amounts, are then described by many components
    instead of one without variance.
    """
    fewer = results["n_components"] < best
    failed = np.array([_COLLAPSED in status for status in results["status"]])
    if not (fewer & failed).any() or not _share_a_value(data.rows.X, data.rows.weights):
        return []
    return [
        f"Models with fewer components than the best one ({(fewer & failed).sum()} in all) have no "
        "score, because a component collapsed: many samples share a value, and their density has "
        "no bound. More components may stand in for it. Set prior='auto', which bounds the "
        "density; or leave out those samples, or the column."
    ]


def _share_a_value(X: Array, weights: Array) -> bool:
    """Whether many of the samples have the same value of a feature."""
    for column in X.T:
        _, number = np.unique(column, return_inverse=True)
        counts = np.bincount(number, weights=np.where(np.isnan(column), 0.0, weights))
        if counts.max() >= _MANY * weights.sum():
            return True
    return False


def relative_weights(weights: Array | None, n_free: int) -> list[str]:
    """A message if the weights are relative."""
    if weights is None:
        return []
    total = float(weights.sum())
    message = scale_of_weights(total, effective_size(total, float(weights @ weights)), n_free)
    return [] if message is None else [message]


def interrupted(results: dict[str, Array], repeated: bool) -> str:
    """A message about a search that was interrupted, perhaps while all models were `repeated`."""
    n_missing = int((results["status"] == NOT_REACHED).sum())
    if repeated:
        return (
            "The search was interrupted while all models were fitted again, with more added to the "
            "variances of features whose values samples share; the best model is that of before."
        )
    if not n_missing:
        return (
            "The search was interrupted during its cross-validation; models are compared by the "
            "folds before that, or by the models that were fitted in the first fold."
        )
    return (
        f"The search was interrupted before {n_missing} of {len(results['status'])} models were "
        "fitted; the best model is the best of the others."
    )
