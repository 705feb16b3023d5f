"""How pictures look: every difference in colour is also one of marker, line or hatching."""

from __future__ import annotations

from typing import Any

# Okabe & Ito's palette (2008), which the colour-blind tell apart, without its yellow, which is hard
# to see on white, and with what writing has for its black.
INK = "ink"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", INK)
# Eight markers to seven colours: 56 components before a pair comes again.
MARKERS = ("o", "^", "s", "D", "v", "P", "X", "p")
LINES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))
HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "||||", "oooo")

MOST_NAMED = 8
"""Components in a legend: a longer one is not read."""


def ink() -> str:
    """The colour of writing: black, or in a dark style white."""
    from matplotlib import rcParams

    return str(rcParams["text.color"])


def paper() -> str:
    """The colour behind a picture."""
    from matplotlib import rcParams

    return str(rcParams["axes.facecolor"])


def grey(share: float) -> tuple[float, ...]:
    """So much ink on paper."""
    from matplotlib.colors import to_rgb

    mixed = zip(to_rgb(ink()), to_rgb(paper()), strict=True)
    return tuple(share * dark + (1.0 - share) * light for dark, light in mixed)


def resolved(colour: str) -> str:
    """A colour of the palette as matplotlib knows it."""
    return ink() if colour == INK else colour


def colour(component: int) -> str:
    return resolved(COLOURS[component % len(COLOURS)])


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


def check_data(caller: type, X: Any) -> None:
    """Data are not kept by a mixture, so they have to be given."""
    if X is None:
        raise ValueError(
            f"{caller.__name__}.from_estimator needs X, the samples to show, because a mixture "
            "does not keep those it was fitted to, but got None"
        )


def axes_of(caller: object, ax: Any, size: tuple[float, float]) -> Any:
    """The user's axes, or those of a new figure."""
    plt = pyplot(caller)
    return plt.subplots(figsize=size, layout="constrained")[1] if ax is None else ax


def open_frame(ax: Any) -> None:
    ax.spines[["top", "right"]].set_visible(False)
