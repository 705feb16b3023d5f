"""Normal draws for the missing values of starts, which depend on the values of a sample alone.

Equal samples get equal draws, whatever their order and in whichever block they are read: values
are hashed and numbered by splitmix64 (Steele, Lea & Flood 2014).
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from skgmm._linalg import Array

# The increment and the multipliers of splitmix64.
_STEP = np.uint64(0x9E3779B97F4A7C15)
_FACTORS = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)

_UNUSED_BITS, _RESOLUTION = np.uint64(11), 2.0**-53


def row_normals(samples: Array) -> Array:
    """Standard normal draws for samples (m, d), NaN where values are missing, (m, d)."""
    numbers = np.where(np.isnan(samples), np.nan, samples + 0.0)  # one NaN, and no -0.0
    bits = np.ascontiguousarray(numbers, dtype=np.float64).view(np.uint64)
    hashed = np.zeros(len(samples), dtype=np.uint64)
    for column in bits.T:
        hashed = _mixed((hashed ^ column) + _STEP)
    counters = np.arange(1, samples.shape[1] + 1, dtype=np.uint64) * _STEP
    random = _mixed(hashed[:, None] + counters) >> _UNUSED_BITS
    return ndtri((random + 0.5) * _RESOLUTION)


def _mixed(numbers: Array) -> Array:
    """The finaliser of splitmix64: all bits depend on all."""
    for shift, factor in zip((30, 27), _FACTORS, strict=True):
        numbers = (numbers ^ (numbers >> np.uint64(shift))) * factor
    return numbers ^ (numbers >> np.uint64(31))
