"""Removals and splits tried on a few components and their samples, with all others fixed.

With many components a trial on all samples is costly, and an estimate with fixed neighbours is
crude: the loss of removing a component may be overestimated by a factor of ten. EM with a component
and its nearest neighbours costs a fraction of a pass. Its samples are weighted by the
responsibilities of these components together, so that the gain is a lower bound of the true one
(Neal and Hinton 1998).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from skgmm._em.collapse import few_samples
from skgmm._em.loop import EM
from skgmm._em.result import EMResult, EMStatus
from skgmm._kernels import LostRowError
from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm._parameters import MixtureParameters
from skgmm._rows.sample import MANY_COMPONENTS
from skgmm._starts.local_gains import Members
from skgmm._starts.moves import Part, Split, together
from skgmm.covariance import IllDefinedCovarianceError

# Components of a neighbourhood.
_SIZE = 8

# Evaluations of a trial, and the remaining gain at which it ends, in nats per sample. After the
# first evaluations it is given up if this many times the remaining gain is not enough.
_STEPS, _ROUGHLY, _OPTIMISM = (4, 12, 50), 1e-4, 10.0

# A split that gains less than this, in nats, is chance.
_CHANCE = 1.0


@dataclass(frozen=True)
class Change:
    """A neighbourhood after EM with one component more, or one less."""

    gain: float  # nats in total; negative for a removal
    component: int  # that is removed or split
    into: int  # takes most samples of a removed component; or the one that is split
    parts: dict[int, Part]  # of the component and its neighbours, as far as they remain
    other: Part | None = None  # the second half of a split

    @property
    def neighbours(self) -> set[int]:
        """The component and its neighbours."""
        return {self.component, *self.parts}


@dataclass(frozen=True)
class Swap:
    """One component is removed, and another one split, far from each other."""

    removal: Change
    split: Change

    @property
    def gain(self) -> float:
        """In nats."""
        return self.removal.gain + self.split.gain

    @property
    def changed(self) -> set[int]:
        """Components that no other swap may change: those removed, split, and merged into."""
        return {self.removal.component, self.removal.into, self.split.component}

    @property
    def apart(self) -> bool:
        """Whether neither component is a neighbour of the other."""
        removed, split = self.removal, self.split
        return (
            removed.component not in split.neighbours and split.component not in removed.neighbours
        )


def swapped(moments: Moments, swaps: Sequence[Swap]) -> Moments:
    """The moments after these swaps; neighbours of several are changed by the first."""
    mass, mean, scatter = moments.mass.copy(), moments.mean.copy(), moments.scatter.copy()
    parts: dict[int, Part] = {}
    for swap in swaps:  # what each is about
        for change in (swap.removal, swap.split):
            parts |= {k: part for k, part in change.parts.items() if k in swap.changed}
    for swap in swaps:
        for change in (swap.removal, swap.split):
            parts = change.parts | parts
        assert swap.split.other is not None
        parts[swap.removal.component] = swap.split.other
    for k, part in parts.items():
        mass[k], mean[k], scatter[k] = part.mass, part.mean, part.scatter
    return replace(moments, mass=mass, mean=mean, scatter=scatter)


def are_few(moments: Moments) -> bool:
    """Whether a neighbourhood is few of the components, and has covariances of its own."""
    return len(moments.mass) >= MANY_COMPONENTS and moments.form is not Scatter.POOLED


class Neighbourhoods:
    """Removals and splits of the components, each in its neighbourhood."""

    def __init__(self, members: Members, here: EMResult) -> None:
        self.members, self.moments, self.parameters = members, here.moments, here.parameters
        self.closeness = members.taken + members.taken.T
        self.n_densities = self.n_trials = 0

    def swaps(self, splits: dict[int, Split], held: Array | None) -> list[Swap]:
        """Swaps that gain, the best first, and each component in one of them."""
        removals = [self._removal(k) for k in range(len(self.moments.mass))]
        losses = sorted(filter(None, removals), key=lambda change: -change.gain)
        least = -losses[0].gain if losses else np.inf
        tried = [self._split(k, split, least) for k, split in splits.items()]
        gains = sorted(filter(None, tried), key=lambda change: -change.gain)
        taken = set() if held is None else set(np.flatnonzero(held).tolist())
        chosen: list[Swap] = []
        for split in gains:
            for removal in losses:
                swap = Swap(removal, split)
                if swap.gain <= _CHANCE:
                    break
                if swap.apart and not swap.changed & taken:
                    chosen.append(swap)
                    taken |= swap.changed
                    break
        return sorted(chosen, key=lambda swap: -swap.gain)

    def _removal(self, k: int) -> Change | None:
        """The removal of a component, whose samples go to the one that is second for most."""
        neighbours = self._around(k)
        into = int(np.argmax(self.members.taken[k]))
        left = [j for j in neighbours if j != k]
        if into not in left:
            return None
        parts = {j: Part.of(self.moments, j) for j in left}
        parts[into] = together(self.moments.form, parts[into], Part.of(self.moments, k))
        end = self._end(neighbours, list(parts.values()), -np.inf)
        return end and Change(end[0], k, into, dict(zip(left, end[1], strict=True)))

    def _split(self, k: int, split: Split, needed: float) -> Change | None:
        neighbours = self._around(k)
        parts = {j: Part.of(self.moments, j) for j in neighbours}
        parts[k], other = split.halves
        end = self._end(neighbours, [*parts.values(), other], needed)
        if end is None:
            return None
        *ends, other = end[1]
        change = Change(end[0], k, k, dict(zip(neighbours, ends, strict=True)), other)
        few = few_samples(self.parameters.n_features)
        return change if min(change.parts[k].mass, other.mass) >= few else None

    def _around(self, k: int) -> list[int]:
        """A component and those that overlap most with it."""
        closeness = self.closeness[k].copy()
        closeness[k] = np.inf
        nearest = np.argsort(-closeness, kind="stable")[:_SIZE]
        return nearest[closeness[nearest] > 0].tolist()

    def _end(
        self, neighbours: list[int], parts: list[Part], needed: float
    ) -> tuple[float, list[Part]] | None:
        """Gain and parts after EM from these parts, or None if it fails or gains too little."""
        objective = self.members.objective_of(neighbours)
        rows, among = objective.rows, np.array(neighbours)
        level = objective.evaluate(_part_of(self.parameters, among)).objective
        try:
            start = objective.maximise(_moments_of(parts, self.moments), None)
            run = EM(objective, start, tol=_ROUGHLY, acceleration=None)
        except (IllDefinedCovarianceError, LostRowError):
            return None
        for most in _STEPS:
            end = run.until(most)
            gain = end.moments.objective - level
            ahead = _OPTIMISM * end.remaining * end.moments.total_weight
            if end.status is not EMStatus.MAX_ITER or gain + ahead < needed:
                break
        self.n_trials += 1
        self.n_densities += (len(end.objectives) + 1) * rows.n_samples * len(parts)
        if end.status is EMStatus.COLLAPSED or not self.members.sound(end):
            return None
        factor = self.moments.mass[among].sum() / end.moments.mass.sum()
        return gain, [Part.of(end.moments, j).scaled(factor) for j in range(len(parts))]


def _part_of(parameters: MixtureParameters, among: Array) -> MixtureParameters:
    """Some components as a mixture of their own."""
    weights = parameters.weights[among] / parameters.weights[among].sum()
    covariance = parameters.covariance.reordered(among)
    return MixtureParameters.from_weights(weights, parameters.means[among], covariance)


def _moments_of(parts: list[Part], moments: Moments) -> Moments:
    """Parts as moments of the same form."""
    mass = np.array([part.mass for part in parts])
    mean = np.array([part.mean for part in parts])
    scatter = np.array([part.scatter for part in parts])
    return replace(moments, mass=mass, mean=mean, scatter=scatter)
