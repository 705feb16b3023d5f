"""The compiled hot block: arrays in, sums or values by row out. Knows nothing of Moments.

Rows are float64 or float32, in any layout; everything else is float64 and contiguous. Results are
bit-identical for any `n_threads`. A row that is infinitely far from every component ends the work
with `LostRowError`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cython_blas, cython_lapack

from skgmm._linalg import Array

try:
    from skgmm._kernels._native import (
        Coordinates,
        Decisions,
        Next,
        active,
        add_group_moments,
        add_moments,
        add_total,
        add_variances,
        available,
        centre_sums,
        far_away,
        is_stop_flag_set,
        least_noise,
        m_step,
        minimise,
        most_passes,
        new_stop_flag,
        obey_stop_flag,
        run,
        set_stop_flag,
        sums_of_total,
        take_lapack,
        unit_rows,
        use,
        write_values,
    )
    from skgmm._kernels._native import log_peak as _find_log_peak
except ModuleNotFoundError as error:
    raise ImportError(
        "This is skgmm's source folder, without its compiled kernel. Install it with "
        "'pip install .', and start Python in another folder, or with -P: the folder skgmm/ here "
        "hides the installed package. (The skgmm and pytest commands are not affected.)"
    ) from error

from skgmm._kernels.state import Principal, State
from skgmm._kernels.sums import Form, Sums, Total, packed, room_for_sums

take_lapack(cython_blas.__pyx_capi__, cython_lapack.__pyx_capi__)

__all__ = [
    "Coordinates",
    "Decisions",
    "Form",
    "LostRowError",
    "Model",
    "Next",
    "Principal",
    "State",
    "StopFlag",
    "Sums",
    "Total",
    "active",
    "available",
    "averaged_lines",
    "far_away",
    "least_noise",
    "log_peak",
    "m_step",
    "minimise",
    "moments",
    "moments_of",
    "moments_of_groups",
    "most_passes",
    "packed",
    "run",
    "total",
    "unit_rows",
    "use",
    "values",
    "with_added_variances",
]


class StopFlag:
    """Ends the work of threads early: their calls of the kernel raise KeyboardInterrupt."""

    def __init__(self) -> None:
        self._flag = new_stop_flag()

    def set(self) -> None:
        set_stop_flag(self._flag)

    def is_set(self) -> bool:
        return is_stop_flag_set(self._flag)

    @contextmanager
    def obeyed(self) -> Iterator[None]:
        """The calling thread obeys this flag; it obeys no other before and after."""
        obey_stop_flag(self._flag)
        try:
            yield
        finally:
            obey_stop_flag(None)


class LostRowError(ValueError):
    """A row is infinitely far from every component."""

    def __init__(self, row: int) -> None:
        self.row = row
        super().__init__(
            f"Row {row} of X is so many standard deviations from every component that its "
            "log-density is not a float64 number. Scale X, or look for a wrong value in that row."
        )

    def __reduce__(self) -> tuple[type[LostRowError], tuple[int]]:
        return type(self), (self.row,)  # it may come from another process


@dataclass(frozen=True)
class Model:
    """What rows are summed under."""

    means: Array  # (K, d)
    factors: Array  # (m, d, d) or (m, d), m = 1 or K; upper triangular, or diagonals
    log_peak: Array  # (K,) log of weight x density at the mean
    centres: Array  # (K, d) what first and second moments are about
    form: Form
    linear: bool = False  # whether densities may be linear in terms that components share


def log_peak(log_weights: Array, factors: Array, floor: Array) -> Array:
    """Log of weight x density at the mean, less half the trace of precision x floor, (K,)."""
    out = np.empty(len(log_weights))
    _find_log_peak(log_weights, factors, floor, out)
    return out


def total(
    X: Array,
    weight: Array | None,
    model: Model,
    *,
    n_threads: int,
    labels: Array | None = None,
    responsibilities: Array | None = None,
) -> Total:
    """E-step and sums in one pass, or sums with given `labels` or `responsibilities`.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    weight : ndarray of shape (n,) or None
    labels : ndarray of int64, shape (n,), or None
    responsibilities : ndarray of shape (n, K) or None

    Raises
    ------
    LostRowError
    """
    out, _ = room_for_sums(model.means.shape, model.form)
    pairs = np.zeros((2, out.size))
    lost = add_total(
        X,
        weight,
        *_numbers(model),
        labels,
        responsibilities,
        int(model.form),
        model.linear,
        pairs,
        n_threads,
    )
    if lost >= 0:
        if not model.linear:
            raise LostRowError(lost)
        pairs[:] = np.nan  # by being linear, perhaps
    return Total(pairs)


def moments_of(total: Total, model: Model) -> tuple[Sums, bool]:
    """Sums whose `first` are the means and whose `second` are about these.

    And whether these are accurate. If not, second moments suffer cancellation, because the centres
    are far from the means, or because the model is linear.
    """
    out, parts = room_for_sums(model.means.shape, model.form)
    form = int(model.form)
    kept = sums_of_total(*_numbers(model), form, model.linear, total.pairs.ravel(), out)
    near = centre_sums(model.centres, form, out)
    return parts(), kept and near and not np.isnan(out[0])


def with_added_variances(scatter: Array, mass: Array, variances: Array, form: Form) -> Array:
    """The scatter in a form, plus mass (K,) x variances (d,) along the axes."""
    wider = np.array(scatter, order="C")
    add_variances(np.ascontiguousarray(mass), np.ascontiguousarray(variances), int(form), wider)
    return wider


def _numbers(model: Model) -> tuple[Array, Array, Array, Array]:
    return model.means, model.factors, model.log_peak, model.centres


def moments(
    X: Array,
    weight: Array | None,
    log_weights: Array,
    means: Array,
    factors: Array,
    floor: Array,
    *,
    form: Form,
    n_threads: int,
) -> Sums | None:
    """E-step: sums whose `first` are the means and whose `second` are about these.

    Parameters
    ----------
    log_weights : ndarray of shape (K,)
    floor : ndarray of shape (d,)
        Half the trace of precision x floor is taken from the components' log-densities.

    Returns
    -------
    sums : Sums or None
        None where the given means are so far from the means found that second moments suffer
        cancellation.

    Raises
    ------
    LostRowError
    """
    out, parts = room_for_sums(means.shape, form)
    lost = add_moments(X, weight, log_weights, means, factors, floor, int(form), out, n_threads)
    if lost >= 0:
        raise LostRowError(lost)
    return parts() if lost == -1 else None


def moments_of_groups(
    X: Array,
    weight: Array | None,
    origin: Array,
    floor: Array,
    n_components: int,
    *,
    form: Form,
    n_threads: int,
    labels: Array | None = None,
    responsibilities: Array | None = None,
) -> Sums:
    """Sums as of `moments`, of samples whose groups are given; the log-likelihood is 0.

    Parameters
    ----------
    origin : ndarray of shape (d,)
        A point on the scale of the data.
    labels : ndarray of int64, shape (n,), or None
    responsibilities : ndarray of shape (n, K), or None
    """
    out, parts = room_for_sums((n_components, len(origin)), form)
    add_group_moments(
        X, weight, labels, responsibilities, n_components, origin, floor, int(form), out, n_threads
    )
    return parts()


def values(
    X: Array,
    means: Array,
    factors: Array,
    log_peak: Array,
    *,
    n_threads: int,
    log_density: Array | None = None,
    responsibilities: Array | None = None,
    log_responsibilities: Array | None = None,
    log_certainty: Array | None = None,
    labels: Array | None = None,
) -> None:
    """Fill those of the arrays that are given, (n,) or (n, K).

    Logarithms are float64, responsibilities of the dtype of X, labels int64. `log_certainty` is the
    log of the largest responsibility.

    Raises
    ------
    LostRowError
    """
    lost = write_values(
        X,
        means,
        factors,
        log_peak,
        log_density,
        responsibilities,
        log_responsibilities,
        log_certainty,
        labels,
        None,
        None,
        None,
        n_threads,
    )
    if lost >= 0:
        raise LostRowError(lost)


def averaged_lines(
    X: Array,
    means: Array,
    factors: Array,
    log_peak: Array,
    *,
    origin: Array,
    lines: Array,
    n_threads: int,
) -> Array:
    """Linear functions of each row, averaged over the components by responsibility, (n, q).

    Parameters
    ----------
    origin : ndarray of shape (d,)
    lines : ndarray of shape (K, q, 1 + d)
        Values at the origin and, after these, slopes.

    Raises
    ------
    LostRowError
    """
    out = np.empty((len(X), lines.shape[1]))
    lost = write_values(
        X, means, factors, log_peak, None, None, None, None, None, origin, lines, out, n_threads
    )
    if lost >= 0:
        raise LostRowError(lost)
    return out
