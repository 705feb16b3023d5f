"""Samples in units that do not depend on the user's (scaled, and whitened), and as given."""

from __future__ import annotations

import numpy as np
from scipy.linalg.blas import dsyrk, dtrmm

from skgmm._linalg import Array, is_positive_definite, triangular_inverse
from skgmm._moments import Scatter
from skgmm._objective import Objective
from skgmm._rows.sample import StartSample

# Features up to which axis-aligned structures are started from whitened samples as well.
_MOST_WHITENED = 500

# Deviations that are less of the largest distance are 0: only samples of weights that vanish differ
# there, and fourth powers of scaled values must not overflow.
_VARIES = 1e-60

# Directions with less than this part of the largest variance have none.
_NO_VARIANCE = 1e-10


def views(sample: StartSample, objective: Objective) -> list[tuple[str, Array]]:
    """The samples scaled, whitened, and in the user's units but for one factor."""
    centred, deviations = _centred(sample)
    given = centred / deviations.max(initial=0.0)
    scaled = np.divide(centred, deviations, out=centred)
    second = "scaled", scaled
    if whitens(objective):
        second = "whitened", whitened_rows(scaled, sample.weights)
    return [("scaled", scaled), second, ("as given", given)]


def whitens(objective: Objective) -> bool:
    """Whether samples are whitened.

    With many features they are not for diagonal covariances, because that takes the covariance
    matrix of all features.
    """
    diagonal = objective.structure.scatter is Scatter.DIAGONAL
    return not diagonal or objective.rows.n_features <= _MOST_WHITENED


def scaled_rows(sample: StartSample) -> Array:
    """Samples with mean 0 and standard deviation 1, without constant features."""
    centred, deviations = _centred(sample)
    return np.divide(centred, deviations, out=centred)


def _centred(sample: StartSample) -> tuple[Array, Array]:
    """Features that vary, with mean 0, in an array of their own; and their standard deviations."""
    weights = sample.weights / sample.weights.sum()
    centred = np.subtract(sample.rows, sample.rows[0], order="C")
    centred -= weights @ centred
    deviations = np.sqrt(weights @ centred**2)
    varying = deviations > _VARIES * np.maximum(centred.max(axis=0), -centred.min(axis=0))
    if varying.all():
        return centred, deviations
    return np.ascontiguousarray(centred[:, varying]), deviations[varying]


def whitened_rows(scaled: Array, weights: Array) -> Array:
    """Scaled samples with identity covariance, in some axes, without directions of no variance."""
    if not scaled.size:
        return scaled
    covariance = _lower_covariance(scaled, weights)
    least = _NO_VARIANCE * np.trace(covariance)
    if not is_positive_definite(covariance - least * np.eye(len(covariance))):
        return _along_principal_axes(scaled, covariance)
    # The Cholesky factor takes a tenth of the time of eigenvectors.
    inverse = triangular_inverse(np.linalg.cholesky(covariance)[None])[0]
    return dtrmm(1.0, inverse, scaled.T, lower=1).T


def principal_rows(scaled: Array, weights: Array) -> Array:
    """The same in the principal axes, those of the least variance first."""
    if not scaled.size:
        return scaled
    return _along_principal_axes(scaled, _lower_covariance(scaled, weights))


def _along_principal_axes(scaled: Array, covariance: Array) -> Array:
    variances, axes = np.linalg.eigh(covariance)
    kept = variances > _NO_VARIANCE * variances.max(initial=0.0)
    return np.ascontiguousarray(scaled @ axes[:, kept] / np.sqrt(variances[kept]))


def _lower_covariance(scaled: Array, weights: Array) -> Array:
    """The lower triangle of the covariance, half the work of all of it."""
    weighted = np.sqrt(weights / weights.sum())[:, None] * scaled
    return dsyrk(1.0, weighted.T, lower=1)
