"""The data side: rows and parameters give Moments, densities or responsibilities.

The compiled kernel visits rows a block at a time, so that beyond the data only a constant is ever
held; within a block everything is centred on the component's mean and stays in log space until it
is summed.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from skgmm import _kernels
from skgmm._kernels import Form, Sums
from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter, total
from skgmm._parameters import MixtureParameters

FORMS = {
    Scatter.FULL: Form.FULL,
    Scatter.DIAGONAL: Form.DIAGONAL,
    Scatter.POOLED: Form.POOLED,
}

# Centring on the mean of the last iteration loses this share of a second moment's digits at most.
_LOST = 1e-4

# Each pass gains the 16 digits of a float64 on the distance of a centre: these span its range.
_PASSES = 8

# Rows in a piece for what is not the kernel's.
_SLICE = 65_536


def expectation(
    X: Array,
    sample_weight: Array | None,
    parameters: MixtureParameters,
    form: Scatter,
    *,
    floor: Array | None = None,
    n_threads: int = 1,
) -> Moments:
    """The E-step: Moments of all rows under the parameters.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        float64 or float32, in any layout; read in place.
    sample_weight : ndarray of shape (n,) or None
        Not negative. A row of weight 0 is not looked at.
    floor : ndarray of shape (d,) or None
        Half the trace of precision x floor is taken from the components' log-densities.
    """
    means = np.ascontiguousarray(parameters.means)
    factors = np.ascontiguousarray(parameters.covariance.factor)
    if floor is None:
        floor = np.zeros(means.shape[1])
    sums = _kernels.moments(
        X,
        sample_weight,
        np.ascontiguousarray(parameters.log_weights),
        means,
        factors,
        floor,
        form=FORMS[form],
        n_threads=n_threads,
    )
    if sums is not None:
        return Moments(form, sums.mass, sums.first, sums.second, sums.log_likelihood, sums.weight)
    penalty = 0.5 * parameters.covariance.precision_diagonal() @ floor
    model = means, factors, parameters.log_heights - penalty
    summed = partial(_kernels.sums, X, sample_weight, *model, form=FORMS[form], n_threads=n_threads)
    return _moments_about(summed, means, form)


def partition_moments(
    X: Array,
    sample_weight: Array | None,
    partition: Array,
    n_components: int,
    form: Scatter,
    n_threads: int = 1,
) -> Moments:
    """Moments of rows whose assignment is given; the log-likelihood is left at 0.

    Parameters
    ----------
    partition : ndarray
        Labels, integers of shape (n,), or responsibilities of shape (n, K).
    """
    n_features = X.shape[1]
    centres = np.repeat(_some_row(X, sample_weight), n_components, axis=0)
    model = centres, np.ones((1, n_features)), np.zeros(n_components)

    def part(rows: slice) -> Moments:
        name, dtype = ("labels", np.int64) if partition.ndim == 1 else ("shares", np.float64)
        summed = partial(
            _kernels.sums,
            X[rows],
            None if sample_weight is None else sample_weight[rows],
            *model,
            form=FORMS[form],
            n_threads=n_threads,
            **{name: np.ascontiguousarray(partition[rows], dtype=dtype)},
        )
        return _moments_about(summed, centres, form)

    return total(map(part, slices(len(X))))


def overall_moments(
    X: Array, sample_weight: Array | None, form: Scatter, n_threads: int = 1
) -> Moments:
    """Moments of all rows as one component; the log-likelihood means nothing."""
    centre = _some_row(X, sample_weight)
    model = centre, np.ones((1, X.shape[1])), np.zeros(1)
    summed = partial(_kernels.sums, X, sample_weight, *model, form=FORMS[form], n_threads=n_threads)
    return _moments_about(summed, centre, form)


def _packed(parameters: MixtureParameters) -> tuple[Array, Array, Array]:
    """Means, factors and log heights as the kernel takes them."""
    return (
        np.ascontiguousarray(parameters.means),
        np.ascontiguousarray(parameters.covariance.factor),
        np.ascontiguousarray(parameters.log_heights),
    )


def _some_row(X: Array, sample_weight: Array | None) -> Array:
    """A row that counts, (1, d), as a point on the data's scale."""
    row = 0 if sample_weight is None else int(np.argmax(sample_weight > 0))
    return np.asarray(X[row : row + 1], dtype=np.float64)


def _moments_about(summed: partial[Sums], centres: Array, form: Scatter) -> Moments:
    """Moments from sums about centres; from sums about the means found, where those were far off.

    Second moments about a centre exceed those about the mean by mass x distance^2. Where that is
    nearly all of them, as when a component starts far from its rows, their difference has lost its
    digits, and another pass has to take them about the right point. A centre so far off that the
    mean found is itself a rounding takes two or three.
    """
    for _ in range(_PASSES):
        sums = summed(centres=centres)
        moments = _centred(sums, centres, form)
        if not _digits_lost(sums, moments, centres, form):
            break
        centres = moments.mean
    return moments


def _shift(sums: Sums) -> Array:
    """Distance of each mean from its centre, (K, d); 0 without mass."""
    mass = sums.mass[:, None]
    return np.divide(sums.first, mass, out=np.zeros_like(sums.first), where=mass > 0)


def _centred(sums: Sums, centres: Array, form: Scatter) -> Moments:
    shift = _shift(sums)
    between = form.outer(sums.mass[:, None], shift[:, None, :])
    return Moments(
        form=form,
        mass=sums.mass,
        mean=centres + shift,
        scatter=sums.second - between,
        log_likelihood=sums.log_likelihood,
        total_weight=sums.weight,
    )


def _digits_lost(sums: Sums, moments: Moments, centres: Array, form: Scatter) -> bool:
    about_centre, about_mean = form.diagonal(sums.second), form.diagonal(moments.scatter)
    lost = about_mean < _LOST * about_centre
    if not lost.any():
        return False
    # A feature that is constant shifts by roundings and has nothing to lose.
    rounding = 64 * np.finfo(np.float64).eps * np.abs(centres)
    shifted = np.abs(moments.mean - centres) > rounding  # (K, d)
    if form is Scatter.POOLED:
        shifted = shifted.any(axis=0)
    return bool(np.any(shifted & lost))


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
    """Logarithms of the responsibilities, exact where those underflow, as `responsibilities`."""
    out = np.empty((len(X), parameters.n_components), dtype=X.dtype)
    _kernels.values(X, *_packed(parameters), log_responsibilities=out, n_threads=n_threads)
    return out


def labels(X: Array, parameters: MixtureParameters, n_threads: int = 1) -> Array:
    """The most probable component of each row, shape (n,)."""
    out = np.empty(len(X), dtype=np.int64)
    _kernels.values(X, *_packed(parameters), labels=out, n_threads=n_threads)
    return out


def slices(n_samples: int) -> Iterator[slice]:
    """Consecutive slices of rows, for what is computed in Python a piece at a time."""
    for start in range(0, n_samples, _SLICE):
        yield slice(start, min(start + _SLICE, n_samples))
