"""The best model of a search so far, and how exactly the others need to be fitted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from skgmm._em.loop import EM
from skgmm._em.result import EMResult, EMStatus
from skgmm._kernels import FEW_ROWS
from skgmm._moments import Moments
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters, aic, bic
from skgmm.covariance import Structure
from skgmm.model_selection._search_data import SearchData
from skgmm.model_selection._table import ModelFit

PENALISED = ("bic", "aic", "icl")
"""Criteria that count parameters: their names are columns of the table."""

# The remaining gain at which a model ends, as a part of what it is behind the best, ...
_PART = 1e-4
# ... and iterations before the estimate of that gain counts: EM may begin on a plateau. One less
# than before quasi-Newton steps, so that a run that goes on to the end is not changed by it.
_FIRST_ITERATIONS = 9


@dataclass(frozen=True)
class Leader:
    """The best value of a criterion so far; infinite where models are not compared as they go."""

    data: SearchData
    criterion: str | None
    score: float = np.inf

    def among(self, fits: Iterable[ModelFit]) -> Leader:
        """The best of these; of few samples all models are fitted to the end in little time."""
        few = self.data.n_samples <= FEW_ROWS
        if few or self.criterion not in PENALISED or self.data.knowledge.prior is not None:
            return self
        return replace(self, score=min(map(self._score, fits), default=np.inf))

    def run(self, objective: Objective, start: MixtureParameters, moments: Moments) -> EMResult:
        """EM until it converges, or until its remaining gain does not matter."""
        tol, max_iter = self.data.options["tol"], self.data.options["max_iter"]
        em = EM(objective, start, moments=moments, tol=tol)
        # An M-step with several optima may find a better one at the end of a run.
        to_the_end = self.score == np.inf or objective.several_optima
        end = em.until(max_iter if to_the_end else min(_FIRST_ITERATIONS, max_iter))
        if end.status is not EMStatus.MAX_ITER:
            return end
        enough, negligible = np.inf, self._negligible(objective, end)
        while enough > tol and negligible < 0.5 * enough and len(end.objectives) < max_iter:
            enough = negligible
            end = em.until(max_iter, enough, ends=enough > tol)
            if not end.status.converged:
                break
            negligible = self._negligible(objective, end)  # less, as it is less far behind
        return end

    def _score(self, fit: ModelFit) -> float:
        if fit.result is None:
            return np.inf
        score = self._penalised(fit.log_likelihood, fit.structure, fit.n_components)
        return score - 2.0 * fit.log_certainty if self.criterion == "icl" else score

    def _penalised(self, log_likelihood: float, structure: Structure, n_components: int) -> float:
        n_free = self.data.n_parameters(structure, n_components)
        if self.criterion == "aic":
            return aic(log_likelihood, n_free)
        return float(bic(log_likelihood, n_free, self.data.total_weight))

    def _negligible(self, objective: Objective, result: EMResult) -> float:
        """A remaining gain that does not matter, in nats per sample."""
        parameters, total = result.parameters, self.data.total_weight
        log_likelihood = total * objective.mean_log_probability(parameters, result.moments)
        model = log_likelihood, objective.structure, parameters.n_components
        behind = self._penalised(*model) - self.score  # at least
        return max(0.0, 0.5 * _PART * behind / total)
