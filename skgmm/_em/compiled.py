"""Runs of EM in compiled code: for samples so few that a pass takes less time than what is between
two of them.
"""

from __future__ import annotations

from collections.abc import Callable

from skgmm import _kernels
from skgmm._em.coordinates import sums_of
from skgmm._kernels import FEW_FEATURES, FEW_ROWS, Decisions, Next, State
from skgmm._moments import Moments
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters
from skgmm.covariance import CommonAxes, Structure
from skgmm.covariance._base import covariance_of
from skgmm.covariance._principal_axes import principal_axes


def supports(objective: Objective) -> str | None:
    """Why the compiled loop cannot serve an objective; None if it can."""
    data = objective.arrays
    if data is None:
        return "the samples are not in memory"
    if objective.structure.compiled is None:
        return f"the kernel does not know the structure {objective.structure.name!r}"
    if len(data.X) > FEW_ROWS or data.X.shape[1] > FEW_FEATURES:
        return f"X has more than {FEW_ROWS} samples or {FEW_FEATURES} features"
    if objective.prior is not None or objective.fixed is not None:
        return "there is a prior, or parameters are fixed"
    return None


def run(
    objective: Objective,
    parameters: MixtureParameters,
    moments: Moments | None,
    decisions: Decisions,
    begin: Callable[[], None] | None = None,
    end: Callable[[MixtureParameters, Moments, float, float | None], None] | None = None,
) -> tuple[MixtureParameters, Moments] | None:
    """Go on with a run, with the results of one evaluation after the other, as far as possible.

    Parameters
    ----------
    parameters : MixtureParameters
        The best so far.
    moments : Moments or None
        Of the parameters; None where they are still to be found.
    begin, end : callable
        Called before and after each evaluation; both may end the run by an exception. `end` gets
        the best so far, the gain over the best before and, of an iteration of EM, an estimate of
        what is left.

    Returns
    -------
    best : tuple or None
        None where what is next needs the Python implementation: see `supports`, or it is an
        M-step that does not start at the present covariances, or an iteration where a component is
        empty or ill-defined, a sample is infinitely far, or moments suffer cancellation.
    """
    data, structure, covariance = objective.arrays, objective.structure, parameters.covariance
    assert data is not None
    principal = None
    if decisions.next() is Next.QUASI_NEWTON and structure.ties is not None:
        principal = principal_axes(covariance, structure.ties)
    state = State(
        parameters.log_weights,
        parameters.means,
        covariance.kernel_factors,
        covariance.axes if isinstance(covariance, CommonAxes) else None,
        structure.scatter,
        None if moments is None else sums_of(moments),
    )

    def reached(gain: float, remaining: float | None) -> None:
        assert end is not None
        end(*_mixture(structure, state.copy()), gain, remaining)

    made = _kernels.run(
        data.X,
        data.sample_weight,
        structure.compiled,
        objective.floor,
        *state.arrays,
        moments is not None,
        *(principal or (None, None)),
        decisions,
        data.n_threads,
        begin,
        None if end is None else reached,
    )
    return _mixture(structure, state) if made else None


def step(
    objective: Objective, parameters: MixtureParameters, moments: Moments | None = None
) -> tuple[MixtureParameters, Moments]:
    """One iteration, and the Moments of where it leads.

    Raises
    ------
    IllDefinedCovarianceError, LostRowError
    """
    if supports(objective) is None:
        one = Decisions(0.0)
        one.until(1)
        best = run(objective, parameters, moments, one)
        if best is not None:
            return best
    if moments is None:
        moments = objective.evaluate(parameters)
    after = objective.maximise(moments, parameters)
    return after, objective.evaluate(after)


def _mixture(structure: Structure, state: State) -> tuple[MixtureParameters, Moments]:
    covariance = covariance_of(state.factors, state.axes)
    return (
        MixtureParameters(state.log_weights, state.means, covariance),
        Moments(structure.scatter, *state.sums),
    )
