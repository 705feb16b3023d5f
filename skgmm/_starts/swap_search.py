"""With many components: swaps that gain, found in neighbourhoods, and applied many at once."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.random import RandomState

from skgmm._em.result import EMResult
from skgmm._linalg import Array
from skgmm._objective import Objective
from skgmm._starts.budget import Budget, work_of_estimates, work_of_trials
from skgmm._starts.local_gains import KnownSplits, Members
from skgmm._starts.local_splits import Sound
from skgmm._starts.neighbourhoods import Change, Neighbourhoods, Swap

# A swap that gains less than this, in nats, is chance.
_CHANCE = 1.0

# A split is not tried if this many times its gain with all others fixed is not enough.
_OPTIMISM = 10.0


@dataclass
class Tried:
    """The latest trial of each component, None where it failed."""

    known: KnownSplits = field(default_factory=KnownSplits)  # from which splits are tried
    removals: dict[int, Change | None] = field(default_factory=dict)
    splits: dict[int, Change | None] = field(default_factory=dict)
    settled: bool = False  # whether there was no swap that gains


def find_swaps(
    objective: Objective,
    here: EMResult,
    sound: Sound,
    tried: Tried,
    budget: Budget,
    rng: RandomState,
) -> list[Swap]:
    """Swaps that gain, the best first, and far from each other; none without a budget.

    A trial is not repeated while the component and its nearest neighbours are nearly the same,
    unless its swap is chosen.

    Parameters
    ----------
    objective : Objective
        Of whole samples in memory.
    sound : callable
        Whether components are supported by their samples.
    tried : Tried
        At previous optima; updated.
    """
    outdated = tried.known.outdated(here)
    if tried.settled and not outdated:
        return []
    work = work_of_estimates(objective, here.parameters.n_components, len(outdated))
    if budget.left <= work:
        return []
    budget.spend(work)
    members = Members(objective, here, sound)
    tried.known.update(here, members, lambda _: -np.inf, rng)
    trials = SwapTrials(Neighbourhoods(members, here), tried)
    chosen = trials.chosen(outdated, objective.held)
    n_densities, n_trials = trials.neighbourhoods.n_densities, trials.neighbourhoods.n_trials
    budget.spend(work_of_trials(objective, n_densities, n_trials))
    tried.settled = not chosen
    return chosen


class SwapTrials:
    """Trials at one optimum; those of previous ones are updated."""

    def __init__(self, neighbourhoods: Neighbourhoods, tried: Tried) -> None:
        self.neighbourhoods, self.tried, self.splits = neighbourhoods, tried, tried.known.all()
        self.least = 0.0  # loss of a removal
        self.fresh: set[int] = set()

    def chosen(self, outdated: set[int], held: Array | None) -> list[Swap]:
        """Swaps that gain, the best first, each component in one of them."""
        self._try_near(outdated)
        taken = set() if held is None else set(np.flatnonzero(held).tolist())
        removals, splits = (
            sorted(
                (one for one in changes.values() if one and not one.changed & taken),
                key=lambda change: -change.gain,
            )
            for changes in (self.tried.removals, self.tried.splits)
        )
        chosen: list[Swap] = []
        for split in splits:
            swap = self._with_best(split, removals, taken)
            if swap is None:
                continue
            if split.component not in taken and (current := self._current(swap)) is not None:
                chosen.append(current)
                taken |= current.around
            # Else it has to wait for what was chosen nearby, and no worse split gets its removal.
            taken |= swap.removal.changed
        return sorted(chosen, key=lambda swap: -swap.gain)

    def _with_best(self, split: Change, removals: list[Change], taken: set[int]) -> Swap | None:
        """The split with the best removal that is left for it, if both together gain."""
        for removal in removals:
            swap = Swap(removal, split)
            if swap.gain <= _CHANCE:
                return None
            if swap.apart and not removal.changed & taken:
                return swap
        return None

    def _try_near(self, outdated: set[int]) -> None:
        """Try all removals and splits in whose neighbourhood a component has changed."""
        K = len(self.neighbourhoods.moments.mass)
        core = self.neighbourhoods.core
        done = self.tried.removals
        fresh = [k for k in range(K) if k not in done or outdated.intersection(core(k))]
        for k in fresh:
            self.tried.removals[k] = self.neighbourhoods.removal(k)
        best = max((one.gain for one in self.tried.removals.values() if one), default=-np.inf)
        self.least = -best
        for k in fresh:
            self.tried.splits[k] = self._split(k)
        self.fresh = set(fresh)

    def _split(self, k: int) -> Change | None:
        split = self.splits.get(k)
        if split is None or _OPTIMISM * split.gain < self.least:
            return None
        return self.neighbourhoods.split(k, split, self.least)

    def _current(self, swap: Swap) -> Swap | None:
        """The swap from the present optimum, if it gains there too."""
        removed, split = swap.removal.component, swap.split.component
        if removed not in self.fresh:
            self.tried.removals[removed] = self.neighbourhoods.removal(removed)
        if split not in self.fresh:
            self.tried.splits[split] = self._split(split)
        self.fresh |= {removed, split}
        removal, halves = self.tried.removals[removed], self.tried.splits[split]
        if removal is None or halves is None:
            return None
        current = Swap(removal, halves)
        return current if current.apart and current.gain > _CHANCE else None
