"""From the estimator's start parameters to a function that makes starts."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np

from skgmm._em.result import EMResult
from skgmm._em.settings import Settings
from skgmm._linalg import Array
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters
from skgmm._rows.base import InMemoryRows, Rows
from skgmm._rows.grouped import GroupedRows, RowsInMemory
from skgmm._rows.sample import StartSample, Stream
from skgmm._starts.candidates import Candidate
from skgmm._starts.given import GivenParameters, check_given, matched
from skgmm._starts.methods import initial_parameters, start_of
from skgmm._starts.race import race
from skgmm._starts.restarts import LeftOutError
from skgmm._starts.within_noise import classifies
from skgmm._validation import check_partition, check_responsibilities
from skgmm.covariance import STRUCTURES, Structure

# From a random stream to the candidates of a start, the best one first.
Make = Callable[[Stream], list[Candidate]]


@dataclass(frozen=True)
class Start:
    """How the runs of a fit are initialised."""

    make: Make
    random: bool = True  # whether runs differ; if not, restarts would repeat each other
    sample: Callable[[], StartSample] | None = None  # for moves
    warning: str | None = None  # for the user, if the samples are too few
    n_distinct: int | None = None  # samples, where they have been counted
    weights: Array | None = None  # (K,) that are given
    classified: bool = False  # whether the search classifies left-out samples
    settled: bool = False  # whether EM does not change the responsibilities that it is made of


def single_candidate(kind: str, parameters: MixtureParameters) -> list[Candidate]:
    """A start without a race."""
    return [Candidate(kind, parameters)]


def choose_start(settings: Settings, objective: Objective, rng: np.random.RandomState) -> Start:
    """The start that the estimator's constructor parameters ask for."""
    rows, n_components, structure = objective.rows, settings.n_components, objective.structure
    n_features = rows.n_features
    given = check_given(
        settings.weights_init,
        settings.means_init,
        settings.precisions_init,
        structure,
        n_components,
        n_features,
        named=rows.labelled,
    )
    # The sample of a given start is drawn when a move needs it, which is rare.
    sample = cache(lambda: rows.start_sample(n_components, partial(deepcopy, rng)))
    needed = max(n_components, objective.minimum_rows(n_components))
    # Counted also where a prior makes up for them: they tell why columns depend on each other.
    enough = max(needed, structure.minimum_rows(n_components, n_features))
    n_distinct = _few_distinct(rows, sample, enough)
    warning = _too_few(n_distinct, n_components, n_features, structure, needed)
    known: dict[str, Any] = {"sample": sample, "warning": warning, "n_distinct": n_distinct}
    known["weights"] = given.weights
    searched = settings.escape and not settings.highest and warning is None
    known["classified"] = searched and classifies(objective, n_components)
    if isinstance(rows, GroupedRows) and rows.fully_labelled(n_components):
        # Responsibilities are known: nothing to choose from, and no better optimum to look for.
        known["sample"] = None
        make = _of_labels("labels", objective, n_components, given)
        return Start(make, False, settled=given.nothing, **known)
    if settings.responsibilities_init is not None:
        responsibilities = _given_responsibilities(settings, rows)
        fixed = given.imposed_on(start_of(objective.unfixed, responsibilities, n_components))
        return Start(
            lambda _: single_candidate("responsibilities", fixed),
            random=False,
            **known,
        )
    if callable(settings.init_params):
        make = _by_callable(settings.init_params, objective, sample, n_components, given)
        return Start(make, **known)
    return _by_method(settings, objective, sample, given, known)


def _by_method(
    settings: Settings,
    objective: Objective,
    sample: Callable[[], StartSample],
    given: GivenParameters,
    known: dict[str, Any],
) -> Start:
    """The start that `init_params` names, as far as parameters are not given."""
    kind, n_components = settings.init_params, settings.n_components
    if kind == "auto":
        if given.means is None and n_components > 1 and len(sample()) >= n_components:
            raced = partial(race, objective, sample(), n_components, given, known["classified"])
            return Start(lambda stream: raced(rng=stream()), **known)
        kind = "kmeans"
    random = given.means is None
    name = kind if random else "given"
    if (complete := given.complete()) is not None:
        return Start(lambda _: single_candidate(name, complete), random, **known)
    if n_components == 1 and random and kind == "kmeans" and objective.rows.whole:
        make = _of_all_samples(name, objective, given)
        return Start(make, random, settled=given.nothing, **known)
    named = partial(initial_parameters, kind, objective, sample(), n_components, given)
    return Start(lambda stream: single_candidate(name, named(rng=stream())), random, **known)


def _of_all_samples(kind: str, objective: Objective, given: GivenParameters) -> Make:
    """One component starts from the moments of all samples."""

    def start(_: Stream) -> list[Candidate]:
        overall = objective.rows.overall_moments(objective.structure.scatter)
        parameters = objective.unfixed.maximise(overall.regularised(objective.floor), None)
        return single_candidate(kind, given.imposed_on(parameters))

    return start


