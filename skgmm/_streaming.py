"""partial_fit and merge from end to end: fitted attributes, and what a stream remembers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from skgmm._em.collapse import CollapseTest
from skgmm._em.merge import explained, merged
from skgmm._em.result import EMResult, EMStatus
from skgmm._em.settings import Settings
from skgmm._em.stepwise import StepSize, StreamState
from skgmm._em.stream_prior import prior_changed, prior_of_memory
from skgmm._fitted import changes, copy_features, snapshot
from skgmm._fitting import attributes_of, fit_mixture
from skgmm._inference import MixtureInference
from skgmm._linalg import Array
from skgmm._objective import Objective, Regularisation
from skgmm._parameters import MixtureParameters, seeded_draws
from skgmm._prior import ConjugatePrior, Prior
from skgmm._rows.base import InMemoryRows, Rows
from skgmm._rows.block import joined
from skgmm._rows.feature_scale import FeatureScale
from skgmm._rows.grouped import as_observed
from skgmm._rows.missing import check_features_observed, n_observed
from skgmm._rows.noise import Background
from skgmm._rows.out_of_core import beside
from skgmm._rows.seeds import random_stream
from skgmm._rows.uniform_noise import beside_noise, noise_of
from skgmm._starts.given import fixed_by
from skgmm._threads import threads_for
from skgmm.covariance import IllDefinedCovarianceError

Mixture = TypeVar("Mixture", bound=MixtureInference)


def continue_fit(mixture: MixtureInference, rows: InMemoryRows) -> list[str]:
    """Learn from these rows too; what the user should know.

    Sets attributes on the way, so it is given a copy of the user's estimator.
    """
    settings = Settings.of(mixture)
    rows = rows.counted()
    messages: list[str] = []
    fitted = hasattr(mixture, "means_")
    if fitted:
        _check_unchanged(mixture, settings)
    if not fitted or WarmUpBuffer.of(mixture).n_samples:
        rows, messages = _warm_up(mixture, settings, rows)
    if rows.n_samples:
        messages = messages + _learn(mixture, settings, rows)
    return messages


def _check_unchanged(mixture: MixtureInference, settings: Settings) -> None:
    was = len(mixture.means_), mixture._structure().name
    now = settings.n_components, settings.structure.name
    changed = changes(("n_components", "covariance_type"), was, now)
    if (mixture._background() is None) != (noise_of(mixture.noise) is None):
        changed.append("noise")
    used = getattr(mixture, "prior_", None)
    if prior_changed(mixture.prior, used, mixture._structure(), len(mixture.means_)):
        changed.append("prior")
    if changed:
        raise ValueError(
            f"partial_fit cannot continue after a change of {' and '.join(changed)}. Undo the "
            "change, or start again with fit or with a clone."
        )


def _warm_up(
    mixture: MixtureInference, settings: Settings, rows: InMemoryRows
) -> tuple[InMemoryRows, list[str]]:
    """Keep rows, and fit them all when they are enough and whenever their number has doubled.

    Returns those that are more than the warm-up, and what the user should know.
    """
    n_components = settings.n_components
    needed = max(2, settings.structure.minimum_rows(n_components, rows.n_features))
    size = max(settings.warm_up, needed)
    kept = WarmUpBuffer.of(mixture).joined(rows)
    full = kept.n_samples >= size
    if not full and kept.n_samples < max(needed, 2 * kept.n_fitted):
        mixture._kept = kept.state()
        return rows.part(slice(0)), []
    X, weights = kept.arrays()
    together = InMemoryRows(X, weights, threads_for(settings.n_jobs, X, n_components))
    first, rest = together.part(slice(size)), together.part(slice(size, None))
    if not full and not n_observed(first.X, weights).all():  # there may be some in the next call
        mixture._kept = kept.state()
        return rest, []
    fit = fit_mixture(settings, _rows_to_fit(mixture, first), random_stream(settings.random_state))
    mixture.__dict__.update(fit.attributes())
    if not full:
        mixture._kept = replace(kept, n_fitted=kept.n_samples).state()
    return rest, fit.messages


def _rows_to_fit(mixture: MixtureInference, rows: InMemoryRows) -> Rows:
    """The samples of a warm-up as `fit` takes them."""
    check_features_observed(mixture, rows.X, rows.sample_weight)
    return beside_noise(as_observed(rows), noise_of(mixture.noise))


def _learn(mixture: MixtureInference, settings: Settings, rows: InMemoryRows) -> list[str]:
    """Learn from rows after the warm-up; what the user should know."""
    parameters, structure = mixture._parameters(), settings.structure
    memory = StreamState.of(mixture, structure, settings.warm_up)
    reg = _regularisation(mixture, memory)
    step_size = StepSize(settings.step_exponent, settings.warm_up)
    background = mixture._background()
    prior, fixed = _prior(mixture, memory, reg), fixed_by(settings, rows.n_features)
    if prior is not None and fixed is not None:
        fixed.check_prior_of_weights(np.asarray(prior.weight_rows))
    of_rows = partial(
        Objective,
        structure=structure,
        floor=reg.variances,
        prior=prior and Prior.of(prior),
        fixed=fixed,
    )
    stream = Stream(of_rows, step_size, parameters, memory, background)
    stream.learn(rows, partial(threads_for, settings.n_jobs, n_components=len(parameters.means)))
    result = _diagnosed(stream.result, stream.memory, reg)
    dtype = np.result_type(mixture.means_, rows.X)
    found = attributes_of(result.parameters, structure, dtype, background, prior, fixed)
    attributes = _attributes(found, result, stream.memory, reg)
    mixture.__dict__.update(attributes)
    mixture.n_iter_ = getattr(mixture, "n_iter_", 0) + stream.n_updates
    return result.advice(settings.feature_names)


def _diagnosed(result: EMResult, memory: StreamState, reg: Regularisation) -> EMResult:
    """With what the samples that are remembered say of it."""
    return CollapseTest.of_fit(reg, memory.moments, memory.n_samples).diagnose_with_span(result)


def _attributes(
    found: dict[str, Any], result: EMResult, memory: StreamState, reg: Regularisation
) -> dict[str, Any]:
    return {
        **found,
        "converged_": False,
        "status_": result.description,
        "lower_bound_": result.objective,
        "lower_bounds_": result.objectives,
        "reg_covar_": reg.variances,
        "_cells": reg.cells,
        "total_weight_": memory.seen,
        "_degenerate": result.ill_defined,
        "_memory": memory.state(),
        "_kept": None,
    }


def _regularisation(mixture: MixtureInference, memory: StreamState) -> Regularisation:
    """The variances added along the axes: those of the start, where there was one."""
    if hasattr(mixture, "reg_covar_"):
        cells = getattr(mixture, "_cells", np.zeros_like(mixture.reg_covar_))
        return Regularisation(mixture.reg_covar_, cells)
    variances, varying = memory.moments.overall().feature_variances()
    if isinstance(mixture.reg_covar, str):
        scale = FeatureScale.smooth(np.where(varying, variances, 0.0))
        return Regularisation.of_scale(scale)
    return Regularisation.given(mixture.reg_covar, len(variances))


def _prior(
    mixture: MixtureInference, memory: StreamState, reg: Regularisation
) -> ConjugatePrior | None:
    """The prior of the start, where there was one."""
    if mixture.prior is None or hasattr(mixture, "prior_"):
        return getattr(mixture, "prior_", None)
    structure, n_components = mixture._structure(), len(mixture.means_)
    return prior_of_memory(mixture.prior, memory, reg.variances, structure, n_components)


def merge_into(
    cls: Callable[..., Mixture], mixtures: Sequence[Mixture]
) -> tuple[Mixture, list[str]]:
    """A new mixture from the Moments of others, and what the user should know."""
    for mixture in mixtures:
        check_is_fitted(mixture)
        for name in ("prior", "fixed"):
            if getattr(mixture, name) is not None:
                raise ValueError(
                    f"merge does not support mixtures with {name}: set {name}=None, or fit all "
                    "samples at once, for example as RowBlocks"
                )
    mixtures = [snapshot(mixture) for mixture in mixtures]
    _check_mergeable(mixtures)
    first = mixtures[0]
    structure = first._structure()
    parts = [(m._parameters(), StreamState.of(m, structure, m.warm_up)) for m in mixtures]
    seen = np.array([memory.seen for _, memory in parts])
    regs = [_regularisation(m, memory) for m, (_, memory) in zip(mixtures, parts, strict=True)]
    reg = Regularisation(*(seen @ np.stack(part) / seen.sum() for part in zip(*regs, strict=True)))
    parameters, memory, loss = merged(parts, structure)
    result = EMResult(
        parameters, memory.moments, [memory.moments.mean_objective], EMStatus.MERGED, []
    )
    result = _diagnosed(result, memory, reg)
    mixture = cls(**clone(first).get_params(deep=False))
    dtype = np.result_type(*(other.means_ for other in mixtures))
    background = Background.around([other._background() for other in mixtures])
    found = attributes_of(parameters, structure, dtype, background)
    mixture.__dict__.update(_attributes(found, result, memory, reg))
    mixture.n_iter_ = 1
    mixture._draws = seeded_draws(mixture.random_state)
    copy_features(first, mixture)
    messages = result.advice(getattr(first, "feature_names_in_", None))
    if loss > explained(structure, memory, len(parts)):
        messages.append(
            f"The log-likelihood of the merged mixture may be lower by {loss:.2g} nats per sample, "
            "because the mixtures have not found the same components. Fit them from the same "
            "initial parameters."
        )
    return mixture, messages


def _check_mergeable(mixtures: Sequence[MixtureInference]) -> None:
    if len(mixtures) < 1:
        raise ValueError("merge needs at least one mixture, but got none")
    for number, mixture in enumerate(mixtures):
        if n_kept := WarmUpBuffer.of(mixture).n_samples:
            raise ValueError(
                f"mixture {number} is in the warm-up of partial_fit, with "
                f"{n_kept} of {mixture.warm_up} samples: pass it the missing ones, or decrease "
                "warm_up"
            )
        for what, value in _identity(mixture).items():
            wanted = _identity(mixtures[0])[what]
            if value != wanted:
                advice = ". Fit them with UniformNoise(volume=...)" if "noise" in what else ""
                raise ValueError(
                    f"mixtures to merge should have the same {what}, but mixture {number} has "
                    f"{value!r} and mixture 0 has {wanted!r}{advice}"
                )


def _identity(mixture: MixtureInference) -> dict[str, Any]:
    """What mixtures have to have in common."""
    background = mixture._background()
    return {
        "n_components": len(mixture.means_),
        "n_features": mixture.means_.shape[1],
        "covariance_type": mixture._structure().name,
        "feature_names_in_": list(getattr(mixture, "feature_names_in_", [])),
        "noise_volume_": None if background is None else background.volume,
    }


@dataclass(frozen=True)
class WarmUpBuffer:
    """The rows of a warm-up so far."""

    # Joined only when they are fitted: joining at every call is quadratic, row by row.
    blocks: tuple[tuple[Array, Array | None], ...] = ()  # rows and weights
    n_samples: int = 0
    n_fitted: int = 0  # rows that were fitted last

    def joined(self, rows: InMemoryRows) -> WarmUpBuffer:
        """With more rows, copied: the user's array may change."""
        weights = rows.sample_weight
        block = rows.X.copy(), None if weights is None else weights.copy()
        return WarmUpBuffer((*self.blocks, block), self.n_samples + rows.n_samples, self.n_fitted)

    @classmethod
    def of(cls, mixture: MixtureInference) -> WarmUpBuffer:
        """Those of an estimator, which holds them as builtins and arrays."""
        state = getattr(mixture, "_kept", None)
        return cls() if state is None else cls(**state)

    def state(self) -> dict[str, Any]:
        return dict(vars(self))

    def arrays(self) -> tuple[Array, Array | None]:
        """All rows, and their weights if any have some."""
        rows = joined([InMemoryRows(*block) for block in self.blocks])
        return rows.X, rows.sample_weight


