"""Moves for small data, where a trial takes less time than an estimate of its gain.

Two components that overlap are merged, and one that is not Gaussian is split: across the
principal axis along which its samples have the lowest kurtosis (two clusters side by side have less
than the 3 of a Gaussian). Moves are ordered by the sum of the two ranks, as those of Ueda et al.
(2000).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from skgmm._em.result import EMResult
from skgmm._linalg import Array
from skgmm._moments import Moments
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters
from skgmm._rows.base import InMemoryRows
from skgmm._starts.methods import EmptyStartError, moments_of_partition

_GAUSSIAN_KURTOSIS = 3.0
_TINY = float(np.finfo(np.float64).tiny)


def moves_by_overlap(objective: Objective, here: EMResult) -> Iterator[Moments]:
    """Moments with two components merged and another one split, the most promising first."""
    rows = objective.rows
    assert isinstance(rows, InMemoryRows)
    K = here.parameters.n_components
    responsibilities = rows.responsibilities(here.parameters)
    sides = [_lowest_kurtosis(rows, here.parameters, responsibilities[:, k], k) for k in range(K)]
    held = np.zeros(K, dtype=bool) if objective.held is None else objective.held
    for into, freed, split in _ranked(rows, here, responsibilities, [side[0] for side in sides]):
        if held[[into, freed, split]].any():
            continue
        moved, own = responsibilities.copy(), responsibilities[:, split].copy()
        moved[:, into] += moved[:, freed]
        moved[:, freed] = np.where(sides[split][1], own, 0.0)
        moved[:, split] = np.where(sides[split][1], 0.0, own)
        with suppress(EmptyStartError):
            yield moments_of_partition(objective, moved, K)


def _ranked(
    rows: InMemoryRows, here: EMResult, responsibilities: Array, kurtosis: list[float]
) -> Iterator[tuple[int, int, int]]:
    """Components (into, freed, split): the second is merged into the first, the third is split.

    First the merges of components that are the same, or nearly.
    """
    K, weights = here.parameters.n_components, rows.weights
    assert weights is not None
    worth = here.parameters.weights * (_GAUSSIAN_KURTOSIS - np.array(kurtosis))
    splits = np.argsort(-worth, kind="stable").tolist()
    for freed, twin in here.alike.items():
        yield from ((twin, freed, k) for k in splits if k != freed)
    products = (responsibilities * weights[:, None]).T @ responsibilities
    sizes = np.sqrt(products.diagonal()) + _TINY
    overlap = products / sizes[:, None] / sizes
    pairs = [(i, j) for i in range(K) for j in range(i)]
    pairs.sort(key=lambda pair: -overlap[pair])
    ranks = [
        (a + b, i, j, k)
        for a, (i, j) in enumerate(pairs)
        for b, k in enumerate(splits)
        if k not in (i, j)
    ]
    yield from (move[1:] for move in sorted(ranks))


def _lowest_kurtosis(
    rows: InMemoryRows, parameters: MixtureParameters, own: Array, k: int
) -> tuple[float, Array]:
    """The least kurtosis of a component along a principal axis, and the samples on one side of it.

    `own` are the responsibilities of the component, (n,).
    """
    centred = rows.X - parameters.means[k]
    if not parameters.covariance.diagonal:
        axes, _ = parameters.covariance.principal_axes(k, np.ones(parameters.n_features))
        centred = centred @ axes
    # Kurtosis does not depend on scale; in units of the largest value its powers do not overflow.
    white = centred / np.maximum(np.abs(centred).max(axis=0), _TINY)
    counted = own * rows.weights
    total = counted.sum()
    weights = counted / total if total > 0 else counted
    squares = white * white
    fourth, squared = weights @ (squares * squares), (weights @ squares) ** 2
    usual = np.full_like(fourth, _GAUSSIAN_KURTOSIS)
    kurtosis = np.divide(fourth, squared, out=usual, where=squared > 0)
    best = int(np.argmin(kurtosis))
    along = white[:, best]
    return float(kurtosis[best]), along > weights @ along
