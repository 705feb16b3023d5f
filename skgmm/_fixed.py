"""Parameters that a fit holds at given values: a map of Moments before the M-step, and of
parameters after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from skgmm._kernels import Sums, least_noise
from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm._parameters import MixtureParameters, estimate_covariance
from skgmm.covariance import Covariance, Structure

ParameterName = Literal["weights", "means", "covariances"]

_NAMES: tuple[str, ...] = get_args(ParameterName)
_INITIAL = {"weights": "weights_init", "means": "means_init", "covariances": "precisions_init"}


def fixed_masks(fixed: Any, n_components: int) -> dict[str, Array]:
    """From the constructor parameter: which components (K,) are fixed in what.

    Raises
    ------
    ValueError
        If it is none of the forms that are allowed.
    """
    if fixed is None:
        return {}
    if isinstance(fixed, str):
        fixed = [fixed]
    if not isinstance(fixed, Mapping | Sequence):
        raise ValueError(f"fixed should be {_ALLOWED}, but is {fixed!r}")
    if unknown := [name for name in fixed if not isinstance(name, str) or name not in _NAMES]:
        raise ValueError(f"fixed should be {_ALLOWED}, but names {', '.join(map(repr, unknown))}")
    if not isinstance(fixed, Mapping):
        return {name: np.ones(n_components, dtype=bool) for name in fixed}
    masks = {name: np.asarray(mask) for name, mask in fixed.items()}
    for name, mask in masks.items():
        if mask.shape != (n_components,) or mask.dtype != bool:
            raise ValueError(
                f"fixed: the mask of {name!r} should be {n_components} booleans, one for each "
                f"component, but has shape {mask.shape} and dtype {mask.dtype}"
            )
    return {name: mask for name, mask in masks.items() if mask.any()}


_ALLOWED = (
    "None, 'weights', 'means', 'covariances', a list of these or a dict from these to masks of "
    "shape (n_components,)"
)


@dataclass(frozen=True)
class Fixed:
    """What is held, and the values. A mask (K,) tells in which components."""

    weights: Array
    means: Array
    covariances: Array
    proportions: Array | None = None  # (K,), of what is not noise
    centres: Array | None = None  # (K, d)
    covariance: Covariance | None = None
    precisions: Array | None = None  # as they were given

    @classmethod
    def of(
        cls,
        masks: dict[str, Array],
        structure: Structure,
        n_components: int,
        weights: Array | None,
        means: Array | None,
        covariance: Covariance | None,
        precisions: Array | None = None,
    ) -> Fixed | None:
        """Masks, and the parameters that the user gave as a start; None if nothing is fixed.

        Raises
        ------
        ValueError
            If a value is missing, or the structure cannot hold some of the covariances alone.
        """
        if not masks:
            return None
        none = np.zeros(n_components, dtype=bool)
        of_weights, of_means, of_covariances = (masks.get(name, none) for name in _NAMES)
        one = cls(of_weights, of_means, of_covariances, weights, means, covariance, precisions)
        if one.weights.all() and weights is None:
            one = replace(one, proportions=np.full(n_components, 1.0 / n_components))
        values = (one.proportions, one.centres, one.covariance)
        for name, value in zip(_NAMES, values, strict=True):
            if name in masks and value is None:
                raise ValueError(
                    f"fixed={name!r} holds the values of {_INITIAL[name]}, but that is None"
                )
        if one.covariances.any() and not (one.covariances.all() or structure.separate):
            raise ValueError(
                "fixed: covariances of some components can be held for covariance_type 'full', "
                "'diag' and 'spherical' (VVV, VVI, VII), in which components have nothing in "
                f"common, but covariance_type is {structure.name!r}. Fix all covariances or none."
            )
        return one

    @property
    def everything(self) -> bool:
        """Whether nothing is left to estimate, but for the weight of noise."""
        return bool((self.weights & self.means & self.covariances).all())

    @property
    def in_words(self) -> str:
        """What is held, for a summary."""
        masks = zip(_NAMES, (self.weights, self.means, self.covariances), strict=True)
        return ", ".join(
            name if mask.all() else f"{name} of components {np.flatnonzero(mask).tolist()}"
            for name, mask in masks
            if mask.any()
        )

    @property
    def by_component(self) -> Array:
        """Components (K,) that cannot be exchanged with others, as something of them is held."""
        same = self.proportions is None or np.ptp(self.proportions) == 0.0
        weights = self.weights & (not (self.weights.all() and same))
        return weights | self.means | self.covariances

    def check_prior_of_weights(self, weight_rows: Array) -> None:
        """Raise ValueError where a weight is 0 and the prior has seen samples of it, (K,)."""
        n_components = len(self.weights)
        weights = self._imposed_weights(np.full(n_components, 1.0 / n_components))
        zero = np.flatnonzero((weights == 0.0) & (weight_rows > 0.0))
        if zero.size:
            raise ValueError(
                f"fixed: the weights of components {zero.tolist()} are held at 0, but weight_rows "
                "of the prior is positive, so the log prior is -inf. Set weight_rows to 0 there, "
                "or hold positive weights."
            )

    def n_parameters(self, structure: Structure, n_features: int) -> int:
        """Free parameters that there would be without."""
        K = len(self.weights)
        n_covariances = int(self.covariances.sum())
        held = structure.n_parameters(K, n_features)
        if not self.covariances.all():
            held = n_covariances * structure.n_parameters(1, n_features) if n_covariances else 0
        return min(int(self.weights.sum()), K - 1) + int(self.means.sum()) * n_features + held

    def attributes(self, fitted: dict[str, Any], structure: Structure) -> dict[str, Any]:
        """Fitted attributes with what is held as it was given, to the last bit.

        The parameters are computed from logarithms of weights and factors of precisions.
        """
        weights, precisions = fitted["weights_"].copy(), fitted["precisions_"].copy()
        if self.proportions is not None and "noise_weight_" not in fitted:
            weights[self.weights] = self.proportions[self.weights]
        if self.precisions is not None and self.covariances.any():
            every = self.covariances.all()
            held = ... if every else self.covariances
            precisions[held] = self.precisions[held]
        n_fixed = self.n_parameters(structure, fitted["means_"].shape[1])
        return {
            **fitted,
            "weights_": weights,
            "precisions_": precisions,
            "n_parameters_": fitted["n_parameters_"] - n_fixed,
            "_n_fixed": n_fixed,
            "_fixed_in_words": self.in_words,
        }

    # M-step

    def maximise(
        self, moments: Moments, structure: Structure, previous: MixtureParameters | None
    ) -> MixtureParameters:
        """The M-step with what is held at its values."""
        moments = self._about_centres(moments)
        if self.covariances.all():
            assert self.covariance is not None
            covariance = self.covariance
        else:
            with_covariances = self._of_given_covariances(moments)
            covariance = self._imposed_covariance(
                estimate_covariance(with_covariances, structure, previous)
            )
        weights = self._imposed_weights(moments.weights)
        return MixtureParameters.from_weights(weights, moments.mean, covariance)

    def _about_centres(self, moments: Moments) -> Moments:
        """The Moments about the means that are held."""
        if self.centres is None or not self.means.any():
            return moments
        means = np.where(self.means[:, None], self.centres, moments.mean)
        shift = (moments.mean - means)[:, None, :]
        between = moments.form.outer(moments.counted.means[:, None], shift)
        return replace(moments, mean=means, scatter=moments.scatter + between)

    def _of_given_covariances(self, moments: Moments) -> Moments:
        """With one sample of the given covariance in each component whose covariance is held."""
        if not self.covariances.any():
            return moments
        assert self.covariance is not None
        held, scatter = self.covariances, moments.scatter.copy()
        scatter[held] = moments.form.from_dense(self.covariance.dense()[held])
        counts = moments.counted
        counts = counts._replace(covariances=np.where(held, 1.0, counts.covariances))
        return replace(moments, scatter=scatter, counts=counts)

    def imposed_on(self, parameters: MixtureParameters) -> MixtureParameters:
        """The parameters with what is held at its values."""
        means = parameters.means
        if self.centres is not None:
            means = np.where(self.means[:, None], self.centres, means)
        log_weights = parameters.log_weights
        if self.weights.any():
            weights = self._imposed_weights(parameters.weights)
            with np.errstate(divide="ignore"):
                log_weights = np.log(weights)
        covariance = self._imposed_covariance(parameters.covariance)
        return MixtureParameters(log_weights, means, covariance)

    def _imposed_weights(self, weights: Array) -> Array:
        """Weights of which the free ones have what the others and noise leave."""
        if not self.weights.any():
            return weights
        assert self.proportions is not None
        held, total = self.weights, weights.sum()
        if total > 1.0 - least_noise:
            total = 1.0
        if held.all():
            return self.proportions * total
        free, left = weights[~held], max(1.0 - self.proportions[held].sum(), 0.0)
        share = free / free.sum() if free.sum() > 0 else np.full(len(free), 1.0 / len(free))
        imposed = self.proportions * total
        imposed[~held] = total * left * share
        return imposed

    def _imposed_covariance(self, covariance: Covariance) -> Covariance:
        if not self.covariances.any():
            return covariance
        assert self.covariance is not None
        if self.covariances.all():
            return self.covariance
        return covariance.with_those_of(self.covariance, self.covariances)

    # Quasi-Newton steps

    def stationary(self, sums: Sums, covariance: Covariance, form: Scatter) -> Sums:
        """Sums about the means, with no gradient in what is held."""
        first, second = np.where(self.means[:, None], 0.0, sums.first), sums.second
        if self.covariances.any():
            own = form.of_covariance(covariance.dense(), sums.mass)
            held = self.covariances.reshape(-1, *(1,) * (second.ndim - 1))
            second = own if form is Scatter.POOLED else np.where(held, own, second)
        return sums._replace(first=first, second=second)
