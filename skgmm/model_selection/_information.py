"""The covariance of the estimates, from the observed information.

The information is the negative Hessian of the log-likelihood at its maximum, in unconstrained
coordinates: where a family has simple ones, central differences of the exact gradient, and else of
the log-likelihood along principal axes that turn. Steps are a small part of a standard error, over
which a log-likelihood of any number of rows is close to quadratic. The delta method takes it to the
parameters.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from skgmm._coordinates import Coordinates
from skgmm._linalg import Array
from skgmm._parameters import MixtureParameters, n_parameters
from skgmm._problem import Problem
from skgmm.covariance import Ellipsoidal

# Steps in units of the complete-data standard errors: of gradients and parameters, and of values,
# whose second differences lose twice the digits.
_STEP, _LONG_STEP = 1e-3, 0.03

# The least share of a component, and of a squared difference of two variances, in the units.
_LEAST = 1e-6

Natural = Callable[[MixtureParameters], Array]


def covariance_of_estimates(
    problem: Problem, parameters: MixtureParameters, natural: Natural
) -> Array:
    """The covariance (m, m) of what `natural` makes of the parameters, (m,).

    Raises
    ------
    ValueError
        If the parameters are no maximum, or the family has no coordinates.
    """
    if problem.structure.ties is not None:
        moments = problem.evaluate(parameters)
        coordinates = Coordinates(parameters, moments, problem.structure.ties, problem.floor)
        size = coordinates.size
        hessian = _differences(
            lambda vector: _gradient(problem, coordinates, vector), size, _STEP
        ).T

        def mixture(vector: Array) -> MixtureParameters:
            return coordinates.at(vector).parameters
    else:
        turning = TurningAxes(problem, parameters)
        size, mixture = turning.size, turning.parameters
        hessian = _second_differences(
            lambda vector: problem.evaluate(mixture(vector)).log_likelihood, size
        )
    n_free = n_parameters(problem.structure, *parameters.means.shape)
    inverse = _inverse(-0.5 * (hessian + hessian.T), n_free)
    slopes = _differences(lambda vector: natural(mixture(vector)), size, _STEP)
    return slopes.T @ inverse @ slopes


def _gradient(problem: Problem, coordinates: Coordinates, vector: Array) -> Array:
    point = coordinates.at(vector)
    return point.gradient(problem.evaluate(point.parameters))


def _differences(function: Callable[[Array], Array], size: int, step: float) -> Array:
    """Derivatives at 0 by each coordinate, (size, ...)."""
    return np.array(
        [(function(step * unit) - function(-step * unit)) / (2.0 * step) for unit in np.eye(size)]
    )


def _second_differences(function: Callable[[Array], float], size: int) -> Array:
    """Second derivatives at 0, (size, size)."""
    steps, middle = _LONG_STEP * np.eye(size), function(np.zeros(size))
    single = np.array([[function(step), function(-step)] for step in steps])
    hessian = np.diag(single.sum(axis=1) - 2.0 * middle)
    for i in range(size):
        for j in range(i):
            ahead = function(steps[i] + steps[j]) + function(-steps[i] - steps[j])
            mixed = 0.5 * (ahead - single[i].sum() - single[j].sum() + 2.0 * middle)
            hessian[i, j] = hessian[j, i] = mixed
    return hessian / _LONG_STEP**2


def _inverse(information: Array, n_free: int) -> Array:
    """Inverse of the information where coordinates are free.

    Some coordinates say the same: weights have one logarithm too many. Along these the information
    is 0, and parameters do not change.
    """
    values, vectors = np.linalg.eigh(information)
    kept = np.argsort(-np.abs(values))[:n_free]
    if values[kept].min() <= 0:
        raise ValueError(
            "The observed information is not positive definite, so the mixture is not at a maximum "
            "of the log-likelihood of X. Fit it to X (with a smaller tol), or use "
            "method='bootstrap'."
        )
    return (vectors[:, kept] / values[kept]) @ vectors[:, kept].T


class TurningAxes:
    """Mixtures around one of them, for families of principal axes: EVE, VVE, EEV and VEV.

    Coordinates are those of weights and means, logarithms of volume and shape, and for each plane
    of two axes how far they turn in it, in units of the complete-data standard errors.
    """

    def __init__(self, problem: Problem, anchor: MixtureParameters) -> None:
        code = problem.structure.code
        if len(code) != 3 or not set(code) <= set("EV"):
            raise ValueError(
                f"There are no coordinates for covariance_type={problem.structure.name!r}: use "
                "method='bootstrap'"
            )
        self.volume, self.shape, self.orientation = tuple(code)
        self.anchor = anchor
        K, d = anchor.means.shape
        dense = np.broadcast_to(anchor.covariance.dense(), (K, d, d))
        self.roots = np.linalg.cholesky(dense)
        self.axes = self._axes(dense)
        turned = np.swapaxes(self.axes, 1, 2) @ dense @ self.axes
        self.variances = np.diagonal(turned, axis1=1, axis2=2)
        self.planes = np.triu_indices(d, 1)
        shares = np.maximum(anchor.weights, _LEAST)
        between = self.variances[:, self.planes[0]] - self.variances[:, self.planes[1]]
        product = self.variances[:, self.planes[0]] * self.variances[:, self.planes[1]]
        turning = shares[:, None] * np.maximum(between**2 / product, _LEAST)
        each = np.repeat(shares[:, None], d, axis=1)
        information = {
            "weights": shares,
            "means": each,
            "volume": _tied(0.5 * d * shares, self.volume),
            "shape": _tied(0.5 * each, self.shape),
            "turns": _tied(turning, self.orientation),
        }
        self.shapes = {name: part.shape for name, part in information.items()}
        total = problem.evaluate(anchor).total_weight
        flat = np.concatenate([part.ravel() for part in information.values()])
        self.size, self.scale = len(flat), 1.0 / np.sqrt(total * flat)

    def _axes(self, dense: Array) -> Array:
        """Principal axes (K, d, d), in columns."""
        if self.orientation == "V":
            return np.linalg.eigh(dense)[1]
        # A mean with unequal weights: two axes of equal length in one component still differ.
        traces = np.trace(dense, axis1=1, axis2=2)
        mixed = np.einsum("k,kij->ij", (1.0 + np.arange(len(dense))) / traces, dense)
        return np.broadcast_to(np.linalg.eigh(mixed)[1], dense.shape)

    def parameters(self, vector: Array) -> MixtureParameters:
        """The mixture at a vector (size,)."""
        parts, start = {}, 0
        scaled = vector * self.scale
        for name, shape in self.shapes.items():
            end = start + int(np.prod(shape))
            parts[name], start = scaled[start:end].reshape(shape), end
        logits = self.anchor.log_weights + parts["weights"]
        means = self.anchor.means + (self.roots @ parts["means"][:, :, None])[:, :, 0]
        shape = parts["shape"] - parts["shape"].mean(axis=1, keepdims=True)
        variances = self.variances * np.exp(parts["volume"][:, None] + shape)
        d = self.anchor.n_features
        turns = np.zeros((len(parts["turns"]), d, d))
        turns[:, self.planes[0], self.planes[1]] = 0.5 * parts["turns"]
        turns -= np.swapaxes(turns, 1, 2)
        identity = np.eye(d)
        axes = self.axes @ np.linalg.solve(identity - turns, identity + turns)  # Cayley's map
        covariance = Ellipsoidal.from_axes(axes, variances)
        return MixtureParameters(logits - np.logaddexp.reduce(logits), means, covariance)


def _tied(parts: Array, tie: str) -> Array:
    """Parts (K, ...) as they are, or summed over components that share them."""
    return parts if tie == "V" else parts.sum(axis=0, keepdims=True)
