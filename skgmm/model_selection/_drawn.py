"""The samples on which the models of a search are compared."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import column_or_1d

from skgmm._linalg import Array
from skgmm._rows.base import Rows
from skgmm._rows.grouped import RowsInMemory
from skgmm._rows.out_of_core import OutOfCoreRows
from skgmm._rows.sample import sample_key
from skgmm._rows.subsample import subsample
from skgmm._rows.uniform_noise import UniformNoise, beside_noise

SAMPLES_OUT_OF_CORE = 50_000
"""Samples on which models are compared if they are not in memory, unless `max_samples` says."""


def drawn(
    source: Rows,
    max_samples: int | None,
    noise: UniformNoise | None,
    groups: ArrayLike | None,
    rng: np.random.RandomState,
) -> tuple[RowsInMemory, Array | None]:
    """The samples in memory, `source` itself if they are all of it; and their groups."""
    if isinstance(source, OutOfCoreRows):
        if groups is not None:
            raise ValueError(
                "groups are not supported with RowBlocks or Dask: give X in memory, or no groups"
            )
        rows, _ = subsample(source, max_samples or SAMPLES_OUT_OF_CORE, sample_key(rng))
        return beside_noise(rows, noise), None
    assert isinstance(source, RowsInMemory)
    known = None if groups is None else _checked(groups, source.n_samples)
    if max_samples is None:
        return source, known
    rows, chosen = subsample(source, max_samples, sample_key(rng))
    return rows, known if chosen is None or known is None else known[chosen]


def _checked(groups: ArrayLike, n_samples: int) -> Array:
    array: Array = column_or_1d(groups, input_name="groups")
    if len(array) != n_samples:
        raise ValueError(
            f"groups should have an entry for each of the {n_samples} samples of X, but has "
            f"{len(array)}"
        )
    return array
