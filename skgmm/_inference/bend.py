"""Where a curve bends: two straight lines with a common point."""

from __future__ import annotations

import numpy as np

from skgmm._linalg import Array

# Sums of squares that differ by less than this part of the squared range are ties.
_TIE = 1e-12


def bend_of(entropies: Array) -> int:
    """The number of clusters m at which the entropies (K,) bend upward; K where they do not.

    The two lines that fit the points 1 to m and m to K best (least squares). Of ties the largest m:
    what need not be merged is not.
    """
    n = len(entropies)
    scale = float(np.ptp(entropies)) if n else 0.0
    if n < 3 or scale == 0.0:
        return n
    values = entropies / scale
    best, least = n, np.inf
    for m in range(n - 1, 1, -1):
        (before, left), (after, right) = _line(values[:m]), _line(values[m - 1 :])
        if after > before + _TIE and left + right < least - _TIE:
            best, least = m, left + right
    return best


def lines_of(entropies: Array, bend: int) -> list[tuple[Array, Array]]:
    """Numbers of clusters and values on the two lines."""
    lines = []
    for first, last in ((1, bend), (bend, len(entropies))):
        if last > first:
            x = np.arange(first, last + 1)
            y = entropies[first - 1 : last]
            slope, _ = _line(y)
            lines.append((x, y.mean() + slope * (x - x.mean())))
    return lines


def _line(values: Array) -> tuple[float, float]:
    """Slope of the least-squares line through points at 0, 1, ..., and its sum of squares."""
    x = np.arange(len(values)) - 0.5 * (len(values) - 1)
    centred = values - values.mean()
    slope = float(x @ centred) / max(float(x @ x), 0.5)
    return slope, float(np.square(centred - slope * x).sum())
