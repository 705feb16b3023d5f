"""Whether a file is still the one that was read before."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple


class FileState(NamedTuple):
    """What differs once a file was replaced, has grown or was written to."""

    device: int
    inode: int
    size: int
    modified: int  # nanoseconds


def states_of(paths: Iterable[str]) -> dict[str, FileState]:
    found = {}
    for path in paths:
        stat = os.stat(path)
        found[path] = FileState(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
    return found


def check_unchanged(before: dict[str, FileState]) -> None:
    """Raise where a file is not what it was, with what changed."""
    for path, now in states_of(before).items():
        was = before[path]
        if now == was:
            continue
        changes = []
        if now[:2] != was[:2]:
            changes.append("it was replaced by another file")
        if now.size != was.size:
            changes.append(f"its size was {was.size} bytes and is {now.size}")
        if now.modified != was.modified:
            changes.append("it was written to")
        raise ValueError(
            f"{path} changed while it was in use: {', '.join(changes)}. Every pass of a fit must "
            "read the same samples: fit again, while no other program writes to the file."
        )
