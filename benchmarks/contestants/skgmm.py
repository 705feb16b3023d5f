"""This library."""

import importlib.metadata

import numpy as np
from threadpoolctl import threadpool_limits

from skgmm import GaussianMixtureEM, _kernels

STRUCTURES = {"full", "tied", "diag", "spherical"}


def versions():
    return f"skgmm {importlib.metadata.version('skgmm')} ({_kernels.active()})"


def iterate(X, weights, means, covariances, structure, iterations):
    # NumPy's threads stay busy for a tenth of a second after their work, which is no part of ours.
    with threadpool_limits(1):
        inverse = np.linalg.inv(covariances) if structure in ("full", "tied") else 1 / covariances
    mixture = GaussianMixtureEM(
        len(weights),
        covariance_type=structure,
        weights_init=weights,
        means_init=means,
        precisions_init=inverse,
        tol=0.0,
        reg_covar=0.0,
        max_iter=iterations,
        acceleration=None,
        escape=False,
    ).fit(X)
    return mixture.weights_, mixture.means_, mixture.covariances_


def _mixture(weights, means, covariances, structure):
    return GaussianMixtureEM.from_parameters(weights, means, covariances, structure)


def assign(X, weights, means, covariances, structure):
    mixture = _mixture(weights, means, covariances, structure)
    return lambda: mixture.predict_proba(X)


def density(X, weights, means, covariances, structure):
    mixture = _mixture(weights, means, covariances, structure)
    return lambda: mixture.score_samples(X)
