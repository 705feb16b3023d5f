"""EM iterations and quasi-Newton steps in compiled code: for samples so few that a pass takes less
time than what is between two of them.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from skgmm import _kernels
from skgmm._em.coordinates import in_form, sums_of
from skgmm._kernels import State, StopWhen
from skgmm._linalg import Array
from skgmm._moments import Moments
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters
from skgmm.covariance import CommonAxes, Covariance, Structure
from skgmm.covariance._base import covariance_of
from skgmm.covariance._principal_axes import principal_axes

# With more samples a pass takes longer than what is around it, and an interrupt would have to wait.
FEW_ROWS = 10_000

# As for the Python implementation, which leaves larger matrices to LAPACK.
FEW_FEATURES = 40

_ONE = StopWhen(max_iter=1, tol=0.0)


class Found(NamedTuple):
    """The best mixture that compiled iterations have found, and what it took."""

    parameters: MixtureParameters
    moments: Moments
    objectives: list[float]  # of the best so far after each evaluation, nats per sample
    gains: list[float]  # of each iteration of EM; only the last may not be positive
    more: bool = False  # is to be expected of quasi-Newton steps from another anchor
    exhausted: bool = False  # evaluations


class Listener(Protocol):
    """Told of every evaluation of quasi-Newton steps; it may end them by an exception."""

    def begin(self) -> None: ...

    def end(self, parameters: MixtureParameters, moments: Moments, gain: float) -> None:
        """After an evaluation, with the best so far and the gain over the best before."""


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
    if not objective.has_floor:
        return "reg_covar is 0 for some feature"
    return None


def iterate(
    objective: Objective,
    parameters: MixtureParameters,
    moments: Moments | None,
    gains: list[float],
    stop: StopWhen,
) -> Found | None:
    """Iterations of EM until there is something to decide, with the results of one after the other.

    Parameters
    ----------
    moments : Moments or None
        Of the parameters; None where they are still to be found.
    gains : list of float
        Of iterations before these.

    Returns
    -------
    found : Found or None
        None where the next iteration needs the Python implementation: see `supports`, or a
        component is empty or ill-defined, a sample is infinitely far, or moments suffer
        cancellation.
    """
    data, structure, covariance = objective.arrays, objective.structure, parameters.covariance
    if supports(objective) is not None:
        return None
    assert data is not None
    axes = covariance.axes if isinstance(covariance, CommonAxes) else None
    state = _state(structure, parameters, covariance, axes, moments)
    found, objectives = _kernels.iterate(
        data.X,
        data.sample_weight,
        structure.compiled,
        objective.floor,
        *state.arrays,
        moments is not None,
        gains[-2:],
        stop,
        data.n_threads,
    )
    return Found(*_mixture(structure, state), objectives, found) if found else None


def step(
    objective: Objective, parameters: MixtureParameters, moments: Moments | None = None
) -> tuple[MixtureParameters, Moments]:
    """One iteration, and the Moments of where it leads.

    Raises
    ------
    IllDefinedCovarianceError, LostRowError
    """
    reached = iterate(objective, parameters, moments, [], _ONE)
    if reached is not None:
        return reached.parameters, reached.moments
    if moments is None:
        moments = objective.evaluate(parameters)
    after = objective.maximise(moments, parameters)
    return after, objective.evaluate(after)


def quasi_newton_steps(
    objective: Objective,
    parameters: MixtureParameters,
    moments: Moments,
    tol: float,
    max_iter: int,
    listener: Listener | None = None,
) -> Found | None:
    """Quasi-Newton steps from a mixture until a few gain less than `tol`, nats per sample.

    Parameters
    ----------
    moments : Moments
        Of the parameters.
    max_iter : int
        Evaluations.

    Returns
    -------
    found : Found or None
        None where it needs the Python implementation: see `supports`.
    """
    data, structure, ties = objective.arrays, objective.structure, objective.structure.ties
    if ties is None or supports(objective) is not None:
        return None
    assert data is not None
    covariance = in_form(parameters.covariance, ties, structure.scatter, parameters.n_components)
    principal = principal_axes(covariance, ties)
    axes = principal.axes[0] if principal is not None and ties.rotation == "E" else None
    state = _state(structure, parameters, covariance, axes, moments)

    def end(gain: float) -> None:
        assert listener is not None
        listener.end(*_mixture(structure, state.copy()), gain)

    objectives, ended = _kernels.quasi_newton(
        data.X,
        data.sample_weight,
        int(state.form),
        ties.code,
        objective.floor,
        *state.arrays,
        *(principal or (None, None)),
        tol,
        max_iter,
        data.n_threads,
        None if listener is None else listener.begin,
        None if listener is None else end,
    )
    return Found(*_mixture(structure, state), objectives, [], ended == 1, ended == 2)


def _state(
    structure: Structure,
    parameters: MixtureParameters,
    covariance: Covariance,
    axes: Array | None,
    moments: Moments | None,
) -> State:
    return State(
        parameters.log_weights,
        parameters.means,
        covariance.kernel_factors,
        axes,
        structure.scatter.kernel_form,
        None if moments is None else sums_of(moments),
    )


def _mixture(structure: Structure, state: State) -> tuple[MixtureParameters, Moments]:
    covariance = covariance_of(state.factors, state.axes)
    return (
        MixtureParameters(state.log_weights, state.means, covariance),
        Moments(structure.scatter, *state.sums),
    )
