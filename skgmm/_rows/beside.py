"""Samples in memory beside noise: those that no component reaches belong to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from skgmm import _kernels
from skgmm._kernels import LostRowError
from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm._parameters import MixtureParameters
from skgmm._rows import e_step
from skgmm._rows.base import InMemoryRows


def beside_noise(
    rows: InMemoryRows,
    mixture: MixtureParameters,
    form: Scatter,
    floor: Array,
    log_noise: float,
) -> Moments:
    """The E-step beside noise: each sample counts for what is not noise of it.

    Two passes: log-densities give the part, and the Moments are those of samples with such weights.
    """
    factors = mixture.covariance.kernel_factors
    means = np.ascontiguousarray(mixture.means)
    log_peak = _kernels.log_peak(mixture.log_weights, factors, floor)

    def log_densities(some: InMemoryRows) -> Array:
        found = np.empty((some.n_samples, 1))
        model = some.X, means, factors, log_peak
        _kernels.values(*model, log_density=found[:, 0], n_threads=some.n_threads)
        return found

    log_density = _of_reached(log_densities, rows, mixture, 1)[:, 0]
    total = np.logaddexp(log_density, log_noise)
    counted = rows.weights * np.exp(log_density - total)
    moments = no_moments(mixture, form)
    if counted.any():
        moments = rows.reweighted(counted).expectation(mixture, form, floor)
    objective = float(rows.weights @ total)
    return replace(moments, objective=objective, total_weight=rows.total_weight)


def no_moments(mixture: MixtureParameters, form: Scatter) -> Moments:
    """Of no sample."""
    n_components, d = mixture.means.shape
    nothing = form.from_dense(np.zeros((n_components, d, d)))
    return Moments(form, np.zeros(n_components), mixture.means, nothing, 0.0, 0.0)


def log_parts_beside(
    rows: InMemoryRows, mixture: MixtureParameters, log_noise: float
) -> tuple[Array, Array]:
    """Log-densities (b,) and log-responsibilities (b, K + 1) beside noise, which is last."""

    def parts(some: InMemoryRows) -> Array:
        return np.column_stack(e_step.log_parts(some.X, mixture, some.n_threads))

    if log_noise == -np.inf:
        found = parts(rows)
    else:
        found = _of_reached(parts, rows, mixture, 1 + mixture.n_components)
    log_density, own = found[:, 0], found[:, 1:]
    total = np.logaddexp(log_density, log_noise)
    part = log_density - total
    return total, np.column_stack([own + part[:, None], log_noise - total])


def _of_reached(
    logarithms: Callable[[InMemoryRows], Array],
    rows: InMemoryRows,
    mixture: MixtureParameters,
    n_columns: int,
) -> Array:
    """Logarithms of samples (n, n_columns), -inf for those so far away that there are none.

    Beside noise these are noise.
    """
    try:
        return logarithms(rows)
    except LostRowError:
        reached = np.flatnonzero(_reached(rows.X, mixture))
    found = np.full((rows.n_samples, n_columns), -np.inf)
    while len(reached):
        try:
            found[reached] = logarithms(rows.taken(reached))
            break
        except LostRowError as error:  # another order of the same sums
            reached = np.delete(reached, error.row)
    return found


def _reached(X: Array, mixture: MixtureParameters) -> Array:
    """Which samples have a distance from some component that is a number, bool (n,)."""
    reached = np.zeros(len(X), dtype=bool)
    with np.errstate(over="ignore", invalid="ignore"):
        for k, mean in enumerate(mixture.means):
            whitened = mixture.covariance.whiten(X - mean, k)
            reached |= np.isfinite(np.square(whitened).sum(axis=1))
    return reached
