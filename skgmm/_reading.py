"""From what a user hands in to Rows: where the kinds of data part, before anything is converted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import validate_data

from skgmm import _validation
from skgmm._rows import InMemoryRows, Rows
from skgmm._threads import threads_for


def rows_to_fit(mixture: Any, X: ArrayLike, sample_weight: ArrayLike | None) -> Rows:
    """Rows that the mixture is fitted to; sets its `n_features_in_` and `feature_names_in_`."""
    rows, largest = _in_memory(mixture, X, sample_weight, mixture.n_components, reset=True)
    _validation.check_weighted_squares(rows.sample_weight, largest)
    _validation.check_enough_rows(rows.X, rows.sample_weight, mixture.n_components)
    return rows


def rows_to_ask_about(
    mixture: Any, X: ArrayLike, sample_weight: ArrayLike | None, n_components: int
) -> Rows:
    """Rows with the features of the fit."""
    return _in_memory(mixture, X, sample_weight, n_components, reset=False)[0]


def _in_memory(
    mixture: Any, X: ArrayLike, sample_weight: ArrayLike | None, n_components: int, reset: bool
) -> tuple[InMemoryRows, float]:
    """Rows as float64 or float32, in place where they are that, and their largest magnitude."""
    array = validate_data(mixture, X, dtype=[np.float64, np.float32], reset=reset)
    array = _validation.readable(array)
    largest = _validation.check_magnitude(array)
    weights = _validation.check_weights_of_rows(sample_weight, array)
    n_threads = threads_for(mixture.n_jobs, array, n_components)
    return InMemoryRows(array, weights, n_threads), largest
