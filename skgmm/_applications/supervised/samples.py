"""What users hand in to estimators with a target: samples, as the mixtures on them expect them."""

from __future__ import annotations

from typing import Any, TypeVar

from numpy.typing import ArrayLike

from skgmm._fitted import snapshot
from skgmm._linalg import Array
from skgmm._mixture import GaussianMixtureEM
from skgmm._rows.checks import check_magnitude, check_weights_of_rows, readable
from skgmm._rows.intake import array_with_missing, is_out_of_core
from skgmm.model_selection import GaussianMixtureSearch

Mixture = TypeVar("Mixture", GaussianMixtureEM, GaussianMixtureSearch)

AnyMixture = GaussianMixtureEM | GaussianMixtureSearch


def check_samples(estimator: Any, X: Any, reset: bool) -> tuple[Array, bool]:
    """X in memory as float64 or float32, NaN where a value is missing; and whether none is.

    Sets the features of the estimator, or checks them.
    """
    if is_out_of_core(X):
        raise TypeError(
            f"{type(estimator).__name__} takes X in memory, but got a {type(X).__name__}: fit on a "
            "random sample, and predict one block at a time"
        )
    array, largest, whole = array_with_missing(estimator, X, reset)
    check_magnitude(largest)
    return readable(array), whole


def check_target_given(estimator: Any, y: Any) -> None:
    """Raise scikit-learn's error where there is no target."""
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None"
        )


def check_weights(sample_weight: ArrayLike | None, X: Array) -> tuple[Array, Array | None, Any]:
    """X and weights without the samples of weight 0; and which samples those are, as an index."""
    weights = check_weights_of_rows(sample_weight, X)
    if weights is None or weights.all():
        return X, weights, slice(None)
    counted = weights > 0
    return X[counted], weights[counted], counted


def refuse_noise(estimator: Any, mixture: AnyMixture) -> None:
    """Raise for a mixture with a noise component, which belongs to no class and has no target."""
    if mixture.noise is not None:
        raise ValueError(
            f"{type(estimator).__name__} does not support a mixture with noise: use noise=None"
        )


def best_of(fitted: AnyMixture) -> GaussianMixtureEM:
    """The mixture that a fit, or a search, found."""
    found = getattr(fitted, "best_estimator_", fitted)
    assert isinstance(found, GaussianMixtureEM)
    return found


def without_names(mixture: GaussianMixtureEM) -> GaussianMixtureEM:
    """The same mixture for arrays, which have no feature names."""
    nameless = snapshot(mixture)
    nameless.__dict__.pop("feature_names_in_", None)
    return nameless
