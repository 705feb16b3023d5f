"""What a covariance structure is.

A `Structure` is a family of covariances: which scatter it needs, the maximum-likelihood member, the
number of free parameters, the shape in which users see it. Adding a family is adding one small
object to the registry.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm.covariance._base import Covariance


@dataclass(frozen=True)
class MStepStatistics:
    """What an M-step is given: second moments of the samples about their means.

    `scatter` over `mass` is what the components' covariances would be if nothing tied them
    together. A component without mass adds nothing to what is shared, and where it has parts of its
    own it is to keep them: so its `own_scatter` is its previous covariance, with `own_mass` 1.
    """

    mass: Array  # (K,)
    scatter: Array  # in the structure's form, reg_covar included; 0 without mass
    own_mass: Array  # (K,), positive
    own_scatter: Array  # as scatter

    @property
    def total(self) -> float:
        return float(self.mass.sum())


@dataclass(frozen=True)
class Ties:
    """Which parts of their covariances components share, where that is all that makes a family.

    Each part is "E" (equal for all components), "V" (varying) or "I" (none), as in the family's
    code. A rotation "I", axes along the features, is for diagonal covariances.
    """

    volume: str
    shape: str
    rotation: str

    @property
    def code(self) -> str:
        return self.volume + self.shape + self.rotation

    @property
    def closed_form(self) -> bool:
        """Whether the M-step needs no iterations.

        It does for a shape that components of different volumes share, or axes that those of
        different shapes do.
        """
        shape = (self.volume, self.shape) == ("V", "E")
        return not shape and (self.shape, self.rotation) != ("V", "E")

    @property
    def turn(self) -> bool:
        """Whether a shape is shared and axes are not, or axes and no shape."""
        return self.rotation not in ("I", self.shape)


class Structure(ABC):
    """A family of covariances. Immutable; one object in the registry.

    Attributes
    ----------
    name : str
        What users call it.
    aliases : tuple of str
        Other names; the first is its code (volume, shape, orientation).
    in_words : str
        For the summary.
    scatter : Scatter
        The least of the second moments that it can do with.
    equivariant : str
        Which changes of the data change the covariances alike: "affine" (any linear map), "axes"
        (each axis by a factor of its own) or "rotation"; one factor for all axes is in each.
    several_optima : bool
        Whether an estimate from afar may beat one that starts at `previous`.
    compiled : str or None
        The code of a built-in structure, for which the EM loop is compiled. Not inherited.
    ties : Ties or None
        Of families that ties alone make, and quasi-Newton steps are then made in volumes, shapes
        and rotations. None for all others: they are made in the moments that `_maximise` is given,
        which serves as long as that is the maximum and smooth; where it is not, EM goes on alone.
    """

    name: str
    aliases: tuple[str, ...] = ()
    in_words: str
    scatter: Scatter
    equivariant: str
    several_optima: bool = False
    compiled: str | None = None
    ties: Ties | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        """Another estimate is another family: ties are not inherited by it."""
        super().__init_subclass__(**options)
        if "_maximise" in vars(cls) and "ties" not in vars(cls):
            cls.ties = None
        if "compiled" not in vars(cls):
            cls.compiled = None

    @property
    def code(self) -> str:
        """Volume, shape and orientation: E equal, V varying, I identity."""
        return self.aliases[0] if self.aliases else self.name

    @property
    def separate(self) -> bool:
        """Whether each component has a covariance of its own, with nothing in common."""
        return self.ties is not None and self.ties.code in ("VVV", "VVI", "VII")

    def estimate(self, moments: Moments, previous: Covariance | None = None) -> Covariance:
        """The member of the family that maximises the ECLL given the moments.

        Parameters
        ----------
        moments : Moments
            With scatter in this structure's form.
        previous : Covariance or None
            Where iterations start, and what a component without mass keeps as far as the family
            allows.

        Raises
        ------
        IllDefinedCovarianceError
            Naming the components whose covariance is not positive definite, or whose precision is
            beyond float64.
        """
        covariance = self._maximise(self._statistics(moments, previous), previous)
        covariance.check_precisions()
        return covariance

    def _statistics(self, moments: Moments, previous: Covariance | None) -> MStepStatistics:
        mass, scatter = moments.counted.covariances, moments.scatter
        if self.scatter is Scatter.POOLED or mass.min() > 0:
            return MStepStatistics(mass, scatter, mass, scatter)
        empty = mass <= 0
        if previous is None:
            kept = scatter.sum(axis=0, keepdims=True) / mass.sum()
        else:
            kept = previous.variances() if self.scatter is Scatter.DIAGONAL else previous.dense()
        empty_too = empty.reshape((-1,) + (1,) * (scatter.ndim - 1))
        own_mass, own_scatter = np.where(empty, 1.0, mass), np.where(empty_too, kept, scatter)
        return MStepStatistics(mass, scatter, own_mass, own_scatter)

    def near(self, covariance: Covariance) -> Structure:
        """The family with estimates sought near a covariance only, if there may be several.

        Another object, which is not in the registry, or this one if there is one estimate only.
        """
        return self

    @abstractmethod
    def _maximise(self, statistics: MStepStatistics, previous: Covariance | None) -> Covariance:
        """The estimate."""

    @abstractmethod
    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Free parameters of the covariances (not of weights and means)."""

    @abstractmethod
    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """Shape in which users see covariances, precisions and Cholesky factors."""

    @abstractmethod
    def minimum_rows(self, n_components: int, n_features: int) -> int:
        """Fewest rows for which every component's covariance can be non-singular."""

    @abstractmethod
    def fills_shape(self, n_components: int, n_features: int) -> bool:
        """Whether every positive definite array of the public shape is of the family."""

    # The four ways between the arrays that users see and the objects that compute.

    @abstractmethod
    def from_covariances(self, covariances: Array, n_features: int) -> Covariance: ...

    @abstractmethod
    def from_precisions(self, precisions: Array, n_features: int) -> Covariance: ...

    @abstractmethod
    def from_factors(self, precisions_cholesky: Array, n_features: int) -> Covariance: ...

    @abstractmethod
    def public(self, covariance: Covariance, n_components: int) -> tuple[Array, Array, Array]:
        """Covariances, precisions and Cholesky factors of the precisions, as users see them."""

    @abstractmethod
    def check_positive_definite(self, matrices: Array, quantity: str) -> None:
        """Raise ValueError unless arrays of the public shape are positive definite.

        `quantity` is their name in the message: "precision" or "covariance".
        """

    def check_member(
        self, covariance: Covariance, n_components: int, rounding: float = 2.0**-52
    ) -> None:
        """Raise ValueError unless the covariance is of this family, but for relative `rounding`."""
        apart, condition = self._distance(covariance, n_components)
        if apart > 1e-5 + 100.0 * rounding * condition:
            raise ValueError(
                f"The given covariances do not have the structure {self.name!r} "
                f"({self.in_words}): the nearest that have it differ by {apart:.2g} of the "
                "variances"
            )

    def _distance(self, covariance: Covariance, n_components: int) -> tuple[float, float]:
        """Of the covariance from the nearest of the family, in variances; and its condition."""
        n_features = covariance.factor.shape[-1]
        diagonal = self.scatter is Scatter.DIAGONAL and covariance.factor.ndim == 2
        variances = np.broadcast_to(covariance.variances(), (n_components, n_features))
        if diagonal:
            scatter = variances
        else:
            dense = np.broadcast_to(covariance.dense(), (n_components, n_features, n_features))
            scatter = self.scatter.from_dense(dense)
        means = np.zeros((n_components, n_features))
        moments = Moments(self.scatter, np.ones(n_components), means, scatter, 0.0, 1.0)
        nearest = self.estimate(moments)
        if diagonal:
            return float(np.abs(nearest.variances() / variances - 1.0).max()), 1.0
        scale = np.sqrt(variances)
        units = scale[:, :, None] * scale[:, None, :]
        lengths = np.linalg.eigvalsh(dense / units)
        smallest = np.maximum(lengths[:, 0], np.finfo(np.float64).tiny)
        return float((np.abs(nearest.dense() - dense) / units).max()), float(
            (lengths[:, -1] / smallest).max()
        )
