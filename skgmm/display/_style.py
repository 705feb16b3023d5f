"""How pictures look: every difference in colour is also one of marker, line or hatching."""

from __future__ import annotations

from typing import Any

# Okabe & Ito's palette (2008), which the colour-blind tell apart, without its yellow, which is hard
# to see on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
# Eight markers to seven colours: 56 components before a pair comes again.
MARKERS = ("o", "^", "s", "D", "v", "P", "X", "p")
LINES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))
HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "||||", "oooo")

MOST_NAMED = 8
"""Components in a legend: a longer one is not read."""


def colour(component: int) -> str:
    return COLOURS[component % len(COLOURS)]


def marker(component: int) -> str:
    return MARKERS[component % len(MARKERS)]


def line(component: int) -> Any:
    return LINES[component % len(LINES)]


def hatch(component: int) -> str:
    return HATCHES[component % len(HATCHES)]


def pyplot(caller: object) -> Any:
    """matplotlib.pyplot, imported on use: who draws nothing needs no matplotlib."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{type(caller).__name__}.plot draws with matplotlib, which is not installed: "
            "pip install 'skgmm[plots]'"
        ) from error
    return plt


def axes_of(caller: object, ax: Any, size: tuple[float, float]) -> Any:
    """The user's axes, or those of a new figure."""
    plt = pyplot(caller)
    return plt.subplots(figsize=size, layout="constrained")[1] if ax is None else ax


def open_frame(ax: Any) -> None:
    ax.spines[["top", "right"]].set_visible(False)
