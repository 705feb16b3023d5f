"""A mixture in a page of text."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator

from skgmm._linalg import Array
from skgmm._parameters import MixtureParameters, bic
from skgmm.covariance import Covariance, Structure

WIDEST = 12
"""Features shown; a table of more is not read."""


def summarise(
    mixture: BaseEstimator, parameters: MixtureParameters, structure: Structure, n_free: int
) -> str:
    """Text of a fitted (or given) mixture; see `GaussianMixtureEM.summary`."""
    sizes = parameters.n_components, parameters.n_features
    lines = [
        f"Gaussian mixture: {_count(sizes[0], 'component')}, {_count(sizes[1], 'feature')}, "
        f"{n_free} free parameters",
        f"Covariances: {structure.name} ({structure.in_words})",
        "",
        *_components(mixture, parameters),
    ]
    if hasattr(mixture, "status_"):
        lines += ["", *_ending(mixture, n_free)]
    return "\n".join(lines)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _components(mixture: BaseEstimator, parameters: MixtureParameters) -> list[str]:
    n_components, n_features = parameters.n_components, parameters.n_features
    names = getattr(mixture, "feature_names_in_", [f"x{j}" for j in range(n_features)])
    shown = [str(name) for name in names[:WIDEST]]
    width = max(12, *(len(name) + 2 for name in shown))
    label = max(20, *(len(f"correlation {name}") for name in shown))
    deviations = np.sqrt(parameters.covariance.variances()[:, :WIDEST])
    correlations = _correlations(parameters.covariance, deviations)
    lines = []
    for k in range(n_components):
        own = k % len(deviations)
        lines.append(f"Component {k}: weight {parameters.weights[k]:.4f}")
        lines.append(f"  {'':{label}}" + "".join(f"{name:>{width}}" for name in shown))
        lines.append(_row(f"{'mean':{label}}", parameters.means[k], width))
        lines.append(_row(f"{'standard deviation':{label}}", deviations[own], width))
        if correlations is not None and np.tril(correlations[own], -1).any():
            lines += [
                _row(f"{'correlation ' + name:{label}}", row[: j + 1], width, ".3f")
                for j, (name, row) in enumerate(zip(shown, correlations[own], strict=True))
            ]
    if hasattr(mixture, "noise_weight_"):
        lines.append(f"Noise: weight {mixture.noise_weight_:.4f}")
        lines.append(f"  volume {mixture.noise_volume_:.5g}")
    if n_features > WIDEST:
        lines.append(f"  ({n_features - WIDEST} more features not shown)")
    return lines


def _correlations(covariance: Covariance, deviations: Array) -> Array | None:
    """Correlations (m, s, s) of the features shown; None where there are none."""
    if covariance.diagonal:
        return None
    n_shown = deviations.shape[1]
    shown = covariance.dense()[:, :n_shown, :n_shown]
    return shown / (deviations[:, :, None] * deviations[:, None, :])


def _row(label: str, values: Array, width: int, form: str = ".5g") -> str:
    return f"  {label}" + "".join(f"{value:>{width}{form}}" for value in values[:WIDEST])


def _ending(mixture: BaseEstimator, n_free: int) -> list[str]:
    if not hasattr(mixture, "total_weight_"):  # not fitted here
        return [f"Ended: {mixture.status_}"]
    total = mixture.lower_bound_ * mixture.total_weight_
    return [
        f"Log-likelihood: {total:.4f} nats over {mixture.total_weight_:g} samples "
        f"({mixture.lower_bound_:.6f} per sample)",
        f"BIC: {bic(total, n_free, mixture.total_weight_):.4f} (lower is better)",
        f"Ended: {mixture.status_} after {_count(mixture.n_iter_, 'iteration')}",
    ]
