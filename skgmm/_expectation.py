"""The data side: blocks of rows and parameters give Moments, densities or responsibilities.

Rows are visited a block at a time, so that beyond the data only a constant is ever held. Within
a block everything is centred on the component's mean and stays in log space until summed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter, total
from skgmm._parameters import MixtureParameters

Rows = NDArray[np.intp]
"""Numbers of rows in X, (b,)."""

# Numbers in a block's largest temporary (K, b, d): a few of these fit the second-level cache.
BLOCK_NUMBERS = 1 << 17


def block_rows(n_components: int, n_features: int) -> int:
    """Rows to a block."""
    return max(64, BLOCK_NUMBERS // (n_components * n_features))


def blocks(n_samples: int, size: int) -> Iterator[slice]:
    """Consecutive slices that cover `n_samples` rows."""
    for start in range(0, n_samples, size):
        yield slice(start, min(start + size, n_samples))


def _log_joint(rows: Array, parameters: MixtureParameters) -> tuple[Array, Array]:
    """Centred rows (K, b, d) and log(weight x density) of each row and component (K, b)."""
    centred = rows - parameters.means[:, None, :]
    # A square may overflow: such a row is infinitely far away, and _peak says so.
    with np.errstate(over="ignore", invalid="ignore"):
        log_joint = parameters.covariance.squared_distances(centred)
    log_joint *= -0.5
    log_joint += parameters.log_heights[:, None]
    return centred, log_joint


def _peak(log_joint: Array, rows: Rows) -> Array:
    """The largest entry of each row (b,), which is finite; `rows` are their numbers in X."""
    peak = log_joint.max(axis=0)
    if not np.isfinite(peak).all():
        row = rows[int(np.argmin(np.isfinite(peak)))]
        raise ValueError(
            f"Row {row} of X is so many standard deviations from every component that its "
            "log-density is not a float64 number. Scale X, or look for a wrong value in that row."
        )
    return peak


def _log_sum(log_joint: Array, rows: Rows) -> tuple[Array, Array]:
    """Log-densities (b,) of rows, and `log_joint` turned into responsibilities in place."""
    peak = _peak(log_joint, rows)
    log_joint -= peak
    np.exp(log_joint, out=log_joint)
    sums = log_joint.sum(axis=0)
    log_joint /= sums
    return np.log(sums) + peak, log_joint


def _block_moments(
    centred: Array, means: Array, responsibilities: Array, form: Scatter, log_likelihood: float
) -> Moments:
    """Moments of one block. Writes to `centred`.

    Parameters
    ----------
    centred : ndarray of shape (K, b, d)
        Rows less each component's entry of `means` (K, d).
    responsibilities : ndarray of shape (K, b)
        Multiplied by the rows' weights.
    """
    mass = responsibilities.sum(axis=1)
    first = np.matmul(responsibilities[:, None, :], centred)[:, 0, :]
    shift = np.divide(first, mass[:, None], out=np.zeros_like(first), where=mass[:, None] > 0)
    # Centred again on the block's own mean: correcting the second moments by mass x shift x shift'
    # afterwards would cancel when a component starts far from its rows.
    centred -= shift[:, None, :]
    scatter = form.outer(responsibilities, centred)
    return Moments(form, mass, means + shift, scatter, log_likelihood, float(mass.sum()))


def expectation(
    X: Array, sample_weight: Array | None, parameters: MixtureParameters, form: Scatter
) -> Moments:
    """The E-step: Moments of all rows under the parameters.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        float64 or float32; float32 is converted a block at a time.
    sample_weight : ndarray of shape (n,) or None
        Not negative. A row of weight 0 is not looked at.
    """

    def block(rows: slice) -> Moments:
        chunk, weight, numbers = _select(X, sample_weight, rows)
        centred, log_joint = _log_joint(chunk, parameters)
        log_density, responsibilities = _log_sum(log_joint, numbers)
        if weight is None:
            log_likelihood = log_density.sum()
        else:
            log_likelihood = weight @ log_density
            responsibilities *= weight
        return _block_moments(
            centred, parameters.means, responsibilities, form, float(log_likelihood)
        )

    size = block_rows(parameters.n_components, parameters.n_features)
    return total(map(block, _occupied(X, sample_weight, size)))


def partition_moments(
    X: Array,
    sample_weight: Array | None,
    centres: Array,
    shares: Callable[[Rows], Array],
    form: Scatter,
) -> Moments:
    """Moments of rows whose responsibilities are given; the log-likelihood is left at 0.

    Parameters
    ----------
    centres : ndarray of shape (K, d)
        Any point on the data's scale per component, to centre on; returned where mass is 0.
    shares : callable
        Responsibilities: from row numbers (b,) to an array (K, b) that may be written to.
    """

    def block(rows: slice) -> Moments:
        chunk, weight, numbers = _select(X, sample_weight, rows)
        given = shares(numbers)
        if weight is not None:
            given *= weight
        return _block_moments(chunk - centres[:, None, :], centres, given, form, 0.0)

    size = block_rows(*centres.shape)
    return total(map(block, _occupied(X, sample_weight, size)))


def _occupied(X: Array, sample_weight: Array | None, size: int) -> Iterator[slice]:
    """The blocks in which some row has weight."""
    for rows in blocks(len(X), size):
        if sample_weight is None or sample_weight[rows].any():
            yield rows


def _select(X: Array, sample_weight: Array | None, rows: slice) -> tuple[Array, Array | None, Rows]:
    """The rows of a block that have weight, as float64, their weights and their numbers in X."""
    chunk = np.asarray(X[rows], dtype=np.float64)
    numbers = np.arange(rows.start, rows.stop)
    if sample_weight is None:
        return chunk, None, numbers
    weight = sample_weight[rows]
    occupied = np.flatnonzero(weight > 0)
    if len(occupied) == len(weight):
        return chunk, weight, numbers
    return chunk[occupied], weight[occupied], numbers[occupied]


def overall_moments(X: Array, sample_weight: Array | None, form: Scatter) -> Moments:
    """Moments of all rows as one component."""
    centre = np.asarray(X[:1], dtype=np.float64)

    def everything(numbers: Rows) -> Array:
        return np.ones((1, len(numbers)))

    return partition_moments(X, sample_weight, centre, everything, form)


def _by_row(
    X: Array,
    parameters: MixtureParameters,
    out: Array,
    of_block: Callable[[Array, Rows], Array],
) -> Array:
    """Fill `out` a block at a time with a function of log_joint (K, b) and row numbers (b,)."""
    for rows in blocks(len(X), block_rows(parameters.n_components, parameters.n_features)):
        chunk = np.asarray(X[rows], dtype=np.float64)
        _, log_joint = _log_joint(chunk, parameters)
        out[rows] = of_block(log_joint, np.arange(rows.start, rows.stop))
    return out


def log_densities(X: Array, parameters: MixtureParameters, dtype: np.dtype) -> Array:
    """Log-density of each row in nats, shape (n,)."""
    out = np.empty(len(X), dtype=dtype)
    return _by_row(X, parameters, out, lambda joint, rows: _log_sum(joint, rows)[0])


def responsibilities(X: Array, parameters: MixtureParameters, dtype: np.dtype) -> Array:
    """Posterior probability of each component given each row, shape (n, K)."""
    out = np.empty((len(X), parameters.n_components), dtype=dtype)
    return _by_row(X, parameters, out, lambda joint, rows: _log_sum(joint, rows)[1].T)


def log_responsibilities(X: Array, parameters: MixtureParameters, dtype: np.dtype) -> Array:
    """Logarithms of the responsibilities, exact where those underflow, shape (n, K)."""

    def of_block(joint: Array, rows: Rows) -> Array:
        return (joint - _log_sum(joint.copy(), rows)[0]).T

    out = np.empty((len(X), parameters.n_components), dtype=dtype)
    return _by_row(X, parameters, out, of_block)


def labels(X: Array, parameters: MixtureParameters) -> Array:
    """The most probable component of each row, shape (n,)."""

    def of_block(joint: Array, rows: Rows) -> Array:
        _peak(joint, rows)  # raises where no component is nearer than another
        return joint.argmax(axis=0)

    return _by_row(X, parameters, np.empty(len(X), dtype=np.int64), of_block)


def sum_over_rows(
    X: Array,
    sample_weight: Array | None,
    parameters: MixtureParameters,
    of_block: Callable[[Array, slice], Array],
) -> float:
    """Weighted total over rows of a function of log_joint (K, b) that gives (b,)."""
    result = 0.0
    for rows in blocks(len(X), block_rows(parameters.n_components, parameters.n_features)):
        _, log_joint = _log_joint(np.asarray(X[rows], dtype=np.float64), parameters)
        values = of_block(log_joint, rows)
        weight = 1.0 if sample_weight is None else sample_weight[rows]
        result += float(np.sum(values * weight))
    return result
