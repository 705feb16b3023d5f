"""Quasi-Newton steps to the stationary point that EM is on its way to."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from scipy.optimize import minimize

from skgmm._coordinates import Coordinates, Ties
from skgmm._kernels import LostRowError
from skgmm._linalg import Array
from skgmm._moments import Moments
from skgmm._parameters import MixtureParameters
from skgmm._problem import Problem

_MEMORY = 20
# Iterations from one anchor: the coordinates fit where they were drawn.
_FROM_ONE_ANCHOR = 60
_ANCHORS = 20
# Iterations whose gain together must be worth while.
_PATIENCE = 3


class Ascent(Protocol):
    """The best so far, and the way to evaluate more."""

    parameters: MixtureParameters
    moments: Moments

    def evaluate(self, candidate: MixtureParameters) -> Moments: ...


class _EnoughError(Exception):
    """The last iterations gained too little to go on."""


class _Search:
    """The objective, negative and per row, around the best so far, as SciPy wants it."""

    def __init__(self, problem: Problem, ascent: Ascent, ties: Ties, enough: float) -> None:
        self.ascent, self.enough = ascent, enough
        self.coordinates = Coordinates(ascent.parameters, ascent.moments, ties, problem.floor)
        self.first: Moments | None = ascent.moments
        self.values = [-ascent.moments.mean_log_likelihood]

    def evaluate(self, vector: Array) -> tuple[float, Array]:
        if self.first is not None:  # SciPy begins where we are
            moments, self.first = self.first, None
        else:
            try:
                with np.errstate(over="raise", invalid="raise", divide="raise"):
                    candidate = self.coordinates.parameters(vector)
                moments = self.ascent.evaluate(candidate)
            except (FloatingPointError, LostRowError):  # much too far
                return self.values[0] + 1e3, np.zeros_like(vector)
        gradient = self.coordinates.gradient(vector, moments)
        return -moments.mean_log_likelihood, -gradient / moments.total_weight

    def check(self, vector: Array) -> None:
        """After each iteration: end the search when the last ones gained too little."""
        self.values.append(-self.ascent.moments.mean_log_likelihood)
        recent = self.values[-_PATIENCE - 1 :]
        if len(recent) > _PATIENCE and recent[0] - recent[-1] < self.enough:
            raise _EnoughError


def climb(problem: Problem, ascent: Ascent, ties: Ties, enough: float) -> None:
    """L-BFGS from the best so far, until a few of its iterations gain less than `enough`.

    Coordinates are drawn anew around the best so far every few iterations. `ascent` keeps the best
    of all that was evaluated, so that nothing is accepted that lowers the objective.
    """
    for _ in range(_ANCHORS):
        search = _Search(problem, ascent, ties, enough)
        try:
            minimize(
                search.evaluate,
                np.zeros(search.coordinates.size),
                jac=True,
                method="L-BFGS-B",
                callback=search.check,
                options={"maxcor": _MEMORY, "maxiter": _FROM_ONE_ANCHOR, "ftol": 0, "gtol": 0},
            )
        except _EnoughError:
            return
        if search.values[0] + ascent.moments.mean_log_likelihood < enough:
            return
