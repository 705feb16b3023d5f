"""A mixture, its samples and the options of a plot, which draw themselves on axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from skgmm._linalg import Array
from skgmm.display import _style
from skgmm.display._histogram import Histogram
from skgmm.display._options import Options
from skgmm.display._plane import Markers, Plane
from skgmm.display._text import fit_legend
from skgmm.display._view import View

# Legend entry of uncertain samples.
_UNCERTAIN: dict[str, dict[str, Any]] = {
    "shade": {"mfc": "none", "label": "hollow: uncertain"},
    "size": {"ms": 9, "label": "large: uncertain"},
}


class Drawing:
    """Samples and a mixture in the coordinates of a plot.

    Parameters
    ----------
    view : View
        With m coordinates.
    rows : ndarray of shape (n, m)
        Samples without a value (NaN) in some coordinate are left out of the panels that show it.
    responsibilities : ndarray of shape (n, K)
        Responsibilities; with noise in one more column, the last.
    weights : ndarray of shape (n,) or None
    max_rows : int
        Maximum number of samples plotted as markers.
    options : Options
    """

    def __init__(
        self,
        view: View,
        rows: Array,
        responsibilities: Array,
        weights: Array | None,
        max_rows: int,
        options: Options,
    ) -> None:
        self.view, self.rows, self.responsibilities = view, rows, responsibilities
        self.weights = np.ones(len(rows)) if weights is None else weights
        self.options, self.max_rows = options, max_rows
        self.noisy = responsibilities.shape[1] > view.n_components
        self.spans = view.spans(rows)

    def histogram(self, ax: Any, coordinate: int) -> Histogram:
        """Histograms weighted by responsibilities, with the densities."""
        seen = ~np.isnan(self.rows[:, coordinate])
        histogram = Histogram(
            self.view.of([coordinate]),
            self.rows[seen, coordinate],
            self.weights[seen, None] * self.responsibilities[seen],
            tuple(self.spans[coordinate]),
            self.options,
        )
        histogram.draw(ax)
        if self.view.n_components > _style.MOST_NAMED:  # too many for a legend
            histogram.number(ax)
        return histogram

    def plane(self, ax: Any, coordinates: tuple[int, int], density: bool) -> None:
        """Samples, ellipses and grey levels in two coordinates."""
        chosen = list(coordinates)
        plane = Plane(self.view.of(chosen), self.spans[chosen], self.options)
        if density:
            plane.shades(ax)
        if len(self.rows):
            markers = Markers(self.responsibilities, self.weights, self.max_rows, self.noisy)
            markers.draw(ax, self.rows[:, chosen], self.options)
        plane.components(ax)

    def legend(self, ax: Any, lines: bool, **options: Any) -> bool:
        """Legend of the markers and ellipses, or of the lines over a histogram, if it fits."""
        from matplotlib.lines import Line2D

        components = [Line2D([], [], **look) for look in self._components(lines)]
        others = [Line2D([], [], **look) for look in self._others(lines)]
        return fit_legend(ax, [*components, *others], components, **options)

    def _others(self, lines: bool) -> list[dict[str, Any]]:
        """Legend entries beside those of the components."""
        if lines:
            mixture = {"color": _style.ink(), "lw": 1.2, "label": "mixture"}
            return [mixture] if len(self.view.filled) > 1 else []
        grey = {"color": _style.grey(0.7)}
        entries: list[dict[str, Any]] = []
        uncertain = dict(_UNCERTAIN.get(self.options.uncertainty or "", {}))
        if uncertain and self.view.n_components > 1 and len(self.rows):
            entries.append({**grey, "marker": "o", "ls": "", **uncertain})
        entries.append({**grey, "label": "50 % of component"})
        entries.append({**grey, "ls": "--", "label": "95 % of component"})
        return entries

    def _components(self, lines: bool) -> list[dict[str, Any]]:
        """Legend entries of the components with their weights, if there are few components."""
        if self.view.n_components > _style.MOST_NAMED:
            return []
        entries: list[dict[str, Any]] = []
        for k, weight in enumerate(self.view.weights):
            look = {"ls": "", "marker": _style.marker(k)}
            if lines or not len(self.rows):
                look = {"ls": _style.line(k) if lines else "-"}
            share = f"{100 * weight:.0f} %" if k in self.view.filled else "empty"
            colour = self.options.colour(k)
            entries.append({**look, "color": colour, "label": f"component {k}: {share}"})
        if self.noisy and not lines:
            label = f"noise: {100 * (1.0 - self.view.weights.sum()):.0f} %"
            look = {"ls": "", "marker": _style.NOISE_MARKER}
            entries.append({**look, "color": _style.noise_colour(), "label": label})
        return entries
