"""Files that are written completely or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import IO, Any

_OPEN_FILES = ("/dev/std*", "/dev/fd/*", "/proc/*/fd/*")


def status_of(path: Path) -> os.stat_result | None:
    """Status of the file behind all links, None without a file."""
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def is_open_file_path(path: Path) -> bool:
    """Whether this is a path such as /dev/stdout, of a file that a process has open."""
    return any(map(PurePath(os.path.abspath(path)).match, _OPEN_FILES))


def is_written_in_place(path: Path, status: os.stat_result | None) -> bool:
    """Whether there is nothing to replace: a device, a pipe or an open file of the process."""
    return status is not None and (not stat.S_ISREG(status.st_mode) or is_open_file_path(path))


@contextlib.contextmanager
def complete_file(path: Path, binary: bool = False) -> Iterator[IO[Any]]:
    """Open `path` for writing; an error within the block leaves it as it was.

    What is written goes to a temporary file in the same folder, which is moved to `path` at the
    end. A symbolic link is kept, and its target replaced; an existing file's permissions are kept.

    Raises
    ------
    OSError
        With `path` as its file name.
    """
    try:
        status = status_of(path)
        if is_written_in_place(path, status):
            # Appended, as /dev/stdout may be a file that holds what was printed before.
            with path.open("ab" if binary else "a", **_options(binary)) as file:
                yield file
        else:
            yield from _replace(Path(os.path.realpath(path)), status, binary)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _options(binary: bool) -> dict[str, Any]:
    return {} if binary else {"newline": "", "encoding": "utf-8"}


def _replace(target: Path, status: os.stat_result | None, binary: bool) -> Iterator[IO[Any]]:
    temporary = target.with_name(f".skgmm-{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb" if binary else "x", **_options(binary)) as file:
            if status is not None:
                _copy_owner_and_mode(target, status, temporary)
            yield file
            file.flush()
            os.fsync(file.fileno())  # else a crash could leave an empty file under the name
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _copy_owner_and_mode(target: Path, status: os.stat_result, temporary: Path) -> None:
    if hasattr(os, "chown"):
        with contextlib.suppress(PermissionError):  # only root gives files away
            os.chown(temporary, status.st_uid, status.st_gid)
    shutil.copymode(target, temporary)
