"""A fit from end to end: rows, their objective, starts, and the best of their runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skgmm._em.one_gaussian import one_gaussian_of
from skgmm._em.result import EMResult, EMStatus
from skgmm._em.settings import Settings
from skgmm._em.stepwise import StreamState
from skgmm._em.watch import Watch
from skgmm._fixed import Fixed
from skgmm._kernels import FEW_ROWS, LostRowError
from skgmm._linalg import Array
from skgmm._objective import Objective, Regularisation
from skgmm._parameters import MixtureParameters, n_parameters, seeded_draws
from skgmm._prior import ConjugatePrior, Prior, prior_of
from skgmm._progress import AGAIN, MOST_REPEATS, FitTasks, followed, say
from skgmm._rows.base import Rows
from skgmm._rows.checks import representable
from skgmm._rows.grouped import RowsInMemory
from skgmm._rows.noise import Background
from skgmm._rows.sample import Stream
from skgmm._starts.candidates import Candidate
from skgmm._starts.choose import Start, choose_start, single_candidate, table_of_starts
from skgmm._starts.given import fixed_by
from skgmm._starts.labelled import naming_labels
from skgmm._starts.restarts import best_of
from skgmm._starts.run import run_from
from skgmm._starts.shared_values import repeated_with
from skgmm.covariance import Structure


@dataclass(frozen=True)
class Fit:
    """A finished fit."""

    objective: Objective
    result: EMResult
    starts: dict[str, list[Any]]
    messages: list[str]  # what the user should know
    prior: ConjugatePrior | None = None
    random_state: Any = None  # of the estimator
    log_certainty: float | None = None  # of all samples, for ICL, where it is known
    # Where they are known already: covariances, precisions and factors as users see them, ...
    public: tuple[Array, Array, Array] | None = None
    log_likelihood: float | None = None  # ... and nats per sample, without the penalty

    def attributes(self) -> dict[str, Any]:
        """The fitted attributes, and the state that `partial_fit` continues from."""
        result, objective = self.result, self.objective
        log_likelihood = self.log_likelihood
        if log_likelihood is None:
            log_likelihood = objective.mean_log_likelihood(result.parameters, result.moments)
        memory = StreamState.of_fit(
            result.moments.with_objective(log_likelihood), objective.rows.n_counted
        )
        labelled = {"_labelled": True} if objective.rows.labelled else {}
        return {
            **labelled,
            **_attributes(result.parameters, objective, self.prior, self.public),
            "converged_": result.status.converged,
            "status_": result.description,
            "n_iter_": len(result.objectives),
            "lower_bound_": log_likelihood,
            "lower_bounds_": result.objectives,
            "starts_": self.starts,
            "reg_covar_": objective.floor,
            "_cells": objective.regularisation.cells,
            "total_weight_": result.moments.total_weight,
            "_log_certainty": self.log_certainty,
            "_degenerate": result.ill_defined,
            "_memory": memory.state(),
            "_kept": None,
            "_draws": seeded_draws(self.random_state),
        }


def attributes_of(
    parameters: MixtureParameters,
    structure: Structure,
    dtype: np.dtype,
    background: Background | None = None,
    prior: ConjugatePrior | None = None,
    fixed: Fixed | None = None,
    public: tuple[Array, Array, Array] | None = None,
) -> dict[str, Any]:
    """The fitted attributes that describe a mixture and its noise, in the dtype of the data.

    Where that is float32, the parameters are kept in float64 too: rounded to 7 digits, a component
    that is narrow beside its distance from 0 would be another one.
    """
    covariances, precisions, factors = public or structure.public(
        parameters.covariance, parameters.n_components
    )
    arrays: dict[str, Array] = {
        "weights_": parameters.weights,
        "means_": parameters.means,
        "covariances_": covariances,
        "precisions_": precisions,
        "precisions_cholesky_": factors,
    }
    if dtype != np.float64 and not all(representable(a, dtype) for a in arrays.values()):
        dtype = np.dtype(np.float64)  # squares of float32 numbers need not be float32 numbers
    names = ("weights_", "means_", "precisions_cholesky_")
    beside = 0 if background is None else background.n_parameters
    found = {
        **{name: np.array(array, dtype=dtype) for name, array in arrays.items()},
        "_unrounded": {name: arrays[name] for name in names} if dtype == np.float32 else None,
        "n_parameters_": n_parameters(structure, *parameters.means.shape) + beside,
        "_n_fixed": 0,
        "_fixed_in_words": "",
        "_log_certainty": None,
        "covariance_type_": structure.name,
        **({"_noise": None} if background is None else background.attributes(parameters)),
    }
    if prior is not None:
        log_prior = Prior.of(prior).log_density(parameters, structure.scatter)
        found |= {"prior_": prior, "log_prior_": log_prior}
    return found if fixed is None else fixed.attributes(found, structure)


def _attributes(
    parameters: MixtureParameters,
    objective: Objective,
    prior: ConjugatePrior | None,
    public: tuple[Array, Array, Array] | None = None,
) -> dict[str, Any]:
    """Those that describe a mixture, and the noise beside it, of a fit."""
    rows, structure = objective.rows, objective.structure
    beside = rows.background
    fixed = objective.fixed
    return attributes_of(parameters, structure, rows.dtype, beside, prior, fixed, public)


def fit_mixture(
    settings: Settings,
    rows: Rows,
    rng: np.random.RandomState,
    previous: MixtureParameters | None = None,
    tasks: FitTasks | None = None,
    cells: Array | None = None,
) -> Fit:
    """Fit the rows.

    Parameters
    ----------
    previous : MixtureParameters or None
        Where to go on from, instead of a start.
    tasks : FitTasks or None
        Those of callbacks, if there are any.
    cells : ndarray of shape (n_features,) or None
        Variances of cells for shared values that are known to be needed, 0 for none.
    """
    if rows.n_samples <= FEW_ROWS:  # so that they are iterated as those in memory are
        rows = rows.to_memory()
    with _only_counted(rows, settings) as counted:
        return _fitted_to(settings, counted, rng, previous, tasks, cells)


@contextmanager
def _only_counted(rows: Rows, settings: Settings) -> Iterator[Rows]:
    """The samples without those of weight 0, where a copy of them is small.

    Otherwise the kernel leaves these out, but they move the units that sums are rounded in, and
    rounding can change which optimum is found. Errors name samples by their number in X.
    """
    numbered = settings.responsibilities_init is not None or callable(settings.init_params)
    small = not numbered and rows.n_counted < rows.n_samples and rows.n_counted <= FEW_ROWS
    if not small or not isinstance(rows, RowsInMemory) or rows.sample_weight is None:
        yield rows
        return
    try:
        yield rows.counted()
    except LostRowError as error:
        raise LostRowError(int(np.flatnonzero(rows.sample_weight)[error.row])) from error


def _fitted_to(
    settings: Settings,
    rows: Rows,
    rng: np.random.RandomState,
    previous: MixtureParameters | None,
    tasks: FitTasks | None,
    cells: Array | None,
) -> Fit:
    """A fit, repeated with cells for values that samples share if it rests on these.

    With a prior no component does; where parameters are fixed, nothing else is added.
    """
    reg, rounding = Regularisation.of(settings.reg_covar, rows)
    reg = reg if cells is None else reg.with_cells(cells)
    fit = _fit_with(reg, settings, rows, rng, previous, tasks)
    adds = isinstance(settings.reg_covar, str) and settings.prior is None and settings.fixed is None
    if not adds or settings.highest or not settings.max_iter:
        return fit
    for _ in range(MOST_REPEATS):
        widened = repeated_with(fit.objective.regularisation, rounding, fit.result, rows)
        stopped = fit.result.status is EMStatus.STOPPED or (tasks is not None and tasks.stopped)
        if widened is None or stopped:
            break
        if settings.verbose:
            say(AGAIN)
        if tasks is not None:
            tasks.repeat()
        fit = _fit_with(widened, settings, rows, rng, previous, tasks)
    return fit


def _fit_with(
    reg: Regularisation,
    settings: Settings,
    rows: Rows,
    rng: np.random.RandomState,
    previous: MixtureParameters | None,
    tasks: FitTasks | None,
) -> Fit:
    objective, prior = _objective(reg, settings, rows)
    if previous is None:
        start = choose_start(settings, objective, rng)
    else:
        start = Start(
            lambda _: single_candidate("previous fit", previous),
            random=False,
            weights=previous.weights,
        )
    result, starts = _best(settings, objective, prior, start, previous is not None, rng, tasks)
    messages = result.advice(settings.feature_names)
    # One more E-step, which is not worth its time where samples are many.
    few = rows.n_counted <= FEW_ROWS
    certainty = rows.log_certainty(result.parameters) if few else None
    return Fit(objective, result, starts, messages, prior, settings.random_state, certainty)


def _objective(
    reg: Regularisation, settings: Settings, rows: Rows
) -> tuple[Objective, ConjugatePrior | None]:
    """What is maximised, and the prior with all its values."""
    K, structure = settings.n_components, settings.structure
    objective = Objective(rows, structure, *reg)
    fixed = fixed_by(settings, rows.n_features)
    prior = None
    if settings.prior is not None:
        prior = prior_of(settings.prior, one_gaussian_of(objective), structure, K)
        if fixed is not None:
            fixed.check_prior_of_weights(np.asarray(prior.weight_rows))
    if prior is None and fixed is None:
        return objective, None
    return replace(objective, prior=prior and Prior.of(prior), fixed=fixed), prior


def _best(
    settings: Settings,
    objective: Objective,
    prior: ConjugatePrior | None,
    start: Start,
    resumed: bool,
    rng: np.random.RandomState,
    tasks: FitTasks | None,
) -> tuple[EMResult, dict[str, list[Any]]]:
    """The best of the runs, which share the threads of the rows; and the table of starts."""
    n_init = settings.n_init if start.random else 1
    n_parallel, rows = objective.rows.split_threads(n_init)
    split = objective if rows is objective.rows else replace(objective, rows=rows)
    histories: list[list[Candidate]] = [[] for _ in range(n_init)]

    def run(index: int, stream: Stream, watch: Watch | None) -> EMResult:
        with naming_labels(rows, start.weights):
            histories[index] = candidates = start.make(stream)
            return run_from(settings, split, start, candidates, resumed, stream, watch)

    features: dict[str, Any] = {"n_features_in_": rows.n_features}
    if settings.feature_names is not None:
        features["feature_names_in_"] = settings.feature_names

    def fitted(parameters: MixtureParameters) -> dict[str, Any]:
        return features | _attributes(parameters, objective, prior)

    run_followed = followed(run, settings, tasks, fitted)
    result, outcomes = best_of(run_followed, n_init, rng, n_parallel)
    return result, table_of_starts(histories, outcomes)
