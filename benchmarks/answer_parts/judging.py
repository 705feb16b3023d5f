"""Log-densities in NumPy, which belong to none of the libraries that are compared."""

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import logsumexp


def full_covariances(fit):
    """The covariances of a fit as matrices, (K, d, d)."""
    K, d = fit.means_.shape
    covariances = np.asarray(fit.covariances_)
    if fit.covariance_type in ("tied", "EEE"):
        return np.broadcast_to(covariances, (K, d, d))
    if covariances.ndim == 1:
        covariances = np.repeat(covariances[:, None], d, axis=1)
    if covariances.ndim == 2:
        return covariances[:, :, None] * np.eye(d)
    return covariances


def log_densities(X, weights, means, covariances, reg_covar=0.0):
    """Log-density of each sample, (n,).

    With `reg_covar`, each component's density is lowered by half the trace of its precision times
    that: this is what EM with `reg_covar` maximises, in this library and in scikit-learn.
    """
    d = X.shape[1]
    joint = np.empty((len(weights), len(X)))
    for k, (weight, mean, covariance) in enumerate(zip(weights, means, covariances, strict=True)):
        lower = np.linalg.cholesky(covariance)
        whitened = solve_triangular(lower, (X - mean).T, lower=True)
        inverse = solve_triangular(lower, np.eye(d), lower=True)
        constant = 0.5 * d * np.log(2 * np.pi) + np.log(np.diag(lower)).sum()
        penalty = 0.5 * reg_covar * (inverse**2).sum()
        with np.errstate(divide="ignore"):  # an empty component has weight 0
            joint[k] = np.log(weight) - constant - 0.5 * (whitened**2).sum(axis=0) - penalty
    return logsumexp(joint, axis=0)


def objective(fit, X, reg_covar=0.0):
    """Mean of what EM with `reg_covar` maximises, of a fit by either library."""
    return float(
        log_densities(X, fit.weights_, fit.means_, full_covariances(fit), reg_covar).mean()
    )
