"""Plot a mixture and its samples on given axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from skgmm._linalg import Array
from skgmm.display import _style
from skgmm.display._view import View

_REGIONS = (0.25, 0.5, 0.75, 0.95)
_SHADES = (0.047, 0.098, 0.149, 0.2)  # of ink on paper
_GRID = 150
_FEWEST_BINS, _MOST_BINS = 5, 60
# The number of a component is placed beside it if it is smaller than this fraction of the axes.
_SMALL = 0.05
# Values with more steps than this in their range do not count as rounded.
_MOST_GRAINS = 500


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
    """

    def __init__(
        self, view: View, rows: Array, responsibilities: Array, weights: Array | None, max_rows: int
    ) -> None:
        self.view, self.rows, self.responsibilities = view, rows, responsibilities
        self.noisy = responsibilities.shape[1] > view.n_components
        self.weights = np.ones(len(rows)) if weights is None else weights
        self.spans = view.spans(rows)
        n_samples = len(rows)
        rng = np.random.default_rng(0)
        self.drawn = np.arange(n_samples)
        if n_samples > max_rows:
            self.drawn = np.sort(rng.choice(n_samples, max_rows, replace=False))
        ranked = np.sort(responsibilities[self.drawn], axis=1)
        # Difference of the two largest responsibilities: 0 if they are equal.
        self.certainty = ranked[:, -1] - ranked[:, -2] if ranked.shape[1] > 1 else ranked[:, 0]
        self.hard = responsibilities[self.drawn].argmax(axis=1)

    def histogram(self, ax: Any, coordinate: int) -> None:
        """Stacked histograms weighted by responsibilities, with the densities."""
        view, seen = self.view.of([coordinate]), ~np.isnan(self.rows[:, coordinate])
        rows, weights = self.rows[seen, coordinate], self.weights[seen]
        edges = _bin_edges(view, rows, weights.sum())
        bottom = np.zeros(len(edges) - 1)
        scale = 1.0 / (max(weights.sum(), np.finfo(float).tiny) * np.diff(edges))
        low, high = self.spans[coordinate]
        x = _points(view, low, high)
        for k in [*view.filled, *([view.n_components] if self.noisy else [])]:
            soft = weights * self.responsibilities[seen, k]
            height = scale * np.histogram(rows, edges, weights=soft)[0]
            bars = ax.bar(
                edges[:-1], height, np.diff(edges), bottom, align="edge",
                alpha=0.35, ec=_style.paper(), lw=0.5, **self._filling(k),
            )  # fmt: skip
            for bar in bars:
                bar.sticky_edges.y[:] = [0.0]  # an empty bar must not limit the axis
            bottom = bottom + height
        if len(view.filled) > 1:
            ax.plot(x[:, 0], view.density(x), color=_style.ink(), lw=1.2)
        for k in view.filled:
            own = view.component_density(k, x)
            ax.plot(x[:, 0], own, color=_style.colour(k), ls=_style.line(k), lw=1.8)
            if self.view.n_components > _style.MOST_NAMED:  # too many for a legend
                self._number(ax, k, (float(view.means[k, 0]), float(own.max())), aside=True)
        ax.set_xlim(low, high)
        _style.open_frame(ax)

    def _filling(self, component: int) -> dict[str, Any]:
        """Colour and hatching of the bars of a component, or of noise."""
        if component == self.view.n_components:
            return {"color": _style.noise_colour()}
        return {"color": _style.colour(component), "hatch": _style.hatch(component)}

    def plane(self, ax: Any, coordinates: tuple[int, int], density: bool) -> None:
        """Samples, ellipses and grey levels in two coordinates."""
        view = self.view.of(coordinates)
        (left, right), (low, high) = self.spans[list(coordinates)]
        if density:
            grid = np.linspace(left, right, _GRID), np.linspace(low, high, _GRID)
            self._shades(ax, view, *grid)
        rows = self.rows[self.drawn][:, list(coordinates)]
        for k in np.unique(self.hard):
            self._markers(ax, rows, int(k))
        for k in view.filled:
            for mass, style in ((0.5, "-"), (0.95, "--")):
                outline = view.ellipse(k, mass)
                ax.plot(*outline, color=_style.paper(), lw=3.0, alpha=0.7)
                ax.plot(*outline, color=_style.colour(k), ls=style, lw=1.6)
        for k in view.filled:
            reach = np.ptp(view.ellipse(k, 0.95), axis=1)
            small = bool((reach < _SMALL * np.array([right - left, high - low])).all())
            self._number(ax, k, tuple(view.means[k]), aside=small)
        ax.set_xlim(left, right)
        ax.set_ylim(low, high)
        _style.open_frame(ax)

    def _number(self, ax: Any, component: int, place: tuple[float, ...], aside: bool) -> None:
        """The number of a component; `aside` if it would cover the component."""
        ax.annotate(
            str(component), place, (0.0, 12.0 if aside else 0.0), textcoords="offset points",
            ha="center", va="center", fontsize=8, zorder=4, color=_style.ink(),
            bbox={
                "boxstyle": "circle,pad=0.2", "fc": _style.paper(), "ec": _style.colour(component)
            },
        )  # fmt: skip

    def _shades(self, ax: Any, view: View, across: Array, up: Array) -> None:
        x, y = np.meshgrid(across, up)
        heights = view.density(np.column_stack([x.ravel(), y.ravel()])).reshape(x.shape)
        levels = view.region_levels(_REGIONS)
        if np.all(np.diff(levels) > 0):  # not if all of the mass is in a point
            top = max(heights.max(), levels[-1]) * 1.001
            greys = [_style.grey(share) for share in _SHADES]
            ax.contourf(x, y, heights, [*levels, top], colors=greys, zorder=0)

    def _markers(self, ax: Any, rows: Array, component: int) -> None:
        from matplotlib.colors import to_rgba_array

        own = self.hard == component
        area = 18.0 if len(self.drawn) < 1000 else 9.0
        sizes = area * (self.weights / self.weights.mean())[self.drawn][own]
        if component == self.view.n_components:
            ax.scatter(
                *rows[own].T, s=sizes, marker=_style.NOISE_MARKER, color=_style.noise_colour(),
                linewidths=0.8, rasterized=len(self.drawn) > 500,
            )  # fmt: skip
            return
        face = to_rgba_array(_style.colour(component), 0.8 * self.certainty[own])
        ax.scatter(
            *rows[own].T, s=sizes, marker=_style.marker(component), facecolors=face,
            edgecolors=_style.colour(component), linewidths=0.6, rasterized=len(self.drawn) > 500,
        )  # fmt: skip

    def legend(self, ax: Any, lines: bool, loc: str = "best") -> None:
        """Legend of the markers and ellipses, or of the lines over a histogram."""
        from matplotlib.lines import Line2D

        entries = self._components(lines)
        grey = {"color": _style.grey(0.7)}
        if lines and len(self.view.filled) > 1:
            entries.append({"color": _style.ink(), "lw": 1.2, "label": "mixture"})
        if not lines and self.view.n_components > 1:
            hollow = {"marker": "o", "ls": "", "mfc": "none", "label": "hollow: uncertain"}
            entries.append({**grey, **hollow})
        if not lines:
            entries.append({**grey, "label": "50 % of component"})
            entries.append({**grey, "ls": "--", "label": "95 % of component"})
        handles = [Line2D([], [], **entry) for entry in entries]
        ax.legend(handles=handles, loc=loc, fontsize=8, framealpha=0.85)

    def _components(self, lines: bool) -> list[dict[str, Any]]:
        """Legend entries of the components with their weights, if there are few components."""
        if self.view.n_components > _style.MOST_NAMED:
            return []
        entries: list[dict[str, Any]] = []
        for k, weight in enumerate(self.view.weights):
            look = {"ls": _style.line(k)} if lines else {"ls": "", "marker": _style.marker(k)}
            share = f"{100 * weight:.0f} %" if k in self.view.filled else "empty"
            entries.append({**look, "color": _style.colour(k), "label": f"component {k}: {share}"})
        if self.noisy and not lines:
            label = f"noise: {100 * (1.0 - self.view.weights.sum()):.0f} %"
            look = {"ls": "", "marker": _style.NOISE_MARKER}
            entries.append({**look, "color": _style.noise_colour(), "label": label})
        return entries


