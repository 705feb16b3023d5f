"""Initial parameters of a model in a search: from the models it contains, and from partitions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from skgmm._em.compiled import step
from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters
from skgmm._rows.grouped import rows_of, with_noise
from skgmm._rows.sample import StartSample
from skgmm._starts.kmeans import kmeans, nearest, seeds
from skgmm._starts.views import scaled_rows, whitened_rows
from skgmm.covariance import Structure

Start = tuple[MixtureParameters, Moments]
"""Parameters, and their Moments."""

Candidate = Callable[[Objective], Start]
"""From the objective of the model to a start; it may raise an error if there is none."""

# Distance of the two halves of a split component from its mean, in standard deviations.
_APART = 1.0


@dataclass(frozen=True)
class Groups:
    """Moments of a few partitions of the samples, from which structures start."""

    unitless: list[Moments]  # do not change with the units of the features
    in_units: list[Moments]

    def of(self, structure: Structure) -> list[Moments]:
        """Those with the equivariance of the structure."""
        if structure.equivariant == "rotation":
            return self.unitless + self.in_units
        return self.unitless


def grouped(
    sample: StartSample, n_components: int, rng: np.random.RandomState, floor: Array
) -> Groups | None:
    """Partitions for every structure; None if there are too few distinct samples."""
    if len(sample) < n_components:
        return None
    sample = sample.trimmed(n_components)
    # Labels name components; noise is left out, and the others are whole.
    rows = rows_of(replace(sample, observed=None, errors=None, background=None), 1)

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
    """The M-step from a partition of the samples."""

    def start(objective: Objective) -> Start:
        form = objective.structure.scatter
        reduced = replace(moments, form=form, scatter=form.from_dense(moments.scatter))
        parameters = with_noise(objective.maximise(reduced, None), objective.rows)
        return parameters, objective.evaluate(parameters)

    return start


def from_contained(parameters: MixtureParameters) -> Candidate:
    """An iteration of EM within the structure, from parameters of one that it contains."""
    return lambda objective: step(objective, _as_of(objective.structure, parameters))


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

    def start(objective: Objective) -> Start:
        grown = _split(parameters, component, units, apart)
        while grown.n_components < n_components:
            grown = _split(grown, int(np.argmax(grown.log_weights)), units, apart)
        return step(objective, grown)

    return start


def _as_of(structure: Structure, parameters: MixtureParameters) -> MixtureParameters:
    """The same mixture, its factors in the form of a structure that contains its own.

    The compiled loop needs that form. Common axes are not converted: finding them is a search.
    """
    if structure.compiled is None or structure.several_optima:
        return parameters
    n_factors = parameters.n_components if "V" in structure.compiled else 1
    dense = structure.scatter is not Scatter.DIAGONAL
    return replace(parameters, covariance=parameters.covariance.with_factors(n_factors, dense))


def _split(parameters: MixtureParameters, k: int, units: Array, apart: float) -> MixtureParameters:
    """Replace a component by two halves along its longest axis.

    Both keep its covariance, so that the mixture keeps its structure.
    """
    axes, deviations = parameters.covariance.principal_axes(k, units)
    longest = int(np.argmax(deviations))
    shift = apart * units * axes[:, longest] * deviations[longest]
    log_weights = np.append(parameters.log_weights, 0.0)
    log_weights[[k, -1]] = log_weights[k] - np.log(2.0)
    means = np.vstack([parameters.means, parameters.means[k] + shift])
    means[k] -= shift
    covariance = parameters.covariance.reordered(np.append(np.arange(len(means) - 1), k))
    return MixtureParameters(log_weights, means, covariance)
