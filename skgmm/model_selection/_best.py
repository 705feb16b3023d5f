"""The best model of a search as an estimator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from skgmm._fitting import Fit
from skgmm._mixture import GaussianMixtureEM
from skgmm._rows.grouped import RowsInMemory
from skgmm._starts.choose import single_candidate, table_of_starts
from skgmm.model_selection._search_data import SearchData
from skgmm.model_selection._table import ModelFit


def as_estimator(
    search: Any, chosen: ModelFit, rows: RowsInMemory, data: SearchData
) -> GaussianMixtureEM:
    """A model of the table, fitted to the rows, with the constructor parameters of the search."""
    assert chosen.result is not None
    mixture = GaussianMixtureEM(
        chosen.n_components,
        covariance_type=chosen.structure.name,
        tol=search.tol,
        reg_covar=search.reg_covar,
        max_iter=search.max_iter,
        noise=search.noise,
        prior=search.prior,
        fixed=search.fixed,
        random_state=search.random_state,
        n_jobs=search.n_jobs,
    )
    starts = single_candidate("search", chosen.result.parameters)
    objective = replace(data.objective(chosen.structure, chosen.n_components), rows=rows)
    prior = data.knowledge.prior_of(chosen.structure, chosen.n_components)
    table = table_of_starts([starts], [chosen.result])
    fit = Fit(objective, chosen.result, table, [], prior, search.random_state)
    for name in ("n_features_in_", "feature_names_in_"):
        if hasattr(search, name):
            setattr(mixture, name, getattr(search, name))
    mixture.__dict__.update(fit.attributes())
    return mixture
