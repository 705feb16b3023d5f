"""Options of a plot of a mixture, and their checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skgmm.display import _style

LEVELS = (0.25, 0.5, 0.75, 0.95)
_UNCERTAINTY = ("shade", "size", None)


@dataclass(frozen=True)
class Options:
    """How a mixture is drawn (`MixtureDisplay.plot`)."""

    colours: tuple[Any, ...]
    levels: tuple[float, ...] = LEVELS
    uncertainty: str | None = "shade"
    scatter_kwargs: Mapping[str, Any] = field(default_factory=dict)
    contour_kwargs: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def checked(
        cls,
        palette: str | Sequence[Any] | None,
        levels: ArrayLike,
        uncertainty: str | None,
        scatter_kwargs: Mapping[str, Any] | None,
        contour_kwargs: Mapping[str, Any] | None,
    ) -> Options:
        """The options, or a ValueError."""
        if uncertainty is not None and uncertainty not in _UNCERTAINTY:
            raise ValueError(
                f"uncertainty should be one of {_UNCERTAINTY}, but got {uncertainty!r}"
            )
        return cls(
            _style.colours_of(palette),
            _checked_levels(levels),
            uncertainty,
            checked_keywords("scatter_kwargs", scatter_kwargs),
            checked_keywords("contour_kwargs", contour_kwargs),
        )

    def colour(self, component: int) -> Any:
        return self.colours[component % len(self.colours)]


def _checked_levels(levels: ArrayLike) -> tuple[float, ...]:
    try:
        masses = np.unique(np.asarray(levels, dtype=np.float64))
    except (TypeError, ValueError):
        masses = np.array([np.nan])
    if not len(masses) or not ((masses > 0.0) & (masses < 1.0)).all():
        raise ValueError(
            "levels should be numbers between 0 and 1, the parts of the mixture within the grey "
            f"regions, for example {list(LEVELS)}, but got {levels!r}"
        )
    return tuple(masses.tolist())


def checked_keywords(name: str, given: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if given is None:
        return {}
    method = {"scatter_kwargs": "scatter", "contour_kwargs": "contourf"}[name]
    if not isinstance(given, Mapping):
        raise ValueError(
            f"{name} should be a dict of keywords of matplotlib's {method}, or None, but got "
            f"{given!r}"
        )
    if name == "contour_kwargs" and "levels" in given:
        raise ValueError(
            "contour_kwargs should not have levels: pass levels=[...], the parts of the mixture "
            "within the regions"
        )
    return dict(given)
