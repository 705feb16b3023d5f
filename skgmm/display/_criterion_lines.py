"""The lines of a CriterionDisplay: their styles, their order, and the structures of one feature."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from skgmm._linalg import Array
from skgmm.covariance import find_structure
from skgmm.display import _style

# The style shows the structure's code: volume the line, shape the marker, orientation the colour
# (with "s" for spheres). All can be distinguished in greyscale.
_LINES = {"E": "-", "V": "--"}
_MARKERS = {"I": "o", "E": "s", "V": "^"}
_COLOURS = {"s": "#E69F00", "I": "#56B4E9", "E": "#0072B2", "V": _style.INK}
_OTHER = {"color": "0.5", "ls": ":", "marker": "x"}

# Of one feature only the volume, the variance, can differ: structures are equal or varying.
_OF_ONE_FEATURE = {"E": ("s", "E (equal variances)"), "V": ("^", "V (varying variances)")}

# The axis ends at this multiple of the distance from the best value within which three quarters of
# the structures come, or half of the models of the best structure: much worse models would compress
# the others into a line.
_REACH = 2.0
_STRETCH = 3.0


class Models(NamedTuple):
    """Fitted models and their values of a criterion."""

    n_components: Array
    names: Array  # of structures
    values: Array
    converged: Array
    sign: float  # 1 where lower is better, -1 where higher is

    def ranked(self) -> list[tuple[str, float]]:
        """Structures and their best values, the best first; those without any are omitted."""
        least = {}
        for name in dict.fromkeys(self.names.tolist()):
            values = self.values[self.names == name]
            if np.isfinite(values).any():
                least[name] = self.sign * float(np.nanmin(self.sign * values))
        return sorted(least.items(), key=lambda item: self.sign * item[1])

    def of(self, name: str) -> Models:
        """Those of a structure, by increasing number of components."""
        own = np.flatnonzero(self.names == name)
        own = own[np.argsort(self.n_components[own], kind="stable")]
        return self._of(own)

    def value(self, n_components: int, name: str) -> float:
        return float(self.values[(self.names == name) & (self.n_components == n_components)][0])

    def reach(self, value: float, name: str) -> float:
        """Distance from the best value at which the axis ends."""
        behind = [abs(least - value) for _, least in self.ranked()]
        own = np.nanmedian(abs(self.of(name).values - value))
        # With few structures a single bad one would inflate the quartile.
        most = _STRETCH * max(np.quantile(behind, 0.75, method="lower"), own)
        near = max(min(np.quantile(behind, 0.75), most), own)
        return max(_REACH * near, 1e-3 * abs(value))

    def of_one_feature(self) -> Models:
        """The best of each number of components and volume, as structures E and V."""
        names = np.array([volume_of(name) for name in self.names.tolist()])
        best: dict[tuple[int, str], int] = {}
        for i, key in enumerate(zip(self.n_components.tolist(), names.tolist(), strict=True)):
            if key not in best or _better(*(self.sign * self.values[[i, best[key]]])):
                best[key] = i
        chosen = np.array(list(best.values()), dtype=np.intp)
        return self._of(chosen, names)

    def _of(self, chosen: Array, names: Array | None = None) -> Models:
        names = self.names if names is None else names
        return Models(
            self.n_components[chosen],
            names[chosen],
            self.values[chosen],
            self.converged[chosen],
            self.sign,
        )


def _better(one: float, other: float) -> bool:
    """Whether one value is lower; NaN is worse than any."""
    return bool(one < other or (np.isnan(other) and not np.isnan(one)))


def volume_of(name: str) -> str:
    """E or V where this is all that a structure says of one feature; else its name."""
    code = find_structure(name).code
    return code[0] if _is_standard(code) else name


def short_name(name: str) -> str:
    """The name of a structure beside the best model."""
    return name if name in _OF_ONE_FEATURE else look_of(name)[1]


def _is_standard(code: str) -> bool:
    return len(code) == 3 and code[0] in _LINES


def look_of(name: str) -> tuple[dict[str, Any], str]:
    """Style and label of the line of a structure."""
    if name in _OF_ONE_FEATURE:
        marker, label = _OF_ONE_FEATURE[name]
        return {
            "color": _style.resolved(_COLOURS[name]),
            "ls": _LINES[name],
            "marker": marker,
        }, label
    code = find_structure(name).code
    label = code if code == name else f"{code} '{name}'"
    if not _is_standard(code):
        return dict(_OTHER), name
    volume, shape, orientation = tuple(code)
    colour = _style.resolved(_COLOURS["s" if shape == "I" else orientation])
    return {"color": colour, "ls": _LINES[volume], "marker": _MARKERS[shape]}, label
