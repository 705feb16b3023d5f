"""A mixture in a page of text."""

from __future__ import annotations

from typing import Any

import numpy as np

from skgmm._linalg import Array
from skgmm._validation import check_structure

WIDEST = 12
"""Features shown; a table of more is not read."""


def summarise(mixture: Any) -> str:
    """Text of a fitted (or given) mixture; see `GaussianMixtureEM.summary`."""
    n_components, n_features = mixture.means_.shape
    structure = check_structure(mixture.covariance_type_)
    lines = [
        f"Gaussian mixture: {_count(n_components, 'component')}, "
        f"{_count(n_features, 'feature')}, {mixture.n_parameters_} free parameters",
        f"Covariances: {structure.name} ({structure.in_words})",
        "",
        *_components(mixture),
        "",
        *_ending(mixture),
    ]
    return "\n".join(lines)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _components(mixture: Any) -> list[str]:
    n_components, n_features = mixture.means_.shape
    names = getattr(mixture, "feature_names_in_", [f"x{j}" for j in range(n_features)])
    shown = [str(name) for name in names[:WIDEST]]
    width = max(12, *(len(name) + 2 for name in shown))
    label = max(20, *(len(f"correlation {name}") for name in shown))
    structure = check_structure(mixture.covariance_type_)
    stack = structure.from_factors(mixture.precisions_cholesky_, n_features).dense()
    lines = []
    for k in range(n_components):
        deviations, correlations = _correlations(np.asarray(stack[k % len(stack)], dtype=float))
        lines.append(f"Component {k}: weight {mixture.weights_[k]:.4f}")
        lines.append(f"  {'':{label}}" + "".join(f"{name:>{width}}" for name in shown))
        lines.append(_row(f"{'mean':{label}}", mixture.means_[k], width))
        lines.append(_row(f"{'standard deviation':{label}}", deviations, width))
        if np.any(correlations[~np.eye(n_features, dtype=bool)]):
            lines += [
                _row(f"{'correlation ' + name:{label}}", correlations[j, : j + 1], width, ".3f")
                for j, name in enumerate(shown)
            ]
    if n_features > WIDEST:
        lines.append(f"  ({n_features - WIDEST} more features not shown)")
    return lines


def _correlations(covariance: Array) -> tuple[Array, Array]:
    """Standard deviations (d,) and correlations (d, d)."""
    deviations = np.sqrt(np.diagonal(covariance))
    return deviations, covariance / np.outer(deviations, deviations)


def _row(label: str, values: Array, width: int, form: str = ".5g") -> str:
    return f"  {label}" + "".join(f"{value:>{width}{form}}" for value in values[:WIDEST])


def _ending(mixture: Any) -> list[str]:
    if not hasattr(mixture, "lower_bound_"):
        return [f"Ended: {mixture.status_}"]
    total = mixture.lower_bound_ * mixture.total_weight_
    bic = -2.0 * total + mixture.n_parameters_ * np.log(mixture.total_weight_)
    return [
        f"Log-likelihood: {total:.4f} nats over {mixture.total_weight_:g} rows "
        f"({mixture.lower_bound_:.6f} per row)",
        f"BIC: {bic:.4f} (lower is better)",
        f"Ended: {mixture.status_} after {_count(mixture.n_iter_, 'iteration')}",
    ]
