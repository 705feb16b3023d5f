"""The constructor parameters of an estimator, read once for a fit."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator

from skgmm._linalg import Array
from skgmm.covariance import Structure, find_structure

Acceleration = Literal["auto", "lbfgs"]


@dataclass(frozen=True)
class Settings:
    """What a fit is asked to do; names and meanings are those of `GaussianMixtureEM`."""

    n_components: int
    tol: float
    reg_covar: float | str
    max_iter: int
    acceleration: Acceleration | None
    escape: bool
    n_init: int
    init_params: Any
    weights_init: Any
    means_init: Any
    precisions_init: Any
    responsibilities_init: Any
    prior: Any
    fixed: Any
    random_state: int | np.random.RandomState | None
    n_jobs: int | None
    step_exponent: float
    warm_up: int
    verbose: int
    verbose_interval: int
    structure: Structure  # of `covariance_type`
    feature_names: Array | None  # of X, where all are strings
    highest: bool = False  # whether the highest likelihood is wanted, however few the samples are

    @classmethod
    def of(cls, mixture: BaseEstimator) -> Self:
        """Those of an estimator that has seen the features of X."""
        return cls(
            **{name: getattr(mixture, name) for name in cls._parameters()},
            structure=find_structure(mixture.covariance_type),
            feature_names=getattr(mixture, "feature_names_in_", None),
        )

    @classmethod
    @cache
    def _parameters(cls) -> list[str]:
        found = {"structure", "feature_names", "highest"}
        return [field.name for field in fields(cls) if field.name not in found]
