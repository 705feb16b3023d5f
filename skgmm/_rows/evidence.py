"""Log-likelihood, certainty of the assignment and ECLL of samples in memory, for the criteria.

Sums over a chunk, which `skgmm._rows.base.Rows` adds up over all chunks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from skgmm._linalg import Array
from skgmm._parameters import MixtureParameters
from skgmm._rows import e_step
from skgmm._rows.e_step import Part, slices


class Evidence(NamedTuple):
    """What criteria are made of."""

    log_likelihood: float  # nats, total
    weight: float  # sum of the weights, which is the number of samples to the criteria
    effective: float  # effective number of samples, which does not change with their scale


def log_likelihood(part: Part, parameters: MixtureParameters) -> Array:
    """Total log-likelihood, sum of the weights and of their squares, (3,)."""
    values = e_step.log_densities(part.X, parameters, part.n_threads)
    weights = part.sample_weight
    if weights is None:
        return np.array([values.sum(), len(values), len(values)])
    return np.array([weights @ values, weights.sum(), weights @ weights])


def effective_size(weight: float, squares: float) -> float:
    """Kish's effective number of samples, from the sums of weights and of their squares."""
    return weight / squares * weight if squares > 0 else np.inf


def log_certainty(part: Part, parameters: MixtureParameters) -> float:
    """The sum over samples of the log of the largest responsibility, in nats."""
    certainty, weights = 0.0, part.sample_weight
    if parameters.n_components == 1:
        return certainty
    for block in slices(len(part.X)):
        largest = e_step.log_certainty(part.X[block], parameters, part.n_threads)
        certainty += float(largest.sum() if weights is None else weights[block] @ largest)
    return certainty


def ecll(part: Part, parameters: MixtureParameters, given: Array | None) -> float:
    """ECLL in nats, total, under responsibilities (n, K) of all samples or those of the mixture."""
    total = 0.0
    for block in slices(len(part.X)):
        X = part.X[block].astype(np.float64, copy=False)
        log_responsibilities = e_step.log_responsibilities(X, parameters, part.n_threads)
        responsibilities = np.exp(log_responsibilities)
        if given is not None:
            responsibilities = given[part.first + block.start : part.first + block.stop]
        log_densities = e_step.log_densities(X, parameters, part.n_threads)
        total += expected(responsibilities, log_responsibilities + log_densities[:, None])
    return total


def expected(responsibilities: Array, log_joint: Array) -> float:
    """The sum of responsibilities x log joint, (n, K)."""
    # 0 x log 0 is 0: a component of weight 0 without samples costs nothing.
    nothing = np.zeros_like(log_joint)
    return float(
        np.multiply(responsibilities, log_joint, out=nothing, where=responsibilities > 0).sum()
    )
