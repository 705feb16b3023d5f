"""The better of two fits of a model: of the search, and of `GaussianMixtureEM`.

Where the likelihood has several maxima, a search finds one that depends on the seed. The starts and
moves of a default fit differ, and a statistic that compares two models is of the better fit.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from skgmm._em.result import EMResult
from skgmm._em.settings import Settings
from skgmm._fitting import fit_mixture
from skgmm._mixture import GaussianMixtureEM
from skgmm._parameters import MixtureParameters
from skgmm._rows.grouped import RowsInMemory
from skgmm.model_selection._table import ModelFit


def better_of_two(
    first: ModelFit, rows: RowsInMemory, rng: np.random.RandomState, options: dict[str, Any]
) -> tuple[float, MixtureParameters]:
    """Log-likelihood in nats, total over samples, and parameters of the better fit.

    Parameters
    ----------
    first : ModelFit
        Of the search, with a result.
    options : dict
        Constructor parameters of `GaussianMixtureEM`.
    """
    assert first.result is not None
    known = first.log_likelihood, first.result.parameters
    if first.n_components == 1:
        return known
    name = first.structure.name
    mixture = GaussianMixtureEM(first.n_components, covariance_type=name, **options)
    try:
        fit = fit_mixture(replace(Settings.of(mixture), highest=True), rows, rng)
    except ValueError:
        return known
    result = fit.result
    if result.objective <= first.result.objective or not _is_comparable(result, first.result):
        return known
    mean = fit.objective.mean_log_likelihood(result.parameters, result.moments)
    return mean * result.moments.total_weight, result.parameters


def _is_comparable(result: EMResult, other: EMResult) -> bool:
    """Whether a higher likelihood is no matter of components that rest on `reg_covar`."""
    if result.singular or result.collapsed or result.empty:
        return False
    return len(result.degenerate) <= len(other.degenerate)
