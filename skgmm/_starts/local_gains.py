"""Local estimates of the loss of merging two components, and of the gain of splitting one.

They use the samples of the component alone, with all other parameters fixed (as Zhang et al.
2003), so that the estimates of all components together cost about as much as a few passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.random import RandomState

from skgmm._em.collapse import CollapseTest
from skgmm._em.result import EMResult
from skgmm._linalg import Array
from skgmm._objective import Objective
from skgmm._rows import e_step
from skgmm._rows.base import InMemoryRows
from skgmm._starts.local_splits import Sound, Task, best_splits
from skgmm._starts.moves import Merge, Move, Part, Split, between, together
from skgmm._starts.side_by_side import moments_of_partitions
from skgmm._starts.trials import Trials
from skgmm.covariance import IllDefinedCovarianceError

# A sample belongs to the components with at least this responsibility.
_TRACE = 0.01

# The complement of a responsibility is exact to a millionth if it is at least so much.
_ROUNDED = 1e-10

# The best splits and merges that are combined, of each so many.
_RANKED = 20

# With more components than this, a component and its neighbour are split again only if removing
# the component lowers the log-density of its samples by no more than this, in nats.
_MANY, _NEAR = 3, 5.0

# Halves that gain no more than this, in nats, are the previous components again.
_SAME = 2.0

# A component is nearly the same if its mass has changed by no more than this fraction, and its
# mean by no more than this many standard deviations.
_SAME_MASS, _SAME_MEAN = 0.02, 0.1

# Samples whose responsibilities are in memory at a time.
_SLICE = 8192

# Partitions of two components together that EM is run from.
_RESPLITS = 3


class KnownSplits:
    """Splits of components, valid for as long as the components are nearly the same."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[float, Array, Split | None]] = {}

    def outdated(self, here: EMResult) -> set[int]:
        """Components whose splits have to be found."""
        return {k for k in range(here.parameters.n_components) if not self._holds(here, k)}

    def _holds(self, here: EMResult, k: int) -> bool:
        if k not in self._known:
            return False
        mass, mean, _ = self._known[k]
        shift = here.parameters.covariance.whiten(here.moments.mean[k] - mean, k)
        grown = abs(here.moments.mass[k] - mass)
        return bool(grown <= _SAME_MASS * mass and np.abs(shift).max() <= _SAME_MEAN)

    def update(
        self, here: EMResult, members: Members, needed: Callable[[int], float], rng: RandomState
    ) -> None:
        """Find the splits that are outdated; see `Task` for the gain that is needed."""
        outdated = sorted(self.outdated(here))
        splits = members.splits([(k, needed(k)) for k in outdated], rng)
        for k, split in zip(outdated, splits, strict=True):
            self._known[k] = here.moments.mass[k], here.moments.mean[k], split

    def all(self) -> dict[int, Split]:
        """All splits."""
        return {k: split for k, (_, _, split) in self._known.items() if split is not None}


def moves_by_gain(
    objective: Objective,
    here: EMResult,
    known: KnownSplits,
    sound: Sound,
    slack: float,
    only_repair: bool,
    rng: RandomState,
) -> list[Move]:
    """Moves by their estimated gain, the best first.

    Parameters
    ----------
    here : EMResult
        Of the samples of `objective`, after `CollapseTest.diagnose`.
    known : KnownSplits
        Of previous optima; updated.
    sound : callable
        Whether the halves of a split are supported by their samples.
    slack : float
        By how much a gain may fall short of a loss, in nats.
    only_repair : bool
        Whether only components that are empty or the same as others are to be freed.
    """
    members = Members(objective, here, sound)
    merges = _repairs(here) if only_repair else _merges(here, members)
    known.update(here, members, lambda k: _cheapest_without(merges, k) - slack, rng)
    splits = known.all()
    ranked = sorted(splits, key=lambda k: -splits[k].gain)[:_RANKED]
    cheapest = sorted(merges, key=lambda merge: merge.loss)[:_RANKED]
    moves = [
        Move.swap(merge, k, splits[k])
        for k in ranked
        for merge in cheapest
        if k not in (merge.freed, merge.into)
    ]
    if not only_repair:
        moves += _resplits(members, merges, rng)
    if (held := objective.held) is not None:
        moves = [move for move in moves if not held[list(move.components)].any()]
    return sorted(moves, key=lambda move: -move.gain)


