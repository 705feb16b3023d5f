"""Fits of `fit_many` that compiled code makes side by side, in threads."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np

from skgmm._em.collapse import LARGEST_FRACTION, CollapseTest
from skgmm._em.result import EMPTY_WEIGHT, SAME, EMResult, Span
from skgmm._em.settings import Settings
from skgmm._fitted import snapshot
from skgmm._fitting import Fit
from skgmm._kernels import FEW_FEATURES, FEW_ROWS
from skgmm._linalg import Array
from skgmm._moments import Scatter
from skgmm._objective import SMALL_PENALTY, Objective
from skgmm._rows import checks
from skgmm._rows.array_input import is_plain
from skgmm._rows.base import InMemoryRows
from skgmm._rows.feature_scale import FeatureScale
from skgmm._rows.scan import Scan
from skgmm._rows.seeds import random_stream
from skgmm._starts.batch import CONVERGED, ELSEWHERE, Runs, run_all, uniforms_of
from skgmm._starts.choose import single_candidate, table_of_starts
from skgmm._starts.shared_values import repeated_with
from skgmm._threads import run_in_threads
from skgmm.covariance._base import covariance_of

# Multiplications of a pass over the samples of a small problem: over others it takes longer than
# what Python does between two passes.
_SMALL = 1e6

# The same for all problems that a thread takes at a time, at most: some hundredths of a second,
# which an interrupt waits for.
_IN_ONE_PIECE = 5e6

# Pieces for each thread, so that one is in compiled code while another is in Python.
_PIECES = 2

# Eigenvalues of correlations that are certainly not rounding, nor reg_covar.
_CERTAIN = 1e-7


def unsupported(mixture: Any) -> str | None:
    """Why these fits cannot be made side by side in compiled code; None if they can."""
    settings = Settings.of(mixture)
    structure = settings.structure
    needed = {"init_params": "kmeans", "escape": False, "n_init": 1, "verbose": 0}
    for name, value in needed.items():
        if not isinstance(own := getattr(settings, name), type(value)) or own != value:
            return f"{name} is not {value!r}"
    for name in _UNSET:
        if getattr(mixture, name) is not None:
            return f"{name} is set"
    if settings.n_components == 1 or settings.max_iter == 0 or settings.reg_covar == 0:
        return "n_components is 1, or max_iter or reg_covar is 0"
    if isinstance(settings.random_state, np.random.RandomState):
        return "random_state is a RandomState"
    if type(mixture).__module__ != "skgmm._mixture" or hasattr(mixture, "_skl_callbacks"):
        return "it is a subclass, or has callbacks"
    if structure.compiled is None or structure.ties is None or structure.several_optima:
        return f"covariance_type is {structure.name!r}, whose M-step is not compiled, or iterative"
    if structure.ties.turn and settings.acceleration is not None:
        return f"quasi-Newton steps of {structure.name!r} turn axes, and acceleration is not None"
    return None


_UNSET = (
    "weights_init",
    "means_init",
    "precisions_init",
    "responsibilities_init",
    "prior",
    "fixed",
    "noise",
)


def compiled_fits(
    prototype: Any, data: list[Any], n_threads: int
) -> Iterator[tuple[int, Any, list[str]]]:
    """Number, fitted mixture and warnings of each fit that can be made; others are left out."""
    settings = Settings.of(prototype)
    groups: dict[tuple[np.dtype, int], list[int]] = {}
    for number, X in enumerate(data):
        if is_plain(X, np.float64, np.float32) and X.ndim == 2 and _is_small(settings, *X.shape):
            groups.setdefault((X.dtype, X.shape[1]), []).append(number)
    pieces = [
        piece
        for (_, d), numbers in groups.items()
        for piece in _pieces(settings, data, d, numbers, n_threads)
    ]
    if not pieces:
        return iter(())
    uniforms = _uniforms(settings, len(data))

    def fits(piece: list[int]) -> list[tuple[int, Any, list[str]]]:
        problems = [checks.readable(data[number]) for number in piece]
        own = uniforms if len(uniforms) == 1 else uniforms[piece]
        batch = _Batch(prototype, settings, problems, own)
        return [(piece[i], mixture, messages) for i, mixture, messages in batch.fits()]

    return chain.from_iterable(run_in_threads(fits, pieces, n_threads))


def _pieces(
    settings: Settings, data: list[Any], n_features: int, numbers: list[int], n_threads: int
) -> list[list[int]]:
    """Problems, by their numbers, that one thread takes at a time."""
    work = np.cumsum([len(data[number]) * _per_sample(settings, n_features) for number in numbers])
    fewest = 1 if n_threads == 1 else _PIECES * n_threads
    n_pieces = max(fewest, int(np.ceil(work[-1] / _IN_ONE_PIECE)))
    ends = np.searchsorted(work, work[-1] * np.arange(1, n_pieces) / n_pieces)
    return [piece.tolist() for piece in np.split(numbers, np.unique(ends)) if len(piece)]


def _is_small(settings: Settings, n_samples: int, n_features: int) -> bool:
    """Whether there are samples enough, and no more than compiled code is for."""
    if not n_features or n_samples > FEW_ROWS or n_features > FEW_FEATURES:
        return False
    K = settings.n_components
    least = max(K, 2, settings.structure.minimum_rows(K, n_features))
    return least <= n_samples and n_samples * _per_sample(settings, n_features) <= _SMALL


def _per_sample(settings: Settings, n_features: int) -> float:
    """Multiplications for one sample in a pass."""
    return settings.n_components * (n_features * (n_features + 8.0) + 20.0)


def _uniforms(settings: Settings, n_problems: int) -> Array:
    """Draws of each problem's start, drawn in their order; one row of them if all have one seed."""
    seed = settings.random_state
    return uniforms_of(settings, (n_problems if seed is None else 1) * [random_stream(seed)])


