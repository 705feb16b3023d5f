"""Fit all models of a search, each also from the models it contains.

No model ends below one that it contains, in the objective: the log-likelihood minus the penalty
due to `reg_covar`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter

import numpy as np

from skgmm._em.loop import run_em
from skgmm._em.result import EMResult, EMStatus
from skgmm._kernels import LostRowError
from skgmm._moments import Moments
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters
from skgmm._rows.grouped import RowsInMemory
from skgmm._rows.uniform_noise import OnlyNoiseError, refuse_only_noise
from skgmm._starts.methods import EmptyStartError
from skgmm._threads import run_in_threads
from skgmm.covariance import IllDefinedCovarianceError, Structure
from skgmm.model_selection._admissible import CollapsedError, InadmissibleError
from skgmm.model_selection._candidates import (
    Candidate,
    Start,
    from_contained,
    from_groups,
    from_smaller,
)
from skgmm.model_selection._leader import Leader
from skgmm.model_selection._nesting import contained_in, contains, waves
from skgmm.model_selection._search_data import SearchData
from skgmm.model_selection._table import ModelFit, Table
from skgmm.model_selection._tasks import StoppedSearchError, Tasks

# Components of the next smaller model that are split.
_SPLITS = 4

# Numbers of candidates that continue, and of EM iterations for each.
_ROUNDS = ((5, 2), (2, 8))

# Maximum number of complete runs of EM for a model, if each ends in a collapse, or below a model
# that it contains.
_TRIES = 4

# Candidates whose objectives differ by less, in nats per sample, are the same solution.
_SAME = 1e-9

# Nats per sample by which a model may stay below one that it contains, because of the rounding
# errors of iterative M-steps.
_SLACK = 1e-8

_NUMERICAL = (IllDefinedCovarianceError, EmptyStartError, LostRowError, OnlyNoiseError)


def sweep(
    data: SearchData,
    structures: Sequence[Structure],
    n_parallel: int,
    tasks: Tasks = Tasks(),  # noqa: B008 (it has no state)
    criterion: str | None = None,
) -> tuple[Table, bool]:
    """Fit every structure with every number of components; also whether all were fitted.

    Models that are far behind by the criterion, if there is one, are not fitted to the last digit.

    An interrupt (Ctrl-C), or a callback of the `tasks`, ends the sweep with the models that are
    there, if there are any.
    """
    known = {structure.name: structure for structure in structures}
    inside = {structure.name: contained_in(structure, structures) for structure in structures}
    below = {s.name: {o.name for o in structures if contains(s, o)} for s in structures}
    sizes = sorted(data.groups)
    table: Table = {}

    def fit(leader: Leader, model: tuple[str, int]) -> None:
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
        with tasks.model(name, K):
            table[name, K] = fitted = fit_model(data, known[name], K, neighbours, leader)
            tasks.fitted(fitted)

    try:
        for wave in waves(structures, sizes):
            # Of the waves before, so that the result does not depend on the number of threads.
            leader = Leader(data, criterion).among(list(table.values()))
            run_in_threads(partial(fit, leader), wave, n_parallel)
    except (KeyboardInterrupt, StoppedSearchError):
        if not any(fit.result for fit in table.values()):
            raise
        return dict(table), False
    return table, True


@dataclass(frozen=True)
class Neighbours:
    """Results of the models that a model contains."""

    simpler: list[EMResult]  # of the next simpler structures
    fewer: list[EMResult]  # of the next smaller number of components, if there is one
    contained: list[EMResult]  # of all that it contains

    @property
    def best(self) -> EMResult | None:
        return max(self.contained, key=lambda result: result.objective, default=None)

    def level(self, objective: Objective, n_components: int) -> float:
        """What a model reaches at least.

        A prior has its price for each component, and other numbers have other equal weights.
        """
        comparable = self.contained
        if objective.prior is not None or objective.fixed is not None:
            comparable = [r for r in comparable if r.parameters.n_components == n_components]
        return max((result.objective for result in comparable), default=-np.inf)


def _fitted(fits: list[ModelFit]) -> list[EMResult]:
    return [fit.result for fit in fits if fit.result is not None]


def fit_model(
    data: SearchData,
    structure: Structure,
    n_components: int,
    neighbours: Neighbours,
    leader: Leader,
) -> ModelFit:
    """Fit one model; after a failure there is no result, and the status gives the reason."""
    began = perf_counter()
    objective = data.objective(structure, n_components)
    try:
        result = _best_end(data, objective, n_components, neighbours, leader)
        log_likelihood = result.moments.total_weight * objective.mean_log_probability(
            result.parameters, result.moments
        )
        certainty = data.rows.log_certainty(result.parameters)
    except InadmissibleError as error:
        seconds, rejected = perf_counter() - began, error.objective * data.total_weight
        return ModelFit(structure, n_components, None, str(error), seconds, rejected=rejected)
    except Exception as error:  # the search continues with the other models
        status, collapsed = f"failed: {error}", error if isinstance(error, CollapsedError) else None
        seconds = perf_counter() - began
        return ModelFit(structure, n_components, None, status, seconds, collapsed=collapsed)
    seconds = perf_counter() - began
    return ModelFit(
        structure, n_components, result, result.description, seconds, log_likelihood, certainty
    )


def _best_end(
    data: SearchData,
    objective: Objective,
    n_components: int,
    neighbours: Neighbours,
    leader: Leader,
) -> EMResult:
    """The first run of EM that ends without collapse and above all models that it contains."""
    if data.groups[n_components] is None:
        raise ValueError(
            f"X has {len(data.trial.X)} distinct samples, fewer than n_components={n_components}"
        )
    data.check_enough(objective.structure, n_components)
    best = neighbours.best
    level = neighbours.level(objective, n_components)
    ranked = _ranked(
        data, objective, _candidates(data, objective.structure, n_components, neighbours)
    )
    ways: list[Candidate] = [runner.again for runner in ranked]
    if best is not None:
        ways.insert(1, _no_worse_than(best.parameters, n_components))
    failed: ValueError | None = None
    inadmissible: InadmissibleError | None = None
    for way in ways[:_TRIES]:
        try:
            start, moments = way(objective)
            end = leader.run(objective, start, moments)
            refuse_only_noise(end.moments, data.rows)
        except _NUMERICAL as error:
            failed = failed or ValueError(str(error))
            continue
        collapsed = end.singular or data.collapse(end.parameters)
        if collapsed:
            failed = failed or CollapsedError(collapsed, end)
        elif why := data.unsupported(objective.structure, end):
            inadmissible = inadmissible or InadmissibleError(why, end.objective)
        elif inadmissible and end.duplicates:
            continue  # equal components: the same mixture as a contained model
        elif end.objective >= level - _SLACK:
            return end
    if inadmissible is not None:
        raise inadmissible
    raise failed or ValueError("every run of EM ended below a model that this one contains")


def _candidates(
    data: SearchData, structure: Structure, n_components: int, neighbours: Neighbours
) -> list[Candidate]:
    """Candidates for the initial parameters."""
    candidates = [from_contained(result.parameters) for result in neighbours.simpler]
    if not (candidates and structure.several_optima):  # its M-step from afar is a search of its own
        groups = data.groups[n_components]
        assert groups is not None
        candidates += [from_groups(moments) for moments in groups.of(structure)]
    for result in neighbours.fewer:
        units, parameters = data.units(structure), result.parameters
        heaviest = np.argsort(-parameters.log_weights, kind="stable")[:_SPLITS].tolist()
        candidates += [from_smaller(parameters, k, n_components, units) for k in heaviest]
    return candidates


def _no_worse_than(parameters: MixtureParameters, n_components: int) -> Candidate:
    """A start that is no worse than a contained model.

    Splitting a component into two equal halves does not change the mixture.
    """
    if parameters.n_components == n_components:
        return from_contained(parameters)
    units = np.ones(parameters.n_features)
    return from_smaller(parameters, 0, n_components, units, apart=0.0)


@dataclass(frozen=True)
class _Runner:
    """A candidate after some iterations."""

    parameters: MixtureParameters
    moments: Moments

    rows: RowsInMemory  # that have these moments

    @property
    def objective(self) -> float:
        return self.moments.mean_objective

    def again(self, objective: Objective) -> Start:
        """As a start for the samples of `problem`."""
        rows = objective.rows
        if isinstance(rows, RowsInMemory) and rows.X is self.rows.X:
            return self.parameters, self.moments
        return self.parameters, objective.evaluate(self.parameters)


def _ranked(data: SearchData, objective: Objective, candidates: list[Candidate]) -> list[_Runner]:
    """Where the candidates are after a few iterations, the best first; collapsed ones drop out."""
    trial = replace(objective, rows=data.trial)
    runners: list[_Runner] = []
    for candidate in candidates:
        with suppress(*_NUMERICAL):
            runners.append(_Runner(*candidate(trial), data.trial))
    ahead, behind = _distinct(runners), list[_Runner]()
    for n_stay, n_steps in _ROUNDS:
        if len(ahead) > 1:
            behind = ahead[n_stay:] + behind
            steps = (_advanced(data, trial, runner, n_steps) for runner in ahead[:n_stay])
            ahead = _distinct([runner for runner in steps if runner is not None])
    return ahead + behind


def _advanced(data: SearchData, trial: Objective, runner: _Runner, n_steps: int) -> _Runner | None:
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
    if end.status is EMStatus.COLLAPSED or data.collapse(end.parameters):
        return None
    return _Runner(end.parameters, end.moments, data.trial)


def _distinct(runners: list[_Runner]) -> list[_Runner]:
    """The candidates, best first, without duplicates."""
    ranked = sorted(runners, key=lambda runner: -runner.objective)
    return [
        runner
        for runner, above in zip(ranked, [None, *ranked], strict=False)
        if above is None or above.objective - runner.objective > _SAME
    ]
