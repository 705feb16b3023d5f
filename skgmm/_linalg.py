"""Batched triangular algebra, and matching. Knows nothing of mixtures."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.optimize import linear_sum_assignment

Array = NDArray[Any]
"""float64 where nothing else is said."""

_EPS = float(np.finfo(np.float64).eps)


def cholesky(matrices: Array) -> tuple[Array, Array]:
    """Lower Cholesky factors of a stack of symmetric matrices, and which of them fail.

    A matrix counts as singular when a pivot is within rounding of zero: there LAPACK may still
    return a factor, but its last column is noise, and a density computed from it is too.

    Parameters
    ----------
    matrices : ndarray of shape (m, d, d)

    Returns
    -------
    factors : ndarray of shape (m, d, d)
        Lower triangular; undefined where `singular`.
    singular : ndarray of bool, shape (m,)
    """
    try:
        factors = np.linalg.cholesky(matrices)
    except np.linalg.LinAlgError:  # which does not say which matrix it was
        factors, failed = _one_by_one(matrices)
        with np.errstate(invalid="ignore", over="ignore"):  # where there is no factor
            return factors, failed | _singular(matrices, factors)
    return factors, _singular(matrices, factors)


def _singular(matrices: Array, factors: Array) -> Array:
    """Which of a stack of matrices have a pivot within rounding of zero, (m,) bool."""
    rounding = 4 * matrices.shape[-1] * _EPS * matrices.diagonal(0, 1, 2)
    defined = factors.diagonal(0, 1, 2) ** 2 > rounding
    return np.asarray(~defined.all(axis=1))


def _one_by_one(matrices: Array) -> tuple[Array, Array]:
    """Cholesky factors as far as there are any, and where there are none."""
    factors = np.zeros_like(matrices)
    singular = np.empty(len(matrices), dtype=bool)
    for i, matrix in enumerate(matrices):
        factors[i], info = lapack.dpotrf(matrix, lower=1, clean=1)
        singular[i] = info != 0
    return factors, singular


def triangular_inverse(factors: Array) -> Array:
    """Inverses of a stack of non-singular lower triangular matrices, shape (m, d, d)."""
    inverses = np.empty_like(factors)
    for i, factor in enumerate(factors):
        inverses[i] = lapack.dtrtri(factor.T, lower=0)[0].T
    return inverses


def reordered_factors(factors: Array, order: Array) -> Array:
    """Upper triangular R (m, d, d), R R' = F F' with rows and columns in another order.

    Of factors F of precisions, the leading block of R is a factor of the marginal precision of the
    features that come first. R is F, its rows in that order, turned by an orthogonal matrix: no
    precision is formed, which would square the condition number.
    """
    if np.array_equal(order, np.arange(len(order))):
        return factors
    # R Q = A is the QR decomposition of the transpose of A with its rows reversed.
    lower = np.linalg.qr(np.swapaxes(factors[:, order[::-1]], 1, 2), mode="r")
    turned = np.swapaxes(lower, 1, 2)[:, ::-1, ::-1]
    return turned * np.sign(np.diagonal(turned, axis1=1, axis2=2))[:, None, :]


def fractions_along_axes(added: Array, matrix: Array) -> tuple[Array, Array]:
    """What `added` is of `matrix` along the axes in which both are diagonal, and those axes.

    Features may differ by any factor, so each is measured in its own deviations. In the axes
    `matrix` is the identity. LAPACK is called directly: the checks of `scipy.linalg.eigh` take
    longer than small matrices do.

    Raises
    ------
    numpy.linalg.LinAlgError
        If `matrix` is not positive definite.
    """
    variances = np.diagonal(matrix)
    if not variances.min(initial=np.inf) > 0:
        raise np.linalg.LinAlgError("a feature has no variance")
    units = 1.0 / np.sqrt(variances)
    scaled = (units[:, None] * some * units for some in (added, matrix))
    fractions, axes, info = lapack.dsygvd(*scaled)
    if info:
        raise np.linalg.LinAlgError("the matrix is not positive definite")
    return fractions, units[:, None] * axes


def is_positive_definite(matrix: Array) -> bool:
    """Whether all eigenvalues are certainly positive, without finding them."""
    # NumPy's own Cholesky factors are the same, but its checks take longer than small matrices do.
    _, failed = lapack.dpotrf(matrix, lower=1)
    return not failed


def log_diagonal_sum(factors: Array) -> Array:
    """Log-determinants of a stack of triangular matrices with positive diagonal, shape (m,)."""
    return np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)


def symmetrised(matrices: Array) -> Array:
    """The symmetric part of a stack of matrices, so that rounding cannot make them lopsided."""
    halves = 0.5 * matrices  # whose sum does not overflow
    return halves + halves.swapaxes(-1, -2)


def correlations(covariance: Array) -> Array:
    """A covariance (d, d) in units of the features that vary."""
    deviations = np.sqrt(positive(covariance.diagonal()))
    return covariance / deviations / deviations[:, None]


def positive(numbers: Array) -> Array:
    """The numbers with 1 in place of those that are not positive."""
    return numbers if numbers.min() > 0 else np.where(numbers > 0, numbers, 1.0)


def best_matching(value: Array) -> Array:
    """The order (K,) of the rows of value (K, K) in which the sum of its diagonal is largest."""
    rows, columns = linear_sum_assignment(-value)
    return rows[np.argsort(columns)]
