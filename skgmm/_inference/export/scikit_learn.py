"""Mixtures of scikit-learn from ours, and ours from theirs."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.utils.validation import check_is_fitted

from skgmm import _validation
from skgmm._em.result import EMStatus
from skgmm._fitting import attributes_of
from skgmm._inference import MixtureInference
from skgmm._moments import Scatter
from skgmm._parameters import MixtureParameters
from skgmm.covariance import Covariance, Structure, find_structure

# Constructor parameters that mean the same in both. `tol` does not: it is the last gain there, an
# estimate of the remaining gain here.
_SAME = (
    "max_iter",
    "n_init",
    "weights_init",
    "means_init",
    "precisions_init",
    "random_state",
    "warm_start",
    "verbose",
    "verbose_interval",
)
_INITIALISATIONS = ("kmeans", "k-means++", "random", "random_from_data")

_RESULTS = ("converged_", "n_iter_", "lower_bound_")
_FEATURES = ("n_features_in_", "feature_names_in_")

# The types of scikit-learn by the shape of `covariances_` for 2 components and 3 features.
_TYPES = {(2,): "spherical", (2, 3): "diag", (3, 3): "tied", (2, 3, 3): "full"}


def to_sklearn(mixture: MixtureInference) -> GaussianMixture:
    """A fitted mixture of scikit-learn with the same parameters."""
    parameters, structure = mixture._parameters(), mixture._structure()
    if mixture._background() is not None:
        raise ValueError(
            "The mixture has noise, which sklearn.mixture.GaussianMixture does not know: use "
            "to_json or to_onnx, or fit with noise=None"
        )
    theirs = find_structure(_TYPES.get(structure.shape(2, 3), "full"))
    arrays = attributes_of(parameters, theirs, np.dtype(np.float64))
    converted = GaussianMixture(
        parameters.n_components, covariance_type=theirs.name, **_parameters_for_sklearn(mixture)
    )
    for name in ("means_", "covariances_", "precisions_", "precisions_cholesky_"):
        setattr(converted, name, arrays[name])
    converted.weights_ = mixture._in_float64("weights_").copy()
    converted.n_features_in_ = parameters.n_features
    _copy_attributes(mixture, converted, (*_RESULTS, "lower_bounds_", "feature_names_in_"))
    return converted


def _parameters_for_sklearn(mixture: Any) -> dict[str, Any]:
    given = mixture.get_params(deep=False)
    same = deepcopy({name: given[name] for name in _SAME})
    same["max_iter"] = max(1, same["max_iter"])
    if not isinstance(given["reg_covar"], str):
        same["reg_covar"] = given["reg_covar"]
    if given["init_params"] in _INITIALISATIONS:
        same["init_params"] = given["init_params"]
    return same


def from_sklearn(cls: Any, mixture: Any) -> Any:
    """A mixture of ours with the parameters of one of scikit-learn."""
    _check_type(mixture)
    check_is_fitted(mixture, ["weights_", "means_", "precisions_cholesky_"])
    given = mixture.get_params(deep=False)
    names = (*_SAME, "covariance_type", "init_params", "reg_covar")
    shape = np.shape(mixture.means_)
    converted = cls(shape[0], **deepcopy({name: given[name] for name in names}))
    structure = find_structure(mixture.covariance_type)
    parameters = MixtureParameters.from_weights(
        _validation.check_weights(mixture.weights_, shape[0]),
        _validation.check_means(mixture.means_, *shape),
        _covariance(mixture.precisions_cholesky_, structure, *shape),
    )
    dtype = np.asarray(mixture.means_).dtype
    dtype = dtype if dtype == np.float32 else np.dtype(np.float64)
    converted.__dict__.update(attributes_of(parameters, structure, dtype))
    converted.n_features_in_ = shape[1]
    converted.reg_covar_ = np.full(shape[1], float(given["reg_covar"]))
    converted.status_ = EMStatus.GIVEN.value
    _copy_attributes(mixture, converted, (*_RESULTS, *_FEATURES))
    return converted


def _check_type(mixture: Any) -> None:
    if isinstance(mixture, BayesianGaussianMixture):
        raise ValueError(
            "The predictions of a BayesianGaussianMixture are not those of its weights_, means_ "
            "and covariances_: they contain expectations over the posterior distribution of the "
            "parameters. If the point estimates are what you want, use from_parameters("
            "mixture.weights_, mixture.means_, mixture.covariances_, mixture.covariance_type)"
        )
    if not isinstance(mixture, GaussianMixture):
        raise TypeError(
            "mixture should be a fitted sklearn.mixture.GaussianMixture, but got "
            f"{type(mixture).__name__}"
        )


def _covariance(root: Any, structure: Structure, n_components: int, n_features: int) -> Covariance:
    """From `precisions_cholesky_`, where users who set it themselves may have another root."""
    factors = np.asarray(root, dtype=np.float64)
    shape = structure.shape(n_components, n_features)
    if factors.shape != shape or not np.isfinite(factors).all():
        raise ValueError(
            f"precisions_cholesky_ of the mixture should hold finite numbers of shape {shape}, but "
            f"has the shape {factors.shape}"
        )
    if structure.scatter is Scatter.DIAGONAL:
        precisions, usual = factors**2, bool((factors > 0).all())
    else:
        precisions = factors @ np.swapaxes(factors, -1, -2)
        positive = (np.diagonal(factors, axis1=-2, axis2=-1) > 0).all()
        usual = bool(positive) and np.array_equal(factors, np.triu(factors))
    if usual:
        return structure.from_factors(factors, n_features)
    return _validation.check_covariance(
        precisions, "precision", structure, n_components, n_features
    )


def _copy_attributes(source: Any, target: Any, names: tuple[str, ...]) -> None:
    for name in names:
        if hasattr(source, name):
            setattr(target, name, deepcopy(getattr(source, name)))
