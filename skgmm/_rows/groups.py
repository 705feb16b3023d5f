"""Samples with missing values in groups: what each tells of a mixture.

A pattern with many samples is a group of its own: a `View` pushes the mixture to what is observed,
the kernel makes its ordinary pass, and the Moments are pulled back. Patterns with few samples are
visited together, in batches (see `incomplete`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from skgmm._kernels import LostRowError
from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm._parameters import MixtureParameters
from skgmm._rows import incomplete
from skgmm._rows.base import InMemoryRows
from skgmm._rows.incomplete import Batch, batches
from skgmm._rows.view import View

# Samples of a pattern from which on a pass of the kernel is faster than a batch.
_MANY = 64


class Group(Protocol):
    """Samples that are visited together."""

    @property
    def numbers(self) -> Array:
        """Which samples they are, (b,)."""

    def expectation(self, mixture: MixtureParameters, form: Scatter, floor: Array) -> Moments: ...

    def log_joint(self, mixture: MixtureParameters) -> tuple[Array, Array]:
        """Log-densities (b,) and logarithms of the responsibilities (b, K)."""


@dataclass(frozen=True)
class PatternGroup:
    """Samples with one pattern, at least one feature of which is observed."""

    numbers: Array
    view: View
    rows: InMemoryRows  # what is observed

    def expectation(self, mixture: MixtureParameters, form: Scatter, floor: Array) -> Moments:
        pushed = self.view.push(mixture)
        seen = self._numbered(
            lambda: self.rows.expectation(pushed.seen, pushed.form(form), floor[self.view.observed])
        )
        return pushed.pull(seen, form)

    def log_joint(self, mixture: MixtureParameters) -> tuple[Array, Array]:
        seen = self.view.push(mixture).seen
        return self._numbered(
            lambda: (self.rows.log_densities(seen), self.rows.log_responsibilities(seen))
        )

    def _numbered(self, function: Callable[[], Any]) -> Any:
        try:
            return function()
        except LostRowError as error:
            raise LostRowError(int(self.numbers[error.row])) from error


@dataclass(frozen=True)
class EmptyGroup:
    """Samples without any value: nothing is known but, perhaps, their component."""

    numbers: Array
    weights: Array  # (b,)
    view: View

    def expectation(self, mixture: MixtureParameters, form: Scatter, floor: Array) -> Moments:
        pushed = self.view.push(mixture)
        log_density, log_responsibilities = self._log_joint(pushed.seen)
        total = float(self.weights.sum())
        mass = total * np.exp(log_responsibilities)
        seen_form = pushed.form(form)
        shape = {Scatter.FULL: (len(mass), 0, 0), Scatter.POOLED: (0, 0)}
        nothing = np.zeros(shape.get(seen_form, (len(mass), 0)))
        moments = Moments(seen_form, mass, pushed.seen.means, nothing, total * log_density, total)
        return pushed.pull(moments, form)

    def log_joint(self, mixture: MixtureParameters) -> tuple[Array, Array]:
        log_density, log_responsibilities = self._log_joint(self.view.push(mixture).seen)
        n_samples = len(self.numbers)
        return np.full(n_samples, log_density), np.tile(log_responsibilities, (n_samples, 1))

    def _log_joint(self, seen: MixtureParameters) -> tuple[float, Array]:
        total = float(np.logaddexp.reduce(seen.log_weights))
        log_responsibilities = seen.log_weights - total
        return (0.0 if self.view.allowed is None else total), log_responsibilities


@dataclass(frozen=True)
class BatchGroup:
    """Samples with many patterns."""

    batch: Batch

    @property
    def numbers(self) -> Array:
        return self.batch.numbers

    def expectation(self, mixture: MixtureParameters, form: Scatter, floor: Array) -> Moments:
        return incomplete.expectation(self.batch, mixture, form, floor)

    def log_joint(self, mixture: MixtureParameters) -> tuple[Array, Array]:
        joint = incomplete.log_joint(self.batch, mixture)
        log_density = incomplete.log_sums(self.batch, joint)
        return log_density, (joint - log_density).T


def groups_of(rows: InMemoryRows, known: Array | None = None) -> list[Group]:
    """The groups of samples with the same pattern of missing values, and the same label.

    Parameters
    ----------
    known : ndarray of int64, shape (n,), or None
        The component of a sample where it is known, else -1.
    """
    missing = np.isnan(rows.X)
    weights = np.ones(rows.n_samples) if rows.sample_weight is None else rows.sample_weight
    packed = np.packbits(missing, axis=1)
    if known is not None:
        packed = np.column_stack([packed, known.view(np.uint8).reshape(len(known), -1)])
    _, first, pattern, counts = np.unique(
        packed, axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    pattern = pattern.ravel()
    n_missing = missing[first].sum(axis=1)
    alone = (counts >= _MANY) | (n_missing == 0) | (n_missing == rows.n_features)
    order = np.argsort(pattern, kind="stable")
    ends = np.cumsum(counts)
    groups: list[Group] = []
    for number in np.flatnonzero(alone):
        own = np.sort(order[ends[number] - counts[number] : ends[number]])
        view = View(~missing[first[number]], _allowed(known, first[number]))
        if not view.observed.any():
            groups.append(EmptyGroup(own, weights[own], view))
            continue
        X = rows.X[own] if view.observed.all() else rows.X[np.ix_(own, view.observed)]
        own_weights = None if rows.sample_weight is None else weights[own]
        groups.append(PatternGroup(own, view, InMemoryRows(X, own_weights, rows.n_threads)))
    rest = np.flatnonzero(~alone[pattern])
    groups += [BatchGroup(batch) for batch in batches(rows.X, weights, missing, rest, known)]
    return groups


def _allowed(known: Array | None, sample: int) -> tuple[int] | None:
    """The components that the label of a sample allows; None: all."""
    return None if known is None or known[sample] < 0 else (int(known[sample]),)
