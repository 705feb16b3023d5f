"""The E-step in NumPy: what the compiled kernel is held against.

Clear and centred, block by block; one line for each formula.
"""

import numpy as np

from skgmm._moments import Moments, total

BLOCK_ROWS = 500


def log_joint(rows, parameters):
    """Centred rows (K, b, d) and log(weight x density) of each row and component (K, b)."""
    centred = np.asarray(rows, dtype=np.float64) - parameters.means[:, None, :]
    distances = (parameters.covariance.whiten(centred) ** 2).sum(axis=2)
    return centred, parameters.log_heights[:, None] - 0.5 * distances


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

    return total(block(slice(i, i + BLOCK_ROWS)) for i in range(0, len(X), BLOCK_ROWS))
