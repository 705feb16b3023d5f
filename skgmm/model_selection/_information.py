"""Covariance of the estimates, from the observed information.

The information is the negative Hessian of the log-likelihood at its maximum, in the unconstrained
coordinates of the quasi-Newton steps, computed by central differences of the gradient. The
differences are small for a single sample, so that the log-likelihood of any number of samples is
close to quadratic over them. The delta method gives the covariance of the parameters.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from skgmm._em.quasi_newton import coordinates_around
from skgmm._linalg import Array
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters, n_parameters

# In units of the complete-data standard errors of one sample.
_STEP = 1e-3

# Nats that a Newton step may gain if the parameters count as a maximum, in total or per sample: one
# standard error in one direction, or twice what the default `tol` of a search leaves.
_GAIN, _GAIN_PER_ROW = 0.5, 2e-5

_NO_MAXIMUM = (
    "so the mixture is not at a maximum of the log-likelihood of X. Fit it to X with the same "
    "sample_weight and error_covariance (and a smaller tol), or use method='bootstrap'."
)

Natural = Callable[[MixtureParameters], Array]


def covariance_of_estimates(
    objective: Objective, parameters: MixtureParameters, natural: Natural
) -> Array:
    """The covariance (m, m) of the function `natural` of the parameters, (m,).

    Raises
    ------
    ValueError
        If the parameters are not a maximum.
    """
    moments = objective.evaluate(parameters)
    coordinates = coordinates_around(objective, parameters, moments)

    def gradient(vector: Array) -> Array:
        point = coordinates.at(vector)
        return point.gradient(objective.evaluate(point.parameters))

    hessian = _differences(gradient, coordinates.size)
    n_free = n_parameters(objective.structure, *parameters.means.shape)
    n_free += objective.rows.background is not None  # its weight
    if objective.fixed is not None:
        n_free -= objective.fixed.n_parameters(objective.structure, parameters.n_features)
    inverse = _inverse(-0.5 * (hessian + hessian.T), n_free)
    slope = gradient(np.zeros(coordinates.size))
    if 0.5 * slope @ inverse @ slope > max(_GAIN, _GAIN_PER_ROW * moments.total_weight):
        raise ValueError(f"The gradient of the log-likelihood is not zero, {_NO_MAXIMUM}")
    slopes = _differences(
        lambda vector: natural(coordinates.at(vector).parameters), coordinates.size
    )
    return slopes.T @ inverse @ slopes


def _differences(function: Callable[[Array], Array], size: int) -> Array:
    """Derivatives at 0 with respect to each coordinate, (size, ...)."""
    steps = _STEP * np.eye(size)
    return np.array([(function(step) - function(-step)) / (2.0 * _STEP) for step in steps])


def _inverse(information: Array, n_free: int) -> Array:
    """Inverse of the information in the identifiable directions.

    Some coordinates are redundant: weights have one logarithm too many. In these directions the
    information is 0, and the parameters do not change.
    """
    values, vectors = np.linalg.eigh(information)
    kept = np.argsort(-np.abs(values))[:n_free]
    if values[kept].min(initial=np.inf) <= 0:
        raise ValueError(f"The observed information is not positive definite, {_NO_MAXIMUM}")
    return (vectors[:, kept] / values[kept]) @ vectors[:, kept].T
