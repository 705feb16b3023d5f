"""The data side: rows and parameters give Moments, densities or responsibilities.

The compiled kernel visits rows a block at a time, so that beyond the data only a constant is ever
held; within a block everything is centred on the component's mean and stays in log space until it
is summed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial, reduce
from operator import add
from typing import Any, Protocol

import numpy as np

from skgmm import _kernels
from skgmm._kernels import Model, Sums, Total, most_passes, unit_rows
from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm._parameters import MixtureParameters

# Rows in a piece for what is not the kernel's; whole units of those that are summed.
_SLICE = 64 * unit_rows


class Part(Protocol):
    """Some of the rows."""

    @property
    def X(self) -> Array:
        """Rows (m, d), float64 or float32, in any layout; read in place."""

    @property
    def sample_weight(self) -> Array | None:
        """Weights (m,), not negative; a row of weight 0 is not looked at."""

    @property
    def n_threads(self) -> int:
        """Threads that share the rows."""

    @property
    def first(self) -> int:
        """The number of the first row."""


class WholePart(Part, Protocol):
    """All of the rows."""

    @property
    def whole_scatter(self) -> Array | None:
        """As the function of this name finds it."""


# One pass: the total of what a function gives for each part of the rows.
Summed = Callable[[Callable[[Any], Total]], Total]


def expectation(
    summed: Summed, parameters: MixtureParameters, form: Scatter, floor: Array
) -> Moments:
    """The E-step: Moments of all rows under the parameters.

    Parameters
    ----------
    floor : ndarray of shape (d,)
        Variances of each sample about itself: they are added to the scatter, and half the trace of
        precision x floor is taken from the components' log-densities.
    """
    means = np.ascontiguousarray(parameters.means)
    factors = parameters.covariance.kernel_factors
    log_peak = _kernels.log_peak(parameters.log_weights, factors, floor)
    model = Model(means, factors, log_peak, means, form)
    for linear in (False,) if form is Scatter.FULL else (True, False):
        model = replace(model, linear=linear)
        sums, accurate = _kernels.moments_of(summed(partial(_total, model=model)), model)
        if accurate:
            return moments_from(sums, form).regularised(floor)
    return _moments_about(summed, _total, model, form).regularised(floor)


def expectation_in_memory(
    part: WholePart, parameters: MixtureParameters, form: Scatter, floor: Array
) -> Moments | None:
    """The same in one call of the kernel, or None where that takes more than one pass."""
    shape = parameters.means.shape
    out = _kernels.room_for_sums(shape, form)
    mixture = (
        np.ascontiguousarray(parameters.log_weights),
        np.ascontiguousarray(parameters.means),
        parameters.covariance.kernel_factors,
    )
    pooled = form is Scatter.POOLED and len(parameters.means) > 1
    whole = part.whole_scatter if pooled else None
    lost = _kernels.add_moments(
        part.X, part.sample_weight, *mixture, floor, int(form), out, part.n_threads, whole
    )
    _kernels.check_lost(lost)
    if lost != -1:
        return None
    return moments_from(_kernels.parts_of(out, shape, form), form).without_rounding(floor)


def moments_from(sums: Sums, form: Scatter) -> Moments:
    """Moments from sums that are centred."""
    return Moments(form, sums.mass, sums.first, sums.second, sums.log_likelihood, sums.weight)


def partition_moments(
    summed: Summed,
    origin: Array,
    partition: Array,
    n_components: int,
    form: Scatter,
    floor: Array,
) -> Moments:
    """Moments of samples whose assignment is given; the objective is left at 0.

    Parameters
    ----------
    origin : ndarray of shape (1, d)
        A point on the data's scale.
    partition : ndarray
        Labels, integers of shape (n,), or responsibilities of shape (n, K).
    """
    centres = np.repeat(origin, n_components, axis=0)
    model = _one_for_all(centres, form)
    total = partial(_total_given, partition=partition)
    return _moments_about(summed, total, model, form).regularised(floor)


def partition_in_memory(
    part: Part, partition: Array, n_components: int, form: Scatter, floor: Array
) -> Moments:
    """The same in one call of the kernel."""
    shape, given = (n_components, len(floor)), _given(partition)
    out = _kernels.room_for_sums(shape, form)
    _kernels.add_group_moments(
        part.X,
        part.sample_weight,
        given.get("labels"),
        given.get("responsibilities"),
        n_components,
        floor,
        int(form),
        out,
        part.n_threads,
    )
    return moments_from(_kernels.parts_of(out, shape, form), form).without_rounding(floor)


def _given(partition: Array) -> dict[str, Array]:
    """Labels or responsibilities, as the kernel takes them."""
    name, dtype = ("labels", np.int64) if partition.ndim == 1 else ("responsibilities", np.float64)
    return {name: np.ascontiguousarray(partition, dtype=dtype)}


def overall_moments(summed: Summed, origin: Array, form: Scatter) -> Moments:
    """Moments of all rows as one component; the objective means nothing."""
    return _moments_about(summed, _total, _one_for_all(origin, form), form)


def _one_for_all(centres: Array, form: Scatter) -> Model:
    """Components of unit variances at the centres."""
    unit, log_peak = np.ones((1, centres.shape[1])), np.zeros(len(centres))
    return Model(centres, unit, log_peak, centres, form)


def _total(part: Part, model: Model) -> Total:
    return _kernels.total(part.X, part.sample_weight, model, n_threads=part.n_threads)


def _total_given(part: Part, model: Model, partition: Array) -> Total:
    def of(rows: slice) -> Total:
        given = partition[part.first + rows.start : part.first + rows.stop]
        return _kernels.total(
            part.X[rows],
            None if part.sample_weight is None else part.sample_weight[rows],
            model,
            n_threads=part.n_threads,
            **_given(given),
        )

    return reduce(add, map(of, slices(len(part.X))))


def _packed(
    parameters: MixtureParameters, log_peak: Array | None = None
) -> tuple[Array, Array, Array]:
    """Means, factors and log joint at the means, for the kernel."""
    return (
        np.ascontiguousarray(parameters.means),
        parameters.covariance.kernel_factors,
        np.ascontiguousarray(parameters.log_peak if log_peak is None else log_peak),
    )


def some_row(X: Array, sample_weight: Array | None) -> Array:
    """A row that counts, (1, d), as a point on the data's scale."""
    row = 0 if sample_weight is None else int(np.argmax(sample_weight > 0))
    return np.asarray(X[row : row + 1], dtype=np.float64)


