"""Where the fit of a model may start: at the models it contains, and at groups shared by all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice

import numpy as np

from skgmm._kmeans import kmeans, nearest, seeds
from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm._parameters import MixtureParameters
from skgmm._problem import Problem
from skgmm._race import scaled_rows, whitened_rows
from skgmm._rows import InMemoryRows
from skgmm._sample import StartSample

Candidate = Callable[[Problem], MixtureParameters]
"""From a problem of the model to parameters; it may find that there are none."""

# Groups made for each number of components.
_GROUPS = 4

# How far apart the halves of a component start, in its standard deviations from where it was.
_APART = 1.0


def grouped(sample: StartSample, n_components: int, rng: np.random.RandomState) -> list[Moments]:
    """Moments of a few ways to part the rows into groups, from which every structure starts."""
    if len(sample) < n_components:
        return []
    rows = InMemoryRows(sample.rows, sample.weights)
    return [
        rows.partition_moments(labels, n_components, Scatter.FULL)
        for labels in islice(_partitions(sample, n_components, rng), _GROUPS)
    ]


def _partitions(
    sample: StartSample, n_components: int, rng: np.random.RandomState
) -> Iterator[Array]:
    """Labels (m,): of k-means in units of each kind of structure, then of rows as seeds."""
    if n_components == 1:
        yield np.zeros(len(sample), dtype=np.int64)
        return
    scaled, weights = scaled_rows(sample), sample.weights
    white = whitened_rows(scaled, weights)
    # Spherical structures see distances in the user's own units.
    for rows in (scaled, white, sample.rows):
        yield kmeans(rows, weights, n_components, rng, 1)
    yield nearest(white, white[seeds(white, weights, n_components, rng)], 1)


def from_groups(moments: Moments) -> Candidate:
    """The M-step from groups of rows."""

    def start(problem: Problem) -> MixtureParameters:
        form = problem.structure.scatter
        reduced = replace(moments, form=form, scatter=form.from_dense(moments.scatter))
        return problem.maximise(reduced, None)

    return start


def from_contained(parameters: MixtureParameters) -> Candidate:
    """An iteration of EM within the structure, from parameters of one that it contains."""
    return lambda problem: problem.maximise(problem.evaluate(parameters), parameters)


def from_smaller(
    parameters: MixtureParameters, component: int, n_components: int, apart: float = _APART
) -> Candidate:
    """An iteration of EM from fewer components, one split, or more where more are missing."""

    def start(problem: Problem) -> MixtureParameters:
        grown = _split(parameters, component, apart)
        while grown.n_components < n_components:
            grown = _split(grown, int(np.argmax(grown.log_weights)), apart)
        return problem.maximise(problem.evaluate(grown), grown)

    return start


def _split(parameters: MixtureParameters, k: int, apart: float) -> MixtureParameters:
    """Two halves in place of a component, along its longest axis.

    Both keep its covariance, so that they are of its structure whatever that ties together.
    """
    covariance = parameters.covariance
    factor = covariance.factor
    shift = apart * _longest_axis(factor[k % len(factor)], parameters.n_features)
    log_weights = np.append(parameters.log_weights, 0.0)
    log_weights[[k, -1]] = log_weights[k] - np.log(2.0)
    means = np.vstack([parameters.means, parameters.means[k] + shift])
    means[k] -= shift
    if len(factor) > 1:
        covariance = replace(covariance, factor=np.concatenate([factor, factor[k : k + 1]]))
    return MixtureParameters(log_weights, means, covariance)


def _longest_axis(factor: Array, n_features: int) -> Array:
    """A standard deviation along the longest axis (d,), from the factor of a precision."""
    if factor.ndim == 2:
        precisions, axes = np.linalg.eigh(factor @ factor.T)
        return axes[:, 0] / np.sqrt(precisions[0])
    deviations = np.broadcast_to(1.0 / factor, n_features)
    return np.where(np.arange(n_features) == np.argmax(deviations), deviations, 0.0)
