"""Many runs of EM in one call of compiled code: on the same samples, or on parts of them.

For few samples, what Python does between two calls of the kernel takes longer than the iterations.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from skgmm._em.collapse import CollapseTest
from skgmm._em.compiled import supports
from skgmm._em.coordinates import sums_of
from skgmm._em.result import EMResult, EMStatus
from skgmm._kernels import Decisions, Next, _native, packed
from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters
from skgmm._starts.batch import Layout
from skgmm._starts.methods import EmptyStartError, moments_of_partition
from skgmm.covariance._base import covariance_of

Start = MixtureParameters | Moments
"""A mixture, or moments whose M-step it is."""

# Multiplications of a pass over samples so few that it takes less time than what Python does
# between two passes, and of one call of the kernel, which an interrupt waits for: some tenths of a
# second.
_FEW, _IN_ONE_CALL = 1e6, 1e9

# What is known of a run, as the kernel counts (`Known`).
_MIXTURE, _START_MOMENTS, _BOTH, _NO_START, _ELSEWHERE = range(5)


def work_of_pass(objective: Objective, n_components: int) -> float:
    """Multiplications of a pass over the samples."""
    rows = objective.rows
    return rows.n_counted * n_components * work_of_density(objective)


def work_of_density(objective: Objective) -> float:
    """Work of one density and its contribution to the sums, in multiplications."""
    d = objective.rows.n_features
    axis_aligned = objective.structure.scatter is Scatter.DIAGONAL
    return d * (8.0 if axis_aligned else d + 8.0) + 20.0


def side_by_side(of: Sequence[Objective], n_components: int) -> bool:
    """Whether it pays to run many starts in one call: samples are few, and EM is compiled."""
    return all(_is_served(one, n_components) for one in {id(one): one for one in of}.values())


def _is_served(objective: Objective, n_components: int) -> bool:
    structure = objective.structure
    if supports(objective) is not None or structure.ties is None or structure.several_optima:
        return False
    if structure.ties.turn or not (objective.floor > 0).all():
        return False
    return work_of_pass(objective, n_components) <= _FEW


def n_components_of(start: Start) -> int:
    """Components of a start."""
    return len(start.mass) if isinstance(start, Moments) else start.n_components


class _Problems:
    """The samples of some objectives, each of them once, as the kernel takes them."""

    def __init__(self, of: Sequence[Objective]) -> None:
        distinct = {id(each): each for each in of}
        numbers = {key: number for number, key in enumerate(distinct)}
        self.which = np.array([numbers[id(each)] for each in of], dtype=np.int64)
        data = [each.arrays for each in distinct.values() if each.arrays is not None]
        self.X, self.weights = [one.X for one in data], [one.sample_weight for one in data]
        self.floor = np.ascontiguousarray(of[0].floor)
        self.n_threads = max(one.n_threads for one in data)


def moments_of_partitions(
    of: Sequence[Objective], partitions: Sequence[Array], n_groups: int
) -> list[Moments | None]:
    """Moments of partitions, each of the samples of an objective; None where a group is empty.

    Parameters
    ----------
    partitions : sequence of ndarray
        Labels of shape (n,), or responsibilities of shape (n, n_groups).
    """
    if not of:
        return []
    if not side_by_side(of, n_groups) or any(one.ndim > 1 for one in partitions):
        return [_moments(one, some, n_groups) for one, some in zip(of, partitions, strict=True)]
    problems, form = _Problems(of), of[0].structure.scatter
    layout = Layout(len(of), n_groups, len(problems.floor), of[0].structure)
    sums = layout.sums
    _native.partitions(
        problems.X,
        problems.weights,
        problems.which,
        np.concatenate(partitions),
        n_groups,
        problems.floor,
        int(form),
        sums,
        problems.n_threads,
    )
    filled = sums[:, 2 : 2 + n_groups].min(axis=1) > 0
    return [layout.moments(own) if some else None for own, some in zip(sums, filled, strict=True)]


def _moments(objective: Objective, partition: Array, n_groups: int) -> Moments | None:
    with suppress(EmptyStartError):
        return moments_of_partition(objective, partition, n_groups)
    return None


class Together:
    """Runs in arrays, for compiled code.

    Attributes
    ----------
    decisions : list of Decisions
        Of each run.
    """

    def __init__(
        self, of: Sequence[Objective], starts: Sequence[Start], tol: float, acceleration: str | None
    ) -> None:
        n, K, d = len(starts), n_components_of(starts[0]), of[0].rows.n_features
        self.problems, self.layout = _Problems(of), Layout(n, K, d, of[0].structure)
        self.work_of_density = work_of_density(of[0])
        self.log_weights, self.means = np.zeros((n, K)), np.zeros((n, K, d))
        self.factors, self.sums = self.layout.factors, self.layout.sums
        self.decisions = [Decisions(tol, acceleration) for _ in starts]
        self.known = np.array([self._taken(i, start) for i, start in enumerate(starts)], np.uint8)

    def _taken(self, i: int, start: Start) -> int:
        """Write a start to the arrays, if it has the form that compiled code knows."""
        if isinstance(start, Moments):
            self.sums[i] = packed(sums_of(start))
            return _START_MOMENTS if start.counts is None else _ELSEWHERE
        factors = start.covariance.kernel_factors
        if factors.shape != self.factors.shape[1:]:
            return _ELSEWHERE
        self.log_weights[i], self.means[i] = start.log_weights, start.means
        self.factors[i] = factors
        return _MIXTURE

    def until(self, which: Sequence[int], max_iter: int) -> None:
        """Go on with some runs until each has made so many evaluations, or has ended."""
        K, longest = self.layout[1], max(map(len, self.problems.X))
        work = (1 + max_iter) * longest * K * self.work_of_density
        n_at_once = max(1, int(_IN_ONE_CALL / work))
        which = [i for i in which if self.known[i] < _NO_START]
        for i in range(0, len(which), n_at_once):
            self._run(which[i : i + n_at_once], max_iter)

    def _run(self, which: list[int], max_iter: int) -> None:
        state: list[Array] = [
            self.known,
            self.log_weights,
            self.means,
            self.factors,
            self.sums,
        ]
        everything = which == list(range(len(self.known)))
        copies = state if everything else [np.ascontiguousarray(array[which]) for array in state]
        decisions, problems = [self.decisions[i] for i in which], self.problems
        for one in decisions:
            one.until(max_iter)
        _native.trials(
            problems.X,
            problems.weights,
            problems.which[which],
            self.layout.code,
            decisions,
            problems.floor,
            *copies,
            problems.n_threads,
        )
        for array, copy in zip(state, copies, strict=True):
            if not everything:
                array[which] = copy

    def failed(self, i: int) -> bool:
        """Whether a run has no start."""
        return bool(self.known[i] == _NO_START)

    def ends(self, i: int) -> bool | None:
        """Whether a run has converged; None where it needs the Python implementation."""
        if self.known[i] != _BOTH:
            return None
        following = self.decisions[i].next()
        if following is Next.CONVERGED:
            return True
        return False if following is Next.OUT_OF_ITERATIONS else None

    def parameters(self, i: int) -> MixtureParameters:
        """The best of a run."""
        covariance = covariance_of(self.factors[i].copy())
        return MixtureParameters(self.log_weights[i].copy(), self.means[i].copy(), covariance)

    def result(self, i: int) -> EMResult:
        """The same as a result."""
        status = EMStatus.CONVERGED if self.ends(i) else EMStatus.MAX_ITER
        moments, decisions = self.layout.moments(self.sums[i]), self.decisions[i]
        found = self.parameters(i), moments, decisions.objectives, status
        return EMResult(*found, [], decisions.remaining)

    def surely_sound(self, test: CollapseTest, which: Array) -> Array:
        """Of which of some runs no component can have collapsed, or be of few samples, bool."""
        return test.surely_sound(np.exp(self.log_weights[which]), self.factors[which])
