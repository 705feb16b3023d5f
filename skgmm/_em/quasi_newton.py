"""Quasi-Newton steps to the stationary point that EM is on its way to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.linalg import LinAlgError

from skgmm._em.coordinates import Coordinates, Point
from skgmm._em.moment_coordinates import MomentCoordinates, MomentPoint
from skgmm._kernels import LostRowError, minimise
from skgmm._moments import Moments
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters
from skgmm.covariance import IllDefinedCovarianceError


def coordinates_around(
    objective: Objective, anchor: MixtureParameters, moments: Moments
) -> Coordinates | MomentCoordinates:
    """Coordinates of the mixtures of the objective's structure; `moments` are the anchor's."""
    ties = objective.structure.ties
    if ties is None:
        return MomentCoordinates(objective, anchor, moments)
    return Coordinates(anchor, moments, ties, objective)


def steps_from_anchor(
    objective: Objective,
    anchor: MixtureParameters,
    moments: Moments,
    evaluate: Callable[[MixtureParameters], Moments],
    tol: float,
) -> bool:
    """L-BFGS in the coordinates of one anchor, until a few of its iterations gain less than `tol`.

    Parameters
    ----------
    moments : Moments
        Of the anchor.
    evaluate : callable
        Keeps the best of all that is evaluated, so that nothing is accepted that lowers the
        objective.

    Returns
    -------
    more : bool
        Whether more is to be expected of another anchor: of the best.
    """
    coordinates = coordinates_around(objective, anchor, moments)
    vector, gradient = np.zeros(coordinates.size), np.empty(coordinates.size)

    def tried(moments_of: Callable[[Point | MomentPoint], Moments]) -> float:
        """The objective, negative and per row; infinite where there is no mixture."""
        try:
            with np.errstate(over="raise", invalid="raise", divide="raise"):
                point = coordinates.at(vector)
                reached = moments_of(point)
                gradient[:] = point.gradient(reached) / -reached.total_weight
        except (FloatingPointError, LostRowError, IllDefinedCovarianceError, LinAlgError):
            gradient[:] = 0.0
            return np.inf
        return -reached.mean_objective

    value = tried(lambda _: moments)
    return minimise(
        lambda: tried(lambda point: evaluate(point.parameters)),
        vector,
        gradient,
        value,
        tol,
    )
