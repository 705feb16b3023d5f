"""Components of so few samples that these may be outliers instead of a cluster.

Any d + 1 samples can be separated from all others by a hyperplane (Cover 1965), and a shared
covariance matrix pays for the separation: with the tails of real data a component of a few outliers
has the highest likelihood. Where shape and volume are shared, a component also gains by axes that
turn to directions in which its few samples do not vary. But a few samples that are far from all
others, and whose covariance is not much smaller, are a cluster: a tail is as wide as it is long,
and widens a matrix that all share. Where values stand for cells (pixels, dummies) a group may be
far from others because a rare value has so little variance.

References
----------
Cover (1965), Geometrical and statistical properties of systems of linear inequalities.
"""

from __future__ import annotations

import numpy as np

from skgmm._linalg import Array, cholesky, log_diagonal_sum
from skgmm._parameters import MixtureParameters

# So many samples are a cluster if its mean is so many standard deviations from all others, and it
# is at least this part as wide as the narrowest of them.
_CLUSTER, _FAR, _AS_WIDE = 6.0, 8.0, 0.5


def small_components(
    parameters: MixtureParameters, n_samples: float, coarse: Array | None = None
) -> list[int]:
    """Components that may be a few outliers.

    Matrices that are diagonal cannot turn to the outliers, and one feature counts. Where the
    average component is not twice as large, size says nothing. An empty component is no better than
    a small one.

    Parameters
    ----------
    n_samples : float
        Effective number of samples.
    coarse : ndarray of bool, shape (d,), or None
        Features whose values stand for cells.
    """
    n_components, diagonal = parameters.n_components, parameters.covariance.diagonal
    if n_components == 1:
        return []
    n_features = 1 if diagonal else parameters.n_features
    needed = min(n_features + 1.0, n_samples / (2.0 * n_components))
    masses = n_samples * parameters.weights
    if masses.min() >= needed:
        return []
    small = np.flatnonzero(masses < needed)
    if diagonal:
        return small.tolist()
    return [
        k for k in small.tolist() if masses[k] < _CLUSTER or not _is_cluster(parameters, k, coarse)
    ]


def _is_cluster(parameters: MixtureParameters, k: int, coarse: Array | None) -> bool:
    """Whether a component is far from all others, each with its covariance, and about as wide.

    Only features that are smooth count.
    """
    others = np.delete(np.arange(parameters.n_components), k)
    apart = parameters.means[k] - parameters.means[others]
    matrices = parameters.covariance.matrices
    if coarse is not None and coarse.any():
        apart, matrices = apart[:, ~coarse], matrices[:, ~coarse][:, :, ~coarse]
    factors, singular = cholesky(matrices)
    if singular.any():
        return False
    if not parameters.covariance.shared:
        widths = log_diagonal_sum(factors)
        if widths[k] < widths[others].min() + apart.shape[1] * np.log(_AS_WIDE):
            return False
        factors = factors[others]
    scaled = np.linalg.solve(factors, apart[:, :, None])
    return bool((scaled**2).sum(axis=(1, 2)).min() >= _FAR**2)
