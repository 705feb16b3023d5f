"""The compiled hot block: arrays in, sums or values by row out. Knows nothing of Moments.

Rows are float64 or float32, in any layout; everything else is float64 and contiguous. Results do
not depend on `n_threads`, not by a bit. A row that is infinitely far from every component ends the
work with `LostRowError`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from math import inf, nan, prod
from typing import NamedTuple

import numpy as np
from scipy.linalg import cython_lapack

from skgmm._linalg import Array

try:
    from skgmm._kernels._native import (
        active,
        add_moments,
        add_total,
        available,
        centre_sums,
        is_stop_flag_set,
        m_step,
        new_stop_flag,
        obey_stop_flag,
        set_stop_flag,
        sums_of_total,
        unit_rows,
        use,
        use_lapack,
        write_values,
    )
    from skgmm._kernels._native import climb as climb_natively
    from skgmm._kernels._native import iterate as iterate_natively
    from skgmm._kernels._native import log_heights as _find_log_heights
except ModuleNotFoundError as error:
    raise ImportError(
        "This is skgmm's source folder, without its compiled kernel. Install it with "
        "'pip install .', and start Python in another folder, or with -P: the folder skgmm/ here "
        "hides the installed package. (The skgmm and pytest commands are not affected.)"
    ) from error

use_lapack(cython_lapack.__pyx_capi__)

__all__ = [
    "Form",
    "LostRowError",
    "Model",
    "Patience",
    "StopFlag",
    "Sums",
    "Total",
    "active",
    "available",
    "climb",
    "iterate",
    "log_heights",
    "m_step",
    "moments",
    "moments_of",
    "sums_of",
    "total",
    "unit_rows",
    "use",
    "values",
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


class Form(IntEnum):
    """Which second moments are summed; as in kernel.hpp."""

    FULL = 0
    DIAGONAL = 1
    POOLED = 2


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


class Sums(NamedTuple):
    """Weighted sums over rows, about given centres."""

    mass: Array  # (K,)
    first: Array  # (K, d)
    second: Array  # (K, d, d), (K, d) or (d, d); symmetric
    log_likelihood: float
    weight: float


@dataclass(frozen=True)
class Model:
    """What rows are summed under."""

    means: Array  # (K, d)
    factors: Array  # (m, d, d) or (m, d), m = 1 or K; upper triangular, or diagonals
    log_heights: Array  # (K,) log of weight x density at the mean
    centres: Array  # (K, d) what first and second moments are about
    form: Form
    linear: bool = False  # whether densities may be linear in terms that components share


@dataclass(frozen=True)
class Total:
    """Sums over rows, before they are rounded: the totals of sets of rows add up.

    Each number is a pair of float64, which holds some 32 digits. So the sums are the same to the
    last bit however rows are cut and in whatever order totals are added, as long as every part
    begins with a row whose number is a multiple of `unit_rows`.
    """

    pairs: Array  # (2, size)

    def __add__(self, other: Total) -> Total:
        (a, low_a), (b, low_b) = self.pairs, other.pairs
        high = a + b
        added = high - a
        # What the sum has rounded away (Knuth 1969), exactly.
        low = low_a + low_b + ((a - (high - added)) + (b - added))
        return Total(np.stack([high, low]))


def log_heights(log_weights: Array, factors: Array, floor: Array) -> Array:
    """Log of weight x density at the mean, less half the trace of precision x floor, (K,)."""
    out = np.empty(len(log_weights))
    _find_log_heights(log_weights, factors, floor, out)
    return out


def total(
    X: Array,
    weight: Array | None,
    model: Model,
    *,
    n_threads: int,
    labels: Array | None = None,
    shares: Array | None = None,
) -> Total:
    """E-step and sums in one pass, or sums with the responsibilities `labels` or `shares`.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    weight : ndarray of shape (n,) or None
    labels : ndarray of int64, shape (n,), or None
    shares : ndarray of shape (n, K) or None

    Raises
    ------
    LostRowError
    """
    out, _ = _room_for_sums(model.means.shape, model.form)
    pairs = np.zeros((2, out.size))
    lost = add_total(
        X,
        weight,
        *_numbers(model),
        labels,
        shares,
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


def sums_of(total: Total, model: Model) -> Sums:
    """Sums about the centres; the model is not linear."""
    out, parts = _room_for_sums(model.means.shape, model.form)
    sums_of_total(*_numbers(model), int(model.form), False, total.pairs.ravel(), out)
    return parts()


def moments_of(total: Total, model: Model) -> Sums | None:
    """Sums as of `moments`, whose centres are the means; None where they have lost their digits."""
    out, parts = _room_for_sums(model.means.shape, model.form)
    form = int(model.form)
    kept = sums_of_total(*_numbers(model), form, model.linear, total.pairs.ravel(), out)
    kept = kept and not np.isnan(out[0]) and centre_sums(model.centres, form, out)
    return parts() if kept else None


def _numbers(model: Model) -> tuple[Array, Array, Array, Array]:
    return model.means, model.factors, model.log_heights, model.centres


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
        None where the given means are so far from the means found that second moments have lost
        their digits.

    Raises
    ------
    LostRowError
    """
    out, parts = _room_for_sums(means.shape, form)
    lost = add_moments(X, weight, log_weights, means, factors, floor, int(form), out, n_threads)
    if lost >= 0:
        raise LostRowError(lost)
    return parts() if lost == -1 else None


