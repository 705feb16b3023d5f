"""Many small problems side by side in compiled code: starts by k-means, and EM from them.

Each start is that of `methods`, and each run that of `EM`: they call the same functions of the
kernel. What these cannot do is left to an ordinary fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from skgmm._em.result import EMResult, EMStatus
from skgmm._em.settings import Settings
from skgmm._kernels import Decisions, _native
from skgmm._kernels.sums import parts_of, room_for_sums
from skgmm._linalg import Array
from skgmm._moments import Moments
from skgmm._parameters import MixtureParameters
from skgmm._rows.scan import Scan
from skgmm._starts.kmeans import MAX_ITER, n_draws, n_uniforms
from skgmm._threads import cached_property
from skgmm.covariance import Structure
from skgmm.covariance._base import covariance_of

# How runs end, as the kernel counts (`End`).
CONVERGED, OUT_OF_ITERATIONS, ELSEWHERE = range(3)


class Layout(NamedTuple):
    """Numbers of problems, components and features, and the structure of the covariances."""

    n_problems: int
    n_components: int
    n_features: int
    structure: Structure

    @property
    def code(self) -> str:
        assert self.structure.compiled is not None
        return self.structure.compiled

    @property
    def factors(self) -> Array:
        """Room for factors of the precisions."""
        n_factors = self.n_components if "V" in self.code else 1
        one = 1 if self.code.endswith("I") else 2
        return np.empty((self.n_problems, n_factors, *one * (self.n_features,)))

    @property
    def sums(self) -> Array:
        """Room for moments."""
        one = room_for_sums((self.n_components, self.n_features), self.structure.scatter)
        return np.zeros((self.n_problems, len(one)))

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the second moments of one problem."""
        form = self.structure.scatter
        return form.shape(self.n_components, self.n_features)

    def moments(self, sums: Array) -> Moments:
        """Those that one row of `sums` holds."""
        shape, form = (self.n_components, self.n_features), self.structure.scatter
        return Moments(form, *parts_of(sums.copy(), shape, form))


@dataclass(frozen=True)
class Runs:
    """N runs of EM: where each ended, and the mixtures and moments found."""

    layout: Layout
    ends: Array  # (N,)
    objectives: list[list[float]]
    remaining: Array  # (N,)
    log_weights: Array  # (N, K)
    means: Array  # (N, K, d)
    factors: Array  # (N, m, d, d) or (N, m, d)
    sums: Array  # (N, size)
    certainties: list[Array]  # log of the largest responsibility of each sample, (n,)

    @cached_property
    def scatter(self) -> Array:
        """Second moments, (N, K, d, d), (N, d, d) or (N, K, d)."""
        _, K, d, _ = self.layout
        return self.sums[:, 2 + K * (1 + d) :].reshape(-1, *self.layout.shape)

    @cached_property
    def mass(self) -> Array:
        """(N, K)."""
        return self.sums[:, 2 : 2 + self.layout.n_components]

    @cached_property
    def moment_means(self) -> Array:
        """(N, K, d)."""
        _, K, d, _ = self.layout
        return self.sums[:, 2 + K : 2 + K * (1 + d)].reshape(-1, K, d)

    def result(self, i: int, **known: Any) -> EMResult:
        """That of one run, with what is known of it."""
        covariance = covariance_of(self.factors[i].copy())
        parameters = MixtureParameters(self.log_weights[i].copy(), self.means[i].copy(), covariance)
        moments = self.layout.moments(self.sums[i])
        status = EMStatus.CONVERGED if self.ends[i] == CONVERGED else EMStatus.MAX_ITER
        objectives = self.objectives[i]
        left = float(self.remaining[i])
        return EMResult(parameters, moments, objectives, status, [], left, **known)


def run_all(
    settings: Settings,
    problems: list[Array],
    scan: Scan,
    which: Array,
    floors: Array,
    uniforms: Array,
) -> Runs:
    """Start and run some of the problems, by their numbers (m,).

    Parameters
    ----------
    floors : ndarray of shape (m, d)
        What `reg_covar` adds to the variances.
    uniforms : ndarray of shape (m, n_uniforms) or (1, n_uniforms)
        Draws for the seeds of k-means, of each or the same for all.
    """
    K = settings.n_components
    layout = Layout(len(which), K, floors.shape[1], settings.structure)
    weights, means = np.empty((len(which), K)), np.empty((len(which), K, floors.shape[1]))
    factors, sums, found = layout.factors, layout.sums, np.zeros(len(which), dtype=np.uint8)
    offsets, rows = scan.chosen(which)
    start_rule = layout.code, uniforms, n_draws(K), MAX_ITER
    _native.starts(offsets, rows, *start_rule, floors, weights, means, factors, found)
    # Failed starts are left out below; until then any mixture will do.
    lost = ~found.astype(bool) | ~np.isfinite(factors).reshape(len(which), -1).all(axis=1)
    weights[lost], means[lost], factors[lost] = 1.0 / K, 0.0, 1.0
    # As an ordinary fit does, whose starts take weights that may be given.
    log_weights = np.log(np.exp(np.log(weights)))
    ends, remaining = np.empty(len(which), dtype=np.int64), np.empty(len(which))
    certainties = np.empty(len(rows))
    rule = Decisions(settings.tol, settings.acceleration)
    rule.until(settings.max_iter)
    objectives = _native.runs(
        [problems[i] for i in which],
        layout.code,
        rule,
        floors,
        log_weights,
        means,
        factors,
        sums,
        ends,
        remaining,
        certainties,
    )
    ends[lost] = ELSEWHERE
    found_by_run = objectives, remaining, log_weights, means, factors, sums
    return Runs(layout, ends, *found_by_run, np.split(certainties, offsets[1:-1]))


def uniforms_of(settings: Settings, streams: list[np.random.RandomState]) -> Array:
    """Draws for the seeds from the stream of each fit; of one, if that is the same for all."""
    own, found = np.random.RandomState(0), []
    for stream in streams:
        own.seed(stream.randint(np.iinfo(np.int32).max, size=1)[0])  # as `best_of` does
        found.append(own.random_sample(n_uniforms(settings.n_components)))
    return np.array(found)
