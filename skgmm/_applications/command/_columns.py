"""Which columns of the data are read, and which of them are features."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

from skgmm._applications.command._streams import say
from skgmm._applications.command._table import Table, has_names
from skgmm._linalg import Array


@dataclass(frozen=True)
class Columns:
    """The columns that options, or a saved mixture, ask for by name."""

    features: list[str] | None
    weights: str | None
    fitted: list[str] | None = None  # names of the features of a saved mixture

    @classmethod
    def of(cls, options: argparse.Namespace, fitted: list[str] | None) -> Columns:
        """Those of the options; `fitted` are the names of a saved mixture, if it has some."""
        return cls(options.columns, options.weights, fitted)

    def choose(self, names: list[str]) -> list[int]:
        """Indices of the features, and of the weights after them."""
        weights = [] if self.weights is None else _found([self.weights], names, "--weights")
        if self.features is not None:
            features = _found(self.features, names, "--columns")
        elif self.fitted is not None and has_names(names):
            features = _found(self.fitted, names, "--predict")
        else:
            features = list(range(len(names)))
        if self.features is not None and self.weights in self.features:
            raise ValueError(f"--columns: {self.weights!r} is the column of --weights")
        features = [j for j in features if j not in weights]
        if not features:
            raise ValueError("there is no column left to fit")
        return features + weights

    def divide(self, table: Table, source: str) -> tuple[Table, Array | None]:
        """The features of a table of chosen columns, and the weights."""
        if self.weights is None:
            return table, None
        weights = table.X[:, -1].astype(np.float64)
        if np.isnan(weights).any():
            raise ValueError(f"--weights: column {self.weights!r} of {source} has missing values")
        return table.part(list(range(len(table.names) - 1))), weights


def _found(wanted: list[str], names: list[str], option: str) -> list[int]:
    """Indices of names, each of which must be there once."""
    for name in wanted:
        if (found := names.count(name)) != 1:
            listed = ", ".join(map(repr, names))
            count = "no column" if not found else f"{found} columns"
            raise ValueError(f"{option}: there is {count} {name!r}, but {listed}")
    return [names.index(name) for name in wanted]


def without_missing(table: Table) -> Table:
    """The complete rows; says how many are left out."""
    complete = table.complete()
    if not len(complete.X):
        raise ValueError("--drop-missing: every row has a missing value")
    if complete.kept is not None:
        n_dropped = int(np.count_nonzero(~complete.kept))
        say(f"note: {n_dropped} row{'s' * (n_dropped > 1)} with missing values left out")
    return complete
