"""Candidates of the race: they run, are compared, and the best are continued.

Or they are compared without a run, by their classification likelihoods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from skgmm._em.collapse import CollapseTest
from skgmm._em.result import same_rank
from skgmm._moments import Moments, Scatter
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters
from skgmm._starts.given import GivenParameters, matched
from skgmm._starts.leave_one_out import suffices
from skgmm._starts.side_by_side import Start, side_by_side
from skgmm._starts.trials import Trials
from skgmm._threads import cached_property
from skgmm.covariance import IllDefinedCovarianceError

# The number of candidates that are continued, and their EM iterations.
_STAY, _MORE = 3, 2

# A candidate is not continued when this many times the gain of those before it is not enough to
# become the best.
_OPTIMISM = 3.0

# Where a pass takes long, so many candidates are evaluated, the others only if moves need starts.
_EVALUATED = 4

# The remaining gain at which a candidate ends, in nats per sample.
_END = 1e-9

_TINY, _EPS = float(np.finfo(np.float64).tiny), float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Candidate:
    """A start in the race."""

    kind: str
    found: MixtureParameters | Callable[[], MixtureParameters]
    objective: float = -np.inf  # nats per sample of the starts' sample
    evaluations: int = 0
    partition: bytes = b""  # that it starts from; see `_distinct_partitions`

    @property
    def parameters(self) -> MixtureParameters:
        """The best so far."""
        return self.found() if callable(self.found) else self.found


@dataclass(frozen=True)
class PartitionStart:
    """The M-step of a partition; given parameters take the place of its own."""

    kind: str
    partition: bytes
    found: Moments | Callable[[], Moments]  # of the groups
    given: GivenParameters

    @cached_property
    def groups(self) -> Moments:
        return self.found() if callable(self.found) else self.found

    def parameters(self, objective: Objective) -> MixtureParameters:
        start = objective.unfixed.maximise(self.groups, None)
        return self.given.imposed_on(matched(start, self.given))

    def candidate(self, objective: Objective) -> Candidate:
        """A candidate that is not evaluated, and whose M-step is made when it is needed."""
        return Candidate(self.kind, partial(self.parameters, objective), partition=self.partition)

    @cached_property
    def volume(self) -> float:
        """log-determinant of the covariance within groups, pooled over them."""
        return within_volume(self.groups)


class RunningCandidates:
    """Candidates that run, by their numbers."""

    def __init__(
        self, objective: Objective, starts: list[PartitionStart], n_represented: int
    ) -> None:
        # The groups of any partition are together all samples.
        collapse = CollapseTest.of_fit(
            objective.regularisation,
            starts[0].groups,
            objective.rows.n_counted,
            n_represented=n_represented,
        )
        plain = starts[0].given.nothing and objective.fixed is None
        together = side_by_side([objective], len(starts[0].groups.mass))
        first: list[Start | None] = (
            [start.groups for start in starts]
            if plain and together
            else list(_all_made(starts, objective))
        )
        begun = [(start, made) for start, made in zip(starts, first, strict=True) if made]
        self.objective, self.others = objective, list[PartitionStart]()
        if plain and not together and objective.prior is None:
            begun, self.others = _most_likely(begun, collapse)
        self.starts = [start for start, _ in begun]
        self.trials = Trials(
            objective, [made for _, made in begun], collapse, _END, acceleration=None
        )

    def candidates(self) -> list[Candidate]:
        """All that did not fail, the best first."""
        trials = self.trials
        trials.evaluate()
        ahead = self._ranked(np.flatnonzero(np.isfinite(trials.objective)).tolist())
        staying = self._distinct(ahead)[:_STAY]
        if len(staying) > 1 and not self._collapsed(ahead[0]):
            self._continue(staying)
            ahead = self._ranked(staying) + [i for i in ahead if i not in staying]
        if not ahead:
            return []
        others = [one.candidate(self.objective) for one in self.others]
        return [self._candidate(i) for i in ahead] + others

    def _continue(self, staying: list[int]) -> None:
        """Go on with those that may become the best."""
        trials = self.trials
        if trials.together:
            trials.until(staying, _MORE)
            return
        best, gain = -np.inf, 0.0
        for i in staying:
            before = trials.objective[i]
            if before + _OPTIMISM * gain < best:
                continue
            trials.until([i], _MORE)
            if not self._collapsed(i):
                best = max(best, trials.objective[i])
                gain = max(gain, trials.objective[i] - before)

    def _candidate(self, i: int) -> Candidate:
        start, trials = self.starts[i], self.trials
        return Candidate(
            start.kind,
            partial(trials.parameters, i),
            float(trials.objective[i]),
            1 + int(trials.n_evaluations[i]),
            start.partition,
        )

    def _collapsed(self, i: int) -> bool:
        """Whether a component has collapsed."""
        return not self.trials.is_sound(i) and bool(self.trials.result(i).collapsed)

    def _ranked(self, runners: list[int]) -> list[int]:
        """The best first, and candidates that are the same in the order given.

        Where each has a collapsed component, their likelihoods do not measure fit. They are then
        ranked by the volume of the covariance within groups, the smallest first.
        """
        by_volume = all(map(self._collapsed, runners))

        def key(i: int) -> tuple[Any, ...]:
            return (self.starts[i].volume,) if by_volume else self.trials.rank(i)

        ranked: list[list[int]] = []
        for i in sorted(runners, key=key):
            if not ranked or not self._same(ranked[-1][0], i):
                ranked.append([])
            ranked[-1].append(i)
        return [i for group in ranked for i in sorted(group, key=runners.index)]

    def _same(self, one: int, other: int) -> bool:
        """Whether two candidates are the same."""
        return same_rank(self.trials.rank(one), self.trials.rank(other))

    def _distinct(self, ranked: list[int]) -> list[int]:
        """The candidates without repetitions of the same."""
        kept = ranked[:1]
        for i in ranked[1:]:
            if not self._same(kept[-1], i):
                kept.append(i)
        return kept


def by_classification(objective: Objective, starts: list[PartitionStart]) -> list[Candidate]:
    """Candidates that are not evaluated, that of the highest classification likelihood first.

    Those with too few samples in a group for its covariance come last; none if that are all.
    """
    ranked: list[tuple[float, Candidate]] = []
    others: list[Candidate] = []
    for start in starts:
        if not suffices(objective, start.groups.mass):
            others.append(start.candidate(objective))
        elif (made := _made(start, objective)) is not None:
            candidate = Candidate(start.kind, made, partition=start.partition)
            ranked.append((classification_likelihood(made), candidate))
    ranked.sort(key=lambda one: -one[0])
    return [candidate for _, candidate in ranked] + others if ranked else []


def _most_likely(
    begun: list[tuple[PartitionStart, Start]], collapse: CollapseTest
) -> tuple[list[tuple[PartitionStart, Start]], list[PartitionStart]]:
    """Starts to be evaluated, and the others in the order of their classification likelihoods.

    Where a component may have collapsed, this likelihood does not measure fit.
    """
    evaluated: list[tuple[PartitionStart, Start]] = []
    sound: list[tuple[float, PartitionStart, Start]] = []
    for start, made in begun:
        assert isinstance(made, MixtureParameters)
        factors = made.covariance.kernel_factors
        if collapse.surely_sound(made.weights[None], factors[None])[0]:
            sound.append((classification_likelihood(made), start, made))
        else:
            evaluated.append((start, made))
    sound.sort(key=lambda one: -one[0])
    evaluated += [(start, made) for _, start, made in sound[:_EVALUATED]]
    return evaluated, [start for _, start, _ in sound[_EVALUATED:]]


def classification_likelihood(parameters: MixtureParameters) -> float:
    """Mean log-likelihood of samples and their groups, whose M-step this is, up to a constant.

    Celeux and Govaert (1992). The mean squared Mahalanobis distance within groups is then d.
    """
    of_groups = parameters.log_weights - 0.5 * parameters.covariance.log_det
    return float(parameters.weights @ of_groups)


def _all_made(
    starts: list[PartitionStart], objective: Objective
) -> Iterator[MixtureParameters | None]:
    """The M-steps of all, each sought near the one before if there may be several."""
    for start in starts:
        made = _made(start, objective)
        if made is not None:
            objective = objective.near(made)
        yield made


def _made(start: PartitionStart, objective: Objective) -> MixtureParameters | None:
    with suppress(IllDefinedCovarianceError):
        return start.parameters(objective)
    return None


def within_volume(moments: Moments) -> float:
    """log-determinant of the covariance within components, pooled over them."""
    if moments.form is Scatter.DIAGONAL:
        variances = moments.scatter.sum(axis=0) / moments.total_weight
        return float(np.log(np.maximum(variances, _TINY)).sum())
    pooled = moments.form.dense(moments.scatter).sum(axis=0) / moments.total_weight
    scale = np.sqrt(np.maximum(pooled.diagonal(), _TINY))
    small = _EPS * np.eye(len(scale))
    _, log_det = np.linalg.slogdet(pooled / scale[:, None] / scale + small)
    return float(log_det + 2.0 * np.log(scale).sum())
