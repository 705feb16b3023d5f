"""Style of the plots: differences in colour are also differences in marker, line or hatching."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

# Okabe & Ito's palette (2008), safe for colour-blind readers, without its yellow, which is hard to
# see on white, and with the colour of text instead of black (docs/development/decisions.rst).
INK = "ink"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", INK)
# Eight markers and seven colours: pairs repeat after 56 components.
MARKERS = ("o", "^", "s", "D", "v", "P", "X", "p")
LINES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))
HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "||||", "oooo")
RING = COLOURS[1]

MOST_NAMED = 8
"""Maximum number of components in a legend."""


def ink() -> str:
    """Colour of text: black, or white in a dark style."""
    from matplotlib import rcParams

    return str(rcParams["text.color"])


def paper() -> str:
    """Background colour of a plot."""
    from matplotlib import rcParams

    return str(rcParams["axes.facecolor"])


def grey(share: float) -> tuple[float, ...]:
    """Mixture of the colours of text and background."""
    from matplotlib.colors import to_rgb

    mixed = zip(to_rgb(ink()), to_rgb(paper()), strict=True)
    return tuple(share * dark + (1.0 - share) * light for dark, light in mixed)


def resolved(colour: str) -> str:
    """A colour of the palette for matplotlib."""
    return ink() if colour == INK else colour


def colour(component: int) -> str:
    return resolved(COLOURS[component % len(COLOURS)])


def colours_of(palette: str | Sequence[Any] | None) -> tuple[Any, ...]:
    """Colours of the components from the parameter `palette` of a plot.

    Raises
    ------
    ValueError
        If it is not a name in `matplotlib.color_sequences`, nor a list of colours.
    """
    import matplotlib
    from matplotlib.colors import is_color_like, to_hex

    if palette is None:
        return tuple(resolved(one) for one in COLOURS)
    known = sorted(matplotlib.color_sequences)
    if isinstance(palette, str):
        listed = matplotlib.color_sequences.get(palette, ())
    else:
        listed = list(palette) if np.iterable(palette) else ()
    if not len(listed) or not all(is_color_like(one) for one in listed):
        raise ValueError(
            f"palette should be a name in matplotlib.color_sequences ({', '.join(known)}), a list "
            f"of colours of matplotlib, or None, but got {palette!r}"
        )
    return tuple(to_hex(one, keep_alpha=True) for one in listed)


NOISE_MARKER = "x"


def noise_colour() -> tuple[float, ...]:
    return grey(0.55)


def marker(component: int) -> str:
    return MARKERS[component % len(MARKERS)]


def line(component: int) -> Any:
    return LINES[component % len(LINES)]


def hatch(component: int) -> str:
    return HATCHES[component % len(HATCHES)]


def pyplot(caller: object) -> Any:
    """matplotlib.pyplot, imported only when something is plotted."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{type(caller).__name__}.plot needs matplotlib, which is not installed: "
            "pip install matplotlib"
        ) from error
    return plt


def check_data(caller: type, X: Any) -> None:
    """Raise ValueError without X: a mixture does not keep the data."""
    if X is None:
        raise ValueError(
            f"{caller.__name__}.from_estimator needs X, the samples to plot, because a mixture "
            "does not keep the data that it was fitted to, but got None"
        )


class Display:
    """A plot, and where it is."""

    ax_: Any
    figure_: Any

    def _take(self, ax: Any, size: tuple[float, float]) -> None:
        """Plot in the given axes, or in those of a new figure."""
        plt = pyplot(self)
        self.ax_ = plt.subplots(figsize=size, layout="constrained")[1] if ax is None else ax
        self.figure_ = self.ax_.figure


def open_frame(ax: Any) -> None:
    ax.spines[["top", "right"]].set_visible(False)
