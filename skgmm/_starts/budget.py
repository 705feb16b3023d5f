"""The budget of the search for a better optimum: a small multiple of the cost of the fit.

Work is counted, not timed, so that the result does not depend on the machine. The unit is one
multiplication; a call from Python costs about four million of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from skgmm._em.compiled import supports
from skgmm._em.result import EMResult
from skgmm._moments import Scatter
from skgmm._objective import Objective
from skgmm._rows.sample import rows_of_race
from skgmm._starts.side_by_side import work_of_density, work_of_pass

# The budget is a multiple of the work of the initialisation, plus a multiple of the work of the
# iterations, plus a constant. More components need more moves, so the multiples grow with their
# number, up to a limit.
_OF_START, _MOST_OF_START = 0.8, 2.0
_OF_EM, _MOST_OF_EM = 0.35, 0.8
_PER_COMPONENT = 0.05
_CONSTANT = 1e8

PATIENCE = 3e8
"""What is added where the result is of no use, because a component has collapsed or is empty or its
start may be far from all clusters; and where an optimum may be kept though others have higher
likelihoods."""

CALL = 4e6
"""Work that takes as long as one call from Python."""

# Work of drawing the starts' sample, in passes over the samples; and of k-means on it, in distances
# of each sample from each centre.
_DRAWN, _CLUSTERED = 4, 150

# Calls of one split, and its matrix inversions and eigendecompositions in units of d**3.
_CALLS_OF_SPLIT, _CUBES_OF_SPLIT = 8.0, 150.0

# Multiplications of M-steps, for each component in units of d**3: eigenvectors of its matrix, a
# search for axes that all share, and for a shape that components of different volumes share.
_CUBES_OF_AXES, _CUBES_OF_COMMON_AXES, _CUBES_OF_SHAPE = 120.0, 40.0, 100.0

# Calls of one trial in a neighbourhood.
_CALLS_OF_TRIAL = 8.0

# Components whose shrunk covariance matrices take as long as a call.
_COMPONENTS_OF_CALL = 8


@dataclass
class Budget:
    """Remaining work."""

    left: float

    def __post_init__(self) -> None:
        self._given = self.left

    @classmethod
    def after(cls, objective: Objective, result: EMResult, n_raced: int) -> Budget:
        """The budget after a fit whose race took `n_raced` evaluations of its candidates."""
        K, rows = result.parameters.n_components, objective.rows
        n_race = min(rows.n_counted, rows_of_race(K))
        d = rows.n_features
        start = (_DRAWN * rows.n_counted + n_raced * n_race) * K * work_of_density(objective)
        start_work = start + _CLUSTERED * n_race * K * (d + 2.0) + n_raced * CALL
        em_work = _work_of_iterations(objective, K, len(result.objectives))
        more = 1.0 + _PER_COMPONENT * K
        of_start, of_em = min(_MOST_OF_START, _OF_START * more), min(_MOST_OF_EM, _OF_EM * more)
        constant = PATIENCE if result.collapsed or result.empty else 0.0
        return cls(_CONSTANT + constant + of_start * start_work + of_em * em_work)

    def increase(self, work: float) -> None:
        """Allow more work."""
        self.left += work
        self._given += work

    def spend(self, work: float) -> None:
        """Subtract work that was done."""
        self.left -= work

    def spend_iterations(self, objective: Objective, n_components: int, number: int) -> None:
        """Subtract the work of iterations of EM."""
        self.spend(_work_of_iterations(objective, n_components, number))

    @property
    def exhausted(self) -> bool:
        """Whether nothing is left."""
        return self.left <= 0

    def iterations_left(self, objective: Objective, n_components: int) -> int:
        """Iterations of EM until a trial that began within the budget takes all of it once more."""
        work = _work_of_iterations(objective, n_components, 1)
        return max(0, int((self.left + self._given) / work))


def work_of_passes(
    objective: Objective, n_components: int, n_passes: int, n_calls: int = 0
) -> float:
    """Work of passes over the samples, and of further calls."""
    # Where the compiled loop iterates, there is one call for many passes.
    n_calls += 1 if supports(objective) is None else n_passes
    return n_passes * work_of_pass(objective, n_components) + n_calls * CALL


def _work_of_iterations(objective: Objective, n_components: int, n_iterations: int) -> float:
    """Work of EM: of its passes, and of M-steps that need more than factors of matrices."""
    passes = work_of_passes(objective, n_components, n_iterations)
    cubes = _cubes_of_m_step(objective) * n_components * objective.rows.n_features**3
    return passes + n_iterations * cubes


def _cubes_of_m_step(objective: Objective) -> float:
    """For each component, in units of d**3."""
    ties = objective.structure.ties
    if ties is None or objective.structure.scatter is not Scatter.FULL:
        return 0.0
    if ties.turn:
        return _CUBES_OF_COMMON_AXES if ties.rotation == "E" else _CUBES_OF_AXES
    return 0.0 if ties.closed_form else _CUBES_OF_SHAPE


def work_of_estimates(objective: Objective, n_components: int, n_splits: int) -> float:
    """Work of estimating the loss of merging each component, and the gain of `n_splits` splits.

    A few passes for the responsibilities; for each split a few partitions and about thirty EM
    iterations with two components, on the component's own samples.
    """
    rows, d = objective.rows, objective.rows.n_features
    passes = rows.n_counted * (2.5 * n_components + 80.0 * n_splits / n_components)
    calls = (_CALLS_OF_SPLIT * n_splits + n_components) * CALL
    return passes * work_of_density(objective) + calls + _CUBES_OF_SPLIT * n_splits * d**3


def work_of_classification(objective: Objective, n_components: int) -> float:
    """Work of classifying all samples by components without them."""
    return work_of_passes(objective, n_components, 1, n_components // _COMPONENTS_OF_CALL)


def work_of_shrinkage(objective: Objective, n_components: int) -> float:
    """Work of the densities of the samples of each component, with one shrinkage."""
    densities = objective.rows.n_counted * work_of_density(objective)
    return densities + n_components / _COMPONENTS_OF_CALL * CALL


def work_of_exchanges(objective: Objective, n_components: int, n_samples: int) -> float:
    """Work of the gains of so many samples, and of an M-step of all."""
    gains = n_samples * n_components * work_of_density(objective)
    passes = work_of_pass(objective, n_components) / n_components
    return gains + passes + n_components / _COMPONENTS_OF_CALL * CALL


def work_of_trials(objective: Objective, n_densities: int, n_trials: int) -> float:
    """Work of trials in neighbourhoods, which evaluate so many densities."""
    per_density = work_of_density(objective)
    return n_densities * per_density + n_trials * _CALLS_OF_TRIAL * CALL
