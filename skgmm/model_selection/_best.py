"""The best model of a search as an estimator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from skgmm._em.settings import Settings
from skgmm._fitted import copy_features
from skgmm._fitting import Fit, fit_mixture
from skgmm._mixture import GaussianMixtureEM
from skgmm._rows.base import Rows
from skgmm._rows.grouped import RowsInMemory
from skgmm._starts.choose import single_candidate, table_of_starts
from skgmm._starts.labelled import order_of_labels
from skgmm.model_selection._search_data import SearchData
from skgmm.model_selection._table import ModelFit

COMMON = ("tol", "reg_covar", "noise", "prior", "random_state", "n_jobs")
"""Constructor parameters of a search that are those of its mixtures."""


def as_estimator(
    search: Any, chosen: ModelFit, rows: RowsInMemory, data: SearchData
) -> GaussianMixtureEM:
    """A model of the table as an estimator."""
    assert chosen.result is not None
    starts = single_candidate("search", chosen.result.parameters)
    objective = replace(data.objective(chosen.structure, chosen.n_components), rows=rows)
    prior = data.knowledge.prior_of(chosen.structure, chosen.n_components)
    table = table_of_starts([starts], [chosen.result])
    certainty = chosen.log_certainty
    fit = Fit(objective, chosen.result, table, [], prior, search.random_state, certainty)
    return _with(_unfitted(search, chosen), fit)


def refitted(
    search: Any, chosen: ModelFit, rows: Rows, data: SearchData, rng: np.random.RandomState
) -> tuple[GaussianMixtureEM, list[str]]:
    """A model of the table, fitted on to all samples with what was added for it; and what the user
    should know of the fit.
    """
    assert chosen.result is not None
    mixture, start = _unfitted(search, chosen), chosen.result.parameters
    if rows.labelled:  # the samples that were drawn may have had few labels, or none
        start = start.reordered(order_of_labels(start, rows))
    fit = fit_mixture(Settings.of(mixture), rows, rng, start, cells=data.cells)
    return _with(mixture, fit), fit.messages


def _unfitted(search: Any, chosen: ModelFit) -> GaussianMixtureEM:
    """With the constructor parameters of the search, and the names of its features."""
    mixture = GaussianMixtureEM(
        chosen.n_components,
        covariance_type=chosen.structure.name,
        **{name: getattr(search, name) for name in (*COMMON, "max_iter", "fixed")},
    )
    copy_features(search, mixture)
    return mixture


def _with(mixture: GaussianMixtureEM, fit: Fit) -> GaussianMixtureEM:
    mixture.__dict__.update(fit.attributes())
    return mixture