class Patience(NamedTuple):
    """When iterations end, because there is something to decide."""

    most: int  # of them
    enough: float  # estimate of the gain that is left
    steady: float = 0.0  # difference of two rates, as a share of what they are short of 1, ...
    ahead: float = inf  # ... and more iterations than so many to go at such a rate


class Iterated(NamedTuple):
    """A mixture, its moments, and what it took to get there."""

    log_weights: Array  # (K,)
    means: Array  # (K, d)
    factors: Array
    axes: Array | None  # (d, d), where components share them
    sums: Sums | None  # as `moments` gives them; None where they are to be found
    gains: list[float]  # of each iteration, in log-likelihood by weight
    objectives: list[float]  # log-likelihood by weight of the best so far, after each


def iterate(
    X: Array,
    weight: Array | None,
    start: Iterated,
    *,
    code: str,
    form: Form,
    floor: Array,
    patience: Patience,
    n_threads: int,
) -> Iterated | None:
    """EM, one iteration after the other, until there is something to decide; the best of it.

    Parameters
    ----------
    start : Iterated
    code : str
        Of the family of covariances.
    floor : ndarray of shape (d,)
        Positive; as of `moments`, and added to the covariances.

    Returns
    -------
    end : Iterated or None
        None if not one iteration could be made: covariances are ill-defined, a component is empty,
        or a row or digits are lost.
    """
    log_weights, means, factors = (part.copy() for part in start[:3])
    axes = None if start.axes is None else start.axes.copy()
    out, parts = _room_for_sums(start.means.shape, form)
    if (sums := start.sums) is not None:
        _fill(out, parts(), sums)
    before = ([nan, nan] + start.gains)[-2:]
    most, *limits = patience
    trace = np.empty((2, most))
    arrays = log_weights, means, factors, axes, out
    done = iterate_natively(
        X, weight, code, floor, *arrays, sums is not None, *before, *limits, trace, n_threads
    )
    if not done:
        return None
    gains, objectives = trace[:, :done].tolist()
    return Iterated(log_weights, means, factors, axes, parts(), gains, objectives)


class Climbed(NamedTuple):
    """The best mixture of a climb, and what it took to get there."""

    log_weights: Array  # (K,)
    means: Array  # (K, d)
    factors: Array
    sums: Sums
    objectives: list[float]  # log-likelihood by weight of the best so far, after each evaluation
    more: bool  # is to be expected of another
    exhausted: bool  # evaluations


def climb(
    X: Array,
    weight: Array | None,
    log_weights: Array,
    means: Array,
    factors: Array,
    sums: Sums,
    *,
    ties: str,
    form: Form,
    floor: Array,
    enough: float,
    most: int,
    n_threads: int,
) -> Climbed:
    """Quasi-Newton steps from a mixture, until a few of them gain less than `enough`.

    Parameters
    ----------
    log_weights : ndarray of shape (K,)
    means : ndarray of shape (K, d)
    factors : ndarray of shape (m, d, d) or (m, d), m = 1 or K
        K if any part of the covariances varies.
    sums : Sums
        As `moments` gives them.
    ties : str
        Of volume, shape and rotation: E equal, V varying, I none.
    most : int
        Evaluations.
    """
    best = log_weights.copy(), means.copy(), factors.copy()
    out, parts = _room_for_sums(means.shape, form)
    _fill(out, parts(), sums)
    objectives, end = climb_natively(
        X, weight, int(form), ties, floor, *best, out, enough, most, n_threads
    )
    return Climbed(*best, parts(), objectives, end == 1, end == 2)


def _fill(out: Array, parts: Sums, sums: Sums) -> None:
    """Write sums over those that lie in one array."""
    out[0], out[1] = sums.log_likelihood, sums.weight
    parts.mass[:], parts.first[:], parts.second[:] = sums.mass, sums.first, sums.second


def _room_for_sums(shape: tuple[int, ...], form: Form) -> tuple[Array, Callable[[], Sums]]:
    """One array, in the order of the C++ side, and its parts once it is filled.

    Two totals, mass, first and second moments.
    """
    K, d = shape
    first, second = 2 + K, 2 + K * (1 + d)
    own = (K, d, d) if form is Form.FULL else (d, d) if form is Form.POOLED else (K, d)
    out = np.zeros(second + prod(own))

    def parts() -> Sums:
        return Sums(
            mass=out[2:first],
            first=out[first:second].reshape(K, d),
            second=out[second:].reshape(own),
            log_likelihood=float(out[0]),
            weight=float(out[1]),
        )

    return out, parts


def values(
    X: Array,
    means: Array,
    factors: Array,
    log_heights: Array,
    *,
    n_threads: int,
    log_density: Array | None = None,
    responsibilities: Array | None = None,
    log_responsibilities: Array | None = None,
    labels: Array | None = None,
) -> None:
    """Fill those of the arrays that are given, (n,) or (n, K).

    Logarithms are float64, responsibilities of the dtype of X, labels int64.

    Raises
    ------
    LostRowError
    """
    lost = write_values(
        X,
        means,
        factors,
        log_heights,
        log_density,
        responsibilities,
        log_responsibilities,
        labels,
        n_threads,
    )
    if lost >= 0:
        raise LostRowError(lost)
