"""Splits of a component in two: EM from a few partitions of its samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np

from skgmm._em.collapse import CollapseTest
from skgmm._em.result import EMResult
from skgmm._linalg import Array
from skgmm._moments import Moments
from skgmm._objective import Objective
from skgmm._rows.base import InMemoryRows
from skgmm._rows.sample import StartSample
from skgmm._starts.kmeans import kmeans
from skgmm._starts.moves import Part, Split
from skgmm._starts.side_by_side import moments_of_partitions
from skgmm._starts.trials import Trials
from skgmm._starts.views import principal_rows, scaled_rows, whitens
from skgmm._threads import cached_property

# The tail of a feature begins at this many standard deviations.
_TAIL = 1.5

# EM iterations from every partition, further ones from the best partitions, and their `tol`.
_FIRST, _MORE, _ROUGHLY = 4, 16, 1e-4

# No more partitions are tried when the gain of the first ones, after their first iterations and
# times the second number, is less than needed.
_CONVINCING, _OPTIMISM = 2, 3.0

# The fewest samples that are split.
_FEWEST = 4


Sound = Callable[[EMResult], bool]


@dataclass(frozen=True)
class Task:
    """Samples to be split."""

    objective: Objective  # of these, weighted by their responsibilities
    mass: float  # of both halves together
    level: float  # current log-likelihood of the samples
    needed: float = -np.inf  # nats; if the first partitions gain far less, no others are tried
    n_best: int = 1  # partitions from which EM is continued

    @cached_property
    def weight(self) -> float:
        """Of the samples."""
        data = self.objective.arrays
        assert data is not None
        return data.total_weight


class _Split(NamedTuple):
    """A run of EM from one of the partitions."""

    gain: float
    trials: Trials
    number: int


def best_splits(
    tasks: Sequence[Task], test: CollapseTest, sound: Sound, rng: np.random.RandomState
) -> list[list[Split]]:
    """The best of a few splits into two components that are supported by their samples, of each.

    Parameters
    ----------
    test : CollapseTest
        Of all samples.
    sound : callable
        Whether both halves are supported by their samples.
    """
    partitions = [_partitions(task.objective, rng) for task in tasks]
    runs: list[list[_Split]] = [[] for _ in tasks]
    left = [k for k, task in enumerate(tasks) if task.objective.rows.n_counted >= _FEWEST]
    for n_more in (_CONVINCING, None):
        some = [(k, labels) for k in left for labels in islice(partitions[k], n_more)]
        for k, run in _begun(tasks, some, test, sound):
            runs[k].append(run)
        left = [k for k in left if _convincing(tasks[k], runs[k])]
    best = [
        sorted(runs[k], key=lambda run: -run.gain)[: tasks[k].n_best] if k in left else []
        for k in range(len(tasks))
    ]
    for trials in {id(run.trials): run.trials for some in best for run in some}.values():
        going = [run.number for some in best for run in some if run.trials is trials]
        trials.until(going, _MORE)
    return [
        [
            _as_split(run.trials.end(run.number), task)
            for run in some
            if _is_sound(run.trials, run.number, sound)
        ]
        for task, some in zip(tasks, best, strict=True)
    ]


def _begun(
    tasks: Sequence[Task],
    partitions: Sequence[tuple[int, Array]],
    test: CollapseTest,
    sound: Sound,
) -> Iterator[tuple[int, _Split]]:
    """Runs from partitions of the samples of tasks, by their numbers, after a few iterations."""
    objectives = [tasks[k].objective for k, _ in partitions]
    found = moments_of_partitions(objectives, [labels for _, labels in partitions], 2)
    begun = [(partitions[i][0], start) for i, start in enumerate(found) if start is not None]
    owners = [k for k, _ in begun]
    of = [tasks[k].objective for k in owners]
    trials = Trials(of, [start for _, start in begun], test, _ROUGHLY, acceleration=None)
    trials.until(range(len(begun)), _FIRST)
    for i, k in enumerate(owners):
        if _is_sound(trials, i, sound):
            gain = float(trials.objective[i]) * tasks[k].weight - tasks[k].level
            yield k, _Split(gain, trials, i)


def _is_sound(trials: Trials, i: int, sound: Sound) -> bool:
    if not np.isfinite(trials.objective[i]):
        return False
    return trials.is_sound(i) or sound(trials.end(i))


def _convincing(task: Task, runs: list[_Split]) -> bool:
    """Whether the first runs do not gain far less than is needed."""
    highest = max((run.gain for run in runs), default=0.0)
    return len(runs) < _CONVINCING or _OPTIMISM * max(highest, 0.0) >= task.needed


def _as_split(end: EMResult, task: Task) -> Split:
    factor = task.mass / end.moments.mass.sum()
    first, second = (Part.of(end.moments, k).scaled(factor) for k in range(2))
    return Split(end.moments.objective - task.level, (first, second))


def halves(objective: Objective, rng: np.random.RandomState) -> Iterator[Moments]:
    """Moments of all samples in two, by the same partitions."""
    partitions = list(_partitions(objective, rng))
    found = moments_of_partitions(len(partitions) * [objective], partitions, 2)
    yield from (moments for moments in found if moments is not None)


def _partitions(objective: Objective, rng: np.random.RandomState) -> Iterator[Array]:
    """Partitions in two (labels 0 and 1) that do not depend on the units of the features.

    Across the axis of least kurtosis, where two clusters lie side by side; what is nearer to the
    farthest sample than to the mean, for a small group far away; the tail of the most skewed
    feature; and k-means.
    """
    rows = objective.rows
    assert isinstance(rows, InMemoryRows)
    weights = rows.weights / rows.weights.sum()
    scaled = scaled_rows(StartSample(rows.X, rows.weights, True))
    white = principal_rows(scaled, weights) if whitens(objective) else scaled
    if not white.shape[1]:
        return
    squares = white * white
    kurtosis = weights @ (squares * squares)
    yield (white[:, int(np.argmin(kurtosis))] > 0).astype(np.int64)
    farthest = int(np.argmax(squares.sum(axis=1)))
    beyond = white @ white[farthest] > 0.5 * squares[farthest].sum()
    yield beyond.astype(np.int64)
    skewness = weights @ (scaled * scaled * scaled)
    most = int(np.argmax(np.abs(skewness)))
    yield (scaled[:, most] * np.sign(skewness[most]) > _TAIL).astype(np.int64)
    yield kmeans(white, weights, 2, rng, rows.n_threads)
