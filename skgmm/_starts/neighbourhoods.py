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
from itertools import islice

import numpy as np

from skgmm._em.collapse import few_samples
from skgmm._em.loop import EM
from skgmm._em.result import EMResult, EMStatus
from skgmm._kernels import LostRowError
from skgmm._moments import Moments, Scatter
from skgmm._starts.local_gains import Members
from skgmm._starts.moves import Part, Split, together
from skgmm.covariance import IllDefinedCovarianceError

# From here on components are too many for a start to find nearly all, and moves have to.
_MANY = 12

# Components of a neighbourhood.
_SIZE = 8

# Of these, so many are so near that a change of one changes what others gain.
_CORE = 3

# Evaluations of a trial, and the remaining gain at which it ends, in nats per sample. After the
# first evaluations it is given up if this many times the remaining gain is not enough.
_STEPS, _ROUGHLY, _OPTIMISM = (4, 12, 50), 1e-4, 10.0


@dataclass(frozen=True)
class Change:
    """A neighbourhood after EM with one component more, or one less."""

    gain: float  # nats in total; negative for a removal
    component: int  # that is removed or split
    into: int  # takes most samples of a removed component; or the one that is split
    parts: dict[int, Part]  # of the component and its neighbours, as far as they remain
    other: Part | None = None  # the second half of a split

    @property
    def changed(self) -> set[int]:
        """What is removed and merged into, or split."""
        return {self.component, self.into}

    @property
    def core(self) -> set[int]:
        """The component and its nearest neighbours."""
        return {self.component, *islice(self.parts, _CORE)}


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
        return self.removal.changed | self.split.changed

    @property
    def around(self) -> set[int]:
        """Those and the nearest neighbours, where the gain of another swap would be another one."""
        return self.changed | self.removal.core | self.split.core

    @property
    def apart(self) -> bool:
        """Whether neither component is one of the nearest neighbours of the other."""
        removed, split = self.removal, self.split
        return removed.component not in split.core and split.component not in removed.core


def swapped(moments: Moments, swaps: Sequence[Swap]) -> Moments:
    """The moments after these swaps, of as many samples as before.

    Neighbours of several are changed by the first.
    """
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
    kept = moments.mass.sum() / mass.sum()  # or else weights would not sum to 1
    return replace(moments, mass=kept * mass, mean=mean, scatter=kept * scatter)


def are_few(n_components: int, form: Scatter) -> bool:
    """Whether a neighbourhood is few of the components, and has covariances of its own."""
    return n_components >= _MANY and form is not Scatter.POOLED


class Neighbourhoods:
    """Removals and splits of the components, each in its neighbourhood."""

    def __init__(self, members: Members, here: EMResult) -> None:
        self.members, self.moments, self.parameters = members, here.moments, here.parameters
        self.closeness = members.taken + members.taken.T
        self.lost = {*here.empty, *here.collapsed}  # removed without loss
        self._levels: dict[int, float] = {}  # of the samples around a component
        self.n_densities = self.n_trials = 0

    def removal(self, k: int) -> Change | None:
        """The removal of a component, whose samples go to the one that is second for most."""
        if k in self.lost:
            return Change(0.0, k, k, {})
        neighbours = self.around(k)
        into = int(np.argmax(self.members.taken[k]))
        left = [j for j in neighbours if j != k]
        if into not in left:
            return None
        parts = {j: Part.of(self.moments, j) for j in left}
        parts[into] = together(self.moments.form, parts[into], Part.of(self.moments, k))
        end = self._end(k, list(parts.values()), -np.inf)
        return end and Change(end[0], k, into, dict(zip(left, end[1], strict=True)))

    def split(self, k: int, split: Split, needed: float) -> Change | None:
        """The split of a component; None if it gains less than is needed, in nats."""
        neighbours = self.around(k)
        parts = {j: Part.of(self.moments, j) for j in neighbours}
        parts[k], other = split.halves
        end = self._end(k, [*parts.values(), other], needed)
        if end is None:
            return None
        *ends, other = end[1]
        change = Change(end[0], k, k, dict(zip(neighbours, ends, strict=True)), other)
        few = few_samples(self.parameters.n_features)
        return change if min(change.parts[k].mass, other.mass) >= few else None

    def core(self, k: int) -> list[int]:
        """A component and its nearest neighbours."""
        return self.around(k)[: 1 + _CORE]

    def around(self, k: int) -> list[int]:
        """A component and those that overlap most with it, the nearest first."""
        closeness = self.closeness[k].copy()
        closeness[k] = np.inf
        nearest = np.argsort(-closeness, kind="stable")[:_SIZE]
        return nearest[closeness[nearest] > 0].tolist()

    def _end(self, k: int, parts: list[Part], needed: float) -> tuple[float, list[Part]] | None:
        """Gain and parts after EM around a component from these parts.

        None if it fails or gains too little.
        """
        neighbours = self.around(k)
        objective = self.members.objective_of(neighbours)
        rows, among = objective.rows, np.array(neighbours)
        if k not in self._levels:
            self._levels[k] = objective.evaluate(self.parameters.part(among)).objective
        level = self._levels[k]
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
        self.n_densities += (len(end.objectives) + 1) * rows.n_counted * len(parts)
        if end.status is EMStatus.COLLAPSED or not self.members.sound(end):
            return None
        factor = self.moments.mass[among].sum() / end.moments.mass.sum()
        return gain, [Part.of(end.moments, j).scaled(factor) for j in range(len(parts))]


def _moments_of(parts: list[Part], moments: Moments) -> Moments:
    """Parts as moments of the same form."""
    mass = np.array([part.mass for part in parts])
    mean = np.array([part.mean for part in parts])
    scatter = np.array([part.scatter for part in parts])
    return replace(moments, mass=mass, mean=mean, scatter=scatter)
