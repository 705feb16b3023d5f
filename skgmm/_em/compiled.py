"""Iterations of EM, and quasi-Newton steps, in one go: for rows so few that a pass takes less time
than what is between two of them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from skgmm import _kernels
from skgmm._kernels import Iterated, Patience, Sums
from skgmm._moments import Moments, Scatter
from skgmm._objective import Problem
from skgmm._parameters import MixtureParameters
from skgmm.covariance import CommonAxes

# Of more rows, a pass takes longer than what is around it, and an interrupt would have to wait.
FEW_ROWS = 10_000

# As for the general code, which leaves larger matrices to LAPACK.
_FEW_FEATURES = 40

_ONE = Patience(most=1, enough=0.0)


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


def climbs_in_one_go(problem: Problem) -> bool:
    """Whether the kernel can make quasi-Newton steps as well: all but turns of principal axes."""
    ties = problem.structure.ties
    return ties is not None and ties.rotation in ("I", ties.shape) and supports(problem) is None


def iterate(
    problem: Problem,
    parameters: MixtureParameters,
    moments: Moments | None,
    gains: list[float],
    patience: Patience,
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
        None where the next iteration is for the general code: the rows are many or elsewhere, the
        kernel does not know the structure, or something is the matter.
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
            None if moments is None else _sums(moments),
            gains,
            [],
        ),
        code=structure.compiled,
        form=structure.scatter.kernel_form,
        floor=problem.floor,
        patience=patience,
        n_threads=data.n_threads,
    )
    if end is None or end.sums is None:
        return None
    found = type(covariance)(end.factors) if axes is None else CommonAxes(end.factors, end.axes)
    return Reached(
        MixtureParameters(end.log_weights, end.means, found),
        Moments(structure.scatter, *end.sums),
        end.gains,
        end.objectives,
    )


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


class Climbed(NamedTuple):
    """Where quasi-Newton steps have led: the best so far."""

    parameters: MixtureParameters
    moments: Moments
    objectives: list[float]  # nats per row, of the best after each evaluation
    more: bool  # is to be expected of another climb
    exhausted: bool  # evaluations


def climb(
    problem: Problem, parameters: MixtureParameters, moments: Moments, enough: float, most: int
) -> Climbed | None:
    """Quasi-Newton steps from a mixture until a few gain less than `enough`, nats per row.

    Parameters
    ----------
    moments : Moments
        Of the parameters.
    most : int
        Evaluations.

    Returns
    -------
    climbed : Climbed or None
        None where it is for the general code, as `iterate`.
    """
    data, ties, covariance = problem.arrays, problem.structure.ties, parameters.covariance
    factor = covariance.factor
    if not climbs_in_one_go(problem):
        return None
    if problem.structure.scatter is Scatter.POOLED and len(factor) > 1:
        return None
    assert data is not None
    assert ties is not None
    code = ties.volume + ties.shape + ties.rotation
    if "V" in code:
        factor = np.broadcast_to(factor, (parameters.n_components, *factor.shape[1:]))
    end = _kernels.climb(
        data.X,
        data.sample_weight,
        parameters.log_weights,
        parameters.means,
        factor,
        _sums(moments),
        ties=code,
        form=problem.structure.scatter.kernel_form,
        floor=problem.floor,
        enough=enough,
        most=most,
        n_threads=data.n_threads,
    )
    return Climbed(
        MixtureParameters(end.log_weights, end.means, replace(covariance, factor=end.factors)),
        Moments(problem.structure.scatter, *end.sums),
        *end[4:],
    )


def _sums(moments: Moments) -> Sums:
    return Sums(
        moments.mass, moments.mean, moments.scatter, moments.objective, moments.total_weight
    )
