"""Output files: never an input, and an existing file is replaced only by a complete one."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import TextIO

_OPEN_FILES = ("/dev/std*", "/dev/fd/*", "/proc/*/fd/*")


def check_output(path: Path, others: Mapping[str, os.stat_result | None]) -> None:
    """Raise ValueError, before any work, if `path` is in use otherwise or cannot be written.

    Parameters
    ----------
    path : Path
        Of the output.
    others : dict of str to os.stat_result or None
        What inputs and other outputs are called, and their status. Files are compared by this,
        because one file can have many paths: links, relative paths, upper and lower case.
    """
    if str(path) == "-":
        raise ValueError("is not a file name; write /dev/stdout, or ./- for a file of this name")
    status = status_of(path)
    if status is not None and stat.S_ISDIR(status.st_mode):
        raise ValueError("is a folder; give the path of a file")
    for name, other in others.items():
        if is_same_file(status, other):
            raise ValueError(f"would overwrite {name}; give another path")
    if status is not None and not os.access(path, os.W_OK):
        raise ValueError("cannot be written: the file is read-only")
    if not _is_written_in_place(path, status):
        _check_folder(Path(os.path.realpath(path)).parent)


def status_of(path: Path) -> os.stat_result | None:
    """Status of the file behind all links, None without a file."""
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def is_same_file(one: os.stat_result | None, other: os.stat_result | None) -> bool:
    """Whether both are the same regular file; devices and pipes may be shared."""
    return (
        one is not None
        and other is not None
        and stat.S_ISREG(one.st_mode)
        and os.path.samestat(one, other)
    )


def is_open_file_path(path: Path) -> bool:
    """Whether this is a path such as /dev/stdout, of a file that a process has open."""
    return any(map(PurePath(os.path.abspath(path)).match, _OPEN_FILES))


def _is_written_in_place(path: Path, status: os.stat_result | None) -> bool:
    """Whether there is nothing to replace: a device, a pipe or an open file of the process."""
    return status is not None and (not stat.S_ISREG(status.st_mode) or is_open_file_path(path))


def _check_folder(folder: Path) -> None:
    if not folder.exists():
        raise ValueError(f"cannot be written: the folder {folder} does not exist")
    try:
        # Permissions do not tell: for root all are there, even in a read-only file system.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f"cannot be written: no file can be made in the folder {folder} ({error.strerror})"
        ) from error


@contextlib.contextmanager
def complete_file(path: Path) -> Iterator[TextIO]:
    """Open `path` for writing; an error within the block leaves it as it was.

    Text goes to a temporary file in the same folder, which is moved to `path` at the end. A
    symbolic link is kept, and its target replaced; an existing file's permissions are kept.

    Raises
    ------
    OSError
        With `path` as its file name.
    """
    try:
        status = status_of(path)
        if _is_written_in_place(path, status):
            # Appended, as /dev/stdout may be a file that holds what was printed before.
            with path.open("a", newline="", encoding="utf-8") as file:
                yield file
        else:
            yield from _replace(Path(os.path.realpath(path)), status)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _replace(target: Path, status: os.stat_result | None) -> Iterator[TextIO]:
    temporary = target.with_name(f".skgmm-{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("x", newline="", encoding="utf-8") as file:
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
