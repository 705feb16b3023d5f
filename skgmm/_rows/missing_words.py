"""Cells of CSV text that stand for a missing value."""

from __future__ import annotations

MISSING_WORDS = frozenset({"", "na", "n/a", "nan", "-nan", "+nan", "null", "none"})
"""In lower case."""

SPELLINGS = sorted(
    {"NaN", "-NaN", "+NaN"}
    | {
        spell(word)
        for word in MISSING_WORDS
        for spell in (str.lower, str.upper, str.title, str.capitalize)
    }
)
"""As they are usually written, for case-sensitive readers."""