@dataclass
class Stream:
    """A mixture that learns from rows as they come."""

    objective: Callable[..., Objective]  # of samples
    step_size: StepSize
    parameters: MixtureParameters
    memory: StreamState
    background: Background | None = None
    n_updates: int = 0
    collapsed: list[int] = field(default_factory=list)  # components, at the last step

    def learn(self, rows: InMemoryRows, n_threads: Callable[[Array], int]) -> None:
        """A step for each piece of the rows."""
        weights = rows.sample_weight
        mean_weight = 1.0 if weights is None else float(weights.mean())
        first = 0
        while first < rows.n_samples:
            size = self.memory.piece(self.step_size, mean_weight)
            piece = rows.part(slice(first, first + size))
            self._step(replace(piece, n_threads=n_threads(piece.X)))
            first += size

    def _step(self, rows: InMemoryRows) -> None:
        observed = beside(as_observed(rows), self.background)
        objective = self.objective(observed)
        fresh = objective.evaluate(self.parameters)
        fresh = fresh.with_objective(objective.mean_log_likelihood(self.parameters, fresh))
        self.memory = self.memory.joined(fresh, rows.n_samples, self.step_size)
        self.n_updates, self.collapsed = self.n_updates + 1, []
        try:
            # Discounting brings rounding.
            moments = self.memory.moments.without_rounding(objective.floor)
            self.parameters = objective.maximise(moments, self.parameters)
        except IllDefinedCovarianceError as error:
            # The parameters stay; the rows are remembered, and the next ones may help.
            self.collapsed = error.components

    @property
    def result(self) -> EMResult:
        """How the stream stands."""
        status = EMStatus.COLLAPSED if self.collapsed else EMStatus.STREAMED
        moments = self.memory.moments
        likelihood = [moments.mean_objective]
        return EMResult(self.parameters, moments, likelihood, status, self.collapsed)
