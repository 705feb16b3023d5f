"""Samples in units that do not depend on the user's (scaled, and whitened), and as given."""

from __future__ import annotations

import numpy as np

from skgmm._linalg import Array
from skgmm._moments import Scatter
from skgmm._objective import Objective
from skgmm._rows.sample import StartSample

# Features up to which axis-aligned structures are started from whitened samples as well.
_MOST_WHITENED = 500

# Deviations that are less of the largest distance are 0: only samples of weights that vanish differ
# there, and fourth powers of scaled values must not overflow.
_VARIES = 1e-60


def views(sample: StartSample, objective: Objective) -> list[tuple[str, Array]]:
    """The samples scaled, and whitened.

    With many features they are not whitened for diagonal covariances, because that takes the
    covariance matrix of all features.
    """
    scaled = scaled_rows(sample)
    diagonal = objective.structure.scatter is Scatter.DIAGONAL
    if diagonal and objective.rows.n_features > _MOST_WHITENED:
        return [("scaled", scaled), ("scaled", scaled)]
    return [("scaled", scaled), ("whitened", whitened_rows(scaled, sample.weights))]


def scaled_rows(sample: StartSample) -> Array:
    """Samples with mean 0 and standard deviation 1, without constant features."""
    centred, deviations = _centred(sample)
    return np.ascontiguousarray(centred / deviations)


def given_rows(sample: StartSample) -> Array:
    """Samples in the user's units but for one factor, without constant features."""
    centred, deviations = _centred(sample)
    return np.ascontiguousarray(centred / deviations.max(initial=0.0))


def _centred(sample: StartSample) -> tuple[Array, Array]:
    """Features that vary, with mean 0, and their standard deviations."""
    weights = sample.weights / sample.weights.sum()
    centred = sample.rows - sample.rows[0]
    centred = centred - weights @ centred
    deviations = np.sqrt(weights @ centred**2)
    varying = deviations > _VARIES * np.abs(centred).max(axis=0)
    return centred[:, varying], deviations[varying]


def whitened_rows(scaled: Array, weights: Array) -> Array:
    """Scaled samples with identity covariance, without directions of no variance."""
    covariance = (scaled.T * (weights / weights.sum())) @ scaled
    variances, axes = np.linalg.eigh(covariance)
    kept = variances > 1e-10 * variances.max(initial=0.0)
    return np.ascontiguousarray(scaled @ axes[:, kept] / np.sqrt(variances[kept]))
