"""The one EM loop, how it decides to stop, and how it says that it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np

from skgmm._moments import Moments
from skgmm._parameters import MixtureParameters
from skgmm._problem import Problem
from skgmm.covariance import IllDefinedCovarianceError

Report = Callable[[int, float, float], None]


class EMStatus(Enum):
    """How a fit ended: the value is `status_`, `advice` what a user should do (None: nothing)."""

    CONVERGED = "converged"
    MAX_ITER = "reached max_iter"
    START_ONLY = "start only"
    GIVEN = "given parameters"
    COLLAPSED = "collapsed component"

    @property
    def advice(self) -> str | None:
        return _ADVICE.get(self)


_ADVICE = {
    # scikit-learn's sentence to the letter, because people filter on it.
    EMStatus.MAX_ITER: (
        "Best performing initialization did not converge. Try different init parameters, or "
        "increase max_iter, tol, or check for degenerate data."
    ),
    EMStatus.COLLAPSED: (
        "The covariance of components {components} became singular: they collapsed onto too few "
        "distinct rows. The parameters are those of the iteration before. Increase reg_covar, "
        "decrease n_components, increase n_init, or use a covariance_type with fewer parameters."
    ),
}

_EMPTY_ADVICE = (
    "Components {components} lost all their rows: their weight is below 1e-12. Decrease "
    "n_components, increase n_init, or try another init_params."
)


@dataclass(frozen=True)
class EMResult:
    """The best parameters of one run."""

    parameters: MixtureParameters
    moments: Moments  # of `parameters`
    objectives: list[float]  # nats per row, after each iteration
    status: EMStatus
    collapsed: list[int]

    @property
    def objective(self) -> float:
        return _per_row(self.moments)

    @property
    def empty(self) -> list[int]:
        """Components with less than a trace of the rows."""
        return np.flatnonzero(self.parameters.weights < EMPTY_WEIGHT).tolist()

    @property
    def description(self) -> str:
        """The status in words, with the components that are empty."""
        empty = f", components {self.empty} empty" if self.empty else ""
        return self.status.value + empty

    @property
    def advice(self) -> list[str]:
        """What the user should know or do."""
        advice = []
        if self.status.advice is not None:
            advice.append(self.status.advice.format(components=self.collapsed))
        if self.empty:
            advice.append(_EMPTY_ADVICE.format(components=self.empty))
        return advice


EMPTY_WEIGHT = 1e-12
"""A component of less weight has lost its rows: of 1e11 rows it holds a tenth of one."""

# A resumed run knows one gain only, and then takes that gain itself for what is left.
_HALVING = 0.5


def remaining_gain(gain: float, previous: float | None, resumed: bool) -> float:
    """Estimate of what further iterations would add, by Aitken's rule: inf when none can be made.

    EM converges linearly: gains shrink by a factor r, so gain x r / (1 - r) is still to come
    (Boehning et al. 1994). Gains that do not shrink yet say nothing about the end.
    """
    if previous is None:
        rate = _HALVING if resumed else 1.0
    else:
        rate = gain / previous if previous > 0 else 1.0
    return gain * rate / (1.0 - rate) if 0 <= rate < 1 else np.inf


def run_em(
    problem: Problem,
    start: MixtureParameters,
    *,
    tol: float,
    max_iter: int,
    resumed: bool = False,
    report: Report | None = None,
) -> EMResult:
    """EM from `start` until the estimated remaining gain is below `tol`.

    One evaluation, parameters -> Moments, is one pass over the data; the objective it returns
    belongs to the parameters that went in, so those returned are never one step ahead.

    Parameters
    ----------
    resumed : bool
        Whether `start` comes out of EM itself, so that one small gain can already convince.
    """
    parameters, moments = start, problem.evaluate(start)
    objectives: list[float] = []
    previous: float | None = None

    def ended(status: EMStatus, collapsed: list[int] | None = None) -> EMResult:
        return EMResult(parameters, moments, objectives, status, collapsed or [])

    while len(objectives) < max_iter:
        try:
            candidate = problem.maximise(moments, parameters)
        except IllDefinedCovarianceError as error:
            return ended(EMStatus.COLLAPSED, error.components)
        reached = problem.evaluate(candidate)
        gain = _per_row(reached) - _per_row(moments)
        if gain > 0:
            parameters, moments = candidate, reached
        objectives.append(_per_row(moments))
        if report is not None:
            report(len(objectives), objectives[-1], gain)
        stuck = gain <= 0 and (resumed or len(objectives) > 1)
        if stuck or remaining_gain(gain, previous, resumed) < tol:
            return ended(EMStatus.CONVERGED)
        previous = gain
    return ended(EMStatus.MAX_ITER if max_iter else EMStatus.START_ONLY)


def _per_row(moments: Moments) -> float:
    return moments.log_likelihood / moments.total_weight
