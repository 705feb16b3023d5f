"""What compiled iterations take: when to stop, and a mixture to write to."""

from __future__ import annotations

from math import inf, nan
from typing import NamedTuple

from skgmm._kernels._native import is_slow as _is_slow
from skgmm._kernels._native import remaining_gain as _remaining_gain
from skgmm._kernels.sums import Form, Sums, fill, room_for_sums
from skgmm._linalg import Array


class StopWhen(NamedTuple):
    """When iterations end, because there is something to decide (`fit/stopping_rule.hpp`)."""

    max_iter: int
    tol: float  # the estimated gain that is left
    rate_tolerance: float = 0.0  # difference of two rates, as a share of 1 less the rate, ...
    iterations_left: float = inf  # ... and more iterations than so many to go at such a rate
    first_rate: float = nan  # of a first gain, where it is known
    least_rate: float = -inf  # that an earlier stretch of iterations had

    def remaining_gain(self, gains: list[float], objective: float) -> float:
        """Estimate of what further iterations would add to these gains (Aitken's rule)."""
        return _remaining_gain(self, gains[-2:], objective)

    def is_slow(self, gains: list[float]) -> bool:
        """Whether the gains have come to a steady rate, and that is a slow one."""
        return _is_slow(self, gains[-3:])


class State:
    """A mixture and its sums: copies, which compiled iterations write to."""

    def __init__(
        self,
        log_weights: Array,  # (K,)
        means: Array,  # (K, d)
        factors: Array,
        axes: Array | None,  # (d, d), where components share them and they turn
        form: Form,
        sums: Sums | None,  # as `moments` gives them; None where they are to be found
    ) -> None:
        self.form = form
        self.log_weights, self.means, self.factors = (
            log_weights.copy(),
            means.copy(),
            factors.copy(),
        )
        self.axes = None if axes is None else axes.copy()
        self._packed, self._parts = room_for_sums(means.shape, form)
        if sums is not None:
            fill(self._packed, self._parts(), sums)

    @property
    def sums(self) -> Sums:
        return self._parts()

    @property
    def arrays(self) -> tuple[Array, Array, Array, Array | None, Array]:
        """In the order of the C++ side."""
        return self.log_weights, self.means, self.factors, self.axes, self._packed

    def copy(self) -> State:
        return State(*self.arrays[:4], self.form, self.sums)


class Principal(NamedTuple):
    """Principal axes of covariances, and roots of the precisions along them."""

    axes: Array  # (K, d, d) or (1, d, d), in columns
    scales: Array  # (K, d)
