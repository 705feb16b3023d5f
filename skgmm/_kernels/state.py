"""What compiled runs write to."""

from __future__ import annotations

from typing import NamedTuple

from skgmm._kernels.sums import Scatter, Sums, packed, parts_of, room_for_sums
from skgmm._linalg import Array


class State:
    """A mixture and its sums: copies, which compiled iterations write to."""

    def __init__(
        self,
        log_weights: Array,  # (K,)
        means: Array,  # (K, d)
        factors: Array,
        axes: Array | None,  # (d, d), where components share them and they turn
        form: Scatter,
        sums: Sums | None,  # as `moments` gives them; None where they are to be found
    ) -> None:
        self.form = form
        self.log_weights, self.means, self.factors = (
            log_weights.copy(),
            means.copy(),
            factors.copy(),
        )
        self.axes = None if axes is None else axes.copy()
        self._sums = room_for_sums(means.shape, form) if sums is None else packed(sums)

    @property
    def sums(self) -> Sums:
        return parts_of(self._sums, self.means.shape, self.form)

    @property
    def arrays(self) -> tuple[Array, Array, Array, Array | None, Array]:
        """In the order of the C++ side."""
        return self.log_weights, self.means, self.factors, self.axes, self._sums

    def copy(self) -> State:
        return State(*self.arrays[:4], self.form, self.sums)


class Principal(NamedTuple):
    """Principal axes of covariances, and roots of the precisions along them."""

    axes: Array  # (K, d, d) or (1, d, d), in columns
    scales: Array  # (K, d)
