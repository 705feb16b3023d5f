"""The orthogonal matrix of axes that minimises a criterion of the scatters along them.

Turning the axes a little in the plane of two of them changes the scatters along these two, so the
gradient is an antisymmetric matrix with an entry for each plane, and so is a step. Curvature is
taken plane by plane, as if nothing lay off the diagonals: exact for scatters that do share their
axes, and otherwise a good scale for conjugate gradients (Polak & Ribiere, restarted). The
majorisation of Browne & McNicholas (2014) finds the same minima in many more steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from skgmm._linalg import Array

# Scatters along the axes (K, d) -> the value, and its derivatives (K, d), positive and the smaller
# the larger the scatter.
Criterion = Callable[[Array], tuple[float, Array]]

_STEPS_FROM_AFAR = 300
# A warm start improves in any number of steps, and the next iteration of EM takes the next ones.
_STEPS_WHEN_WARM = 15
# Estimated gain that is left, in nats per row: below what can be seen in the value, not in the
# gradient.
_TOLERANCE = 1e-20
# A gain of less than this share of the value is lost in its rounding.
_VISIBLE = 1e-13
_LARGEST_ANGLE = 0.5
_MOST_STARTS = 10


@dataclass(frozen=True)
class _Point:
    """The criterion around some axes; antisymmetric matrices are (d, d), each plane twice."""

    axes: Array
    value: float
    gradient: Array
    newton: Array  # the step to the minimum of each plane by itself

    def slope(self, direction: Array) -> float:
        return 0.5 * float((self.gradient * direction).sum())

    def turned(self, step: Array) -> Array:
        """The axes after a step: Cayley's map takes it to a rotation."""
        half = 0.5 * step
        identity = np.eye(len(step))
        return self.axes @ np.linalg.solve(identity - half, identity + half)


def along(axes: Array, scatter: Array) -> Array:
    """Scatters (K, d, d) along axes (d, d), shape (K, d)."""
    return ((scatter @ axes) * axes).sum(axis=1)


def best_axes(
    scatter: Array, mass: Array, criterion: Criterion, known: Array | None = None
) -> Array:
    """The axes (d, d), in columns, at the best minimum found.

    Parameters
    ----------
    scatter : ndarray of shape (K, d, d)
    mass : ndarray of shape (K,)
    known : ndarray of shape (d, d) or None
        Axes near the minimum. Without them several starts are tried, for there may be several
        minima: the axes of all rows within components, and those of the largest components.
    """
    pooled = np.linalg.eigh(scatter.sum(axis=0))[1]
    if len(scatter) == 1:
        return pooled
    least = mass.sum() * _TOLERANCE
    if known is not None:
        return _descend(scatter, known, criterion, _STEPS_WHEN_WARM, least).axes
    largest = np.argsort(-mass, kind="stable")[:_MOST_STARTS]
    starts = [pooled, *np.linalg.eigh(scatter[largest])[1]]
    ends = [_descend(scatter, axes, criterion, _STEPS_FROM_AFAR, least) for axes in starts]
    return min(ends, key=lambda end: end.value).axes


def _at(axes: Array, scatter: Array, criterion: Criterion) -> _Point:
    turned = axes.T @ scatter @ axes
    diagonals = np.diagonal(turned, axis1=1, axis2=2)
    # A scatter that vanishes along an axis would end the search: it is for the caller to refuse.
    diagonals = np.maximum(diagonals, 1e-18 * diagonals.max(axis=1, keepdims=True))
    value, slopes = criterion(diagonals)
    unequal = slopes[:, None, :] - slopes[:, :, None]  # (K, i, j): slope j - slope i
    gradient = 2.0 * (turned * unequal).sum(axis=0)
    curvature = 2.0 * (unequal * (diagonals[:, :, None] - diagonals[:, None, :])).sum(axis=0)
    curvature += 1e-9 * (slopes * diagonals).sum()  # planes in which all are round
    return _Point(axes, value, gradient, -gradient / curvature)


def _descend(
    scatter: Array, axes: Array, criterion: Criterion, most_steps: int, least: float
) -> _Point:
    """Conjugate gradients from `axes` until no more than `least` is to be gained."""
    point = _at(axes, scatter, criterion)
    direction = point.newton
    before: _Point | None = None
    for _ in range(most_steps):
        if -0.5 * point.slope(point.newton) < least:
            break
        if before is not None:
            share = point.slope(point.newton - before.newton) / before.slope(before.newton)
            direction = point.newton + max(0.0, share) * direction
            if point.slope(direction) >= 0:
                direction = point.newton
        direction = direction * min(1.0, _LARGEST_ANGLE / np.abs(direction).max())
        reached = _search(point, direction, lambda axes: _at(axes, scatter, criterion))
        if reached is None:
            break
        before, point = point, reached
    return point


def _search(point: _Point, direction: Array, evaluate: Callable[[Array], _Point]) -> _Point | None:
    """A lower point along the direction, or None: nothing is left but rounding.

    Secant steps on the slope, which keeps its digits where differences of values have none left.
    """
    slope, length = point.slope(direction), 1.0
    rounding = _VISIBLE * abs(point.value)
    for _ in range(20):
        reached = evaluate(point.turned(length * direction))
        ahead = reached.slope(direction)
        better = length * slope / (slope - ahead) if ahead > slope else 2.0 * length
        if reached.value <= point.value + rounding and abs(ahead) <= 0.5 * abs(slope):
            return reached
        if reached.value < point.value - rounding and better >= length:
            return reached
        if abs(better - length) < 1e-3 * length or length * np.abs(direction).max() < 1e-16:
            return None
        length = min(max(better, 0.1 * length), 2.0 * length)
    return None
