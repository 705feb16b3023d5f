"""Sums over samples as they pass between Python and the kernel: one array, and its parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from math import prod
from typing import NamedTuple

import numpy as np

from skgmm._linalg import Array


class Form(IntEnum):
    """Which second moments are summed; as in kernel.hpp."""

    FULL = 0
    DIAGONAL = 1
    POOLED = 2

    def shape(self, K: int, d: int) -> tuple[int, ...]:
        """Of the second moments."""
        return {Form.FULL: (K, d, d), Form.DIAGONAL: (K, d), Form.POOLED: (d, d)}[self]


class Sums(NamedTuple):
    """Weighted sums over rows, about given centres."""

    mass: Array  # (K,)
    first: Array  # (K, d)
    second: Array  # (K, d, d), (K, d) or (d, d); symmetric
    log_likelihood: float
    weight: float


@dataclass(frozen=True)
class Total:
    """Sums over rows, before they are rounded: the totals of sets of rows add up.

    Each number is a pair of float64, which holds some 32 digits. So the sums are the same to the
    last bit for any chunking and in whatever order totals are added, as long as every part
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


def packed(sums: Sums, form: Form) -> Array:
    """Sums in one array, in the order of the C++ side."""
    out, parts = room_for_sums(sums.first.shape, form)
    fill(out, parts(), sums)
    return out


def fill(out: Array, parts: Sums, sums: Sums) -> None:
    """Write sums over those that lie in one array."""
    out[0], out[1] = sums.log_likelihood, sums.weight
    parts.mass[:], parts.first[:], parts.second[:] = sums.mass, sums.first, sums.second


def room_for_sums(shape: tuple[int, ...], form: Form) -> tuple[Array, Callable[[], Sums]]:
    """One array, in the order of the C++ side, and its parts once it is filled.

    Two totals, mass, first and second moments.
    """
    K, d = shape
    first, second, own = 2 + K, 2 + K * (1 + d), form.shape(K, d)
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