def _merges(here: EMResult, members: Members) -> list[Merge]:
    """Every component may be freed; without loss if it is empty or collapsed."""
    lost = here.empty + here.collapsed
    return [
        Merge(k, None, 0.0) if k in lost else members.merge(k)
        for k in range(here.parameters.n_components)
    ]


def _repairs(here: EMResult) -> list[Merge]:
    """Components that are empty, or the same as others."""
    twins = [Merge(k, j, 0.0) for k, j in here.duplicates.items()]
    return [Merge(k, None, 0.0) for k in here.empty] + twins


def _cheapest_without(merges: list[Merge], k: int) -> float:
    """The least loss of merges that do not involve a component."""
    losses = [merge.loss for merge in merges if k not in (merge.freed, merge.into)]
    return min(losses, default=np.inf)


def _resplits(members: Members, merges: list[Merge], rng: RandomState) -> Iterator[Move]:
    """New splits of a component together with the neighbour that it would be merged with."""
    mass, pairs = members.moments.mass, list[tuple[int, int]]()
    weights = members.parameters.weights
    for merge in merges:
        partner = int(np.argmax(members.taken[merge.freed]))
        pair = min(merge.freed, partner), max(merge.freed, partner)
        far = len(mass) > _MANY and members.removal[merge.freed] > _NEAR * mass[merge.freed]
        empty = not weights[list(pair)].any()
        if not (far or empty) and pair[0] != pair[1] and pair not in pairs:
            pairs.append(pair)
    for pair, splits in zip(pairs, members.resplits(pairs, rng), strict=True):
        yield from (Move(one.gain, one, pair) for one in splits if abs(one.gain) > _SAME)


