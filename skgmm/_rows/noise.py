"""The background of constant density beside the components of a mixture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np

from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm._parameters import MixtureParameters
from skgmm._rows.e_step import Part, slices
from skgmm._threads import cached_property

# Variances that are no more than this part of the largest are rounding.
_FLAT = 1e-10

# Samples and neighbours by which isolated samples are told.
_REFERENCES, _NEIGHBOURS, _KEY = 500, 3, 0


class Samples(Protocol):
    """Rows, wherever they are."""

    def summed(self, function: Callable[[Any], Any]) -> Any: ...

    def overall_moments(self, form: Scatter) -> Moments: ...


@dataclass(frozen=True)
class Box:
    """Bounding box of observed values; those of disjoint samples add up to that of their union."""

    low: Array  # (d,)
    high: Array  # (d,)
    incomplete: bool  # whether values are missing

    def __add__(self, other: Box) -> Box:
        low, high = np.minimum(self.low, other.low), np.maximum(self.high, other.high)
        return Box(low, high, self.incomplete or other.incomplete)

    @classmethod
    def of(cls, part: Part) -> Box:
        """Of some samples, of which those of weight 0 do not count."""
        return cls.turned(np.zeros(part.X.shape[1]), None, part)

    @classmethod
    def turned(cls, origin: Array, axes: Array | None, part: Part) -> Box:
        """The same of (X - origin) @ axes."""
        found = cls(np.full(len(origin), np.inf), np.full(len(origin), -np.inf), False)
        for rows in slices(len(part.X)):
            X, weights = part.X[rows].astype(np.float64), part.sample_weight
            if weights is not None:
                X = X[weights[rows] > 0]
            if axes is not None:
                X = (X - origin) @ axes
            low, high = np.fmin.reduce(X, initial=np.inf), np.fmax.reduce(X, initial=-np.inf)
            found = found + cls(low, high, bool(np.isnan(X).any()))
        return found


@dataclass(frozen=True)
class Background:
    """A density of 1 / volume, in which what is missing of a sample has the sides of a box."""

    log_volume: float
    low: Array  # (d,) corners of the bounding box, in which samples are drawn
    high: Array  # (d,)
    weight: float  # of the start
    n_parameters: int = 1  # the weight, and the volume where samples decide it

    @classmethod
    def of(cls, rows: Samples, volume: float | None, weight: float) -> Background:
        """Of samples, of which those of weight 0 do not count."""
        box: Box = rows.summed(Box.of)
        low, high = box.low, box.high
        if volume is not None:
            return cls(float(np.log(float(volume))), low, high, weight, 1)
        if not (high > low).all():
            feature = int(np.argmin(high > low))
            raise ValueError(
                f"noise: feature {feature} is constant, so that the box of the samples has no "
                "volume. Drop it, or give UniformNoise(volume=...)."
            )
        log_volume = float(np.log(high - low).sum())
        if not box.incomplete:
            log_volume = min(log_volume, _log_volume_along_axes(rows))
        return cls(log_volume, low, high, weight, 2)

    @classmethod
    def cube(cls, means: Array, volume: float) -> Background:
        """Of a mixture without samples, about the mean of its means (K, d)."""
        half = 0.5 * np.exp(np.log(volume) / means.shape[1])
        centre = means.mean(axis=0)
        return cls(float(np.log(volume)), centre - half, centre + half, 0.0)

    @classmethod
    def around(cls, parts: Sequence[Background | None]) -> Background | None:
        """That of mixtures with the same volume, about the samples of all."""
        known = [part for part in parts if part is not None]
        if not known:
            return None
        low = np.min([part.low for part in known], axis=0)
        high = np.max([part.high for part in known], axis=0)
        return replace(known[0], low=low, high=high)

    def state(self) -> dict[str, Any]:
        """As arrays and numbers."""
        box = np.stack([self.low, self.high])
        return {"log_volume": self.log_volume, "box": box, "n_parameters": self.n_parameters}

    def attributes(self, parameters: MixtureParameters) -> dict[str, Any]:
        """The fitted attributes of noise beside these components."""
        return {
            "noise_weight_": float(np.exp(parameters.log_noise_weight)),
            "noise_volume_": self.volume,
            "_noise": self.state(),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Background:
        low, high = state["box"]
        return cls(state["log_volume"], low, high, 0.0, state["n_parameters"])

    def beside_drawn(
        self, rows: Array, parameters: MixtureParameters, rng: np.random.RandomState
    ) -> tuple[Array, Array]:
        """Samples drawn from components (n, d), some replaced by noise; and which, bool (n,)."""
        noise = rng.uniform(size=len(rows)) < np.exp(parameters.log_noise_weight)
        box = rng.uniform(self.low, self.high, size=rows.shape)
        return np.where(noise[:, None], box, rows), noise

    @property
    def volume(self) -> float:
        with np.errstate(over="ignore"):  # of many features in small units it is infinite
            return float(np.exp(self.log_volume))

    @cached_property
    def log_sides(self) -> Array:
        """Sides of the bounding box (d,), scaled so that their product is the volume."""
        sides = self.high - self.low
        logs = np.log(np.where(sides > 0, sides, 1.0))
        return logs + (self.log_volume - logs.sum()) / len(logs)

    def log_density(self, missing: Array, labels: Array | None = None) -> Array:
        """Log-density of what is observed, -inf where a component is known.

        Parameters
        ----------
        missing : ndarray of bool, shape (..., d)
        labels : ndarray of shape (...) or None
            The component of a sample where it is known, else -1.
        """
        found = -self.log_volume + missing @ self.log_sides
        return found if labels is None else np.where(labels < 0, found, -np.inf)


def _log_volume_along_axes(rows: Samples) -> float:
    """Log-volume of the box along the principal axes of the scaled features."""
    moments = rows.overall_moments(Scatter.FULL)
    covariance = moments.scatter[0] / moments.total_weight
    deviations = np.sqrt(np.diagonal(covariance))
    if not deviations.all():
        return np.inf
    variances, axes = np.linalg.eigh(covariance / np.outer(deviations, deviations))
    if variances[0] <= _FLAT * variances[-1]:  # the box has sides that are rounding
        return np.inf
    box: Box = rows.summed(partial(Box.turned, moments.mean[0], axes / deviations[:, None]))
    return float(np.log(box.high - box.low).sum() + np.log(deviations).sum())


def isolated(samples: Array, weights: Array, fraction: float) -> Array:
    """The samples (m, d) farthest from others, as many as weigh this fraction of all; bool (m,).

    By the distance to a near neighbour among some of them (cf. Byers & Raftery 1998).
    """
    low, high = np.quantile(samples, [0.25, 0.75], axis=0)
    scale = np.where(high > low, high - low, 1.0)
    scaled = (samples - low) / scale
    rng = np.random.RandomState(_KEY)
    n_references = min(_REFERENCES, len(samples))
    references = rng.choice(len(samples), n_references, replace=False, p=weights / weights.sum())
    near = min(_NEIGHBOURS + 1, n_references - 1)
    distances = np.empty(len(samples))
    for start in range(0, len(samples), 1024):
        part = scaled[start : start + 1024]
        with np.errstate(over="ignore"):  # infinitely far is isolated too
            squares = np.square(part[:, None, :] - scaled[references][None]).sum(axis=2)
        distances[start : start + 1024] = np.partition(squares, near, axis=1)[:, near]
    order = np.argsort(-distances, kind="stable")
    found = np.zeros(len(samples), dtype=bool)
    found[order[np.cumsum(weights[order]) <= fraction * weights.sum()]] = True
    return found
