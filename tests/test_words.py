"""Standard terms instead of retired words, in documentation, messages, docstrings and comments.

The terms are in `docs/glossary.rst`. A hit is a line of `RETIRED` with its replacement.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

TEXTS = ("*.md", "benchmarks/README.md", "docs/**/*.rst", "docs/**/*.md", "docs/gallery/*.txt")
PYTHON = ("skgmm/**/*.py", "docs/*.py", "docs/[!_a]*/**/*.py")
CPP = ("skgmm/**/*.hpp", "skgmm/**/*.cpp")

RETIRED = {
    r"\bdoubt(ful)?\b": "uncertainty, uncertain",
    r"\bin one go\b": "in one call, in the compiled loop",
    r"\bnot by a bit\b": "bit-identical",
    r"\bspikes?\b": "collapsed component",
    r"\bflat (but for|components?)\b|\bcomponents? (is|are) flat\b": "degenerate component",
    r"\bmade[ -]up\b|\bmakes up the rest\b": "added, invented",
    r"\bleft behind\b": "discarded",
    r"\bstop rule": "stopping rule",
    r"\bclimb": "quasi-Newton steps, convergence",
    r"\bleap(s|ed)?\b": "initialisation, M-step from other axes",
    r"\bin vain\b": "stalled",
    r"\bleft to gain\b|\bstill to be gained\b": "remaining gain",
    r"\bgeneral code\b": "Python implementation",
    r"\bwho(ever)? watches\b|\buntold\b": "callback, listener",
    r"\bforetold\b": "predicted",
    r"\bwith(out)? a word\b|\bin silence\b": "with or without a warning",
    r"\b(nats|likelihood) per row\b": "per sample",
    r"\bdistinct rows\b": "distinct samples",
    r"\bheld-out rows\b|\brows (that were )?held (out|back)\b": "held-out samples",
    r"\brows are cut\b|\bthe cut\b|\bhow .* cut\b": "chunking",
    r"\b(the|their|its|soft) shares\b|\blog.heights?\b": "responsibilities, log joint",
    r"\b(los|lost|lose|loses|losing|lack) (its|their|every|all|no) digits?\b": "cancellation",
    r"\bdigits (are|were) lost\b": "cancellation",
    r"\b(chi-squared?|gamma|null|its) law\b": "distribution",
    r"\bpictures?\b": "plot, figure",
    r"\bregion of trust\b": "trust region",
    r"\bright in every digit\b": "accurate to rounding error",
    r"\b(a|the) price on\b": "penalty for",
    r"\bhas no say\b": "does not influence",
    r"\bin any case\b": "case-insensitive",
    r"\bplain to the eye\b": "obvious",
    r"\btoo dear\b|\bis dear\b": "expensive",
    r"\bhow sure\b": "uncertainty, how certain",
    r"\bstart(s|ing)? afresh\b|\bbegin(s)? afresh\b": "start from scratch",
    r"\bgoes? on from\b": "continues from",
}
# What looks like prose and is a name: code, roles and links.
NAMES = re.compile(r"``[^`]*``|`[^`]*`|:\w+:`[^`]*`|\{[^{}]*\}|^[\"'][\w.]*[\"']$")


@cache
def pattern() -> re.Pattern[str]:
    alternatives = (f"(?P<p{i}>{words})" for i, words in enumerate(RETIRED))
    return re.compile("|".join(alternatives), re.IGNORECASE)


def replacement(match: re.Match[str]) -> str:
    return list(RETIRED.values())[int(str(match.lastgroup)[1:])]


def files(globs: tuple[str, ...]) -> list[Path]:
    found = {path for glob in globs for path in ROOT.glob(glob)}
    generated = ROOT / "docs" / "auto_examples", ROOT / "docs" / "_build"
    return sorted(p for p in found if not any(folder in p.parents for folder in generated))


def lines_of_python(path: Path) -> Iterator[tuple[int, str]]:
    """Lines of strings and comments, with their numbers."""
    source = path.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if tokenize.tok_name[token.type] in ("STRING", "FSTRING_MIDDLE", "COMMENT"):
            for offset, line in enumerate(token.string.splitlines()):
                yield token.start[0] + offset, line


def lines_of_cpp(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if "//" in line:
            yield number, line.split("//", 1)[1]


def prose_of(path: Path) -> Iterator[tuple[int, str]]:
    if path.suffix == ".py":
        yield from lines_of_python(path)
    elif path.suffix in (".hpp", ".cpp"):
        yield from lines_of_cpp(path)
    else:
        yield from enumerate(path.read_text(encoding="utf-8").splitlines(), 1)


def retired_words(path: Path, root: Path = ROOT) -> Iterator[str]:
    """Descriptions of the hits in a file, also of phrases that a line break divides."""
    name, before = path.relative_to(root).as_posix(), ""
    for number, line in prose_of(path):
        words = re.sub(r"^\s*(#|//)?\s*", "", NAMES.sub("", line))
        overlap = " ".join(before.split()[-3:])
        for match in pattern().finditer(f"{overlap} {words}"):
            if match.end() > len(overlap):
                yield f"{name}:{number}: {match[0]!r} is retired, write: {replacement(match)}"
        before = words


@pytest.mark.parametrize(
    "globs", [TEXTS, PYTHON, CPP], ids=["texts", "strings and comments", "C++ comments"]
)
def test_no_retired_words(globs):
    found = [hit for path in files(globs) for hit in retired_words(path)]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("text", "n_hits"),
    [
        ("Rows in doubt\n", 1),
        ("all models are fitted in\none go\n", 1),
        ("``doubt=0.1`` and :doc:`pictures` are names\n", 0),
        ("VVE shares the axes; the stopping rule estimates the remaining gain\n", 0),
    ],
)
def test_retired_words_are_found_in_a_text(tmp_path, text, n_hits):
    path = tmp_path / "page.rst"
    path.write_text(text, encoding="utf-8")
    assert len(list(retired_words(path, tmp_path))) == n_hits


def test_names_in_code_are_not_words(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        'def climb():\n    """Take steps."""\n    return f"{climb} a picture", "leap"\n'
    )
    assert [hit.split(":")[1] for hit in retired_words(path, tmp_path)] == ["3"]
