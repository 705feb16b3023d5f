"""One Gaussian fitted to all samples, which a prior is taken from."""

from __future__ import annotations

import numpy as np

from skgmm._em.loop import run_em
from skgmm._linalg import Array, symmetrised
from skgmm._moments import Scatter
from skgmm._objective import Objective
from skgmm._prior import OneGaussian
from skgmm.covariance import STRUCTURES

# Nats per sample.
_TOL = 1e-14

# A variance, in units of that of all samples, that is no more than rounding.
_ROUNDING = 1e-14


def one_gaussian_of(objective: Objective) -> OneGaussian:
    """By maximum likelihood: in closed form where all values are observed, else by EM.

    Noise is left out, and labels name components, of which there is only one here.
    """
    overall = objective.rows.overall_moments(Scatter.FULL)
    if not objective.rows.whole:
        rows = objective.rows.unlabelled()
        alone = Objective(rows, STRUCTURES["full"], objective.floor)
        # A weight of 1 leaves none to noise.
        start = alone.maximise(overall.with_added_variance(objective.floor), None)
        found = run_em(alone, start, tol=_TOL, max_iter=1000)
        covariance = found.parameters.covariance.dense()[0] - np.diag(objective.floor)
        variances = overall.feature_variances()[0]
        covariance = _semi_definite(covariance, np.where(variances > 0, variances, 1.0))
        return OneGaussian(found.parameters.means[0], covariance, overall.total_weight)
    covariance = overall.scatter[0] / overall.total_weight
    return OneGaussian(overall.mean[0], covariance, overall.total_weight)


def _semi_definite(covariance: Array, variances: Array) -> Array:
    """The covariance (d, d) without negative variances along any direction.

    Where errors of measurement explain all variance, less than the floor is left. `variances` (d,)
    are those of the measurements, in whose units rounding is told.
    """
    units = np.sqrt(variances)
    values, vectors = np.linalg.eigh(covariance / units / units[:, None])
    if values[0] >= 0:
        return covariance
    found = symmetrised((vectors * np.maximum(values, 0.0)) @ vectors.T)
    rounding = np.diagonal(found) <= _ROUNDING
    found[rounding] = found[:, rounding] = 0.0
    return found * units * units[:, None]
