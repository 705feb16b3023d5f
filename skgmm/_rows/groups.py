"""Samples with missing values in groups: what each tells of a mixture.

A pattern with many samples is a group of its own: a `View` pushes the mixture to what is observed,
the kernel makes its ordinary pass, and the Moments are pulled back. Patterns with few samples are
visited together, in batches (see `incomplete`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from skgmm._kernels import numbering_lost_rows
from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm._parameters import MixtureParameters
from skgmm._rows import e_step
from skgmm._rows.base import InMemoryRows
from skgmm._rows.beside import beside_noise, log_parts_beside
from skgmm._rows.deconvolution import ErrorGroup
from skgmm._rows.incomplete import Batch, batches
from skgmm._rows.measurement_errors import shared_errors
from skgmm._rows.noise import Background
from skgmm._rows.view import View

# Samples of a pattern from which on a pass of the kernel is faster than a batch.
_MANY = 64


class Group(Protocol):
    """Samples that are visited together."""

    @property
    def numbers(self) -> Array:
        """Which samples they are, (b,)."""

    def expectation(self, mixture: MixtureParameters, form: Scatter, floor: Array) -> Moments: ...

    def log_parts(self, mixture: MixtureParameters) -> tuple[Array, Array]:
        """Log-densities (b,) and logarithms of the responsibilities (b, K), noise last (K + 1)."""


@dataclass(frozen=True)
class PatternGroup:
    """Samples with one pattern, at least one feature of which is observed."""

    numbers: Array
    view: View
    rows: InMemoryRows  # what is observed

    def expectation(self, mixture: MixtureParameters, form: Scatter, floor: Array) -> Moments:
        pushed, floor = self.view.push(mixture), floor[self.view.observed]
        seen_form, log_noise = pushed.form(form), self.view.log_noise(mixture)
        with numbering_lost_rows(numbers=self.numbers):
            if log_noise == -np.inf:
                seen = self.rows.expectation(pushed.seen, seen_form, floor)
            else:
                seen = beside_noise(self.rows, pushed.seen, seen_form, floor, log_noise)
        return pushed.pull(seen, form)

    def log_parts(self, mixture: MixtureParameters) -> tuple[Array, Array]:
        seen = self.view.push(mixture).seen
        with numbering_lost_rows(numbers=self.numbers):
            if self.view.background is not None:
                return log_parts_beside(self.rows, seen, self.view.log_noise(mixture))
            return e_step.log_parts(self.rows.X, seen, self.rows.n_threads)


@dataclass(frozen=True)
class EmptyGroup:
    """Samples without any value: nothing is known but, perhaps, their component."""

    numbers: Array
    weights: Array  # (b,)
    view: View

    def expectation(self, mixture: MixtureParameters, form: Scatter, floor: Array) -> Moments:
        pushed = self.view.push(mixture)
        log_density, log_responsibilities = self._log_parts(mixture)
        total = float(self.weights.sum())
        mass = total * np.exp(log_responsibilities)
        seen_form = pushed.form(form)
        nothing = np.zeros(seen_form.shape(len(mass), 0))
        moments = Moments(seen_form, mass, pushed.seen.means, nothing, total * log_density, total)
        return pushed.pull(moments, form)

    def log_parts(self, mixture: MixtureParameters) -> tuple[Array, Array]:
        log_density, log_responsibilities = self._log_parts(mixture)
        if self.view.background is not None:
            log_noise = self.view.log_noise(mixture) - log_density
            log_responsibilities = np.append(log_responsibilities, log_noise)
        n_samples = len(self.numbers)
        return np.full(n_samples, log_density), np.tile(log_responsibilities, (n_samples, 1))

    def _log_parts(self, mixture: MixtureParameters) -> tuple[float, Array]:
        log_weights = self.view.push(mixture).seen.log_weights
        total = float(np.logaddexp.reduce(np.append(log_weights, self.view.log_noise(mixture))))
        return (0.0 if self.view.allowed is None else total), log_weights - total


def all_groups(
    rows: InMemoryRows,
    known: Array | None = None,
    background: Background | None = None,
    errors: Array | None = None,
) -> list[Group]:
    """The groups of samples, also of those with measurement errors, (n, d) or (n, d, d).

    Samples that share an error covariance, and a pattern of missing values, are seen in one way.
    """
    if errors is None:
        return groups_of(rows, known, background)
    inexact = np.asarray(errors.reshape(len(errors), -1).any(axis=1))
    together = [np.flatnonzero(~inexact)] if not inexact.all() else []
    numbers = np.flatnonzero(inexact)
    together += [numbers[own] for own in shared_errors(errors[numbers], _MANY)]
    alone = np.ones(rows.n_samples, dtype=bool)
    groups: list[Group] = []
    for own in together:
        labels = None if known is None else known[own]
        for group in groups_of(rows.taken(own), labels, background):
            if inexact[own[0]] and isinstance(group, Batch):
                continue  # too few of a pattern
            alone[own[group.numbers]] = False
            groups.append(_renumbered(group, own, errors[own[0]] if inexact[own[0]] else None))
    left = np.flatnonzero(alone)
    if len(left):
        data = rows.X, rows.weights, errors, left, known, background
        groups.append(ErrorGroup.of(*data, n_threads=rows.n_threads))
    return groups


def with_threads(group: Group, n_threads: int) -> Group:
    """The same, visited by so many threads, if they are of use."""
    if isinstance(group, PatternGroup):
        return replace(group, rows=replace(group.rows, n_threads=n_threads))
    return replace(group, n_threads=n_threads) if isinstance(group, ErrorGroup) else group


def _renumbered(group: Group, numbers: Array, errors: Array | None) -> Group:
    """A group of some samples, by their numbers among all, with the errors that they share."""
    assert isinstance(group, (PatternGroup, EmptyGroup, Batch))
    if isinstance(group, PatternGroup) and errors is not None:
        group = replace(group, view=replace(group.view, errors=errors))
    return replace(group, numbers=numbers[group.numbers])


def groups_of(
    rows: InMemoryRows, known: Array | None = None, background: Background | None = None
) -> list[Group]:
    """The groups of samples with the same pattern of missing values, and the same label.

    Parameters
    ----------
    known : ndarray of int64, shape (n,), or None
        The component of a sample where it is known, else -1.
    """
    missing = np.isnan(rows.X)
    keys = _keys(missing, known)
    if not len(keys):  # as in an empty chunk
        return []
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.r_[True, keys[order[1:]] != keys[order[:-1]]])
    groups: list[Group] = []
    rest: list[Array] = []
    for own in np.split(order, starts[1:]):
        lacks, allowed = missing[own[0]], _allowed(known, own[0])
        if len(own) < _MANY and lacks.any() and not lacks.all():
            rest.append(own)
            continue
        noise = None
        if background is not None:
            noise = float(background.log_density(lacks, None if known is None else known[own[0]]))
        view = View(~lacks, allowed, noise)
        if not view.observed.any():
            groups.append(EmptyGroup(own, rows.weights[own], view))
            continue
        groups.append(PatternGroup(own, view, _observed(rows, own, view)))
    if rest:
        few = np.sort(np.concatenate(rest))
        groups += batches(rows.X, rows.weights, missing, few, known, background)
    return groups


def _observed(rows: InMemoryRows, numbers: Array, view: View) -> InMemoryRows:
    """What is observed of the samples with these numbers; without a copy where that is all."""
    whole = view.observed.all()
    if whole and len(numbers) == rows.n_samples:
        return rows
    X = np.take(rows.X, numbers, axis=0)
    X = X if whole else np.compress(view.observed, X, axis=1)  # faster than np.ix_
    weights = None if rows.sample_weight is None else rows.sample_weight[numbers]
    return InMemoryRows(X, weights, rows.n_threads)


# Bytes of the integers that are sorted fastest.
_SIZES = (1, 2, 4, 8)


def _keys(missing: Array, known: Array | None) -> Array:
    """A number for each pattern of missing values and label, (n,), small where possible."""
    packed = np.packbits(missing, axis=1)
    if known is not None:
        labels = (known + 1).astype(np.min_scalar_type(int(known.max(initial=0)) + 1))
        packed = np.column_stack([packed, labels.view(np.uint8).reshape(len(known), -1)])
    width = packed.shape[1]
    if width > _SIZES[-1]:
        return np.unique(packed, axis=0, return_inverse=True)[1].ravel()
    size = next(size for size in _SIZES if size >= width)
    padded = np.zeros((len(packed), size), dtype=np.uint8)
    padded[:, :width] = packed
    return padded.view(f">u{size}").astype(f"u{size}")[:, 0]


def _allowed(known: Array | None, sample: int) -> tuple[int] | None:
    """The components that the label of a sample allows; None: all."""
    return None if known is None or known[sample] < 0 else (int(known[sample]),)