class _Batch:
    """Problems with the same number of features and the same dtype."""

    def __init__(
        self, prototype: Any, settings: Settings, problems: list[Array], uniforms: Array
    ) -> None:
        self.prototype, self.settings, self.problems = prototype, settings, problems
        scan = Scan.of(problems)
        self.rounding = scan.scale.rounding
        self.floors, served = _floors(settings.reg_covar, scan.scale)
        usual = (scan.magnitudes <= checks.LARGEST) & (scan.magnitudes >= 1.0 / checks.LARGEST)
        self.which = np.flatnonzero(served & usual & scan.distinct)
        self.floors = self.floors[self.which]
        self.span = Span(problems[0].shape[1], problems[0].shape[1], [], [])
        self.runs: Runs | None = None
        if len(self.which):
            own = uniforms if len(uniforms) == 1 else uniforms[self.which]
            with np.errstate(all="ignore"):
                self.runs = run_all(settings, problems, scan, self.which, self.floors, own)

    def fits(self) -> Iterator[tuple[int, Any, list[str]]]:
        """Number, fitted mixture and warnings of each fit that was made."""
        if self.runs is None:
            return
        known = _Known(self.runs, self.floors)
        for i, number in enumerate(self.which.tolist()):
            if self.runs.ends[i] != ELSEWHERE:
                fit = self._fit(i, self.problems[number], known)
                if self._is_repeated(fit, self.rounding[number]):
                    continue
                mixture = snapshot(self.prototype)
                mixture.n_features_in_ = self.runs.layout.n_features
                mixture.__dict__.update(fit.attributes())
                yield number, mixture, fit.messages

    def _is_repeated(self, fit: Fit, rounding: Array) -> bool:
        """Whether the fit rests on values that samples share."""
        if not isinstance(self.settings.reg_covar, str):
            return False
        objective = fit.objective
        reg = repeated_with(objective.regularisation, rounding, fit.result, objective.rows)
        return reg is not None

    def _fit(self, i: int, X: Array, known: _Known) -> Fit:
        assert self.runs is not None
        settings = self.settings
        objective = Objective(InMemoryRows(X), settings.structure, self.floors[i].copy())
        usual = bool(known.usual[i])
        if usual:
            result = self.runs.result(i, span=self.span, distinct=True)
        else:
            result = _diagnosed(objective, self.runs.result(i))
        candidates = single_candidate("kmeans", result.parameters)
        return Fit(
            objective,
            result,
            table_of_starts([candidates], [result]),
            [] if usual else result.advice(),
            random_state=settings.random_state,
            log_certainty=float(self.runs.certainties[i].sum()),
            public=known.public(i),
            log_likelihood=known.log_likelihood(i),
        )


def _floors(reg_covar: float | str, scale: FeatureScale) -> tuple[Array, Array]:
    """What is added to the variances (N, d), and which problems have no other than usual features.

    Those with a constant feature, or one that takes few values, need more than a scale.
    """
    shape = scale.variances.shape
    served = (scale.variances > 0).all(axis=1) & (scale.steps == 0).all(axis=1)
    if not isinstance(reg_covar, str):
        floors = np.full(shape, float(reg_covar))
    else:
        usual = np.where(served[:, None], scale.variances, 1.0).ravel()
        floors = FeatureScale.smooth(usual).collapsed_variances.reshape(shape)
    return floors, served & (floors > 4.0 * np.finfo(np.float64).tiny).all(axis=1)


