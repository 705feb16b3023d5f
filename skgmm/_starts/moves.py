"""Split-and-merge moves as edits of Moments, so that they serve every covariance structure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter

Some = TypeVar("Some")


@dataclass(frozen=True)
class Part:
    """Moments of one component; the scatter is None where it is pooled over all."""

    mass: float
    mean: Array  # (d,)
    scatter: Array | None

    @classmethod
    def of(cls, moments: Moments, k: int) -> Part:
        pooled = moments.form is Scatter.POOLED
        return cls(moments.mass[k], moments.mean[k], None if pooled else moments.scatter[k])

    def scaled(self, factor: float) -> Part:
        scatter = None if self.scatter is None else factor * self.scatter
        return Part(factor * self.mass, self.mean, scatter)


def between(form: Scatter, one: Part, other: Part) -> Array:
    """Scatter between two parts: that of their union less the sum of theirs."""
    coefficient = np.array([[one.mass * other.mass / (one.mass + other.mass)]])
    scatter = form.outer(coefficient, (one.mean - other.mean)[None, None])
    return scatter if form is Scatter.POOLED else scatter[0]


def together(form: Scatter, one: Part, other: Part) -> Part:
    """Moments of the union of two parts."""
    mass = one.mass + other.mass
    mean = one.mean + other.mass / mass * (other.mean - one.mean)
    if one.scatter is None or other.scatter is None:
        return Part(mass, mean, None)
    return Part(mass, mean, one.scatter + other.scatter + between(form, one, other))


@dataclass(frozen=True)
class Merge:
    """A component that may be freed, and the one that takes its samples."""

    freed: int
    into: int | None
    loss: float  # nats in total


@dataclass(frozen=True)
class Split:
    """Two halves of the samples of one or two components."""

    gain: float  # nats in total
    halves: tuple[Part, Part]


@dataclass(frozen=True)
class Move:
    """A component is split, and one half goes to a component that a merge has freed.

    Without a merge, two components are split again.
    """

    gain: float  # estimated, nats in total
    split: Split
    places: tuple[int, int]  # components of the halves
    merge: Merge | None = None

    @classmethod
    def swap(cls, merge: Merge, k: int, split: Split) -> Move:
        """A component is merged with its neighbour, and takes half of another one."""
        return cls(split.gain - merge.loss, split, (k, merge.freed), merge)

    @property
    def changed(self) -> set[int]:
        """Components whose moments change."""
        into = self.merge.into if self.merge is not None else None
        return set(self.places) if into is None else {*self.places, into}

    @property
    def components(self) -> set[int]:
        """Components that take part."""
        return self.changed if self.merge is None else {*self.changed, self.merge.freed}

    def applied(self, moments: Moments) -> Moments:
        """The moments after this move."""
        form = moments.form
        mass, mean, scatter = moments.mass.copy(), moments.mean.copy(), moments.scatter.copy()
        parts = dict(zip(self.places, self.split.halves, strict=True))
        pooled = -between(form, *self.split.halves)
        into = self.merge.into if self.merge is not None else None
        if self.merge is None or into is not None:
            pair = self.places if into is None else (into, self.places[1])
            one, other = (Part.of(moments, k) for k in pair)
            pooled = pooled + between(form, one, other)
            if into is not None:
                parts[into] = together(form, one, other)
        for k, part in parts.items():
            mass[k], mean[k] = part.mass, part.mean
            if part.scatter is not None:
                scatter[k] = part.scatter
        if form is Scatter.POOLED:
            scatter += pooled
        return replace(moments, mass=mass, mean=mean, scatter=scatter)


def after(moments: Moments, moves: Iterable[Move]) -> Moments:
    """Moments after these moves."""
    for move in moves:
        moments = move.applied(moments)
    return moments


def disjoint(moves: Iterable[Move]) -> list[Move]:
    """Moves that change different components; of those that conflict, the first."""
    taken: set[int] = set()
    chosen: list[Move] = []
    for move in moves:
        if not taken & move.changed:
            chosen.append(move)
            taken |= move.changed
    return chosen


def halved(moves: list[Some]) -> Iterator[list[Some]]:
    """All, the better half of them, and so on to the best one."""
    while moves:
        yield moves
        moves = moves[: len(moves) // 2]
