"""Which data the command fits: a file, standard input, or the embedded data."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from skgmm._applications.command._streams import say
from skgmm._datasets import FAITHFUL
from skgmm._inference.export.output_file import status_of
from skgmm._threads import cached_property

SECONDS_OF_SILENCE = 1.0
"""Without data for this long, the user is told what the command waits for."""

_EMBEDDED = "Old Faithful eruptions (embedded data)"

# First bytes of files that are taken for CSV, and what to do with them.
_FORMATS = {
    b"\x28\xb5\x2f\xfd": ("compressed by zstd", "Use: zstd -dc FILE | skgmm"),
    b"PK\x03\x04": ("a zip archive or an Excel workbook", "Unpack it, or save the sheet as CSV."),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "Save the sheet as CSV."),
    b"\xff\xfe": ("text in UTF-16", "Use: iconv -f UTF-16 -t UTF-8 FILE | skgmm"),
    b"\xfe\xff": ("text in UTF-16", "Use: iconv -f UTF-16 -t UTF-8 FILE | skgmm"),
}


@dataclass(frozen=True)
class Input:
    """Bytes, or the file that has them, and what they are called in messages."""

    name: str
    given: bytes | None = None
    path: str | None = None

    @cached_property
    def content(self) -> bytes:
        """All bytes."""
        if self.path is None:
            return self.given or b""
        return Path(self.path).read_bytes()

    @property
    def start(self) -> bytes:
        """The first bytes, which tell the format."""
        return self.first(8)

    def first(self, size: int) -> bytes:
        """So many bytes, or all if there are fewer."""
        if self.path is None or not Path(self.path).is_file():
            return self.content[:size]
        with open(self.path, "rb") as file:
            return file.read(size)


def statuses_of_inputs(file: str | None) -> dict[str, os.stat_result | None]:
    """What is read, by name, with the status of each file; for `check_output`."""
    if file is not None and file != "-":
        return {f"the data file {file}": status_of(Path(file))}
    embedded = {"the embedded data": status_of(FAITHFUL)}
    if sys.stdin is None:
        return embedded
    return {**embedded, "the file on standard input": os.fstat(0)}


def choose_input(file: str | None, demo: bool, needs_data: bool) -> Input:
    """The file; else standard input where it has data; else the embedded data.

    Parameters
    ----------
    file : str or None
        Path, or "-" for standard input.
    demo : bool
        Whether the embedded data are asked for.
    needs_data : bool
        Whether an empty standard input is an error, as it is for "-": something is written from
        the data, and results of other data must not take its place.
    """
    if demo:
        return _embedded()
    if file is None and sys.stdin is not None and os.isatty(0):
        return _embedded()
    if file is not None and file != "-":
        regular = Path(file).is_file()
        return Input(file, path=file) if regular else Input(file, Path(file).read_bytes())
    state = "closed" if sys.stdin is None else "empty"
    content = b"" if sys.stdin is None else _read_standard_input()
    if content:
        return Input("standard input", content)
    if file == "-" or needs_data:
        raise ValueError(
            f"standard input is {state}: give a CSV file, or --demo for the embedded data"
        )
    say(f"standard input is {state}, so the embedded data are fitted")
    return _embedded()


def _embedded() -> Input:
    return Input(_EMBEDDED, path=str(FAITHFUL))


def _read_standard_input() -> bytes:
    """All of it. The file descriptor is read, as `sys.stdin` has decoded text only."""
    notice = threading.Timer(
        SECONDS_OF_SILENCE,
        say,
        ["waiting for data on standard input; for the embedded data use: skgmm --demo"],
    )
    notice.daemon = True
    notice.start()
    try:
        if os.name == "posix":
            os.set_blocking(0, True)  # a non-blocking pipe would end early without an error
        with open(0, "rb", closefd=False) as stream:
            stream.peek(1)
            notice.cancel()
            return stream.read()
    finally:
        notice.cancel()


def decode(data: Input) -> str:
    """Text of the data.

    Raises
    ------
    ValueError
        Naming the format, where the data are of another one, or the line that is not UTF-8.
    """
    for start, (kind, remedy) in _FORMATS.items():
        if data.content.startswith(start):
            raise ValueError(f"{data.name} is {kind}, not CSV text. {remedy}")
    try:
        return data.content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{data.name}, line {line}: byte {data.content[error.start]:#04x} is not UTF-8 text. "
            "If the file is in Latin-1, use: iconv -f LATIN1 -t UTF-8 FILE | skgmm"
        ) from error
