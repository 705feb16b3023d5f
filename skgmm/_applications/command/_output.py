"""Output files of the command line: never an input, and never where nothing can be written."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from skgmm._inference.export.output_file import is_written_in_place, status_of


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
    if not is_written_in_place(path, status):
        _check_folder(Path(os.path.realpath(path)).parent)


def is_same_file(one: os.stat_result | None, other: os.stat_result | None) -> bool:
    """Whether both are the same regular file; devices and pipes may be shared."""
    return (
        one is not None
        and other is not None
        and stat.S_ISREG(one.st_mode)
        and os.path.samestat(one, other)
    )


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
