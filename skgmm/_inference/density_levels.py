"""Levels of the density: highest-density regions (Hyndman 1996)."""

from __future__ import annotations

from typing import Any

import numpy as np

from skgmm._linalg import Array


def check_fractions(value: Any, name: str) -> Array:
    """Numbers in [0, 1], of any shape."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} should be numbers from 0 to 1, but got {value!r}") from error
    inside = (array >= 0.0) & (array <= 1.0)
    if not inside.all():
        raise ValueError(
            f"{name} should be from 0 to 1, but got {float(array[~inside].ravel()[0])}"
        )
    return array


def log_density_levels(log_densities: Array, mass: Array) -> Array:
    """Log of the (1 - mass) quantile of densities, of the shape of `mass`.

    As `numpy.quantile` of the densities, which interpolates them, not their logarithms; but they
    may underflow.
    """
    ordered = np.sort(log_densities)
    position = (1.0 - mass) * (len(ordered) - 1)
    lower = np.floor(position).astype(np.intp)
    upper = np.minimum(lower + 1, len(ordered) - 1)
    fraction = position - lower
    with np.errstate(divide="ignore"):  # a fraction of 0
        return np.logaddexp(np.log1p(-fraction) + ordered[lower], np.log(fraction) + ordered[upper])
