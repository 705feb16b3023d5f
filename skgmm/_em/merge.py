"""One mixture from several of different rows, through their Moments."""

from __future__ import annotations

from functools import reduce
from operator import add

import numpy as np

from skgmm._em.stepwise import StreamState
from skgmm._linalg import Array, best_matching
from skgmm._moments import Moments, Scatter
from skgmm._parameters import MixtureParameters, maximise, n_parameters
from skgmm.covariance import Structure

# More than sampling explains by this many nats per sample means that components were paired that
# are not the same cluster.
_TOO_MUCH = 0.1

# What is left to noise is rounding if it is no more than this part of the samples.
_ROUNDING = 1e-9


def merged(
    parts: list[tuple[MixtureParameters, StreamState]], structure: Structure
) -> tuple[MixtureParameters, StreamState, float]:
    """The M-step from the Moments of all parts, and what it loses at most.

    Components are paired one to one with those of the first part, such that the ECLL of each part
    under the first's parameters is highest.

    Returns
    -------
    parameters : MixtureParameters
    memory : Memory
    loss : float
        By how much the mean log-likelihood, in nats per sample, can be lower than with
        each part's own parameters: the fall of their ECLL, which the log-likelihood cannot exceed
        (Dempster, Laird & Rubin 1977).
    """
    first, _ = parts[0]
    moments, own = [], []
    for parameters, memory in parts:
        seen = memory.undiscounted()
        order = best_matching(component_values(seen, first))
        moments.append(seen.reordered(order))
        own.append(_ecll(seen, parameters))
    whole = reduce(add, moments)
    parameters = maximise(whole, structure, first)
    loss = max(0.0, (sum(own) - _ecll(whole, parameters)) / whole.total_weight)
    n_samples = sum(memory.n_samples for _, memory in parts)
    bound = whole.mean_objective - loss
    return parameters, StreamState.of_fit(whole.with_objective(bound), n_samples), loss


def explained(structure: Structure, memory: StreamState, n_parts: int) -> float:
    """Loss, in nats per sample, that is tolerated silently for parts of the same distribution.

    Each part's parameters are fitted to its own rows: the merged ones lose half a nat for each on
    average (Wilks 1938); three times that are allowed.
    """
    free = n_parameters(structure, *memory.moments.mean.shape)
    return _TOO_MUCH + 1.5 * (n_parts - 1) * free / memory.moments.total_weight


def _ecll(moments: Moments, parameters: MixtureParameters) -> float:
    """The ECLL in nats, without that of the density of noise, which is the same in all parts."""
    values = float(np.trace(component_values(moments, parameters)))
    noise = moments.total_weight - float(moments.mass.sum())
    if noise <= _ROUNDING * moments.total_weight:
        return values
    return values + noise * parameters.log_noise_weight


def component_values(moments: Moments, parameters: MixtureParameters) -> Array:
    """The ECLL of each component's rows (first axis) in each component's place, in nats, (K, K).

    On the diagonal the components are where they are, so its sum is the ECLL.
    """
    n_components, covariance = parameters.n_components, parameters.covariance
    spread = covariance.cross_traces(moments.form.dense(moments.scatter), n_components)
    if moments.form is Scatter.POOLED:
        spread = spread / n_components
    distance = covariance.squared_distances(moments.mean, parameters.means)
    log_peak = np.maximum(parameters.log_peak, np.log(np.finfo(np.float64).tiny))
    return moments.mass[:, None] * (log_peak - 0.5 * distance) - 0.5 * spread