def _diagnosed(objective: Objective, result: EMResult) -> EMResult:
    """The result with what has collapsed, and the span of the samples."""
    rows = objective.rows
    test = CollapseTest.of_fit(
        objective.regularisation, result.moments, rows.n_samples, rows.constant
    )
    return test.diagnose_with_span(result)


class _Known:
    """What can be told of all fits at once, where an ordinary fit asks for each."""

    def __init__(self, runs: Runs, floors: Array) -> None:
        self.runs, structure, (n, K, d) = runs, runs.layout.structure, runs.means.shape
        covariance = covariance_of(runs.factors.reshape(-1, *runs.factors.shape[2:]))
        self.each = None
        with np.errstate(all="ignore"):  # of runs that ended elsewhere
            if runs.factors.shape[1] == K:
                self.each = structure.public(covariance, n * K)
            precisions = covariance.precision_diagonal.reshape(n, -1, d)
            paid = 0.5 * (precisions @ floors[:, :, None])[:, :, 0]
            objectives = runs.sums[:, 0] + (runs.mass * paid).sum(axis=1)
            self.log_likelihoods = objectives / runs.sums[:, 1]
            self.small = paid.max(axis=1) <= SMALL_PENALTY
            # Of the others `CollapseTest` and `EMResult` tell what there is to warn of.
            self.usual = (runs.ends == CONVERGED) & (
                2.0 * paid.max(axis=1) <= 0.5 * LARGEST_FRACTION
            )
            self.usual &= _distinct(runs) & _spanning(runs, floors)

    def log_likelihood(self, i: int) -> float | None:
        """That of one fit, nats per sample, where the penalty is small."""
        return float(self.log_likelihoods[i]) if self.small[i] else None

    def public(self, i: int) -> tuple[Array, Array, Array] | None:
        """Covariances, precisions and factors of one fit as users see them, if they are known."""
        if self.each is None:
            return None
        K = self.runs.layout.n_components
        covariances, precisions, factors = (a[i * K : (i + 1) * K] for a in self.each)
        return covariances, precisions, factors


def _distinct(runs: Runs) -> Array:
    """Where components certainly differ, and all have samples (N,)."""
    filled = np.exp(runs.log_weights).min(axis=1) >= EMPTY_WEIGHT
    n, K, _ = runs.means.shape
    factors = np.broadcast_to(runs.factors.reshape(n, len(runs.factors[0]), -1)[:, :, 0], (n, K))
    first, order = runs.means[:, :, 0], np.arange(K)
    near = np.abs(first[:, :, None] - first[:, None]) * factors[:, :, None] < SAME
    return filled & ~(near & (order < order[:, None])).any(axis=(1, 2))


def _spanning(runs: Runs, floors: Array) -> Array:
    """Where the samples certainly vary in all directions (N,)."""
    structure, mass, total = runs.layout.structure, runs.mass, runs.sums[:, 1]
    centre = np.einsum("nk,nkj->nj", mass, runs.moment_means) / mass.sum(axis=1, keepdims=True)
    apart = runs.moment_means - centre[:, None]
    if structure.scatter is Scatter.DIAGONAL:
        between = np.einsum("nk,nki->ni", mass, apart**2)
        variances = (runs.scatter.sum(axis=1) + between) / total[:, None]
        least = np.ones(len(total))
    else:
        within = runs.scatter if structure.scatter is Scatter.POOLED else runs.scatter.sum(axis=1)
        between = np.einsum("nk,nki,nkj->nij", mass, apart, apart)
        matrices = (within + between) / total[:, None, None]
        variances = np.diagonal(matrices, axis1=1, axis2=2)
        units = 1.0 / np.sqrt(variances)
        correlations = matrices * units[:, :, None] * units[:, None, :]
        fine = np.isfinite(correlations).all(axis=(1, 2))
        least = np.linalg.eigvalsh(np.where(fine[:, None, None], correlations, 0.0))[:, 0]
    rounding = (4 * np.finfo(np.float64).eps * centre) ** 2
    varying = (variances > 2.0 * (floors + rounding) / _CERTAIN).all(axis=1)
    return varying & (least > _CERTAIN)
