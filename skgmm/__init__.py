"""Gaussian mixture models for scikit-learn, accurate to rounding error."""

from importlib import import_module
from types import ModuleType

from skgmm._applications.supervised.classifier import GaussianMixtureClassifier
from skgmm._applications.supervised.regressor import GaussianMixtureRegressor
from skgmm._datasets import load_faithful
from skgmm._inference.fit_many import fit_many
from skgmm._inference.merging import MergedComponents, merge_components
from skgmm._inference.summary import MixtureReport
from skgmm._mixture import GaussianMixtureEM
from skgmm._prior import ConjugatePrior
from skgmm._rows.row_blocks import RowBlocks
from skgmm._rows.uniform_noise import UniformNoise
from skgmm._version import __version__, show_versions
from skgmm.model_selection import (
    AllSamples,
    BootstrapLRT,
    GaussianMixtureSearch,
    ParameterUncertainty,
    SearchReport,
    aic_scorer,
    bic_scorer,
    bootstrap_lrt,
    icl_scorer,
    parameter_uncertainty,
)

__all__ = [
    "AllSamples",
    "BootstrapLRT",
    "ConjugatePrior",
    "GaussianMixtureClassifier",
    "GaussianMixtureEM",
    "GaussianMixtureRegressor",
    "GaussianMixtureSearch",
    "MergedComponents",
    "MixtureReport",
    "ParameterUncertainty",
    "RowBlocks",
    "SearchReport",
    "UniformNoise",
    "__version__",
    "aic_scorer",
    "bic_scorer",
    "bootstrap_lrt",
    "fit_many",
    "icl_scorer",
    "load_faithful",
    "merge_components",
    "parameter_uncertainty",
    "show_versions",
]


def __getattr__(name: str) -> ModuleType:
    """`skgmm.display` without an import of its own; plots need matplotlib only when drawn."""
    if name == "display":
        return import_module("skgmm.display")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), "display"]
