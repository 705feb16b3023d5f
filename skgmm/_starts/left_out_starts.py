"""Starts improved by leave-one-out responsibilities, within the budget of a search."""

from __future__ import annotations

from skgmm._moments import Moments
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters
from skgmm._starts.budget import PATIENCE, Budget, work_of_passes
from skgmm._starts.leave_one_out import (
    Proposal,
    estimates_gains,
    freezes,
    leave_one_out_proposal,
    unreliable,
)
from skgmm._starts.side_by_side import Start
from skgmm.covariance import IllDefinedCovarianceError

# Passes over the samples, and calls, of one step with leave-one-out responsibilities.
_PASSES_OF_STEP, _CALLS_OF_STEP = 2, 3

# Steps that must be within the budget.
_FEWEST_STEPS = 3


class LeftOutStarts:
    """Iterations with leave-one-out responsibilities, where samples are few.

    Parameters
    ----------
    objective, completed : Objective
        Of the samples as they are, and of whole samples.
    only_repair : bool
        Whether nothing is to be improved.
    """

    def __init__(
        self,
        objective: Objective,
        completed: Objective,
        n_components: int,
        budget: Budget,
        only_repair: bool,
    ) -> None:
        self.objective, self.completed = objective, completed
        self.n_components, self.budget = n_components, budget
        self.used = freezes(objective, n_components) and not only_repair
        self.instead_of_moves = self.used and not estimates_gains(objective, n_components)
        self.patient = False  # whether the budget was increased, because nothing settled
        self._unreliable = unreliable(objective, n_components) and not only_repair
        self._settled = False  # whether iterations have, from any start

    @property
    def affordable(self) -> bool:
        """Whether a few steps are within the budget."""
        return self.budget.left > self._work_of(_FEWEST_STEPS)

    def propose(self, parameters: MixtureParameters) -> Proposal:
        """What iterations from these parameters lead to."""
        proposal = leave_one_out_proposal(self.completed, parameters)
        self.budget.spend(self._work_of(proposal.n_steps))
        self._settled |= proposal.stable or proposal.parameters is not None
        if self._unreliable and not (self._settled or self.patient):
            self.patient = True
            self.budget.increase(PATIENCE)
        return proposal

    def improved(self, start: Start) -> Start:
        """The start after such iterations, where they lead somewhere."""
        if not self.used:
            return start
        parameters = start
        if isinstance(parameters, Moments):
            try:
                parameters = self.objective.maximise(parameters, None)
            except IllDefinedCovarianceError:  # as its trial will find
                return start
        return self.propose(parameters).parameters or start

    def most(self, n_starts: int) -> int | None:
        """How many starts are to be tried at most; None for all.

        Where no start is near clusters, the iterations do not settle.
        """
        return None if self._unreliable and not self._settled else n_starts

    def _work_of(self, n_steps: int) -> float:
        passes, calls = _PASSES_OF_STEP * n_steps + 1, _CALLS_OF_STEP * n_steps
        return work_of_passes(self.objective, self.n_components, passes, calls)
