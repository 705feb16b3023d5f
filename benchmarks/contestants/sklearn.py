"""scikit-learn's GaussianMixture."""

import importlib.metadata

import numpy as np
from sklearn.mixture import GaussianMixture

STRUCTURES = {"full", "tied", "diag", "spherical"}


def versions():
    return f"scikit-learn {importlib.metadata.version('scikit-learn')}"


def _started(weights, means, covariances, structure, **options):
    dense = structure in ("full", "tied")
    inverse = np.linalg.inv(covariances) if dense else 1.0 / covariances
    return GaussianMixture(
        len(weights),
        covariance_type=structure,
        weights_init=weights,
        means_init=means,
        precisions_init=inverse,
        tol=0.0,
        reg_covar=0.0,
        **options,
    )


def iterate(X, weights, means, covariances, structure, iterations):
    mixture = _started(weights, means, covariances, structure, max_iter=iterations).fit(X)
    return mixture.weights_, mixture.means_, mixture.covariances_


def _mixture(X, weights, means, covariances, structure):
    mixture = _started(weights, means, covariances, structure, max_iter=1)
    mixture.weights_, mixture.means_ = weights, means
    dense = structure in ("full", "tied")
    root = np.linalg.cholesky(np.linalg.inv(covariances)) if dense else covariances**-0.5
    # Any factor of the precision serves; this one is lower triangular.
    mixture.precisions_cholesky_ = root
    mixture.covariances_ = covariances
    return mixture


def assign(X, weights, means, covariances, structure):
    mixture = _mixture(X, weights, means, covariances, structure)
    return lambda: mixture.predict_proba(X)


def density(X, weights, means, covariances, structure):
    mixture = _mixture(X, weights, means, covariances, structure)
    return lambda: mixture.score_samples(X)
