"""Labels, legends and marks that fit their axes, which may be small ones of the user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skgmm.display import _style

# A text that is too long is drawn in these sizes, relative to the default, before it is shortened.
_SIZES = (1.0, 0.8)
_SHORTEST = 4  # characters
# The part of an axis that is left if a layout makes room for the labels of several axes.
_SURE = 0.8

# Sizes of a legend in points, and the part of the axes that it may cover.
_LEGEND_SIZES, _COVERED = (8.0, 6.0), 1 / 4


def label_axis(
    axis: Any, *texts: str, size: float | None = None, part: float | None = None
) -> None:
    """Label an axis with the first of the texts that is no longer than the axis.

    If none is, the last is shortened, as the name of a feature.

    Parameters
    ----------
    axis : ax.xaxis or ax.yaxis
    size : float or None
        Of the font in points; None is matplotlib's default.
    part : float or None
        Length of a label in units of the axis. None: 1 for axes that are alone in their figure.
    """
    label, default, box = axis.label, size or axis.label.get_size(), axis.axes.bbox
    if part is None:
        part = 1.0 if len(axis.axes.figure.axes) == 1 else _SURE
    longest = part * (box.width if axis.axis_name == "x" else box.height)
    for text in texts:
        for factor in _SIZES:
            label.set(text=text, size=factor * default)
            if _length(label, axis.axis_name) <= longest:
                return
    for n_characters in range(len(texts[-1]) - 1, _SHORTEST, -1):
        label.set_text(texts[-1][:n_characters].rstrip() + "…")
        if _length(label, axis.axis_name) <= longest:
            return


def _length(label: Any, axis_name: str) -> float:
    box = label.get_window_extent()
    return float(box.width if axis_name == "x" else box.height)


def fit_legend(
    ax: Any,
    *choices: Sequence[Any],
    widest: float = _SURE,
    covered: float = _COVERED,
    **options: Any,
) -> bool:
    """Add the first legend that leaves most of the axes free; whether there is one.

    Parameters
    ----------
    *choices : sequence of handles
        Contents of the legend, the preferred ones first.
    widest : float
        Part of the width of the axes that it may take.
    covered : float
        And of their area.
    """
    options = {"loc": "best", **options}  # the default place warns where it takes long to find
    for handles in choices:
        for size in _LEGEND_SIZES if handles else ():
            legend = ax.legend(handles=handles, fontsize=size, framealpha=0.85, **options)
            box, room = legend.get_window_extent(), ax.bbox
            inside = box.width < widest * room.width and box.height < room.height
            if inside and box.width * box.height <= covered * room.width * room.height:
                return True
            legend.remove()
    return False


def keep_inside(ax: Any, annotation: Any) -> None:
    """Move an annotation, whose place is an offset in points, into the axes; its limits are set."""
    box, room = annotation.get_window_extent(), ax.bbox
    right = max(room.x0 - box.x0, 0.0) + min(room.x1 - box.x1, 0.0)
    up = max(room.y0 - box.y0, 0.0) + min(room.y1 - box.y1, 0.0)
    points = 72.0 / ax.figure.dpi
    x, y = annotation.get_position()
    annotation.set_position((x + right * points, y + up * points))


def points_high(ax: Any) -> float:
    """Height of axes in points."""
    return float(ax.bbox.height * 72.0 / ax.figure.dpi)


def mark_clipped(ax: Any, x: Any, *, at_top: bool, label: str) -> Any:
    """Triangles at the edge of the axes, above or below which there are values; their handle."""
    return ax.plot(
        x, [1.0 if at_top else 0.0] * len(x), "^" if at_top else "v", ls="", ms=5,
        color=_style.grey(0.55), transform=ax.get_xaxis_transform(), clip_on=False,
        label=label, zorder=5,
    )[0]  # fmt: skip


def short_names(name: str) -> tuple[str, ...]:
    """The label of a coordinate, and a shorter one if there is one."""
    return name, name.replace(" % of the variance)", " %)")
