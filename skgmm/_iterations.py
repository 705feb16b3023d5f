"""Iterations of EM in one go, for rows so few that what is between two passes takes longer."""

from __future__ import annotations

from typing import NamedTuple

from skgmm import _kernels
from skgmm._expectation import FORMS
from skgmm._kernels import Iterated, Patience, Sums
from skgmm._moments import Moments
from skgmm._parameters import MixtureParameters
from skgmm._problem import Problem
from skgmm._rows import InMemoryRows
from skgmm.covariance import CommonAxes

# Of more rows, a pass takes longer than what is around it, and an interrupt would have to wait.
FEW_ROWS = 10_000

# As for the general code, which leaves larger matrices to LAPACK.
_FEW_FEATURES = 16

_ONE = Patience(most=1, enough=0.0)


class Reached(NamedTuple):
    """Where iterations have led: the best so far."""

    parameters: MixtureParameters
    moments: Moments
    gains: list[float]  # nats per row, of each iteration; only the last may not be positive
    objectives: list[float]  # of the best so far


def in_one_go(problem: Problem) -> bool:
    """Whether the kernel can iterate: few rows, in memory, and a structure that it knows."""
    rows = problem.rows
    return (
        problem.structure.compiled is not None
        and isinstance(rows, InMemoryRows)
        and rows.n_samples <= FEW_ROWS
        and rows.n_features <= _FEW_FEATURES
        and bool(problem.floor.all())
    )


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
    if not in_one_go(problem):
        return None
    rows, structure = problem.rows, problem.structure
    assert isinstance(rows, InMemoryRows)
    assert structure.compiled is not None
    covariance = parameters.covariance
    axes = covariance.axes if isinstance(covariance, CommonAxes) else None
    end = _kernels.iterate(
        rows.X,
        rows.sample_weight,
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
        form=FORMS[structure.scatter],
        floor=problem.floor,
        patience=patience,
        n_threads=rows.n_threads,
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


def _sums(moments: Moments) -> Sums:
    return Sums(
        moments.mass, moments.mean, moments.scatter, moments.log_likelihood, moments.total_weight
    )
