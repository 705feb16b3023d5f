"""One coordinate of a mixture and its samples: bars of each component, and their densities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import ndtr

from skgmm._linalg import Array
from skgmm.display import _style
from skgmm.display._options import Options
from skgmm.display._text import keep_inside, points_high
from skgmm.display._view import View

_FEWEST_BINS, _MOST_BINS = 5, 60
# Values with more steps than this in their range do not count as rounded.
_MOST_GRAINS = 500
# A component is narrow if a bin is wider than this many of its standard deviations, so that its
# density is at least twice as high as a bar that contains it.
_STANDARD_DEVIATIONS = 5.0
_ABOVE = 1.08
# Points above the highest line for the numbers of components.
_ABOVE_PEAK = 24.0


class Histogram:
    """Bars and lines of each component, in the same units.

    Parameters
    ----------
    view : View
        Of one coordinate.
    values : ndarray of shape (n,)
    counts : ndarray of shape (n, K)
        What each sample counts in each component; with noise in one more column, the last.
    span : tuple of float
        Ends of the axis.
    options : Options
    """

    def __init__(
        self, view: View, values: Array, counts: Array, span: tuple[float, float], options: Options
    ) -> None:
        self.view, self.values, self.counts = view, values, counts
        self.span, self.options = span, options
        self.deviations = np.sqrt(view.covariances[:, 0, 0])
        if len(values):
            self.edges = _bin_edges(view, self.deviations, values, counts.sum())
        else:
            self.edges = np.linspace(span[0], span[1], _MOST_BINS + 1)
        self.tops = self._tops()
        # Largest values of the densities.
        peaks = view.weights / (np.sqrt(2.0 * np.pi) * self.deviations)
        self.places = {k: (float(view.means[k, 0]), float(peaks[k])) for k in view.filled}

    def _tops(self) -> Array:
        """Heights of the bars of all components together, or those to expect without samples."""
        widths, K = np.diff(self.edges), self.view.n_components
        if not len(self.values):
            below = ndtr((self.edges[:, None] - self.view.means[:, 0]) / self.deviations)
            return np.diff(below, axis=0) @ self.view.weights / widths
        own = np.histogram(self.values, self.edges, weights=self.counts[:, :K].sum(axis=1))[0]
        return own / (self._total * widths)

    @property
    def _total(self) -> float:
        return max(float(self.counts.sum()), np.finfo(float).tiny)

    @property
    def narrow(self) -> list[int]:
        """Components that are much narrower than a bar and rise above all bars."""
        wide = np.diff(self.edges)[0] > _STANDARD_DEVIATIONS * self.deviations
        top = self.tops.max()
        return [k for k, (_, peak) in self.places.items() if wide[k] and peak > _ABOVE * top]

    def draw(self, ax: Any) -> None:
        if len(self.values):
            self._bars(ax)
        self._lines(ax)
        narrow = self.narrow
        if narrow or not len(self.values):
            lower = [peak for k, (_, peak) in self.places.items() if k not in narrow]
            ax.set_ylim(0.0, _ABOVE * max([*lower, float(self.tops.max())]))
        ax.set_xlim(*self.span)
        _style.open_frame(ax)
        self._mark(ax, narrow)

    def _bars(self, ax: Any) -> None:
        """Bars that overlap, each from 0, as the lines are."""
        widths, K = np.diff(self.edges), self.view.n_components
        noise = range(K, self.counts.shape[1])
        for k in [*self.view.filled, *noise]:
            heights = np.histogram(self.values, self.edges, weights=self.counts[:, k])[0]
            bars = ax.bar(
                self.edges[:-1], heights / (self._total * widths), widths, align="edge",
                alpha=0.35, ec=_style.paper(), lw=0.5, **self._filling(k),
            )  # fmt: skip
            for bar in bars:
                bar.sticky_edges.y[:] = [0.0]  # an empty bar must not limit the axis

    def _filling(self, component: int) -> dict[str, Any]:
        """Colour and hatching of the bars of a component, or of noise."""
        if component == self.view.n_components:
            return {"color": _style.noise_colour()}
        return {"color": self.options.colour(component), "hatch": _style.hatch(component)}

    def _lines(self, ax: Any) -> None:
        """Densities, and the outline of all bars together, which belongs to the mixture."""
        x, several = self._points(), len(self.view.filled) > 1
        if several:
            ax.plot(x[:, 0], self.view.density(x), color=_style.ink(), lw=1.2)
        for k in self.view.filled:
            own = self.view.component_density(k, x)
            ax.plot(x[:, 0], own, color=self.options.colour(k), ls=_style.line(k), lw=1.8)
        if several and len(self.values):
            ax.plot(
                np.repeat(self.edges, 2), [0.0, *np.repeat(self.tops, 2), 0.0],
                color=_style.grey(0.55), lw=0.8, zorder=1.5,
            )  # fmt: skip

    def _points(self) -> Array:
        """Points for the densities, (n, 1): dense around narrow components."""
        low, high = self.span
        around = self.view.means + self.deviations[:, None] * np.linspace(-4.0, 4.0, 81)
        points = np.unique(np.append(np.linspace(low, high, 400), around[self.view.filled]))
        return points[(points >= low) & (points <= high), None]

    def _mark(self, ax: Any, narrow: Sequence[int]) -> None:
        """Weights of narrow components, whose densities leave the axes, at the top."""
        for k in narrow:
            ax.plot(
                self.view.means[k, 0], 1.0, marker="^", ms=6, color=self.options.colour(k),
                transform=ax.get_xaxis_transform(), clip_on=False, zorder=5, ls="",
            )  # fmt: skip
            text = str(k)
            if len(narrow) <= _style.MOST_NAMED:
                text += f": {100 * self.view.weights[k]:.0f} %"
            keep_inside(ax, _named(ax, text, (self.view.means[k, 0], 1.0), self.options.colour(k)))

    def number(self, ax: Any) -> None:
        """The number of each component above its line; those of narrow ones have been drawn."""
        numbered = {k: place for k, place in self.places.items() if k not in self.narrow}
        highest = max((peak for _, peak in numbered.values()), default=0.0)
        height, (low, high) = points_high(ax), ax.get_ylim()
        ax.set_ylim(low, max(high, highest / (1.0 - min(_ABOVE_PEAK / height, 0.5))))
        for k, place in numbered.items():
            number_component(ax, k, place, self.options.colour(k), aside=True)


def _named(ax: Any, text: str, place: tuple[float, float], colour: Any) -> Any:
    """A label below and beside a place at the top of the axes."""
    low, high = ax.get_xlim()
    side, offset = ("left", 6.0) if place[0] < 0.5 * (low + high) else ("right", -6.0)
    return ax.annotate(
        text, place, (offset, -4.0), textcoords="offset points", ha=side, va="top",
        xycoords=ax.get_xaxis_transform(), fontsize=8, color=colour, zorder=5,
        bbox={"boxstyle": "square,pad=0.1", "fc": _style.paper(), "ec": "none", "alpha": 0.8},
    )  # fmt: skip


def number_component(
    ax: Any, component: int, place: tuple[float, ...], colour: Any, aside: bool
) -> None:
    """The number of a component in a circle; `aside` if it would cover the component."""
    ax.annotate(
        str(component), place, (0.0, 12.0 if aside else 0.0), textcoords="offset points",
        ha="center", va="center", fontsize=8, zorder=4, color=_style.ink(),
        bbox={"boxstyle": "circle,pad=0.2", "fc": _style.paper(), "ec": colour},
    )  # fmt: skip


def _bin_edges(view: View, deviations: Array, values: Array, total: float) -> Array:
    """Bins with the width that the narrowest component needs (Scott 1979)."""
    sizes = np.maximum(view.weights * total, 1.0)
    width = (3.49 * deviations / np.cbrt(sizes))[view.filled].min()
    low, high = float(values.min()), float(values.max())
    if low == high:
        return np.linspace(low - 2.0 * width, high + 2.0 * width, _FEWEST_BINS + 1)
    width = (high - low) / np.clip((high - low) / width, _FEWEST_BINS, _MOST_BINS)
    distinct = np.unique(values)
    grain = float(np.diff(distinct).min())
    if (high - low) / grain <= _MOST_GRAINS:
        # Rounded values: bins of whole steps, otherwise some would hold more values than others.
        width = grain * max(1.0, np.round(width / grain))
        low -= 0.5 * grain
    return low + width * np.arange(np.ceil((high - low) / width + 1e-6) + 1)
