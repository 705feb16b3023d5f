"""All models of a search, each from the ones it contains.

A model is never left below one that it contains, in what EM maximises: the log-likelihood, less
what the densities pay for `reg_covar`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from skgmm._em.collapse import CollapseTest
from skgmm._em.loop import run_em
from skgmm._em.result import EMResult, EMStatus
from skgmm._kernels import LostRowError
from skgmm._moments import Moments, Scatter
from skgmm._objective import Problem, Regularisation
from skgmm._parameters import MixtureParameters, n_parameters
from skgmm._rows.grouped import RowsInMemory, rows_of
from skgmm._starts.methods import EmptyStartError
from skgmm._starts.race import thinned
from skgmm._workers import run_in_threads
from skgmm.covariance import IllDefinedCovarianceError, Structure
from skgmm.model_selection._admissible import needed_samples, unsupported
from skgmm.model_selection._candidates import (
    Candidate,
    Groups,
    Start,
    from_contained,
    from_groups,
    from_smaller,
    grouped,
)
from skgmm.model_selection._nesting import contained_in, contains, waves
from skgmm.model_selection._tasks import StoppedSearchError, Told, untold

# Components of the next smaller model that are split.
_SPLITS = 4

# How many of the candidates go on, and for how many iterations of EM.
_ROUNDS = ((5, 2), (2, 8))

# Runs of EM to the end before a model is given up: each ends in a collapse, or below a model that
# it contains.
_TRIES = 4

# Candidates whose objectives agree to this many nats per row have found the same.
_SAME = 1e-9

# Nats per row that a model may stay below one that it contains: rounding, of covariances that are
# themselves found by iteration.
_SLACK = 1e-8

_NUMERICAL = (IllDefinedCovarianceError, EmptyStartError, LostRowError)


class InadmissibleError(ValueError):
    """Every run of EM ended with components of too few samples."""

    def __init__(self, reason: str, objective: float = np.nan) -> None:
        super().__init__(reason)
        self.objective = objective  # of the first, nats per sample


@dataclass(frozen=True)
class Fit:
    """A model of the table: what EM reached, or why there is nothing."""

    structure: Structure
    n_components: int
    result: EMResult | None
    status: str
    fit_time: float  # seconds
    log_likelihood: float = np.nan  # nats, total, without the penalty of reg_covar
    log_certainty: float = np.nan  # sum over rows of the log of the largest responsibility
    rejected: float = np.nan  # log-likelihood of an inadmissible end, nats, total

    def n_parameters(self, n_features: int) -> int:
        return n_parameters(self.structure, self.n_components, n_features)


Table = dict[tuple[str, int], Fit]
"""Fits by structure and number of components."""


@dataclass(frozen=True)
class Ground:
    """What the fits of a search have in common."""

    rows: RowsInMemory
    trial: RowsInMemory  # those on which candidates are compared
    n_samples: int  # equal ones counted
    reg: Regularisation
    collapsed: CollapseTest
    groups: dict[int, Groups | None]
    deviations: Any  # (d,) of all rows
    options: dict[str, Any]  # of run_em
    admissible_only: bool  # whether each component must rest on enough samples

    @classmethod
    def prepare(
        cls,
        rows: RowsInMemory,
        reg_covar: float | str,
        sizes: Sequence[int],
        rng: np.random.RandomState,
        options: dict[str, Any],
        structures: Sequence[Structure],
        admissible_only: bool = False,
    ) -> Ground:
        """Starts for each number of components, made once for all structures."""
        sample, n_samples = rows.start_sample(max(sizes), rng), rows.n_samples
        few = thinned(sample, max(sizes), rng)
        streams = [np.random.RandomState(s) for s in rng.randint(2**31 - 1, size=len(sizes))]
        trial = rows_of(few, 1)
        if few.complete:  # equal rows are one row with a weight
            rows = rows_of(few, rows.n_threads)
        reg = Regularisation.of(reg_covar, rows)
        groups = {
            K: grouped(few, K, stream, reg.variances)
            for K, stream in zip(sizes, streams, strict=True)
        }
        axes_only = all(structure.scatter is Scatter.DIAGONAL for structure in structures)
        overall = rows.overall_moments(Scatter.DIAGONAL if axes_only else Scatter.FULL)
        variances = overall.feature_variances()[0] + reg.variances
        deviations = np.sqrt(np.where(variances > 0, variances, 1.0))
        collapsed = CollapseTest(reg.artificial, overall, n_samples)
        return cls(
            rows, trial, n_samples, reg, collapsed, groups, deviations, options, admissible_only
        )

    @property
    def total_weight(self) -> float:
        weights = self.rows.sample_weight
        return float(self.rows.n_samples if weights is None else weights.sum())

    def check_enough(self, structure: Structure, n_components: int) -> None:
        """Raise InadmissibleError where the samples cannot be enough for so many components."""
        n_samples = max(self.total_weight, float(self.n_samples))
        needed = needed_samples(structure, self.rows.n_features)
        if self.admissible_only and n_components > 1 and n_samples < n_components * needed:
            raise InadmissibleError(
                f"inadmissible: {structure.name!r} needs {needed} samples for each of "
                f"{n_components} components in {self.rows.n_features} features, but X has "
                f"{n_samples:g}"
            )

    def unsupported(self, structure: Structure, end: EMResult) -> str | None:
        """Why a result is inadmissible. Weights that sum to less than n_samples are relative."""
        if not self.admissible_only:
            return None
        scale = max(1.0, self.n_samples / self.total_weight)
        return unsupported(structure, scale * end.moments.mass, self.rows.n_features)

    def units(self, structure: Structure) -> Any:
        """What features are measured in (d,) where the structure does not say so itself."""
        if structure.equivariant == "rotation":
            return np.ones_like(self.deviations)
        return self.deviations


def sweep(
    ground: Ground, structures: Sequence[Structure], n_parallel: int, told: Told = untold
) -> tuple[Table, bool]:
    """Every structure with every number of components; and whether all were reached.

    An interrupt (Ctrl-C), or a callback that is `told`, ends the sweep with the models that are
    there, if there are any.
    """
    known = {structure.name: structure for structure in structures}
    inside = {structure.name: contained_in(structure, structures) for structure in structures}
    below = {s.name: {o.name for o in structures if contains(s, o)} for s in structures}
    sizes = sorted(ground.groups)
    table: Table = {}

    def fit(model: tuple[str, int]) -> None:
        name, K = model
        simpler = [table[s.name, K] for s in inside[name]]
        smaller = max((size for size in sizes if size < K), default=None)
        fewer = [] if smaller is None else [table[name, smaller]]
        contained = [
            fit
            for fit in list(table.values())
            if fit.n_components <= K and fit.structure.name in below[name]
        ]
        neighbours = Neighbours(_fitted(simpler), _fitted(fewer), _fitted(contained))
        with told(name, K):
            table[name, K] = fit_model(ground, known[name], K, neighbours)

    try:
        for wave in waves(structures, sizes):
            run_in_threads(fit, wave, n_parallel)
    except (KeyboardInterrupt, StoppedSearchError):
        if not any(fit.result for fit in table.values()):
            raise
        return dict(table), False
    return table, True


@dataclass(frozen=True)
class Neighbours:
    """Results of models that a model contains."""

    simpler: list[EMResult]  # of the next simpler structures
    fewer: list[EMResult]  # of the next smaller number of components, if there is one
    contained: list[EMResult]  # of all that it contains

    @property
    def best(self) -> EMResult | None:
        return max(self.contained, key=lambda result: result.objective, default=None)


def _fitted(fits: list[Fit]) -> list[EMResult]:
    return [fit.result for fit in fits if fit.result is not None]


def fit_model(
    ground: Ground, structure: Structure, n_components: int, neighbours: Neighbours
) -> Fit:
    """One model; a failure is a fit without a result, whose status tells the reason."""
    began = perf_counter()
    problem = Problem(ground.rows, structure, *ground.reg)
    try:
        result = _best_end(ground, problem, n_components, neighbours)
        log_likelihood = result.moments.total_weight * problem.mean_log_probability(
            result.parameters, result.moments
        )
        certainty = ground.rows.log_certainty(result.parameters)
    except InadmissibleError as error:
        seconds, rejected = perf_counter() - began, error.objective * ground.total_weight
        return Fit(structure, n_components, None, str(error), seconds, rejected=rejected)
    except Exception as error:  # whatever it is, the other models are still to come
        status = f"failed: {error}"
        return Fit(structure, n_components, None, status, perf_counter() - began)
    seconds = perf_counter() - began
    return Fit(
        structure, n_components, result, result.description, seconds, log_likelihood, certainty
    )


def _best_end(
    ground: Ground, problem: Problem, n_components: int, neighbours: Neighbours
) -> EMResult:
    """The first run of EM, in the order of promise, that ends sound and above what it contains."""
    if ground.groups[n_components] is None:
        raise ValueError(
            f"X has {len(ground.trial.X)} distinct rows, fewer than n_components={n_components}"
        )
    ground.check_enough(problem.structure, n_components)
    best = neighbours.best
    level = -np.inf if best is None else best.objective
    ranked = _ranked(
        ground, problem, _candidates(ground, problem.structure, n_components, neighbours)
    )
    ways: list[Candidate] = [runner.again for runner in ranked]
    if best is not None:
        ways.insert(1, _no_worse_than(best.parameters, n_components))
    reason, inadmissible = "", None
    for way in ways[:_TRIES]:
        try:
            start, moments = way(problem)
            end = run_em(problem, start, moments=moments, **ground.options)
        except _NUMERICAL as error:
            reason = reason or str(error)
            continue
        collapsed = end.collapsed or ground.collapsed(end.parameters)
        if collapsed:
            reason = reason or f"components {collapsed} collapsed onto reg_covar"
        elif why := ground.unsupported(problem.structure, end):
            inadmissible = inadmissible or InadmissibleError(why, end.objective)
        elif inadmissible and end.duplicates:
            continue  # a contained model in disguise
        elif end.objective >= level - _SLACK:
            return end
    if inadmissible is not None:
        raise inadmissible
    raise ValueError(reason or "every run of EM ended below a model that this one contains")


def _candidates(
    ground: Ground, structure: Structure, n_components: int, neighbours: Neighbours
) -> list[Candidate]:
    """Where EM may start."""
    candidates = [from_contained(result.parameters) for result in neighbours.simpler]
    if not (candidates and structure.several_optima):  # its M-step from afar is a search of its own
        groups = ground.groups[n_components]
        assert groups is not None
        candidates += [from_groups(moments) for moments in groups.of(structure)]
    for result in neighbours.fewer:
        units, parameters = ground.units(structure), result.parameters
        heaviest = np.argsort(-parameters.log_weights, kind="stable")[:_SPLITS].tolist()
        candidates += [from_smaller(parameters, k, n_components, units) for k in heaviest]
    return candidates


def _no_worse_than(parameters: MixtureParameters, n_components: int) -> Candidate:
    """A start that is no worse than a model that is contained.

    Components in two equal halves are the mixture that they were.
    """
    if parameters.n_components == n_components:
        return from_contained(parameters)
    units = np.ones(parameters.n_features)
    return from_smaller(parameters, 0, n_components, units, apart=0.0)


@dataclass(frozen=True)
class _Runner:
    """A candidate on its way."""

    parameters: MixtureParameters
    moments: Moments

    rows: RowsInMemory  # that have these moments

    @property
    def objective(self) -> float:
        return self.moments.mean_objective

    def again(self, problem: Problem) -> Start:
        """As a start for other rows than those of the trial, or the same."""
        rows = problem.rows
        if isinstance(rows, RowsInMemory) and rows.X is self.rows.X:
            return self.parameters, self.moments
        return self.parameters, problem.evaluate(self.parameters)


def _ranked(ground: Ground, problem: Problem, candidates: list[Candidate]) -> list[_Runner]:
    """Where the candidates are after a few iterations, the best first; collapsed ones drop out."""
    trial = replace(problem, rows=ground.trial)
    runners: list[_Runner] = []
    for candidate in candidates:
        with suppress(*_NUMERICAL):
            runners.append(_Runner(*candidate(trial), ground.trial))
    ahead, behind = _distinct(runners), list[_Runner]()
    for n_stay, n_steps in _ROUNDS:
        if len(ahead) > 1:
            behind = ahead[n_stay:] + behind
            steps = (_advanced(ground, trial, runner, n_steps) for runner in ahead[:n_stay])
            ahead = _distinct([runner for runner in steps if runner is not None])
    return ahead + behind


def _advanced(ground: Ground, trial: Problem, runner: _Runner, n_steps: int) -> _Runner | None:
    """Some iterations on, unless that collapses."""
    try:
        end = run_em(
            trial,
            runner.parameters,
            moments=runner.moments,
            tol=0.0,
            max_iter=n_steps,
            acceleration=None,
        )
    except _NUMERICAL:
        return None
    if end.status is EMStatus.COLLAPSED or ground.collapsed(end.parameters):
        return None
    return _Runner(end.parameters, end.moments, ground.trial)


def _distinct(runners: list[_Runner]) -> list[_Runner]:
    """The best first; of those that have found the same, one."""
    ranked = sorted(runners, key=lambda runner: -runner.objective)
    return [
        runner
        for runner, above in zip(ranked, [None, *ranked], strict=False)
        if above is None or above.objective - runner.objective > _SAME
    ]
