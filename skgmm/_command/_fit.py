"""What the command does with its data: fit a mixture, compare several, or use a saved one."""

from __future__ import annotations

import argparse
import contextlib
import logging
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from skgmm import GaussianMixtureEM, GaussianMixtureSearch
from skgmm._command._table import Table
from skgmm._linalg import Array
from skgmm.covariance import find_structure

# Parameter names in messages of the estimator, and the words of the command.
_OPTIONS = {
    "n_components": "--components",
    "covariance_types": "--covariance",
    "covariance_type": "--covariance",
    "random_state": "--seed",
    "n_samples": "number of rows",
    "sample_weight": "--weights",
}
_NOT_OPTIONS = ("reg_covar", "n_init", "init_params", "max_iter")


def unfitted(options: argparse.Namespace) -> GaussianMixtureEM | GaussianMixtureSearch:
    """The mixture, or the search over several, that the options ask for."""
    with names_of_options():
        structures = [_structure(name) for name in options.covariance]
    common = {
        "prior": options.prior,
        "noise": "auto" if options.noise else None,
        "random_state": options.seed,
    }
    if len(options.components) > 1 or len(structures) > 1 or structures == ["all"]:
        return GaussianMixtureSearch(
            options.components,
            "all" if "all" in structures else structures,
            options.criterion or "bic",
            verbose=int(_on_terminal()),
            **common,
        )
    if options.criterion is not None:
        raise ValueError(
            "--criterion is for several models: give --components 1-9 or --covariance all too"
        )
    return GaussianMixtureEM(options.components[0], covariance_type=structures[0], **common)


def fit(
    model: GaussianMixtureEM | GaussianMixtureSearch, X: Array, weights: Array | None
) -> list[str]:
    """Fit to the samples, and return the warnings."""
    with warnings.catch_warnings(record=True) as caught, names_of_options(), _progress():
        warnings.simplefilter("always")
        model.fit(X, sample_weight=weights)
    return [with_names_of_options(str(warning.message)) for warning in caught]


def _structure(name: str) -> str:
    return name if name == "all" else find_structure(name).name


def loaded(path: Path, table: Table) -> tuple[GaussianMixtureEM, Table]:
    """The mixture of a file, and the columns of the table with which it was fitted."""
    try:
        mixture = GaussianMixtureEM.from_json(path)
    except (ValueError, TypeError) as error:
        raise ValueError(f"--predict {path}: {error}") from error
    names = getattr(mixture, "feature_names_in_", None)
    if names is not None and table.named:
        table = table.part(table.columns([str(name) for name in names], "--predict"))
    if table.X.shape[1] != mixture.n_features_in_:
        raise ValueError(
            f"--predict: the mixture of {path} has {mixture.n_features_in_} features, but the data "
            f"have {table.X.shape[1]} columns; choose them with --columns"
        )
    if names is not None:
        del mixture.feature_names_in_  # the data are an array, whose columns have been chosen
    return mixture, table


@contextlib.contextmanager
def names_of_options() -> Iterator[None]:
    """Errors raised in this context name options instead of parameters."""
    try:
        yield
    except ValueError as error:
        raise ValueError(with_names_of_options(str(error))) from error


def with_names_of_options(message: str) -> str:
    """A message of the estimator as one line, with the names of options."""
    text = " ".join(message.split())
    for parameter, option in _OPTIONS.items():
        text = re.sub(rf"(?<!-)\b{parameter}\b", option, text)
    others = [name for name in _NOT_OPTIONS if re.search(rf"\b{name}\b", text)]
    if others:
        text += f" (In Python: {', '.join(others)} of skgmm.GaussianMixtureEM)"
    return text


def _on_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


class _OneLine(logging.Handler):
    """Shows the last message in one line of a terminal."""

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.write(f"\r\x1b[K{record.getMessage()[:120]}")
            sys.stderr.flush()

    def clear(self) -> None:
        """Leave an empty line."""
        with contextlib.suppress(OSError):
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


@contextlib.contextmanager
def _progress() -> Iterator[None]:
    """While models are fitted, a terminal shows the last one."""
    if not _on_terminal():
        yield
        return
    logger, handler = logging.getLogger("skgmm"), _OneLine()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.clear()


@contextlib.contextmanager
def named(mixture: GaussianMixtureEM, names: list[str]) -> Iterator[GaussianMixtureEM]:
    """The mixture with names of its features, as it is shown and saved."""
    mixture.feature_names_in_ = np.array(names, dtype=object)
    try:
        yield mixture
    finally:
        del mixture.feature_names_in_  # predictions are of arrays
