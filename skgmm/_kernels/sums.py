"""Sums over samples as they pass between Python and the kernel: one array, and its parts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from math import prod
from typing import NamedTuple

import numpy as np

from skgmm._linalg import Array

FEW_ROWS = 10_000
"""Samples that are held in memory however they are given. Of more, a pass takes longer than what is
around it, and an interrupt would have to wait; and sums are the same to the last bit in memory and
in blocks."""

FEW_FEATURES = 40
"""With more, an M-step takes longer than what is around it."""


class Scatter(IntEnum):
    """Which part of the second moments a covariance structure needs; as Form in kernel.hpp."""

    FULL = 0
    """One matrix per component, (K, d, d)."""

    DIAGONAL = 1
    """The diagonals only, (K, d)."""

    POOLED = 2
    """The sum over components, (d, d)."""

    def shape(self, K: int, d: int) -> tuple[int, ...]:
        """Of the scatter."""
        if self is Scatter.FULL:
            return K, d, d
        return (K, d) if self is Scatter.DIAGONAL else (d, d)

    def outer(self, coefficients: Array, vectors: Array) -> Array:
        """The sum of coefficient x vector x vector' over each component's vectors, in this form.

        Parameters
        ----------
        coefficients : ndarray of shape (K, m)
        vectors : ndarray of shape (K, m, d)
        """
        if self is Scatter.DIAGONAL:
            return np.matmul(coefficients[:, None, :], vectors * vectors)[:, 0, :]
        scaled = coefficients[:, :, None] * vectors
        if self is Scatter.FULL:
            return np.matmul(scaled.transpose(0, 2, 1), vectors)
        n_features = vectors.shape[-1]
        return scaled.reshape(-1, n_features).T @ vectors.reshape(-1, n_features)

    def diagonal(self, scatter: Array) -> Array:
        """Diagonals of a scatter in this form: (K, d), or (d,) when pooled."""
        if self is Scatter.DIAGONAL:
            return scatter
        return scatter.diagonal(0, -2, -1)

    def dense(self, scatter: Array) -> Array:
        """The scatter as matrices, (K, d, d), or (1, d, d) when pooled."""
        if self is Scatter.DIAGONAL:
            return scatter[:, :, None] * np.eye(scatter.shape[1])
        return scatter[None] if self is Scatter.POOLED else scatter

    def from_dense(self, matrices: Array) -> Array:
        """The scatter in this form from that of each component (K, d, d)."""
        if self is Scatter.DIAGONAL:
            return np.diagonal(matrices, axis1=1, axis2=2)
        return matrices.sum(axis=0) if self is Scatter.POOLED else matrices

    def of_covariance(self, matrices: Array, mass: Array) -> Array:
        """The scatter of so many samples (K,) with these covariances, (m, d, d)."""
        shape = len(mass), *matrices.shape[1:]
        return self.from_dense(mass[:, None, None] * np.broadcast_to(matrices, shape))

    def pooled_over_components(self, scatter: Array) -> Array:
        """The same scatter in all, shared equally among the components."""
        if self is Scatter.POOLED:
            return scatter
        return np.broadcast_to(scatter.mean(axis=0), scatter.shape)


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


def packed(sums: Sums) -> Array:
    """Sums in one array, in the order of the C++ side: totals, mass, first and second moments."""
    totals = (sums.log_likelihood, sums.weight)
    return np.concatenate([totals, sums.mass, sums.first.ravel(), sums.second.ravel()])


def room_for_sums(shape: tuple[int, ...], form: Scatter) -> Array:
    """An array for the sums of K components of d features, the shape."""
    K, d = shape
    return np.zeros(2 + K * (1 + d) + prod(form.shape(K, d)))


def parts_of(array: Array, shape: tuple[int, ...], form: Scatter) -> Sums:
    """The sums that lie in one array."""
    K, d = shape
    first, second = 2 + K, 2 + K * (1 + d)
    return Sums(
        mass=array[2:first],
        first=array[first:second].reshape(K, d),
        second=array[second:].reshape(form.shape(K, d)),
        log_likelihood=float(array[0]),
        weight=float(array[1]),
    )
