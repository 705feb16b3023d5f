"""From the estimator's start parameters to a function that makes starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from skgmm._em.result import EMResult
from skgmm._objective import Problem
from skgmm._parameters import MixtureParameters
from skgmm._rows.grouped import RowsInMemory
from skgmm._rows.sample import StartSample
from skgmm._starts.given import GivenParameters, check_given, matched
from skgmm._starts.methods import initial_parameters, start_of
from skgmm._starts.race import Candidate, race
from skgmm._starts.restarts import LeftOutError
from skgmm._validation import check_partition, check_responsibilities
from skgmm.covariance import STRUCTURES, Structure

# From a random stream to the candidates of a start, the chosen one first, and whether they agree.
Make = Callable[[np.random.RandomState], tuple[list[Candidate], bool]]


@dataclass(frozen=True)
class Start:
    """How runs begin."""

    make: Make
    random: bool = True  # whether the stream matters; if not, restarts would repeat each other
    sample: StartSample | None = None  # for looking further after convergence
    warning: str | None = None  # what to tell the user if the rows are too few
    n_distinct: int | None = None  # rows, where they have been counted


def alone(kind: str, parameters: MixtureParameters) -> tuple[list[Candidate], bool]:
    """A start without a race."""
    return [Candidate(kind, parameters, -np.inf, 0)], True


def choose_start(mixture: Any, problem: Problem, rng: np.random.RandomState) -> Start:
    """The start that the estimator's constructor parameters ask for."""
    rows, n_components, structure = problem.rows, mixture.n_components, problem.structure
    n_samples, n_features = rows.n_samples, rows.n_features
    given = check_given(
        mixture.weights_init,
        mixture.means_init,
        mixture.precisions_init,
        structure,
        n_components,
        n_features,
    )
    sample = rows.start_sample(n_components, rng)
    given = replace(given, named=sample.known is not None)
    # A sample tells that distinct rows are few, not how many there are.
    whole = sample.complete or len(sample) < n_components
    n_distinct = len(sample) if whole else n_samples
    warning = _too_few(n_distinct, n_components, n_features, structure)
    known: dict[str, Any] = {"sample": sample, "warning": warning, "n_distinct": n_distinct}

    if mixture.responsibilities_init is not None:
        shares = check_responsibilities(
            mixture.responsibilities_init, n_samples, n_components, "responsibilities_init"
        )
        fixed = given.imposed_on(start_of(problem, shares, n_components))
        return Start(
            lambda _: alone("responsibilities", fixed),
            random=False,
            **known,
        )
    if callable(mixture.init_params):
        make = _by_callable(mixture.init_params, problem, sample, n_components, given)
        return Start(make, **known)
    kind = mixture.init_params
    if kind == "auto":
        if given.means is None and len(sample) >= n_components > 1:
            raced = partial(race, problem, sample, n_components, given)
            return Start(lambda stream: raced(rng=stream), **known)
        kind = "kmeans"
    named = partial(
        initial_parameters,
        kind,
        sample,
        n_components,
        structure,
        problem.floor,
        given,
        n_threads=rows.n_threads,
    )
    random = given.means is None
    name = kind if random else "given"
    return Start(lambda stream: alone(name, named(rng=stream)), random, **known)


def _by_callable(
    function: Callable[..., Any],
    problem: Problem,
    sample: StartSample,
    n_components: int,
    given: GivenParameters,
) -> Make:
    """Starts from the user's function of rows, K, random stream and weights."""
    seen = problem.rows.in_memory(sample)
    on_seen = replace(problem, rows=seen)

    def start(stream: np.random.RandomState) -> tuple[list[Candidate], bool]:
        assert isinstance(seen, RowsInMemory)
        partition = function(seen.X, n_components, stream, seen.sample_weight)
        checked = check_partition(partition, seen.n_samples, n_components)
        parameters = matched(start_of(on_seen, checked, n_components), given)
        return alone("callable", given.imposed_on(parameters))

    return start


# Structures named in a warning: the richest of those that the rows are enough for.
_SUGGESTED = 3


def _too_few(
    n_distinct: int, n_components: int, n_features: int, structure: Structure
) -> str | None:
    """What to tell the user when the distinct rows are too few, else None."""
    if n_distinct < n_components:
        return (
            f"X has {n_distinct} distinct rows, fewer than n_components={n_components}: "
            "components will share rows. Decrease n_components."
        )
    needed = structure.minimum_rows(n_components, n_features)
    if n_distinct >= needed:
        return None
    able = [
        repr(other.name)
        for other in STRUCTURES.values()
        if other.minimum_rows(n_components, n_features) <= n_distinct
    ][-_SUGGESTED:]
    remedy = f"Use covariance_type {' or '.join(able)}, or decrease" if able else "Decrease"
    return (
        f"X has {n_distinct} distinct rows, but covariance_type={structure.name!r} with "
        f"n_components={n_components} needs {needed} for covariances in {n_features} features "
        f"that rest on data; reg_covar makes up the rest. {remedy} n_components."
    )


def table_of_starts(
    histories: list[list[Candidate]], outcomes: list[EMResult | ValueError]
) -> dict[str, list[Any]]:
    """A row for each start that was run and each candidate it was chosen from, as columns."""
    rows: list[tuple[int, str, float, int, str]] = []
    for start, (candidates, outcome) in enumerate(zip(histories, outcomes, strict=True)):
        chosen = candidates[0].kind if candidates else "failed"
        if isinstance(outcome, EMResult):
            n_evaluations = len(outcome.objectives)
            rows.append((start, chosen, outcome.objective, n_evaluations, outcome.description))
        else:
            how = outcome if isinstance(outcome, LeftOutError) else f"failed: {outcome}"
            rows.append((start, chosen, float("nan"), 0, str(how)))
        rows += [
            (start, other.kind, other.objective, other.evaluations, "left behind")
            for other in candidates[1:]
            if other.evaluations
        ]
    names = ("start", "kind", "log_likelihood", "n_evaluations", "status")
    columns = zip(*rows, strict=True)
    return {name: list(column) for name, column in zip(names, columns, strict=True)}
