"""The run of a start: EM, which pauses while better optima are looked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from skgmm._em.collapse import CollapseTest
from skgmm._em.loop import EM
from skgmm._em.result import EMResult, EMStatus
from skgmm._em.settings import Settings
from skgmm._em.settled import settled_result
from skgmm._em.watch import Watch
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters
from skgmm._rows.base import Rows
from skgmm._rows.grouped import with_noise
from skgmm._rows.sample import Stream, sample_size
from skgmm._rows.uniform_noise import refuse_only_noise
from skgmm._starts.candidates import Candidate
from skgmm._starts.choose import Start
from skgmm._starts.labelled import order_of_labels
from skgmm._starts.relocation import relocated
from skgmm._starts.split_merge import SplitAndMerge
from skgmm._starts.swap_search import Tried
from skgmm.covariance import IllDefinedCovarianceError

# The remaining gain, in nats per sample, at which a run pauses while better optima are looked for:
# at a poor optimum the last iterations would be useless. With a lower max_iter none pauses.
_PAUSE, _FEWEST_ITERATIONS = 1e-4, 15

# Any remaining gain, once gains shrink so that it is known.
_KNOWN = float(np.finfo(np.float64).max)


def run_from(
    settings: Settings,
    objective: Objective,
    start: Start,
    candidates: list[Candidate],
    resumed: bool,
    stream: Stream,
    watch: Watch | None,
) -> EMResult:
    """EM from the first of the candidates, and moves to better optima."""
    rows, max_iter = objective.rows, settings.max_iter
    options: dict[str, Any] = {"tol": settings.tol, "acceleration": settings.acceleration}
    options["watch"] = watch
    chosen = _in_order(candidates[0].parameters, start, rows)
    tried, sample = Tried(), start.sample if settings.escape else None
    # Where samples are too few for the structure, no optimum is better than another.
    only_repair = not start.random or start.warning is not None
    pause = 0.0
    if sample is not None and not only_repair:
        chosen = relocated(objective, chosen, sample, stream, tried, max_iter, watch)
        pause = _pause(start, len(candidates) > 1, max_iter)
    result, run = _em(objective, start, chosen, resumed, max_iter, pause, options)
    refuse_only_noise(result.moments, rows)
    collapse = CollapseTest.of_fit(
        objective.regularisation, result.moments, rows.n_counted, rows.constant
    )
    result = collapse.diagnose(result)
    if sample is not None:
        search = SplitAndMerge(
            objective,
            collapse,
            sample,
            candidates,
            stream,
            tried,
            only_repair,
            settings.highest,
            max_iter,
            options,
        )
        result = _searched_to_the_end(search, start, run, result)
        refuse_only_noise(result.moments, rows)
    known = {"shortage": start.warning, "n_distinct": start.n_distinct}
    return collapse.described(result, objective.determined, **known)


def _pause(start: Start, raced: bool, max_iter: int) -> float:
    """The remaining gain at which a run pauses; 0 if it does not.

    Where left-out samples are classified the optimum of the start does not matter. A run from the
    best of several candidates then pauses before it begins, and from another start as soon as gains
    shrink.
    """
    if max_iter < _FEWEST_ITERATIONS:
        return 0.0
    if not start.classified:
        return _PAUSE
    return np.inf if raced else _KNOWN


def _in_order(parameters: MixtureParameters, start: Start, rows: Rows) -> MixtureParameters:
    """What EM starts from: beside noise where there is any, and named by the labels."""
    chosen = with_noise(parameters, rows)
    sampled = rows.n_counted > sample_size(parameters.n_components)
    if rows.labelled and sampled and start.random and start.weights is None:
        # Few of the samples with labels, or none, may be among those that starts look at.
        return chosen.reordered(order_of_labels(chosen, rows))
    return chosen


def _em(
    objective: Objective,
    start: Start,
    parameters: MixtureParameters,
    resumed: bool,
    max_iter: int,
    pause: float,
    options: dict[str, Any],
) -> tuple[EMResult, EM | None]:
    """EM from a start until it converges or pauses; no run if there is nothing to iterate."""
    if start.settled and objective.closed_form and max_iter:
        result = settled_result(objective, parameters, options["watch"])
        if result is not None:
            return result, None
    run = EM(objective, parameters, resumed=resumed or start.settled, **options)
    result = run.until(max_iter, pause)
    _refuse_singular(start, result)
    return result, run


def _refuse_singular(start: Start, result: EMResult) -> None:
    """Raise if the start was singular up to rounding. A given one is returned with a warning."""
    if start.random and result.singular and not result.objectives:
        raise IllDefinedCovarianceError(result.singular)


def _searched_to_the_end(
    search: SplitAndMerge, start: Start, run: EM | None, paused: EMResult
) -> EMResult:
    """What the search finds; or if that is no better optimum, the result of the rest of the run.

    Parameters
    ----------
    run : EM or None
        That was paused for the search; None where there was nothing to iterate.
    paused : EMResult
        Of the run.
    """
    found = search.better(paused)
    better = found.parameters is not paused.parameters
    if run is None or not run.paused or better or found.status is EMStatus.STOPPED:
        return found
    n_paused = len(paused.objectives)
    n_tried = len(found.objectives) - n_paused
    end = search.collapse.diagnose(run.until(search.max_iter - n_tried))
    _refuse_singular(start, end)
    objectives = [*paused.objectives, *n_tried * [paused.objective], *end.objectives[n_paused:]]
    end = replace(end, objectives=objectives, moved_at=found.moved_at)
    return search.better(end) if _is_broken(end) and not _is_broken(paused) else end


def _is_broken(result: EMResult) -> bool:
    """Whether some component describes no samples of its own, or too few."""
    return bool(result.empty or result.duplicates or result.collapsed)
