"""Iterations of EM in one go, for rows so few that what is between two passes takes longer."""

from __future__ import annotations

from typing import NamedTuple

from skgmm import _kernels
from skgmm._expectation import FORMS
from skgmm._kernels import Iterated, Patience, Sums
from skgmm._linalg import Array
from skgmm._moments import Moments
from skgmm._parameters import MixtureParameters
from skgmm._problem import Problem
from skgmm._rows import InMemoryRows
from skgmm.covariance import CommonAxes

# Of more rows, a pass takes longer than what is around it, and an interrupt would have to wait.
_FEW_ROWS = 10_000

# As for the general code, which leaves larger matrices to LAPACK.
_FEW_FEATURES = 16


class Reached(NamedTuple):
    """Where iterations have led: the best so far."""

    parameters: MixtureParameters
    moments: Moments
    gains: list[float]  # nats per row, of each iteration; only the last may not be positive
    objectives: list[float]  # of the best so far


def iterate(
    problem: Problem,
    parameters: MixtureParameters,
    moments: Moments,
    gains: list[float],
    patience: Patience,
) -> Reached | None:
    """Iterations until there is something to decide, with the results of one after the other.

    Parameters
    ----------
    moments : Moments
        Of the parameters.
    gains : list of float
        Of iterations before these.

    Returns
    -------
    reached : Reached or None
        None where the next iteration is for the general code: the rows are many or elsewhere, the
        kernel does not know the structure, or something is the matter.
    """
    rows, structure, floor = problem.rows, problem.structure, problem.floor
    if not (
        structure.compiled
        and isinstance(rows, InMemoryRows)
        and rows.n_samples <= _FEW_ROWS
        and rows.n_features <= _FEW_FEATURES
        and floor.all()
    ):
        return None
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
            Sums(*_numbers(moments)),
            gains,
            [],
        ),
        code=structure.code,
        form=FORMS[moments.form],
        floor=floor,
        patience=patience,
        n_threads=rows.n_threads,
    )
    if end is None:
        return None
    found = type(covariance)(end.factors) if axes is None else CommonAxes(end.factors, end.axes)
    return Reached(
        MixtureParameters(end.log_weights, end.means, found),
        Moments(moments.form, *end.sums),
        end.gains,
        end.objectives,
    )


def _numbers(moments: Moments) -> tuple[Array, Array, Array, float, float]:
    return (
        moments.mass,
        moments.mean,
        moments.scatter,
        moments.log_likelihood,
        moments.total_weight,
    )
