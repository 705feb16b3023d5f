"""Quasi-Newton steps to the stationary point that EM is on its way to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.linalg import LinAlgError

from skgmm._em.coordinates import Coordinates, Point
from skgmm._em.moment_coordinates import MomentCoordinates, MomentPoint
from skgmm._kernels import LostRowError, minimise
from skgmm._moments import Moments
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters
from skgmm.covariance import IllDefinedCovarianceError

ANCHORS = 20


class Ascent(Protocol):
    """The best so far, and the way to evaluate more."""

    parameters: MixtureParameters
    moments: Moments

    def evaluate(self, candidate: MixtureParameters) -> Moments: ...

    def compiled_steps(self, tol: float) -> bool | None:
        """Steps from one anchor, as `_from_anchor`; None where these need Python."""


def coordinates_around(
    objective: Objective, anchor: MixtureParameters, moments: Moments
) -> Coordinates | MomentCoordinates:
    """Coordinates of the mixtures of the objective's structure; `moments` are the anchor's."""
    ties = objective.structure.ties
    if ties is None:
        return MomentCoordinates(objective, anchor, moments)
    return Coordinates(anchor, moments, ties, objective)


def quasi_newton_steps(objective: Objective, ascent: Ascent, tol: float) -> None:
    """L-BFGS from the best so far, until a few of its iterations gain less than `tol`.

    Coordinates are drawn anew around the best so far every few iterations. `ascent` keeps the best
    of all that was evaluated, so that nothing is accepted that lowers the objective.
    """
    for _ in range(ANCHORS):
        more = ascent.compiled_steps(tol)
        if more is None:
            more = _from_anchor(objective, ascent, tol)
        if not more:
            return


def _from_anchor(objective: Objective, ascent: Ascent, tol: float) -> bool:
    """Iterations in the coordinates of one anchor; whether more is to be expected of another."""
    coordinates = coordinates_around(objective, ascent.parameters, ascent.moments)
    vector, gradient = np.zeros(coordinates.size), np.empty(coordinates.size)

    def tried(moments_of: Callable[[Point | MomentPoint], Moments]) -> float:
        """The objective, negative and per row; infinite where there is no mixture."""
        try:
            with np.errstate(over="raise", invalid="raise", divide="raise"):
                point = coordinates.at(vector)
                moments = moments_of(point)
                gradient[:] = point.gradient(moments) / -moments.total_weight
        except (FloatingPointError, LostRowError, IllDefinedCovarianceError, LinAlgError):
            gradient[:] = 0.0
            return np.inf
        return -moments.mean_objective

    value = tried(lambda _: ascent.moments)
    return minimise(
        lambda: tried(lambda point: ascent.evaluate(point.parameters)),
        vector,
        gradient,
        value,
        tol,
    )
