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
from skgmm._applications.command._table import Table
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
# Options without an effect where a saved mixture is used.
_OF_A_FIT = ("components", "covariance", "criterion", "seed", "prior", "noise", "save")
_NOT_OPTIONS = ("reg_covar", "n_init", "init_params", "max_iter")


def unfitted(options: argparse.Namespace) -> GaussianMixtureEM | GaussianMixtureSearch:
    """The mixture, or the search over several, that the options ask for; or the saved mixture."""
    if options.predict is not None:
        return _saved(options)
    sizes = options.components or [2]
    with names_of_options():
        structures = [_structure(name) for name in options.covariance or ["full"]]
    common = {
        "prior": options.prior,
        "noise": "auto" if options.noise else None,
        "random_state": options.seed or 0,
        "verbose": int(_on_terminal()),
    }
    if len(sizes) > 1 or len(structures) > 1 or structures == ["all"]:
        return GaussianMixtureSearch(
            sizes,
            "all" if "all" in structures else structures,
            options.criterion or "bic",
            **common,
        )
    if options.criterion is not None:
        raise ValueError(
            "--criterion is for several models: give --components 1-9 or --covariance all too"
        )
    return GaussianMixtureEM(sizes[0], covariance_type=structures[0], **common)


def fit(
    model: GaussianMixtureEM | GaussianMixtureSearch, X: Array, weights: Array | None
) -> list[str]:
    """Fit to the samples, and return the warnings."""
    with warnings.catch_warnings(record=True) as caught, names_of_options(), _progress():
        warnings.simplefilter("always")
        model.fit(X, sample_weight=weights)
    model.set_params(verbose=0)  # where it was fitted is no part of a saved mixture
    return [with_names_of_options(str(warning.message)) for warning in caught]


def _structure(name: str) -> str:
    return name if name == "all" else find_structure(name).name


def _saved(options: argparse.Namespace) -> GaussianMixtureEM:
    for name in _OF_A_FIT:
        if (given := getattr(options, name)) is not None and given is not False:
            raise ValueError(
                f"--{name} is for a fit, but --predict uses the mixture of {options.predict}: "
                "leave one of them out"
            )
    try:
        return GaussianMixtureEM.from_json(options.predict)
    except (ValueError, TypeError) as error:
        raise ValueError(f"--predict {options.predict}: {error}") from error


def names_of(mixture: GaussianMixtureEM | GaussianMixtureSearch) -> list[str] | None:
    """Names of the features of a saved mixture, if it has some; the data are an array."""
    names = getattr(mixture, "feature_names_in_", None)
    if names is None:
        return None
    del mixture.feature_names_in_
    return [str(name) for name in names]


def check_features(
    mixture: GaussianMixtureEM | GaussianMixtureSearch, path: Path, table: Table
) -> None:
    """Raise ValueError if the data have not as many columns as the mixture of a file."""
    if table.X.shape[1] != mixture.n_features_in_:
        raise ValueError(
            f"--predict: the mixture of {path} has {mixture.n_features_in_} features, but the data "
            f"have {table.X.shape[1]} columns; choose them with --columns"
        )


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