class Members:
    """The samples of each component, and the loss of log-likelihood without it.

    Parameters
    ----------
    objective : Objective
        Of samples in memory.
    """

    def __init__(self, objective: Objective, here: EMResult, sound: Sound) -> None:
        rows = objective.rows
        assert isinstance(rows, InMemoryRows)
        parameters = here.parameters
        self.objective = objective.local(rows)
        self.parameters, self.moments = parameters, here.moments
        self.sound = sound
        self.test = CollapseTest.of_fit(objective.regularisation, here.moments, rows.n_counted)
        self.rows, self.weights = rows, rows.weights
        K, n = parameters.n_components, rows.n_samples
        self.density = np.empty(n)  # log-density of each sample
        self.removal = np.zeros(K)
        self.taken = np.zeros((K, K))  # mass of the samples of one whose second choice is another
        entries = [self._visit(slice(i, min(i + _SLICE, n))) for i in range(0, n, _SLICE)]
        samples, components, responsibilities = map(np.concatenate, zip(*entries, strict=True))
        # Stable sorts of short integers take linear time.
        order = np.argsort(components.astype(np.min_scalar_type(K)), kind="stable")
        self.samples, self.responsibilities = samples[order], responsibilities[order]
        self.ends = np.r_[0, np.cumsum(np.bincount(components, minlength=K))]
        self._held = np.zeros(n)

    def _visit(self, part: slice) -> tuple[Array, Array, Array]:
        """Sample indices, components and responsibilities of a slice; the losses are summed."""
        rows, K = self.rows.part(part), self.parameters.n_components
        self.density[part], log_responsibilities = e_step.log_parts(
            rows.X, self.parameters, rows.n_threads
        )
        # Most responsibilities are 0, so that few exponentials are needed.
        found = np.flatnonzero(log_responsibilities >= np.log(_TRACE))
        responsibilities = np.exp(log_responsibilities.ravel()[found])
        samples, components = np.divmod(found, K)
        weights, each = self.weights[part], np.arange(rows.n_samples)
        first = log_responsibilities.argmax(axis=1)
        highest = log_responsibilities[each, first]
        log_responsibilities[each, first] = -np.inf
        if K > 1:
            second = log_responsibilities.argmax(axis=1)
            # Where this rounds to nothing, most of it is that of the second choice.
            rest = -np.expm1(highest)
            without = np.log(np.maximum(rest, _ROUNDED))
            without = np.where(rest > _ROUNDED, without, log_responsibilities[each, second])
            self.removal += np.bincount(first, weights=-weights * without, minlength=K)
            self.taken += np.bincount(
                first * K + second, weights=weights * np.exp(highest), minlength=K * K
            ).reshape(K, K)
            minor = components != first[samples]
            self.removal += np.bincount(
                components[minor],
                weights=-weights[samples[minor]] * np.log1p(-responsibilities[minor]),
                minlength=K,
            )
        return samples + part.start, components, responsibilities

    def of(self, k: int) -> tuple[Array, Array]:
        """Indices of the samples of a component, and its responsibilities for them."""
        part = slice(self.ends[k], self.ends[k + 1])
        return self.samples[part], self.responsibilities[part]

    def of_all(self, components: Sequence[int]) -> tuple[Array, Array]:
        """The same of some components together."""
        parts = [self.of(k) for k in components]
        for samples, responsibilities in parts:
            self._held[samples] += responsibilities
        samples = np.flatnonzero(self._held > 0)
        responsibilities = np.minimum(self._held[samples], 1.0)
        self._held[samples] = 0.0
        return samples, responsibilities

    def objective_of(self, components: Sequence[int]) -> Objective:
        """The objective of the samples of some components, weighted by their responsibilities."""
        samples, responsibilities = self.of_all(components)
        weights = responsibilities * self.weights[samples]
        rows = InMemoryRows(self.rows.X[samples], weights, self.rows.n_threads)
        return replace(self.objective, rows=rows)

    def merge(self, i: int) -> Merge:
        """The removal of a component with the least loss."""
        partner = int(np.argmax(self.taken[i]))
        removal = Merge(i, None, float(self.removal[i]))
        if partner == i or self.taken[i, partner] <= 0:
            return removal
        loss = self._loss_of_merging(i, partner)
        return Merge(i, partner, loss) if loss <= removal.loss else removal

    def _loss_of_merging(self, i: int, j: int) -> float:
        moments = self.moments
        part = together(moments.form, Part.of(moments, i), Part.of(moments, j))
        scatter = None if part.scatter is None else part.scatter[None]
        if scatter is None:
            shared = moments.scatter / moments.mass.sum()
            apart = between(moments.form, Part.of(moments, i), Part.of(moments, j))
            scatter = part.mass * shared + apart
        one = replace(moments, mass=np.array([part.mass]), mean=part.mean[None], scatter=scatter)
        try:
            merged = self.objective.maximise(one, None)
        except IllDefinedCovarianceError:
            return np.inf
        samples, responsibilities = self.of_all([i, j])
        rows = replace(self.rows, X=self.rows.X[samples], sample_weight=None)
        log_part = np.log(part.mass / moments.mass.sum())
        ratio = np.exp(
            np.minimum(log_part + rows.log_densities(merged) - self.density[samples], 50.0)
        )
        left = np.maximum(1.0 - responsibilities + ratio, 1e-300)
        return float(-(self.weights[samples] @ np.log(left)))

    def splits(self, wanted: Sequence[tuple[int, float]], rng: RandomState) -> list[Split | None]:
        """The best split of each component, or None if it is far from gaining what is needed."""
        filled = [k for k, _ in wanted if self.of(k)[0].size]
        objectives = [self.objective_of([k]) for k in filled]
        whole = [np.zeros(one.rows.n_samples, dtype=np.int64) for one in objectives]
        starts = moments_of_partitions(objectives, whole, 1)
        known = [i for i, start in enumerate(starts) if start is not None]
        trials = Trials(
            [objectives[i] for i in known],
            [start for start in starts if start is not None],
            self.test,
            np.inf,
        )
        trials.evaluate()
        tasks: dict[int, Task] = {}
        for number, i in enumerate(known):
            if np.isfinite(trials.objective[number]):
                k, needed = filled[i], dict(wanted)[filled[i]]
                task = Task(objectives[i], self.moments.mass[k], 0.0, needed)
                tasks[k] = replace(task, level=float(trials.objective[number]) * task.weight)
        ends = best_splits(list(tasks.values()), self.test, self.sound, rng)
        found = dict(zip(tasks, ends, strict=True))
        return [next(iter(found.get(k, [])), None) for k, _ in wanted]

    def resplits(self, pairs: Sequence[tuple[int, int]], rng: RandomState) -> list[list[Split]]:
        """New splits of two components together, of each pair."""
        tasks = []
        for pair in map(list, pairs):
            objective = self.objective_of(pair)
            level = objective.evaluate(self.parameters.part(np.array(pair))).objective
            mass = self.moments.mass[pair].sum()
            tasks.append(Task(objective, mass, level, n_best=_RESPLITS))
        return best_splits(tasks, self.test, self.sound, rng)
