"""The E-step in NumPy: what the compiled kernel is held against.

Clear and centred, block by block; one line for each formula.
"""

from functools import reduce
from operator import add

import numpy as np
import pytest

from skgmm._moments import Moments

BLOCK_ROWS = 500


def whitened(covariance, centred):
    """Rows of identity covariance from centred rows (K, b, d)."""
    factor = covariance.factor
    return centred * factor[:, None, :] if factor.ndim == 2 else centred @ factor


def log_joint(rows, parameters):
    """Centred rows (K, b, d) and log(weight x density) of each row and component (K, b)."""
    centred = np.asarray(rows, dtype=np.float64) - parameters.means[:, None, :]
    distances = (whitened(parameters.covariance, centred) ** 2).sum(axis=2)
    return centred, parameters.log_peak[:, None] - 0.5 * distances


def responsibilities(rows, parameters):
    """Log-densities (b,) and responsibilities (K, b)."""
    _, joint = log_joint(rows, parameters)
    peak = joint.max(axis=0)
    shares = np.exp(joint - peak)
    sums = shares.sum(axis=0)
    return peak + np.log(sums), shares / sums


def expectation(X, sample_weight, parameters, form):
    """Moments of all rows under the parameters."""
    weights = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight)
    kept = weights > 0
    X, weights = X[kept], weights[kept]

    def block(rows):
        centred, _ = log_joint(X[rows], parameters)
        log_density, shares = responsibilities(X[rows], parameters)
        shares = shares * weights[rows]
        mass = shares.sum(axis=1)
        first = np.einsum("kb,kbd->kd", shares, centred)
        shift = np.divide(first, mass[:, None], out=np.zeros_like(first), where=mass[:, None] > 0)
        scatter = form.outer(shares, centred - shift[:, None, :])
        log_likelihood = float(weights[rows] @ log_density)
        return Moments(
            form, mass, parameters.means + shift, scatter, log_likelihood, weights[rows].sum()
        )

    return reduce(add, (block(slice(i, i + BLOCK_ROWS)) for i in range(0, len(X), BLOCK_ROWS)))


def assert_moments_equal(got, expected, parameters, rtol=1e-12):
    """Equal relative to the size of what was summed: opposite signs leave a sum no digits.

    Responsibilities inherit rounding from log-densities of size |log density|, so that is part of
    the measure.
    """
    form = expected.form
    spread = np.sqrt(np.abs(form.diagonal(expected.scatter)).max() / expected.total_weight)
    size = spread + np.abs(expected.mean - parameters.means).max()
    np.testing.assert_allclose(got.mass, expected.mass, rtol=rtol, atol=rtol * got.total_weight)
    heavy = expected.mass > 1e-3 * expected.total_weight
    np.testing.assert_allclose(
        got.mean[heavy],
        expected.mean[heavy],
        rtol=rtol,
        atol=1e3 * rtol * size,
    )
    scatter = np.abs(expected.scatter).max() + expected.total_weight * size**2
    np.testing.assert_allclose(got.scatter, expected.scatter, atol=rtol * scatter)
    assert got.total_weight == pytest.approx(expected.total_weight, rel=rtol)
    lost = rtol * (abs(expected.objective) + expected.total_weight)
    assert got.objective == pytest.approx(expected.objective, abs=lost)
