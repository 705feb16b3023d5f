"""EM iterations and quasi-Newton steps in compiled code: for samples so few that a pass takes less
time than what is between two of them.
"""

from __future__ import annotations

from typing import NamedTuple

from skgmm import _kernels
from skgmm._em.coordinates import in_form, sums_of
from skgmm._kernels import Improved, Iterated, Listener, StopWhen
from skgmm._moments import Moments
from skgmm._objective import Problem
from skgmm._parameters import MixtureParameters
from skgmm.covariance import CommonAxes, Structure, covariance_of, principal_axes

# With more samples a pass takes longer than what is around it, and an interrupt would have to wait.
FEW_ROWS = 10_000

# As for the general code, which leaves larger matrices to LAPACK.
_FEW_FEATURES = 40

_ONE = StopWhen(max_iter=1, tol=0.0)


class Reached(NamedTuple):
    """Where iterations have led: the best so far."""

    parameters: MixtureParameters
    moments: Moments
    gains: list[float]  # nats per row, of each iteration; only the last may not be positive
    objectives: list[float]  # of the best so far


def supports(problem: Problem) -> str | None:
    """Why the compiled loop cannot serve an objective; None if it can."""
    data = problem.arrays
    if data is None:
        return "the samples are not in memory"
    if problem.structure.compiled is None:
        return f"the kernel does not know the structure {problem.structure.name!r}"
    if len(data.X) > FEW_ROWS or data.X.shape[1] > _FEW_FEATURES:
        return f"X has more than {FEW_ROWS} samples or {_FEW_FEATURES} features"
    if not problem.has_floor:
        return "reg_covar is 0 for some feature"
    return None


def iterate(
    problem: Problem,
    parameters: MixtureParameters,
    moments: Moments | None,
    gains: list[float],
    stop: StopWhen,
) -> Reached | None:
    """Iterations until there is something to decide, with the results of one after the other.

    Parameters
    ----------
    moments : Moments or None
        Of the parameters; None where they are still to be found.
    gains : list of float
        Of iterations before these.

    Returns
    -------
    reached : Reached or None
        None where the next iteration is for the general code: see `supports`, or a component is
        empty or ill-defined, or a sample or digits are lost.
    """
    data, structure = problem.arrays, problem.structure
    if supports(problem) is not None:
        return None
    assert data is not None
    assert structure.compiled is not None
    covariance = parameters.covariance
    axes = covariance.axes if isinstance(covariance, CommonAxes) else None
    end = _kernels.iterate(
        data.X,
        data.sample_weight,
        Iterated(
            parameters.log_weights,
            parameters.means,
            covariance.factor,
            axes,
            None if moments is None else sums_of(moments),
            gains,
            [],
        ),
        code=structure.compiled,
        form=structure.scatter.kernel_form,
        floor=problem.floor,
        stop=stop,
        n_threads=data.n_threads,
    )
    if end is None or end.sums is None:
        return None
    return Reached(*mixture_of(structure, end), end.gains, end.objectives)


def step(
    problem: Problem, parameters: MixtureParameters, moments: Moments | None = None
) -> tuple[MixtureParameters, Moments]:
    """One iteration, and the Moments of where it leads.

    Raises
    ------
    IllDefinedCovarianceError, LostRowError
    """
    reached = iterate(problem, parameters, moments, [], _ONE)
    if reached is not None:
        return reached.parameters, reached.moments
    if moments is None:
        moments = problem.evaluate(parameters)
    after = problem.maximise(moments, parameters)
    return after, problem.evaluate(after)


def quasi_newton_steps(
    problem: Problem,
    parameters: MixtureParameters,
    moments: Moments,
    tol: float,
    max_iter: int,
    listener: Listener | None = None,
) -> Improved | None:
    """Quasi-Newton steps from a mixture until a few gain less than `tol`, nats per sample.

    Parameters
    ----------
    moments : Moments
        Of the parameters.
    max_iter : int
        Evaluations.

    Returns
    -------
    improved : Improved or None
        None where it is for the general code: see `supports`.
    """
    data, structure = problem.arrays, problem.structure
    if structure.ties is None or supports(problem) is not None:
        return None
    assert data is not None
    ties, form = structure.ties, structure.scatter
    covariance = in_form(parameters.covariance, ties, form, parameters.n_components)
    principal = principal_axes(covariance, ties)
    axes = principal.axes[0] if principal is not None and ties.rotation == "E" else None
    return _kernels.quasi_newton(
        data.X,
        data.sample_weight,
        Iterated(
            parameters.log_weights,
            parameters.means,
            covariance.factor,
            axes,
            sums_of(moments),
            [],
            [],
        ),
        ties=ties.code,
        principal=principal,
        form=form.kernel_form,
        floor=problem.floor,
        tol=tol,
        max_iter=max_iter,
        n_threads=data.n_threads,
        listener=listener,
    )


def mixture_of(
    structure: Structure, found: Iterated | Improved
) -> tuple[MixtureParameters, Moments]:
    """Parameters and their Moments, from the kernel's arrays."""
    assert found.sums is not None
    covariance = covariance_of(found.factors, found.axes)
    return (
        MixtureParameters(found.log_weights, found.means, covariance),
        Moments(structure.scatter, *found.sums),
    )
