# PYTHON_ARGCOMPLETE_OK
"""The `skgmm` command: fit a table, standard input or embedded data, and print a summary."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from skgmm._applications.command._columns import Columns, without_missing
from skgmm._applications.command._csv import Format, oddities
from skgmm._applications.command._fit import check_features, fit, names_of, unfitted
from skgmm._applications.command._input import choose_input, statuses_of_inputs
from skgmm._applications.command._options import Parser
from skgmm._applications.command._output import check_output, is_same_file
from skgmm._applications.command._results import as_json, as_text, best_of, check_plot, write_files
from skgmm._applications.command._streams import discard_what_cannot_be_written, print_text, say
from skgmm._applications.command._table import read_table
from skgmm._inference.export.output_file import is_open_file_path

_INTERRUPTED = 130  # 128 and the number of the signal, as shells have it
_BROKEN_PIPE = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns
    -------
    status : int
        0; 2 after an error, with one line on standard error; 130 after Ctrl-C; 141 if the reader
        of the output closed the pipe, as in `skgmm data.csv | head -2`.
    """
    try:
        parser = Parser()
        with contextlib.suppress(ModuleNotFoundError):
            import argcomplete

            argcomplete.autocomplete(parser)
        _run(parser.parse_args(arguments))
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        return _BROKEN_PIPE
    except (OSError, ValueError, MemoryError) as error:
        say(_message(error))
        return 2
    finally:
        discard_what_cannot_be_written()
    return 0


def _message(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__


def _run(options: argparse.Namespace) -> None:
    model, outputs = unfitted(options), _outputs(options)
    _check_outputs(options, outputs)
    data = choose_input(options.file, options.demo, needs_data=bool(outputs))
    columns = Columns.of(options, None if options.predict is None else names_of(model))
    form = Format(options.sep, options.decimal, options.header, options.missing == "allow")
    table = read_table(data, form, columns.choose)
    for text in oddities(table.names, table.X):
        say(f"note: {text}")
    if options.drop_missing:
        table = without_missing(table)
    table, weights = columns.divide(table, data.name)
    if options.predict is not None:
        check_features(model, options.predict, table)
    else:
        for text in fit(model, table.X, weights):
            say(f"warning: {text}")
    try:
        if options.json:
            print_text(as_json(model, data.name, table, weights))
        else:
            for text in as_text(model, data.name, table):
                print_text(text)
    finally:
        # Files are written even if the reader of the output closes the pipe early.
        write_files(options, best_of(model), table)


def _outputs(options: argparse.Namespace) -> dict[str, Path]:
    """The files that are written, by option."""
    names = ("labels", "save", "plot")
    found = {f"--{name}": getattr(options, name) for name in names}
    return {option: path for option, path in found.items() if path is not None}


def _check_outputs(options: argparse.Namespace, outputs: dict[str, Path]) -> None:
    """Raise, before anything is fitted, if an output is an input or cannot be written."""
    inputs = statuses_of_inputs(options.file)
    if options.predict is not None:
        inputs[f"the mixture of --predict {options.predict}"] = os.stat(options.predict)
    printed = None if sys.stdout is None else os.fstat(1)
    for name, status in inputs.items():
        if is_same_file(printed, status):
            raise ValueError(f"standard output is {name}; print to another file")
    if "--plot" in outputs:
        check_plot(outputs["--plot"])
    paths: dict[str, str] = {}
    for option, path in outputs.items():
        others = dict(inputs)
        try:
            if not is_open_file_path(path):  # /dev/stdout may be the file that is printed to
                others["the file on standard output"] = printed
            check_output(path, others)
        except ValueError as error:
            raise ValueError(f"{option} {path} {error}") from error
        real = os.path.realpath(path)
        if real in paths and not real.startswith("/dev/"):
            raise ValueError(f"{option} {path} is the file of {paths[real]}; give another path")
        paths[real] = option


if __name__ == "__main__":
    sys.exit(main())
