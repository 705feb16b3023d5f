"""Where the fit of a model may start: at the models it contains, and at groups shared by all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from skgmm._em.compiled import step
from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm._objective import Problem
from skgmm._parameters import MixtureParameters
from skgmm._rows.base import InMemoryRows
from skgmm._rows.sample import StartSample
from skgmm._starts.kmeans import kmeans, nearest, seeds
from skgmm._starts.views import scaled_rows, whitened_rows
from skgmm.covariance import Structure

Start = tuple[MixtureParameters, Moments]
"""Parameters, and their Moments."""

Candidate = Callable[[Problem], Start]
"""From a problem of the model to a start; it may find that there is none."""

# How far apart the halves of a component start, in its standard deviations from where it was.
_APART = 1.0


@dataclass(frozen=True)
class Groups:
    """Moments of a few ways to part the rows into groups, from which structures start."""

    unitless: list[Moments]  # do not change with the units of the features
    in_units: list[Moments]

    def of(self, structure: Structure) -> list[Moments]:
        """Those that change with the data as the structure does."""
        if structure.equivariant == "rotation":
            return self.unitless + self.in_units
        return self.unitless


def grouped(
    sample: StartSample, n_components: int, rng: np.random.RandomState, floor: Array
) -> Groups | None:
    """Groups for every structure; None where the distinct rows are too few."""
    if len(sample) < n_components:
        return None
    rows = InMemoryRows(sample.rows, sample.weights)

    def moments(labels: Array) -> Moments:
        return rows.partition_moments(labels, n_components, Scatter.FULL, floor)

    if n_components == 1:
        return Groups([moments(np.zeros(len(sample), dtype=np.int64))], [])
    scaled, weights = scaled_rows(sample), sample.weights
    white = whitened_rows(scaled, weights)
    seeded = nearest(white, white[seeds(white, weights, n_components, rng)], 1)
    found = [kmeans(some, weights, n_components, rng, 1) for some in (scaled, white, sample.rows)]
    return Groups([moments(labels) for labels in (*found[:2], seeded)], [moments(found[2])])


def from_groups(moments: Moments) -> Candidate:
    """The M-step from groups of rows."""

    def start(problem: Problem) -> Start:
        form = problem.structure.scatter
        reduced = replace(moments, form=form, scatter=form.from_dense(moments.scatter))
        parameters = problem.maximise(reduced, None)
        return parameters, problem.evaluate(parameters)

    return start


def from_contained(parameters: MixtureParameters) -> Candidate:
    """An iteration of EM within the structure, from parameters of one that it contains."""
    return lambda problem: step(problem, _as_of(problem.structure, parameters))


def from_smaller(
    parameters: MixtureParameters,
    component: int,
    n_components: int,
    units: Array,
    apart: float = _APART,
) -> Candidate:
    """An iteration of EM from fewer components, one split, or more where more are missing.

    The split is along the longest axis, with features measured in `units` (d,).
    """

    def start(problem: Problem) -> Start:
        grown = _split(parameters, component, units, apart)
        while grown.n_components < n_components:
            grown = _split(grown, int(np.argmax(grown.log_weights)), units, apart)
        return step(problem, grown)

    return start


def _as_of(structure: Structure, parameters: MixtureParameters) -> MixtureParameters:
    """The same mixture, its factors in the form of a structure that contains its own.

    The compiled loop asks for that form. Common axes are not made up: to find them is a search.
    """
    if structure.compiled is None or structure.several_optima:
        return parameters
    n_factors = parameters.n_components if "V" in structure.compiled else 1
    dense = structure.scatter is not Scatter.DIAGONAL
    return replace(parameters, covariance=parameters.covariance.with_factors(n_factors, dense))


def _split(parameters: MixtureParameters, k: int, units: Array, apart: float) -> MixtureParameters:
    """Two halves in place of a component, along its longest axis.

    Both keep its covariance, so that they are of its structure whatever that ties together.
    """
    covariance = parameters.covariance
    factor = covariance.factor
    shift = apart * _longest_axis(factor[k % len(factor)], units)
    log_weights = np.append(parameters.log_weights, 0.0)
    log_weights[[k, -1]] = log_weights[k] - np.log(2.0)
    means = np.vstack([parameters.means, parameters.means[k] + shift])
    means[k] -= shift
    if len(factor) > 1:
        covariance = replace(covariance, factor=np.concatenate([factor, factor[k : k + 1]]))
    return MixtureParameters(log_weights, means, covariance)


def _longest_axis(factor: Array, units: Array) -> Array:
    """A standard deviation along the longest axis (d,), from the factor of a precision."""
    if factor.ndim == 2:
        # Of the root itself: the precision could overflow, and has half of its digits.
        axes, lengths, _ = np.linalg.svd(units[:, None] * factor)
        return units * axes[:, -1] / lengths[-1]
    longest = np.argmax(1.0 / (factor * units))
    return np.where(np.arange(len(units)) == longest, 1.0 / factor, 0.0)
