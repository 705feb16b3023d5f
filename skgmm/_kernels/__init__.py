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
    from skgmm._kernels import _native
    from skgmm._kernels._native import Coordinates as Coordinates
    from skgmm._kernels._native import Decisions as Decisions
    from skgmm._kernels._native import Next as Next
    from skgmm._kernels._native import active as active
    from skgmm._kernels._native import add_group_moments as add_group_moments
    from skgmm._kernels._native import add_moments as add_moments
    from skgmm._kernels._native import available as available
    from skgmm._kernels._native import far_away as far_away
    from skgmm._kernels._native import least_noise as least_noise
    from skgmm._kernels._native import m_step as m_step
    from skgmm._kernels._native import minimise as minimise
    from skgmm._kernels._native import most_passes as most_passes
    from skgmm._kernels._native import run as run
    from skgmm._kernels._native import unit_rows as unit_rows
    from skgmm._kernels._native import use as use
except ModuleNotFoundError as error:
    raise ImportError(
        "This is skgmm's source folder, without its compiled kernel. Install it with "
        "'pip install .', and start Python in another folder, or with -P: the folder skgmm/ here "
        "hides the installed package. (The skgmm and pytest commands are not affected.)"
    ) from error

from skgmm._kernels.state import Principal as Principal
from skgmm._kernels.state import State as State
from skgmm._kernels.sums import FEW_FEATURES as FEW_FEATURES
from skgmm._kernels.sums import FEW_ROWS as FEW_ROWS
from skgmm._kernels.sums import Scatter as Scatter
from skgmm._kernels.sums import Sums as Sums
from skgmm._kernels.sums import Total as Total
from skgmm._kernels.sums import packed as packed
from skgmm._kernels.sums import parts_of as parts_of
from skgmm._kernels.sums import room_for_sums as room_for_sums

_native.take_lapack(cython_blas.__pyx_capi__, cython_lapack.__pyx_capi__)


class StopFlag:
    """Ends the work of threads early: their calls of the kernel raise KeyboardInterrupt."""

    def __init__(self) -> None:
        self._flag = _native.new_stop_flag()

    def set(self) -> None:
        _native.set_stop_flag(self._flag)

    def is_set(self) -> bool:
        return _native.is_stop_flag_set(self._flag)

    @contextmanager
    def obeyed(self) -> Iterator[None]:
        """The calling thread obeys this flag; it obeys no other before and after."""
        _native.obey_stop_flag(self._flag)
        try:
            yield
        finally:
            _native.obey_stop_flag(None)


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


@contextmanager
def numbering_lost_rows(first: int = 0, numbers: Array | slice = slice(None)) -> Iterator[None]:
    """Errors number a row among all: from the first of these on, or as `numbers` say."""
    try:
        yield
    except LostRowError as error:
        row = error.row if isinstance(numbers, slice) else int(numbers[error.row])
        raise LostRowError(first + row) from error


@dataclass(frozen=True)
class Model:
    """What rows are summed under."""

    means: Array  # (K, d)
    factors: Array  # (m, d, d) or (m, d), m = 1 or K; upper triangular, or diagonals
    log_peak: Array  # (K,) log of weight x density at the mean
    centres: Array  # (K, d) what first and second moments are about
    form: Scatter
    linear: bool = False  # whether densities may be linear in terms that components share


def log_peak(log_weights: Array, factors: Array, floor: Array) -> Array:
    """Log of weight x density at the mean, less half the trace of precision x floor, (K,)."""
    out = np.empty(len(log_weights))
    each = np.ascontiguousarray(log_weights), factors, np.ascontiguousarray(floor)
    _native.log_peak(*each, out)
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
    pairs = np.zeros((2, len(room_for_sums(model.means.shape, model.form))))
    lost = _native.add_total(
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
    if not model.linear:
        check_lost(lost)
    elif lost >= 0:
        pairs[:] = np.nan  # by being linear, perhaps
    return Total(pairs)


def moments_of(total: Total, model: Model) -> tuple[Sums, bool]:
    """Sums whose `first` are the means and whose `second` are about these.

    And whether these are accurate. If not, second moments suffer cancellation, because the centres
    are far from the means, or because the model is linear.
    """
    out, form = room_for_sums(model.means.shape, model.form), int(model.form)
    kept = _native.sums_of_total(*_numbers(model), form, model.linear, total.pairs.ravel(), out)
    near = _native.centre_sums(model.centres, form, out)
    sums = parts_of(out, model.means.shape, model.form)
    return sums, kept and near and not np.isnan(out[0])


def with_added_variances(scatter: Array, mass: Array, variances: Array, form: Scatter) -> Array:
    """The scatter in a form, plus mass (K,) x variances (d,) along the axes."""
    wider = np.array(scatter, order="C")
    _native.add_variances(
        np.ascontiguousarray(mass), np.ascontiguousarray(variances), int(form), wider
    )
    return wider


def _numbers(model: Model) -> tuple[Array, Array, Array, Array]:
    return model.means, model.factors, model.log_peak, model.centres


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
    lines: tuple[Array, Array, Array] | None = None,
) -> None:
    """Fill those of the arrays that are given, (n,) or (n, K).

    Logarithms are float64, responsibilities of the dtype of X, labels int64. `log_certainty` is the
    log of the largest responsibility. `lines` are the origin (d,) and coefficients (K, q, 1 + d) of
    linear functions, and an array (n, q) for their averages over the components by responsibility.

    Raises
    ------
    LostRowError
    """
    of_row = log_density, responsibilities, log_responsibilities, log_certainty, labels
    averages = (None, None, None) if lines is None else lines
    check_lost(_native.write_values(X, means, factors, log_peak, *of_row, *averages, n_threads))


def check_lost(lost: int) -> None:
    """Raise an error if there is a row that is lost."""
    if lost >= 0:
        raise LostRowError(lost)