def _points(view: View, low: float, high: float) -> Array:
    """Points for the densities of one coordinate, (n, 1): dense around narrow components."""
    deviations = np.sqrt(view.covariances[:, 0, 0])
    around = view.means + deviations[:, None] * np.linspace(-4.0, 4.0, 81)
    points = np.unique(np.append(np.linspace(low, high, 400), around[view.filled]))
    return points[(points >= low) & (points <= high), None]


def _bin_edges(view: View, rows: Array, total: float) -> Array:
    """Bins with the width that the narrowest component needs (Scott 1979)."""
    deviations = np.sqrt(view.covariances[:, 0, 0])
    sizes = np.maximum(view.weights * total, 1.0)
    width = (3.49 * deviations / np.cbrt(sizes))[view.filled].min()
    if not len(rows):
        rows = view.means[view.filled, 0]
    low, high = float(rows.min()), float(rows.max())
    if low == high:
        return np.linspace(low - 2.0 * width, high + 2.0 * width, _FEWEST_BINS + 1)
    width = (high - low) / np.clip((high - low) / width, _FEWEST_BINS, _MOST_BINS)
    distinct = np.unique(rows)
    grain = float(np.diff(distinct).min())
    if (high - low) / grain <= _MOST_GRAINS:
        # Rounded values: bins of whole steps, otherwise some would hold more values than others.
        width = grain * max(1.0, np.round(width / grain))
        low -= 0.5 * grain
    return low + width * np.arange(np.ceil((high - low) / width + 1e-6) + 1)