def _of_labels(kind: str, objective: Objective, n_components: int, given: GivenParameters) -> Make:
    """Start from all samples in one cluster, but for what labels say of them."""
    partition = np.zeros(objective.rows.n_samples, dtype=np.int64)

    def start(_: Stream) -> list[Candidate]:
        parameters = given.imposed_on(start_of(objective.unfixed, partition, n_components))
        return single_candidate(kind, parameters)

    return start


def _given_responsibilities(settings: Settings, rows: Rows) -> Array:
    """Given responsibilities of the components, (n, K); the last column may be that of noise."""
    given, n_columns = settings.responsibilities_init, settings.n_components
    if rows.background is not None:
        n_columns += np.shape(given)[-1:] == (n_columns + 1,)
    checked = check_responsibilities(given, rows.n_samples, n_columns, "responsibilities_init")
    return checked[:, : settings.n_components]


# Distinct values are counted among this many times the required number of samples.
_LOOKED_AT = 4


def _few_distinct(rows: Rows, sample: Callable[[], StartSample], needed: int) -> int | None:
    """The number of distinct samples, or None if there are at least `needed`."""
    if isinstance(rows, RowsInMemory):
        some = rows.X[: _LOOKED_AT * needed, 0]
        if rows.sample_weight is not None:
            some = some[rows.sample_weight[: len(some)] > 0]
        # Distinct values of a feature are a lower bound.
        ordered = np.sort(some)
        if len(some) and 1 + np.count_nonzero(ordered[1:] > ordered[:-1]) >= needed:
            return None
    drawn = sample()
    # An incomplete sample shows that distinct samples are few, not how many there are.
    return len(drawn) if drawn.complete or len(drawn) < needed else None


def _by_callable(
    function: Callable[..., Any],
    objective: Objective,
    sample: Callable[[], StartSample],
    n_components: int,
    given: GivenParameters,
) -> Make:
    """Starts from the user's function of data, K, random stream and weights."""
    rows = objective.rows
    seen = rows if isinstance(rows, InMemoryRows) else rows.in_memory(sample())
    on_seen = replace(objective.unfixed, rows=seen)

    def start(stream: Stream) -> list[Candidate]:
        assert isinstance(seen, RowsInMemory)
        partition = function(seen.X, n_components, stream(), seen.sample_weight)
        checked = check_partition(partition, seen.n_samples, n_components)
        parameters = matched(start_of(on_seen, checked, n_components), given)
        return single_candidate("callable", given.imposed_on(parameters))

    return start


# Structures named in a warning: the most flexible ones that the samples suffice for.
_SUGGESTED = 3


def _too_few(
    n_distinct: int | None, n_components: int, n_features: int, structure: Structure, needed: int
) -> str | None:
    """The warning if there are too few distinct samples, else None."""
    if n_distinct is None:
        return None
    found = f"X has {n_distinct} distinct sample{'s' * (n_distinct != 1)}"
    if n_distinct < n_components:
        return (
            f"{found}, fewer than n_components={n_components}: "
            "several components will have the same samples. Decrease n_components."
        )
    if n_distinct >= needed:
        return None
    able = [
        repr(other.name)
        for other in STRUCTURES.values()
        if other.minimum_rows(n_components, n_features) <= n_distinct
    ][-_SUGGESTED:]
    remedies = [f"use covariance_type {' or '.join(able)}"] if able else []
    if n_components > 1:
        remedies.append("decrease n_components")
    remedy = " or ".join(remedies) or "give more samples"
    return (
        f"{found}, but covariance_type={structure.name!r} with "
        f"n_components={n_components} needs {needed} in {n_features} features for covariances "
        "determined by the data. In some directions reg_covar is the only variance: "
        f"{remedy}."
    )


def table_of_starts(
    histories: list[list[Candidate]], outcomes: list[EMResult | ValueError]
) -> dict[str, list[Any]]:
    """A table of all starts that were run and their candidates, as columns."""
    rows: list[tuple[int, str, float, int, int, str]] = []
    for start, (candidates, outcome) in enumerate(zip(histories, outcomes, strict=True)):
        chosen = candidates[0].kind if candidates else "failed"
        if isinstance(outcome, EMResult):
            evaluations = len(outcome.objectives), outcome.moved_at
            rows.append((start, chosen, outcome.objective, *evaluations, outcome.description))
        else:
            how = outcome if isinstance(outcome, LeftOutError) else f"failed: {outcome}"
            rows.append((start, chosen, float("nan"), 0, 0, str(how)))
        rows += [
            (start, other.kind, other.objective, other.evaluations, 0, "discarded")
            for other in candidates[1:]
            if other.evaluations
        ]
    names = ("start", "kind", "log_likelihood", "n_evaluations", "moved_at", "status")
    columns = zip(*rows, strict=True)
    return {name: list(column) for name, column in zip(names, columns, strict=True)}
