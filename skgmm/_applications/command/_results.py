"""Results of the command: a summary or JSON, labels, the mixture and a plot."""

from __future__ import annotations

import argparse
import csv
import json
import warnings
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from skgmm import GaussianMixtureEM, GaussianMixtureSearch
from skgmm._applications.command._fit import named
from skgmm._applications.command._table import Table
from skgmm._inference.export.output_file import complete_file
from skgmm._linalg import Array

_FORMATS = {".png", ".pdf", ".svg", ".ps", ".eps", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"}


def best_of(model: GaussianMixtureEM | GaussianMixtureSearch) -> GaussianMixtureEM:
    """The mixture, or the best of a search."""
    return getattr(model, "best_estimator_", model)  # type: ignore[return-value]


def as_text(
    model: GaussianMixtureEM | GaussianMixtureSearch, source: str, table: Table
) -> list[str]:
    """The lines that are printed."""
    n_missing = int(np.isnan(table.X).sum())
    missing = f", {n_missing} missing value{'s' * (n_missing > 1)}" if n_missing else ""
    n, d = table.X.shape
    first = f"Data: {source}, {n} row{'s' * (n > 1)}, {d} column{'s' * (d > 1)}{missing}"
    with named(best_of(model), table.names) as mixture:
        compared = [f"{model.summary()}\n"] if isinstance(model, GaussianMixtureSearch) else []
        return [first, *compared, str(mixture.summary())]


def as_json(
    model: GaussianMixtureEM | GaussianMixtureSearch,
    source: str,
    table: Table,
    weights: Array | None,
) -> str:
    """The results as JSON, with NaN as null."""
    mixture = best_of(model)
    total = float(len(table.X) if weights is None else weights.sum())
    lists = ("weights_", "means_", "covariances_")
    results: dict[str, Any] = {
        "data": source,
        "n_samples": len(table.X),
        "n_missing": int(np.isnan(table.X).sum()),
        "feature_names": table.names,
        "n_components": len(mixture.weights_),
        "covariance_type": mixture.covariance_type_,
        "status": mixture.status_,
        "converged": bool(mixture.converged_),
        "n_parameters": int(mixture.n_parameters_),
        "log_likelihood": float(mixture.score(table.X, sample_weight=weights)) * total,
        **{
            name: float(getattr(mixture, name)(table.X, sample_weight=weights))
            for name in ("bic", "aic", "icl")
        },
        **{name.rstrip("_"): getattr(mixture, name).tolist() for name in lists},
    }
    if hasattr(mixture, "noise_weight_"):
        results["noise_weight"] = float(mixture.noise_weight_)
    if isinstance(model, GaussianMixtureSearch):
        results["criterion"] = model.criterion
        columns = {name: column.tolist() for name, column in model.results_.items()}
        results["models"] = [
            dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
        ]
    return json.dumps(_without_nan(results), indent=2, ensure_ascii=False)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def check_plot(path: Path) -> None:
    """Raise ValueError if no plot of that name can be made."""
    if path.suffix.lower() not in _FORMATS:
        endings = ", ".join(sorted(_FORMATS))
        raise ValueError(f"--plot {path}: the name should end with one of {endings}")
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        raise ValueError(
            "--plot needs matplotlib, which is not installed: pip install matplotlib"
        ) from error


def write_files(options: argparse.Namespace, mixture: GaussianMixtureEM, table: Table) -> None:
    """Labels, mixture and plot, where they are asked for."""
    if options.labels is not None:
        _write_labels(options.labels, mixture, table)
    if options.save is not None:
        if table.named:
            with named(mixture, table.names):
                mixture.to_json(options.save)
        else:
            mixture.to_json(options.save)
    if options.plot is not None:
        _write_plot(options.plot, mixture, table)


def _write_labels(path: Path, mixture: GaussianMixtureEM, table: Table) -> None:
    """A line for each row of the data; rows that were left out have empty cells."""
    labels, responsibilities = mixture.predict(table.X), mixture.predict_proba(table.X)
    found = zip(labels.tolist(), responsibilities.tolist(), strict=True)
    kept = repeat(True, len(labels)) if table.kept is None else table.kept
    width = responsibilities.shape[1]
    with complete_file(path) as file:
        writer = csv.writer(file)
        writer.writerow(["label", *(f"responsibility_{k}" for k in range(width))])
        for here in kept:
            label, row = next(found) if here else ("", [""] * width)
            writer.writerow([label, *row])


def _write_plot(path: Path, mixture: GaussianMixtureEM, table: Table) -> None:
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    from skgmm.display import MixtureDisplay

    with named(mixture, table.names), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the names are those of these columns
        display = MixtureDisplay.from_estimator(mixture, table.X)
    with complete_file(path, binary=True) as file:
        display.figure_.savefig(file, format=path.suffix[1:].lower())
    plt.close(display.figure_)
