"""Which of several optima is kept where samples are few for the number of parameters.

With few samples per parameter the optimum of the highest likelihood often owes it to the noise of a
few samples: with other samples from the same distribution another optimum is the highest. Whether
an optimum is better than another can be judged by the log-likelihood of samples that are left out,
one at a time: the mean of the differences, and its standard error over the samples (Vuong 1989). Of
the optima within three standard errors of the one with the highest likelihood the most compact one
is kept: that with the highest log-likelihood less half of what `Compactness` says. One standard
error, as of Breiman et al. (1984), would be too few: a sample that is left out has helped to choose
the optimum, so that the one that was searched for longest looks better than it is. Compactness does
not depend on units, and outliers or the tail of a skewed feature add little to it as a component of
their own. With more samples the likelihood is more to be trusted, and only optima within a fraction
of the standard error are compared, or within two if they are much more compact, until it alone
decides; but where values of a feature stand for cells (dummies, counts, zeros of an amount) no
mixture describes the samples well, and three standard errors remain.

References
----------
Breiman, Friedman, Olshen and Stone (1984), Classification and regression trees, section 3.4.3.
Friedman and Rubin (1967), On some invariant criteria for grouping data.
Vuong (1989), Likelihood ratio tests for model selection and non-nested hypotheses.
"""

from __future__ import annotations

import numpy as np

from skgmm._em.result import EMResult
from skgmm._linalg import Array
from skgmm._objective import Objective
from skgmm._parameters import n_parameters
from skgmm._rows.base import InMemoryRows
from skgmm._rows.sample import rows_of_swaps
from skgmm._starts.compactness import Compactness
from skgmm._starts.leave_one_out import left_out_log_densities, shrinks
from skgmm._threads import cached_property

# With fewer samples per parameter than the first, an optimum may be preferred within so many
# standard errors; with fewer than the second within a fraction of one, or within as many beside
# coarse features.
_FEW, _SOME = 3.0, 20.0
_ERRORS, _FRACTION = 3.0, 0.3

# Within so many it may be preferred if its criterion is higher by this many nats per sample: a
# component of outliers, or of the tail of a skewed feature, costs the others that.
_MORE_ERRORS, _MUCH = 2.0, 0.15

# Optima whose criteria agree to this many nats per sample are taken to be the same.
_SAME = 1e-3

# The most compact optima are kept, because parameters can be large.
_KEPT = 10


class Optima:
    """The most compact optima that a search has met.

    Parameters
    ----------
    objective : Objective
        Of whole samples in memory.
    tolerated : float
        Standard errors by which one that is preferred to that of the highest likelihood may be
        worse; 0 if none may be preferred.
    """

    def __init__(self, objective: Objective, tolerated: float) -> None:
        self.objective, self.tolerated = objective, tolerated
        self.most_compact: list[tuple[float, int, EMResult]] = []
        self.n_met = 0

    @property
    def used(self) -> bool:
        """Whether one of them may be preferred."""
        return self.tolerated > 0

    @property
    def many(self) -> bool:
        """Whether many may differ by no more than noise."""
        return self.tolerated >= 1.0

    @cached_property
    def _compactness(self) -> Compactness:
        return Compactness(self.objective)

    def criterion(self, one: EMResult) -> float:
        """The log-likelihood in nats per sample, higher for compact components."""
        return one.comparable_objective - 0.5 * self._compactness.spread(one.moments)

    def add(self, one: EMResult) -> None:
        """Note an optimum, diagnosed (`CollapseTest.diagnose`)."""
        self.n_met += 1
        if self.used and not (one.singular or one.empty or one.collapsed):
            self.most_compact.append((-self.criterion(one), self.n_met, one))
            self.most_compact.sort(key=lambda each: each[:2])
            del self.most_compact[_KEPT:]

    def preferred(self, best: EMResult) -> EMResult:
        """The most compact of those that are within the noise of the best, or the best."""
        if not self.used or best.collapsed or best.empty:
            return best
        own, reference = self.criterion(best), None
        for lack, _, one in self.most_compact:
            gain = -lack - own
            if gain < _SAME:
                break
            if len(one.degenerate) > len(best.degenerate) or bool(one.small) > bool(best.small):
                continue
            if reference is None:
                reference = left_out_log_densities(self.objective, best.parameters)
            found = left_out_log_densities(self.objective, one.parameters)
            tolerated = max(self.tolerated, _MORE_ERRORS if gain >= _MUCH else 0.0)
            if _within_noise(found, reference, _weights(self.objective), tolerated):
                return one
        return best


def tolerated_errors(objective: Objective, n_components: int) -> float:
    """Standard errors that are noise, where the highest likelihood may be due to a few samples.

    Labels, a prior and fixed parameters tell optima apart however few the samples are. Beside
    noise, optima describe different samples.
    """
    rows = objective.rows
    if objective.prior is not None or objective.fixed is not None:
        return 0.0
    if rows.labelled or rows.background is not None:
        return 0.0
    n_free = n_parameters(objective.structure, n_components, rows.n_features)
    if rows.n_counted >= _SOME * n_free:
        return 0.0
    few = rows.n_counted < _FEW * n_free or np.any(objective.cells)
    return _ERRORS if few else _FRACTION


def classifies(objective: Objective, n_components: int) -> bool:
    """Whether samples are so few that classes of left-out samples take the place of moves."""
    if objective.rows.n_counted > rows_of_swaps(n_components):
        return False
    few = tolerated_errors(objective, n_components) >= 1.0
    return few and shrinks(objective, n_components)


def _weights(objective: Objective) -> Array:
    """Of the samples, (n,); they sum to 1."""
    rows = objective.rows
    assert isinstance(rows, InMemoryRows)
    return rows.weights / rows.weights.sum()


def _within_noise(found: Array, reference: Array, weights: Array, tolerated: float) -> bool:
    """Whether the left-out samples are less probable by no more standard errors than tolerated."""
    if not np.isfinite(found).all():
        return False
    lost = np.where(np.isfinite(reference), reference - found, 0.0)
    mean = float(weights @ lost)
    variance = float(weights @ (lost - mean) ** 2)
    return mean <= tolerated * np.sqrt(variance * float(weights @ weights))
