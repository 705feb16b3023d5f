"""Draw the figure of the README, docs/_static/old_faithful.png: run this file."""

from pathlib import Path

from start import display

target = Path(__file__).parents[1] / "_static" / "old_faithful.png"
display.figure_.savefig(target, dpi=130)
