"""The budget of the search for a better optimum: a small multiple of the cost of the fit.

Work is counted, not timed, so that the result does not depend on the machine. The unit is one
multiplication; a call from Python costs about four million of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from skgmm._em.compiled import supports
from skgmm._em.result import EMResult
from skgmm._objective import Objective
from skgmm._starts.race import RACE_ROWS

# The budget is a multiple of the work of the initialisation, plus a multiple of the work of the
# iterations, plus a constant. More components need more moves, so the first multiple grows with
# their number, up to a limit.
_OF_START, _MOST_OF_START, _OF_EM, _CONSTANT = 0.8, 2.0, 0.8, 4e8
_PER_COMPONENT = 0.05

CALL = 4e6
"""Work that takes as long as one call from Python."""

# Work of drawing the starts' sample, and of k-means on it, in passes over the samples.
_DRAWN, _CLUSTERED = 4, 15

# Calls of one split, and its matrix inversions and eigendecompositions in units of d**3.
_CALLS_OF_SPLIT, _CUBES_OF_SPLIT = 8.0, 150.0


# Calls of one trial in a neighbourhood.
_CALLS_OF_TRIAL = 8.0


@dataclass
class Budget:
    """Remaining work."""

    left: float

    @classmethod
    def after(cls, objective: Objective, result: EMResult, n_raced: int) -> Budget:
        """The budget after a fit whose race took `n_raced` evaluations of its candidates."""
        K, rows = result.parameters.n_components, objective.rows
        n_race = min(rows.n_samples, max(RACE_ROWS, 100 * K))
        start = (_DRAWN * rows.n_samples + (n_raced + _CLUSTERED) * n_race) * K
        start_work = start * _per_density(rows.n_features) + n_raced * CALL
        em_work = work_of_passes(objective, K, len(result.objectives))
        of_start = min(_MOST_OF_START, _OF_START * (1.0 + _PER_COMPONENT * K))
        return cls(_CONSTANT + of_start * start_work + _OF_EM * em_work)

    def spend(self, work: float) -> None:
        """Subtract work that was done."""
        self.left -= work

    @property
    def exhausted(self) -> bool:
        """Whether nothing is left."""
        return self.left <= 0


def work_of_passes(
    objective: Objective, n_components: int, n_passes: int, n_calls: int = 0
) -> float:
    """Work of passes over the samples, and of further calls."""
    rows = objective.rows
    work = rows.n_samples * n_components * _per_density(rows.n_features)
    # Where the compiled loop iterates, there is one call for many passes.
    n_calls += 1 if supports(objective) is None else n_passes
    return n_passes * work + n_calls * CALL


def work_of_estimates(objective: Objective, n_components: int, n_splits: int) -> float:
    """Work of estimating the loss of merging each component, and the gain of `n_splits` splits.

    A few passes for the responsibilities; for each split a few partitions and about thirty EM
    iterations with two components, on the component's own samples.
    """
    rows, d = objective.rows, objective.rows.n_features
    passes = rows.n_samples * (2.5 * n_components + 80.0 * n_splits / n_components)
    calls = (_CALLS_OF_SPLIT * n_splits + n_components) * CALL
    return passes * _per_density(d) + calls + _CUBES_OF_SPLIT * n_splits * d**3


def work_of_trials(objective: Objective, n_densities: int, n_trials: int) -> float:
    """Work of trials in neighbourhoods, which evaluate so many densities."""
    per_density = _per_density(objective.rows.n_features)
    return n_densities * per_density + n_trials * _CALLS_OF_TRIAL * CALL


def _per_density(n_features: int) -> float:
    """Work of one density and its contribution to the sums, in multiplications."""
    return n_features * (n_features + 8.0) + 20.0
