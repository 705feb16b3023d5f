"""A fit from end to end: rows, the problem they pose, starts, and the best of their runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skgmm._em.collapse import CollapseTest
from skgmm._em.compiled import FEW_ROWS
from skgmm._em.loop import run_em
from skgmm._em.result import EMResult
from skgmm._em.stepwise import Memory
from skgmm._em.watch import Watch
from skgmm._linalg import Array
from skgmm._objective import Problem, Regularisation
from skgmm._parameters import MixtureParameters, n_parameters
from skgmm._progress.callbacks import FitTasks
from skgmm._progress.follow import followed
from skgmm._rows.base import Rows
from skgmm._rows.checks import representable
from skgmm._starts.choose import Start, alone, choose_start, table_of_starts
from skgmm._starts.race import Candidate
from skgmm._starts.restarts import best_of
from skgmm._starts.split_merge import escape
from skgmm.covariance import IllDefinedCovarianceError, Structure, find_structure


@dataclass(frozen=True)
class Fit:
    """A finished fit."""

    problem: Problem
    result: EMResult
    starts: dict[str, list[Any]]
    messages: list[str]  # what the user should know

    def attributes(self) -> dict[str, Any]:
        """The fitted attributes, and what `partial_fit` goes on from."""
        result, problem = self.result, self.problem
        log_likelihood = problem.mean_log_likelihood(result.parameters, result.moments)
        memory = Memory.of_fit(
            result.moments.with_objective(log_likelihood), problem.rows.n_samples
        )
        return {
            **attributes_of(result.parameters, problem.structure, problem.rows.dtype),
            "converged_": result.status.converged,
            "status_": result.description,
            "n_iter_": len(result.objectives),
            "lower_bound_": log_likelihood,
            "lower_bounds_": result.objectives,
            "starts_": self.starts,
            "reg_covar_": problem.floor,
            "_cells": problem.regularisation.cells,
            "total_weight_": result.moments.total_weight,
            "_degenerate": result.degenerate,
            "_memory": memory.state(),
            "_kept": None,
        }


def attributes_of(
    parameters: MixtureParameters, structure: Structure, dtype: np.dtype
) -> dict[str, Any]:
    """The fitted attributes that describe a mixture, in the dtype of the data.

    Where that is float32, the parameters are kept in float64 too: rounded to 7 digits, a component
    that is narrow beside its distance from 0 would be another one.
    """
    covariances, precisions, factors = structure.public(
        parameters.covariance, parameters.n_components
    )
    arrays: dict[str, Array] = {
        "weights_": parameters.weights,
        "means_": parameters.means,
        "covariances_": covariances,
        "precisions_": precisions,
        "precisions_cholesky_": factors,
    }
    if not all(representable(array, dtype) for array in arrays.values()):
        dtype = np.dtype(np.float64)  # squares of float32 numbers need not be float32 numbers
    names = ("weights_", "means_", "precisions_cholesky_")
    return {
        **{name: np.array(array, dtype=dtype) for name, array in arrays.items()},
        "_unrounded": {name: arrays[name] for name in names} if dtype == np.float32 else None,
        "n_parameters_": n_parameters(structure, *parameters.means.shape),
        "covariance_type_": structure.name,
    }


def fit_mixture(
    mixture: Any, rows: Rows, rng: np.random.RandomState, tasks: FitTasks | None
) -> Fit:
    """Fit the rows as the estimator's constructor parameters say; the estimator is only read.

    `tasks` are those of callbacks, if there are any.
    """
    structure = find_structure(mixture.covariance_type)
    if rows.n_samples <= FEW_ROWS:  # so that they are iterated as those in memory are
        rows = rows.gathered()
    problem = Problem(rows, structure, *Regularisation.of(mixture.reg_covar, rows))
    previous, message = _previous(mixture, structure, rows.n_features)
    messages = [message] if message else []
    if previous is None:
        start = choose_start(mixture, problem, rng)
    else:
        start = Start(lambda _: alone("previous fit", previous), random=False)
    result, starts = _best(mixture, problem, start, previous is not None, rng, tasks)
    names = getattr(mixture, "feature_names_in_", None)
    return Fit(problem, result, starts, messages + result.advice(names))


def _previous(
    mixture: Any, structure: Structure, n_features: int
) -> tuple[MixtureParameters | None, str | None]:
    """The fitted parameters that a warm start goes on from, or why there are none to use."""
    if not mixture.warm_start or not hasattr(mixture, "precisions_cholesky_"):
        return None, None
    was = (*mixture.means_.shape, mixture._structure().name)
    now = (mixture.n_components, n_features, structure.name)
    if was == now:
        return mixture._parameters(), None
    names = ("n_components", "n_features", "covariance_type")
    changed = [
        f"{name} from {a!r} to {b!r}" for name, a, b in zip(names, was, now, strict=True) if a != b
    ]
    return None, (
        f"warm_start has nothing to go on from, because the fit changed {', '.join(changed)}: "
        "starting afresh."
    )


def _best(
    mixture: Any,
    problem: Problem,
    start: Start,
    resumed: bool,
    rng: np.random.RandomState,
    tasks: FitTasks | None,
) -> tuple[EMResult, dict[str, list[Any]]]:
    """The best of the runs, which share the threads of the rows; and the table of starts."""
    n_init = mixture.n_init if start.random else 1
    n_parallel, rows = problem.rows.divided(n_init)
    divided = replace(problem, rows=rows)
    common: dict[str, Any] = {
        "tol": mixture.tol,
        "max_iter": mixture.max_iter,
        "acceleration": mixture.acceleration,
    }
    histories: list[list[Candidate]] = [[] for _ in range(n_init)]

    def run(index: int, stream: np.random.RandomState, watch: Watch | None) -> EMResult:
        options = {**common, "watch": watch}
        histories[index], agree = start.make(stream)
        chosen, *rest = (candidate.parameters for candidate in histories[index])
        result = run_em(divided, chosen, resumed=resumed, **options)
        if start.random and result.collapsed and not result.objectives:
            # But for rounding the start was singular. One that is given is returned with a word.
            raise IllDefinedCovarianceError(result.collapsed)
        collapse = CollapseTest.of_fit(
            problem.regularisation, result.moments, rows.n_samples, rows.constant
        )
        result = collapse.judged(result)
        if mixture.escape and start.sample is not None:
            result = escape(
                divided,
                collapse.judged,
                start.sample,
                result,
                [] if agree else rest,
                stream,
                only_repair=not start.random,
                **options,
            )
        result = collapse.diagnosed(result)
        return replace(result, shortage=start.warning, n_distinct=start.n_distinct)

    features = {
        name: value
        for name, value in vars(mixture).items()
        if name in ("n_features_in_", "feature_names_in_")
    }

    def fitted(parameters: MixtureParameters) -> dict[str, Any]:
        return features | attributes_of(parameters, problem.structure, rows.dtype)

    run_followed = followed(run, mixture, tasks, fitted)
    result, outcomes = best_of(run_followed, n_init, rng, n_parallel)
    return result, table_of_starts(histories, outcomes)
