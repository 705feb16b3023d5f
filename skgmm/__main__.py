"""The `skgmm` command: fit a CSV file, or the embedded Old Faithful data, and print a summary."""

from __future__ import annotations

import argparse
import csv
import sys
import warnings
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np

from skgmm import GaussianMixtureEM, __version__
from skgmm._linalg import Array
from skgmm.covariance import find_structure


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point. Returns the exit status: 0, or 2 with one line on standard error."""
    options = _parser().parse_args(arguments)
    try:
        _run(options)
    except (OSError, ValueError) as error:
        print(f"skgmm: {error}", file=sys.stderr)
        return 2
    return 0


def _structure(name: str) -> str:
    try:
        return find_structure(name).name
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="skgmm",
        description="Fit a Gaussian mixture to a CSV file and print a summary.",
        epilog="Without a file, the eruptions of Old Faithful are fitted with two components.",
    )
    parser.add_argument("file", nargs="?", type=Path, help="rows of numbers, header or not")
    parser.add_argument("--components", type=int, default=2, metavar="K", help="default: 2")
    parser.add_argument(
        "--covariance", type=_structure, default="full", metavar="NAME", help="default: full"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the starts; default: 0")
    parser.add_argument(
        "--labels", type=Path, metavar="OUT", help="write labels and responsibilities as CSV"
    )
    parser.add_argument("--version", action="version", version=f"skgmm {__version__}")
    return parser


def _run(options: argparse.Namespace) -> None:
    path = options.file or files("skgmm") / "data" / "faithful.csv"
    try:
        names, X = read_csv(path.read_text(encoding="utf-8-sig"), str(path))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is not a CSV file in UTF-8: {error}") from error
    mixture = GaussianMixtureEM(
        options.components, covariance_type=options.covariance, random_state=options.seed
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mixture.fit(X)
    mixture.feature_names_in_ = np.array(names, dtype=object)
    print(mixture.summary())
    for warning in caught:
        print(f"skgmm: warning: {warning.message}", file=sys.stderr)
    if options.labels is not None:
        del mixture.feature_names_in_
        _write_labels(options.labels, mixture.predict(X), mixture.predict_proba(X))


def read_csv(text: str, source: str) -> tuple[list[str], Array]:
    """Column names (x0, x1, ... without a header) and values (n, d) of CSV text.

    Raises
    ------
    ValueError
        Naming the lines of another length, or the columns that are not all numbers.
    """
    lines = [(number, row) for number, row in enumerate(csv.reader(text.splitlines()), 1) if row]
    if not lines:
        raise ValueError(f"{source} is empty")
    width = len(lines[0][1])
    for number, row in lines:
        if len(row) != width:
            raise ValueError(
                f"{source}, line {number}: {len(row)} columns, but the first line has {width}"
            )
    header = _is_header(lines[0][1])
    names = [cell.strip() for cell in lines[0][1]] if header else [f"x{j}" for j in range(width)]
    rows = lines[1:] if header else lines
    if not rows:
        raise ValueError(f"{source} has a header but no rows")
    _refuse_text(rows, names, source)
    return names, np.array([[float(cell) for cell in row] for _, row in rows])


def _refuse_text(rows: list[tuple[int, list[str]]], names: list[str], source: str) -> None:
    """Raise for columns that are not all finite numbers, naming each and its first such cell."""
    bad = []
    for column, name in enumerate(names):
        for number, row in rows:
            if not _is_number(row[column]):
                bad.append(f"{name!r} (line {number}: {row[column]!r})")
                break
    if bad:
        raise ValueError(
            f"{source}: these columns are not all finite numbers: {', '.join(bad)}. "
            "Remove the columns, or fill in or remove the rows."
        )


def _is_number(cell: str) -> bool:
    try:
        return bool(np.isfinite(float(cell)))
    except ValueError:
        return False


def _is_header(cells: list[str]) -> bool:
    """Whether no cell is a number, and not all stand for a missing one."""
    missing = {"", "na", "n/a", "nan", "null", "none", "inf", "-inf"}
    names = [cell for cell in cells if cell.strip().lower() not in missing]
    return bool(names) and not any(_is_number(cell) for cell in cells)


def _write_labels(path: Path, labels: Array, responsibilities: Array) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        columns = (f"responsibility_{k}" for k in range(responsibilities.shape[1]))
        writer.writerow(["label", *columns])
        for label, shares in zip(labels, responsibilities, strict=True):
            writer.writerow([int(label), *(repr(float(share)) for share in shares)])


if __name__ == "__main__":
    sys.exit(main())
