"""gmmx (JAX), which takes float32 only."""

import importlib.metadata

import jax
import numpy as np
from gmmx import EMFitter, GaussianMixtureModelJax

STRUCTURES = {"full"}


def versions():
    return f"gmmx {importlib.metadata.version('gmmx')} (jax {jax.__version__})"


def iterate(X, weights, means, covariances, structure, iterations):
    X, weights, means, covariances = (
        np.asarray(a, dtype=np.float32) for a in (X, weights, means, covariances)
    )
    start = GaussianMixtureModelJax.from_squeezed(
        means=means, covariances=covariances, weights=weights, covariance_type=structure
    )
    result = EMFitter(max_iter=iterations, tol=0.0, reg_covar=0.0).fit(x=X, gmm=start)
    fitted = result.gmm
    return (
        np.asarray(fitted.weights).ravel(),
        np.asarray(fitted.means).reshape(means.shape),
        np.asarray(fitted.covariances.values).reshape(covariances.shape),
    )
