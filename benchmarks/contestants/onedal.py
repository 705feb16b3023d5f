"""oneDAL through daal4py: full and diagonal covariances."""

import importlib.metadata

import daal4py
import numpy as np

STRUCTURES = {"full"}


def versions():
    return f"oneDAL (daal4py {importlib.metadata.version('daal4py')})"


def iterate(X, weights, means, covariances, structure, iterations):
    algorithm = daal4py.em_gmm(
        nComponents=len(weights), maxIterations=iterations, accuracyThreshold=1e-300
    )
    result = algorithm.compute(X, weights[None], means, list(covariances))
    return result.weights.ravel(), result.means, np.array(result.covariances)
