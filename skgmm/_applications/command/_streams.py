"""Standard output and standard error of the command."""

from __future__ import annotations

import contextlib
import os
import sys


def print_text(text: str) -> None:
    """Write to standard output at once, so that a failure is known here.

    Raises
    ------
    OSError
        With "standard output" as its file name.
    """
    if sys.stdout is None:  # closed by the caller
        return
    # A terminal that cannot show a column's name shows its escape sequence.
    encoding = sys.stdout.encoding or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except OSError as error:
        raise OSError(error.errno, error.strerror, "standard output") from error


def say(message: str) -> None:
    """Write one line to standard error."""
    if sys.stderr is not None:  # closed: `print` would write to standard output instead
        with contextlib.suppress(OSError):
            print(f"skgmm: {message}", file=sys.stderr, flush=True)


def discard_what_cannot_be_written() -> None:
    """Point broken standard streams to the null device.

    Python flushes both when it exits: what is left in the buffer of a broken pipe or for a full
    disk would become another message, and exit status 120.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is None:
            continue
        try:
            stream.flush()
        except OSError:
            with contextlib.suppress(OSError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, stream.fileno())
                os.close(null)
