"""Two coordinates of a mixture and its samples: regions of density, markers and ellipses."""

from __future__ import annotations

from typing import Any

import numpy as np

from skgmm._linalg import Array
from skgmm.display import _style
from skgmm.display._histogram import number_component
from skgmm.display._options import Options
from skgmm.display._view import View

_DARKEST = 0.2  # of ink on paper
_GRID = 150
# The number of a component is placed beside it if it is smaller than this fraction of the axes.
_SMALL = 0.05
# Areas of markers in points: few samples, many samples; and factors of certain and uncertain ones.
_AREA, _AREA_OF_MANY, _MANY = 18.0, 9.0, 1000
_CERTAIN, _UNCERTAIN = 0.4, 10.0
# Samples above this number are drawn as an image in vector formats.
_MOST_VECTORS = 500


class Plane:
    """A mixture in two coordinates.

    Parameters
    ----------
    view : View
    spans : ndarray of shape (2, 2)
        Ends of both axes.
    options : Options
    """

    def __init__(self, view: View, spans: Array, options: Options) -> None:
        self.view, self.spans, self.options = view, spans, options

    def shades(self, ax: Any) -> None:
        """Regions of highest density that contain the masses `levels`."""
        x, y = np.meshgrid(*(np.linspace(low, high, _GRID) for low, high in self.spans))
        density = self.view.density(np.column_stack([x.ravel(), y.ravel()])).reshape(x.shape)
        levels = self.view.region_levels(self.options.levels)
        if not np.all(np.diff(levels) > 0):  # if all of the mass is in a point
            return
        top = max(density.max(), levels[-1]) * 1.001
        given = self.options.contour_kwargs
        greys = [_style.grey(_DARKEST * (i + 1) / len(levels)) for i in range(len(levels))]
        look = {"zorder": 0} if "cmap" in given else {"zorder": 0, "colors": greys}
        ax.contourf(x, y, density, levels=[*levels, top], **{**look, **given})

    def components(self, ax: Any) -> None:
        """Ellipses with 50 % and 95 % of each component, and its number."""
        view, options = self.view, self.options
        for k in view.filled:
            for mass, style in ((0.5, "-"), (0.95, "--")):
                outline = view.ellipse(k, mass)
                ax.plot(*outline, color=_style.paper(), lw=3.0, alpha=0.7)
                ax.plot(*outline, color=options.colour(k), ls=style, lw=1.6)
        for k in view.filled:
            reach = np.ptp(view.ellipse(k, 0.95), axis=1)
            small = bool((reach < _SMALL * np.diff(self.spans)[:, 0]).all())
            number_component(ax, k, tuple(view.means[k]), options.colour(k), aside=small)
        ax.set_xlim(*self.spans[0])
        ax.set_ylim(*self.spans[1])
        _style.open_frame(ax)


class Markers:
    """Samples as markers that show their assignment and its uncertainty.

    Parameters
    ----------
    responsibilities : ndarray of shape (n, K)
        With noise in one more column, the last.
    weights : ndarray of shape (n,)
    max_rows : int
        Of more samples a random selection is drawn.
    noisy : bool
    """

    def __init__(self, responsibilities: Array, weights: Array, max_rows: int, noisy: bool) -> None:
        n_samples, n_columns = responsibilities.shape
        self.drawn = np.arange(n_samples)
        if n_samples > max_rows:
            rng = np.random.default_rng(0)
            self.drawn = np.sort(rng.choice(n_samples, max_rows, replace=False))
        drawn = responsibilities[self.drawn]
        ranked = np.sort(drawn, axis=1)
        # Difference of the two largest responsibilities: 0 if they are equal.
        self.certainty = ranked[:, -1] - ranked[:, -2] if n_columns > 1 else ranked[:, 0]
        self.hard = drawn.argmax(axis=1)
        # The uncertainty in units of the largest possible one.
        self.uncertainty = (1.0 - ranked[:, -1]) / (1.0 - 1.0 / max(n_columns, 2))
        self.weights = (weights / weights.mean())[self.drawn]
        self.noise = n_columns - 1 if noisy else -1

    def draw(self, ax: Any, rows: Array, options: Options) -> None:
        """Draw samples (n, 2)."""
        from matplotlib.cbook import normalize_kwargs
        from matplotlib.collections import PathCollection

        given = normalize_kwargs(dict(options.scatter_kwargs), PathCollection)
        areas, rows = self._areas(options.uncertainty), rows[self.drawn]
        for k in np.unique(self.hard).tolist():
            own = np.flatnonzero(self.hard == k)
            if options.uncertainty == "size":  # the uncertain ones on top
                own = own[np.argsort(self.uncertainty[own], kind="stable")]
            look = self._look(k, own, options)
            if {"c", "color"} & given.keys():
                look = {name: value for name, value in look.items() if "color" not in name}
            common = {"s": areas[own], "rasterized": len(self.drawn) > _MOST_VECTORS}
            ax.scatter(*rows[own].T, **{**common, **look, **given})

    def _areas(self, uncertainty: str | None) -> Array:
        area = _AREA if len(self.drawn) < _MANY else _AREA_OF_MANY
        if uncertainty == "size":
            return area * (_CERTAIN + (_UNCERTAIN - _CERTAIN) * self.uncertainty)
        return area * self.weights

    def _look(self, component: int, own: Array, options: Options) -> dict[str, Any]:
        from matplotlib.colors import to_rgba_array

        if component == self.noise:
            colour = _style.noise_colour()
            return {"marker": _style.NOISE_MARKER, "facecolor": colour, "linewidth": 0.8}
        opacity = np.full(len(own), 0.5)
        if options.uncertainty == "shade":
            opacity = 0.8 * self.certainty[own]
        colour = options.colour(component)
        return {
            "marker": _style.marker(component),
            "facecolor": to_rgba_array(colour, opacity),
            "edgecolor": colour,
            "linewidth": 0.6,
        }