def _moments_about(
    summed: Summed, total: Callable[..., Total], model: Model, form: Scatter
) -> Moments:
    """Moments from sums about centres; from sums about the means found, where those were far off.

    Second moments about a centre exceed those about the mean by mass x distance^2. If that is
    almost all of them, as when a component starts far from its samples, their difference suffers
    cancellation, and another pass computes them about the new mean. If the centre is so far off
    that the new mean is inexact too, two or three passes are needed.
    """
    for _ in range(most_passes):
        sums, accurate = _kernels.moments_of(summed(partial(total, model=model)), model)
        if accurate:
            break
        model = replace(model, centres=sums.first)
    return moments_from(sums, form)


def log_densities(X: Array, parameters: MixtureParameters, n_threads: int = 1) -> Array:
    """Log-density of each row in nats, shape (n,)."""
    out = np.empty(len(X))
    _kernels.values(X, *_packed(parameters), log_density=out, n_threads=n_threads)
    return out


def responsibilities(X: Array, parameters: MixtureParameters, n_threads: int = 1) -> Array:
    """Posterior probability of each component given each row, (n, K) in the dtype of X."""
    out = np.empty((len(X), parameters.n_components), dtype=X.dtype)
    _kernels.values(X, *_packed(parameters), responsibilities=out, n_threads=n_threads)
    return out


def log_responsibilities(X: Array, parameters: MixtureParameters, n_threads: int = 1) -> Array:
    """Logarithms of the responsibilities, exact where those underflow, (n, K) in float64."""
    out = np.empty((len(X), parameters.n_components))
    _kernels.values(X, *_packed(parameters), log_responsibilities=out, n_threads=n_threads)
    return out


def log_certainty(X: Array, parameters: MixtureParameters, n_threads: int = 1) -> Array:
    """Logarithm of the largest responsibility of each row, shape (n,)."""
    out = np.empty(len(X))
    _kernels.values(X, *_packed(parameters), log_certainty=out, n_threads=n_threads)
    return out


def log_parts(
    X: Array, parameters: MixtureParameters, n_threads: int = 1, log_peak: Array | None = None
) -> tuple[Array, Array]:
    """`log_densities` and `log_responsibilities` in one pass.

    `log_peak` (K,), if given, takes the place of that of the parameters.
    """
    log_density, out = np.empty(len(X)), np.empty((len(X), parameters.n_components))
    _kernels.values(
        X,
        *_packed(parameters, log_peak),
        log_density=log_density,
        log_responsibilities=out,
        n_threads=n_threads,
    )
    return log_density, out


def averaged_lines(
    X: Array, parameters: MixtureParameters, origin: Array, lines: Array, n_threads: int = 1
) -> Array:
    """Linear functions of each row, averaged over the components by responsibility, (n, q).

    Parameters
    ----------
    origin : ndarray of shape (d,)
    lines : ndarray of shape (K, q, 1 + d)
        Values at the origin and, after these, slopes.
    """
    out = np.empty((len(X), lines.shape[1]))
    _kernels.values(X, *_packed(parameters), lines=(origin, lines, out), n_threads=n_threads)
    return out


def labels(X: Array, parameters: MixtureParameters, n_threads: int = 1) -> Array:
    """The most probable component of each row, shape (n,)."""
    out = np.empty(len(X), dtype=np.int64)
    _kernels.values(X, *_packed(parameters), labels=out, n_threads=n_threads)
    return out


def slices(n_samples: int, size: int = _SLICE) -> Iterator[slice]:
    """Consecutive slices of rows, for what is computed in Python a piece at a time."""
    for start in range(0, n_samples, size):
        yield slice(start, min(start + size, n_samples))
