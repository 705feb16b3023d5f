"""The options of the command."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from skgmm import __version__

_SEPARATORS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "space": " "}


class Parser(argparse.ArgumentParser):
    """Options of the command. Errors are raised, and printed as one line like all others."""

    def __init__(self) -> None:
        super().__init__(
            prog="skgmm",
            description="Fit a Gaussian mixture to a table of numbers, or compare several.",
            epilog="Without a file, data are read from standard input. If standard input is a "
            "terminal or empty, the embedded Old Faithful eruptions are fitted.",
        )
        self._add_data()
        self._add_model()
        self._add_results()
        self.add_argument("--version", action="version", version=f"skgmm {__version__}")

    def _add_data(self) -> None:
        group = self.add_argument_group("data")
        data = group.add_mutually_exclusive_group()
        data.add_argument(
            "file",
            nargs="?",
            help="CSV file of numbers (also .csv.gz), .npy or .parquet; - reads standard input",
        )
        data.add_argument("--demo", action="store_true", help="fit the embedded data")
        group.add_argument(
            "--sep",
            type=_separator,
            default=",",
            metavar="SEP",
            help="what is between columns of CSV text: a character, tab, or space (any number of "
            "spaces and tabs); default: a comma",
        )
        group.add_argument(
            "--decimal",
            type=_decimal,
            default=".",
            metavar="CHAR",
            help="decimal point of CSV text; default: .",
        )
        group.add_argument(
            "--header",
            action=argparse.BooleanOptionalAction,
            help="whether the first line of CSV text has names; default: if it has no number",
        )
        group.add_argument(
            "--columns", type=_names, metavar="A,B,...", help="columns to fit; default: all"
        )
        group.add_argument("--weights", metavar="COLUMN", help="how often each row counts")
        group.add_argument(
            "--missing",
            choices=("allow", "refuse"),
            default="allow",
            help="whether empty cells and NA are missing values or an error; default: allow",
        )
        group.add_argument(
            "--drop-missing", action="store_true", help="leave out rows with missing values"
        )

    def _add_model(self) -> None:
        group = self.add_argument_group("model")
        group.add_argument(
            "--components",
            type=_sizes,
            metavar="K",
            help="number of components, or several to compare: 1-9 or 2,4,8; default: 2",
        )
        group.add_argument(
            "--covariance",
            type=_names,
            metavar="NAME",
            help="covariance structure, such as full, tied, diag, spherical or a code such as VEV; "
            "or several to compare: full,tied, or all; default: full",
        )
        group.add_argument(
            "--criterion",
            choices=("bic", "icl", "aic", "log_likelihood"),
            help="by which models are compared; log_likelihood is cross-validated; default: bic",
        )
        group.add_argument(
            "--seed",
            type=_integer(0, 2**32 - 1),
            help="seed of the random initialisation; default: 0",
        )
        group.add_argument(
            "--prior",
            choices=("auto", "mclust"),
            help="samples that each component has seen before; default: none",
        )
        group.add_argument(
            "--noise", action="store_true", help="a component of noise beside the others"
        )
        group.add_argument(
            "--predict",
            type=Path,
            metavar="MODEL",
            help="do not fit, but use the mixture of this file, written by --save",
        )

    def _add_results(self) -> None:
        group = self.add_argument_group("results")
        group.add_argument(
            "--json", action="store_true", help="print results as JSON instead of the summary"
        )
        group.add_argument(
            "--labels",
            type=Path,
            metavar="OUT",
            help="write labels and responsibilities to this file, as CSV",
        )
        group.add_argument(
            "--save", type=Path, metavar="OUT", help="write the mixture to this file, as JSON"
        )
        group.add_argument(
            "--plot",
            type=Path,
            metavar="OUT",
            help="write a plot to this file, such as out.png, out.pdf or out.svg",
        )

    def parse_args(self, *arguments: Any, **options: Any) -> Any:
        """Options that do not contradict each other."""
        found = super().parse_args(*arguments, **options)
        if found.sep == found.decimal:
            self.error(f"--sep and --decimal should differ, but both are {found.sep!r}")
        return found

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


def _sizes(text: str) -> list[int]:
    """Numbers from "3", "1-9" or "2,4,8-10"."""
    number, found = _integer(1, None), list[int]()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not dash or not first:
            found.append(number(part))
            continue
        if number(last) < number(first):
            raise argparse.ArgumentTypeError(f"should rise, as in 1-9, but got {part!r}")
        found += range(number(first), number(last) + 1)
    return list(dict.fromkeys(found))


def _names(text: str) -> list[str]:
    names = [name.strip() for name in next(csv.reader([text]), [])]  # names may have commas
    if not names or not all(names) or len(set(names)) < len(names):
        raise argparse.ArgumentTypeError(f"should be names, each once, but got {text!r}")
    return names


def _separator(text: str) -> str:
    sep = _SEPARATORS.get(text, text)
    if len(sep) != 1:
        raise argparse.ArgumentTypeError(
            f"should be one character, or tab, comma, semicolon or space, but got {text!r}"
        )
    return sep


def _decimal(text: str) -> str:
    if len(text) != 1 or text.isalnum() or text in "+-":
        raise argparse.ArgumentTypeError(
            f"should be one character that is not part of a number, such as , but got {text!r}"
        )
    return text
