"""Samples with missing values in groups: what each tells of a mixture.

A pattern with many samples is a group of its own: a `View` pushes the mixture to what is observed,
the kernel makes its ordinary pass, and the Moments are pulled back. Patterns with few samples are
visited together, in batches (see `incomplete`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from skgmm import _kernels
from skgmm._kernels import LostRowError
from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm._parameters import MixtureParameters
from skgmm._rows import incomplete
from skgmm._rows.base import InMemoryRows
from skgmm._rows.incomplete import Batch, batches
from skgmm._rows.measurement_errors import error_groups
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

    def log_joint(self, mixture: MixtureParameters) -> tuple[Array, Array]:
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
        with self._numbered():
            if log_noise == -np.inf:
                seen = self.rows.expectation(pushed.seen, seen_form, floor)
            else:
                seen = beside_noise(self.rows, pushed.seen, seen_form, floor, log_noise)
        return pushed.pull(seen, form)

    def log_joint(self, mixture: MixtureParameters) -> tuple[Array, Array]:
        seen = self.view.push(mixture).seen
        with self._numbered():
            log_density = self.rows.log_densities(seen)
            log_responsibilities = self.rows.log_responsibilities(seen)
        if self.view.background is None:
            return log_density, log_responsibilities
        return with_noise(log_density, log_responsibilities, self.view.log_noise(mixture))

    @contextmanager
    def _numbered(self) -> Iterator[None]:
        """Errors about a row name the sample that it is."""
        try:
            yield
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
        log_density, log_responsibilities = self._log_joint(mixture)
        total = float(self.weights.sum())
        mass = total * np.exp(log_responsibilities)
        seen_form = pushed.form(form)
        shape = {Scatter.FULL: (len(mass), 0, 0), Scatter.POOLED: (0, 0)}
        nothing = np.zeros(shape.get(seen_form, (len(mass), 0)))
        moments = Moments(seen_form, mass, pushed.seen.means, nothing, total * log_density, total)
        return pushed.pull(moments, form)

    def log_joint(self, mixture: MixtureParameters) -> tuple[Array, Array]:
        log_density, log_responsibilities = self._log_joint(mixture)
        if self.view.background is not None:
            log_noise = self.view.log_noise(mixture) - log_density
            log_responsibilities = np.append(log_responsibilities, log_noise)
        n_samples = len(self.numbers)
        return np.full(n_samples, log_density), np.tile(log_responsibilities, (n_samples, 1))

    def _log_joint(self, mixture: MixtureParameters) -> tuple[float, Array]:
        log_weights = self.view.push(mixture).seen.log_weights
        total = float(np.logaddexp.reduce(np.append(log_weights, self.view.log_noise(mixture))))
        return (0.0 if self.view.allowed is None else total), log_weights - total


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
        log_joint = incomplete.log_joint(self.batch, mixture)
        log_noise = incomplete.log_noise(self.batch, mixture)
        log_density = incomplete.log_sums(self.batch, log_joint, log_noise)
        if log_noise is not None:
            log_joint = np.vstack([log_joint, log_noise])
        return log_density, (log_joint - log_density).T


def beside_noise(
    rows: InMemoryRows,
    mixture: MixtureParameters,
    form: Scatter,
    floor: Array,
    log_noise: float,
) -> Moments:
    """The E-step beside noise: each sample counts for what is not noise of it.

    Two passes: log-densities give the part, and the Moments are those of samples with such weights.
    """
    factors = mixture.covariance.kernel_factors
    log_weights = np.ascontiguousarray(mixture.log_weights)
    means = np.ascontiguousarray(mixture.means)
    log_density = np.empty(rows.n_samples)
    log_peak = _kernels.log_peak(log_weights, factors, np.ascontiguousarray(floor))
    n_threads = rows.n_threads
    _kernels.values(rows.X, means, factors, log_peak, log_density=log_density, n_threads=n_threads)
    total = np.logaddexp(log_density, log_noise)
    weights = np.ones(len(total)) if rows.sample_weight is None else rows.sample_weight
    counted = weights * np.exp(log_density - total)
    moments = no_moments(mixture, form)
    if counted.any():
        moments = rows.reweighted(counted).expectation(mixture, form, floor)
    objective = float(weights @ total)
    return replace(moments, objective=objective, total_weight=float(weights.sum()))


def no_moments(mixture: MixtureParameters, form: Scatter) -> Moments:
    """Of no sample."""
    n_components, d = mixture.means.shape
    nothing = form.from_dense(np.zeros((n_components, d, d)))
    return Moments(form, np.zeros(n_components), mixture.means, nothing, 0.0, 0.0)


def with_noise(
    log_density: Array, log_responsibilities: Array, log_noise: float
) -> tuple[Array, Array]:
    """Log-densities (b,) and log-responsibilities (b, K + 1) beside noise, which is last."""
    total = np.logaddexp(log_density, log_noise)
    own = log_responsibilities + (log_density - total)[:, None]
    return total, np.column_stack([own, log_noise - total])


def all_groups(
    rows: InMemoryRows,
    known: Array | None = None,
    background: Background | None = None,
    errors: Array | None = None,
) -> list[Group]:
    """The groups of samples, also of those with measurement errors, (n, d) or (n, d, d)."""
    if errors is None:
        return groups_of(rows, known, background)
    inexact = errors.reshape(len(errors), -1).any(axis=1)
    exact, numbers = np.flatnonzero(~inexact), np.flatnonzero(inexact)
    weights = np.ones(rows.n_samples) if rows.sample_weight is None else rows.sample_weight
    groups: list[Group] = list(error_groups(rows.X, weights, errors, numbers, known, background))
    if len(exact):
        own = None if known is None else known[exact]
        groups += (
            _renumbered(group, exact) for group in groups_of(rows.taken(exact), own, background)
        )
    return groups


def _renumbered(group: Group, numbers: Array) -> Group:
    """A group of some samples, by their numbers among all."""
    if isinstance(group, BatchGroup):
        batch = replace(group.batch, numbers=numbers[group.batch.numbers])
        return replace(group, batch=batch)
    assert isinstance(group, (PatternGroup, EmptyGroup))
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
    weights = np.ones(rows.n_samples) if rows.sample_weight is None else rows.sample_weight
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
        view = View(~lacks, allowed, _log_density(background, lacks, allowed))
        if not view.observed.any():
            groups.append(EmptyGroup(own, weights[own], view))
            continue
        X = rows.X[own] if view.observed.all() else rows.X[np.ix_(own, view.observed)]
        own_weights = None if rows.sample_weight is None else weights[own]
        groups.append(PatternGroup(own, view, InMemoryRows(X, own_weights, rows.n_threads)))
    if rest:
        few = np.sort(np.concatenate(rest))
        found = batches(rows.X, weights, missing, few, known, background)
        groups += [BatchGroup(batch) for batch in found]
    return groups


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


def _log_density(
    background: Background | None, missing: Array, allowed: tuple[int] | None
) -> float | None:
    """The log-density of noise at what is observed; a sample whose component is known is none."""
    if background is None:
        return None
    return float(background.log_density(missing)) if allowed is None else -np.inf
