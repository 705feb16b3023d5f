"""The `skgmm` command: fit a CSV file, standard input or embedded data, and print a summary."""

from __future__ import annotations

import argparse
import contextlib
import csv
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np

from skgmm import GaussianMixtureEM, __version__
from skgmm._command._csv import oddities, read_csv
from skgmm._command._input import choose_input, decode, statuses_of_inputs
from skgmm._command._output import check_output, is_same_file
from skgmm._command._streams import discard_what_cannot_be_written, print_text, say
from skgmm._export.output_file import complete_file, is_open_file_path
from skgmm._linalg import Array
from skgmm.covariance import find_structure

_INTERRUPTED = 130  # 128 and the number of the signal, as shells have it
_BROKEN_PIPE = 141

# Parameter names in messages of the estimator, and the words of the command.
_OPTIONS = {
    "n_components": "--components",
    "covariance_type": "--covariance",
    "random_state": "--seed",
    "n_samples": "number of rows",
}
_NOT_OPTIONS = ("reg_covar", "n_init", "init_params", "max_iter")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns
    -------
    status : int
        0; 2 after an error, with one line on standard error; 130 after Ctrl-C; 141 if the reader
        of the output closed the pipe, as in `skgmm data.csv | head -2`.
    """
    try:
        _run(_Parser().parse_args(arguments))
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


class _Parser(argparse.ArgumentParser):
    """Options of the command. Errors are raised, and printed as one line like all others."""

    def __init__(self) -> None:
        super().__init__(
            prog="skgmm",
            description="Fit a Gaussian mixture to a CSV file and print a summary.",
            epilog="Without a file, data are read from standard input. If standard input is a "
            "terminal or empty, the embedded Old Faithful eruptions are fitted.",
        )
        self._add_data()
        self._add_model()
        self.add_argument(
            "--labels",
            type=Path,
            metavar="OUT",
            help="write labels and responsibilities to this file, as CSV",
        )
        self.add_argument("--version", action="version", version=f"skgmm {__version__}")

    def _add_data(self) -> None:
        data = self.add_mutually_exclusive_group()
        data.add_argument(
            "file",
            nargs="?",
            help="CSV file of numbers, with or without a header; - reads standard input",
        )
        data.add_argument("--demo", action="store_true", help="fit the embedded data")
        self.add_argument(
            "--missing",
            choices=("allow", "refuse"),
            default="allow",
            help="whether empty cells and NA are missing values or an error; default: allow",
        )

    def _add_model(self) -> None:
        self.add_argument(
            "--components",
            type=_integer(1, None),
            default=2,
            metavar="K",
            help="number of components; default: 2",
        )
        self.add_argument(
            "--covariance",
            default="full",
            metavar="NAME",
            help="covariance structure, such as full, tied, diag, spherical or a code such as VEV; "
            "default: full",
        )
        self.add_argument(
            "--seed",
            type=_integer(0, 2**32 - 1),
            default=0,
            help="seed of the random initialisation; default: 0",
        )
        self.add_argument(
            "--prior",
            choices=("auto", "mclust"),
            help="samples that each component has seen before; default: none",
        )

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message} (skgmm --help lists the options)")


def _integer(least: int, most: int | None) -> Callable[[str], int]:
    allowed = f"at least {least}" if most is None else f"from {least} to {most}"

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least or (most is not None and value > most):
            raise argparse.ArgumentTypeError(f"should be an integer, {allowed}, but got {text!r}")
        return value

    return convert


def _run(options: argparse.Namespace) -> None:
    with _names_of_options():
        structure = find_structure(options.covariance)
    _check_outputs(options)
    data = choose_input(options.file, options.demo, needs_data=options.labels is not None)
    names, X = read_csv(decode(data), data.name, missing=options.missing == "allow")
    for text in oddities(names, X):
        say(f"note: {text}")
    mixture = GaussianMixtureEM(
        options.components,
        covariance_type=structure.name,
        prior=options.prior,
        random_state=options.seed,
    )
    for text in _fit(mixture, X):
        say(f"warning: {text}")
    try:
        print_text(f"Data: {data.name}, {len(X)} rows, {len(names)} columns{_missing_values(X)}")
        print_text(_summary(mixture, names))
    finally:
        # The file is written even if the reader of the output closes the pipe early.
        if options.labels is not None:
            _write_labels(options.labels, mixture.predict(X), mixture.predict_proba(X))


def _missing_values(X: Array) -> str:
    n_missing = int(np.isnan(X).sum())
    return f", {n_missing} missing value{'s' * (n_missing > 1)}" if n_missing else ""


def _check_outputs(options: argparse.Namespace) -> None:
    """Raise, before anything is fitted, if an output is an input or cannot be written."""
    inputs = statuses_of_inputs(options.file)
    printed = None if sys.stdout is None else os.fstat(1)
    for name, status in inputs.items():
        if is_same_file(printed, status):
            raise ValueError(f"standard output is {name}; print to another file")
    if options.labels is None:
        return
    try:
        if not is_open_file_path(options.labels):  # /dev/stdout may be the file that is printed to
            inputs["the file on standard output"] = printed
        check_output(options.labels, inputs)
    except ValueError as error:
        raise ValueError(f"--labels {options.labels} {error}") from error


def _fit(mixture: GaussianMixtureEM, X: Array) -> list[str]:
    """Fit, and return the warnings."""
    with warnings.catch_warnings(record=True) as caught, _names_of_options():
        warnings.simplefilter("always")
        mixture.fit(X)
    return [_with_names_of_options(str(warning.message)) for warning in caught]


@contextlib.contextmanager
def _names_of_options() -> Iterator[None]:
    """Errors raised in this context name options instead of parameters."""
    try:
        yield
    except ValueError as error:
        raise ValueError(_with_names_of_options(str(error))) from error


def _with_names_of_options(message: str) -> str:
    """A message of the estimator as one line, with the names of options."""
    text = " ".join(message.split())
    for parameter, option in _OPTIONS.items():
        text = re.sub(rf"\b{parameter}\b", option, text)
    others = [name for name in _NOT_OPTIONS if re.search(rf"\b{name}\b", text)]
    if others:
        text += f" (In Python: {', '.join(others)} of skgmm.GaussianMixtureEM)"
    return text


def _summary(mixture: GaussianMixtureEM, names: list[str]) -> str:
    mixture.feature_names_in_ = np.array(names, dtype=object)
    try:
        return mixture.summary()
    finally:
        del mixture.feature_names_in_  # predictions are of arrays


def _write_labels(path: Path, labels: Array, responsibilities: Array) -> None:
    with complete_file(path) as file:
        writer = csv.writer(file)
        columns = (f"responsibility_{k}" for k in range(responsibilities.shape[1]))
        writer.writerow(["label", *columns])
        for label, row in zip(labels, responsibilities, strict=True):
            writer.writerow([int(label), *(repr(float(value)) for value in row)])


if __name__ == "__main__":
    sys.exit(main())
