"""Files from what a user names: paths, lists of paths and wildcards."""

from __future__ import annotations

from collections.abc import Iterable
from glob import glob, has_magic
from os import PathLike, fspath
from pathlib import Path

Paths = str | PathLike[str] | Iterable[str | PathLike[str]]


def files_of(paths: Paths, name: str) -> tuple[str, ...]:
    """The files; those of a path with wildcards in the order of their names."""
    given = [paths] if isinstance(paths, (str, PathLike)) else list(paths)
    if not given:
        raise ValueError(f"{name} should name at least one file, but is empty")
    return tuple(file for path in given for file in _found(fspath(path), name))


def _found(path: str, name: str) -> list[str]:
    if not has_magic(path) or Path(path).exists():
        return [path]
    found = sorted(glob(path, recursive=True))
    if not found:
        raise FileNotFoundError(f"{name}: no file matches {path}")
    return found
