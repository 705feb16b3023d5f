"""Quasi-Newton steps to the stationary point that EM is on its way to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.linalg import LinAlgError

from skgmm._coordinates import Coordinates, Point
from skgmm._kernels import LostRowError
from skgmm._kernels._native import quasi_newton
from skgmm._linalg import Array
from skgmm._moment_coordinates import MomentCoordinates, MomentPoint
from skgmm._moments import Moments
from skgmm._parameters import MixtureParameters
from skgmm._problem import Problem
from skgmm.covariance import IllDefinedCovarianceError

_MEMORY = 20
# Iterations from one anchor: the coordinates fit where they were drawn.
_FROM_ONE_ANCHOR = 60
_ANCHORS = 20
# Iterations whose gain together must be worth while.
_PATIENCE = 3

# Wolfe's conditions: share of the promised gain that a step must make, and of the slope that may
# be left; and steps along a line until it is given up.
_ARMIJO, _WOLFE, _TRIALS = 1e-4, 0.9, 15


class Ascent(Protocol):
    """The best so far, and the way to evaluate more."""

    parameters: MixtureParameters
    moments: Moments

    def evaluate(self, candidate: MixtureParameters) -> Moments: ...


class _Memory:
    """L-BFGS: the inverse Hessian as the last steps and changes of the gradient tell it.

    Compiled: SciPy's L-BFGS-B needs longer for the bookkeeping of an iteration than the kernel for
    thousands of rows.
    """

    def __init__(self, size: int) -> None:
        # Room for twice as many, so that the oldest are moved out of the way but seldom.
        self.steps, self.changes = np.empty((2, 2 * _MEMORY, size))
        self.end = 0

    def remember(self, step: Array, change: Array) -> None:
        if not step @ change > np.finfo(np.float64).eps * (change @ change):
            return
        if self.end == len(self.steps):
            for pairs in (self.steps, self.changes):
                pairs[:_MEMORY] = pairs[_MEMORY:]
            self.end = _MEMORY
        self.steps[self.end], self.changes[self.end] = step, change
        self.end += 1

    def direction(self, gradient: Array) -> Array:
        """Minus the inverse Hessian times the gradient.

        Before anything is remembered, that is about an EM step: in the coordinates used here the
        Hessian of the ECLL is the identity.
        """
        known = slice(max(self.end - _MEMORY, 0), self.end)
        direction = np.empty_like(gradient)
        quasi_newton(self.steps[known], self.changes[known], gradient, direction)
        return direction


class _Search:
    """The objective, negative and per row, around the best so far."""

    def __init__(self, problem: Problem, ascent: Ascent) -> None:
        self.ascent = ascent
        self.coordinates = coordinates_around(problem, ascent.parameters, ascent.moments)

    def here(self) -> tuple[float, Array]:
        """Value and gradient at the anchor."""
        return self._tried(np.zeros(self.coordinates.size), lambda _: self.ascent.moments)

    def evaluate(self, vector: Array) -> tuple[float, Array]:
        """Value and gradient; infinite much too far out."""
        return self._tried(vector, lambda point: self.ascent.evaluate(point.parameters))

    def _tried(
        self, vector: Array, moments_of: Callable[[Point | MomentPoint], Moments]
    ) -> tuple[float, Array]:
        try:
            with np.errstate(over="raise", invalid="raise", divide="raise"):
                point = self.coordinates.at(vector)
                moments = moments_of(point)
                gradient = point.gradient(moments)
        except (FloatingPointError, LostRowError, IllDefinedCovarianceError, LinAlgError):
            return np.inf, np.zeros_like(vector)
        return -moments.mean_log_likelihood, -gradient / moments.total_weight

    def line(
        self, vector: Array, value: float, slope: float, direction: Array
    ) -> tuple[Array, float, Array] | None:
        """A point along the direction that fulfils Wolfe's conditions; None if there is none."""
        low, high, step = 0.0, np.inf, 1.0
        for _ in range(_TRIALS):
            there = vector + step * direction
            reached, gradient = self.evaluate(there)
            promised = step * slope
            if not reached <= value + _ARMIJO * promised:
                high = step
                # The least of the parabola through what is known.
                ratio = -0.5 * promised / (reached - value - promised)
                step = low + (high - low) * min(max(ratio, 0.1), 0.5)
                continue
            left = float(gradient @ direction)
            if left >= _WOLFE * slope:
                return there, reached, gradient
            low = step
            if np.isinf(high):
                step *= min(max(slope / (slope - left), 2.0), 10.0) if left > slope else 4.0
            else:
                step = 0.5 * (low + high)
        return None


def coordinates_around(
    problem: Problem, anchor: MixtureParameters, moments: Moments
) -> Coordinates | MomentCoordinates:
    """Coordinates of the mixtures of the problem's structure; `moments` are the anchor's."""
    ties = problem.structure.ties
    if ties is None:
        return MomentCoordinates(problem, anchor, moments)
    return Coordinates(anchor, moments, ties, problem.floor)


def climb(problem: Problem, ascent: Ascent, enough: float) -> None:
    """L-BFGS from the best so far, until a few of its iterations gain less than `enough`.

    Coordinates are drawn anew around the best so far every few iterations. `ascent` keeps the best
    of all that was evaluated, so that nothing is accepted that lowers the objective.
    """
    for _ in range(_ANCHORS):
        if not _from_anchor(_Search(problem, ascent), enough):
            return


def _from_anchor(search: _Search, enough: float) -> bool:
    """Iterations in the coordinates of one anchor; whether more is to be expected of another."""
    vector = np.zeros(search.coordinates.size)
    value, gradient = search.here()
    memory, values = _Memory(len(vector)), [value]
    for _ in range(_FROM_ONE_ANCHOR):
        direction = memory.direction(gradient)
        slope = float(gradient @ direction)
        if not -slope > np.finfo(np.float64).eps * abs(value):  # no gain that could be seen
            break
        reached = search.line(vector, value, slope, direction)
        if reached is None:
            break
        there, value, after = reached
        memory.remember(there - vector, after - gradient)
        vector, gradient = there, after
        values.append(value)
        recent = values[-_PATIENCE - 1 :]
        if len(recent) > _PATIENCE and recent[0] - recent[-1] < enough:
            return False
    return values[0] - values[-1] >= enough
